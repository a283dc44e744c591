"""Who has missing values: by outcome, site, time and place in the file, and which go together."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from healthml._core._checks import check_event, check_groups
from healthml._core._contingency import chi_square_by_group, hide_small_groups, row_blocks
from healthml._core._frames import to_pandas
from healthml._core._intervals import wilson
from healthml._core._numerics import cluster_variance
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.imputation._missing_signal import indicator_auc

MNAR = (
    "Whether a value is missing because of the value itself (missing not at random) cannot be "
    "tested from the data; it needs knowledge of how the data came to be, and a sensitivity "
    "analysis."
)
TOGETHER = 0.8  # phi of two missing indicators in one block
PERIODS = 10
ORDER_BLOCK = 50

_BY_OUTCOME = ("share_events", "share_nonevents", "difference", "lower", "upper")
_BY_PLACE = ("low", "high", "cramers_v", "p_value")


@dataclass(frozen=True, repr=False)
class MissingnessReport(Result):
    """What `missingness_report` saw, one row per column with a missing cell.

    Parameters
    ----------
    table : pandas.DataFrame
        ``column``, ``n_missing``, ``share``, ``n_samples``; ``share_events``,
        ``share_nonevents``, their ``difference`` with ``lower`` and ``upper``; for each of site,
        time and order the smallest and largest share (``site_low``, ``site_high``), Cramer's V
        and the chi-square p-value; ``block``, the number of the block of columns missing
        together, 0 for none. NaN where not asked for or not assessable.
    by_group : pandas.DataFrame
        Share missing for each ``column`` and ``group`` of ``by`` site, time or order; groups
        below 11 patients are left out.
    blocks : pandas.DataFrame
        One row per block: ``block``, ``columns``, ``n_columns``, ``n_all_missing``, smallest
        phi (``phi_min``).
    indicator_auc : dict
        ``estimate``, ``lower``, ``upper``, ``n_samples``, ``n_events``, ``n_indicators`` of the
        out-of-fold AUC of the missing indicators alone, or ``reason`` why there is none.
    notes : tuple of str
        What the report cannot say.
    """

    by_group: pd.DataFrame = field(default_factory=pd.DataFrame)
    blocks: pd.DataFrame = field(default_factory=pd.DataFrame)
    indicator_auc: dict = field(default_factory=dict)
    notes: tuple = (MNAR,)

    def summary(self):
        """Return the table, the AUC of the indicators and the notes as plain text."""
        lines = [self.table.round(3).to_string(index=False) if len(self.table) else "none missing"]
        auc = self.indicator_auc
        if "estimate" in auc:
            lines.append(
                f"Missing indicators alone: AUC {auc['estimate']:.3f} "
                f"({auc['lower']:.3f} to {auc['upper']:.3f}), out of fold"
            )
        elif "reason" in auc:
            lines.append(f"Missing indicators alone: not assessable, {auc['reason']}")
        return "\n".join([*lines, *self.notes])

    def plot(self, ax=None):
        """Draw the share missing in each column, among events and non-events when known.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.

        Returns
        -------
        matplotlib axes
        """
        import matplotlib.pyplot as plt

        shown = self.table.sort_values("share")
        ax = ax if ax is not None else plt.subplots(figsize=(7, 1 + 0.25 * max(len(shown), 1)))[1]
        ax.barh(shown["column"], shown["share"], color="0.85", label="all")
        for name, marker in (("share_events", "o"), ("share_nonevents", "s")):
            if shown[name].notna().any():
                ax.plot(shown[name], shown["column"], marker, label=name.replace("share_", ""))
        ax.set(xlabel="Share missing", xlim=(0, 1))
        ax.legend(frameon=False)
        return ax


def missingness_report(
    X,
    y=None,
    *,
    groups=None,
    site=None,
    time=None,
    missing=None,
    cv=5,
    confidence_level=0.95,
    random_state=None,
):
    """Describe what is missing: how much, for whom, where, and what goes missing together.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,), default=None
        Outcome 0/1.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; intervals then take whole patients and folds keep them together.
    site, time : array-like of shape (n_samples,), default=None
        Site and time of each row. More than 10 distinct times are cut into 10 periods.
    missing : array-like of bool of shape (n_samples, n_features), default=None
        Which cells count as missing, for example with codes such as -1 counted too
        (``QualityReport.missing_mask``); by default the empty cells.
    cv : int or splitter, default=5
        Folds for the AUC of the missing indicators; a number means that many random parts of
        whole patients, stratified by whether a patient has an event.
    confidence_level : float, default=0.95
        Coverage of the intervals: Newcombe's for differences, with the sample size of each arm
        divided by the design effect of repeated patients [1]_; influence functions for the AUC,
        widened for the overlap of training rows [2]_.
    random_state : int, RandomState or None, default=None
        Deals patients to folds.

    Returns
    -------
    MissingnessReport

    Raises
    ------
    InputError
        If lengths or shapes differ, or a patient identifier is missing.

    Notes
    -----
    The tests by site, time and order take every row as independent; with repeated patients read
    Cramer's V, not the p-value.

    References
    ----------
    .. [1] Newcombe RG. Interval estimation for the difference between independent proportions.
       Stat Med. 1998;17:873-890.
    .. [2] Nadeau C, Bengio Y. Inference for the generalization error. Mach Learn.
       2003;52:239-281.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import missingness_report
    >>> X = pd.DataFrame({"lactate": [1.0, np.nan, 2.0, np.nan], "age": [60, 70, 80, 90]})
    >>> report = missingness_report(X, [0, 1, 0, 1])
    >>> report.table[["column", "n_missing", "share_events"]].to_string(index=False, header=False)
    'lactate          2           1.0'
    """
    frame = to_pandas(X)
    names, gone = _indicators(frame, missing)
    y = None if y is None else check_event(y)[1]
    groups = None if groups is None else check_groups(groups, len(frame))
    _check_length("y", y, len(frame))
    table = pd.DataFrame({"column": pd.Series(names, dtype=str), "n_missing": gone.sum(axis=0)})
    table["share"] = gone.mean(axis=0) if len(names) else np.empty(0)
    table["n_samples"] = len(frame)
    for name, values in zip(
        _BY_OUTCOME, _compare_outcomes(gone, y, groups, confidence_level), strict=True
    ):
        table[name] = values
    shares = []
    for by, codes, labels in _places(site, time, len(frame)):
        found, long = _compare_places(by, codes, labels, gone, names, groups)
        for name, values in zip(_BY_PLACE, found, strict=True):
            table[f"{by}_{name}"] = values
        shares.append(long)
    table["block"], blocks = _blocks(gone, names)
    return MissingnessReport(
        table,
        _stack(shares),
        blocks,
        indicator_auc(gone, y, groups, cv, confidence_level, random_state),
    )


def _stack(parts):
    """Put long tables below each other; empty ones would blur the column types."""
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else parts[0]


def _check_length(name, values, n):
    if values is not None and len(values) != n:
        raise InputError(f"{name} has {len(values)} values for {n} rows; pass one for each row.")


def _indicators(frame, missing):
    gone = frame.isna().to_numpy() if missing is None else np.asarray(missing, dtype=bool)
    if gone.shape != frame.shape:
        raise InputError(
            f"missing has shape {gone.shape}, the table {frame.shape}; pass one flag for each cell."
        )
    some = gone.any(axis=0)
    return [str(c) for c, has in zip(frame.columns, some, strict=True) if has], gone[:, some]


def _compare_outcomes(gone, y, groups, confidence_level):
    """Return shares among events and others, their difference and its interval."""
    if y is None:
        return np.full((5, gone.shape[1]), np.nan)
    limits, shares = [], []
    for arm in (y == 1, y == 0):
        n = arm.sum()
        share = gone[arm].mean(axis=0)
        effective = n / _design_effect(gone[arm], share, None if groups is None else groups[arm])
        limits.append(wilson(share * effective, effective, confidence_level))
        shares.append(share)
    (event, other), ((low1, high1), (low0, high0)) = shares, limits
    difference = event - other
    lower = difference - np.sqrt((event - low1) ** 2 + (high0 - other) ** 2)
    upper = difference + np.sqrt((high1 - event) ** 2 + (other - low0) ** 2)
    return event, other, difference, lower, upper


def _design_effect(gone, share, groups):
    """Return, per column, the variance of the share over that of independent rows, at least 1."""
    effect = np.ones(gone.shape[1])
    if groups is None or len(np.unique(groups)) < 2:
        return effect
    n = len(gone)
    for j, p in enumerate(share):
        if 0 < p < 1:
            variance = cluster_variance((gone[:, j] - p) / n, groups)
            effect[j] = max(1.0, variance * n / (p * (1 - p)))
    return effect


def _places(site, time, n):
    """Yield site, time and order as integer codes with labels."""
    for by, values in (("site", site), ("time", time)):
        _check_length(by, values, n)
        codes, labels = np.full(n, -1), []
        if values is not None:
            codes, labels = _site_codes(values) if by == "site" else _time_codes(values)
        yield by, codes, labels
    order = row_blocks(n, smallest=ORDER_BLOCK)
    labels = [f"rows from position {(order == b).argmax()}" for b in range(order.max() + 1)]
    yield "order", order, labels


def _site_codes(values):
    codes, levels = pd.factorize(pd.Series(values).reset_index(drop=True), sort=False)
    return codes, [str(level) for level in levels]


def _time_codes(values):
    series = pd.Series(values).reset_index(drop=True)
    codes, levels = pd.factorize(series, sort=True)
    if len(levels) <= PERIODS:
        return codes, [str(level) for level in levels]
    rank = rankdata(codes, method="average") - 0.5
    periods = np.where(codes < 0, -1, (rank * PERIODS // len(codes)).astype(int))
    return periods, [f"period {k + 1} of {PERIODS}" for k in range(PERIODS)]


def _compare_places(by, codes, labels, gone, names, groups):
    """Return range, Cramer's V and p-value per column, and the shares as a long table.

    Every group counts in the test; the shares of groups below 11 patients are not shown.
    """
    columns = ["by", "group", "column", "estimate", "n_samples"]
    if len(np.unique(codes[codes >= 0])) < 2 or not names:
        return np.full((4, len(names)), np.nan), pd.DataFrame(columns=columns)
    shares, p_value, v = chi_square_by_group(codes, gone)
    used = np.unique(hide_small_groups(codes, groups))
    used = used[used >= 0]
    if not len(used):
        nothing = np.full(len(names), np.nan)
        return (nothing, nothing, v, p_value), pd.DataFrame(columns=columns)
    size = np.bincount(codes[codes >= 0])
    long = pd.DataFrame(
        {
            "by": by,
            "group": np.repeat([labels[k] for k in used], len(names)),
            "column": np.tile(names, len(used)),
            "estimate": shares[used].ravel(),
            "n_samples": np.repeat(size[used], len(names)),
        }
    )
    return (shares[used].min(axis=0), shares[used].max(axis=0), v, p_value), long


def _blocks(gone, names):
    """Group columns whose missing indicators go together (phi of 0.8 or more, linked)."""
    phi = _phi(gone)
    block, number, rows = np.zeros(len(names), dtype=int), 0, []
    for start in range(len(names)):
        if block[start] or (phi[start] >= TOGETHER).sum() < 2:
            continue
        number += 1
        members, waiting = set(), [start]
        while waiting:
            member = waiting.pop()
            members.add(member)
            linked = set(np.flatnonzero(phi[member] >= TOGETHER).tolist())
            waiting += sorted(linked - members)
        where = sorted(members)
        block[where] = number
        inside = phi[np.ix_(where, where)]
        columns = ", ".join(names[k] for k in where)
        rows.append(
            (number, columns, len(where), int(gone[:, where].all(axis=1).sum()), inside.min())
        )
    columns = ["block", "columns", "n_columns", "n_all_missing", "phi_min"]
    return block, pd.DataFrame(rows, columns=columns)


def _phi(gone):
    """Return correlations of the indicators, 0 for a column without both values."""
    flags = gone.astype(np.float32)
    centred = flags - flags.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    length[length < 1e-6] = np.inf
    phi = (centred.T @ centred) / np.outer(length, length)
    np.fill_diagonal(phi, 1.0)
    return phi
