"""What is missing, where and for whom; and how to fill it inside a pipeline."""

from healthml.imputation._chained import ChainedImputer
from healthml.imputation._compare import ImputerComparisonResult, compare_imputers
from healthml.imputation._indicator import MissingIndicators
from healthml.imputation._longitudinal import CarriedForward, TimeInterpolation
from healthml.imputation._missingness import (
    LittleResult,
    MissingnessPatternsResult,
    MissingnessResult,
    ampute,
    little_mcar_test,
    missingness_patterns,
    missingness_report,
)
from healthml.imputation._multiple import MultiplyImputedClassifier, MultiplyImputedRegressor
from healthml.imputation._pooled import PooledResult, fit_pooled, pool, pool_r_squared
from healthml.imputation._sensitivity import SensitivityResult, sensitivity_analysis

__all__ = [
    "CarriedForward",
    "ChainedImputer",
    "ImputerComparisonResult",
    "LittleResult",
    "MissingIndicators",
    "MissingnessPatternsResult",
    "MissingnessResult",
    "MultiplyImputedClassifier",
    "MultiplyImputedRegressor",
    "PooledResult",
    "SensitivityResult",
    "TimeInterpolation",
    "ampute",
    "compare_imputers",
    "fit_pooled",
    "little_mcar_test",
    "missingness_patterns",
    "missingness_report",
    "pool",
    "pool_r_squared",
    "sensitivity_analysis",
]
