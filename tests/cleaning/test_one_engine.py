"""Looking is acting in propose mode: the report and the cleaner give one answer to one question."""

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import ClinicalCleaner, quality_report
from healthml.datasets import make_ehr_cohort

SCREENS_ONLY = {
    "missing",
    "row_order_missing",
    "duplicate_rows",
    "repeated_identifier",
    "code_kept_as_answer",
    "number_from_text",
}


def counts_of_both(X, mode="propose", by=None):
    """Return the cells by column and rule, as the cleaner and as the report count them."""
    cleaner = ClinicalCleaner(by=by, mode=mode).fit(X)
    acted = cleaner.record_.counts().groupby(["column", "rule"])["n_cells"].sum()
    report = quality_report(X, site=by)
    looked = report.table.set_index(["column", "rule"])["n_cells"]
    return acted, looked, report


def assert_of_one_mind(X, by=None):
    for mode in ("propose", "apply"):
        acted, looked, report = counts_of_both(X, mode, by)
        assert looked.reindex(acted.index).tolist() == acted.tolist()
    record = report.look.record
    cells = {(str(s.column), s.rule) for s in record.steps if hasattr(s, "rows")}
    for (column, rule), mask in report.masks.items():
        assert (column, rule) in cells or rule in SCREENS_ONLY or not mask.any(), (column, rule)


@pytest.mark.parametrize(
    "preset",
    ["sentinels", "unit_mixup", "decimal_slips", "swaps", "impossible_values", "coding_change"],
)
def test_simulated_defects(preset):
    cohort = make_ehr_cohort(900, preset=f"one:{preset}", random_state=11)
    assert_of_one_mind(cohort.X.assign(site=cohort.site), by="site")


def test_text_of_every_kind():
    rng = np.random.default_rng(5)
    n = 400
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 500, n), unit="D")
    X = pd.DataFrame(
        {
            "ward": rng.choice(["A", "B"], n),
            "potassium": [f"{x:.1f}" for x in rng.normal(4.2, 0.5, n)],
            "sex": rng.choice(["female", "male"], n),
            "admission_date": day.strftime("%Y-%m-%d"),
            "discharge_date": (day + pd.to_timedelta(3, unit="D")).strftime("%Y-%m-%d"),
            "sodium": rng.normal(138, 4, n).round(),
        }
    )
    X.loc[:5, "potassium"] = ["<3.0", "4,1", "unknown", "4.2 mmol/L", "hemolyzed", " "]
    X.loc[6:9, "sex"] = ["Male", " female", "f", "femlae"]
    X.loc[10:12, "admission_date"] = ["13/02/2021", "2021-02-30", "1900-01-01"]
    X.loc[13, "discharge_date"] = "2019-01-01"
    X.loc[14:16, "sodium"] = [1380.0, 5.0, np.inf]
    assert_of_one_mind(X)


def test_a_clean_table_has_neither_claim():
    cohort = make_ehr_cohort(900, random_state=12)
    acted, looked, report = counts_of_both(cohort.X)
    assert looked.reindex(acted.index).tolist() == acted.tolist()
    assert not (report.select(*{rule for _, rule in acted.index})["status"] == "found").any()


def test_cells_in_another_unit_are_not_called_impossible():
    rng = np.random.default_rng(8)
    site, n = rng.choice(["A", "B"], 1000), 1000
    true = np.clip(rng.normal(95, 25, n), 50, 300).round()
    X = pd.DataFrame(
        {"site": site, "glucose": np.where(site == "A", (true / 18.016).round(1), true)}
    )
    report = quality_report(X, site="site")
    assert report.select("impossible_value", "verify_value").empty
    assert report.masks["glucose", "unit_mixup"].sum() == (site == "A").sum()
    converted = report.repaired(X, "glucose", "unit_mixup")["glucose"]
    assert np.abs(converted - true).max() < 2


@pytest.mark.parametrize(
    ("path", "by"),
    [
        ("dirty_synthetic_ehr/dirty_ehr_dev.csv", "site"),
        ("support2/support2.csv.gz", None),
        ("heart4/heart4.csv.gz", "site"),
        ("diabetes130/diabetic_data.csv.gz", None),
    ],
)
def test_shared_tables(shared, path, by):
    X = pd.read_csv(shared / "data" / path, low_memory=False, keep_default_na=False, na_values=[""])
    acted, looked, _ = counts_of_both(X, by=by)
    assert looked.reindex(acted.index).tolist() == acted.tolist()
