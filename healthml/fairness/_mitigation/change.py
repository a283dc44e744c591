"""Before and after by group, so that levelling down is seen."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._intervals import z_value
from healthml._core._numerics import cluster_variance
from healthml._core._results import Result, table_text
from healthml.fairness._estimates import Rows, auroc_of_groups
from healthml.fairness._sums import ratio_of

MEASURES = ("oe_ratio", "brier", "flagged_rate", "sensitivity", "specificity", "ppv")
_SHARES = ("flagged_rate", "sensitivity", "specificity", "ppv")
MARGIN = 0.5
"""Net benefit per 1,000 patients of a group, a loss of which is counted as none: one patient found
in two thousand. Chosen by judgement; with a smaller margin fewer groups can be cleared."""
HARMED, SPARED, UNCLEAR = "yes", "no", "cannot be told"
EVERYBODY = "all"


@dataclass(frozen=True, repr=False)
class GroupChangeResult(Result):
    """What a change did to every group, out of fold; kept by the classifiers of this room.

    Parameters
    ----------
    table : DataFrame
        One row per group ("all": everybody) and measure: feature, group, measure, before, after,
        change, lower, upper (of the change, on the same patients), harmed (of the net benefit per
        1,000: "yes" where its interval lies below 0, "no" where it lies above -0.5, else "cannot
        be told"), n_samples, n_events, n_patients.
    threshold : float
        Risk at which a false alarm and a miss cost what the net benefit counts.
    confidence_level : float
        Of the intervals.
    """

    threshold: float = np.nan
    confidence_level: float = 0.95

    def summary(self):
        """Return net benefit before and after as plain text."""
        rows = self.table["measure"] == "net_benefit_per_1000"
        return table_text(self.table[rows], na_rep="")

    def plot(self, ax=None, *, measure="net_benefit_per_1000", **kwargs):
        """Draw one measure before and after by group; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, VERMILION, new_axes, shorten
        from healthml._core._release import release_table

        rows = release_table(self.table[self.table["measure"] == measure].reset_index(drop=True))
        rows = rows.dropna(subset=["before", "after"]).iloc[::-1]
        ax, at = new_axes(ax, width=6.0, height=1.2 + 0.32 * len(rows)), np.arange(len(rows))
        ax.hlines(at, rows["before"], rows["after"], color=GREY, lw=1)
        hollow = {"color": GREY, "markerfacecolor": "white", "label": "before"} | kwargs
        ax.plot(rows["before"], at, "o", **hollow)
        ax.plot(rows["after"], at, "o", **{"color": BLUE, "label": "after", **kwargs})
        harmed = (rows["harmed"] == HARMED).to_numpy()
        if harmed.any():
            ax.plot(rows["after"][harmed], at[harmed], "X", color=VERMILION, label="after, harmed")
        ax.set_yticks(at, [shorten(str(name)) for name in rows["group"]], parse_math=False)
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set(xlabel=measure.replace("_", " "))
        ax.legend(frameon=False, fontsize=8)
        return ax


@dataclass(frozen=True)
class Decisions:
    """Risks and flags of the same rows.

    Parameters
    ----------
    risk : ndarray of shape (n_samples,)
        Risks.
    flagged : ndarray of bool of shape (n_samples,)
        Whom the decisions flag.
    """

    risk: np.ndarray
    flagged: np.ndarray


def group_change(event, before, after, feature, names, codes, *, threshold, patient=None):
    """Return what changed in every group between two sets of decisions on the same rows.

    Parameters
    ----------
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    before, after : Decisions
        Of the same rows, out of fold.
    feature : str
        Name of the attribute.
    names, codes : ndarray
        The groups, and that of each row.
    threshold : float
        Risk whose odds are the price of a false alarm.
    patient : ndarray of int, optional
        Patient of each row.

    Returns
    -------
    GroupChangeResult
    """
    sides = [_columns(event, side, threshold) for side in (before, after)]
    unchanged = np.array_equal(before.flagged, after.flagged)  # for nobody, so in no group
    prices = {"net_benefit": 0.0 if unchanged else np.hypot(1, threshold / (1 - threshold))}
    prices |= dict.fromkeys(_SHARES, 0.0 if unchanged else 1.0)
    ranked = [_ranked(event, side.risk, codes, len(names), patient) for side in (before, after)]
    groups = [(str(name), codes == k, k) for k, name in enumerate(names)]
    groups.append((EVERYBODY, codes >= 0, None))
    lines = []
    for name, own, k in groups:
        base = {"feature": feature, "group": name}
        counts = _counts(event, own, patient)
        people = None if patient is None else patient[own]
        for measure in (*MEASURES, "net_benefit"):
            pairs = [_value(measure, side[own]) for side in sides]
            rare = _unseen(prices.get(measure, 0.0), ratio_of(measure), sides[0][own], people)
            lines.append(base | _line(measure, pairs, people, rare) | counts)
        if k is not None:
            pairs = [(value[k], moved[own]) for value, moved in ranked]
            lines.append(base | _line("auroc", pairs, people) | counts)
    return GroupChangeResult(pd.DataFrame(lines), float(threshold))


def _columns(event, side, threshold):
    """Return what is added up over the rows, as columns in the order of the sums."""
    flagged, y = side.flagged.astype(float), event.astype(float)
    odds = threshold / (1 - threshold)
    cells = [flagged * y, flagged * (1 - y), (1 - flagged) * y, (1 - flagged) * (1 - y)]
    columns = [*cells, side.risk, (y - side.risk) ** 2, cells[0] - odds * cells[1]]
    return np.column_stack(columns)


def _value(measure, columns):
    """Return a measure of some rows and the influence of each."""
    ratio, sums = ratio_of(measure), columns.sum(axis=0)
    return float(ratio.value(sums)), columns @ ratio.gradient(sums)


def _ranked(event, risk, codes, n_groups, patient):
    areas, influence = auroc_of_groups(Rows(event, risk[None], None, patient), codes, n_groups)
    return areas.value, influence


def _unseen(price, ratio, columns, patient):
    """Return the variance that rare changes of decisions add, seen or not in these rows.

    Where few or no decisions of a group moved, the variance of those that did says that none ever
    will. So half a patient is added for each way in which one may move (Agresti and Min, 2005).
    Simulated with 20 to 2,000 patients of whom .002 to .05 move, intervals then cover .93 or more;
    without it, .04 to .95.
    """
    inside = (columns @ ratio.bottom) > 0
    n = inside.sum() if patient is None else len(np.unique(patient[inside]))
    return (price / n) ** 2 if n else 0.0


def _line(measure, sides, patient, rare=0.0):
    (before, own), (after, other) = sides
    moved = other - own
    change, error = after - before, np.nan
    if np.isfinite(change) and np.isfinite(moved).all():
        error = float(np.sqrt(cluster_variance(moved, patient) + rare))
    scale = 1000 if measure == "net_benefit" else 1
    half = z_value(0.95) * error
    numbers = {"before": before, "after": after, "change": change}
    numbers |= {"lower": change - half, "upper": change + half}
    line = {name: float(scale * value) for name, value in numbers.items()}
    name = "net_benefit_per_1000" if measure == "net_benefit" else measure
    return {"measure": name} | line | {"harmed": _harmed(line) if scale > 1 else ""}


def _harmed(line):
    if not np.isfinite(line["lower"]):
        return UNCLEAR
    if line["upper"] < 0:
        return HARMED
    return SPARED if line["lower"] > -MARGIN or line["lower"] >= 0 else UNCLEAR


def _counts(event, own, patient):
    n_patients = int(own.sum()) if patient is None else len(np.unique(patient[own]))
    counts = {"n_samples": int(own.sum()), "n_events": int(event[own].sum())}
    return counts | {"n_patients": n_patients}
