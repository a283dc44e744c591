"""Which columns predict which: all where that is affordable, else those that correlate."""

from collections.abc import Mapping

import numpy as np

from healthml.exceptions import InputError

# Columns of the design up to which every column predicts every other one. A round costs their
# number to the third power: 100 take seconds on 10,000 rows, 1,000 hours. By judgement of that
# cost.
ALL_UP_TO = 100
# Observed rows for each column of the design that "auto" asks for before it takes all columns: with
# fewer the ridge of the draws decides. Chosen by judgement, not by simulation.
ROWS_EACH = 3
# Smallest correlation with the values or with the gaps for which a column is taken: the default
# `mincor` of quickpred in mice (van Buuren, Boshuizen and Knook 1999). Moved up, fewer predict.
LEAST_CORRELATION = 0.1
# Columns of the design for each observed row that are taken at the most, one for five rows. Chosen
# by judgement, not by simulation; moved up, coefficients get less certain and draws wider.
MOST_PER_ROW = 0.2


def choose_predictors(columns, values, missing, asked):
    """Return the columns that predict each column.

    Parameters
    ----------
    columns : list of Coded
    values, missing : list of ndarray
        Cells as `Coded.read` gives them, and which are missing.
    asked : "auto", "all", "quickpred" or mapping
        "auto" takes all columns unless there are more than 100 or fewer than three observed rows
        for each; then those that correlate.

    Returns
    -------
    dict of int to list of int
    """
    names = [column.name for column in columns]
    everything = list(range(len(columns)))
    if isinstance(asked, Mapping):
        return _declared(asked, names)
    if asked not in ("auto", "all", "quickpred"):
        raise InputError(
            f"predictors={asked!r} is unknown; use 'auto', 'all', 'quickpred' or a mapping from "
            "a column to the columns that predict it."
        )
    width = 1 + sum(column.width for column in columns)
    fewest = min(int((~mask).sum()) for mask in missing)
    affordable = width <= ALL_UP_TO and width * ROWS_EACH <= fewest
    if asked == "all" or (asked == "auto" and affordable) or len(columns) < 3:
        return {j: [k for k in everything if k != j] for j in everything}
    strength = correlations(values, missing, [column.is_category for column in columns])
    return {j: _strongest(j, strength[j], columns, (~missing[j]).sum()) for j in everything}


def correlations(values, missing, is_category):
    """Return the larger of two absolute correlations for each pair of columns (row: target).

    A column is worth having when it goes with the target's values, or with the target being
    missing (van Buuren, Boshuizen and Knook 1999). Levels enter by their code.

    Parameters
    ----------
    values, missing : list of ndarray
    is_category : list of bool

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
    """
    cells = np.column_stack(
        [np.where(is_missing, 0.0, v) for v, is_missing in zip(values, missing, strict=True)]
    )
    seen = np.column_stack([~is_missing for is_missing in missing]).astype(float)
    by_value = _pairwise(cells, seen, cells, seen)
    by_gap = _pairwise(seen, np.ones_like(seen), cells, seen)
    strength = np.maximum(np.abs(by_value), np.abs(by_gap))
    np.fill_diagonal(strength, 0.0)
    return strength


def _pairwise(a, seen_a, b, seen_b):
    """Return correlations over the rows in which both are observed."""
    n = seen_a.T @ seen_b
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_a, mean_b = (a * seen_a).T @ seen_b / n, seen_a.T @ (b * seen_b) / n
        cross = (a * seen_a).T @ (b * seen_b) / n - mean_a * mean_b
        var_a = (a**2 * seen_a).T @ seen_b / n - mean_a**2
        var_b = seen_a.T @ (b**2 * seen_b) / n - mean_b**2
        correlation = cross / np.sqrt(var_a * var_b)
    return np.where(np.isfinite(correlation) & (n > 2), correlation, 0.0)


def _strongest(j, strength, columns, n_seen):
    """Return the strongest predictors that the observed rows can carry, at least one."""
    room = max(1, min(ALL_UP_TO, int(n_seen * MOST_PER_ROW)))
    strongest, used = [], 0
    for k in np.argsort(-strength, kind="stable"):
        if (
            k == j
            or (strongest and strength[k] < LEAST_CORRELATION)
            or (strongest and used + columns[k].width > room)
        ):
            continue
        strongest.append(int(k))
        used += columns[k].width
    return sorted(strongest)


def _declared(asked, names):
    allowed = {j: [k for k in range(len(names)) if k != j] for j in range(len(names))}
    for name, others in asked.items():
        for label in (name, *others):
            if label not in names:
                raise InputError(f"predictors names the column {label!r}, which X does not have.")
        allowed[names.index(name)] = [names.index(label) for label in others if label != name]
    return allowed
