"""What one site says about a measure, on the scale on which sites are pooled."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logit
from scipy.stats import norm

from healthml._core._sample import Sample
from healthml.exceptions import OutcomeError
from healthml.meta_analysis import random_effects
from healthml.meta_analysis._options import BACK, FEWEST
from healthml.metrics._uncertainty import delong_covariance, placements, recalibration

SCALES = {
    "auroc": "logit",
    "oe_ratio": "log",
    "calibration_slope": "identity",
    "calibration_in_the_large": "identity",
}

# Value of a well calibrated model, by definition.
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
        unit = "rows" if sample.groups is None else "patients"
        return SiteEstimate(part.area, reason=f"fewer than two {unit} with, or without, the event")
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
        suffix = "" if sample.groups is None else ", patients"
        method = f"influence function, log scale{suffix}"
    if not error > 0:
        return SiteEstimate(ratio, reason="only events: its variance is 0")
    return SiteEstimate(ratio, float(np.log(ratio)), float(error), method)


def _recalibrated(sample, measure, _):
    fewest = min(sample.n_events, sample.n_samples - sample.n_events)
    if measure == "calibration_slope" and fewest < 2:
        return SiteEstimate(np.nan, reason="fewer than two rows with, or without, the event")
    try:
        fitted = recalibration(sample, measure, 0.5)
    except OutcomeError as error:
        return SiteEstimate(np.nan, reason=_short(error))
    se = (fitted.upper - fitted.lower) / (2 * norm.ppf(0.75))
    if not se > 0:
        return SiteEstimate(fitted.estimate, reason="its variance is 0")
    return SiteEstimate(fitted.estimate, fitted.estimate, float(se), fitted.method)


def _short(error):
    """Say why a recalibration does not exist, in few words."""
    if "separates" in str(error):
        return "the risks separate events from non-events: it does not exist"
    return "every risk is the same: it does not exist"


COLUMNS = ["measure", "site", "kind", "estimate", "lower", "upper", "se", "scale"]

COLUMNS += ["n_samples", "n_events", "n_patients", "n_sites", "tau2", "i2", "method", "reason"]


def site_lines(measure, places, y, risk, codes, oe_interval, level):
    """Return one row per site for a measure, on its own scale and on that of pooling.

    Parameters
    ----------
    measure : str
        A key of `SCALES`.
    places : list of (str, ndarray of int, str)
        Name of each site, its rows, and why it has no risks ("" where it has).
    y, risk, codes : ndarray of shape (n_samples,)
        Outcomes, risks, and patients (or None).
    oe_interval : {"binomial", "influence"}
        As in `internal_external`.
    level : float
        Level of the sites' intervals.
    """
    lines = []
    for name, rows, reason in places:
        line = {"site": name, "n_samples": len(rows), "n_events": int(y[rows].sum())}
        units = rows if codes is None else np.unique(codes[rows])
        line |= {"n_patients": len(units), "units": units}
        line |= dict.fromkeys(("estimate", "lower", "upper", "theta", "se"), np.nan)
        line |= {"method": "", "reason": reason}
        if not reason:
            single = site_estimate(_sample(y[rows], risk[rows], codes, rows), measure, oe_interval)
            ends = single.ends(SCALES[measure], level)
            line |= {"estimate": single.estimate, "lower": ends[0], "upper": ends[1]}
            line |= {"theta": single.theta, "se": single.se}
            line |= {"method": single.method, "reason": single.reason}
        lines.append(line)
    return pd.DataFrame(lines)


def _sample(y, risk, codes, rows):
    groups = None
    if codes is not None:
        groups = pd.factorize(codes[rows])[0]
        groups = None if groups.max() + 1 == len(groups) else groups
    return Sample(y.astype(float), risk, np.ones(len(y)), None, groups)


def pool_sites(measure, lines, words, level):
    """Return the table of a measure, the pooled lines at its end, and the MetaResult."""
    scale, usable = SCALES[measure], int(np.isfinite(lines["theta"] + lines["se"]).sum())
    kinds = np.where(lines["reason"] == "", "site", "left out")
    lines = lines.assign(measure=measure, scale=scale, kind=kinds)
    used = lines[lines["kind"] == "site"]
    counts = {name: int(used[name].sum()) for name in ("n_samples", "n_events")}
    met = np.concatenate([np.empty(0, dtype=int), *used["units"]])  # some at several sites
    counts["n_patients"] = len(np.unique(met))
    common = {"measure": measure, "scale": scale, "n_sites": usable, **counts}
    if usable < FEWEST:
        reason = f"{usable} sites can be pooled; at least {FEWEST} are needed"
        nothing = dict.fromkeys(("estimate", "lower", "upper"), np.nan)
        row = {**common, **nothing, "site": "pooled", "kind": "pooled", "reason": reason}
        return _joined(lines, [{**row, "method": ""}]), None
    pooled = random_effects(
        used["theta"], used["se"], names=used["site"], scale=scale, confidence_level=level, **words
    )
    back = BACK[scale]
    common |= {"estimate": float(back(pooled.estimate)), "tau2": pooled.tau2, "i2": pooled.i2}
    ends = {
        ("pooled", "pooled", pooled.words): (pooled.lower, pooled.upper),
        ("a new site", "prediction", f"{pooled.words}, prediction {words['prediction']}"): (
            pooled.prediction_lower,
            pooled.prediction_upper,
        ),
    }
    rows = [
        {
            **common,
            "site": site,
            "kind": kind,
            "method": how,
            "se": pooled.standard_error,
            "lower": float(back(low)),
            "upper": float(back(high)),
            "reason": ""
            if np.isfinite(low)
            else "one common effect expects no other at a new site",
        }
        for (site, kind, how), (low, high) in ends.items()
    ]
    return _joined(lines, rows), pooled


def _joined(lines, rows):
    both = [lines.drop(columns=["theta", "units"]).to_dict(orient="records"), rows]
    return pd.DataFrame([row for part in both for row in part]).reindex(columns=COLUMNS)
