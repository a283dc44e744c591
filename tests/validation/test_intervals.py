"""Intervals of out-of-sample measures: parts by hand, scales, patients, a small coverage run."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from healthml._core._numerics import cluster_variance
from healthml.metrics._batched.measures import Block
from healthml.metrics._uncertainty.delong import placements
from healthml.validation._scoring.intervals import (
    draw_variances,
    draws_training,
    folds_training,
    freedom,
    interval,
)

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def influence():
    values = np.random.default_rng(1).normal(size=200) / 200
    return values - values.mean()


def test_variances_of_judging_and_training_add_up(influence):
    sampling = cluster_variance(influence)
    found = interval("calibration_slope", 0.9, influence, training=0.3**2)
    assert found.se == pytest.approx(np.sqrt(sampling + 0.3**2))
    half = t.ppf(0.975, freedom(influence)) * found.se
    assert (found.lower, found.upper) == pytest.approx((0.9 - half, 0.9 + half))
    larger = interval("calibration_slope", 0.9, influence, training=0.3**2, sampling=4 * sampling)
    assert larger.se == pytest.approx(np.sqrt(4 * sampling + 0.3**2))
    smaller = interval("calibration_slope", 0.9, influence, training=0.3**2, sampling=0.0)
    assert smaller.se == found.se


@pytest.mark.parametrize(
    ("name", "estimate", "low", "high"),
    [
        ("auroc", 0.97, 0, 1),
        ("brier", 0.02, 0, 1),
        ("oe_ratio", 0.4, 0, np.inf),
        ("log_loss", 0.05, 0, np.inf),
        ("scaled_brier", 0.95, -np.inf, 1),
        ("net_benefit@0.2", 0.05, -np.inf, 1),
    ],
)
def test_ends_stay_within_what_is_possible(name, estimate, low, high, influence):
    found = interval(name, estimate, influence, training=0.1**2)
    assert low <= found.lower < estimate < found.upper <= high
    narrow = interval(name, estimate, influence * 1e-3, training=1e-4**2)
    half = t.ppf(0.975, freedom(influence)) * narrow.se
    ends = np.array([narrow.lower, narrow.upper])
    np.testing.assert_allclose(ends, estimate + half * np.array([-1, 1]), rtol=1e-3)


@pytest.mark.parametrize(("name", "estimate"), [("auroc", 1.0), ("brier", 0.0), ("oe_ratio", 0.0)])
def test_an_estimate_at_its_limit_still_has_an_interval(name, estimate, influence):
    found = interval(name, estimate, influence, training=0.05**2)
    assert found.upper - found.lower > 0.05
    assert found.lower >= 0


def test_nothing_to_go_by_gives_no_interval(influence):
    for asked in (
        interval("auroc", np.nan, influence, training=0.1),
        interval("auroc", 0.8, np.zeros(9), training=np.nan),
    ):
        assert np.isnan([asked.se, asked.lower, asked.upper]).all()
        assert asked.method == "none"


def test_reach_covers_both_estimates(influence):
    known = {"training": 0.01**2}
    low, high = (interval("auroc", a, influence, **known) for a in (0.7, 0.75))
    both = interval("auroc", 0.7, influence, reach=0.75, **known)
    assert (both.lower, both.upper) == (low.lower, high.upper)
    unknown = interval("auroc", 0.7, influence, reach=np.nan, **known)
    assert (unknown.lower, unknown.upper) == (low.lower, low.upper)


def test_rows_of_a_patient_count_together(influence):
    groups = np.repeat(np.arange(50), 4)
    alike = np.repeat(influence[:50], 4)
    found = interval("brier", 0.2, alike, training=0.0, groups=groups)
    assert found.se == pytest.approx(np.sqrt(cluster_variance(alike, groups)))
    assert found.se > 1.9 * interval("brier", 0.2, alike, training=0.0).se


def test_fewer_degrees_of_freedom_where_few_patients_carry_it():
    normal, few = RNG.normal(size=5000), np.zeros(5000)
    few[:8] = [1, -1] * 4
    assert freedom(normal) == pytest.approx(5000, rel=0.15)
    assert freedom(few) == pytest.approx(16, rel=0.1)
    assert freedom(np.zeros(3)) == 2


@pytest.fixture(scope="module")
def draws():
    """Risks of 30 models, rows out of bag, and outcomes."""
    rng = np.random.default_rng(2)
    y = (rng.random(120) < 0.4).astype(int)
    risk = 1 / (1 + np.exp(-(y + rng.normal(size=(30, 120)))))
    out = rng.random((30, 120)) < 0.37
    return y, risk, out


def test_one_models_variance_is_delongs_scaled_to_all_rows(draws):
    y, risk, out = draws
    moved = Block(y, risk).weigh(out).influence("auroc")
    found = draw_variances(moved, y, out)
    for k in (0, 17):
        rows = np.flatnonzero(out[k])
        value = placements(y[rows], risk[k, rows]).value
        by_class = [value[y[rows] == c] for c in (0, 1)]
        delong = sum(part.var(ddof=1) / len(part) for part in by_class)
        assert found[k] == pytest.approx(delong * len(rows) / 120)


def test_one_models_variance_by_patients(draws):
    y, risk, out = draws
    groups = np.repeat(np.arange(60), 2)
    together = out[:, ::2].repeat(2, axis=1)
    moved = Block(y, risk).weigh(together).influence("brier")
    found = draw_variances(moved, y, together, groups)
    sums, event = moved[:, ::2] + moved[:, 1::2], y.reshape(-1, 2).any(axis=1)
    count = [(together[0, ::2] & (event == c)).sum() for c in (0, 1)]
    squares = [(sums[0, event == c] ** 2).sum() for c in (0, 1)]
    by_hand = sum(s * c / (c - 1) for s, c in zip(squares, count, strict=True))
    assert found[0] == pytest.approx(by_hand * sum(count) / 60)


def test_a_draw_with_one_event_out_of_bag_tells_no_variance():
    event = np.array([1, 1, 1, 0, 0, 0, 0])
    out = np.array([[True, False, False, True, True, True, True]])
    assert np.isnan(draw_variances(np.where(out, 0.1, 0.0), event, out)).all()


def test_training_of_learners_that_remember_comes_from_out_of_bag():
    rng = np.random.default_rng(3)
    test, out = 0.99 + 0.001 * rng.normal(size=400), 0.7 + 0.05 * rng.normal(size=400)
    assert draws_training(test) < 1e-5
    wide = draws_training(test, out, 0.02**2, 0.37)
    assert wide == pytest.approx(0.05**2 - 0.02**2 * 0.63 / 0.37, rel=0.15)
    assert draws_training(test, out, 1.0, 0.37) == draws_training(test)


def test_training_from_folds_needs_repeats(influence):
    repeats = np.array([0.70, 0.72, np.nan, 0.74])
    assert folds_training(repeats, influence) == pytest.approx(3 * 0.02**2)
    once = folds_training(np.array([0.7]), influence)
    assert once == pytest.approx(cluster_variance(influence) / 4)


def _simulation():
    path = Path(__file__).parents[1] / "simulation" / "validation_intervals.py"
    spec = importlib.util.spec_from_file_location("validation_intervals", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study():
    return _simulation()


def test_generating_models_have_the_prevalence_and_area_asked_for(study):
    for mechanism in ("linear", "non-linear", "skewed", "clustered"):
        population = study.Population(mechanism, 4, 0.2, 0.75)
        X, y, groups = population.sample(20_000, np.random.default_rng(5))
        assert X.shape == (20_000, 4)
        assert y.mean() == pytest.approx(0.2, abs=0.012)
        assert (groups is not None) == (mechanism == "clustered")
        assert population.risk.mean() == pytest.approx(0.2, abs=0.01)


def test_truth_is_that_of_drawn_outcomes(study):
    population = study.Population("linear", 3, 0.3, 0.8)
    rng = np.random.default_rng(0)
    score = 1 / (1 + np.exp(-population.X[:, 0]))
    outcome = rng.random((40, len(score))) < population.risk
    drawn = np.mean([placements(y.astype(int), score).area for y in outcome])
    assert study.area(score, population.risk) == pytest.approx(drawn, abs=0.003)


@pytest.mark.parametrize("procedure", ["logistic", "ridge"])
def test_intervals_of_a_small_cohort_cover(study, procedure):
    cell = study.Cell("choice", "linear", procedure, 5, 0.5, 0.75, 6)
    rows = [row for i in range(60) for row in study.run(cell, i, n_draws=40, n_repeats=2)]
    table = study.summarise(cell, study.pd.DataFrame(rows)).set_index(["measure", "method"])
    for measure in ("auroc", "brier"):
        for method in ("optimism", "632+", "repeated_cv"):
            assert table.loc[(measure, method), "coverage"] > 0.86
    others = table.loc["auroc", "coverage"]
    assert others[["naive", "location-shifted"]].max() < others["optimism"] - 0.05
