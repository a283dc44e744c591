"""Curves: calibration, ROC, decision, thresholds, distribution of risks."""

from healthml.metrics._curves.calibration import (
    CalibrationDisplay,
    CalibrationResult,
    calibration_curve,
)
from healthml.metrics._curves.decision import (
    DecisionCurveDisplay,
    DecisionCurveResult,
    decision_curve,
)
from healthml.metrics._curves.risk_distribution import RiskDistributionResult, risk_distribution
from healthml.metrics._curves.roc import (
    CurveDisplay,
    CurveResult,
    precision_recall_curve,
    roc_curve,
)
from healthml.metrics._curves.thresholds import ThresholdResult, threshold_table

__all__ = [
    "CalibrationDisplay",
    "CalibrationResult",
    "CurveDisplay",
    "CurveResult",
    "DecisionCurveDisplay",
    "DecisionCurveResult",
    "RiskDistributionResult",
    "ThresholdResult",
    "calibration_curve",
    "decision_curve",
    "precision_recall_curve",
    "risk_distribution",
    "roc_curve",
    "threshold_table",
]
