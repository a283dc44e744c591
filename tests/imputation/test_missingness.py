import json
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest

from healthml.cleaning import quality_report
from healthml.exceptions import InputError
from healthml.imputation import little_mcar_test, missingness_patterns, missingness_report
from healthml.imputation._missingness.patterns import distinct_patterns
from healthml.imputation._missingness.signal import _auc


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def simulate(rng, n=2000, effect=1.0):
    y = (rng.random(n) < 0.25).astype(int)
    is_missing = rng.random(n) < 1 / (1 + np.exp(-(-1 + effect * y)))
    X = pd.DataFrame({"age": rng.normal(size=n), "lactate": rng.normal(size=n)})
    X.loc[is_missing, "lactate"] = np.nan
    return X, y, is_missing


def test_difference_between_events_and_others(rng):
    X, y, is_missing = simulate(rng)
    table = missingness_report(X, y, random_state=0).table
    assert table["column"].tolist() == ["lactate"]
    row = table.iloc[0]
    assert row["n_missing"] == is_missing.sum()
    assert row["difference"] == pytest.approx(is_missing[y == 1].mean() - is_missing[y == 0].mean())
    assert row["lower"] < 0.231 < row["upper"]  # expit(0) - expit(-1)


def test_newcombe_by_hand():
    """Newcombe 1998, method 10: 56/70 against 48/80 is 0.0524 to 0.3339."""
    y = np.r_[np.ones(70), np.zeros(80)].astype(int)
    is_missing = np.r_[np.arange(70) < 56, np.arange(80) < 48]
    row = missingness_report(pd.DataFrame({"x": np.where(is_missing, np.nan, 1.0)}), y).table.iloc[
        0
    ]
    assert (row["lower"], row["upper"]) == (
        pytest.approx(0.0524, 1e-3),
        pytest.approx(0.3339, 1e-3),
    )


def test_repeated_patients_widen_the_interval(rng):
    groups = np.repeat(np.arange(200), 10)
    y = np.repeat((rng.random(200) < 0.3).astype(int), 10)
    X = pd.DataFrame({"x": np.where(np.repeat(rng.random(200) < 0.3, 10), np.nan, 1.0)})
    rows = missingness_report(X, y).table.iloc[0]
    patients = missingness_report(X, y, groups=groups).table.iloc[0]
    wider = (patients["upper"] - patients["lower"]) / (rows["upper"] - rows["lower"])
    assert wider == pytest.approx(np.sqrt(10), rel=0.15)


def test_sites_times_and_order(rng):
    n = 1200
    site = np.repeat(["a", "b", "c"], 400)
    year = rng.integers(2014, 2017, n)
    X = pd.DataFrame({"lab": np.where(site == "c", np.nan, 1.0), "other": rng.normal(size=n)})
    X.loc[(year == 2014) & (rng.random(n) < 0.5), "other"] = np.nan
    report = missingness_report(X, site=site, time=year)
    table = report.table.set_index("column")
    assert (table.loc["lab", "site_low"], table.loc["lab", "site_high"]) == (0, 1)
    assert table.loc["lab", "site_cramers_v"] > 0.99
    assert table.loc["lab", "order_cramers_v"] > 0.9
    assert table.loc["other", "time_cramers_v"] > 0.4
    assert table.loc["other", "site_p_value"] > 0.001
    long = report.by_group
    shown = long[(long["by"] == "site") & (long["column"] == "lab") & (long["group"] == "c")]
    assert (shown["estimate"].item(), shown["n_samples"].item()) == (1.0, 400)


def test_small_sites_are_not_shown(rng):
    site = np.r_[np.repeat("big", 300), np.repeat("small", 10)]
    X = pd.DataFrame({"lab": np.where(site == "small", np.nan, rng.normal(size=310))})
    report = missingness_report(X, site=site)
    assert set(report.by_group.query("by == 'site'")["group"]) == {"big"}
    assert report.table["site_high"].item() == 0
    repeated = np.r_[np.arange(300), np.full(10, 300)]
    many = np.r_[np.repeat("one patient", 40), np.repeat("big", 270)]
    groups = np.r_[np.zeros(40, dtype=int), repeated[40:]]
    shown = missingness_report(X, site=many, groups=groups).by_group
    assert "one patient" not in set(shown["group"])


