import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report

FILL = "constant_fill"


def filled(values, share, value, rng):
    values = np.array(values, dtype=float)
    where = rng.random(len(values)) < share
    values[where] = value
    return values, where


@pytest.mark.parametrize(
    ("draw", "value"),
    [
        (lambda rng: rng.normal(3.1, 0.7, 2000).round(1), 3.5),  # a normal albumin
        (lambda rng: rng.normal(138, 5, 2000).round(), 138),  # on the grid
        (lambda rng: rng.normal(size=2000), 0.0123),
        (lambda rng: np.exp(rng.normal(size=2000)), 1.01),
    ],
)
def test_a_filled_in_value_is_suspected(draw, value, rng):
    values, where = filled(draw(rng), 0.3, value, rng)
    report = quality_report(pd.DataFrame({"x": values}))
    assert report.masks["x", FILL][where].all()
    assert report.select(FILL)["status"].item() == "suspected"
    assert np.isnan(report.repaired(pd.DataFrame({"x": values}), "x", FILL)["x"][where]).all()


def test_a_filled_in_mean_lies_off_the_grid(rng):
    values, where = filled(rng.integers(40, 120, 2000), 0.02, 79.4321, rng)
    report = quality_report(pd.DataFrame({"x": values}))
    np.testing.assert_array_equal(report.masks["x", FILL], where)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: np.where(rng.random(2000) < 0.5, 0, rng.gamma(2, 5, 2000)),  # natural zeros
        lambda rng: np.where(rng.random(2000) < 0.3, 0, rng.normal(0, 3, 2000)),  # no change
        lambda rng: (
            np.where(  # rounding to tens, more or less
                rng.random(2000) < 0.6, (rng.normal(130, 20, 2000) / 10).round() * 10, 0
            )
            + np.where(np.arange(2000) % 2, 0.0, 0.0)
        ),
        lambda rng: np.maximum(rng.normal(2, 1, 2000), 1.0),  # a detection limit
        lambda rng: np.minimum(rng.normal(90, 10, 2000), 100.0),  # a ceiling
        lambda rng: rng.poisson(40, 2000),
        lambda rng: rng.choice([8, 10, 12, 14, 16], 2000),
    ],
)
def test_zeros_heaps_and_edges_are_natural(draw, rng):
    report = quality_report(pd.DataFrame({"x": np.asarray(draw(rng), dtype=float)}))
    assert report.select(FILL).empty


def test_heaps_at_round_numbers(rng):
    exact = rng.normal(130, 20, 3000).round()
    sbp = np.where(rng.random(3000) < 0.6, (exact / 10).round() * 10, exact)
    assert quality_report(pd.DataFrame({"sbp": sbp})).select(FILL).empty


def test_a_clean_table_has_no_fill(clean):
    X, y = clean
    assert quality_report(X, y=y).select(FILL).empty
