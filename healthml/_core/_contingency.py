"""Association of many yes/no columns with one grouping of the rows, all at once."""

import numpy as np
from scipy.stats import chi2


def chi_square_by_group(codes, flags):
    """Test each yes/no column for association with a grouping of the rows.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Group of each row, integers from 0; negative codes are left out.
    flags : ndarray of shape (n_samples, n_columns)
        Boolean.

    Returns
    -------
    shares : ndarray of shape (n_groups, n_columns)
        Share of True in each group; NaN for an empty group.
    p_value : ndarray of shape (n_columns,)
        Pearson chi-square; NaN for a column without both values.
    cramers_v : ndarray of shape (n_columns,)
        Bias-corrected (Bergsma 2013), 0 when no larger than chance gives; NaN as `p_value`.

    References
    ----------
    .. [1] Bergsma W. A bias-correction for Cramer's V and Tschuprow's T. J Korean Stat Soc.
       2013;42:323-328.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._contingency import chi_square_by_group
    >>> flags = np.array([[True], [True], [False], [False]])
    >>> shares, p_value, v = chi_square_by_group(np.array([0, 0, 1, 1]), flags)
    >>> shares[:, 0].tolist(), round(float(p_value[0]), 4)
    ([1.0, 0.0], 0.0455)
    """
    kept = codes >= 0
    codes, flags = codes[kept], np.asarray(flags, dtype=float)[kept]
    size = np.bincount(codes).astype(float)
    yes = _sum_by_group(codes, flags, len(size))
    n, overall = size.sum(), flags.mean(axis=0) if len(flags) else np.full(flags.shape[1], np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = yes / size[:, None]
        spread = np.where(size[:, None] > 0, (yes - size[:, None] * overall) ** 2, 0)
        statistic = (spread[size > 0] / size[size > 0, None]).sum(axis=0)
        statistic = statistic / (overall * (1 - overall))
        n_groups = int((size > 0).sum())
        v = _bergsma(statistic, n, n_groups)
    if n_groups < 2:
        statistic = np.full(flags.shape[1], np.nan)
    return (
        shares,
        chi2.sf(statistic, max(n_groups - 1, 1)),
        np.where(np.isnan(statistic), np.nan, v),
    )


def hide_small_groups(codes, patients=None, smallest=11):
    """Return the groups with those of fewer than `smallest` patients set to -1.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._contingency import hide_small_groups
    >>> hide_small_groups(np.array([0, 0, 1]), smallest=2).tolist()
    [0, 0, -1]
    """
    patients = np.arange(len(codes)) if patients is None else patients
    known = codes >= 0
    if not known.any():
        return codes
    pairs = np.unique(np.column_stack([codes[known], patients[known]]), axis=0)
    size = np.bincount(pairs[:, 0], minlength=codes.max() + 1)
    return np.where(known & (size[codes] >= smallest), codes, -1)


def row_blocks(n_samples, smallest=25, most=20):
    """Return the block of each row when the file is cut into runs of equal length.

    Examples
    --------
    >>> from healthml._core._contingency import row_blocks
    >>> row_blocks(6, smallest=3).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    n_blocks = int(np.clip(n_samples // smallest, 1, most))
    return np.arange(n_samples) * n_blocks // n_samples


def _sum_by_group(codes, flags, n_groups):
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(n_groups))
    totals = np.vstack([np.zeros(flags.shape[1]), np.cumsum(flags[order], axis=0)])
    ends = np.append(starts[1:], len(codes))
    return totals[ends] - totals[starts]


def _bergsma(statistic, n, n_groups):
    """Bias-corrected Cramer's V of an `n_groups` by 2 table."""
    phi2 = np.maximum(0, statistic / n - (n_groups - 1) / (n - 1))
    rows = n_groups - (n_groups - 1) ** 2 / (n - 1)
    columns = 2 - 1 / (n - 1)
    return np.minimum(1, np.sqrt(phi2 / (np.minimum(rows, columns) - 1)))
