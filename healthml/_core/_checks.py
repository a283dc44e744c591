"""Input checks, shared so that the same mistake meets the same sentence everywhere."""

import re
from numbers import Integral

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state, column_or_1d

from healthml._core._tables import LARGEST_EXACT_FLOAT, parse_numbers
from healthml.exceptions import InputError, OutcomeError

# Levels that a message writes out; house rule, no simulation. With more, it says how many.
MOST_LEVELS_SHOWN = 20
MOST_LEVELS_LISTED = 10  # levels of an outcome in a message; house rule, no simulation
SMALLEST_SHOWN = 11  # patients below which nothing is shown apart (the rule for small cells)

_LABELLED = (pd.DataFrame, pd.Series)  # what has row labels; polars and arrays have none

_COMPARISON = re.compile(r"\s*(<=|>=|==|!=|=|<|>)\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*")

_COMPARE = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def check_event(y, *, event=None, name="y", any_two_classes=False, groups=None):
    """Return the two classes of an outcome and the outcome as 0/1.

    The event is never guessed: in 0/1 and booleans 1 is the event, any other outcome needs
    `event`. A level with the very name of `event` wins over reading it as a comparison.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The outcome.
    event : scalar or str, default=None
        The level that is the event ("<30", "Died"), or a comparison with a number (">0", ">=3").
    name : str, default="y"
        What the outcome is called in an error.
    any_two_classes : bool, default=False
        Accept any two labels and take the later one in sorted order as the event, as
        scikit-learn's classifiers do. For estimators only; where data enter, name the event.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row, for a message: it lists levels that 11 patients or more have. Rows
        are counted without it.

    Returns
    -------
    classes : ndarray of shape (2,)
        Label of no event and label of the event.
    y01 : ndarray of shape (n_samples,)
        int64, 1 where the event happened.

    Raises
    ------
    OutcomeError
        If a value is infinite or missing, if there is one class only, or if the event must be
        named; the message then lists the levels that 11 patients or more have, ten at most.

    Examples
    --------
    >>> from healthml._core._checks import check_event
    >>> check_event(["NO", "<30", ">30"], event="<30")
    (array(['not <30', '<30'], dtype='<U7'), array([0, 1, 0]))
    """
    values = _outcome_values(y, name)
    levels = _sorted_levels(values)
    if event is not None:
        classes, y01 = _named_event(values, levels, event, name, groups)
    elif len(levels) == 2 and (any_two_classes or _is_zero_one(levels)):
        classes = np.array(levels)
        y01 = values.eq(levels[1]).to_numpy(dtype=bool)
    else:
        _refuse_levels(values, levels, name, any_two_classes, groups)
    if y01.all() or not y01.any():
        raise OutcomeError(
            f"{name} has one class only, {'event' if y01.all() else 'no event'} in all "
            f"{len(y01)} rows; use rows with and without the event."
        )
    return classes, y01.astype(np.int64)


def check_proba(y_proba, n=None, name="y_proba"):
    """Return predicted risks as floats between 0 and 1.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event.
    n : int, default=None
        Number of rows expected.
    name : str, default="y_proba"
        What the risks are called in an error.

    Returns
    -------
    ndarray of shape (n_samples,)
        float64.

    Raises
    ------
    InputError
        If a risk is missing, not a number or outside 0 to 1, or if the shape does not fit.

    Examples
    --------
    >>> from healthml._core._checks import check_proba
    >>> check_proba([0.1, 0.9], n=2)
    array([0.1, 0.9])
    """
    shape = np.shape(y_proba)
    if len(shape) == 2 and shape[1] == 2:
        raise InputError(f"{name} has two columns; pass the event's, predict_proba(X)[:, 1].")
    if len(shape) == 2 and shape[1] == 1:
        y_proba = np.asarray(y_proba).ravel()
    elif len(shape) != 1:
        raise InputError(f"{name} has {len(shape)} dimensions; pass one risk for each row.")
    risk, is_text = parse_numbers(_as_series(y_proba))
    risk = risk.to_numpy(copy=True)
    if n is not None and len(risk) != n:
        raise InputError(f"{name} has {len(risk)} values for {n} rows; pass one for each row.")
    bad = np.flatnonzero(~((risk >= 0) & (risk <= 1)))
    if bad.size:
        what = "not a number" if is_text.iloc[bad[0]] else "missing or outside 0 to 1"
        raise InputError(
            f"{name} has {bad.size} of {len(risk)} values that are no probability, the first, at "
            f"position {bad[0]}, {what}; pass predict_proba(X)[:, 1], not labels or scores."
        )
    return risk


