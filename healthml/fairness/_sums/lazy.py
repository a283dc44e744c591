"""The same sums from a table that is not loaded: Polars lazy frames, DuckDB, Spark."""

import numpy as np
import pandas as pd

from healthml.exceptions import InputError
from healthml.fairness._sums.group_sums import GroupSums
from healthml.fairness._sums.ratios import COLUMNS

_N_CELLS = 4  # tp, fp, fn, tn come first among the columns


def sums_of_source(source, y, risk, feature, *, threshold=None, missing="missing"):
    """Return the sums of every group, added up where the table lies.

    Parameters
    ----------
    source : lazy table that narwhals reads
        Polars LazyFrame, DuckDB relation, Spark or Ibis table.
    y, risk, feature : str
        Its columns: outcome as 0/1 or boolean, risk, group.
    threshold : float, optional
        Decision threshold.
    missing : str, default="missing"
        Name of the group without an attribute.

    Returns
    -------
    GroupSums
    """
    import narwhals as nw

    frame = nw.from_native(source).lazy()
    _check_columns(frame, (y, risk, feature))
    frame = frame.select(
        nw.col(feature).cast(nw.String).alias("__group"),
        nw.col(y).cast(nw.Float64).alias("__y"),
        nw.col(risk).cast(nw.Float64).alias("__p"),
    )
    _check_values(frame)
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
    return _of_table(table, missing)


def _check_columns(frame, names):
    known = frame.collect_schema().names()
    for name in names:
        if name not in known:
            raise InputError(f"The table has no column {name!r}; it has {', '.join(known)}.")


def _check_values(frame):
    import narwhals as nw

    event, proba = nw.col("__y"), nw.col("__p")
    wrong_event = event.is_null() | ~((event == 0) | (event == 1))
    wrong_risk = proba.is_null() | ~((proba >= 0) & (proba <= 1))
    wrong = frame.select(
        wrong_event.cast(nw.Int64).sum().alias("y"), wrong_risk.cast(nw.Int64).sum().alias("p")
    )
    wrong = wrong.collect().to_pandas().iloc[0].fillna(0)
    if wrong["y"]:
        raise InputError(f"y_true has {wrong['y']:.0f} values that are neither 0 nor 1.")
    if wrong["p"]:
        raise InputError(
            f"y_proba has {wrong['p']:.0f} values missing or outside 0 to 1; pass risks."
        )


def _of_table(table, missing):
    table["__group"] = table["__group"].where(pd.notna(table["__group"]), missing).astype(str)
    table = table.sort_values("__group").reset_index(drop=True)
    size = len(COLUMNS)
    gram = np.zeros((len(table), size, size))
    for k, a in enumerate(COLUMNS):
        for m, b in enumerate(COLUMNS[k:], start=k):
            if f"{a}*{b}" in table:
                gram[:, k, m] = gram[:, m, k] = table[f"{a}*{b}"].to_numpy(float)
    sums = table[list(COLUMNS)].to_numpy(float)
    n, events = table["__n"].to_numpy(np.int64), (sums[:, 0] + sums[:, 2]).round().astype(np.int64)
    names = table["__group"].to_numpy(str)
    return GroupSums(names, sums, gram, n, events, n, True, int(n.sum()), n.sum() - n)
