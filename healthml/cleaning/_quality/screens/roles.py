"""What a column may be beside a measurement: a code, an identifier, a risk, a count of rows."""

import re

import numpy as np
from scipy.stats import rankdata

from healthml._core._knowledge import score_hint
from healthml.cleaning._columns import FOUND, NOTE, SUSPECTED, Flag, has_code_name
from healthml.cleaning._quality.screens.emptiness import NEARLY_ALL

CODE, IDENTIFIER = "looks_like_code", "identifier"
ROW_NUMBER, UNIQUE_TEXT = "row_number", "unique_text"
PROBABILITY, FUTURE_COUNT, SORTED = "probability_like", "future_count", "sorted_by_row"

# Levels of a number are codes where the event rate turns: rows of a common level, such levels, and
# standard errors of a step. All values here are by judgement, not by simulation.
_COMMON, _FEWEST_LEVELS, _CLEAR = 30, 4, 3
_FEWEST_ROWS = 30  # known cells below which no column is an identifier
_LOOKED_AT = 200  # levels of text that are tried as dates
_ALL_TEXT, _DATES = 0.95, 0.5  # share of cells that differ; share of dates that makes text a date
_ALL_NUMBERS = 0.99  # share of numbers that differ: a key with few repeats
_ANYWHERE_NEAR, _SORTED, _IN_ORDER = 0.9, 0.99, 0.999  # rank correlation with the order of the file
_TIES = 10  # equal pairs that chance would give whole numbers that all differ
_ORDERS, _CALIBRATED = 0.1, 0.1  # AUC beyond a half; distance of the event rate from the value
_COUNTS = 0.99  # share of the rows in which a column is the number of the patient's rows
_SOME_ROWS = 5_000  # of which it is seen at first whether a column is anywhere near sorted
MOST_CODES = 200  # different whole numbers; more are amounts or identifiers. Chosen by judgement
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\s*\d{1,2}:\d{2}.*")


def screen_codes(table):
    """Yield whole-number columns that look like codes: labels, not amounts."""
    for column in table.columns:
        if not column.is_number_type or not column.is_integer or column.concept:
            continue
        values = column.unique[0]
        if not 3 <= len(values) <= MOST_CODES or len(values) > 0.5 * column.n_finite:
            continue
        if has_code_name(column.name):
            detail = f"{len(values)} whole numbers, and the name says code"
            yield Flag(column.name, CODE, SUSPECTED, detail, evidence={"n_levels": len(values)})
        elif _skips_numbers(values) and table.y is not None and _turns(column, table.y):
            detail = (
                f"{len(values)} whole numbers with gaps, and the event rate rises and falls "
                "along them: may be labels, not amounts"
            )
            yield Flag(column.name, CODE, NOTE, detail, evidence={"n_levels": len(values)})


def _skips_numbers(values):
    steps = np.diff(values)
    return len(values) <= 12 and values[0] >= 0 and steps.max() > steps.min()


def _turns(column, y):
    """Say whether the event rate turns at least twice between common levels, beyond chance."""
    values, counts = column.unique
    common = values[counts >= _COMMON]
    if len(common) < _FEWEST_LEVELS:
        return False
    rows = [column.numbers == v for v in common]
    rate = np.array([y[r].mean() for r in rows])
    size = np.array([r.sum() for r in rows])
    se2 = rate.mean() * (1 - rate.mean()) / size
    steps = np.diff(rate) / np.sqrt(se2[1:] + se2[:-1])
    clear = np.sign(steps[np.abs(steps) > _CLEAR])
    return bool((np.diff(clear) != 0).sum() >= 2)


def screen_identifiers(table):
    """Yield row numbers, identifiers and unique text left among the features."""
    for column in table.columns:
        present = np.flatnonzero(~column.missing)
        if len(present) < _FEWEST_ROWS:
            continue
        if column.has_levels:
            yield from _unique_text(column, len(present))
        elif column.is_number_type and len(column.finite) == len(present):
            yield from _numeric_identifier(column, present)


def _unique_text(column, n_present):
    looked_at = column.levels[:_LOOKED_AT]
    dates = sum(bool(_DATE.fullmatch(level)) for level in looked_at)
    if len(column.levels) < _ALL_TEXT * n_present or dates > _DATES * len(looked_at):
        return
    if column.numbers is not None and not column.is_integer:
        return
    detail = f"{len(column.levels):,} different texts in {n_present:,} cells: names or free text"
    yield Flag(column.name, UNIQUE_TEXT, FOUND, detail, n_present)


