"""Why it says so: which columns drive the risk, measured on patients left out."""

from healthml.explanation._importance import ImportanceResult, permutation_importance

__all__ = ["ImportanceResult", "permutation_importance"]
