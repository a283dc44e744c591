import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_val_score

from healthml.exceptions import InputError, OutcomeError
from healthml.validation import RepeatedStratifiedGroupKFold


@st.composite
def encounters(draw, most_folds=5):
    """Draw (y, groups, n_splits): patients with 1 to 6 shuffled rows, enough of each kind."""
    n_splits = draw(st.integers(2, most_folds))
    n_patients = draw(st.integers(2 * n_splits, 30))
    n_rows = draw(st.lists(st.integers(1, 6), min_size=n_patients, max_size=n_patients))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    groups = np.repeat(np.arange(n_patients), n_rows)
    y = (rng.random(len(groups)) < 0.4).astype(int)
    first = np.unique(groups, return_index=True)[1]
    y[first[:n_splits]], y[first[n_splits : 2 * n_splits]] = 1, 0
    order = rng.permutation(len(groups))
    return y[order], groups[order], n_splits


@given(encounters())
def test_a_patient_is_never_on_both_sides(drawn):
    y, groups, n_splits = drawn
    splitter = RepeatedStratifiedGroupKFold(n_splits, n_repeats=2, random_state=0)
    tested = np.zeros(len(y), dtype=int)
    for train, test in splitter.split(y, y, groups=groups):
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(len(y)))
        tested[test] += 1
    assert (tested == 2).all()


@given(encounters())
def test_patients_and_patients_with_an_event_are_spread_evenly(drawn):
    y, groups, n_splits = drawn
    folds = RepeatedStratifiedGroupKFold(n_splits, n_repeats=2, random_state=1).fold_ids(y, groups)
    frame = pd.DataFrame({"patient": groups, "y": y})
    for fold in folds:
        patients = frame.assign(fold=fold).groupby("patient").agg({"fold": "first", "y": "max"})
        for some in (patients, patients[patients["y"] == 1]):
            counts = np.bincount(some["fold"], minlength=n_splits)
            assert np.ptp(counts) <= 1


def test_rows_without_groups_are_stratified_exactly():
    y = np.r_[np.ones(20), np.zeros(80)].astype(int)
    for fold in RepeatedStratifiedGroupKFold(5, n_repeats=3, random_state=0).fold_ids(y):
        assert np.bincount(fold).tolist() == [20] * 5
        assert np.bincount(fold, y).tolist() == [4] * 5


def test_large_patients_are_assigned_there_and_back():
    """Patients of 9, 8, .. 2 rows with one event each, in 2 folds: 9+6+5+2 = 8+7+4+3 = 22."""
    groups = np.repeat(np.arange(8), np.arange(9, 1, -1))
    y = np.r_[1, (np.diff(groups) > 0)].astype(int)
    for fold in RepeatedStratifiedGroupKFold(2, n_repeats=5, random_state=0).fold_ids(y, groups):
        assert np.bincount(fold).tolist() == [22, 22]


def test_the_largest_patient_is_not_always_in_the_same_fold():
    groups = np.r_[np.zeros(30), np.arange(1, 31)].astype(int)
    y = np.tile([0, 1], 30)
    folds = RepeatedStratifiedGroupKFold(3, n_repeats=60, random_state=0).fold_ids(y, groups)
    share = np.bincount(folds[:, 0], minlength=3) / 60
    assert (abs(share - 1 / 3) < 4 * np.sqrt(2 / 9 / 60)).all()


def test_two_patients_alike_meet_in_a_fold_as_often_as_chance_says():
    y = np.tile([0, 1], 20)
    folds = RepeatedStratifiedGroupKFold(5, n_repeats=400, random_state=3).fold_ids(y)
    together = (folds[:, 0] == folds[:, 2]).mean()
    chance = 3 / 19  # the fold of the one has 3 places left among 19 patients without an event
    assert abs(together - chance) < 4 * np.sqrt(chance * (1 - chance) / 400)


