"""Words and numbers that stand for missing: found in many columns, and never where they do not."""

from functools import lru_cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml.cleaning import MissingCodes
from healthml.schema import Schema, Variable

WORDS = [
    "not done",
    "Haemolysed",
    "?",
    ".",
    "*",
    "#N/A",
    "NULL",
    "None",
    "ND",
    "pending",
    "QNS",
    "-",
]
# column -> how it is drawn, and codes that its values leave room for
LABS = {
    "sodium": (lambda r, n: r.normal(139, 5, n).round(), (-9, -99, 999, 0)),
    "potassium": (lambda r, n: r.normal(4.2, 0.6, n).clip(1.6).round(1), (-1, -9, 99, 0)),
    "creatinine": (lambda r, n: np.exp(r.normal(0, 0.5, n)).round(2), (-1, -99, 999)),
    "crp": (lambda r, n: np.exp(r.normal(2.5, 1.3, n)).round(1), (-1, -5, 9999)),
    "platelets": (lambda r, n: np.exp(r.normal(5.4, 0.4, n)).round(), (-1, 9999)),
    "height": (lambda r, n: r.normal(168, 10, n).round(1), (0, -1, 999)),
    "weight": (lambda r, n: np.exp(r.normal(4.3, 0.2, n)).round(1), (0, 999, -9)),
    "sbp": (lambda r, n: r.normal(126, 20, n).round(), (0, -1, 999)),
    "resp_rate": (lambda r, n: r.normal(17, 4, n).clip(6).round(), (0, -1, 99)),
    "heart_rate": (lambda r, n: r.normal(84, 15, n).clip(30).round(), (0, -1, 999)),
}


def dirty_table(seed, n=800):
    """Return a table with codes, the set of coded cells, and the table without codes."""
    rng = np.random.default_rng(seed)
    clean = pd.DataFrame({name: draw(rng, n) for name, (draw, _) in LABS.items()})
    clean["smoking"] = rng.choice(["never", "former", "current"], n, p=[0.5, 0.3, 0.2])
    dirty, coded = clean.copy(), set()
    for name, (_, codes) in LABS.items():
        if rng.random() < 0.4:
            dirty[name] = dirty[name].map(lambda v: f"{v:g}")
            rows = rng.choice(n, 4, replace=False)
            dirty.loc[rows, name] = rng.choice(WORDS, 4)
            coded |= {(int(row), name) for row in rows}
        rows = rng.choice(n, int(rng.integers(5, 15)), replace=False)
        code = int(rng.choice(codes))
        dirty.loc[rows, name] = code if dirty[name].dtype.kind == "f" else str(code)
        coded |= {(int(row), name) for row in rows}
    dirty.loc[[3, 4], "smoking"] = ["?", "None"]
    return dirty, coded | {(3, "smoking"), (4, "smoking")}, clean


@pytest.mark.parametrize("seed", range(8))
def test_every_code_is_blanked_and_nothing_else(seed):
    dirty, coded, clean = dirty_table(seed)
    codes = MissingCodes()
    out = codes.fit_transform(dirty)
    record = codes.record_.to_frame()
    blanked = record[record["action"] == "blanked"]
    assert set(zip(blanked["position"], blanked["column"], strict=True)) == coded
    for row, column in list(coded)[:20]:
        assert pd.isna(out[column].iloc[row])
    quiet = MissingCodes()
    pd.testing.assert_frame_equal(quiet.fit_transform(clean), clean)
    assert quiet.record_.counts().empty


@pytest.mark.parametrize("seed", range(6))
def test_a_clean_table_is_left_alone(seed, make_clean):
    frame, _ = make_clean(seed)
    codes = MissingCodes()
    pd.testing.assert_frame_equal(codes.fit_transform(frame), frame)
    assert codes.record_.counts().empty


