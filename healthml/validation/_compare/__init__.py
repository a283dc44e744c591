"""Procedures compared: with each other, with simple references, with more patients, with chance."""

from healthml.validation._compare.compare_models import ModelComparisonResult, compare_models
from healthml.validation._compare.imbalance import compare_imbalance_strategies
from healthml.validation._compare.imbalance_result import ImbalanceComparisonResult
from healthml.validation._compare.learning_curve import LearningCurveResult, learning_curve
from healthml.validation._compare.permutation_test import PermutationResult, permutation_test
from healthml.validation._compare.resampling_effect import ResamplingEffect, resampling_effect
from healthml.validation._compare.simple_references import AGE_SEX, LOGISTIC, SCORE, age_and_sex
from healthml.validation._compare.standing import (
    Standing,
    candidate_parameters,
    find_references,
    stand_beside,
)

__all__ = [
    "AGE_SEX",
    "LOGISTIC",
    "SCORE",
    "ImbalanceComparisonResult",
    "LearningCurveResult",
    "ModelComparisonResult",
    "PermutationResult",
    "ResamplingEffect",
    "Standing",
    "age_and_sex",
    "candidate_parameters",
    "compare_imbalance_strategies",
    "compare_models",
    "find_references",
    "learning_curve",
    "permutation_test",
    "resampling_effect",
    "stand_beside",
]
