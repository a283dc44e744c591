"""Effects of columns over all patients, by hand where the answer is known."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression

from healthml.exceptions import InputError
from healthml.explanation import effect_curve, interaction_strength, surrogate
from healthml.explanation._effects.curves import level_order


def twins(n=600, seed=0):
    """Return two columns that go together, a third, and levels that go with the first."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    level = np.select([a < -0.5, a < 0.5], ["low", "middle"], "high")
    return pd.DataFrame(
        {"a": a, "b": a + 0.05 * rng.normal(size=n), "c": rng.normal(size=n), "level": level}
    )


X = twins()


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_an_effect_of_a_sum_is_the_columns_own_line():
    curve = effect_curve(lambda t: 3 * t["a"] + t["b"] ** 2, X, feature="a").table
    slope = np.polyfit(curve["value"].astype(float), curve["estimate"], 1)[0]
    assert slope == pytest.approx(3)
    assert curve["n_samples"].iloc[1:].sum() == len(X)


def test_accumulated_effects_ask_about_no_impossible_patient():
    """Where a and b go together, only partial dependence sees what the model does far from both."""
    model = lambda t: t["a"] + 50 * (np.abs(t["a"] - t["b"]) > 1.8)  # noqa: E731
    ale, pdp = (
        effect_curve(model, X, feature="a", kind=kind, n_points=60).table for kind in ("ale", "pdp")
    )
    spread = [np.ptp(table["estimate"] - table["value"].astype(float)) for table in (ale, pdp)]
    assert spread[0] < 1 < 10 < spread[1]


def test_partial_dependence_is_that_of_scikit_learn():
    y = (X["a"] + X["c"] > 0).astype(int)
    model = LogisticRegression().fit(X[["a", "b", "c"]], y)
    found = effect_curve(model, X[["a", "b", "c"]], feature="c", kind="pdp")
    grid = found.table["value"].astype(float).to_numpy()
    theirs = partial_dependence(
        model, X[["a", "b", "c"]], ["c"], custom_values={"c": grid}, kind="average"
    )
    np.testing.assert_allclose(found.table["estimate"], theirs["average"][0], atol=1e-12)
    single = effect_curve(model, X[["a", "b", "c"]], feature="c", kind="ice")
    assert single.curves.shape == (len(X), len(grid))
    np.testing.assert_allclose(single.curves.mean(axis=0), single.table["estimate"])


def test_levels_stand_in_an_order_of_like_patients():
    place = pd.Categorical(X["level"], ["high", "low", "middle"]).codes
    order = level_order(X[["a", "b", "c"]], place, 3).tolist()
    assert order in ([1, 2, 0], [0, 2, 1])  # the middle between the others
    effect = {"low": 0.0, "middle": 1.0, "high": 5.0}
    curve = effect_curve(lambda t: t["level"].map(effect), X, feature="level").table
    steps = curve.set_index("value")["estimate"]
    assert steps["high"] - steps["low"] == pytest.approx(5)
    assert curve["estimate"] @ curve["n_samples"] == pytest.approx(0, abs=1e-9)


def test_gaps_are_a_level_of_their_own():
    gaps = X.copy()
    gaps.loc[::4, "c"] = np.nan
    curve = effect_curve(lambda t: np.where(t["c"].isna(), 7.0, 0.0), gaps, feature="c").table
    last = curve.iloc[-1]
    assert (last["value"] is None, last["estimate"], last["n_samples"]) == (True, 7.0, 150)
    np.testing.assert_allclose(curve["estimate"].iloc[:-1], 0, atol=1e-12)


def test_where_the_data_stop_is_said_and_drawn():
    rare = X.assign(level=np.where(np.arange(len(X)) < 5, "rare", X["level"]))
    found = effect_curve(lambda t: (t["level"] == "rare") * 1.0, rare, feature="level")
    table = found.table.set_index("value")
    assert not table.loc["rare", "supported"]
    assert table.drop("rare")["supported"].all()
    assert "<11" in repr(found)
    found.plot()


def test_intervals_are_over_refits():
    y = (X["a"] + np.random.default_rng(1).normal(size=len(X)) > 0).astype(int).to_numpy()
    model = LogisticRegression().fit(X[["a", "c"]], y)
    found = effect_curve(
        model, X[["a", "c"]], feature="a", train=(X[["a", "c"]], y), n_refits=8, random_state=0
    )
    assert (found.table["lower"] < found.table["upper"]).all()
    assert "band" in found.plot().get_xlabel()


def test_categories_keep_their_type():
    table = X.assign(level=X["level"].astype("category"))
    y = (X["a"] > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    model.fit(table, y)
    found = effect_curve(model, table, feature="level", kind="pdp")
    assert len(found.table) == 3
    found.plot()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"feature": "z"}, "no column"),
        ({"feature": "a", "kind": "pp"}, "kind is 'pp'"),
        ({"feature": "a", "n_points": 1}, "n_points is 1"),
        ({"feature": "a", "max_rows": 0}, "max_rows is 0"),
    ],
)
def test_what_cannot_be_followed_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        effect_curve(lambda t: t["a"], X, **options)
    with pytest.raises(InputError, match="has no value"):
        effect_curve(lambda t: t["a"], X.assign(a=np.nan), feature="a")


# --- interactions