def check_groups(groups, n, name="groups"):
    """Return the patient of each row as integer codes, numbered in order of appearance.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Patient identifier of each row, of any type.
    n : int
        Number of rows expected.
    name : str, default="groups"
        What the identifiers are called in an error.

    Returns
    -------
    ndarray of shape (n_samples,)
        Integers from 0.

    Raises
    ------
    InputError
        If an identifier is missing, a list, or a float beyond 2**53, or the length does not fit.

    Examples
    --------
    >>> from healthml._core._checks import check_groups
    >>> check_groups(["p2", "p1", "p2"], 3)
    array([0, 1, 0])
    """
    if len(np.shape(groups)) != 1:
        raise InputError(f"{name} must be one identifier for each row, in one dimension.")
    values = _as_series(groups)
    if len(values) != n:
        raise InputError(f"{name} has {len(values)} values for {n} rows; pass one for each row.")
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise InputError(
            f"{name} has {missing.size} missing identifiers, the first at position {missing[0]}; "
            "leave these rows out, or give each of them an identifier of its own."
        )
    refuse_inexact(values, name)
    try:
        return pd.factorize(values)[0]
    except TypeError:  # lists and mappings
        raise InputError(
            f"{name} holds lists or mappings; pass one number or text for each row."
        ) from None


def as_numbers(values, name):
    """Return anything array-like as floats; text that is no number is refused without the text.

    Parameters
    ----------
    values : array-like
        Numbers, or text of numbers; None is missing.
    name : str
        What they are called in the message.

    Returns
    -------
    ndarray of float

    Raises
    ------
    InputError
        With the position of the first that is no number.

    Examples
    --------
    >>> from healthml._core._checks import as_numbers
    >>> as_numbers(["0.5", 2], "sample_weight")
    array([0.5, 2. ])
    """
    if isinstance(values, pd.Series | pd.api.extensions.ExtensionArray):
        values = np.asarray(values, dtype=object) if values.dtype.kind not in "biuf" else values
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        pass
    try:
        cells = np.asarray(values, dtype=object)
    except ValueError:
        raise InputError(f"{name} has rows of different lengths; pass one number each.") from None
    numbers, is_text = parse_numbers(pd.Series(cells.ravel(), dtype=object))
    wrong = np.flatnonzero(is_text)
    if wrong.size or numbers.isna().all():
        where = f", the first at position {wrong[0]}" if wrong.size else ""
        raise InputError(
            f"{name} has {wrong.size} values that are no numbers{where}; pass numbers."
        )
    return numbers.to_numpy(dtype=float).reshape(cells.shape)


def refuse_inexact(values, name="groups"):
    """Raise InputError where identifiers are floats so large that neighbours have become one.

    Beyond 2**53 a float stands for several whole numbers: 600 patients may be 235 by then, and no
    later step can tell.

    Parameters
    ----------
    values : pandas.Series
        Identifiers.
    name : str, default="groups"
        What they are called in the message.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._checks import refuse_inexact
    >>> refuse_inexact(pd.Series([2.0**53, 12.0]))
    """
    if types.is_float_dtype(values.dtype):
        inexact = values.abs().to_numpy(dtype=float, na_value=np.nan) > LARGEST_EXACT_FLOAT
    elif types.is_object_dtype(values.dtype):
        inexact = [
            isinstance(cell, float | np.floating) and abs(cell) > LARGEST_EXACT_FLOAT
            for cell in values
        ]
    else:
        return
    where = np.flatnonzero(inexact)
    if where.size:
        raise InputError(
            f"{name} has {where.size} identifiers that are floats beyond 2**53, the first at "
            f"position {where[0]}, where floats cannot tell neighbours apart; read them as text or "
            "whole numbers, for example with pandas.read_csv(..., dtype={'patient': 'string'})."
        )


