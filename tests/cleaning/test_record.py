"""The record of cleaning: complete, silent about patients, and enough to undo everything."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml._core._release import release_table
from healthml.cleaning._record.base import CellCleaner
from healthml.cleaning._record.record import Change, CleaningRecord, Retyped, write_cells
from healthml.cleaning._record.summary import compare_counts, newcombe
from healthml.exceptions import InputError

SECRET = -98_765.0


class Blank(CellCleaner):
    """Blanks numbers below a limit and doubles those above another, for the tests."""

    def _changes(self, frame, prepared=None):
        for column in frame.columns:
            if not pd.api.types.is_numeric_dtype(frame[column]):
                continue
            values = frame[column].to_numpy(dtype=float, na_value=np.nan)
            low, high = np.flatnonzero(values < -1e4), np.flatnonzero(values > 1e4)
            yield Change(column, "too_low", low, [None] * len(low), "blanked", evidence="-10,000")
            yield Change(column, "too_high", high, values[high] / 1000, evidence="10,000")


def table(index=None):
    frame = pd.DataFrame(
        {
            "whole": [1, 2, int(SECRET), 4],
            "amount": [1.5, np.nan, SECRET, 20_000.0],
            "id": [2**60 + 1, 2**60 + 3, 5, 7],
            "word": ["a", "b", None, "d"],
            "level": pd.Categorical(["x", "y", "x", None]),
            "day": pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-04"]),
        }
    )
    return frame if index is None else frame.set_axis(index, axis=0)


@pytest.mark.parametrize("index", [None, [7, 7, 8, 8], list("abcd")])
def test_undo_restores_everything(index):
    frame = table(index).assign(id=lambda d: d["id"].mod(2**53))
    before = frame.copy(deep=True)
    cleaner = Blank()
    clean = cleaner.fit_transform(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert clean["whole"].isna().sum() == 1
    assert not clean.equals(frame)
    pd.testing.assert_frame_equal(cleaner.undo(clean), frame)
    pd.testing.assert_frame_equal(clean.index.to_frame(), frame.index.to_frame())


def test_undo_of_one_rule_keeps_the_other():
    frame = table()[["amount"]]
    cleaner = Blank()
    clean = cleaner.fit_transform(frame)
    back = cleaner.undo(clean, rules="too_low")
    assert back["amount"].tolist()[2:] == [SECRET, 20.0]
    assert back["amount"].dtype == float
    with pytest.raises(InputError, match="did nothing here"):
        cleaner.undo(clean, rules="nonsense")
    with pytest.raises(InputError, match="rows"):
        cleaner.undo(clean.iloc[:2])


def test_undo_of_a_new_form_takes_the_column_back():
    frame = pd.DataFrame({"a": ["1", "2,5", "3"]})
    record = CleaningRecord(frame.index)
    out = frame.copy(deep=False)
    from healthml.cleaning._record.base import perform

    perform(out, Change("a", "comma", np.array([1]), ["2.5"]), record)
    perform(out, Retyped("a", "number", pd.Series([1.0, 2.5, 3.0])), record)
    perform(out, Change("a", "unit", np.array([0]), [10.0]), record)
    assert out["a"].tolist() == [10.0, 2.5, 3.0]
    assert record.undo(out, "unit")["a"].tolist() == [1.0, 2.5, 3.0]
    pd.testing.assert_frame_equal(record.undo(out, "number"), frame)
    pd.testing.assert_frame_equal(record.undo(out), frame)


def test_no_value_is_shown_and_none_travels():
    cleaner = Blank().fit(table(["secret-1", "secret-2", "secret-3", "secret-4"]))
    for text in (repr(cleaner.record_), cleaner.record_._repr_html_(), repr(cleaner)):
        assert "98765" not in text.replace(",", "")
        assert "secret" not in text
    stored = pickle.dumps(cleaner)
    assert b"secret" not in stored
    travelled = pickle.loads(stored)
    assert len(travelled.record_.to_frame()) == 0
    pd.testing.assert_frame_equal(travelled.transform(table()), cleaner.transform(table()))


def test_record_says_where_what_and_why():
    cleaner = Blank().fit(table(list("abcd")))
    rows = cleaner.record_.to_frame()
    first = rows[(rows["column"] == "amount") & (rows["rule"] == "too_low")].iloc[0]
    assert (first["position"], first["row"], first["old"]) == (2, "c", SECRET)
    assert first["action"] == "blanked"
    counts = cleaner.record_.counts().set_index(["column", "rule"])["n_cells"]
    assert counts["amount", "too_high"] == 1
    touched = cleaner.record_.rows_touched(action="blanked")
    assert touched.tolist() == [False, False, True, False]


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.floats(-1e9, 1e9, allow_nan=False),
            st.sampled_from([SECRET, 2e4]),
        ),
        min_size=2,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_rows_stay_and_one_row_is_as_in_the_batch(values, random):
    frame = pd.DataFrame({"a": pd.Series(values, dtype=float)})
    frame.index = [random.randint(0, 3) for _ in values]
    cleaner = Blank()
    clean = cleaner.fit_transform(frame)
    assert clean.index.equals(frame.index)
    pd.testing.assert_frame_equal(cleaner.undo(clean), frame)
    k = random.randrange(len(values))
    pd.testing.assert_frame_equal(cleaner.transform(frame.iloc[[k]]), clean.iloc[[k]])


@pytest.mark.parametrize(
    ("series", "value", "dtype"),
    [
        (pd.Series([1, 2, 3]), None, "float64"),
        (pd.Series([2**60 + 1, 2, 3]), None, "Int64"),
        (pd.Series([1, 2, 3]), 9, "int64"),
        (pd.Series([1, 2, 3]), 0.5, "float64"),
        (pd.Series([1, 2, 3], dtype="Int64"), None, "Int64"),
        (pd.Series([True, False, True]), None, "boolean"),
        (pd.Series(["a", "b", "c"], dtype="string"), None, "string"),
        (pd.Series(["a", "b", "c"]), None, None),
        (pd.Series(pd.Categorical(["a", "b", "c"])), "z", "category"),
        (pd.Series(pd.to_datetime(["2020-01-01"] * 3)), None, None),
        (pd.Series([1.0, 2.0, 3.0]), "text", "object"),
        (pd.Series([1.0, 2.0, 3.0], dtype="double[pyarrow]"), None, "double[pyarrow]"),
    ],
)
def test_cells_are_written_in_the_narrowest_dtype(series, value, dtype):
    before = series.copy(deep=True)
    out = write_cells(series, np.array([1]), [value])
    pd.testing.assert_series_equal(series, before)
    assert pd.isna(out.iloc[1]) if value is None else out.iloc[1] == value
    assert out.iloc[0] == series.iloc[0]
    assert str(out.dtype).startswith(dtype) if dtype else out.dtype == series.dtype


def test_drift_tells_a_rule_that_is_new():
    calm = pd.DataFrame({"a": [1.0] * 500})
    cleaner = Blank().fit(calm)
    cleaner.transform(pd.DataFrame({"a": [1.0] * 90 + [SECRET] * 10}))
    row = cleaner.drift().iloc[0]
    assert row["is_new"]
    assert row["lower"] > 0
    assert row["n_cells"] == 10
    same = compare_counts(cleaner.fit_counts_, 500, cleaner.fit_counts_, 500)
    assert len(same) == 0


def test_newcombe_agrees_with_the_paper():  # Newcombe 1998, table II, method 10
    for (a, m, b, n), ends in {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 20): (0.6791, 1.0000),
    }.items():
        found = [round(float(end), 4) for end in newcombe(a, m, b, n)]
        assert found == pytest.approx(ends, abs=1e-4)


def test_touched_rows_are_hidden_like_any_other_count():
    table = pd.DataFrame(
        {"rule": ["a", "b"], "n_touched": [3, 60], "n_samples": [240, 240], "n_events": [80, 80]}
    )
    written = release_table(table)
    assert written["n_touched"].isna().tolist()[0]
    assert 3 not in written["n_touched"].tolist()
