import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml.cleaning._plausible.decimal_evidence import decimals_of, usual_decimals
from healthml.cleaning._plausible.decimal_slips import DecimalSlips
from healthml.exceptions import InputError
from healthml.schema import Schema, Variable

SLIPPED = {  # column: (value, what it was)
    "height": [(17.44, 174.4), (1687.0, 168.7)],
    "weight": [(872.0, 87.2), (5.93, 59.3)],
    "hr": [(940.0, 94.0), (7.3, 73.0), (10.5, 105.0)],
    "sbp": [(1570.0, 157.0)],
    "sodium": [(14.3, 143.0)],
    "potassium": [(42.0, 4.2), (0.46, 4.6)],
    "hemoglobin": [(1.39, 13.9), (124.0, 12.4)],
    "temp": [(369.0, 36.9)],
}
REAL = {
    "hr": (28, 221),
    "sbp": (48, 258),
    "sodium": (109, 181),
    "potassium": (1.7, 9.2),
    "hemoglobin": (2.9, 22.4),
    "temp": (27.4, 42.3),
    "weight": (312.0, 31.5),
    "platelets": (3, 1640),
    "wbc": (0.1, 388.0),
    "creatinine": (19.4, 24.1),
    "glucose": (22, 1450),
    "troponin_t": (18.2, 22.9),
    "crp": (540.0, 486.0),
    "bilirubin": (62.0, 48.2),
}


def patients(seed=0, n=800):
    """Return a clean table of adults with the sickest among them in rows 0 and 1."""
    rng = np.random.default_rng(seed)

    def skewed(middle, spread, digits):
        return np.exp(rng.normal(np.log(middle), spread, n)).round(digits)

    frame = pd.DataFrame(
        {
            "age": np.clip(rng.normal(66, 14, n), 19, 104).round(),
            "height": rng.normal(170, 9, n).round(1),
            "weight": skewed(78, 0.22, 1),
            "hr": rng.normal(88, 17, n).round(),
            "sbp": rng.normal(125, 21, n).round(),
            "sodium": rng.normal(138, 4, n).round(),
            "potassium": rng.normal(4.2, 0.5, n).round(1),
            "hemoglobin": rng.normal(12, 2, n).round(1),
            "temp": rng.normal(37, 0.7, n).round(1),
            "platelets": rng.normal(230, 70, n).round().clip(20),
            "wbc": skewed(10, 0.5, 1),
            "creatinine": skewed(1.1, 0.5, 2),
            "glucose": skewed(130, 0.35, 0),
            "troponin_t": skewed(0.03, 1.3, 4),
            "crp": skewed(25, 1.3, 1),
            "bilirubin": skewed(0.8, 0.8, 1),
        }
    )
    for column, values in REAL.items():
        frame.loc[[0, 1], column] = values
    return frame


def slipped(seed=0):
    X, cells = patients(seed), {}
    rows = np.random.default_rng(seed).permutation(np.arange(2, 800))
    for column, pairs in SLIPPED.items():
        for value, true in pairs:
            row, rows = int(rows[0]), rows[1:]
            X.loc[row, column] = value
            cells[row, column] = true
    return X, cells


