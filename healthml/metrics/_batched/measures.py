"""Measures of many sets of risks at once, without checks: the kernel of all resampling.

A block holds k sets of risks for the same n rows; weights say how often a row counts in each set
(0 leaves it out). Sorting and logarithms are done once per set, whatever the number of weightings.
Values are those of the public functions; what does not exist is missing, with a code for why.
"""

from functools import cached_property

import numpy as np

from healthml._core._inputs import EPSILON
from healthml.metrics._batched.recalibration import recalibrate

# Codes of why a set of rows has no value; 0 is a value. `recalibration` writes 0, 2 and 3.
FINE, ONE_CLASS, SAME_RISK, SEPARATED, NO_ROWS = range(5)

WHY = {
    ONE_CLASS: "one class among the rows judged",
    SAME_RISK: "the same risk for every row",
    SEPARATED: "the risks separate the classes",
    NO_ROWS: "no rows to judge",
}

RECALIBRATED = ("calibration_slope", "calibration_intercept", "nagelkerke_r2_recalibrated")


FAST = (
    "auroc",
    "brier",
    "scaled_brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "calibration_in_the_large",
    "oe_ratio",
    "nagelkerke_r2_recalibrated",
    "net_benefit",
)


class Block:
    """Sets of risks of the same rows.

    Parameters
    ----------
    event : ndarray of shape (n,)
        Outcome as 0/1.
    risk : ndarray of shape (k, n)
        Risks between 0 and 1, one set a line.
    thresholds : dict of str to ndarray, optional
        Name of a net benefit -> the thresholds over which it is averaged.

    Examples
    --------
    >>> import numpy as np
    >>> block = Block(np.array([0, 0, 1, 1]), np.array([[0.1, 0.4, 0.35, 0.8]]))
    >>> block.weigh(None).value("auroc").tolist()
    [0.75]
    """

    def __init__(self, event, risk, thresholds=None):
        self.event = np.asarray(event, dtype=float)
        self.risk = np.ascontiguousarray(risk, dtype=float)
        self.thresholds = thresholds or {}
        self._rows = {}

    def only(self, rows):
        """Return the block of some rows, for one set of risks; sorted order and logs are kept."""
        part = Block(self.event[rows], self.risk.take(rows, axis=1), self.thresholds)
        chosen = np.zeros(len(self.event), dtype=bool)
        chosen[rows] = True
        place = np.cumsum(chosen) - 1
        part.order = place.take(self.order[0][chosen.take(self.order[0])])[None]
        if "logs" in vars(self):
            part.logs = tuple(log.take(rows, axis=1) for log in self.logs)
        return part

    def weigh(self, weight):
        """Return the block with weights: (k, n), (n,) for all sets alike, or None for ones."""
        return _Weighed(self, weight)

    @cached_property
    def order(self):
        """Position of the rows by rising risk."""
        return np.argsort(self.risk, axis=1)

    @cached_property
    def place(self):
        """Place of the rows by rising risk in the sets laid end to end."""
        k, n = self.risk.shape
        return self.order if k == 1 else self.order + n * np.arange(k)[:, None]

    @cached_property
    def event_in_order(self):
        """Outcomes by rising risk."""
        return self.event[self.order]

    @cached_property
    def ties(self):
        """First and last place of each row's tie in the order, or None where no risks tie."""
        ordered = self.risk.take(self.place)
        new = np.ones(self.risk.shape, dtype=bool)
        np.not_equal(ordered[:, 1:], ordered[:, :-1], out=new[:, 1:])
        if new.all():
            return None
        place = np.arange(self.risk.shape[1])
        first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
        ends = np.ones_like(new)
        ends[:, :-1] = new[:, 1:]
        last = np.where(ends, place, self.risk.shape[1])[:, ::-1]
        return first, np.minimum.accumulate(last, axis=1)[:, ::-1]

    @cached_property
    def inside(self):
        """Risks kept off 0 and 1."""
        return np.clip(self.risk, EPSILON, 1 - EPSILON)

    @cached_property
    def logs(self):
        """Logarithms of the risks and of their complements, kept finite."""
        return np.log(self.inside), np.log(1 - self.inside)

    @cached_property
    def logit(self):
        """Log odds of the risks."""
        return self.logs[0] - self.logs[1]

    def rows(self, name):
        """Return what each row adds to a measure that is a mean over rows."""
        if name not in self._rows:
            self._rows[name] = self._row_values(name)
        return self._rows[name]

    def _row_values(self, name):
        if name == "brier":
            return np.square(self.event - self.risk)
        if name == "log_loss":
            return -np.where(self.event == 1, *self.logs)
        at = np.sort(self.thresholds[name])
        odds = at / (1 - at)
        if len(at) == 1:
            return np.where(self.risk >= at[0], np.where(self.event == 1, 1.0, -odds[0]), 0.0)
        passed = np.searchsorted(at, self.risk.ravel(), side="right").reshape(self.risk.shape)
        cost = np.concatenate([[0.0], np.cumsum(odds)])[passed]
        return np.where(self.event == 1, passed, -cost) / len(at)


