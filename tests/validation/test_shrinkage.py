"""Shrinkage: slopes equal to R, folds by whole patients, metadata with routing off and on."""

import json
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.exceptions import InputError
from healthml.validation._refits.procedure import Procedure
from healthml.validation._stability.bootstrap_shrinkage import (
    bootstrap_shrinkage,
    heuristic_shrinkage,
)
from healthml.validation._stability.shrunken_classifier import ShrunkenClassifier

PLAIN = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-10)


@pytest.fixture(scope="module")
def r():
    path = Path(__file__).parent.parent / "reference" / "stability_reference.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(r):
    return np.array(r["rows"]["x"]), np.array(r["rows"]["y"])


@pytest.mark.parametrize("kind", ["plain", "weighted"])
def test_shrunken_risks_agree_with_r(r, rows, kind):
    X, y = rows
    weight = None if kind == "plain" else r["rows"]["weight"]
    model = ShrunkenClassifier(PLAIN, cv=PredefinedSplit(r["rows"]["fold"]))
    model.fit(X, y, sample_weight=weight)
    found = [model.intercept_, model.slope_]
    np.testing.assert_allclose(found, r["out_of_fold"][kind], atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], r["shrunken"][kind], atol=1e-5)
    own = (model.predict_proba(X)[:, 1] > 0.5).astype(int)
    np.testing.assert_array_equal(model.predict(X), own)


def test_shrinking_keeps_the_ranking_and_the_labels(rows):
    X, y = rows
    labels = np.where(y == 1, "yes", "no")
    model = ShrunkenClassifier(PLAIN).fit(X, labels)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X)) <= {"no", "yes"}
    shrunken, own = model.predict_proba(X)[:, 1], model.estimator_.predict_proba(X)[:, 1]
    assert (np.argsort(shrunken) == np.argsort(own)).all()
    assert 0 < model.slope_ < 1
    assert np.ptp(shrunken) < np.ptp(own)


def test_ranking_worse_than_chance_gives_everybody_the_prevalence():
    X = np.tile(np.arange(-15.0, 15.0), 2).reshape(-1, 1)
    fold = np.repeat([0, 1], 30)
    y = np.where(fold == 0, X[:, 0] > 3, X[:, 0] < -3)  # what one half teaches misleads the other
    model = ShrunkenClassifier(LogisticRegression(), cv=PredefinedSplit(fold)).fit(X, y)
    assert model.slope_ == 0
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], y.mean())


def test_without_a_slope_risks_stay_as_they_are(remembers):
    X = np.r_[np.arange(20.0), np.arange(90.0, 110.0)].reshape(-1, 1)
    separated = ShrunkenClassifier(LogisticRegression(max_iter=1000)).fit(X, X[:, 0] > 50)
    assert (separated.intercept_, separated.slope_) == (0.0, 1.0)
    flat = ShrunkenClassifier(remembers).fit(X, np.arange(40) % 2)  # 0 for all out of fold
    assert flat.slope_ == 1.0


@pytest.mark.parametrize("routing", [False, True])
def test_a_patient_is_never_on_both_sides(visits, remembers, routing):
    X, y, groups = visits
    X = X.copy()
    X[:, 0] = groups
    with sklearn.config_context(enable_metadata_routing=routing):
        ShrunkenClassifier(remembers, cv=4).fit(X, y, groups=groups)
    *inner, whole = remembers.fits
    assert len(inner) == 4
    assert len(whole) == len(y)
    held = [set(np.unique(groups)) - set(np.unique(fit).astype(int)) for fit in inner]
    assert sum(len(part) for part in held) == len(np.unique(groups))
    assert set.union(*held) == set(groups)
    for fit, part in zip(inner, held, strict=True):
        assert len(fit) == np.sum(~np.isin(groups, list(part)))


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_the_inner_fits(r, rows, routing):
    X, y = rows
    weight = np.array(r["rows"]["weight"], dtype=float)
    with sklearn.config_context(enable_metadata_routing=routing):
        inner = LogisticRegression(C=np.inf, tol=1e-10)
        inner = inner.set_fit_request(sample_weight=True) if routing else inner
        model = ShrunkenClassifier(inner).fit(X, y, sample_weight=weight)
    alone = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.estimator_.coef_, alone.coef_, atol=1e-6)


def test_with_routing_a_weight_that_is_declined_stays_in_the_recalibration(r, rows):
    X, y = rows
    weight = np.array(r["rows"]["weight"], dtype=float)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = LogisticRegression(C=np.inf, tol=1e-10).set_fit_request(sample_weight=False)
        model = ShrunkenClassifier(inner).set_fit_request(sample_weight=True)
        model.fit(X, y, sample_weight=weight)
    plain = ShrunkenClassifier(LogisticRegression(C=np.inf, tol=1e-10)).fit(X, y)
    np.testing.assert_allclose(model.estimator_.coef_, plain.estimator_.coef_, atol=1e-8)
    assert model.slope_ != pytest.approx(plain.slope_, abs=1e-3)


