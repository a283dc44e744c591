"""Rare outcomes without breaking the probabilities: resampling that keeps the real prevalence."""

from importlib import import_module
from typing import TYPE_CHECKING

from healthml.resampling._correction import CalibrationChangeResult
from healthml.resampling._firth import FirthLogisticRegression
from healthml.resampling._prevalence import (
    PrevalenceAdjustedClassifier,
    PrevalenceResult,
    estimate_prevalence,
    prevalence_correction,
)
from healthml.resampling._resampled import ResampledClassifier

if TYPE_CHECKING:
    from healthml.resampling._samplers import (
        MixedSMOTE,
        PatientOverSampler,
        PatientUnderSampler,
        TomekLinks,
    )
from healthml.resampling._threshold import ClinicalThreshold, ThresholdChoiceResult

# loaded when first used, because they load imbalanced-learn
_SAMPLERS = ("MixedSMOTE", "PatientOverSampler", "PatientUnderSampler", "TomekLinks")

__all__ = [
    "CalibrationChangeResult",
    "ClinicalThreshold",
    "FirthLogisticRegression",
    "MixedSMOTE",
    "PatientOverSampler",
    "PatientUnderSampler",
    "PrevalenceAdjustedClassifier",
    "PrevalenceResult",
    "ResampledClassifier",
    "ThresholdChoiceResult",
    "TomekLinks",
    "estimate_prevalence",
    "prevalence_correction",
]


def __getattr__(name):
    if name in _SAMPLERS:
        return getattr(import_module("healthml.resampling._samplers"), name)
    raise AttributeError(f"module 'healthml.resampling' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
