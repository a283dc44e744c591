"""A classifier that gives no risk where a row is unlike its training rows."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from healthml._core._routing import MetaClassifier, clear_errors, hiding_cells, inner_fit_params
from healthml.exceptions import InputError
from healthml.explanation._domain.domain import ApplicabilityDomain


@clear_errors
class AbstainingClassifier(MetaClassifier):
    """Classifier whose risk is missing, with a reason, where a row is unlike the training rows.

    A step of a pipeline can only change rows, and a model makes a risk of whatever it is handed.
    So whoever wants *no* risk for a patient from elsewhere puts the whole procedure in here.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`; two classes. A fitted model goes in as ``FrozenEstimator(model)``,
        with the training rows for `fit`.
    domain : ApplicabilityDomain, optional
        Says what is outside; its `action` is not used. By default one with ``limit=0``: only rows
        with a cell beyond the training rows, so that these rows all keep their risk. With a limit
        that share of the training rows, and of rows like them, has no risk.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows; its risks are not withheld.
    domain_ : ApplicabilityDomain
        Fitted on the same rows.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        If `domain` is no ApplicabilityDomain; if a label is asked for where there is no risk.
    OutcomeError
        If y has not two classes.

    See Also
    --------
    ApplicabilityDomain : The same as a step that flags, warns, refuses or empties rows.
    explain : Explains the model inside, off-support reasons marked.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.explanation import AbstainingClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(60, 10, 300)})
    >>> y = (X["age"] + rng.normal(0, 10, 300) > 60).astype(int)
    >>> model = AbstainingClassifier(LogisticRegression()).fit(X, y)
    >>> new = pd.DataFrame({"age": [60.0, 190.0]})
    >>> np.isnan(model.predict_proba(new)[:, 1]).tolist()
    [False, True]
    >>> model.assess(new).table["reason"].tolist()
    ['', 'beyond the training rows: age']
    """

    def __init__(self, estimator, *, domain=None):
        self.estimator = estimator
        self.domain = domain

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit the classifier and the domain on the same rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows, before imputation.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups, sample_weight : array-like of shape (n_samples,), optional
            Patient and weight of each row, for the inner `fit`.
        **params : dict
            Further metadata of the inner `fit`.

        Returns
        -------
        AbstainingClassifier
        """
        if self.domain is not None and not isinstance(self.domain, ApplicabilityDomain):
            raise InputError(
                f"domain is a {type(self.domain).__name__}; pass an ApplicabilityDomain or None."
            )
        X, event, groups, sample_weight = self._read_rows(X, y, groups, sample_weight)
        inner = inner_fit_params(self, groups=groups, sample_weight=sample_weight, **params)
        with hiding_cells(X, self.estimator):
            self.estimator_ = clone(self.estimator).fit(X, self.classes_[event], **inner)
        domain = ApplicabilityDomain(limit=0.0) if self.domain is None else clone(self.domain)
        # a row without weight is no training row
        used = X if sample_weight is None else _safe_indexing(X, np.flatnonzero(sample_weight > 0))
        self.domain_ = domain.fit(used)
        self._keep_features(self.estimator_)
        return self

    def assess(self, X):
        """Say of each row whether it has a risk, and why not.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        DomainResult
            `outside` and `reason` of its table.
        """
        check_is_fitted(self)
        return self.domain_.assess(X)

    def predict_proba(self, X):
        """Return the risks, missing where a row is outside.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities in the order of `classes_`; NaN where `assess` says why.
        """
        check_is_fitted(self)
        proba = np.array(self.estimator_.predict_proba(X), dtype=float)
        proba[self.assess(X).table["outside"].to_numpy()] = np.nan
        return proba

    def predict(self, X):
        """Return the likelier class of each row; a row without a risk is refused.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        proba = self.predict_proba(X)
        blank = np.flatnonzero(np.isnan(proba[:, 1]))
        if blank.size:
            raise InputError(
                f"{blank.size} of {len(proba)} rows are unlike the training rows, the first at "
                f"position {blank[0]}, and have no risk, so no label; predict the others, or look "
                "at predict_proba and assess(X)."
            )
        likeliest = proba.argmax(axis=1)
        return self.classes_[likeliest]

    def __sklearn_tags__(self):
        """Take what the inner classifier takes, as a dense table."""
        tags = super().__sklearn_tags__()
        tags.input_tags = replace(tags.input_tags, sparse=False)
        return tags
