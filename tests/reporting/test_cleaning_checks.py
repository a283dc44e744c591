"""What the audit says of units, slips, fields, levels and labels, and how it measures it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import healthml
from healthml._core._findings import NOTE
from healthml.datasets import make_ehr_cohort
from healthml.reporting._case import build_case, take_roles
from healthml.reporting._checks.cleaning import (
    _unit_words,
    check_decimal_slips,
    check_fields,
    check_labels,
    check_level_names,
    check_units,
)
from healthml.schema import Schema, Variable

CHECKS = (check_units, check_decimal_slips, check_fields, check_level_names)


def case_of(X, y, *, model=None, refit=True, schema=None, **roles):
    names = ("groups", "site", "time", "sensitive_features", "score")
    X, y, roles = take_roles(X, y, **{name: roles.get(name) for name in names})
    options = {"seed": 0, "n_repeats": 1, "schema": schema}
    if not refit:
        options["risk"] = model.predict_proba(X)[:, 1]
    return build_case(X, y, roles, model=model, refit=refit, event=None, options=options)


def findings(case, *checks):
    return {f.code: f for check in checks or CHECKS for f in check(case).findings}


def creatinine_table(n=1500, seed=0):
    """Only creatinine tells the outcome, and one of three sites reports umol/L."""
    rng = np.random.default_rng(seed)
    creatinine = np.exp(rng.normal(0, 0.5, n)).round(2)
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-(4 * np.log(creatinine) - 1)))).astype(int)
    site = rng.choice(["North", "South", "West"], n)
    X = pd.DataFrame({"creatinine": creatinine, "heart_rate": rng.normal(85, 15, n).round()})
    X.loc[site == "West", "creatinine"] = (X["creatinine"] * 88.402).round()
    return X, y, site


def test_what_a_unit_costs_is_measured_and_serious_where_it_is():
    X, y, site = creatinine_table()
    finding = findings(case_of(X, y, site=site), check_units)["HM215"]
    assert finding.severity == "serious"
    assert finding.effect.lower > 0.05
    assert finding.columns == ("creatinine",)
    assert "cells in umol/L at 1 site" in finding.evidence
    n = int(finding.evidence.split()[1])
    assert n == pytest.approx((site == "West").sum(), rel=0.03)
    assert "West" not in finding.title + finding.evidence + finding.remedy


def test_without_sites_the_unit_is_named_too():
    X, y, _ = creatinine_table()
    finding = findings(case_of(X, y), check_units)["HM215"]
    assert "umol/L (by" in finding.evidence


def test_a_unit_written_in_a_few_cells_is_named():
    X, y, site = creatinine_table()
    keep = site != "West"
    X, y = X[keep].reset_index(drop=True), y[keep]
    X["creatinine"] = X["creatinine"].astype(object)
    for row in range(6):
        X.loc[row, "creatinine"] = f"{round(88.4 * X.loc[row, 'creatinine'])} umol/L"
    schema = Schema(outcome="y", variables={"creatinine": Variable(unit="mg/dL")})
    finding = findings(case_of(X, y, schema=schema), check_units)["HM215"]
    assert "creatinine: another unit written in 6 cells" in finding.evidence


def test_slips_are_counted_and_cost_what_they_cost():
    rng = np.random.default_rng(1)
    potassium = rng.normal(4.2, 0.5, 1500).round(1)
    y = (rng.uniform(size=1500) < 1 / (1 + np.exp(-3 * (potassium - 4.2)))).astype(int)
    slipped = rng.choice(1500, 40, replace=False)
    potassium[slipped] = (potassium[slipped] * 10).round(1)
    finding = findings(
        case_of(pd.DataFrame({"potassium": potassium, "x": rng.normal(size=1500)}), y)
    )
    assert list(finding) == ["HM216"]
    n = int(finding["HM216"].evidence.split("(")[1].split(")")[0])
    assert n == pytest.approx(40, abs=2)
    assert finding["HM216"].effect.lower > 0.02
    assert finding["HM216"].severity == "serious"


def test_a_level_renamed_in_time_is_named_at_most_moderate():
    rng = np.random.default_rng(2)
    n = 2000
    year = rng.integers(2010, 2020, n)
    kind = rng.choice(["Emergency", "Urgent", "Elective"], n).astype(object)
    y = (rng.uniform(size=n) < np.where(kind == "Emergency", 0.7, 0.1)).astype(int)
    kind[(kind == "Emergency") & (year > 2015)] = "EM"
    X = pd.DataFrame({"kind": kind, "noise": rng.normal(size=n)})
    finding = findings(case_of(X, y, time=year), check_level_names)["HM218"]
    assert "1 level (" in finding.evidence
    assert "Emergency" not in finding.evidence
    assert finding.severity in (NOTE, "moderate")
    assert abs(finding.effect.estimate) < 0.01
    assert findings(case_of(X, y), check_level_names) == {}


def test_a_fitted_model_or_one_of_the_users_own_is_judged_without_failing():
    cohort = make_ehr_cohort(
        800,
        prevalence=0.3,
        defects={"unit_mixup": 1, "swaps": 0.05, "coding_change": 1},
        random_state=3,
    )
    X, roles = cohort.X, {"groups": cohort.groups.to_numpy(), "site": "site", "time": "year"}
    texts = [c for c in X if not pd.api.types.is_numeric_dtype(X[c])]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts), remainder="passthrough"
    )
    own = make_pipeline(encode, LogisticRegression(solver="newton-cholesky"))
    case = case_of(X, cohort.y, model=own, **roles)
    found = findings(case)
    assert {"HM215", "HM217", "HM218"} <= set(found)
    assert all(f.effect is not None for f in found.values())
    fitted = case_of(X, cohort.y, model=own.fit(X, cohort.y), refit=False, **roles)
    found = findings(fitted)
    assert {"HM215", "HM217", "HM218"} <= set(found)
    assert {f.severity for f in found.values()} == {NOTE}
    (missing,) = check_labels(fitted).not_assessed
    assert "risks judged here are given" in missing.reason


def test_nothing_in_the_table_is_changed_by_looking():
    cohort = make_ehr_cohort(
        400, defects={"unit_mixup": 1, "swaps": 0.05, "censored_strings": 1}, random_state=3
    )
    before = cohort.X.copy(deep=True)
    case = case_of(cohort.X, cohort.y, site="site", time="year")
    table = case.table.copy(deep=True)
    assert case.repairs.records
    findings(case)
    pd.testing.assert_frame_equal(cohort.X, before)
    pd.testing.assert_frame_equal(case.table, table)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_said_of_a_clean_table(seed):
    cohort = make_ehr_cohort(700, random_state=50 + seed)
    case = case_of(cohort.X, cohort.y, groups=cohort.groups.to_numpy(), site="site", time="year")
    assert findings(case, *CHECKS, check_labels) == {}


def test_columns_without_names_are_read():
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=[0, 1, 2])
    y = (X[1] + rng.normal(size=300) > 0).astype(int)
    assert findings(case_of(X, y)) == {}


def test_a_schema_whose_site_is_not_in_the_table_does_no_harm():
    cohort = make_ehr_cohort(300, random_state=5)
    X = cohort.X.drop(columns=["site"])
    assert findings(case_of(X, cohort.y, schema=cohort.schema)) == {}


def labelled(noise, seed, sharp=10.0, n=900):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 4)).round(3), columns=list("abcd"))
    truth = (rng.uniform(size=n) < 1 / (1 + np.exp(-sharp * X.sum(axis=1) / 2))).astype(int)
    wrong = rng.uniform(size=n) < noise
    return X, np.where(wrong, 1 - truth, truth), wrong


def test_wrong_outcomes_are_counted_and_not_too_many():
    stated, truly = 0, 0
    for seed in range(4):
        X, y, wrong = labelled(0.06, seed)
        case = case_of(X, y)
        (finding,) = check_labels(case).findings
        assert finding.severity == NOTE
        stated += int(finding.evidence.split()[0])
        truly += wrong.sum()
    assert 0.6 * truly <= stated <= 1.1 * truly


@pytest.mark.parametrize("sharp", [1.0, 10.0])
def test_right_outcomes_are_not_called_wrong(sharp):
    for seed in range(4):
        X, y, _ = labelled(0.0, seed, sharp)
        case = case_of(X, y)
        look = check_labels(case)
        assert look.findings == ()
        assert look.not_assessed[0].code == "HM219"


def test_predictions_alone_are_not_asked_about_columns_or_labels():
    rng = np.random.default_rng(0)
    risk = rng.uniform(0.05, 0.6, 400)
    report = healthml.audit_predictions(
        (rng.uniform(size=400) < risk).astype(int), risk, random_state=0
    )
    assert not {"HM215", "HM216", "HM217", "HM218", "HM219"} & set(report.codes())


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("kg*0.45359", "3 cells in kg multiplied by 0.45359 once too often (by paired)"),
        ("10*9/L*0.001", "3 cells in 10^9/L multiplied by 0.001 once too often (by paired)"),
        ("10*9/L", "3 cells in 10^9/L (by paired), if the others are in 10^6/L"),
    ],
)
def test_a_value_converted_twice_is_told_in_words(unit, words):
    row = {"column": "weight", "group": "all", "from_unit": unit, "n_cells": 3, "kinds": "paired"}
    row["to_unit"] = "10*6/L"
    assert _unit_words(pd.DataFrame([row])) == f"weight: {words}"


def test_a_whole_site_ten_times_as_high_is_named_without_saying_who_is_wrong():
    rng = np.random.default_rng(0)
    site = rng.choice(list("ABCD"), 800)
    crp = np.exp(rng.normal(3.2, 1.2, 800)).round(1)
    X = pd.DataFrame(
        {"age": rng.integers(30, 90, 800), "crp": np.where(site == "B", crp * 10, crp)}
    )
    y = rng.integers(0, 2, 800)
    report = healthml.audit(None, X, y, site=site, only=["HM215"], random_state=0)
    (finding,) = [f for f in report.findings if f.code == "HM215"]
    assert finding.columns == ("crp",)
    cells = f"{(site == 'B').sum()} cells in mg/L multiplied by 10 once too often, or the others"
    assert cells in finding.evidence