def real_populations(rng, n=900):
    """Return columns with zeros, floors, ceilings and two populations, all of them real."""
    dialysis = rng.random(n) < 0.3
    return pd.DataFrame(
        {
            "creatinine": np.where(
                dialysis, rng.normal(8, 2, n).clip(4), rng.normal(1, 0.2, n)
            ).round(2),
            "troponin_t": np.where(rng.random(n) < 0.3, 0.0, np.exp(rng.normal(-4, 1, n))).round(2),
            "crp": np.where(rng.random(n) < 0.2, 0, np.exp(rng.normal(2, 1, n))).round(),
            "urine": np.where(rng.random(n) < 0.05, 0, rng.gamma(4, 400, n)).round(),
            "pain_score": rng.integers(0, 11, n),
            "gcs_total": rng.integers(3, 16, n),
            "base_excess": rng.normal(-2, 5, n).round(),
            "rass": rng.integers(-5, 5, n),
            "n_drugs": rng.poisson(5, n),
            "ptt": np.minimum(150, np.exp(rng.normal(3.6, 0.7, n))).round(),
            "percentile": np.minimum(99, rng.normal(70, 20, n).round()),
            "age_capped": np.minimum(89, rng.normal(70, 15, n).round()),
            "complication": rng.choice(["none", "bleeding", "infection"], n, p=[0.7, 0.2, 0.1]),
            "smear": rng.choice(["negative", "positive", "not done"], n, p=[0.5, 0.1, 0.4]),
            "protein": rng.choice(["-", "+", "++"], n, p=[0.8, 0.15, 0.05]),
            "country": rng.choice(["NA", "ZA", "BW", "ZM"], n),
            "refused": rng.choice(["yes", "no", "declined"], n),
        }
    )


@pytest.mark.parametrize("seed", range(6))
def test_real_zeros_ceilings_and_answers_stay(seed):
    frame = real_populations(np.random.default_rng(seed))
    codes = MissingCodes()
    pd.testing.assert_frame_equal(codes.fit_transform(frame), frame)
    assert codes.record_.counts().empty


def test_zero_rates_are_an_arrest_unless_the_row_lives():
    n = 60
    frame = pd.DataFrame({"heart_rate": [80.0] * n, "sbp": [120.0] * n, "spo2": [97.0] * n})
    frame["heart_rate"] += np.arange(n) % 17
    frame["sbp"] += np.arange(n) % 13
    frame.loc[[0, 1, 2], "heart_rate"] = 0
    frame.loc[2, ["sbp", "spo2"]] = np.nan
    codes = MissingCodes()
    out = codes.fit_transform(frame)
    assert out["heart_rate"].isna().tolist()[:3] == [True, True, False]
    actions = codes.record_.counts()[["rule", "action", "n_cells"]].values.tolist()
    assert actions == [
        ["missing_code_number", "blanked", 2],
        ["possible_missing_code", "flagged", 1],
    ]


def test_codes_in_a_mixture_of_units_are_seen():
    rng = np.random.default_rng(3)
    percent = np.exp(rng.normal(1.85, 0.2, 900)).round(1)
    frame = pd.DataFrame({"hba1c": np.r_[percent, rng.normal(42, 14, 100).clip(20, 88).round()]})
    frame.loc[rng.choice(1000, 11, replace=False), "hba1c"] = 99
    assert int(MissingCodes().fit_transform(frame)["hba1c"].isna().sum()) == 11


def test_declared_codes_and_vocabulary_win():
    frame = pd.DataFrame(
        {
            "visits": [0, 1, 2, 7, 3, 7] * 10,
            "ward": ["unknown", "A", "B"] * 20,
            "answer": ["x", "yes", "no"] * 20,
        }
    )
    schema = Schema(
        variables={
            "visits": Variable(kind="numeric", missing_codes=[7]),
            "ward": Variable(kind="categorical", vocabulary=["A", "B", "unknown"]),
            "answer": Variable(missing_codes=["x"]),
        }
    )
    out = MissingCodes(schema).fit_transform(frame)
    assert out.isna().sum().to_dict() == {"visits": 20, "ward": 0, "answer": 20}


