"""Samplers that imbalanced-learn lacks, on its bases; loads imbalanced-learn."""

from healthml.resampling._samplers.mixed_smote import MixedSMOTE
from healthml.resampling._samplers.patients import PatientOverSampler, PatientUnderSampler
from healthml.resampling._samplers.tomek import TomekLinks

__all__ = ["MixedSMOTE", "PatientOverSampler", "PatientUnderSampler", "TomekLinks"]
