"""Small numerical pieces: logit and expit, logistic regression, variance over patients."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special
from scipy.special import expit

from healthml.exceptions import InputError

__all__ = [
    "MEDIAN_ERROR",
    "NORMAL_HALF_WIDTH",
    "NORMAL_IQR",
    "NORMAL_Q90",
    "SD_BY_MAD",
    "LogisticFit",
    "cluster_variance",
    "expit",
    "fit_logistic",
    "logit",
    "median_and_spread",
]

# Mathematics of the normal distribution of standard deviation 1, to the digits written; nothing
# here is calibrated.
NORMAL_IQR = 1.349  # distance between its quartiles
NORMAL_Q90 = 1.2815515655  # its 90% quantile
NORMAL_HALF_WIDTH = 1.1774  # half of its width at half of its height
MEDIAN_ERROR = 1.2533  # standard error of its median, in standard errors of its mean
SD_BY_MAD = 1.4826  # its standard deviation, in median absolute deviations


def logit(p, eps=1e-8):
    """Return the log odds of probabilities pulled to at least `eps` from 0 and 1.

    Parameters
    ----------
    p : array-like of float
        Probabilities.
    eps : float, default=1e-8
        Smallest distance from 0 and 1; 0 allows infinite log odds.

    Returns
    -------
    ndarray or float

    Examples
    --------
    >>> logit([0.5, 0.0], eps=0.01).round(3).tolist()
    [0.0, -4.595]
    """
    return special.logit(np.clip(np.asarray(p, dtype=float), eps, 1 - eps))


def median_and_spread(values):
    """Return the median, and the standard deviation of a normal distribution with such quartiles.

    Examples
    --------
    >>> from healthml._core._numerics import median_and_spread
    >>> [round(float(x), 2) for x in median_and_spread([1.0, 2.0, 3.0, 4.0, 999.0])]
    [3.0, 1.48]
    """
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return middle, (high - low) / NORMAL_IQR


@dataclass(frozen=True)
class LogisticFit:
    """Maximum-likelihood logistic regression; made by `fit_logistic`.

    Parameters
    ----------
    coef : ndarray of shape (k,)
        Coefficients on the scale of the data, the intercept first when there is one.
    covariance : ndarray of shape (k, k)
        Inverse of the (penalised) observed information.
    converged : bool
        Whether the last step was within the tolerance.
    separated : bool
        Whether a linear combination of the columns orders the outcomes without overlap; the
        maximum-likelihood estimate is then infinite and `coef` is only where the search stopped.
    n_iter : int
        Newton steps taken.
    log_likelihood : float
        Log-likelihood at `coef`, without the penalty.
    """

    coef: np.ndarray
    covariance: np.ndarray
    converged: bool
    separated: bool
    n_iter: int
    log_likelihood: float


def fit_logistic(
    X, y, *, offset=None, weight=None, ridge=0.0, add_intercept=True, max_iter=50, tol=1e-10
):
    """Fit a logistic regression by Newton's method.

    The same coefficients and covariance as R's ``glm(y ~ X, binomial, weights, offset)``.

    Parameters
    ----------
    X : array-like of shape (n, k) or (n,), or None
        Columns without the intercept; None fits the intercept alone.
    y : array-like of shape (n,)
        Outcome 0/1, or a share of events between 0 and 1 (with `weight` its number of trials).
    offset : array-like of shape (n,), optional
        Part of the log odds that is not estimated.
    weight : array-like of shape (n,), optional
        Non-negative weights of the rows.
    ridge : float, default=0.0
        Penalty ``ridge / 2 * sum(coef ** 2)`` on the scale of the data; never on the intercept
        that this function adds.
    add_intercept : bool, default=True
        Whether to estimate an intercept; it comes first in `coef`.
    max_iter : int, default=50
        Largest number of Newton steps.
    tol : float, default=1e-10
        A step smaller than this (in standard deviations of the columns) ends the search.

    Returns
    -------
    LogisticFit

    Raises
    ------
    InputError
        If lengths differ, a number is missing or infinite, or a column is constant or a
        combination of others and `ridge` is 0.

    Notes
    -----
    Columns are centred and scaled inside, so that dates or platelets do no harm, and a step is
    halved while it lowers the likelihood. Separation is reported only with a certificate: a
    direction along which no row's likelihood falls and some rise.

    Examples
    --------
    >>> fit = fit_logistic([0.1, 0.4, 0.5, 0.9], [0, 1, 0, 1])
    >>> fit.converged, fit.separated, fit.coef.round(3).tolist()
    (True, False, [-2.934, 6.366])
    """
    X, y, offset, weight = _check_rows(X, y, offset, weight)
    scaled, back = _standardise(X, weight, add_intercept)
    penalised = np.arange(len(back)) >= add_intercept
    penalty = ridge * back.T @ (penalised[:, None] * back)
    _refuse_dependent(scaled, weight, penalty, add_intercept)
    problem = _Problem(scaled, y, offset, weight, penalty)
    beta, converged, separated, n_iter = _newton(problem, add_intercept, max_iter, tol)
    covariance = back @ _inverse(problem.hessian(beta)) @ back.T
    return LogisticFit(
        back @ beta, covariance, converged, separated, n_iter, problem.log_likelihood(beta)
    )


def cluster_variance(influence, groups=None):
    """Return the variance of an estimate from its influence values, patient by patient.

    The influence values of a patient's rows are added up first, so rows of one patient may depend
    on each other in any way: ``G / (G - 1) * sum over patients of (sum of influence) ** 2``.

    Parameters
    ----------
    influence : array-like of shape (n,) or (n, k)
        Contribution of each row to the estimate's error, so that their sum approximates
        ``estimate - truth`` (divide influence functions by n before). They sum to about 0.
    groups : array-like of shape (n,), optional
        Patient of each row; None takes every row as a patient of its own.

    Returns
    -------
    float or ndarray of shape (k, k)
        Variance, or covariance matrix for several estimates; missing with fewer than 2 patients.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 6.0])
    >>> round(cluster_variance((x - x.mean()) / 3), 4)  # variance of the mean
    2.3333
    """
    values = np.asarray(influence, dtype=float)
    sums = values.reshape(len(values), -1)
    if groups is not None:
        codes = _codes(np.asarray(groups))
        if len(codes) != len(values):
            raise InputError(
                f"groups has {len(codes)} rows and influence {len(values)}; pass one patient a row."
            )
        own = np.bincount(codes) > 0
        sums = np.column_stack([np.bincount(codes, column)[own] for column in sums.T])
    n_groups = len(sums)
    factor = n_groups / (n_groups - 1) if n_groups > 1 else np.nan
    covariance = factor * sums.T @ sums
    return float(covariance[0, 0]) if values.ndim == 1 else covariance


# Times the number of rows up to which integer groups are counted as they are. Larger ones would
# fill memory with empty counts; only speed and memory depend on it.
_DENSE = 4


def _codes(groups):
    """Return small integers for groups, as they are when they already are small integers."""
    small = groups.dtype.kind in "iu" and groups.size and groups.min() >= 0
    if small and groups.max() < _DENSE * len(groups):
        return groups.ravel()
    return np.unique(groups, return_inverse=True)[1].ravel()


@dataclass(frozen=True)
class _Problem:
    """Penalised log-likelihood of a logistic regression on scaled columns."""

    X: np.ndarray
    y: np.ndarray
    offset: np.ndarray
    weight: np.ndarray
    penalty: np.ndarray

    def log_likelihood(self, beta):
        eta = self.offset + self.X @ beta
        return float(self.weight @ (self.y * eta - np.logaddexp(0, eta)))

    def objective(self, beta):
        return self.log_likelihood(beta) - beta @ self.penalty @ beta / 2

    def gradient(self, beta):
        residual = self.weight * (self.y - expit(self.offset + self.X @ beta))
        return self.X.T @ residual - self.penalty @ beta

    def hessian(self, beta):
        p = expit(self.offset + self.X @ beta)
        return self.X.T @ ((self.weight * p * (1 - p))[:, None] * self.X) + self.penalty

    def separates(self, direction):
        """Whether no row's likelihood falls along a direction and some row's rises."""
        move = (self.X @ direction)[self.weight > 0]
        y = self.y[self.weight > 0]
        slack = 1e-6 * np.abs(move).max(initial=0.0)
        mixed = (y > 0) & (y < 1)
        wrong = np.where(mixed, np.abs(move), (1 - 2 * y) * move)
        return bool(slack > 1e-8 and wrong.max() <= slack and not self.penalty.any())


def _newton(problem, add_intercept, max_iter, tol):
    """Return the coefficients, whether they converged, whether rows separate, steps taken."""
    beta, value = _start(problem, add_intercept)
    step = np.zeros_like(beta)
    for n_iter in range(1, max_iter + 1):
        try:
            step = _newton_step(problem, beta)
        except linalg.LinAlgError:
            break
        beta, value = _uphill(problem, beta, step, value)
        if np.abs(step).max(initial=0.0) <= tol * (1 + np.abs(beta).max(initial=0.0)):
            return beta, True, False, n_iter
        if n_iter > 10 and problem.separates(step):
            break
    return beta, False, problem.separates(step), n_iter


def _start(problem, add_intercept):
    """Return 0, or the intercept that takes the mean offset away, whichever is likelier.

    With offsets around 20 every risk at 0 is 1: the likelihood has no curvature to step by.
    """
    beta = np.zeros(problem.X.shape[1])
    value = problem.objective(beta)
    share = np.average(problem.y, weights=problem.weight)
    if add_intercept and 0 < share < 1:
        moved = beta.copy()
        moved[0] = special.logit(share) - np.average(problem.offset, weights=problem.weight)
        reached = problem.objective(moved)
        if problem.offset.any() and reached > value:
            return moved, reached
    return beta, value


def _newton_step(problem, beta):
    factor = linalg.cho_factor(problem.hessian(beta), check_finite=False)
    return linalg.cho_solve(factor, problem.gradient(beta), check_finite=False)


def _uphill(problem, beta, step, value):
    """Take the step; where it lowers the objective, the half of a half ... that raises it most.

    The objective is concave, so it rises and then falls along the step. To stop at the first half
    that is no loss would leave the search on the far side of the top, where it jumps back again.
    """
    allowed = value - 1e-11 * (1 + abs(value))
    best, top = beta, value
    for halving in range(40):
        candidate = beta + step / 2**halving
        reached = problem.objective(candidate)
        if reached < allowed:
            continue
        if halving == 0:
            return candidate, reached
        if reached <= top:
            break
        best, top = candidate, reached
    return best, top


def _inverse(hessian):
    try:
        factor = linalg.cho_factor(hessian)
    except linalg.LinAlgError:
        return np.full_like(hessian, np.nan)
    return linalg.cho_solve(factor, np.eye(len(hessian)))


def _check_rows(X, y, offset, weight):
    y = np.asarray(y, dtype=float)
    n = len(y)
    X = np.empty((n, 0)) if X is None else np.asarray(X, dtype=float)
    X = X[:, None] if X.ndim == 1 else X
    offset = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    weight = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    for name, values in {"X": X, "y": y, "offset": offset, "weight": weight}.items():
        if len(values) != n:
            raise InputError(f"{name} has {len(values)} rows and y has {n}; pass the same rows.")
        if not np.isfinite(values).all():
            n_bad = int((~np.isfinite(values)).sum())
            raise InputError(f"{name} has {n_bad} missing or infinite numbers; impute them first.")
    if (weight < 0).any() or not weight.any():
        raise InputError("weight must be 0 or more in every row and above 0 in some.")
    if y.min() < 0 or y.max() > 1:
        raise InputError("y must be 0 or 1, or a share of events between; code the event as 1.")
    return X, y, offset, weight


def _standardise(X, weight, add_intercept):
    """Centre and scale the columns; the second answer maps coefficients back to the data."""
    centre = weight @ X / weight.sum() if add_intercept else np.zeros(X.shape[1])
    scale = np.sqrt(weight @ (X - centre) ** 2 / weight.sum())
    scale = np.where(scale > 1e-12 * (1e-300 + np.abs(X).max(axis=0, initial=0.0)), scale, 1.0)
    scaled, back = (X - centre) / scale, np.diag(1 / scale)
    if not add_intercept:
        return scaled, back
    back = np.block(
        [[np.ones((1, 1)), -(centre / scale)[None, :]], [np.zeros((len(scale), 1)), back]]
    )
    return np.column_stack([np.ones(len(X)), scaled]), back


def _refuse_dependent(scaled, weight, penalty, add_intercept):
    gram = scaled.T @ (weight[:, None] * scaled) / weight.sum() + penalty
    _, pivot, rank, _ = linalg.lapack.dpstrf(gram, tol=1e-11)
    if rank < len(gram):
        columns = sorted(int(p) - 1 - add_intercept for p in pivot[rank:])
        raise InputError(
            f"Columns of X at positions {columns} are constant or combinations of other columns; "
            "leave them out, or set ridge above 0."
        )
