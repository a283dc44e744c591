import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report

PAIRS = ("equal_columns", "filled_copy", "linear_copy", "near_copy", "nested_levels")


def pairs_of(X, **more):
    table = quality_report(X, **more).select(*PAIRS)
    return set(zip(table["column"], table["related"], table["rule"], strict=True))


def test_a_clean_table_has_no_copies(clean):
    X, y = clean
    assert pairs_of(X, y=y) == set()


def test_equal_and_filled_copies(rng):
    x = rng.integers(0, 8, 900).astype(float)
    gone = rng.random(900) < 0.3
    X = pd.DataFrame(
        {
            "adl": np.where(gone, np.nan, x),
            "adl_filled": np.where(gone, rng.random(900) * 7, x),
            "copy": np.where(gone, np.nan, x),
        }
    )
    found = pairs_of(X)
    assert ("adl_filled", "adl", "filled_copy") in found
    assert ("copy", "adl", "equal_columns") in found
    report = quality_report(X)
    np.testing.assert_array_equal(report.masks["adl_filled", "filled_copy"], gone)
    repaired = report.repaired(X, "adl_filled", "filled_copy")
    np.testing.assert_array_equal(repaired["adl_filled"].isna(), gone)


def test_another_unit_and_another_scale(rng):
    x = rng.normal(80, 15, 900)
    X = pd.DataFrame({"kg": x, "lb": x / 0.45359237, "rank": np.exp(x / 20)})
    found = pairs_of(X)
    assert ("lb", "kg", "linear_copy") in found
    assert ("rank", "kg", "near_copy") in found


def test_codes_do_not_make_copies(rng):
    """Two columns that share only the rows with -1 are not the same."""
    gone = rng.random(900) < 0.8
    X = pd.DataFrame(
        {
            "pao2": np.where(gone, -1, rng.normal(90, 20, 900)),
            "pco2": np.where(gone, -1, rng.normal(40, 8, 900)),
        }
    )
    assert pairs_of(X) == set()


def test_rare_flags_are_not_called_copies():
    X = pd.DataFrame({"a": np.r_[np.ones(5), np.zeros(995)]})
    X["b"] = X["a"]
    assert pairs_of(X) == set()


def test_coarser_levels(rng):
    group = rng.choice(["lung", "colon", "chf", "copd", "coma"], 900)
    kind = pd.Series(group).map(
        {"lung": "cancer", "colon": "cancer", "chf": "organ", "copd": "organ", "coma": "coma"}
    )
    X = pd.DataFrame({"group": group, "class": kind, "sex": rng.choice(["f", "m"], 900)})
    assert pairs_of(X) == {("class", "group", "nested_levels")}


def test_the_same_levels_under_other_names():
    sex = np.tile(["f", "m", "f"], 300)
    X = pd.DataFrame({"sex": sex, "gender": np.where(sex == "f", 2, 1)})
    assert len(pairs_of(X)) == 1
    assert "says the same" in quality_report(X).select("nested_levels")["detail"].item()


def test_small_levels_follow_by_accident(rng):
    X = pd.DataFrame({"diagnosis": np.arange(900) // 18, "died": rng.random(900) < 0.05})
    X["diagnosis"] = "d" + X["diagnosis"].astype(str)
    assert pairs_of(X) == set()


@pytest.mark.parametrize("n", [30, 60])
def test_few_rows_make_no_claim(n, rng):
    X = pd.DataFrame({"a": rng.integers(0, 3, n)})
    X["b"] = X["a"]
    assert len(pairs_of(X)) == (0 if n < 40 else 1)


def computed_of(X):
    table = quality_report(X).select("computed_from_others")
    return dict(zip(table["column"], table["detail"], strict=True))


@pytest.mark.parametrize("order", ["abc", "cab"])
def test_which_part_of_a_sum_of_whole_numbers_was_computed_is_left_open(rng, order):
    a, b = rng.integers(0, 40, 600), rng.integers(0, 60, 600)
    X = pd.DataFrame({"a": a, "b": b, "c": a + b})[list(order)].assign(z=rng.normal(size=600))
    (detail,) = computed_of(X).values()
    assert "which of a, b, c was computed from the others the values do not tell" in detail


def test_a_sum_to_its_rounding_is_claimed_of_no_source(rng):
    """Measured and reported height and weight, and a body mass index of each."""
    height, weight = rng.normal(170, 9, 600).round(), rng.normal(80, 12, 600).round(1)
    X = pd.DataFrame({"height": height, "weight": weight})
    X["height_said"] = (height + rng.normal(0, 1, 600)).round()
    X["weight_said"] = (weight + rng.normal(0, 1.5, 600)).round(1)
    X["bmi"] = (weight / (height / 100) ** 2).round(1)
    X["bmi_said"] = (X["weight_said"] / (X["height_said"] / 100) ** 2).round(1)
    exact = {name for name, detail in computed_of(X).items() if "to its rounding" in detail}
    assert exact == {"bmi", "bmi_said"}
