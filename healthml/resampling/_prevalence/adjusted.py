"""A classifier whose risks are moved to another site's prevalence."""

from copy import copy

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from healthml._core._routing import MetaClassifier, clear_errors, hiding_cells, inner_fit_params
from healthml.resampling._learner import event_risk
from healthml.resampling._prevalence.correction import check_prevalence, prevalence_correction
from healthml.resampling._prevalence.estimate import estimate_prevalence


@clear_errors
class PrevalenceAdjustedClassifier(MetaClassifier):
    """Classifier whose risks are moved from the training prevalence to that of another site.

    Right where only the numbers of patients with and without the event differ between the places
    (see :func:`prevalence_correction`); a site with outcomes of its own is better served by
    recalibration on them.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`; two classes. A fitted model goes in as ``FrozenEstimator(model)``; the
        rows handed to `fit` then only say what its prevalence was.
    prevalence : float, optional
        Share of events at the site where the risks are used. None leaves the risks as they are
        until `adapt` has seen the site's rows.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    from_prevalence_, to_prevalence_ : float
        Before (weighted by `sample_weight`) and after.
    prevalence_ : PrevalenceResult
        Of `adapt`, on the model that it returns only.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        If `prevalence` is not between 0 and 1, or the classifier takes no weights that are given;
        from `fit`. If it has no `predict_proba`; when risks are asked for.
    OutcomeError
        If y has not two classes among the rows with a positive weight; from `fit`.

    See Also
    --------
    prevalence_correction : The same for risks that exist already.
    estimate_prevalence : The prevalence of a site without outcomes.
    healthml.validation.external_validate : Judges and recalibrates where outcomes are known.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.resampling import PrevalenceAdjustedClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2))
    >>> y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    >>> model = PrevalenceAdjustedClassifier(LogisticRegression(), prevalence=0.1).fit(X, y)
    >>> bool(model.predict_proba(X)[:, 1].mean() < 0.3)
    True
    """

    def __init__(self, estimator, *, prevalence=None):
        self.estimator = estimator
        self.prevalence = prevalence

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit the classifier and note the prevalence of its rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups, sample_weight : array-like of shape (n_samples,), optional
            Patient and weight of each row, for the inner `fit`.
        **params : dict
            Further metadata of the inner `fit`.

        Returns
        -------
        PrevalenceAdjustedClassifier
        """
        X, event, groups, sample_weight = self._read_rows(X, y, groups, sample_weight)
        inner = inner_fit_params(self, groups=groups, sample_weight=sample_weight, **params)
        self.from_prevalence_ = float(np.average(event, weights=sample_weight))
        self.to_prevalence_ = self.from_prevalence_
        if self.prevalence is not None:
            self.to_prevalence_ = check_prevalence(self.prevalence, "prevalence")
        with hiding_cells(X, self.estimator):
            self.estimator_ = clone(self.estimator).fit(X, self.classes_[event], **inner)
        self._keep_features(self.estimator_)
        return self

    def adapt(self, X, *, reference=None, groups=None):
        """Return a copy whose prevalence is estimated from a site's rows, without outcomes.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows of the site.
        reference : tuple (y_true, y_proba), optional
            Outcomes and out-of-fold risks where the model was made, to check the assumption.
        groups : array-like of shape (n_samples,), optional
            Patient of each row of the site.

        Returns
        -------
        PrevalenceAdjustedClassifier
            With the estimate in `prevalence_`; this model stays as it is.
        """
        check_is_fitted(self)
        risk = event_risk(self.estimator_, X, self.classes_[1])
        other = copy(self)
        other.prevalence_ = estimate_prevalence(
            risk, self.from_prevalence_, reference=reference, groups=groups
        )
        other.to_prevalence_ = float(np.clip(other.prevalence_.estimate, 1e-6, 1 - 1e-6))
        return other

    def predict_proba(self, X):
        """Return the risks at the site's prevalence.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities in the order of `classes_`.
        """
        check_is_fitted(self)
        risk = event_risk(self.estimator_, X, self.classes_[1])
        moved = prevalence_correction(risk, self.from_prevalence_, self.to_prevalence_)
        return np.column_stack([1 - moved, moved])
