"""Rare events: no number that means nothing, and its reason instead; undefined scores never win."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV

from healthml.metrics import get_scorer, performance
from healthml.validation import compare_models, validate
from healthml.validation._scoring import Ends
from healthml.validation._validate.assessable import assessable

METHODS = ("oob", "optimism", "632+", "cv", "repeated_cv", "auto")


@pytest.mark.parametrize("seed", range(4))
def test_no_number_is_absurd(seed):
    rng = np.random.default_rng(100 + seed)
    n, events = int(rng.integers(40, 120)), int(rng.integers(2, 5))
    X, y = rng.normal(size=(n, int(rng.integers(2, 6)))), np.zeros(n, int)
    y[rng.permutation(n)[:events]] = 1
    for method in METHODS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = validate(
                LogisticRegression(C=np.inf, max_iter=2000),
                X,
                y,
                method=method,
                n_resamples=40,
                random_state=seed,
            )
        for table in (result.table, result.details):
            numbers = table.select_dtypes("number").to_numpy(dtype=float)
            assert np.nanmax(np.abs(numbers)) < 1e4
        bare = result.table[result.table["lower"].isna()]
        said = bare["ci_method"].str.contains("not assessable") | (bare["ci_method"] != "")
        assert said.all()  # an interval that is missing says why
        bare = result.table[result.table["corrected"].isna()]
        assert (bare["reasons"] != "").all()


def test_a_ratio_without_expected_events_is_not_averaged():
    row = {"measure": "oe_ratio", "corrected": 3e290, "mcse": 1e280, "ends": Ends(1, 2, 3, "t")}
    found = assessable(row | {"reasons": {}}, [np.array([1.0, 2.0, 6e290, np.nan])])
    assert np.isnan(found["corrected"])
    assert np.isnan(found["mcse"])
    assert found["reasons"] == {"next to no expected events: not assessable": 1}
    fine = row | {"corrected": 1.2, "reasons": {}}
    assert assessable(fine, [np.array([1.0, 1.4])]) == fine


def test_usual_tables_are_not_touched():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] + 1.5 * rng.normal(size=400) > 1.5).astype(int)
    result = validate(LogisticRegression(), X, y, n_resamples=50, random_state=0)
    assert result.table[["corrected", "lower", "upper"]].notna().all(axis=None)
    assert (result.table["reasons"] == "").all()


class Certain(ClassifierMixin, BaseEstimator):
    """Gives risks of 0 and 1 to some rows."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        risk = 1 / (1 + np.exp(-X[:, 0]))
        risk = np.where(X[:, 0] > 2, 1.0, np.where(X[:, 0] < -2, 0.0, risk))
        return np.column_stack([1 - risk, risk])


def test_a_slope_over_risks_of_0_and_1_says_so():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    for method in ("oob", "cv"):
        result = validate(Certain(), X, y, method=method, n_resamples=10, random_state=0)
        assert "with risks of 0 or 1, moved to 1e-08" in result.get("calibration_slope")["reasons"]
        assert result.get("auroc")["reasons"] == ""
    risk = Certain().fit(X, y).predict_proba(X)[:, 1]
    table = performance(y, risk, intervals=False).table.set_index("measure")
    at_limits = int(np.sum((risk == 0) | (risk == 1)))
    assert table.loc["calibration_slope", "note"].startswith(f"{at_limits} risks of 0 or 1")
    assert "moved" not in table.loc["auroc", "note"]
    inside = np.clip(risk, 0.01, 0.99)
    assert not performance(y, inside, intervals=False).table["note"].str.contains("moved").any()


@pytest.mark.parametrize("name", ["mcc@0.5", "ppv@0.5", "npv@0.01", "calibration_slope"])
def test_an_undefined_score_does_not_win(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + rng.normal(size=200) > 1).astype(int)
    scorer, weak = get_scorer(name), LogisticRegression(C=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        worst = scorer(weak.fit(X, y), X, y)
        assert worst == -np.inf or worst <= 0 or name == "npv@0.01"
        grid = [1e-9, 1.0]
        path = LogisticRegressionCV(
            Cs=grid, scoring=scorer, cv=4, l1_ratios=(0,), use_legacy_attributes=False
        )
        assert path.fit(X, y).C_ == 1.0
        search = GridSearchCV(LogisticRegression(), {"C": grid}, scoring=scorer, cv=4, n_jobs=1)
        assert search.fit(X, y).best_params_["C"] == 1.0
        kept = SequentialFeatureSelector(
            LogisticRegression(), n_features_to_select=1, scoring=get_scorer("mcc@0.5"), cv=4
        ).fit(X[:, ::-1], y)
    assert kept.get_support().tolist() == [False, False, True]


def test_other_functions_show_no_absurd_interval_either():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(60, 4)), np.zeros(60, int)
    y[:3] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compare_models(
            {"a": LogisticRegression(C=1e6, max_iter=2000)},
            X,
            y,
            random_state=0,
            simple_references=["prevalence only"],
            n_repeats=2,
        )
    numbers = found.scores.select_dtypes("number").to_numpy(dtype=float)
    assert np.nanmax(np.abs(numbers)) < 1e4
