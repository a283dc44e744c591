"""Whether optimism correction is trusted: what the gap between two AUCs says, and what not."""

from types import SimpleNamespace

import numpy as np
import pytest

from healthml.validation._validate import judge


def draws(train, test, out, n=40):
    values = {("train", "auroc"): train, ("test", "auroc"): test, ("out", "auroc"): out}
    return SimpleNamespace(values={k: np.full(n, v) for k, v in values.items()})


def test_a_small_gap_is_no_reason_to_distrust():
    """.758 apparent and .748 out of bag: what the correction leaves is below the noise of draws."""
    assert judge(0.758, draws(0.760, 0.7595, 0.748)).trusted


@pytest.mark.parametrize(("out", "corrected"), [(0.72, 0.757), (0.60, 0.75)])
def test_a_correction_that_hardly_moves_is_named_with_its_numbers(out, corrected):
    verdict = judge(0.758, draws(0.760, 0.760 - (0.758 - corrected), out))
    assert not verdict.trusted
    assert verdict.remembers
    assert f"{0.758 - out:.3f} apart" in verdict.reason
    assert f"gives {corrected:.3f}, less than half way" in verdict.reason


def test_the_chance_of_few_draws_is_no_reason_to_distrust():
    """Twenty draws whose out-of-bag AUC varies by .05 cannot tell .714 from .730."""
    noisy = draws(0.750, 0.741, 0.714, n=20)
    noisy.values["out", "auroc"] = 0.714 + 0.05 * np.tile([-1.0, 1.0], 10)
    assert judge(0.743, noisy).trusted
    steady = draws(0.750, 0.741, 0.714, n=20)
    assert not judge(0.743, steady).trusted
