import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.exceptions import InputError
from healthml.validation import TableEncoder, default_model
from healthml.validation._reference_models.models import as_read, boosted_trees


def mixed_table(n=120, seed=0):
    """Return a table with a column of every kind that the encoder reads, some cells missing."""
    rng = np.random.default_rng(seed)

    def some(values, dtype=None):
        return pd.Series(values, dtype=dtype).mask(rng.random(n) < 0.2)

    return pd.DataFrame(
        {
            "age": some(rng.normal(60, 10, n)),
            "count": some(rng.integers(0, 9, n), "Int64"),
            "flag": rng.random(n) < 0.5,
            "maybe": some(rng.random(n) < 0.5, "boolean"),
            "admitted": some(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.random(n), "D")),
            "written": some(rng.choice(["> 89", "5,1", "70", "<= 3"], n), object),
            "unit": some(rng.choice(["icu", "ward", "day", "er"], n, p=[0.5, 0.3, 0.18, 0.02])),
            "code": some(rng.choice([1, 2, 250], n)).astype("Int64").astype("category"),
        }
    )


TABLE = mixed_table()
ENCODER = TableEncoder(min_level=5).fit(TABLE)
MATRIX = ENCODER.transform(TABLE)


def encode(train, test=None, **options):
    options = {"min_level": 1, **options}
    encoder = TableEncoder(**options).fit(pd.DataFrame({"x": train}))
    return encoder.transform(pd.DataFrame({"x": train if test is None else test}))


# numbers


def test_numbers_are_centred_on_the_median_and_scaled_by_hand():
    """Median of 1, 2, 9 is 2; filled 1, 2, 9, 2 have mean 3.5 and variance 10.25."""
    got = encode([1.0, 2.0, 9.0, np.nan], [2.0, 12.0, np.nan])
    np.testing.assert_allclose(got.ravel(), [0, 10 / np.sqrt(10.25), 0])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3, 7], dtype="Int64"),
        pd.Series([1, None, 3, 7], dtype="Float64"),
        pd.Series(["1", None, " 3 ", "7"]),
        pd.Series([">1", None, "<= 3", "7"], dtype=object),
        pd.Series(pd.to_timedelta([1, None, 3, 7], "D")),
        pd.Series(pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-07"])),
        pd.Series(pd.to_datetime(["2020-01-01", None, "2020-01-03", "2020-01-07"], utc=True)),
    ],
    ids=["Int64", "Float64", "text", "bounds", "spans", "dates", "dates with zone"],
)
def test_every_kind_of_number_is_read_alike(column):
    np.testing.assert_allclose(encode(column), encode([1.0, np.nan, 3.0, 7.0]), atol=1e-12)


def test_booleans_with_and_without_missing_cells_are_numbers():
    whole = encode([True, False, False, True])
    np.testing.assert_array_equal(whole, encode([1, 0, 0, 1]))
    for missing in (
        pd.Series([True, None, False], dtype=object),
        pd.array([True, None, False], "boolean"),
    ):
        np.testing.assert_array_equal(encode([True, False] * 3, missing).ravel(), [1, 0, -1])
        np.testing.assert_allclose(encode(missing), encode([1, np.nan, 0]))


def test_a_decimal_comma_is_a_decimal_point():
    np.testing.assert_allclose(encode(["5,1", "5,3", "-5,5"]), encode([5.1, 5.3, -5.5]))


def test_the_share_of_numbers_that_makes_a_column_numeric():
    four_of_five = ["1", "2", "3", "4", "x", None]
    assert encode(four_of_five).shape == (6, 1)
    assert encode(four_of_five)[4, 0] == 0  # what is no number gets the median
    assert encode(four_of_five, number_share=0.81).shape == (6, 7)
    assert encode(pd.Categorical(["1", "2"])).shape == (2, 3)  # a category is never a number


@pytest.mark.parametrize("value", [0.1, 1e-9, -7e5, 3])
def test_a_constant_column_stays_small_when_it_varies_later(value):
    """0.1 thirty times has a spread of 3e-17 in floating point, which must not become a scale."""
    assert encode([value] * 30, [value, value + 1]).ravel() == pytest.approx([0, 1])


