"""Where scikit-learn's solver stops in separated resamples, which have no optimum to stop at."""

import numpy as np
from scipy.optimize import minimize


def follow_lbfgs(X, y, weight, *, max_iter, tol):
    """Take the steps of scikit-learn's "lbfgs" in an unpenalised logistic regression.

    In separated outcomes coefficients grow without end, and what a fit gives is where its solver
    stopped. The loss, the start, the line search and the rules for stopping are scikit-learn's;
    rows drawn repeatedly are one row with a weight, and nothing is checked, which is most of the
    time of a small fit.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns as the solver sees them.
    y : ndarray of shape (n,)
        Outcome 0/1.
    weight : ndarray of shape (n,)
        Weight of each row; rows of weight 0 take no part.
    max_iter : int
        Largest number of steps.
    tol : float
        Largest derivative at which it stops.

    Returns
    -------
    coef : ndarray of shape (p + 1,)
        Coefficients, the intercept first.
    converged : bool
        False where it stopped after `max_iter` steps or in a line search.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> coef, converged = follow_lbfgs(X, y, np.ones(4), max_iter=100, tol=1e-4)
    >>> bool(coef[1] > 10), converged
    (True, True)
    """
    used = weight > 0
    share = weight[used] / weight.sum()
    wrong = np.column_stack([X[used], np.ones(used.sum())]) * (1.0 - 2.0 * y[used])[:, None]
    found = minimize(
        _loss,
        np.zeros(wrong.shape[1]),
        (wrong, share),
        method="L-BFGS-B",
        jac=True,
        options={"maxiter": max_iter, "maxls": 50, "gtol": tol, "ftol": 64 * np.finfo(float).eps},
    )
    return np.roll(found.x, 1), bool(found.status == 0)


def _loss(coef, wrong, share):
    """Return the mean log loss and its derivatives."""
    odds = wrong @ coef
    fall = np.exp(-np.abs(odds))
    loss = np.maximum(odds, 0) + np.log1p(fall)
    risk = np.where(odds > 0, 1.0, fall) / (1 + fall)
    return share @ loss, (share * risk) @ wrong