def check_patient_cv(cv, event, groups, *, random_state=None):
    """Return a splitter that keeps the rows of a patient together.

    Parameters
    ----------
    cv : int, splitter or iterable of splits
        A number of folds with `groups` means ``StratifiedGroupKFold(cv)``; anything else is left
        to scikit-learn's ``check_cv``.
    event : array-like of shape (n_samples,)
        Outcome as 0/1.
    groups : array-like of shape (n_samples,) or None
        Patient of each row.
    random_state : int, optional
        Shuffle a number of folds by this seed, so that the order of the rows does not matter.

    Returns
    -------
    splitter
        Has ``split(X, y, groups)``.

    Examples
    --------
    >>> from healthml._core._checks import check_patient_cv
    >>> check_patient_cv(2, [0, 1, 0, 1], [0, 0, 1, 1])
    StratifiedGroupKFold(n_splits=2, random_state=None, shuffle=False)
    """
    number, shuffle = cv is None or isinstance(cv, Integral), {}
    if random_state is not None:
        shuffle = {"shuffle": True, "random_state": random_state}
    if groups is None and number and shuffle:
        return StratifiedKFold(5 if cv is None else int(cv), **shuffle)
    if groups is None or not number:
        return check_cv(cv, event, classifier=True)
    n_splits = 5 if cv is None else int(cv)
    n_patients = len(np.unique(check_groups(groups, len(event))))
    if n_patients < n_splits:
        raise InputError(
            f"cv asks for {n_splits} folds and groups has {n_patients} patients; "
            "ask for fewer folds."
        )
    return StratifiedGroupKFold(n_splits, **shuffle)


def scarce_folds(cv, event, groups=None):
    """Return the folds, a number no larger than the patients with or without the event.

    Parameters
    ----------
    cv : int, splitter or iterable of splits
        Only a number (None is 5) is ever changed.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    groups : ndarray of shape (n_samples,), optional
        Patient of each row as small integers.

    Returns
    -------
    int, splitter or iterable of splits

    Raises
    ------
    InputError
        If only one patient has, or has not, the event.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._checks import scarce_folds
    >>> scarce_folds(5, np.array([0, 0, 1, 0, 1]))
    2
    """
    if not (cv is None or isinstance(cv, Integral)):
        return cv
    codes = np.arange(len(event)) if groups is None else groups
    events, rows = np.bincount(codes, event), np.bincount(codes)
    scarcest = int(min(np.sum(events > 0), np.sum(events < rows)))
    if scarcest < 2:
        raise InputError(
            f"Only {scarcest} patient has (or has not) the event; at least 2 of each are needed "
            "to predict patients out of fold."
        )
    return min(5 if cv is None else int(cv), scarcest)


def check_alignment(**aligned):
    """Refuse pandas objects that carry the same row labels in another order.

    Rows are matched by position everywhere. Two objects with the same labels in another order are
    a mistake that would show nowhere: every outcome would belong to another patient. The same
    labels in the same order pass, and so do other labels (a table whose index was reset).

    Parameters
    ----------
    **aligned : object
        What must have its rows in one order, by the name that the user knows it by. Only pandas
        objects, and those that a dict holds, are looked at; anything else has no row labels.

    Raises
    ------
    InputError
        With both remedies: by label, if the labels are right, or by position, if the order is.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._checks import check_alignment
    >>> check_alignment(X=pd.DataFrame({"age": [70, 40]}), y=pd.Series([1, 0]))
    >>> check_alignment(X=pd.DataFrame({"age": [70, 40]}), y=pd.Series([1, 0], index=[1, 0]))
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: y has the row labels of X in another order, and rows are ...
    """
    indexes = {}
    for name, values in aligned.items():
        if isinstance(values, _LABELLED):
            indexes[name] = values.index
        elif isinstance(values, dict):
            parts = {f"{name}[{key!r}]": part for key, part in values.items()}
            indexes.update({k: v.index for k, v in parts.items() if isinstance(v, _LABELLED)})
    if len(indexes) < 2:
        return
    seen = {}  # one entry for each order of labels, so that many objects cost little
    for name, index in indexes.items():
        for other, first in seen.items():
            if index is first or index.equals(first):
                break
            if _same_labels(index, first):
                raise InputError(_other_order(name, other, index.is_unique))
        else:
            seen[name] = index


