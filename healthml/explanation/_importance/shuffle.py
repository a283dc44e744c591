"""Rows left out, predicted as they are and with columns shuffled, freely or among like rows."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeRegressor

from healthml._core._routing import failure_reason, fit_keyword
from healthml._core._tables import parse_numbers
from healthml.exceptions import InputError
from healthml.explanation._importance.halves import Half, halved
from healthml.validation._refits import Procedure, Resample
from healthml.validation._scoring import predict_risk

# Rows of shuffled copies that are predicted in one call. By judgement, not by simulation: more take
# more memory, fewer take more calls; the result is the same.
_ROWS_AT_ONCE = 50_000
_CELLS_AT_ONCE = 10_000_000  # the same for a wide table: 80 megabytes of numbers
# Largest number of strata of a conditional shuffle and their fewest rows. By judgement: more strata
# hold the other columns more closely, and leave less to shuffle.
_MOST_STRATA, _FEWEST_ROWS = 16, 20


class Task(NamedTuple):
    """A fold: the models (fitted where `fitted`), the rows, and how they are shuffled."""

    estimator: object
    frame: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None
    unit: np.ndarray
    train: np.ndarray
    rows: np.ndarray
    seed: int
    player: np.ndarray
    n_repeats: int
    conditional: bool
    fitted: bool
    n_halvings: int


def shuffled_risks(task):
    """Return the risks of the rows left out: as they are, then with each player shuffled.

    Parameters
    ----------
    task : Task
        Of one fold.

    Returns
    -------
    risks : ndarray of shape (1 + n_repeats * n_players, n_rows)
        Repeats of the first player first.
    halves : list of Half
        The same by models fitted on halves of the training rows; a half that cannot be fitted is
        left out.
    """
    rng = np.random.RandomState(task.seed)
    test = task.frame.iloc[task.rows]
    whole = task.estimator if task.fitted else _refitted(task, task.train)
    sides, models = _fitted_halves(task)
    models = [whole, *models]
    n_players = task.player.max() + 1
    strata = [
        _strata(test, task.player == k) if task.conditional else None for k in range(n_players)
    ]
    copies = [(k, strata[k]) for k in range(n_players) for _ in range(task.n_repeats)]
    risks = [[predict_risk(model, test)] for model in models]
    step = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // test.shape[1]) // max(len(test), 1))
    for start in range(0, len(copies), step):
        block = copies[start : start + step]
        copied = shuffled_copies(test, block, task.player, rng)
        for own, model in zip(risks, models, strict=True):
            own += list(predict_risk(model, copied).reshape(len(block), len(test)))
    risks = [np.array(own) for own in risks]
    pairs = zip(sides, risks[1::2], risks[2::2], strict=True)
    return risks[0], [Half(*pair) for pair in pairs]


def _fitted_halves(task):
    """Return the sides of the halvings that could be fitted, and their models, two for each."""
    rng = np.random.RandomState([task.seed, 1])  # the shuffles do not depend on the halves
    unit = task.unit[task.train]
    sides, models = [], []
    for _ in range(task.n_halvings):
        side = halved(unit, task.y[task.train], rng)
        parts = [task.train[side[unit] == kind] for kind in (1, -1)]
        try:
            fitted = [_refitted(task, part) for part in parts]
        except InputError:  # too few patients for this procedure
            continue
        sides.append(side)
        models += fitted
    return sides, models


def _refitted(task, train):
    """Return the procedure fitted on some rows, its patients together in its own splits too."""
    y, groups, seed = task.y, task.groups, task.seed
    if not len(train) or y[train].min() == y[train].max():
        raise InputError(
            "cv leaves out a fold whose training rows hold one class only; pass a number of folds, "
            "or splits with patients of both outcomes on each side."
        )
    procedure, inside = Procedure(task.estimator, groups), task.frame.iloc[train]
    model = procedure.make(Resample(train, task.rows, 0, seed))
    try:
        extra = procedure.fit_params(model, inside, y[train], train, seed)
        if groups is not None and (keyword := fit_keyword(model, "groups")) is not None:
            extra.setdefault(keyword, groups[train])
        return model.fit(inside, y[train], **extra)
    except InputError:
        raise
    except Exception as error:  # its words may hold a cell
        reason = failure_reason(error, inside)
        raise InputError(f"{type(model).__name__} could not be refitted: {reason}.") from None


def shuffled_copies(test, block, player, rng):
    """Return a copy of the rows for each (player, strata) of the block, that player shuffled."""
    n, dtypes = len(test), list(test.dtypes)
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in dtypes):
        return _copies_of_numbers(test, dtypes, block, player, rng)
    rows = {j: np.tile(np.arange(n), len(block)) for j in range(test.shape[1])}
    for i, (k, strata) in enumerate(block):
        order = _permuted(n, strata, rng)
        for j in np.flatnonzero(player == k):
            rows[j][i * n : (i + 1) * n] = order
    columns = [test.iloc[:, j].take(rows[j]).reset_index(drop=True) for j in rows]
    copies = pd.concat(columns, axis=1)
    copies.columns = test.columns
    return copies


def _copies_of_numbers(test, dtypes, block, player, rng):
    """Make the copies of a table of plain numbers, one matrix for each dtype."""
    n, parts, places = len(test), [], []
    orders = [_permuted(n, strata, rng) for _, strata in block]
    for dtype in dict.fromkeys(dtypes):
        own = np.array([j for j, kind in enumerate(dtypes) if kind == dtype])
        given = test.iloc[:, own].to_numpy()
        copies = np.tile(given, (len(block), 1))
        for i, ((k, _), order) in enumerate(zip(block, orders, strict=True)):
            for at in np.flatnonzero(player[own] == k):
                copies[i * n : (i + 1) * n, at] = given[order, at]
        parts.append(pd.DataFrame(copies, columns=own))
        places += own.tolist()
    copies = parts[0] if len(parts) == 1 else pd.concat(parts, axis=1)[sorted(places)]
    copies.columns = test.columns
    return copies


def _permuted(n, strata, rng):
    """Return a permutation, within strata where there are any."""
    if strata is None:
        return rng.permutation(n)
    order = np.arange(n)
    for code in np.unique(strata):
        own = np.flatnonzero(strata == code)
        order[own] = own[rng.permutation(len(own))]
    return order


def _strata(test, own):
    """Return groups of rows in which the other columns tell little of a player any more.

    They are the leaves of a small tree that predicts the player from the other columns [1]_.
    """
    others = test.loc[:, ~own]
    if not others.shape[1]:
        return None
    target = np.column_stack([_as_targets(test.iloc[:, j]) for j in np.flatnonzero(own)])
    known = np.column_stack([_as_codes(others.iloc[:, j]) for j in range(others.shape[1])])
    tree = DecisionTreeRegressor(
        max_leaf_nodes=_MOST_STRATA, min_samples_leaf=_FEWEST_ROWS, random_state=0
    )
    return tree.fit(known, target).apply(known)


def _as_targets(column):
    """Return a column as ranks between 0 and 1, or as 0/1 columns of its common levels."""
    values, is_text = parse_numbers(column)
    if not is_text.any() and values.notna().any():
        return values.rank(pct=True).fillna(0.5).to_numpy()[:, None]
    levels = column.astype(object).value_counts().index[:_MOST_STRATA]
    return np.column_stack([(column == level).fillna(False).to_numpy(float) for level in levels])


def _as_codes(column):
    """Return a column as numbers; gaps are below all."""
    values, is_text = parse_numbers(column)
    if is_text.any():
        return pd.factorize(column, sort=False)[0].astype(float)
    lowest = values.min() if values.notna().any() else 0.0
    return values.fillna(lowest - 1).to_numpy()
