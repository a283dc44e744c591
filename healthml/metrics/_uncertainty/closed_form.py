"""Estimates and intervals that need no resampling: DeLong, Wilson, Wald, influence functions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, t

from healthml._core._intervals import recovered, wilson, wilson_at, z_value
from healthml._core._recalibration import fit_intercept, fit_slope
from healthml.exceptions import InputError, OutcomeError
from healthml.metrics._measures import classification as cl
from healthml.metrics._measures import overall as ov
from healthml.metrics._measures import utility as ut
from healthml.metrics._uncertainty.delong import delong_covariance, delong_freedom, placements

# Scale -> to it, back from it, and its slope (for the delta method).
_SCALES = {
    "identity": (lambda x: x, lambda x: x, lambda x: 1.0),
    "log": (np.log, np.exp, lambda x: 1 / x),
    "logit": (logit, expit, lambda x: 1 / (x * (1 - x))),
}

_NEAR = 5
"""An AUROC closer than so many standard errors to 0 or 1 has its interval on the logit scale.

Chosen by judgement: DeLong's interval ends beyond 1 from 2 standard errors on and is visibly too
short on that side before. A larger value changes intervals that agree with pROC's.
"""


@dataclass(frozen=True)
class Interval:
    """An estimate, its ends, how they were made, and why something is missing."""

    estimate: float
    lower: float = np.nan
    upper: float = np.nan
    method: str = ""
    reason: str = ""


RECOVERED = "Wilson, joined (MOVER)"

NORMAL = ("net_benefit", "brier", "log_loss", "mean_absolute_prediction_error")

"""Measures whose interval is not normal by default, but can be."""


@dataclass(frozen=True)
class Means:
    """A measure that is a function of weighted means: columns(sample, options) -> arrays."""

    columns: Callable
    function: Callable
    scale: str = "identity"
    needs_both: bool = True


def wald(
    estimate, standard_error, level, scale="identity", limits=(-np.inf, np.inf), freedom=np.inf
):
    """Return the ends of a normal (or Student's t) interval made on a scale, within limits."""
    forth, back, slope = _SCALES[scale]
    tail = 0.5 + level / 2
    quantile = norm.ppf(tail) if np.isinf(freedom) else t.ppf(tail, freedom)
    with np.errstate(divide="ignore", invalid="ignore"):
        step = quantile * standard_error * slope(estimate)
        ends = back(forth(estimate) - step), back(forth(estimate) + step)
    return tuple(float(end) for end in np.clip(ends, *limits))


def of_means(sample, spec, options, level, limits=(-np.inf, np.inf)):
    """Estimate and interval of a function of means by the delta method."""
    columns = np.column_stack(spec.columns(sample, options))
    means = sample.weight @ columns / sample.weight.sum()
    estimate = float(spec.function(means, options))
    if not np.isfinite(estimate):
        return Interval(estimate, reason="undefined here: a count it divides by is 0")
    influence = (columns - means) @ gradient(spec.function, means, options)
    error = sample.standard_error(influence)
    if not error > 0:
        return Interval(estimate, reason="no spread in the rows, so no interval")
    ends = wald(estimate, error, level, spec.scale, limits)
    return Interval(estimate, *ends, _words(sample, "influence function", spec.scale))


def gradient(function, means, options):
    """Exact derivative of a function of means, by a complex step."""
    steps = means + 1e-30j * np.eye(len(means))
    return np.array([np.imag(function(step, options)) / 1e-30 for step in steps])


def of_share(sample, spec, parts, options, level):
    """Interval of a proportion: Wilson for independent rows, else on the logit scale."""
    top, bottom = (float(sample.weight @ part) for part in parts)
    if bottom == 0:
        return Interval(np.nan, reason="undefined here: no row to divide by")
    if sample.independent:
        ends = wilson(top, bottom, level)
        return Interval(top / bottom, *(float(e) for e in ends), "Wilson")
    if 0 < top < bottom:
        return of_means(sample, spec, options, level)
    chosen = parts[1] * sample.weight > 0
    n = len(np.unique(sample.groups[chosen])) if sample.groups is not None else chosen.sum()
    ends = wilson(n * top / bottom, n, level)
    return Interval(top / bottom, *(float(e) for e in ends), "Wilson, one row per patient")


def auroc(sample, level, method=None):
    """DeLong's interval, Obuchowski's for clustered patients; on the logit scale near 0 and 1."""
    part = placements(sample.event, sample.proba, sample.row_weight)
    spread = auroc_spread(
        sample.event, part, sample.weight, sample.groups, frequency=sample.frequency, method=method
    )
    if spread.reason:
        return Interval(part.area, reason=spread.reason)
    ends = wald(part.area, spread.error, level, spread.scale, (0, 1), spread.freedom)
    return Interval(part.area, *ends, spread.method)


class AurocSpread(NamedTuple):
    """Standard error of an area and the scale of its interval; made by `auroc_spread`."""

    error: float
    scale: str
    freedom: float
    method: str
    reason: str


def auroc_spread(event, part, weight, groups=None, *, frequency=True, method=None):
    """Return how uncertain an area is, from the placements of its rows.

    Parameters
    ----------
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    part : Placements
        Of the same rows.
    weight : ndarray of shape (n_samples,)
        Weights; ones without.
    groups : ndarray of int of shape (n_samples,), optional
        Patient of each row.
    frequency : bool, default=True
        Whether a weight counts as that many rows.
    method : {"delong", "logit"}, optional
        "delong" never leaves the scale of the area, "logit" always does.

    Returns
    -------
    AurocSpread
    """
    covariance = delong_covariance(event, [part], weight, groups, frequency=frequency)
    freedom = partial(delong_freedom, event, part, weight, groups, frequency=frequency)
    error, clustered = float(np.sqrt(covariance[0, 0])), groups is not None
    return spread_of_error(part.area, error, freedom, clustered=clustered, method=method)


def spread_of_error(area, error, freedom, *, clustered, method=None):
    """Return the scale on which an area with this standard error has its interval.

    Parameters
    ----------
    area, error : float
        Area and its standard error.
    freedom : callable
        Gives the degrees of freedom; asked only where the area is near 0 or 1.
    clustered : bool
        Whether rows belong to patients.
    method : {"delong", "logit"}, optional
        As in `auroc_spread`.

    Returns
    -------
    AurocSpread
    """
    name = "Obuchowski (patients)" if clustered else "DeLong"
    if not np.isfinite(error):
        condition = ", each in two patients or more" if clustered else ""
        reason = f"needs two events and two non-events{condition}"
        return AurocSpread(np.nan, "identity", np.inf, name, reason)
    if error == 0:
        return AurocSpread(0.0, "identity", np.inf, name, f"{name}'s variance is 0, so no interval")
    if method is None and min(area, 1 - area) < _NEAR * error:
        return AurocSpread(error, "logit", freedom(), f"{name}, logit scale, Student's t", "")
    if method == "logit":
        return AurocSpread(error, "logit", np.inf, f"{name}, logit scale", "")
    return AurocSpread(error, "identity", np.inf, name, "")


def net_benefit(sample, options, level):
    """Interval of net benefit from Wilson's intervals of true and false positives."""
    tp, fp, fn, tn = counts = [float(sample.weight @ part) for part in _cells(sample, options)]
    n = sum(counts)
    threshold, prevalence = options["threshold"], options.get("prevalence")
    odds = threshold / (1 - threshold)
    if prevalence is None:
        ends = contrast_of_counts(tp, fp, n, odds, level)
    else:
        prices = prevalence, odds * (1 - prevalence)
        ends = contrast_of_rates(tp, tp + fn, fp, fp + tn, prices, level)
    estimate = ut.net_benefit_of([count / n for count in counts], threshold, prevalence)
    return Interval(float(estimate), *(float(end) for end in ends), RECOVERED)


def recalibration(sample, name, level):
    """Wald intervals of the logistic calibration models, sandwich for patients or weights."""
    if name == "calibration_in_the_large":
        fit, design = fit_intercept(sample.event, sample.logit, sample.weight), None
        coef, eta = fit.coef, fit.coef[0] + sample.logit
    else:
        fit = fit_slope(sample.event, sample.logit, sample.weight)
        coef, eta = fit.coef, fit.coef[0] + fit.coef[1] * sample.logit
        design = np.column_stack([np.ones(len(eta)), sample.logit])
    place = 1 if name == "calibration_slope" else 0
    covariance = fit.covariance
    if not sample.independent:
        design = np.ones((len(eta), 1)) if design is None else design
        score = design * (sample.event - expit(eta))[:, None]
        covariance = sample.covariance(score @ covariance * sample.weight.sum())
    error = float(np.sqrt(covariance[place, place]))
    ends = wald(float(coef[place]), error, level)
    method = "Wald" if sample.independent else _words(sample, "Wald, sandwich", "identity")
    return Interval(float(coef[place]), *ends, method)


def oe_binomial(sample, level):
    """O:E with the interval of Debray: log scale, the events taken as binomial."""
    if not sample.independent:
        raise InputError("The binomial O:E interval needs independent, unweighted rows.")
    events, n = sample.weight @ sample.event, sample.weight.sum()
    estimate = float(events / (sample.weight @ sample.proba))
    error = float(np.sqrt((1 - events / n) / events))
    return Interval(estimate, *wald(estimate, error * estimate, level, "log"), "log binomial")


def _words(sample, name, scale):
    text = name if scale == "identity" else f"{name}, {scale} scale"
    return f"{text}, patients" if sample.groups is not None else text


def _cells(sample, options):
    return cl.cells(sample.event, sample.proba, options["threshold"])


def _likelihood(sample, options):
    return ov.log_density(sample.event, sample.proba), sample.event


def _recalibrated_likelihood(sample, options):
    fit = fit_slope(sample.event, sample.logit, sample.weight)
    risk = expit(fit.coef[0] + fit.coef[1] * sample.logit)
    return ov.log_density(sample.event, risk), sample.event


def _plain(function):
    return lambda means, options: function(means)


# Measures that are functions of means; the indices are places in the tuple of means.
MEANS = {
    "oe_ratio": Means(
        lambda s, o: (s.event, s.proba), lambda m, o: cl.ratio(m[0], m[1]), "log", needs_both=False
    ),
    "log_likelihood": Means(
        lambda s, o: (ov.log_density(s.event, s.proba),),
        lambda m, o: m[0] * o["total"],
        needs_both=False,
    ),
    "log_loss": Means(
        lambda s, o: (-ov.log_density(s.event, s.proba),),
        lambda m, o: m[0],
        "log",
        needs_both=False,
    ),
    "brier": Means(
        lambda s, o: ((s.event - s.proba) ** 2,), lambda m, o: m[0], "log", needs_both=False
    ),
    "scaled_brier": Means(
        lambda s, o: ((s.event - s.proba) ** 2, s.event), _plain(ov.scaled_brier_of)
    ),
    "mcfadden_r2": Means(_likelihood, _plain(ov.mcfadden_of)),
    "cox_snell_r2": Means(_likelihood, _plain(ov.cox_snell_of)),
    "nagelkerke_r2": Means(_likelihood, _plain(ov.nagelkerke_of)),
    "nagelkerke_r2_recalibrated": Means(_recalibrated_likelihood, _plain(ov.nagelkerke_of)),
    "discrimination_slope": Means(
        lambda s, o: (s.event, s.event * s.proba, s.proba),
        lambda m, o: m[1] / m[0] - (m[2] - m[1]) / (1 - m[0]),
    ),
    "mean_absolute_prediction_error": Means(
        lambda s, o: (np.abs(s.event - s.proba),), lambda m, o: m[0], "log", needs_both=False
    ),
    "accuracy": Means(_cells, _plain(cl.accuracy_of), "logit", needs_both=False),
    "balanced_accuracy": Means(_cells, _plain(cl.balanced_accuracy_of)),
    "youden": Means(_cells, _plain(cl.youden_of)),
    "dor": Means(_cells, _plain(cl.dor_of), "log"),
    "kappa": Means(_cells, _plain(cl.kappa_of)),
    "f1": Means(_cells, _plain(cl.f1_of)),
    "mcc": Means(_cells, _plain(cl.mcc_of)),
    "sensitivity": Means(_cells, _plain(cl.sensitivity_of), "logit", needs_both=False),
    "specificity": Means(_cells, _plain(cl.specificity_of), "logit", needs_both=False),
    "ppv": Means(_cells, lambda m, o: cl.ppv_of(m, o.get("prevalence")), "logit", needs_both=False),
    "npv": Means(_cells, lambda m, o: cl.npv_of(m, o.get("prevalence")), "logit", needs_both=False),
    "net_benefit": Means(
        _cells,
        lambda m, o: ut.net_benefit_of(m, o["threshold"], o.get("prevalence")),
        needs_both=False,
    ),
    "standardized_net_benefit": Means(
        _cells, lambda m, o: ut.standardized_net_benefit_of(m, o["threshold"], o.get("prevalence"))
    ),
}

# Numerator and denominator of a proportion, from the columns TP, FP, FN, TN.
_SHARES = {
    "accuracy": lambda tp, fp, fn, tn: (tp + tn, tp + fp + fn + tn),
    "sensitivity": lambda tp, fp, fn, tn: (tp, tp + fn),
    "specificity": lambda tp, fp, fn, tn: (tn, tn + fp),
    "ppv": lambda tp, fp, fn, tn: (tp, tp + fp),
    "npv": lambda tp, fp, fn, tn: (tn, tn + fn),
}


def direct_interval(sample, measure, options, level, methods=None):
    """Estimate and interval of a measure that needs no resampling.

    `methods` maps a measure to another interval than the default: {"auroc": "delong" or "logit",
    "oe_ratio": "binomial"}, or "normal" for those in NORMAL.
    """
    name, methods = measure.name, methods or {}
    needs_both = name not in MEANS or MEANS[name].needs_both
    if needs_both and not sample.both_classes:
        return Interval(np.nan, reason="needs events and non-events")
    try:
        if name == "auroc":
            return auroc(sample, level, methods.get(name))
        if name == "oe_ratio" and methods.get(name) == "binomial":
            return oe_binomial(sample, level)
        if name.startswith("calibration_"):
            return recalibration(sample, name, level)
        if methods.get(name) == "normal":
            spec = replace(MEANS[name], scale="identity")
            return of_means(sample, spec, options, level, measure.limits)
        return _others(sample, measure, options, level)
    except OutcomeError as error:
        return Interval(np.nan, reason=str(error))


def _others(sample, measure, options, level):
    name = measure.name
    if name in _SHARES and not (name in ("ppv", "npv") and options.get("prevalence")):
        parts = _SHARES[name](*_cells(sample, options))
        return of_share(sample, MEANS[name], parts, options, level)
    carried = options.get("prevalence") is not None
    if name == "net_benefit" and sample.independent and (sample.both_classes or not carried):
        return net_benefit(sample, options, level)
    if name == "log_likelihood" and not sample.frequency:
        return Interval(np.nan, reason="a likelihood has no meaning under sampling weights")
    return of_means(sample, MEANS[name], options, level, measure.limits)


def contrast_of_counts(gains, losses, n, price, level):
    """Interval of (gains - price * losses) / n, counts of two cells of one multinomial sample.

    Wilson's intervals of both shares, joined by the method of variance estimates recovery with
    their multinomial correlation. It needs no normal distribution of small counts, and has width
    where nobody is counted.

    References
    ----------
    .. [1] Zou GY, Donner A. Construction of confidence limits about effect measures: a general
       approach. Stat Med. 2008;27:1693-1702.
    """
    return contrast_of_counts_at(gains, losses, n, price, z_value(level))


def contrast_of_counts_at(gains, losses, n, price, z):
    """Return `contrast_of_counts` at normal quantiles, one for all or one for each."""
    first, second = np.asarray(gains) / n, np.asarray(losses) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = first * second / ((1 - first) * (1 - second))
    correlation = -np.sqrt(np.where(np.isfinite(odds), np.minimum(odds, 1.0), 0.0))
    return recovered(
        (first, *wilson_at(np.minimum(gains, n), n, z)),
        tuple(price * end for end in (second, *wilson_at(np.minimum(losses, n), n, z))),
        correlation,
    )


def contrast_of_rates(gains, n_events, losses, n_others, prices, level):
    """Interval of prices[0] * gains / n_events - prices[1] * losses / n_others, independent."""
    first = (np.asarray(gains) / n_events, *_within(gains, n_events, level))
    second = (np.asarray(losses) / n_others, *_within(losses, n_others, level))
    return recovered(
        tuple(prices[0] * end for end in first), tuple(prices[1] * end for end in second), 0.0
    )


def _within(count, n, level):
    return wilson(np.minimum(count, n), n, level)
