"""Measures of predicted risks: one name and one definition each, with interval and picture."""

from healthml.metrics._compare import ComparisonResult, compare_performance
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
from healthml.metrics._delong import DelongResult, delong_test
from healthml.metrics._measures.calibration import (
    calibration_in_the_large,
    calibration_intercept,
    calibration_slope,
    e50,
    e90,
    ece,
    eci,
    emax,
    ici,
    oe_ratio,
)
from healthml.metrics._measures.classification import (
    accuracy,
    balanced_accuracy,
    dor,
    f1,
    kappa,
    mcc,
    npv,
    ppv,
    sensitivity,
    specificity,
    youden,
)
from healthml.metrics._measures.discrimination import auprc, auroc, average_precision, partial_auroc
from healthml.metrics._measures.overall import (
    brier,
    cox_snell_r2,
    discrimination_slope,
    log_likelihood,
    log_loss,
    mcfadden_r2,
    mean_absolute_prediction_error,
    nagelkerke_r2,
    nagelkerke_r2_recalibrated,
    scaled_brier,
)
from healthml.metrics._measures.registry import Measure, get_measure, list_measures
from healthml.metrics._measures.utility import (
    expected_cost,
    expected_cost_threshold,
    net_benefit,
    standardized_net_benefit,
)
from healthml.metrics._multiclass import OneVsRestResult
from healthml.metrics._performance import PerformanceResult, performance
from healthml.metrics._scorers import get_scorer

__all__ = [
    "CalibrationDisplay",
    "CalibrationResult",
    "ComparisonResult",
    "CurveDisplay",
    "CurveResult",
    "DecisionCurveDisplay",
    "DecisionCurveResult",
    "DelongResult",
    "Measure",
    "OneVsRestResult",
    "PerformanceResult",
    "RiskDistributionResult",
    "ThresholdResult",
    "accuracy",
    "auprc",
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "calibration_curve",
    "calibration_in_the_large",
    "calibration_intercept",
    "calibration_slope",
    "compare_performance",
    "cox_snell_r2",
    "decision_curve",
    "delong_test",
    "discrimination_slope",
    "dor",
    "e50",
    "e90",
    "ece",
    "eci",
    "emax",
    "expected_cost",
    "expected_cost_threshold",
    "f1",
    "get_measure",
    "get_scorer",
    "ici",
    "kappa",
    "list_measures",
    "log_likelihood",
    "log_loss",
    "mcc",
    "mcfadden_r2",
    "mean_absolute_prediction_error",
    "nagelkerke_r2",
    "nagelkerke_r2_recalibrated",
    "net_benefit",
    "npv",
    "oe_ratio",
    "partial_auroc",
    "performance",
    "ppv",
    "precision_recall_curve",
    "risk_distribution",
    "roc_curve",
    "scaled_brier",
    "sensitivity",
    "specificity",
    "standardized_net_benefit",
    "threshold_table",
    "youden",
]
