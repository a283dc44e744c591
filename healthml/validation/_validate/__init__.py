"""Optimism-corrected performance: methods, corrections, tables."""

from healthml.validation._validate.choose_method import judge
from healthml.validation._validate.result import ValidationResult
from healthml.validation._validate.validate import validate

__all__ = ["ValidationResult", "judge", "validate"]
