"""What is missing, in which patterns, and what tells of it."""

from healthml.imputation._missingness.ampute import ampute
from healthml.imputation._missingness.little import LittleResult, little_mcar_test
from healthml.imputation._missingness.patterns import (
    MissingnessPatternsResult,
    missingness_patterns,
)
from healthml.imputation._missingness.report import MNAR, MissingnessResult, missingness_report
from healthml.imputation._missingness.shares import compare_places
from healthml.imputation._missingness.signal import FEWEST_EVENTS, indicator_auc, patient_folds

__all__ = [
    "FEWEST_EVENTS",
    "MNAR",
    "LittleResult",
    "MissingnessPatternsResult",
    "MissingnessResult",
    "ampute",
    "compare_places",
    "indicator_auc",
    "little_mcar_test",
    "missingness_patterns",
    "missingness_report",
    "patient_folds",
]
