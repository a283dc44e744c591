"""Values in probability points, and which of them may be worded."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

MOST_FLIPS = 0.10
"""Share of refits in which a sign may differ before a reason is called not stable.

Part of what the report promises; smaller words fewer reasons.
"""


@dataclass(frozen=True)
class Points:
    """Values of one row on the scale of the report.

    Parameters
    ----------
    values, lower, upper : ndarray of shape (n_players,)
        In probability points, or on the scale of a prediction; interval over refits.
    base, end : float
        From where to where the values lead.
    is_risk : bool
        Whether these are probability points.
    n_refits : int
    """

    values: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    base: float
    end: float
    is_risk: bool
    n_refits: int


def row_points(result, row):
    """Return the values of a row in probability points.

    Log odds are turned into risk by the mean slope of the risk between base value and prediction,
    the Aumann-Shapley value of a risk whose log odds are the sum: signs stay, and the points add
    up to the difference of the two risks.
    """
    part = result.table[result.table["row"] == row]
    lower, upper = part["refit_lower"].to_numpy(), part["refit_upper"].to_numpy()
    base, end = float(result.base_values[row]), float(result.predictions[row])
    is_risk = result.scale == "log_odds" or (
        result.scale == "probability" and result.probabilities is not None
    )
    factor = 100.0 if is_risk else 1.0
    if result.scale == "log_odds":
        factor *= mean_slope(base, end)
        base, end = float(expit(base)), float(expit(end))
    return Points(
        result.values[row] * factor, lower * factor, upper * factor, base, end, is_risk,
        len(result.refit_values),
    )  # fmt: skip


def mean_slope(base, end):
    """Return the mean change of risk for a unit of log odds between two log odds.

    Examples
    --------
    >>> round(mean_slope(0.0, 0.0), 4), round(mean_slope(-1.0, 1.0), 4)
    (0.25, 0.2311)
    """
    if abs(end - base) < 1e-9:
        return float(expit(base) * (1 - expit(base)))
    return float((expit(end) - expit(base)) / (end - base))


def worded(result, row):
    """Return which values of a row may be worded, and whether that is known from refits."""
    if result.sign_shares is None:
        return np.ones(len(result.features), dtype=bool), False
    part = result.table[result.table["row"] == row]
    stable = part["stable"].to_numpy(dtype=bool)
    return stable & (result.sign_shares[row] >= 1 - MOST_FLIPS), True
