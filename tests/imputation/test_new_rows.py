"""New rows: the same answer in any company, chance that is uniform, means that are means."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.linear_model import LogisticRegression, Ridge

from healthml.imputation import ChainedImputer
from healthml.imputation._chained.new_rows import row_keys
from healthml.imputation._draws.chance import chance_of
from healthml.imputation._draws.linear import by_row


def table_of(n=300, seed=0):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n, 2))
    table = pd.DataFrame(base @ rng.normal(size=(2, 14)) + rng.normal(size=(n, 14)))
    table = table.add_prefix("lab")
    table["kind"] = pd.Categorical.from_codes((base[:, 0] > 0) + (base[:, 1] > 0) * 1, list("abc"))
    return table.mask(rng.random(table.shape) < 0.15)


@pytest.mark.parametrize(
    "method", ["auto", "norm", "cart", "rf", {"lab0": Ridge(), "kind": LogisticRegression()}]
)
def test_a_row_is_the_same_in_any_company(method):
    table = table_of()
    imputer = ChainedImputer(method, m=2, n_iter=3, random_state=0).fit(table)
    means, draws = imputer.transform(table), imputer.transform_multiple(table)
    mixed = np.random.default_rng(1).permutation(len(table))
    again = imputer.transform(table.iloc[mixed])
    assert again.equals(means.iloc[mixed])
    for place in range(0, len(table), 29):
        row = table.iloc[[place]]
        assert imputer.transform(row).equals(means.iloc[[place]])
        for one, many in zip(imputer.transform_multiple(row), draws, strict=True):
            assert one.equals(many.iloc[[place]])


def test_sums_do_not_depend_on_the_other_rows():
    rng = np.random.default_rng(2)
    for width in (1, 2, 7, 8, 9, 33, 130):
        X, coef = rng.normal(size=(90, width)), rng.normal(size=width)
        every = by_row(X, coef)
        for rows in ([4], [4, 5], range(3, 40)):
            for layout in (np.ascontiguousarray, np.asfortranarray):
                assert (by_row(layout(X[list(rows)]), coef) == every[list(rows)]).all()


def test_chance_is_uniform_and_differs_from_place_to_place():
    keys = row_keys([np.arange(5000.0)], [np.zeros(5000, dtype=bool)])
    first, second = chance_of(keys, 1, 0, 0, 3), chance_of(keys, 1, 0, 1, 3)
    assert kstest(first, "uniform").pvalue > 0.001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05
    assert len(np.unique(keys)) == 5000


def test_minus_zero_and_what_lies_under_a_gap_change_nothing():
    is_missing = [np.array([False]), np.array([True])]
    one = row_keys([np.array([0.0]), np.array([np.nan])], is_missing)
    two = row_keys([np.array([-0.0]), np.array([7.0])], is_missing)
    assert one == two


def test_draws_vary_around_the_mean():
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    table = pd.DataFrame({"x": x, "y": 2 * x + rng.normal(size=400)})
    table.loc[::4, "y"] = np.nan
    imputer = ChainedImputer("norm", m=30, n_iter=1, random_state=0).fit(table)
    new = pd.DataFrame({"x": np.linspace(-1, 1, 200), "y": np.nan})
    drawn = np.array([one["y"] for one in imputer.transform_multiple(new)])
    means = imputer.transform(new)["y"].to_numpy()
    assert np.abs(drawn.mean(axis=0) - means).mean() < 0.25
    assert drawn.std(axis=0).mean() == pytest.approx(1, abs=0.15)
    np.testing.assert_allclose(means, 2 * new["x"], atol=0.25)
