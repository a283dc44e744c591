"""A site wholly in another unit: its level is off by a unit's factor, where other sites agree.

Cell by cell a measure that spreads as widely as C-reactive protein cannot be told from ten times
as much. A whole site can, where the others lie close together and its values are out of range, or
are written with other digits.
"""

from dataclasses import dataclass, field

import numpy as np

from healthml._core._knowledge import concept_limits, distinct_units
from healthml.cleaning._units.column import BODY, logs, usable_numbers
from healthml.cleaning._units.evidence import (
    LIKE_TEN,
    NEAR,
    NEARLY_ALL,
    Cells,
    centre_of,
    odd_digits,
    other_digits,
    outside_range,
)

# All by judgement, on simulated sites with case mix (tests); no simulation set them.
FEWEST_CELLS = 30  # of a site, so that its median says something
FEWEST_OTHERS = 2  # sites to compare with
# Log distance that the medians of alike sites have at least: a factor of 1.3. Lower takes chance
# agreement of two sites for a rule.
LEAST_REACH = 0.25
# How many times the distance among the others the site must lie from them. Ratio and distance alone
# never decide: a children's ward or a site of iron-deficient patients stands at a sharp ratio too.
FAR = 3.0
CLOSE = 0.35  # log distance from the factor up to which a site lies at it; sites differ in patients
ALIKE_SPREAD = 1.67  # ratio of spreads up to which two sites measure one thing
WHOLE = 0.1, 0.9  # quantiles that must be off by the factor too, so that the whole site is


@dataclass(eq=False)
class SiteUnits:
    """One column, and the sites that are wholly in another unit."""

    column: object  # label of the column
    concept: str  # what it measures
    home: tuple  # its usual unit: (unit, factor, offset)
    found: dict = field(default_factory=dict)  # (column, unit, group) -> numbers of the evidence
    usual: tuple = (0.0, 1.0)  # centre and spread of the other sites' logarithms

    @property
    def columns(self):
        """Columns that are looked at."""
        return {self.column}

    def learn(self, numbers, groups, n_groups, decided):
        """Look for sites off by a unit's factor; `decided` sites are settled already."""
        x = numbers[self.column]
        usable = usable_numbers(x)
        sites = {g: x[usable & (groups == g)] for g in range(n_groups) if g not in decided}
        sites = {g: cells for g, cells in sites.items() if len(cells) >= FEWEST_CELLS}
        logs_of = {g: np.log(cells) for g, cells in sites.items()}
        centres = {g: float(np.median(y)) for g, y in logs_of.items()}
        for group, cells in sites.items():
            others = [g for g in sites if g != group]
            if len(others) < FEWEST_OTHERS:
                break
            moved = centres[group] - np.median([centres[g] for g in others])
            reach = max(np.ptp([centres[g] for g in others]), LEAST_REACH)
            if abs(moved) < FAR * reach:
                continue
            rest = np.concatenate([sites[g] for g in others])
            for unit, factor in self._units():
                kinds = self._weigh(cells, rest, moved, reach, factor)
                if kinds:
                    self.found[self.column, unit, group] = kinds
                    self.usual = centre_of(np.log(rest))
        return self

    def verdicts(self, numbers, groups):
        """Yield (column, unit, factor, kind, positions) of the cells of these sites."""
        usable = usable_numbers(numbers[self.column])
        for column, unit, group in self.found:
            yield (
                column,
                unit,
                self.factor(unit),
                "sure",
                np.flatnonzero(usable & (groups == group)),
            )

    def factor(self, unit):
        """Return what values in a unit are multiplied by."""
        return dict(self._units())[unit]

    def _units(self):
        """Return the other units far from the usual one, and conversions once too often."""
        home, size, _ = self.home
        units = [u for u in distinct_units(self.concept) if not u[2] and u[0] != home]
        units = [(name, f / size) for name, f, _ in units if abs(np.log(f / size)) > NEAR]
        return units + [(f"{home}*{factor:.5g}", 1 / factor) for _, factor in units]

    def _weigh(self, cells, rest, moved, reach, factor):
        """Return the evidence that a site is in another unit, or None where it does not suffice."""
        off = abs(moved + np.log(factor))
        if not _is_whole(np.log(cells), np.log(rest), factor):
            return None
        limits = concept_limits(self.concept)
        judged = limits["hard" if limits["category"] in BODY else "soft"]
        home = [np.log(v * self.home[1]) for v in (cells, rest)]
        suspects = Cells(cells, home[0], home[0] + np.log(factor))
        usual = Cells(rest, home[1], home[1])
        beyond = outside_range(suspects, usual, logs(judged), logs(limits["hard"]))
        if off > min(reach, CLOSE) * (2 if beyond and beyond["share_outside"] >= NEARLY_ALL else 1):
            return None
        kinds = {"range": beyond, "digits": _digits(cells, rest, factor)}
        kinds = {kind: numbers for kind, numbers in kinds.items() if numbers}
        if not kinds:
            return None
        return {"level": {"centre_off": off, "factor_log": abs(moved), "reach": reach}, **kinds}


def _is_whole(site, rest, factor):
    """Say whether a site's logarithms spread as the others', off by the factor at both ends."""
    spreads = [np.subtract(*np.quantile(y, [0.75, 0.25])) for y in (site, rest)]
    ratio = spreads[0] / max(spreads[1], 1e-9)
    ends = np.quantile(site, WHOLE) + np.log(factor) - np.quantile(rest, WHOLE)
    return 1 / ALIKE_SPREAD < ratio < ALIKE_SPREAD and np.abs(ends).max() < abs(np.log(factor)) / 2


def _digits(cells, rest, factor):
    """Return how the digits of a site differ from the others', or None."""
    digits = other_digits(cells, rest)
    if digits:
        return dict(zip(("decimals", "share", "share_others"), digits, strict=True))
    power = np.log10(factor)
    return None if abs(power - round(power)) <= LIKE_TEN else odd_digits(cells, rest)
