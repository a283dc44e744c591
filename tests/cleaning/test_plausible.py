import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml.cleaning._plausible.ranges import PlausibleRange
from healthml.exceptions import InputError
from healthml.schema import Schema, Variable

ERROR = ("blanked", "error"), ("flagged", "error")


def adults(seed=0, n=600):
    """Return a clean table of adults, some of them very ill."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": np.clip(rng.normal(66, 14, n), 18, 104).round(),
            "height_cm": rng.normal(170, 9, n).round(1),
            "weight_kg": np.exp(rng.normal(4.35, 0.22, n)).round(1),
            "hr": rng.normal(88, 17, n).round(),
            "sodium": rng.normal(138, 5, n).round(),
            "creatinine": np.exp(rng.normal(0.1, 0.6, n)).round(2),
            "crp": np.exp(rng.normal(3, 1.5, n)).round(1),
            "temp": rng.normal(37, 0.7, n).round(1),
            "spo2": np.minimum(100, rng.normal(96, 2.5, n).round()),
            "site": rng.choice(["A", "B"], n),
        }
    )
    real = {"sodium": (181, 109), "creatinine": (24.1, 19.4), "temp": (27.4, 42.3), "spo2": (51, 0)}
    for column, values in {**real, "hr": (221, 0), "weight_kg": (312, 31.5)}.items():
        frame.loc[[3, 4], column] = values
    return frame


def found(cleaner, severity="error"):
    table = cleaner.record_.to_frame()
    table = table[table["severity"] == severity]
    return set(zip(table["position"], table["column"], table["rule"], strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_sickest_are_never_touched(seed):
    X = adults(seed)
    cleaner = PlausibleRange(trust_unreviewed=True).fit(X)
    pd.testing.assert_frame_equal(cleaner.transform(X), X)
    assert found(cleaner) == set()
    assert {(3, "sodium", "verify_value"), (4, "temp", "verify_value")} <= found(cleaner, "verify")


@pytest.mark.parametrize("seed", range(3))
def test_impossible_values_are_found_and_only_they(seed):
    X, rng = adults(seed), np.random.default_rng(seed)
    wrong = {
        "age": [-41, 170, 297],
        "height_cm": [808, 13],
        "weight_kg": [872, 0],
        "hr": [940, -3],
        "sodium": [345, 14.3],
        "temp": [58.4, 369],
        "spo2": [103, 172],
        "creatinine": [-6.6],
    }
    cells = []
    for column, values in wrong.items():
        for row, value in zip(
            rng.choice(np.arange(10, 600), 3, replace=False), values, strict=False
        ):
            X.loc[row, column] = value
            cells.append((row, column))
    cleaner = PlausibleRange().fit(X)
    assert {(row, column) for row, column, _ in found(cleaner)} == set(cells)


def test_unreviewed_limits_flag_and_definitions_act():
    X = adults()
    X.loc[[10, 11], "sodium"] = [345, -5]
    out = PlausibleRange().fit_transform(X)
    assert out.loc[10, "sodium"] == 345
    assert np.isnan(out.loc[11, "sodium"])
    assert PlausibleRange(trust_unreviewed=True).fit_transform(X)["sodium"].isna().sum() == 2
    flagged = PlausibleRange(hard="flag", trust_unreviewed=True).fit(X)
    pd.testing.assert_frame_equal(flagged.transform(X), X)


def test_a_schema_and_the_user_override():
    X = adults()
    X.loc[10, "sodium"] = 345
    schema = Schema(outcome="y", variables={"sodium": Variable(hard=(80, 220), soft=(130, 150))})
    cleaner = PlausibleRange(schema)
    assert np.isnan(cleaner.fit_transform(X).loc[10, "sodium"])
    assert "declared in the schema" in cleaner.record_.to_frame()["evidence"].str.cat()
    wide = PlausibleRange(schema, limits={"sodium": (None, 400)}).fit(X)
    assert (10, "sodium", "impossible_value") not in found(wide)
    children = {"height_cm": {"child": {"hard": (30, 150)}}}
    X.loc[[0, 1], "age"] = [40, 6]
    X.loc[[0, 1], "height_cm"] = [170, 170]
    cleaner = PlausibleRange(limits=children).fit(X)
    assert found(cleaner) >= {(1, "height_cm", "impossible_value")}
    assert (0, "height_cm", "impossible_value") not in found(cleaner)


def test_limits_of_a_column_that_means_no_concept():
    X = pd.DataFrame({"score_x": [1.0, 5.0, 99.0], "g": list("aab")})
    cleaner = PlausibleRange(limits={"score_x": (0, 10)})
    assert cleaner.fit_transform(X)["score_x"].isna().tolist() == [False, False, True]


def test_raise_names_the_place_and_no_value():
    X = adults()
    X.loc[[10, 20], "spo2"] = [172, 188]
    with pytest.raises(InputError, match=r"'spo2' has 2 impossible values.*position 10") as error:
        PlausibleRange(hard="raise").fit(X)
    assert "172" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hard": "clip"},
        {"soft": "nan"},
        {"population": "elderly"},
        {"limits": {"nope": (0, 1)}},
        {"limits": {"sodium": (9, 1)}},
        {"limits": {"sodium": {"weird": (0, 1)}}},
        {"limits": {"sodium": 7}},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(InputError):
        PlausibleRange(**wrong).fit(adults())


def children_too(seed=0):
    rng, X = np.random.default_rng(seed), adults(seed)
    years = rng.uniform(0.1, 12, 200)
    X.loc[:199, "age"] = years.round(1)
    X.loc[:199, "height_cm"] = (75 + 6 * years + rng.normal(0, 4, 200)).round(1)
    X.loc[:199, "weight_kg"] = (8 + 2.6 * years + rng.normal(0, 1, 200)).round(1)
    X.loc[:199, "hr"] = rng.normal(120, 20, 200).round()
    return X


def test_children_are_judged_as_children():
    X = children_too()
    columns = ["height_cm", "weight_kg"]
    by_age = PlausibleRange().fit(X).record_.rows_touched(column="height_cm")
    assert not by_age[:200].any()
    as_adults = PlausibleRange(population="adult", limits=None).fit(X).record_
    assert as_adults.rows_touched(column="height_cm")[:200].sum() > 100
    assert PlausibleRange(population="age").fit(X).age_column_ == "age"
    assert not found(PlausibleRange().fit(X[[*columns, "age"]]))


def test_newborns_and_their_mothers():
    rng = np.random.default_rng(1)
    mothers = pd.DataFrame({"age": rng.uniform(18, 44, 300), "weight_kg": rng.normal(75, 12, 300)})
    newborn = pd.DataFrame({"age": rng.uniform(0, 0.07, 300), "weight_kg": rng.normal(3, 0.6, 300)})
    X = pd.concat([mothers, newborn], ignore_index=True)
    X.loc[301, "weight_kg"] = 30  # grams or a slip: no newborn
    X.loc[302, "weight_kg"] = 0.5  # extremely preterm
    cleaner = PlausibleRange().fit(X)
    assert found(cleaner, "verify") == {(301, "weight_kg", "verify_value")}
    assert found(cleaner) == set()


def test_units_are_suspected_before_anything_is_called_impossible():
    X = adults()
    X.loc[10:39, "temp"] = (X.loc[10:39, "temp"] * 1.8 + 32).round(1)
    X.loc[50:52, "height_cm"] = [419.1, 381.0, 406.4]
    cleaner = PlausibleRange(trust_unreviewed=True)
    out = cleaner.fit_transform(X)
    assert out["temp"].equals(X["temp"])
    rules = found(cleaner)
    assert {(row, "temp", "unit_suspected") for row in range(10, 40)} <= rules
    assert {(row, "height_cm", "converted_twice") for row in (50, 51, 52)} <= rules


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("ca", [0, 1, 2, 3, -9]),  # vessels, not calcium
        ("weight", [0.2, 0.5, 1.5, 2.0, -0.1]),  # sampling weights
        ("map", [1, 2, 3, 4, 900]),
        ("sodium", ["low", "high", "normal", "low", "high"]),
        ("base_excess", [-12.0, 3.0, 0.5, -3.0, 8.0]),
        ("z_score", [-5.0, 0.0, 1.0, 2.0, 900.0]),
    ],
)
def test_a_name_alone_is_not_believed(column, values):
    X = pd.DataFrame({column: values * 20, "g": ["a"] * 100})
    cleaner = PlausibleRange(trust_unreviewed=True).fit(X)
    assert found(cleaner) == set()


def test_a_column_in_pounds_or_mmol_is_read_in_its_unit():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "weight": rng.normal(180, 35, 500).round(),
            "glucose": np.exp(rng.normal(1.8, 0.3, 500)).round(1),
            "creatinine": np.exp(rng.normal(4.5, 0.6, 500)).round(),
        }
    )
    X.loc[[1, 2, 3], "weight"] = 660  # pounds: a real patient
    X.loc[4, "glucose"] = 55.0  # mmol/l
    X.loc[5, "creatinine"] = 1800  # umol/l
    X.loc[6, "glucose"] = -1
    cleaner = PlausibleRange(trust_unreviewed=True).fit(X)
    assert {row for row, *_ in found(cleaner)} == {6}


def test_a_tail_through_a_limit_shows_the_limit_to_be_wrong():
    crp = np.exp(np.random.default_rng(0).normal(4, 1.4, 3000))
    crp[0] = 0.0  # below detection: the tail is still that of the others
    assert (crp > 1000).sum() > 10
    assert found(PlausibleRange(trust_unreviewed=True).fit(pd.DataFrame({"crp": crp}))) == set()


@pytest.mark.parametrize(("code", "n"), [(90, 30), (91.4, 40), (300, 8), (200, 5)])
def test_ages_over_89_that_were_coded_are_censored(code, n):
    age = np.clip(np.random.default_rng(0).normal(66, 14, 600), 18, 89).round()
    age[:n] = code
    cleaner = PlausibleRange(trust_unreviewed=True)
    out = cleaner.fit_transform(pd.DataFrame({"age": age}))
    assert out["age"].tolist() == age.tolist()
    assert found(cleaner, "verify") == {(row, "age", "age_top_coded") for row in range(n)}
    assert found(cleaner) == set()


def test_old_people_are_not_a_code():
    age = np.clip(np.random.default_rng(0).normal(72, 13, 3000), 18, 101).round()
    age[age == 101] = 90
    assert PlausibleRange().fit(pd.DataFrame({"age": age})).top_codes_ == {"age": ()}


def test_new_rows_out_of_range_are_recorded_one_as_in_a_batch():
    X = adults()
    cleaner = PlausibleRange(trust_unreviewed=True).fit(X)
    new = X.iloc[20:30].copy()
    new.loc[25, ["sodium", "temp", "crp"]] = [400, 98.6, np.inf]
    whole = cleaner.transform(new)
    assert found(cleaner) >= {(5, "sodium", "impossible_value"), (5, "temp", "unit_suspected")}
    news = cleaner.drift().query("is_new and severity == 'error'")
    assert set(news["column"]) == {"sodium", "temp", "crp"}
    for position in range(10):
        one = cleaner.transform(new.iloc[[position]])
        pd.testing.assert_frame_equal(one, whole.iloc[[position]])


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(0, 3))
def test_properties_of_every_table(random, seed):
    X = children_too(seed)
    rows = list(range(len(X)))
    X.loc[random.sample(rows, 5), "sodium"] = [345, -4, 14, np.inf, 316]
    X.loc[random.sample(rows, 3), "age"] = [-3, 170, np.nan]
    cleaner = PlausibleRange(trust_unreviewed=True)
    out = cleaner.fit_transform(X)
    assert len(out) == len(X)
    pd.testing.assert_frame_equal(cleaner.undo(out), X)
    again = PlausibleRange(trust_unreviewed=True).fit_transform(out)
    pd.testing.assert_frame_equal(again, out)
    order = random.sample(rows, len(rows))
    shuffled = PlausibleRange(trust_unreviewed=True).fit_transform(X.iloc[order])
    pd.testing.assert_frame_equal(shuffled, out.iloc[order])


@pytest.mark.parametrize(
    "dtype", ["Int64", "Float64", "string", "str", "category", "int64[pyarrow]", "object"]
)
def test_dtypes_and_a_repeated_index_are_kept(dtype):
    X = pd.DataFrame({"sodium": [138, 141, 345, 139, 136] * 8}, index=list("ppqrs") * 8)
    X["sodium"] = X["sodium"].astype(dtype)
    cleaner = PlausibleRange(trust_unreviewed=True)
    out = cleaner.fit_transform(X)
    assert out["sodium"].isna().sum() == 8
    assert out["sodium"].dtype == X["sodium"].dtype
    assert out.index.equals(X.index)
    pd.testing.assert_frame_equal(cleaner.undo(out), X)


def test_polars_empty_and_constant_columns_big_numbers_and_dates():
    X = pl.DataFrame(
        {
            "spo2": [98.0, 172.0, None, 94.0, 91.0, 97.0],
            "patient_id": [2**60 + i for i in range(6)],
            "hr": [None] * 6,
            "temp": [37.0] * 6,
        }
    )
    out = PlausibleRange(trust_unreviewed=True).fit_transform(X)
    assert out["spo2"].to_list() == [98.0, None, None, 94.0, 91.0, 97.0]
    assert out["patient_id"].to_list() == [2**60 + i for i in range(6)]
    frame = pd.DataFrame({"age": pd.to_datetime(["2020-01-01", None]), "sodium": [None, None]})
    pd.testing.assert_frame_equal(PlausibleRange().fit_transform(frame), frame)


def test_a_pickle_and_a_repr_hold_no_value():
    X = adults()
    X.loc[10, "sodium"] = 345
    cleaner = PlausibleRange().fit(X)
    assert "345" not in repr(cleaner.record_)
    assert pickle.loads(pickle.dumps(cleaner)).record_.n_rows == 0
