import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from healthml._core._intervals import clopper_pearson, wilson
from healthml.exceptions import InputError
from healthml.validation._sample_size.development import (
    development_sample_size,
    expected_shrinkage,
    largest_cox_snell,
    rows_for_shrinkage,
)
from healthml.validation._sample_size.external import auroc_se, external_sample_size
from healthml.validation._sample_size.external_survival import _slope_se, pseudo_risk
from healthml.validation._sample_size.linear_predictor import (
    beta_predictor,
    binormal_predictor,
    cox_snell_from_auroc,
    normal_predictor,
    read_predictor,
)
from healthml.validation._sample_size.result import precision_sample_size, smallest

CALLS = {
    "binary_r2": {"n_parameters": 24, "prevalence": 0.174, "r2": 0.288},
    "survival": {
        "n_parameters": 30,
        "outcome": "survival",
        "r2": 0.051,
        "rate": 0.065,
        "horizon": 2,
        "mean_follow_up": 2.07,
    },
    "continuous": {"n_parameters": 25, "outcome": "continuous", "r2": 0.2, "mean": 1.9, "sd": 0.6},
    "binary_shrink": {"n_parameters": 10, "prevalence": 0.05, "r2": 0.1, "shrinkage": 0.95},
}
TABLE = {"Shrinkage": "shrinkage", "Max_Rsq": "r2_largest", "Nag_Rsq": "r2_nagelkerke"}


@pytest.fixture(scope="module")
def expected():
    path = Path(__file__).parent.parent / "reference" / "sample_size_reference.json"
    return json.loads(path.read_text(encoding="utf-8"))


# development: the sizes of the R package pmsampsize 1.1.3


@pytest.mark.parametrize("name", CALLS)
def test_development_sizes_are_those_of_pmsampsize(expected, name):
    ours, theirs = development_sample_size(**CALLS[name]), expected[name]
    assert ours.n_samples == theirs["sample_size"]
    if theirs["events"] is not None:
        assert ours.n_events == pytest.approx(theirs["events"], abs=1e-9)
    assert len(ours.table) == len(theirs["results_table"]) - 1
    for row, their in zip(ours.table.itertuples(), theirs["results_table"][:-1], strict=True):
        assert row.n_samples == their["Samp_size"]
        for name_of_theirs, column in TABLE.items():
            if name_of_theirs in their:
                assert round(getattr(row, column), 3) == their[name_of_theirs]
        per = row.epp if "EPP" in their else row.spp
        assert per == pytest.approx(their.get("EPP", their.get("SPP")), abs=0.00501)


def test_a_c_statistic_gives_what_a_million_simulated_patients_give(expected):
    ours = development_sample_size(24, prevalence=0.174, auroc=0.89)
    theirs = expected["binary_c"]
    assert ours.n_samples == pytest.approx(theirs["sample_size"], rel=0.02)
    assert ours.details["r2"] == pytest.approx(theirs["results_table"][0]["CS_Rsq"], abs=0.0015)


@pytest.mark.parametrize(("auroc", "prevalence"), [(0.6, 0.5), (0.8, 0.1)])
def test_cox_snell_of_a_c_statistic_is_that_of_a_fitted_model(auroc, prevalence):
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=400_000) < prevalence).astype(int)
    x = rng.normal(size=len(y)) + np.sqrt(2) * norm.ppf(auroc) * y
    model = LogisticRegression(C=np.inf).fit(x[:, None], y)
    risk = model.predict_proba(x[:, None])[:, 1]
    fitted = np.mean(y * np.log(risk) + (1 - y) * np.log1p(-risk))
    null = y.mean() * np.log(y.mean()) + (1 - y.mean()) * np.log1p(-y.mean())
    simulated = 1 - np.exp(-2 * (fitted - null))
    assert cox_snell_from_auroc(auroc, prevalence) == pytest.approx(simulated, abs=0.003)
    assert roc_auc_score(y, x) == pytest.approx(auroc, abs=0.005)


def test_published_examples_of_development():
    """Riley 2019 (Part II): largest R squared 0.75 at a prevalence of 0.5; 20 parameters, 0.1."""
    assert largest_cox_snell(0.5) == pytest.approx(0.75)
    table = development_sample_size(20, prevalence=0.5, r2=0.1).table
    assert table["n_samples"].tolist()[::2] == [1699, 385]


def test_nagelkerke_is_a_share_of_the_largest():
    share = development_sample_size(24, prevalence=0.174, r2_nagelkerke=0.288 / 0.6032)
    assert share.details["r2"] == pytest.approx(0.288, abs=1e-4)


