"""Indicators that a value is missing, only where they are likely to tell about new patients too."""

import warnings
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_consistent_length,
    check_is_fitted,
)

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._intervals import check_confidence_level
from healthml._core._routing import clear_errors
from healthml._core._tables import read_table, write_table
from healthml.exceptions import InputError, MissingIndicatorWarning
from healthml.imputation._indicator.rule import Candidates

SUFFIX = "_missing"


@clear_errors
class MissingIndicators(TransformerMixin, BaseEstimator):
    """Add a column that says whether a value is missing, where the rule allows it.

    Missing cells stay missing; an imputer comes after this step. A column gets an indicator when

    1. it is missing and observed in at least `min_rows` rows (patients, with `groups`);
    2. its gaps differ from those of a column that has one in at least `min_rows` rows, so that a
       panel of values that are measured together gets one;
    3. its gaps do not tell the outcome by themselves: the lower end of the interval of the AUC of
       the indicator alone is at most `max_auc`, and so is that of all indicators together.

    Gaps that tell the outcome have often come about through it, such as a value that was only
    measured once a patient was ill. A model then scores well on data that arose in the same way and
    on no others [1]_ [2]_.

    Parameters
    ----------
    allow : sequence, default=()
        Columns to which the third part does not apply, because their gaps are known to arise
        before the prediction and in the same way where the model will be used.
    max_auc : float, default=0.6
        Largest AUC. Of one indicator, 0.6 means that events and others differ by 20 percentage
        points in how often the value is missing.
    min_rows : int, default=20
        Fewest rows.
    cv : int or splitter, default=5
        Folds for the AUC of all indicators together, whole patients.
    confidence_level : float, default=0.95
        Coverage of the intervals of the AUCs.
    random_state : int, RandomState or None, default=None
        Deals patients to folds.

    Attributes
    ----------
    columns_ : list
        Columns with an indicator.
    record_ : pandas.DataFrame
        One row per column of `X`: ``column``, ``n_missing``, ``share``, ``auc`` of its indicator
        alone with ``lower`` and ``upper``, ``added``, ``reason``.
    auc_ : dict
        Out-of-fold AUC of the indicators of all columns, without any value: ``estimate``,
        ``lower``, ``upper``, ``n_samples``, ``n_events``, ``n_indicators``; or ``reason``.
    auc_added_ : dict
        The same of the indicators that are added.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    InputError
        If a parameter does not fit, or a column already has the name of an indicator.

    Warns
    -----
    MissingIndicatorWarning
        If indicators are left out because they tell the outcome; it gives their AUC.

    See Also
    --------
    missingness_report : For whom values are missing, before anything is added.
    ChainedImputer : Fills in the cells themselves.
    sklearn.impute.MissingIndicator : Indicators of every column, without these checks.

    Notes
    -----
    A continuous outcome is taken as being above its median. Without an outcome, with more than two
    classes, or with fewer than 20 events or others, the third part is not assessable: indicators
    are added and the record says so.

    References
    ----------
    .. [1] van Smeden M, Groenwold RHH, Moons KGM. A cautionary note on the use of the missing
       indicator method for handling missing data in prediction research. J Clin Epidemiol
       2020;125:188-190.
    .. [2] Sisk R, Sperrin M, Peek N, van Smeden M, Martin GP. Imputation and missing indicators for
       handling missing data in the development and deployment of clinical prediction models: a
       simulation study. Stat Methods Med Res 2023;32:1461-1477.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import MissingIndicators
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(60, 10, 300), "lactate": rng.normal(2, 1, 300)})
    >>> X.loc[rng.random(300) < 0.3, "lactate"] = np.nan
    >>> died = rng.random(300) < 0.3
    >>> MissingIndicators(random_state=0).fit(X, died).get_feature_names_out().tolist()
    ['age', 'lactate', 'lactate_missing']
    """

    __metadata_request__fit = {"groups": True}

    def __init__(
        self,
        *,
        allow=(),
        max_auc=0.6,
        min_rows=20,
        cv=5,
        confidence_level=0.95,
        random_state=None,
    ):
        self.allow = allow
        self.max_auc = max_auc
        self.min_rows = min_rows
        self.cv = cv
        self.confidence_level = confidence_level
        self.random_state = random_state

    def fit(self, X, y=None, *, groups=None):
        """Decide which columns get an indicator.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Outcome.
        groups : array-like of shape (n_samples,), default=None
            Patient of each row.

        Returns
        -------
        self
        """
        frame = read_table(self, X, reset=True)
        names = list(frame.columns)
        self._check_parameters(names)
        check_alignment(X=X, y=y, groups=groups)
        groups = None if groups is None else check_groups(groups, len(frame))
        event, unknown = _event_of(y, len(frame))
        candidates = Candidates(
            frame.isna().to_numpy(),
            names,
            event,
            groups,
            max_auc=self.max_auc,
            min_rows=self.min_rows,
            confidence_level=self.confidence_level,
            cv=self.cv,
            random_state=self.random_state,
        )
        self.record_, self.auc_, self.auc_added_ = candidates.judge(self.allow, unknown)
        self.columns_ = self.record_.loc[self.record_["added"], "column"].tolist()
        clash = [name for name in self.columns_ if f"{name}{SUFFIX}" in names]
        if clash:
            raise InputError(
                f"X has a column {clash[0] + SUFFIX!r} already, which is the name of the indicator "
                f"of {clash[0]!r}; rename it."
            )
        if candidates.telling:
            self._warn(candidates.telling)
        return self

    def transform(self, X):
        """Return the table with the indicators behind its columns, as 0 and 1.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Rows of the kind seen at fit.

        Returns
        -------
        DataFrame or array
            Of the kind of `X`.
        """
        check_is_fitted(self)
        frame = read_table(self, X, reset=False)
        if not self.columns_:
            return write_table(frame, X, [])
        indicators = frame[self.columns_].isna().astype(np.int8)
        indicators.columns = [f"{name}{SUFFIX}" for name in self.columns_]
        return write_table(pd.concat([frame, indicators], axis=1), X, list(indicators.columns))

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns and of the indicators behind them."""
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        added = [f"{name}{SUFFIX}" for name in names[self.record_["added"].to_numpy(dtype=bool)]]
        return np.array([*names, *added], dtype=object)

    def _check_parameters(self, names):
        check_confidence_level(self.confidence_level)
        if not 0.5 <= self.max_auc <= 1:
            raise InputError(f"max_auc={self.max_auc!r} is not between 0.5 and 1.")
        if not isinstance(self.min_rows, Integral) or self.min_rows < 1:
            raise InputError(f"min_rows={self.min_rows!r} is not a whole number of at least 1.")
        for name in self.allow:
            if name not in names:
                raise InputError(f"allow names the column {name!r}, which X does not have.")

    def _warn(self, telling):
        more = f" (and {len(telling) - 1} more)" if len(telling) > 1 else ""
        auc = self.auc_
        subject = "missing indicators alone, without any value, reach an out-of-fold"
        if "estimate" not in auc:
            alone = self.record_.set_index("column").loc[telling]
            auc = {"estimate": alone["auc"].iloc[0], **alone.iloc[0]}
            subject = f"whether column {telling[0]!r} is missing has, without any value, an"
        reached = f"{auc['estimate']:.2f} ({auc['lower']:.2f} to {auc['upper']:.2f})"
        warnings.warn(
            f"{subject} AUC of {reached}: gaps may have come about through the outcome, and what "
            f"they score does not transport to where values are measured for other reasons. Column "
            f"{telling[0]!r}{more} got no indicator; name columns in allow if their gaps arise "
            "before the prediction and in the same way where the model will be used. See record_.",
            MissingIndicatorWarning,
            stacklevel=3,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _event_of(y, n):
    """Return the outcome as 0/1, or None and why there is none."""
    if y is None:
        return None, "no outcome"
    check_consistent_length(np.empty(n), y)
    kind = type_of_target(y)
    if kind == "binary":
        return check_event(y, any_two_classes=True)[1], ""
    values = np.asarray(y)
    if values.ndim > 1 and values.shape[1] > 1:
        return None, "several outcomes"
    if values.dtype.kind not in "iuf":
        return None, "the outcome has not two classes"
    values = values.ravel()
    above = (values > np.median(values)).astype(np.int64)
    return (above, "") if 0 < above.sum() < n else (None, "the outcome does not vary")
