"""group_performance and what it returns, and the checks of what it is given."""

from healthml.fairness._performance.checks import (
    check_counts,
    check_rows,
    check_thresholds,
    refuse_labels,
)
from healthml.fairness._performance.frame import GroupFrame
from healthml.fairness._performance.group_performance import group_performance
from healthml.fairness._performance.release import ReleasedGroups
from healthml.fairness._performance.result import GroupPerformanceResult

__all__ = [
    "GroupFrame",
    "GroupPerformanceResult",
    "ReleasedGroups",
    "check_counts",
    "check_rows",
    "check_thresholds",
    "group_performance",
    "refuse_labels",
]
