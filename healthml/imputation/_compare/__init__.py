"""Ways of filling gaps compared on the same patients."""

from healthml.imputation._compare.compare import ImputerComparisonResult, compare_imputers

__all__ = ["ImputerComparisonResult", "compare_imputers"]
