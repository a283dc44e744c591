"""Measures that follow from sums over the rows of a group, for all groups at once."""

from healthml.fairness._sums.group_sums import GroupSums, confusion_cells, sums_of_rows
from healthml.fairness._sums.lazy import sums_of_source
from healthml.fairness._sums.ratios import (
    COUNTED,
    EMPTY,
    NEED_THRESHOLD,
    PROPORTIONS,
    RATIOS,
    Ratio,
    ratio_of,
    scaled_brier_of,
)

__all__ = [
    "COUNTED",
    "EMPTY",
    "NEED_THRESHOLD",
    "PROPORTIONS",
    "RATIOS",
    "GroupSums",
    "Ratio",
    "confusion_cells",
    "ratio_of",
    "scaled_brier_of",
    "sums_of_rows",
    "sums_of_source",
]
