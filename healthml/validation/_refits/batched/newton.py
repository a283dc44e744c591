"""Many logistic regressions on one table at once: Newton's method over all resamples together."""

from dataclasses import dataclass

import numpy as np

from healthml.validation._refits.batched.newton_sums import Sums, chunks, dots

# Rows with something else than 0 above which a bootstrap resample never lacks them all: the chance
# is exp(-40). Such columns need not be looked at.
_RARE = 40

# Variance inflation at which a column counts as a combination of others: the resample goes to
# scikit-learn, whose answer then depends on its solver. Smaller sends sound fits there (slower).
_COLLINEAR = 1e5

# A step whose end has this share of the slope at its start, downhill, went too far and is halved.
# Newton steps near the optimum have about 0, so that the value decides little.
_OVERSHOOT = 0.9

# Steps must shrink tenfold for an old matrix to be kept; and the factor by which the next step is
# foreseen is never taken to be below 1/1000. Only the number of steps depends on them.
_SLOW, _SURE = 0.1, 1e-3

# Steps after which resamples that have not ended are looked at for separation. Sound fits end in
# about six; earlier costs a look at each of them, later wastes steps on the separated ones.
_PATIENCE = 7

# Steps in single precision, and how long the next one must be for it: what decides the last digits
# is always in double precision.
_EARLY, _ROUGH = 2, 1e-5


@dataclass(frozen=True)
class BatchedFit:
    """Logistic regressions of all resamples; made by `fit_batched`.

    Parameters
    ----------
    coef : ndarray of shape (n_resamples, p + 1)
        Coefficients on the scale of the data, the intercept first.
    converged : ndarray of bool
        Whether the last step was within the tolerance; coefficients of the others are only where
        the search stopped.
    separated : ndarray of bool
        Whether a combination of the columns orders the outcomes of the resample without overlap,
        so that no maximum-likelihood estimate exists.
    n_iter : ndarray of int
        Steps taken.
    """

    coef: np.ndarray
    converged: np.ndarray
    separated: np.ndarray
    n_iter: np.ndarray


def fit_batched(X, y, counts, *, C=np.inf, scaled=False, weight=None, max_iter=40, tol=1e-9):
    """Fit a logistic regression in every resample.

    Minimises ``C * sum of log losses + sum(coef ** 2) / 2`` with a free intercept, as scikit-learn
    does. Rows drawn k times count k times.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns without the intercept.
    y : ndarray of shape (n,)
        Outcome 0/1.
    counts : ndarray of shape (n_resamples, n)
        How often each resample has each row.
    C : float, default=inf
        Inverse strength of the penalty; infinite for none.
    scaled : bool, default=False
        Penalise coefficients of columns that are standardised in each resample.
    weight : ndarray of shape (n,), optional
        Weights of the rows in the loss (not in the standardisation).
    max_iter : int, default=40
        Largest number of steps.
    tol : float, default=1e-9
        The search of a resample ends when the step to come, as steps shrink, is below this in
        standard deviations of the columns.

    Returns
    -------
    BatchedFit

    Notes
    -----
    The first step of all resamples uses one matrix of second derivatives, that of the fit to all
    rows; then each resample has its own, renewed only where the steps do not shrink tenfold. All
    matrices of a block are one product ``counts * p * (1 - p)`` by the products of pairs of
    columns. A step beyond which the likelihood falls steeply is halved.

    Examples
    --------
    >>> X, y = np.array([[0.1], [0.4], [0.5], [0.9]]), np.array([0, 1, 0, 1])
    >>> fit = fit_batched(X, y, np.array([[1, 1, 1, 1], [2, 2, 2, 2]]))
    >>> fit.coef.round(3).tolist(), fit.converged.tolist()
    ([[-2.934, 6.366], [-2.934, 6.366]], [True, True])
    """
    counts = np.atleast_2d(counts)
    centre, spread = X.mean(axis=0), X.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    table = np.column_stack([np.ones(len(X)), (X - centre) / spread])
    penalty = _penalties(table, counts, C, scaled, spread)
    if np.isinf(C):
        penalty[:, 1:] += _absent(X, counts)
    once = np.ones((1, len(X)), dtype=np.int8)
    usual = np.median(penalty, axis=0)[None]
    ridge = np.isfinite(C)
    whole = _Search(table, y, once, weight, usual, ridge).run(max_iter, tol)
    start = whole if whole.converged[0] else None
    search = _Search(table, y, counts, weight, penalty, ridge, start)
    fit = search.run(max_iter, tol)
    slope = fit.coef[:, 1:] / spread
    coef = np.column_stack([fit.coef[:, 0] - slope @ centre, slope])
    return BatchedFit(coef, fit.converged, fit.separated, fit.n_iter)


def risks_of(X, coef):
    """Return the risks of all rows under all fits, shape (n_resamples, n).

    Examples
    --------
    >>> risks_of(np.array([[0.0], [1.0]]), np.array([[0.0, 1.0]])).round(3).tolist()
    [[0.5, 0.731]]
    """
    risk = coef[:, 1:] @ X.T
    risk += coef[:, :1]
    with np.errstate(over="ignore"):
        np.exp(np.negative(risk, out=risk), out=risk)
    risk += 1.0
    return np.reciprocal(risk, out=risk)


def _penalties(table, counts, C, scaled, spread):
    """Return the penalty of each resample's coefficients on the scale of the common table."""
    penalty = np.zeros((len(counts), table.shape[1]))
    if np.isfinite(C):
        penalty[:, 1:] = 1 / (C * spread**2)
        if scaled:
            variance = _variances(table[:, 1:], counts)
            penalty[:, 1:] = np.where(variance > 1e-14, variance / C, penalty[:, 1:])
    return penalty


