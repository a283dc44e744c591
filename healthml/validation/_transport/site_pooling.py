"""Measures of every site on the scale of pooling, and the lines that pool them."""

import numpy as np
import pandas as pd

from healthml._core._sample import Sample
from healthml.meta_analysis._random_effects import BACK, FEWEST, random_effects
from healthml.validation._transport.site_measures import SCALES, site_estimate

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
            found = site_estimate(_sample(y[rows], risk[rows], codes, rows), measure, oe_interval)
            ends = found.ends(SCALES[measure], level)
            line |= {"estimate": found.estimate, "lower": ends[0], "upper": ends[1]}
            line |= {"theta": found.theta, "se": found.se}
            line |= {"method": found.method, "reason": found.reason}
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
    found = random_effects(
        used["theta"], used["se"], names=used["site"], scale=scale, confidence_level=level, **words
    )
    back = BACK[scale]
    common |= {"estimate": float(back(found.estimate)), "tau2": found.tau2, "i2": found.i2}
    ends = {
        ("pooled", "pooled", found.words): (found.lower, found.upper),
        ("a new site", "prediction", f"{found.words}, prediction {words['prediction']}"): (
            found.prediction_lower,
            found.prediction_upper,
        ),
    }
    rows = [
        {
            **common,
            "site": site,
            "kind": kind,
            "method": how,
            "se": found.standard_error,
            "lower": float(back(low)),
            "upper": float(back(high)),
            "reason": ""
            if np.isfinite(low)
            else "one common effect expects no other at a new site",
        }
        for (site, kind, how), (low, high) in ends.items()
    ]
    return _joined(lines, rows), found


def _joined(lines, rows):
    both = [lines.drop(columns=["theta", "units"]).to_dict(orient="records"), rows]
    return pd.DataFrame([row for part in both for row in part]).reindex(columns=COLUMNS)
