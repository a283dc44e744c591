"""A classifier that flags each group from a threshold of its own, or all from one."""

import numpy as np

from healthml._core._inputs import check_threshold
from healthml._core._numerics import expit, logit
from healthml._core._routing import clear_errors
from healthml.fairness._mitigation.base import (
    GroupClassifier,
    check_choice,
    fold_complements,
    used_rows,
)
from healthml.fairness._mitigation.change import Decisions, group_change
from healthml.fairness._mitigation.deviations import fit_groups

_EDGE = 1e-6  # risks are cut at this distance from 0 and 1 before log odds; by judgement
FEWEST_EVENTS = 20
"""Events of a group from which it has a threshold of its own for equal sensitivity; with fewer the
quantile of its risks is chance, and it takes that of everybody. Chosen by judgement, not by
simulation."""
RULES = ("net_benefit", "equal_sensitivity", "common")


@clear_errors
class GroupThreshold(GroupClassifier):
    """Classifier whose decision threshold may differ by group; its risks stay as they are.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`; two classes.
    sensitive_feature : str or int
        Column of X that is the attribute (its position, for an array).
    rule : {"net_benefit", "equal_sensitivity", "common"}, default="net_benefit"
        "net_benefit" flags each group from where its recalibrated risk, drawn towards everybody's,
        reaches `value`: the decision that is best for each patient by decision theory.
        "equal_sensitivity" finds the same share `value` of the events in each group with 20 events
        or more. "common" flags everybody from the risk `value`, for comparison.
    value : float
        For "net_benefit" and "common" the risk at which flagging and not flagging are worth the
        same; for "equal_sensitivity" the share of events to be found.
    threshold : float, optional
        Risk whose odds price a false alarm in `change_`; `value` for "net_benefit" and "common",
        the event rate for "equal_sensitivity".
    keep_feature : bool, default=True
        Whether the inner classifier sees the attribute, too.
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
    thresholds_ : dict of str to float
        Risk of the classifier from which each group is flagged.
    common_threshold_ : float
        That of everybody, for rows of a group not seen at fit.
    change_ : GroupChangeResult
        Before (one threshold) and after by group, out of fold, by thresholds that were chosen on
        yet other patients; `harmed` says for whom it is worse.
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
    GroupRecalibratedClassifier : Right risks with one threshold, which flags the same patients as
        "net_benefit" does.
    healthml.resampling.ClinicalThreshold : One threshold for everybody, by what the clinic says.

    Notes
    -----
    Decisions are deterministic: the same patient is always flagged or never. Different thresholds
    for groups that the law protects may be unlawful even where they help (see the guide); ask
    before using them. Equal sensitivity can be reached by flagging more, or by finding fewer
    events elsewhere: `change_` shows which.

    References
    ----------
    .. [1] Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction
       models. Med Decis Making. 2006;26:565-574.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.fairness import GroupThreshold
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"x": rng.normal(size=3000), "sex": rng.integers(0, 2, 3000)})
    >>> odds = X["x"] - 2 + 1.2 * X["sex"]
    >>> y = (rng.uniform(size=3000) < 1 / (1 + np.exp(-odds))).astype(int)
    >>> model = GroupThreshold(
    ...     LogisticRegression(),
    ...     sensitive_feature="sex",
    ...     rule="equal_sensitivity",
    ...     value=0.8,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> flagged = model.predict(X)
    >>> [round(float(flagged[(y == 1) & (X["sex"] == s)].mean()), 1) for s in (0, 1)]
    [0.8, 0.8]
    """

    def __init__(
        self,
        estimator,
        *,
        sensitive_feature,
        rule="net_benefit",
        value,
        threshold=None,
        keep_feature=True,
        cv=5,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.sensitive_feature = sensitive_feature
        self.rule = rule
        self.value = value
        self.threshold = threshold
        self.keep_feature = keep_feature
        self.cv = cv
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit the classifier on all rows and choose thresholds on patients left out.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows, the attribute among their columns.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.
        **params : dict
            Further metadata of the inner `fit`.

        Returns
        -------
        GroupThreshold
        """
        check_choice("rule", self.rule, RULES)
        check_threshold(self.value, "value")
        X, event, groups, weight, inner = self._begin(X, y, groups, sample_weight, params)
        model, risk, fold = self._out_of_fold(self._learner(X, event, groups, inner))
        codes = self._learn(X)
        rows = used_rows(risk, weight)
        risk, own, y01 = risk[rows], codes[rows], event[rows]
        heavy = None if weight is None else weight[rows]
        cuts, common = self._choose(risk, y01, own, heavy)
        self.thresholds_ = dict(zip(map(str, self.group_names_), map(float, cuts), strict=True))
        self._cuts, self.common_threshold_ = cuts, float(common)
        flags = [np.zeros(len(risk), bool), np.zeros(len(risk), bool)]
        for test, train in fold_complements(fold[rows]):
            part = None if heavy is None else heavy[train]
            one_class = len(np.unique(y01[train])) < 2
            best = (
                (cuts, common)
                if one_class
                else self._choose(risk[train], y01[train], own[train], part)
            )
            flags[0][test] = risk[test] >= best[1]
            flags[1][test] = risk[test] >= best[0][own[test]]
        before, after = (Decisions(risk, flagged) for flagged in flags)
        patient = None if groups is None else groups[rows]
        options = {"threshold": self._price(y01), "patient": patient}
        name = str(self.sensitive_feature)
        self.change_ = group_change(y01, before, after, name, self.group_names_, own, **options)
        return self._end(model)

    def _price(self, event):
        if self.threshold is not None:
            return check_threshold(self.threshold)
        return float(event.mean()) if self.rule == "equal_sensitivity" else float(self.value)

    def _choose(self, risk, event, codes, weight):
        """Return the threshold of each group and of everybody."""
        n_groups = len(self.group_names_)
        if self.rule == "common":
            return np.full(n_groups, float(self.value)), float(self.value)
        if self.rule == "equal_sensitivity":
            common = _finding(risk[event == 1], self.value)
            cuts = np.full(n_groups, common)
            for k in range(n_groups):
                own = risk[(codes == k) & (event == 1)]
                if len(own) >= FEWEST_EVENTS:
                    cuts[k] = _finding(own, self.value)
            return cuts, common
        fitted = fit_groups(logit(risk, _EDGE), event, codes, n_groups, weight=weight)
        wanted = np.log(self.value / (1 - self.value))
        pooled = (wanted - fitted.pooled.intercept) / max(fitted.pooled.slope, _EDGE)
        return expit(fitted.cut_of(self.value)), float(expit(pooled))

    def predict_proba(self, X):
        """Return the classifier's probabilities as they are.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        risk = self._inner_risk(X)
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Return the event for every row whose risk reaches its group's threshold.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        risk, codes = self.predict_proba(X)[:, 1], self._codes(X)
        cuts = np.where(codes >= 0, self._cuts[codes], self.common_threshold_)
        return self.classes_[(risk >= cuts).astype(int)]


def _finding(risk, share):
    """Return the highest cut that finds a share of the events."""
    ranked = np.sort(risk)[::-1]
    return float(ranked[max(int(np.ceil(share * len(ranked) - 1e-9)), 1) - 1])