@given(st.integers(3, 60), st.floats(0.02, 0.4), st.floats(0.7, 0.97))
def test_the_expected_shrinkage_at_the_size_is_what_was_asked_for(p, r2, shrinkage):
    n = rows_for_shrinkage(p, r2, shrinkage)
    assert 1 + p / (n * np.log(1 - r2 / shrinkage)) == pytest.approx(shrinkage)
    ours = development_sample_size(
        p, outcome="continuous", r2=r2, mean=5, sd=1, shrinkage=shrinkage
    )
    first = int(ours.table["n_samples"].iloc[0])
    assert expected_shrinkage(first, p, r2) >= shrinkage
    assert first == p + 2 or expected_shrinkage(first - 1, p, r2) < shrinkage


def test_a_survival_risk_that_is_not_precise_enough_raises_the_size():
    call = {"outcome": "survival", "r2": 0.4, "rate": 0.3, "horizon": 2, "mean_follow_up": 1}
    loose, tight = (
        development_sample_size(3, **call, margin=margin).table for margin in (0.2, 0.02)
    )
    assert loose["n_samples"].iloc[2] == loose["n_samples"].iloc[:2].max()
    n = tight["n_samples"].iloc[2]
    assert n > loose["n_samples"].iloc[2]
    upper = 1 - np.exp(-(0.3 + 1.96 * np.sqrt(0.3 / n)) * 2)
    lower = 1 - np.exp(-(0.3 - 1.96 * np.sqrt(0.3 / n)) * 2)
    risk = 1 - np.exp(-0.6)
    assert max(upper - risk, risk - lower) <= 0.02


# external validation: binary outcomes


def test_external_sizes_are_those_of_pmvalsampsize_and_the_papers():
    """pmvalsampsize 0.1.0, its documented example: 905 for O:E and 4252 for the C statistic.

    Riley 2021: 1154 and 302 for a C statistic of 0.7 (prevalence 0.1) and 0.8 (0.5); 385 and 3461
    for O:E at prevalences of 0.5 and 0.1 and a width of 0.2.
    """
    call = {"prevalence": 0.018, "auroc": 0.8, "oe_width": 1, "lp": ("normal", -5, 2.5)}
    assert external_sample_size(**call).table["n_samples"].tolist()[::2] == [905, 4252]
    for prevalence, auroc, sizes in ((0.1, 0.7, [3461, 1154]), (0.5, 0.8, [385, 302])):
        table = external_sample_size(prevalence=prevalence, auroc=auroc).table
        assert table["n_samples"].tolist()[::2] == sizes


@pytest.mark.parametrize("lp", [("normal", -5.0, 2.5), ("beta", 0.5, 0.5), ("beta", 2.0, 8.0)])
def test_the_slope_size_is_that_of_simulated_information(lp):
    rng = np.random.default_rng(1)
    if lp[0] == "normal":
        values = rng.normal(lp[1], lp[2], 2_000_000)
    else:
        risk = np.clip(rng.beta(lp[1], lp[2], 2_000_000), 1e-300, 1 - 1e-16)
        values = np.log(risk) - np.log1p(-risk)
    weight = np.exp(-np.abs(values)) / (1 + np.exp(-np.abs(values))) ** 2
    i00, i01, i11 = (np.mean(weight * values**k) for k in range(3))
    simulated = i00 / ((0.2 / 3.92) ** 2 * (i00 * i11 - i01**2))
    ours = external_sample_size(prevalence=0.2, auroc=0.8, lp=lp).table["n_samples"].iloc[1]
    assert ours == pytest.approx(simulated, rel=0.01)


def test_the_information_is_that_of_a_fitted_calibration_model():
    """At the size for a slope of 1 the standard error of the fitted slope is the one asked for."""
    size = external_sample_size(prevalence=0.2, auroc=0.8)
    n = int(size.table["n_samples"].iloc[1])
    predictor = binormal_predictor(0.8, 0.2)
    rng, found = np.random.default_rng(2), []
    for _ in range(60):
        lp = rng.choice(predictor.values, n, p=predictor.weights)
        y = rng.uniform(size=n) < 1 / (1 + np.exp(-lp))
        found.append(LogisticRegression(C=np.inf).fit(lp[:, None], y).coef_[0, 0])
    assert np.std(found, ddof=1) == pytest.approx(0.2 / 3.92, rel=0.3)
    assert np.mean(found) == pytest.approx(1, abs=0.03)


