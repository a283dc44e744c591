"""Straight lines that may bend at quantiles, for curved risks."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

# Quantiles at which a line may bend. Three rather than four or five changed the AUC by less than
# 0.001 in tests/simulation/leak_kinds.py; more of them cost time and, with few events, overfit.
BENDS = (0.1, 0.5, 0.9)
# Different values below which a column is a flag or a scale, whose line stays straight; by
# judgement. Lower, and scales of few steps get columns that say the same.
FEWEST_VALUES = 10
# Columns that may bend, those with the most values first; by judgement, more cost time.
MOST_BENT = 100


class BentLines(TransformerMixin, BaseEstimator):
    """Add to each column of many values its excess over three of its quantiles."""

    def fit(self, X, y=None):
        """Learn where the lines may bend from the training rows."""
        X = np.asarray(X)
        n_values = np.array([len(np.unique(column)) for column in X.T])
        many = np.flatnonzero(n_values > FEWEST_VALUES)
        kept = np.sort(many[np.argsort(-n_values[many], kind="stable")][:MOST_BENT])
        self.bends_ = {j: np.unique(np.quantile(X[:, j], BENDS)) for j in kept}
        return self

    def transform(self, X):
        """Return the columns, and beside them the bent parts."""
        X = np.asarray(X)
        parts = [np.maximum(X[:, [j]] - bends, 0) for j, bends in self.bends_.items()]
        return np.column_stack([X, *parts])
