"""Look at a table before learning from it."""

from healthml.cleaning._duplicates import find_duplicates
from healthml.cleaning._duplicates_report import DuplicateReport
from healthml.cleaning._plausible import PlausibleRange
from healthml.cleaning._quality import quality_report
from healthml.cleaning._quality_result import QualityReport
from healthml.cleaning._rows import drop_rows
from healthml.cleaning._rows_result import DroppedRows

__all__ = [
    "DroppedRows",
    "DuplicateReport",
    "PlausibleRange",
    "QualityReport",
    "drop_rows",
    "find_duplicates",
    "quality_report",
]
