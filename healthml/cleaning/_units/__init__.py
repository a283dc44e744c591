"""Units of measurement: which one a column is in, and cells in another one."""

from healthml.cleaning._units.convert import convert
from healthml.cleaning._units.harmonizer import UnitHarmonizer

__all__ = ["UnitHarmonizer", "convert"]
