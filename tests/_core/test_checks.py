import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

from healthml._core._checks import (
    check_event,
    check_groups,
    check_patient_cv,
    check_proba,
    check_random_seeds,
    list_levels,
)
from healthml.exceptions import InputError, OutcomeError


@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 1],
        [0.0, 1.0, 1.0],
        [False, True, True],
        np.array([0, 1, 1], dtype=np.uint8),
        pd.Series([0, 1, 1], index=[7, 7, 9], dtype="Int64"),
        pd.Series([False, True, True], dtype="boolean"),
        pd.Series([0, 1, 1], dtype="category"),
    ],
)
def test_one_is_the_event(y):
    classes, y01 = check_event(y)
    assert classes.tolist() == [0, 1]
    assert y01.tolist() == [0, 1, 1]
    assert y01.dtype == np.int64


@pytest.mark.parametrize(
    ("y", "event", "expected"),
    [
        (["NO", ">30", "<30"], "<30", [0, 0, 1]),  # the level wins over the comparison
        (["Alive", "Died", "Alive"], "Died", [0, 1, 0]),
        ([0, 2, 4], ">0", [0, 1, 1]),
        ([0, 2, 4], ">=4", [0, 0, 1]),
        ([0, 2, 4], "!=0", [0, 1, 1]),
        ([0, 1, 2], "== 0", [1, 0, 0]),
        ([0, 1, 1], 0, [1, 0, 0]),
        ([1, 2, 2], 2, [0, 1, 1]),
        ([1.0, 2.0], "2", [0, 1]),
        (["1", "12", "3"], ">3", [0, 1, 0]),
        ([True, False], "False", [0, 1]),
        (pd.Categorical(["a", "b", "b"]), "b", [0, 1, 1]),
    ],
)
def test_a_named_event(y, event, expected):
    classes, y01 = check_event(y, event=event)
    assert y01.tolist() == expected
    assert len(classes) == 2
    assert str(classes[1]) == str(event).strip() or float(classes[1]) == float(event)


@given(st.lists(st.integers(-5, 5), min_size=2), st.integers(-5, 5))
def test_a_comparison_agrees_with_numpy(y, bound):
    expected = np.array(y) >= bound
    if expected.all() or not expected.any():
        with pytest.raises(OutcomeError, match="one class only"):
            check_event(y, event=f">={bound}")
    else:
        assert check_event(y, event=f">={bound}")[1].tolist() == expected.astype(int).tolist()


@pytest.mark.parametrize(
    ("y", "event", "says"),
    [
        ([0, np.inf, 1, np.nan], None, "1 infinite values, the first at position 1"),
        ([0, 1, np.nan], None, r"1 missing values \(NaN\), the first at position 2"),
        (["a", None], "a", "missing"),
        ([], None, "empty"),
        (None, None, "requires y to be passed"),
        ([1, 1], None, "one class only in all 2 rows"),
        (["a", "a"], "a", "one class only, event in all 2 rows"),
        ([0, 0], ">3", "one class only, no event in all 2 rows"),
        (["no", "yes"] * 11, None, "2 levels: 'no', 'yes', and which"),
        (["no", "yes"] * 10, None, "2 levels, none of them with 11 patients or more"),
        ([1, 2] * 11, None, r"2 levels: 1, 2, .*\(event=; --event on the command line\)"),
        ([0, 1, 2], None, "3 levels"),
        (["no", "yes"] * 11, "Yes", "not a level of y, which has 2 levels: 'no', 'yes'; name"),
        (["no", "yes"], ">0", "2 of its values are not numbers, the first at position 0"),
    ],
)
def test_an_unusable_outcome(y, event, says):
    with pytest.raises(OutcomeError, match=says) as caught:
        check_event(y, event=event)
    assert "\n" not in str(caught.value)


def test_levels_of_few_patients_are_counted_and_not_named():
    y = ["a"] * 30 + ["b"] * 20 + ["rare"] * 10
    with pytest.raises(
        OutcomeError, match=r"3 levels \(those with 11 patients or more: 'a', 'b'\)"
    ):
        check_event(y)
    patients = np.r_[np.arange(30), np.arange(10).repeat(2), np.arange(10)]
    with pytest.raises(OutcomeError, match=r"patients or more: 'a'\)"):
        check_event(y, groups=patients)
    many = np.repeat([f"level{k:02d}" for k in range(12)], 11)
    with pytest.raises(OutcomeError, match=r"12 levels \(among those .*'level09'\)"):
        check_event(many)


def test_no_more_than_twenty_levels_are_shown():
    assert "'20'" in list_levels([str(i) for i in range(1, 21)])
    with pytest.raises(OutcomeError, match="21 levels, none of them with 11") as caught:
        check_event([f"id{i}" for i in range(21)])
    assert "id3" not in str(caught.value)


