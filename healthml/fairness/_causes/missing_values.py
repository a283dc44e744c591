"""For whom values are missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_groups
from healthml._core._intervals import check_confidence_level, z_value
from healthml._core._results import Result
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.fairness._attributes import find_partitions
from healthml.fairness._contrasts import gap_blocks, holm
from healthml.fairness._estimates import measure_groups
from healthml.fairness._sums import sums_of_rows
from healthml.imputation._missingness import compare_places


@dataclass(frozen=True, repr=False)
class MissingnessByGroupResult(Result):
    """Shares missing by group; made by `missingness_by_group`.

    Parameters
    ----------
    table : DataFrame
        One row per column with gaps and group: feature, column, group, estimate (share missing),
        lower, upper, gap (to everybody else), gap_lower, gap_upper, n_samples, n_patients.
    tests : DataFrame
        feature, column, cramers_v, p_value (of `missingness_report`'s test), p_holm.
    confidence_level : float
        Of the intervals.
    """

    tests: pd.DataFrame = None
    confidence_level: float = 0.95

    def summary(self):
        """Return the shares by group as plain text, or that there is nothing to compare."""
        if self.table.empty:
            return "No column has a missing value in these rows, so that no groups are compared."
        return super().summary()

    def plot(self, ax=None, **kwargs):
        """Draw the gaps of all columns and groups; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes, shorten
        from healthml._core._release import release_table

        rows = release_table(self.table).dropna(subset=["gap"]).iloc[::-1]
        ax, at = new_axes(ax, width=6.4, height=1.2 + 0.25 * len(rows)), np.arange(len(rows))
        spread = [rows["gap"] - rows["gap_lower"], rows["gap_upper"] - rows["gap"]]
        options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
        ax.errorbar(rows["gap"], at, xerr=np.abs(np.asarray(spread)), **options)
        names = rows["column"].astype(str) + ", " + rows["group"].astype(str)
        ax.set_yticks(at, [shorten(name) for name in names], parse_math=False)
        ax.axvline(0, color=GREY, lw=1, zorder=0)
        ax.set(xlabel=f"Share missing minus that of others, {self.confidence_level:.0%} CI")
        return ax


def missingness_by_group(
    X, sensitive_features, *, groups=None, missing=None, confidence_level=0.95
) -> MissingnessByGroupResult:
    """Say for which groups values are missing, and how sure that is.

    What is missing more often in a group is measured less, or recorded worse, there; a model sees
    those patients less sharply, and imputation fills them in from others.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The table.
    sensitive_features : DataFrame, Series, dict or array-like
        One or more features; bands and levels as in `group_performance`.
    groups : array-like of shape (n_samples,), optional
        The patient of each row; intervals are then those of patients.
    missing : array-like of bool of shape (n_samples, n_features), optional
        Which cells count as missing, for example with codes such as -1; the empty ones by default.
    confidence_level : float, default=0.95
        Of the intervals: Wilson's for shares, Newcombe's for gaps.

    Returns
    -------
    MissingnessByGroupResult

    Raises
    ------
    InputError
        If lengths differ, or a patient is missing.

    See Also
    --------
    healthml.imputation.missingness_report : What is missing altogether, and what tells of it.
    representation : Who is in the table at all.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.fairness import missingness_by_group
    >>> X = pd.DataFrame({"lactate": [1.0, np.nan] * 50})
    >>> found = missingness_by_group(X, {"sex": ["f"] * 20 + ["m"] * 80})
    >>> found.to_frame()[["group", "estimate", "gap"]].values.tolist()
    [['f', 0.5, 0.0], ['m', 0.5, 0.0]]
    """
    level = check_confidence_level(confidence_level)
    frame = to_pandas(X)
    check_alignment(X=X, sensitive_features=sensitive_features, missing=missing, groups=groups)
    mask = frame.isna().to_numpy() if missing is None else _mask_of(missing)
    if mask.shape != frame.shape:
        raise InputError(
            f"missing has shape {mask.shape} where X has {frame.shape}; pass True or False for "
            "each cell of X."
        )
    patient = None if groups is None else check_groups(groups, len(frame))
    chosen = np.flatnonzero(mask.any(axis=0))
    names = [str(frame.columns[k]) for k in chosen]
    lines, tests = [], []
    for part in find_partitions(sensitive_features, len(frame), patient=patient):
        labels = [str(name) for name in part.names]
        compared, _ = compare_places(
            "sensitive", part.codes, labels, mask[:, chosen], names, patient
        )
        tests += [
            {"feature": part.feature, "column": name, "cramers_v": v, "p_value": p}
            for name, v, p in zip(names, compared[2], compared[3], strict=True)
        ]
        for column, name in zip(chosen, names, strict=True):
            lines += _of_column(part, name, mask[:, column], patient, level)
    columns = ["feature", "column", "cramers_v", "p_value"]
    tests = pd.DataFrame(tests, columns=columns).assign(
        p_holm=holm([test["p_value"] for test in tests])
    )
    return MissingnessByGroupResult(pd.DataFrame(lines, columns=_COLUMNS), tests, level)


def _mask_of(missing):
    """Return which cells are missing as truths; anything else, a gap included, is refused."""
    cells = np.asarray(missing)
    if cells.dtype != bool:
        is_truth = [isinstance(c, bool | np.bool_) or c in (0, 1) for c in _flat(cells)]
        if not all(is_truth):
            raise InputError(
                f"missing has {len(is_truth) - sum(is_truth)} cells that are neither True nor "
                f"False, the first at position {is_truth.index(False)}; pass one for each cell."
            )
    return cells.astype(bool)


def _flat(cells):
    return [c if np.isscalar(c) else None for c in cells.ravel()]


_COLUMNS = ["feature", "column", "group", "estimate", "lower", "upper", "gap", "gap_lower"]
_COLUMNS += ["gap_upper", "n_samples", "n_patients"]


def _of_column(part, name, is_missing, patient, level):
    """Return a line for each group: a missing cell is counted as an event is elsewhere."""
    cell = np.where(is_missing, 0, 3).astype(np.int8)
    event = is_missing.astype(np.int64)
    sums = sums_of_rows(part.names, part.codes, event, {"cell": cell}, patient=patient)
    measured = measure_groups("flagged_rate", None, None, sums)
    lower, upper = measured.own.ends(z_value(level))
    blocks = gap_blocks(measured, None)
    gaps = blocks[0].ends(z_value(level)) if blocks else np.full((3, len(lower)), np.nan)
    lines = zip(part.names, measured.own.value, lower, upper, *gaps, strict=True)
    return [
        (part.feature, name, str(group), *map(float, numbers), int(n), int(p))
        for (group, *numbers), n, p in zip(lines, sums.n_samples, sums.n_patients, strict=True)
    ]
