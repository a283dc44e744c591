"""Laboratory results as typed: the grammar, and columns read by it."""

import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml.cleaning import LabValueParser, parse_lab_value
from healthml.exceptions import InputError
from healthml.schema import Schema, Variable

SHARED = Path(os.environ.get("HEALTHML_SHARED", "../shared"))

# raw, locale, kind, value, operator, unit
STRINGS = [
    ("7.25", None, "number", 7.25, "", ""),
    ("7,25", None, "number", 7.25, "", ""),
    (",5", None, "number", 0.5, "", ""),
    ("0,060", None, "number", 0.06, "", ""),
    ("1234,567", None, "number", 1234.567, "", ""),
    ("1.060,5", None, "number", 1060.5, "", ""),
    ("1'234.5", None, "number", 1234.5, "", ""),
    ("1\u202f234", None, "number", 1234, "", ""),
    ("1,23,456", None, "number", 123456, "", ""),
    ("2.345.678", None, "number", 2345678, "", ""),
    ("\u22123.2", None, "number", -3.2, "", ""),
    ("12,345", "fr_FR", "number", 12.345, "", ""),
    ("12,345", "en-US", "number", 12345, "", ""),
    ("12.345", "de", "number", 12345, "", ""),
    ("12.345", None, "number", 12.345, "", ""),
    ("12,345", None, "ambiguous", 12345, "", ""),
    ("<12,345", None, "ambiguous", 12345, "<", ""),
    ("- 7", None, "ambiguous", 7, "", ""),
    ("250k", None, "ambiguous", 250, "", ""),
    ("19?", None, "ambiguous", 19, "", ""),
    ("4.5 invalid", None, "ambiguous", 4.5, "", ""),
    ("2.3e-3", None, "number", 0.0023, "", ""),
    ("3·10^6", None, "number", 3e6, "", ""),
    ("5.2 x10⁹/L", None, "number", 5.2, "", "10*9/L"),
    ("5.2 10^3/µL", None, "number", 5.2, "", "10*3/uL"),
    ("140 mEq/l", None, "number", 140, "", "meq/L"),
    ("4,5 mmol/l", None, "number", 4.5, "", "mmol/L"),
    ("36.6 °C", None, "number", 36.6, "", "Cel"),
    ("4.5 mmol/L H", None, "number", 4.5, "", "mmol/L"),
    ("5 ft 10 in", None, "number", 70, "", "[in_i]"),
    ("0.5L", None, "number", 0.5, "", "L"),
    ("L 3.2", None, "number", 3.2, "", ""),
    ("3.2 L", None, "number", 3.2, "", ""),
    ("4.5 (ref 3.5-5.1)", None, "number", 4.5, "", ""),
    ("5.6, haemolysed", None, "number", 5.6, "", ""),
    ("Na: 140", None, "number", 140, "", ""),
    ("~5", None, "number", 5, "", ""),
    ("one hundred and two", None, "number", 102, "", ""),
    ("1.2 million", None, "number", 1.2e6, "", ""),
    ("≤0,5 mg/l", None, "censored", 0.5, "<=", "mg/L"),
    ("greater than 600", None, "censored", 600, ">", ""),
    ("90+", None, "censored", 90, ">=", ""),
    ("89 or older", None, "censored", 89, ">=", ""),
    ("<1:20", None, "censored", 20, "<", ""),
    ("< LOD", None, "censored", None, "<", ""),
    ("above upper limit of quantification", None, "censored", None, ">", ""),
    ("1:1,280", None, "titre", 1280, "", ""),
    ("0,5-1,5", None, "range", (0.5, 1.5), "", ""),
    ("10 to 20 mg/dL", None, "range", (10, 20), "", "mg/dL"),
    ("118/76 mmHg", None, "pair", (118, 76), "", "mm[Hg]"),
    ("3/10", None, "ambiguous", None, "", ""),
    ("2+", None, "ordinal", 2, "", ""),
    ("Non-reactive", None, "ordinal", "negative", "", ""),
    ("trace", None, "ordinal", "trace", "", ""),
    ("specimen clotted", None, "missing", None, "", ""),
    ("QNS", None, "missing", None, "", ""),
    ("test not performed", None, "missing", None, "", ""),
    ("-inf", None, "missing", None, "", ""),
    ("O.5", None, "unparseable", None, "", ""),
    ("4.5 repeat 4.7", None, "unparseable", None, "", ""),
    ("12 34", None, "unparseable", None, "", ""),
    ("5-Jun", None, "unparseable", None, "", ""),
    ("03/04/2021", None, "unparseable", None, "", ""),
    ("10:30", None, "unparseable", None, "", ""),
    ("1e400", None, "unparseable", None, "", ""),
    ("5.6abc", None, "unparseable", None, "", ""),
    ("--5", None, "unparseable", None, "", ""),
]


