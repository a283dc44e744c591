"""A decision threshold chosen out of fold, fixed at deployment."""

from healthml.resampling._threshold.classifier import ClinicalThreshold
from healthml.resampling._threshold.result import ThresholdChoiceResult

__all__ = ["ClinicalThreshold", "ThresholdChoiceResult"]
