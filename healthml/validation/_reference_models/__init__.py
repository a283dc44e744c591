"""The sound simple models that everything is compared with, and how they read a table."""

from healthml.validation._reference_models.columns import factorize_levels, numbers_of
from healthml.validation._reference_models.encoder import TableEncoder
from healthml.validation._reference_models.models import (
    as_read,
    bent_logistic,
    boosted_trees,
    default_model,
)

__all__ = [
    "TableEncoder",
    "as_read",
    "bent_logistic",
    "boosted_trees",
    "default_model",
    "factorize_levels",
    "numbers_of",
]
