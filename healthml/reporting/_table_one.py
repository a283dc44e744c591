"""Table 1: the columns by outcome, with standardised differences and small cells suppressed."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._tables import column_kind, refuse_nested, to_pandas
from healthml.exceptions import InputError

SMALLEST_SHOWN = 11
_MOST_LEVELS = 10
_HIDDEN = "suppressed"


def table_one(X, y, *, groups=None, max_columns=60):
    """Describe the columns by outcome, as papers print it.

    Numbers get mean (SD) and the median with its quartiles; booleans, texts of at most 10 levels
    and whole numbers of at most 10 values, which are named as such, the count and share of each
    level that at least 11 patients hold. Shares are of the rows in which the column is known;
    missing has a line of its own, with the share of all rows. Columns of more levels are only
    counted, so that no name or free text is printed. The standardised difference is the difference
    of the means, or shares, over the pooled standard deviation [1]_; where a cell is suppressed it
    is too, because the cell could be worked out from it.

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
        If the lengths do not fit, the outcome is not 0/1, or a patient is missing.

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
    refuse_nested(to_pandas(X))
    X, y, rows = to_pandas(X), check_event(y)[1], []
    if len(X) != len(y):
        raise InputError(f"y has {len(y)} values for {len(X)} rows; pass one for each row.")
    patient = np.arange(len(y)) if groups is None else check_groups(groups, len(y))
    for name in X.columns[:max_columns]:
        rows += _column_lines(name, X[name], y, patient)
        rows += _missing_line(name, X[name].isna().to_numpy(), y, patient)
    if X.shape[1] > max_columns:
        more = f"{X.shape[1] - max_columns:,} more columns"
        rows.append((more, "not described", "", "", np.nan))
    columns = ["column", "level", "no_event", "event", "standardised_difference"]
    return pd.DataFrame(rows, columns=columns)


def _column_lines(name, column, y, patient):
    """Return the lines of a column as its kind is printed."""
    kind, n_levels = column_kind(column), column.nunique()
    is_number = pd.api.types.is_numeric_dtype(column) and kind == "numeric"
    if is_number and not (n_levels <= _MOST_LEVELS and _whole(column)):
        return [(name, "mean (SD); median [quartiles]", *_number_line(column, y, patient))]
    if kind in ("categorical", "boolean", "constant") or 0 < n_levels <= _MOST_LEVELS:
        return _level_lines(name, column, y, patient, " (number of few values)" * is_number)
    return [(name, f"{n_levels:,} different values, not listed", "", "", np.nan)]


def _whole(column):
    values = column.to_numpy(dtype=float, na_value=np.nan)
    return bool(np.all(values[np.isfinite(values)] % 1 == 0))


def _missing_line(name, missing, y, patient):
    """Return the line of the rows in which a column is missing, none where it is complete."""
    if not missing.any():
        return []
    counts = [int((missing & (y == k)).sum()) for k in (0, 1)]
    patients = [len(np.unique(patient[missing & (y == k)])) for k in (0, 1)]
    totals = (len(y) - y.sum(), y.sum())
    return [(name, "missing", *_share_line(counts, patients, totals))]


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
    if len(np.unique(patient[seen])) < SMALLEST_SHOWN:
        return _HIDDEN
    low, mid, high = np.percentile(values, [25, 50, 75])
    return f"{values.mean():.3g} ({values.std(ddof=1):.3g}); {mid:.3g} [{low:.3g}, {high:.3g}]"


def _level_lines(name, column, y, patient, remark=""):
    codes, levels = pd.factorize(column, use_na_sentinel=True)
    if len(levels) > _MOST_LEVELS:
        return [(name, f"{len(levels):,} levels, not listed", "", "", np.nan)]
    counts = np.bincount(codes + 1, minlength=len(levels) + 1)[1:]
    events = np.bincount(codes + 1, y, minlength=len(levels) + 1)[1:]
    counts = np.column_stack([counts - events, events]).astype(int)
    patients = [_patients(codes[y == k], patient[y == k], len(levels)) for k in (0, 1)]
    everybody, apart = _patients(codes, patient, len(levels)), np.column_stack(patients)
    lines = [
        (name, f"{levels[k]}{remark}", *_share_line(counts[k], apart[k], counts.sum(axis=0)))
        for k in np.argsort(-counts.sum(axis=1), kind="stable")
        if everybody[k] >= SMALLEST_SHOWN
    ]
    small = int(np.sum((everybody > 0) & (everybody < SMALLEST_SHOWN)))
    if small:
        words = f"{small} level{'s' * (small > 1)} below {SMALLEST_SHOWN} patients"
        lines.append((name, words, _HIDDEN, _HIDDEN, np.nan))
    return lines


def _patients(codes, patient, n_levels):
    """Return how many patients have each level."""
    pairs = np.unique(np.column_stack([codes, patient])[codes >= 0], axis=0)
    return np.bincount(pairs[:, 0], minlength=n_levels)


def _share_line(counts, patients, totals):
    shares = [c / max(t, 1) for c, t in zip(counts, totals, strict=True)]
    spread = np.sqrt(sum(p * (1 - p) for p in shares) / 2)
    gap = (shares[1] - shares[0]) / spread if spread > 0 else np.nan
    words = [
        _HIDDEN if 0 < n < SMALLEST_SHOWN else _count(int(c), p)
        for c, n, p in zip(counts, patients, shares, strict=True)
    ]
    return (*words, np.nan if _HIDDEN in words else gap)


def _count(count, share):
    return f"{count:,} ({100 * share:.1f}%)"
