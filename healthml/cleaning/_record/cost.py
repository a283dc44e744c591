"""What cleaning cost: whether the patients whose values it changed are the sick, or one group."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._intervals import check_confidence_level
from healthml._core._numerics import cluster_variance
from healthml._core._results import Result
from healthml.cleaning._record.summary import cells_by_rule, group_codes, newcombe
from healthml.exceptions import CostOfCleaningWarning, InputError

# Difference in the event rate, or in the share of touched rows, beyond which cleaning is called
# unequal: the interval must lie beyond it. Chosen by judgement, not by simulation: two patients in
# a hundred. With 0, many rows make every trifle significant; with more, a cap that deletes some of
# the sickest passes in silence.
LEAST = 0.02
# rules that take no measured value from a patient: the cell held none, or not in this writing
NO_VALUE = frozenset(
    {
        "missing_code_text",
        "missing_code_number",
        "blank_text",
        "infinite",
        "missing_reason",
    }
)
ANY = "(any)"


@dataclass(frozen=True, repr=False)
class CostOfCleaningResult(Result):
    """Who was touched by cleaning; made by `ClinicalCleaner.cost_of_cleaning`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per column, rule and question. ``question`` is "outcome" (event rate of touched
        rows, ``rate``, against all others, ``rate_rest``) or the name of a sensitive feature
        (share of touched rows in ``group`` against all other groups). ``estimate`` is the
        difference with ``lower`` and ``upper`` (all comparisons together at the confidence
        level), ``n_touched``, ``n_samples``, ``n_events``, and ``unequal``: the interval lies
        beyond 0.02 on one side.
    confidence_level : float
        Coverage of the intervals, all comparisons together.
    """

    confidence_level: float = 0.95

    def plot(self, ax=None):
        """Draw the differences with their intervals.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib axes
        """
        import matplotlib.pyplot as plt

        table = self._drawn().iloc[::-1].reset_index(drop=True)
        height = 1.2 + 0.32 * max(len(table), 1)
        ax = plt.subplots(figsize=(7, height), layout="constrained")[1] if ax is None else ax
        middle, ends = table["estimate"], table[["lower", "upper"]].to_numpy().T
        ax.errorbar(
            middle, table.index, xerr=np.abs(ends - middle.to_numpy()), fmt="o", color="#0072B2"
        )
        ax.axvline(0, color="0.4", linewidth=0.8)
        names = table["column"] + ", " + table["rule"] + ": " + table["question"]
        names += np.where(table["group"] == "", "", " = " + table["group"])
        ax.set_yticks(table.index, names, parse_math=False)
        ax.set_xlabel(f"Difference from the rest, {self.confidence_level:.0%} CI (all together)")
        return ax


def cost_of_cleaning(record, y, *, sensitive_features=None, groups=None, confidence_level=0.95):
    """Compare the rows that cleaning touched with all others; see `ClinicalCleaner`.

    Only changes of measured values count: blanked or repaired cells that were called wrong.
    Codes for missing values and other ways to write a value take nothing from a patient.

    With `groups` the intervals are robust to repeated rows of a patient; the confidence level is
    that of all intervals together (Bonferroni).
    """
    check_alignment(y=y, sensitive_features=sensitive_features, groups=groups)
    event = check_event(y)[1]
    if len(event) != record.n_rows:
        raise InputError(f"y has {len(event)} values, the record {record.n_rows} rows.")
    level = check_confidence_level(confidence_level)
    groups = None if groups is None else check_groups(groups, record.n_rows)
    features = _features(sensitive_features, record.n_rows)
    asked = []
    for (column, rule), touched in _touched(record).items():
        asked.append((column, rule, "outcome", "", event.astype(float), touched))
        for name, (names, codes) in features.items():
            asked += [
                (column, rule, name, label, touched.astype(float), codes == place)
                for place, label in enumerate(names)
                if len(names) > 1
            ]
    alpha = (1 - level) / max(len(asked), 1)
    rows = [_compare(*question, event, groups, alpha) for question in asked]
    result = CostOfCleaningResult(_table(rows), level)
    _warn(result.table)
    return result


def _touched(record):
    """Return {(column, rule): rows} where measured values were changed, and all together."""
    rows_of = {}
    for (column, rule, action, severity), rows in cells_by_rule(record).items():
        if action == "flagged" or severity != "error" or rule in NO_VALUE:
            continue
        mask = rows_of.setdefault((column, rule), np.zeros(record.n_rows, dtype=bool))
        mask[rows] = True
    if len(rows_of) > 1:
        rows_of = {(ANY, ANY): np.logical_or.reduce(list(rows_of.values())), **rows_of}
    return rows_of


def _features(sensitive_features, n_rows):
    if sensitive_features is None:
        return {}
    if isinstance(sensitive_features, pd.DataFrame):
        columns = dict(sensitive_features.items())
    else:
        columns = {"group": sensitive_features}
    return {str(name): group_codes(values, n_rows) for name, values in columns.items()}


def _compare(column, rule, question, label, value, inside, event, groups, alpha):
    """Return the difference in the mean of a 0/1 value inside and outside of a set of rows."""
    n, m = int(inside.sum()), int((~inside).sum())
    touched = inside if question == "outcome" else value.astype(bool)
    p = value[inside].mean() if n else np.nan
    q = value[~inside].mean() if m else np.nan
    lower = upper = np.nan
    if n and m:
        lower, upper = _interval(value, inside, n, m, groups, alpha)
    events = int(event[touched & inside].sum())
    counts = (int((touched & inside).sum()), n + m, events)
    return (column, rule, question, label, p, q, p - q, lower, upper, *counts)


def _interval(value, inside, n, m, groups, alpha):
    if groups is None:
        ends = newcombe(value[inside].sum(), n, value[~inside].sum(), m, 1 - alpha)
        return tuple(float(end) for end in ends)
    residual = np.where(inside, (value - value[inside].mean()) / n, 0)
    residual -= np.where(inside, 0, (value - value[~inside].mean()) / m)
    freedom = max(len(np.unique(groups)) - 1, 1)
    half = t.ppf(1 - alpha / 2, freedom) * np.sqrt(cluster_variance(residual, groups))
    middle = value[inside].mean() - value[~inside].mean()
    return max(middle - half, -1.0), min(middle + half, 1.0)


def _table(rows):
    names = ["column", "rule", "question", "group", "rate", "rate_rest", "estimate"]
    names += ["lower", "upper", "n_touched", "n_samples", "n_events"]
    table = pd.DataFrame(rows, columns=names)
    unequal = (table["lower"].astype(float) > LEAST) | (table["upper"].astype(float) < -LEAST)
    return table.assign(unequal=unequal)


def _warn(table):
    unequal = table[table["unequal"]]
    if unequal.empty:
        return
    first = unequal.loc[unequal["estimate"].abs().idxmax()]
    by = "the outcome" if first["question"] == "outcome" else f"the feature {first['question']!r}"
    warnings.warn(
        f"cleaning changed values unequally by {by}: column {first['column']!r}, rule "
        f"{first['rule']!r}, {first['n_touched']} rows, {first['rate']:.1%} against "
        f"{first['rate_rest']:.1%} (difference {first['lower']:+.1%} to {first['upper']:+.1%}); "
        f"{len(unequal)} of {len(table)} comparisons. Look at these cells in record_ before "
        "relying on them, and take the rule back with undo(X, rules=...) if they are real.",
        CostOfCleaningWarning,
        stacklevel=3,
    )
