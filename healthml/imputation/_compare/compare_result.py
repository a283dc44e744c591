"""The result of `compare_imputers`: paired differences, scores and what to know about them."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.imputation._compare.task import DIRECTIONS

LABELS = {"auroc": "AUC", "scaled_brier": "scaled Brier score", "r_squared": "R squared"}


@dataclass(frozen=True, repr=False)
class ImputerComparisonResult(Result):
    """Differences between ways to fill in missing cells; made by `compare_imputers`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per imputer and measure: imputer, reference, measure, estimate (imputer minus
        reference), lower, upper, lower_adjusted, upper_adjusted (Bonferroni over all rows), value,
        reference_value, direction ("higher" or "lower" is better), n_samples, n_events,
        n_patients, method.
    scores : pandas.DataFrame
        One row per imputer and measure: imputer, measure, estimate, lower, upper, n_samples,
        n_events, n_patients, method.
    predictions : pandas.DataFrame
        Out-of-sample prediction of each row, averaged over repeats; missing where there is none.
    remarks : tuple of str
        How the patients were split, how many cases are complete, what the gaps alone tell, and
        which imputers warned how often.
    indicator_auc : dict
        Out-of-fold AUC of the missing indicators alone, or ``reason`` why there is none.
    confidence_level : float
        Coverage of each interval.
    """

    scores: pd.DataFrame = None
    predictions: pd.DataFrame = None
    remarks: tuple = ()
    indicator_auc: dict = None
    confidence_level: float = 0.95

    def summary(self):
        """Return differences, scores and remarks as plain text."""
        shown = self.table.drop(columns=["direction", "n_events", "n_patients", "method"])
        wide = self.scores.pivot_table("estimate", "imputer", "measure", sort=False)
        note = (
            f"{len(self.table)} differences; lower and upper hold one at a time with "
            f"{self.confidence_level:.0%}, lower_adjusted and upper_adjusted all together "
            "(Bonferroni)."
        )
        parts = [shown.round(3).to_string(index=False), note, wide.round(3).to_string(na_rep="")]
        return "\n".join([*parts, *(f"- {remark}" for remark in self.remarks)])

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without anything that belongs to single rows."""
        return Result.to_json(replace(self, predictions=None), indent=indent)

    def plot(self, ax=None, *, measure=None, **kwargs):
        """Draw the differences in one measure.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.
        measure : str, default=None
            The first one when None.
        **kwargs
            For the points.

        Returns
        -------
        matplotlib axes
        """
        from healthml._core._style import BLUE, GREY, new_axes

        measures = self.table["measure"].unique().tolist()
        measure = measures[0] if measure is None else measure
        rows = self.table[self.table["measure"] == measure].iloc[::-1]
        if rows.empty:
            raise InputError(f"measure={measure!r} was not compared; use {', '.join(measures)}.")
        ax, at = new_axes(ax, width=6.0, height=1.4 + 0.4 * len(rows)), np.arange(len(rows))
        ax.hlines(at, rows["lower_adjusted"], rows["upper_adjusted"], color=BLUE, lw=0.8)
        ax.hlines(at, rows["lower"], rows["upper"], color=BLUE, lw=2.4)
        ax.plot(rows["estimate"], at, **{"marker": "o", "ls": "", "color": BLUE, **kwargs})
        ax.set_yticks(at, rows["imputer"])
        ax.axvline(0, color=GREY, lw=0.9)
        name, better = LABELS.get(measure, measure.replace("_", " ")), DIRECTIONS[measure]
        ax.set(
            xlabel=f"Difference in {name} from {rows['reference'].iloc[0]}\n({better} is better), "
            f"{self.confidence_level:.0%} CI; thin: all {len(self.table)} together",
            ylim=(-0.6, len(rows) - 0.4),
        )
        return ax
