"""Draws of level probabilities: binary, nominal and ordered logistic regression with a posterior.

mice draws levels of nominal and ordered columns from the fitted probabilities alone; here the
coefficients are drawn too, so that the uncertainty about them reaches the imputations.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.special import expit, softmax

from healthml.imputation._linear_draws import by_row

STEPS, TOLERANCE = 25, 1e-6


@dataclass(frozen=True)
class LevelDraw:
    """One draw of a logistic regression: how a linear predictor becomes level probabilities.

    Parameters
    ----------
    kind : {"nominal", "ordered"}
        Multinomial (binary with two levels) or proportional odds.
    estimate, drawn : ndarray
        Coefficients by maximum likelihood and drawn from their posterior: (n_predictors,
        n_levels - 1) for nominal, thresholds followed by slopes for ordered.
    n_levels : int
        Number of levels.
    converged : bool
        Whether the likelihood has reached its maximum.
    """

    kind: str
    estimate: np.ndarray
    drawn: np.ndarray
    n_levels: int
    converged: bool

    def probabilities(self, X, *, drawn=True):
        """Return the probability of each level for rows of predictors (intercept first)."""
        coef = self.drawn if drawn else self.estimate
        if self.kind == "nominal":
            line = np.stack([by_row(X, one) for one in coef.T], axis=1)
            return softmax(np.column_stack([np.zeros(len(X)), line]), axis=1)
        return _ordered_probabilities(X[:, 1:], coef, self.n_levels)


def augment(X, codes, n_levels):
    """Add a few weighted rows so that perfect prediction does no harm (White et al. 2010).

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_predictors)
        Predictors, intercept first.
    codes : ndarray of int
        Level of each row.
    n_levels : int
        Number of levels.

    Returns
    -------
    X, codes, weights

    References
    ----------
    White IR, Daniel R, Royston P. Avoiding bias due to perfect prediction in multiple imputation
    of incomplete categorical variables. Comput Stat Data Anal 2010;54:2267-2275.
    """
    p = X.shape[1] - 1
    if p == 0:
        return X, codes, np.ones(len(X))
    own = X[:, 1:]
    middle, spread = own.mean(axis=0), own.std(axis=0, ddof=1)
    rows = np.tile(middle, (p, n_levels, 2, 1))
    for sign, place in ((0.5, 0), (-0.5, 1)):
        rows[np.arange(p), :, place, np.arange(p)] += (sign * spread)[:, None]
    rows = np.clip(rows, own.min(axis=0), own.max(axis=0)).reshape(-1, p)
    level = np.tile(np.repeat(np.arange(n_levels), 2), p)
    weight = np.full(len(rows), (p + 1) / len(rows))
    more = np.column_stack([np.ones(len(rows)), rows])
    return (
        np.vstack([X, more]),
        np.concatenate([codes, level]),
        np.concatenate([np.ones(len(X)), weight]),
    )


def draw_nominal(X, codes, n_levels, rng, start=None):
    """Draw the coefficients of a multinomial logistic regression.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_predictors)
        Predictors of the rows with an observed level, intercept first.
    codes : ndarray of int
        Observed levels.
    n_levels : int
        Number of levels, two or more.
    rng : numpy.random.Generator
        Where chance comes from.
    start : ndarray, optional
        Coefficients to begin with, those of the round before.

    Returns
    -------
    LevelDraw
    """
    X, codes, weight = augment(X, codes, n_levels)
    k, p = n_levels - 1, X.shape[1]
    coef = np.zeros((p, k)) if start is None or start.shape != (p, k) else start.copy()
    one_hot = weight[:, None] * (codes[:, None] == np.arange(1, n_levels))
    rows = np.arange(len(X)), codes
    score, share = _nominal_state(X, rows, weight, coef)
    converged = False
    for _ in range(STEPS):
        slope = X.T @ (one_hot - weight[:, None] * share)
        root = _root(_nominal_information(X, share, weight))
        step = cho_solve((root, True), slope.T.ravel()).reshape(k, p).T
        coef, (score, share), moved = _line_search(
            lambda c: _nominal_state(X, rows, weight, c), coef, step, (score, share)
        )
        if moved < TOLERANCE:
            converged = True
            break
    noise = solve_triangular(root, rng.standard_normal(p * k), lower=True, trans="T")
    return LevelDraw("nominal", coef, coef + noise.reshape(k, p).T, n_levels, converged)


def draw_ordered(X, codes, n_levels, rng, start=None):
    """Draw thresholds and slopes of a proportional-odds model; see `draw_nominal`."""
    X, codes, weight = augment(X, codes, n_levels)
    own, k = X[:, 1:], n_levels - 1
    size = k + own.shape[1]
    if start is None or start.shape != (size,):
        below = np.cumsum(np.bincount(codes, weights=weight, minlength=n_levels))[:-1]
        share = np.clip(below / weight.sum(), 1e-4, 1 - 1e-4)
        start = np.concatenate([np.log(share / (1 - share)), np.zeros(own.shape[1])])
    coef = start.copy()
    score = (_ordered_loss(own, codes, weight, coef, n_levels),)
    converged = False
    for _ in range(STEPS):
        slope, information = _ordered_moments(own, codes, weight, coef, n_levels)
        root = _root(information)
        step = cho_solve((root, True), slope)
        coef, score, moved = _line_search(
            lambda c: (_ordered_loss(own, codes, weight, c, n_levels),), coef, step, score
        )
        if moved < TOLERANCE:
            converged = True
            break
    drawn = coef + solve_triangular(root, rng.standard_normal(size), lower=True, trans="T")
    drawn[:k] = np.sort(drawn[:k])
    return LevelDraw("ordered", coef, drawn, n_levels, converged)


def pick_levels(probabilities, chance):
    """Return one level per row, picked with its probability by a uniform number.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._logistic_draws import pick_levels
    >>> pick_levels(np.array([[0.2, 0.5, 0.3]] * 3), np.array([0.1, 0.3, 0.9])).tolist()
    [0, 1, 2]
    """
    edges = np.cumsum(probabilities[:, :-1], axis=1)
    return (chance[:, None] >= edges).sum(axis=1)


def _nominal_information(X, share, weight):
    k, p = share.shape[1], X.shape[1]
    found = np.empty((k, p, k, p))
    for a in range(k):
        for b in range(a, k):
            curve = weight * share[:, a] * ((a == b) - share[:, b])
            found[a, :, b] = (X * curve[:, None]).T @ X
            found[b, :, a] = found[a, :, b].T
    return found.reshape(k * p, k * p)


def _nominal_state(X, rows, weight, coef):
    """Return the loss, and the probabilities of all levels but the first."""
    line = np.zeros((len(X), coef.shape[1] + 1))
    line[:, 1:] = X @ coef
    line -= line.max(axis=1)[:, None]
    odds = np.exp(line)
    total = odds.sum(axis=1)
    return -weight @ (line[rows] - np.log(total)), odds[:, 1:] / total[:, None]


def _line_search(state, coef, step, before):
    """Return the new place, its state and how far the loss fell, halving the step where it rose.

    The state is a tuple that begins with the loss.
    """
    size, score = 1.0, before[0]
    for _ in range(12):
        tried = coef + size * step
        new = state(tried)
        if np.isfinite(new[0]) and new[0] <= score + 1e-10 * abs(score):
            return tried, new, abs(score - new[0]) / (abs(score) + 1)
        size /= 2
    return coef, before, 0.0


def _root(information):
    """Return the Cholesky root, the diagonal raised a little where that is needed."""
    diagonal = np.einsum("ii->i", information)
    lift = 1e-8
    while True:
        try:
            raised = information + np.diag(lift * np.maximum(diagonal, 1e-6 * diagonal.max()))
            return cholesky(raised, lower=True, check_finite=False)
        except LinAlgError:
            lift *= 100


def _ordered_edges(own, coef, n_levels):
    k = n_levels - 1
    line = by_row(own, coef[k:])
    inner = expit(coef[:k][None, :] - line[:, None])
    return np.column_stack([np.zeros(len(own)), inner, np.ones(len(own))])


def _ordered_probabilities(own, coef, n_levels):
    return np.maximum(np.diff(_ordered_edges(own, coef, n_levels), axis=1), 1e-12)


def _ordered_loss(own, codes, weight, coef, n_levels):
    if (np.diff(coef[: n_levels - 1]) <= 0).any():
        return np.inf
    share = _ordered_probabilities(own, coef, n_levels)
    return -weight @ np.log(share[np.arange(len(own)), codes])


def _ordered_moments(own, codes, weight, coef, n_levels):
    """Return the score vector and the expected information."""
    edges, k = _ordered_edges(own, coef, n_levels), n_levels - 1
    dens = edges * (1 - edges)
    share = np.maximum(np.diff(edges, axis=1), 1e-12)
    row = np.arange(len(own))
    p_own = share[row, codes]
    upper, lower = dens[row, codes + 1] / p_own, dens[row, codes] / p_own
    slope = np.zeros(k + own.shape[1])
    for j in range(k):
        slope[j] = weight @ (upper * (codes == j) - lower * (codes == j + 1))
    slope[k:] = own.T @ (-weight * (upper - lower))
    return slope, _ordered_information(own, weight, dens, share, k)


def _ordered_information(own, weight, dens, share, k):
    information = np.zeros((k + own.shape[1],) * 2)
    change = np.diff(dens, axis=1)
    for j in range(k):
        g = dens[:, j + 1]
        information[j, j] = weight @ (g**2 * (1 / share[:, j] + 1 / share[:, j + 1]))
        if j + 1 < k:
            both = -weight @ (g * dens[:, j + 2] / share[:, j + 1])
            information[j, j + 1] = information[j + 1, j] = both
        mixed = g * (change[:, j + 1] / share[:, j + 1] - change[:, j] / share[:, j])
        information[j, k:] = information[k:, j] = own.T @ (weight * mixed)
    curve = weight * (change**2 / share).sum(axis=1)
    information[k:, k:] = (own * curve[:, None]).T @ own
    return information
