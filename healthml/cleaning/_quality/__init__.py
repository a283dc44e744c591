"""The quality report: what a table looks like before anything is changed."""

from healthml.cleaning._quality.eager import eager_report
from healthml.cleaning._quality.repairs import Repairs, find_repairs
from healthml.cleaning._quality.report import quality_report
from healthml.cleaning._quality.result import QualityReport
from healthml.cleaning._quality.screens.roles import (
    FUTURE_COUNT,
    IDENTIFIER,
    ROW_NUMBER,
    UNIQUE_TEXT,
    screen_codes,
    screen_future_counts,
    screen_identifiers,
)
from healthml.cleaning._quality.screens.row_order import ORDER_OUTCOME, screen_row_order
from healthml.cleaning._quality.site_words import words_by_site

__all__ = [
    "FUTURE_COUNT",
    "IDENTIFIER",
    "ORDER_OUTCOME",
    "ROW_NUMBER",
    "UNIQUE_TEXT",
    "QualityReport",
    "Repairs",
    "eager_report",
    "find_repairs",
    "quality_report",
    "screen_codes",
    "screen_future_counts",
    "screen_identifiers",
    "screen_row_order",
    "words_by_site",
]
