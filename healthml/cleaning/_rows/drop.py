"""Rows leave a table by stated reasons, everything aligned with it and the flow kept."""

from collections.abc import Mapping

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils import _safe_indexing

from healthml._core._checks import check_alignment, check_event, refuse_inexact
from healthml._core._tables import check_column_names, to_pandas
from healthml.cleaning._rows.dropped import DroppedRowsResult
from healthml.exceptions import InputError, OutcomeError

_FLOW = (
    "step n_left_out n_patients_left_out n_events_left_out n_matching n_samples n_patients n_events"
)


def drop_rows(X, y=None, *, groups=None, reasons=None, event=None, **aligned) -> DroppedRowsResult:
    """Leave rows out by stated reasons, and keep count as papers print it.

    A transformer inside a pipeline cannot leave rows out, and should not: who is studied is
    decided before. Here the table, the outcome, the patients and whatever else has one value for
    each row leave together, reason after reason, and the flow table says how many, with how many
    patients and events.

    Parameters
    ----------
    X : pandas or polars DataFrame, or array of shape (n_samples, ...)
        The table. Type, dtypes, columns and index of what stays are kept.
    y : array-like of shape (n_samples,), optional
        Outcome.
    groups : array-like of shape (n_samples,), optional
        Patient of each row.
    reasons : dict of str to callable, array-like of bool or array-like of int
        In order: the words for the flow table, and the rows that leave: one boolean for each row,
        row positions from 0, or a function of `X` (the whole table, as it was handed in) that
        returns either.
    event : scalar or str, optional
        The level of `y` that is the event, as in ``check_event``; 0/1 and booleans need none.
        Without it other outcomes leave the counts of events empty.
    **aligned : array-like of shape (n_samples, ...)
        Anything else with one value for each row, such as ``sample_weight`` or ``site``; None
        passes through.

    Returns
    -------
    DroppedRowsResult
        With ``X``, ``y``, ``groups``, ``aligned``, ``kept`` (positions) and the flow table; it
        unpacks as ``X, y, groups, *aligned, flow``.

    Raises
    ------
    InputError
        If lengths differ, a reason cannot be read as rows, row labels come in another order, or no
        row is left.

    Notes
    -----
    A row leaves for the first reason that names it, so the counts depend on the order of the
    reasons; ``n_matching`` counts all rows that a reason names, whenever they left. A patient has
    left when the last of the patient's rows has. Rows without an outcome, or without a patient's
    identifier, count as no event, or no patient.

    Leaving rows out because a value is missing, or because the model is surprised by them, changes
    whom the model is for. It is a decision to report (STROBE item 13, TRIPOD+AI item 20a), not a
    repair.

    See Also
    --------
    find_duplicates : Proposes rows that stand in the table twice.
    healthml.cleaning.ClinicalCleaner : Cleans cells; it never drops a row.

    References
    ----------
    .. [1] von Elm E, et al. The STROBE statement. Lancet. 2007;370:1453-1457.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import drop_rows
    >>> table = pd.DataFrame({"age": [17, 70, 40, 40], "died": [0, 1, 0, None]})
    >>> reasons = {"younger than 18": lambda X: X["age"] < 18, "outcome unknown": [3]}
    >>> X, y, groups, flow = drop_rows(table[["age"]], table["died"], reasons=reasons)
    >>> flow[["step", "n_left_out", "n_samples", "n_events"]]
                  step  n_left_out  n_samples  n_events
    0     in the table           0          4         1
    1  younger than 18           1          3         1
    2  outcome unknown           1          2         1
    3         analysed           0          2         1
    """
    check_column_names(X, all_text=False)
    n = _n_rows(X)
    given = {"y": y, "groups": groups, **aligned}
    for name, values in given.items():
        _check_aligned(values, X, n, name)
    if not isinstance(reasons, Mapping) or not reasons:
        raise InputError("reasons is empty; pass a dict such as {'younger than 18': mask}.")
    masks = {str(words): mask_of(reason, X, n, str(words)) for words, reason in reasons.items()}
    flow, kept = _flow(masks, n, _patients(groups), _events(y, event))
    taken = {name: _take(values, kept) for name, values in given.items()}
    return DroppedRowsResult(
        table=flow,
        X=_take(X, kept),
        y=taken.pop("y"),
        groups=taken.pop("groups"),
        aligned=taken,
        kept=kept,
    )


def _flow(masks, n, patients, events):
    left = np.ones(n, dtype=bool)
    rows = [("in the table", *_leaving(left, left, patients, events), pd.NA, n)]
    counts = [_counts(left, patients, events)]
    for words, mask in masks.items():
        after = left & ~mask
        if not after.any():
            raise InputError(f"no row of {n} is left after reason {words!r}; check the reason.")
        rows.append((words, *_leaving(left, after, patients, events), int(mask.sum()), after.sum()))
        counts.append(_counts(after, patients, events))
        left = after
    rows.append(("analysed", *_leaving(left, left, patients, events), pd.NA, left.sum()))
    counts.append(counts[-1])
    flow = pd.DataFrame(
        [(*row, *more) for row, more in zip(rows, counts, strict=True)], columns=_FLOW.split()
    )
    numbers = flow.columns.drop("step")
    flow[numbers] = flow[numbers].astype("Int64")
    return flow.astype({"n_left_out": "int64", "n_samples": "int64"}), np.flatnonzero(left)


def _counts(rows, patients, events):
    n_patients = pd.NA if patients is None else len(np.unique(patients[rows & (patients >= 0)]))
    return n_patients, pd.NA if events is None else int(events[rows].sum())


