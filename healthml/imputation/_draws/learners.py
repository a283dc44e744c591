"""Drawing a column by trees or by any scikit-learn estimator, refitted on a bootstrap each time.

The bootstrap stands for the uncertainty about the model (Rubin and Schenker 1986), as drawn
coefficients do for a regression.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from healthml.exceptions import InputError
from healthml.imputation._draws.linear import nearest_donors
from healthml.imputation._draws.logistic import pick_levels
from healthml.imputation._draws.methods import thinned

# Bootstrap samples drawn until one has two levels; a level held by a single row is missed by one
# sample with a chance of 0.37 and by 20 in a row with one of 2e-9. After that the observed rows
# themselves are used.
TRIES = 20
# Decimals kept of a learner's prediction: predictions of one row and of a batch differ by rounding
# (about 1e-15), and donors must not. Moved up to 15, the same row may get another donor in a batch.
DECIMALS = 9


@dataclass(frozen=True)
class Leaves:
    """One tree: the cells that each of its leaves holds, and their mean or level shares."""

    tree: object
    cells: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    middle: np.ndarray

    def pick(self, X, chance):
        """Return the cell of one donor in the leaf of each row."""
        leaf = self.tree.apply(X)
        place = (chance * self.counts[leaf]).astype(np.int64)
        return self.cells[self.starts[leaf] + place]

    def expect(self, X):
        """Return the mean, or the shares of the levels, in the leaf of each row."""
        return self.middle[self.tree.apply(X)]


def _leaves(tree, X, cells, n_levels):
    """Return a grown tree with the cells of its leaves; n_levels is None for numbers."""
    leaf = tree.apply(X)
    order = np.argsort(leaf, kind="stable")
    counts = np.bincount(leaf, minlength=tree.node_count)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    share = 1 / np.maximum(counts, 1)
    if n_levels is None:
        middle = np.bincount(leaf, weights=cells, minlength=tree.node_count) * share
    else:
        table = np.bincount(leaf * n_levels + cells, minlength=tree.node_count * n_levels)
        middle = table.reshape(-1, n_levels) * share[:, None]
    return Leaves(tree, cells[order], starts, counts, middle)


@dataclass(frozen=True)
class TreesFitted:
    """Trees and their donors, for new rows."""

    predictors: np.ndarray
    trees: list

    @property
    def cells(self):
        """Return the cells of all donors."""
        return np.concatenate([tree.cells for tree in self.trees])

    def draw(self, block, chance, more):
        """Return the cell of one donor per row, from a tree picked by chance."""
        X = _single(block[:, self.predictors])
        which = (more * len(self.trees)).astype(np.int64)
        picked = np.empty(len(X), dtype=self.trees[0].cells.dtype)
        for number, tree in enumerate(self.trees):
            rows = np.flatnonzero(which == number)
            if len(rows):
                picked[rows] = tree.pick(X[rows], chance[rows])
        return picked

    def expect(self, block):
        """Return the mean over the leaves of each row, or the shares of the levels."""
        X = _single(block[:, self.predictors])
        return sum(tree.expect(X) for tree in self.trees) / len(self.trees)


class Cart:
    """Classification or regression trees; a cell comes from a donor in the same leaf.

    Parameters
    ----------
    n_trees : int, default=1
        Trees, each on a bootstrap of the observed rows; one is picked by chance for each row.
    leaf : int, default=5
        Fewest rows of a leaf.

    References
    ----------
    Doove LL, van Buuren S, Dusseldorp E. Recursive partitioning for missing data imputation in the
    presence of interaction effects. Comput Stat Data Anal 2014;72:92-104.
    """

    on_support = True

    def __init__(self, n_trees=1, leaf=5):
        self.n_trees = n_trees
        self.leaf = leaf

    def draw(self, chain, j, *, keep=False):
        """Return cells of donors and the trees for new rows."""
        column, predictors = chain.plan.columns[j], chain.plan.predictors[j]
        X = _single(chain.predictors_seen(j, predictors))
        cells = chain.observed_values(j)
        n_levels = len(column.levels) if column.is_category else None
        trees = [self._grow(X, cells, n_levels, chain.rng) for _ in range(self.n_trees)]
        fitted = TreesFitted(predictors, trees)
        n = len(chain.block)
        return fitted.draw(chain.block, chain.rng.random(n), chain.rng.random(n)), fitted

    def _grow(self, X, cells, n_levels, rng):
        rows = rng.integers(len(cells), size=len(cells))
        make = DecisionTreeRegressor if n_levels is None else DecisionTreeClassifier
        tree = make(
            min_samples_leaf=min(self.leaf, len(rows)),
            max_features=None if self.n_trees == 1 else 1 / 3,
            random_state=int(rng.integers(2**31 - 1)),
        )
        cells = cells[rows] if n_levels is None else cells[rows].astype(np.int64)
        tree.fit(X[rows], cells, check_input=False)
        return _leaves(tree.tree_, X[rows], cells, n_levels)


def _single(X):
    return np.ascontiguousarray(X, dtype=np.float32)


@dataclass(frozen=True)
class RegressorFitted:
    """A regressor and donors close in prediction, for new rows."""

    predictors: np.ndarray
    model: object
    scores: np.ndarray
    cells: np.ndarray
    k: int

    def draw(self, block, chance, more):
        """Return the cell of one of the k donors closest in prediction."""
        return self.cells[nearest_donors(self.scores, self.expect(block), self.k, chance)]

    def expect(self, block):
        """Return the prediction of each row."""
        return _predicted(self.model, block[:, self.predictors])


@dataclass(frozen=True)
class ClassifierFitted:
    """A classifier's probabilities, for new rows."""

    predictors: np.ndarray
    model: object
    n_levels: int

    def draw(self, block, chance, more):
        """Return one level per row."""
        return pick_levels(self.expect(block), chance)

    def expect(self, block):
        """Return the probability of each level."""
        shares = np.zeros((len(block), self.n_levels))
        chance = self.model.predict_proba(block[:, self.predictors])
        shares[:, self.model.classes_.astype(np.int64)] = np.round(chance, DECIMALS)
        return shares


