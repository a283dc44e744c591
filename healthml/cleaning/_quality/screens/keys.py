"""Rows that stand twice in the table, and identifiers that are almost but not quite unique."""

import numpy as np
import pandas as pd

from healthml.cleaning._columns import FOUND, NOTE, Flag, has_code_name

DUPLICATE_ROWS, REPEATED_IDENTIFIER = "duplicate_rows", "repeated_identifier"

# An identifier that repeats by mistake is single in most cells; where fewer values are single, the
# patients simply return. Chosen by judgement, not by simulation.
FEWEST_CELLS, MOSTLY_SINGLE = 30, 0.8


def screen_duplicate_rows(table, identifiers):
    """Yield rows equal to an earlier row in every column.

    They are "found" where an identifier is among the columns, since chance does not repeat it; in
    a table of a few coarse columns equal rows may be different patients, hence a note.
    """
    mask = pd.Series(_row_hashes(table.frame)).duplicated().to_numpy()
    if not mask.any() or table.frame.shape[1] < 2:
        return
    n = int(mask.sum())
    sure = bool(identifiers)
    detail = f"{n:,} rows equal an earlier row in all {table.frame.shape[1]} columns"
    detail += ", identifiers included" if sure else ": one patient twice, or two alike?"
    yield Flag("", DUPLICATE_ROWS, FOUND if sure else NOTE, detail, n, mask)


def _row_hashes(frame):
    """Return a 64-bit hash of each row; equal rows have equal hashes."""
    try:
        return pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except TypeError:  # lists and other cells that cannot be hashed
        plain = {i: frame.iloc[:, i].astype(str) for i in range(frame.shape[1])}
        return pd.util.hash_pandas_object(pd.DataFrame(plain), index=False).to_numpy()


def screen_repeated_identifiers(table):
    """Yield columns named as identifiers whose values nearly all occur once, but some again."""
    for column in table.columns:
        if not has_code_name(column.name) or column.n_present < FEWEST_CELLS:
            continue
        counts = column.unique[1] if column.is_number_type else column.level_counts
        if not len(counts) or not MOSTLY_SINGLE <= (counts == 1).mean() < 1:
            continue
        mask = _again(column)
        n = int(counts.sum() - len(counts))
        detail = f"{n:,} rows repeat an identifier that is otherwise unique: again, or by mistake?"
        yield Flag(column.name, REPEATED_IDENTIFIER, NOTE, detail, n, mask)


def _again(column):
    """Return the rows whose identifier stood in an earlier row."""
    cells = pd.Series(column.level_codes)
    return (cells.duplicated() & (cells >= 0) & ~np.asarray(column.missing)).to_numpy()
