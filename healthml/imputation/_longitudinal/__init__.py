"""Repeated visits: carried forward, interpolated, summarised."""

from healthml.imputation._longitudinal.transformers import CarriedForward, TimeInterpolation

__all__ = ["CarriedForward", "TimeInterpolation"]
