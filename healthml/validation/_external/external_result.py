"""The answer of external validation: the hierarchy of calibration, case mix, and the update."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.metrics import CalibrationResult
from healthml.validation._external.closed_test import NOT_ASSESSABLE


@dataclass(frozen=True, repr=False)
class ExternalValidationResult(Result):
    """How a frozen model does on other patients; made by `external_validate`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure: level ("mean", "weak", "moderate" and "strong" calibration,
        "discrimination", "overall", "utility"), measure, estimate, lower, upper, ideal, null_mean
        and null_p95 (mean and 95th percentile if every risk were right), n_samples, n_events,
        method, reason.
    updates : pandas.DataFrame
        The closed test: update, log_likelihood, n_parameters, statistic, df, p_value, intercept,
        slope, their standard errors, method, chosen.
    decision : str
        "original" (no update), "intercept", "recalibration" (intercept and slope), "revision" (all
        coefficients), or "not assessable".
    gain : pandas.DataFrame
        Out-of-fold performance of the risks as they are and after each update, with the paired
        difference.
    case_mix : pandas.DataFrame
        These patients compared with those of the development set.
    curve : CalibrationResult
        Flexible calibration curve.
    reason : str
        Why the decision is not assessable, or "".
    estimand : str
        What the numbers are about.
    confidence_level : float
        Level of the intervals.
    logits : tuple of ndarray
        Log odds of the risks here and, where known, at development; for the picture alone.
    """

    updates: pd.DataFrame = None
    decision: str = ""
    gain: pd.DataFrame = None
    case_mix: pd.DataFrame = None
    curve: CalibrationResult = None
    reason: str = ""
    estimand: str = ""
    confidence_level: float = 0.95
    logits: tuple = ()

    def summary(self):
        """Return measures, case mix and the update needed as plain text."""
        columns = ["level", "measure", "estimate", "lower", "upper", "null_mean", "null_p95"]
        mix = ["quantity", "validation", "development", "contrast", "estimate", "lower", "upper"]
        steps = ["update", "statistic", "df", "p_value", "intercept", "slope", "chosen"]
        parts = [self.table[columns], self.case_mix[mix]]
        parts += [self.updates[steps]] if len(self.updates) else []
        texts = [part.round(3).to_string(index=False, na_rep="") for part in parts]
        return "\n\n".join([*texts, self.words])

    @property
    def words(self):
        """The decision as a sentence."""
        if self.decision == NOT_ASSESSABLE:
            return f"Which update is needed is not assessable: {self.reason.rstrip('.')}."
        return {
            "original": "No update is called for: none of the tests rejects the risks as they are.",
            "intercept": "A new intercept is enough: the risks are too high or too low throughout.",
            "recalibration": "A new intercept and slope are called for.",
            "revision": "The coefficients themselves do not hold here: revise the model.",
        }[self.decision]

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without the single patients' risks."""
        return Result.to_json(replace(self, logits=()), indent=indent)

    def get(self, measure):
        """Return the row of a measure as a Series."""
        rows = self.table[self.table["measure"] == measure]
        if rows.empty:
            raise InputError(f"There is no row {measure!r}; it has {list(self.table.measure)}.")
        return rows.iloc[0]

    def plot(self, ax=None, **kwargs):
        """Draw the calibration curve with the hierarchy's numbers; returns the matplotlib axes."""
        display = self.curve.plot(ax=ax, **kwargs)
        lines = []
        for measure, name in (
            ("oe_ratio", "O:E"),
            ("calibration_slope", "slope"),
            ("ici", "ICI"),
            ("auroc", "AUC"),
        ):
            row = self.get(measure)
            ends = f" ({row['lower']:.2f} to {row['upper']:.2f})" if np.isfinite(row.lower) else ""
            if np.isfinite(row["estimate"]):
                lines.append(f"{name} {row['estimate']:.2f}{ends}")
        ax = display.ax_
        where = {"transform": ax.transAxes, "va": "top", "fontsize": 8}
        ax.text(0.03, 0.98, "\n".join(lines), **where)
        return ax

    def plot_case_mix(self, ax=None, **kwargs):
        """Draw the linear predictor here and, below, at development; returns the axes."""
        from healthml._core._style import BLUE, GREY, RED, new_axes

        ax = new_axes(ax, height=3.4)
        here, there = (*self.logits, None)[:2]
        together = np.concatenate([part for part in (here, there) if part is not None])
        edges = np.histogram_bin_edges(together, bins=30)
        middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        for values, sign, colour, name in (
            (here, 1, BLUE, "validation"),
            (there, -1, RED, "development"),
        ):
            if values is None:
                continue
            share = np.histogram(values, edges)[0] / len(values)
            options = {"color": colour, "alpha": 0.75, "label": name, **kwargs}
            ax.bar(middle, sign * share, 0.92 * width, **options)
            ax.plot([values.mean()] * 2, [0, sign * share.max()], color="black", linewidth=1)
        ax.axhline(0, color=GREY, linewidth=0.8)
        ticks = [tick for tick in ax.get_yticks() if abs(tick) <= 1]
        ax.set_yticks(ticks, [f"{abs(tick):.2f}" for tick in ticks])
        ax.set(xlabel="Linear predictor (log odds of the risk)", ylabel="Share of patients")
        ax.legend(frameon=False, fontsize=8)
        return ax