@pytest.mark.parametrize(("raw", "locale", "kind", "value", "operator", "unit"), STRINGS)
def test_strings(raw, locale, kind, value, operator, unit):
    found = parse_lab_value(raw, locale=locale)
    assert (found.kind, found.operator, found.unit) == (kind, operator, unit)
    if isinstance(value, float | int):
        assert found.value == pytest.approx(value, rel=1e-12)
    else:
        assert found.value == value


def test_shared_strings():
    path = SHARED / "data/dirty_lab_strings/dirty_lab_strings_dev.json"
    if not path.exists():
        pytest.skip("the shared laboratory strings are not here (HEALTHML_SHARED)")
    rows = json.loads(path.read_text())["rows"]
    right = 0
    for raw, locale, kind, value, operator, unit, _ in rows:
        found = parse_lab_value(raw, locale=locale)
        read = list(found.value) if isinstance(found.value, tuple) else found.value
        agrees = (found.kind, found.operator, found.unit, read) == (kind, operator, unit, value)
        right += agrees
        assert agrees or found.kind != "number", "read as a sure number, wrongly"
    assert right >= 0.95 * len(rows)


@given(st.text(alphabet=" 0123456789.,-+<>=x^eE/*%()HLmgdkolµ°'\u00a0", max_size=12))
@settings(max_examples=400, deadline=None)
def test_the_grammar_never_fails_and_never_invents(text):
    found = parse_lab_value(text)
    if found.kind == "number":
        assert np.isfinite(found.value)
        assert any(c.isdigit() for c in text)
    try:
        plain = float(text)
    except ValueError:
        return
    if np.isfinite(plain) and "_" not in text and abs(plain) < 1e30:
        assert found.kind in ("number", "unparseable")
        assert found.kind == "unparseable" or found.value == pytest.approx(plain)


@given(
    st.integers(0, 10**9),
    st.integers(0, 3),
    st.sampled_from(["{}", "{} mg/L", "<{}", "{} H", "{}*"]),
)
@settings(deadline=None)
def test_numbers_come_back_in_every_writing(whole, places, writing):
    number = whole / 10**places
    english = f"{number:,.{places}f}"
    german = english.translate(str.maketrans(",.", ".,"))
    for text, locale in ((english, "en"), (german, "de")):
        assert parse_lab_value(writing.format(text), locale=locale).value == pytest.approx(number)


def test_unknown_locale_is_refused():
    with pytest.raises(InputError, match="language code"):
        parse_lab_value("5", locale="martian")
    with pytest.raises(InputError, match="as text"):
        parse_lab_value(5)


def lab_table(seed=0, n=300):
    """Return a table of typed results, what stands in each odd cell, and the true numbers."""
    rng = np.random.default_rng(seed)
    true = pd.DataFrame(
        {
            "crp": np.exp(rng.normal(2.5, 1, n)).round(1),
            "potassium": rng.normal(4.2, 0.5, n).round(1),
            "platelets": rng.normal(260, 70, n).clip(20).round(),
            "marker": rng.normal(40, 9, n).round(2),
        }
    )
    typed = true.apply(lambda c: c.map(lambda v: f"{v:g}"))
    units = {"crp": "mg/L", "potassium": "mEq/L", "platelets": "K/uL", "marker": "ng/mL"}
    writings = {
        "decimal_comma": lambda v: f"{v:.2f}".replace(".", ","),
        "unit_text": lambda v, unit: f"{v:g} {unit}",
        "result_flag": lambda v: f"{v:g} H",
        "comment": lambda v: f"{v:g} repeated",
        "unusual_characters": lambda v: f"{v:g}\u00a0",
    }
    odd = {}
    for i, row in enumerate(rng.permutation(n)[:60]):
        column = rng.choice(list(true.columns))
        rule = list(writings)[i % len(writings)]
        own = (units[column],) if rule == "unit_text" else ()
        typed.loc[row, column] = writings[rule](true.loc[row, column], *own)
        odd[row, column] = rule
    return typed, odd, true


