"""Words, levels and numbers that stand for a missing value."""

from healthml.cleaning._missing_codes.number_codes import plain_code
from healthml.cleaning._missing_codes.transformer import MissingCodes

__all__ = ["MissingCodes", "plain_code"]
