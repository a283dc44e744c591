"""Tables in and out: pandas, polars and others converted once, files read."""

from healthml._core._tables.containers import backend_of, read_table, write_table
from healthml._core._tables.frames import (
    LARGEST_EXACT_FLOAT,
    LARGEST_NUMBER,
    MOST_LEVELS,
    blank_codes,
    check_column_names,
    check_table,
    column_kind,
    parse_numbers,
    refuse_infinite,
    refuse_nested,
    role_series,
    sensitive_frame,
    to_pandas,
)
from healthml._core._tables.read_file import read_file

__all__ = [
    "LARGEST_EXACT_FLOAT",
    "LARGEST_NUMBER",
    "MOST_LEVELS",
    "backend_of",
    "blank_codes",
    "check_column_names",
    "check_table",
    "column_kind",
    "parse_numbers",
    "read_file",
    "read_table",
    "refuse_infinite",
    "refuse_nested",
    "role_series",
    "sensitive_frame",
    "to_pandas",
    "write_table",
]