def test_same_seed_same_folds_and_every_repeat_anew():
    y = np.tile([0, 0, 1], 20)
    make = RepeatedStratifiedGroupKFold(4, n_repeats=3, random_state=7)
    folds = make.fold_ids(y)
    assert folds.shape == (3, 60)
    np.testing.assert_array_equal(make.fold_ids(y), folds)
    assert len({fold.tobytes() for fold in folds}) == 3
    other = RepeatedStratifiedGroupKFold(4, n_repeats=3, random_state=8).fold_ids(y)
    assert (other != folds).any()
    stream = RepeatedStratifiedGroupKFold(4, random_state=np.random.RandomState(7))
    assert (stream.fold_ids(y) != stream.fold_ids(y)).any()


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    RepeatedStratifiedGroupKFold(2, random_state=0).fold_ids(np.tile([0, 1], 9))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    "name",
    [
        lambda g: g + 9_007_199_254_740_992,  # neighbours are one float
        lambda g: np.char.add("p", g.astype(str)),
        lambda g: pd.Series(g, index=g[::-1]).astype("category"),
    ],
    ids=["big integers", "texts", "categories"],
)
def test_names_of_patients_do_not_matter(name):
    groups = np.random.default_rng(0).integers(0, 25, 80)
    y = np.tile([0, 1, 0, 0], 20)
    splitter = RepeatedStratifiedGroupKFold(3, n_repeats=2, random_state=0)
    np.testing.assert_array_equal(splitter.fold_ids(y, name(groups)), splitter.fold_ids(y, groups))


def test_split_follows_the_folds():
    y = np.tile([0, 1], 15)
    splitter = RepeatedStratifiedGroupKFold(3, n_repeats=2, random_state=0)
    tests = [test for _, test in splitter.split(None, y)]
    expected = [np.flatnonzero(f == k) for f in splitter.fold_ids(y) for k in range(3)]
    assert len(tests) == splitter.get_n_splits() == 6
    for got, want in zip(tests, expected, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.fixture(scope="module")
def visits():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 3)
    X = rng.normal(size=(120, 2)) + rng.normal(size=(40, 2))[groups]
    return X, (X[:, 0] + rng.normal(size=120) > 0).astype(int), groups


def test_under_scikit_learn_with_routing_off_and_on(visits):
    X, y, groups = visits
    splitter = RepeatedStratifiedGroupKFold(4, n_repeats=1, random_state=0)
    folds = PredefinedSplit(splitter.fold_ids(y, groups)[0])
    expected = cross_val_score(LogisticRegression(), X, y, cv=folds)
    off = cross_val_score(LogisticRegression(), X, y, cv=splitter, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        on = cross_val_score(LogisticRegression(), X, y, cv=splitter, params={"groups": groups})
        search = GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=splitter)
        search.fit(X, y, groups=groups)
    np.testing.assert_array_equal(off, expected)
    np.testing.assert_array_equal(on, expected)
    assert search.best_score_ == pytest.approx(expected.mean())


def test_it_can_be_cloned_and_read():
    splitter = RepeatedStratifiedGroupKFold(3, n_repeats=2, random_state=0)
    assert repr(splitter) == "RepeatedStratifiedGroupKFold(n_repeats=2, n_splits=3, random_state=0)"
    copy = clone(splitter, safe=False)
    assert (copy.n_splits, copy.n_repeats, copy.random_state) == (3, 2, 0)


Y = np.tile([0, 1], 10)


@pytest.mark.parametrize(
    ("splitter", "y", "groups", "words"),
    [
        ({"n_splits": 1}, Y, None, "n_splits is 1; at least 2"),
        ({"n_repeats": 0}, Y, None, "n_repeats is 0; at least 1"),
        ({"n_splits": 3}, np.r_[1, 1, np.zeros(18)], None, "Only 2 patients with an event"),
        ({"n_splits": 3}, np.r_[0, np.ones(19)], None, "Only 1 patients without an event"),
        ({"n_splits": 3}, Y, np.repeat([71, 72], 10), "Only 2 patients with an event"),
        ({"n_splits": 2}, Y, np.r_[np.nan, np.arange(19)], "1 missing identifiers"),
        ({"n_splits": 2}, Y, np.arange(19), "19 values for 20 rows"),
    ],
)
def test_errors_say_what_to_do(splitter, y, groups, words):
    with pytest.raises(InputError, match=words) as error:
        RepeatedStratifiedGroupKFold(**splitter).fold_ids(y, groups)
    assert not any(identifier in str(error.value) for identifier in ("71", "72"))


def test_the_event_is_not_guessed():
    with pytest.raises(OutcomeError, match="not guessed"):
        RepeatedStratifiedGroupKFold(2).fold_ids(np.tile(["died", "left"], 10))