def test_the_binormal_predictor_has_its_prevalence_and_c_statistic():
    predictor = binormal_predictor(0.75, 0.1)
    risk = 1 / (1 + np.exp(-predictor.values))
    assert predictor.mean(lambda lp: 1 / (1 + np.exp(-lp))) == pytest.approx(0.1, abs=1e-9)
    event, other = predictor.weights * risk / 0.1, predictor.weights * (1 - risk) / 0.9
    assert event @ (np.cumsum(other) - other / 2) == pytest.approx(0.75, abs=1e-4)


def test_net_benefit_by_hand():
    """w = (1 - phi) / phi * t / (1 - t) = 4 * 0.25 = 1; spread = 0.8 + 0.2 + 0.25 = 1.25."""
    size = external_sample_size(
        prevalence=0.2, auroc=0.8, threshold=0.2, sensitivity=0.8, specificity=0.8, se_step=0
    )
    row = size.table.set_index("criterion").loc["standardised net benefit"]
    spread = 0.16 / 0.2 + 0.16 / 0.8 + 0.04 / 0.16
    assert row["value"] == pytest.approx(0.8 - 0.2)
    assert row["n_samples"] == int(np.ceil(spread / (0.2 / 3.92) ** 2))


def test_sensitivity_and_specificity_come_from_the_predictor():
    values = np.array([-3.0, -1.0, 0.0, 2.0])
    size = external_sample_size(prevalence=0.4, auroc=0.8, lp=values, threshold=0.5)
    risk = 1 / (1 + np.exp(-values))
    told = size.table["assumes"].iloc[-1]
    assert f"sensitivity {risk[2:].sum() / risk.sum():.2f}" in told
    assert f"specificity {(1 - risk)[:2].sum() / (1 - risk).sum():.2f}" in told


@given(st.floats(0.55, 0.95), st.floats(0.02, 0.5), st.floats(0.05, 0.3))
def test_the_c_statistic_is_precise_at_its_size_and_not_below(auroc, prevalence, width):
    call = {"prevalence": prevalence, "auroc": auroc, "auroc_width": width}
    n = int(external_sample_size(**call).table["n_samples"].iloc[2])
    assert 3.92 * auroc_se(n, auroc, prevalence) <= width
    assert n == 2 or 3.92 * auroc_se(n - 1, auroc, prevalence) > width


# external validation: continuous and survival


def test_continuous_sizes_by_the_closed_forms():
    """Archer 2021; the residual SD to within 10% needs 235 rows."""
    size = external_sample_size(outcome="continuous", r2=0.5, sd=10, mean_width=2)
    se = 0.1 / 3.92
    expected = [4 * 0.5 * 0.25 / se**2, 50 / (2 / 3.92) ** 2, 1 / (0.2 / 3.92) ** 2 + 1, 235]
    assert size.table["n_samples"].tolist() == [int(np.ceil(round(n, 9))) for n in expected]


def test_pseudo_observations_are_those_of_leaving_out_each_row():
    rng = np.random.default_rng(3)
    time, event = rng.exponential(size=40), rng.uniform(size=40) < 0.7

    def risk(time, event):
        order, survival = np.argsort(time), 1.0
        for place, row in enumerate(order):
            if event[row] and time[row] <= 0.8:
                survival *= 1 - 1 / (len(time) - place)
        return 1 - survival

    whole = risk(time, event)
    slow = [40 * whole - 39 * risk(np.delete(time, k), np.delete(event, k)) for k in range(40)]
    np.testing.assert_allclose(pseudo_risk(time, event, 0.8)[0], slow, atol=1e-12)


def test_the_survival_slope_se_is_the_spread_of_fitted_slopes():
    """Without censoring the pseudo-observation is the outcome at the horizon."""
    rng, told = np.random.default_rng(4), []
    for _ in range(5):
        lp = rng.normal(-1, 0.8, 1000)
        y = (rng.uniform(size=1000) < -np.expm1(-np.exp(lp))).astype(float)
        told.append(_slope_se(lp, y))
    call = {"outcome": "survival", "prevalence": 0.3, "horizon": 1, "lp": ("normal", 0, 0.8)}
    size = external_sample_size(**call, n_simulations=40, random_state=0)
    row = size.table.set_index("criterion").loc["calibration slope"]
    assert row["n_samples"] == pytest.approx(
        1000 * np.mean(told) ** 2 / (0.2 / 3.92) ** 2, rel=0.15
    )
    assert row["mc_error"] < 0.05 * row["n_samples"]
    lost = external_sample_size(**call, censoring_rate=0.7, n_simulations=40, random_state=0)
    assert lost.n_samples > size.n_samples
    with pytest.raises(InputError, match="no curve"):
        size.plot()


# a proportion, and what all results share


