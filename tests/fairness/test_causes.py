"""Where a gap may come from, and curves along a number."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from healthml.exceptions import InputError
from healthml.fairness import (
    label_bias_audit,
    missingness_by_group,
    performance_along,
    proxy_audit,
    representation,
)
from healthml.imputation import missingness_report


def people(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    risk, group = rng.uniform(0.1, 0.5, n), rng.choice(["a", "b"], n)
    return (rng.uniform(size=n) < risk).astype(int), risk, group, rng


# --- who is in the table -------------------------------------------------------------------------


def test_shares_stand_beside_those_of_the_population():
    race = ["x"] * 60 + ["y"] * 30 + [None] * 10
    found = representation({"race": race}, {"race": {"x": 0.5, "y": 0.4, "z": 0.1}})
    table = found.to_frame().set_index("group")
    assert table.loc["x", "share"] == pytest.approx(60 / 90)
    assert table.loc["x", "ratio"] == pytest.approx(60 / 90 / 0.5)
    assert table.loc["z", "n_patients"] == 0
    assert table.loc["z", "upper"] > 0
    assert table.loc["y", "p_value"] == pytest.approx(binomtest(30, 90, 0.4).pvalue)
    assert table.loc["missing", "reason"].startswith("attribute missing")
    seen, expected = np.array([60, 30, 0]), 90 * np.array([0.5, 0.4, 0.1])
    assert found.tests["statistic"].item() == pytest.approx(
        ((seen - expected) ** 2 / expected).sum()
    )


def test_patients_are_counted_once_and_shares_must_add_up():
    race = np.repeat(["x", "y"], [60, 40])
    found = representation(
        {"race": race}, {"race": {"x": 0.5, "y": 0.5}}, groups=np.arange(100) // 2
    )
    assert found.to_frame()["n_patients"].tolist() == [30, 20]
    with pytest.raises(InputError, match="add up to"):
        representation({"race": race}, {"race": {"x": 0.5, "y": 0.3}})
    with pytest.raises(InputError, match="no shares of race"):
        representation({"race": race}, {"sex": {"x": 1}})


# --- what is missing -----------------------------------------------------------------------------


def test_missingness_by_group_has_the_test_of_imputation():
    _, risk, group, rng = people(800)
    X = pd.DataFrame({"lactate": risk, "age": risk})
    X.loc[(group == "b") & (rng.uniform(size=800) < 0.3), "lactate"] = np.nan
    found = missingness_by_group(X, {"g": group})
    report = missingness_report(X, sensitive_features={"g": group}).table.iloc[0]
    assert found.tests["p_value"].item() == pytest.approx(report["sensitive_p_value"])
    assert found.tests["cramers_v"].item() == pytest.approx(report["sensitive_cramers_v"])
    table = found.to_frame().set_index("group")
    share = X["lactate"].isna().groupby(group).mean()
    assert table.loc["b", "estimate"] == pytest.approx(share["b"])
    assert table.loc["b", "gap"] == pytest.approx(share["b"] - share["a"])
    assert 0 < table.loc["b", "gap_lower"] < table.loc["b", "gap"]
    assert missingness_by_group(X[["age"]], {"g": group}).to_frame().empty


# --- labels --------------------------------------------------------------------------------------


def test_labels_alone_cannot_tell_and_a_declared_range_can():
    y, risk, group, rng = people()
    recorded = y * (rng.uniform(size=4000) < np.where(group == "b", 0.6, 1))
    features = {"g": group}
    alone = label_bias_audit(recorded, risk, features)
    assert alone.to_frame()["verdict"].str.startswith("cannot be told").all()
    assert alone.notes
    b = (
        label_bias_audit(recorded, risk, features, recorded_share={"b": (0.5, 1)})
        .to_frame()
        .iloc[1]
    )
    assert "indistinguishable" in b["verdict"]
    assert b["bound_lower"] <= 1 <= b["bound_upper"]
    b = (
        label_bias_audit(recorded, risk, features, recorded_share={"b": (0.95, 1)})
        .to_frame()
        .iloc[1]
    )
    assert b["verdict"].startswith("a true difference")
    assert b["bound_upper"] == pytest.approx(b["upper"] / 0.95)
    assert b["bound_lower"] == pytest.approx(b["lower"])


def test_true_outcomes_of_some_tell_how_a_group_is_recorded():
    y, risk, group, rng = people()
    recorded = y * (rng.uniform(size=4000) < np.where(group == "b", 0.6, 0.9))
    truth = np.where(rng.uniform(size=4000) < 0.4, y, np.nan)
    found = label_bias_audit(recorded, risk, {"g": group}, true_outcome=truth).recording
    rows = found[found["measure"] == "recorded_events"].set_index("group")
    assert rows.loc["a", "lower"] < 0.9 < rows.loc["a", "upper"]
    assert rows.loc["b", "lower"] < 0.6 < rows.loc["b", "upper"]
    assert rows.loc["b", "gap_upper"] < 0
    assert found[found["measure"] == "false_events"]["estimate"].eq(0).all()


def test_more_need_at_the_same_risk_is_seen_and_none_is_not():
    y, risk, group, rng = people()
    need = 5 * risk**2 + 0.5 * (group == "b") + rng.normal(size=4000)
    found = label_bias_audit(y, risk, {"g": group}, need=need).need.set_index("group")
    assert found.loc["b", "lower"] < 0.5 < found.loc["b", "upper"]
    none = label_bias_audit(y, risk, {"g": group}, need=need - 0.5 * (group == "b")).need
    assert none["p_holm"].min() > 0.01


@pytest.mark.parametrize(
    ("share", "words"), [((0, 1), "above 0"), ({"c": (0.5, 1)}, "no group"), ((0.9, 0.5), "low")]
)
def test_a_range_that_is_none_is_refused(share, words):
    y, risk, group, _ = people(300)
    with pytest.raises(InputError, match=words):
        label_bias_audit(y, risk, {"g": group}, recorded_share=share)


# --- proxies -------------------------------------------------------------------------------------


def test_a_proxy_is_found_and_named_and_noise_is_none():
    _, risk, group, rng = people(600)
    X = pd.DataFrame(
        {"noise": risk, "height": rng.normal(size=600) + 2 * (group == "b"), "g": group}
    )
    found = proxy_audit(X, {"g": group}, random_state=0)
    row = found.to_frame().iloc[0]
    assert row["lower"] > 0.85
    assert found.columns["column"].iloc[0] == "height"
    assert "g" not in set(found.columns["column"])
    none = proxy_audit(X[["noise"]], {"g": group}, random_state=0).to_frame().iloc[0]
    assert none["lower"] < 0.5 < none["upper"]
    jobs = proxy_audit(X, {"g": group}, n_jobs=2, random_state=0)
    pd.testing.assert_frame_equal(jobs.table, found.table)


# --- along a number ------------------------------------------------------------------------------


def test_a_curve_of_independent_rows_is_a_regression_on_a_spline():
    """Sensitivity along age against scikit-learn's logistic regression on the same columns."""
    from sklearn.linear_model import LogisticRegression

    from healthml.metrics._smoothers import restricted_columns

    y, risk, _, rng = people(1500)
    age = rng.uniform(20, 90, 1500)
    found = performance_along(y, risk, age, threshold=0.3, n_points=7)
    rows = found.table[found.table["measure"] == "sensitivity"]
    knots = np.quantile(age, [0.05, 0.35, 0.65, 0.95])
    event = y == 1
    scale = lambda x: restricted_columns((x - 55) / 20, (knots - 55) / 20)  # noqa: E731
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    model.fit(scale(age[event]), risk[event] >= 0.3)
    wanted = model.predict_proba(scale(rows["value"].to_numpy()))[:, 1]
    np.testing.assert_allclose(rows["estimate"], wanted, atol=1e-4)
    assert (rows["lower_simultaneous"] < rows["lower"]).all()
    assert (rows["upper_simultaneous"] > rows["upper"]).all()


