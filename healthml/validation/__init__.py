"""How well it predicts for patients not seen, and what would fool us about that."""

from healthml.validation._evaluate import Evaluator
from healthml.validation._leakage import event_free_strata, screen_columns
from healthml.validation._reference_models import TableEncoder, default_model
from healthml.validation._splitters import RepeatedStratifiedGroupKFold

__all__ = [
    "Evaluator",
    "RepeatedStratifiedGroupKFold",
    "TableEncoder",
    "default_model",
    "event_free_strata",
    "screen_columns",
]
