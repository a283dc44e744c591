"""A fit that fails, and Ctrl-C: every function that refits names the resample and its seed."""

import re
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from healthml.exceptions import InputError
from healthml.validation import (
    PatientTimeSplit,
    bootstrap_shrinkage,
    compare_models,
    internal_external,
    learning_curve,
    permutation_test,
    prediction_instability,
    temporal_performance,
    validate,
)

N = 160
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
Y = (X[:, 0] + RNG.normal(size=N) > 0.3).astype(int)
SITE = np.arange(N) % 4
TIME = PatientTimeSplit(np.arange(N), n_splits=4)


class Stops(ClassifierMixin, BaseEstimator):
    """Raises in one of its fits, counted over all clones."""

    count, at, error = 0, 0, RuntimeError

    def fit(self, X, y):
        Stops.count += 1
        if Stops.count == Stops.at:
            raise Stops.error("Mrs Miller")
        self.classes_, self.level_ = np.unique(y), np.mean(y)
        return self

    def predict_proba(self, X):
        risk = 1 / (1 + np.exp(-np.asarray(X)[:, 0] - self.level_))
        return np.column_stack([1 - risk, risk])


CALLS = {
    "optimism": lambda m: validate(m, X, Y, method="optimism", n_resamples=12, random_state=0),
    "auto": lambda m: validate(m, X, Y, n_resamples=12, random_state=0),
    "oob": lambda m: validate(m, X, Y, method="oob", n_resamples=12, random_state=0),
    "cv": lambda m: validate(m, X, Y, method="cv", random_state=0),
    "temporal": lambda m: validate(m, X, Y, method="temporal", cv=TIME, random_state=0),
    "compare_models": lambda m: compare_models({"a": m, "b": m}, X, Y, simple_references=False),
    "internal_external": lambda m: internal_external(m, X, Y, site=SITE),
    "learning_curve": lambda m: learning_curve(m, X, Y, sizes=[0.5, 1.0]),
    "prediction_instability": lambda m: prediction_instability(m, X, Y, n_resamples=12),
    "permutation_test": lambda m: permutation_test(m, X, Y, n_permutations=12),
    "bootstrap_shrinkage": lambda m: bootstrap_shrinkage(m, X, Y, n_resamples=12),
    "temporal_performance": lambda m: temporal_performance(m, X, Y, cv=TIME),
}


def said(call, error, at=4):
    """Return everything that a call says when one of its fits raises: error, warnings, table."""
    Stops.count, Stops.at, Stops.error = 0, at, error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(Stops())
        except (InputError, KeyboardInterrupt) as stopped:
            return type(stopped), str(stopped)
    remarks = getattr(result, "remarks", ())  # where auto leaves the draws that failed
    return result, " ".join([*(str(one.message) for one in caught), *remarks])


@pytest.mark.parametrize("name", CALLS)
def test_a_failing_fit_is_named_with_its_seed(name):
    _, words = said(CALLS[name], RuntimeError)
    assert "RuntimeError" in words
    assert re.search(r"\(seed \d+\)", words)
    assert "Miller" not in words


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_says_how_far_it_came(name):
    kind, words = said(CALLS[name], KeyboardInterrupt)
    assert kind is KeyboardInterrupt
    assert re.search(r"interrupted after \d+ .*\(seed \d+\) was next; no result was made", words)