@pytest.mark.parametrize("seed", range(4))
def test_each_odd_cell_is_recorded_and_no_other(seed):
    typed, odd, true = lab_table(seed)
    parser = LabValueParser()
    out = parser.fit_transform(typed)
    np.testing.assert_allclose(out[true.columns].to_numpy(), true.to_numpy(), atol=0.006)
    record = parser.record_.to_frame()
    found = dict(
        zip(zip(record["position"], record["column"], strict=True), record["rule"], strict=True)
    )
    assert found == odd
    assert set(record["severity"]) == {"note"}


def test_limits_keep_their_sign():
    frame = pd.DataFrame({"crp": ["5.1", "<0.6", "12", ">=200", "<LOD"] * 5})
    parser = LabValueParser().fit(frame)
    out = parser.transform(frame.iloc[:5])
    assert out["crp"].tolist() == [5.1, 0.6, 12, 200, 0.6]
    assert out["crp__censored"].tolist() == ["", "<", "", ">=", "<"]
    assert parser.get_feature_names_out().tolist() == ["crp", "crp__censored"]


def test_new_rows_are_read_by_the_same_grammar():
    parser = LabValueParser().fit(pd.DataFrame({"crp": np.linspace(0.5, 40, 50)}))
    out = parser.transform(pd.DataFrame({"crp": ["5,1", "<0.5", "7 mg/L", "pending"]}))
    assert out.columns.tolist() == ["crp"]
    assert out["crp"].dtype == float
    np.testing.assert_array_equal(out["crp"], [5.1, 0.5, 7.0, np.nan])
    assert parser.record_.counts()["rule"].tolist() == [
        "decimal_comma",
        "missing_reason",
        "new_censored",
        "unit_text",
    ]


@pytest.mark.parametrize(
    ("others", "cell", "value"),
    [
        (np.linspace(150, 900, 40), "1,060", 1060.0),
        (np.linspace(0.5, 4, 40), "1,060", 1.06),
        (np.linspace(0.5, 900, 40), "1,060", np.nan),
        (np.linspace(5, 90, 40), "- 50", 50.0),
        (np.linspace(-90, 90, 40), "- 50", np.nan),
        (np.linspace(5, 90, 40), "l40", np.nan),
        (np.linspace(5, 90, 40), "1/80", np.nan),
    ],
)
def test_two_readings_are_settled_by_the_column_or_not_at_all(others, cell, value):
    frame = pd.DataFrame({"marker": [*(f"{v:.2f}" for v in others), cell]})
    parser = LabValueParser()
    np.testing.assert_equal(parser.fit_transform(frame)["marker"].iloc[-1], value)
    assert parser.record_.counts()["n_cells"].sum() == 1


def test_a_column_of_decimal_commas_makes_dots_thousands():
    cells = [f"{v:.1f}".replace(".", ",") for v in np.linspace(800, 2000, 40)]
    frame = pd.DataFrame({"marker": [*cells, "1.025"]})
    assert LabValueParser().fit_transform(frame)["marker"].iloc[-1] == 1025
    mixed = pd.DataFrame({"marker": [*cells, "812.5", "1.025"]})
    assert LabValueParser().fit_transform(mixed)["marker"].iloc[-1] == 1.025


def test_titres_and_pressures():
    frame = pd.DataFrame(
        {
            "ana": ["1:40", "1:80", "1/160", "1:320", "1:40"],
            "bp": ["120/80", "98/60", "131/77", "110/70", "odd"],
        }
    )
    parser = LabValueParser()
    out = parser.fit_transform(frame)
    assert out["ana"].tolist() == [40, 80, 160, 320, 40]
    assert out["bp"].tolist() == frame["bp"].tolist()
    np.testing.assert_array_equal(out["bp__systolic"], [120, 98, 131, 110, np.nan])
    np.testing.assert_array_equal(out["bp__diastolic"], [80, 60, 77, 70, np.nan])
    assert parser.record_.counts()[["rule", "action"]].values.tolist() == [
        ["titre", "repaired"],
        ["unreadable", "flagged"],
    ]


def test_units_in_cells_are_kept_for_whoever_converts():
    cells = [f"{v:.1f}" for v in np.linspace(35.5, 38.5, 40)]
    frame = pd.DataFrame({"temperature": [*cells, "98.6 F", "37 °C"]})
    schema = Schema(variables={"temperature": Variable(kind="numeric", unit="Cel")})
    parser = LabValueParser(schema, unit_columns=True)
    out = parser.fit_transform(frame)
    assert out["temperature__unit"].tolist() == [""] * 40 + ["[degF]", "Cel"]
    counts = parser.record_.counts().set_index("rule")["severity"].to_dict()
    assert counts == {"unit_differs": "verify", "unit_text": "note"}


