import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from healthml._core._numerics import cluster_variance, expit, fit_logistic, logit
from healthml.exceptions import InputError
from healthml.metrics import performance

REFERENCE = Path(__file__).parents[1] / "reference" / "core_reference.json"
R = {
    k: np.array(v) if isinstance(v, list) else v
    for k, v in json.loads(REFERENCE.read_text())["logistic"].items()
}
X, Y, OFFSET, WEIGHT = R["X"], R["y"], R["offset"], R["weight"]


def assert_like_r(fit, expected):
    assert fit.converged
    assert not fit.separated
    np.testing.assert_allclose(fit.coef, expected["coef"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fit.covariance, expected["vcov"], rtol=1e-8, atol=1e-12)
    if "loglik" in expected:
        assert fit.log_likelihood == pytest.approx(expected["loglik"], rel=1e-10)


def test_plain_fit_agrees_with_r():
    assert_like_r(fit_logistic(X, Y), R["plain"])


def test_offset_and_weights_agree_with_r():
    assert_like_r(fit_logistic(X, Y, offset=OFFSET, weight=WEIGHT), R["offset_weight"])


def test_intercept_alone_with_offset_agrees_with_r():
    fit = fit_logistic(None, Y, offset=OFFSET)
    assert_like_r(fit, {"coef": [R["offset_only"]["coef"]], "vcov": R["offset_only"]["vcov"]})


def test_without_intercept_agrees_with_r():
    assert_like_r(fit_logistic(X, Y, add_intercept=False), R["no_intercept"])


def test_ones_handed_in_give_the_same_fit_as_the_added_intercept():
    own = fit_logistic(np.column_stack([np.ones(len(Y)), X]), Y, add_intercept=False)
    np.testing.assert_allclose(own.coef, fit_logistic(X, Y).coef, rtol=1e-8)


def test_weights_count_like_repeated_rows_and_zero_like_a_missing_row():
    times = np.arange(len(Y)) % 3
    rows = np.repeat(np.arange(len(Y)), times)
    np.testing.assert_allclose(
        fit_logistic(X, Y, weight=times).coef, fit_logistic(X[rows], Y[rows]).coef, rtol=1e-8
    )


def test_scale_of_columns_does_not_matter():
    big = X * [1e7, 1e-6, 1, 1] + [1e9, 0, 0, 5]
    plain, scaled = fit_logistic(X, Y), fit_logistic(big, Y)
    assert scaled.converged
    np.testing.assert_allclose(scaled.coef[1:] * [1e7, 1e-6, 1, 1], plain.coef[1:], rtol=1e-6)


def test_ridge_solves_its_own_equations_and_spares_the_intercept():
    fit = fit_logistic(X, Y, ridge=4.0)
    residual = Y - expit(fit.coef[0] + X @ fit.coef[1:])
    np.testing.assert_allclose(residual.sum(), 0, atol=1e-7)
    np.testing.assert_allclose(X.T @ residual, 4.0 * fit.coef[1:], atol=1e-6)


def test_huge_ridge_leaves_the_event_rate():
    fit = fit_logistic(X, Y, ridge=1e12)
    assert expit(fit.coef[0] + X.mean(axis=0) @ fit.coef[1:]) == pytest.approx(Y.mean(), abs=1e-6)


def has_separating_plane(x, y):
    design = (2 * y - 1)[:, None] * np.column_stack([np.ones(len(y)), x])
    answer = linprog(-design.sum(axis=0), A_ub=-design, b_ub=np.zeros(len(y)), bounds=(-1, 1))
    return -answer.fun > 1e-7


def test_separation_is_what_a_linear_program_says():
    random, seen = np.random.RandomState(3), []
    for _ in range(150):
        n = random.randint(6, 16)
        x = random.randint(0, 4, size=(n, 2)).astype(float)
        y = random.randint(0, 2, n)
        rank = np.linalg.matrix_rank(np.column_stack([np.ones(n), x]))
        if rank < 3 or len(set(y)) < 2:
            continue
        fit, truth = fit_logistic(x, y), has_separating_plane(x, y)
        assert fit.separated == truth
        assert fit.converged != truth
        seen.append(truth)
    assert 10 < sum(seen) < len(seen) - 10


def test_ridge_makes_separated_rows_converge():
    fit = fit_logistic([1.0, 2, 3, 4], [0, 0, 1, 1], ridge=0.1)
    assert fit.converged
    assert not fit.separated


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_is_separated(outcome):
    assert fit_logistic(X[:30, 1], np.full(30, outcome)).separated


def test_dependent_columns_are_named_by_position():
    with pytest.raises(InputError, match=r"positions \[4\]"):
        fit_logistic(np.column_stack([X, X[:, 3] * 0 + 1]), Y)
    with pytest.raises(InputError, match="combinations of other columns"):
        fit_logistic(np.column_stack([X, X[:, 0] + 2 * X[:, 2]]), Y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.where(X.max() == X, np.nan, X)}, "X has 1 missing"),
        ({"y": Y + 1}, "0 or 1"),
        ({"weight": -WEIGHT}, "weight must be 0 or more"),
        ({"offset": OFFSET[:-1]}, "offset has 239 rows"),
    ],
)
def test_unusable_rows_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        fit_logistic(**{"X": X, "y": Y, **change})


