"""Fit a classifier on resampled rows: its kind, the rows it gets, those it is judged on."""

from healthml.resampling._learner.fit import Learner, Task, event_risk
from healthml.resampling._learner.kinds import (
    CLASS_WEIGHT,
    balances_inside,
    calibrates_inside,
    describe,
    is_linear,
    is_tree,
    keeps_mixture,
    last_step,
    samplers_of,
    searches_inside,
    undersamples,
    weighs_classes,
)
from healthml.resampling._learner.rows import as_native
from healthml.resampling._learner.splits import fold_pairs, half_samples

__all__ = [
    "CLASS_WEIGHT",
    "Learner",
    "Task",
    "as_native",
    "balances_inside",
    "calibrates_inside",
    "describe",
    "event_risk",
    "fold_pairs",
    "half_samples",
    "is_linear",
    "is_tree",
    "keeps_mixture",
    "last_step",
    "samplers_of",
    "searches_inside",
    "undersamples",
    "weighs_classes",
]
