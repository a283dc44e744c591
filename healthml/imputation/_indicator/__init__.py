"""Columns that say what was missing."""

from healthml.imputation._indicator.transformer import MissingIndicators

__all__ = ["MissingIndicators"]
