"""What would make a performance look better than it is."""

from healthml.validation._leakage.case import FEW_ROWS, join_units, memory_probe
from healthml.validation._leakage.check import (
    LeakageResult,
    LeakAnswers,
    check_leakage,
    find_leaks,
    look_for_leaks,
    screened,
)
from healthml.validation._leakage.columns.screen_columns import screen_columns
from healthml.validation._leakage.columns.suspects import HONEST_MODEL
from healthml.validation._leakage.inputs import make_case, role_columns, row_copies
from healthml.validation._leakage.membership import MembershipResult, membership_inference
from healthml.validation._leakage.words import count_words, interval_words, names_in_words

__all__ = [
    "FEW_ROWS",
    "HONEST_MODEL",
    "LeakAnswers",
    "LeakageResult",
    "MembershipResult",
    "check_leakage",
    "count_words",
    "find_leaks",
    "interval_words",
    "join_units",
    "look_for_leaks",
    "make_case",
    "membership_inference",
    "memory_probe",
    "names_in_words",
    "role_columns",
    "row_copies",
    "screen_columns",
    "screened",
]
