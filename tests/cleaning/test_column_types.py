import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report
from healthml.cleaning._columns.shapes import has_code_name


def rules_of(X, **more):
    table = quality_report(X, **more).table
    return set(zip(table["column"], table["rule"], strict=True))


def test_missing_and_constant_columns():
    n = 3000
    X = pd.DataFrame(
        {
            "empty": np.full(n, np.nan),
            "one": np.where(np.arange(n) < 10, np.nan, 5.0),
            "word": ["No"] * n,
            "nearly": np.r_[np.ones(2), np.zeros(n - 2)],
            "rare": np.r_[np.ones(30), np.zeros(n - 30)],
        }
    )
    found = rules_of(X)
    assert ("empty", "all_missing") in found
    assert {("one", "constant"), ("word", "constant")} <= found
    assert ("one", "missing") in found
    assert ("nearly", "near_constant") in found
    assert not any(column == "rare" for column, _ in found)


def test_a_thousandth_is_not_nearly_constant():
    X = pd.DataFrame({"x": np.r_[np.ones(3), np.zeros(2997)]})
    assert rules_of(X) == set()


def test_numbers_stored_as_text_are_read():
    ages = [str(a) for a in range(18, 90)] * 5 + ["> 89"] * 12
    X = pd.DataFrame({"age": ages})
    report = quality_report(X)
    assert report.evidence["age", "number_from_text"]["shapes"] == {"censored": 12}
    assert report.masks["age", "number_from_text"].sum() == 12
    fixed = report.repaired(X, "age", "number_from_text")["age"]
    assert fixed.dtype == float
    assert fixed.iloc[-1] == 89
    assert fixed.notna().all()


@pytest.mark.parametrize(
    "levels",
    [
        ["428", "250.83", "V45", "E909", "V58", "401"],  # ICD-9
        ["[50-60)", "[60-70)", "[70-80)"],  # bands
        ["01234", "02345", "10115"],  # postcodes
        ["I21.4", "A41.9", "J18.9"],
        ["low", "mid", "high"],
        ["2021-03-04", "2022-01-05", "2023-09-30"],
    ],
)
def test_labels_are_not_number_from_text(levels):
    X = pd.DataFrame({"x": levels * 60})
    assert ("x", "number_from_text") not in rules_of(X)


def test_levels_that_differ_by_case_and_space():
    X = pd.DataFrame({"sex": ["male"] * 50 + ["Male "] * 3 + ["female"] * 40 + ["FEMALE\u200b"]})
    report = quality_report(X)
    assert report.masks["sex", "case"].sum() == 4
    merged = report.repaired(X, "sex", "case")["sex"]
    assert set(merged) == {"male", "female"}
    assert X["sex"].nunique() == 4  # the table itself is left alone


def test_different_levels_are_left_alone():
    X = pd.DataFrame({"rh": ["A+", "A-", "B+", "B-"] * 30, "case": ["a", "b", "c", "d"] * 30})
    assert not any(rule == "case" for _, rule in rules_of(X))


@pytest.mark.parametrize(
    "name", ["admission_type_id", "hospitalid", "payer_code", "icd9", "wardId"]
)
def test_names_of_codes(name):
    assert has_code_name(name)


@pytest.mark.parametrize("name", ["steroid", "thyroid", "num_lab", "visit_number", "rapid", "age"])
def test_names_that_only_end_like_codes(name):
    assert not has_code_name(name)
