"""The parts of check_leakage that decide: what follows the outcomes, what a split separates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, RepeatedKFold
from sklearn.preprocessing import TargetEncoder

from healthml.validation._leakage.case import join_codes, join_units
from healthml.validation._leakage.columns.late_columns import dated_later
from healthml.validation._leakage.columns.target_encoded import encoded_columns, source_of
from healthml.validation._leakage.prepared import filled_columns, scaled_columns
from healthml.validation._leakage.refitted_steps import EncodedAgain, PreparedAgain
from healthml.validation._leakage.rows.repeated_rows import copy_counts, crossing_sets
from healthml.validation._leakage.split import matching_split, read_split, split_from_folds

N = 900


def cohort(seed, levels=90, rate=0.25):
    """Return the level of each row, outcomes that levels slightly tell, and a generator."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, levels, N)
    risk = 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + 0.4 * rng.normal(size=levels))))
    return level, (rng.uniform(size=N) < risk[level]).astype(int), risk[level], rng


def means(level, y, weight=0.0):
    size, events = np.bincount(level), np.bincount(level, y)
    return ((events + weight * y.mean()) / np.maximum(size + weight, 1e-9))[level]


# columns that follow the outcomes of their own rows


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "encode",
    [
        lambda level, y: means(level, y),
        lambda level, y: 3 - 2 * means(level, y),
        lambda level, y: means(level, y).round(4),
        lambda level, y: means(level, y, 5.0),
        lambda level, y: (means(level, y, 7.3) - 0.2) / 0.05,
        lambda level, y: TargetEncoder().fit(level[:, None], y).transform(level[:, None])[:, 0],
    ],
    ids=["mean", "turned", "rounded", "smoothed", "odd weight, standardised", "empirical Bayes"],
)
def test_encodings_by_the_own_outcomes_are_found(encode, seed):
    level, y, *_ = cohort(seed)
    table = pd.DataFrame({"noise": np.random.default_rng(seed).normal(size=N)})
    assert list(encoded_columns(table.assign(ward=encode(level, y)), y)) == ["ward"]


@pytest.mark.parametrize("seed", range(3))
def test_smoothed_encodings_are_found_although_levels_share_values(seed):
    """Levels with equal rows and events get one value, which then stands for twice the rows."""
    level, y, *_ = cohort(seed, levels=150)
    value = means(level, y, 5.0)
    assert len(np.unique(value)) < 0.7 * len(np.unique(level))
    assert list(encoded_columns(pd.DataFrame({"ward": value}), y)) == ["ward"]


def test_an_encoding_that_leaves_the_row_out_is_found_where_the_level_is_there():
    level, y, *_ = cohort(1)
    size, events = np.bincount(level)[level], np.bincount(level, y)[level]
    left_out = (events - y) / (size - 1)
    table = pd.DataFrame({"ward": [f"w{k}" for k in level], "value": left_out})
    assert encoded_columns(table, y) == {"value": "the other rows of the same level of ward"}
    by_patient = encoded_columns(table[["value"]], y, groups=level)
    assert by_patient == {"value": "the other rows of the same level of the patient"}


