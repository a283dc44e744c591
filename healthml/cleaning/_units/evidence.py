"""Is a set of cells in another unit? Kinds of evidence, each with its numbers.

One kind alone never decides, since for each there are real patients who look like it: a dialysis
unit has its own level, a children's ward stands at a sharp ratio, an outlier is out of range.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import fisher_exact

from healthml._core._intervals import wilson
from healthml._core._numerics import MEDIAN_ERROR, median_and_spread
from healthml.cleaning._units.mixture import ALIKE, SLIPS, Shape

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Cells that make a set; fewer are single cells, which digits and centre say nothing about.
FEWEST = 5
# Cells from which a centre, a gap or a hump is compared, and usual cells from which the way of
# writing is. Fewer let chance decide, more miss mix-ups of small sites.
FEWEST_COMPARED, FEWEST_WRITTEN = 20, 100
# How far the centre of converted cells may be from the usual one: in standard deviations of the
# population (patients differ between groups) and in standard errors; and how much wider or narrower
# they may spread. Larger converts groups that are another unit's only nearly.
CASE_MIX, ERRORS, SPREAD_RATIO = 0.5, 3, 2
# Least spread of a set in log units: rounding alone gives as much.
NARROWEST_SET = 0.02
# Cells in the middle third between two clusters, as a share of the smaller one, up to which there
# is a gap. Higher sees gaps in a long tail.
IN_GAP = 0.05
# Times the share elsewhere that a set must have in its groups to belong to them. Lower lets a site
# of other patients count as evidence.
TIMES_ELSEWHERE = 5
# Difference of the shares that keep to a step from which two ways of writing differ.
DIGITS_APART = 0.3
# Confidence of Wilson limits of shares of a set, and, for the hump, of being densest in its middle.
LEVEL, LEVEL_OF_HUMP = 0.999, 0.99
# Share of a set with more significant digits than the others ever have, from which it is finer.
FINER = 0.05
# Share of a real table that may lie outside the soft limits. Higher misses small sets, lower
# takes intensive care for another unit.
REAL_OUTSIDE = 0.02
# The same for a group of very ill patients.
ILL_OUTSIDE = 0.05
# Share of a set outside the limits from which the range alone, with the factor, decides.
NEARLY_ALL = 0.8
# Level of Fisher's tests of groups and digits: some thousand sets may be tested in one table.
# Higher decides on chance in wide tables.
SURE = 1e-6
# Odds of one explanation against another: what the documentation promises. Lower converts more
# cells, and more of them wrongly.
ODDS = 1000.0
# Share of cells above which a set is no collection of decimal slips, which are few.
OFTEN = 0.05
# Log10 factors this close to a whole number move the decimal point: digits cannot tell them from
# slips.
LIKE_TEN = 0.06
# Spreads (log scale) by which two units of a measure must lie apart to be told by values. Set on
# the simulated tables of benchmarks/dirty_tables.py: 3 loses a twentieth of the mix-ups that 2.5
# finds, and at 2 a site whose patients are three times as ill passes for another unit. Factors that
# sites differ by anyway (a dialysis unit's urea is three times a ward's) need more.
APART, APART_NEAR = 2.5, 4.0
NEAR = np.log(4.0)  # log factors below are those by which sites differ anyway
# Shares of numbers with at most so many decimals from which a column, or a set with some
# strangers in it, is written that way.
NEARLY_ALL_ON_STEP, MOSTLY = 0.98, 0.9
# Numbers on each side of a power of ten that show whether rounding keeps decimals or digits. Fewer
# take chance for a way of writing.
_BEYOND = 20
# Decimals looked at; five and more are arithmetic, not writing.
STEPS = range(5)


@dataclass
class Evidence:
    """What speaks for one set of cells being in another unit: numbers by kind."""

    kinds: dict = field(default_factory=dict)
    grid: tuple | None = None

    def decides(self):
        """Say whether at least two kinds agree, one of them more than a ratio or a place."""
        kinds, reach = set(self.kinds), self.kinds.get("range", {})
        if "factor" not in kinds:
            return False
        if reach.get("share_impossible", 0) >= NEARLY_ALL:
            return True
        if reach.get("share_outside", 0) >= NEARLY_ALL and reach["share_of_all"] > REAL_OUTSIDE:
            return True
        if {"hump", "digits"} <= kinds:
            return True
        return bool(kinds & {"group", "gap"}) and bool(kinds & {"range", "digits"})

    def digits(self, raw):
        """Return log probabilities of each cell's digits: in the other unit, in the usual one.

        Where nothing is known of the usual unit, digits can speak against the other one only.
        """
        if self.grid is None:
            return np.zeros(len(raw)), np.zeros(len(raw))
        decimals, on_other, on_home = self.grid
        on = on_step(raw, decimals)
        other = np.where(on, np.log(on_other), np.log1p(-on_other))
        if on_home is None:
            return np.where(on, 0.0, other - np.log(0.5)), np.zeros(len(raw))
        return other, np.where(on, np.log(on_home), np.log1p(-on_home))


@dataclass(frozen=True, eq=False)
class Cells:
    """Raw numbers of a set of cells with their log values read in the home unit and the other."""

    raw: np.ndarray
    home: np.ndarray
    other: np.ndarray


def weigh(suspects, reference, limits, shares, factor):
    """Return the evidence for a set of cells, by kind.

    Logs are of canonical values. Outside the first pair of `limits` hardly any real patient lies,
    outside the second no living one; `shares` are cells of the set and all cells in its groups,
    then the same elsewhere; `factor` is the size of the other unit in the usual one.
    """
    evidence = Evidence()
    if len(suspects.raw) < FEWEST:
        return evidence
    group = in_group(*shares)
    often = len(suspects.raw) > OFTEN * (len(suspects.raw) + len(reference.raw))
    looks = {
        "factor": factor_fits(suspects, reference, may_slip=not (group or often)),
        "range": outside_range(suspects, reference, *limits),
        "gap": free_gap(suspects, reference),
        "group": group,
        "hump": own_hump(suspects, reference),
    }
    evidence.kinds = {kind: numbers for kind, numbers in looks.items() if numbers}
    evidence.grid = other_digits(suspects.raw, reference.raw)
    if evidence.grid:
        decimals, on_set, on_rest = evidence.grid
        evidence.kinds["digits"] = {"decimals": decimals, "share": on_set, "share_others": on_rest}
        return evidence
    evidence.grid = own_step(suspects.raw)
    power = np.log10(factor)
    if abs(power - round(power)) > LIKE_TEN:
        odd = odd_digits(suspects.raw, reference.raw)
        if odd:
            evidence.kinds["digits"] = odd
            step = min(odd["decimals"], odd["decimals_others"])
            shares = (share_on_step(r, step) for r in (suspects.raw, reference.raw))
            evidence.grid = step, *shares
    return evidence


def factor_fits(suspects, reference, *, may_slip=True):
    """Return centre and spread after conversion where both agree with the others, else None.

    The centres may differ by half a standard deviation of the population (case mix) and three
    standard errors. Where slips may be, a set that they explain as well does not count: slips
    are few and anywhere.
    """
    if len(reference.raw) < FEWEST_COMPARED:
        return None
    n, m = len(suspects.raw), len(reference.raw)
    centre, spread = centre_of(suspects.other)
    usual, width = centre_of(reference.home)
    error = MEDIAN_ERROR * np.hypot(spread / np.sqrt(n), width / np.sqrt(m))
    off, moved = abs(centre - usual), abs(np.median(suspects.home) - usual)
    allowed = CASE_MIX * width + ERRORS * error
    ratio, slack = spread / width, 1 + ERRORS / np.sqrt(2 * n)
    if off > allowed or moved < max(2 * allowed, spreads_needed(moved) * width):
        return None
    if not 1 / SPREAD_RATIO / slack < ratio < SPREAD_RATIO * slack:
        return None
    if may_slip and not _beats_slip(suspects, Shape(usual, width, width)):
        return None
    return {"centre_off": off, "standard_error": error, "factor_log": moved, "spread_ratio": ratio}


def spreads_needed(log_factor):
    """Return how many spreads a unit must lie from the usual one to be told by values.

    >>> spreads_needed(np.log(18)), spreads_needed(np.log(2.8))
    (2.5, 4.0)
    """
    return APART_NEAR if log_factor < NEAR else APART


def _beats_slip(suspects, shape):
    """Say whether the factor explains the set better than a decimal point in the wrong place."""
    score = shape.log_density(suspects.other).sum()
    for slip in SLIPS:
        slipped = suspects.home + slip
        same = np.abs(slipped - suspects.other).max() < ALIKE
        needed = np.log(ODDS) if abs(slip) < np.log(20) else 0.0  # two places at once are rare
        if not same and score - shape.log_density(slipped).sum() < needed:
            return False
    return True


def outside_range(suspects, reference, limits, hard):
    """Return the share outside the limits where no real population has it, else None."""
    low, high = limits
    outside = (suspects.home < low) | (suspects.home > high)
    after = ((suspects.other < low) | (suspects.other > high)).mean()
    usual = ((reference.home < low) | (reference.home > high)).mean() if len(reference.raw) else 0
    lower = wilson(int(outside.sum()), len(outside), LEVEL)[0]
    if lower <= ILL_OUTSIDE + usual or after > REAL_OUTSIDE + usual:
        return None
    impossible = ((suspects.home < hard[0]) | (suspects.home > hard[1])).mean()
    everywhere = wilson(int(outside.sum()), len(outside) + len(reference.raw), LEVEL)[0]
    return {
        "share_outside": float(outside.mean()),
        "share_of_all": float(everywhere),
        "share_impossible": float(impossible),
        "share_after": float(after),
    }


def free_gap(suspects, reference):
    """Return the share of cells in the middle third between two clusters if it is small."""
    if len(reference.raw) < FEWEST_COMPARED:
        return None
    first, second = np.median(suspects.home), np.median(reference.home)
    low, high = sorted((first + (second - first) / 3, first + 2 * (second - first) / 3))
    between = sum(int(((c.home > low) & (c.home < high)).sum()) for c in (suspects, reference))
    share = between / min(len(suspects.raw), len(reference.raw))
    return {"share_between": share} if share <= IN_GAP else None


def own_hump(suspects, reference):
    """Return how few cells of a set lie at its edge, where it is a hump and no tail; else None.

    Many usual cells fill the gap between two units with their tail, so that no gap is left. What
    was only cut off from a tail is densest where it was cut, halfway between the two centres.
    """
    if min(len(suspects.raw), len(reference.raw)) < FEWEST_COMPARED:
        return None
    first, second = np.median(suspects.home), np.median(reference.home)
    width = abs(first - second) / 4
    from_first = np.concatenate([suspects.home, reference.home]) - first
    towards = from_first * np.sign(second - first)  # the edge is the side of the usual cells
    at_edge = int(((towards > width) & (towards <= 2 * width)).sum())
    in_middle = int((np.abs(from_first) <= width / 2).sum())
    if not in_middle or wilson(at_edge, at_edge + in_middle, LEVEL_OF_HUMP)[1] >= 1 / 2:
        return None
    return {"n_edge": at_edge, "n_middle": in_middle}


def in_group(n_set, n_here, n_set_elsewhere, n_elsewhere):
    """Return the shares here and elsewhere where the set belongs to some groups, else None."""
    if not n_here or not n_elsewhere:
        return None
    here, elsewhere = n_set / n_here, n_set_elsewhere / n_elsewhere
    table = [[n_set, n_here - n_set], [n_set_elsewhere, n_elsewhere - n_set_elsewhere]]
    if here < TIMES_ELSEWHERE * elsewhere or fisher_exact(table, alternative="greater")[1] > SURE:
        return None
    return {"share": here, "share_elsewhere": elsewhere}


def other_digits(raw, reference):
    """Return (decimals, share of the set, share of the others) where digits tell them apart.

    Compared is with cells of the same size, for the number of decimals often depends on it: a set
    is coarser if its cells keep to a step that others of their size do not keep to, finer if it
    uses decimals that others of its size do not use.
    """
    low, high = np.quantile(raw, [0.1, 0.9])
    alike = reference[(reference >= low) & (reference <= high)]
    if len(alike) < FEWEST:
        return None
    for decimals in STEPS:
        on_set, on_rest = on_step(raw, decimals), on_step(alike, decimals)
        table = [[on_set.sum(), (~on_set).sum()], [on_rest.sum(), (~on_rest).sum()]]
        if fisher_exact(table)[1] < SURE and abs(on_set.mean() - on_rest.mean()) > DIGITS_APART:
            return decimals, share_on_step(raw, decimals), share_on_step(alike, decimals)
    return None


def odd_digits(raw, reference):
    """Return the digits of a set that no usual way of rounding the others would give it.

    Where no others are of its size: with a fixed number of decimals larger values have more
    significant digits, with a fixed number of significant digits they have fewer decimals. A set
    that is coarser or finer than both ways is in another unit, or from a very different device.
    """
    if len(raw) < FEWEST_COMPARED or len(reference) < FEWEST_WRITTEN:
        return None
    fine, others = decimals_of(raw, MOSTLY), decimals_of(reference)
    if np.median(raw) > np.median(reference):
        odd = fine > others or (fine < others and _keeps_decimals(reference))
    else:
        odd = fine < others or (fine > others and _has_more_digits(raw, reference, fine, others))
    return {"decimals": fine, "decimals_others": others} if odd else None


def decimals_of(raw, share=NEARLY_ALL_ON_STEP):
    """Return with how many decimals nearly all numbers are written."""
    return next((d for d in STEPS if on_step(raw, d).mean() >= share), max(STEPS))


def _keeps_decimals(reference):
    """Say whether numbers beyond a power of ten have as many decimals as those below it.

    There numbers of so many significant digits lose a decimal: 0.52, 1.2, 12.
    """
    if len(reference) < 2 * _BEYOND:
        return False
    power = 10.0 ** np.floor(np.log10(np.partition(reference, -_BEYOND)[-_BEYOND]))
    is_beyond = reference >= power
    if (~is_beyond).sum() < _BEYOND:
        return False
    return decimals_of(reference[is_beyond]) == decimals_of(reference)


def _has_more_digits(raw, reference, fine, others):
    """Say whether many of a set have more significant digits than any of the others."""
    most = np.floor(np.log10(np.quantile(reference, 0.99))) + 1 + others
    used = ~on_step(raw, fine - 1)
    digits = np.floor(np.log10(raw)) + 1 + fine
    n_more = int((used & (digits > most)).sum())
    return wilson(n_more, len(raw), LEVEL)[0] > FINER


def own_step(raw):
    """Return the step that a set keeps to: a cell that does not is less likely to belong to it."""
    for decimals in STEPS:
        share = share_on_step(raw, decimals)
        if share > NEARLY_ALL_ON_STEP:
            return decimals, share, None
    return None


def share_on_step(raw, decimals):
    """Return the share of numbers with no more than so many decimals, never quite 0 or 1."""
    return float((on_step(raw, decimals).sum() + 0.5) / (len(raw) + 1))


def on_step(raw, decimals):
    """Say which numbers have no more than so many decimals."""
    scaled = raw * 10.0**decimals
    return np.abs(scaled - np.round(scaled)) < 1e-6 * np.maximum(1.0, np.abs(scaled))


def centre_of(y):
    """Return the median and the spread of log values, at least that which rounding gives."""
    middle, spread = median_and_spread(y)
    return middle, max(spread, NARROWEST_SET)
