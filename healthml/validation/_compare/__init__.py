"""Procedures compared: with rivals, with simple references, with more patients, with chance."""

from healthml.validation._compare.learning_curve import LearningCurveResult, learning_curve
from healthml.validation._compare.models import ModelComparisonResult, compare_models
from healthml.validation._compare.permutation_test import PermutationResult, permutation_test

__all__ = [
    "LearningCurveResult",
    "ModelComparisonResult",
    "PermutationResult",
    "compare_models",
    "learning_curve",
    "permutation_test",
]
