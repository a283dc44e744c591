"""Reporting items: each is filled from the report or MISSING, and nothing is invented."""

import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from healthml.reporting._declared import _years, estimator_steps
from healthml.reporting._items import to_model_card, to_tripod
from healthml.reporting._items.item import FILLED, MISSING, NOT_APPLICABLE, PARTLY, escape_cell

TRIPOD = [
    "1",
    "2",
    "3a",
    "3b",
    "3c",
    "4",
    "5a",
    "5b",
    "6a",
    "6b",
    "6c",
    "7",
    "8a",
    "8b",
    "8c",
    "9a",
    "9b",
    "9c",
    "10",
    "11",
    "12a",
    "12b",
    "12c",
    "12d",
    "12e",
    "12f",
    "12g",
    "13",
    "14",
    "15",
    "16",
    "17",
    "18a",
    "18b",
    "18c",
    "18d",
    "18e",
    "18f",
    "19",
    "20a",
    "20b",
    "20c",
    "21",
    "22",
    "23a",
    "23b",
    "24",
    "25",
    "26",
    "27a",
    "27b",
    "27c",
]
DEVELOPMENT_ONLY = {"9a", "12a", "12b", "12c", "15", "22", "27a", "27b"}
EVALUATION_ONLY = {"12f", "12g", "20c", "24"}
HTI1_SIZES = {"1": 4, "2": 4, "3": 2, "4": 4, "5": 2, "6": 4, "7": 5, "8": 4, "9": 2}


def by_item(result):
    return result.table.set_index("item")


def test_the_52_items_of_tripod_ai_in_their_order_with_their_marks(report):
    table = to_tripod(report).table
    assert table["item"].tolist() == TRIPOD
    marks = table.set_index("item")["applies"]
    assert set(marks.index[marks == "development"]) == DEVELOPMENT_ONLY
    assert set(marks.index[marks == "evaluation"]) == EVALUATION_ONLY


def test_a_development_leaves_out_what_is_asked_of_an_evaluation_and_the_reverse(
    report, score_report
):
    for result, other in ((report, EVALUATION_ONLY), (score_report, DEVELOPMENT_ONLY)):
        status = by_item(result.to_tripod())["status"]
        assert set(status.index[status == NOT_APPLICABLE]) == other


def test_a_table_with_a_schema_fills_twenty_three_items_or_more(report):
    counts = report.to_tripod().counts()
    assert counts[FILLED] + counts[PARTLY] >= 23
    assert counts.sum() == 52


def test_every_item_has_evidence_and_its_place_or_somebody_who_must_supply_it(report, score_report):
    for made in (report, score_report):
        parts = {s.key for s in made.sections} | set(made._body()) | {"declared"}
        for result in (
            made.to_tripod(),
            made.to_model_card(),
            made.to_model_card().source_attributes,
        ):
            for row in result.table.itertuples():
                filled = row.status in (FILLED, PARTLY)
                assert bool(row.evidence) == bool(row.where) == filled
                assert bool(row.missing) == (row.status != FILLED)
                assert set(row.where.split(", ")) - {""} <= parts, row.item


def test_numbers_of_the_evidence_stand_in_the_report(report):
    """A number that the report does not hold would have been invented."""
    said = report.to_json() + repr(report.declared)
    said += "".join(section.lead for section in report.sections)
    known = set(re.findall(r"\d+(?:\.\d+)?", said.replace(",", "")))
    rows = by_item(report.to_tripod())["evidence"]
    for item in ("1", "4", "5b", "6a", "8a", "10", "12a", "12d", "20a", "21", "23b"):
        for number in re.findall(r"\d+(?:\.\d+)?", rows[item].replace(",", "")):
            assert number in known, (item, number)
    oe = report.section("performance").tables[0][1].query("measure == 'oe_ratio'").iloc[0]
    assert f"{oe['estimate']:.2f} ({oe['lower']:.2f} to {oe['upper']:.2f})" in rows["13"]


def test_what_was_not_declared_is_missing(report):
    whole = by_item(report.to_tripod())["status"]
    empty = by_item(to_tripod(replace(report, declared={})))
    for item in ("1", "3b", "5b", "6a", "8a", "9b", "12c", "13", "14"):
        assert whole[item] != MISSING
        assert empty.loc[item, "status"] == MISSING, item


def test_a_score_alone_claims_nothing_of_columns_groups_or_sites(score_report):
    status = by_item(score_report.to_tripod())["status"]
    assert (status[["7", "9b", "11", "12d", "13", "14", "16", "23b"]] == MISSING).all()
    table = by_item(score_report.to_model_card().source_attributes)
    assert (table.loc[["4.ii", "7.i", "7.ii", "7.iv"], "status"] == MISSING).all()


def test_the_31_source_attributes_in_their_nine_groups_with_the_state_of_the_rule(report):
    attributes = report.to_model_card().source_attributes
    groups = attributes.table["item"].str.split(".").str[0].value_counts()
    assert groups.to_dict() == HTI1_SIZES
    assert "repeal" in attributes.caution
    used = by_item(attributes).loc["4.ii", "evidence"]
    assert "sex (sex)" in used
    assert "date of birth (age)" in used
    assert "language" not in used


def test_model_card_has_nine_sections_and_both_forms_in_one_file(report, tmp_path):
    card = to_model_card(report.released(as_text=True))
    assert len(card.table) == 9
    text = card.to_markdown(tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text(encoding="utf-8") == text
    assert text.count("\n# ") == 1
    assert "| 9.ii |" in text


def test_markdown_cells_stay_cells():
    assert escape_cell("a|b\nc") == "a\\|b c"
    assert escape_cell("a\\|b") == "a\\\\\\|b"


def test_markdown_and_picture_of_the_map(report, tmp_path):
    items = report.to_tripod()
    text = items.to_markdown(tmp_path / "tripod.md")
    assert (tmp_path / "tripod.md").read_text(encoding="utf-8") == text
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == 53  # the head and 52 items
    widths = [bar.get_width() for bar in items.plot().patches]
    assert widths == items.counts().iloc[::-1].tolist()
    plt.close("all")


def test_steps_name_what_differs_from_its_default_and_no_data():
    model = make_pipeline(SimpleImputer(strategy="median"), LogisticRegression(C=0.5))
    words = [text for text, _ in estimator_steps(model)]
    assert words == [
        "simpleimputer: SimpleImputer(strategy='median')",
        "logisticregression: LogisticRegression(C=0.5)",
    ]
    secret = LogisticRegression(class_weight={0: 1, 1: 7})
    assert [text for text, _ in estimator_steps(secret)] == ["LogisticRegression"]


def test_years_with_few_patients_are_not_told():
    time = np.r_[np.full(3, 2001), np.full(20, 2005), np.full(20, 2007), np.full(10, 2011)]
    assert _years(time, None) == (2005, 2007)
    dates = pd.to_datetime(pd.Series(time.astype(str)) + "-05-01")
    assert _years(dates, None) == (2005, 2007)
    one_patient = np.r_[np.zeros(23), np.arange(1, 31)].astype(int)
    assert _years(time, one_patient) == (2007, 2007)
    assert _years(np.arange(53), None) is None  # days since some start, not years
