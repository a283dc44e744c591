"""CodeChecker: repairs that one code fits, check digits, and columns that are no codes."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml import Schema
from healthml._core._knowledge.facts import read_facts
from healthml.cleaning import CodeChecker
from healthml.cleaning._categories.code_shapes import is_valid
from healthml.exceptions import InputError

CODES = ["I21.4", "E11.9", "J18.9", "C50.911", "N17.9", "S72.001A", "Z51.11", "L70.0", "K70.3"]


def dirty_codes(seed, n=1200, n_dirty=60):
    rng = np.random.default_rng(seed)
    clean = pd.Series(rng.choice(CODES, n))
    damage = [
        lambda x: x.replace(".", ""),
        str.lower,
        lambda x: x + ".",
        lambda x: f" {x}",
        lambda x: x.replace("1", "I", 1) if x[0] != "1" else x,
        lambda x: x.replace("0", "O", 1),
        lambda x: x.replace("I", "l") if x[0] == "I" else x.lower(),
    ]
    dirty = clean.copy()
    for row in rng.choice(n, n_dirty, replace=False):
        dirty[row] = damage[rng.integers(0, len(damage))](clean[row])
    return dirty.to_frame("diagnosis"), clean.to_frame("diagnosis")


@pytest.mark.parametrize("seed", range(3))
def test_generated_codes_are_restored(seed):
    dirty, clean = dirty_codes(seed)
    checker = CodeChecker()
    out = checker.fit_transform(dirty)
    assert out.equals(clean)
    assert checker.record_.to_frame()["action"].eq("repaired").all()


def test_every_shipped_loinc_number_has_its_check_digit():
    numbers = read_facts("clinical_ranges")["loinc"]
    numbers = numbers[numbers.ne("")]
    assert len(numbers) > 50
    assert numbers.map(lambda code: is_valid(code, "loinc")).all()


def test_a_wrong_check_digit_is_flagged_and_left():
    numbers = read_facts("clinical_ranges")["loinc"][lambda x: x.ne("")].tolist() * 3
    number, digit = numbers[0].split("-")
    frame = pd.DataFrame({"test": [*numbers, f"{number}-{(int(digit) + 1) % 10}"]})
    checker = CodeChecker()
    assert checker.fit_transform(frame).equals(frame)
    record = checker.record_.to_frame()
    assert record[["position", "rule", "severity"]].values.tolist() == [
        [len(frame) - 1, "check_digit", "error"]
    ]


def test_two_codes_that_fit_are_settled_by_those_in_use_or_left():
    both = pd.DataFrame({"dx": ["I50.9", "L50.9", "E11.9"] * 30 + ["l50.9"]})
    one = pd.DataFrame({"dx": ["I50.9", "L70.0", "E11.9"] * 30 + ["l50.9"]})
    checker = CodeChecker()
    assert checker.fit_transform(both)["dx"].iloc[-1] == "l50.9"
    assert checker.record_.counts()["rule"].tolist() == ["code_shape"]
    assert CodeChecker().fit_transform(one)["dx"].iloc[-1] == "I50.9"


def test_icd9_codes_among_icd10_codes_stay():
    frame = pd.DataFrame(
        {"dx": ["I50.9", "Z50.00", "E11.9"] * 30 + ["250.00", "428.0", "V57.0"] * 3}
    )
    checker = CodeChecker()
    assert checker.fit_transform(frame).equals(frame)
    assert checker.record_.to_frame().empty


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("bed", ["A12", "B07", "C33", "D41"]),
        ("patient", ["P100001", "P100002", "Q100003", "R100004"]),
        ("blood", ["A", "B", "AB", "0"]),
        ("grade", ["G1", "G2", "G3"]),
        ("date", ["2021-1", "2021-2", "2020-3"]),
        ("diagnosis", ["pneumonia", "sepsis", "I dont know"]),
        ("ratio", ["120-8", "130-7", "110-9", "125-7", "118-6"]),
    ],
)
def test_other_columns_are_no_codes(name, levels):
    frame = pd.DataFrame({name: levels * 40})
    checker = CodeChecker()
    assert checker.fit_transform(frame).equals(frame)
    assert checker.systems_ == {}


def test_a_column_keeps_its_own_way_of_writing():
    frame = pd.DataFrame({"icd": ["i214", "e119", "j189"] * 40 + ["I21.4", "ell9"]})
    out = CodeChecker().fit_transform(frame)
    assert out["icd"].iloc[-2:].tolist() == ["i214", "e119"]


def test_icd9_kept_as_numbers_atc_and_ucum():
    frame = pd.DataFrame(
        {
            "icd9": ["428.0", "V57.1", "E909", "250.83", "8"] * 20,
            "drug": ["C09AA05", "N02BE01", "J01CA04", "A10BA02", "c09aa05"] * 20,
            "ucum": ["mg/dL", "mm[Hg]", "mmol/L", "10*9/L", "mm[Hg"] * 20,
        }
    )
    checker = CodeChecker()
    out = checker.fit_transform(frame)
    assert checker.systems_ == {"icd9": "icd9", "ucum": "ucum"}
    counts = checker.record_.counts().set_index("column")
    assert counts.loc["icd9", ["rule", "n_cells"]].tolist() == ["lost_zeros", 20]
    assert out.equals(frame)
    named = CodeChecker(systems={"drug": "atc"}).fit_transform(frame)
    assert named["drug"].unique().tolist() == ["C09AA05", "N02BE01", "J01CA04", "A10BA02"]


def test_schema_and_systems_switch_columns_off_or_are_refused():
    dirty, _ = dirty_codes(1)
    assert CodeChecker(systems={"diagnosis": None}).fit_transform(dirty).equals(dirty)
    schema = Schema(variables={"diagnosis": {"kind": "numeric"}})
    assert CodeChecker(schema).fit_transform(dirty).equals(dirty)
    with pytest.raises(InputError, match="'snomed' is unknown"):
        CodeChecker(systems={"diagnosis": "snomed"}).fit(dirty)
    with pytest.raises(InputError, match="does not have"):
        CodeChecker(systems={"dx": "icd10"}).fit(dirty)


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", "string[pyarrow]"])
def test_dtypes_index_undo_and_one_row(dtype):
    dirty, clean = dirty_codes(4)
    dirty = dirty.astype(dtype).set_axis(np.repeat(np.arange(600), 2))
    checker = CodeChecker()
    out = checker.fit_transform(dirty)
    assert out["diagnosis"].astype(object).tolist() == clean["diagnosis"].tolist()
    pd.testing.assert_frame_equal(checker.undo(out), dirty)
    rows = pd.concat([checker.transform(dirty.iloc[[i]]) for i in range(0, 1200, 17)])
    assert rows["diagnosis"].astype(object).tolist() == clean["diagnosis"].iloc[::17].tolist()
    again = CodeChecker()
    pd.testing.assert_frame_equal(again.fit_transform(out), out)


@settings(max_examples=60)
@given(st.lists(st.text(alphabet="IlO015.EA bS\ufeff", max_size=8), min_size=1, max_size=8))
def test_any_text_is_settled_once(cells):
    frame = pd.DataFrame({"dx": ["I21.4", "E11.9", "J18.9"] * 40 + cells})
    checker = CodeChecker()
    out = checker.fit_transform(frame)
    assert len(out) == len(frame)
    pd.testing.assert_frame_equal(checker.undo(out), frame)
    pd.testing.assert_frame_equal(checker.transform(out), out)


def test_the_dirty_record_table(shared):
    folder = shared / "data/dirty_synthetic_ehr"
    frame = pd.read_csv(folder / "dirty_ehr_dev.csv", dtype=str, keep_default_na=False)
    cells = json.loads((folder / "dirty_ehr_dev.expected.json").read_text())["cells"]
    truth = {(c[0], c[1]): c[4] for c in cells if c[2] == "code_format"}
    record = CodeChecker().fit(frame).record_.to_frame()
    said = {
        (p, c): n
        for p, c, n in zip(record["position"], record["column"], record["new"], strict=True)
    }
    assert said == truth
    control = pd.read_csv(folder / "dirty_ehr_dev_clean_control.csv", dtype=str)
    assert CodeChecker().fit(control).record_.to_frame().empty