def test_blocks_of_columns_missing_together(rng):
    n = 1000
    gas, kidney = rng.random(n) < 0.25, rng.random(n) < 0.5
    slip = rng.random(n) < 0.02
    X = pd.DataFrame({c: rng.normal(size=n) for c in ["ph", "pafi", "bun", "urine", "alone"]})
    X.loc[gas, ["ph"]] = np.nan
    X.loc[gas ^ slip, ["pafi"]] = np.nan
    X.loc[kidney, ["bun", "urine"]] = np.nan
    X.loc[rng.random(n) < 0.3, "alone"] = np.nan
    report = missingness_report(X)
    assert report.blocks["columns"].tolist() == ["ph, pafi", "bun, urine"]
    assert report.blocks["phi_min"].tolist() == [
        pytest.approx(np.corrcoef(X["ph"].isna(), X["pafi"].isna())[0, 1], abs=1e-5),
        pytest.approx(1.0, abs=1e-5),
    ]
    blocks = report.table.set_index("column")["block"].to_dict()
    assert blocks == {"ph": 1, "pafi": 1, "bun": 2, "urine": 2, "alone": 0}


def test_codes_count_when_the_mask_says_so(rng):
    chol = rng.normal(240, 40, 600).round()
    chol[:100] = 0
    X = pd.DataFrame({"chol": chol})
    y = np.r_[np.ones(150), np.zeros(450)].astype(int)
    assert missingness_report(X, y).table.empty
    mask = quality_report(X).missing_mask(X)
    row = missingness_report(X, y, missing=mask).table.iloc[0]
    assert (row["n_missing"], row["share_events"]) == (100, pytest.approx(2 / 3))


def test_indicators_alone(rng):
    X, y, is_missing = simulate(rng, n=4000)
    auc = missingness_report(X, y, random_state=0).indicator_auc
    truth = _auc(y, is_missing.astype(float))[0]
    assert auc["estimate"] == pytest.approx(truth, abs=0.01)
    assert auc["lower"] < truth < auc["upper"]
    assert auc["n_events"] == y.sum()


def test_indicators_that_say_nothing(rng):
    estimates = []
    for _ in range(30):
        X, y, _ = simulate(rng, n=600, effect=0.0)
        X["age"] = X["age"].where(rng.random(600) < 0.7)
        auc = missingness_report(X, y, random_state=0).indicator_auc
        estimates.append((auc["estimate"], auc["lower"] <= 0.5 <= auc["upper"]))
    values, covered = np.array(estimates).T
    assert abs(values.mean() - 0.5) < 0.02
    assert covered.sum() >= 26


