"""Scores of resamples and folds, and their intervals."""

from healthml.validation._scoring.draws import DrawScores
from healthml.validation._scoring.evaluator import Evaluator, default_repeats, predict_risk
from healthml.validation._scoring.folds import FoldScores, refit_many, score_splits
from healthml.validation._scoring.interval_choice import (
    LOG_ODDS,
    NOT_ASSESSABLE,
    Ends,
    check_ci,
    draws_interval,
    folds_interval,
)
from healthml.validation._scoring.intervals import by_patient
from healthml.validation._scoring.paired_folds import METHOD, difference
from healthml.validation._scoring.skewed_intervals import emax_logistic, largest_change

__all__ = [
    "LOG_ODDS",
    "METHOD",
    "NOT_ASSESSABLE",
    "DrawScores",
    "Ends",
    "Evaluator",
    "FoldScores",
    "by_patient",
    "check_ci",
    "default_repeats",
    "difference",
    "draws_interval",
    "emax_logistic",
    "folds_interval",
    "largest_change",
    "predict_risk",
    "refit_many",
    "score_splits",
]
