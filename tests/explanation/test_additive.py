"""Explainable boosting machines of `interpret`: exact where the package is installed."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from healthml.explanation import explain

glassbox = pytest.importorskip("interpret.glassbox", reason="interpret-core is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:Missing values detected")


def fitted(X, y, kind="ExplainableBoostingClassifier", **options):
    options = {"outer_bags": 2, "interactions": 3, "random_state": 0, "n_jobs": 1} | options
    return getattr(glassbox, kind)(**options).fit(X, y)


def test_pairs_and_gaps_are_exact_on_log_odds(make_mixed, brute_force):
    X, y = make_mixed(300)
    model = fitted(X, y)
    assert any(len(columns) == 2 for columns in model.term_features_)
    rows = X[:3].assign(ward=["a", "no such ward", None])
    found = explain(model, rows, background=X[50:90], random_state=0)
    assert (found.route, found.scale) == ("leaf by leaf", "log_odds")
    risk = lambda t: logit(model.predict_proba(t)[:, 1])  # noqa: E731
    base, values = brute_force(risk, rows, X[50:90])
    np.testing.assert_allclose(found.base_values, base, atol=1e-9)
    np.testing.assert_allclose(found.values, values, atol=1e-9)


def test_terms_of_one_column_are_a_weighted_sum(make_mixed):
    X, y = make_mixed(300)
    model = fitted(X.convert_dtypes(), y, interactions=0)
    found = explain(model, X.convert_dtypes()[:5], background=X.convert_dtypes(), random_state=0)
    assert found.route == "closed form"
    scores = model.eval_terms(X.convert_dtypes())
    place = [X.columns.get_loc(model.term_names_[k]) for k in range(X.shape[1])]
    np.testing.assert_allclose(found.values[:, place], scores[:5] - scores.mean(axis=0), atol=1e-9)


def test_a_number_is_explained_too_and_arrays(brute_force):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    model = fitted(X, X[:, 0] + X[:, 1] * X[:, 2], "ExplainableBoostingRegressor")
    found = explain(model, X[:4], background=X[:50], random_state=0)
    assert (found.route, found.scale) == ("leaf by leaf", "prediction")
    _, values = brute_force(
        lambda t: model.predict(t.to_numpy()), pd.DataFrame(X[:4]), pd.DataFrame(X[:50])
    )
    np.testing.assert_allclose(found.values, values, atol=1e-9)


def test_categories_are_read_as_levels(make_mixed):
    X, y = make_mixed(300)
    X = X.astype({"sex": "category", "ward": "category"})
    found = explain(fitted(X, y), X[:3], background=X, random_state=0)
    assert found.route == "leaf by leaf"