class _Weighed:
    """A block and the weights of its rows; every sum is made once."""

    def __init__(self, block, weight):
        self.block = block
        self.whole = weight is None or np.asarray(weight).dtype.kind in "biu"
        self.given = weight
        self.weight = None if weight is None else np.asarray(weight, dtype=float)
        self._recalibrated = {}

    @cached_property
    def totals(self):
        """Sum of weights and of weighted events, one of each per set."""
        k, n = self.block.risk.shape
        if self.weight is None:
            return np.full(k, float(n)), np.full(k, self.block.event.sum())
        both = self.weight.sum(axis=-1), self.weight @ self.block.event
        return tuple(np.broadcast_to(part, (k,)).astype(float) for part in both)

    @cached_property
    def state(self):
        """Code of each set: FINE, ONE_CLASS or NO_ROWS."""
        total, events = self.totals
        code = np.where((events <= 0) | (events >= total), ONE_CLASS, FINE)
        return np.where(total <= 0, NO_ROWS, code)

    def value(self, name):
        """Return one value of a measure per set, missing where it does not exist."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.reason(name) == FINE, self._value(name), np.nan)

    def reason(self, name):
        """Return the code of why a value is missing, per set."""
        if name in RECALIBRATED:
            code = self.recalibration(free_slope=True).code
            return np.where(self.state == FINE, code, self.state)
        if name in ("auroc", "calibration_in_the_large", "scaled_brier"):
            return self.state
        if name == "oe_ratio":
            return np.where(self.mean(self.block.risk) > 0, FINE, NO_ROWS)
        return np.where(self.state == NO_ROWS, NO_ROWS, FINE)

    def mean(self, rows):
        """Return the weighted mean of row values, per set."""
        total = self.totals[0]
        if self.weight is None:
            return rows.sum(axis=1) / total
        sums = np.vecdot(rows, self.weight)
        return np.divide(sums, total, out=np.full(len(sums), np.nan), where=total > 0)

    def recalibration(self, free_slope):
        """Return the logistic recalibration of every set."""
        if free_slope not in self._recalibrated:
            ends = self.ends if free_slope else None
            fit = recalibrate(self.block, self.weight, self.state == FINE, ends)
            self._recalibrated[free_slope] = fit
        return self._recalibrated[free_slope]

    def _value(self, name):
        if name == "auroc":
            return self.areas[0]
        if name == "scaled_brier":
            share = self.totals[1] / self.totals[0]
            return 1 - self.mean(self.block.rows("brier")) / (share * (1 - share))
        if name == "oe_ratio":
            return self.totals[1] / self.totals[0] / self.mean(self.block.risk)
        if name == "calibration_in_the_large":
            return self.recalibration(free_slope=False).intercept
        if name in RECALIBRATED:
            fit = self.recalibration(free_slope=True)
            if name == "nagelkerke_r2_recalibrated":
                density = self.mean(fit.last_density(self.block.event, self.block.logit))
                return _nagelkerke(density + fit.gain / self.totals[0], self.share)
            return fit.slope if name == "calibration_slope" else fit.intercept
        return self.mean(self.block.rows(name))

    @property
    def share(self):
        """Share of events per set."""
        return self.totals[1] / self.totals[0]

    @cached_property
    def in_order(self):
        """Weights of events and of others by rising risk, and their running sums."""
        block = self.block
        if self.weight is None:
            positive = block.event_in_order
            negative = 1.0 - positive
        else:
            given = np.asarray(self.given)
            weight = given.take(block.place if given.ndim > 1 else block.order)
            positive = weight * block.event_in_order
            negative = weight - positive
        return positive, negative

    @cached_property
    def ends(self):
        """Lowest and highest log odds of events, then of others, among the rows that count."""
        k, n = self.block.risk.shape
        extremes = []
        for part in self.in_order:
            some = part > 0
            for place in (some.argmax(axis=1), n - 1 - some[:, ::-1].argmax(axis=1)):
                row = self.block.order[np.arange(k), place]
                extremes.append(self.block.logit[np.arange(k), row])
        return extremes

    def below(self, part):
        """Return the weight of `part` at lower risks plus half of that at equal risks."""
        if self.whole:  # sums of whole numbers are faster and the same
            upto = np.cumsum(part.astype(np.int64), axis=1).astype(float)
        else:
            upto = np.cumsum(part, axis=1)
        if self.block.ties is None:
            return upto - part / 2
        first, last = self.block.ties
        start = np.take_along_axis(upto - part, first, axis=1)
        return (start + np.take_along_axis(upto, last, axis=1)) / 2

    @cached_property
    def areas(self):
        """AUC per set, and for the events the weight of others below them, in order."""
        positive, negative = self.in_order
        below = self.below(negative)
        total, events = self.totals
        area = np.vecdot(positive, below) / (events * (total - events))
        return area, below

    def influence(self, name):
        """Return how much each row moves a measure, (k, n); sums over rows are about 0.

        Only for measures of `FAST`; sets whose value is missing have none.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = influence_of(self, name)
            if self.weight is not None and name != "auroc":
                moved *= self.weight
        fine = np.isfinite(self.value(name))
        return np.where(fine[:, None], moved, 0.0)


