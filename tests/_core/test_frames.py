import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml._core._tables.frames import (
    blank_codes,
    check_column_names,
    check_table,
    column_kind,
    parse_numbers,
    refuse_nested,
    sensitive_frame,
    to_pandas,
)
from healthml.exceptions import InputError


def test_pandas_passes_through_untouched():
    frame = pd.DataFrame({"a": pd.Categorical(["x", None])}, index=["r", "r"])
    assert to_pandas(frame) is frame


def test_arrays_and_series_become_frames():
    assert to_pandas([[1, 2], [3, 4]]).columns.tolist() == ["x0", "x1"]
    assert to_pandas(pd.Series([1, 2], name="age", index=[5, 6])).index.tolist() == [5, 6]


def test_polars_keeps_values_and_types():
    pl = pytest.importorskip("polars")
    day = datetime.date(2020, 1, 2)
    frame = pl.DataFrame(
        {
            "big": [2**60 + 1, None, 3],
            "huge": pl.Series([2**64 - 1, None, 3], dtype=pl.UInt64),
            "int": [2**60 + 1, 5, 3],
            "small": [1, None, 3],
            "flag": [True, None, False],
            "text": ["a", None, "c"],
            "level": pl.Series(["a", None, "c"], dtype=pl.Categorical),
            "day": [day, None, day],
            "x": [0.5, None, float("nan")],
        }
    )
    for source in (frame, frame.lazy()):
        read = to_pandas(source)
        assert read.columns.tolist() == frame.columns
        assert int(read["big"].iloc[0]) == 2**60 + 1
        assert int(read["huge"].iloc[0]) == 2**64 - 1
        assert read["int"].dtype == np.int64
        assert read["small"].dtype == float
        assert str(read["flag"].dtype) == "boolean"
        assert isinstance(read["level"].dtype, pd.CategoricalDtype)
        assert column_kind(read["day"]) == "constant"
        assert read.drop(columns="int").isna().iloc[1].all()
        assert read["text"].tolist()[::2] == ["a", "c"]
    assert to_pandas(frame["text"]).shape == (3, 1)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column called 'a'"),
        (pd.DataFrame({"a": []}), "0 rows and 1 columns"),
        (pd.DataFrame(index=[1]), "1 rows and 0 columns"),
        (np.zeros(3), "1 dimensions"),
        (3, "is a int; pass a pandas"),
    ],
)
def test_what_is_no_table(table, says):
    with pytest.raises(InputError, match=says):
        to_pandas(table)


def test_infinite_values_and_empty_columns_are_named():
    frame = pd.DataFrame({"a": [1.0, np.inf, -np.inf], "b": [np.nan] * 3, "c": [1, 2, 3]})
    with pytest.raises(InputError, match=r"'a' of the table has 2 infinite .*position 1"):
        check_table(frame)
    with pytest.raises(InputError, match="No column of the table has a value in any of 3 rows"):
        check_table(frame[["b"]])
    assert check_table(frame[["b", "c"]]).equals(frame[["b", "c"]])
    nullable = pd.DataFrame({"a": pd.array([1.0, None, np.inf], dtype="Float64")})
    with pytest.raises(InputError, match="1 infinite value, the first at position 2"):
        check_table(nullable)
    assert check_table(frame[["c"]]).equals(frame[["c"]])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), min_size=1))
def test_written_numbers_are_read_back(values):
    text = pd.Series([None if v is None else repr(v) for v in values], dtype=object)
    numbers, is_text = parse_numbers(text)
    expected = np.array([np.nan if v is None else v for v in values])
    np.testing.assert_allclose(numbers, expected, rtol=1e-14)
    assert not is_text.any()


def test_what_is_no_number_is_marked():
    cells = ["5", " 7.2 ", "<5", "1,200", "inf", "nan", "", "  ", None, "7 mg"]
    numbers, is_text = parse_numbers(pd.Series(cells, index=list("abcdefghij"), name="x"))
    assert numbers.dropna().to_dict() == {"a": 5.0, "b": 7.2}
    assert is_text[is_text].index.tolist() == ["c", "d", "e", "f", "j"]
    as_category = parse_numbers(pd.Series(cells).astype("category"))
    assert as_category[0].equals(numbers.reset_index(drop=True).rename(None))
    assert as_category[1].tolist() == is_text.tolist()