@pytest.mark.parametrize(
    "cells",
    [
        ["I21.4", "E11.9", "J18.9"],
        ["250.83", "414", "V57", "428", "E909", "786"],
        ["0012", "0034", "1200"],
        ["9007199254740993", "9007199254740995", "12"],
        ["2021-08-09", "2021-08-11", "2022-01-02"],
        ["male", "female", "1"],
        ["1", "2", "1", "2", "unsure", "1"],
        ["10-20", "20-30", "30-40"],
        ["negative", "trace", "1+", "2+"],
        ["12 patients", "40 patients", "7 patients"],
        ["10018", "10023", "1x027", "10029"],
        ["20/40", "20/25", "20/200"],
        ["3/10", "5/10", "8/10"],
    ],
)
def test_other_columns_are_left_alone(cells):
    frame = pd.DataFrame({"column": cells * 10})
    parser = LabValueParser()
    pd.testing.assert_frame_equal(parser.fit_transform(frame), frame)
    assert parser.record_.counts().empty


def test_the_schema_decides_what_is_read():
    frame = pd.DataFrame({"a": ["5,1", "6,2", "x"], "b": ["5,1", "6,2", "7,1"]})
    schema = Schema(variables={"a": Variable(kind="numeric"), "b": Variable(kind="categorical")})
    out = LabValueParser(schema).fit_transform(frame)
    np.testing.assert_array_equal(out["a"], [5.1, 6.2, np.nan])
    assert out["b"].tolist() == frame["b"].tolist()


def test_unreadable_cells_can_be_kept():
    frame = pd.DataFrame({"crp": ["5.1", "7", "12..3", "4,5"] * 10})
    parser = LabValueParser(unreadable="keep")
    out = parser.fit_transform(frame)
    assert out["crp"].tolist()[:3] == ["5.1", "7", "12..3"]
    assert float(out["crp"].iloc[3]) == 4.5  # text where the column can hold text only
    assert parser.record_.counts().set_index("rule")["action"].to_dict() == {
        "decimal_comma": "repaired",
        "unreadable": "flagged",
    }
    with pytest.raises(InputError, match="unreadable"):
        LabValueParser(unreadable="drop").fit(frame)


DTYPES = ["object", "str", "string", "string[pyarrow]", pd.ArrowDtype(pa.string())]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_undo_is_exact(dtype):
    typed, _, _ = lab_table(5)
    typed = typed.astype(dtype).set_index(np.arange(len(typed)) // 2)
    typed.iloc[3, 0] = None
    parser = LabValueParser()
    out = parser.fit_transform(typed)
    assert out.index.equals(typed.index)
    assert out["crp"].dtype == float
    pd.testing.assert_frame_equal(parser.undo(out), typed)


def test_polars_in_polars_out():
    typed, _, true = lab_table(6)
    out = LabValueParser().fit_transform(pl.from_pandas(typed))
    assert isinstance(out, pl.DataFrame)
    np.testing.assert_allclose(out["crp"].to_numpy(), true["crp"], atol=0.006)


@lru_cache
def fitted(seed):
    """Return a table, the parser fitted to it and the table as read."""
    typed, _, _ = lab_table(seed)
    parser = LabValueParser().fit(typed)
    return typed, parser, parser.transform(typed)


@given(st.lists(st.integers(0, 299), min_size=1, max_size=6), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_one_row_is_read_as_in_the_batch(rows, seed):
    typed, parser, together = fitted(seed)
    for row in rows:
        alone = parser.transform(typed.iloc[[row]])
        pd.testing.assert_frame_equal(alone, together.iloc[[row]])


def test_reading_twice_changes_nothing_more():
    typed, _, _ = lab_table(7)
    typed.loc[0, "crp"] = "<0.5"
    once = LabValueParser().fit_transform(typed)
    again = LabValueParser()
    pd.testing.assert_frame_equal(again.fit_transform(once), once)
    assert again.record_.counts().empty


def test_empty_constant_and_infinite_columns():
    frame = pd.DataFrame(
        {"none": [None] * 30, "same": ["5"] * 30, "inf": ["inf", *[str(v) for v in range(29)]]}
    )
    parser = LabValueParser()
    out = parser.fit_transform(frame)
    assert out["none"].isna().all()
    assert out["same"].tolist() == [5.0] * 30
    assert np.isnan(out["inf"].iloc[0])
    assert parser.record_.counts()["rule"].tolist() == ["infinite"]
    assert "5" not in repr(parser.record_).split("CleaningRecord")[0]
