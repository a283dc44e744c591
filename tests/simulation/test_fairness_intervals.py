"""A smaller run of the protocol in docs/simulations/fairness_simulation.md."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

_SPEC = importlib.util.spec_from_file_location(
    "fairness_intervals", Path(__file__).with_name("fairness_intervals.py")
)
intervals = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(intervals)

pytestmark = pytest.mark.slow
RUNS = 500
ROOM = 3 * np.sqrt(0.05 * 0.95 / RUNS)  # three Monte-Carlo errors


@pytest.mark.parametrize(("n", "least"), [(120, 0.90), (300, 0.93)])
def test_intervals_of_groups_and_gaps_cover(n, least):
    for measure, shares in intervals.coverage(n, RUNS, seed=11).items():
        assert min(shares) >= least - ROOM, measure
        assert n < 300 or max(shares) <= 0.97 + ROOM, measure


def test_alike_groups_are_seldom_called_unlike():
    for measure, rate in intervals.size(200, 3, RUNS, seed=12).items():
        assert rate <= 0.065 + ROOM, measure


def test_right_risks_lead_to_a_claim_in_one_run_of_twenty_at_most():
    for mix in intervals.CASE_MIX:
        assert intervals.false_claims(500, mix, 200, seed=13) <= 0.05 + 3 * np.sqrt(
            0.05 * 0.95 / 200
        )


def test_empirical_bayes_intervals_cover_on_average():
    for tau in (0.5, 1, 2):
        assert 0.93 <= intervals.shrinkage(5, tau, 200, seed=14) <= 0.99