@pytest.mark.parametrize(("method", "interval"), [("wilson", wilson), ("exact", clopper_pearson)])
def test_a_proportion_is_precise_at_its_size_and_not_below(method, interval):
    n = precision_sample_size(0.07, half_width=0.03, method=method).n_samples
    widths = [np.ptp(interval(0.07 * k, k)) for k in (n - 1, n)]
    assert widths[1] <= 0.06 < widths[0]


def test_a_design_effect_multiplies_and_wald_is_the_textbook_formula():
    one = precision_sample_size(0.2, method="wald")
    assert one.n_samples == int(np.ceil(norm.ppf(0.975) ** 2 * 0.16 / 0.0025))
    two = precision_sample_size(0.2, method="wald", design_effect=2)
    assert two.n_samples == 2 * one.n_samples


@given(st.integers(1, 5000), st.integers(1, 20))
def test_smallest_finds_the_smallest(threshold, start):
    assert smallest(lambda n: n >= threshold, start=start) == max(threshold, start)


def test_a_result_says_what_decides_draws_and_goes_to_json():
    size = development_sample_size(24, prevalence=0.174, r2=0.288)
    assert size.table["decides"].tolist() == [False, True, False]
    assert "662" in size.summary()
    assert "optimism of R squared" in size.summary()
    assert json.loads(size.to_json())["n_samples"] == 662
    ax = size.plot()
    line = ax.get_lines()[0]
    at = np.interp(0.288, *line.get_data())
    assert at == pytest.approx(662, rel=0.02)
    assert (np.diff(size.curve["n_samples"]) <= 0).any()
    for other in (
        external_sample_size(prevalence=0.1, auroc=0.7),
        external_sample_size(outcome="continuous", r2=0.4, sd=2),
        precision_sample_size(0.1),
        development_sample_size(5, outcome="continuous", r2=0.4, mean=3, sd=1),
    ):
        other.plot()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"n_parameters": 0, "prevalence": 0.1, "r2": 0.1}, "whole number"),
        ({"n_parameters": 5, "r2": 0.1}, "needs prevalence"),
        ({"n_parameters": 5, "prevalence": 0.1}, "one of r2"),
        ({"n_parameters": 5, "prevalence": 0.1, "r2": 0.1, "auroc": 0.8}, "one of r2"),
        ({"n_parameters": 5, "prevalence": 0.05, "r2": 0.5}, "largest Cox-Snell"),
        ({"n_parameters": 5, "prevalence": 0.1, "auroc": 0.5}, "above 0.5"),
        ({"n_parameters": 5, "outcome": "ordinal"}, "unknown"),
        (
            {"n_parameters": 5, "outcome": "continuous", "r2": 0.2, "mean": 0, "sd": 1},
            "other than 0",
        ),
        (
            {
                "n_parameters": 5,
                "outcome": "survival",
                "rate": 1,
                "horizon": 1,
                "mean_follow_up": 1,
                "auroc": 0.7,
            },
            "auroc is for binary",
        ),
    ],
)
def test_mistakes_in_a_development_size_are_named(call, words):
    with pytest.raises(InputError, match=words):
        development_sample_size(**call)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"auroc": 0.7}, "needs prevalence"),
        ({"prevalence": 0.1}, "needs auroc"),
        ({"prevalence": 0.1, "auroc": 0.7, "lp": ("gamma", 1, 1)}, "lp must be"),
        ({"prevalence": 0.1, "auroc": 0.7, "lp": [np.nan, 1.0]}, "finite"),
        ({"prevalence": 0.1, "auroc": 0.7, "oe_width": 0}, "oe_width"),
        ({"prevalence": 0.1, "auroc": 0.7, "threshold": 0.2, "sensitivity": 0.5}, "both"),
        ({"prevalence": 0.1, "auroc": 0.7, "outcome": "ordinal"}, "unknown"),
        ({"prevalence": 0.1, "outcome": "survival", "lp": ("normal", 0, 1)}, "needs horizon"),
    ],
)
def test_mistakes_in_an_external_size_are_named(call, words):
    with pytest.raises(InputError, match=words):
        external_sample_size(**call)


def test_means_over_predictors_are_those_of_their_distributions():
    assert normal_predictor(-1, 2).mean(lambda lp: (lp + 1) ** 2) == pytest.approx(4, rel=1e-6)
    for a, b in ((0.5, 0.5), (2.0, 5.0)):
        mean = beta_predictor(a, b).mean(lambda lp: 1 / (1 + np.exp(-lp)))
        assert mean == pytest.approx(a / (a + b), abs=1e-4)
    assert read_predictor([0.0, 2.0], auroc=None, prevalence=None).mean(lambda lp: lp) == 1
