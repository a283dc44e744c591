"""Smaller runs of the protocols in docs/simulations/resampling_simulation.md."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


risks = _load("resampling_risks")


@pytest.mark.parametrize("design", list(risks.SEED))
@pytest.mark.parametrize(("learner", "n_sets"), [("logistic", 10), ("boosting", 4)])
def test_risks_are_right_whatever_the_sampler(design, learner, n_sets):
    table = risks.summarise(risks.run(design, n_sets, [learner]))
    own = table[table["how"] == "auto"]
    assert (own["gap"].abs() <= 0.05 + 2 * own["gap_error"]).all(), own
    room = 2 * own["slope_error"]
    assert own["slope"].between(0.92 - room, 1.14 + room).all(), own


def test_the_limit_of_sensitivity_holds_for_the_refitted_model():
    held = _load("threshold_limit").run(300, start=90_000)
    assert 0.91 <= held.mean() <= 0.99


def test_the_analytic_correction_gives_back_the_event_rate():
    table = _load("prior_correction").run(4, n=50_000)
    assert (table["mean"] - 1).abs().max() < 0.01


def test_bags_are_advised_where_they_gain_by_construction():
    found = _load("imbalance_advice").run(2, ["tree"])
    assert found["advised"].tolist() == ["bagged, recalibrated"] * 2
    assert found["difference"].min() > 0


@pytest.mark.parametrize("name", ["support2", "diabetes130"])
def test_real_tables_are_as_calibrated_as_without_resampling(name):
    tables = _load("resampling_real_tables")
    if not (tables.folder() / name).exists():
        pytest.skip("needs the tables in HEALTHML_SHARED")
    cell = tables.one_cell(name, "logistic", 250)
    assert (cell["verdict"] == "equivalent").all(), cell
