"""Who has missing values: by outcome, site, time and group, where, and which go together."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._release import release_table
from healthml._core._results import Result, table_text
from healthml._core._tables import refuse_nested, to_pandas
from healthml.exceptions import InputError
from healthml.imputation._missingness.little import NOTE as MCAR
from healthml.imputation._missingness.patterns import (
    MissingnessPatternsResult,
    describe_patterns,
    missing_cells,
)
from healthml.imputation._missingness.predictability import (
    little_in_brief,
    predictability,
    sample_rows,
)
from healthml.imputation._missingness.shares import (
    PERIODS,
    check_length,
    compare_outcomes,
    compare_places,
    compare_sensitive,
    places,
)
from healthml.imputation._missingness.signal import indicator_auc

__all__ = [
    "PERIODS",
    "TOGETHER",
    "MissingnessResult",
    "draw_groups",
    "draw_shares",
    "missingness_report",
]

MNAR = (
    "Whether a value is missing because of the value itself (missing not at random) cannot be "
    "tested from the data; it needs knowledge of how the data came to be, and a sensitivity "
    "analysis."
)

# Correlation (phi) of two missing indicators from which columns count as measured together: 0.8
# leaves room for one panel in ten that is incomplete. Chosen by judgement; 1.0 would ask for equal
# gaps.
TOGETHER = 0.8

_BY_OUTCOME = ("share_events", "share_nonevents", "difference", "lower", "upper")

_BY_PLACE = ("low", "high", "cramers_v", "p_value")


_SURE = 0.001  # over all columns together (Bonferroni); chosen by judgement, lower finds fewer
_WEAK_ASSOCIATION = 0.1  # Cramer's V of a weak association (Cohen 1988); higher finds fewer


@dataclass(frozen=True, repr=False)
class MissingnessResult(Result):
    """What `missingness_report` saw, one row per column with a missing cell.

    Parameters
    ----------
    table : pandas.DataFrame
        ``column``, ``n_missing``, ``share``, ``n_samples``; ``share_events``,
        ``share_nonevents``, their ``difference`` with ``lower`` and ``upper``; for each of site,
        time, order and sensitive the smallest and largest share (``site_low``, ``site_high``),
        Cramer's V and the chi-square p-value (of several sensitive features the largest V, and
        the smallest p-value times their number); ``block``, the number of the block of columns
        missing together, 0 for none. NaN where not asked for or not assessable.
    by_group : pandas.DataFrame
        Share missing for each ``column`` and ``group`` of ``by`` site, time, order or sensitive;
        groups below 11 patients are left out.
    blocks : pandas.DataFrame
        One row per block: ``block``, ``columns``, ``n_columns``, ``n_all_missing``, smallest
        phi (``phi_min``).
    indicator_auc : dict
        ``estimate``, ``lower``, ``upper``, ``n_samples``, ``n_events``, ``n_indicators`` of the
        out-of-fold AUC of the missing indicators alone, or ``reason`` why there is none.
    patterns : MissingnessPatternsResult
        Patterns of missing cells, pairs of columns, influx and outflux.
    predictability : pandas.DataFrame
        How well the other columns tell where a ``column`` is missing: out-of-fold AUC
        (``estimate``, ``lower``, ``upper``) from their values, and from their values and gaps
        (``predictors``); ``n_samples``, ``n_missing``, and the ``reason`` where there is none.
    little : dict
        Little's MCAR test of the columns of numbers: ``statistic``, ``df``, ``p_value``,
        ``n_patterns``, ``n_samples``, ``n_columns``, or the ``reason`` why there is none.
    notes : tuple of str
        What the report cannot say.
    """

    by_group: pd.DataFrame = field(default_factory=pd.DataFrame)
    blocks: pd.DataFrame = field(default_factory=pd.DataFrame)
    indicator_auc: dict = field(default_factory=dict)
    notes: tuple = (MNAR,)
    patterns: MissingnessPatternsResult = None
    predictability: pd.DataFrame = field(default_factory=pd.DataFrame)
    little: dict = field(default_factory=dict)

    def summary(self):
        """Return the table, the AUC of the indicators and the notes as plain text."""
        lines = [table_text(self.table) if len(self.table) else "none missing"]
        auc = self.indicator_auc
        if "estimate" in auc:
            lines.append(
                f"Missing indicators alone: AUC {auc['estimate']:.3f} "
                f"({auc['lower']:.3f} to {auc['upper']:.3f}), out of fold"
            )
        elif "reason" in auc:
            lines.append(f"Missing indicators alone: not assessable, {auc['reason']}")
        lines += _words_of_little(self.little)
        return "\n".join([*lines, *self.notes])

    def to_json(self, *, indent=None):
        """Return the report as JSON text, small counts hidden."""
        return Result.to_json(replace(self, by_group=self._groups_as_released()), indent=indent)

    def _groups_as_released(self):
        """Return the shares by group as they may leave.

        The groups that are left out are the rest of all rows, and the missing cells of a group are
        its share of its rows.
        """
        groups = self.by_group
        if groups.empty:
            return groups
        n_cells = (groups["estimate"] * groups["n_samples"]).round()
        counted = groups.rename(columns={"estimate": "share"}).assign(n_cells=n_cells)
        whole = self.table.rename(columns={"n_missing": "n_cells"}).assign(group="all")
        names = ["column", "group", "share", "n_samples", "n_cells"]
        totals = [whole[names].assign(by=by) for by in groups["by"].unique()]
        totals = pd.concat(totals)
        written = release_table(pd.concat([counted, totals], ignore_index=True))
        written = written[written["group"] != "all"].rename(columns={"share": "estimate"})
        return written[list(groups.columns)].reset_index(drop=True)

    def differing(self, where):
        """Return the columns whose missingness differs by place beyond chance and by a real size.

        Parameters
        ----------
        where : {"site", "time", "order"}
            By what.

        Returns
        -------
        DataFrame
            Rows of `table`, the largest difference first; none where it was not looked at.
        """
        p_name, v_name = f"{where}_p_value", f"{where}_cramers_v"
        if p_name not in self.table:
            return self.table.iloc[:0]
        sure = self.table[p_name] * len(self.table) < _SURE
        real = sure & (self.table[v_name] >= _WEAK_ASSOCIATION)
        return self.table[real].sort_values(v_name, ascending=False)

    def plot(self, ax=None, *, kind="share", by=None):
        """Draw shares, shares by group, the matrix of patterns, or outflux against influx.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.
        kind : {"share", "group", "patterns", "flux"}, default="share"
            "share": of each column, among events and non-events when known.
        by : {"site", "time", "order", "sensitive"}, default=None
            Which groups "group" draws; None takes the first of sensitive, site, time and order
            that was given.

        Returns
        -------
        matplotlib axes
        """
        if kind == "share":
            return draw_shares(self._drawn(), ax)
        if kind == "group":
            return draw_groups(self._groups_as_released(), by, ax)
        if kind not in ("patterns", "flux"):
            known = "'share', 'group', 'patterns' or 'flux'"
            raise InputError(f"kind={kind!r} is unknown; use {known}.")
        return self.patterns.plot(ax, kind=kind)


def missingness_report(
    X,
    y=None,
    *,
    groups=None,
    site=None,
    time=None,
    sensitive_features=None,
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
    sensitive_features : DataFrame, Series, dict or array-like, default=None
        One or more sensitive features of each row; numbers of more than 10 values are cut into
        quarters, and missing is a group of its own.
    missing : array-like of bool of shape (n_samples, n_features), default=None
        Which cells count as missing, for example with codes such as -1 counted too
        (``QualityReport.missing_mask``); by default the empty cells.
    cv : int or splitter, default=5
        Folds for the AUC of the missing indicators; a number means that many random parts of
        whole patients, stratified by whether a patient has an event. How well a column's gaps
        can be predicted is measured in as many random parts of whole patients (5 for a splitter).
    confidence_level : float, default=0.95
        Coverage of the intervals: Newcombe's for differences, with the sample size of each arm
        divided by the design effect of repeated patients [1]_; influence functions for the AUC,
        widened for the overlap of training rows [2]_.
    random_state : int, RandomState or None, default=None
        Deals patients to folds; draws the rows looked at when there are more than 10,000.

    Returns
    -------
    MissingnessResult

    Raises
    ------
    InputError
        If lengths or shapes differ, or a patient identifier is missing.

    See Also
    --------
    missingness_patterns : Which columns are missing together.
    little_mcar_test : One test of missing completely at random.
    healthml.cleaning.quality_report : Codes and words for missing that a table hides.

    Notes
    -----
    The tests by site, time and order take every row as independent; with repeated patients read
    Cramer's V, not the p-value; Little's test does so too.

    Predictability and Little's test look at 10,000 rows at most. A column whose gaps the values of
    others predict is not missing completely at random; one whose gaps nothing predicts may be
    missing in any way.

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
    refuse_nested(frame)
    cells = missing_cells(frame, missing)
    some = cells.any(axis=0)
    is_missing, names = cells[:, some], [str(c) for c, has in zip(frame, some, strict=True) if has]
    check_alignment(
        X=frame,
        y=y,
        groups=groups,
        site=site,
        time=time,
        sensitive_features=sensitive_features,
        missing=missing,
    )
    y = None if y is None else check_event(y)[1]
    groups = None if groups is None else check_groups(groups, len(frame))
    check_length("y", y, len(frame))
    table, shares = _shares(
        names, is_missing, y, groups, site, time, sensitive_features, confidence_level
    )
    table["block"], blocks = _blocks(is_missing, names)
    signal = indicator_auc(is_missing, y, groups, cv, confidence_level, random_state)
    rows = sample_rows(len(frame), random_state)
    looked, holes = frame.iloc[rows], cells[rows]
    patients = None if groups is None else groups[rows]
    return MissingnessResult(
        table,
        _stack(shares),
        blocks,
        signal,
        (MNAR, MCAR),
        describe_patterns([str(c) for c in frame.columns], cells),
        predictability(looked, holes, patients, cv, confidence_level, random_state),
        little_in_brief(looked, holes),
    )


def _shares(names, is_missing, y, groups, site, time, sensitive_features, confidence_level):
    """Return the table of shares and, as long tables, the shares by group."""
    table = pd.DataFrame(
        {"column": pd.Series(names, dtype=str), "n_missing": is_missing.sum(axis=0)}
    )
    table["share"] = is_missing.mean(axis=0) if len(names) else np.empty(0)
    table["n_samples"] = len(is_missing)
    compared = compare_outcomes(is_missing, y, groups, confidence_level)
    table[list(_BY_OUTCOME)] = np.column_stack(compared)
    shares = []
    for by, codes, labels in places(site, time, len(is_missing)):
        compared_places, long = compare_places(by, codes, labels, is_missing, names, groups)
        table[[f"{by}_{name}" for name in _BY_PLACE]] = np.column_stack(compared_places)
        shares.append(long)
    compared_places, long = compare_sensitive(sensitive_features, is_missing, names, groups)
    table[[f"sensitive_{name}" for name in _BY_PLACE]] = np.column_stack(compared_places)
    return table, [*shares, *long]


def _words_of_little(little):
    if "p_value" in little:
        p = little["p_value"]
        shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
        return [
            f"Little's MCAR test: chi-square {little['statistic']:.1f}, df {little['df']}, {shown}"
        ]
    return [f"Little's MCAR test: not assessable, {little['reason']}"] if little else []


def _stack(parts):
    """Put long tables below each other; empty ones would blur the column types."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _blocks(is_missing, names):
    """Group columns whose missing indicators go together (phi of 0.8 or more, linked)."""
    phi = _phi(is_missing)
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
            (number, columns, len(where), int(is_missing[:, where].all(axis=1).sum()), inside.min())
        )
    columns = ["block", "columns", "n_columns", "n_all_missing", "phi_min"]
    return block, pd.DataFrame(rows, columns=columns)