def test_a_column_without_any_value():
    np.testing.assert_array_equal(encode([np.nan] * 3, [np.nan, 2.0]).ravel(), [0, 2])
    np.testing.assert_array_equal(encode([None] * 3, [None, "a"]), [[1, 0], [0, 1]])


# levels


def test_levels_in_order_of_frequency_then_the_rest():
    got = encode(["a", "b", "b", "c", "b", "c"], ["c", "b", "a"])
    np.testing.assert_array_equal(got, [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]])


def test_rare_new_and_surplus_levels_share_the_last_indicator():
    train = ["a"] * 3 + ["b"] * 2 + ["c"]
    rare = encode(train, ["a", "b", "c", "new"], min_level=2)
    np.testing.assert_array_equal(rare, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    surplus = encode(train, ["a", "b", "new"], max_levels=1)
    np.testing.assert_array_equal(surplus, [[1, 0], [0, 1], [0, 1]])
    encoder = TableEncoder(min_level=1).fit(pd.DataFrame({"x": ["a", "a"], "z": [-1, 1]}))
    beside = encoder.transform(pd.DataFrame({"x": ["new", "a"], "z": [1, 1]}))
    np.testing.assert_array_equal(beside, [[0, 1, 1], [1, 0, 1]])


def test_missing_is_a_level_of_its_own():
    train = ["a"] * 3 + [None] * 2
    np.testing.assert_array_equal(encode(train, ["a", None, "new"]), np.eye(3))
    unseen = encode(["a", "a"], ["a", None])  # missing for the first time: as any new level
    np.testing.assert_array_equal(unseen, [[1, 0], [0, 1]])


def test_a_code_is_one_level_however_it_is_stored():
    """A file read in pieces gives 1 and "1" in one column; a missing cell makes integers floats."""
    train = pd.Series([1, "1", 1.0, "a", "a", "b"], dtype=object)
    got = encode(train, pd.Series(["1", 1, 1.0, "a", "b"], dtype=object))
    np.testing.assert_array_equal(got, np.eye(4)[[0, 0, 0, 1, 2]])
    codes = pd.Categorical([250, 250, 401])
    np.testing.assert_array_equal(encode(codes, [250, 401, 7]), np.eye(3))
    np.testing.assert_array_equal(encode(codes, [250, 401, np.nan]), np.eye(3))


def test_cells_that_are_lists_are_levels():
    got = encode([["a"], ["a"], ["b", "c"]], [["b", "c"], ["a"], ["z"]])
    np.testing.assert_array_equal(got, [[0, 1, 0], [1, 0, 0], [0, 0, 1]])


# learnt in fit only


def test_fit_learns_and_transform_does_not():
    learnt, given_table = copy.deepcopy(ENCODER.columns_), TABLE.copy(deep=True)
    ENCODER.transform(mixed_table(seed=1))
    ENCODER.transform(TABLE)
    pd.testing.assert_frame_equal(TABLE, given_table)
    for (name, kind, state), (other, same_kind, before) in zip(
        ENCODER.columns_, learnt, strict=True
    ):
        assert (name, kind) == (other, same_kind)
        assert list(state[0] if kind == "levels" else state) == list(
            before[0] if kind == "levels" else before
        )


def test_what_is_learnt_comes_from_the_training_rows():
    train = TABLE.iloc[:60]
    encoder = TableEncoder(min_level=5).fit(train)
    state = {name: what for name, _, what in encoder.columns_}
    age = train["age"].fillna(train["age"].median())
    assert state["age"] == pytest.approx((train["age"].median(), age.std(ddof=0)))
    counts = train["unit"].value_counts(dropna=False)
    kept = [str(level) for level in counts[counts >= 5].index if pd.notna(level)]
    assert sorted(level for level in state["unit"][0] if level.isalpha()) == sorted(kept)
    refitted = encoder.fit(TABLE.iloc[60:])
    assert {name: what for name, _, what in refitted.columns_}["age"] != state["age"]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 119), min_size=1, max_size=8))