def test_new_codes_at_predict_are_not_silent():
    rng = np.random.default_rng(0)
    train = pd.DataFrame(
        {
            "sodium": rng.normal(139, 5, 300).round(),
            "marker": rng.normal(10, 2, 300).round(1),
            "drug": rng.choice(["aspirin", "heparin"], 300),
        }
    )
    codes = MissingCodes().fit(train)
    new = pd.DataFrame(
        {
            "sodium": [999.0, 150.0, np.inf],
            "marker": ["-99", "not done", "12.5"],
            "drug": ["?", "none", "aspirin"],
        }
    )
    out = codes.transform(new)
    record = codes.record_.to_frame().set_index(["column", "position"])["rule"].to_dict()
    assert record == {
        ("sodium", 0): "new_missing_code",
        ("sodium", 2): "infinite",
        ("marker", 0): "new_missing_code",
        ("marker", 1): "missing_code_text",
        ("drug", 0): "missing_code_text",
        ("drug", 1): "new_missing_code",
    }
    assert out["drug"].tolist()[1:] == ["none", "aspirin"]
    assert codes.drift()["is_new"].all()


def test_codes_are_learnt_from_training_rows_only():
    rng = np.random.default_rng(1)
    train = pd.DataFrame({"score": rng.integers(0, 10, 200).astype(float)})
    codes = MissingCodes().fit(train)
    new = pd.DataFrame({"score": [55.0] * 50 + [3.0] * 50})
    pd.testing.assert_frame_equal(codes.transform(new), new)


@lru_cache
def fitted(seed):
    """Return a table, the codes learnt from it and the table without them."""
    dirty, _, _ = dirty_table(seed)
    codes = MissingCodes().fit(dirty)
    return dirty, codes, codes.transform(dirty)


@given(st.lists(st.integers(0, 799), min_size=1, max_size=5), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_one_row_is_judged_as_in_the_batch(rows, seed):
    dirty, codes, together = fitted(seed)
    for row in rows:
        alone = codes.transform(dirty.iloc[[row]]).iloc[0]
        for cell, expected in zip(alone, together.iloc[row], strict=True):
            assert cell == expected or (pd.isna(cell) and pd.isna(expected))


@pytest.mark.parametrize("seed", range(4))
def test_cleaning_twice_changes_nothing_more(seed):
    dirty, _, _ = dirty_table(seed)
    once = MissingCodes().fit_transform(dirty)
    again = MissingCodes()
    pd.testing.assert_frame_equal(again.fit_transform(once), once)
    assert (again.record_.counts()["action"] == "flagged").all()


@pytest.mark.parametrize("dtype", ["object", "string", "string[pyarrow]", "category"])
def test_undo_is_exact_and_dtypes_stay(dtype):
    dirty, _, _ = dirty_table(9)
    dirty["smoking"] = dirty["smoking"].astype(dtype)
    dirty["count"] = pd.array([1, None] * 400, dtype="Int64")
    dirty["seen"] = pd.Timestamp("2020-02-03")
    dirty["id"] = 2**53 + np.arange(800)
    dirty.index = np.arange(800) // 2
    codes = MissingCodes()
    out = codes.fit_transform(dirty)
    assert out.index.equals(dirty.index)
    assert out[["count", "seen", "id"]].equals(dirty[["count", "seen", "id"]])
    assert pd.isna(out["smoking"].iloc[3])
    pd.testing.assert_frame_equal(codes.undo(out), dirty)


def test_polars_in_polars_out():
    dirty, coded, _ = dirty_table(2)
    out = MissingCodes().fit_transform(pl.from_pandas(dirty))
    assert isinstance(out, pl.DataFrame)
    missing = out.to_pandas().isna().to_numpy().sum()
    assert missing == len(coded)


def test_one_code_far_below_a_small_positive_column():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"end_na": rng.normal(139, 4, 30).round(), "z": rng.normal(0, 9, 30)})
    frame.iloc[7] = [-99, -9]
    assert MissingCodes().fit_transform(frame).isna().sum().tolist() == [1, 0]