def errors(cleaner):
    table = cleaner.record_.to_frame()
    table = table[table["severity"] == "error"]
    return set(zip(table["position"], table["column"], strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_real_extremes_are_never_slips(seed):
    X = patients(seed)
    cleaner = DecimalSlips(mode="apply")
    pd.testing.assert_frame_equal(cleaner.fit_transform(X), X)
    assert cleaner.record_.to_frame().empty


@pytest.mark.parametrize("seed", range(5))
def test_slips_are_found_and_repaired_and_nothing_else(seed):
    X, cells = slipped(seed)
    cleaner = DecimalSlips(mode="apply")
    out = cleaner.fit_transform(X)
    assert errors(cleaner) == set(cells)
    changed = set(zip(*np.where(out.to_numpy() != X.to_numpy()), strict=True))
    assert len(changed) >= 0.8 * len(cells)
    for row, column in changed:
        assert out.iloc[row, column] == cells[row, X.columns[column]]
    proposed = DecimalSlips().fit(X)
    pd.testing.assert_frame_equal(proposed.transform(X), X)
    assert errors(proposed) == set(cells)


def test_a_value_that_another_unit_explains_is_not_repaired():
    X = patients()
    X.loc[5, "sbp"] = 14.6  # 146 mmHg, or 14.6 kPa = 109.5 mmHg
    cleaner = DecimalSlips(mode="apply")
    assert cleaner.fit_transform(X).loc[5, "sbp"] == 14.6
    assert errors(cleaner) == {(5, "sbp")}
    assert "another unit" in cleaner.record_.to_frame()["evidence"].item()


def test_place_alone_is_only_to_verify():
    X = patients()
    X.loc[5, "hemoglobin"] = 1.5  # severe bleeding, or 15.0
    cleaner = DecimalSlips(mode="apply")
    pd.testing.assert_frame_equal(cleaner.fit_transform(X), X)
    table = cleaner.record_.to_frame()
    assert table[["rule", "severity"]].to_numpy().tolist() == [["decimal_slip_possible", "verify"]]


def test_digits_that_the_column_never_had_are_no_slip():
    X = patients()
    X.loc[5, "hr"] = 11.398438  # near arrest, averaged: ten times it is no whole number
    X.loc[6, "sbp"] = 999
    X.loc[7, "weight"] = 999  # a code for missing, not 99.9
    cleaner = DecimalSlips(mode="apply")
    pd.testing.assert_frame_equal(cleaner.fit_transform(X), X)
    assert errors(cleaner) == set()


def test_a_column_shifted_alike_is_a_unit():
    X = patients()
    X.loc[10:69, "hemoglobin"] = (X.loc[10:69, "hemoglobin"] * 10).round()
    cleaner = DecimalSlips(mode="apply")
    pd.testing.assert_frame_equal(cleaner.fit_transform(X), X)
    assert set(cleaner.record_.counts()["rule"]) <= {"decimal_shift_alike"}


def test_children_and_newborns_are_no_slips():
    rng, X = np.random.default_rng(3), patients()
    years = rng.uniform(0.02, 3, 12)
    X.loc[10:21, "age"] = years.round(2)
    X.loc[10:21, "weight"] = (4 + 4 * years).round(2)
    X.loc[10:21, "height"] = (52 + 15 * years).round(2)
    assert errors(DecimalSlips().fit(X)) == set()
    unknown = DecimalSlips().fit(X.drop(columns="age"))
    assert errors(unknown) == set()


def test_a_schema_names_columns():
    X, cells = slipped()
    names = {"sodium": "natrium", "hemoglobin": "hemo_x"}
    schema = Schema(
        outcome="y", variables={new: Variable(concept=old) for old, new in names.items()}
    )
    cleaner = DecimalSlips(schema).fit(X.rename(columns=names))
    assert errors(cleaner) == {(row, names.get(column, column)) for row, column in cells}
    assert errors(DecimalSlips().fit(X.rename(columns=names))) < errors(cleaner)


def test_new_rows_one_as_in_a_batch():
    X, new = patients(), slipped(1)[0]
    cleaner = DecimalSlips(mode="apply").fit(X)
    whole = cleaner.transform(new)
    assert cleaner.drift()["is_new"].all()
    for position in cleaner.record_.to_frame()["position"].tolist()[:8]:
        pd.testing.assert_frame_equal(
            cleaner.transform(new.iloc[[position]]), whole.iloc[[position]]
        )


@settings(max_examples=15)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_properties_of_every_table(seed, random):
    X, _ = slipped(seed)
    cleaner = DecimalSlips(mode="apply")
    out = cleaner.fit_transform(X)
    pd.testing.assert_frame_equal(cleaner.undo(out), X)
    pd.testing.assert_frame_equal(DecimalSlips(mode="apply").fit_transform(out), out)
    order = random.sample(range(len(X)), len(X))
    shuffled = DecimalSlips(mode="apply").fit_transform(X.iloc[order])
    pd.testing.assert_frame_equal(shuffled, out.iloc[order])


@pytest.mark.parametrize("dtype", ["Float64", "string", "str", "category", "double[pyarrow]"])
def test_dtypes_and_a_repeated_index_are_kept(dtype):
    X = patients()[["hr"]]
    X.loc[[5, 6], "hr"] = [940.0, 7.3]
    X = X.set_index(np.arange(len(X)) // 2)
    text = X["hr"].map(lambda v: f"{v:g}")
    X["hr"] = text.astype(dtype) if dtype in ("string", "str") else X["hr"].astype(dtype)
    cleaner = DecimalSlips(mode="apply")
    out = cleaner.fit_transform(X)
    assert pd.to_numeric(out["hr"]).iloc[[5, 6]].tolist() == [94, 73]
    assert out["hr"].dtype == X["hr"].dtype or dtype == "category"
    pd.testing.assert_frame_equal(cleaner.undo(out), X)


def test_polars_constant_and_empty_columns():
    X = patients()[["hr", "sbp"]].assign(temp=37.0, sodium=np.nan, patient_id=2**60 + 1)
    X.loc[5, "hr"] = 940.0
    out = DecimalSlips(mode="apply").fit_transform(pl.from_pandas(X))
    assert out["hr"][5] == 94
    assert out["patient_id"][0] == 2**60 + 1


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="mode='fix'"):
        DecimalSlips(mode="fix").fit(patients())


def test_decimals():
    assert decimals_of(np.array([0.1 + 0.2, 1e6, 1 / 3])).tolist() == [1, 0, 6]
    assert usual_decimals(np.r_[np.arange(500), 0.5]) == 0
