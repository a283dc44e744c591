"""Scores of whole points, readable from the start."""

from healthml.explanation._points.result import PointsResult
from healthml.explanation._points.score import PointsScore

__all__ = ["PointsResult", "PointsScore"]
