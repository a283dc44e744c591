"""Risks where the event is more or less frequent than where the model was made."""

from healthml.resampling._prevalence.adjusted import PrevalenceAdjustedClassifier
from healthml.resampling._prevalence.correction import prevalence_correction
from healthml.resampling._prevalence.estimate import PrevalenceResult, estimate_prevalence

__all__ = [
    "PrevalenceAdjustedClassifier",
    "PrevalenceResult",
    "estimate_prevalence",
    "prevalence_correction",
]
