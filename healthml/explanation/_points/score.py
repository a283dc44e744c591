"""A bedside score of whole points from a logistic model."""

from functools import partial
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from healthml._core._checks import (
    check_alignment,
    check_event,
    check_groups,
    check_patient_cv,
    same_length,
    scarce_folds,
)
from healthml._core._paired import paired_scores
from healthml._core._recalibration import fit_recalibration
from healthml._core._tables import read_table
from healthml.exceptions import InputError
from healthml.explanation._points.bins import learn_bins
from healthml.explanation._points.result import PointsResult

_MEASURES = ("auroc", "brier", "calibration_slope")


class PointsScore(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A score that can be added up at the bedside: whole points for levels of each column.

    Numbers are cut into ranges, words are taken as they are, and a cell that was not measured is a
    level of its own. A logistic model gives each level its log odds, which are rounded to whole
    points [1]_, and the risk of a total comes from a logistic model of the outcome on the points.
    What rounding and cutting cost is measured out of fold, beside the same model unrounded.

    Parameters
    ----------
    estimator : scikit-learn linear classifier, optional
        Logistic model on the 0/1 columns of the levels; ``LogisticRegression()`` by default, whose
        penalty keeps small levels near the others.
    n_bins : int, default=4
        Ranges of a number at most, at even shares of the rows.
    max_points : int, default=10
        Points of the column with the widest span; fewer round more.
    cv : int, splitter or iterable, default=5
        Folds in which the cost of rounding is measured; whole patients with `groups`.

    Attributes
    ----------
    points_ : PointsResult
        The card, the chart of risks and the cost of rounding.
    classes_ : ndarray of shape (2,)
        The labels, the event last.
    estimator_ : classifier
        The fitted logistic model.
    unit_ : float
        Log odds of one point before the totals are calibrated.

    Raises
    ------
    InputError
        If the estimator has no coefficients, or an option does not fit.

    See Also
    --------
    surrogate : A small tree, or points, in place of any model.

    References
    ----------
    .. [1] Sullivan LM, Massaro JM, D'Agostino RB. Presentation of multivariate data for clinical
       use: the Framingham Study risk score functions. Stat Med. 2004;23:1631-1660.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.explanation import PointsScore
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(60, 10, 600), "sex": rng.choice(["f", "m"], 600)})
    >>> y = (0.1 * (X["age"] - 60) + rng.logistic(size=600) > 0).astype(int)
    >>> score = PointsScore(n_bins=3, max_points=4).fit(X, y)
    >>> points = score.points_.table.query("column == 'age'")["points"].tolist()
    >>> min(points), max(points), points == sorted(points)
    (0, 4, True)
    """

    __metadata_request__fit = {"groups": True}

    def __init__(self, estimator=None, *, n_bins=4, max_points=10, cv=5):
        self.estimator = estimator
        self.n_bins = n_bins
        self.max_points = max_points
        self.cv = cv

    def fit(self, X, y, *, groups=None):
        """Learn levels, points and risks.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Outcome, two classes; the later one in sorted order is the event.
        groups : array-like of shape (n_samples,), optional
            Patient of each row, for the folds and the intervals of the cost.

        Returns
        -------
        PointsScore
        """
        for name in ("n_bins", "max_points"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 2:
                raise InputError(f"{name} is {value!r}; pass a whole number of 2 or more.")
        check_alignment(X=X, y=y, groups=groups)
        frame = read_table(self, X, reset=True)
        self.classes_, event = check_event(y, any_two_classes=True)
        frame, event = same_length(frame, event)
        groups = None if groups is None else check_groups(groups, len(event))
        card = self._learn(frame, event)
        self.estimator_, self.unit_, self._card = card.model, card.unit, card
        loss = self._loss(frame, event, groups)
        self.points_ = PointsResult(card.table(), card.chart(card.totals(frame)), loss)
        return self

    def total_points(self, X):
        """Return the points of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows as in `fit`.

        Returns
        -------
        ndarray of int of shape (n_samples,)
        """
        check_is_fitted(self)
        return self._card.totals(read_table(self, X, reset=False))

    def predict_proba(self, X):
        """Return the risks of the rows' totals.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Probabilities in the order of `classes_`.
        """
        risk = self._card_risk(X)
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        """Return the likelier class of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        likeliest = (self._card_risk(X) > 0.5).astype(int)
        return self.classes_[likeliest]

    def __sklearn_tags__(self):
        """Take any column, gaps included, and two classes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.classifier_tags.multi_class = False
        return tags

    def _card_risk(self, X):
        totals = self.total_points(X)
        return self._card.risk(totals)

    def _learn(self, frame, event):
        """Return the card of some training rows."""
        bins = [learn_bins(frame[name], self.n_bins) for name in frame.columns]
        codes = [b.codes(frame[b.column]) for b in bins]
        model = LogisticRegression() if self.estimator is None else clone(self.estimator)
        model.fit(_indicators(bins, codes), event)
        if not hasattr(model, "coef_"):
            raise InputError(
                f"{type(model).__name__} has no coefficients; pass a linear classifier, or turn "
                "the fitted model into points with surrogate(model, X, kind='points')."
            )
        curve = partial(fit_recalibration, event=event)
        return _Card(bins, codes, model, self.max_points, curve)

    def _loss(self, frame, event, groups):
        """Return what points cost beside the model unrounded, on rows left out."""
        blank = pd.DataFrame(columns=_LOSS_COLUMNS)
        try:
            folds = scarce_folds(self.cv, event, groups)
        except InputError:
            return blank  # too few patients with or without the event to leave any out
        splits = check_patient_cv(folds, event, groups).split(frame, event, groups)
        risks = {name: np.full(len(event), np.nan) for name in ("unrounded", "points")}
        fold = np.zeros(len(event), dtype=int)
        for k, (train, test) in enumerate(splits):
            if len(np.unique(event[train])) < 2:
                return blank
            card, rows = self._learn(frame.iloc[train], event[train]), frame.iloc[test]
            risks["points"][test] = card.risk(card.totals(rows))
            risks["unrounded"][test] = card.unrounded(rows)
            fold[test] = k
        return _compared(event, risks, fold, groups)


_LOSS_COLUMNS = ["measure", "unrounded", "points", "estimate", "lower", "upper"]
_LOSS_COLUMNS += ["n_samples", "n_events"]


def _compared(event, risks, fold, groups):
    scores = paired_scores(
        event, risks, folds=dict.fromkeys(risks, fold), groups=groups, measures=_MEASURES
    )
    rows = []
    for measure in _MEASURES:
        plain, rounded = (scores.values[name, measure][0] for name in ("unrounded", "points"))
        gap = scores.difference("points", "unrounded", measure)
        counts = scores.get("points", measure)[["n_samples", "n_events"]]
        rows.append((measure, plain, rounded, *gap, *map(int, counts)))
    return pd.DataFrame(rows, columns=_LOSS_COLUMNS)


def _indicators(bins, codes):
    """Return a 0/1 column for each level of each column."""
    return np.hstack(
        [
            np.equal.outer(code, np.arange(len(b.levels))).astype(float)
            for b, code in zip(bins, codes, strict=True)
        ]
    )


def card_of_risks(frame, risk, n_bins, max_points):
    """Return the points that imitate given risks, their totals calibrated to these risks.

    Each row counts as an event by its risk, and as none by the rest.

    Parameters
    ----------
    frame : DataFrame
        Rows.
    risk : ndarray of shape (n_samples,)
        Between 0 and 1.
    n_bins, max_points : int
        As in `PointsScore`.
    """
    bins = [learn_bins(frame[name], n_bins) for name in frame.columns]
    codes = [b.codes(frame[b.column]) for b in bins]
    event, weight = np.repeat([1, 0], len(risk)), np.concatenate([risk, 1 - risk])
    model = LogisticRegression()
    model.fit(np.tile(_indicators(bins, codes), (2, 1)), event, sample_weight=weight)
    curve = lambda logit: fit_recalibration(np.tile(logit, 2), event, weight)  # noqa: E731
    return _Card(bins, codes, model, max_points, curve)


class _Card:
    """Levels, points and the risk of a total, learnt from some rows."""

    def __init__(self, bins, codes, model, max_points, fit_curve):
        self.bins, self.model = bins, model
        sizes = [len(b.levels) for b in bins]
        parts = np.split(np.ravel(model.coef_), np.cumsum(sizes)[:-1])
        self.counts = [np.bincount(c, minlength=s) for c, s in zip(codes, sizes, strict=True)]
        # a level that no training row has keeps the coefficient 0, which is about the mean
        self.odds = [
            np.maximum(part - part[count > 0].min(), 0.0)
            for part, count in zip(parts, self.counts, strict=True)
        ]
        widest = max(float(odds.max()) for odds in self.odds)
        self.unit = widest / max_points if widest > 0 else 1.0
        self.points = [np.rint(odds / self.unit).astype(int) for odds in self.odds]
        totals = self._sum(codes)
        self.curve = fit_curve(totals * self.unit)

    def _sum(self, codes):
        return sum(p[c] for p, c in zip(self.points, codes, strict=True))

    def _codes(self, frame):
        return [b.codes(frame[b.column]) for b in self.bins]

    def totals(self, frame):
        """Return the points of rows."""
        return np.asarray(self._sum(self._codes(frame)), dtype=int)

    def risk(self, totals):
        """Return the risk of totals."""
        return self.curve(np.asarray(totals, dtype=float) * self.unit)

    def unrounded(self, frame):
        """Return the risks of the logistic model itself."""
        odds = _indicators(self.bins, self._codes(frame)) @ np.ravel(self.model.coef_)
        return expit(odds + np.ravel(self.model.intercept_)[0])

    def table(self):
        """Return the card; a level without a training row is left out."""
        rows = [
            (b.column, level, int(p), float(odds), int(n))
            for b, points, odd, count in zip(
                self.bins, self.points, self.odds, self.counts, strict=True
            )
            for level, p, odds, n in zip(b.levels, points, odd, count, strict=True)
            if n > 0
        ]
        return pd.DataFrame(rows, columns=["column", "level", "points", "log_odds", "n_samples"])

    def chart(self, totals):
        """Return the risk of each total that may be reached."""
        most = sum(int(points.max()) for points in self.points)
        possible = np.arange(most + 1)
        count = np.bincount(totals, minlength=most + 1)
        return pd.DataFrame(
            {"points": possible, "estimate": self.risk(possible), "n_samples": count}
        )
