"""The limits of one column for one population, with their source: declared, or shipped facts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from healthml._core._knowledge import concept_limits
from healthml.cleaning._columns import GROUPS, POPULATIONS, STOPS, UNLIMITED, outside, thinned
from healthml.exceptions import InputError

# Standard deviations of the column's own tail beyond which a value stands apart: FAR where it is
# impossible in every unit that fits, VERY_FAR where in the likeliest unit only. Chosen by
# judgement, not by simulation: smaller values call the sickest patients of a skewed column
# impossible, larger ones let values in another unit hide in the tail.
FAR, VERY_FAR = 5.0, 7.5
# Quantiles by which the spread of each side is told, and the chance that the largest of all values
# of a normal distribution is beyond the reach (Bonferroni). By judgement, not by simulation;
# quantiles further out, and a few errors widen the tail themselves; a smaller chance, and large
# tables forgive more.
OUTER, BY_CHANCE = (0.05, 0.5, 0.95), 0.05
FEWEST = 20  # ordinary values from which a tail can be told
NO_TAIL = frozenset({"demographic", "vital", "anthropometric", "score", "ventilation"})
CLINICALLY_REVIEWED = "clinically reviewed"


@dataclass(frozen=True)
class Limits:
    """What is impossible and what is to be verified in a column, in its own unit."""

    hard: tuple
    soft: dict  # population -> pair
    definition: tuple  # beyond it a value contradicts what the measure is
    source: str
    trusted: bool  # set by the user or reviewed: hard limits act, they do not only flag
    soft_source: str
    hard_any: tuple = UNLIMITED
    soft_any: tuple = UNLIMITED
    far: tuple = UNLIMITED  # hard limits hold only beyond the column's own tail
    very_far: tuple = UNLIMITED
    is_set: bool = False  # hard limits set by the user: nothing else is asked
    bulk: tuple | None = None  # where ordinary values of the column lie
    forgives_zero: bool = False  # a rate of 0: an arrest, not an error

    def impossible(self, values):
        """Return which values cannot be."""
        beyond = outside(values, self.definition)
        if self.is_set:
            return beyond | outside(values, self.hard)
        beyond |= outside(values, self.hard_any) & outside(values, self.far)
        beyond |= (
            outside(values, self.hard)
            & outside(values, self.soft_any)
            & outside(values, self.very_far)
        )
        return beyond & (values != 0) if self.forgives_zero else beyond

    def unquestioned(self, population):
        """Return the limits inside of which nothing is asked."""
        lows, highs = zip(self.soft[population], self.hard, self.definition, strict=True)
        return max(lows), min(highs)


def shipped_limits(measure, numbers, *, trust):
    """Return the limits of the shipped facts (or of a schema) for a measure's column.

    `trust`: limits that no clinician has reviewed act like reviewed ones.
    """
    n, numbers = len(numbers), thinned(numbers)
    numbers = numbers[np.isfinite(numbers)]
    ordinary = numbers[~outside(numbers, measure.hard)]
    positive = bool(measure.concept) and concept_limits(measure.concept)["hard"][0] >= 0
    heavy = measure.category not in NO_TAIL and not measure.is_percent_of_whole
    declared = measure.declared_hard
    far, very_far = tail_reaches(ordinary, positive, (FAR, VERY_FAR), n)
    return Limits(
        hard=declared or measure.hard,
        soft=_soft(measure),
        definition=_definition(measure),
        source="declared in the schema" if declared else measure.reviewed,
        trusted=bool(declared) or trust or measure.reviewed == CLINICALLY_REVIEWED,
        soft_source="declared in the schema" if measure.declared_soft else "author judgement",
        hard_any=measure.hard_any,
        soft_any=measure.soft_any,
        far=far if heavy else (np.inf, -np.inf),
        very_far=very_far,
        is_set=declared is not None,
        bulk=bulk_of(ordinary),
        forgives_zero=measure.concept in STOPS and measure.offset == 0,
    )


def user_limits(limits, spec, column):
    """Return limits with what the user set in ``limits=`` for a column.

    ``(low, high)``, ``{"hard": pair, "soft": pair}``, or one of these per population; `limits` maps
    populations to `Limits` and is empty where the facts know nothing.
    """
    by_population = isinstance(spec, Mapping) and set(spec) <= set(POPULATIONS) and len(spec) > 0
    out = {}
    for population in POPULATIONS:
        base = limits.get(population) or _free()
        own = spec.get(population) if by_population else spec
        out[population] = base if own is None else _with(base, own, column)
    return out


def ends_by_group(limits):
    """Return the lowest and highest unquestioned value of each group of populations.

    A row that may belong to several populations is judged by the widest. Last comes whether the
    ends are the same for every group.
    """
    pairs = {p: limits[p].unquestioned(p) for p in POPULATIONS}
    lows = np.array([min(pairs[p][0] for p in group) for group in GROUPS])
    highs = np.array([max(pairs[p][1] for p in group) for group in GROUPS])
    return lows, highs, bool((lows == lows[0]).all() and (highs == highs[0]).all())


def tail_reaches(values, positive, times, n=1):
    """Return how far a column's own tail reaches: beyond it a value stands apart.

    Where the measure has no negative values (`positive`) the tail is measured on the log scale;
    `times` are standard deviations, as the 5th and 95th percentile tell them on each side; of `n`
    values none should lie beyond by chance.

    >>> [[round(end) for end in ends] for ends in tail_reaches(np.arange(90, 111), False, [5, 7])]
    [[73, 127], [62, 138]]
    """
    values = values[values > 0] if positive else values
    least = np.nextafter(0, 1) if positive else -np.inf
    if len(values) < FEWEST:
        return [(least, np.inf)] * len(times)
    scaled = np.log(values) if positive else values
    low, middle, high = np.quantile(scaled, OUTER)
    by_chance, reaches = -ndtri(BY_CHANCE / max(n, len(values))), []
    for deviations in times:
        reach = max(deviations, by_chance) / ndtri(OUTER[2])
        ends = (middle - reach * (middle - low), middle + reach * (high - middle))
        ends = [float(np.exp(min(end, 700))) if positive else float(end) for end in ends]
        reaches.append((max(ends[0], least), ends[1]))
    return reaches


def bulk_of(values, share=0.99):
    """Return the limits between which the given share of a column's ordinary values lies.

    >>> [round(float(end), 1) for end in bulk_of(np.arange(101), 0.9)]
    [5.0, 95.0]
    """
    if len(values) < FEWEST:
        return None
    return tuple(float(q) for q in np.quantile(values, [(1 - share) / 2, (1 + share) / 2]))


def _hard_low(measure):
    return concept_limits(measure.concept)["hard"][0]


def _soft(measure):
    if measure.declared_soft:
        return dict.fromkeys(POPULATIONS, measure.declared_soft)
    return measure.soft


def _definition(measure):
    """Return bounds that follow from what the measure is: no amount below 0, no share above all."""
    if not measure.concept or measure.offset:
        return UNLIMITED
    if measure.category == "score":
        return measure.hard
    low = 0.0 if _hard_low(measure) >= 0 else -np.inf
    return low, 100 / measure.factor if measure.is_percent_of_whole else np.inf


def _free():
    free = dict.fromkeys(POPULATIONS, UNLIMITED)
    return Limits(UNLIMITED, free, UNLIMITED, "", False, "")


def _with(base, own, column):
    parts = own if isinstance(own, Mapping) else {"hard": own}
    unknown = set(parts) - {"hard", "soft"}
    if unknown or not parts:
        raise InputError(
            f"limits[{column!r}] has the keys {sorted(map(str, parts))}; use a pair, 'hard' and "
            f"'soft', or the populations {', '.join(POPULATIONS)}."
        )
    if parts.get("hard") is not None:
        pair = _pair(parts["hard"], column)
        base = replace(base, hard=pair, source="set by the user", trusted=True, is_set=True)
    if parts.get("soft") is not None:
        soft = dict.fromkeys(POPULATIONS, _pair(parts["soft"], column))
        base = replace(base, soft=soft, soft_source="set by the user")
    return base


def _pair(pair, column):
    try:
        low, high = (
            free if limit is None else float(limit)
            for limit, free in zip(pair, UNLIMITED, strict=True)
        )
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not low <= high:
        raise InputError(
            f"limits[{column!r}]={pair!r} is not a pair of numbers; write (lowest, highest), "
            "None for an open side."
        )
    return low, high
