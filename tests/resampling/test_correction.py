"""A correction learnt from half of the members holds for all of them."""

import numpy as np
import pytest
from scipy.special import expit

from healthml.metrics import calibration_slope, oe_ratio
from healthml.resampling._correction import fit_correction, for_all_members


def _members(rng, n, n_members, spread=1.0):
    """Return outcomes and what members say, each around what all of infinitely many would say."""
    shared = rng.normal(size=n)
    odds = shared[:, None] + spread * rng.normal(size=(n, n_members))
    return (rng.random(n) < expit(1.3 * shared - 2)).astype(int), odds


@pytest.mark.parametrize("kind", ["platt", "beta", "isotonic"])
@pytest.mark.parametrize("n_judges", [2, 5])
def test_new_patients_judged_by_all_are_calibrated(kind, n_judges):
    rng = np.random.default_rng(0)
    y, odds = _members(rng, 40_000, n_judges)
    fitted = fit_correction(kind, odds.mean(axis=1), y)
    carried = for_all_members(fitted, odds.T, y, seed=0)
    new_y, new = _members(rng, 40_000, 2 * n_judges)
    risk = np.clip(carried(new.mean(axis=1)), 1e-4, 1 - 1e-4)
    near = 0.08 if kind == "isotonic" else 0.05  # the slope of its steps is no slope of a line
    assert abs(calibration_slope(new_y, risk) - 1) < near
    assert abs(oe_ratio(new_y, risk) - 1) < 0.04
    flat = np.clip(fitted(new.mean(axis=1)), 1e-4, 1 - 1e-4)
    assert calibration_slope(new_y, flat) > 1 + 0.25 / n_judges


def test_members_that_agree_change_nothing():
    y, odds = _members(np.random.default_rng(1), 2000, 3, spread=0.0)
    fitted = fit_correction("platt", odds[:, 0], y)
    np.testing.assert_allclose(for_all_members(fitted, odds.T, y, seed=0), fitted, atol=1e-8)


def test_one_judge_a_row_is_left_as_it_is():
    y, odds = _members(np.random.default_rng(1), 300, 1)
    fitted = fit_correction("platt", odds[:, 0], y)
    assert for_all_members(fitted, odds.T, y, seed=0) is fitted


def test_members_of_noise_alone_stretch_no_more_than_twice():
    rng = np.random.default_rng(2)
    for _ in range(20):
        odds, y = rng.normal(size=(4, 200)), rng.integers(0, 2, 200)
        fitted = fit_correction("platt", odds.mean(axis=0), y)
        carried = for_all_members(fitted, odds, y, seed=0)
        assert fitted.slope <= carried.slope <= 2.001 * fitted.slope
        assert abs(np.mean(carried(odds.mean(axis=0))) - y.mean()) < 0.01


def test_weights_count_like_repeated_rows():
    y, odds = _members(np.random.default_rng(3), 600, 4)
    weight = np.tile([0.0, 1.0, 2.0], 200)
    rows = np.repeat(np.arange(600), weight.astype(int))
    fitted = fit_correction("platt", odds.mean(axis=1), y, weight)
    weighted = for_all_members(fitted, odds.T, y, weight, seed=0)
    repeated = for_all_members(fitted, odds.T[:, rows], y[rows], seed=0)
    np.testing.assert_allclose(weighted, repeated, atol=1e-9)
