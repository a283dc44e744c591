"""Models fitted on several completed tables."""

from healthml.imputation._multiple.estimators import (
    MultiplyImputedClassifier,
    MultiplyImputedRegressor,
)

__all__ = ["MultiplyImputedClassifier", "MultiplyImputedRegressor"]