def test_estimators_may_take_any_two_classes():
    classes, y01 = check_event(["b", "a", "b"], any_two_classes=True)
    assert classes.tolist() == ["a", "b"]
    assert y01.tolist() == [1, 0, 1]
    with pytest.raises(OutcomeError, match="Only binary classification is supported"):
        check_event([0, 1, 2], any_two_classes=True)
    with pytest.raises(OutcomeError, match="continuous"):
        check_event([0.5, 1.2, 2.0], any_two_classes=True)
    with pytest.raises(OutcomeError, match="one class"):
        check_event([1, 1], any_two_classes=True)


def test_a_column_vector_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning):
        assert check_event(np.array([[0], [1]]))[1].tolist() == [0, 1]


def test_polars_is_read():
    pl = pytest.importorskip("polars")
    assert check_event(pl.Series(["x", "y"]), event="y")[1].tolist() == [0, 1]
    codes = check_groups(pl.Series([2**60, 2**60 + 1, 2**60]), 3)
    assert codes.tolist() == [0, 1, 0]
    assert check_proba(pl.Series([0.2, 0.3])).tolist() == [0.2, 0.3]


def test_probabilities():
    assert check_proba(pd.Series([0, 1, 0.5], index=[3, 3, 3]), n=3).tolist() == [0, 1, 0.5]
    assert check_proba(np.array([[0.5], [0.6]])).shape == (2,)


@pytest.mark.parametrize(
    ("y_proba", "n", "says"),
    [
        ([0.1, 1.7, np.nan], None, "2 of 3 values .*position 1, missing or outside 0 to 1"),
        ([0.1, "high"], None, "position 1, not a number"),
        ([[0.9, 0.1]], None, r"two columns; .*predict_proba\(X\)\[:, 1\]"),
        ([[0.9, 0.1, 0]], None, "2 dimensions"),
        (0.3, None, "0 dimensions"),
        ([0.1], 2, "1 values for 2 rows"),
    ],
)
def test_bad_probabilities(y_proba, n, says):
    with pytest.raises(InputError, match=says) as caught:
        check_proba(np.array(y_proba, dtype=object), n)
    assert "1.7" not in str(caught.value)
    assert "high" not in str(caught.value)


@given(st.lists(st.integers(0, 5) | st.text(max_size=3).map("p".__add__), min_size=1))
def test_groups_are_codes_of_equality(groups):
    codes = check_groups(pd.Series(groups, dtype=object), len(groups))
    same = [[a == b for b in groups] for a in groups]
    assert (codes[:, None] == codes).tolist() == same


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([2.0**53 + 2, 1.0], "groups has 1 identifiers that are floats beyond"),
        (pd.Series([2.0**60, "a"], dtype=object), "1 identifiers that are floats beyond"),
        (pd.array([2.0**60, 1.0], dtype="Float64"), "1 identifiers that are floats beyond"),
        (pd.Series([["a"], ["b"]]), "lists or mappings"),
        ([{"a": 1}, {"b": 1}], "lists or mappings"),
    ],
)
def test_identifiers_that_cannot_tell_patients_apart(groups, words):
    with pytest.raises(InputError, match=words):
        check_groups(groups, 2)


def test_large_whole_numbers_and_text_stay_exact():
    large = [2**53 + 1, 2**53 + 2]
    for groups in (large, np.array(large), pd.array(large, dtype="Int64"), [2.0**53, 2.0**53 - 1]):
        assert check_groups(groups, 2).tolist() == [0, 1]


def test_bad_groups():
    with pytest.raises(InputError, match="2 missing identifiers, the first at position 1"):
        check_groups(["a", None, np.nan], 3)
    with pytest.raises(InputError, match="1 values for 2 rows"):
        check_groups(["a"], 2)
    for blank in ("", " ", "\u200b\t"):
        cells = ["a", blank, "b", blank]
        for groups in (cells, pd.array(cells, dtype="string"), pd.Categorical(cells)):
            with pytest.raises(InputError, match="2 blank identifiers, the first at position 1"):
                check_groups(groups, 4)


def test_patients_stay_together():
    event, groups = np.tile([0, 1], 10), np.repeat(np.arange(10), 2)
    splitter = check_patient_cv(3, event, groups)
    assert isinstance(splitter, StratifiedGroupKFold)
    for train, test in splitter.split(event, event, groups):
        assert not set(groups[train]) & set(groups[test])
    assert check_patient_cv(None, event, groups).get_n_splits() == 5
    assert isinstance(check_patient_cv(3, event, None), StratifiedKFold)
    own = GroupKFold(2)
    assert check_patient_cv(own, event, groups) is own
    with pytest.raises(InputError, match="11 folds and groups has 10 patients"):
        check_patient_cv(11, event, groups)


def test_seeds_are_drawn_up_front():
    assert check_random_seeds(1, 4) == check_random_seeds(1, 4)
    assert check_random_seeds(1, 4)[:2] == check_random_seeds(1, 2)
    source = np.random.RandomState(0)
    assert check_random_seeds(source, 2) != check_random_seeds(source, 2)
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    check_random_seeds(5, 2)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
