"""Cells of a column settle what is unclear in others: decimal marks, units, pairs, totals."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from pandas.api import types

from healthml.cleaning import ClinicalCleaner, LabValueParser, UnitHarmonizer, parse_lab_value
from healthml.schema import Schema


def read(cells, name="value", **options):
    """Return parser, numbers and record of one column."""
    parser = LabValueParser(**options)
    out = parser.fit_transform(pd.DataFrame({name: cells}))
    return parser, out[name].tolist(), parser.record_.to_frame()


COMMA_BETWEEN_THOUSANDS = ["12,480.5", "3,075.25", "1,600", "7,204", "318.5", "64"]
POINT_BETWEEN_THOUSANDS = ["12.480,5", "3.075,25", "1.600", "7.204", "318,5", "64"]
VOLUMES = [12480.5, 3075.25, 1600, 7204, 318.5, 64]


@pytest.mark.parametrize("cells", [COMMA_BETWEEN_THOUSANDS, POINT_BETWEEN_THOUSANDS])
def test_decisive_cells_decide_for_the_others_and_for_new_rows(cells):
    parser, numbers, record = read(cells * 6, "volume")
    assert numbers == VOLUMES * 6
    assert set(record["severity"]) <= {"note"}
    for cell, value in zip(cells, VOLUMES, strict=True):
        assert parser.transform(pd.DataFrame({"volume": [cell]}))["volume"].item() == value


def test_a_decisive_new_cell_is_read_as_it_is():
    parser, _, _ = read(COMMA_BETWEEN_THOUSANDS * 6, "volume")
    new = pd.DataFrame({"volume": ["5,6", "1.234,5", "2,310", "0,125"]})
    assert parser.transform(new)["volume"].tolist() == [5.6, 1234.5, 2310, 0.125]
    parser, _, _ = read(POINT_BETWEEN_THOUSANDS * 6, "volume")
    new = pd.DataFrame({"volume": ["5.6", "1,234.5", "2.310", "0.125"]})
    assert parser.transform(new)["volume"].tolist() == [5.6, 1234.5, 2310, 0.125]


def test_one_decisive_cell_decides_nothing():
    _, numbers, record = read(["1,600", "7,204", "9,310"] * 20 + ["8,405.10"], "volume")
    assert np.isnan(numbers[:60]).all()
    assert set(record["severity"]) - {"note"}


def test_a_typed_comma_among_points_is_no_separator_of_thousands():
    """Points alone do not say what a comma is: 1,204 in creatinine is a typed decimal comma."""
    cells = [f"{v:.2f}" for v in np.random.default_rng(1).uniform(0.6, 2.4, 80)]
    cells[7], cells[9] = "1,204", "1,35"
    _, numbers, record = read(cells, "creatinine")
    assert numbers[7] == 1.204
    assert numbers[9] == 1.35
    row = record[record["position"] == 7]
    assert row["severity"].tolist() == ["verify"]


def test_without_a_decisive_cell_the_range_of_the_concept_decides_or_nobody():
    cells = [f"{v:,}" for v in np.random.default_rng(2).integers(120_000, 420_000, 60)]
    _, numbers, record = read(cells, "platelets")
    assert np.allclose(numbers, [float(c.replace(",", ".")) for c in cells])
    assert set(record["severity"]) == {"verify"}
    _, numbers, record = read([*cells, *["7"] * 10] * 3, "votes")  # no range is known
    assert np.isnan(numbers).sum() == 180
    assert set(record["severity"]) == {"error"}
    assert record["old"].tolist() == cells * 3
    counts = np.random.default_rng(12).integers(200, 90_000, 300)
    _, numbers, record = read([f"{v:,}" for v in counts] + ["640", "712"] * 12, "votes")
    assert numbers[:300] == counts.tolist()  # as decimals all would lie below the plain numbers
    assert set(record["severity"]) == {"verify"}
    assert read(cells, "votes")[1] == cells  # not one cell is a number: text it stays


@pytest.mark.parametrize(
    ("column", "usual", "cell", "right", "digits"),
    [
        ("weight", (82, 15), "0.079 t?", None, 0),
        ("body_weight", (82, 15), "12 st", 76.2035, 0),
        ("hemoglobin", (13, 1.5), "131 g/L", 13.1, 1),
        ("temperature", (37, 0.5), "99.5 F", 37.5, 1),
        ("temp_f", (98.6, 0.9), "37.5 C", 99.5, 1),
        ("bilirubin", (0.8, 0.2), "51 µmol/l", 2.98177, 1),
        ("glucose_mmol_l", (6, 1), "180 mg/dL", 9.99134, 1),
        ("age", (54, 9), "18 weeks", 0.344969, 0),
        ("height", (171, 8), '68"', 172.72, 0),
        ("height", (171, 8), "5 ft 8 in", 172.72, 0),
        ("wbc", (7, 2), "9800 /mm3", 9.8, 1),
    ],
)
@pytest.mark.parametrize("schema", [False, True])
def test_a_few_cells_with_a_unit_are_converted_and_decide_for_nobody(
    column, usual, cell, right, digits, schema
):
    rng = np.random.default_rng(5)
    cells = [f"{v:.{digits}f}" for v in np.abs(rng.normal(*usual, 150))]
    plain = np.array(cells, dtype=float)
    cells[3] = cells[70] = cell
    others = np.delete(np.arange(150), [3, 70])
    known = {"temp_f": "[degF]", "glucose_mmol_l": "mmol/L", "weight": "kg", "body_weight": "kg"}
    unit = known.get(column)
    declared = Schema(variables={column: {"unit": unit}}) if schema and unit else None
    table = pd.DataFrame({column: cells})
    cleaner = ClinicalCleaner(declared, mode="apply")
    clean = cleaner.fit_transform(table)[column].to_numpy(dtype=float)
    np.testing.assert_array_equal(clean[others], plain[others])
    if right is None:
        assert np.isnan(clean[[3, 70]]).all()
        return
    np.testing.assert_allclose(clean[[3, 70]], right, rtol=1e-4)
    alone = cleaner.transform(table.iloc[[3]])[column].to_numpy(dtype=float)
    np.testing.assert_allclose(alone, right, rtol=1e-4)
    proposing = ClinicalCleaner(declared, mode="propose").fit(table)
    record = proposing.record_.to_frame().query("position == 3")
    assert {"unit_column"} <= set(record["rule"])
    assert set(record["severity"]) - {"note"}
    parser = LabValueParser(declared).fit(table)
    record = parser.record_.to_frame().query("position == 3")
    assert record["severity"].tolist() == ["verify"]


def test_a_written_unit_that_is_the_columns_own_changes_nothing():
    rng = np.random.default_rng(6)
    cells = [f"{v:.0f}" for v in rng.normal(80, 12, 100)]
    cells[::9] = [f"{c} kg" for c in cells[::9]]
    cleaner = ClinicalCleaner(mode="apply")
    clean = cleaner.fit_transform(pd.DataFrame({"weight": cells}))["weight"]
    assert clean.tolist() == [float(c.removesuffix(" kg")) for c in cells]
    assert set(cleaner.record_.to_frame()["severity"]) == {"note"}


@pytest.mark.parametrize(("name", "unit"), [("weight", "kg"), ("dose", "mg"), ("interval", "h")])
def test_a_unit_in_every_cell_makes_numbers(name, unit):
    values = np.random.default_rng(7).uniform(40, 90, 50).round(1)
    table = pd.DataFrame({name: [f"{v} {unit}" for v in values]})
    clean = ClinicalCleaner().fit_transform(table)
    np.testing.assert_array_equal(clean[name], values)


@pytest.mark.parametrize(
    "cells", [["Ward 5", "Ward 6"], ["5 patients", "7 patients"], ["V45", "E2"]]
)
def test_words_and_codes_stay_text(cells):
    clean = ClinicalCleaner().fit_transform(pd.DataFrame({"note": cells * 30}))
    assert not types.is_numeric_dtype(clean["note"])


@pytest.mark.parametrize("missing", [None, np.nan, ""])
def test_a_batch_without_any_unit_is_cleaned_like_any_other(missing):
    rng = np.random.default_rng(8)
    values = rng.normal(13, 1.5, 120).round(1)
    units = np.where(np.arange(120) % 8 == 0, "g/L", "g/dL")
    values = np.where(units == "g/L", values * 10, values)
    table = pd.DataFrame({"hemoglobin": values, "hemoglobin_unit": units})
    fitted = UnitHarmonizer(mode="apply").fit(table)
    one = pd.DataFrame(
        {"hemoglobin": [13.2], "hemoglobin_unit": pd.Series([missing], dtype=object)}
    )
    assert fitted.transform(one)["hemoglobin"].tolist() == [13.2]
    other = pd.DataFrame({"hemoglobin": [132.0], "hemoglobin_unit": ["g/L"]})
    assert fitted.transform(other)["hemoglobin"].tolist() == [13.2]


def test_a_lone_number_among_pressures_is_not_both():
    cells = ["118/76", "131/84", "125/79", "109/70"] * 10 + ["122", "94/104", ">200/110"]
    parser = LabValueParser()
    out = parser.fit_transform(pd.DataFrame({"bp": cells}))
    both = out[["bp__systolic", "bp__diastolic"]]
    assert both.iloc[40].isna().all()
    assert both.iloc[41].tolist() == [94, 104]
    assert both.iloc[42].tolist() == [200, 110]
    assert out["bp__censored"].iloc[42] == ">"
    assert both.iloc[:40].notna().all(axis=None)
    assert parser.record_.to_frame().query("rule == 'unreadable'")["position"].tolist() == [40]


def test_one_plain_number_does_not_wipe_a_column_of_points():
    cells = [f"{v}/15" for v in np.random.default_rng(9).integers(3, 16, 59)] + ["14"]
    for name in ("gcs", "points"):
        clean = ClinicalCleaner().fit_transform(pd.DataFrame({name: cells}))
        assert clean[name].tolist() == [float(cell.split("/")[0]) for cell in cells]
    schema = Schema(variables={"gcs": {"kind": "numeric"}})
    clean = ClinicalCleaner(schema).fit_transform(pd.DataFrame({"gcs": cells}))
    assert clean["gcs"].tolist() == [float(c.split("/")[0]) for c in cells]


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("=>7.5", ">=", 7.5),
        ("=<7.5", "<=", 7.5),
        ("= > 7.5", ">=", 7.5),
        ("< =7.5", "<=", 7.5),
        ("≤7,5", "<=", 7.5),
        ("result: => 7.5 mg/L", ">=", 7.5),
        ("<7.5", "<", 7.5),
        (">> 7.5", ">", 7.5),
    ],
)
def test_operators_in_either_order(text, operator, value):
    found = parse_lab_value(text)
    assert (found.kind, found.operator, found.value) == ("censored", operator, value)


@pytest.mark.parametrize(
    "text",
    ["cancelled 5.6", "5.6 cancelled", "VOID: 5.6", "5.6 (void)", "entered in error 5.6",
     "5.6 mg/dL cancelled", "cancelled - 5.6 mg/dL", "void <5", "<5 void", "rejected, 5.6"],
)  # fmt: skip
def test_results_that_were_taken_back_are_no_numbers_in_either_order(text):
    assert parse_lab_value(text).kind not in ("number", "censored")


@pytest.mark.parametrize("text", ["5.6 repeated", "repeat: 5.6", "5.6 (fasting)", "haemolysed 5.6"])
def test_remarks_that_take_nothing_back_leave_the_number(text):
    assert parse_lab_value(text).value == 5.6


def test_units_of_one_kind_convert_without_a_concept_and_others_do_not():
    rng = np.random.default_rng(10)
    cells = [f"{v} mg" for v in rng.integers(100, 500, 80)]
    cells[5], cells[6], cells[7] = "0.25 g", "250000 mcg", "5 mL"
    table = pd.DataFrame({"infliximab": cells})
    cleaner = ClinicalCleaner(mode="apply")
    clean = cleaner.fit_transform(table)["infliximab"]
    assert clean[[5, 6]].tolist() == [250, 250]
    assert clean[7] == 5
    record = cleaner.record_.to_frame()
    assert set(record.loc[record["position"].eq(7), "severity"]) - {"note"}
    others = np.delete(np.arange(80), [5, 6, 7])
    assert clean[others].tolist() == [float(cells[i].split()[0]) for i in others]
    assert cleaner.transform(table.iloc[[5]])["infliximab"].tolist() == [250]


def test_points_of_one_total_are_numbers_and_ratios_are_not():
    r = np.random.default_rng(3)
    points = [f"{v}/10" for v in r.integers(0, 11, 60)]
    acuity = [f"20/{v}" for v in r.choice([20, 25, 30, 40], 60)]
    coma = [*points[:58], "9/10 (crying)", "E4V4M1"]
    table = pd.DataFrame({"apgar": points, "acuity": acuity, "coma": coma})
    clean = ClinicalCleaner().fit_transform(table)
    assert clean["apgar"].tolist() == [float(cell.split("/")[0]) for cell in points]
    assert clean["acuity"].tolist() == acuity
    assert clean["coma"].tolist()[-2:] == [9.0, 9.0]


def test_a_unit_beside_a_limit_or_in_a_column_of_no_concept_counts():
    r = np.random.default_rng(4)
    crp = np.abs(r.normal(12, 4, 60)).round(1).astype(str).astype(object)
    stay = np.abs(r.normal(6, 2, 60)).round(1).astype(str).astype(object)
    crp[3], stay[3], stay[4] = "<0.5 mg/dL", "36 h", "2 Wochen"
    other = stay.copy()
    table = pd.DataFrame({"crp_mg_l": crp, "los_days": stay, "duration": other})
    cleaner = ClinicalCleaner(mode="apply")
    clean = cleaner.fit_transform(table)
    assert clean.loc[3, "crp_mg_l"] == 5
    assert clean.loc[[3, 4], "los_days"].tolist() == [1.5, 14]
    record = cleaner.record_.to_frame().query("column == 'duration' and position == 3")
    assert record["severity"].tolist() == ["verify"]


def test_a_dot_that_may_stand_between_thousands_is_looked_at():
    r = np.random.default_rng(5)
    cells = r.integers(150_000, 350_000, 60).astype(str)
    cells[3] = "250.000"
    visits = r.poisson(3, 60).astype(str)
    visits[3] = "1.022"
    parser = LabValueParser().fit(pd.DataFrame({"platelets": cells, "visits": visits}))
    read = parser.transform(pd.DataFrame({"platelets": ["250.000"], "visits": ["1.022"]}))
    assert read.iloc[0].tolist() == [250000.0, 1.022]
    assert set(parser.record_.to_frame()["rule"]) == {"mark_by_range", "mark_unclear"}


def test_decimals_are_numbers_and_a_truth_is_no_twin_of_one():
    numbers = np.round(np.random.default_rng(6).normal(5, 1, 40), 1)
    cells = pd.Series([Decimal(str(v)) for v in numbers], dtype=object)
    mixed = pd.Series([True, 1.0, *numbers[2:]], dtype=object)
    clean = LabValueParser().fit_transform(pd.DataFrame({"a": cells, "b": mixed}))
    assert clean["a"].tolist() == numbers.tolist()
    assert np.isnan(clean["b"][0])
    assert clean["b"][1:].tolist() == [1.0, *numbers[2:]]


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ("13\u00b75", (13.5, "", "")), ("37\u00b05", (37.5, "", "")), ("1.8.", (1.8, "", "")),
        ("5\u00b710^9", (5e9, "", "")), ("6 Monate", (6, "", "mo")),
        ("2 ans 3 mois", (2.25, "", "a")),
        ("6'", (6, "", "[ft_i]")), ("5\u20329\u2033", (69, "", "[in_i]")),
        ("menor de 5", (5, "<", "")), ("sup. \u00e0 5", (5, ">", "")), ("etwa 1,8", (1.8, "", "")),
        ("1:80 speckled", (80, "", "")), ("E4 V5 M6", (15, "", "")),
    ],
)  # fmt: skip
def test_cells_as_people_write_them_elsewhere(cell, right):
    read = parse_lab_value(cell)
    assert (read.value, read.operator, read.unit) == right


@pytest.mark.parametrize(
    "cell", ["14 storniert", "annul\u00e9: 14", "14 (ung\u00fcltig)", "1:80 void", "120/80 error"]
)
def test_results_taken_back_in_other_languages_are_not_read(cell):
    assert parse_lab_value(cell).kind == "ambiguous"
