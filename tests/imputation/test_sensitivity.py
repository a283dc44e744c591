import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import parallel_config

from healthml.exceptions import InputError
from healthml.imputation import ChainedImputer, sensitivity_analysis
from healthml.imputation._draws.shifted import tilt
from healthml.imputation._sensitivity.tipping import tipping_table

LABELS = np.array(["low", "mid", "high"])


def trial(n=3000, delta=0.0, seed=0):
    """Simulate a trial whose missing outcomes are `delta` away from observed ones like them."""
    rng = np.random.default_rng(seed)
    arm, base = rng.integers(0, 2, n), rng.normal(size=n)
    is_missing = rng.random(n) < 1 / (1 + np.exp(1 - base))
    change = 0.4 * arm + base + delta * is_missing + rng.normal(size=n)
    table = pd.DataFrame({"arm": arm, "base": base, "change": np.where(is_missing, np.nan, change)})
    return table, change, is_missing


def mean_of(column):
    return lambda table: (table[column].mean(), table[column].var() / len(table))


def run(table, deltas, column="change", method="norm", m=5, **options):
    imputer = ChainedImputer(method, m=m, n_iter=2, random_state=3)
    options = {"analysis": mean_of(column), **options}
    return sensitivity_analysis(imputer, table, column=column, deltas=deltas, **options)


def test_the_true_departure_gives_the_true_mean():
    table, change, _ = trial(delta=-1.5)
    found = run(table, [-1.5], m=20).table.set_index("delta")
    assert found.loc[-1.5, "estimate"] == pytest.approx(change.mean(), abs=0.05)
    assert found.loc[0, "estimate"] > change.mean() + 0.3


def test_delta_zero_is_the_imputer_itself():
    table, *_ = trial(n=300)
    found = run(table, [1.0], method="auto")
    imputer = ChainedImputer(n_iter=2, random_state=3)
    tables = imputer.fit_transform_multiple(table)
    row = found.table.set_index("delta").loc[0]
    assert row["estimate"] == pytest.approx(
        np.mean([t["change"].mean() for t in tables]), abs=1e-12
    )
    cells = [t.loc[table["change"].isna(), "change"].mean() for t in tables]
    assert row["imputed"] == pytest.approx(np.mean(cells))


def test_a_single_incomplete_number_moves_by_delta():
    table, _, is_missing = trial(n=300)
    found = run(table, [-2.0, 1.0], method="auto").table.set_index("delta")
    moved = found["estimate"] - found.loc[0, "estimate"]
    np.testing.assert_allclose(moved, found.index * is_missing.mean(), atol=1e-10)
    np.testing.assert_allclose(found["imputed"] - found.loc[0, "imputed"], found.index, atol=1e-10)
    assert (found["n_shifted"] == is_missing.sum()).all()


def test_standard_deviations_and_rows():
    table, _, is_missing = trial(n=400)
    treated = (table["arm"] == 1).to_numpy()
    found = run(table, [1.0], unit="sd", rows=treated)
    spread = table["change"].std(ddof=0)
    assert found.table["shift"].tolist() == pytest.approx([0, spread])
    moved = np.diff(found.table["estimate"])[0]
    assert moved == pytest.approx(spread * (is_missing & treated).mean())
    assert found.table["n_shifted"].iloc[0] == (is_missing & treated).sum()


def test_later_columns_see_the_shift():
    rng = np.random.default_rng(1)
    a = rng.normal(size=2000)
    table = pd.DataFrame({"a": a, "b": a + 0.3 * rng.normal(size=2000)})
    table.loc[rng.random(2000) < 0.3, "a"] = np.nan
    table.loc[table["a"].isna() & (rng.random(2000) < 0.5), "b"] = np.nan
    imputer = ChainedImputer("norm", n_iter=5, random_state=0)
    options = {"analysis": mean_of("b"), "column": "a", "deltas": [2.0]}
    found = sensitivity_analysis(imputer, table, **options).table.set_index("delta")
    both = table.isna().all(axis=1).mean()
    # a and b feed each other, so that b moves by at least one slope of about 1 times delta
    assert found.loc[2.0, "estimate"] - found.loc[0, "estimate"] > 1.5 * both


@pytest.mark.parametrize("method", ["auto", "rf"])
def test_binary_levels_move_by_log_odds(method):
    rng = np.random.default_rng(2)
    x = rng.integers(0, 2, 4000)
    is_missing = rng.random(4000) < 0.4
    dead = rng.random(4000) < 1 / (1 + np.exp(0.5 - x - 1.2 * is_missing))
    table = pd.DataFrame(
        {"x": x, "dead": pd.array(np.where(is_missing, None, dead), dtype="boolean")}
    )
    analysis = {"analysis": lambda t: (t["dead"].mean(), 1e-4)}
    found = run(table, [1.2], column="dead", method=method, **analysis)
    by = found.table.set_index("delta")
    assert by.loc[1.2, "imputed"] == pytest.approx(dead[is_missing].mean(), abs=0.03)
    assert by.loc[0, "imputed"] < dead[is_missing].mean() - 0.15
    assert found.observed == pytest.approx(dead[~is_missing].mean())


