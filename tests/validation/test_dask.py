"""The same call on a Dask cluster gives the same numbers."""

import os

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from healthml.validation import validate

distributed = pytest.importorskip("distributed", reason="needs the extra healthml[dask]")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4))
Y = (X[:, 0] + RNG.normal(size=150) > 0.5).astype(int)
GROUPS = np.repeat(np.arange(75), 2)


class ProcessId(ClassifierMixin, BaseEstimator):
    """Predicts where it was fitted."""

    def fit(self, X, y):
        self.classes_, self.place_ = np.unique(y), os.getpid()
        return self

    def predict_proba(self, X):
        """Return the process as a share of ten million."""
        risk = np.full(len(X), self.place_ / 1e7)
        return np.column_stack([1 - risk, risk])


@pytest.fixture(scope="module")
def cluster():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.mark.parametrize("method", ["oob", "optimism", "repeated_cv"])
def test_a_cluster_gives_the_same_numbers(method, cluster):
    models = {"forest": RandomForestClassifier(5), "logistic": LogisticRegression()}
    for name, model in models.items():
        if (name, method) == ("forest", "optimism"):
            continue  # refused with a warning of its own
        asked = {"method": method, "n_resamples": 8, "groups": GROUPS, "random_state": 3}
        alone = validate(model, X, Y, **asked)
        with parallel_config(backend="dask"):
            together = validate(model, X, Y, **asked)
        pd.testing.assert_frame_equal(alone.table, together.table, check_exact=True)
        pd.testing.assert_frame_equal(alone.predictions, together.predictions, check_exact=True)


def test_the_cluster_does_the_work(cluster):
    asked = {"method": "cv", "n_resamples": 4, "measures": ["brier"], "random_state": 0}
    with parallel_config(backend="dask"):
        found = validate(ProcessId(), X, Y, **asked).predictions
    places = set(np.round(found.filter(like="risk").to_numpy().ravel() * 1e7).astype(int))
    workers = set(cluster.run(os.getpid).values())
    assert places & workers
    assert os.getpid() not in places
