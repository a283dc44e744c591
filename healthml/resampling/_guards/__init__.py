"""Whether a model's risks were left as resampling or weights made them."""

from healthml.resampling._guards.find import uncorrected_resampling, without_resampling

__all__ = ["uncorrected_resampling", "without_resampling"]
