"""Typed results (numbers with operators, units and words) read as numbers."""

from healthml.cleaning._lab_values.column import learn_column, read_levels
from healthml.cleaning._lab_values.grammar import LabValue, parse_lab_value
from healthml.cleaning._lab_values.parser import LabValueParser
from healthml.cleaning._lab_values.words import missing_reason

__all__ = [
    "LabValue",
    "LabValueParser",
    "learn_column",
    "missing_reason",
    "parse_lab_value",
    "read_levels",
]
