"""Numbers of rows in groups (sites, patients): a regression with a normal random intercept."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from healthml.imputation._draws.chance import chance_of
from healthml.imputation._draws.linear import (
    by_row,
    nearest_donors,
    root_of,
    solve_root,
    spread_noise,
)
from healthml.imputation._draws.methods import moments_of, place_coefficients, sorted_donors

# Steps of the Gibbs sampler from a cold start, and from the variances of the round before. By
# judgement, not by simulation: fewer leave the draw nearer to the start, more cost time in
# proportion.
FIRST_STEPS, LATER_STEPS = 60, 15


@dataclass(frozen=True)
class InterceptDraw:
    """One draw of a random-intercept model, and the means of the draws before it."""

    estimate: np.ndarray
    drawn: np.ndarray
    effects: np.ndarray
    drawn_effects: np.ndarray
    sigma: float
    tau: float


@dataclass(frozen=True)
class InterceptFitted:
    """Random-intercept model, for new rows, with donors when cells come from donors."""

    predictors: np.ndarray
    group_col: int
    model: InterceptDraw
    salt: int
    scores: np.ndarray | None = None
    cells: np.ndarray | None = None
    k: int = 0

    def draw(self, block, chance, more):
        """Return one draw per row; the effect of a new group comes from the hash of its label."""
        codes = block[:, self.group_col]
        effect = self.model.tau * _normal(chance_of((-codes).view(np.uint64), self.salt))
        known = codes >= 0
        effect[known] = self.model.drawn_effects[codes[known].astype(np.int64)]
        wanted = by_row(block[:, self.predictors], self.model.drawn) + effect
        if self.scores is None:
            return wanted + self.model.sigma * _normal(chance)
        return self.cells[nearest_donors(self.scores, wanted, self.k, chance)]

    def expect(self, block):
        """Return the conditional mean of each row; a new group has the effect 0."""
        codes = block[:, self.group_col]
        effect, known = np.zeros(len(block)), codes >= 0
        effect[known] = self.model.effects[codes[known].astype(np.int64)]
        return by_row(block[:, self.predictors], self.model.estimate) + effect


class RandomIntercept:
    """Linear regression with a normal random intercept for each group.

    Parameters
    ----------
    donors : int or None
        Number of donors of predictive mean matching; None draws normal noise.

    References
    ----------
    van Buuren S. Multiple imputation of multilevel data. In: Hox JJ, Roberts JK, eds. Handbook of
    Advanced Multilevel Analysis. Routledge; 2011:173-196.
    """

    def __init__(self, donors=None):
        self.donors = donors

    @property
    def on_support(self):
        """Whether drawn cells are observed values."""
        return self.donors is not None

    def draw(self, chain, j, *, keep=False):
        """Return drawn cells and, when asked, the model for new rows."""
        predictors, codes = chain.plan.predictors[j], chain.groups.codes
        model = draw_intercepts(*self._sums(chain, j), chain.rng, chain.memory.get(j))
        chain.memory[j] = model
        group_col = chain.plan.columns[chain.plan.group].cols[0]
        base = (predictors, group_col, model, int(chain.rng.integers(2**31 - 1)))
        width = chain.Z.shape[1]
        wanted = chain.block @ place_coefficients(model.drawn, predictors, width)
        wanted += model.drawn_effects[codes[chain.missing_rows[j]]]
        if self.donors is None:
            noise = chain.rng.standard_normal(len(wanted))
            return wanted + model.sigma * noise, InterceptFitted(*base)
        known = chain.Z @ place_coefficients(model.estimate, predictors, width)
        known = (known + model.effects[codes])[chain.observed(j)]
        picked, scores, cells = sorted_donors(chain, j, known, wanted, self.donors, keep=keep)
        fitted = InterceptFitted(*base, scores, cells, self.donors) if keep else None
        return picked, fitted

    @staticmethod
    def _sums(chain, j):
        """Return sums over the observed rows: products, and by group counts, predictors, values."""
        used, codes = np.append(chain.plan.predictors[j], chain.plan.columns[j].cols), chain.groups
        moments, n_rows = moments_of(chain, used)
        own = codes.codes[chain.missing_rows[j]]
        n_groups = len(codes.counts)
        counts = codes.counts - np.bincount(own, minlength=n_groups)
        sums = codes.means(chain.Z[:, used]) * codes.counts[:, None]
        np.subtract.at(sums, own, chain.block[:, used])
        return moments, n_rows, counts, sums


def draw_intercepts(moments, n_rows, counts, sums, rng, before=None):
    """Draw a random-intercept model by Gibbs sampling on sums.

    Parameters
    ----------
    moments : ndarray of shape (n_predictors + 1, n_predictors + 1)
        Sums of products of predictors and, last, values over the observed rows.
    n_rows : int
        Observed rows.
    counts : ndarray of shape (n_groups,)
        Observed rows of each group.
    sums : ndarray of shape (n_groups, n_predictors + 1)
        Sums of predictors and values in each group.
    rng : numpy.random.Generator
        Where chance comes from.
    before : InterceptDraw, optional
        Draw of the round before, from which the sampler goes on.

    Returns
    -------
    InterceptDraw
    """
    gram, cross, total = moments[:-1, :-1], moments[:-1, -1], moments[-1, -1]
    X, y = sums[:, :-1], sums[:, -1]
    root = root_of(gram)
    beta = solve_root(root, cross)
    least = 1e-12 * max(total, 1e-300) / max(n_rows, 1)
    if before is None:
        left = max(total - cross @ beta, 0.0) / max(n_rows, 1)
        sigma2, tau2, effects = max(left / 2, least), max(left / 2, least), np.zeros(len(y))
    else:
        sigma2, tau2, effects = before.sigma**2, before.tau**2, before.drawn_effects
    steps = FIRST_STEPS if before is None else LATER_STEPS
    draws = []
    for _ in range(steps):
        middle = solve_root(root, cross - X.T @ effects)
        beta = middle + np.sqrt(sigma2) * spread_noise(root, rng.standard_normal(len(beta)))
        residual = y - X @ beta
        precision = counts / sigma2 + 1 / tau2
        centre = residual / sigma2 / precision
        effects = centre + rng.standard_normal(len(y)) / np.sqrt(precision)
        tau2 = max(effects @ effects / rng.chisquare(max(len(y) - 1, 1)), least)
        left = total - 2 * cross @ beta + beta @ gram @ beta
        left += -2 * effects @ residual + counts @ effects**2
        sigma2 = max(left / rng.chisquare(max(n_rows, 1)), least)
        draws.append((middle, centre))
    later = draws[len(draws) // 2 :]
    estimate, expected = (np.mean([pair[part] for pair in later], axis=0) for part in (0, 1))
    return InterceptDraw(
        estimate, beta, expected, effects, float(np.sqrt(sigma2)), float(np.sqrt(tau2))
    )


def _normal(chance):
    return ndtri(np.clip(chance, 1e-12, 1 - 1e-12))
