"""Rare outcomes without breaking the probabilities: resampling that keeps the real prevalence."""

from healthml.resampling._correction import CalibrationChange
from healthml.resampling._resampled import ResampledClassifier

__all__ = [
    "CalibrationChange",
    "ResampledClassifier",
]
