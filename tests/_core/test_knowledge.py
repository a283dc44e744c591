from importlib.resources import files

import numpy as np
import pytest

from healthml._core._knowledge.facts import (
    NOT_REVIEWED,
    PUBLISHED,
    concept_limits,
    is_ambiguous,
    match_concept,
    number_codes,
    read_facts,
    review_label,
    text_codes,
)


def test_hard_limits_hold_soft_limits():
    ranges = read_facts("clinical_ranges")
    assert (ranges["hard_min"] <= ranges["soft_min"]).all()
    assert (ranges["soft_max"] <= ranges["hard_max"]).all()
    assert (ranges["soft_min"] < ranges["soft_max"]).all()
    assert ranges["name"].is_unique


def test_loinc_check_digits():
    for code in read_facts("clinical_ranges")["loinc"]:
        number, digit = code.split("-")
        doubled = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(number))]
        total = sum(d // 10 + d % 10 for d in doubled)
        assert (10 - total % 10) % 10 == int(digit), code


def test_units_belong_to_concepts_and_convert_sensibly():
    names = set(read_facts("clinical_ranges")["name"])
    units = read_facts("clinical_units")
    assert set(units["name"]) <= names
    assert set(read_facts("clinical_range_sources")["name"]) <= names
    assert (units["factor"] > 0).all()
    # a body temperature of 98.6 degF is 37 Cel, a height of 70 in is 177.8 cm
    (_, factor, offset) = next(u for u in concept_limits("temperature")["units"] if "deg" in u[0])
    assert 98.6 * factor + offset == pytest.approx(37.0, abs=1e-3)
    (_, factor, offset) = next(u for u in concept_limits("height")["units"] if "in_i" in u[0])
    assert 70 * factor + offset == pytest.approx(177.8)


def test_hba1c_conversion_has_an_offset():
    (_, factor, offset) = next(u for u in concept_limits("hba1c")["units"] if u[0] == "mmol/mol")
    assert 48 * factor + offset == pytest.approx(6.54, abs=0.01)


def test_nothing_claims_a_clinical_review():
    assert set(read_facts("clinical_ranges")["clinically_reviewed"]) == {"no"}
    assert set(read_facts("missing_codes")["clinically_reviewed"]) == {"no"}
    labels = {review_label(row) for _, row in read_facts("clinical_ranges").iterrows()}
    assert labels == {NOT_REVIEWED, PUBLISHED}
    assert all(NOT_REVIEWED in label for label in labels)


def test_notices_ship_with_the_facts():
    notice = files("healthml._core._knowledge").joinpath("NOTICE").read_text(encoding="utf-8")
    for word in ("LOINC", "UCUM", "Regenstrief", "not clinically reviewed"):
        assert word in notice


@pytest.mark.parametrize(
    ("column", "concept"),
    [
        ("admissionheight", "height"),
        ("admissionweight", "weight"),
        ("heartrate", "heart_rate"),
        ("respiratoryrate", "resp_rate"),
        ("HeartRate", "heart_rate"),
        ("d1_sysbp_max", "sbp"),
        ("SysABP", "sbp"),
        ("day1pao2", "po2"),
        ("Creatinine (mg/dL)", "creatinine"),
        ("TempC", "temperature"),
        ("HCO3", "bicarbonate"),
        ("total.cholesterol", "cholesterol_total"),
    ],
)
def test_names_that_match(column, concept):
    assert match_concept(column) == concept


@pytest.mark.parametrize(
    "column",
    [
        "urine_creatinine",
        "log_creatinine",
        "delta_weight",
        "glucose_change",
        "weight_missing",
        "num_medications",
        "age_band",
        "height_z",
        "n_sodium_tests",
        "readmitted",
        "",
    ],
)
def test_names_that_mean_something_else(column):
    assert match_concept(column) is None


@pytest.mark.parametrize("column", ["ca", "k", "Na", "map", "pt", "weight"])
def test_short_names_are_ambiguous(column):
    assert match_concept(column) is not None
    assert is_ambiguous(column)


def test_codes_are_in_lower_case_and_none_may_be_an_answer():
    assert all(code == code.casefold() for code in text_codes())
    assert text_codes()["none"] == "answer"
    assert text_codes()["?"] == text_codes()["unknown/invalid"] == "missing"
    assert {-1.0, -9.0, 0.0, 99.0, 999.0, 9999.0} <= set(number_codes())
    assert np.isfinite(list(number_codes())).all()


def test_loading_returns_a_copy():
    ranges = read_facts("clinical_ranges")
    ranges["hard_min"] = -1e9
    assert read_facts("clinical_ranges")["hard_min"].min() > -1e3
