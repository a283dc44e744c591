"""Dates written as text, read column by column, and the order of events."""

from healthml.cleaning._dates.parser import DateParser

__all__ = ["DateParser"]
