"""Input checks, shared so that the same mistake meets the same sentence everywhere."""

from healthml._core._checks.alignment import check_alignment
from healthml._core._checks.arguments import as_tuple, check_random_seeds
from healthml._core._checks.folds import check_patient_cv, deal_patients, scarce_folds
from healthml._core._checks.identifiers import check_groups, refuse_inexact
from healthml._core._checks.numbers import as_numbers, check_proba
from healthml._core._checks.outcome import check_event, list_levels

__all__ = [
    "as_numbers",
    "as_tuple",
    "check_alignment",
    "check_event",
    "check_groups",
    "check_patient_cv",
    "check_proba",
    "check_random_seeds",
    "deal_patients",
    "list_levels",
    "refuse_inexact",
    "scarce_folds",
]