def _same_labels(index, other):
    """Whether two indexes that differ hold the same labels, as often."""
    if len(index) != len(other) or index.nlevels != other.nlevels:
        return False
    if not index[:1].isin(other).all() or not index.isin(other).all():
        return False
    if index.is_unique and other.is_unique:
        return True
    return index.value_counts(dropna=False).equals(
        other.value_counts(dropna=False).reindex(index.value_counts(dropna=False).index)
    )


def _other_order(name, other, is_unique):
    by_label = f"pass {name}.loc[{other}.index] if the labels are right"
    if not is_unique:  # .loc would multiply the rows
        by_label = f"the labels repeat, so sort {name} as {other} is sorted if they are right"
    return (
        f"{name} has the row labels of {other} in another order, and rows are matched by "
        f"position; {by_label}, or pass {name}.to_numpy() if the positions are."
    )


def check_random_seeds(random_state, k):
    """Draw `k` seeds up front, so that the answer is the same for any `n_jobs`.

    Parameters
    ----------
    random_state : int, RandomState or None
        Source of randomness; advanced when it is a RandomState.
    k : int
        Number of seeds.

    Returns
    -------
    list of int
        One seed for each draw.

    Examples
    --------
    >>> from healthml._core._checks import check_random_seeds
    >>> check_random_seeds(0, 3) == check_random_seeds(0, 3)
    True
    """
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=k)
    return seeds.tolist()


def list_levels(levels):
    """Return levels as text for a message, or only their number when there are over 20.

    Parameters
    ----------
    levels : sequence
        Distinct values of an outcome.

    Returns
    -------
    str
        For example ``3 levels: '<30', '>30', 'NO'``.

    Examples
    --------
    >>> from healthml._core._checks import list_levels
    >>> list_levels(["Alive", "Died"])
    "2 levels: 'Alive', 'Died'"
    """
    if len(levels) > MOST_LEVELS_SHOWN:
        return f"{len(levels)} distinct values"
    shown = ", ".join(repr(_plain(level)) for level in levels)
    return f"{len(levels)} level{'s' if len(levels) != 1 else ''}: {shown}"


def _as_series(values):
    """Any one-dimensional thing as a Series with a plain index; polars keeps large integers."""
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if not isinstance(values, pd.Index | pd.api.extensions.ExtensionArray | np.ndarray):
        values = values.to_list() if hasattr(values, "to_list") else list(values)
    return pd.Series(values)


def _outcome_values(y, name):
    if y is None:
        raise OutcomeError("this requires y to be passed, but the target y is None; pass it.")
    if not hasattr(y, "__len__"):
        y = np.asarray(y)
    if len(np.shape(y)) != 1:
        y = column_or_1d(y, warn=True)
    values = _as_series(y)
    if not len(values):
        raise OutcomeError(f"{name} is empty; pass one outcome for each row.")
    if types.is_float_dtype(values.dtype):
        infinite = np.flatnonzero(np.isinf(values.to_numpy(float, na_value=np.nan)))
        if infinite.size:
            raise OutcomeError(
                f"{name} has {infinite.size} infinite values, the first at position "
                f"{infinite[0]}; correct them or leave these rows out."
            )
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise OutcomeError(
            f"{name} has {missing.size} missing values (NaN), the first at position "
            f"{missing[0]}; leave these rows out and report their number."
        )
    return values


def _sorted_levels(values):
    levels = list(values.unique())
    try:
        return sorted(levels)
    except TypeError:
        return sorted(levels, key=str)


