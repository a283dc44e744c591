"""Results of several sites or studies pooled."""

from healthml.meta_analysis._poisson import PoissonMetaResult, pool_events
from healthml.meta_analysis._random_effects import MetaResult, random_effects
from healthml.meta_analysis._regression import MetaRegressionResult, meta_regression

__all__ = [
    "MetaRegressionResult",
    "MetaResult",
    "PoissonMetaResult",
    "meta_regression",
    "pool_events",
    "random_effects",
]
