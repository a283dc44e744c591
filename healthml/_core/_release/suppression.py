"""Small counts: what may leave the session without a count of 1 to 10 people being worked out.

Results in memory keep every count. What is printed, drawn or written goes through here:

1. a count of 1 to 10 is hidden, and with the size of a group its name; zero is shown;
2. the counts beside a hidden one, and their total, are rounded to 10;
3. where that leaves a hidden count fewer than five possible values, another count is hidden;
4. rates and intervals of such a table are written with as many digits as keep it so.

Steps 3 and 4 are not guessed: every table is attacked. The attacker knows the totals exactly (the
size of a study stands in its paper), the rules above, and each formula; for each group the pairs
(people, events) that print the same figures are listed, and a pair is possible when the other
groups have pairs that bring the sums back to the totals. Only where the total itself leaves too few
values, however much is hidden (17 events in two groups of at most 10), it is taken to be known as
it is written: rounded.
"""

from dataclasses import dataclass

import numpy as np

MIN_COUNT = 11
"""Smallest count shown: the cell size policy of the US Centers for Medicare & Medicaid Services."""
BASE = 10
"""Counts beside a hidden one are multiples of this; a smaller base leaves fewer possible values."""
FEWEST = 5
"""Possible values that each hidden count keeps. Chosen by judgement, not by simulation: half of the
ten that a count below `MIN_COUNT` can have. More of them hide more second counts."""
_AROUND = BASE - 1
"""How far from the truth the attack tries each count: as far as a rounded one can be."""
_REACH = 21
"""How far from the truth sums of groups are followed in the attack. Fewer possible values are then
found than there are, so a smaller reach hides more and never less."""
SHOWN, ROUNDED, HIDDEN, SECOND = "shown", "rounded", "hidden", "second"
_DIGITS = (3, 2, 1, None)  # a rate without a digit would be written as 0 or 1, which is false
# The same for groups with a hidden count; None leaves the rate out.
_HIDDEN_DIGITS = (1, None)


@dataclass(frozen=True)
class Rate:
    """Figures printed for each group that follow from its people and events.

    Parameters
    ----------
    function : callable
        ``function(n, events)`` on arrays, returning one figure or a tuple of figures.
    """

    function: object

    def alike(self, row, truth, people, events, digits):
        """Say which pairs print the same figures as the true pair of a group."""
        figures = self._prints(people, events, digits)
        true = self._prints([truth[0]], [truth[1]], digits)
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

    def alike(self, row, truth, people, events, digits):
        """Say which pairs print the same figures as the true pair of a level."""
        figures = np.round(self.figures(row, people, events), digits)
        true = np.round(self.figures(row, *(np.array([count], float) for count in truth)), digits)
        return (figures == true).all(axis=1)


@dataclass(frozen=True)
class RatioInterval:
    """Observed over expected events with its interval, whose width tells the number of events.

    The expected events are not known to the attacker, so a pair is possible where some ratio
    prints all three figures.

    Parameters
    ----------
    figures : ndarray of shape (n_groups, 3)
        Ratio and the ends of its interval, one row per group; missing where not printed.
    quantile : float
        Normal quantile of the interval: log(upper / ratio) = quantile * sqrt((1 - e / n) / e).
    """

    figures: np.ndarray
    quantile: float = 1.959963984540054

    def alike(self, row, truth, people, events, digits):
        """Say for which pairs some ratio prints the same three figures."""
        printed = np.round(self.figures[row], digits)
        if not np.isfinite(printed).all():
            return np.ones(len(people), dtype=bool)
        half = 0.5 * 10.0**-digits
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(self.quantile * np.sqrt((1 - events / people) / events))
        scale = np.stack([np.ones(len(people)), factor, 1 / factor])
        least = ((np.maximum(printed - half, 0))[:, None] * scale).max(axis=0)
        most = ((printed + half)[:, None] * scale).min(axis=0)
        return least <= most


