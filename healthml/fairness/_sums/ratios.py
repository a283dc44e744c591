"""Measures as one sum over another: what is added up above and below the line."""

from dataclasses import dataclass

import numpy as np

from healthml.exceptions import InputError

# What is added up over the rows of a group, in this order.
COLUMNS = ("tp", "fp", "fn", "tn", "risk", "square", "benefit")

# Below the line of a share of all rows: each row counts once.
_ALL = {"tp": 1, "fp": 1, "fn": 1, "tn": 1}
# Measure -> (above the line, below it), as weights of the columns.
_PARTS = {
    "event_rate": ({"tp": 1, "fn": 1}, _ALL),
    "mean_risk": ({"risk": 1}, _ALL),
    "oe_ratio": ({"tp": 1, "fn": 1}, {"risk": 1}),
    "brier": ({"square": 1}, _ALL),
    "flagged_rate": ({"tp": 1, "fp": 1}, _ALL),
    "sensitivity": ({"tp": 1}, {"tp": 1, "fn": 1}),
    "specificity": ({"tn": 1}, {"tn": 1, "fp": 1}),
    "false_positive_rate": ({"fp": 1}, {"tn": 1, "fp": 1}),
    "false_negative_rate": ({"fn": 1}, {"tp": 1, "fn": 1}),
    "ppv": ({"tp": 1}, {"tp": 1, "fp": 1}),
    "npv": ({"tn": 1}, {"tn": 1, "fn": 1}),
    "accuracy": ({"tp": 1, "tn": 1}, _ALL),
    "net_benefit": ({"benefit": 1}, _ALL),
}
RATIOS = tuple(_PARTS)
# Of which the part above the line is counted among the part below it.
PROPORTIONS = tuple(
    name for name, (top, _) in _PARTS.items() if not set(top) & {"risk", "square", "benefit"}
)
PROPORTIONS = tuple(name for name in PROPORTIONS if name != "oe_ratio")
NEED_THRESHOLD = tuple(
    name for name in RATIOS if name not in ("event_rate", "mean_risk", "oe_ratio", "brier")
)
COUNTED = PROPORTIONS  # what decisions alone (0 and 1) can tell
# In words, why a measure does not exist: what the sum below the line counts.
EMPTY = {
    "sensitivity": "no events",
    "false_negative_rate": "no events",
    "specificity": "no rows without the event",
    "false_positive_rate": "no rows without the event",
    "ppv": "nobody flagged",
    "npv": "everybody flagged",
    "oe_ratio": "no expected events",
}


@dataclass(frozen=True)
class Ratio:
    """One sum over another.

    Parameters
    ----------
    name : str
        The measure.
    top, bottom : ndarray of shape (n_columns,)
        Weights of the columns above and below the line.
    scale : {"identity", "log"}
        On which intervals and gaps are made.
    """

    name: str
    top: np.ndarray
    bottom: np.ndarray
    scale: str

    def value(self, sums):
        """Return the measure of sums of shape (..., n_columns); NaN over 0."""
        above, below = sums @ self.top, sums @ self.bottom
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)

    def gradient(self, sums):
        """Return the influence of a row with columns x as gradient @ x, shape (..., n_columns)."""
        below = sums @ self.bottom
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self.value(sums)
            return (self.top - value[..., None] * self.bottom) / below[..., None]


def ratio_of(name):
    """Return a measure as a ratio of sums.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.fairness._sums import ratio_of
    >>> ratio_of("sensitivity").value(np.array([3.0, 1, 1, 5, 0, 0, 0]))
    array(0.75)
    """
    if name not in _PARTS:
        raise InputError(f"{name!r} is no ratio of sums.")
    top, bottom = (
        np.array([float(part.get(column, 0)) for column in COLUMNS]) for part in _PARTS[name]
    )
    return Ratio(name, top, bottom, "log" if name == "oe_ratio" else "identity")


def scaled_brier_of(sums):
    """Return 1 - Brier score / (m (1 - m)), m the event rate, and its gradient.

    Parameters
    ----------
    sums : ndarray of shape (..., n_columns)

    Returns
    -------
    value : ndarray
        NaN where one outcome is missing.
    gradient : ndarray of shape (..., n_columns)
        The influence of a row with columns x is gradient @ x.
    """
    rate, brier = ratio_of("event_rate"), ratio_of("brier")
    m, b = rate.value(sums), brier.value(sums)
    spread = m * (1 - m)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(spread > 0, spread, np.nan)
        value = 1 - b / spread
        through = (b / spread**2 * (1 - 2 * m))[..., None]
        gradient = through * rate.gradient(sums) - brier.gradient(sums) / spread[..., None]
    return value, gradient
