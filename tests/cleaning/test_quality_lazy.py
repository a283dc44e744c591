"""The report of a table that is not loaded: the same answer as of its rows, in bounded queries."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from healthml.cleaning import quality_report
from healthml.cleaning._columns.view import ColumnView
from healthml.cleaning._quality.findings import IMPOSSIBLE
from healthml.cleaning._quality.lazy import columns as _lazy_columns
from healthml.cleaning._quality.lazy import keys as _lazy_keys
from healthml.cleaning._quality.lazy import table as _lazy_table
from healthml.cleaning._quality.lazy.columns import CountedColumn
from healthml.cleaning._quality.lazy.values import judged_by_rows
from healthml.cleaning._record import Change
from healthml.exceptions import InputError
from healthml.schema import Schema

SAME = ["column", "rule", "status", "n_cells", "share", "n_samples", "detail", "dqd_check"]
BY_COLUMN = {
    "missing",
    "missing_code_text",
    "missing_code_number",
    "impossible_value",
    "verify_value",
    "infinite",
    "case",
    "spaces",
    "synonym",
    "number_from_text",
    "censored",
    "decimal_comma",
    "decimal_slip",
    "date_format",
    "impossible_date",
    "date_order",
    "near_constant",
    "constant",
    "constant_fill",
    "repeated_identifier",
    "required_missing",
}


@pytest.fixture
def dirty():
    """A table with a defect of each kind that a column shows by itself."""
    rng = np.random.default_rng(3)
    n = 1200
    day = pd.Timestamp("2019-03-01") + pd.to_timedelta(rng.integers(0, 1500, n), unit="D")
    frame = pd.DataFrame(
        {
            "patient_id": rng.permutation(n) + 100_000,
            "site": rng.choice(["A", "B", "C"], n, p=[0.6, 0.395, 0.005]),
            "admission_date": day,
            "discharge_date": day + pd.to_timedelta(rng.integers(0, 20, n), unit="D"),
            "birth_date": "1950-04-01",
            "sodium": rng.normal(138, 4, n).round(),
            "creatinine": np.exp(rng.normal(0.1, 0.5, n)),
            "glucose": [f"{x:.0f}" for x in rng.normal(130, 30, n)],
            "sex": rng.choice(["F", "M"], n),
            "smoker": rng.choice([True, False], n),
            "country": "UK",
            "d.time": rng.poisson(30, n) + 0.5,
            "died": (rng.random(n) < 0.2).astype(int),
        }
    )
    frame.loc[:39, "sodium"] = -1
    frame.loc[40:44, "sodium"] = [20.0, 21.0, 22.0, 23.0, 24.0]
    frame.loc[50:90, "creatinine"] = np.nan
    frame.loc[91:93, "creatinine"] = 400.0
    frame.loc[94, "creatinine"] = np.inf
    frame.loc[95:110, "glucose"] = ["<20", "unknown", "5,1", " "] * 4
    frame.loc[:9, "sex"] = "f "
    frame.loc[10:19, "sex"] = "male"
    frame.loc[20:26, "discharge_date"] = pd.Timestamp("2018-01-01")
    frame.loc[30:33, "birth_date"] = "01/02/1950"
    frame.loc[34, "birth_date"] = "1950-02-30"
    frame.loc[35, "birth_date"] = "2031-01-01"
    frame.loc[3:9, "patient_id"] = 100_000
    frame.loc[100:101, "site"] = None
    return frame


@pytest.fixture(scope="module")
def spark():
    pyspark = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    builder = pyspark.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(params=["polars", "duckdb", pytest.param("spark", marks=pytest.mark.slow)])
def lazy(request):
    """Return a function that turns a pandas frame into a lazy table of one backend."""
    if request.param == "polars":
        return lambda frame: pl.from_pandas(frame).lazy()
    if request.param == "duckdb":
        return pytest.importorskip("duckdb", reason="duckdb is not installed").from_df
    session = request.getfixturevalue("spark")
    return lambda frame: session.createDataFrame(
        frame.drop(columns="d.time", errors="ignore").astype(object).where(frame.notna(), None)
    )


def rows(report, rules=BY_COLUMN):
    table = report.table[report.table["rule"].isin(rules)]
    return table.sort_values(["column", "rule"], ignore_index=True)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:pyspark")
def test_the_same_answer_as_of_the_rows(dirty, lazy):
    roles = {"y": "died", "site": "site", "time": "admission_date"}
    whole, afar = quality_report(dirty, **roles), quality_report(lazy(dirty), **roles)
    a, b = rows(whole), rows(afar)
    assert len(a) >= 18
    pd.testing.assert_frame_equal(a[SAME], b[SAME])
    both = ~a["rule"].eq("repeated_identifier")
    pd.testing.assert_series_equal(a.loc[both, "n_events"], b.loc[both, "n_events"])
    for where in ("by_site", "by_time"):
        keys = ["column", "rule", "group"]
        here, there = (getattr(r, where).set_index(keys).sort_index() for r in (whole, afar))
        common = here.index.intersection(there.index)
        assert len(common) > 40
        pd.testing.assert_frame_equal(here.loc[common], there.loc[common])


@pytest.mark.parametrize("backend", ["polars", "duckdb"])
def test_many_values_and_a_sample_change_no_count(dirty, backend, monkeypatch):
    """With a sample of 300 rows and columns too varied to list, cells are counted in the table."""
    monkeypatch.setattr(_lazy_table, "MOST_SAMPLED", 300)
    monkeypatch.setattr(_lazy_columns, "MOST_DISTINCT", 100)
    monkeypatch.setattr(_lazy_keys, "PER_PART", 90)
    dirty["creatinine"] = dirty["creatinine"].replace({np.inf: 3.0}) * 1.0001
    table = pl.from_pandas(dirty).lazy()
    if backend == "duckdb":
        table = pytest.importorskip("duckdb").from_df(dirty)
    whole = rows(quality_report(dirty), BY_COLUMN - {"constant_fill"})
    afar = rows(quality_report(table), BY_COLUMN - {"constant_fill"})
    columns = ["column", "rule", "status", "n_cells"]
    pd.testing.assert_frame_equal(whole[columns], afar[columns])


def test_what_a_sample_shows_is_suspected_and_says_so(monkeypatch):
    monkeypatch.setattr(_lazy_table, "MOST_SAMPLED", 500)
    rng = np.random.default_rng(0)
    weight = rng.normal(80, 10, 2000).round(1)
    frame = pd.DataFrame({"weight": weight, "pounds": weight * 2.2046})
    report = quality_report(pl.from_pandas(frame).lazy())
    row = report.select("linear_copy").iloc[0]
    assert row["status"] == "suspected"
    assert re.search("in a sample of (49[0-9]|50[0-9]) rows$", row["detail"])
    assert row["n_cells"] == 2000
    assert "duplicate_rows" in set(report.not_assessed["rule"])
    assert quality_report(frame).select("linear_copy")["status"].item() == "found"


def test_no_query_returns_the_table(dirty, monkeypatch):
    monkeypatch.setattr(_lazy_table, "MOST_SAMPLED", 1000)
    monkeypatch.setattr(_lazy_columns, "MOST_DISTINCT", 200)
    sizes = []
    answer = _lazy_table.nw.LazyFrame.collect

    def counted(self, *args, **kwargs):
        frame = answer(self, *args, **kwargs)
        sizes.append(len(frame))
        return frame

    monkeypatch.setattr(_lazy_table.nw.LazyFrame, "collect", counted)
    frame = pd.concat([dirty] * 20, ignore_index=True)
    frame["creatinine"] += np.random.default_rng(0).random(len(frame))
    quality_report(pl.from_pandas(frame[["creatinine", "sodium", "sex"]]).lazy())
    assert max(sizes) <= 1100, sizes  # of 24,000


@pytest.mark.parametrize("backend", ["polars", "duckdb"])
def test_the_sample_meets_every_hour_of_a_regular_table(backend, monkeypatch):
    monkeypatch.setattr(_lazy_table, "MOST_SAMPLED", 1000)
    frame = pd.DataFrame({"hour": np.tile(np.arange(24), 1000)})
    table = pl.from_pandas(frame).lazy()
    if backend == "duckdb":
        table = pytest.importorskip("duckdb").from_df(frame)
    counts = _lazy_table.lazy_table(table).sample["hour"].value_counts()
    assert len(counts) == 24
    assert counts.between(30, 54).all()


def test_counted_columns_count_as_rows_do():
    rng = np.random.default_rng(1)
    series = pd.Series(np.r_[rng.poisson(5, 500), [np.nan] * 20], name="x")
    cells = series.value_counts(dropna=False)
    rows_, exact = ColumnView(series), np.ones(len(cells), dtype=bool)
    values = pd.Series(cells.index.to_numpy(), name="x")
    counted = CountedColumn(values, cells.to_numpy(dtype=float), exact, rows_)
    levels = [0, 0.05, 0.31, 0.5, 0.95, 1]
    here = counted.quantiles(np.isfinite(counted.numbers), levels)
    np.testing.assert_allclose(here, rows_.quantiles(np.isfinite(rows_.numbers), levels))
    np.testing.assert_array_equal(counted.unique, rows_.unique)
    assert counted.count(counted.missing) == rows_.count(rows_.missing) == 20
    assert counted.n_finite == rows_.n_finite == 500


def test_declared_roles_and_limits_reach_a_lazy_table(dirty, lazy):
    schema = Schema(
        outcome="died",
        patient="patient_id",
        site="site",
        time="admission_date",
        variables={"sodium": {"hard": (100, 180), "missing_codes": [-1]}},
    )
    frame = dirty[["patient_id", "site", "admission_date", "sodium", "died"]]
    report = quality_report(lazy(frame), schema)
    assert report.select("missing_code_number")["n_cells"].item() == 40
    assert report.select("impossible_value")["n_cells"].item() == 5
    assert report.select("required_missing")[["column", "n_cells"]].to_numpy().tolist() == [
        ["site", 2]
    ]
    small = report.by_site.query("group == 'C'")
    assert small["hidden"].all()
    assert small["n_cells"].isna().all()


def test_a_lazy_table_wants_names_of_columns(dirty):
    table = pl.from_pandas(dirty).lazy()
    with pytest.raises(InputError, match="groups is a ndarray; pass the name of a column"):
        quality_report(table, groups=np.arange(1200))
    with pytest.raises(InputError, match="site names a column that the table does not have"):
        quality_report(table, site="ward")
    with pytest.raises(InputError, match="0 rows"):
        quality_report(table.filter(pl.lit(False)))


def test_columns_that_are_not_read_are_listed():
    table = pl.LazyFrame({"x": [1.0, 2.0] * 30, "notes": [[1], [2]] * 30})
    report = quality_report(table)
    assert "notes" in set(report.not_assessed["column"])


def test_what_rows_showed_in_another_unit_is_judged_by_rows_in_later_steps_too():
    mixed = Change("weight", "unit_mixup", np.array([0]), severity="error")
    outside = [Change(name, IMPOSSIBLE, np.array([1])) for name in ("weight", "height")]
    judged = judged_by_rows({"units": [mixed], "plausible_range": outside})
    assert judged["plausible_range"] == outside[:1]