def test_one_row_alone_is_the_same_row_in_a_batch(rows):
    np.testing.assert_array_equal(ENCODER.transform(TABLE.iloc[rows]), MATRIX[rows])
    for row in rows:
        np.testing.assert_array_equal(ENCODER.transform(TABLE.iloc[[row]])[0], MATRIX[row])


@pytest.mark.parametrize("row", range(0, 120, 8))
def test_one_row_from_plain_python_values(row):
    """A record as a service would hand it over: no dtypes, missing cells as None."""
    plain = {
        name: None if pd.isna(value) else getattr(value, "item", lambda v=value: v)()
        for name, value in TABLE.iloc[row].items()
    }
    np.testing.assert_allclose(ENCODER.transform(pd.DataFrame([plain]))[0], MATRIX[row])


@settings(max_examples=50)
@given(st.data())
def test_every_row_of_any_column_is_finite_and_one_level(data):
    text = st.text(st.characters(exclude_characters="\0"), max_size=3)  # pandas 2 stops at a NUL
    cells = st.one_of(st.none(), st.floats(-1e9, 1e9), st.integers(-99, 99), text)
    column = st.lists(cells, min_size=1, max_size=12).map(lambda v: pd.Series(v, dtype=object))
    train, test = data.draw(column), data.draw(column)
    encoder = TableEncoder(min_level=1).fit(train.to_frame("x"))
    batch = encoder.transform(test.to_frame("x"))
    assert np.isfinite(batch).all()
    if encoder.columns_[0][1] == "levels":
        np.testing.assert_array_equal(batch.sum(axis=1), 1)
    for i in range(len(test)):
        alone = encoder.transform(test.iloc[[i]].to_frame("x"))
        np.testing.assert_array_equal(alone[0], batch[i])


# frames in, matrices and names out


def test_pandas_and_polars_give_the_same_matrix():
    columns = {
        name: [None if pd.isna(value) else value for value in TABLE[name]] for name in TABLE.columns
    }
    columns["code"] = [None if value is None else str(value) for value in columns["code"]]
    table = pl.DataFrame(columns, strict=False).with_columns(
        pl.col("code").cast(pl.Categorical), pl.col("count").cast(pl.Int64)
    )
    got = TableEncoder(min_level=5).fit(table).transform(table)
    np.testing.assert_allclose(got, MATRIX, atol=1e-12)
    np.testing.assert_allclose(ENCODER.transform(table), MATRIX, atol=1e-12)


def test_arrays_come_in_too():
    X = np.array([[1.0, 5.0], [np.nan, 6.0], [3.0, 7.0]])
    got = TableEncoder().fit_transform(X)
    np.testing.assert_allclose(got, TableEncoder().fit_transform(pd.DataFrame(X)))
    mixed = np.array([[1.0, "a"], [2.0, "b"]], dtype=object)
    assert TableEncoder(min_level=1).fit_transform(mixed).shape == (2, 4)


def test_names_and_sources_of_the_columns():
    encoder = TableEncoder(min_level=1).fit(pd.DataFrame({"unit": ["a", "b"], "age": [1, 2]}))
    assert encoder.get_feature_names_out().tolist() == ["unit=0", "unit=1", "unit=2", "age"]
    assert encoder.source_columns().tolist() == [0, 0, 0, 1]
    assert encoder.n_features_out_ == 4
    assert len(ENCODER.get_feature_names_out()) == len(ENCODER.source_columns()) == MATRIX.shape[1]


def test_set_output_keeps_the_index():
    rows = TABLE.set_axis(np.arange(120) + 1000)
    encoder = TableEncoder(min_level=5).set_output(transform="pandas").fit(rows)
    out = encoder.transform(rows.iloc[::-1])
    assert out.index.tolist() == rows.index[::-1].tolist()
    np.testing.assert_array_equal(out[encoder.get_feature_names_out()], MATRIX[::-1])
    assert isinstance(encoder.set_output(transform="polars").transform(rows), pl.DataFrame)