def _absent(X, counts):
    """Mark columns that are 0 in all rows of a resample: rare findings that nobody drawn has.

    Their coefficient is free; it is held at 0, where scikit-learn's solvers start and stay.
    """
    absent = np.zeros((len(counts), X.shape[1]))
    rare = np.flatnonzero(np.count_nonzero(X, axis=0) <= _RARE)
    some = np.flatnonzero(X[:, rare].any(axis=1))
    if len(some):
        absent[:, rare] = counts[:, some].astype(float) @ (X[np.ix_(some, rare)] != 0) == 0
    return absent


def _variances(columns, counts):
    first, second = np.zeros((2, len(counts), columns.shape[1]))
    for rows in chunks(len(columns), len(counts)):
        part = counts[:, rows].astype(float)
        first += part @ columns[rows]
        second += part @ columns[rows] ** 2
    total = counts.sum(axis=1, dtype=float)[:, None]
    return np.maximum(second / total - (first / total) ** 2, 0.0)


class _Search:
    """State of Newton's method for all resamples, on standardised columns."""

    def __init__(self, table, y, counts, weight, penalty, ridge, start=None):
        self.ridge = ridge
        n_fits, width = penalty.shape
        self.coef, self.step = np.zeros((2, n_fits, width))
        begin = self.coef[0] if start is None else start.coef[0]
        self.sums = Sums(table, y, counts, weight, penalty, begin)
        self.inverse = np.empty((n_fits, width, width))
        self.rise, self.size = np.zeros(n_fits), np.full(n_fits, np.inf)
        self.ahead = np.full(n_fits, np.inf)
        self.n_iter = np.zeros(n_fits, dtype=int)
        self.converged, self.separated, self.lost = np.zeros((3, n_fits), dtype=bool)
        self.stale, self.exact = np.ones((2, n_fits), dtype=bool)
        if start is not None:
            share = self.sums.total / start.sums.total
            self.coef[:] = start.coef
            self.inverse[:] = start.inverse / share[:, None, None]
            self.stale[:] = False
        self.warm = start is not None

    def run(self, max_iter, tol):
        active = np.arange(len(self.coef))
        for iteration in range(max_iter):
            gradient, over = self._gradients(active)
            self._halve_step(active[over])
            self._take_step(active[~over], gradient[~over], tol)
            self.n_iter[active] += 1
            if iteration == 0 and self.warm:
                self.stale[:] = True
            if iteration >= _PATIENCE and not self.ridge:
                self._find_separated(active)
            active = np.flatnonzero(~(self.converged | self.separated | self.lost))
            if not len(active):
                break
        return self

    def _gradients(self, active):
        """Return gradients and where the last step went too far; renew stale matrices elsewhere.

        A step went too far if the likelihood falls steeply at its end.
        """
        stale = self.stale[active]
        gradient, hessian = self._derivatives(active, stale)
        over = ~(dots(gradient, self.step[active]) >= -_OVERSHOOT * self.rise[active])
        renewed = active[stale & ~over]
        inverse, sound = _inverses(hessian[~over[stale]])
        self.inverse[renewed] = inverse
        self.lost[renewed] |= ~sound
        self.stale[renewed] = False
        return gradient, over

    def _derivatives(self, active, stale):
        """Return gradients, and matrices of the stale fits.

        Where resamples begin the gradients are one sum. The next two steps are in single precision
        where they are long enough; what decides the answer is in double precision.
        """
        if not self.n_iter[active[0]] and not stale.any():
            return self.sums.begin(), np.empty((0, *self.inverse.shape[1:]))
        early = (self.n_iter[active] > 0) & (self.n_iter[active] <= _EARLY)
        rough = early & (self.ahead[active] > _ROUGH)
        self.exact[active] = ~rough
        gradient = np.empty((len(active), self.coef.shape[1]))
        hessian = np.empty((stale.sum(), *self.inverse.shape[1:]))
        for part, dtype in ((rough, np.float32), (~rough, float)):
            if part.any():
                own = active[part]
                derivatives = self.sums.at(self.coef[own], own, stale[part], dtype)
                gradient[part], hessian[part[stale]] = derivatives
        return gradient, hessian

    def _halve_step(self, fits):
        """Take half of the last step back."""
        self.step[fits] /= 2
        self.rise[fits] /= 2
        self.coef[fits] -= self.step[fits]
        self.stale[fits] = True

    def _take_step(self, fits, gradient, tol):
        """Take the next step."""
        step = (self.inverse[fits] @ gradient[:, :, None])[:, :, 0]
        size = np.abs(step).max(axis=1)
        shrunk = np.clip(size / self.size[fits], _SURE, 1.0)
        self.stale[fits] = shrunk > _SLOW
        self.step[fits], self.rise[fits], self.size[fits] = step, dots(gradient, step), size
        self.coef[fits] += step
        ahead = np.where(np.isfinite(shrunk) & (self.n_iter[fits] > 0), size * shrunk, size)
        self.ahead[fits] = ahead
        self.converged[fits] = (ahead <= tol) & self.exact[fits] & ~self.lost[fits]

    def _find_separated(self, active):
        for fit in active[~self.converged[active]]:
            directions = np.array([self.step[fit], self.coef[fit]])
            self.separated[fit] = self.sums.separates(fit, directions)


def _inverses(matrices):
    """Return the inverses and whether each is sound: no column a combination of others."""
    try:
        inverse = np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(matrices, hermitian=True)
    diagonals = np.einsum("bii->bi", matrices) * np.einsum("bii->bi", inverse)
    sound = np.isfinite(diagonals).all(axis=1) & (diagonals < _COLLINEAR).all(axis=1)
    return inverse, sound & (diagonals > 0).all(axis=1)
