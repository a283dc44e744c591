"""One set of outcomes, risks, weights and patients, checked once and shared by all measures."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from healthml._core._checks import as_numbers, check_alignment, check_event, check_groups
from healthml._core._inputs import (
    check_outcome,
    check_risks,
    check_weight,
    log_odds,
    mean,
    rising_order,
)
from healthml._core._numerics import cluster_variance
from healthml.exceptions import InputError

WEIGHT_TYPES = ("frequency", "sampling")


@dataclass(frozen=True)
class Sample:
    """Checked inputs; made by `make_sample`."""

    event: np.ndarray
    proba: np.ndarray
    weight: np.ndarray
    weight_type: str | None = None
    groups: np.ndarray | None = None

    @property
    def frequency(self):
        """Whether a weight counts as that many rows (also when there are no weights)."""
        return self.weight_type != "sampling"

    @property
    def independent(self):
        """Whether rows are independent and alike, so that counts are binomial."""
        return self.groups is None and self.frequency

    @cached_property
    def n_samples(self):
        """Number of rows that weigh something; the sum of frequency weights."""
        return int(self.weight.sum() if self.frequency else np.count_nonzero(self.weight))

    @cached_property
    def n_events(self):
        """Number of those rows with the event."""
        kept = self.weight if self.frequency else self.weight > 0
        return int(kept @ self.event)

    @cached_property
    def both_classes(self):
        """Whether events and non-events both have some weight."""
        return 0 < self.weight @ self.event < self.weight.sum()

    @property
    def row_weight(self):
        """The weights, or None where there are none to speak of."""
        return None if self.weight_type is None else self.weight

    @cached_property
    def logit(self):
        """Log odds of the risks, exact 0 and 1 moved inside."""
        return log_odds(self.proba)

    @cached_property
    def counts(self):
        """True and false positives at each distinct risk."""
        return counts_of(self.event, self.proba, self.weight)

    def mean(self, values):
        """Return the weighted mean."""
        return mean(values, self.weight)

    def shares(self, threshold):
        """Return the shares TP, FP, FN, TN at a threshold."""
        return Shares(*(self.mean(c) for c in cells(self.event, self.proba, threshold)))

    def covariance(self, influence):
        """Covariance of weighted means with influence values of shape (n_samples, k)."""
        values = influence * (self.weight / self.weight.sum())[:, None]
        if self.groups is not None:
            return np.atleast_2d(cluster_variance(values, self.groups))
        kept = self.weight > 0
        power = np.sqrt(self.weight[kept]) if self.frequency else np.ones(kept.sum())
        n = self.n_samples
        if n < 2:
            return np.full((values.shape[1],) * 2, np.nan)
        scaled = values[kept] / power[:, None]
        return scaled.T @ scaled * n / (n - 1)

    def standard_error(self, influence):
        """Return the standard error of one weighted mean from its influence values."""
        return float(np.sqrt(self.covariance(influence[:, None])[0, 0]))

    def with_proba(self, proba):
        """Return the same rows with other risks."""
        return replace(self, proba=proba)


def make_sample(
    y_true,
    y_proba,
    *,
    sample_weight=None,
    weight_type=None,
    groups=None,
    event=None,
    name="y_proba",
):
    """Check everything once; one class of outcome is allowed here."""
    check_alignment(y_true=y_true, **{name: y_proba}, sample_weight=sample_weight, groups=groups)
    if event is None:
        y01 = check_outcome(y_true, both_classes=False)
    else:
        y01 = check_event(y_true, event=event, name="y_true")[1].astype(float)
    proba = check_risks(y_proba, len(y01), name)
    weight = check_weight(sample_weight, y01, both_classes=False)
    weight_type = check_weight_type(sample_weight, weight_type)
    if groups is not None:
        if weight_type == "frequency":
            raise InputError(
                "groups cannot be used with frequency weights, which stand for independent rows; "
                "repeat the rows instead, or declare weight_type='sampling'."
            )
        groups = check_groups(groups, len(y01))
        if groups.max() + 1 == len(groups):
            groups = None
    return Sample(y01, proba, weight, weight_type, groups)


def both_outcomes(sample):
    """Return the sample, refused where one class of outcome is missing."""
    if not sample.both_classes:
        raise InputError("y_true has one class only; AUROC needs events and non-events.")
    return sample


def check_weight_type(sample_weight, weight_type):
    """Return what the weights are, refused where it is not said or does not fit."""
    if sample_weight is None:
        if weight_type is not None:
            raise InputError("weight_type is given without sample_weight; pass both or neither.")
        return None
    if weight_type not in WEIGHT_TYPES:
        raise InputError(
            f"weight_type is {weight_type!r}; say what sample_weight is: 'frequency' (so many "
            "equal rows) or 'sampling' (inverse probability of being sampled)."
        )
    weight = as_numbers(sample_weight, "sample_weight")
    if weight_type == "frequency" and (weight != np.floor(weight)).any():
        first = int(np.flatnonzero(weight != np.floor(weight))[0])
        raise InputError(
            f"sample_weight holds fractions, the first at position {first}, which cannot be "
            "frequencies; pass whole numbers or declare weight_type='sampling'."
        )
    return weight_type


def as_models(y_proba):
    """Return a dict of model name to risks; a single set of risks is called "model"."""
    if isinstance(y_proba, dict):
        if not y_proba:
            raise InputError("y_proba is an empty dict; pass {name: risks}.")
        return {str(name): proba for name, proba in y_proba.items()}
    return {"model": y_proba}


class Shares(NamedTuple):
    """True and false positives, false and true negatives, as shares of all rows."""

    tp: float
    fp: float
    fn: float
    tn: float


def cells(event, proba, threshold):
    """Return the four indicator columns TP, FP, FN, TN."""
    positive = proba >= threshold
    return positive * event, positive * (1 - event), ~positive * event, ~positive * (1 - event)


def counts_of(event, proba, weight):
    """Return cumulated true and false positives at each distinct risk, highest risk first."""
    order = rising_order(proba)[::-1]
    proba, positive = proba[order], (event * weight)[order]
    last = np.r_[np.flatnonzero(np.diff(proba)), len(proba) - 1]
    tp = np.cumsum(positive)[last]
    fp = np.cumsum(weight[order] - positive)[last]
    return Counts(proba[last], tp, fp)


class Counts(NamedTuple):
    """True and false positives (weights summed) at each distinct risk, highest risk first."""

    threshold: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