def test_a_table_of_words_alone():
    frame = pd.DataFrame({"site": ["A", "B", "?"] * 10, "arm": ["drug", "placebo", "drug"] * 10})
    assert MissingCodes().fit_transform(frame).isna().sum().tolist() == [10, 0]


def test_empty_and_constant_columns():
    frame = pd.DataFrame(
        {"none": [None] * 40, "nan": [np.nan] * 40, "same": [5] * 40, "blank": [" "] * 40}
    )
    codes = MissingCodes()
    out = codes.fit_transform(frame)
    assert out["blank"].isna().all()
    assert codes.record_.counts()["rule"].tolist() == ["blank_text"]
    pd.testing.assert_frame_equal(out.drop(columns="blank"), frame.drop(columns="blank"))


def test_the_record_and_the_codes_show_no_patient():
    dirty, _, _ = dirty_table(0)
    codes = MissingCodes().fit(dirty)
    assert set(codes.codes_["decision"]) <= {"blank", "keep", "verify"}
    assert codes.codes_["n_cells"].sum() == codes.record_.counts()["n_cells"].sum()


def zeros_among(values, share, seed=6):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(values)) < share, 0, values)


@pytest.mark.parametrize(
    ("name", "mean", "sd", "low", "share"),
    [
        ("triceps", 29, 9, 7, 0.3),
        ("SkinThickness", 27, 8, 8, 0.25),
        ("hip_girth", 98, 11, 62, 0.02),
        ("wt2", 74, 15, 34, 0.05),
        ("diastolic_bp_visit1", 78, 11, 41, 0.04),
        ("hr_day3", 92, 18, 40, 0.03),
    ],
)
def test_zeros_that_no_body_has_are_asked_about_under_usual_names(name, mean, sd, low, share):
    values = np.random.default_rng(5).normal(mean, sd, 700).clip(low).round()
    column = zeros_among(values, share)
    codes = MissingCodes().fit(pd.DataFrame({name: column}))
    counts = codes.record_.counts()
    assert counts["n_cells"].tolist() == [(column == 0).sum()]
    assert counts["rule"].isin(["missing_code_number", "possible_missing_code"]).all()
    assert MissingCodes().fit(pd.DataFrame({name: values})).record_.counts().empty


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("weight_loss", np.random.default_rng(0).gamma(4, 2, 700).round(1) + 2),
        ("pressure_support", np.random.default_rng(1).integers(5, 31, 700)),
        ("insulin_dose", np.random.default_rng(2).normal(40, 9, 700).round()),
        ("tumour_thickness", np.random.default_rng(3).gamma(5, 4, 700).round() + 4),
        ("skin_lesions", np.random.default_rng(4).poisson(9, 700) + 3),
    ],
)
def test_zeros_that_an_amount_may_have_are_left_alone(name, values):
    codes = MissingCodes().fit(pd.DataFrame({name: zeros_among(values, 0.3)}))
    assert codes.record_.counts().empty


def test_years_around_a_mean_age_are_no_codes():
    centred = pd.DataFrame({"age": np.tile([-2, -1, 0, 1], 100), "visit": np.tile([1, 2], 200)})
    assert MissingCodes().fit(centred).transform(centred).notna().all(axis=None)
    ages = np.where(np.arange(400) % 16 == 0, -1, 40 + np.arange(400) % 40)
    coded = pd.DataFrame({"age": ages, "visit": np.tile([1, 2], 200)})
    blank = MissingCodes().fit(coded).transform(coded)["age"].isna()
    assert (blank == (ages == -1)).all()