@pytest.mark.parametrize("seed", range(12))
def test_honest_columns_are_not(seed):
    level, y, risk, rng = cohort(seed)
    other = (rng.uniform(size=N) < risk).astype(int)  # other patients' outcomes
    table = pd.DataFrame(
        {
            "risk of the level": risk,
            "rounded risk": risk.round(2),
            "mean of others": means(level, other),
            "smoothed mean of others": means(level, other, 5.0),
            "count": np.bincount(level)[level],
            "grade": np.round(5 * risk + rng.normal(size=N)),
            "test": np.round(rng.normal(size=N), 1),
            "long tail": np.round(rng.standard_t(3, N), 2),
            "few ties": np.round(rng.normal(size=N), 3 - seed % 2),
            "pairs": np.repeat(rng.normal(size=N // 2), 2),
            "noisy answer": y + 0.3 * rng.normal(size=N),
            "answer in steps": np.round(4 * y + rng.normal(size=N)),
        }
    )
    assert encoded_columns(table, y, groups=rng.integers(0, 300, N)) == {}


@pytest.mark.parametrize("seed", range(3))
def test_honest_risks_of_levels_of_one_size_are_not(seed):
    rng = np.random.default_rng(seed)
    level = np.repeat(np.arange(100), 30)
    risk = rng.uniform(0.1, 0.7, 100)[level]
    y = (rng.uniform(size=3000) < risk).astype(int)
    assert encoded_columns(pd.DataFrame({"ward": risk}), y) == {}
    assert list(encoded_columns(pd.DataFrame({"ward": means(level, y)}), y)) == ["ward"]


def test_cross_fitted_encodings_are_not_recognised():
    """This is said in the documentation; should it change, the documentation must."""
    level, y, _, rng = cohort(2)
    part, encoded = rng.integers(0, 5, N), np.zeros(N)
    for k in range(5):
        size, events = (np.bincount(level[part != k], w, 90) for w in (None, y[part != k]))
        encoded[part == k] = ((events + 1) / (size + 4))[level[part == k]]
    assert encoded_columns(pd.DataFrame({"ward": encoded}), y) == {}


def test_the_source_of_an_encoding_is_found():
    level, y, _, rng = cohort(3)
    levels = {"other": rng.integers(0, 90, N), "ward": level, "each row": np.arange(N)}
    assert source_of(means(level, y), levels) == "ward"
    assert source_of(means(level, y), {"other": levels["other"]}) is None


def test_encoding_again_uses_training_rows_only():
    X = pd.DataFrame({"ward": list("aabbc"), "value": 0.0})
    y = np.array([1, 1, 0, 0, 1])
    encoder = EncodedAgain({"value": "ward"}).fit(X, y)
    new = pd.DataFrame({"ward": ["a", "z", None], "value": 0.0})
    expected = [(2 + 10 * 0.6) / 12, 0.6, 0.6]
    np.testing.assert_allclose(encoder.transform(new)["value"], expected)
    level, y, *_ = cohort(4)
    table = pd.DataFrame({"ward": level, "value": 0.0})
    once = EncodedAgain({"value": "ward"}).fit_transform(table, y)["value"]
    flipped = y.copy()
    flipped[0] = 1 - y[0]
    again = EncodedAgain({"value": "ward"}).fit_transform(table, flipped)["value"]
    # a row's own outcome enters its own value through the overall rate alone
    assert once[0] == pytest.approx(again[0], abs=10 / N / 10)


# steps over all rows


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1]))
def test_standardised_columns_are_found_and_others_not(seed, ddof):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(120, 3))
    table = pd.DataFrame(raw, columns=["a", "b", "c"])
    table["a"] = (table["a"] - table["a"].mean()) / table["a"].std(ddof=ddof)
    assert scaled_columns(table) == ["a"]
    assert scaled_columns(table.iloc[:100]) == []
    assert scaled_columns((table[["a"]] > 0).astype(float)) == []


def test_columns_filled_with_the_mean_of_the_others_are_found():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    gone = rng.uniform(size=200) < 0.15
    mean = table["a"][~gone].mean()
    table["a"] = table["a"].where(~gone, mean)
    table["b"] = table["b"].where(~gone, table["b"][~gone].median())
    assert filled_columns(table) == {"a": pytest.approx(mean)}
    assert filled_columns(table, rows=np.arange(100)) == {}


def test_preparing_again_uses_training_rows_only():
    table = pd.DataFrame({"a": [1.0, 2.0, 9.0, 3.0], "b": [1.0, 2.0, 3.0, 6.0]})
    again = PreparedAgain(["b"], {"a": 9.0}).fit(table)
    made = again.transform(pd.DataFrame({"a": [9.0, 5.0], "b": [3.0, 9.0]}))
    assert made["a"].tolist() == [2.0, 5.0]
    np.testing.assert_allclose(made["b"], [0.0, 6 / np.std([1, 2, 3, 6])])


# splits