def test_groups_reach_it_under_cross_validation_with_routing(visits):
    X, y, groups = visits
    with sklearn.config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler(), ShrunkenClassifier(PLAIN, cv=3))
        search = GridSearchCV(
            ShrunkenClassifier(LogisticRegression(), cv=3),
            {"estimator__C": [1.0]},
            scoring="neg_log_loss",
            cv=2,
        )
        for one in (model, search):
            found = cross_validate(one, X, y, params={"groups": groups}, scoring="roc_auc", cv=2)
            assert np.isfinite(found["test_score"]).all()


@pytest.mark.parametrize("routing", [False, True])
def test_a_refit_hands_it_the_patients_inside_a_pipeline(routing):
    model = make_pipeline(StandardScaler(), ShrunkenClassifier(LogisticRegression()))
    groups = np.array([4, 4, 7, 7])
    with sklearn.config_context(enable_metadata_routing=routing):
        given = Procedure(model, groups).fit_params(
            model, np.eye(2), np.array([0, 1]), np.arange(2, 4)
        )
    assert [value.tolist() for value in given.values()] == [[7, 7]]


def test_an_inner_search_keeps_patients_whole(visits, remembers):
    X, y, groups = visits
    X = X.copy()
    X[:, 0] = groups
    search = GridSearchCV(remembers, {}, cv=2, scoring="neg_brier_score")
    ShrunkenClassifier(search, cv=2).fit(X, y, groups=groups)
    size = np.bincount(groups)
    for fit in remembers.fits:
        there = np.bincount(fit.astype(int), minlength=len(size))
        assert np.all((there == 0) | (there == size))


def test_few_events_mean_fewer_folds(remembers):
    X, y = np.arange(20.0).reshape(-1, 1), np.arange(20) < 3
    ShrunkenClassifier(remembers, cv=5).fit(X, y)
    assert len(remembers.fits) == 3 + 1
    with pytest.raises(InputError, match="Only 1 patient"):
        ShrunkenClassifier(remembers).fit(X, np.arange(20) < 1)


def test_bootstrap_slopes_agree_with_r(r, rows):
    resamples = [np.array(one) for one in r["resamples"]]
    result = bootstrap_shrinkage(PLAIN, *rows, resamples=resamples)
    np.testing.assert_allclose(result.values["all rows"], r["slopes"]["all_rows"], atol=1e-5)
    np.testing.assert_allclose(result.values["out of bag"], r["slopes"]["out_of_bag"], atol=1e-5)
    assert result.factor == pytest.approx(np.mean(r["slopes"]["all_rows"]), abs=1e-6)
    row = result.to_frame().iloc[0]
    ends = np.quantile(r["slopes"]["all_rows"], [0.025, 0.975])
    np.testing.assert_allclose([row["lower"], row["upper"]], ends, atol=1e-5)
    assert result.plot().get_xlabel() == "Calibration slope"


def test_a_learner_that_remembers_is_judged_out_of_bag(rows):
    model = KNeighborsClassifier(7)
    result = bootstrap_shrinkage(model, *rows, n_resamples=30, random_state=0)
    everywhere, outside = result.to_frame()["estimate"]
    assert everywhere > outside + 0.05
    assert result.factor == outside
    assert "remembers" in result.summary()


def test_out_of_bag_rows_are_those_of_other_patients(visits):
    X, y, groups = visits
    rows = np.flatnonzero(groups < 40)
    several = rows[np.bincount(groups)[groups[rows]] > 1][0]  # a visit of a patient with others
    rows = rows[rows != several]
    result = bootstrap_shrinkage(PLAIN, X, y, groups=groups, resamples=[rows])
    risk = PLAIN.fit(X[rows], y[rows]).predict_proba(X)[:, 1]
    away = groups >= 40
    odds = np.log(risk / (1 - risk))[away, None]
    slope = PLAIN.fit(odds, y[away]).coef_.item()
    assert result.values["out of bag"].item() == pytest.approx(slope, abs=1e-5)


def test_heuristic_shrinkage_agrees_with_rms(r, rows):
    expected = r["heuristic"]
    assert heuristic_shrinkage(*rows).factor == pytest.approx(expected["factor"], abs=1e-9)
    chosen = heuristic_shrinkage(*rows, n_parameters=12)
    assert chosen.factor == pytest.approx(expected["factor_of_12"], abs=1e-9)
    assert "on 12 parameters" in chosen.summary()


def test_heuristic_shrinkage_refuses_what_it_cannot_fit(rows):
    X, y = rows
    with pytest.raises(InputError, match="at least as many parameters"):
        heuristic_shrinkage(X, y, n_parameters=2)
    with pytest.raises(InputError, match="separate the events"):
        heuristic_shrinkage(y[:, None] + 0.0, y)
    with pytest.raises(InputError, match="not numbers"):
        heuristic_shrinkage(np.array([["a"], ["b"]] * 80), y)
    with pytest.raises(InputError, match="missing or infinite cells in 1 columns"):
        heuristic_shrinkage(np.where(np.arange(5) == 2, np.nan, X), y)


def test_no_signal_has_no_factor():
    rng = np.random.default_rng(0)
    result = heuristic_shrinkage(rng.normal(size=(60, 10)), np.arange(60) % 2)
    assert result.factor < 0
    assert "give everybody the prevalence" in result.summary()
