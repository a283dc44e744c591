"""How far a row is from the rows that a model was fitted on, as a step of a pipeline."""

import warnings
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from healthml._core._displays import BLUE, GREY, VERMILION, new_axes
from healthml._core._release import count_text
from healthml._core._results import Result, table_text
from healthml._core._tables import parse_numbers, read_table, refuse_infinite, write_table
from healthml.cleaning import LabValueParser
from healthml.exceptions import DataQualityWarning, InputError

ACTIONS = ("flag", "warn", "refuse", "abstain")


@dataclass(frozen=True, repr=False)
class DomainResult(Result):
    """How far rows are from the training rows; made by `ApplicabilityDomain.assess`.

    Parameters
    ----------
    table : DataFrame
        A row for each row: row (position), distance (robust; 1 is the training rows' own limit),
        share_further (share of training rows at least as far), n_beyond (columns whose cell is
        beyond the training rows' support), beyond (their names), n_missing, outside, reason (in
        words, "" inside).
    limit : float
        Share of training rows that lie outside by their distance.
    """

    limit: float = 0.01

    def summary(self):
        """Return how many rows are outside and which columns they are beyond; no cell."""
        outside = int(self.table["outside"].sum())
        names = pd.Series([n for cell in self.table["beyond"] for n in cell]).value_counts()
        counts = names.rename_axis("column").reset_index(name="n_rows")
        text = (
            f"{count_text(outside)} of {count_text(len(self.table))} rows are outside the training "
            "rows' domain."
        )
        return text if counts.empty else f"{text}\nBeyond by column:\n{table_text(counts)}"

    def _repr_html_(self):
        from html import escape

        return f"<pre>{escape(self.summary())}</pre>"

    def plot(self, ax=None, **kwargs):
        """Draw the distances in order; crosses are rows outside.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        **kwargs
            Passed to ``Axes.scatter``.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = new_axes(ax, width=5.6, height=3.6)
        ordered = self.table.sort_values("distance").reset_index(drop=True)
        for outside, marker, colour in ((False, "o", BLUE), (True, "x", VERMILION)):
            rows = ordered[ordered["outside"] == outside]
            label = "outside" if outside else "inside"
            options = {"marker": marker, "color": colour, "s": 14, "label": label} | kwargs
            ax.scatter(rows.index, rows["distance"], **options)
        ax.axhline(1.0, color=GREY, lw=0.8, ls="--")
        ax.set(xlabel="Rows, nearest first", ylabel="Robust distance (1: limit)")
        ax.legend(frameon=False, fontsize=8)
        return ax


class ApplicabilityDomain(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Flag, refuse or abstain from rows that are unlike the rows that a model was fitted on.

    Two questions are asked of each row. Is a cell beyond what the training rows show: a number
    outside their range, a level that they do not have, a gap where they have none? And is the row
    as a whole further from their centre than nearly all of them? The distance is Mahalanobis' on
    normal scores, so that skewed columns do not decide it, with a correlation shrunk towards
    independence. It uses the measured cells only, and is scaled by how many there are: a missing
    cell brings a row neither nearer nor further, and is not taken for the value that an imputer
    would fill in. So the step belongs before the imputer.

    Training rows pass unchanged. What lies outside is in `assessment_` after `transform`, and in
    `assess` for any rows.

    Parameters
    ----------
    action : {"flag", "warn", "refuse", "abstain"}, default="flag"
        What `transform` does with rows outside: note them in `assessment_`; warn as well; raise an
        error; or empty them and warn. A model after it that reads gaps then gives its risk for a
        patient of whom nothing is known, and another one refuses the gaps: a step cannot keep a
        model from predicting. For a missing risk put the model into `AbstainingClassifier`. In a
        pipeline's `fit` rows always pass.
    limit : float, default=0.01
        Share of training rows that count as too far by their distance. 0 only looks at single
        cells.
    margin : float, default=0.0
        How far beyond the training rows' range a number may lie, as a share of that range.

    Attributes
    ----------
    support_ : DataFrame
        column, kind ("number" or "level"), low, high, levels, had_gaps.
    distances_ : ndarray of shape (n_samples,)
        Sorted distances of the training rows.
    cut_ : float
        Distance beyond which a row is outside.
    assessment_ : DomainResult
        Of the rows that were transformed last.

    Raises
    ------
    InputError
        If rows are outside and the action is "refuse", or a parameter does not fit.

    See Also
    --------
    AbstainingClassifier : No risk for such rows.
    explain : Marks reasons whose value is beyond the background.
    healthml.validation.external_validate : Whether a model holds elsewhere.

    References
    ----------
    .. [1] Sahigara F, Mansouri K, Ballabio D, Mauri A, Consonni V, Todeschini R. Comparison of
       different approaches to define the applicability domain of QSAR models. Molecules.
       2012;17:4791-4810.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.explanation import ApplicabilityDomain
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(60, 10, (300, 2)), columns=["age", "weight"])
    >>> domain = ApplicabilityDomain(action="flag").fit(X)
    >>> new = pd.DataFrame({"age": [60, 190], "weight": [61, 60]})
    >>> domain.assess(new).table["outside"].tolist()
    [False, True]
    """

    def __init__(self, action="flag", *, limit=0.01, margin=0.0):
        self.action = action
        self.limit = limit
        self.margin = margin

    def fit(self, X, y=None):
        """Learn the support of each column and the distances of the training rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows, before imputation.
        y : None
            Not used.

        Returns
        -------
        ApplicabilityDomain
        """
        if self.action not in ACTIONS:
            raise InputError(
                f"action is {self.action!r}; pass one of {', '.join(map(repr, ACTIONS))}."
            )
        if not 0 <= self.limit < 1 or self.margin < 0:
            raise InputError("limit is a share from 0 to below 1, and margin 0 or more.")
        frame = self._read(X, reset=True)
        refuse_infinite(frame)
        self.support_ = pd.DataFrame(
            [_support(frame[name]) for name in frame.columns],
            columns=["column", "kind", "low", "high", "levels", "had_gaps"],
        )
        self._learn_distance(frame)
        self.distances_ = np.sort(self._distance(frame))
        self.cut_ = float(np.quantile(self.distances_, 1 - self.limit)) if self.limit else np.inf
        self._last_ = SimpleNamespace(result=None)
        return self

    def fit_transform(self, X, y=None):
        """Learn from the training rows and return them as they are, whatever the action.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows, before imputation.
        y : None
            Not used.

        Returns
        -------
        DataFrame or ndarray
        """
        self.fit(X, y)
        self._last_.result = DomainResult(self._assessed(self._read(X)), self.limit)
        return write_table(read_table(self, X, reset=False), X, ())

    @property
    def assessment_(self):
        """`DomainResult` of the rows that were transformed last."""
        last = self.__dict__.get("_last_")
        if last is None or last.result is None:
            raise AttributeError("no assessment_ yet; call transform first.")
        return last.result

    def transform(self, X):
        """Return the rows; what lies outside is noted, warned of, refused or emptied.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows before imputation.

        Returns
        -------
        DataFrame or ndarray
        """
        check_is_fitted(self)
        frame = read_table(self, X, reset=False)
        table = self._assessed(self._numbered(frame))
        outside = table["outside"].to_numpy()
        self._last_.result = DomainResult(table, self.limit)
        if outside.any() and self.action != "flag":
            self._speak(table, outside)
        if self.action == "abstain" and outside.any():
            emptied = frame.copy()
            for name in frame.columns:
                emptied[name] = frame[name].mask(outside)
            return write_table(emptied, X, list(frame.columns))
        return write_table(frame, X, ())

    def assess(self, X):
        """Say of each row how far it is from the training rows and where it is beyond them.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows before imputation.

        Returns
        -------
        DomainResult
        """
        check_is_fitted(self)
        return DomainResult(self._assessed(self._read(X)), self.limit)

    def __sklearn_tags__(self):
        """Read any column, gaps included."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _read(self, X, *, reset=False):
        """Return the rows with typed results and dates as numbers."""
        frame = read_table(self, X, reset=reset)
        if reset:
            texts = [c for c in frame.columns if pd.api.types.is_string_dtype(frame[c].dtype)]
            self._results_ = (texts, LabValueParser().fit(frame[texts]) if texts else None)
        return self._numbered(frame)

    def _numbered(self, frame):
        """Return a table whose typed results and dates are numbers, which have a range."""
        frame, (texts, parser) = frame.copy(), self._results_
        if texts and parser.columns_:
            read = parser.transform(frame[texts])
            for name in parser.columns_:
                frame[name] = read[name]
        for name in frame.columns:
            if pd.api.types.is_datetime64_any_dtype(frame[name].dtype):
                start = pd.Timestamp(0, tz=frame[name].dt.tz)
                frame[name] = (frame[name] - start) / pd.Timedelta(days=1)
        return frame

    def _speak(self, table, outside):
        names = sorted({str(n) for cell in table["beyond"][outside] for n in cell})
        where = f"; beyond the training rows in {', '.join(names)}" if names else ""
        first = int(np.flatnonzero(outside)[0])
        text = (
            f"{int(outside.sum())} of {len(outside)} rows are unlike the training rows, the first "
            f"at position {first}{where}; assess(X) says how far. Check the cells, or do not rely "
            "on their predictions."
        )
        if self.action == "refuse":
            raise InputError(text)
        if self.action == "abstain":
            text += " Their cells were emptied: a model after this step knows nothing of them."
        warnings.warn(text, DataQualityWarning, stacklevel=3)

    def _assessed(self, frame):
        beyond = np.column_stack(
            [
                _beyond(frame[row.column], row, self.margin)
                for row in self.support_.itertuples(index=False)
            ]
        )
        distance = self._distance(frame)
        rank = np.searchsorted(self.distances_, distance, side="left")
        names = np.array(self.support_["column"], dtype=object)
        far = distance > self.cut_
        unit = self.cut_ if np.isfinite(self.cut_) and self.cut_ > 0 else self.distances_[-1] or 1.0
        listed = [tuple(names[flags]) for flags in beyond]
        return pd.DataFrame(
            {
                "row": np.arange(len(frame)),
                "distance": distance / unit,
                "share_further": 1 - rank / len(self.distances_),
                "n_beyond": beyond.sum(axis=1),
                "beyond": listed,
                "n_missing": frame.isna().to_numpy().sum(axis=1),
                "outside": beyond.any(axis=1) | far,
                "reason": [_reason(*row) for row in zip(listed, far, strict=True)],
            }
        )

    def _learn_distance(self, frame):
        """Learn the quantiles of the numbers and how they go together, from the measured cells."""
        numbers = self._numbers(frame)
        self.quantiles_ = np.array(
            [np.quantile(cells[~np.isnan(cells)], _SHARES) for cells in numbers.T]
        ).reshape(numbers.shape[1], len(_SHARES))
        scores = pd.DataFrame(self._scores(numbers))
        near = scores.corr(min_periods=_FEWEST_PAIRS).fillna(0).to_numpy().copy()
        np.fill_diagonal(near, 1.0)
        self.correlation_ = _SHRUNK * np.eye(len(near)) + (1 - _SHRUNK) * near

    def _scores(self, numbers):
        """Return normal scores: skew and single extreme cells do not decide the distance."""
        out = np.full(numbers.shape, np.nan)
        for k, quantiles in enumerate(self.quantiles_):
            share = np.interp(numbers[:, k], quantiles, _SHARES)
            out[:, k] = norm.ppf(np.clip(share, _TAIL, 1 - _TAIL))
        return np.where(np.isnan(numbers), np.nan, out)

    def _numbers(self, frame):
        kept = self.support_.loc[self.support_["kind"] == "number", "column"]
        if not len(kept):
            return np.zeros((len(frame), 0))
        return np.column_stack([parse_numbers(frame[name])[0].to_numpy() for name in kept])

    def _distance(self, frame):
        """Return the distance over the measured cells, as if all of them had been measured."""
        numbers = self._numbers(frame)
        n, p = numbers.shape
        out = np.zeros(n)
        if not p:
            return out
        scaled = self._scores(numbers)
        known = ~np.isnan(scaled)
        patterns, which = np.unique(known, axis=0, return_inverse=True)
        for code, pattern in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == code)
            if not pattern.any():
                continue
            z = scaled[np.ix_(rows, np.flatnonzero(pattern))]
            inverse = np.linalg.pinv(self.correlation_[np.ix_(pattern, pattern)], hermitian=True)
            square = np.einsum("ij,jk,ik->i", z, inverse, z)
            out[rows] = np.sqrt(np.maximum(square, 0.0) / pattern.sum())
        return out


_SHRUNK = 0.1
"""Weight of independence in the correlation; by judgement. More forgives unlikely combinations."""
_SHARES = np.linspace(0, 1, 201)  # quantiles kept of each column; by judgement
_TAIL = 0.001  # share beyond which the tail of a column is one; the range is looked at apart
_FEWEST_PAIRS = 10  # rows with both cells below which two columns count as independent


def _reason(beyond, far):
    """Return in words why a row is outside; it names columns, and no cell."""
    parts = [f"beyond the training rows: {', '.join(map(str, beyond))}"] if beyond else []
    return "; ".join([*parts, *(["far from the training rows as a whole"] if far else [])])


def _support(column):
    """Return what the training rows show of one column."""
    values, is_text = parse_numbers(column)
    gaps = bool(column.isna().any())
    if is_text.any() or not values.notna().any():
        return column.name, "level", np.nan, np.nan, frozenset(column.dropna()), gaps
    finite = values[np.isfinite(values)]
    return column.name, "number", float(finite.min()), float(finite.max()), frozenset(), gaps


def _beyond(column, support, margin):
    """Return where a cell is beyond the training rows: range, levels, or a gap that is new."""
    missing = column.isna().to_numpy()
    new_gap = missing & (not support.had_gaps)
    if support.kind == "level":
        return new_gap | (~column.isin(support.levels).to_numpy() & ~missing)
    values, is_text = parse_numbers(column)
    room = margin * (support.high - support.low)
    far = (values < support.low - room) | (values > support.high + room)
    return new_gap | far.to_numpy() | is_text.to_numpy()
