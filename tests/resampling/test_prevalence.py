"""Prevalence by Bayes' rule, estimated without outcomes, and where that is wrong."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from healthml.exceptions import InputError
from healthml.resampling import (
    PrevalenceAdjustedClassifier,
    estimate_prevalence,
    prevalence_correction,
)


def site(n, prevalence, rng, gap=2.0, drift=0.0):
    """Return scores and outcomes of a site; log odds at 10% prevalence are known exactly."""
    y = (rng.random(n) < prevalence).astype(int)
    x = rng.normal(size=n) + gap * (y - 0.5) + drift
    return x, y


def risk_at(x, prevalence, gap=2.0):
    return expit(gap * x + logit(prevalence))


def test_bayes_rule_there_and_back():
    risk = np.array([0.0, 1e-12, 0.03, 0.5, 0.99, 1.0])
    moved = prevalence_correction(risk, 0.3, 0.02)
    odds = moved[1:-1] / (1 - moved[1:-1]) / (risk[1:-1] / (1 - risk[1:-1]))
    np.testing.assert_allclose(odds, (0.02 / 0.98) / (0.3 / 0.7))
    np.testing.assert_allclose(prevalence_correction(moved, 0.02, 0.3), risk, rtol=1e-9)
    x = np.linspace(-3, 3, 50)
    np.testing.assert_allclose(prevalence_correction(risk_at(x, 0.1), 0.1, 0.4), risk_at(x, 0.4))


@pytest.mark.parametrize("value", [0, 1, 1.5, "0.2", None, True])
def test_a_prevalence_is_between_0_and_1(value):
    with pytest.raises(InputError, match="to_prevalence is"):
        prevalence_correction([0.5], 0.2, value)


def saerens(risk, before):
    """The EM algorithm as published."""
    share = before
    for _ in range(20000):
        up, down = risk * share / before, (1 - risk) * (1 - share) / (1 - before)
        new = np.mean(up / (up + down))
        if abs(new - share) < 1e-13:
            break
        share = new
    return share


@pytest.mark.parametrize("prevalence", [0.02, 0.1, 0.5, 0.9])
def test_the_estimate_is_where_em_ends(prevalence):
    x, _ = site(3000, prevalence, np.random.default_rng(4))
    result = estimate_prevalence(risk_at(x, 0.1), 0.1)
    assert result.estimate == pytest.approx(saerens(risk_at(x, 0.1), 0.1), abs=1e-8)
    assert result.risks.mean() == pytest.approx(result.estimate, abs=1e-9)


def test_intervals_hold_for_repeated_patients():
    rng, held = np.random.default_rng(0), []
    for _ in range(400):
        x, _ = site(300, 0.3, rng)
        x, patients = np.repeat(x, 3), np.repeat(np.arange(300), 3)
        row = estimate_prevalence(risk_at(x, 0.1), 0.1, groups=patients).to_frame().iloc[0]
        held.append(row["lower"] < 0.3 < row["upper"])
    assert 0.92 < np.mean(held) < 0.98


def test_the_assumption_is_checked():
    rng = np.random.default_rng(1)
    x, y = site(4000, 0.1, rng)
    known = (y, risk_at(x, 0.1))
    same, _ = site(2000, 0.4, rng)
    fine = estimate_prevalence(risk_at(same, 0.1), 0.1, reference=known).to_frame().iloc[0]
    assert fine["assumption"] == "holds as far as seen"
    wide = rng.normal(size=2000) * 2.5  # patients unlike either class
    wrong = estimate_prevalence(risk_at(wide, 0.1), 0.1, reference=known).to_frame().iloc[0]
    assert wrong["assumption"] == "contradicted"
    assert wrong["p_value"] < 1e-6
    with pytest.raises(InputError, match="no pair"):
        estimate_prevalence(risk_at(same, 0.1), 0.1, reference=known[1])


def test_where_patients_are_sicker_the_estimate_is_wrong():
    """Without label shift the method has no answer; the docstring says so."""
    x, y = site(20000, 0.1, np.random.default_rng(2), drift=0.7)
    found = estimate_prevalence(risk_at(x, 0.1), 0.1).estimate
    assert found > 2 * y.mean()


def test_an_estimate_at_the_edge_has_no_interval():
    row = estimate_prevalence(np.linspace(0.001, 0.02, 50), 0.3).to_frame().iloc[0]
    assert row["estimate"] == 0
    assert np.isnan(row["lower"])
    assert "edge" in row["method"]


def test_flat_risks_say_nothing():
    with pytest.raises(InputError, match="same for every row"):
        estimate_prevalence([0.2, 0.2], 0.1)


def test_classifier_moves_its_risks_and_adapts():
    rng = np.random.default_rng(3)
    x, y = site(6000, 0.1, rng)
    model = PrevalenceAdjustedClassifier(LogisticRegression(), prevalence=0.4)
    model.fit(x[:, None], y)
    new_x, new_y = site(6000, 0.4, rng)
    risk = model.predict_proba(new_x[:, None])[:, 1]
    assert abs(risk.mean() / new_y.mean() - 1) < 0.05
    adapted = model.adapt(new_x[:, None])
    assert adapted.to_prevalence_ == pytest.approx(0.4, abs=0.05)
    assert model.to_prevalence_ == 0.4
    assert not hasattr(model, "prevalence_")
    adapted.prevalence_.plot()
    frozen = PrevalenceAdjustedClassifier(FrozenEstimator(model.estimator_), prevalence=0.4)
    np.testing.assert_allclose(frozen.fit(x[:, None], y).predict_proba(new_x[:, None])[:, 1], risk)
