"""What instability does to calibration, to classes and to decisions: all models on all rows."""

import numpy as np
import pandas as pd

from healthml._core._inputs import check_threshold
from healthml.exceptions import InputError
from healthml.metrics._measures.calibration import SMOOTHERS, fit_smooth

ALL_ROWS, TREAT_ALL = "all rows", "treat all"
_FEWEST_RISKS = 4


def switching(models, threshold):
    """Return for each row the share of bootstrap models that put it into the other class."""
    return ((models.risks > threshold) != (models.risk > threshold)).mean(axis=0)


def calibration_curves(models, smooth, n_points):
    """Return one smooth calibration curve per model, each over its own range of risks."""
    if smooth not in SMOOTHERS:
        raise InputError(f"smooth is {smooth!r}; pass one of {', '.join(SMOOTHERS)}.")
    parts = [
        _calibration(name, models.task.y, risk, models.weight, smooth, n_points)
        for name, risk in _named(models)
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def decision_curves(models, thresholds=None):
    """Return the net benefit of every model, and of treating all, at every threshold."""
    at = np.arange(1, 100) / 100 if thresholds is None else np.atleast_1d(thresholds).astype(float)
    for one in at:
        check_threshold(float(one), "thresholds")
    weight = models.weight / models.weight.sum()
    gain, harm = weight * models.task.y, weight * (1 - models.task.y)
    risks = np.vstack([models.risk, models.risks, np.ones(models.task.n)])
    values = [_net_benefit(risks, gain, harm, t) for t in at]
    names = [*(name for name, _ in _named(models)), TREAT_ALL]
    return pd.DataFrame(
        {
            "model": np.repeat(np.array(names, dtype=object), len(at)),
            "threshold": np.tile(at, len(names)),
            "estimate": np.array(values).T.ravel(),
        }
    )


def _net_benefit(risks, gain, harm, threshold):
    treated = (risks >= threshold).astype(float)
    return treated @ gain - treated @ harm * threshold / (1 - threshold)


def _named(models):
    yield ALL_ROWS, models.risk
    for number, risk in zip(models.numbers, models.risks, strict=True):
        yield str(number), risk


def _calibration(name, y, risk, weight, smooth, n_points):
    """Return a curve, empty where the risks are too few to smooth."""
    used = weight > 0
    y, risk, weight = y[used].astype(float), risk[used], weight[used]
    if len(np.unique(risk)) < _FEWEST_RISKS:
        return pd.DataFrame()
    at = np.linspace(risk.min(), risk.max(), n_points)
    height = np.clip(fit_smooth(y, risk, weight, smooth).estimate(at), 0, 1)
    return pd.DataFrame({"model": name, "risk": at, "estimate": height})
