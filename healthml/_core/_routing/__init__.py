"""What goes into the `fit` of an inner model, and what of its errors comes out."""

from healthml._core._routing.failure_reasons import failure_reason, hiding_cells
from healthml._core._routing.fit_params import RoutesFit, fit_keyword, inner_fit_params
from healthml._core._routing.meta_classifier import MetaClassifier
from healthml._core._routing.own_sentences import clear_errors

__all__ = [
    "MetaClassifier",
    "RoutesFit",
    "clear_errors",
    "failure_reason",
    "fit_keyword",
    "hiding_cells",
    "inner_fit_params",
]
