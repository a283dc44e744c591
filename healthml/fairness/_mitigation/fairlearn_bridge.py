"""fairlearn's ThresholdOptimizer and ExponentiatedGradient, so that they can be cross-validated."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from healthml._core._inputs import check_threshold
from healthml._core._parallel import seeded
from healthml._core._routing import clear_errors, hiding_cells
from healthml.fairness._mitigation.base import GroupClassifier, check_choice, used_rows
from healthml.fairness._mitigation.change import Decisions, group_change
from healthml.resampling._learner import event_risk

METHODS = ("threshold_optimizer", "exponentiated_gradient")
_REDUCTIONS = {
    "demographic_parity": "DemographicParity",
    "equalized_odds": "EqualizedOdds",
    "true_positive_rate_parity": "TruePositiveRateParity",
    "false_positive_rate_parity": "FalsePositiveRateParity",
}
CONSTRAINTS = tuple(_REDUCTIONS)
_DRAWS = float(2**64)  # range of the hash of a row, from which its random number is made


@clear_errors
class FairlearnClassifier(GroupClassifier):
    """fairlearn's constrained classifiers as one that `cross_validate` and pipelines can use.

    scikit-learn's scorers hand nothing to `predict`, so the attribute is a column of X here. Both
    methods of fairlearn draw lots: the same patient may be flagged or not. By default a row is
    flagged where fairlearn flags it more often than not; with ``randomize=True`` the lot of a row
    is drawn from the row itself, so that it is the same alone, in a batch and tomorrow.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Has `predict_proba`, and takes `sample_weight` for "exponentiated_gradient"; two classes.
    sensitive_feature : str or int
        Column of X that is the attribute (its position, for an array).
    method : {"threshold_optimizer", "exponentiated_gradient"}, default="threshold_optimizer"
        fairlearn's class.
    constraints : str, default="equalized_odds"
        "demographic_parity", "equalized_odds", "true_positive_rate_parity" or
        "false_positive_rate_parity".
    options : dict, optional
        Further options of fairlearn's class, such as ``{"objective": "balanced_accuracy_score"}``
        or ``{"eps": 0.02, "max_iter": 20}``.
    randomize : bool, default=False
        Whether decisions follow fairlearn's probabilities, or their majority.
    keep_feature : bool, default=True
        Whether the inner classifier sees the attribute, too.
    threshold : float, optional
        Risk from which the classifier alone flags, and whose odds price a false alarm in
        `change_`; 0.5 by default, as fairlearn's objective of accuracy has it.
    cv : int, splitter or iterable, default=5
        Folds of `change_`; a number means shuffled, stratified folds of whole patients.
    n_jobs : int, optional
        Folds of the classifier alone fitted in parallel, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the folds and of parts whose `random_state` is None.

    Attributes
    ----------
    change_ : GroupChangeResult
        Before (the classifier alone) and after by group, out of fold; `harmed` says for whom it is
        worse.
    random_share_ : float
        Share of out-of-fold rows that fairlearn flags by lot (with a probability that is not 0 or
        1).
    mitigator_ : object
        fairlearn's fitted object (`fitted`), and the group that each group was joined with
        (`place`): one with a single outcome, of which fairlearn makes nothing, joins the largest.
    estimator_ : classifier
        The classifier alone, fitted on all rows; its risks are those of `predict_proba`.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        From `fit`: if X has no such column, a parameter is none of those named, or the classifier
        does not predict risks.

    See Also
    --------
    GroupThreshold : Thresholds by group without lots, by net benefit.
    GroupRecalibratedClassifier : Right risks first.

    References
    ----------
    .. [1] Hardt M, Price E, Srebro N. Equality of opportunity in supervised learning. Adv Neural
       Inf Process Syst. 2016;29:3315-3323.
    .. [2] Agarwal A, et al. A reductions approach to fair classification. Proc Mach Learn Res.
       2018;80:60-69.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from healthml.fairness import FairlearnClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"x": rng.normal(size=400), "sex": rng.integers(0, 2, 400)})
    >>> y = (rng.uniform(size=400) < 1 / (1 + np.exp(-X["x"] - X["sex"]))).astype(int)
    >>> model = FairlearnClassifier(LogisticRegression(), sensitive_feature="sex", random_state=0)
    >>> bool(cross_validate(model, X, y, cv=2)["test_score"].mean() > 0.5)
    True
    """

    def __init__(
        self,
        estimator,
        *,
        sensitive_feature,
        method="threshold_optimizer",
        constraints="equalized_odds",
        options=None,
        randomize=False,
        keep_feature=True,
        threshold=None,
        cv=5,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.sensitive_feature = sensitive_feature
        self.method = method
        self.constraints = constraints
        self.options = options
        self.randomize = randomize
        self.keep_feature = keep_feature
        self.threshold = threshold
        self.cv = cv
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, sample_weight=None, **params):
        """Fit fairlearn's object on all rows, and in folds for what it changes.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows, the attribute among their columns.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row in the fit of the classifier alone; fairlearn's objects make weights
            of their own and take none.
        **params : dict
            Further metadata of the inner `fit`.

        Returns
        -------
        FairlearnClassifier
        """
        check_choice("method", self.method, METHODS)
        check_choice("constraints", self.constraints, CONSTRAINTS)
        cut = 0.5 if self.threshold is None else check_threshold(self.threshold)
        X, event, groups, weight, inner = self._begin(X, y, groups, sample_weight, params)
        learner = self._learner(X, event, groups, inner)
        model, risk, fold = self._out_of_fold(learner)
        codes = self._learn(X)
        features = self._features(X)
        rows = used_rows(risk, weight)
        chance = np.full(len(event), np.nan)
        for number in np.unique(fold[rows]):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            mitigator = self._fairlearn(features, event, codes, train)
            chance[test] = self._chance(mitigator, _rows_of(features, test), codes[test])
        self.mitigator_ = self._fairlearn(features, event, codes, np.arange(len(event)))
        inside = (chance[rows] > 0) & (chance[rows] < 1)
        self.random_share_ = float(inside.mean())
        before = Decisions(risk[rows], risk[rows] >= cut)
        flagged = self._decide(chance[rows], _rows_of(features, np.flatnonzero(rows)))
        patient = None if groups is None else groups[rows]
        self.change_ = group_change(
            event[rows],
            before,
            Decisions(risk[rows], flagged),
            str(self.sensitive_feature),
            self.group_names_,
            codes[rows],
            threshold=cut,
            patient=patient,
        )
        return self._end(model)

    def _fairlearn(self, features, event, codes, rows):
        """Return fairlearn's object fitted on some rows."""
        X, y = _rows_of(features, rows), event[rows]
        place = _with_both_outcomes(codes[rows], y, len(self.group_names_))
        groups = self.group_names_[place[codes[rows]]]
        seed = self.random_state if isinstance(self.random_state, int) else 0
        estimator = seeded(clone(self.estimator), seed)
        options = dict(self.options or {})
        with hiding_cells(X, self), warnings.catch_warnings():
            # fairlearn's own way of filling tables, of which a user can do nothing
            warnings.filterwarnings("ignore", message="Setting an? (value|item)")
            if self.method == "threshold_optimizer":
                mitigator = self._optimizer(estimator, X, y, options)
            else:
                mitigator = self._reduction(estimator, options)
            return _Mitigator(mitigator.fit(X, y, sensitive_features=groups), place)

    def _optimizer(self, estimator, X, y, options):
        from fairlearn.postprocessing import ThresholdOptimizer

        estimator.fit(X, y)
        options = {"predict_method": "predict_proba"} | options
        return _Optimizer(
            estimator,
            ThresholdOptimizer(
                estimator=_Given().fit(), constraints=self.constraints, prefit=True, **options
            ),
        )

    def _reduction(self, estimator, options):
        from fairlearn import reductions

        moment = getattr(reductions, _REDUCTIONS[self.constraints])()
        return reductions.ExponentiatedGradient(estimator, moment, **options)

    def _chance(self, mitigator, X, codes):
        """Return fairlearn's probability of being flagged; that of the largest group if unseen."""
        if self.method == "exponentiated_gradient":
            return np.asarray(mitigator.fitted._pmf_predict(X))[:, 1]
        place = mitigator.place
        largest = np.bincount(place).argmax()
        known = np.asarray(self.group_names_)[np.where(codes >= 0, place[codes], largest)]
        return np.asarray(mitigator.fitted._pmf_predict(X, sensitive_features=known))[:, 1]

    def _decide(self, chance, X):
        """Return the decisions of rows: the majority, or a lot drawn from the row itself."""
        if not self.randomize:
            return chance >= 0.5
        return chance > _lots(X)

    def flag_probability(self, X):
        """Return the probability with which fairlearn flags each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        self._inner_risk(X)
        return self._chance(self.mitigator_, self._features(X), self._codes(X))

    def predict_proba(self, X):
        """Return the risks of the classifier alone, which the constraints leave as they are.

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
        """Return the event for every row that is flagged.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        flagged = self._decide(self.flag_probability(X), self._features(X))
        return self.classes_[flagged.astype(int)]


class _Given(ClassifierMixin, BaseEstimator):
    """A classifier whose rows are the risks themselves, so that fairlearn sees no table."""

    def fit(self, X=None, y=None):
        """Learn nothing."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        """Return the risks that stand in the first column."""
        risk = np.asarray(X, dtype=float)[:, 0]
        return np.column_stack([1 - risk, risk])


class _Optimizer(NamedTuple):
    """A fitted classifier, and fairlearn's ThresholdOptimizer of its risks."""

    model: object
    optimizer: object

    def fit(self, X, y, *, sensitive_features):
        """Choose fairlearn's thresholds on the risks of the rows, as fairlearn does."""
        risk = event_risk(self.model, X, 1)[:, None]
        self.optimizer.fit(risk, y, sensitive_features=sensitive_features)
        return self

    def _pmf_predict(self, X, *, sensitive_features):
        risk = event_risk(self.model, X, 1)[:, None]
        return self.optimizer._pmf_predict(risk, sensitive_features=sensitive_features)


class _Mitigator(NamedTuple):
    """fairlearn's fitted object, and the place of the group that each group was joined with."""

    fitted: object
    place: np.ndarray


def _with_both_outcomes(codes, event, n_groups):
    """Return the group that each is treated as: itself, or the largest if it has one outcome."""
    n, events = np.bincount(codes, minlength=n_groups), np.bincount(codes, event, n_groups)
    both = (events > 0) & (events < n)
    largest = int(np.where(both, n, 0).argmax()) if both.any() else 0
    place = np.where(both, np.arange(n_groups), largest)
    return place if both.any() else np.zeros(n_groups, dtype=np.intp)


def _rows_of(X, rows):
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)


def _lots(X):
    """Return a number from 0 to 1 for each row that depends on its cells alone."""
    if hasattr(X, "columns"):
        frame = X if isinstance(X, pd.DataFrame) else X.to_pandas()
    else:
        frame = pd.DataFrame(X.toarray() if hasattr(X, "toarray") else np.asarray(X))
    return pd.util.hash_pandas_object(frame, index=False).to_numpy() / _DRAWS
