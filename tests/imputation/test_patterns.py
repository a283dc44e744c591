import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml.exceptions import InputError
from healthml.imputation import missingness_patterns
from healthml.imputation._missingness.patterns import distinct_patterns

REFERENCE = Path(__file__).parent.parent / "reference" / "missingness_reference.json"
COUNTS = ("rr", "rm", "mr", "mm")
FLUX = ["pobs", "influx", "outflux", "ainb", "aout", "fico"]


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


def compare(found, names, pattern, sizes, columns, pairs, flux):
    """Compare with mice's md.pattern, md.pairs and flux, whose last row and column are sums."""
    pattern = np.array(pattern)
    assert found.observed.columns.tolist() == columns[:-1]
    np.testing.assert_array_equal(found.observed.to_numpy().astype(int), pattern[:-1, :-1])
    assert found.table["n_samples"].tolist() == [int(size) for size in sizes[:-1]]
    assert found.table["n_missing"].tolist() == pattern[:-1, -1].tolist()
    for count in COUNTS:
        square = found.pairs.pivot(index="column", columns="other", values=count)
        np.testing.assert_array_equal(square.loc[names, names], pairs[count])
    flux = pd.DataFrame(flux)
    assert (
        found.flux["column"].tolist() == flux["variable" if "variable" in flux else "_row"].tolist()
    )
    np.testing.assert_allclose(found.flux[FLUX], flux[FLUX], atol=1e-14)


@pytest.mark.parametrize("mechanism", ["mcar", "mar"])
def test_the_same_numbers_as_mice(reference, mechanism):
    r = reference[mechanism]
    X = pd.DataFrame(r["rows"], dtype=float)
    args = (r["pattern"], r["n_rows"], r["columns"], r["pairs"], r["flux"])
    compare(missingness_patterns(X), list(X.columns), *args)


@pytest.mark.parametrize("name", ["nhanes2", "airquality"])
def test_the_public_tables(shared, name):
    folder = shared / "reference" / "imputation"
    r = json.loads((folder / "patterns.json").read_text(encoding="utf-8"))[name]
    X = pd.read_csv(folder / f"{name}.csv")[r["vars"]]
    md = r["md_pattern"]
    args = (md["m"], md["rows"], md["cols"], r["md_pairs"], r["flux"])
    compare(missingness_patterns(X), r["vars"], *args)


@given(
    st.integers(1, 70).flatmap(
        lambda p: st.lists(st.lists(st.booleans(), min_size=p, max_size=p), min_size=1, max_size=9)
    )
)
def test_patterns_are_distinct_sorted_and_found_again(rows):
    is_missing = np.array(rows)
    patterns, row = distinct_patterns(is_missing)
    assert patterns.tolist() == [list(p) for p in sorted({tuple(r) for r in rows})]
    np.testing.assert_array_equal(patterns[row], is_missing)


def test_more_patterns_than_one_word_holds():
    rng = np.random.default_rng(0)
    is_missing = rng.random((5000, 70)) < 0.3
    is_missing[2500:] = is_missing[:2500]
    patterns, row = distinct_patterns(is_missing)
    assert len(patterns) == len(np.unique(is_missing, axis=0))
    np.testing.assert_array_equal(patterns[row], is_missing)


def test_names_of_the_missing_columns():
    X = pd.DataFrame({"a": [1, None, None], "b": [1, 2, 3], "c": [1, None, None]})
    table = missingness_patterns(X).to_frame()
    assert table["columns"].tolist() == ["", "a, c"]
    assert table["share"].tolist() == [pytest.approx(1 / 3), pytest.approx(2 / 3)]


def test_codes_count_when_the_mask_says_so():
    X = pd.DataFrame({"a": [-1, 5], "b": [1, 2]})
    found = missingness_patterns(X, missing=X == -1)
    assert found.flux["pobs"].tolist() == [0.5, 1]
    with pytest.raises(InputError, match="missing has shape"):
        missingness_patterns(X, missing=[[True]])


def test_complete_and_single_columns():
    complete = missingness_patterns(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))
    assert complete.table["n_missing"].tolist() == [0]
    assert complete.flux["influx"].tolist() == [0, 0]
    assert complete.flux["outflux"].isna().all()
    alone = missingness_patterns(pd.DataFrame({"a": [1, None]}))
    assert alone.flux["pobs"].item() == 0.5
    assert alone.pairs[list(COUNTS)].to_numpy().tolist() == [[1, 0, 0, 1]]


def test_polars_pictures_and_json(reference):
    X = pd.DataFrame(reference["mar"]["rows"], dtype=float)
    found = missingness_patterns(X)
    pd.testing.assert_frame_equal(missingness_patterns(pl.from_pandas(X)).table, found.table)
    ax = found.plot()
    assert len(ax.get_yticklabels()) == len(found.table)
    assert [t.get_text() for t in ax.get_xticklabels()] == list(found.observed.columns)
    assert ax.get_yticklabels()[0].get_text() == f"{100 * found.table['share'].max():.1f}%"
    assert found.plot(kind="flux").get_xlabel() == "Influx"
    with pytest.raises(InputError, match="kind='pie' is unknown"):
        found.plot(kind="pie")
    assert set(json.loads(found.to_json())) == {"table", "observed", "pairs", "flux"}
