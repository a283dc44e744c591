"""Calibration curves: observed against predicted risk, smooth or in groups, with intervals."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from healthml._core._checks import check_alignment, check_groups
from healthml._core._inputs import log_odds
from healthml._core._intervals import check_confidence_level
from healthml._core._release import release_table
from healthml._core._results import Result
from healthml._core._sample import as_models, make_sample
from healthml.exceptions import InputError
from healthml.metrics._measures import SMOOTHERS, fit_smooth, quantile_groups
from healthml.metrics._multiclass import one_vs_rest, risk_of_event
from healthml.metrics._uncertainty import Means, of_share

__all__ = ["CalibrationDisplay", "CalibrationResult", "calibration_curve"]

_FEWEST = 11  # patients of a group below which it is not drawn: the rule for small cells


@dataclass(frozen=True, repr=False)
class CalibrationResult(Result):
    """Observed against predicted risk; made by `calibration_curve`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per risk of the grid (smooth) or per group of rows (binned): curve (model or
        group), risk, estimate, lower, upper, n_samples, n_events. A smooth curve has the counts of
        all its rows. Estimates and ends are kept within 0 and 1.
    confidence_level : float
        Pointwise coverage of the intervals.
    method : dict
        Curve -> how it was made, with the error of an approximation.
    histogram : pandas.DataFrame
        Number of rows with and without the event in 40 classes of risk, per curve.
    suppressed : tuple of str
        Groups left out because they have fewer than 11 rows or one class of outcome.
    """

    confidence_level: float = 0.95
    method: dict = field(default_factory=dict)
    histogram: pd.DataFrame | None = None
    suppressed: tuple = ()

    def plot(self, ax=None, **kwargs):
        """Draw the curves; returns a `CalibrationDisplay`."""
        return CalibrationDisplay(self).plot(ax=ax, **kwargs)


@one_vs_rest
def calibration_curve(
    y_true,
    y_proba,
    *,
    smooth="loess",
    n_points=100,
    n_bins=10,
    n_knots=5,
    by=None,
    groups=None,
    sample_weight=None,
    weight_type=None,
    confidence_level=0.95,
    event=None,
    classes=None,
) -> CalibrationResult:
    """Draw observed risk as a function of predicted risk.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,) or dict of str to array-like
        Predicted probability of the event, or those of several models by name.
    smooth : {"loess", "loess_interpolated", "lowess", "rcs", "pspline", "binned"}, default="loess"
        Smoother: local quadratic regression (exact up to 5,000 distinct risks, then on a grid
        whose error is stated), R's default interpolation of it, Cleveland's lowess, a logistic
        model on a restricted cubic or a penalised spline of the logit; or groups of equal size.
    n_points : int, default=100
        Risks at which a smooth curve is read, evenly between the lowest and the highest.
    n_bins : int, default=10
        Groups of ``smooth="binned"``, cut at quantiles.
    n_knots : int, default=5
        Knots of ``smooth="rcs"``.
    by : array-like of shape (n_samples,), default=None
        Draw one curve for each level of this column (sex, hospital).
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; intervals are then for patients.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    weight_type : {"frequency", "sampling"}, default=None
        What the weights are; required with them.
    confidence_level : float, default=0.95
        Pointwise coverage of the intervals.
    event : scalar or str, default=None
        The level of `y_true` that is the event.
    classes : list, default=None
        Labels of the columns of a `y_proba` with three or more; the sorted labels when None.

    Returns
    -------
    CalibrationResult

    Raises
    ------
    InputError
        If inputs do not fit each other, `smooth` is unknown, or a group of `by` is too small to
        show.

    See Also
    --------
    ici : Integrated calibration index: mean distance between smooth observed and predicted risk.
    calibration_slope : Slope b of logit P(y) = a + b logit(p), by maximum likelihood.
    CalibrationDisplay : Calibration curves with intervals and, below, the risks by outcome, each on
        its own scale.

    Notes
    -----
    The intervals are pointwise, for the smooth curve's expectation: they do not account for the
    smoother's own bias, which matters where few risks lie. Local regressions take the outcome's
    binomial variance, splines the covariance of their coefficients; patients or sampling weights
    bring the sandwich variance.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import calibration_curve
    >>> random = np.random.RandomState(0)
    >>> risk = random.uniform(0.05, 0.6, 300)
    >>> died = random.uniform(size=300) < risk
    >>> curve = calibration_curve(died, risk, n_points=3).to_frame()
    >>> curve.columns.tolist()
    ['curve', 'risk', 'estimate', 'lower', 'upper', 'n_samples', 'n_events']
    """
    level = check_confidence_level(confidence_level)
    if smooth not in (*SMOOTHERS, "binned"):
        known = ", ".join([*SMOOTHERS, "binned"])
        raise InputError(f"smooth is {smooth!r}; pass one of {known}.")
    check_alignment(
        y_true=y_true, y_proba=y_proba, by=by, sample_weight=sample_weight, groups=groups
    )
    weights = {"sample_weight": sample_weight, "weight_type": weight_type}
    samples = {
        name: make_sample(y_true, proba, **weights, groups=groups, event=event)
        for name, proba in as_models(y_proba).items()
    }
    samples, suppressed = (samples, ()) if by is None else _split(samples, by)
    tables, methods = [], {}
    for name, sample in samples.items():
        if smooth == "binned":
            table, methods[name] = _binned(sample, n_bins, level), f"{n_bins} groups of equal size"
        else:
            table, methods[name] = _smooth(sample, smooth, n_knots, n_points, level)
        tables.append(table.assign(curve=name))
    columns = ["curve", "risk", "estimate", "lower", "upper", "n_samples", "n_events"]
    table = pd.concat(tables, ignore_index=True)[columns]
    histogram = pd.concat([_histogram(s, n) for n, s in samples.items()], ignore_index=True)
    return CalibrationResult(table, level, methods, histogram, suppressed)


def _split(samples, by):
    """Split each sample by the levels of a column, leaving out groups too small to show."""
    parts, suppressed = {}, []
    for name, sample in samples.items():
        codes = check_groups(by, len(sample.event), name="by")
        labels = pd.unique(np.asarray(by))
        for code, label in enumerate(labels):
            rows = codes == code
            part = type(sample)(
                sample.event[rows],
                sample.proba[rows],
                sample.weight[rows],
                sample.weight_type,
                None if sample.groups is None else sample.groups[rows],
            )
            key = str(label) if len(samples) == 1 else f"{name}, {label}"
            n_patients = rows.sum() if part.groups is None else len(np.unique(part.groups))
            if n_patients < _FEWEST or not part.both_classes:
                suppressed.append(key)
            else:
                parts[key] = part
    if not parts:
        raise InputError(
            f"by has no group with {_FEWEST} patients and both outcomes; leave it out."
        )
    return parts, tuple(suppressed)


def _smooth(sample, smooth, n_knots, n_points, level):
    fit = fit_smooth(sample.event, sample.proba, sample.weight, smooth, n_knots)
    at = np.unique(np.linspace(sample.proba.min(), sample.proba.max(), n_points))
    estimate = fit.estimate(at)
    z = norm.ppf(0.5 + level / 2)
    if hasattr(fit, "basis"):
        basis = fit.basis(log_odds(at))
        covariance = fit.covariance if sample.independent else _sandwich(sample, fit)
        step = z * np.sqrt(np.einsum("gi,ij,gj->g", basis, covariance, basis))
        lower, upper = expit(basis @ fit.coef - step), expit(basis @ fit.coef + step)
    else:
        step = z * _local_error(sample, fit, at)
        lower, upper = estimate - step, estimate + step
    table = pd.DataFrame({"risk": at, "estimate": estimate, "lower": lower, "upper": upper})
    ends = ["estimate", "lower", "upper"]
    table[ends] = table[ends].clip(0, 1)
    return table.assign(n_samples=sample.n_samples, n_events=sample.n_events), fit.method


def _sandwich(sample, fit):
    basis = fit.basis(sample.logit)
    residual = sample.event - expit(basis @ fit.coef)
    return sample.covariance(basis @ fit.covariance * (residual * sample.weight.sum())[:, None])


def _local_error(sample, fit, at):
    """Return the standard error of a local regression from its weights on the rows."""
    cells, error = fit.regression.cells, np.empty(len(at))
    height = np.clip(fit.estimate(cells.risk), 0, 1)[cells.row]
    if sample.groups is None:
        power = sample.weight if sample.frequency else sample.weight**2
        spread = np.bincount(cells.row, power * height * (1 - height), len(cells.risk))
        for part, rows in fit.regression.operator(at):
            error[part] = np.sqrt(rows**2 @ spread)
        return error
    residual, n_groups = sample.weight * (sample.event - height), sample.groups.max() + 1
    for part, rows in fit.regression.operator(at):
        sums = [np.bincount(sample.groups, row[cells.row] * residual, n_groups) for row in rows]
        error[part] = np.sqrt((np.square(sums)).sum(axis=1) * n_groups / (n_groups - 1))
    return error


def _binned(sample, n_bins, level):
    group, rows = quantile_groups(sample.proba, sample.weight, n_bins), []
    mean = Means(lambda s, o: (s.event * o["in"], o["in"]), lambda m, o: m[0] / m[1], "logit")
    for code in np.unique(group[sample.weight > 0]):
        inside = (group == code).astype(float)
        parts = (sample.event * inside, inside)
        interval = of_share(sample, mean, parts, {"in": inside}, level)
        counted = sample.weight if sample.frequency else sample.weight > 0
        rows.append(
            {
                "risk": float(np.average(sample.proba, weights=inside * sample.weight)),
                "estimate": interval.estimate,
                "lower": interval.lower,
                "upper": interval.upper,
                "n_samples": int(counted @ inside),
                "n_events": int(counted @ parts[0]),
            }
        )
    return pd.DataFrame(rows)


def _histogram(sample, name, n_classes=40):
    edges = np.linspace(0, 1, n_classes + 1)
    counted = sample.weight if sample.frequency else (sample.weight > 0).astype(float)
    count = [
        np.histogram(sample.proba, edges, weights=counted * part)[0].astype(int)
        for part in (sample.event, 1 - sample.event)
    ]
    table = {"low": edges[:-1], "high": edges[1:], "n_events": count[0], "n_others": count[1]}
    return pd.DataFrame(table).assign(curve=name)


@dataclass
class CalibrationDisplay:
    """Calibration curves with intervals and, below, the risks by outcome, each on its own scale.

    Parameters
    ----------
    result : CalibrationResult
        What is drawn.

    See Also
    --------
    calibration_curve : Draw observed risk as a function of predicted risk.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import CalibrationDisplay
    >>> risk = np.linspace(0.1, 0.9, 40)
    >>> display = CalibrationDisplay.from_predictions(np.arange(40) % 2, risk, smooth="binned")
    >>> display.ax_.get_xlabel()
    'Predicted risk'
    """

    result: CalibrationResult

    @classmethod
    def from_predictions(cls, y_true, y_proba, *, ax=None, **options):
        """Compute the curve from outcomes and risks and draw it."""
        return calibration_curve(y_true, y_proba, **options).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **options):
        """Compute the curve from a fitted classifier and draw it."""
        proba = risk_of_event(estimator, X, options.get("event"))
        return cls.from_predictions(y, proba, ax=ax, **options)

    def plot(self, ax=None, *, histogram=True, limit=None, **kwargs):
        """Draw into `ax`, or into new axes; further options go to the lines."""
        from healthml._core._displays import GREY, line_style, new_axes

        table = self.result.table
        n_curves = table["curve"].nunique()
        self.ax_ = ax = new_axes(ax, height=min(4.7 + 0.3 * n_curves, 6.5))
        top = limit or min(1.0, 1.05 * table[["risk", "estimate", "upper"]].max().max())
        ax.plot([0, top], [0, top], color=GREY, linewidth=0.8, zorder=1)
        curves = table["curve"].unique()
        for number, name in enumerate(curves):
            self._draw(ax, table[table["curve"] == name], name, number, kwargs)
        bottom = -top * min(0.12 + 0.08 * n_curves, 0.45) if histogram else 0.0
        for number, name in enumerate(curves if histogram else ()):
            height = -bottom / n_curves
            middle = -height * (number + 0.55)
            self._draw_risks(ax, name, middle, 0.42 * height, line_style(number)["color"])
        ax.set(
            xlim=(0, top),
            ylim=(bottom, top),
            xlabel="Predicted risk",
            ylabel=f"Observed risk, {self.result.confidence_level:.0%} CI",
        )
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top + 1e-9])
        if len(curves) > 1:
            ax.legend(loc="upper left", frameon=False)
        return self

    def _draw(self, ax, table, name, number, kwargs):
        from healthml._core._displays import line_style, point_style

        style = line_style(number)
        if self.result.method[name].endswith("groups of equal size"):
            ends = [table["estimate"] - table["lower"], table["upper"] - table["estimate"]]
            ends = np.maximum(np.asarray(ends), 0)
            options = {"linestyle": "", "capsize": 2, **point_style(number), "label": name}
            options |= kwargs
            ax.errorbar(table["risk"], table["estimate"], yerr=ends, **options)
            return
        ax.plot(table["risk"], table["estimate"], **{**style, "label": name, **kwargs})
        ax.fill_between(
            table["risk"], table["lower"], table["upper"], color=style["color"], alpha=0.18, lw=0
        )

    def _draw_risks(self, ax, name, middle, height, colour):
        """Draw events upwards and others downwards, each up to the same height.

        Classes are joined where a count would be small; heights are counts per width.
        """
        counts = self.result.histogram
        counts = release_table(counts[counts["curve"] == name])
        width = counts["high"] - counts["low"]
        density = [(counts[c].fillna(0) / width).to_numpy() for c in ("n_events", "n_others")]
        up, down = (height * part / max(part.max(), 1e-9) for part in density)
        style = {"width": 0.8 * width, "align": "edge", "color": colour, "linewidth": 0}
        ax.bar(counts["low"], up, bottom=middle, **style)
        ax.bar(counts["low"], -down, bottom=middle, alpha=0.45, **style)
        ax.axhline(middle, color=colour, linewidth=0.6)
        text = {"fontsize": 7, "transform": ax.get_yaxis_transform()}
        ax.text(1.01, middle + 0.1 * height, "event", va="bottom", **text)
        ax.text(1.01, middle - 0.1 * height, "no event", va="top", **text)