def test_a_patient_stays_in_one_fold():
    """An indicator that only names the patient says nothing about new patients."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), 20)
    y = np.repeat((rng.random(60) < 0.5).astype(int), 20)
    pattern = rng.random((60, 25)) < 0.5
    X = pd.DataFrame(np.where(pattern[groups], np.nan, 1.0))
    rows = missingness_report(X, y, random_state=0).indicator_auc
    patients = missingness_report(X, y, groups=groups, random_state=0).indicator_auc
    assert rows["estimate"] > 0.8
    assert patients["estimate"] < 0.65
    assert patients["upper"] - patients["lower"] > 2 * (rows["upper"] - rows["lower"])


def test_why_there_is_no_auc(rng):
    X, _, _ = simulate(rng, n=60)
    few = np.zeros(60, dtype=int)
    few[:5] = 1
    assert "fewer than 20 events" in missingness_report(X, few).indicator_auc["reason"]
    complete = pd.DataFrame({"x": rng.normal(size=100)})
    half = np.repeat([0, 1], 50)
    assert "no column" in missingness_report(complete, half).indicator_auc["reason"]
    assert missingness_report(X).indicator_auc == {}


def test_it_says_what_cannot_be_tested(rng):
    X, y, _ = simulate(rng, n=300)
    report = missingness_report(X, y)
    assert "cannot be tested" in report.notes[0]
    assert "cannot be tested" in report.summary()
    told = json.loads(report.to_json())
    known = {"table", "by_group", "blocks", "indicator_auc", "notes"}
    assert set(told) == known | {"patterns", "predictability", "little"}
    assert report.plot().get_xlabel() == "Share missing"


def test_a_splitter_and_a_seed(rng):
    from sklearn.model_selection import KFold

    X, y, _ = simulate(rng, n=500)
    a = missingness_report(X, y, random_state=1).indicator_auc
    assert a == missingness_report(X, y, random_state=1).indicator_auc
    b = missingness_report(X, y, cv=KFold(3)).indicator_auc
    assert b["estimate"] != a["estimate"]


def test_polars_and_pandas_agree(rng):
    X, y, _ = simulate(rng, n=400)
    a = missingness_report(X, y, random_state=0)
    b = missingness_report(pl.from_pandas(X), pl.Series(y), random_state=0)
    pd.testing.assert_frame_equal(a.table, b.table)


def test_complete_table():
    report = missingness_report(pd.DataFrame({"x": [1.0, 2.0]}))
    assert report.table.empty
    assert report.summary().startswith("none missing")


def test_errors(rng):
    X, y, _ = simulate(rng, n=100)
    with pytest.raises(InputError, match="y has 99 values"):
        missingness_report(X, y[:99])
    with pytest.raises(InputError, match="missing has shape"):
        missingness_report(X, missing=np.zeros((100, 5), dtype=bool))
    with pytest.raises(InputError, match="site has 3"):
        missingness_report(X, site=[1, 2, 3])


def test_support2(shared):
    d = pd.read_csv(shared / "data/support2/support2.csv.gz")
    labs = ["age", "pafi", "ph", "alb", "bili", "crea", "glucose", "bun", "urine", "adls"]
    start = time.process_time()
    report = missingness_report(d[labs], d["hospdead"], random_state=0)
    assert time.process_time() - start < 5
    assert report.blocks["columns"].tolist() == ["pafi, ph", "glucose, bun, urine"]
    assert report.indicator_auc["lower"] > 0.55
    table = report.table.set_index("column")
    assert table.loc["pafi", "upper"] < 0  # measured more in those who die
    assert table.loc["glucose", "order_cramers_v"] > 0.7


def test_heart4_sites(shared):
    d = pd.read_csv(shared / "data/heart4/heart4.csv.gz")
    X, y = d.drop(columns=["num", "site"]), (d["num"] > 0).astype(int)
    mask = quality_report(X).missing_mask(X)
    table = missingness_report(X, y, site=d["site"], missing=mask).table.set_index("column")
    assert table.loc["chol", "n_missing"] == 202
    assert table.loc["chol", "site_high"] == 1
    assert table.loc["chol", "lower"] > 0.1


def test_sensitive_groups(rng):
    n = 2000
    sex, age = rng.choice(["f", "m", None], n, p=[0.5, 0.45, 0.05]), rng.integers(20, 90, n)
    is_missing = rng.random(n) < np.where(sex == "f", 0.5, 0.2)
    X = pd.DataFrame({"lab": np.where(is_missing, np.nan, 1.0), "age": age.astype(float)})
    X.loc[rng.random(n) < 0.2, "age"] = np.nan
    report = missingness_report(X, sensitive_features=pd.DataFrame({"sex": sex, "age": age}))
    shown = report.by_group.query("by == 'sensitive' and column == 'lab'").set_index("group")
    assert shown["estimate"]["sex: f"] == pytest.approx(is_missing[sex == "f"].mean())
    assert shown["n_samples"]["sex: missing"] == (sex == None).sum()  # noqa: E711
    assert [g for g in shown.index if g.startswith("age")] == [
        f"age: quarter {k} of 4" for k in range(1, 5)
    ]
    table = report.table.set_index("column")
    assert table.loc["lab", "sensitive_high"] == shown["estimate"].max()
    assert table.loc["lab", "sensitive_p_value"] < 1e-20
    assert table.loc["age", "sensitive_p_value"] > 0.001
    alone = missingness_report(X, sensitive_features=sex).table.set_index("column")
    assert alone.loc["lab", "sensitive_cramers_v"] == table.loc["lab", "sensitive_cramers_v"]
    assert missingness_report(X).table["sensitive_low"].isna().all()
    with pytest.raises(InputError, match="sensitive_features has 3 values for 2000 rows"):
        missingness_report(X, sensitive_features=["f", "m", "f"])


def predicted(X, **options):
    table = missingness_report(X, random_state=0, **options).predictability
    return table.set_index(["column", "predictors"])


def test_gaps_that_the_values_of_others_predict(rng):
    n = 3000
    age, sex = rng.normal(60, 15, n), rng.choice(["f", "m"], n)
    X = pd.DataFrame({"age": age, "sex": sex, "a": 1.0, "b": rng.normal(size=n), "c": 2.0})
    X["d"] = rng.normal(size=n)
    score = (age - 60) / 15
    X.loc[rng.random(n) < 1 / (1 + np.exp(1 - 1.5 * score)), "a"] = np.nan  # older
    X.loc[rng.random(n) < np.where(sex == "f", 0.6, 0.2), "b"] = np.nan
    X.loc[np.abs(score) > 1.2, "c"] = np.nan  # the youngest and the oldest
    X.loc[rng.random(n) < 0.3, "d"] = np.nan
    found = predicted(X)
    truth = _auc(X["a"].isna().astype(int).to_numpy(), score)[0]
    assert found.loc[("a", "values"), "estimate"] == pytest.approx(truth, abs=0.01)
    truth = _auc(X["b"].isna().astype(int).to_numpy(), (sex == "f").astype(float))[0]
    assert found.loc[("b", "values"), "estimate"] == pytest.approx(truth, abs=0.02)
    assert found.loc[("c", "values"), "estimate"] > 0.98
    row = found.loc[("d", "values")]
    assert row["lower"] < 0.5
    assert abs(row["estimate"] - 0.5) < 0.06
    assert row["n_missing"] == X["d"].isna().sum()


def test_intervals_of_gaps_that_nothing_predicts(rng):
    covered, values = [], []
    for _ in range(25):
        X = pd.DataFrame(rng.normal(size=(300, 5)))
        found = predicted(X.mask(rng.random(X.shape) < 0.2))
        covered += ((found["lower"] <= 0.5) & (found["upper"] >= 0.5)).tolist()
        values += found["estimate"].tolist()
    assert len(covered) == 250
    assert 0.9 <= np.mean(covered) <= 0.99
    assert abs(np.mean(values) - 0.5) < 0.02


def test_gaps_that_only_other_gaps_predict(rng):
    X = pd.DataFrame(rng.normal(size=(1000, 3)), columns=list("abc"))
    X.loc[rng.random(1000) < 0.3, ["a", "b"]] = np.nan
    found = predicted(X)["estimate"]
    assert found["a", "values"] < 0.6
    assert found["a", "values and gaps"] == 1


def test_a_column_says_nothing_about_itself(rng):
    """The values of a column are all observed where it is not missing: they must not be used."""
    X = pd.DataFrame({"a": np.where(rng.random(2000) < 0.3, np.nan, 5 + rng.random(2000))})
    X["b"] = np.where(rng.random(2000) < 0.3, np.nan, rng.normal(size=2000))
    found = predicted(X)
    assert (found["lower"] < 0.52).all()
    assert (found["upper"] > 0.48).all()


def test_leaving_a_column_out_of_the_inverse_is_fitting_without_it(rng):
    from healthml.imputation._missingness.predictability import RIDGE, _out_of_fold

    design, owner = rng.normal(size=(300, 6)), np.array([0, 0, 1, 2, 2, 3])
    targets, fold = rng.normal(size=(300, 2)), np.arange(300) % 3
    scores = _out_of_fold(design, owner, targets, np.array([0, 2]), fold)
    for t, j in enumerate((0, 2)):
        for k in range(3):
            Z = np.column_stack([np.ones(300), design[:, owner != j]])
            train, penalty = Z[fold != k], np.diag([1e-6] + [RIDGE] * 4)
            target = targets[fold != k, t]
            coef = np.linalg.solve(train.T @ train + penalty, train.T @ target)
            np.testing.assert_allclose(scores[fold == k, t], Z[fold == k] @ coef, atol=1e-9)


def test_patients_stay_together_when_gaps_are_predicted(rng):
    """Ranks of a column that names the patient would tell the patient's gaps."""
    groups = np.repeat(np.arange(40), 25)
    X = pd.DataFrame({"lab": np.where(np.repeat(rng.random(40) < 0.5, 25), np.nan, 1.0)})
    levels = rng.permutation(20)[groups % 20]
    X["ward"] = pd.Categorical([f"w{k}" for k in levels])
    rows = predicted(X).loc[("lab", "values")]
    patients = predicted(X, groups=groups).loc[("lab", "values")]
    assert rows["estimate"] > patients["estimate"] + 0.1
    assert patients["upper"] - patients["lower"] > 2 * (rows["upper"] - rows["lower"])


