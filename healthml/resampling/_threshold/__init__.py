"""A decision threshold chosen out of fold, fixed at deployment."""

from healthml.resampling._threshold.classifier import ClinicalThreshold
from healthml.resampling._threshold.result import ThresholdChoice

__all__ = ["ClinicalThreshold", "ThresholdChoice"]
