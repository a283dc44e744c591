"""A classifier that alarms at a threshold chosen for the clinic, out of fold."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from healthml._core._checks import check_random_seeds
from healthml._core._parallel import run_parallel
from healthml._core._routing import MetaClassifier, clear_errors, inner_fit_params
from healthml.resampling._learner import Learner, Task, event_risk, fold_pairs
from healthml.resampling._threshold.result import threshold_choice
from healthml.resampling._threshold.rules import (
    check_value,
    choose,
    design_effect,
    lower_limit,
    optimism_of_choice,
)

# Sensitivities reached around which it is told how much patients repeat: beyond them too few events
# lie on one side of the threshold. Chosen by judgement, not by simulation; wider limits make the
# lower limit of sensitivity depend on single patients.
_TELLING = (0.05, 0.99)


@clear_errors
class ClinicalThreshold(MetaClassifier):
    """Classifier with a decision threshold from harms, net benefit, capacity or sensitivity.

    0.5 is the right threshold only where a false alarm harms as much as a true one helps. Here the
    threshold follows from what the clinic says, on risks predicted out of fold for whole patients,
    in any order of the rows; the classifier is then fitted on all rows and the threshold stays as
    it is.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`; two classes.
    rule : {"net_benefit", "harm", "capacity", "sensitivity"}, default="net_benefit"
        How the threshold follows from `value`: "net_benefit" takes the cut with the largest net
        benefit out of fold; "harm" is the threshold of decision theory for risks that are right,
        and looks at no row; "capacity" alarms for no more than a number of patients; "sensitivity"
        takes the highest cut whose lower limit of sensitivity is at least what is required.
    value : float or (alerts, patients)
        For "net_benefit" the risk at which treating and not treating are worth the same; for "harm"
        the harm of a false alarm in units of the benefit of a true one; for "capacity" alerts per
        1,000 patients, or a pair such as ``(20, 150)`` for 20 alerts a day among 150 patients; for
        "sensitivity" the share of events to be found.
    cv : int, splitter or iterable, default=5
        Folds. A number means shuffled, stratified folds of whole patients.
    n_jobs : int, optional
        Folds fitted in parallel, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the folds and of parts whose `random_state` is None.

    Attributes
    ----------
    threshold_ : float
        Alarm at this risk and above.
    sensitivity_lower_ : float
        One-sided 95% lower limit of the sensitivity at the threshold, for new patients; missing
        where the rule looked at none ("harm"). With "net_benefit" the choice is counted, as its cut
        suits the rows it was chosen on.
    choice_ : ThresholdChoiceResult
        Sensitivity, specificity, predictive values and alerts per 1,000 at the threshold, with
        intervals for patients, and the optimism of having chosen it on the same rows.
    estimator_ : classifier
        Fitted on all rows.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        If `rule` or `value` is none of those above, or cannot be met on these rows (fewer alerts
        than one, too few events to show the sensitivity); if the classifier has no `predict_proba`
        or `cv` parts the rows of a patient; from `fit`.
    OutcomeError
        If y has not two classes; from `fit`.

    See Also
    --------
    healthml.metrics.threshold_table : Compare thresholds before one is chosen.
    healthml.metrics.decision_curve : Show the net benefit over all thresholds.
    ResampledClassifier : Makes risks of a rare outcome that a threshold can be put on.

    Notes
    -----
    The limit of sensitivity is Clopper and Pearson's at the risk of an event, which is exact for a
    given model, with the number of events divided by the design effect of repeated patients. It is
    out of fold: the refitted model differs a little from the models of the folds. How often it
    holds for the refitted model was simulated (see the guide).

    References
    ----------
    .. [1] Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction
       models. Med Decis Making. 2006;26:565-574.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.resampling import ClinicalThreshold
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 2))
    >>> y = (X[:, 0] + rng.normal(size=1000) > 2).astype(int)
    >>> model = ClinicalThreshold(
    ...     LogisticRegression(), rule="capacity", value=100, random_state=0
    ... ).fit(X, y)
    >>> int(model.predict(X).sum()) in range(95, 106)
    True
    """

    def __init__(
        self,
        estimator,
        *,
        rule="net_benefit",
        value,
        cv=5,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.rule = rule
        self.value = value
        self.cv = cv
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Choose the threshold out of fold and fit the classifier on all rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the inner fits; a row of weight 0 takes no part in the choice.
        **params : dict
            Further metadata of the inner `fit`, one value for each row.

        Returns
        -------
        ClinicalThreshold
        """
        value = check_value(self.rule, self.value)
        X, event, groups, sample_weight = self._read_rows(X, y, groups, sample_weight)
        inner = inner_fit_params(self, groups=groups, sample_weight=sample_weight, **params)
        learner = Learner(self.estimator, None, X, event, self.classes_, inner, groups)
        risk, fold = self._out_of_fold(learner)
        rows = np.isfinite(risk)
        if sample_weight is not None:
            rows &= sample_weight > 0
        patients = None if groups is None else groups[rows]
        seed = check_random_seeds(self.random_state, 3)[2]
        self._choose(value, event[rows], risk[rows], fold[rows], patients, seed)
        self._keep_features(self.estimator_)
        return self

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
        check_is_fitted(self)
        risk = event_risk(self.estimator_, X, self.classes_[1])
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Return the event for every row whose risk reaches the threshold.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        alarm = self.predict_proba(X)[:, 1] >= self.threshold_
        return self.classes_[alarm.astype(int)]

    def _out_of_fold(self, learner):
        """Fit all copies; return the out-of-fold risk and the fold of each row."""
        n, seeds = len(learner.event), check_random_seeds(self.random_state, 2)
        pairs = fold_pairs(self.cv, learner.X, learner.event, learner.groups, seeds[0])
        fit_seeds = check_random_seeds(seeds[1], len(pairs) + 1)
        tasks = [Task(*pair, seed) for pair, seed in zip(pairs, fit_seeds[1:], strict=True)]
        tasks = [Task(np.arange(n), None, fit_seeds[0]), *tasks]
        options = {"n_jobs": self.n_jobs, "verbose": self.verbose, "what": "copies fitted"}
        final, *fitted = run_parallel(learner, tasks, **options)
        self.estimator_ = final.model
        risk, fold = np.full(n, np.nan), np.full(n, -1)
        for number, ((_, test), fit) in enumerate(zip(pairs, fitted, strict=True)):
            risk[test], fold[test] = fit.risk, number
        return risk, fold

    def _choose(self, value, event, risk, fold, groups, seed):
        """Set the threshold and what is known about it."""
        self.threshold_ = choose(self.rule, value, event, risk, groups)
        self.sensitivity_lower_ = np.nan
        if self.rule != "harm":
            n_flagged = int(np.sum(risk[event == 1] >= self.threshold_))
            share = n_flagged / event.sum()
            effect = design_effect(np.clip(share, *_TELLING), event, risk, groups)
            if self.rule == "sensitivity":
                effect = design_effect(value, event, risk, groups)
            limit = float(np.nan_to_num(lower_limit(n_flagged, event.sum(), effect)))
            if self.rule == "net_benefit":
                limit = min(limit, share - optimism_of_choice(value, event, risk, groups, seed))
            self.sensitivity_lower_ = max(limit, 0.0)
        elsewhere = self._elsewhere(value, event, risk, fold, groups)
        self.choice_ = threshold_choice(
            event, risk, self.threshold_, elsewhere, groups=groups, rule=self.rule
        )

    def _elsewhere(self, value, event, risk, fold, groups):
        """Return alarms by thresholds that were chosen on the other folds."""
        alarm = np.full(len(event), np.nan)
        for number in np.unique(fold):
            test, train = fold == number, fold != number
            patients = None if groups is None else groups[train]
            try:
                cut = choose(self.rule, value, event[train], risk[train], patients)
            except ValueError:  # too few rows or events without this fold
                cut = self.threshold_
            alarm[test] = risk[test] >= cut
        return alarm
