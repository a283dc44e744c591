"""Read a file as a table: numbers are numbers, everything else is the text that was written."""

import csv
import gzip
import io
import re
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._tables.frames import LARGEST_EXACT_FLOAT, blank_codes
from healthml.exceptions import ReadError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LEADING_ZERO = r"\s*[+-]?0\d+(?:\.\d*)?\s*"
_LEADING_ZERO_LINE = re.compile(rf"^{_LEADING_ZERO}$", re.MULTILINE)
_NOT_SPLIT = "could not be split into records; look for a quote that is not closed."
_OTHER_FORMATS = {".xls", ".zip", ".sas7bdat", ".dta", ".sav", ".rds", ".feather", ".json"}
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_TRUE_FALSE = {"True": True, "TRUE": True, "true": True}
_TRUE_FALSE |= {"False": False, "FALSE": False, "false": False}
# Version of pandas, major and minor.
_PANDAS = tuple(int(part) for part in re.findall(r"\d+", pd.__version__)[:2])
# Option with which older pandas reads decimals to the nearest float.
_EXACT_FLOATS = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}


def read_file(path, *, missing=(), sep=None, encoding=None):
    r"""Read a CSV, TSV (also .gz), parquet or xlsx file.

    A column is numeric only if every cell that is not empty is a number; otherwise each cell
    stays the text that was written, and so do numbers with leading zeros ("00123") and integers
    too large for 64 bits. Only an empty cell is missing: "NA", "None" and "?" are text unless
    named in `missing`. Integers with missing cells are floats, or ``Int64`` where a float would
    lose digits. Columns of True and False only are boolean.

    Parameters
    ----------
    path : str or path-like
        The file; its ending says the format (.csv, .tsv, .txt, .parquet, .xlsx).
    missing : sequence of str, default=()
        Cells that mean missing in every column, such as ``["NA", "?"]``.
    sep : str, default=None
        Delimiter; by default a tab for .tsv and .tab, a comma otherwise.
    encoding : str, default=None
        Encoding of the text; UTF-8 by default.

    Returns
    -------
    pandas.DataFrame
        One row per record, rows numbered from 0.

    Raises
    ------
    ReadError
        If the file is absent, empty, has no rows, repeats a column name, is in another encoding
        or delimited otherwise, or has records of unequal length; the message names the remedy.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from healthml._core._tables.read_file import read_file
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "labs.csv")
    >>> _ = path.write_text("id,crp\n007,NA\n012,3.5\n")
    >>> read_file(path, missing=["NA"]).to_dict("list")
    {'id': ['007', '012'], 'crp': [nan, 3.5]}
    >>> folder.cleanup()
    """
    path = Path(path)
    _check_path(path)
    missing = [missing] if isinstance(missing, str) else [str(token) for token in missing]
    ending = path.suffix.lower()
    if ending in {".parquet", ".pq"}:
        frame = _read_parquet(path)
        _check_header([str(column) for column in frame.columns], path.name)
        frame = _blank(frame, missing)
    elif ending in {".xlsx", ".xlsm"}:
        frame = _parse(_sheet_as_text(path), path.name, missing, ",")
    else:
        tabs = path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab"))
        text = _decode(_bytes(path), path.name, encoding)
        frame = _parse(text, path.name, missing, sep or ("\t" if tabs else ","))
    if not len(frame):
        raise ReadError(f"{path.name} has column names but no rows; export it again.")
    return frame


def _check_path(path):
    if not path.exists():
        raise ReadError(f"there is no file {str(path)!r}; check the path.")
    if path.is_dir():
        raise ReadError(f"{str(path)!r} is a folder; pass a file.")
    if path.stat().st_size == 0:
        raise ReadError(f"{path.name} is empty (0 bytes); export it again.")
    if path.suffix.lower() in _OTHER_FORMATS:
        raise ReadError(f"{path.name} is not CSV, TSV, parquet or xlsx; export it as one of them.")