def test_other_types_as_numbers():
    assert parse_numbers(pd.Series([1, None], dtype="Int64"))[0].isna().tolist() == [False, True]
    assert parse_numbers(pd.Series([True, False]))[0].tolist() == [1.0, 0.0]
    dates = pd.Series(pd.to_datetime(["2020-01-01", None]))
    assert parse_numbers(dates)[1].tolist() == [True, False]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([None, np.nan], "empty"),
        ([3, 3, None], "constant"),
        (["a", "a"], "constant"),
        ([0, 1, np.nan], "boolean"),
        ([True, False], "boolean"),
        ([True, None, False], "boolean"),
        ([1, 2], "numeric"),
        (["1", "2.5", " "], "numeric"),
        (["250.83", "V57"], "categorical"),
        (pd.Categorical([1, 2]), "categorical"),
        (["2020-01-02", "2020-01-03 10:00"], "datetime"),
        (pd.to_datetime(["2020-01-02", "2020-01-03"]), "datetime"),
        ([f"note {i}" for i in range(51)], "text"),
        ([f"code {i}" for i in range(60)] * 20, "categorical"),
        ([[1], [2]], "categorical"),
    ],
)
def test_kinds(cells, kind):
    assert column_kind(pd.Series(cells)) == kind


@pytest.mark.parametrize(
    ("cells", "codes", "missing"),
    [
        ([98, -1, 104], [-1], [1]),
        ([98.0, -1.0, 999.0], ["-1", 999], [1, 2]),
        (pd.array([98, -1], dtype="Int64"), [-1], [1]),
        (["5", " ? ", "-9"], ["?", -9], [1, 2]),
        (pd.Categorical(["a", "?"]), ["?"], [1]),
        (pd.Categorical([1.0, -9.0]), [-9], [1]),
        ([True, False], [0], []),
        ([1, 2], ["?"], []),
    ],
)
def test_missing_codes_become_missing(cells, codes, missing):
    series = pd.Series(cells, name="x")
    before = series.copy()
    blank = blank_codes(series, codes)
    assert np.flatnonzero(blank.isna()).tolist() == missing
    assert series.equals(before)
    if not missing:
        assert blank is series
    elif series.dtype != np.int64 and not isinstance(series.dtype, pd.CategoricalDtype):
        assert blank.dtype == series.dtype


def test_missing_codes_leave_large_identifiers_exact():
    blank = blank_codes(pd.Series([2**60 + 1, -1]), [-1])
    assert str(blank.dtype) == "Int64"
    assert int(blank.iloc[0]) == 2**60 + 1


@pytest.mark.parametrize("cell", [["I10"], {"a": 1}, {1}, np.arange(2), frozenset("a"), ("a", 1)])
def test_cells_that_hold_several_values_are_refused_by_column_and_position(cell):
    column = pd.Series(["x", None, "y"], dtype=object)
    column.iat[1] = cell
    with pytest.raises(InputError, match=r"column 'codes' of X has 1 cells .* at position 1;"):
        refuse_nested(pd.DataFrame({"age": [1, 2, 3], "codes": column}))


def test_cells_of_one_value_each_pass():
    cells = [1, "a", None, 2.5, True, Decimal("1.5"), datetime.date(2020, 1, 1)]
    refuse_nested(pd.DataFrame({"odd": pd.Series(cells, dtype=object), "age": range(7)}))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["a", None], "named by text, but for 1, the first at position 1"),
        ([0, "a"], "named by text, but for 1, the first at position 0"),
        (["a", "a"], "more than one column called 'a'"),
    ],
)
def test_column_names_that_cannot_be_used(columns, words):
    table = pd.DataFrame(np.eye(2), columns=columns)
    with pytest.raises(InputError, match=words):
        check_column_names(table)
    check_column_names(pd.DataFrame(np.eye(2)))
    check_column_names(np.eye(2))


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({"a": 1}, "mapping whose entries are not columns of 3 values"),
        ({}, "mapping whose entries"),
        ({"a": [1, 2, 3], "b": [1, 2]}, "mapping whose entries"),
        (5, "int of 0 dimensions"),
        ({1, 2, 3}, "set of 0 dimensions"),
        (np.zeros((3, 2, 2)), "ndarray of 3 dimensions"),
        ([1, 2], "2 rows and the outcome 3"),
    ],
)
def test_sensitive_features_that_are_no_columns_are_refused_in_a_sentence(features, words):
    with pytest.raises(InputError, match=words):
        sensitive_frame(features, 3)
