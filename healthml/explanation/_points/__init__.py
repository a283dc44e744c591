"""Scores of whole points, readable from the start."""

from healthml.explanation._points.result import PointsResult
from healthml.explanation._points.score import PointsScore, card_of_risks

__all__ = ["PointsResult", "PointsScore", "card_of_risks"]
