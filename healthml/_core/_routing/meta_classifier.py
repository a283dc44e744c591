"""What classifiers of two classes around another classifier have in common."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import _check_sample_weight

from healthml._core._checks import (
    as_numbers,
    check_alignment,
    check_event,
    check_groups,
    same_length,
)
from healthml._core._routing.fit_params import RoutesFit
from healthml.exceptions import OutcomeError


class MetaClassifier(RoutesFit, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Base of classifiers of two classes around the one in `estimator`.

    A child reads its rows by `_read_rows` in `fit`, and says in `predict_proba` what it makes of
    the inner classifier's risks.
    """

    __metadata_request__fit = {"groups": True}

    def predict(self, X):
        """Return the likelier class of each row.

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

    def __sklearn_tags__(self):
        """Take what the inner classifier takes, with two classes."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.classifier_tags.multi_class = False
        return tags

    def _read_rows(self, X, y, groups, sample_weight):
        """Learn the classes; return X, the outcome as 0/1, patients as codes, and weights."""
        check_alignment(X=X, y=y, groups=groups, sample_weight=sample_weight)
        self.classes_, event = check_event(y, any_two_classes=True)
        X, event = same_length(X, event)
        groups = None if groups is None else check_groups(groups, len(event))
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                as_numbers(sample_weight, "sample_weight"), X, ensure_non_negative=True
            )
            if len(np.unique(event[sample_weight > 0])) < 2:
                raise OutcomeError("y has one class only among rows with a positive sample_weight.")
        return X, event, groups, sample_weight

    def _keep_features(self, model):
        """Take over the number and the names of the columns that an inner model has seen."""
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))
