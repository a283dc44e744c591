"""Rubin's rules: estimates of several completed tables as one."""

from healthml.imputation._pooled.fit import fit_pooled
from healthml.imputation._pooled.result import INTERCEPT, PooledResult
from healthml.imputation._pooled.rubin import diagonal, pool, pool_r_squared
from healthml.imputation._pooled.table import pooled_table

__all__ = [
    "INTERCEPT",
    "PooledResult",
    "diagonal",
    "fit_pooled",
    "pool",
    "pool_r_squared",
    "pooled_table",
]
