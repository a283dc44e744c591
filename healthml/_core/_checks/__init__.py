"""Input checks, shared so that the same mistake meets the same sentence everywhere."""

from healthml._core._checks.alignment import check_alignment
from healthml._core._checks.arguments import (
    as_tuple,
    check_random_seeds,
    check_seed,
    same_length,
    sorted_codes,
)
from healthml._core._checks.folds import (
    assign_patients,
    check_patient_cv,
    patient_folds,
    scarce_folds,
)
from healthml._core._checks.identifiers import (
    as_meant,
    check_groups,
    codes_as_meant,
    is_blank,
    refuse_inexact,
)
from healthml._core._checks.numbers import as_numbers, check_proba
from healthml._core._checks.outcome import check_event, list_levels

__all__ = [
    "as_meant",
    "as_numbers",
    "as_tuple",
    "assign_patients",
    "check_alignment",
    "check_event",
    "check_groups",
    "check_patient_cv",
    "check_proba",
    "check_random_seeds",
    "check_seed",
    "codes_as_meant",
    "is_blank",
    "list_levels",
    "patient_folds",
    "refuse_inexact",
    "same_length",
    "scarce_folds",
    "sorted_codes",
]