@pytest.mark.parametrize(
    "split",
    [np.arange(10) % 5, KFold(5), [([0, 1, 2], [3]), ([3, 4], [0, 9])], (np.arange(8), [8, 9])],
)
def test_every_way_of_writing_a_split_is_read(split):
    pairs = read_split(split, np.tile([0, 1], 5)).pairs
    assert len(pairs) in (1, 2, 5)
    for train, test in pairs:
        assert not set(train) & set(test)
    assert read_split(None, [0, 1]) is None


def test_rows_of_fold_minus_one_always_train():
    split = read_split(np.array([-1, 0, 1, -1]), np.array([0, 1, 0, 1]))
    assert [(list(a), list(b)) for a, b in split.pairs] == [([0, 2, 3], [1]), ([0, 1, 3], [2])]
    mask = np.array([True, True, False, False])
    split = read_split((mask, ~mask), np.array([0, 1, 0, 1]))
    assert [p.tolist() for p in split.pairs[0]] == [[0, 1], [2, 3]]


def test_a_split_is_followed_among_some_rows():
    split = read_split(np.array([0, 1, 0, 1, 0]), np.array([0, 1, 0, 1, 0]))
    some = split.among(np.array([4, 1, 2]))
    assert [(list(a), list(b)) for a, b in some.pairs] == [([1], [2, 0]), ([2, 0], [1])] or [
        (sorted(a), sorted(b)) for a, b in some.pairs
    ] == [([1], [0, 2]), ([0, 2], [1])]
    assert split.tested.tolist() == [0, 1, 2, 3, 4]
    one = split.among(np.array([0, 2]))  # no row of the other part is left
    assert one.pairs == []


def test_patients_on_both_sides_are_counted():
    split = read_split(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert [len(s) for s in split.sharing(np.array([7, 8, 8, 9]))] == [1, 1]


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_the_matching_split_keeps_units_together_and_parts_alike(seed, n_folds):
    rng = np.random.default_rng(seed)
    units, y = rng.integers(0, 60, 300), rng.integers(0, 2, 300)
    units = np.unique(units, return_inverse=True)[1]
    given_split = split_from_folds(rng.integers(0, n_folds, 300))
    other = matching_split(given_split, y, units, seed=seed)
    assert len(other.pairs) == n_folds
    assert not any(len(shared) for shared in other.sharing(units))
    assert len(other.tested) == 300


def test_repeats_of_a_splitter_are_kept_apart():
    split = read_split(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), np.zeros(9))
    assert len(split.pairs) == 6


# copies and patients


def test_copies_are_counted_and_those_across_patients_told():
    cluster = np.array([0, 0, 1, 2, 2, 2])
    assert copy_counts(cluster) == (3, 2, 3)
    assert crossing_sets(None, cluster) == 2
    assert crossing_sets(np.array([5, 5, 6, 7, 7, 8]), cluster) == 1


def test_units_join_patients_that_share_a_copy():
    class Found:
        n_near, n_exact = 1, 0
        near_id = np.array([0, 1, 2, 0])

    units = join_units(np.array([0, 0, 1, 2]), Found())
    assert units[0] == units[1] == units[3] != units[2]
    assert join_units(None, None) is None
    joined = join_codes(np.array([0, 1, 2]), np.array([0, 0, 1]))
    assert joined[0] == joined[1] != joined[2]


# columns


def test_dates_are_compared_with_the_time_of_prediction():
    time = pd.Series(pd.date_range("2020-01-01", periods=40, freq="D"))
    table = pd.DataFrame(
        {
            "after": time + pd.Timedelta("1D"),
            "half": time.where(np.arange(40) % 5 > 0, time + pd.Timedelta("1D")),
            "few": (time + pd.Timedelta("1D")).where(np.arange(40) < 5),
            "text": (time + pd.Timedelta("1D")).dt.strftime("%Y-%m-%d"),
            "number": np.arange(40.0),
        }
    )
    assert list(dated_later(table, time)) == ["after", "text"]
    assert dated_later(table, np.arange(40)) == {}
    aware = time.dt.tz_localize("Europe/Berlin")
    assert list(dated_later(table[["after"]], aware)) == ["after"]
