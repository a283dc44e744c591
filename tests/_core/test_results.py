"""The one shape of every answer: a table that can be taken away, words, and strict JSON."""

import json
from dataclasses import FrozenInstanceError, dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from healthml._core._results import Result, plain


@dataclass(frozen=True, repr=False)
class Measured(Result):
    level: float = 0.95
    parts: dict = field(default_factory=dict)


def table():
    return pd.DataFrame(
        {"group": ["a<b", "c"], "estimate": [0.123456, np.nan], "n_samples": [120, 20]}
    )


def strict(text):
    """Read JSON as a reader does that knows no NaN and no Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_table_handed_out_is_a_copy():
    result = Measured(table())
    shown = result.to_frame()
    shown.loc[0, "estimate"] = 9.0
    assert result.table.loc[0, "estimate"] == 0.123456
    pd.testing.assert_frame_equal(result.to_frame(), table())


def test_a_result_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Measured(table()).level = 0.5


def test_words_are_rounded_and_name_the_kind():
    result = Measured(table())
    assert repr(result) == f"Measured\n{result.summary()}"
    assert "0.123" in result.summary()
    assert "0.1234" not in result.summary()
    assert result.to_frame().loc[0, "estimate"] == 0.123456
    page = result._repr_html_()
    assert "<table" in page
    assert "a&lt;b" in page
    assert "<b" not in page.replace("<body", "")


def test_json_holds_every_field_and_no_number_that_is_none():
    inner = Measured(table(), parts={("model", "auroc"): (1.5, np.array([np.inf, 2.0]))})
    body = strict(inner.to_json())
    assert list(body) == ["table", "level", "parts"]
    assert body["table"][0] == {"group": "a<b", "estimate": 0.123456, "n_samples": 120}
    assert body["table"][1]["estimate"] is None
    assert body["parts"] == {"('model', 'auroc')": [1.5, [None, 2.0]]}
    assert inner.to_json(indent=1).count("\n") > 5


def test_what_is_shown_or_written_hides_small_counts_and_memory_keeps_them():
    counts = {"group": ["tiny", "large"], "estimate": [0.71234, 0.81234], "n_samples": [7, 443]}
    result = Measured(pd.DataFrame(counts).assign(n_events=[3, 140]))
    for shown in (repr(result), result.summary(), result._repr_html_(), result.to_json()):
        assert "tiny" not in shown
        assert "0.712" not in shown
        assert "443" not in shown
        assert "0.81" in shown
    row = strict(result.to_json())["table"][1]
    assert (row["n_samples"], row["n_events"]) == (440, 140)
    assert strict(result.to_json())["table"][0]["n_samples"] is None
    assert result.to_frame()["n_samples"].tolist() == [7, 443]


SCALARS = [
    (None, None),
    (pd.NA, None),
    (pd.NaT, None),
    (float("nan"), None),
    (np.float32(0.5), 0.5),
    (-np.inf, None),
    (True, True),
    (np.bool_(False), False),
    (np.int64(2**40), 2**40),
    (np.uint8(7), 7),
    ("text", "text"),
    (pd.Timestamp("2020-01-02"), "2020-01-02 00:00:00"),
    (pd.Interval(0, 1), "(0, 1]"),
]


@pytest.mark.parametrize(("value", "expected"), SCALARS, ids=[repr(v) for v, _ in SCALARS])
def test_scalars_become_plain(value, expected):
    made = plain(value)
    assert made == expected
    assert type(made) is type(expected)
    assert strict(json.dumps(made)) == expected


def test_tables_and_arrays_of_any_type_become_plain():
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "word": pd.array(["x", None], dtype="string"),
            "level": pd.Categorical(["u", None]),
            "yes": [True, False],
            "day": pd.to_datetime(["2020-01-01", None]),
            3: [0.5, np.inf],
        },
        index=["row-label-1", "row-label-2"],
    )
    first, second = strict(json.dumps(plain(frame)))
    assert first == {
        "whole": 1,
        "word": "x",
        "level": "u",
        "yes": True,
        "day": "2020-01-01 00:00:00",
        "3": 0.5,
    }
    assert {k for k, v in second.items() if v is None} == {"whole", "word", "level", "day", "3"}
    assert plain(pd.Series([1.0, np.nan])) == [1.0, None]
    assert plain(pd.Index(["a"])) == ["a"]
    assert plain(np.array([[1, 2], [3, 4]])) == [[1, 2], [3, 4]]
    assert plain({"set": {1}, "pair": (1, np.nan)}) == {"set": [1], "pair": [1, None]}
    assert plain(MappingProxyType({"a": np.int64(1)})) == {"a": 1}


def test_row_labels_never_reach_json():
    labelled = table().set_axis(["MRN-1", "MRN-2"], axis=0)
    assert "MRN" not in Measured(labelled).to_json()
    assert "MRN" not in repr(Measured(labelled)) + Measured(labelled)._repr_html_()
