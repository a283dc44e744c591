import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import mean_squared_error, r2_score, roc_auc_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from healthml.exceptions import InputError, MissingIndicatorWarning
from healthml.imputation import ChainedImputer, MultiplyImputedClassifier, compare_imputers
from healthml.imputation._compare.scores import _regression
from healthml.imputation._compare.simple_fill import SimpleFill

SIMPLE = ["mean or mode", "mean or mode with indicators", "complete cases"]


def simulate(n=400, seed=0, told=0.0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    X = pd.DataFrame({"a": a, "b": a + 0.3 * rng.normal(size=n), "c": rng.normal(size=n)})
    y = (rng.random(n) < 1 / (1 + np.exp(0.5 - 2 * a))).astype(int)
    X.loc[rng.random(n) < 0.3 + told * y, "a"] = np.nan
    return X, y


def compare(X, y, imputers=None, estimator=None, **options):
    imputers = {"knn": KNNImputer()} if imputers is None else imputers
    estimator = LogisticRegression() if estimator is None else estimator
    options = {"n_repeats": 1, "random_state": 0, **options}
    return compare_imputers(estimator, X, y, imputers=imputers, **options)


class Recorder(TransformerMixin, BaseEstimator):
    """Fill in 0, and note which rows it is fitted on and applied to."""

    notes = []

    def fit(self, X, y=None):
        self.seen_ = set(X["row"])
        return self

    def transform(self, X):
        self.notes.append((self.seen_, set(X["row"])))
        return X.fillna(0)


def test_a_better_imputer_is_found_with_an_interval():
    rng = np.random.default_rng(1)
    a, change = rng.normal(size=(2, 1200))
    y = (rng.random(1200) < 1 / (1 + np.exp(-2 * change))).astype(int)
    X = pd.DataFrame({"a": np.where(rng.random(1200) < 0.5, np.nan, 2 * a), "b": 2 * a + change})
    result = compare(X, y, {"chained": ChainedImputer("norm", m=2, n_iter=1)})
    row = result.table.set_index(["imputer", "measure"]).loc[("chained", "scaled_brier")]
    assert 0 < row["lower"] < row["estimate"] < row["upper"]
    assert row["lower_adjusted"] < row["lower"]
    assert row["upper_adjusted"] > row["upper"]
    assert row["estimate"] == pytest.approx(row["value"] - row["reference_value"])
    assert row["reference"] == "mean or mode"
    assert row["direction"] == "higher"


def test_the_same_imputer_twice_differs_by_nothing():
    X, y = simulate()
    imputers = {"one": SimpleImputer(), "two": SimpleImputer()}
    table = compare(X, y, imputers, simple_references=["mean or mode"]).table
    assert table["imputer"].unique().tolist() == ["one", "two"]
    assert table[["estimate", "lower", "upper"]].abs().to_numpy().max() < 1e-9


def test_values_are_those_of_a_hand_written_loop():
    X, y = simulate()
    splits = list(KFold(4, shuffle=True, random_state=0).split(X))
    result = compare(X, y, {"mean": SimpleImputer()}, cv=splits, measures=["brier", "auroc"])
    risk, pairs, won = np.full(len(y), np.nan), 0, 0.0
    for train, test in splits:
        fill = SimpleImputer().fit(X.iloc[train])
        model = LogisticRegression().fit(fill.transform(X.iloc[train]), y[train])
        risk[test] = model.predict_proba(fill.transform(X.iloc[test]))[:, 1]
        n = y[test].sum() * (1 - y[test]).sum()
        pairs, won = pairs + n, won + n * roc_auc_score(y[test], risk[test])
    scores = result.scores.set_index(["imputer", "measure"])["estimate"]
    assert scores["mean", "brier"] == pytest.approx(np.mean((y - risk) ** 2))
    assert scores["mean", "auroc"] == pytest.approx(won / pairs)
    np.testing.assert_allclose(result.predictions["mean"], risk)


def test_regression_values_agree_with_scikit_learn():
    X, y = simulate()
    y = X["b"].to_numpy() + np.random.default_rng(0).normal(size=len(X))
    result = compare(X, y, estimator=LinearRegression(), measures=["mse", "r_squared"])
    scores = result.scores.set_index(["imputer", "measure"])["estimate"]
    predicted = result.predictions["knn"]
    assert scores["knn", "mse"] == pytest.approx(mean_squared_error(y, predicted))
    assert scores["knn", "r_squared"] == pytest.approx(r2_score(y, predicted))
    assert result.table["n_events"].isna().all()


def test_influences_of_a_regression_are_those_of_leaving_a_row_out():
    rng, n = np.random.default_rng(0), 2000
    y = rng.normal(size=n)
    predicted = 0.5 * y + rng.normal(size=n) * 0.3
    for measure, (value, influence) in _regression(y, predicted).items():
        rows = range(0, n, 10)
        left = [_regression(np.delete(y, k), np.delete(predicted, k))[measure][0] for k in rows]
        moved = (value - np.array(left)) * (n - 1) / n
        np.testing.assert_allclose(influence[::10], moved, atol=0.02 * abs(moved).max())


def test_imputers_never_see_a_test_row():
    X, y = simulate(n=200)
    X["row"] = np.arange(200)
    Recorder.notes.clear()
    compare(X, y, {"recorder": Recorder()}, simple_references=["mean or mode"])
    applied = [after for seen, after in Recorder.notes if after != seen]
    assert len(Recorder.notes) == 10
    assert sorted(row for after in applied for row in after) == list(range(200))
    assert all(not (seen & after) for seen, after in Recorder.notes if after != seen)


def test_patients_stay_together_and_widen_intervals():
    X, y = simulate(n=200)
    X["row"] = np.arange(200)
    ten = pd.concat([X] * 10, ignore_index=True)
    groups, Y = np.tile(np.arange(200), 10), np.tile(y, 10)
    Recorder.notes.clear()
    found = compare(ten, Y, {"r": Recorder()}, groups=groups, simple_references=["mean or mode"])
    assert all(seen == after or not seen & after for seen, after in Recorder.notes)
    rows = compare(ten, Y, {"r": Recorder()}, simple_references=["mean or mode"])
    width = [(r.scores["upper"] - r.scores["lower"]).iloc[0] for r in (found, rows)]
    assert width[0] > 2.5 * width[1]
    assert found.table["n_patients"].tolist() == [200, 200]


def test_complete_cases_are_compared_on_complete_rows_alone():
    X, y = simulate()
    complete = X.notna().all(axis=1).to_numpy()
    result = compare(X, y, measures=["brier"])
    row = result.table.set_index("imputer").loc["complete cases"]
    assert row["n_samples"] == complete.sum()
    assert row["n_events"] == y[complete].sum()
    reference = result.predictions["mean or mode"][complete]
    assert row["reference_value"] == pytest.approx(np.mean((y[complete] - reference) ** 2))
    assert result.predictions["complete cases"].notna().tolist() == complete.tolist()
    assert any(f"{complete.sum()} of 400 rows are complete" in text for text in result.remarks)
    X.loc[complete & (np.arange(400) > 50), "c"] = np.nan
    few = compare(X, y, measures=["brier"])
    assert "complete cases" not in few.table["imputer"].tolist()
    assert any("which are too few" in text for text in few.remarks)


def test_indicators_that_tell_the_outcome_are_named():
    X, y = simulate(n=1000, told=0.6)
    with pytest.warns(MissingIndicatorWarning, match="out-of-fold AUC of 0"):
        result = compare(X, y)
    row = result.table.set_index(["imputer", "measure"]).loc[(SIMPLE[1], "auroc")]
    assert row["lower"] > 0.02
    assert result.indicator_auc["lower"] > 0.6
    quiet = compare(X, y, simple_references=["mean or mode"])
    assert any("does not transport" in text for text in quiet.remarks)


def test_models_as_a_whole_and_values_left_missing():
    X, y = simulate()
    model = HistGradientBoostingClassifier(max_iter=5)
    imputer = ChainedImputer(m=2, n_iter=1)
    imputers = {"multiple": MultiplyImputedClassifier(model, imputer), "none": None}
    result = compare(X, y, imputers, model, reference="left missing", cv=2)
    names = result.scores["imputer"].unique().tolist()
    assert names == ["multiple", "none", *SIMPLE, "left missing"]
    none = result.table[result.table["imputer"] == "none"]
    assert none["estimate"].abs().max() < 1e-12


class Encoder(TransformerMixin, BaseEstimator):
    """Turn the column `sex` into 0 and 1."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        cells = [np.asarray(X[name]) for name in X.columns]
        return np.column_stack([(c == "f") if c.dtype == object else c for c in cells]).astype(
            float
        )


def test_mixed_tables_of_pandas_and_polars():
    X, y = simulate(n=200)
    sex = pd.Series(np.where(X["b"] > 0, "f", "m"), dtype="category")
    table = X.assign(sex=sex.where(X["c"] > -1))
    model = make_pipeline(Encoder(), LogisticRegression())
    imputers = {"chained": ChainedImputer(m=1, n_iter=1)}
    found = compare(table, y, imputers, model, measures="brier")
    again = compare(pl.from_pandas(table), y, imputers, model, measures="brier")
    np.testing.assert_allclose(again.table["estimate"][1:], found.table["estimate"][1:])
    np.testing.assert_allclose(again.table["estimate"], found.table["estimate"], atol=1e-3)


def test_simple_fill_keeps_dtypes():
    day = pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-03"], utc=True)
    table = pd.DataFrame(
        {
            "x": [1.0, np.nan, 2.0, 6.0],
            "n": pd.array([1, None, 2, 2], dtype="Int64"),
            "flag": pd.array([True, None, False, False], dtype="boolean"),
            "text": np.array(["u", None, "v", "u"], dtype=object),
            "level": pd.Categorical(["u", None, "v", "v"]),
            "day": day,
        },
        index=[5, 5, 6, 7],
    )
    out = SimpleFill(indicators=True).fit(table).transform(table)
    assert out.dtypes[:6].tolist() == table.dtypes.tolist()
    assert out.index.equals(table.index)
    filled = out.iloc[1].tolist()
    assert filled[:5] == [3.0, 2, False, "u", "v"]
    assert filled[5] == pd.Timestamp("2020-01-02 08:00", tz="UTC")
    assert filled[6:] == [1] * 6
    assert table.isna().sum().sum() == 6
    with pytest.raises(InputError, match="no value in the 2 rows"):
        SimpleFill().fit(pd.DataFrame({"x": [np.nan, np.nan]}))


def test_the_same_for_any_number_of_jobs_and_reported_warnings():
    X, y = simulate(n=200)
    X.loc[0, "c"] = np.nan  # complete at fit in the split that tests this row
    imputers = {"chained": ChainedImputer(m=2, n_iter=1)}
    found = []
    for n_jobs in (1, 2):
        with parallel_config(backend="threading"):
            found.append(compare(X, y, imputers, n_jobs=n_jobs))
    pd.testing.assert_frame_equal(found[0].table, found[1].table)
    assert "chained: ImputationWarning in 1 of 5 splits." in found[0].remarks


def test_result_can_be_drawn_and_stored():
    X, y = simulate(n=200)
    result = compare(X, y, thresholds=[0.2, 0.4])
    assert result.table["measure"].unique().tolist() == ["auroc", "scaled_brier", "net_benefit"]
    ax = result.plot(measure="net_benefit")
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert sorted(labels) == sorted(["knn", *SIMPLE[1:]])
    assert "predictions" in json.loads(result.to_json())
    assert json.loads(result.to_json())["predictions"] is None
    assert "9 differences" in result.summary()
    with pytest.raises(InputError, match="was not compared"):
        result.plot(measure="brier")


def test_overlapping_test_rows_are_repeats():
    X, y = simulate(n=200)
    splits = [*KFold(4).split(X), *KFold(2).split(X)]
    result = compare(X, y, cv=splits, measures="brier")
    assert result.remarks[0].startswith("6 splits in 2 repeats")
    assert result.table["n_samples"].iloc[0] == 200


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"imputers": {"a": ChainedImputer(include_outcome=True)}}, "needs the outcome"),
        ({"imputers": {"mean or mode": SimpleImputer()}}, "rename it"),
        ({"imputers": {"a": "mean"}}, "pass an imputer"),
        ({"imputers": {"a": LogisticRegression}}, "pass an imputer"),
        ({"imputers": {"a": SimpleImputer(strategy="x")}}, "'a' failed in split 0"),
        ({"imputers": {"a": None}}, r"'a' failed in split 0 \(ValueError in LogisticRegression: "),
        ({"imputers": {"a": SimpleImputer()}, "simple_references": False}, "nothing to compare"),
        ({"reference": "b"}, "reference='b' is not compared"),
        ({"simple_references": ["median"]}, "there are 'mean or mode'"),
        ({"simple_references": ["left missing"]}, "takes no missing values"),
        ({"measures": ["mse"]}, "measures has 'mse'"),
        ({"measures": ["net_benefit"]}, "needs thresholds"),
        ({"thresholds": 2}, "between 0 and 1"),
        ({"n_repeats": 0}, "n_repeats=0"),
        ({"estimator": SimpleImputer()}, "classifier or a regressor"),
    ],
)
def test_bad_input_is_named(options, sentence):
    X, y = simulate(n=100)
    with pytest.raises(InputError, match=sentence):
        compare(X, y, **options)


def test_nothing_missing_and_a_y_that_does_not_fit():
    X, y = simulate(n=100)
    with pytest.raises(InputError, match="no missing cell"):
        compare(X.fillna(0), y)
    with pytest.raises(InputError, match="99 values for 100 rows"):
        compare(X, y[:99])
    with pytest.raises(InputError, match="first at position 0"):
        compare(X, np.where(np.arange(100) == 0, np.nan, y), estimator=LinearRegression())
