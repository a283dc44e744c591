"""What is missing, where and for whom; and how to fill it inside a pipeline."""

from healthml.imputation._chained import ChainedImputer
from healthml.imputation._fit_pooled import fit_pooled
from healthml.imputation._missingness import MissingnessReport, missingness_report
from healthml.imputation._pooled_result import PooledResult
from healthml.imputation._pooling import pool, pool_r_squared

__all__ = [
    "ChainedImputer",
    "MissingnessReport",
    "PooledResult",
    "fit_pooled",
    "missingness_report",
    "pool",
    "pool_r_squared",
]
