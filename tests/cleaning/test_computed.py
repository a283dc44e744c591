import warnings

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report
from healthml.cleaning._quality.screens.computed import _r_squared

COMPUTED = "computed_from_others"


def test_a_score_of_other_columns(rng):
    n = 2000
    X = pd.DataFrame({f"lab{k}": rng.normal(size=n) for k in range(5)})
    X["site"] = rng.choice(["a", "b", "c"], n)
    X["score"] = X["lab0"] + 2 * np.abs(X["lab1"]) + X["lab2"] + 2 * X["site"].eq("b")
    table = quality_report(X).select(COMPUTED).set_index("column")
    assert "score" in table.index
    row = table.loc["score"]
    assert 0.9 < row["lower"] < row["estimate"] < row["upper"] < 1


def test_noise_lowers_the_share(rng):
    """R squared out of fold is near its true value, here 0.9."""
    n = 4000
    X = pd.DataFrame({f"lab{k}": rng.normal(size=n) for k in range(4)})
    signal = X.sum(axis=1)
    X["score"] = signal + rng.normal(0, signal.std() / 3, n)
    row = quality_report(X).select(COMPUTED).set_index("column").loc["score"]
    assert row["estimate"] == pytest.approx(0.9, abs=0.01)
    assert row["status"] == "note"


def test_correlated_columns_are_not_computed(rng):
    n = 1000
    shared = rng.normal(size=n)
    X = pd.DataFrame({f"x{k}": shared + rng.normal(size=n) for k in range(6)})
    assert quality_report(X).select(COMPUTED).empty


def test_copies_do_not_count_as_others(rng):
    x = rng.normal(size=1000)
    X = pd.DataFrame({"x": x, "copy": x, "other": rng.normal(size=1000)})
    assert quality_report(X).select(COMPUTED).empty


def test_missing_cells_and_levels_are_allowed(rng):
    n = 1500
    X = pd.DataFrame({f"lab{k}": rng.normal(size=n) for k in range(4)})
    X["score"] = X.sum(axis=1)
    X.loc[rng.random(n) < 0.3, "score"] = np.nan
    assert quality_report(X).select(COMPUTED)["column"].tolist()[-1] == "score"


def test_row_numbers_are_no_part_of_it(rng):
    X = pd.DataFrame({"row": np.arange(800), "trend": np.arange(800) + rng.normal(0, 9, 800)})
    assert quality_report(X).select(COMPUTED, "near_copy").empty


def test_interval_takes_whole_patients(rng):
    truth = np.repeat(rng.normal(size=200), 10)
    predicted = truth + np.repeat(rng.normal(0, 0.3, 200), 10)
    rows = _r_squared(truth, predicted, np.arange(2000), 0.95)
    patients = _r_squared(truth, predicted, np.repeat(np.arange(200), 10), 0.95)
    assert rows[0] == patients[0]
    assert patients[2] - patients[1] > 2 * (rows[2] - rows[1])


def test_of_a_computed_column_and_its_sources_the_computed_one_is_named(rng):
    """The sources follow from it too, and are no copies of anything."""
    n = 1500
    X = pd.DataFrame({"bmi": 0.0, "weight": rng.normal(78, 14, n).round(1)})
    X["height"] = rng.normal(170, 9, n).round()
    X["bmi"] = (X["weight"] / (X["height"] / 100) ** 2).round(1)
    X["sbp"], X["dbp"] = rng.normal(130, 18, n).round(), rng.normal(78, 11, n).round()
    X["map"] = ((X["sbp"] + 2 * X["dbp"]) / 3).round()
    assert set(quality_report(X).select(COMPUTED)["column"]) == {"bmi", "map"}
    backwards = X[X.columns[::-1]]
    assert set(quality_report(backwards).select(COMPUTED)["column"]) == {"bmi", "map"}


def test_deciles_groups_and_flags_are_bands_of_their_source(rng):
    age = rng.normal(62, 12, 1200).round()
    X = pd.DataFrame({"age": age, "lab": rng.normal(size=1200)})
    X["decile"] = pd.qcut(pd.Series(age).rank(method="first"), 10, labels=False)
    X["group"] = np.array(["young", "old"])[(age > 65).astype(int)]
    X["flag"] = (age > 80).astype(int)
    X["coin"] = rng.integers(0, 2, 1200)
    table = quality_report(X).select("bands_of_another", "near_copy", "nested_levels", COMPUTED)
    found = set(zip(table["column"], table["related"], strict=True))
    assert {("decile", "age"), ("group", "age"), ("flag", "age")} <= found
    assert not {"age", "coin", "lab"} & set(table["column"])


def sources(seed=0, n=500):
    rng = np.random.default_rng(seed)
    return rng.normal(50, 10, n).round(1), rng.normal(20, 5, n).round(1)


@pytest.mark.parametrize("digits", [2, 12])
def test_a_ratio_is_named_and_not_what_it_was_made_from(digits):
    """Its sources follow from it too, but have no more digits; it stands first in the table."""
    a, b = sources()
    X = pd.DataFrame({"ratio": (a / b).round(digits), "a": a, "b": b})
    found = quality_report(X).select(COMPUTED, status="found")
    assert found["column"].tolist() == ["ratio"]
    assert "gives it to its rounding" in found["detail"].item()


def test_of_two_copies_the_coarser_one_was_made():
    a, _ = sources()
    for X in ({"rank": np.floor(a / 2), "a": a}, {"a": a, "rank": np.floor(a / 2)}):
        found = quality_report(pd.DataFrame(X)).select("near_copy", "bands_of_another")
        assert set(found["column"]) == {"rank"}
    logs = quality_report(pd.DataFrame({"log_a": np.log(a), "a": a})).select("near_copy")
    assert logs["column"].tolist() == ["log_a"]


@pytest.mark.parametrize("size", [1e300, 1e-11, 1e-300])
def test_the_size_of_the_numbers_is_no_matter(rng, size):
    X = pd.DataFrame({f"lab{k}": rng.normal(size=400) * size for k in range(4)})
    X["sum"] = X["lab0"] + X["lab1"] + X["lab2"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(quality_report(X).select(COMPUTED)["column"]) == {"sum"}