def _parse(text, name, missing, sep):
    header = _header(text, sep, name)
    _check_delimiter(header, sep, name)
    _check_header(header, name)
    _check_lengths(text, sep, len(header), name)
    options = {
        "sep": sep,
        "keep_default_na": False,
        "na_values": ["", *missing],
        "low_memory": False,
        "index_col": False,
        "skip_blank_lines": len(header) > 1,
    }
    try:
        frame = pd.read_csv(io.StringIO(text), **options, **_EXACT_FLOATS)
        doubtful = _doubtful(frame, text, sep)
        if doubtful:
            raw = pd.read_csv(io.StringIO(text), usecols=doubtful, dtype=object, **options)
            for column in raw.columns:
                frame[column] = _settle(raw[column], frame[column]).infer_objects()
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ReadError(f"{name} {_NOT_SPLIT}") from error
    return _blank(frame, ["", *missing])


def _bytes(path):
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ReadError(f"{path.name} is a damaged gzip file; copy it again.") from error
    if raw[:4] == b"PK\x03\x04":
        raise ReadError(
            f"{path.name} is a zip archive or a workbook; unpack it, or name it .xlsx if it is one."
        )
    return raw


def _decode(raw, name, encoding):
    if not raw.strip():
        raise ReadError(f"{name} is empty; export it again.")
    try:
        return raw.decode(encoding or "utf-8-sig").removeprefix("\ufeff")
    except LookupError as error:
        raise ReadError(
            f"encoding={encoding!r} is not an encoding that Python knows; try 'latin-1'."
        ) from error
    except UnicodeDecodeError as error:
        other = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "latin-1"
        remedy = f"pass encoding={other!r} (--encoding {other})"
        raise ReadError(
            f"{name} is not {encoding or 'utf-8'} text, the byte at position {error.start} cannot "
            f"be read; {remedy} or the encoding it was saved in."
        ) from error


def _records(text, sep):
    return csv.reader(io.StringIO(text, newline=""), delimiter=sep)


def _header(text, sep, name):
    if not isinstance(sep, str) or len(sep) != 1:
        raise ReadError(f"sep={sep!r} is not a delimiter; pass one character such as ';'.")
    try:
        return next(record for record in _records(text, sep) if record)
    except (csv.Error, StopIteration) as error:
        raise ReadError(f"{name} has no line of column names; add one.") from error


def _check_delimiter(header, sep, name):
    if len(header) > 1:
        return
    counts = {other: header[0].count(other) for other in DELIMITERS if other in header[0]}
    counts.pop(sep, None)
    if counts:
        other = max(counts, key=counts.get)
        shown = "'\\t'" if other == "\t" else repr(other)
        raise ReadError(
            f"{name} has one column when split at {DELIMITERS.get(sep, 'the given')!s} "
            f"delimiters, and its first line holds a {DELIMITERS[other]} {counts[other]} times; "
            f"pass sep={shown} (--sep {shown})."
        )


def _check_header(header, name):
    seen = set()
    repeated = [column for column in header if column in seen or seen.add(column)]
    if repeated:
        raise ReadError(
            f"{name} has more than one column called {repeated[0]!r} ({len(set(repeated))} "
            "repeated in all); give each column a name of its own."
        )


def _check_lengths(text, sep, n_columns, name):
    lines = re.split(r"\r\n|\r|\n", text) if "\r" in text else text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if n_columns > 1:
        lines = [line for line in lines if line.strip()]
    try:
        widths = _widths(lines, text, sep)
    except csv.Error as error:
        raise ReadError(f"{name} {_NOT_SPLIT}") from error
    bad = np.flatnonzero(np.asarray(widths[1:]) != n_columns)
    if bad.size:
        raise ReadError(
            f"{name} has {n_columns} column names and {bad.size} of {len(widths) - 1} records with "
            f"more or fewer cells, the first at position {bad[0]} ({widths[bad[0] + 1]} cells); "
            "put quotes around cells that hold the delimiter, or export the file again."
        )


