"""Estimates of every measure in all groups at once, with what intervals are made of."""

from healthml.fairness._estimates.from_sums import from_sums, gradient_of
from healthml.fairness._estimates.measured import (
    CALIBRATION,
    SUMMED,
    WITHOUT_GAPS,
    Measured,
    measure_groups,
)
from healthml.fairness._estimates.ranked import (
    auroc_of_groups,
    errors_by_group,
    expected_auroc_of_groups,
)
from healthml.fairness._estimates.recalibrated import calibration_of_groups
from healthml.fairness._estimates.rows import Rows, benefit
from healthml.fairness._estimates.spread import (
    COUNTS,
    LOG,
    LOGIT,
    WALD,
    WILSON,
    Estimates,
    gap_ends,
    gap_p_values,
)

__all__ = [
    "CALIBRATION",
    "COUNTS",
    "LOG",
    "LOGIT",
    "SUMMED",
    "WALD",
    "WILSON",
    "WITHOUT_GAPS",
    "Estimates",
    "Measured",
    "Rows",
    "auroc_of_groups",
    "benefit",
    "calibration_of_groups",
    "errors_by_group",
    "expected_auroc_of_groups",
    "from_sums",
    "gap_ends",
    "gap_p_values",
    "gradient_of",
    "measure_groups",
]
