"""Rows that stand twice, link to another table or are dropped before the pipeline."""

from healthml.cleaning._rows.drop import drop_rows
from healthml.cleaning._rows.dropped import DroppedRowsResult
from healthml.cleaning._rows.duplicates_result import DuplicatesResult
from healthml.cleaning._rows.find_duplicates import find_duplicates
from healthml.cleaning._rows.link import LinkageResult, link_records
from healthml.cleaning._rows.shared_outcome import stay_columns

__all__ = [
    "DroppedRowsResult",
    "DuplicatesResult",
    "LinkageResult",
    "drop_rows",
    "find_duplicates",
    "link_records",
    "stay_columns",
]
