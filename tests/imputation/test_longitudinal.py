import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from healthml.exceptions import InputError
from healthml.imputation import CarriedForward, TimeInterpolation

CELL = st.tuples(
    st.integers(0, 2), st.integers(0, 30), st.one_of(st.none(), st.integers(-5, 5)), st.integers(0)
)
TABLE = st.lists(CELL, min_size=1, max_size=12)
LIMIT = st.one_of(st.none(), st.integers(0, 20))


def as_frame(cells):
    frame = pd.DataFrame(cells, columns=["id", "hour", "lab", "x"])
    frame["lab"] = frame["lab"].astype(float)
    return frame.drop(columns="x").set_axis(np.arange(len(frame)) % 3)


def slowly(frame, limit, direction):
    """Fill by looking at every pair of rows, as the definition says it."""
    limit = np.inf if limit is None else limit
    ids, hours, labs = (frame[c].tolist() for c in ("id", "hour", "lab"))
    out = list(labs)
    for i, lab in enumerate(labs):
        same = [j for j in range(len(labs)) if ids[j] == ids[i] and not np.isnan(labs[j])]
        past = [(hours[j], j) for j in same if (hours[j], j) <= (hours[i], i)]
        future = [(hours[j], j) for j in same if (hours[j], j) >= (hours[i], i)]
        choices = []
        if direction in ("forward", "both") and past:
            choices.append(max(past))
        if direction in ("backward", "both") and future:
            choices.append(min(future))
        near = [j for hour, j in choices if abs(hour - hours[i]) <= limit]
        if np.isnan(lab) and near:
            out[i] = labs[near[0]]
    return out


@given(TABLE, LIMIT, st.sampled_from(["forward", "backward", "both"]))
def test_as_the_definition_says(cells, limit, direction):
    X = as_frame(cells)
    step = CarriedForward("id", "hour", limit=limit, direction=direction, retrospective=True)
    out = step.fit_transform(X)
    np.testing.assert_array_equal(out["lab"], slowly(X, limit, direction))
    pd.testing.assert_frame_equal(out[["id", "hour"]], X[["id", "hour"]])


@given(TABLE, LIMIT, st.integers(0, 30))
def test_forward_never_looks_ahead(cells, limit, now):
    """What happens after `now` changes nothing up to then, columns of hours included."""
    X = as_frame(cells)
    step = CarriedForward("id", "hour", columns=["lab"], limit=limit).fit(X)
    until_now = (X["hour"] <= now).to_numpy()
    if until_now.any():
        pd.testing.assert_frame_equal(step.transform(X)[until_now], step.transform(X[until_now]))


@given(TABLE, st.integers(0, 2))
def test_patients_never_meet(cells, patient):
    X = as_frame(cells)
    own = (X["id"] == patient).to_numpy()
    steps = [
        CarriedForward("id", "hour", columns=["lab"], direction="both", retrospective=True),
        TimeInterpolation("id", "hour", columns=["lab"], retrospective=True),
    ]
    for step in steps:
        step.fit(X)
        if own.any():
            pd.testing.assert_frame_equal(step.transform(X)[own], step.transform(X[own]))


