"""What a correction did to the calibration, on rows that neither learner nor correction saw."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._results import Result
from healthml.exceptions import OutcomeError
from healthml.metrics import performance

_MEASURES = ("calibration_in_the_large", "calibration_slope", "oe_ratio")


@dataclass(frozen=True, repr=False)
class CalibrationChangeResult(Result):
    """Calibration before and after a correction; kept by `ResampledClassifier`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per stage and measure: stage ("before", "after"), measure
        (calibration_in_the_large, calibration_slope, oe_ratio), estimate, lower, upper, n_samples,
        n_events, n_patients, method.
    correction : str
        What was applied between the stages.
    confidence_level : float
        Coverage of the intervals, which are for patients.
    """

    correction: str = "none"
    confidence_level: float = 0.95

    def get(self, stage, measure):
        """Return one row of the table as a Series."""
        rows = (self.table["stage"] == stage) & (self.table["measure"] == measure)
        return self.table[rows].iloc[0]

    def plot(self, ax=None, **kwargs):
        """Draw slope and O:E before and after; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes

        table = self._drawn()
        rows = table[table["measure"] != "calibration_in_the_large"].iloc[::-1]
        ax = new_axes(ax, width=5.6, height=2.4)
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().fillna(0)
        options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
        ax.errorbar(rows["estimate"], range(len(rows)), xerr=spread.to_numpy().T, **options)
        labels = rows["measure"].map({"calibration_slope": "slope", "oe_ratio": "O:E"})
        ax.set_yticks(range(len(rows)), labels + ", " + rows["stage"], parse_math=False)
        ax.axvline(1, color=GREY, lw=0.9)
        ax.set(xscale="log", xlabel=f"1 is right, {self.confidence_level:.0%} CI", ylim=(-0.6, 3.6))
        return ax


def calibration_change(event, before, after, *, groups, weight, correction):
    """Return `CalibrationChangeResult` of risks before and after a correction."""
    n_patients = len(event) if groups is None else len(np.unique(groups))
    counts = {"n_samples": len(event), "n_events": int(event.sum()), "n_patients": n_patients}
    rows = [
        {"stage": stage, **row}
        for stage, risk in (("before", before), ("after", after))
        for row in measured(event, risk, groups, weight)
    ]
    table = pd.DataFrame([{**row, **counts, "method": row["method"]} for row in rows])
    return CalibrationChangeResult(table, correction)


def measured(event, risk, groups=None, weight=None, measures=_MEASURES):
    """Return measure, estimate, lower, upper and method; missing where a measure has no value."""
    options = {} if weight is None else {"sample_weight": weight, "weight_type": "sampling"}
    ends = ("estimate", "lower", "upper")
    try:
        measured = performance(event, risk, measures=list(measures), groups=groups, **options)
    except OutcomeError as error:
        missing = dict.fromkeys(ends, np.nan) | {"method": str(error)}
        return [{"measure": measure, **missing} for measure in measures]
    rows = measured.to_frame().to_dict("records")
    return [
        {"measure": row["measure"], **{name: float(row[name]) for name in ends}}
        | {"method": row["method"] or row["reason"]}
        for row in rows
    ]
