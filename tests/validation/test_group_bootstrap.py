"""Bootstrap splits by whole patients."""

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from healthml._core._bootstrap import resample_indices
from healthml.exceptions import InputError
from healthml.validation._splits.group_bootstrap import GroupBootstrap


@pytest.mark.parametrize("stratify", [False, True])
def test_patients_are_drawn_whole_and_the_others_are_tested(visits, stratify):
    X, y, groups = visits
    splitter = GroupBootstrap(n_splits=30, stratify=stratify, random_state=0)
    out = []
    for train, test in splitter.split(X, y, groups):
        assert not set(groups[train]) & set(groups[test])
        assert set(groups[train]) | set(groups[test]) == set(groups)
        drawn = np.bincount(train, minlength=len(y))
        for patient in np.unique(groups):  # each row of a patient as often as the patient
            assert len(set(drawn[groups == patient])) == 1
        times = [drawn[groups == patient][0] for patient in np.unique(groups)]
        assert sum(times) == len(np.unique(groups))
        assert max(times) > 1
        out.append(len(np.unique(groups[test])) / len(np.unique(groups)))
    assert 0.3 < np.mean(out) < 0.44


def test_strata_keep_the_number_of_patients_with_an_event(visits):
    X, y, groups = visits
    has_event = np.array([y[groups == g].any() for g in range(60)])
    assert 5 < has_event.sum() < 55
    counts = set()
    for stratify in (True, False):
        kept = []
        for train, _ in GroupBootstrap(20, stratify=stratify, random_state=1).split(X, y, groups):
            drawn = np.bincount(groups[train], minlength=60) / np.bincount(groups)
            kept.append(round(drawn[has_event].sum()))
        counts.add((stratify, len(set(kept)) == 1 and kept[0] == has_event.sum()))
    assert counts == {(True, True), (False, False)}


def test_draws_are_those_of_the_bootstrap_engine(visits):
    X, y, groups = visits
    engine = resample_indices(len(y), groups, n_resamples=5, random_state=7)
    ours = GroupBootstrap(5, random_state=7).split(X, y, groups)
    for expected, (train, _) in zip(engine, ours, strict=True):
        np.testing.assert_array_equal(train, expected)


def test_a_draw_of_every_patient_is_replaced():
    X = np.arange(4)
    pairs = list(GroupBootstrap(50, random_state=0).split(X, groups=[0, 0, 1, 1]))
    assert len(pairs) == 50
    assert all(len(test) == 2 and len(train) == 4 for train, test in pairs)


def test_rows_are_patients_without_groups():
    pairs = list(GroupBootstrap(3, random_state=0).split(np.zeros((30, 2))))
    assert len(pairs) == 3
    for train, test in pairs:
        assert len(train) == 30
        np.testing.assert_array_equal(np.setdiff1d(np.arange(30), train), test)


def test_the_same_seed_gives_the_same_splits_and_repr_names_it(visits):
    X, y, groups = visits
    splitter = GroupBootstrap(4, random_state=3)
    first, second = (list(splitter.split(X, y, groups)) for _ in range(2))
    for (a, b), (c, d) in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    assert repr(splitter) == "GroupBootstrap(n_splits=4, random_state=3, stratify=False)"
    assert splitter.get_n_splits() == 4


def test_in_scikit_learn(visits):
    X, y, groups = visits
    splitter = GroupBootstrap(4, stratify=True, random_state=0)
    model = LogisticRegression()
    scores = cross_val_score(model, X, y, groups=groups, cv=splitter, scoring="roc_auc")
    assert scores.shape == (4,)
    assert (scores > 0.6).all()
    search = GridSearchCV(model, {"C": [0.1, 1.0]}, cv=splitter).fit(X, y, groups=groups)
    assert search.n_splits_ == 4
    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(model, X, y, params={"groups": groups}, cv=splitter)
        search = GridSearchCV(model, {"C": [0.1, 1.0]}, cv=splitter).fit(X, y, groups=groups)
    assert len(found["test_score"]) == 4
    text = np.where(y == 1, "yes", "no")  # an estimator's labels need no named event
    assert len(list(splitter.split(X, text, groups))) == 4


@pytest.mark.parametrize(
    ("options", "y", "groups", "message"),
    [
        ({"n_splits": 0}, [0, 1, 1], [0, 1, 2], "n_splits is 0"),
        ({"n_splits": 2.5}, [0, 1, 1], [0, 1, 2], "n_splits is 2.5"),
        ({}, [0, 1, 1], [1, 1, 1], "one patient"),
        ({"stratify": True}, None, [0, 1, 2], "needs y"),
        ({"stratify": True}, [0, 1, 1], [0, 1, 2], "Only 1 patient has"),
        ({"stratify": True}, [0, 1], [0, 1, 2], "y has 2 rows and X has 3"),
    ],
)
def test_mistakes_are_named(options, y, groups, message):
    with pytest.raises(InputError, match=message):
        list(GroupBootstrap(**options).split(np.zeros(3), y, groups))
