import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report
from healthml.cleaning._columns.view import ColumnView
from healthml.schema import Schema

IMPOSSIBLE, VERIFY = "impossible_value", "verify_value"


def with_cells(values, *cells):
    values = np.array(values, dtype=float)
    values[: len(cells)] = cells
    return values


def test_impossible_heights_and_inches(rng):
    height = with_cells(rng.normal(170, 10, 600).round(1), 0.3, 9.2, 600, *[68, 70, 71, 66, 64])
    report = quality_report(pd.DataFrame({"admissionheight": height}))
    assert np.flatnonzero(report.masks["admissionheight", IMPOSSIBLE]).tolist() == [0, 1, 2]
    inches = sum(m for (_, rule), m in report.masks.items() if rule not in (IMPOSSIBLE, "missing"))
    assert np.flatnonzero(inches).tolist() == [3, 4, 5, 6, 7]
    assert report.select(IMPOSSIBLE)["status"].item() == "suspected"  # no clinician reviewed them


def test_limits_that_rest_on_judgement_are_suspected(rng):
    albumin = with_cells(rng.normal(3, 0.6, 600).round(1), 140)
    row = quality_report(pd.DataFrame({"albumin": albumin})).select(IMPOSSIBLE)
    assert row["status"].item() == "suspected"
    assert row["reviewed"].item() == "not clinically reviewed"


def test_real_extremes_are_only_to_verify(rng):
    sodium = with_cells(rng.normal(139, 5, 900).round(), 109, 181)
    report = quality_report(pd.DataFrame({"sodium": sodium}))
    assert report.table["rule"].tolist() == [VERIFY]
    assert report.table["n_cells"].item() == 2


def test_a_heavy_tail_through_a_limit_is_no_error(rng):
    crp = np.exp(rng.normal(4, 1.4, 3000))
    assert (crp > 1000).sum() > 10
    assert quality_report(pd.DataFrame({"crp": crp})).select(IMPOSSIBLE).empty


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("ca", [0, 1, 2, 3]),  # vessels, not calcium
        ("k", [2, 3, 4, 9]),
        ("weight", [0.2, 0.5, 1.5, 2.0]),  # sampling weights
        ("map", [1, 2, 3, 4]),
        ("height", [1, 2, 3, 900]),
        ("ca", ["no", "yes", "metastatic", "no"]),
    ],
)
def test_a_name_alone_is_not_believed(column, values):
    X = pd.DataFrame({column: values * 100})
    assert ColumnView(X[column]).concept is None
    assert quality_report(X).select(IMPOSSIBLE, VERIFY).empty


def test_a_column_in_another_unit_is_judged_in_that_unit(rng):
    X = pd.DataFrame(
        {
            "glucose": with_cells(rng.normal(6.5, 1.5, 500).clip(2).round(1), 400),
            "temperature": rng.normal(98.6, 1, 500).round(1),
            "creatinine": rng.normal(90, 20, 500).round(),
        }
    )
    report = quality_report(X)
    assert report.masks["glucose", IMPOSSIBLE].sum() == 1
    assert report.evidence["glucose", IMPOSSIBLE]["unit"] == "mmol/L"
    assert set(report.select(IMPOSSIBLE, VERIFY)["column"]) == {"glucose"}


def test_bounded_scales_have_no_tail(rng):
    spo2 = with_cells(np.minimum(100, rng.normal(96, 2, 500).round()), 104, 105)
    report = quality_report(pd.DataFrame({"spo2": spo2}))
    assert report.masks["spo2", IMPOSSIBLE].sum() == 2


def test_rounding_at_a_limit_is_no_violation():
    wbc = np.r_[np.full(50, np.float32(0.1) - 1e-5), np.linspace(4, 12, 200)]
    assert quality_report(pd.DataFrame({"wbc": wbc})).select(IMPOSSIBLE, VERIFY).empty


def test_codes_are_not_called_impossible_again(rng):
    sodium = rng.permutation(with_cells(rng.normal(139, 5, 500).round(), *[-1] * 30))
    rules = set(quality_report(pd.DataFrame({"sodium": sodium})).table["rule"])
    assert rules == {"missing_code_number"}


def test_infinite_numbers(rng):
    values = with_cells(rng.normal(size=300), np.inf, -np.inf)
    report = quality_report(pd.DataFrame({"ratio": values}))
    assert report.masks["ratio", "infinite"].sum() == 2


def test_a_few_negatives_beside_zeros(rng):
    oldpeak = np.where(rng.random(600) < 0.4, 0, rng.gamma(2, 0.8, 600)).round(1)
    assert quality_report(pd.DataFrame({"oldpeak": oldpeak})).table.empty
    oldpeak[:8] = [-0.5, -0.7, -1.1, -2.0, -0.1, -1.5, -0.9, -2.6]
    report = quality_report(pd.DataFrame({"oldpeak": oldpeak}))
    assert report.masks["oldpeak", "few_negatives"].sum() == 8


def test_ordinary_negatives_are_fine(rng):
    X = pd.DataFrame({"change": rng.normal(0, 2, 600).round(), "z": rng.normal(1, 1, 600)})
    assert quality_report(X).select("few_negatives").empty


def declare(**variables):
    return Schema(variables=variables)


def test_declared_limits_take_the_place_of_facts(rng):
    X = pd.DataFrame({"nihss": with_cells(rng.integers(0, 11, 300), 11, 42)})
    report = quality_report(X, schema=declare(nihss={"hard": (0, 10)}))
    assert report.masks["nihss", IMPOSSIBLE].sum() == 2
    assert report.evidence["nihss", IMPOSSIBLE]["declared"]


def test_a_declared_unit_is_believed(rng):
    X = pd.DataFrame({"weight": with_cells(rng.normal(180, 30, 500).round(), 400, 450)})
    assert quality_report(X).select(VERIFY)["n_cells"].sum() >= 1
    pounds = quality_report(X, schema=declare(weight={"unit": "[lb_av]"}))
    assert pounds.select(VERIFY).empty


def test_declared_codes_are_believed(rng):
    X = pd.DataFrame({"x": np.where(np.arange(300) < 9, 3, rng.integers(0, 7, 300)), "s": "ok"})
    X.loc[:4, "s"] = "tbd"
    schema = declare(x={"missing_codes": (3,)}, s={"missing_codes": ("TBD",)})
    report = quality_report(X, schema=schema)
    assert report.masks["x", "missing_code_number"].sum() == (X["x"] == 3).sum()
    assert report.masks["s", "missing_code_text"].sum() == 5
