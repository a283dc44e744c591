import json
import re
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest

from healthml.cleaning import quality_report
from healthml.cleaning._quality.findings import rule_of
from healthml.exceptions import InputError

CLAIMS_ON_CLEAN = {"missing", "verify_value"}


def dirty_table(rng, n=600):
    frame = pd.DataFrame(
        {
            "sodium": rng.normal(138, 4, n).round(),
            "sex": rng.choice(["f", "m"], n),
            "lab": rng.normal(size=n),
        }
    )
    frame.loc[:29, "sodium"] = -1
    frame.loc[30:33, "sex"] = "?"
    frame.loc[40:99, "lab"] = np.nan
    return frame


def test_a_clean_table_stays_clean(clean):
    X, y = clean
    table = quality_report(X, y=y, groups=np.arange(len(X)) // 2).table
    assert set(table["rule"]) <= CLAIMS_ON_CLEAN, table
    assert set(table["status"]) <= {"note"}


@pytest.mark.slow
def test_many_clean_tables_stay_clean(make_clean):
    for seed in range(30):
        X, y = make_clean(seed, n=[400, 1500, 6000][seed % 3])
        table = quality_report(X, y=y).table
        assert set(table["rule"]) <= CLAIMS_ON_CLEAN, (seed, table)


def test_shape_of_the_answer(rng):
    X = dirty_table(rng)
    y = np.r_[np.ones(100), np.zeros(500)].astype(int)
    report = quality_report(X, y=y)
    table = report.table
    assert table.columns[:4].tolist() == ["column", "rule", "status", "n_cells"]
    assert table["rule"].map(lambda rule: bool(rule_of(rule).words)).all()
    for key, mask in report.masks.items():
        row = table[(table["column"] == key[0]) & (table["rule"] == key[1])]
        assert mask.dtype == bool
        assert row["n_cells"].item() == mask.sum()
        assert row["n_events"].item() == y[mask].sum()
        assert row["share"].item() == pytest.approx(mask.mean())


def test_missing_mask_joins_empty_cells_and_codes(rng):
    X = dirty_table(rng)
    mask = quality_report(X).missing_mask(X)
    assert mask.sum().to_dict() == {"sodium": 30, "sex": 4, "lab": 60}


def test_suspected_codes_join_only_when_asked(rng):
    X = pd.DataFrame({"a1c": ["None"] * 400 + [">8"] * 100 + ["Norm"] * 100})
    report = quality_report(X)
    assert report.missing_mask(X).to_numpy().sum() == 0
    assert report.missing_mask(X, suspected=True).to_numpy().sum() == 400


def test_the_table_is_never_changed(rng):
    X = dirty_table(rng)
    before = X.copy(deep=True)
    report = quality_report(X)
    for column, rule in report.masks:
        if rule_of(rule).repair in ("blank", "drop", "text"):
            report.repaired(X, column, rule)
    pd.testing.assert_frame_equal(X, before)


def test_a_repair_changes_only_its_cells(rng):
    X = dirty_table(rng).set_index(np.arange(600) + 7)
    report = quality_report(X)
    fixed = report.repaired(X, "sodium", "missing_code_number")
    assert fixed["sodium"].isna().sum() == 30
    pd.testing.assert_frame_equal(fixed.drop(columns="sodium"), X.drop(columns="sodium"))
    pd.testing.assert_series_equal(fixed["sodium"][30:], X["sodium"][30:])


def test_repairs_that_do_not_exist(rng):
    X = dirty_table(rng)
    report = quality_report(X)
    with pytest.raises(InputError, match="no row for column"):
        report.repaired(X, "sodium", "constant")
    with pytest.raises(InputError, match="has no repair"):
        report.repaired(X, "lab", "missing")
    with pytest.raises(InputError, match="looked at 600"):
        report.repaired(X.iloc[:10], "sodium", "missing_code_number")


def test_row_order_of_patients_does_not_change_the_cells(rng):
    X = dirty_table(rng)
    order = rng.permutation(len(X))
    a, b = quality_report(X), quality_report(X.iloc[order])
    key = ("sodium", "missing_code_number")
    np.testing.assert_array_equal(a.masks[key][order], b.masks[key])


def test_polars_and_other_dtypes(rng):
    X = dirty_table(rng)
    expected = quality_report(X).table
    pd.testing.assert_frame_equal(quality_report(pl.from_pandas(X)).table, expected)
    nullable = X.convert_dtypes()
    nullable["sex"] = nullable["sex"].astype("category")
    pd.testing.assert_frame_equal(quality_report(nullable).table, expected)


def test_odd_columns_do_not_break_the_look():
    X = pd.DataFrame(
        {
            "lists": [[1], [2]] * 30,
            "dates": pd.date_range("2020", periods=60),
            "spans": pd.to_timedelta(np.arange(60), unit="h"),
            "flags": [True, False] * 30,
            "mixed": [1, "a", None] * 20,
            3: np.arange(60) % 7,
            "big": np.arange(60) + 2**60,
            "complex?": ["é", "ß", " "] * 20,
        }
    )
    report = quality_report(X)
    assert report.masks["complex?", "missing"].sum() == 20
    assert report.masks["mixed", "missing"].sum() == 20


def test_one_row_and_no_findings():
    report = quality_report(pd.DataFrame({"x": [1.5]}), y=None)
    assert report.table["rule"].tolist() == ["constant"]
    empty = quality_report(pd.DataFrame({"x": [1.5, 2.5], "s": ["a", "b"]}))
    assert empty.table.empty
    assert empty.summary()
    assert empty.table["n_events"].dtype == "Int64"


def test_lengths_are_checked(rng):
    X = dirty_table(rng)
    with pytest.raises(InputError, match="y has 3 values"):
        quality_report(X, y=[0, 1, 1])
    with pytest.raises(InputError, match="site has 3 values"):
        quality_report(X, site=["a", "b", "c"])


def test_no_patient_value_is_shown(rng):
    """Only codes of the shipped list may be named; texts and numbers of patients may not."""
    X = pd.DataFrame(
        {
            "weight": np.r_[rng.normal(80, 9, 300), 7123.4567],
            "name": ["Ada Lovelace"] + [f"Person {k}" for k in range(300)],
            "sex": ["Xyzzy"] * 2 + ["xyzzy"] * 299,
        }
    )
    report = quality_report(X)
    shown = report.to_json() + report.summary() + repr(report)
    for secret in ("7123", "Lovelace", "yzzy"):
        assert secret not in shown


def test_json_and_plot(rng):
    report = quality_report(dirty_table(rng))
    told = json.loads(report.to_json())
    assert {row["rule"] for row in told["table"]} == set(report.table["rule"])
    codes = [e["codes"] for e in told["evidence"] if e["rule"] == "missing_code_text"]
    assert codes == [{"?": None}]  # four cells
    assert report.plot().get_title() == "Cells to look at"


def test_it_is_quick(clean):
    X, y = clean
    X = pd.concat([X] * 2, ignore_index=True).iloc[:2000, :30]
    quality_report(X, y=np.r_[y, y][:2000])
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        quality_report(X, y=np.r_[y, y][:2000])
        best = min(best, time.process_time() - start)
    assert best < 1.0


# Real tables, read where they lie; nothing of them is kept here.


def read(shared, path, **how):
    return pd.read_csv(shared / "data" / path, low_memory=False, **how)


def cells(report, rule):
    table = report.select(rule)
    return dict(zip(table["column"], table["n_cells"], strict=True))


def test_heart4(shared):
    d = read(shared, "heart4/heart4.csv.gz")
    report = quality_report(
        d.drop(columns=["num", "site"]), y=(d["num"] > 0).astype(int), site=d["site"]
    )
    assert cells(report, "missing_code_number") == {"chol": 172}
    assert cells(report, "impossible_value") == {"trestbps": 1}
    assert cells(report, "few_negatives") == {"oldpeak": 12}
    assert "row_order_outcome" in set(report.table["rule"])
    assert report.select("possible_missing_code", "constant_fill", "near_copy").empty


def test_support2(shared):
    d = read(shared, "support2/support2.csv.gz")
    report = quality_report(d.drop(columns="hospdead"), y=d["hospdead"])
    assert cells(report, "row_number") == {"id": 9105}
    assert cells(report, "missing_code_number") == {"meanbp": 51, "hrt": 49, "resp": 31}
    assert cells(report, "possible_missing_code") == {"hrt": 34, "resp": 34}  # no row says
    assert {"alb", "glucose"} == set(cells(report, "impossible_value"))
    filled = report.select("filled_copy")
    assert (filled["column"].item(), filled["related"].item()) == ("adlsc", "adls")
    assert {"surv2m", "surv6m", "prg2m", "prg6m"} == set(cells(report, "probability_like"))
    assert {"sps", "surv2m"} <= set(cells(report, "computed_from_others"))
    assert {"glucose", "bun", "urine"} <= set(cells(report, "row_order_missing"))
    assert report.select("constant_fill", "looks_like_code").empty
    published = d["alb"].fillna(3.5)
    assert quality_report(published.to_frame()).masks["alb", "constant_fill"].sum() >= 3372


def test_eicu_physiology(shared):
    d = read(shared, "eicu_demo/apacheapsvar.csv.gz")
    expected = json.loads(
        (shared / "data/dirty_expected/eicu_demo_apacheapsvar.expected.json").read_text()
    )
    wanted = {column: rule["n"] for column, rule in expected["columns"].items()}
    report = quality_report(d)
    assert cells(report, "missing_code_number") == wanted
    assert report.select("possible_missing_code").empty
    assert not set(report.table["column"]) & set(expected["must_not_flag"])


def test_eicu_patients(shared):
    d = read(shared, "eicu_demo/patient.csv.gz")
    report = quality_report(d, groups=d["uniquepid"])
    assert cells(report, "impossible_value") == {"admissionheight": 2}
    assert report.select("height_weight_swapped", "unit_suspected").shape[0] > 0
    assert cells(report, "number_from_text") == {"age": 98}


def test_diabetes130(shared):
    d = read(shared, "diabetes130/diabetic_data.csv.gz", na_values="?", keep_default_na=False)
    X = d.drop(columns=["readmitted", "patient_nbr"])
    X["rows"] = d.groupby("patient_nbr")["patient_nbr"].transform("size")
    start = time.process_time()
    report = quality_report(X, y=d["readmitted"].eq("<30").astype(int), groups=d["patient_nbr"])
    assert time.process_time() - start < 30
    assert set(cells(report, "constant")) == {"examide", "citoglipton"}
    assert len(cells(report, "near_constant")) == 10
    assert cells(report, "missing_code_text") == {"gender": 3}
    assert set(cells(report, "code_kept_as_answer")) == {"max_glu_serum", "A1Cresult"}
    assert len(cells(report, "looks_like_code")) == 3
    assert set(cells(report, "future_count")) == {"rows"}
    assert report.select("missing_code_number", "possible_missing_code").empty


def test_clean_control(shared):
    d = read(shared, "dirty_synthetic_ehr/dirty_ehr_dev_clean_control.csv")
    table = quality_report(d.drop(columns="died"), y=d["died"]).table
    facts = {"missing", "verify_value", "unique_text", "computed_from_others"}
    facts |= {"pressure_order"}  # all true of it
    assert set(table["rule"]) <= facts, table


def test_details_give_no_count_that_the_column_of_counts_hides():
    """Cells of a row add up to its count: shown together, or not at all."""
    r = np.random.default_rng(0)
    cells = r.normal(50, 8, 200).round(1).astype(str).astype(object)
    cells[:8], cells[8:32] = "<5.5", "61.5 (repeat)"
    report = quality_report(pd.DataFrame({"ferritin": cells}))
    shown = repr(report) + report._repr_html_()
    listed = re.findall(r"numbers stored as text; other cells: ([^;<\n]*)", shown)
    assert any("censored" in words for words in listed)
    assert not any(character.isdigit() for words in listed for character in words[:30])
    assert "168 plain" not in shown


@pytest.mark.parametrize("role", ["site", "time"])
@pytest.mark.parametrize("cell", [[1], {"a": 1}, (1, 2)])
def test_roles_that_hold_several_values_are_refused_in_a_sentence(role, cell):
    values = pd.Series(["a", "b"] * 20, dtype=object)
    values.iat[3] = cell
    with pytest.raises(InputError, match=role):
        quality_report(pd.DataFrame({"x": np.arange(40.0)}), **{role: values})


def test_what_is_written_names_no_small_site_and_gives_no_small_count():
    n = 240
    site = np.array(["north"] * 140 + ["south"] * 95 + ["zz_small"] * 5)
    table = pd.DataFrame({"crp": np.random.default_rng(1).normal(12, 3, n).round(1).astype(str)})
    table["crp"] = table["crp"].astype(object)
    table.loc[:7, "crp"] = "<1.5"
    report = quality_report(table, site=site)
    assert "zz_small" not in report.to_json() + report.to_html()
    assert any(
        shape == {"censored": 8} for shape in [e.get("shapes") for e in report.evidence.values()]
    )
    assert '"censored": 8' not in report.to_json()
    assert "232" not in report.to_json()
