"""Random pipelines on random tables against every coalition."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from healthml.explanation import explain
from healthml.explanation._explain.model import link


def table(rng, n, n_numbers, n_words):
    """Return numbers on few and many levels, and words, some cells missing."""
    columns = {}
    for k in range(n_numbers):
        values = rng.normal(size=n)
        columns[f"n{k}"] = np.where(rng.random(n) < 0.1, np.nan, np.round(values, k % 3))
    for k in range(n_words):
        words = rng.choice(list("abcd")[: 2 + k % 3], n).astype(object)
        words[rng.random(n) < 0.1] = None
        columns[f"w{k}"] = words
    return pd.DataFrame(columns)


def pipeline(rng, frame):
    """Return a random encoding of the columns and a random classifier behind it."""
    numbers = [c for c in frame if c.startswith("n")]
    words = [c for c in frame if c.startswith("w")]
    fill = SimpleImputer(strategy=rng.choice(["mean", "median"]), add_indicator=rng.random() < 0.3)
    scale = make_pipeline(fill, StandardScaler()) if rng.random() < 0.5 else fill
    onehot = OneHotEncoder(handle_unknown="ignore", min_frequency=int(rng.integers(1, 6)))
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    code = onehot if rng.random() < 0.5 else codes
    encode = make_column_transformer(
        (scale, numbers), (make_pipeline(SimpleImputer(strategy="most_frequent"), code), words)
    )
    options = {"random_state": 0, "n_estimators": 5, "max_depth": int(rng.integers(1, 7))}
    models = [
        LogisticRegression(),
        RandomForestClassifier(**options),
        ExtraTreesClassifier(**options),
        GradientBoostingClassifier(**options),
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3),
        GaussianNB(),
    ]
    sparse = make_pipeline(encode, models[int(rng.integers(len(models)))])
    return sparse.set_params(columntransformer__sparse_threshold=0)


def check(number, brute_force):
    rng = np.random.default_rng(number)
    frame = table(rng, 60, int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    y = (np.nan_to_num(frame["n0"]) + (frame["w0"] == "a") + rng.normal(size=60) > 0.3).astype(int)
    model = pipeline(rng, frame).fit(frame, y)
    rows, background = frame.iloc[:2], frame.iloc[20:26]
    found = explain(model, rows, background=background, random_state=0)
    f = lambda t: link(model.predict_proba(t)[:, 1], found.scale)  # noqa: E731
    base, values = brute_force(f, rows, background)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    np.testing.assert_allclose(found.base_values, base, atol=1e-9)


@settings(max_examples=6, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10**6))
def test_random_pipelines_agree_with_the_enumerator(brute_force, number):
    check(number, brute_force)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10**9))
def test_two_hundred_random_pipelines_agree_with_the_enumerator(brute_force, number):
    check(number, brute_force)
