"""Estimates of the measures that follow from sums: rates, O:E, Brier score, net benefit."""

import numpy as np

from healthml.fairness._estimates.spread import (
    COUNTS,
    LOG,
    LOGIT,
    NONE_SEEN,
    WALD,
    WILSON,
    Estimates,
)
from healthml.fairness._sums import EMPTY, PROPORTIONS, ratio_of, scaled_brier_of


def from_sums(name, sums, variance, n_patients, *, independent, threshold=None):
    """Return the estimates of a measure from sums of shape (n, n_columns) and their variances.

    The intervals are those of `healthml.metrics.performance`: Wilson's for shares of independent
    rows, on the logit scale for patients or weights; on the log scale for O:E and the Brier score
    (Garwood's for O:E of independent rows without an event); joined from Wilson's for the net
    benefit at one threshold.
    """
    value, reason = _value(name, sums)
    error = np.sqrt(np.maximum(variance, 0))  # rounding may leave -1e-20 of no spread
    n = len(value)
    options = {"kind": np.full(n, WALD, dtype=object), "on_log": name == "oe_ratio"}
    if name in PROPORTIONS:
        options |= _share(name, sums, value, n_patients, independent)
    elif name in ("oe_ratio", "brier"):
        options |= {"kind": np.where(value > 0, LOG, WALD).astype(object), "limits": (0, np.inf)}
        if name == "oe_ratio" and independent:
            ratio = ratio_of(name)
            options |= {"top": sums @ ratio.top, "bottom": sums @ ratio.bottom}
            options["kind"][value == 0] = NONE_SEEN
    elif name == "net_benefit" and independent and threshold is not None:
        options["kind"] = np.full(n, COUNTS, dtype=object)
        total = sums[:, :4].sum(axis=1)
        options |= {"top": sums[:, 0], "bottom": sums[:, 1], "n": np.maximum(total, 1)}
        options["price"] = threshold / (1 - threshold)
    if name in ("oe_ratio", "brier", "scaled_brier", "mean_risk", "net_benefit"):
        exact = np.isin(options["kind"], (COUNTS, NONE_SEEN))
        no_spread = np.isfinite(value) & ~(error > 0) & ~exact
        reason = np.where(no_spread, "no spread in the rows, so no interval", reason)
        error = np.where(error > 0, error, np.nan)
    return Estimates(value, error, reason=reason, **options)


def gradient_of(name, sums):
    """Return the influence of a row on a measure, as weights of its columns."""
    return scaled_brier_of(sums)[1] if name == "scaled_brier" else ratio_of(name).gradient(sums)


def _value(name, sums):
    value = scaled_brier_of(sums)[0] if name == "scaled_brier" else ratio_of(name).value(sums)
    words = "needs events and non-events" if name == "scaled_brier" else EMPTY.get(name, "no rows")
    return value, np.where(np.isfinite(value), "", f"undefined: {words}").astype(object)


def _share(name, sums, value, n_patients, independent):
    ratio = ratio_of(name)
    top, bottom = sums @ ratio.top, sums @ ratio.bottom
    if independent:
        kind = np.full(len(value), WILSON, dtype=object)
    else:  # at 0 and 1 there is no slope on the logit scale: as many rows as patients
        inside = (value > 0) & (value < 1)
        kind = np.where(inside, LOGIT, WILSON).astype(object)
        worth = np.minimum(bottom, n_patients)
        top, bottom = worth * np.nan_to_num(value), worth
    return {"kind": kind, "top": top, "bottom": bottom, "limits": (0, 1)}
