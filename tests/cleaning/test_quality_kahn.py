"""Every row of the report in Kahn's terms and under OHDSI's names; declarations and keys."""

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report
from healthml.cleaning._quality.findings import RULES
from healthml.cleaning._quality.kahn import AFTER_BIRTH, BEFORE_DEATH, START_BEFORE_END
from healthml.schema import Schema, Variable

SUBCATEGORIES = {
    "conformance": {"value", "relational", "computational"},
    "completeness": {""},
    "plausibility": {"uniqueness", "atemporal", "temporal"},
}
# checkName of inst/csv/OMOP_CDM_Check_Descriptions.csv in OHDSI's DataQualityDashboard 2.6
DQD = {
    "cdmField",
    "isRequired",
    "cdmDatatype",
    "isPrimaryKey",
    "fkDomain",
    "measureValueCompleteness",
    "plausibleValueLow",
    "plausibleValueHigh",
    "plausibleAfterBirth",
    "plausibleBeforeDeath",
    "plausibleStartBeforeEnd",
}


def of(report, rule):
    return report.select(rule).iloc[0]


def test_every_rule_has_its_place():
    used = set()
    for place in (rule.place for rule in RULES.values()):
        assert place.subcategory in SUBCATEGORIES[place.category]
        assert place.context in ("verification", "validation")
        used |= set(place.dqd_check.split(", ")) - {""}
    used |= {START_BEFORE_END, AFTER_BIRTH, BEFORE_DEATH}  # by the dates that are out of order
    assert used == DQD


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([900.0], "plausibleValueHigh"),
        ([3.0], "plausibleValueLow"),
        ([900.0, 3.0], "plausibleValueLow, plausibleValueHigh"),
    ],
)
def test_limits_name_their_side(rng, values, names):
    X = pd.DataFrame({"sodium": np.r_[rng.normal(138, 4, 300).round(), values]})
    row = of(quality_report(X), "impossible_value")
    assert (row["dqd_check"], row["context"]) == (names, "validation")


def test_what_a_schema_declares_is_compared(rng):
    n = 200
    X = pd.DataFrame(
        {
            "patient": [*range(n - 1), None],
            "ward": rng.choice(["A", "B"], n),
            "triage": [*rng.choice(["1", "2", "3"], n - 4), "4", "4", "unknown", "n/a"],
            "crp": [*(f"{x:.1f}" for x in rng.gamma(2, 20, n - 2)), "high", None],
            "died": rng.integers(0, 2, n),
        }
    )
    variables = {
        "triage": Variable(vocabulary=(1, 2, 3), missing_codes=("unknown", "n/a")),
        "crp": Variable(kind="numeric"),
        "ph": Variable(kind="numeric"),
    }
    schema = Schema(outcome="died", patient="patient", site="hospital", variables=variables)
    report = quality_report(X, schema)
    assert set(report.select("absent_column")["column"]) == {"hospital", "ph"}
    for rule, column, n_cells, dqd in (
        ("required_missing", "patient", 1, "isRequired"),
        ("outside_vocabulary", "triage", 2, "fkDomain"),
        ("not_as_declared", "crp", 1, "cdmDatatype"),
    ):
        row = of(report, rule)
        assert (row["column"], row["n_cells"], row["dqd_check"]) == (column, n_cells, dqd)
        assert row["context"] == "validation"
    assert "absent_column" not in set(report.not_assessed["rule"])


def test_a_table_taken_apart_does_not_miss_its_roles(rng):
    X = pd.DataFrame({"age": rng.normal(60, 10, 100).round(), "died": rng.integers(0, 2, 100)})
    schema = Schema(outcome="died", patient="id", score="risk", identifier="mrn")
    assert quality_report(X[["age"]], schema).select("absent_column").empty
    absent = quality_report(X, schema).select("absent_column")["column"]
    assert set(absent) == {"id", "risk", "mrn"}


def test_declared_roles_are_used(rng):
    X = pd.DataFrame(
        {
            "id": np.repeat(np.arange(150), 2),
            "ward": ["A", "B"] * 150,
            "year": [2019, 2020, 2021] * 100,
            "na": np.where(rng.random(300) < 0.2, np.nan, rng.normal(138, 4, 300).round()),
            "died": ["yes", "no", "no"] * 100,
        }
    )
    schema = Schema(outcome="died", event="yes", patient="id", site="ward", time="year")
    report = quality_report(X, schema)
    row = of(report, "missing")
    assert row["n_events"] == (X["na"].isna() & X["died"].eq("yes")).sum()
    assert set(report.by_site["group"]) == {"A", "B"}
    assert list(dict.fromkeys(report.by_time["group"])) == ["2019", "2020", "2021"]
    assert report.not_assessed.empty


def test_equal_rows_are_found_where_an_identifier_tells_them_apart(rng):
    X = pd.DataFrame(
        {
            "mrn": [f"P{k:05d}" for k in range(300)],
            "sex": rng.choice(["f", "m"], 300),
            "age": rng.integers(20, 90, 300),
        }
    )
    twice = pd.concat([X, X.iloc[[3, 77]]], ignore_index=True)
    row = of(quality_report(twice), "duplicate_rows")
    assert (row["status"], row["n_cells"], row["subcategory"]) == ("found", 2, "uniqueness")
    again = of(quality_report(twice), "repeated_identifier")
    assert (again["column"], again["n_cells"], again["dqd_check"]) == ("mrn", 2, "isPrimaryKey")
    alike = of(quality_report(X[["sex", "age"]]), "duplicate_rows")
    assert alike["status"] == "note"
    assert quality_report(X).select("duplicate_rows", "repeated_identifier").empty


def test_patients_who_return_are_no_repeated_identifier(rng):
    X = pd.DataFrame({"patient_id": rng.integers(0, 150, 400), "x": rng.normal(size=400)})
    assert quality_report(X).select("repeated_identifier").empty


def test_one_answer_in_several_words():
    X = pd.DataFrame(
        {"gender": ["F", "M", "male", "f", "Female"] * 20, "shift": ["m", "male"] * 50}
    )
    row = of(quality_report(X), "synonym")
    assert (row["column"], row["n_cells"]) == ("gender", 60)
    plain = X.replace({"male": "M", "Female": "F", "f": "F"})
    assert quality_report(plain).select("synonym", "case").empty