def test_nominal_levels_need_a_name_and_keep_their_dtype():
    rng = np.random.default_rng(4)
    site = pd.Series(rng.choice(["a", "b", "c"], 600), dtype="category")
    table = pd.DataFrame({"x": rng.normal(size=600), "site": site})
    table.loc[::3, "site"] = None
    seen = []

    def analysis(done):
        seen.append(done["site"].dtype)
        return (done["site"] == "c").mean(), 1e-4

    with pytest.raises(InputError, match="3 levels without an order"):
        run(table, [1.0], column="site", method="auto", analysis=analysis)
    found = run(table, [1.0], column="site", method="auto", analysis=analysis, category="c")
    odds = found.table["imputed"] / (1 - found.table["imputed"])
    assert np.log(odds.iloc[1] / odds.iloc[0]) == pytest.approx(1.0, abs=0.2)
    assert set(seen) == {table["site"].dtype}


def test_ordered_levels_all_move_upwards():
    rng = np.random.default_rng(5)
    grade = pd.Categorical(rng.choice(LABELS, 900), categories=LABELS, ordered=True)
    table = pd.DataFrame({"x": rng.normal(size=900), "grade": pd.Series(grade)})
    table.loc[::3, "grade"] = None
    analysis = {"analysis": lambda t: ((t["grade"] == "low").mean(), 1e-4), "column": "grade"}
    found = run(table, [1.0], method="auto", **analysis)
    assert found.unit == "log-odds of the higher levels"
    imputed = found.table["imputed"]  # share of "high": from 1/3 to expit(logit(1/3) + 1)
    assert imputed.tolist() == pytest.approx([0.333, 0.576], abs=0.06)
    assert found.table["estimate"].diff().iloc[1] < -0.05


