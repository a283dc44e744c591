"""Which group each row belongs to: levels, bands, crossings and strata."""

from healthml.fairness._attributes.bands import MISSING, MOST_LEVELS, band_codes, band_labels
from healthml.fairness._attributes.learned import LearnedGroups, column_of, learn_groups
from healthml.fairness._attributes.partition import (
    POOLED,
    Partition,
    find_partitions,
    refuse_identifiers,
)

__all__ = [
    "MISSING",
    "MOST_LEVELS",
    "POOLED",
    "LearnedGroups",
    "Partition",
    "band_codes",
    "band_labels",
    "column_of",
    "find_partitions",
    "learn_groups",
    "refuse_identifiers",
]
