"""What every measure is given: outcomes as 0/1, risks between 0 and 1, weights that make sense."""

from numbers import Real

import numpy as np

from healthml._core._checks import as_numbers, check_alignment, check_event, check_proba
from healthml.exceptions import InputError, OutcomeError

EPSILON = 1e-8
"""Risks of exactly 0 or 1 are moved this far inside before a logarithm is taken.

Chosen by judgement: far below any risk that a model can support by data, so that only true 0 and 1
are touched. A larger value shrinks their log odds (18.4 here) and their pull on a slope.
"""
_FEW = 1_000  # rows below which a plain loop over values is faster; only speed depends on it

_NO_WEIGHT = 1e-16
"""Share of all weight up to which a row counts as left out: beside 1 such a share is lost in a
number of 64 bits, so that a class of such rows has a prevalence of 0 and its measures do not exist.
"""


def at_limits(risk):
    """Return where risks are 0 or 1, up to what is moved before a logarithm is taken."""
    return (risk < EPSILON) | (risk > 1 - EPSILON)


def check_inputs(y_true, y_proba, sample_weight=None, *, both_classes=True):
    """Return the outcome as 0/1 floats, the risks and the weights, all of shape (n_samples,)."""
    check_alignment(y_true=y_true, y_proba=y_proba, sample_weight=sample_weight)
    event = check_outcome(y_true, both_classes=both_classes)
    proba = check_risks(y_proba, len(event))
    return event, proba, check_weight(sample_weight, event, both_classes=both_classes)


def check_outcome(y_true, *, both_classes=True):
    """Return y_true as floats 0 and 1; one class is refused unless both_classes is False."""
    values = np.asarray(y_true)
    if values.ndim == 1 and values.size and values.dtype.kind in "biuf":
        event = values.astype(float)
        if ((event == 0) | (event == 1)).all() and (not both_classes or np.ptp(event) == 1):
            return event
    try:
        return check_event(y_true, name="y_true")[1].astype(float)
    except OutcomeError as error:
        if values.ndim != 1 or "not guessed" not in str(error):
            raise
    raise OutcomeError(
        "y_true is neither 0/1 nor boolean, and which of its levels is the event is not guessed; "
        "pass a comparison such as y == 'died', or use performance(..., event='died')."
    )


def check_risks(y_proba, n, name="y_proba"):
    """Return risks as floats between 0 and 1; what is not plainly so goes to check_proba."""
    values = np.asarray(y_proba)
    if values.shape == (n,) and n and values.dtype.kind == "f":
        risk = values.astype(float, copy=False)
        if risk.min() >= 0 and risk.max() <= 1:
            return risk
    return check_proba(y_proba, n=n, name=name)


def check_weight(sample_weight, event, *, both_classes=True):
    """Return weights as floats, ones when None; both classes need some weight."""
    if sample_weight is None:
        return np.ones(len(event))
    weight = as_numbers(sample_weight, "sample_weight")
    if weight.shape != event.shape:
        raise InputError(
            f"sample_weight has shape {weight.shape} where y_true has {event.shape}; "
            "pass one weight per row."
        )
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if bad.size:
        raise InputError(
            f"sample_weight has {bad.size} of {len(weight)} values missing, infinite or negative, "
            f"the first at position {bad[0]}; pass weights of 0 or more."
        )
    with np.errstate(over="ignore"):
        total = weight.sum()
    if total == 0:
        raise InputError("sample_weight is 0 for every row; pass weights with a positive sum.")
    if not np.isfinite(total):
        raise InputError("sample_weight adds up to infinity; divide all weights by one number.")
    counts = weight / total > _NO_WEIGHT
    if both_classes and len(np.unique(event[counts])) < 2:
        raise OutcomeError(
            "y_true has only one class among rows with a positive sample_weight; "
            "this measure needs events and non-events."
        )
    return weight


def check_threshold(threshold, name="threshold"):
    """Return the decision threshold as a float strictly between 0 and 1."""
    if not (isinstance(threshold, Real) and 0 < threshold < 1):
        raise InputError(f"{name} is {threshold!r}; pass one number between 0 and 1.")
    return float(threshold)


def log_odds(proba):
    """Return the logit of the risks, with exact 0 and 1 moved inside by EPSILON."""
    inside = np.clip(proba, EPSILON, 1 - EPSILON)
    return np.log(inside) - np.log1p(-inside)


def mean(values, weight):
    """Return the weighted mean."""
    return float(weight @ values / weight.sum())


def rising_order(values):
    """Return positions that put values between 0 and 1 in rising order; ties in any order.

    Two passes over 16 bits each sort them almost always; a third pass, quick on what is nearly in
    order, makes it exact.
    """
    if len(values) < _FEW:
        return np.argsort(values)
    code = (values * 0xFFFF_FFFF).astype(np.uint32)
    order = np.argsort(code.astype(np.uint16), kind="stable")
    order = order[np.argsort((code >> 16).astype(np.uint16)[order], kind="stable")]
    ranked = values[order]
    if (ranked[1:] < ranked[:-1]).any():
        order = order[np.argsort(ranked, kind="stable")]
    return order


def weighted_quantile(values, quantile, weight):
    """Return R's type 7 quantiles; a whole-number weight counts as that many equal rows.

    `quantile` is one number, which gives a float, or an array of them.
    """
    order = np.argsort(values, kind="stable")
    return quantile_of_sorted(values[order], quantile, weight[order])


def quantile_of_sorted(values, quantile, weight):
    """Return weighted quantiles of values that are in rising order already."""
    last_position = np.cumsum(weight)
    position = np.asarray(quantile) * max(last_position[-1] - 1, 0)
    low = np.searchsorted(last_position, np.floor(position), side="right")
    high = np.searchsorted(last_position, np.ceil(position), side="right")
    low, high = np.minimum(low, len(values) - 1), np.minimum(high, len(values) - 1)
    share = position - np.floor(position)
    return (values[low] + share * (values[high] - values[low]))[()]
