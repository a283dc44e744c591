"""A smaller run of the protocol in docs/guide/resampling_simulation.md."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "resampling_risks", Path(__file__).with_name("resampling_risks.py")
)
risks = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(risks)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("design", list(risks.SEED))
@pytest.mark.parametrize("learner", ["logistic", "boosting"])
def test_risks_are_right_whatever_the_sampler(design, learner):
    table = risks.summarise(risks.run(design, 10, [learner]))
    own = table[table["how"] == "auto"]
    assert (own["gap"].abs() <= 0.05 + 2 * own["gap_error"]).all(), own
    room = 2 * own["slope_error"]
    assert own["slope"].between(0.92 - room, 1.14 + room).all(), own


def test_the_limit_of_sensitivity_holds_for_the_refitted_model():
    spec = importlib.util.spec_from_file_location(
        "threshold_limit", Path(__file__).with_name("threshold_limit.py")
    )
    limit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(limit)
    held = limit.run(300, start=90_000)
    assert 0.91 <= held.mean() <= 0.99
