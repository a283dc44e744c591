"""Measures of many resamples at once."""

from healthml.metrics._batched.measures import (
    FAST,
    FINE,
    NO_ROWS,
    ONE_CLASS,
    RECALIBRATED,
    WHY,
    Block,
)

__all__ = ["FAST", "FINE", "NO_ROWS", "ONE_CLASS", "RECALIBRATED", "WHY", "Block"]
