"""ROC and precision-recall curves with bands."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._bootstrap import bootstrap, number_or_draws
from healthml._core._inputs import check_inputs
from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml._core._sample import as_models, make_sample
from healthml.exceptions import InputError
from healthml.metrics._measures import auroc_of, average_precision_of
from healthml.metrics._multiclass import one_vs_rest, risk_of_event

__all__ = ["CurveDisplay", "CurveResult", "precision_recall_curve", "roc_curve"]

_GRID = np.linspace(0, 1, 101)  # where the band is given: every hundredth of the axis


@dataclass(frozen=True, repr=False)
class CurveResult(Result):
    """A ROC or precision-recall curve; made by `roc_curve` and `precision_recall_curve`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per model and grid point: model, at (1 - specificity, or sensitivity), estimate
        (sensitivity, or PPV), lower, upper, n_samples, n_events.
    points : pandas.DataFrame
        The exact corners of the curve: model, threshold, x, y.
    kind : {"roc", "precision_recall"}
        Which curve it is.
    areas : dict
        Model -> AUROC, or average precision.
    prevalence : float
        Share of events.
    confidence_level : float
        Pointwise coverage of the band.
    """

    points: pd.DataFrame = None
    kind: str = "roc"
    areas: dict = field(default_factory=dict)
    prevalence: float = np.nan
    confidence_level: float = 0.95

    def plot(self, ax=None, **kwargs):
        """Draw the curves; returns a `CurveDisplay`."""
        return CurveDisplay(self).plot(ax=ax, **kwargs)


@one_vs_rest
def roc_curve(
    y_true,
    y_proba,
    *,
    groups=None,
    confidence_level=0.95,
    n_resamples=1000,
    resamples=None,
    event=None,
    classes=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> CurveResult:
    """Draw sensitivity against 1 - specificity, with a pointwise bootstrap band.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,) or dict of str to array-like
        Predicted probability of the event, or those of several models by name.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; whole patients are resampled.
    confidence_level : float, default=0.95
        Pointwise coverage of the band.
    n_resamples : int, default=1000
        Number of bootstrap resamples.
    resamples : iterable of int arrays, default=None
        The resamples themselves, as arrays of row positions, instead of a number.
    event : scalar or str, default=None
        The level of `y_true` that is the event.
    classes : list, default=None
        Labels of the columns of a `y_proba` with three or more; the sorted labels when None.
    n_jobs : int, default=None
        Jobs of the bootstrap.
    verbose : int, default=0
        Above 0, progress on stderr.
    random_state : int, RandomState or None, default=None
        Seed of the resamples.

    Returns
    -------
    CurveResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or there is one class only.

    See Also
    --------
    precision_recall_curve : Draw positive predictive value against sensitivity, with a pointwise
        bootstrap band.
    auroc : Area under the ROC curve, also called the c-statistic.

    Examples
    --------
    >>> from healthml.metrics import roc_curve
    >>> y, risk = [0, 1, 0, 1, 0, 0], [0.1, 0.5, 0.3, 0.4, 0.2, 0.1]
    >>> roc_curve(y, risk, resamples=[range(6)]).areas
    {'model': 1.0}
    """
    options = {"n_jobs": n_jobs, "verbose": verbose, "random_state": random_state}
    asked = number_or_draws(n_resamples, resamples)
    run = {"groups": groups, "event": event, "resamples": asked, **options}
    return _curve("roc", y_true, y_proba, confidence_level, run)


@one_vs_rest
def precision_recall_curve(
    y_true,
    y_proba,
    *,
    groups=None,
    confidence_level=0.95,
    n_resamples=1000,
    resamples=None,
    event=None,
    classes=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> CurveResult:
    """Draw positive predictive value against sensitivity, with a pointwise bootstrap band.

    Parameters
    ----------
    y_true, y_proba, groups, confidence_level, n_resamples, resamples, event, classes
        As in :func:`roc_curve`.
    n_jobs, verbose, random_state
        As in :func:`roc_curve`.

    Returns
    -------
    CurveResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or there is one class only.

    See Also
    --------
    roc_curve : Draw sensitivity against 1 - specificity, with a pointwise bootstrap band.
    average_precision : Sum of (step in sensitivity) x (positive predictive value) over descending
        thresholds.

    Examples
    --------
    >>> from healthml.metrics import precision_recall_curve
    >>> y, risk = [0, 1, 0, 1, 0, 0], [0.1, 0.5, 0.3, 0.4, 0.2, 0.1]
    >>> precision_recall_curve(y, risk, resamples=[range(6)]).areas
    {'model': 1.0}
    """
    options = {"n_jobs": n_jobs, "verbose": verbose, "random_state": random_state}
    asked = number_or_draws(n_resamples, resamples)
    run = {"groups": groups, "event": event, "resamples": asked, **options}
    return _curve("precision_recall", y_true, y_proba, confidence_level, run)


_KINDS = {"roc": roc_curve, "precision_recall": precision_recall_curve}


def _curve(kind, y_true, y_proba, confidence_level, run):
    level, run = check_confidence_level(confidence_level), dict(run)
    groups, event = run.pop("groups"), run.pop("event")
    tables, points, areas = [], [], {}
    for name, proba in as_models(y_proba).items():
        sample = make_sample(y_true, proba, groups=groups, event=event)
        counts = sample.counts
        check_inputs(sample.event, sample.proba)
        statistic = _OnGrid(sample.event, sample.proba, kind)
        drawn = bootstrap(
            statistic,
            n_samples=len(sample.event),
            groups=sample.groups,
            confidence_level=level,
            **run,
        )
        tails = np.nanquantile(drawn.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        ends = {"lower": tails[0], "upper": tails[1]}
        estimate = np.array(list(drawn.estimate.values()))
        table = pd.DataFrame({"model": name, "at": _GRID, "estimate": estimate, **ends})
        tables.append(table.assign(n_samples=sample.n_samples, n_events=sample.n_events))
        x, y = _corners(counts, kind)
        points.append(pd.DataFrame({"model": name, "threshold": counts.threshold, "x": x, "y": y}))
        areas[name] = auroc_of(counts) if kind == "roc" else average_precision_of(counts)
    tables, points = (pd.concat(part, ignore_index=True) for part in (tables, points))
    return CurveResult(tables, points, kind, areas, sample.mean(sample.event), level)


def _corners(counts, kind):
    sensitivity = counts.tp / counts.tp[-1]
    if kind == "roc":
        return counts.fp / counts.fp[-1], sensitivity
    return sensitivity, counts.tp / (counts.tp + counts.fp)


class _OnGrid:
    """Height of the curve at the grid, as a function of row positions."""

    def __init__(self, event, proba, kind):
        order = np.argsort(-proba, kind="stable")
        self.place = np.empty(len(order), dtype=np.intp)
        starts = np.r_[0, np.diff(proba[order]) != 0]
        self.place[order] = np.cumsum(starts)
        self.cell, self.n, self.kind = (
            2 * self.place + event.astype(np.intp),
            starts.sum() + 1,
            kind,
        )

    def __call__(self, rows):
        counts = np.bincount(self.cell[rows], minlength=2 * self.n)
        fp, tp = np.cumsum(counts[0::2]), np.cumsum(counts[1::2])
        if not (fp[-1] and tp[-1]):
            raise InputError("the resample has one class of outcome only")
        sensitivity = tp / tp[-1]
        if self.kind == "roc":
            return np.interp(_GRID, np.r_[0, fp / fp[-1]], np.r_[0, sensitivity])
        first = np.searchsorted(sensitivity, np.maximum(_GRID, 1e-12))
        return tp[first] / (tp[first] + fp[first])


@dataclass
class CurveDisplay:
    """A ROC or precision-recall curve with its band.

    Parameters
    ----------
    result : CurveResult
        What is drawn.

    See Also
    --------
    roc_curve : Draw sensitivity against 1 - specificity, with a pointwise bootstrap band.
    precision_recall_curve : Draw positive predictive value against sensitivity, with a pointwise
        bootstrap band.

    Examples
    --------
    >>> from healthml.metrics import CurveDisplay, roc_curve
    >>> y, risk = [0, 1, 0, 1, 0, 0], [0.1, 0.5, 0.3, 0.4, 0.2, 0.1]
    >>> CurveDisplay(roc_curve(y, risk, resamples=[range(6)])).plot().ax_.get_xlabel()
    '1 - specificity'
    """

    result: CurveResult

    @classmethod
    def from_predictions(cls, y_true, y_proba, *, kind="roc", ax=None, **options):
        """Compute the curve ("roc" or "precision_recall") from outcomes and risks and draw it."""
        if kind not in _KINDS:
            raise InputError(f"kind is {kind!r}; pass 'roc' or 'precision_recall'.")
        return _KINDS[kind](y_true, y_proba, **options).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, kind="roc", ax=None, **options):
        """Compute the curve from a fitted classifier and draw it."""
        proba = risk_of_event(estimator, X, options.get("event"))
        return cls.from_predictions(y, proba, kind=kind, ax=ax, **options)

    def plot(self, ax=None, *, band=True, **kwargs):
        """Draw into `ax`, or into new axes; further options go to the lines."""
        from healthml._core._displays import GREY, line_style, new_axes

        self.ax_ = ax = new_axes(ax, width=4.6)
        result, roc = self.result, self.result.kind == "roc"
        for number, (name, part) in enumerate(result.points.groupby("model", sort=False)):
            style, table = line_style(number), result.table[result.table["model"] == name]
            area = f"{'AUROC' if roc else 'AP'} {result.areas[name]:.2f}"
            x, y = np.r_[0, part["x"]], np.r_[0 if roc else part["y"].iloc[0], part["y"]]
            steps = "default" if roc else "steps-pre"
            line = {**style, "label": f"{name}, {area}", "lw": 1.3, "drawstyle": steps}
            ax.plot(x, y, **{**line, **kwargs})
            if band:
                ends = table["lower"], table["upper"]
                ax.fill_between(table["at"], *ends, color=style["color"], alpha=0.18, lw=0)
        if roc:
            ax.plot([0, 1], [0, 1], color=GREY, lw=0.8)
            ax.set(
                xlabel="1 - specificity", ylabel=f"Sensitivity, {result.confidence_level:.0%} CI"
            )
        else:
            ax.axhline(result.prevalence, color=GREY, lw=0.8)
            ax.set(
                xlabel="Sensitivity (recall)",
                ylabel=f"PPV (precision), {result.confidence_level:.0%} CI",
            )
        ax.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
        ax.legend(loc="lower right" if roc else "best", frameon=False)
        return self