def test_few_gaps_have_a_reason(rng):
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    X.loc[:4, "a"] = np.nan
    found = predicted(X)
    assert found["estimate"].isna().all()
    assert found["reason"].str.contains("fewer than 20 missing").all()
    assert missingness_report(X.fillna(0)).predictability.empty


def test_little_in_the_report(rng):
    X = pd.DataFrame(rng.normal(size=(500, 2)), columns=["a", "b"])
    X["b"] = X["b"].mask(X["a"] > 0.5)
    report = missingness_report(X.assign(sex="f", one=1))
    expected = little_mcar_test(X).table.iloc[0]
    assert report.little["statistic"] == pytest.approx(expected["statistic"], rel=1e-5)
    assert (report.little["df"], report.little["n_columns"]) == (1, 2)
    assert "df 1, p < 0.001" in report.summary()
    copied = missingness_report(X.assign(c=2 * X["a"], d=3 * X["a"]))
    assert "combination of the others" in copied.little["reason"]
    assert "not assessable" in copied.summary()
    assert "no column of numbers" in missingness_report(X[["a"]]).little["reason"]


def test_only_a_sample_of_a_long_table_is_looked_at(rng):
    X = pd.DataFrame(rng.normal(size=(12_000, 3)), columns=list("abc"))
    X = X.mask(rng.random(X.shape) < 0.1)
    report = missingness_report(X, random_state=0)
    assert (report.predictability["n_samples"] == 10_000).all()
    assert report.little["n_samples"] <= 10_000
    assert report.patterns.table["n_samples"].sum() == 12_000
    again = missingness_report(X, random_state=0)
    pd.testing.assert_frame_equal(again.predictability, report.predictability)


