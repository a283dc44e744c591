"""Why it says so: in the columns a clinician knows, and how sure the reasons are."""

from healthml.explanation._counterfactual import CounterfactualResult, counterfactual
from healthml.explanation._domain import (
    AbstainingClassifier,
    ApplicabilityDomain,
    DomainResult,
)
from healthml.explanation._effects import (
    EffectCurveResult,
    InteractionResult,
    SurrogateResult,
    effect_curve,
    interaction_strength,
    surrogate,
)
from healthml.explanation._explain import ExplanationResult, explain
from healthml.explanation._importance import ImportanceResult, permutation_importance
from healthml.explanation._points import PointsResult, PointsScore
from healthml.explanation._report import PatientReport, patient_report
from healthml.explanation._stability import StabilityResult, stability

__all__ = [
    "AbstainingClassifier",
    "ApplicabilityDomain",
    "CounterfactualResult",
    "DomainResult",
    "EffectCurveResult",
    "ExplanationResult",
    "ImportanceResult",
    "InteractionResult",
    "PatientReport",
    "PointsResult",
    "PointsScore",
    "StabilityResult",
    "SurrogateResult",
    "counterfactual",
    "effect_curve",
    "explain",
    "interaction_strength",
    "patient_report",
    "permutation_importance",
    "stability",
    "surrogate",
]
