"""Rows leave by stated reasons: alignment, types, the flow and the refusals."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml.cleaning import drop_rows
from healthml.exceptions import InputError


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "age": pd.array([17, 70, 40, 40, 55, 16], dtype="Int64"),
            "sex": pd.Categorical(["f", "m", "f", "f", "m", "m"]),
            "seen": pd.date_range("2020-01-01", periods=6),
        },
        index=["a", "b", "b", "c", "d", "e"],
    )


Y = [0, 1, 0, None, 1, 1]
PATIENTS = ["p1", "p2", "p2", "p3", "p4", "p1"]


def dropped(table, **options):
    reasons = {
        "younger than 18": lambda X: X["age"] < 18,
        "outcome unknown": [3, 5],
        "transferred": np.array([False, True, False, False, False, False]),
    }
    return drop_rows(table, pd.Series(Y), groups=PATIENTS, reasons=reasons, **options)


def test_flow_counts_rows_patients_and_events_at_each_step(table):
    flow = dropped(table).to_frame().set_index("step")
    assert flow["n_left_out"].tolist() == [0, 2, 1, 1, 0]
    assert flow["n_samples"].tolist() == [6, 4, 3, 2, 2]
    assert flow["n_matching"].iloc[1:-1].tolist() == [2, 2, 1]  # one of the two had left before
    assert flow["n_patients"].tolist() == [4, 3, 2, 2, 2]  # p2 keeps a row
    assert flow["n_patients_left_out"].tolist() == [0, 1, 1, 0, 0]
    assert flow["n_events"].tolist() == [3, 2, 2, 1, 1]
    assert flow["n_events_left_out"].tolist() == [0, 1, 0, 1, 0]


def test_everything_stays_aligned_and_in_its_type(table):
    weight = np.arange(6.0)
    result = dropped(table, weight=weight, sites=tuple("uvwxyz"), nothing=None)
    assert result.kept.tolist() == [2, 4]
    pd.testing.assert_frame_equal(result.X, table.iloc[[2, 4]])
    assert result.y.index.tolist() == [2, 4]
    assert result.groups == ["p2", "p4"]
    assert result.aligned["weight"].tolist() == [2.0, 4.0]
    assert result.aligned["sites"] == ("w", "y")
    X, y, groups, weights, sites, nothing, flow = result
    assert X is result.X
    assert y is result.y
    assert (groups, sites, nothing) == (result.groups, ("w", "y"), None)
    assert weights is result.aligned["weight"]
    assert flow.equals(result.table)


def test_polars_stays_polars(table):
    frame = pl.from_pandas(table)
    y, kept = pl.Series("died", [0, 1, 0, 1, 1, 0]), [1, 2, 3, 4]
    reasons = {"younger than 18": lambda X: X["age"] < 18}
    X, y_left, groups, flow = drop_rows(frame, y, groups=PATIENTS, reasons=reasons)
    assert X.equals(frame[kept])
    assert X.schema == frame.schema
    assert y_left.to_list() == [1, 0, 1, 1]
    assert groups == ["p2", "p2", "p3", "p4"]
    assert flow["n_events"].tolist() == [3, 3, 3]
    with pytest.raises(InputError, match="lazy frame"):
        drop_rows(frame.lazy(), reasons={"a": [0]})


def test_arrays_and_sparse_matrices_are_taken_too():
    from scipy.sparse import csr_array

    numbers = np.arange(8.0).reshape(4, 2)
    for X in (numbers, csr_array(numbers)):
        left = drop_rows(X, reasons={"second": [1]}).X
        assert type(left) is type(X)
        dense = left if isinstance(left, np.ndarray) else left.toarray()
        assert dense.tolist() == numbers[[0, 2, 3]].tolist()


def test_events_are_not_guessed(table):
    words = ["no", "yes", "no", "no", "yes", "yes"]
    reasons = {"first": [0]}
    assert drop_rows(table, words, reasons=reasons).table["n_events"].isna().all()
    flow = drop_rows(table, words, reasons=reasons, event="yes").table
    assert flow["n_events"].tolist() == [3, 3, 3]
    assert drop_rows(table, [0.0] * 6, reasons=reasons).table["n_events"].tolist() == [0, 0, 0]


def test_a_reason_that_names_nobody_stays_in_the_flow(table):
    flow = drop_rows(table, reasons={"nobody": [], "nor here": [False] * 6}).table
    assert flow["n_left_out"].tolist() == [0, 0, 0, 0]
    assert flow["step"].tolist() == ["in the table", "nobody", "nor here", "analysed"]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ([True, False], "2 booleans for 6 rows"),
        ([0, 1, 1, 0, 0, 0], "repeats a position"),
        ([6], "outside 0 to 5"),
        ([-1], "outside 0 to 5"),
        ([0.5], "type float64"),
        (pd.array([True, None, False, False, False, False], dtype="boolean"), "missing for 1 of 6"),
        (lambda X: X[["age"]] < 18, "more than one dimension"),
        (lambda X: 3, "gives a int"),
        ([True] * 6, "no row of 6 is left"),
        (pd.Series([True, False] * 3, index=list("abcdef")[::-1]), "another order"),
    ],
)
def test_reasons_that_cannot_be_read_are_refused(table, reason, message):
    with pytest.raises(InputError, match=message):
        drop_rows(table.set_axis(list("abcdef")), reasons={"words": reason})


def test_lengths_and_orders_that_do_not_fit_are_refused(table):
    with pytest.raises(InputError, match="y has 2 values for 6 rows"):
        drop_rows(table, [0, 1], reasons={"a": [0]})
    with pytest.raises(InputError, match="weight has 5 values"):
        drop_rows(table, weight=np.ones(5), reasons={"a": [0]})
    unique = table.set_axis(list("abcdef"))
    with pytest.raises(InputError, match="y has the row labels of X in another order"):
        drop_rows(unique, pd.Series(range(6), index=list("fedcba")), reasons={"a": [0]})
    with pytest.raises(InputError, match="reasons is empty"):
        drop_rows(table, reasons={})


def test_what_is_shown_holds_no_patient(table):
    marked = table.assign(secret="ZQX7")
    result = drop_rows(marked, Y, groups=["ZQX7"] * 6, reasons={"younger than 18": [0, 5]})
    shown = (repr(result), result.summary(), result.to_json(), result._repr_html_())
    assert all("ZQX7" not in text for text in shown)
    assert result.table["n_left_out"].iloc[1] == 2  # memory keeps every count
    assert json.loads(result.to_json())["table"][1]["n_left_out"] is None
    assert "left out, younger than 18: <11 rows, 0 patients, <11 events" in result.summary()


def test_the_diagram_says_what_the_table_says(table):
    words = [text.get_text() for text in dropped(table).plot().texts]
    assert "younger than 18\n<11 rows, <11 patients, <11 events" in words
    assert "analysed\n<11 rows, <11 patients, <11 events" in words


@given(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=4))
def test_kept_rows_are_those_without_any_reason(masks):
    masks = np.array(masks)
    masks[:, 0] = False  # somebody stays
    X = pd.DataFrame({"row": range(8)})
    result = drop_rows(X, reasons={f"reason {i}": mask for i, mask in enumerate(masks)})
    assert result.X["row"].tolist() == np.flatnonzero(~masks.any(axis=0)).tolist()
    assert result.table["n_left_out"].sum() == masks.any(axis=0).sum()
    assert (result.table["n_samples"].diff().iloc[1:] == -result.table["n_left_out"].iloc[1:]).all()
