"""Performance along a number, such as age, as curves with bands."""

from healthml.fairness._along.performance_along import AlongResult, performance_along

__all__ = ["AlongResult", "performance_along"]
