"""What the classifiers of this room share: patients left out, groups found again, columns kept."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from healthml._core._checks import check_random_seeds
from healthml._core._parallel import run_parallel
from healthml._core._routing import MetaClassifier, inner_fit_params
from healthml.exceptions import DataQualityWarning, InputError, UnseenGroupWarning
from healthml.fairness._attributes import column_of, learn_groups, refuse_identifiers
from healthml.resampling._learner import Learner, Task, event_risk, fold_pairs


class GroupClassifier(MetaClassifier):
    """Base of classifiers that treat a named column of X as the attribute."""

    def _begin(self, X, y, groups, sample_weight, params):
        """Check what `fit` is given; return X, event, patients, weights and the inner keywords."""
        X, event, groups, weight = self._read_rows(X, y, groups, sample_weight)
        X = X if hasattr(X, "shape") else np.asarray(X)
        inner = inner_fit_params(self, groups=groups, sample_weight=weight, **params)
        return X, event, groups, weight, inner

    def _learner(self, X, event, groups, inner, *, estimator=None):
        model = self.estimator if estimator is None else estimator
        return Learner(model, None, self._features(X), event, self.classes_, inner, groups)

    def _out_of_fold(self, learner):
        """Fit one copy on all rows and one without each fold; return model, risks and folds."""
        n, seeds = len(learner.event), check_random_seeds(self.random_state, 2)
        pairs = fold_pairs(self.cv, learner.X, learner.event, learner.groups, seeds[0])
        fit_seeds = check_random_seeds(seeds[1], len(pairs) + 1)
        tasks = [Task(*pair, seed) for pair, seed in zip(pairs, fit_seeds[1:], strict=True)]
        tasks = [Task(np.arange(n), None, fit_seeds[0]), *tasks]
        options = {"n_jobs": self.n_jobs, "verbose": self.verbose, "what": "copies fitted"}
        final, *fitted = run_parallel(learner, tasks, **options)
        risk, fold = np.full(n, np.nan), np.full(n, -1)
        for number, ((_, test), fit) in enumerate(zip(pairs, fitted, strict=True)):
            risk[test], fold[test] = fit.risk, number
        return final.model, risk, fold

    def _learn(self, X):
        """Learn the groups of the attribute; return the group of each row."""
        self.groups_, codes = learn_groups(column_of(X, self.sensitive_feature))
        self.group_names_ = self.groups_.names
        refuse_identifiers(self.sensitive_feature, self.group_names_, len(codes))
        if len(self.group_names_) == 1:
            warnings.warn(
                f"{self.sensitive_feature!r} has one group only, so that nothing differs between "
                "groups; name a column with two or more.",
                DataQualityWarning,
                stacklevel=3,
            )
        return codes

    def _end(self, model):
        self.estimator_ = model
        self._keep_features(model)
        return self

    def _codes(self, X):
        """Return the group of new rows; those of a group not seen at fit are warned of."""
        codes = self.groups_.codes(column_of(X, self.sensitive_feature))
        if (codes < 0).any():
            warnings.warn(
                f"{(codes < 0).sum()} rows belong to groups of {self.sensitive_feature!r} that "
                "were not seen at fit; they are treated as everybody together.",
                UnseenGroupWarning,
                stacklevel=3,
            )
        return codes

    def _features(self, X):
        """Return what the inner classifier is given."""
        if getattr(self, "keep_feature", True):
            return X
        if not hasattr(X, "columns"):
            kept = [k for k in range(X.shape[1]) if k != self.sensitive_feature]
            return X[:, kept]
        names = list(X.columns)
        feature = self.sensitive_feature
        feature = (
            names[feature] if isinstance(feature, Integral) and feature not in names else feature
        )
        if feature not in names:
            column_of(X, feature)
        return X[[name for name in names if name != feature]]

    def _inner_risk(self, X):
        check_is_fitted(self)
        return event_risk(self.estimator_, self._features(X), self.classes_[1])


def check_choice(name, value, choices):
    """Refuse a value that is none of the choices."""
    if not any(value is choice or value == choice for choice in choices):
        raise InputError(f"{name} is {value!r}; pass one of {', '.join(map(repr, choices))}.")


def used_rows(risk, weight):
    """Return the rows with a risk out of fold that weigh something."""
    rows = np.isfinite(risk)
    return rows if weight is None else rows & (weight > 0)


def fold_complements(fold):
    """Yield (rows of a fold, rows of all others)."""
    for number in np.unique(fold):
        yield fold == number, fold != number
