"""group_performance and what it returns."""

from healthml.fairness._performance.frame import GroupFrame
from healthml.fairness._performance.group_performance import group_performance
from healthml.fairness._performance.release import ReleasedGroups
from healthml.fairness._performance.result import GroupPerformanceResult

__all__ = ["GroupFrame", "GroupPerformanceResult", "ReleasedGroups", "group_performance"]
