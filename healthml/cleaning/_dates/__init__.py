"""Dates written as text, read column by column, and the order of events."""

from healthml.cleaning._dates.event_order import SLACK, ordered_pairs
from healthml.cleaning._dates.parser import DateParser
from healthml.cleaning._dates.unread import unread_dates

__all__ = ["SLACK", "DateParser", "ordered_pairs", "unread_dates"]
