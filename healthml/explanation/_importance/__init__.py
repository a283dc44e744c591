"""Which columns a model needs: what is lost on rows left out when a column is shuffled."""

from healthml.explanation._importance.importance import ImportanceResult, permutation_importance

__all__ = ["ImportanceResult", "permutation_importance"]
