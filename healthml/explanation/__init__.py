"""Why it says so: in the columns a clinician knows, and how sure the reasons are."""

from healthml.explanation._explain import ExplanationResult, explain
from healthml.explanation._importance import ImportanceResult, permutation_importance
from healthml.explanation._report import PatientReport, patient_report
from healthml.explanation._stability import StabilityResult, stability

__all__ = [
    "ExplanationResult",
    "ImportanceResult",
    "PatientReport",
    "StabilityResult",
    "explain",
    "patient_report",
    "permutation_importance",
    "stability",
]
