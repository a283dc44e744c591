"""Which interval a validated measure gets."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from healthml._core._paired import influence_interval
from healthml.exceptions import InputError
from healthml.metrics._measures import MEASURES
from healthml.metrics._uncertainty import placements
from healthml.validation._scoring.intervals import draws_training, folds_training, freedom, interval
from healthml.validation._scoring.skewed_intervals import IRREGULAR, above_zero, under_calibration
from healthml.validation._task import is_fast

KINDS = {
    "auto": ("draws", "folds", "later"),
    "influence": ("draws", "folds", "later"),
    "location-shifted": ("draws",),
    "nadeau-bengio": ("folds",),
    "cvauc": ("folds",),
    "none": ("draws", "folds", "later"),
}


LOG_ODDS = ("calibration_slope", "calibration_intercept", "calibration_in_the_large", "log_loss")
"""Measures made of the log odds of risks, which risks of 0 and 1 do not have."""

# Widths of intervals beyond which nothing is learnt: ends that differ by a factor of 10,000, or by
# 20 on a scale of log odds or of a slope. By judgement; smaller hides wide but honest intervals.
_WIDEST_RATIO, _WIDEST = 1e4, 20.0
NOT_ASSESSABLE = "not assessable: too few events, the interval has no useful ends"

_UNKNOWN = "none: too few patients judged to tell how much chance there is"


@dataclass(frozen=True)
class Ends:
    """A standard error, the ends of an interval, and how they were made."""

    se: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    method: str = "none"


def check_ci(ci, where):
    """Return the kind of interval, refused where it does not fit the method."""
    ci = "none" if ci is None else ci
    if ci not in KINDS:
        raise InputError(f"ci={ci!r} is unknown; use one of {', '.join(map(repr, KINDS))}.")
    if where not in KINDS[ci]:
        if where == "later":
            raise InputError(f"ci={ci!r} needs refits of the same rows; use ci='auto' here.")
        needs = "optimism correction" if ci == "location-shifted" else "cross-validation"
        raise InputError(f"ci={ci!r} needs {needs}; use ci='auto' here.")
    return ci


def draws_interval(ci, rule, name, estimate, *, scores, optimism, plus):
    """Return the interval of a value corrected by bootstrap draws.

    Parameters
    ----------
    ci : str
        Kind of interval.
    rule : {"optimism", "oob", "632", "632+"}
        How the value was corrected.
    name : str
        The measure.
    estimate : float
        Its corrected value.
    scores : DrawScores
        The draws.
    optimism : float
        What was taken off the apparent value.
    plus : float
        The .632+ value, missing where there is none. An out-of-bag value is biased to one side and
        it to the other; the interval reaches to both.

    Returns
    -------
    Ends
    """
    known = {"scores": scores, "optimism": optimism, "plus": plus}
    return _useful(name, _of_draws(ci, rule, name, estimate, **known))


def _of_draws(ci, rule, name, estimate, *, scores, optimism, plus):
    if ci != "none" and (why := IRREGULAR.get(name.split("@")[0])):
        return Ends(method=why)
    task, influence = scores.task, scores.influence(name)
    groups, level = task.groups if is_fast(name) else None, task.confidence_level
    if ci == "location-shifted":
        return _location_shifted(scores.values["train", name], optimism, level)
    if ci != "auto":
        return _by_influence(ci, name, estimate, influence, groups, level)
    if influence is None:
        return Ends(method=_UNKNOWN)
    sampling, parts = scores.sampling(name), (scores.values["test", name],)
    if rule != "optimism":
        parts += (scores.values["out", name], sampling, scores.share_out)
    with np.errstate(over="ignore"):  # an end beyond all numbers is cut off at the limit
        ends = interval(
            name,
            estimate,
            influence,
            training=draws_training(*parts),
            sampling=sampling,
            reach=plus if rule == "oob" else None,
            groups=groups,
            confidence_level=level,
        )
    share = 1.0 if rule == "optimism" else scores.share_out
    null = under_calibration(name, scores.out_of_bag_risk(), share, level)
    return _finished(name, estimate, ends, null, t.ppf(0.5 + level / 2, freedom(influence)))


def _finished(name, estimate, sampled, null, quantile):
    """Return the ends, with the reason where there are none."""
    if not np.isfinite(sampled.se):
        return Ends(method=_UNKNOWN)
    if is_fast(name):
        return Ends(*sampled)
    ends = Ends(*sampled[:3], sampled.method.replace("each patient", "blocks of patients"))
    if null is None:
        return ends
    lower, upper = above_zero(estimate, quantile * sampled.se, null)
    method = ends.method.replace("t, log scale", "t").replace("t, logit scale", "t")
    method += "; lower end less the mean under perfect calibration"
    return Ends(sampled.se, lower, min(upper, MEASURES[name].limits[1]), method)


def folds_interval(ci, name, estimate, *, scores, later=False):
    """Return the interval of a cross-validated value, or of one for later rows.

    Parameters
    ----------
    ci : str
        Kind of interval.
    name : str
        The measure.
    estimate : float
        Its value.
    scores : FoldScores
        The folds.
    later : bool, default=False
        Whether one fitted model is judged on rows it never saw, so that training adds nothing.
    """
    return _useful(name, _of_folds(ci, name, estimate, scores, later))


def _of_folds(ci, name, estimate, scores, later):
    if ci != "none" and (why := IRREGULAR.get(name.split("@")[0])):
        return Ends(method=why)
    task, influence = scores.task, scores.influence(name)
    groups, level = task.groups if is_fast(name) else None, task.confidence_level
    if ci == "nadeau-bengio" and scores.is_within(name):
        return _nadeau_bengio(scores, name, level)
    if ci == "cvauc" and name == "auroc" and scores.is_within(name):
        return _cvauc(scores, estimate, level)
    if ci != "none" and influence is None:
        return Ends(method=_UNKNOWN)
    if ci != "auto":
        return _by_influence(ci, name, estimate, influence, groups, level)
    training = 0.0 if later else folds_training(scores.by_repeat(name), influence, groups)
    known = {"training": training, "groups": groups, "confidence_level": level}
    with np.errstate(over="ignore"):
        ends = interval(name, estimate, influence, **known)
    null = under_calibration(name, scores.risk[0], 1.0, level)
    return _finished(name, estimate, ends, null, t.ppf(0.5 + level / 2, freedom(influence)))


def _useful(name, ends):
    """Return ends from which something can be learnt, else none and why."""
    base = name.split("@")[0]
    low, high = MEASURES[base].limits
    if np.isnan([ends.lower, ends.upper]).any() or np.isfinite([low, high]).all():
        return ends
    if (low, high) == (0, np.inf):
        # Measures of miscalibration begin at 0 by construction; only their upper end is judged.
        wide = ends.upper > _WIDEST_RATIO * (ends.lower if ends.lower > 0 else 1.0)
    else:
        wide = ends.upper - ends.lower > (_WIDEST if base in LOG_ODDS else _WIDEST_RATIO)
    return Ends(method=NOT_ASSESSABLE) if wide else ends


def _by_influence(ci, name, estimate, influence, groups, level):
    if ci == "none" or influence is None or not np.isfinite(estimate):
        return Ends()
    _, se, lower, upper = influence_interval(name, estimate, influence, groups, level)
    low, high = MEASURES[name.split("@")[0]].limits
    scale = {"auroc": "logit-Wald", "oe_ratio": "log-Wald"}.get(name, "Wald")
    whose = "each patient" if is_fast(name) else "blocks of patients"
    method = f"{scale}, influence of {whose} on the out-of-sample value"
    return Ends(se, max(lower, low), min(upper, high), method)


def _location_shifted(train, optimism, level):
    """Percentiles of the draws' apparent values, moved by the optimism [1]_.

    References
    ----------
    .. [1] Noma H, Shinozaki T, Iba K, Teramukai S, Furukawa TA. Confidence intervals of prediction
       accuracy measures for multivariable prediction models based on the bootstrap-based optimism
       correction methods. Stat Med. 2021;40:5691-5701.
    """
    train = train[np.isfinite(train)]
    if len(train) < 2 or not np.isfinite(optimism):
        return Ends()
    lower, upper = np.quantile(train, [(1 - level) / 2, (1 + level) / 2]) - optimism
    return Ends(float(train.std(ddof=1)), float(lower), float(upper), "location-shifted bootstrap")


def _nadeau_bengio(scores, name, level):
    """Wald interval with the variance over folds inflated for shared training rows [1]_.

    References
    ----------
    .. [1] Nadeau C, Bengio Y. Inference for the generalization error. Mach Learn. 2003;52:239-281.
    """
    values = scores.within[name]
    used = np.isfinite(values)
    count = used.sum()
    if count < 2:
        return Ends()
    resamples = [
        resample for resample, good in zip(scores.splits.resamples, used, strict=True) if good
    ]
    ratio = sum(len(resample.predict) for resample in resamples) / sum(
        len(resample.train) for resample in resamples
    )
    se = float(np.sqrt((1 / count + ratio) * values[used].var(ddof=1)))
    half, centre = t.ppf(0.5 + level / 2, count - 1) * se, values[used].mean()
    return Ends(se, float(centre - half), float(centre + half), "Nadeau-Bengio, t over folds")


def _cvauc(scores, estimate, level):
    """Influence curve of the cross-validated AUC, averaged fold by fold [1]_.

    With repeats the variance is that of one repeat, averaged: repeats add no patients.

    References
    ----------
    .. [1] LeDell E, Petersen M, van der Laan M. Computationally efficient confidence intervals for
       cross-validated area under the ROC curve estimates. Electron J Stat. 2015;9:1583-1607.
    """
    y, variances = scores.task.y, []
    for risk, fold in zip(scores.risk, scores.fold, strict=True):
        tested = fold >= 0
        share, squares = y[tested].mean(), []
        for k in np.unique(fold[tested]):
            rows = np.flatnonzero(fold == k)
            event = y[rows] == 1
            if event.all() or not event.any():
                continue
            curves = placements(y[rows], risk[rows])
            curve = (curves.value - curves.area) / np.where(event, share, 1 - share)
            squares.append(np.mean(curve**2))
        variances.append(np.mean(squares) / tested.sum())
    se = float(np.sqrt(np.mean(variances)))
    half = norm.ppf(0.5 + level / 2) * se
    return Ends(se, max(estimate - half, 0.0), min(estimate + half, 1.0), "cvAUC influence curve")
