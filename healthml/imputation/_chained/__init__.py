"""Chained equations: the imputer, its plan and its new rows."""

from healthml.imputation._chained.chain import Chain, Plan
from healthml.imputation._chained.imputer import ChainedImputer
from healthml.imputation._chained.plan import automatic_columns, check_names, make_plan, place_of

__all__ = [
    "Chain",
    "ChainedImputer",
    "Plan",
    "automatic_columns",
    "check_names",
    "make_plan",
    "place_of",
]