def _numeric_identifier(column, present):
    values, n = column.numbers[present], len(present)
    n_distinct = len(column.unique[0])
    if n_distinct < _ALL_NUMBERS * n:
        return
    unique_integers = n_distinct >= NEARLY_ALL * n and column.is_integer
    some = slice(None, None, max(1, n // _SOME_ROWS))
    roughly = abs(np.corrcoef(rankdata(values[some]), present[some])[0, 1])
    if not unique_integers and roughly < _ANYWHERE_NEAR:
        return
    rho = np.corrcoef(rankdata(values), present)[0, 1]
    steady = unique_integers and np.ptp(np.diff(values)) == 0
    if unique_integers and (abs(rho) > _IN_ORDER or steady):
        status = FOUND if steady or has_code_name(column.name) else SUSPECTED
        detail = (
            f"a different whole number in every row, in file order (rank correlation {rho:.3f})"
        )
        yield Flag(column.name, ROW_NUMBER, status, detail, n, estimate=float(rho))
    elif unique_integers and has_code_name(column.name):
        yield Flag(column.name, IDENTIFIER, FOUND, "a different whole number in every row", n)
    elif unique_integers and _ties_expected(column.unique[0]) >= _TIES:
        detail = "a different whole number in every row, where chance would repeat some"
        yield Flag(column.name, IDENTIFIER, SUSPECTED, detail, n)
    elif abs(rho) > _SORTED:
        detail = f"the rows are sorted by this column (rank correlation {rho:.3f})"
        yield Flag(column.name, SORTED, NOTE, detail, n, estimate=float(rho))


def _ties_expected(values):
    """Return the number of equal pairs if the middle half were drawn at random."""
    middle = values[len(values) // 4 : 3 * len(values) // 4]
    return len(middle) ** 2 / 2 / max(np.ptp(middle), 1.0)


def screen_probabilities(table):
    """Yield columns that may be another model's risk: fractions that order the outcome."""
    for column in table.columns:
        if not column.is_number_type or column.concept or column.is_yes_no:
            continue
        values, counts = column.unique
        coded = np.isin(values, column.codes_present)
        judged, n_judged = values[~coded], int(counts[~coded].sum())
        inner = values[(values > 0) & (values < 1)]
        inside = n_judged and (judged >= 0).all() and (judged <= 1).all()
        if len(inner) <= 10 or not inside:
            continue
        named = score_hint(column.name) is not None
        auc = _auc(column, table)
        orders = auc is not None and abs(auc - 0.5) >= _ORDERS and _is_calibrated(column, table.y)
        if named or orders:
            detail = "values between 0 and 1: may be another model's risk"
            if auc is not None:
                detail += f" (alone it orders the outcome with AUC {max(auc, 1 - auc):.2f})"
            status = SUSPECTED if named else NOTE
            estimate = np.nan if auc is None else float(auc)
            yield Flag(column.name, PROBABILITY, status, detail, n_judged, estimate=estimate)


def _fractions(column):
    return (column.numbers >= 0) & (column.numbers <= 1)


def _auc(column, table):
    if table.y is None:
        return None
    rows = _fractions(column)
    y, n_events = table.y[rows], int(table.y[rows].sum())
    if min(n_events, len(y) - n_events) < 10:
        return None
    ranks = rankdata(column.numbers[rows])
    return (ranks[y == 1].sum() - n_events * (n_events + 1) / 2) / (n_events * (len(y) - n_events))


def _is_calibrated(column, y):
    """Say whether the event rate follows the value, or one minus it, over fifths."""
    rows = np.flatnonzero(_fractions(column))
    parts = np.array_split(rows[np.argsort(column.numbers[rows], kind="stable")], 5)
    value = np.array([column.numbers[part].mean() for part in parts])
    rate = np.array([y[part].mean() for part in parts])
    return bool(min(np.abs(value - rate).max(), np.abs(1 - value - rate).max()) < _CALIBRATED)


# Share of a patient's rows but one in which a count with slips equals the total, and that share
# beyond what chance lets, on the scale of kappa. By judgement: a count with slips in 15% of the
# cells reaches 0.8, one of the visits so far 0; lower ones accuse a planned number of visits.
OFTEN, BEYOND = 0.65, 0.6


def screen_future_counts(table):
    """Yield whole-number columns that count the patient's rows in this file, later ones too."""
    if table.groups is None:
        return
    size = np.bincount(table.groups)[table.groups]
    repeated = size > 1
    if len(np.unique(table.groups[repeated])) < 10 or np.ptp(size) == 0:
        return  # where all patients have as many rows, a constant column counts nothing
    for column in table.columns:
        if not column.is_number_type or not column.is_integer:
            continue
        for less, what in ((0, "rows"), (1, "other rows")):
            same = column.numbers == size - less
            exact = same.mean() > _COUNTS and same[repeated].mean() > _COUNTS
            if exact or _counts_with_slips(column.numbers, size - less, table.groups):
                equal = "equals" if exact else f"in {same.mean():.0%} of the rows it equals"
                detail = f"{equal} the number of {what} of the patient in this file, later ones too"
                yield Flag.of_cells(column, FUTURE_COUNT, FOUND, detail, repeated)


def _counts_with_slips(values, total, groups):
    """Say whether a column equals a total so often that only one counted to the end does.

    A count of the visits so far equals the total in one row of each patient, which is not counted
    here; and a column that is mostly 2 beside patients of two rows equals it by chance.
    """
    n_same, n_rows = np.bincount(groups, values == total), np.bincount(groups)
    more = n_rows > 1
    often = np.maximum(n_same[more] - 1, 0).sum() / (n_rows[more] - 1).sum()
    rows = more[groups]
    levels, code = np.unique(np.r_[values[rows], total[rows]], return_inverse=True)
    first, second = (np.bincount(c, minlength=len(levels)) for c in np.split(code, 2))
    chance = (first / rows.sum()) @ (second / rows.sum())
    return bool(often >= OFTEN and (often - chance) / max(1 - chance, 1e-9) >= BEYOND)
