"""A classifier whose risks are right in every group, as far as its patients can tell."""

import numpy as np
from scipy.special import expit

from healthml._core._inputs import check_threshold
from healthml._core._numerics import logit
from healthml._core._routing import clear_errors
from healthml.fairness._mitigation.base import GroupClassifier, fold_complements, used_rows
from healthml.fairness._mitigation.change import Decisions, group_change
from healthml.fairness._mitigation.deviations import fit_groups

_EDGE = 1e-6  # risks are cut at this distance from 0 and 1 before log odds; by judgement


@clear_errors
class GroupRecalibratedClassifier(GroupClassifier):
    """Classifier recalibrated in every group, small groups drawn towards everybody.

    Risks that are wrong for a group are the first thing to mend: nobody is ranked differently
    inside a group, and whoever was over- or underestimated gets the right risk. A group's own
    calibration intercept and slope are drawn towards the pooled ones by empirical Bayes: with few
    events a group is treated nearly as everybody, with many as itself.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`; two classes.
    sensitive_feature : str or int
        Column of X that is the attribute (its position, for an array). Levels, ages in bands,
        other numbers in quarters; missing is a group.
    slopes : bool, default=True
        Whether groups have slopes of their own beside intercepts.
    keep_feature : bool, default=True
        Whether the inner classifier sees the attribute, too.
    threshold : float, optional
        Risk whose odds price a false alarm in `change_`; the event rate by default, where flagging
        everybody is worth as much as flagging nobody.
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
    recalibration_ : GroupRecalibration
        The pooled fit, and deviations of the groups on the log odds.
    change_ : GroupChangeResult
        Before (recalibrated as one) and after by group, out of fold, by corrections that were
        fitted on yet other patients; `harmed` says for whom it is worse.
    group_names_ : ndarray of str
        The groups.
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
    GroupThreshold : Other thresholds instead of other risks.
    group_performance : For whom risks are wrong.

    Notes
    -----
    Using the attribute at the bedside may need a legal basis, and some uses are forbidden (see the
    guide). A group that is not seen at fit gets the pooled recalibration, and a warning.

    References
    ----------
    .. [1] Morris CN. Parametric empirical Bayes inference: theory and applications. J Am Stat
       Assoc. 1983;78:47-55.
    .. [2] Janssen KJM, et al. Updating methods improved the performance of a clinical prediction
       model in new patients. J Clin Epidemiol. 2008;61:76-86.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.fairness import GroupRecalibratedClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"x": rng.normal(size=3000), "sex": rng.integers(0, 2, 3000)})
    >>> odds = X["x"] - 2 + 1.2 * X["sex"]
    >>> y = (rng.uniform(size=3000) < 1 / (1 + np.exp(-odds))).astype(int)
    >>> model = GroupRecalibratedClassifier(
    ...     LogisticRegression(), sensitive_feature="sex", keep_feature=False, random_state=0
    ... )
    >>> risk = model.fit(X, y).predict_proba(X)[:, 1]
    >>> [round(float(y[X["sex"] == s].sum() / risk[X["sex"] == s].sum()), 1) for s in (0, 1)]
    [1.0, 1.0]
    """

    def __init__(
        self,
        estimator,
        *,
        sensitive_feature,
        slopes=True,
        keep_feature=True,
        threshold=None,
        cv=5,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.sensitive_feature = sensitive_feature
        self.slopes = slopes
        self.keep_feature = keep_feature
        self.threshold = threshold
        self.cv = cv
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit the classifier on all rows and its recalibration on patients left out.

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
        GroupRecalibratedClassifier
        """
        X, event, groups, weight, inner = self._begin(X, y, groups, sample_weight, params)
        model, risk, fold = self._out_of_fold(self._learner(X, event, groups, inner))
        codes = self._learn(X)
        rows = used_rows(risk, weight)
        odds, own, y01 = logit(risk[rows], _EDGE), codes[rows], event[rows]
        heavy = None if weight is None else weight[rows]
        options = {"slopes": self.slopes}
        n_groups = len(self.group_names_)
        self.recalibration_ = fit_groups(odds, y01, own, n_groups, weight=heavy, **options)
        sides = [np.empty(len(odds)), np.empty(len(odds))]
        for test, train in fold_complements(fold[rows]):
            part = None if heavy is None else heavy[train]
            if len(np.unique(y01[train])) < 2:
                fitted = self.recalibration_
            else:
                fitted = fit_groups(
                    odds[train], y01[train], own[train], n_groups, weight=part, **options
                )
            sides[0][test] = fitted.pooled(odds[test])
            sides[1][test] = fitted.risk(odds[test], own[test])
        cut = float(y01.mean()) if self.threshold is None else check_threshold(self.threshold)
        before, after = (Decisions(side, side >= cut) for side in sides)
        patient = None if groups is None else groups[rows]
        name = str(self.sensitive_feature)
        self.change_ = group_change(
            y01, before, after, name, self.group_names_, own, threshold=cut, patient=patient
        )
        return self._end(model)

    def predict_proba(self, X):
        """Return the risks as they are right for each row's group.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, 2)
        """
        odds = logit(self._inner_risk(X), _EDGE)
        risk = expit(self.recalibration_.log_odds(odds, self._codes(X)))
        return np.column_stack([1 - risk, risk])
