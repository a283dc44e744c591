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

from healthml._core._release.attack import REACH, balanced
from healthml._core._release.figures import FINEST, HIDDEN_LEVELS, LEVELS, NOTHING

MIN_COUNT = 11
"""Smallest count shown: the cell size policy of the US Centers for Medicare & Medicaid Services."""
BASE = 10
"""Counts beside a hidden one are multiples of this; a smaller base leaves fewer possible values."""
FEWEST = 5
"""Possible values that each hidden count keeps. Chosen by judgement, not by simulation: half of the
ten that a count below `MIN_COUNT` can have. More of them hide more second counts."""
_AROUND = BASE - 1
"""How far from the truth the attack tries each count: as far as a rounded one can be."""
SHOWN, ROUNDED, HIDDEN, SECOND = "shown", "rounded", "hidden", "second"


@dataclass(frozen=True)
class Protection:
    """How the counts of the groups of one table may be written; made by `protect`.

    Parameters
    ----------
    n, events, others : ndarray of str, or None
        State of each group's people, of those with the event and of those without: "shown",
        "rounded", "hidden" (1 to 10) or "second" (hidden to protect another).
    levels : tuple of Level
        How finely the figures of each group are written.
    has_hidden : ndarray of bool
        Groups of which some count is small: people, those with the event, or those without.
    min_count : int
        Smallest count shown.
    """

    n: np.ndarray
    events: np.ndarray | None
    others: np.ndarray | None
    levels: tuple
    has_hidden: np.ndarray
    min_count: int = MIN_COUNT

    @property
    def is_open(self):
        """Whether nothing had to be hidden."""
        return bool((self.n == SHOWN).all() and all(k == FINEST for k in self.levels))

    @property
    def small(self):
        """Groups whose size is hidden because it is small; their names are not listed."""
        return self.n == HIDDEN

    def level(self, row):
        """Return how finely the figures of one group are written."""
        return NOTHING if self.n[row] == HIDDEN else self.levels[row]


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
        return table.protection([FINEST] * len(n))
    table.hide_seconds()
    return table.protection(table.choose_levels(rates))


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
        self.totals_known, self._known_pairs = True, {}

    def _state(self, counts, hidden):
        if not self.has_small:
            return np.full(len(counts), SHOWN, dtype=object)
        state = np.where(counts == 0, SHOWN, ROUNDED).astype(object)
        state[hidden] = HIDDEN
        return state

    def protection(self, levels):
        pair = (self.state_events, self.state_others) if self.has_events else (None, None)
        return Protection(self.state_n, *pair, tuple(levels), self.has_hidden, self.min_count)

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

    def choose_levels(self, rates):
        """Return for each group the finest level of its figures that keeps hidden counts safe.

        Groups without a hidden count have one level, so that a column has one number of digits.
        """
        for level in LEVELS:
            for few in HIDDEN_LEVELS:
                levels = [few if is_hidden else level for is_hidden in self.has_hidden]
                if self.is_safe(rates, levels):
                    return levels
        return [NOTHING if is_hidden else LEVELS[-1] for is_hidden in self.has_hidden]

    def is_safe(self, rates=(), levels=None):
        """Say whether each hidden count keeps enough possible values."""
        levels = levels or [NOTHING] * len(self.n)
        pairs = [self._pairs(row, rates, level) for row, level in enumerate(levels)]
        if not self._all_enough(pairs):  # the totals only take possible values away
            return False
        return self._all_enough(balanced(pairs, self._possible_totals()))

    def _all_enough(self, pairs):
        return all(self._enough(row, pairs[row]) for row in np.flatnonzero(self.has_hidden))

    def _possible_totals(self):
        """Return the offsets that the totals may have, as a grid: one where they are known."""
        people, events = int(self.n.sum()), int(self.events.sum())
        around = np.arange(-REACH, REACH + 1)
        small = is_small([people, events, people - events], self.min_count)
        known = around == 0
        as_written = [round_count(t + around) == round_count(t) for t in (people, events)]
        rows = np.ones_like(known) if small[0] else known if self.totals_known else as_written[0]
        columns = known if self.totals_known else as_written[1]
        columns = np.ones_like(known) if self.has_events and small[1:].any() else columns
        return np.outer(rows, columns) if self.has_events else rows[:, None]

    def _pairs(self, row, rates, level):
        """List the offsets from the truth of the pairs that print like those of a group."""
        key = row, level, self.state_n[row], self.state_events[row], self.state_others[row]
        if key not in self._known_pairs:
            self._known_pairs[key] = self._listed_pairs(row, rates, level)
        return self._known_pairs[key]

    def _listed_pairs(self, row, rates, level):
        n, events = int(self.n[row]), int(self.events[row])
        people = n + np.arange(-_AROUND, _AROUND + 1)
        having = events + np.arange(-_AROUND, _AROUND + 1) if self.has_events else np.zeros(1, int)
        people, having = (part.ravel() for part in np.meshgrid(people, having, indexing="ij"))
        possible = (having >= 0) & (having <= people)
        possible &= self._like(people, n, self.state_n[row])
        if self.has_events and self.state_n[row] != HIDDEN:
            possible &= self._like(having, events, self.state_events[row])
            possible &= self._like(people - having, n - events, self.state_others[row])
        possible &= self._prints_alike(row, people, having, possible, rates, level)
        return np.column_stack([people - n, having - events])[possible]

    def _like(self, counts, truth, state):
        small = (counts >= 1) & (counts < self.min_count)
        if state == SHOWN:
            return counts == truth
        if state == ROUNDED:
            return (round_count(counts) == round_count(truth)) & ~small
        return small if state == HIDDEN else ~small & (counts > 0)

    def _prints_alike(self, row, people, having, possible, rates, level):
        if self.state_n[row] == HIDDEN or level == NOTHING:
            return possible
        alike, kept = possible.copy(), np.flatnonzero(possible)
        truth = self.n[row], self.events[row]
        for rate in rates:
            same = rate.alike(row, truth, people[kept], having[kept], level)
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