@dataclass(frozen=True)
class Protection:
    """How the counts of the groups of one table may be written; made by `protect`.

    Parameters
    ----------
    n, events, others : ndarray of str, or None
        State of each group's people, of those with the event and of those without: "shown",
        "rounded", "hidden" (1 to 10) or "second" (hidden to protect another).
    digits, hidden_digits : int or None
        Digits of rates and intervals of groups whose counts are written, and of groups with a
        hidden count; None: they are not written.
    has_hidden : ndarray of bool
        Groups of which some count is small: people, those with the event, or those without.
    min_count : int
        Smallest count shown.
    """

    n: np.ndarray
    events: np.ndarray | None
    others: np.ndarray | None
    digits: int | None
    hidden_digits: int | None
    has_hidden: np.ndarray
    min_count: int = MIN_COUNT

    @property
    def is_open(self):
        """Whether nothing had to be hidden."""
        return bool((self.n == SHOWN).all() and self.digits == _DIGITS[0])

    @property
    def small(self):
        """Groups whose size is hidden because it is small; their names are not listed."""
        return self.n == HIDDEN

    def row_digits(self, row):
        """Return the digits of the figures of one group, None where they are not written."""
        if self.is_open:
            return self.digits
        if self.n[row] == HIDDEN:
            return None
        return self.hidden_digits if self.has_hidden[row] else self.digits


def is_small(counts, min_count=MIN_COUNT):
    """Say which counts are small: at least 1 and below `min_count`."""
    counts = np.asarray(counts, dtype=float)
    return (counts >= 1) & (counts < min_count)


def round_count(count, base=BASE):
    """Return counts rounded to the nearest multiple of `base`, halves up."""
    return np.floor(np.asarray(count, dtype=float) / base + 0.5) * base


def protect(n, events=None, *, rates=(), hide=None, min_count=MIN_COUNT):
    """Decide what is written of the counts of groups that make up a whole.

    Parameters
    ----------
    n : array-like of shape (n_groups,)
        People (or rows) of each group.
    events : array-like of shape (n_groups,), default=None
        Those with the event. Then those without are protected too.
    rates : sequence of Rate or RatioInterval, default=()
        Figures printed beside the counts that follow from them.
    hide : array-like of bool of shape (n_groups,), default=None
        Groups that are hidden whatever their counts, such as many rows of few patients.
    min_count : int, default=11
        Smallest count shown; 1 shows everything.

    Returns
    -------
    Protection
    """
    n = np.asarray(n, dtype=np.int64)
    whole = np.zeros_like(n) if events is None else np.asarray(events, dtype=np.int64)
    hide = np.zeros(len(n), bool) if hide is None else np.asarray(hide, bool)
    table = _Table(n, whole, events is not None, hide, min_count)
    if not table.has_small:
        return table.protection(_DIGITS[0], _DIGITS[0])
    table.hide_seconds()
    return table.protection(*table.choose_digits(rates))


