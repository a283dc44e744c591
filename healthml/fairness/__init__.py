"""For whom it works: performance by sensitive group, each with interval and counts."""

from healthml.fairness._along import AlongResult, performance_along
from healthml.fairness._performance import GroupPerformanceResult, group_performance

__all__ = ["AlongResult", "GroupPerformanceResult", "group_performance", "performance_along"]
