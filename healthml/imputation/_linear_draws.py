"""Draws from a linear regression whose sums are kept up to date, and donors close in prediction."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

RIDGE = 1e-5


@dataclass(frozen=True)
class LinearDraw:
    """One draw of the parameters of a linear regression from its posterior.

    Parameters
    ----------
    estimate : ndarray of shape (n_predictors,)
        Least-squares coefficients.
    drawn : ndarray of shape (n_predictors,)
        Coefficients drawn from their posterior.
    sigma : float
        Residual standard deviation drawn from its posterior.
    """

    estimate: np.ndarray
    drawn: np.ndarray
    sigma: float


def draw_linear(gram, cross, total, n_rows, rng, ridge=RIDGE):
    """Draw coefficients and residual standard deviation (Rubin 1987, p. 167).

    Parameters
    ----------
    gram : ndarray of shape (n_predictors, n_predictors)
        Sums of products of the predictors over the rows with an observed value.
    cross : ndarray of shape (n_predictors,)
        Sums of products of predictors and values.
    total : float
        Sum of squares of the values.
    n_rows : int
        Number of rows with an observed value.
    rng : numpy.random.Generator
        Where chance comes from.
    ridge : float, default=1e-5
        Added to the diagonal, relative to it, so that collinear predictors do no harm.

    Returns
    -------
    LinearDraw
    """
    root = cholesky(gram + np.diag(ridge_of(gram, ridge)), lower=True, check_finite=False)
    estimate = cho_solve((root, True), cross, check_finite=False)
    left = total - 2 * cross @ estimate + estimate @ gram @ estimate
    df = max(n_rows - len(cross), 1)
    sigma = np.sqrt(max(left, 1e-12 * total) / rng.chisquare(df))
    noise = rng.standard_normal(len(cross))
    moved = solve_triangular(root, noise, lower=True, trans="T", check_finite=False)
    return LinearDraw(estimate, estimate + sigma * moved, float(sigma))


def ridge_of(gram, ridge=RIDGE):
    """Return what is added to the diagonal of sums of products."""
    diagonal = np.einsum("ii->i", gram)
    largest = diagonal.max() if len(diagonal) else 1.0
    return ridge * np.maximum(diagonal, 1e-8 * largest)


def nearest_donors(sorted_scores, wanted, k, chance):
    """Return the place of one of the k closest scores for each wanted score, picked by chance.

    Parameters
    ----------
    sorted_scores : ndarray of shape (n_donors,)
        Scores of the donors, ascending.
    wanted : ndarray of shape (n_wanted,)
        Scores of those who need a value.
    k : int
        Number of candidates.
    chance : ndarray of shape (n_wanted,)
        Uniform numbers in [0, 1).

    Returns
    -------
    ndarray of int
        Places in `sorted_scores`.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._linear_draws import nearest_donors
    >>> nearest_donors(np.array([0.0, 1.0, 2.0, 9.0]), np.array([1.4]), 2, np.array([0.9]))
    array([2])
    """
    n = len(sorted_scores)
    k = min(k, n)
    start = np.searchsorted(sorted_scores, wanted)
    low = np.clip(_among_equals(sorted_scores, wanted, start, k, chance), 0, n)
    high = low.copy()
    padded = np.concatenate([[-np.inf], sorted_scores, [np.inf]])
    for _ in range(k):
        left = wanted - padded[low] <= padded[high + 1] - wanted
        low -= left
        high += ~left
    return low + np.minimum((chance * k).astype(np.int64), k - 1)


def _among_equals(sorted_scores, wanted, start, k, chance):
    """Begin anywhere in a run of equal scores, so that all of them can be donors."""
    inside = np.minimum(start, len(sorted_scores) - 1)
    equal = np.flatnonzero(sorted_scores[inside] == wanted)
    if not len(equal):
        return start
    end = np.searchsorted(sorted_scores, wanted[equal], side="right")
    start = start.copy()
    spread = (chance[equal] * 7919.0) % 1.0
    start[equal] += (spread * (end - start[equal] + 1)).astype(np.int64)
    return start
