import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from healthml.exceptions import ConvergenceWarning, InputError
from healthml.imputation import little_mcar_test

REFERENCE = Path(__file__).parent.parent / "reference" / "missingness_reference.json"


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def holes(rng, n=400, p=4, share=0.15):
    Z = rng.normal(size=(n, p)) @ np.linalg.cholesky(0.5 + 0.5 * np.eye(p)).T
    return np.where(rng.random(Z.shape) < share, np.nan, Z)


def compare(found, expected, rtol):
    row = found.table.iloc[0]
    assert (row["df"], row["n_patterns"]) == (expected["df"], expected["patterns"])
    np.testing.assert_allclose(row["statistic"], expected["statistic"], rtol=rtol)
    np.testing.assert_allclose(row["p_value"], expected["p"], rtol=rtol * 10)
    np.testing.assert_allclose(found.mu, expected["mu"], rtol=rtol)
    sd = np.sqrt(np.diag(expected["sigma"]))
    difference = (found.sigma.to_numpy() - expected["sigma"]) / np.outer(sd, sd)
    assert np.abs(difference).max() < rtol


@pytest.mark.parametrize("mechanism", ["mcar", "mar"])
def test_the_same_numbers_as_r(reference, mechanism):
    X = pd.DataFrame(reference[mechanism]["rows"], dtype=float)
    expected = reference[mechanism]["little"]
    found = little_mcar_test(X, tol=1e-12)
    assert expected["patterns"] == found.table["n_patterns"].item()
    compare(found, expected, 1e-9)
    assert found.table["n_samples"].item() == expected["n"]
    assert found.table["n_left_out"].item() == 1


@pytest.mark.parametrize("name", ["nhanes", "airquality"])
def test_the_public_tables(shared, name):
    folder = shared / "reference" / "imputation"
    expected = json.loads((folder / "little.json").read_text(encoding="utf-8"))[name]
    X = pd.read_csv(folder / f"{name}.csv")[expected["vars"]]
    compare(little_mcar_test(X), expected, 1e-7)


def test_level_and_power(rng):
    values, seen = [], []
    for _ in range(200):
        X = holes(rng, n=300, p=3)
        values.append(little_mcar_test(X, tol=1e-6).table["p_value"].item())
        X[:, 1] = np.where(X[:, 0] > 0.8, np.nan, X[:, 1])
        seen.append(little_mcar_test(X, tol=1e-6).table["p_value"].item() < 0.05)
    assert 0.01 <= np.mean(np.array(values) < 0.05) <= 0.1
    assert abs(np.mean(values) - 0.5) < 0.08
    assert np.mean(seen) > 0.95


def test_units_do_not_matter(rng):
    X = holes(rng)
    other = X * [1, 1e6, 1e-4, 30] + [0, 1e7, 3, -5]
    a, b = (little_mcar_test(Z).table for Z in (X, other))
    assert a["statistic"].item() == pytest.approx(b["statistic"].item(), rel=1e-6)


def test_parts_add_up(rng):
    found = little_mcar_test(holes(rng))
    assert found.by_pattern["distance"].sum() == pytest.approx(found.table["statistic"].item())
    assert found.by_pattern["n_samples"].sum() == found.table["n_samples"].item()
    assert found.by_pattern.iloc[0]["columns"] == ""


def test_complete_rows_have_nothing_to_test(rng):
    row = little_mcar_test(rng.normal(size=(50, 3))).table.iloc[0]
    assert row["df"] == 0
    assert np.isnan(row["p_value"])
    assert row["statistic"] == pytest.approx(0, abs=1e-9)


def test_kinds_of_columns(rng):
    Z = holes(rng)
    X = pd.DataFrame(Z, columns=list("abcd"))
    plain = little_mcar_test(X).table
    X["d"] = X["d"].astype("Float64")
    pd.testing.assert_frame_equal(little_mcar_test(X).table, plain)
    pd.testing.assert_frame_equal(little_mcar_test(pl.DataFrame(Z)).table, plain)
    coded = np.where(np.isnan(Z), -9.0, Z)
    pd.testing.assert_frame_equal(little_mcar_test(coded, missing=np.isnan(Z)).table, plain)
    flags = pd.DataFrame({"a": Z[:, 0], "ok": pd.array(Z[:, 1] > 0, "boolean")})
    assert little_mcar_test(flags).table["df"].item() == 1


def test_many_patterns_are_quick():
    X = holes(np.random.default_rng(0), n=5000, p=30, share=0.1)
    start = time.process_time()
    found = little_mcar_test(X)
    assert time.process_time() - start < 10
    assert found.table["n_patterns"].item() > 2500
    assert found.table["p_value"].item() > 0.001


def test_it_says_what_it_cannot_show(rng):
    found = little_mcar_test(holes(rng))
    assert "does not show" in found.summary()
    assert found.plot().get_xlabel() == "Part of Little's statistic"


def test_too_few_rounds(rng):
    with pytest.warns(ConvergenceWarning, match="after 2 rounds"):
        assert not little_mcar_test(holes(rng), max_iter=2).table["converged"].item()


def test_errors(rng):
    X = pd.DataFrame(holes(rng), columns=list("abcd"))
    with pytest.raises(InputError, match="column 'sex' holds 400 cells that are no number"):
        little_mcar_test(X.assign(sex="f"))
    with pytest.raises(InputError, match="column 'e' has no value"):
        little_mcar_test(X.assign(e=np.nan))
    with pytest.raises(InputError, match="column 'e' has one value only"):
        little_mcar_test(X.assign(e=3))
    with pytest.raises(InputError, match="combination of the others"):
        little_mcar_test(X.assign(e=X["a"].fillna(0), f=2 * X["a"].fillna(0)))
    with pytest.raises(InputError, match="infinite"):
        little_mcar_test(X.assign(a=np.inf))
    with pytest.raises(InputError, match="too few rows for 4 columns"):
        little_mcar_test(X.iloc[:4])
