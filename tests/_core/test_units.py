"""One vocabulary of units, one answer to which concept a column is, one edit distance."""

import numpy as np
import pandas as pd
import pytest

from healthml._core._fingerprints import n_edits
from healthml._core._knowledge import (
    column_concept,
    concept_limits,
    concept_names,
    distinct_units,
    find_unit,
    same_size,
    unit_code,
)
from healthml._core._knowledge.facts import read_facts
from healthml.cleaning import convert, parse_lab_value
from healthml.exceptions import InputError
from healthml.schema import Schema, Variable

SPELLINGS = read_facts("unit_spellings")


def test_every_spelling_is_read_alike_by_parser_and_conversion():
    """Whatever a cell can name, `convert` takes for the concepts that have the unit."""
    for concept in ("wbc", "glucose", "creatinine", "weight", "height", "age", "temperature"):
        home = concept_limits(concept)["units"][0][0]
        for spelling in SPELLINGS["spelling"]:
            unit = find_unit(concept, spelling)
            cell = parse_lab_value(f"5 {spelling}")
            if unit is None or not cell.unit:
                continue
            assert cell.unit == unit[0] == unit_code(spelling)
            assert convert(5.0, concept, spelling, home) == pytest.approx(5 * unit[1] + unit[2])


@pytest.mark.parametrize(
    ("concept", "spelling", "home", "value"),
    [
        ("wbc", "k/cumm", "10*3/uL", 1.0),
        ("wbc", "x10E9/L", "10*3/uL", 1.0),
        ("wbc", "cells/mm3", "10*3/uL", 0.001),
        ("platelets", "thou/mcL", "10*9/L", 1.0),
        ("rbc", "M/uL", "10*12/L", 1.0),
        ("glucose", "g per litre", "mg/dL", 100.0),
        ("egfr", "ml/min", "mL/min/{1.73_m2}", 1.0),
        ("age", "weeks", "a", 7 / 365.25),
        ("tsh", "mU/L", "u[IU]/mL", 1.0),
        ("d_dimer", "mg/L FEU", "ng/mL{FEU}", 1000.0),
        ("bun", "mg/dL urea", "mg/dL", 0.466464633),
        ("hemoglobin", "gm%", "g/L", 10.0),
    ],
)
def test_units_as_people_write_them_convert(concept, spelling, home, value):
    assert convert(1.0, concept, spelling, home) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("concept", "unit"),
    [
        ("creatinine", "mmHg"),
        ("glucose", "meq/L"),
        ("d_dimer", "ng/mL"),
        ("potassium", "umol/L"),
        ("weight", "L"),
        ("hba1c", "fraction"),
    ],
)
def test_units_that_a_concept_has_not_are_refused(concept, unit):
    with pytest.raises(InputError, match="known units"):
        convert(1.0, concept, unit, concept_limits(concept)["units"][0][0])


def test_shipped_units_find_themselves_and_keep_their_size():
    for concept in concept_names():
        for unit in concept_limits(concept)["units"]:
            assert find_unit(concept, unit[0]) == unit
        first, *others = distinct_units(concept)
        assert not any(same_size(first, other) for other in others)


@pytest.mark.parametrize("word", ["high", "million", "pending", "H 5", "see note", "", "//", "5"])
def test_words_are_no_units(word):
    assert unit_code(word) is None


def test_a_name_is_believed_when_the_values_agree():
    creatinine = np.linspace(0.5, 2.5, 40)
    found = column_concept("serum_creatinine", None, creatinine)
    assert found.readings[0][0] == "mg/dL"
    assert found.share == 1
    found = column_concept("creatinine", None, creatinine * 88.4)
    assert found.readings[0][0] == "umol/L"
    mixed = np.r_[creatinine, creatinine * 88.4]
    assert column_concept("creatinine", None, mixed).agrees_mixed
    assert not column_concept("creatinine", None, np.full(40, 5e4)).agrees_mixed