def test_pictures(rng):
    X = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"]).mask(rng.random((300, 2)) < 0.2)
    report = missingness_report(X, site=np.arange(300) % 3)
    assert report.plot(kind="flux").get_xlabel() == "Influx"
    assert "Share of rows" in report.plot(kind="patterns").get_ylabel()
    ax = report.plot(kind="group")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1", "2"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b"]
    with pytest.raises(InputError, match="by='sensitive' has no groups"):
        report.plot(kind="group", by="sensitive")
    with pytest.raises(InputError, match="kind='pie'"):
        report.plot(kind="pie")


@pytest.mark.parametrize("n_columns", [1, 7, 64, 70, 130])
def test_patterns_are_those_of_numpy(n_columns):
    rng = np.random.default_rng(n_columns)
    flags = rng.random((300, n_columns)) < rng.choice([0.02, 0.98], n_columns)
    flags[150:] = flags[:150]
    patterns, pattern = distinct_patterns(flags)
    rows, inverse = np.unique(flags, axis=0, return_inverse=True)
    np.testing.assert_array_equal(patterns, rows)
    np.testing.assert_array_equal(pattern, inverse.ravel())


def test_written_pairs_and_shares_tell_no_small_count():
    """Four counts of a pair add up to the rows; a share observed times the rows is a count."""
    table = pd.DataFrame({"age": np.arange(240.0), "lab": np.arange(240.0)})
    table.loc[:6, "lab"] = np.nan
    found = missingness_patterns(table)
    assert 7 in found.pairs["rm"].tolist()
    written = json.loads(found.to_json())
    for pair in written["pairs"]:
        counts = [pair[name] for name in ("rr", "rm", "mr", "mm")]
        assert 7 not in counts
        assert 233 not in counts
    shares = {row["column"]: row["pobs"] for row in written["flux"]}
    assert shares == {"age": 1.0, "lab": None}