def test_a_product_interacts_and_a_sum_does_not():
    model = lambda t: t["a"] * t["c"] + t["b"]  # noqa: E731
    found = interaction_strength(model, X, features=["a", "b", "c"], random_state=0)
    table = found.table.set_index(["feature_1", "feature_2"])
    rows = X.iloc[np.sort(np.random.RandomState(0).permutation(len(X))[:60])]
    a, c = rows["a"] - rows["a"].mean(), rows["c"] - rows["c"].mean()
    rest = a * c - (a * c).mean()  # what neither of the two gives alone
    assert table.loc[("a", "c"), "estimate"] == pytest.approx(np.sqrt((rest**2).mean()))
    assert table.loc[("a", "b"), "estimate"] == pytest.approx(0, abs=1e-12)
    assert "Strength" in found.plot().get_xlabel()


def test_interactions_need_two_columns():
    with pytest.raises(InputError, match="fewer than two"):
        interaction_strength(lambda t: t["a"], X, features=["a"])


def test_logistic_columns_do_not_interact_on_log_odds():
    y = (X["a"] + X["c"] + np.random.default_rng(2).normal(size=len(X)) > 0).astype(int)
    model = LogisticRegression().fit(X[["a", "c"]], y)
    own = interaction_strength(model, X[["a", "c"]], random_state=0)
    risk = interaction_strength(model, X[["a", "c"]], scale="probability", random_state=0)
    assert own.scale == "log_odds"
    assert own.table["estimate"][0] < 1e-6 < 0.01 < risk.table["estimate"][0]


# --- a small tree in place of the model


def test_a_tree_that_is_the_model_is_faithful_and_one_that_is_not_says_so():
    steps = surrogate(lambda t: (t["a"] > 0) * 1.0 + (t["level"] == "low"), X, random_state=0)
    assert steps.fidelity > 0.97
    assert steps.table["n_samples"].sum() == len(X)
    noise = surrogate(lambda t: np.sin(40 * t["c"]), X, max_leaves=3, random_state=0)
    assert noise.fidelity < 0.2
    assert "imitates the model" in repr(steps)
    steps.plot()


def test_rules_are_words_that_hold():
    model = lambda t: np.where(t["c"] > 0.3, 1.0, 0.0)  # noqa: E731
    gaps = X.assign(c=X["c"].where(np.arange(len(X)) % 5 > 0))
    table = surrogate(model, gaps, max_leaves=2, random_state=0).table
    low, high = table["rule"]
    assert low.startswith("(c <= 0.3")
    assert low.endswith("or missing)")
    assert high.startswith("c > 0.3")
    assert "missing" not in surrogate(model, X, max_leaves=2, random_state=0).table["rule"].sum()
    with pytest.raises(InputError, match="has 30 rows"):
        surrogate(model, gaps[:30])
    with pytest.raises(InputError, match="min_rows"):
        surrogate(model, gaps, min_rows=3)


def test_points_imitate_a_model_and_say_how_faithfully():
    table = X[["a", "c"]].assign(sex=np.where(np.arange(len(X)) % 3, "f", "m"))
    additive = lambda t: 1 / (1 + np.exp(-t["a"] - 2 * (t["sex"] == "m")))  # noqa: E731
    card = surrogate(additive, table, kind="points", n_bins=6, random_state=0)
    assert card.fidelity > 0.9
    points = {name: rows["points"].tolist() for name, rows in card.table.groupby("column")}
    assert points["a"] == sorted(points["a"])
    assert max(points["a"]) >= 8
    assert max(points["c"]) <= 1
    assert points["sex"][0] == 0 < points["sex"][1]
    assert (np.diff(card.points.chart["estimate"]) > 0).all()
    parity = surrogate(lambda t: ((t["a"] > 0) ^ (t["c"] > 0)) * 1.0, table, kind="points")
    assert parity.fidelity < 0.2
    assert "card of points" in repr(card)
    assert card.plot() is not None


def test_points_are_for_risks():
    with pytest.raises(InputError, match="not within 0 to 1"):
        surrogate(lambda t: t["a"] * 2, X, kind="points")
    with pytest.raises(InputError, match="leave scale out"):
        surrogate(lambda t: t["a"] * 0 + 0.5, X, kind="points", scale="log_odds")
    with pytest.raises(InputError, match="kind is 'card'"):
        surrogate(lambda t: t["a"] * 2, X, kind="card")


@pytest.mark.parametrize("kind", ["tree", "points"])
def test_a_model_that_does_not_differ_has_no_fidelity(kind):
    flat = surrogate(lambda t: np.full(len(t), 0.3), X, kind=kind, random_state=0)
    assert np.isnan(flat.fidelity)
    assert "is the same for" in flat.summary()


def test_rules_say_each_bound_of_a_column_once():
    """Nested cuts are one range; what is missing goes where every cut sends it."""
    steps = lambda t: np.digitize(t["c"].fillna(-9), [-1, 0, 1]) * 1.0  # noqa: E731
    gaps = X[["c"]].assign(c=X["c"].where(np.arange(len(X)) % 6 > 0))
    table = surrogate(steps, gaps, max_leaves=4, random_state=0).table
    rules = table["rule"].tolist()
    assert all(rule.count("c") == 1 for rule in rules)
    assert sum("missing" in rule for rule in rules) == 1
    assert rules[1].startswith("-")
    assert " < c <= " in rules[1]


def test_rules_of_large_numbers_keep_their_digits():
    X = pd.DataFrame({"platelets": np.arange(100_000.0, 400_000.0, 1500.0)})
    found = surrogate(lambda t: (t["platelets"] > 250_750) * 1.0, X, max_leaves=2, random_state=0)
    assert all("e+" not in rule for rule in found.table["rule"])


def test_rounding_is_no_interaction():
    found = interaction_strength(lambda t: 0.1 * t["a"] + 0.7 * t["c"], X[["a", "c"]])
    assert found.table["estimate"].tolist() == [0.0]
