"""The field's named fairness metrics, with fairlearn's conventions and honest intervals."""

import numpy as np

from healthml.fairness._contrasts.gaps import sidak
from healthml.fairness._contrasts.homogeneity import alike_draws
from healthml.fairness._estimates import gap_ends

# Metric -> the rates that it compares.
NAMED = {
    "demographic_parity": ("flagged_rate",),
    "equal_opportunity": ("sensitivity",),
    "equalized_odds": ("sensitivity", "false_positive_rate"),
    "predictive_parity": ("ppv",),
    "calibration_within_groups": ("oe_ratio",),
}
_BETWEEN, _OVERALL = "between_groups", "to_overall"


def named_rows(by_name, overall, sums, level, *, simple=True):
    """Yield the named metrics of a partition as dicts: metric, method, aggregate, estimate ...

    Differences are max - min, ratios min / max, over the groups where the rate exists; against
    everybody ("to_overall") the largest distance and the smallest ratio, which is turned over
    where it is above 1. Equalized odds takes the worse of its two rates, or their mean.

    Parameters
    ----------
    by_name : dict of str to Measured
        Rates of all groups.
    overall : dict of str to float
        The same rates of everybody.
    sums : GroupSums
        Of the same groups.
    level : float
        Of the intervals.
    simple : bool
        Whether there is one risk a row.
    """
    for metric, rates in NAMED.items():
        if not all(name in by_name for name in rates):
            continue
        parts = [
            _part(by_name[name], overall[name], sums, level, len(rates), simple) for name in rates
        ]
        parts = [part for part in parts if part is not None]
        if not parts:
            continue
        missing = any(part["undefined"] for part in parts)
        reason = "groups without the rate are left out" if missing else ""
        for kind in ("difference", "ratio"):
            worst = max if kind == "difference" else min
            for method in (_BETWEEN, _OVERALL):
                for aggregate in ("worst_case", "mean") if len(rates) > 1 else ("worst_case",):
                    yield {
                        "metric": f"{metric}_{kind}",
                        "method": method,
                        "aggregate": aggregate,
                        **_line(parts, kind, method, aggregate, worst),
                        "reason": reason,
                    }


def _line(parts, kind, method, aggregate, worst):
    estimates = [part[kind, method] for part in parts]
    value = worst(estimates) if aggregate == "worst_case" else float(np.mean(estimates))
    line = {"estimate": value, "lower": np.nan, "upper": np.nan, "expected": np.nan}
    if method == _BETWEEN and aggregate == "worst_case":
        ends = np.array([part[kind, "ends"] for part in parts])
        low, high = (ends.max(axis=0) if kind == "difference" else ends.min(axis=0)).tolist()
        line |= {"lower": low, "upper": high}
        drawn = np.array([part[kind, "alike"] for part in parts])
        line["expected"] = float(np.mean(getattr(drawn, worst.__name__)(axis=0)))
    return line


def _part(measured, overall, sums, level, n_rates, simple):
    """Return differences and ratios of one rate, their ends, and draws of groups that are alike."""
    own = measured.own
    use = np.flatnonzero(np.isfinite(own.value))
    if len(use) < 2:
        return None
    value = own.value[use]
    drawn = alike_draws(measured, sums, use, simple=simple)
    drawn = np.full((len(use), 1), np.nan) if drawn is None else _around(drawn, own, overall)
    difference, ratio = _pair_ends(own.take(use), level ** (1 / n_rates))
    with np.errstate(divide="ignore", invalid="ignore"):
        against = value / overall
        return {
            "undefined": len(use) < len(own.value),
            ("difference", _BETWEEN): float(np.ptp(value)),
            ("difference", _OVERALL): float(np.abs(value - overall).max()),
            ("ratio", _BETWEEN): float(value.min() / value.max()) if value.max() > 0 else np.nan,
            ("ratio", _OVERALL): float(np.minimum(against, 1 / against).min()),
            ("difference", "ends"): difference,
            ("ratio", "ends"): ratio,
            ("difference", "alike"): np.ptp(drawn, axis=0),
            ("ratio", "alike"): drawn.min(axis=0) / drawn.max(axis=0),
        }


def _around(drawn, own, overall):
    """Return draws as rates: those of O:E are made on the log scale, around no difference."""
    return overall * np.exp(drawn) if own.on_log else drawn if drawn.min() >= 0 else drawn + overall


def _pair_ends(own, level):
    """Return the ends of max - min and of min / max from all pairs, which hold together."""
    from dataclasses import replace

    first, second = np.triu_indices(len(own.value), 1)
    z, zero = sidak(level, len(first)), np.zeros(len(first))
    both_ends = []
    for on_log in (False, True):
        scaled = replace(own, on_log=on_log)
        _, low, high = gap_ends(scaled.take(first), scaled.take(second), zero, z)
        low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
        smallest = max(np.maximum(np.maximum(low, -high), 0).max(), 0.0)
        both_ends.append((float(smallest), float(np.maximum(high, -low).max())))
    (low, high), (near, far) = both_ends
    return (low, high), (float(np.exp(-far)), float(np.exp(-near)))
