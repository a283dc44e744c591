"""Rows that were made by interpolation between rows of one class, as SMOTE and its kin do."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta
from sklearn.neighbors import NearestNeighbors

from healthml.validation._leakage.case import LEAK
from healthml.validation._leakage.rows.close_rows import look_at_close_rows
from healthml.validation._leakage.words import interval_words
from healthml.validation._reference_models import numbers_of

# Neighbours among which the two ends of a segment are sought. SMOTE takes one of 5 real neighbours;
# after it made six rows of each, the real ends are among the nearest 30 for most.
NEIGHBOURS = 30
# Chance that one triple of rows in a random direction counts as a line. With 435 pairs of
# neighbours about one row in 20,000 is then taken for a made one.
CHANCE = 1e-7
SHARE = 0.05  # of the rows of a class; fewer made rows change no measure by much
ONE_SIDED = 5  # how many times the share of the other class: interpolated visits are in both
FEWEST_COLUMNS = 3  # of continuous measurements: with fewer, real rows lie on lines by chance
_FEWEST_VALUES = 20  # different values of a continuous column
# On a grid (whole years, whole mmHg) neighbours lie on lines by chance, whereas made rows leave it,
# each with a value of its own. So a column is continuous when at least this share of its rows have
# a value of their own, and two values lie closer than a standard deviation over `_STEPS`. By
# judgement: without them 57% of simulated visits, and 4 of 6 clean tables of whole numbers, were
# called made; higher shares miss tables with few made rows.
_OWN_VALUES = 0.05
_STEPS = 50  # of a standard deviation; see above
_SAME = 1e-9  # of the standard deviation: closer values are one, apart by the computer's rounding
# Rows of a class looked at first; where none of them is made, the others are not looked at.
# A share of 5% would escape 400 rows once in a thousand million tables.
_FIRST_ROWS = 400
_MOST_ROWS = 3_000  # rows of a class that are looked at; all of them where made ones are among them


@dataclass(frozen=True)
class MadeRows:
    """Rows that lie on lines between others of their class.

    Parameters
    ----------
    rows : ndarray of bool
        The rows that were found.
    event : int
        Their class.
    share : float
        Their share of that class.
    """

    rows: np.ndarray
    event: int
    share: float


def find_made_rows(table, y, units):
    """Find rows that lie exactly between two neighbours of their own class.

    Parameters
    ----------
    table : DataFrame
        The columns; only continuous ones without missing cells are used.
    y : ndarray of shape (n,)
        Outcome as 0/1.
    units : ndarray of int, shape (n,)
        The patient of each row: visits of one patient may be interpolated between each other,
        which is carrying values forward, not making patients.

    Returns
    -------
    MadeRows or None
    """
    values = _continuous(table)
    if values is None:
        return None
    on_line, share = np.zeros(len(y), dtype=bool), np.zeros(2)
    for event in (0, 1):
        rows = np.flatnonzero(y == event)
        if len(rows) < 2 * NEIGHBOURS:
            continue
        looked = rows[:: max(1, len(rows) // _MOST_ROWS)]
        first = looked[:: max(1, len(looked) // _FIRST_ROWS)]
        if not _between(values, rows, first, units).any():
            continue
        between = _between(values, rows, looked, units)
        on_line[looked[between]], share[event] = True, between.mean()
    event = int(share.argmax())
    if share[event] < SHARE or share[event] < ONE_SIDED * share[1 - event]:
        return None
    rows = np.flatnonzero(y == event)  # all of them now: those not looked at would pass as real
    made = np.zeros(len(y), dtype=bool)
    made[rows] = on_line[rows] if len(rows) <= _MOST_ROWS else _between(values, rows, rows, units)
    return MadeRows(made, event, float(made[rows].mean()))


def _continuous(table):
    """Return the continuous columns, standardised, or None where they are too few."""
    columns = []
    for name in table.columns:
        if table[name].dtype.kind != "f" or table[name].isna().any():
            continue
        values = numbers_of(table[name])
        if np.isfinite(values).all() and _is_continuous(values):
            columns.append((values - values.mean()) / values.std())
    return np.column_stack(columns) if len(columns) >= FEWEST_COLUMNS else None


def _is_continuous(values):
    """Say whether a column lies on no grid: many values of one row alone, and some close by."""
    level, size = np.unique(values, return_counts=True)
    if len(level) < _FEWEST_VALUES or (size == 1).sum() < _OWN_VALUES * len(values):
        return False
    gap, spread = np.diff(level), values.std()
    return bool(gap[gap > _SAME * spread].min() < spread / _STEPS)


def _between(values, rows, looked, units):
    """Return which rows lie on a line between two of their neighbours, of other patients."""
    tree = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(values[rows])
    near = rows[tree.kneighbors(values[looked], return_distance=False)]
    dimension = values.shape[1]
    # (1 + cos) / 2 of two random directions is beta distributed
    closest = 2 * beta.ppf(CHANCE, (dimension - 1) / 2, (dimension - 1) / 2)
    on_line = np.zeros(len(looked), dtype=bool)
    for k, (row, others) in enumerate(zip(looked, near, strict=True)):
        others = others[units[others] != units[row]]
        step = values[others] - values[row]
        # on a coarse grid (whole years) neighbours differ in one or two columns: lines by chance
        step = step[(step != 0).sum(axis=1) >= FEWEST_COLUMNS]
        step = step / np.linalg.norm(step, axis=1, keepdims=True)
        on_line[k] = len(step) > 1 and (1 + step @ step.T).min() <= max(closest, 1e-12)
    return on_line


def look_at_made_rows(case):
    """Name rows made by interpolation, with what they add to the AUC."""
    # suspects too: a whole number that made rows leave (an age of 61.37) is a suspect for just that
    columns = [c for c in case.X.columns if c not in case.known_after]
    made = find_made_rows(case.X[columns], case.y, case.units)
    if made is None:
        yield from look_at_close_rows(case)
        return
    effect, words = _without(case, made.rows)
    kind = "with" if made.event else "without"
    yield case.leak(
        "HM309",
        LEAK,
        effect,
        f"{int(made.rows.sum()):,} rows are synthetic: made by interpolation between others",
        f"{made.share:.0%} of the rows {kind} the event lie exactly on a line between two "
        "neighbours of their class, as SMOTE makes them; chance does that to about one row in "
        f"20,000. {words}",
        "Go back to the table before the rows were made; resample inside the pipeline, on training "
        "rows only.",
        above=True,
    )


def _without(case, made):
    """Return the AUC of all rows minus that of the real ones, learnt from real ones alone."""
    real, folds = ~made, case.judge.folds[:1]
    if not case.refits or len(np.unique(case.y[real])) < 2:
        return None, "Nothing was refitted."
    table = case.table[case.base_columns]
    options = {"folds": folds, "label": "with and without the made rows"}
    risks = {
        "all": case.judge.risks(case.row_model, table, **options),
        "real": case.judge.risks(case.row_model, table, rows=real, **options),
    }
    scores = case.judge.score(risks, rows={"all": np.ones(len(made), dtype=bool), "real": real})
    everything, honest = (interval_words(scores.get(k, "auroc")) for k in ("all", "real"))
    effect = case.effect(*scores.difference("all", "real"), "AUC with the made rows minus without")
    return effect, f"AUC {everything} of all rows, {honest} of the real ones alone."
