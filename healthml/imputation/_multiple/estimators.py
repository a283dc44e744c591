"""One model per completed table, and one prediction for the next patient from all of them."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from healthml._core._checks import (
    as_numbers,
    check_alignment,
    check_groups,
    check_random_seeds,
    same_length,
)
from healthml._core._intervals import check_confidence_level
from healthml._core._parallel import run_parallel, seeded
from healthml._core._routing import RoutesFit, clear_errors, hiding_cells, inner_fit_params
from healthml.exceptions import InputError
from healthml.imputation._chained import ChainedImputer
from healthml.imputation._multiple.spread import coef_table, spread_table


class _MultiplyImputed(RoutesFit, MetaEstimatorMixin, BaseEstimator):
    """What the classifier and the regressor share."""

    __metadata_request__fit = {"groups": True}

    def __init__(
        self, estimator, imputer=None, *, m=None, n_jobs=None, verbose=0, random_state=None
    ):
        self.estimator = estimator
        self.imputer = imputer
        self.m = m
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Impute the training rows m times and fit a copy of the model to each completed table.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows, with missing cells.
        y : array-like of shape (n_samples,)
            Outcome. The imputer does not see it, as it will not see that of the next patient.
        groups : array-like of shape (n_samples,), optional
            Patient of each row, for an inner model whose `fit` asks for them.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the inner fits: with metadata routing where it is requested,
            without where the model takes weights.
        **params : dict
            Further metadata of the inner `fit`.

        Returns
        -------
        self
        """
        check_alignment(X=X, y=y, groups=groups, sample_weight=sample_weight)
        imputer, seed = self._checked_imputer()
        X, y = same_length(X, y)
        if groups is not None:
            check_groups(groups, len(y))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(as_numbers(sample_weight, "sample_weight"), X)
        params = inner_fit_params(self, groups=groups, sample_weight=sample_weight, **params)
        if hasattr(imputer, "fit_transform_multiple"):
            tables = imputer.fit_transform_multiple(X)
        else:
            tables = imputer.fit(X).transform_multiple(X)
        self.imputer_ = imputer
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(imputer, name):
                setattr(self, name, getattr(imputer, name))
        models = [seeded(clone(self.estimator), seed) for _ in tables]
        tasks = [(model, table, y, params) for model, table in zip(models, tables, strict=True)]
        options = {"n_jobs": self.n_jobs, "verbose": self.verbose, "what": "models"}
        self.estimators_ = run_parallel(_fit_one, tasks, **options)
        return self

    @property
    def coef_table_(self):
        """Coefficients of the m models: their mean and how far they lie apart."""
        check_is_fitted(self, "estimators_")
        return coef_table(self.estimators_, getattr(self, "feature_names_in_", None))

    def __sklearn_tags__(self):
        """Take what the imputer reads; the outcome is the inner model's."""
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = get_tags(self._asked_imputer()).input_tags
        tags.input_tags.positive_only |= inner.input_tags.positive_only
        tags.target_tags = inner.target_tags
        return tags

    def _asked_imputer(self):
        return ChainedImputer() if self.imputer is None else self.imputer

    def _checked_imputer(self):
        """Return a copy of the imputer with its number of tables and its seed, and the models'."""
        imputer = clone(self._asked_imputer())
        if getattr(imputer, "include_outcome", False):
            raise InputError(
                "the imputer has include_outcome=True and cannot fill in patients whose outcome is "
                "not known yet; use include_outcome=False. For inference, use fit_pooled."
            )
        if not hasattr(imputer, "transform_multiple"):
            raise InputError(
                f"{type(imputer).__name__} has no transform_multiple, so it gives one table only; "
                "use ChainedImputer."
            )
        if self.m is not None:
            if not isinstance(self.m, Integral) or self.m < 1:
                raise InputError(f"m={self.m!r} is not a whole number of at least 1.")
            imputer.set_params(m=self.m)
        of_imputer, of_models = check_random_seeds(self.random_state, 2)
        return seeded(imputer, of_imputer), of_models

    def _each(self, X, method):
        """Return the answers of the m models, each for the table its chain completed."""
        check_is_fitted(self, "estimators_")
        tables = self.imputer_.transform_multiple(X)
        pairs = zip(self.estimators_, tables, strict=True)
        return np.stack([np.asarray(getattr(model, method)(table)) for model, table in pairs])