def test_an_ambiguous_name_needs_more_and_a_declared_one_does_not():
    calcium = np.r_[np.linspace(7, 12, 36), 400, 401, 402, 403]  # a tenth is something else
    assert not column_concept("ca", None, calcium).readings
    assert column_concept("ca", Variable(concept="calcium"), calcium).readings
    assert column_concept("ca", {"concept": "calcium"}).is_named
    assert not column_concept("ca").is_named
    assert not column_concept("ca", None, [1.0, 2.0, 3.0]).readings


def test_a_declared_unit_is_read_in_any_spelling():
    values = np.linspace(60, 120, 30)
    found = column_concept("crea", Variable(unit="µmol/l"), values)
    assert [unit for unit, _, _ in found.readings] == ["umol/L"]


def test_codes_for_missing_speak_against_no_unit():
    values, counts = [4.0, 4.5, 5.0, 999.0], [30, 30, 30, 60]
    assert column_concept("potassium", None, values, counts).share == 1


def _osa(a, b):
    """Optimal string alignment as Wagner and Fischer, with neighbours exchanged."""
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    table[:, 0], table[0] = range(len(a) + 1), range(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = a[i - 1] != b[j - 1]
            best = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + cost)
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                best = min(best, table[i - 2, j - 2] + 1)
            table[i, j] = best
    return int(table[-1, -1])


def test_edits_are_counted_as_the_textbook_does_on_20_000_pairs():
    rng = np.random.default_rng(20)
    letters = np.array(list("abcé "))
    for _ in range(20_000):
        a = "".join(rng.choice(letters, rng.integers(0, 7)))
        b = "".join(rng.choice(letters, rng.integers(0, 7)))
        most = int(rng.integers(0, 4))
        assert n_edits(a, b, most) == min(_osa(a, b), most + 1)


def test_a_proposed_schema_takes_the_unit_of_the_columns_name():
    rng = np.random.default_rng(3)
    millimol = rng.normal(5.5, 0.9, 200).round(1)
    table = pd.DataFrame(
        {
            "glucose_mmol_l": millimol,
            "glucose": (millimol * 18.0156).round(),
            "creatinine_mg_dl": (millimol * 15).round(),  # the name is wrong: umol/L
            "outcome": rng.integers(0, 2, 200),
        }
    )
    variables = Schema.infer(table).variables
    assert variables["glucose_mmol_l"].unit == "mmol/L"
    assert variables["glucose_mmol_l"].hard[1] == pytest.approx(3000 / 18.0156, rel=1e-4)
    assert variables["glucose"].unit == "mg/dL"
    assert variables["creatinine_mg_dl"].unit is None


def lognormal(middle, spread, digits, n=400, seed=3):
    """Return skewed values of patients."""
    noise = np.random.default_rng(seed).normal(size=n)
    return np.exp(np.log(middle) + spread * noise).round(digits)


@pytest.mark.parametrize(
    ("column", "values", "unit"),
    [
        ("bili", lognormal(22, 1.0, 0), "umol/L"),  # a liver clinic: most are possible in mg/dL
        ("bili", lognormal(4, 1.0, 1), "mg/dL"),
        ("lactate", lognormal(14, 0.6, 0), "mg/dL"),
        ("lactate", lognormal(1.6, 0.6, 1), "mmol/L"),
        ("weight", lognormal(78, 0.25, 1), "kg"),  # an infant's ounces would do as well
    ],
)
def test_the_unit_of_a_whole_column_is_the_one_that_leaves_no_cell_out(column, values, unit):
    assert column_concept(column, None, values).readings[0][0] == unit


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_some_cells_in_another_unit_do_not_decide_for_a_column(share):
    for column, middle, factor in (("bili", 1.0, 17.1), ("creatinine", 1.0, 88.4)):
        values = lognormal(middle, 0.6, 2)
        values[: int(share * 400)] *= factor
        assert column_concept(column, None, values).readings[0][0] == "mg/dL"
    weight = lognormal(78, 0.25, 1)
    weight[: int(share * 400)] *= 1000
    assert column_concept("weight", None, weight).readings[0][0] == "kg"
