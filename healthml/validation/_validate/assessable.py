"""What rare events leave of a measure: a number is shown where it means something, else the reason.

With a handful of events a resample may expect next to none out of bag, and the ratio observed /
expected, or the log odds that would put the mean right, has no limit then: one draw decides the
mean, one row its standard error. Such a number is not printed.
"""

import numpy as np

from healthml.validation._scoring import LOG_ODDS, NOT_ASSESSABLE, Ends

# Values that no model of real patients has: O:E off a thousandfold, log odds off by 20 (odds by
# e^20), a slope of 100. By judgement; a value beyond means that the sample could not estimate it.
_FARTHEST = {
    "oe_ratio": 1e3,
    "calibration_in_the_large": 20.0,
    "calibration_intercept": 20.0,
    "calibration_slope": 100.0,
}
# Value from which a measure whose interval has no useful ends is not printed either: a slope of 28
# from three events. By judgement, not by simulation; smaller hides slopes of shrunken models.
_FARTHEST_ALONE = 10.0
# The same for every other measure, where only a failed computation is as large. By judgement, not
# by simulation; smaller, and true values on large scales are left out.
_FARTHEST_OTHERS = 1e4


def assessable(row, values=()):
    """Return a row of the table without numbers that mean nothing.

    Parameters
    ----------
    row : dict
        Of one measure, as `finish_table` takes it.
    values : sequence of ndarray
        Values by resample that the corrected value is a mean of.

    Returns
    -------
    dict
    """
    farthest = _farthest(row["measure"])
    beyond = sum(int(np.sum(np.abs(part) > farthest)) for part in values)
    if row["ends"].method == NOT_ASSESSABLE and abs(row["corrected"]) > _FARTHEST_ALONE:
        words = "too few events, its interval has no useful ends"
        row, beyond = row | {"apparent": np.nan}, max(beyond, 1)
    else:
        words = "next to no expected events: not assessable"
    if beyond or abs(row["corrected"]) > farthest:
        if abs(row.get("apparent", 0.0)) > farthest:
            row = row | {"apparent": np.nan}
        reasons = {**row["reasons"], words: max(beyond, 1)}
        return row | {"corrected": np.nan, "mcse": np.nan, "ends": Ends(), "reasons": reasons}
    return row


def meaningful(name, details):
    """Return the means behind a corrected value, missing where one draw alone makes the mean."""
    farthest = _farthest(name)
    return {key: value if abs(value) <= farthest else np.nan for key, value in details.items()}


def with_limits(row, count):
    """Note in a row how many refits gave risks of exactly 0 or 1, where logs depend on them."""
    if not count or row["measure"] not in LOG_ODDS or not np.isfinite(row["corrected"]):
        return row
    words = "risks of 0 or 1, moved to 1e-08 from it: the value depends on that"
    return row | {"reasons": {**row["reasons"], words: int(count)}}


def _farthest(name):
    return _FARTHEST.get(name.split("@")[0], _FARTHEST_OTHERS)
