"""The kernel of all resampling against the public functions, one set of risks at a time."""

import numpy as np
import pytest

from healthml.exceptions import InputError
from healthml.metrics import get_measure
from healthml.metrics._batched.measures import (
    FAST,
    FINE,
    NO_ROWS,
    ONE_CLASS,
    SAME_RISK,
    SEPARATED,
    Block,
)
from healthml.metrics._batched.recalibration import approach

RANDOM = np.random.default_rng(3)
N, K = 130, 8
Y = (RANDOM.random(N) < 0.3).astype(int)
RISK = 1 / (1 + np.exp(-(RANDOM.normal(size=(K, N)) + Y)))
RISK[1] = RISK[1].round(1)  # ties, and risks of 0 and 1
RISK[2] = np.where(Y == 1, 0.9, 0.1)  # separated
RISK[3] = 0.3
RISK[4] = np.clip(RISK[4].round(2), 0.01, 0.99)
RISK[5] = np.where(RANDOM.random(N) < 0.2, 1 - Y, Y)  # only 0 and 1, some wrong
RISK[6] = np.where(Y == 1, 0.2, 0.6) + 0.1 * RANDOM.random(N)  # separated the wrong way round
WEIGHTS = {
    "none": None,
    "counts": RANDOM.integers(0, 4, (K, N)).astype(float),
    "real": RANDOM.random((K, N)),
    "one for all": RANDOM.random(N),
}
THRESHOLDS = {"net_benefit": np.linspace(0.1, 0.4, 7), "net_benefit@0.2": np.array([0.2])}
NAMES = (*FAST, "net_benefit@0.2")


def weight_of(weight, k):
    return weight if weight is None or weight.ndim == 1 else weight[k]


def public(name, risk, weight):
    function = get_measure(name.split("@")[0]).function
    try:
        if name in THRESHOLDS:
            at = THRESHOLDS[name]
            return np.mean([function(Y, risk, threshold=t, sample_weight=weight) for t in at])
        return function(Y, risk, sample_weight=weight)
    except InputError:
        return np.nan


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_public_functions(name, weight):
    given = WEIGHTS[weight]
    found = Block(Y, RISK, THRESHOLDS).weigh(given).value(name)
    expected = [public(name, RISK[k], weight_of(given, k)) for k in range(K)]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", NAMES)
def test_influence_is_what_a_row_moves(name, weight):
    """Against the derivative by the row's weight; a missing value has no influence."""
    given = WEIGHTS[weight]
    base = np.broadcast_to(np.ones(N) if given is None else given, (K, N)).astype(float)
    block = Block(Y, RISK, THRESHOLDS)
    weighed = block.weigh(given)
    moved, step = weighed.influence(name), 1e-5
    for row in (2, 77):
        values = []
        for sign in (-1, 1):
            weight_now = base.copy()
            weight_now[:, row] *= 1 + sign * step
            values.append(block.weigh(weight_now).value(name))
        slope = (values[1] - values[0]) / (2 * step)
        fine = np.isfinite(weighed.value(name))
        np.testing.assert_allclose(moved[fine, row], slope[fine], rtol=2e-3, atol=2e-6)
        assert (moved[~fine] == 0).all()


def test_why_a_value_is_missing():
    weighed = Block(Y, RISK).weigh(None)
    codes = weighed.reason("calibration_slope")
    assert [codes[k] for k in (0, 2, 3, 6)] == [FINE, SEPARATED, SAME_RISK, SEPARATED]
    only_events = Block(Y, RISK).weigh((Y == 1).astype(float))
    assert set(only_events.reason("auroc")) == {ONE_CLASS}
    assert set(only_events.reason("brier")) == {FINE}
    assert np.isnan(only_events.value("auroc")).all()
    assert set(Block(Y, RISK).weigh(np.zeros(N)).reason("brier")) == {NO_ROWS}


def test_sets_do_not_see_each_other():
    together = Block(Y, RISK).weigh(WEIGHTS["counts"])
    for k in range(K):
        alone = Block(Y, RISK[k : k + 1]).weigh(WEIGHTS["counts"][k : k + 1])
        for name in FAST[:-1]:
            np.testing.assert_allclose(alone.value(name)[0], together.value(name)[k], rtol=1e-9)


@pytest.mark.parametrize("seed", [145, 176, 220])
def test_rough_steps_that_lead_nowhere_are_given_up_before_they_overflow(seed):
    """Nearly separated log odds; a set beside them comes as near as alone."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 60))
    size = rng.choice([0.01, 0.1, 1, 5, 12])
    wild = rng.normal(size=(1, n)) * size - 1
    event = (rng.random(n) < 0.15).astype(float)
    wild[:, event == 1] += rng.choice([2, 4, 10]) * size
    tame = rng.normal(size=(1, n))
    both = approach(event, np.vstack([wild, tame]), None, np.zeros(2), np.ones(2), True)
    alone = approach(event, tame, None, np.zeros(1), np.ones(1), True)
    assert np.isfinite(both).all()
    np.testing.assert_allclose([one[1] for one in both], [one[0] for one in alone], atol=1e-2)
