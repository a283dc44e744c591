"""The measures one by one, and their registry; what a domain's file lists is handed out here."""

from healthml.metrics._measures import (
    calibration,
    classification,
    discrimination,
    overall,
    utility,
)
from healthml.metrics._measures.calibration import *  # noqa: F403
from healthml.metrics._measures.calibration import (
    FEWEST_RISKS,
    SMOOTHERS,
    errors_of,
    fit_smooth,
    quantile_groups,
)
from healthml.metrics._measures.classification import *  # noqa: F403
from healthml.metrics._measures.classification import check_prevalence, ratio
from healthml.metrics._measures.discrimination import *  # noqa: F403
from healthml.metrics._measures.discrimination import (
    auprc_of,
    auroc_of,
    average_precision_of,
    partial_auroc_of,
)
from healthml.metrics._measures.overall import *  # noqa: F403
from healthml.metrics._measures.overall import nagelkerke_of
from healthml.metrics._measures.registry import MEASURES, Measure, get_measure, list_measures
from healthml.metrics._measures.utility import *  # noqa: F403
from healthml.metrics._measures.utility import lowest_cost_of

__all__ = [
    "FEWEST_RISKS",
    "MEASURES",
    "SMOOTHERS",
    "Measure",
    "auprc_of",
    "auroc_of",
    "average_precision_of",
    "check_prevalence",
    "errors_of",
    "fit_smooth",
    "get_measure",
    "list_measures",
    "lowest_cost_of",
    "nagelkerke_of",
    "partial_auroc_of",
    "quantile_groups",
    "ratio",
]
for _domain in (calibration, classification, discrimination, overall, utility):
    __all__ += _domain.__all__
