"""Measures as scikit-learn scorers."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate

from healthml import metrics as m
from healthml.exceptions import InputError


@pytest.fixture
def data():
    random = np.random.RandomState(0)
    X = random.normal(size=(300, 3))
    y = (random.uniform(size=300) < 1 / (1 + np.exp(-X[:, 0] + 0.5))).astype(int)
    return X, y


def names():
    for row in m.list_measures().itertuples():
        if row.measure != "expected_cost_threshold":
            yield f"{row.measure}@0.2" if row.needs_threshold else row.measure


def test_every_measure_scores_a_model_with_more_is_better(data):
    X, y = data
    good = LogisticRegression().fit(X, y)
    risk = good.predict_proba(X)[:, 1]
    for name in names():
        measure = m.get_measure(name.partition("@")[0])
        options = {"threshold": 0.2} if measure.needs_threshold else {}
        value = measure.function(y, risk, **options)
        best = measure.best
        expected = {"higher": value, "lower": -value, "target": -abs(value - best)}
        assert m.get_scorer(name)(good, X, y) == pytest.approx(expected[measure.direction]), name


def test_works_in_cross_validate_and_grid_search(data):
    X, y = data
    scoring = {name: m.get_scorer(name) for name in ("auroc", "net_benefit@0.2", "ici")}
    scores = cross_validate(LogisticRegression(), X, y, scoring=scoring, cv=3, error_score="raise")
    assert np.isfinite([scores[f"test_{name}"] for name in scoring]).all()
    search = GridSearchCV(
        LogisticRegression(), {"C": [1e-4, 1.0]}, scoring=m.get_scorer("calibration_slope"), cv=3
    )
    assert search.fit(X, y).best_params_["C"] == 1.0
    assert search.best_score_ <= 0


def test_weights_reach_the_measure_and_scorers_travel_between_processes(data):
    X, y = data
    model = LogisticRegression().fit(X, y)
    weight = np.random.RandomState(0).uniform(0.5, 2, len(y))
    scorer = pickle.loads(pickle.dumps(m.get_scorer("brier")))
    expected = m.brier(y, model.predict_proba(X)[:, 1], sample_weight=weight)
    assert scorer(model, X, y, sample_weight=weight) == pytest.approx(-expected)


def test_the_event_is_named_and_never_guessed(data):
    X, y = data
    labels = np.where(y == 1, "alive", "died")
    model = LogisticRegression().fit(X, labels)
    score = m.get_scorer("auroc", event="died")(model, X, labels)
    assert score == pytest.approx(m.auroc(labels == "died", model.predict_proba(X)[:, 1]))
    with pytest.raises(InputError, match="event"):
        m.get_scorer("auroc")(model, X, labels)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net_benefit", "threshold"),
        ("net_benefit@2", "threshold"),
        ("net_benefit@low", "threshold"),
        ("auroc@0.2", "no threshold"),
        ("expected_cost_threshold@0.2", "cannot be a score"),
        ("auc", "no measure"),
    ],
)
def test_mistakes_are_named(name, message):
    with pytest.raises(InputError, match=message):
        m.get_scorer(name)
