"""ClinicalThreshold: each rule, whatever the order of the rows, with limits that are exact."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate

from healthml.exceptions import InputError
from healthml.metrics import net_benefit
from healthml.resampling import ClinicalThreshold
from healthml.resampling._threshold.rules import (
    choose,
    design_effect,
    lower_limit,
    optimism_of_choice,
)


def fitted(X, y, groups=None, **options):
    model = ClinicalThreshold(LogisticRegression(), random_state=0, **options)
    return model.fit(X, y, groups=groups)


def test_harm_is_decision_theory(rare):
    X, y, groups = rare
    model = fitted(X, y, groups, rule="harm", value=1 / 9)
    assert model.threshold_ == pytest.approx(0.1)
    assert np.isnan(model.sensitivity_lower_)
    alarm = model.predict(X) == 1
    np.testing.assert_array_equal(alarm, model.predict_proba(X)[:, 1] >= 0.1)


def test_net_benefit_is_the_largest_of_all_cuts():
    rng = np.random.default_rng(0)
    risk = rng.uniform(size=300).round(2)
    event = (rng.random(300) < risk**2).astype(int)
    cut = choose("net_benefit", 0.2, event, risk)
    odds = 0.25
    values = {c: np.mean((risk >= c) * np.where(event == 1, 1, -odds)) for c in np.unique(risk)}
    assert values[cut] == pytest.approx(max(values.values()))
    calibrated = (rng.random(300) < risk).astype(int)
    own = choose("net_benefit", 0.2, calibrated, risk)
    at_rate = net_benefit(calibrated, risk, threshold=0.2)
    assert np.mean((risk >= own) * np.where(calibrated == 1, 1, -odds)) >= at_rate - 1e-12


def test_nobody_is_alarmed_for_where_every_cut_does_harm():
    risk, event = np.linspace(0.1, 0.3, 200), np.zeros(200, dtype=int)
    event[:5] = 1  # the lowest risks
    assert choose("net_benefit", 0.5, event, risk) == 0.5
    assert 0.3 < choose("net_benefit", 0.2, event, risk) < 0.3 + 1e-9
    assert choose("net_benefit", 0.01, event, risk) == pytest.approx(0.1)  # everybody


def test_a_choice_by_net_benefit_lowers_the_limit_of_sensitivity(rare):
    """Else it holds in .85 of choices (see the simulation)."""
    X, y, groups = rare
    model = fitted(X, y, groups, rule="net_benefit", value=0.1)
    found = model.choice_.to_frame().set_index("measure").loc["sensitivity", "estimate"]
    n = int(y.sum())
    assert model.sensitivity_lower_ < lower_limit(round(found * n), n)
    assert model.sensitivity_lower_ == fitted(X, y, groups, value=0.1).sensitivity_lower_


def test_optimism_of_a_choice_is_zero_where_there_is_one_cut_only():
    event, risk = np.r_[np.ones(50, int), np.zeros(50, int)], np.full(100, 0.5)
    assert optimism_of_choice(0.2, event, risk, None, 0) == 0
    spread = np.random.default_rng(0).uniform(size=100)
    assert 0.02 < optimism_of_choice(0.45, event, spread, None, 0) < 0.3


@pytest.mark.parametrize("value", [100, (15, 150)])
def test_capacity_holds_whatever_the_order_of_the_rows(value):
    rng = np.random.default_rng(1)
    n = 3000
    X = rng.normal(size=(n, 2))
    X[:, 0] = np.sort(X[:, 0])  # rows sorted by age
    y = (rng.random(n) < 1 / (1 + np.exp(2.5 - 1.5 * X[:, 0]))).astype(int)
    model = fitted(X, y, rule="capacity", value=value)
    new = rng.normal(size=(20000, 2))
    assert 85 < 1000 * model.predict(new).mean() < 115
    alerts = model.choice_.to_frame().set_index("measure").loc["alerts_per_1000"]
    assert alerts["estimate"] == pytest.approx(100, abs=0.4)


def test_equal_risks_do_not_exceed_the_capacity():
    risk = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    cut = choose("capacity", 400, np.array([1, 0, 1, 0, 0]), risk)
    assert np.sum(risk >= cut) == 1


def test_the_limit_is_clopper_and_pearsons():
    for found, n in ((0, 7), (5, 9), (40, 41), (12, 12)):
        exact = binomtest(found, n).proportion_ci(0.90, method="exact").low
        assert np.nan_to_num(lower_limit(found, n)) == pytest.approx(exact)


def test_required_sensitivity_is_shown_by_its_lower_limit(rare):
    X, y, groups = rare
    model = fitted(X, y, groups, rule="sensitivity", value=0.7)
    assert model.sensitivity_lower_ >= 0.7
    table = model.choice_.to_frame().set_index("measure")
    assert table.loc["sensitivity", "estimate"] > model.sensitivity_lower_
    assert list(table.index) == ["sensitivity", "specificity", "ppv", "npv", "alerts_per_1000"]
    np.testing.assert_allclose(table["optimism"], table["estimate"] - table["chosen_elsewhere"])
    model.choice_.plot()


def test_repeated_patients_count_less():
    rng = np.random.default_rng(2)
    risk = np.repeat(rng.uniform(size=200), 5) + rng.normal(size=1000) * 0.01
    event, groups = np.ones(1000, int), np.repeat(np.arange(200), 5)
    assert 4 < design_effect(0.8, event, risk, groups) < 6
    assert design_effect(0.8, event, rng.uniform(size=1000), groups) < 1.3
    assert design_effect(0.8, event, risk, None) == 1


def test_the_limit_holds_in_the_population_in_95_percent():
    """Known risks, so that only the choice is judged; 1,500 choices, MC error 0.006."""
    rng, held = np.random.default_rng(3), []
    for _ in range(1500):
        risk = rng.normal(size=120)
        cut = choose("sensitivity", 0.8, np.ones(120, int), risk)
        found = int(np.sum(risk >= cut))
        held.append(norm.sf(cut) >= lower_limit(found, 120))
    assert 0.93 < np.mean(held) < 0.97


def test_the_choice_has_optimism():
    """Pure noise: the best cut of net benefit looks better than it is."""
    rng, gains = np.random.default_rng(4), []
    for _ in range(30):
        X, y = rng.normal(size=(150, 3)), (rng.random(150) < 0.3).astype(int)
        model = fitted(X, y, rule="net_benefit", value=0.3)
        table = model.choice_.to_frame().set_index("measure")
        gains.append(np.nan_to_num(table.loc["ppv", "optimism"]))
    assert np.mean(gains) > 0.03


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        ("best", 0.1, "rule is 'best'"),
        ("sensitivity", 90, "sensitivity required, between 0 and 1"),
        ("capacity", (20, 0.01), "alerts per 1,000"),
        ("capacity", (20, 0), r"value is \(20, 0\)"),
        ("capacity", ("20", 150), "alerts per 1,000"),
        ("harm", -1, "above 0"),
        ("net_benefit", None, "worth the same"),
    ],
)
def test_rules_and_values_are_checked(rare, rule, value, words):
    X, y, _ = rare
    with pytest.raises(InputError, match=words):
        fitted(X, y, rule=rule, value=value)


def test_what_cannot_be_shown_is_refused(rare):
    X, y, _ = rare
    with pytest.raises(InputError, match=r"too few to show a sensitivity of 0\.999"):
        fitted(X, y, rule="sensitivity", value=0.999)
    with pytest.raises(InputError, match="less than one in the 800 rows"):
        fitted(X, y, rule="capacity", value=0.5)


def test_works_in_cross_validate_with_labels(rare):
    X, y, _ = rare
    model = ClinicalThreshold(LogisticRegression(), rule="capacity", value=200, random_state=0)
    found = cross_validate(model, X, np.where(y == 1, "yes", "no"), cv=2, scoring="accuracy")
    assert (found["test_score"] > 0.6).all()
