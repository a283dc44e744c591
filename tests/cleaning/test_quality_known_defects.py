"""Real and made-up tables whose defects are known, read where they lie; nothing of them is kept."""

import json

import pandas as pd
import pytest

from healthml.cleaning import quality_report


def expected(shared, path):
    return json.loads((shared / "data" / path).read_text())


def read(shared, path, **how):
    return pd.read_csv(shared / "data" / path, low_memory=False, **how)


def cells(report, *rules):
    table = report.select(*rules)
    return dict(zip(table["column"], table["n_cells"], strict=True))


def test_nothing_but_true_facts_on_the_clean_control(shared):
    d = read(shared, "dirty_synthetic_ehr/dirty_ehr_dev_clean_control.csv")
    report = quality_report(d, y="died", site="site", time="admission_date")
    found = report.select(status="found")
    assert set(zip(found["column"], found["rule"], strict=True)) == {
        ("patient_id", "unique_text"),
        ("bmi", "computed_from_others"),
    }
    assert report.select(status="suspected").empty


def test_every_kind_of_defect_of_the_dirty_copy_is_named(shared):
    d = read(shared, "dirty_synthetic_ehr/dirty_ehr_dev.csv")
    truth = expected(shared, "dirty_synthetic_ehr/dirty_ehr_dev.expected.json")
    report = quality_report(d)
    named = {(column, rule) for column, rule in report.masks}
    rules = {
        "sentinel_string": ("missing_code_text", "possible_missing_code"),
        "sentinel_numeric": ("missing_code_number", "possible_missing_code"),
        "censored_string": ("number_from_text",),
        "decimal_comma": ("number_from_text",),
        "unit_text": ("number_from_text",),
        "category_variant": ("case", "spaces", "synonym", "typo", "invisible_characters"),
        "date_format": ("date_format",),
        "date_order": ("date_order",),
        "infinite": ("infinite",),
        "impossible_value": ("impossible_value", "verify_value", "decimal_slip"),
        "unit_mixup": ("unit_mixup", "unit_unsure"),
    }
    columns = {(kind, column) for _, column, kind, *_ in truth["cells"] if kind in rules}
    missed = {(k, c) for k, c in columns if not any((c, rule) in named for rule in rules[k])}
    assert len(missed) <= 0.1 * len(columns), missed
    assert cells(report, "duplicate_rows")[""] >= 15


def test_physionet(shared):
    d = read(shared, "dirty_physionet2012/dirty_physionet2012.csv")
    truth = expected(shared, "dirty_physionet2012/dirty_physionet2012.expected.json")
    report = quality_report(d)
    flagged = {}
    for (column, rule), mask in report.masks.items():
        if rule not in ("missing", "verify_value"):
            flagged[column] = flagged.get(column, False) | mask
    for row, column, *_ in truth["cells"]:
        assert flagged[column][row], (row, column)
    codes = sum(cells(report, "missing_code_number").values())
    assert codes == sum(
        kind.endswith(("as_missing", "numeric")) for _, _, kind, *_ in truth["cells"]
    )
    assert not set(report.table["column"]) & set(truth["must_not_flag_columns"])


def test_linelist(shared):
    d = read(shared, "dirty_linelist_cleanepi/dirty_linelist.csv")
    truth = expected(shared, "dirty_linelist_cleanepi/dirty_linelist.expected.json")
    wanted = truth["columns_expected"]
    report = quality_report(d)
    assert cells(report, "repeated_identifier")["case_id"] == pytest.approx(
        wanted["case_id"]["duplicated_ids"], abs=1
    )
    assert cells(report, "number_from_text")["age"] == wanted["age"]["words"]
    variants = wanted["gender"]["variants"]
    small = variants["m"] + variants["f"]
    words = variants["male"] + variants["female"]
    assert cells(report, "synonym")["gender"] == small + words
    assert cells(report, "coded_level")["gender"] == variants["1"] + variants["2"]
    for column in ("date_onset", "date_sample"):
        other = cells(report, "date_format")[column]
        other += cells(report, "incomplete_date").get(column, 0)
        assert other == wanted[column]["other_format"]
        assert cells(report, "missing")[column] == wanted[column]["blank"]


def test_eicu_flags_no_real_weight(shared):
    d = read(shared, "eicu_demo/patient.csv.gz")
    truth = expected(shared, "dirty_expected/eicu_demo_patient.expected.json")
    report = quality_report(d, groups="uniquepid", site="hospitalid")
    for row, column, _ in truth["must_not_flag"]:
        for rule in ("impossible_value", "missing_code_number", "possible_missing_code"):
            assert not report.masks.get((column, rule), [False] * len(d))[row]
    blank = {c: n for c, n in truth["columns"]["blank_strings"].items() if n}
    assert {c: cells(report, "missing")[c] for c in blank} == blank
    assert report.by_site["hidden"].any()


def test_heart4_says_which_site_writes_zero(shared):
    d = read(shared, "heart4/heart4.csv.gz")
    report = quality_report(d, site="site")
    table = report.by_site.query("column == 'chol' and rule == 'missing_code_number'")
    shares = table.set_index("group")["share"]
    assert shares[["switzerland", "cleveland", "hungarian"]].tolist() == [1.0, 0.0, 0.0]
    assert cells(report, "duplicate_rows")[""] == 2
