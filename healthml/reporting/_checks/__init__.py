"""The audit's checks: each asks a room and words the answer."""

from healthml.reporting._checks.leakage import ask_for_leaks, find_leaks, screen_for_leaks
from healthml.reporting._checks.look import Look, interval_words, names_in_words
from healthml.reporting._checks.performance import find_beside, find_performance
from healthml.reporting._checks.table import CHECKS, Check

__all__ = [
    "CHECKS",
    "Check",
    "Look",
    "ask_for_leaks",
    "find_beside",
    "find_leaks",
    "find_performance",
    "interval_words",
    "names_in_words",
    "screen_for_leaks",
]