def _leaving(before, after, patients, events):
    """Return rows, patients and events that a step takes away."""
    pairs = zip(_counts(before, patients, events), _counts(after, patients, events), strict=True)
    return int(before.sum() - after.sum()), *(b - a for b, a in pairs)


def _patients(groups):
    """Return the patient of each row as codes, -1 where there is no identifier."""
    if groups is None:
        return None
    patients = _plain_series(groups)
    refuse_inexact(patients)
    return pd.factorize(patients)[0]


def _events(y, event):
    """Return which rows have the event, or None where the event is not named."""
    if y is None or len(np.shape(y)) != 1:
        return None
    values = _plain_series(y)
    known = values.notna().to_numpy()
    happened = np.zeros(len(values), dtype=bool)
    if event is None and not values[known].isin([0, 1]).all():
        return None
    try:
        happened[known] = check_event(values[known], event=event)[1] == 1
    except OutcomeError:
        if event is not None:
            raise
        happened[known] = values[known] == 1  # one class only, which a flow may well count
    return happened


def _plain_series(values):
    native = nw.from_native(values, pass_through=True, allow_series=True)
    if isinstance(native, nw.Series) and not isinstance(values, pd.Series):
        values = native.to_list()
    return pd.Series(values).reset_index(drop=True)


def _n_rows(X):
    if isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame):
        raise InputError("X is a lazy frame, whose rows have no positions yet; collect it first.")
    if not hasattr(X, "shape") and not isinstance(X, list | tuple):
        raise InputError(f"X is a {type(X).__name__}; pass a DataFrame or an array.")
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _check_aligned(values, X, n, name):
    if values is None:
        return
    single = getattr(values, "shape", None) == ()
    if single or (not hasattr(values, "__len__") and not hasattr(values, "shape")):
        raise InputError(f"{name} is a {type(values).__name__}; pass one value for each row.")
    length = values.shape[0] if hasattr(values, "shape") else len(values)
    if length != n:
        raise InputError(f"{name} has {length} values for {n} rows; pass one for each row.")
    check_alignment(X=X, **{name: values})


def _take(values, kept):
    """Return some rows of anything aligned, in its own type."""
    if values is None:
        return None
    if isinstance(values, list | tuple):
        return type(values)([values[i] for i in kept])
    if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray):
        return values.take(kept)
    if not isinstance(values, pd.DataFrame | pd.Series | np.ndarray):
        native = nw.from_native(values, pass_through=True, allow_series=True)
        if isinstance(native, nw.DataFrame | nw.Series):
            return native[kept.tolist()].to_native()
    return _safe_indexing(values, kept)


def mask_of(reason, X, n, words):
    """Return the rows that a reason names, as booleans.

    A function of the table that gives one of the others; one boolean for each row; or row positions
    from 0, of which an empty list names none. Anything else is refused, as are missing cells and
    repeated positions; `words` is what the reason is called then.

    >>> mask_of([2, 0], None, 4, "twice in the table")
    array([ True, False,  True, False])
    """
    where = f"reason {words!r}"
    answer = reason(X) if callable(reason) else reason
    check_alignment(X=X, **{where: answer})
    values = _as_series(answer, where)
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise InputError(
            f"{where} is missing for {missing.size} of {len(values)} rows, the first at position "
            f"{missing[0]}; decide for each row whether it leaves (fillna), or give rows without "
            "an answer a reason of their own."
        )
    if len(values) and _is_boolean(values):
        if len(values) != n:
            raise InputError(f"{where} has {len(values)} booleans for {n} rows; pass one for each.")
        return values.to_numpy(dtype=bool)
    return _from_positions(values, n, where)


def _as_series(answer, where):
    if isinstance(answer, pd.DataFrame) or len(np.shape(answer)) > 1:
        raise InputError(f"{where} has more than one dimension; pass one boolean for each row.")
    if len(np.shape(answer)) == 0:
        raise InputError(
            f"{where} gives a {type(answer).__name__}; pass a boolean for each row, row positions, "
            "or a function of X that returns either."
        )
    if isinstance(answer, list | tuple | set | range):
        return pd.Series(list(answer), dtype=None if len(answer) else bool)
    if isinstance(nw.from_native(answer, pass_through=True, allow_series=True), nw.Series):
        return to_pandas(answer).iloc[:, 0] if len(answer) else pd.Series([], dtype=bool)
    return pd.Series(np.asarray(answer))


def _is_boolean(values):
    if types.is_bool_dtype(values.dtype):
        return True
    return types.is_object_dtype(values.dtype) and all(
        isinstance(value, bool | np.bool_) for value in values
    )


def _from_positions(values, n, where):
    if len(values) and not types.is_integer_dtype(values.dtype):
        raise InputError(
            f"{where} holds values of type {values.dtype}; pass a boolean for each row or whole "
            "row positions from 0."
        )
    positions = values.to_numpy(dtype=np.int64)
    outside = int(((positions < 0) | (positions >= n)).sum())
    if outside:
        raise InputError(
            f"{where} has {outside} positions outside 0 to {n - 1}; positions count rows from 0, "
            "they are not row labels."
        )
    if len(np.unique(positions)) < len(positions):
        raise InputError(
            f"{where} repeats a position; pass each once, or a boolean for each row (0 and 1 are "
            "read as positions)."
        )
    mask = np.zeros(n, dtype=bool)
    mask[positions] = True
    return mask
