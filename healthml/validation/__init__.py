"""How well it predicts for patients not seen, and what would fool us about that."""

from healthml.validation._check_leakage import LeakageResult, check_leakage
from healthml.validation._compare_models import ModelComparisonResult, compare_models
from healthml.validation._development_size import development_sample_size
from healthml.validation._encounters import EncounterResult, encounter_performance
from healthml.validation._evaluate import Evaluator
from healthml.validation._external import ExternalValidationResult, external_validate
from healthml.validation._external_size import external_sample_size
from healthml.validation._group_bootstrap import GroupBootstrap
from healthml.validation._heuristic_shrinkage import heuristic_shrinkage
from healthml.validation._internal_external import InternalExternalResult, internal_external
from healthml.validation._leakage import event_free_strata, screen_columns
from healthml.validation._learning_curve import LearningCurveResult, learning_curve
from healthml.validation._membership import MembershipResult, membership_inference
from healthml.validation._meta import MetaResult, random_effects
from healthml.validation._meta_poisson import PoissonMetaResult, pool_events
from healthml.validation._meta_regression import MetaRegressionResult, meta_regression
from healthml.validation._reference_models import TableEncoder, default_model
from healthml.validation._sample_size import SampleSizeResult, precision_sample_size
from healthml.validation._shrinkage import ShrunkenClassifier
from healthml.validation._shrinkage_factor import ShrinkageResult, bootstrap_shrinkage
from healthml.validation._signal import PermutationResult, permutation_test
from healthml.validation._site_split import LeaveOneSiteOut
from healthml.validation._splitters import RepeatedStratifiedGroupKFold
from healthml.validation._stability import InstabilityResult, prediction_instability
from healthml.validation._temporal import TemporalResult, temporal_performance
from healthml.validation._time_split import PatientTimeSplit
from healthml.validation._validate import validate
from healthml.validation._validation_result import ValidationResult

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
    "MetaRegressionResult",
    "MetaResult",
    "ModelComparisonResult",
    "PatientTimeSplit",
    "PermutationResult",
    "PoissonMetaResult",
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
    "meta_regression",
    "permutation_test",
    "pool_events",
    "precision_sample_size",
    "prediction_instability",
    "random_effects",
    "screen_columns",
    "temporal_performance",
    "validate",
]
