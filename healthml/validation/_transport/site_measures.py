"""What one site says about a measure, on the scale on which sites are pooled."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import norm

from healthml.exceptions import OutcomeError
from healthml.meta_analysis._random_effects import BACK
from healthml.metrics._uncertainty.closed_form import recalibration
from healthml.metrics._uncertainty.delong import delong_covariance, placements

SCALES = {
    "auroc": "logit",
    "oe_ratio": "log",
    "calibration_slope": "identity",
    "calibration_in_the_large": "identity",
}
IDEAL = {"oe_ratio": 1.0, "calibration_slope": 1.0, "calibration_in_the_large": 0.0}


@dataclass(frozen=True)
class SiteEstimate:
    """An estimate with its standard error on the scale of pooling, or the reason why not.

    Parameters
    ----------
    estimate : float
        The measure itself; there even where it has no place on the scale of pooling.
    theta, se : float
        On the scale of pooling; missing where it cannot be pooled.
    method : str
        How the standard error was made.
    reason : str
        Why it cannot be pooled, or "".
    """

    estimate: float
    theta: float = np.nan
    se: float = np.nan
    method: str = ""
    reason: str = ""

    def ends(self, scale, confidence_level):
        """Return the normal interval, back on the scale of the measure."""
        step = norm.ppf(0.5 + confidence_level / 2) * self.se
        return float(BACK[scale](self.theta - step)), float(BACK[scale](self.theta + step))


def site_estimate(sample, measure, oe_interval="binomial"):
    """Return a measure of the rows of one site.

    Parameters
    ----------
    sample : healthml._core._sample.Sample
        Outcomes, risks and patients of the site.
    measure : str
        A key of `SCALES`.
    oe_interval : {"binomial", "influence"}, default="binomial"
        Variance of the log O:E ratio of independent rows; with repeated patients it is always
        that of the influence function, summed by patient.
    """
    made = {"auroc": _auroc, "oe_ratio": _oe_ratio}.get(measure, _recalibrated)
    if measure != "oe_ratio" and not sample.both_classes:
        return SiteEstimate(np.nan, reason="no events" if not sample.n_events else "only events")
    return made(sample, measure, oe_interval)


def _auroc(sample, *_):
    part = placements(sample.event, sample.proba)
    if part.area in (0.0, 1.0):
        return SiteEstimate(
            part.area, reason=f"AUC is {part.area:.0f}, which has no variance and no logit"
        )
    weight = np.ones(len(sample.event))
    variance = delong_covariance(sample.event, [part], weight, sample.groups)[0, 0]
    name = "DeLong" if sample.groups is None else "Obuchowski (patients)"
    if not np.isfinite(variance):
        whom = "rows" if sample.groups is None else "patients"
        return SiteEstimate(part.area, reason=f"fewer than two {whom} with, or without, the event")
    if variance <= 0:
        return SiteEstimate(part.area, reason=f"{name}'s variance is 0")
    error = np.sqrt(variance) / (part.area * (1 - part.area))
    return SiteEstimate(part.area, float(logit(part.area)), float(error), f"{name}, logit scale")


def _oe_ratio(sample, _, oe_interval):
    observed, expected, n = sample.event.sum(), sample.proba.sum(), len(sample.event)
    ratio = float(observed / expected) if expected > 0 else np.nan
    if observed == 0 or expected == 0:
        what = "no events" if observed == 0 else "every risk is 0"
        return SiteEstimate(ratio, reason=f"{what}: the O:E ratio has no logarithm")
    if sample.groups is None and oe_interval == "binomial":
        error, method = np.sqrt((1 - observed / n) / observed), "binomial, log scale"
    else:
        influence = sample.event / sample.event.mean() - sample.proba / sample.proba.mean()
        error = sample.standard_error(influence)
        whom = "" if sample.groups is None else ", patients"
        method = f"influence function, log scale{whom}"
    if not error > 0:
        return SiteEstimate(ratio, reason="only events: its variance is 0")
    return SiteEstimate(ratio, float(np.log(ratio)), float(error), method)


def _recalibrated(sample, measure, _):
    try:
        found = recalibration(sample, measure, 0.5)
    except OutcomeError as error:
        return SiteEstimate(np.nan, reason=_short(error))
    se = (found.upper - found.lower) / (2 * norm.ppf(0.75))
    if not se > 0:
        return SiteEstimate(found.estimate, reason="its variance is 0")
    return SiteEstimate(found.estimate, found.estimate, float(se), found.method)


def _short(error):
    """Say why a recalibration does not exist, in few words."""
    if "separates" in str(error):
        return "the risks separate events from non-events: it does not exist"
    return "every risk is the same: it does not exist"
