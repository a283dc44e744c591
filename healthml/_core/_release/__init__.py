"""What leaves the session: small counts hidden, files written whole."""

from healthml._core._release.suppression import (
    MIN_COUNT,
    OutcomeShares,
    Protection,
    Rate,
    RatioInterval,
    is_small,
    protect,
    round_count,
)
from healthml._core._release.tables import (
    NOT_SHOWN,
    SMALL_GROUPS,
    count_number,
    count_text,
    left_out_words,
    release_crosstab,
    release_table,
    released_histogram,
    size_words,
    wider_bins,
)
from healthml._core._release.write_file import write_file, write_files

__all__ = [
    "MIN_COUNT",
    "NOT_SHOWN",
    "SMALL_GROUPS",
    "OutcomeShares",
    "Protection",
    "Rate",
    "RatioInterval",
    "count_number",
    "count_text",
    "is_small",
    "left_out_words",
    "protect",
    "release_crosstab",
    "release_table",
    "released_histogram",
    "round_count",
    "size_words",
    "wider_bins",
    "write_file",
    "write_files",
]