def _phi(is_missing):
    """Return correlations of the indicators, 0 for a column without both values."""
    flags = is_missing.astype(np.float32)
    centred = flags - flags.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    length[length < 1e-6] = np.inf
    phi = (centred.T @ centred) / np.outer(length, length)
    np.fill_diagonal(phi, 1.0)
    return phi


_FIRST = ("sensitive", "site", "time", "order")


def draw_shares(table, ax):
    """Draw the share missing in each column, among events and non-events when known."""
    import matplotlib.pyplot as plt

    shown = table.sort_values("share")
    ax = ax if ax is not None else plt.subplots(figsize=(7, 1 + 0.25 * max(len(shown), 1)))[1]
    ax.barh(shown["column"], shown["share"], color="0.85", label="all")
    for name, marker in (("share_events", "o"), ("share_nonevents", "s")):
        if shown[name].notna().any():
            ax.plot(shown[name], shown["column"], marker, label=name.replace("share_", ""))
    ax.set(xlabel="Share missing", xlim=(0, 1))
    ax.legend(frameon=False)
    return ax


def draw_groups(by_group, by, ax):
    """Draw the share missing of each column in each group as a coloured table."""
    import matplotlib.pyplot as plt

    given = [name for name in _FIRST if (by_group["by"] == name).any()]
    by = given[0] if by is None and given else by
    if by not in given:
        raise InputError(
            f"by={by!r} has no groups to draw; the report has {given or 'none'}. Pass site, time "
            "or sensitive_features to missingness_report, with groups of at least 11 patients."
        )
    shown = by_group[by_group["by"] == by]
    wide = shown.pivot(index="column", columns="group", values="estimate")
    wide = wide.loc[shown["column"].unique(), shown["group"].unique()]
    size = (2 + 0.8 * wide.shape[1], 1.5 + 0.3 * wide.shape[0])
    ax = plt.subplots(figsize=size)[1] if ax is None else ax
    mesh = ax.pcolormesh(wide.to_numpy(), cmap="Blues", vmin=0, vmax=1, edgecolor="white")
    ax.figure.colorbar(mesh, ax=ax, label="Share missing")
    across, down = np.arange(wide.shape[1]) + 0.5, np.arange(wide.shape[0]) + 0.5
    ax.set_xticks(across, wide.columns, rotation=60, ha="right", parse_math=False)
    ax.set_yticks(down, wide.index, parse_math=False)
    ax.invert_yaxis()
    return ax
