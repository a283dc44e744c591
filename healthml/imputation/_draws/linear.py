"""Draws from a linear regression whose sums are kept up to date, and donors close in prediction."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

# Added to the diagonal of the cross-products, as a share of it: mice's default in
# `mice.impute.norm` and `mice.impute.pmm`. It lets collinear columns be regressed; moved up,
# coefficients are shrunken.
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
    root = root_of(gram, ridge)
    estimate = solve_root(root, cross)
    left = total - 2 * cross @ estimate + estimate @ gram @ estimate
    df = max(n_rows - len(cross), 1)
    sigma = np.sqrt(max(left, 1e-12 * total) / rng.chisquare(df))
    moved = spread_noise(root, rng.standard_normal(len(cross)))
    return LinearDraw(estimate, estimate + sigma * moved, float(sigma))


def root_of(gram, ridge=RIDGE):
    """Return the lower Cholesky root of sums of products, the diagonal raised as far as needed.

    LAPACK is called directly: for small systems scipy's wrappers take longer than the sums.
    """
    while True:
        raised = gram.copy()
        np.einsum("ii->i", raised)[:] += ridge_of(gram, ridge)
        root, failed = dpotrf(raised, lower=1, clean=0, overwrite_a=1)
        if not failed:
            return root
        ridge *= 100


def solve_root(root, right):
    """Return the solution of a system whose Cholesky root is given."""
    return dpotrs(root, right, lower=1)[0]


def spread_noise(root, noise):
    """Return independent noise with the inverse of the system as its covariance."""
    return dtrtrs(root, noise, lower=1, trans=1)[0]


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
        Scores of the rows that need a value.
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
    >>> from healthml.imputation._draws.linear import nearest_donors
    >>> nearest_donors(np.array([0.0, 1.0, 2.0, 9.0]), np.array([1.4]), 2, np.array([0.9]))
    array([2])
    """
    k = min(k, len(sorted_scores))
    # the k nearest stand side by side, and the window moves right while its next score is nearer
    # than its first: until first + next >= twice what is wanted
    both = sorted_scores[: len(sorted_scores) - k] + sorted_scores[k:]
    low = np.searchsorted(both, 2 * wanted)
    nth = np.minimum((chance * k).astype(np.int64), k - 1)
    return _any_equal(sorted_scores, low + nth, chance * k - nth)


def _any_equal(sorted_scores, places, chance):
    """Return any place with the same score, so that equal donors are all as likely.

    With few different predictions all rows with the same one would else share k donors.
    """
    if len(sorted_scores) < 2:
        return places
    same = 1e-10 * max(sorted_scores[-1] - sorted_scores[0], np.finfo(float).tiny)
    ends = np.flatnonzero(np.diff(sorted_scores) > same) + 1
    if len(ends) == len(sorted_scores) - 1:
        return places
    edges = np.concatenate([[0], ends, [len(sorted_scores)]])
    run = np.searchsorted(edges, places, side="right") - 1
    size = edges[run + 1] - edges[run]
    return edges[run] + np.minimum((chance * size).astype(np.int64), size - 1)


def by_row(X, coef):
    """Return the sums over predictors, each row in the same order whatever its neighbours.

    BLAS and einsum add up in an order that depends on the number of rows.
    """
    return np.multiply(X, coef, order="C").sum(axis=1)
