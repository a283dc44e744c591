"""Whether a model's risks were left as resampling or weights made them."""

from healthml.resampling._guards.find import (
    recalibrated_on_resampled_rows,
    uncorrected_resampling,
    without_resampling,
)

__all__ = ["recalibrated_on_resampled_rows", "uncorrected_resampling", "without_resampling"]
