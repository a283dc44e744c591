"""Leaving one site out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_score

from healthml.exceptions import DataQualityWarning, InputError
from healthml.validation._splits.leave_one_site_out import LeaveOneSiteOut, site_codes

SITE = np.repeat(["north", "south", "east", "tiny"], [60, 50, 40, 2])


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(152, 2))
    y = (X[:, 0] + rng.normal(size=152) > 0).astype(int)
    y[-2:] = 0
    return X, y


def test_every_site_is_left_out_the_largest_first(cohort):
    X, y = cohort
    splitter = LeaveOneSiteOut(SITE, min_events=0)
    pairs = list(splitter.split(X, y))
    assert [SITE[test[0]] for _, test in pairs] == ["north", "south", "east", "tiny"]
    expected = {tuple(test): tuple(train) for train, test in LeaveOneGroupOut().split(X, y, SITE)}
    assert {tuple(test): tuple(train) for train, test in pairs} == expected
    assert splitter.get_n_splits(X, y) == splitter.get_n_splits() == 4


def test_a_site_without_events_is_listed_and_warned_of(cohort):
    X, y = cohort
    splitter = LeaveOneSiteOut(SITE)
    with pytest.warns(DataQualityWarning, match=r"1 of 4 sites are not left out \(no events: 1\)"):
        pairs = list(splitter.split(X, y))
    assert len(pairs) == 3 == splitter.get_n_splits(X, y)
    for train, _ in pairs:
        assert {150, 151} <= set(train)
    report = splitter.report(X, y)
    assert report["site"].tolist() == ["north", "south", "east", "tiny"]
    assert report["reason"].tolist() == ["", "", "", "no events"]
    assert report["n_samples"].tolist() == [60, 50, 40, 2]
    assert report["n_events"].tolist() == [y[s == SITE].sum() for s in report["site"]]


def test_what_is_too_small_is_a_choice(cohort):
    X, y = cohort
    report = LeaveOneSiteOut(SITE, min_rows=45).report(X, y)
    assert report["reason"].tolist() == ["", "", "fewer than 45 rows", "fewer than 45 rows"]
    report = LeaveOneSiteOut(SITE, min_events=25).report(X, y)
    few = [min(y[s == SITE].sum(), (1 - y[s == SITE]).sum()) < 25 for s in report["site"]]
    assert [reason != "" for reason in report["reason"]] == few
    with pytest.raises(InputError, match="None of 4 sites can be left out"):
        list(LeaveOneSiteOut(SITE, min_rows=100).split(X, y))


def test_patients_of_the_site_left_out_are_not_trained_on_elsewhere(cohort):
    X, y = cohort
    groups = np.arange(152)
    groups[60:70] = np.arange(10)  # ten patients of the north come to the south, too
    splitter = LeaveOneSiteOut(SITE, min_events=0)
    for train, test in splitter.split(X, y, groups):
        assert not set(groups[train]) & set(groups[test])
    report = splitter.report(X, y, groups).set_index("site")
    assert report["n_not_trained"].to_dict() == {"north": 10, "south": 10, "east": 0, "tiny": 0}
    assert report.loc["north", "n_train"] == 152 - 60 - 10
    assert report["n_patients"].to_dict() == {"north": 60, "south": 50, "east": 40, "tiny": 2}


def test_a_site_whose_patients_are_all_others_cannot_be_left_out():
    site, groups = np.array(["a", "a", "b", "b"]), np.array([1, 2, 1, 2])
    report = LeaveOneSiteOut(site).report(site, [0, 1, 0, 1], groups)
    assert set(report["reason"]) == {"all other rows are of its own patients"}
    report = LeaveOneSiteOut(site).report(site, [0, 1, 1, 1])
    assert report["reason"].tolist() == [
        "the other sites have one class of outcome",
        "no non-events",
    ]


def test_sites_may_be_anything_and_missing_is_one(cohort):
    X, y = cohort
    site = pd.Series(SITE, dtype="object")
    site[0] = None
    assert LeaveOneSiteOut(site).report(X, y)["site"].tolist()[-1] == "missing"
    codes, names = site_codes(np.repeat([7, 3], [2, 5]), 7)
    assert (codes.tolist(), names) == ([1, 1, 0, 0, 0, 0, 0], ["3", "7"])
    with pytest.raises(InputError, match="site has one value"):
        site_codes(np.zeros(3), 3)
    with pytest.raises(InputError, match="site has 152 values for 3 rows"):
        LeaveOneSiteOut(SITE).get_n_splits(np.zeros(3), [0, 1, 0])
    with pytest.raises(InputError, match="y is missing"):
        LeaveOneSiteOut(SITE).get_n_splits()
    with pytest.raises(InputError, match="X is missing"):
        LeaveOneSiteOut("site").get_n_splits()


def test_the_site_may_be_a_column(cohort):
    X, y = cohort
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(site=SITE)
    expected = [test.tolist() for _, test in LeaveOneSiteOut(SITE, min_events=0).split(X)]
    for table in (frame, pl.from_pandas(frame)):
        splitter = LeaveOneSiteOut("site", min_events=0)
        assert [test.tolist() for _, test in splitter.split(table, y)] == expected


def test_in_scikit_learn(cohort):
    X, y = cohort
    splitter, model = LeaveOneSiteOut(SITE, min_events=0), LogisticRegression()
    groups = np.arange(152) // 2
    scores = cross_val_score(model, X, y, groups=groups, cv=splitter, scoring="neg_brier_score")
    assert scores.shape == (4,)
    search = GridSearchCV(model, {"C": [0.1, 1.0]}, cv=splitter).fit(X, y, groups=groups)
    assert search.n_splits_ == 4
    with sklearn.config_context(enable_metadata_routing=True):
        cross_val_score(model, X, y, params={"groups": groups}, cv=splitter)
    assert repr(splitter) == "LeaveOneSiteOut(site=<152 sites>, min_rows=1, min_events=0)"
    assert repr(LeaveOneSiteOut("site")).startswith("LeaveOneSiteOut(site='site',")
