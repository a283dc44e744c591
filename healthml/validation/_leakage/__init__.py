"""What would make a performance look better than it is."""

from healthml.validation._leakage.case import join_units
from healthml.validation._leakage.check import LeakageResult, check_leakage
from healthml.validation._leakage.late_columns import REPEATS_OUTCOME, suspect_columns
from healthml.validation._leakage.membership import MembershipResult, membership_inference
from healthml.validation._leakage.repeated_rows import (
    copy_counts,
    crossing_sets,
    patients_with_both,
)
from healthml.validation._leakage.screen_columns import event_free_strata, screen_columns

__all__ = [
    "REPEATS_OUTCOME",
    "LeakageResult",
    "MembershipResult",
    "check_leakage",
    "copy_counts",
    "crossing_sets",
    "event_free_strata",
    "join_units",
    "membership_inference",
    "patients_with_both",
    "screen_columns",
    "suspect_columns",
]