def test_repeated_rows_of_patients_do_not_narrow_a_curve():
    y, risk, _, rng = people(600)
    age = rng.uniform(20, 90, 600)
    many = np.repeat(np.arange(600), 3)
    once = performance_along(y, risk, age, threshold=0.3).table
    thrice = performance_along(y[many], risk[many], age[many], threshold=0.3, groups=many).table
    for end in ("estimate", "lower", "upper"):
        np.testing.assert_allclose(thrice[end], once[end], rtol=0.02, atol=1e-3)


def test_a_flat_curve_is_called_bent_in_few_runs_and_a_bent_one_is_found():
    wrong = 0
    for seed in range(40):
        y, risk, _, rng = people(500, seed)
        age = rng.uniform(20, 90, 500)
        found = performance_along(y, risk, age, measures="oe_ratio")
        wrong += found.tests["p_value"].item() < 0.05
    assert wrong <= 2 + 3 * np.sqrt(40 * 0.05 * 0.95)
    y = (rng.uniform(size=500) < np.where(age > 70, 2, 1) * risk).astype(int)
    assert performance_along(y, risk, age, measures="oe_ratio").tests["p_value"].item() < 0.01


def test_missing_numbers_are_counted_and_levels_are_refused():
    y, risk, _, rng = people(500)
    age = rng.uniform(20, 90, 500)
    age[:7] = np.nan
    assert "7 of 500 rows" in performance_along(y, risk, age, measures="oe_ratio").notes[0]
    with pytest.raises(InputError, match="too few distinct values"):
        performance_along(y, risk, np.arange(500) % 2)
    with pytest.raises(InputError, match="a threshold for those of decisions"):
        performance_along(y, risk, age, measures="ppv")


