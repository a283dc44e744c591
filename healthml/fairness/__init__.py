"""For whom it works: performance by sensitive group, each with interval and counts."""

from healthml.fairness._groups import GroupPerformance, group_performance

__all__ = ["GroupPerformance", "group_performance"]
