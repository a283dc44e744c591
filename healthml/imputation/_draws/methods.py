"""How one column is drawn given the others: by regression, by donors, by level or by tree.

A method draws the missing cells of a chain (``draw``) and leaves behind what a new row needs: an
object with ``draw(block, chance, more)`` and ``expect(block)`` (the conditional mean, or the shares
of the levels), where `block` holds rows of the design, `chance` and `more` uniform numbers.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from healthml.imputation._draws.linear import by_row, draw_linear, nearest_donors
from healthml.imputation._draws.logistic import (
    LevelDraw,
    draw_nominal,
    draw_ordered,
    pick_levels,
)

# Donors that a fitted column keeps for new rows, evenly spaced over the sorted predictions: a
# fitted imputer must not hold a copy of the table. 2,000 leave gaps of 0.05 % of the rows between
# donors, far below the noise of a draw. Chosen by judgement; moved down, extremes are drawn less
# often.
MOST_DONORS = 2_000
# Draws from which it pays to sort them first, since neighbours then share memory; no result depends
# on it.
SORT_FROM = 5_000
# Uniform numbers are kept this far from 0 and 1, where the normal quantile is infinite.
_TINY = 1e-12


@dataclass(frozen=True)
class NormFitted:
    """Linear regression with normal noise, for new rows."""

    predictors: np.ndarray
    estimate: np.ndarray
    drawn: np.ndarray
    sigma: float

    def draw(self, block, chance, more):
        """Return one draw per row."""
        noise = ndtri(np.clip(chance, _TINY, 1 - _TINY))
        return by_row(block[:, self.predictors], self.drawn) + self.sigma * noise

    def expect(self, block):
        """Return the conditional mean of each row."""
        return by_row(block[:, self.predictors], self.estimate)

    @classmethod
    def joined(cls, fitted):
        """Return one regression whose mean is the mean over several."""
        return WideMean.of(fitted)


@dataclass(frozen=True)
class WideMean:
    """Conditional mean by coefficients that stand in their places of the whole design."""

    coef: np.ndarray

    @classmethod
    def of(cls, fitted):
        """Return the mean of several regressions on the same predictors."""
        predictors = fitted[0].predictors
        middle = np.mean([model.estimate for model in fitted], axis=0)
        return cls(place_coefficients(middle, predictors, predictors.max() + 1))

    def expect(self, block):
        """Return the conditional mean of each row."""
        return by_row(block[:, : len(self.coef)], self.coef)


@dataclass(frozen=True)
class DonorFitted(NormFitted):
    """Predictive mean matching, for new rows: donors by their predicted value, thinned."""

    scores: np.ndarray
    cells: np.ndarray
    k: int

    def draw(self, block, chance, more):
        """Return the value of one of the k donors closest in prediction."""
        wanted = by_row(block[:, self.predictors], self.drawn)
        return self.cells[nearest_donors(self.scores, wanted, self.k, chance)]


@dataclass(frozen=True)
class LevelFitted:
    """Level probabilities, for new rows."""

    predictors: np.ndarray
    model: LevelDraw

    def draw(self, block, chance, more):
        """Return one level per row."""
        return pick_levels(self.model.probabilities(block[:, self.predictors]), chance)

    def expect(self, block):
        """Return the estimated probability of each level."""
        return self.model.probabilities(block[:, self.predictors], drawn=False)

    @classmethod
    def joined(cls, fitted):
        """Return one model whose shares are the mean over several, where all are nominal."""
        if any(model.model.kind != "nominal" for model in fitted):
            return None
        coef = np.stack([model.model.estimate for model in fitted], axis=1)
        return SharesMean(fitted[0].predictors, coef.reshape(len(coef), -1), len(fitted))


@dataclass(frozen=True)
class SharesMean:
    """Mean of the level probabilities of several models, worked out at once."""

    predictors: np.ndarray
    coef: np.ndarray
    n_models: int

    def expect(self, block):
        """Return the mean probability of each level."""
        line = by_each(block[:, self.predictors], self.coef)
        line = line.reshape(len(block), self.n_models, -1)
        top = np.maximum(line.max(axis=2, keepdims=True), 0.0)
        odds = np.exp(line - top)
        base = np.exp(-top)
        total = base + odds.sum(axis=2, keepdims=True)
        shares = np.concatenate([base / total, odds / total], axis=2)
        return shares.sum(axis=1) / self.n_models


@dataclass(frozen=True)
class ConstantFitted:
    """A column in which nothing varies, for new rows."""

    is_category: bool

    def draw(self, block, chance, more):
        """Return the one value for each row."""
        return np.zeros(len(block), dtype=np.int64 if self.is_category else float)

    def expect(self, block):
        """Return the one value, or the share 1 of the one level."""
        return np.ones((len(block), 1)) if self.is_category else np.zeros(len(block))


class Constant:
    """The one value of a column in which nothing varies."""

    on_support = True

    def draw(self, chain, j, *, keep=False):
        """Return the one value for the missing cells, and the same for new rows."""
        fitted = ConstantFitted(chain.plan.columns[j].is_category)
        return fitted.draw(chain.block, None, None), fitted


class Norm:
    """Bayesian linear regression; draws may leave the observed values."""

    on_support = False

    def draw(self, chain, j, *, keep=False):
        """Return drawn cells and, when asked, the model for new rows."""
        regression = _regression(chain, j)
        predictors = chain.plan.predictors[j]
        centre = chain.block @ place_coefficients(regression.drawn, predictors, chain.Z.shape[1])
        noise = chain.rng.standard_normal(len(centre))
        fitted = NormFitted(predictors, regression.estimate, regression.drawn, regression.sigma)
        return centre + regression.sigma * noise, fitted


class PMM:
    """Predictive mean matching, type 1: a drawn model asks, the estimated model answers.

    Parameters
    ----------
    donors : int, default=5
        Number of donors from which one is picked.
    """

    on_support = True

    def __init__(self, donors=5):
        self.donors = donors

    def draw(self, chain, j, *, keep=False):
        """Return cells of donors and, when asked, the model for new rows."""
        regression, predictors = _regression(chain, j), chain.plan.predictors[j]
        width = chain.Z.shape[1]
        coefficients = place_coefficients(regression.estimate, predictors, width)
        known = (chain.Z @ coefficients)[chain.observed(j)]
        wanted = chain.block @ place_coefficients(regression.drawn, predictors, width)
        picked, scores, cells = sorted_donors(chain, j, known, wanted, self.donors, keep=keep)
        if not keep:
            return picked, None
        parts = (predictors, regression.estimate, regression.drawn, regression.sigma)
        return picked, DonorFitted(*parts, scores, cells, self.donors)


class Levels:
    """Logistic regression for a column with levels.

    Parameters
    ----------
    ordered : bool
        Proportional odds instead of one set of coefficients per level.
    """

    on_support = True

    def __init__(self, ordered=False):
        self.ordered = ordered

    def draw(self, chain, j, *, keep=False):
        """Return drawn levels and, when asked, the model for new rows."""
        predictors, n_levels = chain.plan.predictors[j], len(chain.plan.columns[j].levels)
        codes = chain.observed_values(j).astype(np.int64)
        X = chain.predictors_seen(j, predictors)
        model = self._model(X, codes, n_levels, chain, j)
        block = chain.block[:, predictors]
        chance = chain.rng.random(len(block))
        levels = pick_levels(model.probabilities(block), chance)
        return levels, LevelFitted(predictors, model)

    def _model(self, X, codes, n_levels, chain, j):
        start = chain.memory.get(j)
        if self.ordered and n_levels > 2:
            model = draw_ordered(X, codes, n_levels, chain.rng, start)
            if model.converged:
                chain.memory[j] = model.estimate
                return model
            start = None
        model = draw_nominal(X, codes, n_levels, chain.rng, start)
        chain.memory[j] = model.estimate
        return model


def _regression(chain, j):
    """Draw the linear regression of column j on its predictors over its observed rows."""
    used = np.append(chain.plan.predictors[j], chain.plan.columns[j].cols)
    moments, n_rows = moments_of(chain, used)
    return draw_linear(moments[:-1, :-1], moments[:-1, -1], moments[-1, -1], n_rows, chain.rng)


def moments_of(chain, used):
    """Return sums of products of the design over the rows outside the block, and their number."""
    moments = (chain.gram - chain.block.T @ chain.block)[used[:, None], used]
    return moments, len(chain.Z) - len(chain.block)


def sorted_donors(chain, j, known, wanted, k, *, keep):
    """Return the cells of donors close in score and, when asked, sorted scores and cells."""
    order = np.argsort(known)
    ranked = known[order]
    if (ranked[1:] == ranked[:-1]).any():  # equal scores in random order
        shuffled = chain.rng.permutation(len(known))
        order = shuffled[np.argsort(known[shuffled], kind="stable")]
    known, donors = ranked, chain.observed_values(j)[order]
    picked = _pick(known, donors, wanted, k, chain.rng)
    if not keep:
        return picked, None, None
    thin = thinned(len(known), chain.rng)
    return picked, known[thin], donors[thin]


def by_each(X, coef):
    """Return `by_row` for each column of coefficients."""
    return np.stack([by_row(X, model) for model in coef.T], axis=1)


def place_coefficients(coef, predictors, width):
    """Return coefficients in their places of the whole design."""
    wide = np.zeros(width)
    wide[predictors] = coef
    return wide


def _pick(known, donors, wanted, k, rng):
    """Return cells of donors; many rows are sorted first, since neighbours share memory."""
    chance = rng.random(len(wanted))
    if len(wanted) < SORT_FROM:
        return donors[nearest_donors(known, wanted, k, chance)]
    order = np.argsort(wanted)
    picked = np.empty(len(wanted), dtype=donors.dtype)
    picked[order] = donors[nearest_donors(known, wanted[order], k, chance)]
    return picked


def thinned(n, rng):
    """Return at most MOST_DONORS places, evenly spaced from a random start."""
    if n <= MOST_DONORS:
        return np.arange(n)
    step = n / MOST_DONORS
    return (rng.random() * step + step * np.arange(MOST_DONORS)).astype(np.int64)
