"""What leaves the session: small counts hidden, files written whole."""

from healthml._core._release.columns import is_rounded, needs_protection
from healthml._core._release.crosstab import release_crosstab
from healthml._core._release.digits import figure_digits
from healthml._core._release.figures import Level, OutcomeShares, Rate, RatioInterval
from healthml._core._release.flow import left_out_words
from healthml._core._release.histogram import released_histogram, wider_bins
from healthml._core._release.suppression import (
    MIN_COUNT,
    Protection,
    is_small,
    protect,
    round_count,
)
from healthml._core._release.table import release_table
from healthml._core._release.words import (
    NOT_SHOWN,
    SMALL_GROUPS,
    count_number,
    count_text,
    counted_words,
    release_words,
    size_words,
)
from healthml._core._release.write_file import write_file, write_files

__all__ = [
    "MIN_COUNT",
    "NOT_SHOWN",
    "SMALL_GROUPS",
    "Level",
    "OutcomeShares",
    "Protection",
    "Rate",
    "RatioInterval",
    "count_number",
    "count_text",
    "counted_words",
    "figure_digits",
    "is_rounded",
    "is_small",
    "left_out_words",
    "needs_protection",
    "protect",
    "release_crosstab",
    "release_table",
    "release_words",
    "released_histogram",
    "round_count",
    "size_words",
    "wider_bins",
    "write_file",
    "write_files",
]
