"""The audit's checks: each asks a room and words the answer."""

from healthml.reporting._checks.cleaning import (
    check_decimal_slips,
    check_fields,
    check_labels,
    check_level_names,
    check_units,
)
from healthml.reporting._checks.cohort import (
    check_eligibility,
    check_flow,
    check_outcome_by_site,
    check_shared_outcome,
    check_task,
)
from healthml.reporting._checks.data import (
    check_columns,
    check_impossible,
    check_missing_codes,
    check_missingness,
    check_not_features,
    check_redundancy,
    check_row_order,
)
from healthml.reporting._checks.leakage import (
    check_known_after,
    check_leaks,
    check_repeated_rows,
    check_rows_against_patients,
)
from healthml.reporting._checks.look import Look, headline_risk, interval_words
from healthml.reporting._checks.performance import check_drivers, check_performance
from healthml.reporting._checks.transport import check_groups_performance, check_later, check_sites

__all__ = [
    "Look",
    "check_columns",
    "check_decimal_slips",
    "check_drivers",
    "check_eligibility",
    "check_fields",
    "check_flow",
    "check_groups_performance",
    "check_impossible",
    "check_known_after",
    "check_labels",
    "check_later",
    "check_leaks",
    "check_level_names",
    "check_missing_codes",
    "check_missingness",
    "check_not_features",
    "check_outcome_by_site",
    "check_performance",
    "check_redundancy",
    "check_repeated_rows",
    "check_row_order",
    "check_rows_against_patients",
    "check_shared_outcome",
    "check_sites",
    "check_task",
    "check_units",
    "headline_risk",
    "interval_words",
]
