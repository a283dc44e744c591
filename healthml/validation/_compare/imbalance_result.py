"""The comparison of strategies for a rare outcome: table, plot and one sentence."""

from dataclasses import dataclass

import numpy as np

from healthml._core._results import Result
from healthml.metrics._measures import get_measure

RAW, RECALIBRATED = ", as it is", ", recalibrated"
REFERENCE = "none, recalibrated"

_HARDLY = 0.005  # scaled Brier score by which "none" as it is may be worse; chosen by judgement


@dataclass(frozen=True, repr=False)
class ImbalanceComparisonResult(Result):
    """Strategies for a rare outcome side by side; made by `compare_imbalance_strategies`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per strategy and measure: strategy ("SMOTE, recalibrated"), sampling, recalibrated,
        measure, estimate, lower, upper, difference from "none, recalibrated" (of logarithms for
        O:E), difference_lower, difference_upper, lower_adjusted, upper_adjusted (Bonferroni over
        the strategies), direction, n_samples, n_events, n_patients, method.
    advised : str
        The strategy of the advice.
    advice : str
        One sentence that follows the numbers.
    remarks : tuple of str
        How the patients were split.
    confidence_level : float
        Coverage of each interval.
    """

    advised: str = REFERENCE
    advice: str = ""
    remarks: tuple = ()
    confidence_level: float = 0.95

    def get(self, strategy, measure):
        """Return one row of the table as a Series."""
        rows = (self.table["strategy"] == strategy) & (self.table["measure"] == measure)
        return self.table[rows].iloc[0]

    def summary(self):
        """Return the estimates, the differences in scaled Brier score, and the advice."""
        wide = self.table.pivot_table("estimate", "strategy", "measure", sort=False)
        rows = self.table[self.table["measure"] == "scaled_brier"].set_index("strategy")
        for name in ("difference", "difference_lower", "difference_upper"):
            wide[name] = rows[name]
        text = "difference: of the scaled Brier score from 'none, recalibrated'."
        parts = [wide.round(3).to_string(na_rep=""), text, self.advice]
        return "\n".join([*parts, *(f"- {remark}" for remark in self.remarks)])

    def plot(self, **kwargs):
        """Draw every measure of every strategy with its interval; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, VERMILION, new_grid

        measures = list(self.table["measure"].unique())
        axes = np.ravel(new_grid(len(measures)))
        for ax, measure in zip(axes, measures, strict=False):
            table = self._drawn()
            rows = table[table["measure"] == measure].iloc[::-1]
            for kept, colour in ((rows["recalibrated"], BLUE), (~rows["recalibrated"], VERMILION)):
                at = np.flatnonzero(kept)
                part = rows[kept]
                ax.hlines(at, part["lower"], part["upper"], color=colour, lw=1.6)
                ax.plot(part["estimate"], at, "o", **{"color": colour, "ms": 4.5, **kwargs})
            ax.set_yticks(range(len(rows)), rows["strategy"], parse_math=False)
            target = {"calibration_slope": 1, "oe_ratio": 1}.get(measure)
            if target is not None:
                ax.axvline(target, color=GREY, lw=0.9)
            ax.set_xlabel(get_measure(measure.split("@")[0]).label)
        return axes


def advise(table, paired, confidence_level):
    """Return the simplest strategy that is not worse, and the sentence that says why.

    `paired(name, other, measure)` is the difference of two strategies.
    """
    rows = table[table["measure"] == "scaled_brier"].set_index("strategy")
    ahead = [name for name in rows.index if rows.at[name, "lower_adjusted"] > 0]
    better = [name for name in _simplest_first(ahead) if _net_benefit_allows(table, name)]
    if better:
        best = max(better, key=lambda name: rows.at[name, "estimate"])
        tail = (1 - confidence_level) / 2
        for name in better:
            if name == best or paired(best, name, "scaled_brier").ends(tail)[0] <= 0:
                return name, _better_words(name, rows.loc[name], len(better) < len(ahead))
    veto = " without a worse net benefit" if ahead else ""
    plain, gap = "none" + RAW, _gap(rows.loc["none" + RAW])
    if rows.at[plain, "difference_lower"] > -_HARDLY:
        return plain, (
            f"Change nothing: no strategy had a better scaled Brier score{veto} than the "
            "classifier as it is, recalibrated, and as it is it is hardly worse than that "
            f"({gap} in difference){_not_ruled_out(rows, plain)}."
        )
    return REFERENCE, (
        f"Recalibrate and do not resample: no strategy had a better scaled Brier score{veto} than "
        f"the classifier as it is, recalibrated, and as it is it had {gap} in difference"
        f"{_not_ruled_out(rows, REFERENCE)}."
    )


def _not_ruled_out(rows, advised):
    """Say which gain the patients are too few to rule out, where it is more than hardly any."""
    upper = rows["upper_adjusted"].drop([REFERENCE, advised], errors="ignore")
    most = upper.max()
    if not most > _HARDLY:
        return ""
    name = upper.idxmax()
    n_events = int(rows.at[name, "n_events"])
    return f"; with {n_events} events a gain of up to {most:.3f} by '{name}' cannot be ruled out"


def _simplest_first(names):
    """Order by what has to be done: nothing, recalibrate, resample, resample many times."""
    order = {"none": 0, "weights": 1, "over": 2, "under": 3, "SMOTE": 4, "bagged": 6}
    return sorted(names, key=lambda n: (order.get(n.partition(", ")[0], 5), n.endswith(RAW)))


def _net_benefit_allows(table, name):
    """Say whether net benefit, where it was asked for, is not shown to be worse."""
    rows = table[table["measure"].str.startswith("net_benefit") & (table["strategy"] == name)]
    return not (rows["difference_upper"] < 0).any()


def _better_words(name, row, vetoed):
    veto = " with as good a net benefit" if vetoed else ""
    gap = _gap(row, "lower_adjusted", "upper_adjusted")
    return (
        f"Use '{name}': its scaled Brier score was better than that of the classifier as it is, "
        f"recalibrated, by {gap}, all strategies counted, and none{veto} was shown to be better "
        "than it."
    )


def _gap(row, lower="difference_lower", upper="difference_upper"):
    return f"{row['difference']:.3f} ({row[lower]:.3f} to {row[upper]:.3f})"