def _widths(lines, text, sep):
    """Count the cells of each record; a quoted line is parsed, a record over many lines too."""
    if '"' not in text:
        return [line.count(sep) + 1 for line in lines]
    if any(line.count('"') % 2 for line in lines):
        return [len(record) for record in _records(text, sep) if record]
    return [
        len(next(csv.reader([line], delimiter=sep))) if '"' in line else line.count(sep) + 1
        for line in lines
    ]


def _doubtful(frame, text, sep):
    """Positions of columns in which the parser may have lost something that was written."""
    edge = re.escape(sep)
    zeros = re.search(rf"(?:^|[\"{edge}]){_LEADING_ZERO}(?:$|[\"{edge}])", text, re.MULTILINE)
    columns = (frame.iloc[:, position] for position in range(frame.shape[1]))
    return [
        position
        for position, column in enumerate(columns)
        if _may_have_lost(column, zeros is not None)
    ]


def _may_have_lost(column, zeros):
    if types.is_bool_dtype(column.dtype):
        return False
    if types.is_numeric_dtype(column.dtype):
        large = types.is_float_dtype(column.dtype) and column.abs().max() >= LARGEST_EXACT_FLOAT
        return zeros or large
    kind = types.infer_dtype(column, skipna=True)
    if kind != "string":  # booleans with missing cells, integers beyond 64 bits
        return kind != "empty"
    first = next((cell for cell in column if isinstance(cell, str) and cell), "")
    return _INTEGER.fullmatch(first) is not None


def _settle(written, read):
    """Decide on a doubtful column from its cells as written."""
    cells = written.dropna()
    if cells.empty or _LEADING_ZERO_LINE.search("\n".join(cells)):
        return written
    if types.is_numeric_dtype(read.dtype) and read.abs().max() < LARGEST_EXACT_FLOAT:
        return read
    if cells.isin(_TRUE_FALSE).all():
        return written.map(_TRUE_FALSE).astype("boolean")
    if not all(map(_INTEGER.fullmatch, cells)):
        return read if types.is_numeric_dtype(read.dtype) else written
    if types.is_integer_dtype(read.dtype):
        return read
    numbers = [int(cell) for cell in cells]
    smallest, largest = min(numbers), max(numbers)
    if max(-smallest, largest) <= LARGEST_EXACT_FLOAT:
        return read
    for dtype in ("Int64", "UInt64"):
        limits = np.iinfo(dtype.lower())
        if limits.min <= smallest and largest <= limits.max:
            return pd.Series(numbers, index=cells.index, dtype=dtype).reindex(written.index)
    return written


def _blank(frame, missing):
    """Set the cells that mean missing to missing where the parser has not done so."""
    for column in frame.columns:
        blank = blank_codes(frame[column], missing)
        if blank is not frame[column]:
            frame[column] = blank
    return frame


def _read_parquet(path):
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ReadError(
            f"reading {path.name} needs pyarrow: pip install 'healthml[files]', or export it as "
            "CSV."
        ) from error
    except Exception as error:
        raise ReadError(f"{path.name} is not a parquet file; export it again.") from error


def _sheet_as_text(path):
    """Return the first sheet of a workbook as comma-separated text, cells as they are stored."""
    try:
        sheet = pd.read_excel(
            path, header=None, dtype=object, na_values=[""], keep_default_na=False
        )
    except ImportError as error:
        raise ReadError(
            f"reading {path.name} needs openpyxl: pip install 'healthml[files]', or export it as "
            "CSV."
        ) from error
    except Exception as error:
        raise ReadError(f"{path.name} is not an xlsx workbook; export it again.") from error
    filled = np.flatnonzero(sheet.notna().any(axis=1))
    if not filled.size:
        raise ReadError(f"the first sheet of {path.name} is empty; put the table there.")
    return sheet.iloc[: filled[-1] + 1].to_csv(index=False, header=False)
