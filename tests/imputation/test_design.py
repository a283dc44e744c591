"""Columns to numbers and back; which columns predict which; products; skewness."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml.imputation._chained.predictors import correlations
from healthml.imputation._chained.products import choose_pairs
from healthml.imputation._table.cells import read_columns
from healthml.imputation._table.design import learn_columns
from healthml.imputation._table.skewness import learn_offset_log

REFERENCE = Path(__file__).parents[1] / "reference/imputation_draws_reference.json"


def strong(table):
    """Return quickpred's matrix: 1 where a column is worth having for an incomplete one."""
    columns = learn_columns(table)
    values, missing, _ = read_columns(columns, table)
    found = correlations(values, missing, [column.is_category for column in columns]) >= 0.1
    return (found * table.isna().any().to_numpy()[:, None]).astype(int).tolist()


def test_quickpred_agrees_with_mice():
    i = np.arange(1, 151)
    x, z = np.sin(i * 1.7) * 2 + i / 50, np.cos(i * 0.9) + (i % 7) / 5
    y = 1 + 0.8 * x - 0.5 * z + 1.2 * np.sin(i * 12.9898) * np.cos(i * 4.1)
    table = pd.DataFrame({"y": y, "x": x, "z": z, "far": np.sin(i * 77)})
    table.loc[i % 5 == 0, "y"] = np.nan
    table.loc[i % 11 == 0, "x"] = np.nan
    assert strong(table) == json.loads(REFERENCE.read_text())["quickpred"]


@pytest.mark.parametrize("name", ["nhanes2", "airquality"])
def test_quickpred_on_real_tables(name, shared):
    folder = shared / "reference/imputation"
    if not folder.is_dir():
        pytest.skip("the reference tables are absent")
    table = pd.read_csv(folder / f"{name}.csv")
    for column in table.select_dtypes(exclude="number"):
        table[column] = table[column].astype("category")
    assert strong(table) == json.loads((folder / "patterns.json").read_text())[name]["quickpred"]


@given(st.floats(0.5, 1.5), st.floats(-1e3, 1e3), st.sampled_from([1e-4, 1.0, 1e5]), st.booleans())
def test_skewness_goes_whatever_the_unit(shape, shift, unit, flip):
    rng = np.random.default_rng(0)
    amounts = np.exp(shape * rng.normal(size=500)) * unit + shift * unit
    amounts = -amounts if flip else amounts
    scale = learn_offset_log(amounts)
    logs = scale.apply(amounts)
    away = (logs - logs.mean()) / logs.std()
    assert abs((away**3).mean()) < 0.4
    order = np.argsort(amounts) if not flip else np.argsort(-amounts)
    assert (np.diff(logs[order]) >= 0).all()
    beyond = np.concatenate([amounts, [amounts.min() - unit, amounts.max() + unit]])
    np.testing.assert_allclose(
        scale.inverse(scale.apply(beyond)), beyond, rtol=1e-6, atol=1e-6 * unit
    )


def test_symmetric_and_two_valued_columns_are_left_alone():
    rng = np.random.default_rng(1)
    assert learn_offset_log(rng.normal(size=400)) is None
    assert learn_offset_log((rng.random(400) < 0.05).astype(float)) is None
    assert learn_offset_log(np.array([1.0, 2.0, 900.0])) is None


def test_products_are_chosen_where_they_matter_and_only_there():
    rng = np.random.default_rng(2)
    a, b, c = rng.normal(size=(3, 300))
    table = pd.DataFrame({"a": a, "b": b, "c": c, "y": a * b + rng.normal(size=300)})
    table["z"] = a + b + rng.normal(size=300)
    table.loc[::6, "y"] = np.nan
    table.loc[::7, "z"] = np.nan
    columns = learn_columns(table)
    values, missing, _ = read_columns(columns, table)
    own = {j: np.array([0, *(k + 1 for k in range(5) if k != j)]) for j in range(5)}
    pairs, chosen = choose_pairs(columns, values, missing, own, [3, 4])
    assert [1, 2] in pairs[chosen[3]].tolist()
    few = pd.DataFrame(table.iloc[:40])
    values, missing, _ = read_columns(columns, few)
    assert not len(choose_pairs(columns, values, missing, own, [3, 4])[0])


def test_dates_keep_their_fractions():
    stamps = pd.Series(
        pd.to_datetime(["2020-01-01 00:00:00.125", None, "2021-06-01 12:00:00.5"]), name="d"
    )
    (column,) = learn_columns(stamps.to_frame())
    days = column.number(column.read(stamps))
    assert days[0] == pytest.approx(18262 + 0.125 / 86400, abs=1e-9)
    assert np.isnan(days[1])