@given(TABLE, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(cells, random):
    X = as_frame(cells).drop_duplicates(["id", "hour"]).reset_index(drop=True)
    order = list(range(len(X)))
    random.shuffle(order)
    step = CarriedForward("id", "hour", columns=["lab"]).fit(X)
    pd.testing.assert_frame_equal(step.transform(X).iloc[order], step.transform(X.iloc[order]))


@given(TABLE)
def test_interpolation_agrees_with_numpy(cells):
    X = as_frame(cells).drop_duplicates(["id", "hour"]).reset_index(drop=True)
    step = TimeInterpolation("id", "hour", hours_since=False, retrospective=True)
    out = step.fit_transform(X)["lab"]
    for _, rows in X.groupby("id"):
        known = rows.dropna().sort_values("hour")
        expected = rows["lab"]
        if len(known):
            line = np.interp(rows["hour"], known["hour"], known["lab"], left=np.nan, right=np.nan)
            expected = line
        np.testing.assert_allclose(out[rows.index], expected, atol=1e-12)


def stay():
    return pd.DataFrame(
        {
            "id": ["b", "a", "b", "a", "b"],
            "time": pd.to_datetime("2024-03-01") + pd.to_timedelta([30, 0, 0, 5, 48], "h"),
            "ph": [np.nan, 7.3, 7.1, np.nan, 7.5],
        },
        index=[4, 4, 1, 0, 0],
    )


def test_hours_since_measured():
    out = CarriedForward("id", "time", limit="24h").fit_transform(stay())
    assert out["ph_hours_since"].tolist() == [30, 0, 0, 5, 0]
    np.testing.assert_array_equal(out["ph"], [np.nan, 7.3, 7.1, 7.3, 7.5])
    assert out.index.tolist() == [4, 4, 1, 0, 0]
    both = CarriedForward("id", "time", limit=24, direction="both", retrospective=True)
    out = both.fit_transform(stay())
    assert out["ph_hours_since"].tolist() == [-18, 0, 0, 5, 0]
    assert out["ph"].tolist() == [7.5, 7.3, 7.1, 7.3, 7.5]


def test_the_record_counts():
    step = CarriedForward("id", "time", limit="24h")
    step.fit(stay())
    with pytest.raises(AttributeError, match="call transform first"):
        _ = step.record_
    step.transform(stay())
    assert step.record_.to_dict("records") == [
        {
            "column": "ph",
            "n_missing": 2,
            "n_filled": 1,
            "n_beyond_limit": 1,
            "n_left": 1,
            "longest_hours": 5.0,
        }
    ]


def test_a_measurement_as_old_as_the_limit_is_carried():
    hours = np.array([8.2, 32.2])  # their difference is a little more than 24 in floats
    assert hours[1] - hours[0] > 24
    X = pd.DataFrame({"id": [1, 1], "hour": hours, "lab": [1.0, np.nan]})
    assert CarriedForward("id", "hour", limit=24).fit_transform(X)["lab"].tolist() == [1.0, 1.0]


def test_limits_by_column():
    X = pd.DataFrame({"id": 1, "day": [0, 1, 3], "a": [1, np.nan, np.nan], "b": [1, None, np.nan]})
    step = CarriedForward("id", "day", limit={"a": "1 day"}, time_unit="days", hours_since=False)
    out = step.fit_transform(X)
    np.testing.assert_array_equal(out["a"], [1, 1, np.nan])
    assert out["b"].tolist() == [1, 1, 1]


DTYPES = {
    "float32": pd.Series([1.5, None, 2.5], dtype="float32"),
    "Int64": pd.Series([2**60 + 1, None, 2**60 + 3], dtype="Int64"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "category": pd.Series(pd.Categorical(["low", None, "high"], ["low", "high"], ordered=True)),
    "string": pd.Series(["a", None, "b"], dtype="string"),
    "object": pd.Series(["a", None, 3], dtype=object),
    "datetime": pd.Series(pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("UTC")),
    "arrow": pd.Series([1, None, 3], dtype=pd.ArrowDtype(pa.int32())),
}


@pytest.mark.parametrize("kind", DTYPES)
def test_dtypes_are_kept_and_values_exact(kind):
    X = pd.DataFrame({"id": [1, 1, 1], "hour": [0, 2, 4], "lab": DTYPES[kind]})
    before = X.copy()
    out = CarriedForward("id", "hour").fit_transform(X)
    assert out["lab"].dtype == X["lab"].dtype
    assert out["lab"].tolist() == [X["lab"][0], X["lab"][0], X["lab"][2]]
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("kind", ["float32", "Int64", "arrow"])
def test_lines_keep_dtypes(kind):
    X = pd.DataFrame({"id": [1, 1, 1], "hour": [0, 2, 4], "lab": DTYPES[kind]})
    if kind == "Int64":
        X["lab"] = pd.array([3, None, 6], dtype="Int64")
    out = TimeInterpolation("id", "hour", retrospective=True).fit_transform(X)
    assert out["lab"].dtype == X["lab"].dtype
    assert out["lab"][1] == {"float32": 2.0, "Int64": 4, "arrow": 2}[kind]


def test_lines_only_for_numbers_and_only_between():
    X = stay().assign(sex=["f", None, "f", "m", None], ok=pd.array([True] * 4 + [None], "boolean"))
    step = TimeInterpolation("id", "time", retrospective=True)
    out = step.fit_transform(X)
    assert step.columns_ == ["ph"]
    assert out["ph"].tolist()[0] == pytest.approx(7.1 + 0.4 * 30 / 48)
    assert np.isnan(out["ph"].iloc[3])
    assert out["sex"].isna().tolist() == X["sex"].isna().tolist()
    short = TimeInterpolation("id", "time", limit=47, retrospective=True)
    assert short.fit_transform(X)["ph"].isna().sum() == 2
    assert short.record_["n_beyond_limit"].item() == 1
    with pytest.raises(InputError, match="columns names 'sex'"):
        clone(step).set_params(columns=["sex"]).fit(X)


def test_polars_in_polars_out():
    X = pl.DataFrame(
        {
            "id": [1, 1, 1, 2],
            "hour": [0, 2, 4, 1],
            "whole": [2**60 + 1, None, 5, None],
            "lab": [1.0, None, 2.0, None],
            "sex": pl.Series(["f", None, "m", None], dtype=pl.Categorical),
        }
    )
    out = CarriedForward("id", "hour").fit_transform(X)
    assert out.select(X.columns).schema == X.schema
    assert out["whole"].to_list() == [2**60 + 1, 2**60 + 1, 5, None]
    assert out["sex"].to_list() == ["f", "f", "m", None]
    assert out["lab_hours_since"].to_list() == [0, 2, 0, None]
    line = TimeInterpolation("id", "hour", columns=["lab", "whole"], retrospective=True)
    out = line.fit_transform(X.with_columns(whole=pl.Series([1, None, 5, None])))
    assert out["whole"].to_list() == [1, 3, 5, None]
    assert out["lab"].to_list() == [1.0, 1.5, 2.0, None]
    assert out.schema["whole"] == pl.Int64


def test_arrays():
    X = np.array([[1, 5.0, np.nan], [1, 1.0, 7.0], [2, 6.0, np.nan]])
    out = CarriedForward("x0", "x1").fit_transform(X)
    np.testing.assert_array_equal(out, [[1, 5, 7, 4], [1, 1, 7, 0], [2, 6, np.nan, np.nan]])


def test_what_uses_the_future_is_refused_for_deployment():
    for step in (
        CarriedForward("id", "time", direction="both"),
        CarriedForward("id", "time", direction="backward"),
        TimeInterpolation("id", "time"),
    ):
        with pytest.raises(InputError, match="retrospective=True"):
            step.fit(stay())
        step.set_params(retrospective=True).fit(stay())


def test_new_columns_are_those_of_fit():
    step = CarriedForward("id", "time").fit(stay().assign(age=50))
    late = stay().assign(age=[50, np.nan, 60, 50, np.nan])
    out = step.transform(late)
    names = ["id", "time", "ph", "age", "ph_hours_since"]
    assert out.columns.tolist() == step.get_feature_names_out().tolist() == names
    np.testing.assert_array_equal(out["age"], [50, np.nan, 60, 50, 50])
    assert clone(step).set_params(hours_since=False).fit_transform(late).shape[1] == 4


def test_inside_a_pipeline():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": np.repeat(np.arange(50), 4), "hour": np.tile(np.arange(4), 50)})
    X["lab"] = np.where(rng.random(200) < 0.5, np.nan, rng.normal(size=200))
    drop = make_column_transformer(
        ("passthrough", make_column_selector("lab")), verbose_feature_names_out=False
    )
    model = make_pipeline(CarriedForward("id", "hour"), drop, HistGradientBoostingClassifier())
    model.fit(X, rng.random(200) < 0.5)
    assert model[:-1].get_feature_names_out().tolist() == ["lab", "lab_hours_since"]
    np.testing.assert_array_equal(model.predict_proba(X)[:4], model.predict_proba(X[:4]))


@pytest.mark.parametrize(
    ("change", "params", "message"),
    [
        ({"id": ["a", None, "a", "b", "b"]}, {}, "patient column 'id' has 1 missing"),
        ({"time": [pd.NaT] * 5}, {}, "time column 'time' has 5 missing times, the first at pos"),
        ({"time": list("abcde")}, {}, "neither times nor numbers"),
        ({"time": [1, 2, np.inf, 3, 4]}, {}, "1 infinite times, the first at position 2"),
        ({"ph_hours_since": 1}, {}, "already has a column 'ph_hours_since'"),
        ({}, {"time": "when"}, "time names the column 'when', which X does not have"),
        ({}, {"time": "id"}, "same column"),
        ({}, {"limit": -1}, "limit=-1 is no length of time"),
        ({}, {"limit": "soon"}, "limit='soon' is no length of time"),
        ({}, {"limit": {"bp": 3}}, "limit names the column 'bp'"),
        ({}, {"time_unit": "years"}, "time_unit='years' is unknown"),
        ({}, {"direction": "sideways"}, "direction='sideways' is unknown"),
        ({}, {"columns": ["time"]}, "columns names 'time'"),
    ],
)
def test_errors(change, params, message):
    X = stay().assign(**change)
    with pytest.raises(InputError, match=message):
        CarriedForward("id", "time").set_params(**params).fit(X)
