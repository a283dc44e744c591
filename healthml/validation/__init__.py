"""How well it predicts for patients not seen, and what would fool us about that."""

from healthml.validation._compare.learning_curve import LearningCurveResult, learning_curve
from healthml.validation._compare.models import ModelComparisonResult, compare_models
from healthml.validation._compare.permutation_test import PermutationResult, permutation_test
from healthml.validation._external.validate import ExternalValidationResult, external_validate
from healthml.validation._leakage.check import LeakageResult, check_leakage
from healthml.validation._leakage.membership import MembershipResult, membership_inference
from healthml.validation._leakage.screen_columns import event_free_strata, screen_columns
from healthml.validation._reference_models import TableEncoder, default_model
from healthml.validation._sample_size.development import development_sample_size
from healthml.validation._sample_size.external import external_sample_size
from healthml.validation._sample_size.result import SampleSizeResult, precision_sample_size
from healthml.validation._scoring.evaluator import Evaluator
from healthml.validation._splits.group_bootstrap import GroupBootstrap
from healthml.validation._splits.group_k_fold import RepeatedStratifiedGroupKFold
from healthml.validation._splits.leave_one_site_out import LeaveOneSiteOut
from healthml.validation._splits.patient_time_split import PatientTimeSplit
from healthml.validation._stability.bootstrap_shrinkage import (
    ShrinkageResult,
    bootstrap_shrinkage,
    heuristic_shrinkage,
)
from healthml.validation._stability.instability import InstabilityResult, prediction_instability
from healthml.validation._stability.shrunken_classifier import ShrunkenClassifier
from healthml.validation._transport.encounters import EncounterResult, encounter_performance
from healthml.validation._transport.internal_external import (
    InternalExternalResult,
    internal_external,
)
from healthml.validation._transport.temporal import TemporalResult, temporal_performance
from healthml.validation._validate.result import ValidationResult
from healthml.validation._validate.validate import validate

__all__ = [
    "EncounterResult",
    "Evaluator",
    "ExternalValidationResult",
    "GroupBootstrap",
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
    "compare_models",
    "default_model",
    "development_sample_size",
    "encounter_performance",
    "event_free_strata",
    "external_sample_size",
    "external_validate",
    "heuristic_shrinkage",
    "internal_external",
    "learning_curve",
    "membership_inference",
    "permutation_test",
    "precision_sample_size",
    "prediction_instability",
    "screen_columns",
    "temporal_performance",
    "validate",
]
