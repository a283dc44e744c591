"""A card of whole points: the levels, the sums, the risks and what rounding costs."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from healthml._core._numerics import fit_logistic
from healthml.exceptions import InputError
from healthml.explanation import PointsScore


def cohort(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.normal(60, 12, n).round(),
            "lactate": rng.lognormal(0.5, 0.5, n),
            "sex": rng.choice(["f", "m"], n),
        }
    )
    odds = 0.08 * (X["age"] - 60) + 0.6 * X["lactate"] + 0.5 * (X["sex"] == "m") - 2.5
    X.loc[::8, "lactate"] = np.nan
    return X, (rng.random(n) < expit(odds)).astype(int).to_numpy()


X, Y = cohort()


@pytest.fixture(scope="module")
def score():
    return PointsScore().fit(X, Y)


def test_points_are_the_rounded_log_odds_of_the_levels(score):
    table = score.points_.table
    np.testing.assert_array_equal(table["points"], np.rint(table["log_odds"] / score.unit_))
    assert table["points"].max() == 10
    assert (table.groupby("column")["points"].min() == 0).all()
    assert (table.groupby("column")["n_samples"].sum() == len(X)).all()
    age = table[table["column"] == "age"]["points"].tolist()
    assert age == sorted(age)
    assert "not measured" in table[table["column"] == "lactate"]["level"].tolist()


def test_a_card_can_be_added_up_by_hand(score):
    table = score.points_.table.set_index(["column", "level"])["points"]
    row = pd.DataFrame({"age": [95.0], "lactate": [np.nan], "sex": ["m"]})
    oldest = next(level for column, level in table.index if column == "age" and ">=" in level)
    by_hand = table["age", oldest] + table["lactate", "not measured"] + table["sex", "m"]
    assert score.total_points(row)[0] == by_hand
    chart = score.points_.chart.set_index("points")["estimate"]
    assert score.predict_proba(row)[0, 1] == pytest.approx(chart[by_hand])
    assert chart.is_monotonic_increasing


def test_the_risk_of_a_total_is_the_logistic_model_of_the_outcome_on_points(score):
    totals = score.total_points(X)
    fit = fit_logistic(totals.astype(float), Y)
    np.testing.assert_allclose(
        score.predict_proba(X)[:, 1], expit(fit.coef[0] + fit.coef[1] * totals), atol=1e-8
    )
    assert score.predict_proba(X)[:, 1].mean() == pytest.approx(Y.mean())


def test_what_rounding_costs_is_small_with_many_points_and_seen_with_few(score):
    fine = score.points_.loss.set_index("measure")
    assert abs(fine.loc["auroc", "estimate"]) < 0.01
    assert fine.loc["auroc", "lower"] <= fine.loc["auroc", "estimate"] <= fine.loc["auroc", "upper"]
    coarse = PointsScore(max_points=2, n_bins=2).fit(X, Y).points_.loss.set_index("measure")
    assert coarse.loc["auroc", "points"] < fine.loc["auroc", "points"] - 0.01
    assert fine["n_samples"].tolist() == [len(X)] * 3


def test_levels_are_named_as_they_are_read():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "smokes": rng.random(400) < 0.4,
            "drugs": rng.integers(0, 3, 400),
            "platelets": rng.integers(1_000_100, 1_000_400, 400),
        }
    )
    card = PointsScore().fit(frame, (rng.random(400) < 0.4).astype(int)).points_
    levels = card.table.groupby("column", sort=False)["level"].agg(list)
    assert levels["smokes"] == ["no", "yes"]
    assert levels["drugs"] == ["0", "1", "2"]
    assert all("e+" not in level and "10001" in levels["platelets"][0] for level in
               levels["platelets"])  # fmt: skip


def test_the_printed_card_has_every_level_and_the_risk_of_every_total():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(60, 10, 200), "ward": ["a"] * 192 + ["b"] * 8})
    card = PointsScore().fit(frame, (rng.random(200) < 0.4).astype(int)).points_
    assert (card.chart["n_samples"] < 11).any()
    text = card.summary()
    assert "NaN" not in text
    assert "small groups" not in text
    lines = {tuple(line.split()) for line in text.splitlines()}
    ward = card.table[card.table["column"] == "ward"]
    for level, points in zip(ward["level"], ward["points"], strict=True):
        assert ("ward", level, str(points)) in lines


def test_words_that_are_new_or_rare_go_with_the_others():
    table = X.assign(sex=X["sex"].mask(np.arange(len(X)) < 5, "rare"))
    score = PointsScore().fit(table, Y)
    levels = score.points_.table.query("column == 'sex'")["level"].tolist()
    assert levels == ["f", "m", "other"]
    row = table.iloc[[9]].assign(sex="new")
    rare = table.iloc[[9]].assign(sex="rare")
    assert score.total_points(row)[0] == score.total_points(rare)[0]


def test_a_gap_that_no_training_row_has_is_not_read_as_the_best_level(score):
    row = pd.DataFrame({"age": [np.nan], "lactate": [2.0], "sex": ["f"]})
    low, high = row.assign(age=30.0), row.assign(age=95.0)
    points = [score.total_points(part)[0] for part in (low, row, high)]
    assert points[0] < points[1] < points[2]


def test_patients_and_labels_and_estimators():
    patient = np.arange(len(X)) // 3
    text = np.where(Y == 1, "z died", "alive")
    score = PointsScore(LogisticRegression(C=1e4), cv=3).fit(X, text, groups=patient)
    assert score.classes_.tolist() == ["alive", "z died"]
    assert set(score.predict(X)) == {"alive", "z died"}
    with pytest.raises(InputError, match="no coefficients"):
        PointsScore(GaussianNB()).fit(X, Y)
    with pytest.raises(InputError, match="in another order"):
        PointsScore().fit(X, pd.Series(Y, index=X.index).sample(frac=1, random_state=0))
    with pytest.raises(InputError, match="n_bins is 1"):
        PointsScore(n_bins=1).fit(X, Y)


def test_the_nomogram_is_drawn_and_the_card_printed(score):
    import matplotlib.pyplot as plt

    ax = score.points_.plot()
    assert "Total points\nand risk" in [t.get_text() for t in ax.get_yticklabels()]
    assert "not measured" in repr(score.points_)
    plt.close("all")
