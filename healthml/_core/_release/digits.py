"""How many digits the figures of a group are written with."""

import numpy as np

RATES = ("event_rate", "observed", "observed_rate", "prevalence", "rate")
"""Columns, or measures, that are events over people."""
AXES = ("threshold", "risk", "low", "high", "risk_low", "risk_high", "confidence_level")
"""Columns of numbers that were chosen or predicted, and follow from no count."""
_ENDS, _ERRORS = ("lower", "upper"), ("se", "mcse")
_RATIOS = ("estimate", "apparent", "corrected", "optimism")
_NO_SHARES = ("auroc", "expected_auroc", "brier", "scaled_brier", "log_loss", "ici", "eci")
_NO_SHARES += ("calibration_slope", "calibration_intercept", "calibration_in_the_large")
_OF_EVENTS = ("sensitivity", "specificity", "ppv", "npv", "balanced_accuracy", "youden", "f1")
_OF_EVENTS += ("mcc", "kappa", "dor")


def figure_digits(name, measure, columns, level, counts, has_hidden):
    """Return the digits of one figure of a row, None where it is not written.

    Parameters
    ----------
    name, measure : str
        Column of the figure, and measure of the row ("" in a table without measures).
    columns : sequence of str
        Columns of the table.
    level : Level
        What the attack allows for figures that follow from the counts.
    counts : list of float
        Counts of the row that are not hidden because they are small.
    has_hidden : bool
        Whether a count of the row is hidden.
    """
    if measure == "oe_ratio" and name in (*_RATIOS, *_ENDS, *_ERRORS):
        return level.ratio if level.ends or name in _RATIOS else None
    if name == "share":
        return None if has_hidden else level.shares
    if name in _attacked(measure, columns):
        return level.shares
    return _digits(measure, level.shares, counts, has_hidden)


def _attacked(measure, columns):
    """Return the shares of a row that follow from its counts alone, as the attack took them."""
    if measure:
        return ("estimate", *_ENDS) if measure in (*RATES, "mean_risk") else ()
    rates = [name for name in RATES if name in columns]
    return (*rates, *_ENDS) if rates and "estimate" not in columns else rates


def _digits(measure, digits, counts, has_hidden):
    """Return the digits of figures that the attack did not take.

    A share of m people lies 1 / m from the next one, so with at most log10(m) digits every count
    that rounds like m has a share that prints the same. Other measures do not tell their
    denominators, so that a group none of whose counts is hidden keeps them even where its shares
    cannot be written.
    """
    if digits is None and counts and not has_hidden and measure in _NO_SHARES:
        return 3
    if digits is None or not counts or has_hidden:
        return digits if counts else None
    if measure in _NO_SHARES:
        return 3
    if measure in _OF_EVENTS:
        counts = [min(counts), *([max(counts) - min(counts)] if len(counts) > 1 else [])]
    base = max(min(counts) if measure in _OF_EVENTS else max(counts), 10)
    digits = min(digits, max(int(np.log10(base)), 1))
    return digits - 3 if measure.endswith("_per_1000") else digits