def test_errors_name_the_column_and_no_value():
    with pytest.raises(InputError, match="'age' of the table has 1 infinite value") as error:
        TableEncoder().fit(pd.DataFrame({"age": [1.5, np.inf]}))
    assert "1.5" not in str(error.value)
    with pytest.raises(InputError, match="'age' of the table has 120 infinite values"):
        ENCODER.transform(TABLE.assign(age=-np.inf))
    with pytest.raises(ValueError, match="feature names"):
        ENCODER.transform(TABLE.rename(columns={"age": "years"}))
    for early in (lambda e: e.get_feature_names_out(), lambda e: e.transform(TABLE)):
        with pytest.raises(NotFittedError):
            early(TableEncoder())


# reading the table once


def test_as_read_is_what_the_encoder_reads():
    read = as_read(TABLE)
    assert str(read["unit"].dtype) == "category"
    assert read["written"].dtype == float
    np.testing.assert_array_equal(TableEncoder(min_level=5).fit_transform(read), MATRIX)
    np.testing.assert_array_equal(
        TableEncoder(min_level=5).fit(read.iloc[:50]).transform(read.iloc[50:]),
        TableEncoder(min_level=5).fit(TABLE.iloc[:50]).transform(TABLE.iloc[50:]),
    )


def test_as_read_makes_levels_of_codes_and_leaves_its_input():
    before = TABLE.copy(deep=True)
    read = as_read(TABLE, categories=["count"])
    pd.testing.assert_frame_equal(TABLE, before)
    levels = TableEncoder(min_level=5).fit(read).columns_[1]
    assert levels[1] == "levels"
    assert set(levels[2][0]) <= {*map(str, range(9)), "\x00missing"}
    assert read["count"].isna().equals(TABLE["count"].isna())


# models


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 4)) * [1, 10, 0.1, 1000] + [0, 50, 3, -1]
    y = (X[:, 0] + X[:, 1] / 10 - 5 + rng.normal(size=400) > 0).astype(int)
    return X, y


def test_the_default_model_is_ridge_on_standardised_columns(numbers):
    X, y = numbers
    expected = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-10, max_iter=1000))
    got = default_model().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(got, expected.fit(X, y).predict_proba(X), atol=1e-5)


def test_the_boosted_trees_are_scikit_learns_on_the_encoded_table(numbers):
    X, y = numbers
    trees = HistGradientBoostingClassifier(max_iter=50, learning_rate=0.1, random_state=0)
    encoded = TableEncoder().fit_transform(X)
    expected = trees.fit(encoded, y).predict_proba(encoded)
    np.testing.assert_array_equal(boosted_trees().fit(X, y).predict_proba(X), expected)


@pytest.mark.parametrize("make", [default_model, boosted_trees])
def test_models_predict_one_row_of_a_mixed_table_as_in_a_batch(make):
    table = TABLE.assign(maybe=TABLE["maybe"].astype(object))
    y = (TABLE["unit"] == "icu").to_numpy().astype(int)
    model = make().fit(table.iloc[:100], y[:100])
    test = table.iloc[100:].reset_index(drop=True)
    test.loc[0, "unit"] = "a unit that no training row had"
    batch = model.predict_proba(test)
    alone = [model.predict_proba(test.iloc[[i]])[0] for i in range(len(test))]
    np.testing.assert_allclose(alone, batch, rtol=1e-12)
    assert np.isfinite(batch).all()
    np.testing.assert_array_equal(make().fit(table.iloc[:100], y[:100]).predict_proba(test), batch)


@pytest.mark.parametrize("min_level", [1, 3])
def test_categories_are_encoded_as_the_same_texts_are(min_level):
    rng = np.random.default_rng(min_level)
    text = pd.Series(rng.choice(np.array([*"dcba", None, "1", "rare"], dtype=object), 90))
    levels = pd.CategoricalDtype(["unused", "rare", *"abcd", "1"])
    tables = [pd.DataFrame({"x": text}), pd.DataFrame({"x": text.astype(levels)})]
    encoded = []
    for table in tables:
        encoder = TableEncoder(min_level=min_level).fit(table.iloc[:60])
        encoded.append(encoder.transform(table))
    np.testing.assert_array_equal(*encoded)


def test_numbers_whose_squares_are_infinite_are_refused_and_named():
    with pytest.raises(InputError, match=r"'age' of the table has 1 number beyond 1e150.*power"):
        TableEncoder().fit(pd.DataFrame({"age": [1.5, 1e200]}))
