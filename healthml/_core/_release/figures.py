"""Figures printed beside the counts of groups, and what each tells of them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Level(NamedTuple):
    """How finely the figures of a group are written.

    Parameters
    ----------
    shares : int or None
        Digits of shares and rates with their intervals; None: they are not written.
    ratio : int or None
        Digits of ratios of observed to expected events; None: they are not written.
    ends : bool
        Whether a ratio stands with the ends of its interval, whose width tells the events.
    """

    shares: int | None
    ratio: int | None
    ends: bool


FINEST = Level(3, 3, True)
"""Three digits: what results print where nothing has to be hidden."""
NOTHING = Level(None, None, False)
"""No figure is written."""
# A rate without a digit would be written as 0 or 1, which is false. A ratio without its interval
# tells no count as long as the expected events are unknown, so that it keeps two digits.
LEVELS = (
    FINEST,
    Level(2, 2, True),
    Level(2, 1, True),
    Level(1, 1, True),
    Level(2, 2, False),
    Level(1, 2, False),
    Level(None, 2, False),
)
"""From the finest on: groups whose counts are written take the first that is safe."""
HIDDEN_LEVELS = (Level(1, 1, True), Level(None, 1, False), NOTHING)
"""The same for groups that have a hidden count."""


@dataclass(frozen=True)
class Rate:
    """Figures printed for each group that follow from its people and events.

    Parameters
    ----------
    function : callable
        ``function(n, events)`` on arrays, returning one figure or a tuple of figures.
    """

    function: object

    def alike(self, row, truth, people, events, level):
        """Say which pairs print the same figures as the true pair of a group."""
        if level.shares is None:
            return np.ones(len(people), dtype=bool)
        figures = self._prints(people, events, level.shares)
        true = self._prints([truth[0]], [truth[1]], level.shares)
        return ((figures == true) | (np.isnan(figures) & np.isnan(true))).all(axis=1)

    def _prints(self, n, events, digits):
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = self.function(np.asarray(n, float), np.asarray(events, float))
        figures = figures if isinstance(figures, tuple) else (figures,)
        return np.column_stack([np.round(np.asarray(part, float), digits) for part in figures])


@dataclass(frozen=True)
class OutcomeShares:
    """Shares of a level among those without and with the event.

    Parameters
    ----------
    without, having : ndarray of shape (n_groups,)
        People without and with the event that the shares of each level are of.
    """

    without: np.ndarray
    having: np.ndarray

    def figures(self, row, people, events):
        """Return both shares, as columns."""
        return np.column_stack([(people - events) / self.without[row], events / self.having[row]])

    def alike(self, row, truth, people, events, level):
        """Say which pairs print the same figures as the true pair of a level."""
        if level.shares is None:
            return np.ones(len(people), dtype=bool)
        figures = np.round(self.figures(row, people, events), level.shares)
        true = self.figures(row, *(np.array([count], float) for count in truth))
        return (figures == np.round(true, level.shares)).all(axis=1)


@dataclass(frozen=True)
class RatioInterval:
    """Observed over expected events with its interval, whose width tells the number of events.

    The expected events are not known to the attacker, so a pair is possible where some ratio
    prints all three figures. The mean risk printed beside it tells more: ratio times mean risk is
    the event rate.

    Parameters
    ----------
    figures : ndarray of shape (n_groups, 3)
        Ratio and the ends of its interval, one row per group; missing where not printed.
    quantile : float
        Normal quantile of the interval: log(upper / ratio) = quantile * sqrt((1 - e / n) / e).
    mean_risk : ndarray of shape (n_groups,), default=None
        Mean predicted risk, printed with the digits of shares; missing where not printed.
    """

    figures: np.ndarray
    quantile: float = 1.959963984540054
    mean_risk: np.ndarray | None = None

    def alike(self, row, truth, people, events, level):
        """Say for which pairs some ratio prints the same figures."""
        if level.ratio is None or not np.isfinite(self.figures[row, 0]):
            return np.ones(len(people), dtype=bool)
        half = 0.5 * 10.0**-level.ratio
        printed = np.round(self.figures[row], level.ratio)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(self.quantile * np.sqrt((1 - events / people) / events))
        scale = np.stack([np.ones(len(people)), factor, 1 / factor])
        if not (level.ends and np.isfinite(printed).all()):
            printed, scale = printed[:1], scale[:1]
        with np.errstate(invalid="ignore"):
            least = ((np.maximum(printed - half, 0))[:, None] * scale).max(axis=0)
            most = ((printed + half)[:, None] * scale).min(axis=0)
            return (least <= most) & self._rate_fits(row, people, events, level, least, most)

    def _rate_fits(self, row, people, events, level, least, most):
        """Say for which pairs the event rate can be a possible ratio times the mean risk."""
        known = self.mean_risk is not None and level.shares is not None
        if not (known and np.isfinite(self.mean_risk[row])):
            return np.ones(len(people), dtype=bool)
        half = 0.5 * 10.0**-level.shares
        risk = np.round(self.mean_risk[row], level.shares)
        rate = events / people
        return (rate >= max(risk - half, 0) * least) & (rate <= (risk + half) * most)
