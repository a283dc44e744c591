"""A model that remembers whom it has seen, and a small cohort of repeated visits."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin


class Remembers(ClassifierMixin, BaseEstimator):
    """Its risk is 1 for a row whose first column was among the training rows', else 0."""

    fits = []  # the first column of the training rows, one array for each fit

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = np.unique(np.asarray(X)[:, 0])
        self.fits.append(np.asarray(X)[:, 0])
        return self

    def predict_proba(self, X):
        risk = np.isin(np.asarray(X)[:, 0], self.seen_).astype(float)
        return np.column_stack([1 - risk, risk])


@pytest.fixture
def remembers():
    Remembers.fits.clear()
    return Remembers()


@pytest.fixture(scope="session")
def visits():
    """Return (X, y, groups): 60 patients, 1 to 5 visits each, a real but noisy signal."""
    rng = np.random.default_rng(5)
    groups = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 6, 60)))
    X = rng.normal(size=(len(groups), 3)) + rng.normal(size=(60, 3))[groups]
    y = (X[:, 0] + rng.normal(size=len(groups)) > 0.5).astype(int)
    return X, y, groups
