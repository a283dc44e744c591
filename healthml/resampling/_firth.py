"""Logistic regression that stays finite and less biased where events are few."""

import warnings
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from healthml._core._checks import check_alignment, check_event
from healthml._core._numerics import expit, fit_logistic
from healthml._core._routing import clear_errors
from healthml.exceptions import ConvergenceWarning, OutcomeError

_LONGEST = 5.0  # largest step, in log odds a standard deviation, as in R's logistf
# Slope of the penalised likelihood that is still taken for its top when the steps creep. Chosen by
# judgement, not by simulation; smaller warns of fits that are right to four digits.
_FLAT = 1e-4
_RANK = 1e-7  # share of a column left beside earlier ones, below which it is their combination


@clear_errors
class FirthLogisticRegression(ClassifierMixin, BaseEstimator):
    """Logistic regression with Firth's penalty, its intercept corrected for prediction (FLIC).

    With few events maximum likelihood overstates effects, and gives none at all where a column
    separates the outcomes. Firth's penalty (Jeffreys' prior) takes the first-order bias away and is
    always finite [1]_, but pulls risks towards one half; refitting the intercept alone brings their
    mean back to the event rate [2]_. The reference for rare events, beside plain and ridge logistic
    regression, before anything is resampled.

    Parameters
    ----------
    intercept_correction : bool, default=True
        Refit the intercept by maximum likelihood, the coefficients held (FLIC). False is Firth's
        model itself, for inference on coefficients.
    max_iter : int, default=100
        Largest number of Newton steps.
    tol : float, default=1e-8
        Largest step, in standard deviations of the columns, that ends the search.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Log odds ratios; 0 for a column that is constant or a combination of earlier ones.
    intercept_ : ndarray of shape (1,)
        Intercept, corrected where asked.
    n_iter_ : int
        Newton steps taken.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    ValueError
        If X holds a missing or infinite cell, or something that is no number; from `fit`.
    OutcomeError
        If y has not two classes among the rows with a positive weight; from `fit`.

    Warns
    -----
    ConvergenceWarning
        If the search ends before the tolerance is reached.

    See Also
    --------
    ResampledClassifier : Fits on resampled rows and brings the risks back to the real prevalence.
    healthml.validation.ShrunkenClassifier : Shrinks the risks of any classifier.
    sklearn.linear_model.LogisticRegression : Maximum likelihood, and other penalties.

    References
    ----------
    .. [1] Firth D. Bias reduction of maximum likelihood estimates. Biometrika. 1993;80:27-38.
    .. [2] Puhr R, Heinze G, Nold M, Lusa L, Geroldinger A. Firth's logistic regression with rare
       events: accurate effect estimates and predictions? Stat Med. 2017;36:2302-2317.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.resampling import FirthLogisticRegression
    >>> X, y = np.array([[0], [0], [0], [0], [1], [1]]), np.array([0, 0, 0, 0, 0, 1])
    >>> model = FirthLogisticRegression().fit(X, y)
    >>> round(float(model.predict_proba(X)[:, 1].sum()), 6)
    1.0
    """

    def __init__(self, *, intercept_correction=True, max_iter=100, tol=1e-8):
        self.intercept_correction = intercept_correction
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, none missing.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row; a whole number counts as that many rows.

        Returns
        -------
        FirthLogisticRegression
        """
        check_alignment(X=X, y=y, sample_weight=sample_weight)
        self.classes_, event = check_event(y, any_two_classes=True)
        X = validate_data(self, X, dtype=float)
        check_consistent_length(X, event)
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        kept = weight > 0
        if len(np.unique(event[kept])) < 2:
            raise OutcomeError("y has one class only among rows with a positive sample_weight.")
        X, event, weight = X[kept], event[kept].astype(float), weight[kept]
        intercept, coef, self.n_iter_ = _fit(X, event, weight, self.max_iter, self.tol)
        if self.intercept_correction:
            lift = intercept + X @ coef
            intercept += fit_logistic(None, event, offset=lift, weight=weight).coef[0]
        self.coef_, self.intercept_ = coef[None, :], np.array([intercept], dtype=float)
        return self

    def decision_function(self, X):
        """Return the log odds of the event.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        return X @ self.coef_[0] + self.intercept_[0]

    def predict_proba(self, X):
        """Return the risks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities in the order of `classes_`.
        """
        risk = expit(self.decision_function(X))
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Return the likelier class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        event = self.decision_function(X) > 0
        return self.classes_[event.astype(int)]

    def __sklearn_tags__(self):
        """Two classes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@dataclass(frozen=True)
class _Penalised:
    """Log-likelihood with Jeffreys' prior: plus half the log determinant of the information."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def parts(self, beta):
        """Return the objective, its score, and the factor of the information."""
        eta = self.X @ beta
        p = expit(eta)
        root = np.sqrt(self.weight * p * (1 - p))[:, None] * self.X
        factor = linalg.cho_factor(root.T @ root, lower=True)
        half = linalg.solve_triangular(factor[0], root.T, lower=True)
        hat = np.einsum("ij,ij->j", half, half)
        objective = self.weight @ (self.y * eta - np.logaddexp(0, eta))
        objective += np.log(np.diag(factor[0])).sum()
        return objective, self.X.T @ (self.weight * (self.y - p) + hat * (0.5 - p)), factor


