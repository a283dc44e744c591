"""Measures of which a loss is taken, each with the influence of every row."""

from typing import NamedTuple

import numpy as np

from healthml._core._inputs import EPSILON, check_threshold
from healthml._core._paired import auroc_influence, brier_influence, net_benefit_influence
from healthml.exceptions import InputError

NAMES = ("auroc", "brier", "log_loss", "net_benefit@t")


class Measure(NamedTuple):
    """A measure by name; `sign` is 1 where more is better."""

    name: str
    sign: int
    threshold: float | None = None

    def influence(self, y, risk, fold):
        """Return the measure (AUC within folds) and the influence of each row."""
        if self.name == "auroc":
            return auroc_influence(y, risk, fold)
        if self.name == "brier":
            return brier_influence(y, risk)
        if self.name == "log_loss":
            return _log_loss_influence(y, risk)
        return net_benefit_influence(y, risk, [self.threshold])


def _log_loss_influence(y, risk):
    inside = np.clip(risk, EPSILON, 1 - EPSILON)
    loss = -np.where(y == 1, np.log(inside), np.log1p(-inside))
    return loss.mean(), (loss - loss.mean()) / len(loss)


def check_measures(measures):
    """Return the measures asked for.

    Examples
    --------
    >>> check_measures(["brier", "net_benefit@0.2"])[1].threshold
    0.2
    """
    asked = [measures] if isinstance(measures, str) else list(measures)
    if not asked:
        raise InputError(f"measures is empty; pass some of {', '.join(NAMES)}.")
    return [_measure(name) for name in asked]


def _measure(name):
    if name in ("brier", "log_loss"):
        return Measure(name, -1)
    if name == "auroc":
        return Measure(name, 1)
    head, _, tail = str(name).partition("@")
    try:
        threshold = float(tail)
    except ValueError:
        threshold = None
    if head != "net_benefit" or threshold is None:
        raise InputError(
            f"measures names {name!r}; pass some of {', '.join(NAMES)}, such as 'net_benefit@0.2'."
        )
    return Measure(str(name), 1, check_threshold(threshold, f"the threshold of {name!r}"))