def test_shares_of_one_feature_need_not_name_it():
    people = pd.Series(["f"] * 30 + ["m"] * 70, name="sex")
    shares = {"f": 0.5, "m": 0.5}
    named, bare = (representation(people, r).table for r in ({"sex": shares}, shares))
    pd.testing.assert_frame_equal(named, bare)
    with pytest.raises(InputError, match=r"add up to 1\.4"):
        representation(people, {"f": 0.5, "m": 0.9})


def test_a_proxy_of_one_group_has_a_reason():
    table = proxy_audit(pd.DataFrame({"x": np.arange(60.0)}), np.array(["a"] * 60)).table
    assert table["reason"].tolist() == ["one group only: there is nobody to tell it from"]


def test_groups_of_other_names_than_the_reference_are_not_called_absent():
    sex = np.repeat(["f", "m"], [30, 70])
    with pytest.raises(InputError, match=r"no group of the reference of sex \(female, male\)"):
        representation({"sex": sex}, {"sex": {"female": 0.5, "male": 0.5}})


def test_decisions_in_place_of_risks_have_no_curve_of_observed_over_expected():
    y, risk, age = (np.random.default_rng(0).uniform(size=(3, 400)) * [[1], [1], [90]]).round(2)
    y = (y < 0.5).astype(int)
    with pytest.raises(InputError, match="look like decisions"):
        performance_along(y, (risk > 0.5).astype(int), age)
    decided = performance_along(
        y, (risk > 0.5).astype(int), age, threshold=0.5, measures=["sensitivity"]
    )
    assert set(decided.table["measure"]) == {"sensitivity"}
    with pytest.raises(InputError, match="n_points is 0"):
        performance_along(y, risk, age, n_points=0)


def test_labels_that_were_checked_are_not_asked_to_be_checked():
    y, risk, group = (np.random.default_rng(1).uniform(size=(3, 600)) < [[0.3], [2], [0.5]]) * 1.0
    risk = np.random.default_rng(2).uniform(0.1, 0.6, 600)
    true = np.where(np.arange(600) < 300, y, np.nan)
    found = label_bias_audit(y.astype(int), risk, {"g": group}, true_outcome=true)
    assert found.table["verdict"].str.contains("see `recording`").all()
    alone = label_bias_audit(y.astype(int), risk, {"g": group})
    assert alone.table["verdict"].str.contains("or check some").all()
    with pytest.raises(InputError, match="true_outcome has 599 values for 600 rows"):
        label_bias_audit(y.astype(int), risk, {"g": group}, true_outcome=true[1:])
    with pytest.raises(InputError, match="look like decisions"):
        label_bias_audit(y.astype(int), (risk > 0.3).astype(int), {"g": group})


def test_nothing_missing_is_said_in_a_sentence():
    found = missingness_by_group(pd.DataFrame({"a": np.arange(30)}), {"g": np.arange(30) % 2})
    assert found.summary().startswith("No column has a missing value")
    assert "No column has a missing value" in repr(found)
