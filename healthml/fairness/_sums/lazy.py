"""The same sums from a table that is not loaded: Polars lazy frames, DuckDB, Spark."""

import numpy as np

from healthml.exceptions import InputError, OutcomeError
from healthml.fairness._sums.group_sums import GroupSums
from healthml.fairness._sums.ratios import COLUMNS

_N_CELLS = 4  # tp, fp, fn, tn come first among the columns

# Distinct values of an attribute up to which their sums are brought into memory and joined there to
# bands; by judgement: more than any list of hospitals, fewer than what a laboratory measures.
_MOST_VALUES = 10_000


def sums_of_source(source, y, risk, feature, *, bands, threshold=None, event=None):
    """Return the sums of every group, added up where the table lies.

    Parameters
    ----------
    source : lazy table that narwhals reads
        Polars LazyFrame, DuckDB relation, Spark or Ibis table.
    y, risk, feature : str
        Its columns: outcome, risk, group.
    bands : callable
        From a Series of distinct values, and how many rows each stands for, to the names of the
        groups and the group of each value.
    threshold : float, optional
        Decision threshold.
    event : scalar or str, optional
        The level of `y` that is the event; without it the outcome is 0/1 or boolean.

    Returns
    -------
    GroupSums
    """
    import narwhals as nw

    frame = nw.from_native(source).lazy()
    _check_columns(frame, (y, risk, feature))
    frame = frame.select(
        nw.col(feature).alias("__group"),
        _event_of(frame, y, event).alias("__y"),
        nw.col(risk).cast(nw.Float64).alias("__p"),
    )
    _check_values(frame, event)
    _check_levels(frame, feature)
    flagged = nw.lit(1.0) if threshold is None else (nw.col("__p") >= threshold).cast(nw.Float64)
    flagged = flagged * 0 if threshold is None else flagged
    event, proba = nw.col("__y"), nw.col("__p")
    cells = [flagged * event, flagged * (1 - event), (1 - flagged) * event]
    cells.append((1 - flagged) * (1 - event))
    odds = 0.0 if threshold is None else threshold / (1 - threshold)
    columns = [*cells, proba, (event - proba) ** 2, cells[0] - odds * cells[1]]
    frame = frame.with_columns(
        *(part.alias(name) for name, part in zip(COLUMNS, columns, strict=True))
    )
    wanted = [nw.col(name).sum().alias(name) for name in COLUMNS]
    wanted += [
        (nw.col(a) * nw.col(b)).sum().alias(f"{a}*{b}")
        for k, a in enumerate(COLUMNS)
        for b in COLUMNS[k:]
        if not (k < _N_CELLS and b in COLUMNS[:_N_CELLS] and a != b)
    ]
    table = frame.group_by("__group").agg(nw.len().alias("__n"), *wanted).collect().to_pandas()
    return _of_table(table, feature, bands)


def _event_of(frame, y, event):
    """Return the outcome as 0/1: as it is, or whether it is the level named as the event."""
    import narwhals as nw

    kind = frame.collect_schema()[y]
    if event is not None and kind.is_numeric():
        if isinstance(event, str):
            raise InputError(f"event={event!r} is text and y_true holds numbers; pass a number.")
        return (nw.col(y) == event).cast(nw.Float64)
    if event is not None:
        return (nw.col(y).cast(nw.String) == str(event)).cast(nw.Float64)
    if kind.is_numeric() or kind == nw.Boolean:
        return nw.col(y).cast(nw.Float64)
    raise InputError(
        "y_true is no number, and which of its levels is the event is not guessed; name it "
        "(event=)."
    )


def _check_columns(frame, names):
    known = frame.collect_schema().names()
    for name in names:
        if name not in known:
            raise InputError(f"The table has no column {name!r}; it has {', '.join(known)}.")


def _check_levels(frame, feature):
    """Refuse an attribute whose distinct values are too many to be brought into memory."""
    import narwhals as nw

    n = frame.select(nw.col("__group").n_unique().alias("n")).collect().to_pandas()["n"].iloc[0]
    if n > _MOST_VALUES:
        raise InputError(
            f"{feature} has {n:,} distinct values, too many for a table that is not loaded; cut "
            "it into bands there first."
        )


def _check_values(frame, named):
    import narwhals as nw

    event, proba = nw.col("__y"), nw.col("__p")
    wrong_event = event.is_null() | ~((event == 0) | (event == 1))
    wrong_risk = proba.is_null() | ~((proba >= 0) & (proba <= 1))
    wrong = frame.select(
        wrong_event.cast(nw.Int64).sum().alias("y"),
        wrong_risk.cast(nw.Int64).sum().alias("p"),
        event.sum().alias("events"),
        nw.len().alias("n"),
    )
    wrong = wrong.collect().to_pandas().iloc[0].fillna(0)
    if wrong["y"]:
        kind = "missing" if named is not None else "neither 0 nor 1"
        raise InputError(f"y_true has {wrong['y']:.0f} values that are {kind}.")
    if wrong["events"] in (0, wrong["n"]):
        what = "" if named is None else f" (event={named!r})"
        raise OutcomeError(
            f"y_true has one class only in all {wrong['n']:.0f} rows{what}; use rows with and "
            "without the event."
        )
    if wrong["p"]:
        raise InputError(
            f"y_proba has {wrong['p']:.0f} values missing or outside 0 to 1; pass risks."
        )


def _of_table(table, feature, bands):
    n = table["__n"].to_numpy(np.int64)
    names, codes = bands(table["__group"].rename(feature), n)
    joined = table.drop(columns="__group").groupby(codes).sum()
    size = len(COLUMNS)
    gram = np.zeros((len(joined), size, size))
    for k, a in enumerate(COLUMNS):
        for m, b in enumerate(COLUMNS[k:], start=k):
            if f"{a}*{b}" in joined:
                gram[:, k, m] = gram[:, m, k] = joined[f"{a}*{b}"].to_numpy(float)
    sums = joined[list(COLUMNS)].to_numpy(float)
    n = joined["__n"].to_numpy(np.int64)
    events = (sums[:, 0] + sums[:, 2]).round().astype(np.int64)
    return GroupSums(names, sums, gram, n, events, n, True, int(n.sum()), n.sum() - n)
