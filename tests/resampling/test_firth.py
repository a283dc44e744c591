"""FirthLogisticRegression against R's brglm, and its intercept."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

from healthml._core._numerics import fit_logistic
from healthml.exceptions import ConvergenceWarning
from healthml.resampling import FirthLogisticRegression, _firth

REFERENCE = Path(__file__).parents[1] / "reference" / "resampling_reference.json"


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


def rows():
    """Return what the R script makes."""
    i = np.arange(1, 41)
    X = np.column_stack([np.sin(i), (i % 7) / 3, i % 5 == 0]).astype(float)
    y = (np.sin(1.7 * i) + X[:, 0] > 1.1).astype(int)
    return X, y, (X[:, 0] > 0.8).astype(int), 1 + i % 3


def numbers(model):
    return np.r_[model.intercept_, model.coef_[0]]


def test_coefficients_are_brglms(reference):
    X, y, separated, weight = rows()
    model = FirthLogisticRegression(intercept_correction=False)
    np.testing.assert_allclose(numbers(model.fit(X, y)), reference["plain"], atol=1e-7)
    np.testing.assert_allclose(
        numbers(model.fit(X[:, :2], separated)), reference["separated"], atol=1e-5
    )
    np.testing.assert_allclose(
        numbers(model.fit(X[:, :2], y, sample_weight=weight)), reference["weighted"], atol=1e-7
    )


def test_the_mean_risk_is_the_event_rate():
    X, y, separated, weight = rows()
    for outcome in (y, separated):
        risk = FirthLogisticRegression().fit(X, outcome).predict_proba(X)[:, 1]
        assert risk.mean() == pytest.approx(outcome.mean(), abs=1e-8)
    raw = FirthLogisticRegression(intercept_correction=False).fit(X, y)
    assert raw.predict_proba(X)[:, 1].mean() > y.mean() + 0.002
    model = FirthLogisticRegression().fit(X, y, sample_weight=weight)
    risk = model.predict_proba(X)[:, 1]
    assert weight @ risk == pytest.approx(weight @ y, abs=1e-6)


def test_less_biased_than_maximum_likelihood_where_events_are_few():
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        x = rng.normal(size=60)
        y = (rng.random(60) < 1 / (1 + np.exp(2 - x))).astype(int)
        if 0 < y.sum() < 60:
            likelihood = fit_logistic(x, y)
            firth = FirthLogisticRegression().fit(x[:, None], y).coef_[0, 0]
            found.append((np.nan if likelihood.separated else likelihood.coef[1], firth))
    plain, firth = np.nanmean(found, axis=0)
    assert plain > 1.04
    assert abs(firth - 1) < 0.06


def test_dependent_and_constant_columns_have_no_effect():
    X, y, *_ = rows()
    wide = np.column_stack([X, np.ones(40), X[:, 0] + X[:, 1]])
    model = FirthLogisticRegression().fit(wide, y)
    risk = FirthLogisticRegression().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(wide), risk, atol=1e-7)
    assert model.coef_[0, 3] == 0


def test_scale_does_not_matter():
    X, y, *_ = rows()
    risk = FirthLogisticRegression().fit(X, y).predict_proba(X)
    moved = X * [1e6, 1e-6, 1] + [1e7, 0, -3]
    np.testing.assert_allclose(
        FirthLogisticRegression().fit(moved, y).predict_proba(moved), risk, atol=1e-6
    )


def test_where_scoring_creeps_the_answer_is_the_same():
    X, y, *_ = rows()
    slow = FirthLogisticRegression(max_iter=1).fit(X, y)
    quick = FirthLogisticRegression().fit(X, y)
    np.testing.assert_allclose(numbers(slow), numbers(quick), atol=1e-4)
    assert slow.n_iter_ > 1


def test_a_search_that_does_not_end_is_said(monkeypatch):
    X, y, *_ = rows()
    stuck = OptimizeResult(x=np.zeros(4), nit=0, fun=-1e9, jac=np.ones(4))
    monkeypatch.setattr(_firth.optimize, "minimize", lambda *args, **kwargs: stuck)
    with pytest.warns(ConvergenceWarning, match="has not converged"):
        FirthLogisticRegression(max_iter=0).fit(X, y)