class _Table:
    """The groups of one table, the states of their counts, and the attack on them."""

    def __init__(self, n, events, has_events, hide, min_count):
        self.n, self.events, self.has_events, self.min_count = n, events, has_events, min_count
        small = is_small(n, min_count)
        self.small_events = has_events & is_small(events, min_count)
        self.small_others = has_events & is_small(n - events, min_count)
        self.has_hidden = hide | small | self.small_events | self.small_others
        self.has_small = bool(self.has_hidden.any())
        self.state_n = self._state(n, small)
        self.state_events = self._state(events, small | self.small_events)
        self.state_others = self._state(n - events, small | self.small_others)
        for state in (self.state_n, self.state_events, self.state_others):
            state[hide & (state != HIDDEN)] = SECOND
        self.fewest = min(FEWEST, max(min_count - 1, 1))
        self.totals_known = True

    def _state(self, counts, hidden):
        if not self.has_small:
            return np.full(len(counts), SHOWN, dtype=object)
        state = np.where(counts == 0, SHOWN, ROUNDED).astype(object)
        state[hidden] = HIDDEN
        return state

    def protection(self, digits, hidden_digits):
        pair = (self.state_events, self.state_others) if self.has_events else (None, None)
        return Protection(
            self.state_n, *pair, digits, hidden_digits, self.has_hidden, self.min_count
        )

    def hide_seconds(self):
        """Hide one more count, the smallest that is written, until the hidden ones are safe."""
        while not self.is_safe():
            columns = [(self.n, self.state_n)]
            if self.has_events:
                columns += [(self.events, self.state_events)]
                columns += [(self.n - self.events, self.state_others)]
            candidates = [
                (counts[row], order, row)
                for order, (counts, state) in enumerate(columns)
                for row in np.flatnonzero(state == ROUNDED)
            ]
            if not candidates:
                self.totals_known = False
                return
            _, order, row = min(candidates)
            columns[order][1][row] = SECOND

    def choose_digits(self, rates):
        """Return the most digits of rates, of open groups first, that keep hidden counts safe."""
        for digits in _DIGITS:
            for few in _HIDDEN_DIGITS:
                if self.is_safe(rates, digits, few):
                    return digits, few
        return None, None

    def is_safe(self, rates=(), digits=None, few=None):
        """Say whether each hidden count keeps enough possible values."""
        pairs = [self._pairs(row, rates, digits, few) for row in range(len(self.n))]
        balanced = _balanced(pairs, self._possible_totals())
        return all(self._enough(row, balanced[row]) for row in range(len(self.n)))

    def _possible_totals(self):
        """Return the offsets that the totals may have, as a grid: one where they are known."""
        people, events = int(self.n.sum()), int(self.events.sum())
        around = np.arange(-_REACH, _REACH + 1)
        small = is_small([people, events, people - events], self.min_count)
        known = around == 0
        as_written = [round_count(t + around) == round_count(t) for t in (people, events)]
        rows = np.ones_like(known) if small[0] else known if self.totals_known else as_written[0]
        columns = known if self.totals_known else as_written[1]
        columns = np.ones_like(known) if self.has_events and small[1:].any() else columns
        return np.outer(rows, columns)

    def _pairs(self, row, rates, digits, few):
        """List the offsets from the truth of the pairs that print like those of a group."""
        n, events = int(self.n[row]), int(self.events[row])
        people = n + np.arange(-_AROUND, _AROUND + 1)
        having = events + np.arange(-_AROUND, _AROUND + 1) if self.has_events else np.zeros(1, int)
        people, having = (part.ravel() for part in np.meshgrid(people, having, indexing="ij"))
        possible = (having >= 0) & (having <= people)
        possible &= self._like(people, n, self.state_n[row])
        if self.has_events and self.state_n[row] != HIDDEN:
            possible &= self._like(having, events, self.state_events[row])
            possible &= self._like(people - having, n - events, self.state_others[row])
        possible &= self._prints_alike(row, people, having, possible, rates, digits, few)
        return np.column_stack([people - n, having - events])[possible]

    def _like(self, counts, truth, state):
        small = (counts >= 1) & (counts < self.min_count)
        if state == SHOWN:
            return counts == truth
        if state == ROUNDED:
            return (round_count(counts) == round_count(truth)) & ~small
        return small if state == HIDDEN else ~small & (counts > 0)

    def _prints_alike(self, row, people, having, possible, rates, digits, few):
        if self.state_n[row] == HIDDEN:
            return possible
        used = few if self.has_hidden[row] else digits
        if used is None or not rates:
            return possible
        alike, kept = possible.copy(), np.flatnonzero(possible)
        truth = self.n[row], self.events[row]
        for rate in rates:
            same = rate.alike(row, truth, people[kept], having[kept], used)
            alike[kept[~same]] = False
        return alike

    def _enough(self, row, offsets):
        wanted = []
        if self.state_n[row] == HIDDEN:
            wanted.append(offsets[:, 0])
        if self.small_events[row]:
            wanted.append(offsets[:, 1])
        if self.small_others[row]:
            wanted.append(offsets[:, 0] - offsets[:, 1])
        return all(len(np.unique(values)) >= self.fewest for values in wanted)


def _balanced(pairs, totals):
    """Keep of each group's offsets those that the other groups can bring back to the totals.

    Sums of offsets are sets on a grid; the sums of two groups are a convolution.
    """
    grids = [_grid(offsets) for offsets in pairs]
    before = [totals[::-1, ::-1]]
    for grid in grids[:-1]:
        before.append(_sums(before[-1], grid))
    kept, after = [None] * len(pairs), None
    for row in range(len(pairs) - 1, -1, -1):
        others = before[row] if after is None else _sums(before[row], after)
        kept[row] = pairs[row][others[tuple((_REACH - pairs[row]).T)]]
        after = grids[row] if after is None else _sums(after, grids[row])
    return kept


def _grid(offsets):
    grid = np.zeros((2 * _REACH + 1,) * 2, dtype=bool)
    grid[tuple((offsets + _REACH).T)] = True
    return grid


def _sums(first, second):
    """Return the sums of two sets of offsets, as far as they stay within reach."""
    size = 3 * _REACH + 1  # sums beyond reach wrap around to places that are cut off below
    product = np.fft.rfft2(first, (size, size)) * np.fft.rfft2(second, (size, size))
    full = np.fft.irfft2(product, (size, size)) > 0.5
    return full[_REACH : 3 * _REACH + 1, _REACH : 3 * _REACH + 1]
