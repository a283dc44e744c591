"""What must hold of the whole of cleaning on any table: rows, undo, one row, dtypes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml.cleaning import ClinicalCleaner

CELLS = {
    "sodium": ["138", "141", "136.5", "not done", "999", "-1", "<120", "13,9", "inf", "", "x"],
    "height": [171.0, 165.5, 0.0, 1.72, 1710.0, -5.0, np.nan, 68.0, np.inf],
    "weight": [70.0, 82.5, 700.0, 165.0, np.nan, 0.0, 154.0],
    "sex": ["male", "female", " Male", "f", "FEMALE", None, "?", "divers"],
    "admitted": ["2021-03-04", "04/03/2021", "44260", "2021-13-40", None, "1900-01-01"],
    "code": ["I21.4", "I214", "l21.4", "E11.9", "", None],
    "identifier": [2**60 + 1, 2**60 + 3, 2**60 + 5],
}


@st.composite
def tables(draw):
    """Draw a table of a few dozen rows from cells of every kind, mostly the usual ones."""
    n = draw(st.integers(2, 40))
    columns = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5, unique=True))
    usual = st.integers(0, 1)
    frame = {}
    for name in columns:
        cells = CELLS[name]
        any_place = st.integers(0, len(cells) - 1)
        places = draw(st.lists(st.one_of(usual, usual, any_place), min_size=n, max_size=n))
        frame[name] = [cells[place] for place in places]
    index = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    return pd.DataFrame(frame, index=index)


@given(tables(), st.sampled_from(["propose", "apply"]), st.data())
@settings(max_examples=25, deadline=None)
def test_rows_stay_undo_is_exact_and_one_row_is_as_in_the_batch(frame, mode, data):
    before = frame.copy(deep=True)
    cleaner = ClinicalCleaner(mode=mode)
    clean = cleaner.fit_transform(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert clean.index.equals(frame.index)
    assert list(clean.columns[: frame.shape[1]]) == list(frame.columns)
    assert list(cleaner.get_feature_names_out()) == list(clean.columns)
    pd.testing.assert_frame_equal(cleaner.undo(clean), frame)
    k = data.draw(st.integers(0, len(frame) - 1))
    alone = cleaner.transform(frame.iloc[[k]])
    pd.testing.assert_frame_equal(alone, clean.iloc[[k]], check_dtype=False)
    order = np.random.default_rng(k).permutation(len(frame))
    mixed = cleaner.transform(frame.iloc[order])
    pd.testing.assert_frame_equal(mixed, clean.iloc[order], check_dtype=False)


@given(tables())
@settings(max_examples=10, deadline=None)
def test_new_rows_teach_nothing(frame):
    cleaner = ClinicalCleaner(mode="apply").fit(frame)
    first = cleaner.transform(frame)
    cleaner.transform(frame.iloc[::-1].iloc[:1])
    pd.testing.assert_frame_equal(cleaner.transform(frame), first)


def plain(n=60):
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "sodium": rng.normal(138, 4, n).round(),
            "age": rng.integers(20, 90, n),
            "sex": rng.choice(["female", "male"], n),
            "smoker": rng.random(n) < 0.3,
            "seen": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
            "number": np.arange(n) + 2**60,
            "empty": np.nan,
            "same": 1.0,
        }
    )


@pytest.mark.parametrize(
    "dtypes",
    [
        {},
        {"sodium": "Float64", "age": "Int64", "smoker": "boolean", "sex": "string"},
        {"sex": "category", "sodium": "float32"},
        {"sodium": "double[pyarrow]", "age": "int64[pyarrow]", "sex": "string[pyarrow]"},
    ],
)
def test_dtypes_of_a_clean_table_stay(dtypes):
    frame = plain().astype(dtypes)
    pd.testing.assert_frame_equal(ClinicalCleaner(mode="apply").fit_transform(frame), frame)


def test_polars_in_polars_out():
    frame = pl.from_pandas(plain().drop(columns="empty"))
    clean = ClinicalCleaner(mode="apply").fit_transform(frame)
    assert isinstance(clean, pl.DataFrame)
    assert clean.equals(frame)
    dirty = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 4).then(940.0).otherwise(pl.col("sodium")).alias("sodium")
    )
    cleaner = ClinicalCleaner().fit(dirty)
    assert (cleaner.record_.to_frame()["position"] == 4).any()
