import numpy as np
import pytest
from scipy.stats import chi2_contingency

from healthml._core._contingency import chi_square_by_group, hide_small_groups, row_blocks


def test_agrees_with_scipy():
    rng = np.random.default_rng(0)
    codes, flags = rng.integers(0, 5, 400), rng.random((400, 3)) < [0.1, 0.4, 0.5]
    shares, p_value, _ = chi_square_by_group(codes, flags)
    for j in range(3):
        table = [[(flags[codes == g, j] == v).sum() for v in (True, False)] for g in range(5)]
        assert p_value[j] == pytest.approx(chi2_contingency(table).pvalue)
        assert shares[2, j] == pytest.approx(flags[codes == 2, j].mean())


def test_cramers_v_ends():
    codes = np.repeat([0, 1], 500)
    perfect, none = codes == 1, np.arange(1000) % 2 == 0
    _, _, v = chi_square_by_group(codes, np.column_stack([perfect, none]))
    assert v[0] == pytest.approx(1.0, abs=1e-3)
    assert v[1] == 0


def test_chance_alone_gives_a_small_v():
    rng = np.random.default_rng(1)
    flags = rng.random((2000, 50)) < 0.3
    _, p_value, v = chi_square_by_group(row_blocks(2000), flags)
    assert v.mean() < 0.03
    assert 0.3 < p_value.mean() < 0.7


def test_constant_flags_and_negative_codes():
    shares, p_value, v = chi_square_by_group(np.array([0, 0, 1, -1]), np.ones((4, 1), dtype=bool))
    assert np.isnan(p_value[0])
    assert np.isnan(v[0])
    assert shares[:, 0].tolist() == [1, 1]


def test_row_blocks_are_runs_of_equal_length():
    blocks = row_blocks(103, smallest=10, most=4)
    assert (np.diff(blocks) >= 0).all()
    assert np.ptp(np.bincount(blocks)) <= 1
    assert blocks.max() == 3


def test_small_groups_are_counted_in_patients():
    codes = np.repeat([0, 1], 20)
    patients = np.concatenate([np.arange(20), np.zeros(20, dtype=int)])
    assert set(hide_small_groups(codes, patients)) == {0, -1}
    assert set(hide_small_groups(codes)) == {0, 1}
