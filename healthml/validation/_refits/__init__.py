"""A procedure refitted on resamples: seeded, counted, its failures kept."""

from healthml.validation._refits.batched.logistic import batched_refit, recognise
from healthml.validation._refits.failures import Failures, failure_of, warn_failed
from healthml.validation._refits.inner_splits import as_judged, refuse_copies, unreachable
from healthml.validation._refits.plans import (
    MOST_FOLDS,
    bootstrap_draws,
    check_folds,
    folds,
    given_splits,
    later_rows,
    left_out,
    refuse_pairs,
)
from healthml.validation._refits.procedure import Procedure, inner_search, predict_risk
from healthml.validation._refits.refit import Refit, Resample, interrupted, iterate_refits, refit

__all__ = [
    "MOST_FOLDS",
    "Failures",
    "Procedure",
    "Refit",
    "Resample",
    "as_judged",
    "batched_refit",
    "bootstrap_draws",
    "check_folds",
    "failure_of",
    "folds",
    "given_splits",
    "inner_search",
    "interrupted",
    "iterate_refits",
    "later_rows",
    "left_out",
    "predict_risk",
    "recognise",
    "refit",
    "refuse_copies",
    "refuse_pairs",
    "unreachable",
    "warn_failed",
]
