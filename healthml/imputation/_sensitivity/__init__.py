"""Results when the missing values differ from those that are seen."""

from healthml.imputation._sensitivity.analysis import SensitivityResult, sensitivity_analysis

__all__ = ["SensitivityResult", "sensitivity_analysis"]