def _fit(X, y, weight, max_iter, tol):
    """Return intercept, coefficients and the steps taken, on the scale of the data."""
    centre = weight @ X / weight.sum()
    scale = np.sqrt(weight @ (X - centre) ** 2 / weight.sum())
    scale = np.where(scale > 1e-12 * (1 + np.abs(centre)), scale, np.inf)
    scaled = (X - centre) / scale
    own = _independent(np.sqrt(weight)[:, None] * scaled)
    problem = _Penalised(np.column_stack([np.ones(len(X)), scaled[:, own]]), y, weight)
    beta, n_iter = _climb(problem, max_iter, tol)
    coef = np.zeros(X.shape[1])
    coef[own] = beta[1:] / scale[own]
    return float(beta[0] - coef @ centre), coef, n_iter


def _independent(columns):
    """Return the columns that are no combination of earlier ones (Gram-Schmidt, twice)."""
    basis, independent = np.empty((len(columns), 0)), []
    for place, column in enumerate(columns.T):
        size, rest = np.linalg.norm(column), column
        for _ in range(2):
            rest = rest - basis @ (basis.T @ rest)
        left = np.linalg.norm(rest)
        if left > _RANK * size and len(independent) < len(columns) - 1:
            basis = np.column_stack([basis, rest / left])
            independent.append(place)
    return np.array(independent, dtype=int)


def _climb(problem, max_iter, tol):
    """Fisher scoring on the modified score; a step is halved while the objective falls."""
    beta = np.zeros(problem.X.shape[1])
    value, score, factor = problem.parts(beta)
    for n_iter in range(1, max_iter + 1):
        step = linalg.cho_solve(factor, score)
        step *= min(1.0, _LONGEST / max(np.abs(step).max(), 1e-300))
        step, better = _uphill(problem, beta, step, value)
        if better is None:
            break
        beta, (value, score, factor) = beta + step, better
        if np.abs(step).max() <= tol:
            return beta, n_iter
    return _slowly(problem, beta, max_iter, tol)


def _uphill(problem, beta, step, value):
    """Return the step, or the largest of its halves that does not lower the objective."""
    for _ in range(30):
        with suppress(linalg.LinAlgError):
            parts = problem.parts(beta + step)
            if parts[0] >= value - 1e-10 * (1 + abs(value)):
                return step, parts
        step = step / 2
    return step, None


def _slowly(problem, beta, max_iter, tol):
    """Go on by BFGS, then to the root: with almost as many columns as rows Fisher's steps creep."""

    def downhill(beta):
        try:
            value, score, _ = problem.parts(beta)
        except linalg.LinAlgError:
            return np.inf, np.zeros(len(beta))
        return -value, -score

    options = {"gtol": max(tol, 1e-6), "maxiter": 20 * max_iter}
    minimum = optimize.minimize(downhill, beta, jac=True, method="BFGS", options=options)
    polished = optimize.root(lambda beta: downhill(beta)[1], minimum.x, tol=1e-13)
    value, score = downhill(polished.x)
    best, score = (polished.x, score) if value <= minimum.fun + 1e-9 else (minimum.x, minimum.jac)
    if np.abs(score).max() > _FLAT:
        warnings.warn(
            f"Firth's logistic regression took {max_iter + minimum.nit} steps and has not "
            "converged; raise max_iter.",
            ConvergenceWarning,
            stacklevel=5,
        )
    return best, max_iter + int(minimum.nit)