@clear_errors
class MultiplyImputedClassifier(ClassifierMixin, _MultiplyImputed):
    """Classifier fitted to m imputed tables, whose risks are the mean over the m.

    The imputer fills in the training rows m times without the outcome; a copy of the classifier is
    fitted to each completed table. The missing cells of a new patient are drawn m times too, and
    each model predicts the table of its chain. How far the m risks lie apart says what the
    missing cells leave open for this patient (`predict_spread`).

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`; may be a Pipeline.
    imputer : ChainedImputer, default=None
        How cells are filled in; ``ChainedImputer()`` by default. One with
        ``include_outcome=True`` is refused: it cannot be deployed.
    m : int, default=None
        Number of tables; that of the imputer by default.
    n_jobs : int, default=None
        Models fitted at the same time; the answer does not depend on it.
    verbose : int, default=0
        Report finished models.
    random_state : int, RandomState or None, default=None
        Seed of the imputer and of the models where they have none of their own.

    Attributes
    ----------
    imputer_ : fitted imputer
    estimators_ : list of m fitted classifiers
    classes_ : ndarray of shape (n_classes,)
    coef_table_ : pandas.DataFrame
        ``class``, ``term``, ``estimate`` (mean), ``sd`` (between the models), ``m`` (models that
        have the term), for models with coefficients. These describe the prediction rule; since
        the imputer did not see the outcome they are shrunken towards 0. For inference use
        `fit_pooled`.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    InputError
        If the imputer needs the outcome or gives one table only, or the classifier predicts no
        probabilities.

    See Also
    --------
    ChainedImputer : The imputer that is used by default.
    MultiplyImputedRegressor : The same for an amount.
    fit_pooled : For inference: coefficients pooled by Rubin's rules.
    compare_imputers : Whether m tables predict better than one.

    References
    ----------
    .. [1] Wood AM, Royston P, White IR. The estimation and use of predictions for the assessment
       of model performance using large samples with multiply imputed data. Biom J
       2015;57:614-632.
    .. [2] Sperrin M, Martin GP, Sisk R, Peek N. Missing data should be handled differently for
       prediction than for description or causal explanation. J Clin Epidemiol 2020;125:183-187.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.imputation import MultiplyImputedClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 200)
    >>> y = (X.sum(axis=1) + rng.normal(size=200) > 0).astype(int)
    >>> X[::4, 1] = np.nan
    >>> model = MultiplyImputedClassifier(LogisticRegression(), random_state=0).fit(X, y)
    >>> spread = model.predict_spread([[0.5, 1.0], [0.5, np.nan]])
    >>> bool(spread["sd"][0] < spread["sd"][1])
    True
    """

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Impute the training rows m times and fit a copy of the model to each completed table.

        Parameters
        ----------
        X, y, groups, sample_weight, **params
            As in `MultiplyImputedRegressor.fit`; `y` holds classes.

        Returns
        -------
        self
        """
        if not hasattr(self.estimator, "predict_proba"):
            raise InputError(
                f"{type(self.estimator).__name__} has no predict_proba, and risks are what is "
                "averaged; wrap it in CalibratedClassifierCV."
            )
        super().fit(X, y, groups=groups, sample_weight=sample_weight, **params)
        self.classes_ = self.estimators_[0].classes_
        return self

    def predict_proba(self, X):
        """Return the risks, averaged over the m completions of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict, with missing cells.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._each(X, "predict_proba").mean(axis=0)

    def predict(self, X):
        """Return the class with the highest mean risk.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likeliest]

    def predict_spread(self, X, *, confidence_level=0.95):
        """Return how far the risks of each row lie apart between its m completions.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.
        confidence_level : float, default=0.95
            Chance that the risk of one more imputation lies between ``lower`` and ``upper``, the
            log odds being normal between imputations. With few imputations the interval is wide.

        Returns
        -------
        pandas.DataFrame
            ``row`` (position in `X`), ``class`` (the event; each class when there are more than
            two), ``estimate`` (as `predict_proba`), ``sd`` between imputations, ``lower``,
            ``upper``, ``m``. This is what missing cells and the imputed training tables leave
            open, not the confidence interval of a risk.
        """
        check_confidence_level(confidence_level)
        risks = self._each(X, "predict_proba")
        classes = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        return spread_table(risks[:, :, -len(classes) :], confidence_level, classes)

    def __sklearn_tags__(self):
        """Take as many classes as the inner classifier."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags = get_tags(self.estimator).classifier_tags
        return tags


@clear_errors
class MultiplyImputedRegressor(RegressorMixin, _MultiplyImputed):
    """Regressor fitted to m imputed tables, whose predictions are the mean over the m.

    See `MultiplyImputedClassifier`.

    Parameters
    ----------
    estimator : scikit-learn regressor
        May be a Pipeline.
    imputer : ChainedImputer, default=None
        How cells are filled in; ``ChainedImputer()`` by default. One with
        ``include_outcome=True`` is refused: it cannot be deployed.
    m : int, default=None
        Number of tables; that of the imputer by default.
    n_jobs : int, default=None
        Models fitted at the same time; the answer does not depend on it.
    verbose : int, default=0
        Report finished models.
    random_state : int, RandomState or None, default=None
        Seed of the imputer and of the models where they have none of their own.

    Attributes
    ----------
    imputer_ : fitted imputer
    estimators_ : list of m fitted regressors
    coef_table_ : pandas.DataFrame
        As for `MultiplyImputedClassifier`, without ``class``.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    InputError
        If the imputer needs the outcome or gives one table only.

    See Also
    --------
    MultiplyImputedClassifier : The same for an event.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from healthml.imputation import MultiplyImputedRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 200)
    >>> y = X.sum(axis=1) + rng.normal(size=200)
    >>> X[::4, 1] = np.nan
    >>> model = MultiplyImputedRegressor(LinearRegression(), random_state=0).fit(X, y)
    >>> model.predict([[0.5, np.nan]]).shape
    (1,)
    """

    def predict(self, X):
        """Return the predictions, averaged over the m completions of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict, with missing cells.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._each(X, "predict").mean(axis=0)

    def predict_spread(self, X, *, confidence_level=0.95):
        """Return how far the predictions of each row lie apart between its m completions.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.
        confidence_level : float, default=0.95
            Chance that the prediction of one more imputation lies between ``lower`` and ``upper``.

        Returns
        -------
        pandas.DataFrame
            ``row`` (position in `X`), ``estimate`` (as `predict`), ``sd`` between imputations,
            ``lower``, ``upper``, ``m``. Not a prediction interval of the outcome.
        """
        check_confidence_level(confidence_level)
        predictions = self._each(X, "predict")
        if predictions.ndim > 2:
            raise InputError("predict_spread is for one outcome; fit a model for each.")
        return spread_table(predictions[:, :, None], confidence_level)

    def __sklearn_tags__(self):
        """Take the outcomes that the inner regressor takes."""
        tags = super().__sklearn_tags__()
        tags.regressor_tags = get_tags(self.estimator).regressor_tags
        return tags


def _fit_one(task):
    model, table, y, params = task
    with hiding_cells(table, model):
        return model.fit(table, y, **params)
