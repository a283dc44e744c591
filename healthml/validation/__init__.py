"""How well it predicts for patients not seen, and what would fool us about that."""

from healthml.validation._compare import (
    ImbalanceComparisonResult,
    LearningCurveResult,
    ModelComparisonResult,
    PermutationResult,
    compare_imbalance_strategies,
    compare_models,
    learning_curve,
    permutation_test,
)
from healthml.validation._external import ExternalValidationResult, external_validate
from healthml.validation._leakage import (
    LeakageResult,
    MembershipResult,
    check_leakage,
    membership_inference,
)
from healthml.validation._reference_models import TableEncoder, default_model
from healthml.validation._sample_size import (
    SampleSizeResult,
    development_sample_size,
    external_sample_size,
    precision_sample_size,
)
from healthml.validation._splits import (
    GroupBootstrap,
    LeaveOneSiteOut,
    PatientTimeSplit,
    RepeatedStratifiedGroupKFold,
)
from healthml.validation._stability import (
    InstabilityResult,
    ShrinkageResult,
    ShrunkenClassifier,
    bootstrap_shrinkage,
    heuristic_shrinkage,
    prediction_instability,
)
from healthml.validation._transport import (
    EncounterResult,
    InternalExternalResult,
    TemporalResult,
    encounter_performance,
    internal_external,
    temporal_performance,
)
from healthml.validation._validate import ValidationResult, validate

__all__ = [
    "EncounterResult",
    "ExternalValidationResult",
    "GroupBootstrap",
    "ImbalanceComparisonResult",
    "InstabilityResult",
    "InternalExternalResult",
    "LeakageResult",
    "LearningCurveResult",
    "LeaveOneSiteOut",
    "MembershipResult",
    "ModelComparisonResult",
    "PatientTimeSplit",
    "PermutationResult",
    "RepeatedStratifiedGroupKFold",
    "SampleSizeResult",
    "ShrinkageResult",
    "ShrunkenClassifier",
    "TableEncoder",
    "TemporalResult",
    "ValidationResult",
    "bootstrap_shrinkage",
    "check_leakage",
    "compare_imbalance_strategies",
    "compare_models",
    "default_model",
    "development_sample_size",
    "encounter_performance",
    "external_sample_size",
    "external_validate",
    "heuristic_shrinkage",
    "internal_external",
    "learning_curve",
    "membership_inference",
    "permutation_test",
    "precision_sample_size",
    "prediction_instability",
    "temporal_performance",
    "validate",
]
