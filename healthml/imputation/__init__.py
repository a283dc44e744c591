"""What is missing, where and for whom; and how to fill it inside a pipeline."""

from healthml.imputation._chained import ChainedImputer
from healthml.imputation._fit_pooled import fit_pooled
from healthml.imputation._missingness import MissingnessReport, missingness_report
from healthml.imputation._multiple import MultiplyImputedClassifier, MultiplyImputedRegressor
from healthml.imputation._pooled_result import PooledResult
from healthml.imputation._pooling import pool, pool_r_squared
from healthml.imputation._sensitivity import SensitivityResult, sensitivity_analysis

__all__ = [
    "ChainedImputer",
    "MissingnessReport",
    "MultiplyImputedClassifier",
    "MultiplyImputedRegressor",
    "PooledResult",
    "SensitivityResult",
    "fit_pooled",
    "missingness_report",
    "pool",
    "pool_r_squared",
    "sensitivity_analysis",
]
