"""How much the risks change when other patients had been sampled."""

from healthml.validation._stability.bootstrap_shrinkage import (
    ShrinkageResult,
    bootstrap_shrinkage,
    heuristic_shrinkage,
)
from healthml.validation._stability.instability import InstabilityResult, prediction_instability
from healthml.validation._stability.shrunken_classifier import ShrunkenClassifier

__all__ = [
    "InstabilityResult",
    "ShrinkageResult",
    "ShrunkenClassifier",
    "bootstrap_shrinkage",
    "heuristic_shrinkage",
    "prediction_instability",
]
