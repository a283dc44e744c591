"""Table 1: the columns by outcome, with standardised differences and small cells suppressed."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._tables import column_kind, to_pandas
from healthml.exceptions import InputError

SMALLEST_SHOWN = 11
_MOST_LEVELS = 10
_HIDDEN = "suppressed"


def table_one(X, y, *, groups=None, max_columns=60):
    """Describe the columns by outcome, as papers print it.

    Numbers get mean (SD) and the median with its quartiles, other columns the share of each level
    that at least 11 patients hold; columns of more than 10 levels are only counted, so that no
    name or free text is printed. The standardised difference is the difference of the means, or
    shares, over the pooled standard deviation [1]_; where a cell is suppressed it is too, because
    the cell could be worked out from it.

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
        column, level, no_event, event, standardised_difference, missing.

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
    X, y, rows = to_pandas(X), check_event(y)[1], []
    if len(X) != len(y):
        raise InputError(f"y has {len(y)} values for {len(X)} rows; pass one for each row.")
    patient = np.arange(len(y)) if groups is None else check_groups(groups, len(y))
    for name in X.columns[:max_columns]:
        column = X[name]
        kind = column_kind(column)
        missing = f"{100 * column.isna().mean():.1f}%"
        if kind in ("numeric", "boolean") and pd.api.types.is_numeric_dtype(column):
            rows.append(
                (name, "mean (SD); median [quartiles]", *_number_line(column, y, patient), missing)
            )
        elif kind in ("categorical", "boolean", "constant"):
            rows += _level_lines(name, column, y, patient, missing)
        else:
            distinct = f"{column.nunique():,} different values, not listed"
            rows.append((name, distinct, "", "", np.nan, missing))
    if X.shape[1] > max_columns:
        more = f"{X.shape[1] - max_columns:,} more columns"
        rows.append((more, "not described", "", "", np.nan, ""))
    columns = ["column", "level", "no_event", "event", "standardised_difference", "missing"]
    return pd.DataFrame(rows, columns=columns)


def _number_line(column, y, patient):
    values = column.to_numpy(dtype=float, na_value=np.nan)
    without, having = values[y == 0], values[y == 1]
    spread = np.sqrt((np.nanvar(without) + np.nanvar(having)) / 2) if _both(without, having) else 0
    gap = (np.nanmean(having) - np.nanmean(without)) / spread if spread > 0 else np.nan
    words = [_spread_words(values[y == k], patient[y == k]) for k in (0, 1)]
    return (*words, np.nan if _HIDDEN in words else gap)


def _both(a, b):
    return np.isfinite(a).any() and np.isfinite(b).any()


def _spread_words(values, patient):
    seen = np.isfinite(values)
    values = values[seen]
    if len(np.unique(patient[seen])) < SMALLEST_SHOWN:
        return _HIDDEN
    low, mid, high = np.percentile(values, [25, 50, 75])
    return f"{values.mean():.3g} ({values.std():.3g}); {mid:.3g} [{low:.3g}, {high:.3g}]"


def _level_lines(name, column, y, patient, missing):
    codes, levels = pd.factorize(column, use_na_sentinel=True)
    if len(levels) > _MOST_LEVELS:
        return [(name, f"{len(levels):,} levels, not listed", "", "", np.nan, missing)]
    counts = np.bincount(codes + 1, minlength=len(levels) + 1)[1:]
    events = np.bincount(codes + 1, y, minlength=len(levels) + 1)[1:]
    counts = np.column_stack([counts - events, events]).astype(int)
    patients = [_patients(codes[y == k], patient[y == k], len(levels)) for k in (0, 1)]
    everybody, apart = _patients(codes, patient, len(levels)), np.column_stack(patients)
    totals = (len(y) - y.sum(), y.sum())
    lines = [
        (name, str(levels[k]), *_share_line(counts[k], apart[k], totals), missing)
        for k in np.argsort(-counts.sum(axis=1))
        if everybody[k] >= SMALLEST_SHOWN
    ]
    small = int(np.sum((everybody > 0) & (everybody < SMALLEST_SHOWN)))
    if small:
        words = f"{small} levels below {SMALLEST_SHOWN} patients"
        lines.append((name, words, _HIDDEN, _HIDDEN, np.nan, ""))
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
