"""For whom it works: performance by sensitive group, each with interval and counts."""

from healthml.fairness._performance import GroupPerformanceResult, group_performance

__all__ = ["GroupPerformanceResult", "group_performance"]
