"""How many patients are needed."""

from healthml.validation._sample_size.development import development_sample_size
from healthml.validation._sample_size.external import external_sample_size
from healthml.validation._sample_size.result import SampleSizeResult, precision_sample_size

__all__ = [
    "SampleSizeResult",
    "development_sample_size",
    "external_sample_size",
    "precision_sample_size",
]
