"""Labels that may be wrong: judged by models that have not seen them, ranked, never changed."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import ClassifierTags, get_tags
from sklearn.utils.validation import _check_feature_names, _num_features

from healthml._core._checks import (
    check_alignment,
    check_event,
    check_groups,
    check_random_seeds,
    same_length,
)
from healthml._core._routing import RoutesFit, clear_errors, inner_fit_params
from healthml._core._tables import check_column_names
from healthml.cleaning._labels.folds import OutOfFold, repeated_folds
from healthml.cleaning._labels.result import LabelAuditResult, judge_labels
from healthml.exceptions import InputError


@clear_errors
class LabelAudit(RoutesFit, MetaEstimatorMixin, BaseEstimator):
    """Rank the labels that are likely wrong, with the false-discovery rate of those flagged.

    Every row gets a risk from models fitted without its patient, averaged over several assignments
    of patients to folds. A second round leaves rows out of the fits as often as their labels look
    wrong, so that wrong labels do not vouch for each other. The score is the chance that a label is
    wrong, given its risk and the rates of wrong labels that best explain the table. Nothing is
    relabelled or left out: flags say which records to read again.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        Has `predict_proba`; two classes. The better it predicts, the more wrong labels are found.
    cv : int, splitter or iterable, default=5
        Folds. A number assigns whole patients to folds at random in every repeat.
    n_repeats : int, default=5
        Repeats of the folds in each of the two rounds; ``2 * n_repeats * cv`` fits.
    max_false_discovery : float, default=0.2
        Flag as many rows as keep the stated false-discovery rate at or below this.
    confidence_level : float, default=0.95
        Coverage of the intervals.
    n_jobs : int, default=None
        Parallel fits, as in joblib; the answer is the same for any number.
    verbose : int, default=0
        Above 0, progress of the fits is written to stderr.
    random_state : int, RandomState or None, default=None
        Deals, and which rows take part in the second round.

    Attributes
    ----------
    result_ : LabelAuditResult
        One row per label, the stated false-discovery rate and the rates of wrong labels.
    score_ : ndarray of shape (n_samples,)
        Chance that the label is wrong.
    suspected_ : ndarray of bool, shape (n_samples,)
        Flagged rows.
    classes_ : ndarray of shape (2,)
        The labels, the event last.

    Raises
    ------
    InputError
        If a parameter is out of its range, the labels are not of two classes, lengths differ, or
        `cv` leaves rows untested.

    See Also
    --------
    quality_report : Cells of the features instead of labels.
    healthml.validation.validate : How well the model predicts patients it has not seen.

    Notes
    -----
    Confident learning [1]_ takes a label to be wrong where its out-of-fold risk contradicts it; but
    in medicine patients at low risk do have events. Wrong labels are told from surprising patients
    by their number: among rows with ever higher risk, true labels of no event become ever rarer,
    and wrong ones do not. Rates of wrong labels (none; one for both classes; one class; each its
    own) and the calibration of the risks, low and high ones by themselves, are weighed together by
    their likelihood, prior odds of wrong labels being even. The chance of each label to be wrong is
    the mean over all of them. The stated false-discovery rate is a limit: with a chance of 90 %, no
    larger share of the flagged labels is right. The mean would be too low, since flags are set
    where it is favourable. Half a right label is added to those expected, which matters where few
    are flagged, and two patients in a thousand may be atypical: rightly labelled, whatever their
    features say.

    It assumes that labels are wrong regardless of the patient's features, given the true class, and
    that apart from wrong labels the risk follows the model's log odds smoothly. Where more patients
    are atypical, or the model misses what made a group of them different, flagged labels may be
    right more often than stated: labels alone cannot tell that. Where the model predicts too weakly
    to tell, nothing is flagged.

    References
    ----------
    .. [1] Northcutt C, Jiang L, Chuang I. Confident learning: estimating uncertainty in dataset
       labels. J Artif Intell Res. 2021;70:1373-1411.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.cleaning import LabelAudit
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> y = (X.sum(axis=1) > 0).astype(int)
    >>> y[:12] = 1 - y[:12]
    >>> audit = LabelAudit(LogisticRegression(), random_state=0).fit(X, y)
    >>> flagged = np.flatnonzero(audit.suspected_)
    >>> bool(np.isin(flagged, range(12)).mean() > 0.7)
    True
    """

    __metadata_request__fit = {"groups": True}

    def __init__(
        self,
        estimator,
        *,
        cv=5,
        n_repeats=5,
        max_false_discovery=0.2,
        confidence_level=0.95,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.estimator = estimator
        self.cv = cv
        self.n_repeats = n_repeats
        self.max_false_discovery = max_false_discovery
        self.confidence_level = confidence_level
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, *, groups=None, **params):
        """Judge every label by models that have not seen its patient.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            The rows; handed to the classifier as they are.
        y : array-like of shape (n_samples,)
            Labels, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row: no model that judges a label has seen its patient.
        **params : dict
            Further metadata of the inner `fit`, one value for each row.

        Returns
        -------
        LabelAudit
        """
        self._check_parameters()
        check_alignment(X=X, y=y, groups=groups)
        self.classes_, event = check_event(y, any_two_classes=True)
        X, event = same_length(X, event)
        check_column_names(X)
        _check_feature_names(self, X, reset=True)
        self.n_features_in_ = _n_columns(X)
        groups = None if groups is None else check_groups(groups, len(event))
        risk = self._risks(X, event, groups, params)
        self.result_: LabelAuditResult = judge_labels(
            risk,
            event,
            groups,
            label=self.classes_[event],
            max_false_discovery=self.max_false_discovery,
            confidence_level=self.confidence_level,
        )
        self.score_ = self.result_.table["score"].to_numpy()
        self.suspected_ = self.result_.table["suspected"].to_numpy()
        return self

    def __sklearn_tags__(self):
        """Take what the inner classifier takes, with two classes."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.classifier_tags = ClassifierTags(multi_class=False)
        tags.target_tags.required = True
        return tags

    def _check_parameters(self):
        if not isinstance(self.n_repeats, Integral) or self.n_repeats < 1:
            raise InputError(f"n_repeats is {self.n_repeats!r}; pass a whole number from 1.")
        for name in ("max_false_discovery", "confidence_level"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 < value < 1:
                raise InputError(f"{name} is {value!r}; pass a number between 0 and 1.")

    def _risks(self, X, event, groups, params):
        """Return risks of the second round, in which labels count as far as the first believed."""
        fits = OutOfFold(
            self.estimator,
            X,
            event,
            inner_fit_params(self, groups=groups, **params),
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )
        seeds = np.array(check_random_seeds(self.random_state, 4 * self.n_repeats))
        believed = None
        for of_folds, of_rows in seeds.reshape(2, 2, self.n_repeats).tolist():
            repeats = repeated_folds(self.cv, event, groups, self.n_repeats, of_folds)
            risk = fits.risks(repeats, believed, of_rows)
            believed = np.where(event == 1, risk, 1 - risk)
        return risk


def _n_columns(X):
    try:
        return _num_features(X)
    except TypeError as error:
        raise InputError(
            f"X is no table of rows and columns but a {type(X).__name__}; pass a DataFrame or a "
            "2-D array, such as X.reshape(-1, 1) for one feature."
        ) from error
