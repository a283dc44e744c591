"""Calibration and decision curves of patients not seen."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from healthml.exceptions import InputError
from healthml.metrics._curves import CalibrationResult, calibration_curve, decision_curve
from healthml.metrics._measures import FEWEST_RISKS, SMOOTHERS, fit_smooth

# Patients left beyond each end of a calibration curve: the fifth lowest and fifth highest risk, as
# R's rms::calibrate has it, so that no end of the curve rests on one patient.
_BEYOND = 4
_PAIRS = 50_000  # out-of-sample pairs of row and risk that a curve is made of


@dataclass(frozen=True)
class CurveData:
    """What curves are made of.

    Parameters
    ----------
    y, apparent : ndarray of shape (n_samples,)
        Outcomes and apparent risks.
    risk : ndarray of shape (k, n_samples)
        Risks of refitted models; those that are out of sample where `out` is true.
    out : ndarray of bool, shape (k, n_samples)
        Rows whose patient the refitted model did not see.
    counts : ndarray of shape (k, n_samples) or None
        How often each row was fitted on; None where the curve is not corrected for optimism.
    weight, groups : ndarray of shape (n_samples,) or None
        Weight and patient of each row.
    thresholds : ndarray
        Thresholds of the decision curve.
    judged : ndarray of bool, shape (n_samples,), or None
        Rows of the apparent curve; all by default.
    """

    y: np.ndarray
    apparent: np.ndarray
    risk: np.ndarray
    out: np.ndarray
    counts: np.ndarray | None
    weight: np.ndarray | None
    groups: np.ndarray | None
    thresholds: np.ndarray
    judged: np.ndarray | None = None

    def own(self):
        """Return outcome, risk, weight and patient of the rows that the model was fitted on."""
        rows = slice(None) if self.judged is None else self.judged
        parts = (self.y, self.apparent, self.weight, self.groups)
        return tuple(None if part is None else part[rows] for part in parts)

    def stacked(self):
        """Return outcome, risk, weight and patient of out-of-sample pairs; a row weighs 1 in all.

        Refits beyond what about 50,000 pairs need are left out.
        """
        per_refit = max(int(self.out.sum(axis=1).mean()), 1)
        out = self.out[: max(1, _PAIRS // per_refit)]
        times = out.sum(axis=0)
        refit, row = np.nonzero(out)
        weight = 1.0 / times[row]
        if self.weight is not None:
            weight = weight * self.weight[row]
        units = row if self.groups is None else self.groups[row]
        return self.y[row], self.risk[refit, row], weight, units


def calibration_of(data, smooth, n_points, level):
    """Return the apparent and the corrected calibration curve."""
    if smooth not in SMOOTHERS:
        raise InputError(f"smooth is {smooth!r}; pass one of {', '.join(SMOOTHERS)}.")
    y, risk, weight, _ = data.own()
    ordered = np.sort(risk)
    ends = ordered[[min(_BEYOND, len(risk) - 1), max(len(risk) - 1 - _BEYOND, 0)]]
    at = np.linspace(*ends, n_points)
    apparent = _height(y, risk, weight, smooth, at)
    if data.counts is None:
        corrected = _out_of_sample(data, smooth, at)
    else:
        corrected = apparent - _optimism(data, smooth, at)
    tables = []
    for name, height in (("apparent", apparent), ("corrected", corrected)):
        table = pd.DataFrame({"curve": name, "risk": at, "estimate": height})
        tables.append(table.assign(lower=np.nan, upper=np.nan))
    table = pd.concat(tables, ignore_index=True)
    table["n_samples"], table["n_events"] = len(y), int(y.sum())
    shown = calibration_curve(y, risk, smooth="binned", n_bins=1).histogram
    histogram = pd.concat([shown.assign(curve=name) for name in ("apparent", "corrected")])
    method = dict.fromkeys(("apparent", "corrected"), smooth)
    return CalibrationResult(table, level, method, histogram.reset_index(drop=True), ())


def _height(y, risk, weight, smooth, at):
    """Return the height of a curve at some risks, missing outside those of its rows."""
    weight = np.ones(len(y)) if weight is None else weight
    used = weight > 0
    y, risk, weight = y[used].astype(float), risk[used], weight[used]
    if len(np.unique(risk)) < FEWEST_RISKS or y.min() == y.max():
        return np.full(len(at), np.nan)
    inside = (at >= risk.min()) & (at <= risk.max())
    height = np.full(len(at), np.nan)
    if inside.any():
        height[inside] = fit_smooth(y, risk, weight, smooth).estimate(at[inside])
    return height


def _optimism(data, smooth, at):
    """Mean over draws of the curve on the draw's own rows minus that on all rows."""
    change = []
    for risk, count in zip(data.risk, data.counts, strict=True):
        weight = count if data.weight is None else count * data.weight
        own = _height(data.y, risk, weight.astype(float), smooth, at)
        change.append(own - _height(data.y, risk, data.weight, smooth, at))
    return _nanmean(change)


def _out_of_sample(data, smooth, at):
    heights = []
    for risk, out in zip(data.risk, data.out, strict=True):
        weight = None if data.weight is None else data.weight[out]
        heights.append(_height(data.y[out], risk[out], weight, smooth, at))
    return _nanmean(heights)


def _nanmean(rows):
    rows = np.array(rows)
    count = np.isfinite(rows).sum(axis=0)
    return np.where(count > 0, np.nansum(rows, axis=0) / np.maximum(count, 1), np.nan)


def decision_of(data, thresholds, level):
    """Return the apparent and the corrected decision curve."""
    at = data.thresholds if thresholds is None else thresholds
    y, risk, weight, groups = data.own()
    own = decision_curve(y, {"apparent": risk}, **_options(at, weight, groups, level))
    if data.counts is None:
        y, risk, weight, groups = data.stacked()
        judged = decision_curve(y, {"corrected": risk}, **_options(at, weight, groups, level))
        return _joined(own, judged)
    change = []
    for risk, count in zip(data.risk, data.counts, strict=True):
        fitted = count.astype(float) if data.weight is None else count * data.weight
        curves = [
            decision_curve(data.y, {"apparent": risk}, **_options(at, values, None, level)).table
            for values in (fitted, data.weight)
        ]
        change.append(_numbers(curves[0]) - _numbers(curves[1]))
    return _joined(own, _moved(own, np.mean(change, axis=0)))


_COLUMNS = ("estimate", "standardized", "true_positives", "false_positives")
_COLUMNS += ("interventions_avoided",)


def _options(at, weight, groups, level):
    options = {"thresholds": at, "groups": groups, "confidence_level": level}
    if weight is not None:
        options |= {"sample_weight": weight, "weight_type": "sampling"}
    return options


def _numbers(table):
    return table.loc[table["model"] == "apparent", list(_COLUMNS)].to_numpy()


def _moved(own, change):
    """Take the optimism off the apparent curve and its ends."""
    table = own.table[own.table["model"] == "apparent"].assign(model="corrected")
    table.loc[:, list(_COLUMNS)] = table[list(_COLUMNS)].to_numpy() - change
    for end in ("lower", "upper"):
        table[end] = table[end] - change[:, 0]
        table[f"interventions_avoided_{end}"] -= change[:, -1]
    return replace(own, table=table)


def _joined(own, judged):
    """Put the corrected curve behind the apparent one."""
    first = own.table["model"] == "apparent"
    corrected = judged.table[judged.table["model"] == "corrected"]
    parts = [own.table[first], corrected, own.table[~first]]
    return replace(own, table=pd.concat(parts, ignore_index=True))
