import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.exceptions import InputError, MissingIndicatorWarning
from healthml.imputation import ChainedImputer, MissingIndicators


def simulate(n=2000, seed=0, told=0.0):
    """Simulate a table in which `b` is missing more often, by `told`, where nothing happened."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(int)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    X.loc[rng.random(n) < 0.3, "a"] = np.nan
    X.loc[rng.random(n) < 0.2 + told * (y == 0), "b"] = np.nan
    return X, y


def fitted(X, y=None, **options):
    groups = options.pop("groups", None)
    return MissingIndicators(random_state=0, **options).fit(X, y, groups=groups)


def reasons(imputer):
    return imputer.record_.set_index("column")["reason"].to_dict()


def test_gaps_that_say_nothing_of_the_outcome_get_indicators():
    X, y = simulate()
    found = fitted(X, y)
    assert found.columns_ == ["a", "b"]
    assert reasons(found) == {
        "a": "",
        "b": "",
        "c": "no cell is missing",
        "d": "no cell is missing",
    }
    out = found.transform(X)
    assert out.columns.tolist() == [*"abcd", "a_missing", "b_missing"]
    assert out["a_missing"].tolist() == X["a"].isna().astype(int).tolist()
    assert out["a"].isna().sum() == X["a"].isna().sum()
    assert found.get_feature_names_out().tolist() == out.columns.tolist()


def test_no_false_alarm_where_gaps_follow_a_risk_factor():
    rng = np.random.default_rng(1)
    age = rng.normal(size=4000)
    y = (rng.random(4000) < 1 / (1 + np.exp(2 - age))).astype(int)
    X = pd.DataFrame({"age": age, "lab": rng.normal(size=4000)})
    X.loc[rng.random(4000) < 1 / (1 + np.exp(1 - age)), "lab"] = np.nan
    assert fitted(X, y).columns_ == ["lab"]


def test_gaps_that_tell_the_outcome_are_left_out_with_a_measured_warning():
    X, y = simulate(told=0.6)
    with pytest.warns(
        MissingIndicatorWarning, match=r"AUC of 0\.8\d \(0\.\d\d to 0\.\d\d\)"
    ) as seen:
        found = fitted(X, y)
    assert "Column 'b' got no indicator" in str(seen[0].message)
    assert found.columns_ == ["a"]
    row = found.record_.set_index("column").loc["b"]
    is_missing = X["b"].isna().to_numpy()
    difference = is_missing[y == 0].mean() - is_missing[y == 1].mean()
    assert row["auc"] == pytest.approx(0.5 + difference / 2)
    assert row["lower"] < 0.8 < row["upper"]  # 0.5 + 0.6 / 2
    assert found.auc_["estimate"] > 0.75
    assert found.auc_added_["upper"] < 0.6
    assert fitted(X, y, allow=["b"]).columns_ == ["a", "b"]
    assert fitted(X, y, max_auc=0.9).columns_ == ["a", "b"]


def test_interval_of_one_indicator_is_that_of_two_shares():
    X, y = simulate(told=0.1)
    row = fitted(X, y).record_.set_index("column").loc["b"]
    is_missing = X["b"].isna().to_numpy()
    variance = sum(is_missing[y == k].var() / (y == k).sum() for k in (0, 1))
    assert row["upper"] - row["auc"] == pytest.approx(1.96 * np.sqrt(variance) / 2, rel=1e-3)


def test_many_weak_signals_add_up():
    rng = np.random.default_rng(2)
    y = (rng.random(3000) < 0.4).astype(int)
    X = pd.DataFrame(rng.normal(size=(3000, 12))).add_prefix("lab")
    for j, column in enumerate(X):
        X.loc[rng.random(3000) < 0.2 + 0.014 * j * y, column] = np.nan
    with pytest.warns(MissingIndicatorWarning, match="more"):
        found = fitted(X, y)
    assert 3 <= len(found.columns_) < 12
    assert found.auc_["lower"] > 0.6
    assert found.auc_added_["lower"] <= 0.6
    alone = found.record_.set_index("added")["auc"]
    assert alone[True].max() < alone[False].min()


def test_columns_that_go_missing_together_share_one_indicator():
    X, y = simulate()
    X.loc[X["a"].isna(), "c"] = np.nan
    X.loc[:4, "c"] = np.nan
    X["d"] = X["d"].where(X["b"].isna())  # observed where b is missing
    found = fitted(X, y)
    assert found.columns_ == ["a", "b"]
    assert reasons(found)["c"] == "its gaps are those of 'a'"
    assert reasons(found)["d"] == "its gaps are those of 'b'"
    assert fitted(X, y, min_rows=2).columns_ == ["a", "b", "c"]


def test_few_rows_and_few_patients():
    X, y = simulate(n=400)
    X.loc[:18, "c"] = np.nan
    X["d"] = np.where(np.arange(400) < 19, 1.0, np.nan)
    found = reasons(fitted(X, y))
    assert found["c"] == "missing in too few rows"
    assert found["d"] == "observed in too few rows"
    X.loc[:19, "c"] = np.nan
    assert reasons(fitted(X, y))["c"] == ""
    two_rows_each = fitted(X, y, groups=np.repeat(np.arange(200), 2))
    assert reasons(two_rows_each)["c"] == "missing in too few patients"


def test_repeated_patients_widen_the_interval():
    X, y = simulate(n=300, told=0.2)
    once = fitted(X, y).record_.set_index("column").loc["b"]
    ten = pd.concat([X] * 10, ignore_index=True)
    groups = np.tile(np.arange(300), 10)
    found = fitted(ten, np.tile(y, 10), groups=groups).record_.set_index("column").loc["b"]
    assert found["auc"] == pytest.approx(once["auc"])
    assert found["upper"] == pytest.approx(once["upper"], abs=1e-3)


@pytest.mark.parametrize(
    ("y", "why"),
    [
        (None, "no outcome"),
        (np.r_[np.ones(19), np.zeros(1981)], "fewer than 20 events"),
        (np.repeat(["x", "y", "z", "x"], 500), "not two classes"),
        (np.ones(2000) / 3, "does not vary"),
    ],
)
def test_not_assessable_is_an_answer(y, why):
    X, _ = simulate()
    found = fitted(X, y)
    assert found.columns_ == ["a", "b"]
    assert "not assessable" in reasons(found)["a"]
    assert why in reasons(found)["a"]
    assert "reason" in found.auc_


def test_a_continuous_outcome_is_taken_as_above_its_median():
    X, y = simulate(told=0.7)
    with pytest.warns(MissingIndicatorWarning):
        found = fitted(X, y + np.random.default_rng(0).normal(size=2000) * 0.2)
    assert found.columns_ == ["a"]


def test_dtypes_index_polars_and_arrays():
    X, y = simulate(n=200)
    X["kind"] = pd.Categorical(np.where(X["c"] > 0, "u", None))
    X.index = np.zeros(200, dtype=int)
    out = fitted(X, y).transform(X)
    assert out.index.equals(X.index)
    assert out["kind"].dtype == X["kind"].dtype
    assert out["kind_missing"].sum() == X["kind"].isna().sum()
    table = pl.from_pandas(X.reset_index(drop=True))
    wide = fitted(table, y).transform(table)
    assert isinstance(wide, pl.DataFrame)
    assert wide["b_missing"].to_list() == X["b"].isna().astype(int).tolist()
    array = X[list("abcd")].to_numpy()
    out = fitted(array, y).transform(array)
    assert out.dtype == float
    assert out.shape == (200, 6)


def test_a_row_alone_and_a_gap_that_is_new():
    X, y = simulate()
    found = fitted(X, y)
    row = X.iloc[[7]].assign(c=np.nan)
    assert found.transform(row).iloc[0, 4:].tolist() == X.iloc[7, :2].isna().astype(int).tolist()


@pytest.mark.parametrize("routing", [False, True])
def test_before_an_imputer_in_a_pipeline_with_patients(routing):
    X, y = simulate(n=300)
    steps = [MissingIndicators(random_state=0), ChainedImputer(m=1, n_iter=1, random_state=0)]
    model = make_pipeline(*steps, StandardScaler(), LogisticRegression())
    groups = np.repeat(np.arange(100), 3)
    with sklearn.config_context(enable_metadata_routing=routing):
        given = {"params": {"groups": groups}} if routing else {}
        found = cross_validate(model, X, y, cv=2, **given)
        fit = {"groups": groups} if routing else {"missingindicators__groups": groups}
        model.fit(X, y, **fit)
    assert np.isfinite(found["test_score"]).all()
    assert model[0].columns_ == ["a", "b"]


def test_bad_input_is_named():
    X, y = simulate(n=200)
    for options, sentence in (
        ({"allow": ["z"]}, "allow names the column 'z'"),
        ({"max_auc": 0.4}, "not between 0.5 and 1"),
        ({"min_rows": 0}, "whole number of at least 1"),
        ({"confidence_level": 95}, "confidence_level"),
    ):
        with pytest.raises(InputError, match=sentence):
            fitted(X, y, **options)
    with pytest.raises(InputError, match="'a_missing' already"):
        fitted(X.assign(a_missing=1), y)


def test_the_record_is_plain():
    X, y = simulate(n=200)
    record = fitted(X, y).record_
    assert json.loads(record.to_json(orient="records"))[0]["added"] is True
