"""A classifier that takes back the overconfidence it shows on rows it was not fitted on."""

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import check_is_fitted

from healthml._core._checks import (
    check_patient_cv,
    scarce_folds,
)
from healthml._core._inputs import log_odds
from healthml._core._recalibration import Recalibration, fit_recalibration
from healthml._core._routing import MetaClassifier, clear_errors, hiding_cells
from healthml.validation._refits import Procedure, predict_risk


@clear_errors
class ShrunkenClassifier(MetaClassifier):
    """Classifier whose risks are shrunk by its own out-of-fold calibration slope.

    Overfitted risks are too extreme for new patients. The inner classifier predicts, fold by fold,
    rows that it was not fitted on; a logistic regression of the outcome on these log odds gives an
    intercept and a slope (below 1 when overfitted); the classifier fitted on all rows is then
    recalibrated by both. Ranking does not change.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`; two classes.
    cv : int, splitter or iterable, default=5
        Inner folds. A number means stratified folds, by whole patients when `fit` gets `groups`;
        fewer where fewer patients have, or have not, the event.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    slope_, intercept_ : float
        Of the recalibration. A slope that would be negative, so that the classifier ranks worse
        than chance out of fold, is set to 0: everybody gets the prevalence. Where out-of-fold risks
        separate the classes or are all the same there is no slope to estimate and it is 1.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        If y has not two classes, or a fold has one only; from `fit`.

    See Also
    --------
    bootstrap_shrinkage : Estimate by the bootstrap how much a model has to be shrunk.
    heuristic_shrinkage : Estimate the shrinkage factor from the likelihood ratio of a logistic
        model.

    References
    ----------
    .. [1] van Houwelingen JC, Le Cessie S. Predictive value of statistical models. Stat Med.
       1990;9:1303-1325.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import ShrunkenClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(80, 10))
    >>> y = (X[:, 0] + rng.normal(size=80) > 0).astype(int)
    >>> model = ShrunkenClassifier(LogisticRegression(C=np.inf)).fit(X, y)
    >>> 0 < model.slope_ < 1
    True
    """

    def __init__(self, estimator, *, cv=5):
        self.estimator = estimator
        self.cv = cv

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit on all rows and recalibrate by out-of-fold risks.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows; handed to the inner classifier as they are.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row: the folds keep patients whole, and the inner classifier gets the
            patients where its `fit` asks for them.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the recalibration, and in the inner fits: with metadata routing
            where it is requested, without where the classifier takes weights.
        **params : dict
            Further metadata of the inner `fit`, one value for each row.

        Returns
        -------
        ShrunkenClassifier
        """
        X, event, groups, sample_weight = self._read_rows(X, y, groups, sample_weight)
        fits = self._inner_fits(groups, sample_weight, params)
        splitter = check_patient_cv(scarce_folds(self.cv, event, groups), event, groups)
        risk = np.full(len(event), np.nan)
        for train, test in splitter.split(X, event, groups):
            model = fits(X, event, train)
            risk[test] = predict_risk(model, _safe_indexing(X, test))
        self.intercept_, self.slope_ = _recalibration(risk, event, sample_weight)
        self.estimator_ = fits(X, event, np.arange(len(event)))
        self._keep_features(self.estimator_)
        return self

    def predict_proba(self, X):
        """Return the shrunken risks.

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
        risk = predict_risk(self.estimator_, X)
        shrunken = Recalibration(self.intercept_, self.slope_)(log_odds(risk))
        return np.column_stack([1 - shrunken, shrunken])

    def _inner_fits(self, groups, sample_weight, params):
        """Return function(X, event, rows) that fits a copy with its share of the metadata."""
        if get_config()["enable_metadata_routing"]:
            given = {"groups": groups, "sample_weight": sample_weight, **params}
            given = {name: value for name, value in given.items() if value is not None}
            params = (
                dict(process_routing(self, "fit", **given)["estimator"]["fit"]) if given else {}
            )
            sample_weight = None  # the routing decides whether the inner fits get it
        procedure = Procedure(self.estimator, groups, sample_weight)

        def fits(X, event, rows):
            model = clone(self.estimator)
            own = {name: _safe_indexing(value, rows) for name, value in params.items()}
            part, outcome = _safe_indexing(X, rows), event[rows]
            own |= procedure.fit_params(model, part, outcome, rows)
            with hiding_cells(X, model):
                return model.fit(part, outcome, **own)

        return fits


def _recalibration(risk, event, weight):
    """Return intercept and slope of the outcome on out-of-fold log odds."""
    rows = np.isfinite(risk)  # a splitter may test some rows only
    if weight is not None:
        rows &= weight > 0
    odds, event = log_odds(risk[rows]), event[rows]
    weight = None if weight is None else weight[rows]
    return fit_recalibration(odds, event, weight)