def _is_zero_one(levels):
    return all(isinstance(level, bool | np.bool_) or _is_number(level) for level in levels) and (
        [float(level) for level in levels] == [0.0, 1.0]
    )


def _is_number(level):
    return isinstance(level, int | float | np.number) and not isinstance(level, bool)


def _named_event(values, levels, event, name, groups=None):
    same = [level for level in levels if _same_label(level, event)]
    if same:
        y01 = values.isin(same).to_numpy(dtype=bool)
        others = [level for level in levels if level not in same]
        if len(others) == 1 and len(same) == 1:
            return np.array([others[0], same[0]]), y01
        return np.array([f"not {event}", str(event)]), y01
    comparison = _COMPARISON.fullmatch(event) if isinstance(event, str) else None
    if comparison is None:
        raise OutcomeError(
            f"event={event!r} is not a level of {name}, which has "
            f"{_held_levels(values, levels, groups)}; name one of its levels, or compare with a "
            'number such as ">0".'
        )
    numbers, is_text = parse_numbers(values)
    bad = np.flatnonzero(is_text | numbers.isna())
    if bad.size:
        raise OutcomeError(
            f"event={event!r} compares {name} with a number, but {bad.size} of its values are not "
            f"numbers, the first at position {bad[0]}; {name} has "
            f"{_held_levels(values, levels, groups)}."
        )
    sign, bound = comparison.groups()
    y01 = _COMPARE[sign](numbers.to_numpy(), float(bound))
    return np.array([f"not {event.strip()}", event.strip()]), y01


def _same_label(level, event):
    if str(level) == str(event):
        return True
    if _is_number(level) and not isinstance(event, bool | np.bool_):
        try:
            return float(level) == float(event)
        except (TypeError, ValueError):
            return False
    return False


def _refuse_levels(values, levels, name, any_two_classes, groups=None):
    if len(levels) == 1:
        raise OutcomeError(
            f"{name} has one class only in all {len(values)} rows; "
            "use rows with and without the event."
        )
    continuous = types.is_float_dtype(values.dtype) and (values % 1 != 0).any()
    if any_two_classes and continuous:
        raise OutcomeError(
            f"Unknown label type: {name} is continuous with {len(levels)} distinct values; "
            "pass two classes."
        )
    if any_two_classes:
        raise OutcomeError(
            f"Only binary classification is supported. The type of the target is multiclass: "
            f"{name} has {_held_levels(values, levels, groups)}; make it 0/1 with 1 for the event."
        )
    raise OutcomeError(
        f"{name} has {_held_levels(values, levels, groups)}, and which of them is the event is not "
        "guessed; name the level, or a comparison of numbers, as the event (event=; --event on the "
        "command line)."
    )


def _held_levels(values, levels, groups=None):
    """Return how many levels there are, and those that 11 patients or more have, ten at most."""
    what = f"{len(levels)} level{'s' if len(levels) != 1 else ''}"
    rows = pd.DataFrame({"level": values.to_numpy(dtype=object)})
    rows["patient"] = np.arange(len(rows)) if groups is None else np.asarray(groups, dtype=object)
    counts = rows.drop_duplicates()["level"].value_counts()
    held = [level for level in levels if counts.get(level, 0) >= SMALLEST_SHOWN]
    if not held:
        return f"{what}, none of them with {SMALLEST_SHOWN} patients or more"
    shown = ", ".join(repr(_plain(level)) for level in held[:MOST_LEVELS_LISTED])
    if len(held) == len(levels) <= MOST_LEVELS_LISTED:
        return f"{what}: {shown}"
    of = "among those" if len(held) > MOST_LEVELS_LISTED else "those"
    return f"{what} ({of} with {SMALLEST_SHOWN} patients or more: {shown})"


def _plain(level):
    return level.item() if isinstance(level, np.generic) else level


def as_tuple(value):
    """Return a single value, a sequence or None as a tuple.

    Examples
    --------
    >>> from healthml._core._checks import as_tuple
    >>> as_tuple("sex"), as_tuple(["sex", "race"]), as_tuple(None)
    (('sex',), ('sex', 'race'), ())
    """
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)