def test_tilt_keeps_probabilities():
    shares = np.random.default_rng(0).dirichlet([1, 2, 3, 4], size=50)
    for level in (None, 0, 3):
        for shift in (-40.0, -1.0, 0.0, 2.0, 40.0):
            moved = tilt(shares, shift, level)
            assert (moved >= -1e-12).all()
            np.testing.assert_allclose(moved.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(tilt(shares, 0.0), shares, atol=1e-9)
    moved, rest = tilt(shares, 1.0, 2), [0, 1, 3]
    ratio = moved[:, rest] / shares[:, rest]
    np.testing.assert_allclose(ratio, np.repeat(ratio[:, :1], 3, axis=1))
    odds = moved[:, 2] / (1 - moved[:, 2]) * (1 - shares[:, 2]) / shares[:, 2]
    np.testing.assert_allclose(np.log(odds), 1.0)


def test_whole_numbers_are_not_pulled_back_to_the_support():
    table, _, is_missing = trial(n=200)
    table["change"] = table["change"].mul(10).round().astype("Int64")
    found = run(table, [0.25, -500.0], method="auto").table.set_index("delta")
    for name, share in (("imputed", 1), ("estimate", is_missing.mean())):
        moved = found[name] - found.loc[0, name]
        assert moved[0.25] == pytest.approx(0.25 * share)
        assert moved[-500.0] == pytest.approx(-500 * share)


def test_skewed_columns_move_by_units_too():
    rng = np.random.default_rng(8)
    lab = np.exp(1.2 * rng.normal(size=500))
    table = pd.DataFrame({"lab": lab, "other": np.log(lab) + rng.normal(size=500)})
    is_missing = rng.random(500) < 0.3
    table.loc[is_missing, "lab"] = np.nan
    found = run(table, [-0.5, 2.0], column="lab", method="auto").table.set_index("delta")
    moved = found[["estimate", "imputed"]] - found.loc[0, ["estimate", "imputed"]]
    np.testing.assert_allclose(moved["imputed"].to_numpy(float), moved.index, atol=1e-9)
    np.testing.assert_allclose(moved["estimate"].to_numpy(float), moved.index * is_missing.mean())
    other = run(
        table.assign(lab=lab, other=table["other"].where(~is_missing)), [1.0], column="other"
    )
    assert other.table["imputed"].diff().iloc[1] == pytest.approx(1.0)


def test_other_columns_stay_on_their_observed_values():
    table, *_ = trial(n=300)
    table.loc[::4, "base"] = np.nan
    table["base"] = np.exp(table["base"])
    seen = set(table["base"].dropna())
    odd = []
    run(
        table,
        [1.0],
        method="auto",
        analysis=lambda done: (odd.append(set(done["base"]) - seen) or 0.0, 1.0),
    )
    assert odd == [set()] * 10


def test_bounds_hold_and_the_table_shows_it():
    table, *_ = trial(n=200)
    imputer = ChainedImputer(bounds={"change": (-3, None)}, n_iter=1, random_state=0)
    options = {"analysis": mean_of("change"), "column": "change", "deltas": [-50.0]}
    found = sensitivity_analysis(imputer, table, **options).table
    assert found["imputed"].iloc[0] == pytest.approx(-3)


def test_tipping_point_is_interpolated_in_the_end_that_crosses():
    deltas = np.array([-2.0, -1.0, 0.0, 1.0])
    limits = np.array([[-3.0, -1.0], [-1.0, 1.0], [1.0, 3.0], [2.0, 4.0]])
    table = tipping_table(deltas, limits, 0.0, np.stack([limits, limits + 0.1, limits - 0.1]))
    down, up = table.to_dict("records")
    assert down["delta"] == pytest.approx(-0.5)
    assert (down["conclusion"], down["reason"]) == ("unclear", "")
    assert down["mc_error"] == pytest.approx(np.sqrt(2 / 3 * 2 * 0.05**2))
    assert np.isnan(up["delta"])
    assert up["reason"] == "not within the grid, which ends at 1"
    for sign, start in ((1, "unclear"), (-1, "unclear")):
        ends = sign * np.array([[-1.0, 1.0], [1.0, 3.0]])
        one = tipping_table(np.array([0.0, 1.0]), np.sort(ends, axis=1), 0.0, [])
        assert one.loc[1, "delta"] == pytest.approx(0.5), start
    jump = tipping_table(np.array([0.0, 1.0]), np.array([[-3.0, -1.0], [1.0, 3.0]]), 0.0, [])
    assert jump.loc[1, "delta"] == pytest.approx(0.25)  # the upper end leaves first
    assert jump.loc[1, "conclusion"] == "above"


def test_a_trial_tips_where_the_interval_reaches_no_effect():
    table, *_ = trial(n=800, seed=6)
    options = {"analysis": "linear", "outcome": "change", "terms": ["arm", "base"], "term": "arm"}
    found = run(table, np.arange(-4.0, 1.0), rows=table["arm"] == 1, **options)
    assert found.table["conclusion"].iloc[-1] == "above"
    tip = found.tipping.set_index("direction").loc["down", "delta"]
    fine = run(table, [tip], rows=table["arm"] == 1, **options).table
    assert fine["lower"].iloc[0] == pytest.approx(0, abs=0.02)
    assert "unclear from delta" in found.summary()
    ax = found.plot()
    assert any("tips at" in text.get_text() for text in ax.texts)
    assert '"tipping"' in found.to_json()


def test_outcome_beside_the_table_polars_and_arrays():
    table, *_ = trial(n=300)
    options = {"analysis": "linear", "terms": ["arm"]}
    inside = run(table, [1.0], outcome="change", **options).table
    X, y = table[["arm", "base"]], table["change"]
    pd.testing.assert_frame_equal(run_beside(X, y, **options), inside)
    pd.testing.assert_frame_equal(run_beside(pl.from_pandas(X), y, **options), inside)
    plain = run_beside(X, y.to_numpy(), column="outcome", **options)
    pd.testing.assert_frame_equal(plain, inside)


def run_beside(X, y, column="change", **options):
    imputer = ChainedImputer("norm", n_iter=2, random_state=3)
    return sensitivity_analysis(imputer, X, y, column=column, deltas=[1.0], **options).table


def test_the_same_for_any_number_of_jobs():
    table, *_ = trial(n=100)
    options = {"analysis": mean_of("change"), "column": "change", "deltas": [-1, 1]}
    found = []
    for n_jobs in (1, 2):
        imputer = ChainedImputer(n_iter=1, m=3, n_jobs=n_jobs, random_state=0)
        with parallel_config(backend="threading"):
            found.append(sensitivity_analysis(imputer, table, **options).table)
    pd.testing.assert_frame_equal(*found)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"column": "arm"}, "no missing cell"),
        ({"column": "age"}, "which X does not have"),
        ({"deltas": [0]}, "holds only 0"),
        ({"deltas": [np.nan]}, "must be numbers"),
        ({"unit": "kg"}, "use 'units' or 'sd'"),
        ({"category": 1}, "holds numbers"),
        ({"rows": [True]}, "100 booleans"),
        ({"rows": np.zeros(100, dtype=bool)}, "nothing is shifted"),
        ({"analysis": "linear", "outcome": "change"}, "has 2 terms; name the one"),
        ({"analysis": "linear", "outcome": "change", "term": "x"}, "not in the analysis"),
    ],
)
def test_bad_input_is_named(options, sentence):
    table, *_ = trial(n=100)
    options = {"column": "change", "deltas": [1.0], **options}
    with pytest.raises(InputError, match=sentence):
        run(table, **options)


def test_columns_that_cannot_be_shifted():
    table, *_ = trial(n=100)
    table["day"] = pd.Timestamp("2020-01-01")
    table.loc[3, "day"] = pd.NaT
    with pytest.raises(InputError, match="shift the days"):
        run(table, [1.0], column="day", analysis=mean_of("base"))
    passive = {"change": (lambda base: 2 * base, ["base"])}
    imputer = ChainedImputer(passive=passive)
    with pytest.raises(InputError, match="computed from others"):
        sensitivity_analysis(
            imputer, table, analysis=mean_of("base"), column="change", deltas=[1.0]
        )
    with pytest.raises(InputError, match="pass a ChainedImputer"):
        sensitivity_analysis(None, table, analysis="linear", column="change", deltas=[1.0])