def test_variance_over_patients_agrees_with_rms_robcov():
    fit = fit_logistic(X, Y)
    design = np.column_stack([np.ones(len(Y)), X])
    influence = (Y - expit(design @ fit.coef))[:, None] * design @ fit.covariance
    ours = cluster_variance(influence, R["patient"])
    np.testing.assert_allclose(ours, R["robust"] * 60 / 59, rtol=1e-6)


def test_variance_ignores_labels_and_row_order_but_not_patients():
    influence = np.random.RandomState(0).normal(size=40)
    patient = np.repeat(np.arange(10), 4)
    order = np.random.RandomState(1).permutation(40)
    labels = np.array([f"p{9 - p}" for p in patient])
    expected = 10 / 9 * sum(influence[patient == p].sum() ** 2 for p in range(10))
    assert cluster_variance(influence, patient) == pytest.approx(expected)
    assert cluster_variance(influence[order], labels[order]) == pytest.approx(expected)
    assert cluster_variance(influence, 3 * patient + 2) == pytest.approx(expected)
    assert cluster_variance(influence) == pytest.approx(40 / 39 * (influence**2).sum())
    assert np.isnan(cluster_variance(influence, np.zeros(40)))


@pytest.mark.parametrize("label", [int, str, lambda code: 7 * code])
def test_patients_of_one_row_count_like_any_other(label):
    rng = np.random.RandomState(3)
    patient = np.repeat(np.arange(30), rng.permutation(np.r_[np.ones(18, int), 2:14]))
    influence = rng.normal(size=(len(patient), 2))
    totals = np.array([influence[patient == p].sum(axis=0) for p in range(30)])
    found = cluster_variance(influence, np.array([label(code) for code in patient]))
    np.testing.assert_allclose(found, 30 / 29 * totals.T @ totals)
    single = np.arange(30)  # every patient has one row: as if there were no patients
    alone = cluster_variance(influence[:30, 0], np.array([label(code) for code in single]))
    assert alone == pytest.approx(cluster_variance(influence[:30, 0]))


def test_the_interval_of_observed_to_expected_counts_patients_of_one_row():
    rng = np.random.RandomState(5)
    patient = np.r_[np.arange(300), np.repeat(np.arange(300, 330), 3)]
    risk = rng.uniform(0.05, 0.5, len(patient))
    died = (rng.uniform(size=len(patient)) < risk).astype(int)
    ratio = died.sum() / risk.sum()
    own = np.array([(died - ratio * risk)[patient == p].sum() for p in range(330)])
    spread = 1.959963985 * np.sqrt(330 / 329 * np.sum(own**2)) / died.sum()
    row = performance(died, risk, groups=patient, measures="oe_ratio").get("oe_ratio")
    ends = ratio * np.exp([-spread, spread])
    np.testing.assert_allclose(row[["lower", "upper"]].astype(float), ends, rtol=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.9])
def test_shares_of_events_on_both_sides_are_not_separated(share):
    """A row that is partly an event holds the line in place, wherever the others lie."""
    x, y = np.array([-2.0, -1.0, 0.3, 1.0, 2.0]), np.array([0, 0, share, 1, 1])
    through = fit_logistic(x - 0.3, y, add_intercept=False, max_iter=12)
    assert through.separated  # the line may turn about a row that lies on it
    both = np.array([0, share, share, 1, 1])
    stopped = fit_logistic(x, both, max_iter=2)
    assert not stopped.converged
    assert not stopped.separated
    fit = fit_logistic(x, both)
    assert fit.converged
    assert not fit.separated
    assert np.abs(fit.coef).max() < 10


def test_logit_is_bounded_and_inverts_expit():
    assert logit([0.0, 1.0], eps=1e-4) == pytest.approx([-9.21024, 9.21024], abs=1e-5)
    assert expit(logit(0.37)) == pytest.approx(0.37)
    assert np.isneginf(logit(0.0, eps=0))


def test_a_small_overlap_is_not_separation():
    x = np.array([-3, -2, -1, -0.5, -0.01, 0.01, 0.5, 1, 2, 3])
    y = np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 1])
    assert not has_separating_plane(x, y)
    fit = fit_logistic(x, y, max_iter=200)
    assert fit.converged
    assert not fit.separated
    early = fit_logistic(x, y, max_iter=2)
    assert not early.converged
    assert not early.separated
    x[4:6] /= 1000
    assert not fit_logistic(x, y).separated


@pytest.mark.parametrize("shift", [-100.0, -20.0, 15.0, 20.0, 30.0, 50.0])
def test_a_shifted_offset_shifts_the_intercept_alone(shift):
    rng = np.random.default_rng(4)
    x = rng.normal(size=400)
    y = (rng.random(400) < expit(x - 1)).astype(float)
    for column in (None, x):
        plain = fit_logistic(column, y, offset=x / 2)
        moved = fit_logistic(column, y, offset=x / 2 + shift)
        assert moved.converged
        expected = plain.coef - shift * (np.arange(len(plain.coef)) == 0)
        np.testing.assert_allclose(moved.coef, expected, atol=1e-7)


def test_an_offset_far_on_both_sides_converges():
    rng = np.random.default_rng(4)
    offset = np.where(rng.random(400) < 0.2, 18.0, -18.0)
    y = (rng.random(400) < 0.3).astype(float)
    fit = fit_logistic(None, y, offset=offset)
    assert fit.converged
    assert abs(expit(offset + fit.coef).sum() - y.sum()) < 1e-6
