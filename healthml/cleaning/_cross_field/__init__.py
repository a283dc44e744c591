"""Fields of one row that contradict each other."""

from healthml.cleaning._cross_field.check import CrossFieldCheck

__all__ = ["CrossFieldCheck"]
