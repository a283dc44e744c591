"""Intervals of measures that the fast kernel does not compute."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from healthml.metrics import list_measures
from healthml.metrics._batched.measures import Block
from healthml.validation import validate
from healthml.validation._scoring.block_influence import N_BLOCKS, assign_blocks, block_influence
from healthml.validation._scoring.intervals import sum_of_squares
from healthml.validation._scoring.skewed_intervals import (
    above_zero,
    emax_logistic,
    largest_change,
    under_calibration,
)

CUT = "expected_cost_threshold@0.3"


def cohort(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    risk = 1 / (1 + np.exp(1 - X[:, 0]))
    return X, (rng.random(n) < risk).astype(int), risk


def names():
    table = list_measures()
    pairs = zip(table["measure"], table["needs_threshold"], strict=True)
    return [name + "@0.3" * at for name, at in pairs] + ["dxy", "emax_logistic"]


@pytest.mark.parametrize("method", ["optimism", "oob", "632+", "repeated_cv", "temporal"])
def test_every_measure_has_an_interval_or_says_why_not(method):
    X, y, _ = cohort()
    known = {"time": np.arange(300)} if method == "temporal" else {}
    result = validate(
        GaussianNB(), X, y, method=method, n_resamples=22, measures=names(), random_state=0, **known
    )
    table = result.table.set_index("measure")
    without = table.index[table["lower"].isna() | table["upper"].isna()]
    assert without.tolist() == [CUT]
    assert table.loc[CUT, "ci_method"].startswith("none: the cut that is best jumps")
    assert table["se"].isna().sum() == 2  # that cut, and Emax from a joint region
    others = table.drop(index=CUT)
    assert (others["lower"] <= others["corrected"]).all()
    assert (others["corrected"] <= others["upper"]).all()
    switched_off = validate(
        GaussianNB(),
        X,
        y,
        method=method,
        n_resamples=22,
        measures=names(),
        ci="none",
        random_state=0,
        **known,
    )
    assert set(switched_off.table["ci_method"]) == {"none"}


def test_leaving_out_single_patients_is_the_exact_variance_of_a_mean():
    _, y, risk = cohort(50)
    right = (risk >= 0.3) == y
    moved = block_influence("accuracy@0.3", y, risk, None, assign_blocks(np.arange(50)))
    assert sum_of_squares(moved) == pytest.approx(right.var(ddof=1) / 50)
    log = np.where(y == 1, np.log(risk), np.log(1 - risk))
    moved = block_influence("log_likelihood", y, risk, None, assign_blocks(np.arange(50)))
    assert sum_of_squares(moved) == pytest.approx(log.var(ddof=1) * 50)


@pytest.mark.parametrize("name", ["auroc", "scaled_brier", "calibration_slope"])
def test_blocks_agree_with_influence_functions(name):
    _, y, risk = cohort(2_000)
    exact = sum_of_squares(Block(y, risk[None]).weigh(None).influence(name)[0])
    moved = block_influence(name, y, risk, None, assign_blocks(np.arange(2_000)))
    assert sum_of_squares(moved) == pytest.approx(exact, rel=0.45)  # 50 blocks: error about 20%


def test_blocks_hold_whole_patients_whatever_their_order():
    units = np.random.default_rng(0).integers(0, 500, 2_000)
    block = assign_blocks(units)
    assert all(len(set(block[units == one])) == 1 for one in np.unique(units))
    assert len(np.unique(block)) == N_BLOCKS
    doubled = np.repeat(np.arange(300), 2)
    X, y, _ = cohort(300)
    known = {"method": "repeated_cv", "n_resamples": 20, "measures": "accuracy@0.3"}
    model = LogisticRegression()
    rows = validate(model, X, y, **known, random_state=0).get("accuracy@0.3")
    pairs = validate(model, X[doubled], y[doubled], groups=doubled, **known, random_state=0)
    assert pairs.get("accuracy@0.3")["se"] == pytest.approx(rows["se"], rel=0.2)


def test_no_interval_where_one_block_holds_all_events():
    y, risk = (np.arange(100) == 7).astype(int), np.linspace(0.1, 0.6, 100)
    moved = block_influence("auprc", y, risk, None, np.arange(100) % N_BLOCKS)
    assert np.isnan(moved).all()


def test_calibration_errors_are_0_unless_beyond_chance():
    X, y, _ = cohort(400)
    time = np.arange(400)
    known = {"method": "temporal", "time": time, "measures": ["ici", "ece"], "random_state": 0}
    right = validate(LogisticRegression(), X, y, **known).table
    assert (right["lower"] == 0).all()
    drifted = np.where(time >= 280, 1 - y, y)
    wrong = validate(LogisticRegression(), X, drifted, **known).table
    assert (wrong["lower"] > 0.1).all()
    assert wrong["ci_method"].str.endswith("less the mean under perfect calibration").all()


def test_fewer_rows_err_more_under_perfect_calibration():
    risk = cohort(600)[2]
    whole, part = (under_calibration("ici", risk, share, 0.95) for share in (1.0, 0.25))
    assert part[0] == pytest.approx(2 * whole[0], rel=0.3)
    assert whole[1] > whole[0]
    assert under_calibration("auprc", risk, 1.0, 0.95) is None
    assert above_zero(0.2, 0.05, (0.04, 0.07)) == (pytest.approx(0.11), pytest.approx(0.25))
    assert above_zero(0.06, 0.05, (0.04, 0.07))[0] == 0


def test_emax_is_between_the_ends_of_its_region():
    low, high = largest_change(np.array([0.8, 0.7]), np.array([0.1, 0.1]), -0.3, 0.95)
    assert 0 < low < emax_logistic(0.8, 0.7) < high
    inside = np.random.default_rng(0).multivariate_normal(
        [0.8, 0.7], [[0.01, -0.003], [-0.003, 0.01]], 4_000
    )
    found = emax_logistic(*inside.T)
    assert 0.95 <= np.mean((low <= found) & (found <= high)) < 0.999


def test_sums_are_brought_to_all_rows():
    X, y, _ = cohort(400)
    model, known = LogisticRegression(), {"n_resamples": 25, "random_state": 0}
    names = ["log_likelihood", "log_loss"]
    for method in ("optimism", "oob"):
        table = validate(model, X, y, method=method, measures=names, **known).table
        total, mean = table["corrected"], table["se"]
        assert total[0] == pytest.approx(-400 * total[1], rel=1e-6)
        assert mean[0] == pytest.approx(400 * mean[1], rel=0.35)


def test_what_does_not_exist_is_counted_with_its_reason():
    X, y, _ = cohort(200)
    known = {"n_resamples": 15, "measures": ["ppv@0.9", "auroc"], "random_state": 0}
    for method in ("oob", "repeated_cv"):
        result = validate(LogisticRegression(C=1e-3), X, y, method=method, **known)
        row = result.get("ppv@0.9")
        assert np.isnan(row["corrected"])
        assert row["resamples_failed"] == row["resamples_asked"]
        assert row["reasons"].startswith(f"{row['resamples_asked']} with risks or outcomes for")
        assert result.get("auroc")["resamples_failed"] == 0