def _nagelkerke(level, share):
    null = share * np.log(share) + (1 - share) * np.log(1 - share)
    return (1 - np.exp(2 * (null - level))) / (1 - np.exp(2 * null))


def influence_of(weighed, name):
    """Return how much each row moves a measure, before its weight (the AUC: with it)."""
    total, events = weighed.totals
    block, share = weighed.block, weighed.share
    if name == "auroc":
        return _auroc_influence(weighed)
    if name == "scaled_brier":
        return _scaled_brier_influence(weighed)
    if name == "oe_ratio":
        expected = (weighed.mean(block.risk) * total)[:, None]
        return (block.event - events[:, None] / expected * block.risk) / expected
    if name == "calibration_in_the_large":
        fit = weighed.recalibration(free_slope=False)
        return fit.residual(block.event, block.logit) / fit.information[:, 0, None]
    if name == "nagelkerke_r2_recalibrated":
        return _nagelkerke_influence(weighed, share)
    if name in ("calibration_slope", "calibration_intercept"):
        return _recalibrated_influence(weighed, name)
    rows = block.rows(name)
    return (rows - weighed.value(name)[:, None]) / total[:, None]


def _auroc_influence(weighed):
    block, (total, events) = weighed.block, weighed.totals
    area, below = weighed.areas
    positive, negative = weighed.in_order
    others = total - events
    above = events[:, None] - weighed.below(positive)
    moved = positive * (below / others[:, None] - area[:, None]) / events[:, None]
    moved += negative * (above / events[:, None] - area[:, None]) / others[:, None]
    unordered = np.empty_like(moved)
    np.put_along_axis(unordered, block.order, moved, axis=1)
    return unordered


def _scaled_brier_influence(weighed):
    total, share = weighed.totals[0], weighed.share
    spread = share * (1 - share)
    brier = weighed.mean(weighed.block.rows("brier"))
    loss = (weighed.block.rows("brier") - brier[:, None]) / spread[:, None]
    tilt = brier * (1 - 2 * share) / spread**2
    moved = tilt[:, None] * (weighed.block.event - share[:, None]) - loss
    return moved / total[:, None]


def _recalibrated_influence(weighed, name):
    fit = weighed.recalibration(free_slope=True)
    residual = fit.residual(weighed.block.event, weighed.block.logit)
    first, mixed, second = fit.information.T
    determinant = first * second - mixed**2
    if name == "calibration_slope":
        turn = (-mixed / determinant)[:, None] + (first / determinant)[:, None] * (
            weighed.block.logit
        )
    else:
        turn = (second / determinant)[:, None] - (mixed / determinant)[:, None] * (
            weighed.block.logit
        )
    return residual * turn


def _nagelkerke_influence(weighed, share):
    """Delta method; the recalibration is at its maximum, so that it moves nothing itweighed."""
    total = weighed.totals[0]
    fit = weighed.recalibration(free_slope=True)
    density = fit.density(weighed.block.event, weighed.block.logit)
    level = weighed.mean(density)
    null = share * np.log(share) + (1 - share) * np.log(1 - share)
    turn = np.log(share / (1 - share))
    most, part = 1 - np.exp(2 * null), np.exp(2 * (null - level))
    by_level = 2 * part / most
    by_share = -2 * turn * part / most + (1 - part) * 2 * turn * np.exp(2 * null) / most**2
    moved = by_level[:, None] * (density - level[:, None])
    moved += by_share[:, None] * (weighed.block.event - share[:, None])
    return moved / total[:, None]
