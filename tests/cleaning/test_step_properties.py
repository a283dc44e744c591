"""What must hold of every step on any table of any dtypes: rows, undo, one row, order, twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthml import cleaning
from healthml.cleaning import (
    CategoryNormalizer,
    CodeChecker,
    CrossFieldCheck,
    DateParser,
    DecimalSlips,
    LabValueParser,
    MissingCodes,
    PlausibleRange,
    UnitHarmonizer,
)
from healthml.cleaning._record import CellCleaner

STEPS = [
    MissingCodes(),
    LabValueParser(),
    DateParser(),
    CategoryNormalizer(),
    CodeChecker(),
    UnitHarmonizer(mode="apply"),
    DecimalSlips(),
    PlausibleRange(),
    CrossFieldCheck(),
]
CELLS = {
    "sodium": ["138", "141", "136.5", "not done", "999", "-1", "<120", "13,9", "inf", "", "x"],
    "height": [171.0, 165.5, 0.0, 1.72, 1710.0, -5.0, np.nan, 68.0, np.inf],
    "weight": [70.0, 82.5, 700.0, 165.0, np.nan, 0.0, 154.0],
    "sbp": [128, 141, 999, 80, -9, 1280],
    "dbp": [75, 82, 999, 128, 7],
    "sex": ["male", "female", " Male", "f", "FEMALE", None, "?", "divers"],
    "admitted": ["2021-03-04", "04/03/2021", "44260", "2021-13-40", None, "1900-01-01"],
    "seen": [pd.Timestamp("2021-03-04"), pd.Timestamp("1900-01-01"), pd.NaT],
    "code": ["I21.4", "I214", "l21.4", "E11.9", "", None],
    "identifier": [2**60 + 1, 2**60 + 3, 2**60 + 5],
    "empty": [np.nan],
    "same": ["7"],
}
TEXT = ["object", "str", "string", "category", "string[pyarrow]"]
FLOAT = ["float64", "float32", "Float64", "double[pyarrow]"]
WHOLE = ["int64", "Int64", "int64[pyarrow]"]


def dtypes_of(name):
    """Return the dtypes in which a column may come."""
    cell = CELLS[name][0]
    if isinstance(cell, pd.Timestamp):
        return ["datetime64[ns]", "datetime64[us]"]
    return TEXT if isinstance(cell, str) else FLOAT if isinstance(cell, float) else WHOLE


@st.composite
def tables(draw):
    """Draw a table from cells of every kind, mostly the usual ones, with a repeated index."""
    n = draw(st.integers(2, 30))
    columns = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5, unique=True))
    frame = {}
    for name in columns:
        last = len(CELLS[name]) - 1
        usual = st.integers(0, min(1, last))
        places = st.one_of(usual, usual, st.integers(0, last))
        cells = [CELLS[name][place] for place in draw(st.lists(places, min_size=n, max_size=n))]
        frame[name] = pd.Series(cells, dtype=draw(st.sampled_from(dtypes_of(name))))
    frame = pd.DataFrame(frame)
    return frame.set_axis(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))


def test_every_step_is_tried():
    public = {name for name in cleaning.__all__ if _is_step(getattr(cleaning, name))}
    untried = public - {type(step).__name__ for step in STEPS} - {"ClinicalCleaner"}
    assert not untried, f"write {sorted(untried)} into STEPS, and what they repair into CELLS"


def _is_step(thing):
    return isinstance(thing, type) and issubclass(thing, CellCleaner)


def same(a, b):
    """Raise unless two tables hold the same cells; a dtype may hold one row and not the other."""
    pd.testing.assert_frame_equal(a, b, check_dtype=False)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
@given(frame=tables(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
def test_rows_stay_undo_is_exact_one_row_is_as_many_and_twice_is_once(step, frame, seed):
    before = frame.copy(deep=True)
    clean = step.fit_transform(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert clean.index.equals(frame.index)
    assert list(clean.columns[: frame.shape[1]]) == list(frame.columns)
    pd.testing.assert_frame_equal(step.undo(clean), frame)
    order = np.random.default_rng(seed).permutation(len(frame))
    same(step.transform(frame.iloc[order]), clean.iloc[order])
    same(step.transform(frame.iloc[order[:1]]), clean.iloc[order[:1]])
    once = clean[list(frame.columns)]
    same(step.transform(once)[list(frame.columns)], once)
