"""What is missing, where and for whom; and how to fill it inside a pipeline."""

from healthml.imputation._chained.imputer import ChainedImputer
from healthml.imputation._compare.compare import ImputerComparisonResult, compare_imputers
from healthml.imputation._indicator.transformer import MissingIndicators
from healthml.imputation._longitudinal.transformers import CarriedForward, TimeInterpolation
from healthml.imputation._missingness.ampute import ampute
from healthml.imputation._missingness.little import LittleResult, little_mcar_test
from healthml.imputation._missingness.patterns import MissingnessPatterns, missingness_patterns
from healthml.imputation._missingness.report import MissingnessReport, missingness_report
from healthml.imputation._multiple.estimators import (
    MultiplyImputedClassifier,
    MultiplyImputedRegressor,
)
from healthml.imputation._pooled.fit import fit_pooled
from healthml.imputation._pooled.result import PooledResult
from healthml.imputation._pooled.rubin import pool, pool_r_squared
from healthml.imputation._sensitivity.analysis import SensitivityResult, sensitivity_analysis

__all__ = [
    "CarriedForward",
    "ChainedImputer",
    "ImputerComparisonResult",
    "LittleResult",
    "MissingIndicators",
    "MissingnessPatterns",
    "MissingnessReport",
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
