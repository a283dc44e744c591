"""The result of `validate`: corrected measures, out-of-sample risks and corrected curves."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from healthml._core._release import size_words
from healthml._core._results import Result, table_html, table_text
from healthml.exceptions import InputError
from healthml.metrics._measures import MEASURES
from healthml.validation._validate.curves import CurveData, calibration_of, decision_of

_SHOWN = ("measure", "apparent", "optimism", "corrected", "lower", "upper", "method")


@dataclass(frozen=True, repr=False)
class ValidationResult(Result):
    """How well a procedure predicts for patients not seen; made by `validate`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure: measure, apparent (the model on the rows it was fitted on), optimism
        (apparent minus corrected), corrected, estimate (the corrected value again, under the name
        that all tables share), se, lower, upper, method, ci_method, estimand, n_samples, n_events,
        n_patients, resamples_asked, resamples_used, resamples_failed, mcse (the Monte Carlo
        standard error of the corrected value: what another seed may change), reasons (why values
        are missing, with counts).
    method : str
        The method used; after "auto" the one it settled on.
    remarks : tuple of str
        What has to be known to read the table: why a method was left, how many resamples were
        separated and what difference they make, what stands for returning patients.
    details : pandas.DataFrame
        One row per measure: the means that the corrected value was made of (train, test,
        out_of_bag, no_information, relative_overfitting, weight_out_of_bag for draws; within and
        pooled for folds), and the corrected value without the resamples whose fit was flagged.
    predictions : pandas.DataFrame
        position, y, risk (out of sample, averaged over the resamples that left the row's patient
        out), n_resamples, apparent_risk.
    failures : pandas.DataFrame
        number, seed, reason of every resample that gave nothing or whose fit was flagged.
    chosen : pandas.DataFrame or None
        For a search: how often each set of parameters was chosen.
    by_site : pandas.DataFrame or None
        Out-of-sample measures of each site, the procedure having seen rows of all sites.
    confidence_level : float
        Coverage of the intervals.
    curves : object or None
        What `calibration_curve` and `decision_curve` are made of.
    estimator : estimator or None
        The procedure as it was judged, unfitted: its inner splits by whole patients where `groups`
        were given. They are positions of the table's rows: fit it on that table.
    """

    method: str = ""
    remarks: tuple = ()
    details: pd.DataFrame = None
    predictions: pd.DataFrame = None
    failures: pd.DataFrame = None
    chosen: pd.DataFrame | None = None
    by_site: pd.DataFrame | None = None
    confidence_level: float = 0.95
    curves: CurveData | None = field(default=None, repr=False)
    estimator: object = None

    def get(self, measure):
        """Return the row of a measure as a Series."""
        rows = self.table[self.table["measure"] == measure]
        if rows.empty:
            raise InputError(f"There is no row {measure!r}; it has {list(self.table.measure)}.")
        return rows.iloc[0]

    def summary(self):
        """Return the table and the remarks as plain text."""
        lines = [table_text(self.table, _SHOWN, na_rep="")]
        row = self.table.iloc[0]
        lines.append(
            f"{size_words(row['n_samples'], row['n_events'])}; resamples {row['resamples_used']} "
            f"of {row['resamples_asked']}; {row['estimand']}"
        )
        remarks = (*self._not_assessable(), *self.remarks)
        return "\n".join([*lines, *(f"- {remark}" for remark in remarks)])

    def _not_assessable(self):
        """Return why measures have no value, one sentence each."""
        rows = self.table[self.table["corrected"].isna() & (self.table["reasons"] != "")]
        reasons = rows["reasons"].str.replace(r"^\d+ with ", "", regex=True)
        missing = zip(rows["measure"], reasons, strict=True)
        return [f"{measure} has no value: {reason}." for measure, reason in missing]

    def _repr_html_(self):
        from html import escape

        items = "".join(
            f"<li>{escape(remark)}</li>" for remark in (*self._not_assessable(), *self.remarks)
        )
        shown = table_html(self.table, _SHOWN, na_rep="")
        return f"{shown}<ul>{items}</ul>"

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without anything that belongs to single rows."""
        return Result.to_json(replace(self, predictions=None, curves=None), indent=indent)

    def calibration_curve(self, *, smooth="lowess", n_points=50):
        """Return the apparent and the corrected calibration curve.

        Parameters
        ----------
        smooth : {"lowess", "loess", "rcs", "pspline"}, default="lowess"
            Smoother, as in `healthml.metrics.calibration_curve`.
        n_points : int, default=50
            Risks at which the curve is read, evenly from the fifth lowest to the fifth highest
            apparent risk.

        Returns
        -------
        healthml.metrics.CalibrationResult
            Curves "apparent" and "corrected". Corrected for optimism, the curve is the apparent
            one minus the mean difference between the refitted models' curves on their own rows and
            on all rows; otherwise it is the mean curve of the out-of-sample risks. Heights are as
            smoothed: at the ends they may leave 0 to 1. There are no intervals.
        """
        return calibration_of(self.curves, smooth, n_points, self.confidence_level)

    def decision_curve(self, *, thresholds=None):
        """Return the apparent and the corrected decision curve.

        Parameters
        ----------
        thresholds : array-like of float, optional
            Decision thresholds; the threshold range of the validation, or 0.01 to 0.99.

        Returns
        -------
        healthml.metrics.DecisionCurveResult
            Strategies "apparent", "corrected", treating all and treating none.
        """
        return decision_of(self.curves, thresholds, self.confidence_level)

    def plot(self, ax=None, *, measures=None, **kwargs):
        """Draw apparent and corrected values with their intervals; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes

        table = self._drawn().dropna(subset=["corrected"])
        unit = [n for n in table["measure"] if n in MEASURES and MEASURES[n].limits[1] == 1]
        table = table[table["measure"].isin(unit if measures is None else measures)].iloc[::-1]
        ax = new_axes(ax, height=1.2 + 0.35 * len(table))
        places, values = np.arange(len(table)), table["corrected"]
        ends = np.maximum([values - table["lower"], table["upper"] - values], 0)
        options = {"fmt": "o", "color": BLUE, "capsize": 2, "label": "corrected", **kwargs}
        ax.errorbar(values, places, xerr=np.nan_to_num(ends), **options)
        ax.plot(table["apparent"], places, "D", mfc="none", color=GREY, label="apparent")
        labels = [MEASURES[n].label if n in MEASURES else n for n in table["measure"]]
        ax.set_yticks(places, labels, parse_math=False)
        ax.set(xlabel=f"{self.method}, {self.confidence_level:.0%} CI", ylim=(-0.7, len(table)))
        ax.legend(frameon=False, loc="best")
        return ax
