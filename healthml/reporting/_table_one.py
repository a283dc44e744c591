"""Table 1: the columns by outcome, with standardised differences and small cells suppressed."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._release import MIN_COUNT, OutcomeShares, count_text, is_small, protect
from healthml._core._tables import column_kind, refuse_infinite, refuse_nested, to_pandas
from healthml.exceptions import InputError

_MOST_LEVELS = 10  # printed one by one; more is only counted; by judgement, more makes it longer
_MOST_KEYS = 50_000_000  # bytes of marks; more pairs of level and patient are sorted instead
_HIDDEN = "suppressed"


def table_one(X, y, *, groups=None, max_columns=60):
    """Describe the columns by outcome, as papers print it.

    Numbers get mean (SD) and the median with its quartiles; booleans, texts of at most 10 levels
    and whole numbers of at most 10 values, which are named as such, the count and share of each
    level that at least 11 patients hold. Shares are of the rows in which the column is known;
    missing has a line of its own, with the share of all rows. Columns of more levels are only
    counted, so that no name or free text is printed. The standardised difference is the difference
    of the means, or shares, over the pooled standard deviation [1]_. Counts of 1 to 10 are
    suppressed; the other counts of such a column are then rounded to 10 ("~220"), and its shares
    and differences have as many digits as keep the suppressed counts from being worked out.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The columns.
    y : array-like of shape (n_samples,)
        Outcome as 0/1.
    groups : array-like of shape (n_samples,), optional
        The patient of each row; without it every row is taken for a different patient.
    max_columns : int, default=60
        Most columns described; a last line counts the others.

    Returns
    -------
    DataFrame
        column, level, no_event, event, standardised_difference.

    Raises
    ------
    InputError
        If the lengths do not fit, the outcome is not 0/1, a number is infinite, or a patient is
        missing.

    See Also
    --------
    audit : Prints this table among its pages.
    healthml.imputation.missingness_report : What the gaps of a table tell.
    healthml.cleaning.quality_report : What is wrong with its cells.

    References
    ----------
    .. [1] Austin PC. Balance diagnostics for comparing the distribution of baseline covariates
       between treatment groups. Stat Med. 2009;28:3083-3107.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.reporting import table_one
    >>> X = pd.DataFrame({"age": np.arange(40.0, 80.0)})
    >>> table_one(X, np.tile([0, 1], 20))["column"].tolist()
    ['age']
    """
    check_alignment(X=X, y=y, groups=groups)
    X, y, rows = to_pandas(X), check_event(y)[1], []
    refuse_nested(X)
    refuse_infinite(X)
    if len(X) != len(y):
        raise InputError(f"y has {len(y)} values for {len(X)} rows; pass one for each row.")
    patient = np.arange(len(y)) if groups is None else check_groups(groups, len(y))
    for name in X.columns[:max_columns]:
        shown = "(no name)" if pd.api.types.is_scalar(name) and pd.isna(name) else name
        rows += _column_lines(shown, X[name], y, patient)
    if X.shape[1] > max_columns:
        more = f"{X.shape[1] - max_columns:,} more columns"
        rows.append((more, "not described", "", "", np.nan))
    columns = ["column", "level", "no_event", "event", "standardised_difference"]
    return pd.DataFrame(rows, columns=columns)


def _column_lines(name, column, y, patient):
    """Return the lines of a column as its kind is printed, and that of its missing cells."""
    kind, n_levels = column_kind(column), column.nunique()
    is_number = pd.api.types.is_numeric_dtype(column) and kind == "numeric"
    if is_number and not (n_levels <= _MOST_LEVELS and _whole(column)):
        line = (name, "mean (SD); median [quartiles]", *_number_line(column, y, patient))
    elif n_levels > _MOST_LEVELS:
        words = "levels" if kind in ("categorical", "boolean", "constant") else "different values"
        line = (name, f"{n_levels:,} {words}, not listed", "", "", np.nan)
    elif kind in ("categorical", "boolean", "constant") or n_levels:
        return _level_lines(name, column, y, patient, " (number of few values)" * is_number)
    else:
        line = (name, f"{n_levels:,} different values, not listed", "", "", np.nan)
    codes = np.where(column.isna(), 1, 0)
    shares = _counted(codes, ["known", "missing"], y, patient)
    return [line, *((name, *words) for words in shares if words[0] == "missing")]


def _whole(column):
    values = column.to_numpy(dtype=float, na_value=np.nan)
    return bool(np.all(values[np.isfinite(values)] % 1 == 0))


def _number_line(column, y, patient):
    values = column.to_numpy(dtype=float, na_value=np.nan)
    without, having = (values[(y == k) & np.isfinite(values)] for k in (0, 1))
    gap = np.nan
    if min(len(without), len(having)) > 1:
        spread = np.sqrt((without.var(ddof=1) + having.var(ddof=1)) / 2)
        gap = (having.mean() - without.mean()) / spread if spread > 0 else np.nan
    words = [_spread_words(values[y == k], patient[y == k]) for k in (0, 1)]
    return (*words, np.nan if _HIDDEN in words else gap)


def _spread_words(values, patient):
    seen = np.isfinite(values)
    values = values[seen]
    if (np.bincount(patient[seen]) > 0).sum() < MIN_COUNT:
        return _HIDDEN
    low, mid, high = np.percentile(values, [25, 50, 75])
    return f"{values.mean():.3g} ({values.std(ddof=1):.3g}); {mid:.3g} [{low:.3g}, {high:.3g}]"


def _level_lines(name, column, y, patient, remark=""):
    codes, levels = pd.factorize(column, use_na_sentinel=True)
    names = [f"{level}{remark}" for level in levels]
    codes = np.where(codes < 0, len(names), codes)
    return [(name, *words) for words in _counted(codes, [*names, "missing"], y, patient)]


def _counted(codes, names, y, patient):
    """Return (level, no_event, event, difference) of levels, the last of which is missing.

    All levels are protected together, missing too, since they add up to the patients.
    """
    counts = np.array([np.bincount(codes[y == k], minlength=len(names)) for k in (0, 1)])
    apart = np.array([_patients(codes[y == k], patient[y == k], len(names)) for k in (0, 1)])
    everybody, n = _patients(codes, patient, len(names)), counts.sum(axis=0)
    known = counts[:, :-1].sum(axis=1)
    totals = np.repeat(known[:, None], len(names), axis=1)
    totals[:, -1] = counts.sum(axis=1)  # missing is a share of all rows
    shares = OutcomeShares(*np.maximum(totals, 1))
    # many rows of few patients, which their own counts would not hide
    few = is_small(everybody) & ~is_small(n)
    few |= (is_small(apart) & ~is_small(counts)).any(axis=0)
    protection = protect(n, counts[1], rates=[shares], hide=few)
    order = np.argsort(-n[:-1], kind="stable")
    rows = [k for k in [*order, len(names) - 1] if n[k] and everybody[k] >= MIN_COUNT]
    lines = [_level_words(names[k], k, counts[:, k], shares, protection, few[k]) for k in rows]
    small = int(is_small(everybody[:-1]).sum())
    if small:
        words = f"{small} level{'s' if small > 1 else ''} below {MIN_COUNT} patients"
        lines.insert(len(order) - small, (words, _HIDDEN, _HIDDEN, np.nan))
    if is_small(everybody[-1]):
        lines.append((names[-1], _HIDDEN, _HIDDEN, np.nan))
    return lines


def _level_words(name, k, counts, shares, protection, is_few):
    """Return the cells of one level: counts by their states, shares with the digits allowed."""
    digits = None if is_few else protection.level(k).shares
    pair = shares.figures(k, counts.sum()[None], counts[1:])[0]
    states = (protection.others[k], protection.events[k])
    words = [
        _cell_words(count, share, state, digits)
        for count, share, state in zip(counts, pair, states, strict=True)
    ]
    if digits is None or digits < 2 or _HIDDEN in words:
        return name, *words, np.nan
    if not protection.is_open:
        pair = np.round(pair, digits)  # the difference tells no more than the shares do
    spread = np.sqrt((pair * (1 - pair)).sum() / 2)
    return name, *words, (pair[1] - pair[0]) / spread if spread > 0 else np.nan


def _cell_words(count, share, state, digits):
    if state in ("hidden", "second"):
        return _HIDDEN
    if digits is None:
        return count_text(count, state)
    percent = 100 * np.round(share, digits) if np.isfinite(share) else 0.0
    return f"{count_text(count, state)} ({percent:.{max(digits - 2, 0)}f}%)"


def _patients(codes, patient, n_levels):
    """Return how many patients have each level."""
    width = int(patient.max()) + 1 if len(patient) else 0
    keys = codes[codes >= 0] * np.int64(width) + patient[codes >= 0]
    if n_levels * width <= _MOST_KEYS:  # a mark for each pair is much faster than sorting pairs
        seen = np.zeros((n_levels, width), dtype=bool)
        seen.reshape(-1)[keys] = True
        return seen.sum(axis=1)
    return np.bincount(np.unique(keys) // max(width, 1), minlength=n_levels)
