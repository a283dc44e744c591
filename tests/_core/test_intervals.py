import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml._core._intervals import clopper_pearson, wilson
from healthml.exceptions import InputError

REFERENCE = Path(__file__).parents[1] / "reference" / "core_reference.json"
R = json.loads(REFERENCE.read_text())["intervals"]
METHODS = {"wilson": wilson, "clopper_pearson": clopper_pearson}


@pytest.mark.parametrize("name", METHODS)
def test_agrees_with_r_at_every_level(name):
    expected = np.array(R[name], dtype=float)
    for i, (x, n, level) in enumerate(zip(R["x"], R["n"], R["level"], strict=True)):
        np.testing.assert_allclose(METHODS[name](x, n, level), expected[i], atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_arrays_give_the_same_as_single_counts(name):
    x, n = np.array([[0, 3], [7, 20]]), 20
    lower, upper = METHODS[name](x, n)
    assert lower.shape == upper.shape == (2, 2)
    for place in np.ndindex(2, 2):
        alone = METHODS[name](x[place], n)
        np.testing.assert_equal(alone, (lower[place], upper[place]))


def test_no_rows_gives_no_interval():
    for method in METHODS.values():
        assert np.isnan(method(0, 0)).all()


@given(st.integers(1, 400), st.data())
def test_swapping_events_mirrors_the_interval(n, data):
    x = data.draw(st.integers(0, n))
    for method in METHODS.values():
        (lower, upper), (other_lower, other_upper) = method(x, n), method(n - x, n)
        np.testing.assert_allclose([lower, upper], [1 - other_upper, 1 - other_lower], atol=1e-9)


@given(st.integers(1, 300), st.data())
def test_exact_interval_holds_the_estimate_and_a_higher_level_is_wider(n, data):
    x = data.draw(st.integers(0, n))
    for method in (wilson, clopper_pearson):
        narrow, wide = method(x, n, 0.8), method(x, n, 0.99)
        assert wide[0] <= narrow[0] <= x / n <= narrow[1] <= wide[1]


@pytest.mark.parametrize(("x", "n"), [(-1, 5), (6, 5), (np.nan, 5), (1, np.nan), ([1, 9], [5, 5])])
def test_impossible_counts_are_refused_with_their_place(x, n):
    with pytest.raises(InputError, match="first at position"):
        wilson(x, n)


@pytest.mark.parametrize("level", [0, 1, 95, "0.95", np.nan])
def test_a_level_outside_0_to_1_is_refused(level):
    with pytest.raises((InputError, TypeError)):
        wilson(1, 5, level)
