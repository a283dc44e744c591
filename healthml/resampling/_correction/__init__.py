"""Bring risks of a learner that saw another share of events back to the real one."""

from healthml.resampling._correction.change import (
    CalibrationChangeResult,
    calibration_change,
    measured,
)
from healthml.resampling._correction.fitted import (
    CORRECTIONS,
    Prior,
    cross_fitted,
    fit_correction,
)
from healthml.resampling._correction.limits import RiskLimits, risk_limits
from healthml.resampling._correction.members import for_all_members

__all__ = [
    "CORRECTIONS",
    "CalibrationChangeResult",
    "Prior",
    "RiskLimits",
    "calibration_change",
    "cross_fitted",
    "fit_correction",
    "for_all_members",
    "measured",
    "risk_limits",
]
