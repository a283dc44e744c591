"""A classifier fitted on rows weighed so that group and outcome are as if independent."""

import numpy as np

from healthml._core._inputs import check_threshold
from healthml._core._numerics import expit, logit
from healthml._core._recalibration import fit_recalibration
from healthml._core._routing import clear_errors, fit_keyword
from healthml.exceptions import InputError
from healthml.fairness._mitigation.base import (
    GroupClassifier,
    check_choice,
    fold_complements,
    used_rows,
)
from healthml.fairness._mitigation.change import Decisions, group_change

_EDGE = 1e-6  # risks are cut at this distance from 0 and 1 before log odds; by judgement
SCHEMES = ("independence", "equal_groups")


@clear_errors
class ReweighedClassifier(GroupClassifier):
    """Classifier fitted on weighed rows, its risks brought back to the real event rate.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba` and takes `sample_weight`; two classes.
    sensitive_feature : str or int
        Column of X that is the attribute (its position, for an array).
    scheme : {"independence", "equal_groups"}, default="independence"
        "independence" weighs group and outcome as if they were independent [1]_; "equal_groups"
        lets every group weigh the same, so that a small one counts in the fit.
    recalibrate : bool, default=True
        Whether the risks are recalibrated (intercept and slope, everybody together) on patients
        left out; weights make risks those of no population.
    keep_feature : bool, default=True
        Whether the inner classifier sees the attribute, too.
    threshold : float, optional
        Risk whose odds price a false alarm in `change_`; the event rate by default.
    cv : int, splitter or iterable, default=5
        Folds; a number means shuffled, stratified folds of whole patients.
    n_jobs : int, optional
        Folds fitted in parallel, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the folds and of parts whose `random_state` is None.

    Attributes
    ----------
    weights_ : DataFrame
        group, n_events and n_others (of the rows fitted on), weight_events, weight_others.
    change_ : GroupChangeResult
        Before (fitted without weights) and after by group, out of fold; `harmed` says for whom it
        is worse.
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        From `fit`: if X has no such column, a parameter is none of those named, or the classifier
        does not predict risks.

    See Also
    --------
    GroupRecalibratedClassifier : Right risks by group without another fit.
    healthml.resampling.ResampledClassifier : Weights and samplers for rare outcomes.

    References
    ----------
    .. [1] Kamiran F, Calders T. Data preprocessing techniques for classification without
       discrimination. Knowl Inf Syst. 2012;33:1-33.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.fairness import ReweighedClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"x": rng.normal(size=1000), "sex": rng.integers(0, 2, 1000)})
    >>> y = (rng.uniform(size=1000) < 1 / (1 + np.exp(2 - X["x"] - X["sex"]))).astype(int)
    >>> model = ReweighedClassifier(
    ...     LogisticRegression(), sensitive_feature="sex", random_state=0
    ... ).fit(X, y)
    >>> bool(model.weights_["weight_events"].iloc[0] > 1)
    True
    """

    def __init__(
        self,
        estimator,
        *,
        sensitive_feature,
        scheme="independence",
        recalibrate=True,
        keep_feature=True,
        threshold=None,
        cv=5,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.sensitive_feature = sensitive_feature
        self.scheme = scheme
        self.recalibrate = recalibrate
        self.keep_feature = keep_feature
        self.threshold = threshold
        self.cv = cv
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit the classifier on weighed rows and recalibrate it on patients left out.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows, the attribute among their columns.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row, by which the weights here are multiplied.
        **params : dict
            Further metadata of the inner `fit`.

        Returns
        -------
        ReweighedClassifier
        """
        check_choice("scheme", self.scheme, SCHEMES)
        keyword = fit_keyword(self.estimator, "sample_weight")
        if keyword is None:
            raise InputError(
                f"{type(self.estimator).__name__} takes no sample_weight in fit; use a classifier "
                "that does, or GroupRecalibratedClassifier, which needs none."
            )
        X, event, groups, weight, inner = self._begin(X, y, groups, sample_weight, params)
        plain = self._learner(X, event, groups, inner)
        _, first, _ = self._out_of_fold(plain)
        codes = self._learn(X)
        own = self._weights(codes, event, weight)
        inner = inner | {keyword: own if weight is None else own * weight}
        model, risk, fold = self._out_of_fold(self._learner(X, event, groups, inner))
        rows = used_rows(risk, weight) & np.isfinite(first)
        heavy = None if weight is None else weight[rows]
        sides = [
            self._brought_back(part[rows], event[rows], fold[rows], heavy) for part in (first, risk)
        ]
        self.recalibration_ = self._correction(risk[rows], event[rows], heavy)
        cut = float(event.mean()) if self.threshold is None else check_threshold(self.threshold)
        before, after = (Decisions(side, side >= cut) for side in sides)
        patient = None if groups is None else groups[rows]
        self.change_ = group_change(
            event[rows],
            before,
            after,
            str(self.sensitive_feature),
            self.group_names_,
            codes[rows],
            threshold=cut,
            patient=patient,
        )
        return self._end(model)

    def _weights(self, codes, event, weight):
        """Return the weight of each row, and keep the table of weights."""
        import pandas as pd

        base = np.ones(len(event)) if weight is None else weight
        n_groups = len(self.group_names_)
        joint = np.bincount(2 * codes + event, base, 2 * n_groups).reshape(n_groups, 2)
        total = joint.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.scheme == "independence":
                wanted = np.outer(joint.sum(axis=1), joint.sum(axis=0)) / total
                weights = wanted / joint
            else:
                sizes = joint.sum(axis=1, keepdims=True)
                weights = np.repeat(total / (np.count_nonzero(sizes) * sizes), 2, axis=1)
        weights = np.where(joint > 0, weights, 0.0)
        self.weights_ = pd.DataFrame(
            {
                "group": self.group_names_,
                "n_events": joint[:, 1],
                "n_others": joint[:, 0],
                "weight_events": weights[:, 1],
                "weight_others": weights[:, 0],
            }
        )
        return weights[codes, event]

    def _correction(self, risk, event, weight):
        """Return the recalibration of log odds; none is done where it is not wanted."""
        if not self.recalibrate:
            return expit
        return fit_recalibration(logit(risk, _EDGE), event, weight)

    def _brought_back(self, risk, event, fold, weight):
        """Return risks recalibrated on the other folds."""
        own_risk = np.empty(len(risk))
        for test, train in fold_complements(fold):
            part = None if weight is None else weight[train]
            one_class = len(np.unique(event[train])) < 2
            correct = expit if one_class else self._correction(risk[train], event[train], part)
            own_risk[test] = correct(logit(risk[test], _EDGE))
        return own_risk

    def predict_proba(self, X):
        """Return the recalibrated risks.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        risk = self._inner_risk(X)
        risk = self.recalibration_(logit(risk, _EDGE))
        return np.column_stack([1 - risk, risk])