class Learner:
    """Any scikit-learn regressor or classifier, refitted on a bootstrap of the observed rows.

    Parameters
    ----------
    estimator : estimator
        A regressor (predictive mean matching on what it predicts) or a classifier with
        ``predict_proba`` (levels are drawn from it). It sees standardised numbers and 0/1 columns
        of levels.
    donors : int
        Number of donors of a regressor.
    """

    on_support = True

    def __init__(self, estimator, donors):
        self.estimator = estimator
        self.donors = donors

    def draw(self, chain, j, *, keep=False):
        """Return drawn cells and the model for new rows."""
        predictors = chain.plan.predictors[j]
        X = chain.predictors_seen(j, predictors[1:])
        cells, column = chain.observed_values(j), chain.plan.columns[j]
        rows = _bootstrap(cells, column.is_category, chain.rng)
        model = clone(self.estimator)
        if "random_state" in model.get_params():
            model.set_params(random_state=int(chain.rng.integers(2**31 - 1)))
        model.fit(X[rows], cells[rows].astype(np.int64) if column.is_category else cells[rows])
        if column.is_category:
            fitted = ClassifierFitted(predictors[1:], model, len(column.levels))
        else:
            scores = _predicted(model, X)
            order = chain.rng.permutation(len(scores))
            order = order[np.argsort(scores[order], kind="stable")]
            order = order[thinned(len(order), chain.rng)] if keep else order
            parts = (scores[order], cells[order], self.donors)
            fitted = RegressorFitted(predictors[1:], model, *parts)
        chance = chain.rng.random(len(chain.block))
        return fitted.draw(chain.block, chance, None), fitted


def check_learner(column, estimator):
    """Raise InputError unless a scikit-learn estimator can draw a column."""
    if is_classifier(estimator) != column.is_category:
        kind = "classifier" if column.is_category else "regressor"
        raise InputError(
            f"column {column.name!r} is {column.kind}, so its method must be a {kind}."
        )
    if column.is_category and not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"the classifier for column {column.name!r} has no predict_proba, from which levels "
            "are drawn; use one that has."
        )


def _bootstrap(cells, is_category, rng):
    """Return rows drawn with replacement, with two levels at the least."""
    for _ in range(TRIES):
        rows = rng.integers(len(cells), size=len(cells))
        if not is_category or len(np.unique(cells[rows])) > 1:
            return rows
    return np.arange(len(cells))


def _predicted(model, X):
    if not len(X):
        return np.empty(0)
    return np.round(np.asarray(model.predict(X), dtype=float).reshape(len(X)), DECIMALS)
