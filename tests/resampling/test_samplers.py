"""The samplers: imbalanced-learn's checks, possible rows, whole patients, the same Tomek links."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn import under_sampling
from imblearn.utils.estimator_checks import estimator_checks_generator

from healthml.exceptions import DataQualityWarning, InputError
from healthml.resampling import MixedSMOTE, PatientOverSampler, PatientUnderSampler, TomekLinks

SAMPLERS = [
    MixedSMOTE(random_state=0),
    PatientOverSampler(random_state=0),
    PatientUnderSampler(random_state=0),
    TomekLinks(),
]


CHECKS = [pair for sampler in SAMPLERS for pair in estimator_checks_generator(sampler)]


def check_name(value):
    return getattr(getattr(value, "func", value), "__name__", type(value).__name__)


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=check_name)
def test_sampler_checks(estimator, check):
    check(estimator)


def mixed(n=600, seed=0):
    """Return a table with every kind of column, its outcome, patients and sites."""
    rng = np.random.default_rng(seed)
    temp = np.round(37 + rng.normal(size=n) * 0.8, 1)
    temp[rng.random(n) < 0.15] = np.nan
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 95, n),
            "temp": temp,
            "sbp": 5.0 * rng.integers(16, 40, n),
            "crp": rng.exponential(size=n),
            "icu": rng.integers(0, 2, n),
            "flag": rng.random(n) < 0.3,
            "visits": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "ward": pd.Categorical(rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])),
            "text": rng.choice(["never", "former", "current"], n),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
        },
        index=np.arange(n) + 5000,
    )
    X.loc[X.index[::9], "visits"] = pd.NA
    X.loc[X.index[::11], "text"] = None
    y = (rng.random(n) < 0.12).astype(int)
    return X, y, np.arange(n) // 3, rng.integers(0, 4, n)


@given(st.integers(0, 10**6))
def test_made_rows_are_possible_rows(seed):
    X, y, groups, site = mixed(n=300, seed=seed % 50)
    sampler = MixedSMOTE(random_state=seed)
    new_X, new_y = sampler.fit_resample(X, y, groups=groups, site=site)
    made = new_X[sampler.synthetic_]
    assert (new_X.dtypes == X.dtypes).all()
    pd.testing.assert_frame_equal(new_X[~sampler.synthetic_], X)
    assert new_X.index.is_unique
    assert np.bincount(new_y).tolist() == [np.sum(y == 0)] * 2
    base, other = (
        i[sampler.synthetic_] for i in (sampler.base_indices_, sampler.neighbor_indices_)
    )
    assert (y[base] == 1).all()
    assert (y[other] == 1).all()
    assert (site[base] == site[other]).all()
    assert ((groups[base] != groups[other]) | (base == other)).all()
    for name in ("icu", "flag", "ward", "text", "when"):
        assert set(made[name].dropna()) <= set(X[name].dropna())
    assert np.allclose(made["temp"].dropna() * 10, np.round(made["temp"].dropna() * 10))
    assert (made["sbp"] % 5 == 0).all()
    for name in ("age", "temp", "sbp", "crp", "visits"):
        ends = X[name].astype(float).to_numpy()
        values = made[name].astype(float).to_numpy()
        lower, upper = np.fmin(ends[base], ends[other]), np.fmax(ends[base], ends[other])
        inside = (values >= lower - 1e-9) & (values <= upper + 1e-9)
        assert (inside | (np.isnan(values) & np.isnan(ends[base]))).all()
    assert (made["temp"].isna().to_numpy() == np.isnan(X["temp"].to_numpy()[base])).all()


def test_neighbours_are_near_and_rows_lie_between():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + 50, rng.normal(size=(200, 2))]
    y = np.r_[np.ones(60, int), np.zeros(200, int)]
    sampler = MixedSMOTE(random_state=0)
    new_X, _ = sampler.fit_resample(X, y)
    made = new_X[sampler.synthetic_]
    assert not ((made[:, 0] > 10) & (made[:, 0] < 40)).any()
    assert set(sampler.base_indices_[sampler.synthetic_] // 30) == {0, 1}


def test_level_shares_stay():
    X, y, *_ = mixed(4000)
    sampler = MixedSMOTE(random_state=1)
    new_X, new_y = sampler.fit_resample(X, y)
    shifts = []
    for name in ("icu", "flag", "ward", "text"):
        before = X[name][y == 1].value_counts(normalize=True)
        after = new_X[name][new_y == 1].value_counts(normalize=True)
        shifts += (before - after.reindex(before.index).fillna(0)).abs().tolist()
    assert np.mean(shifts) < 0.02


def test_a_lone_row_of_a_site_is_repeated():
    X = pd.DataFrame({"x": np.arange(20.0), "hospital": ["a"] * 10 + ["b"] * 10})
    y = np.r_[np.ones(4, int), np.zeros(6, int), 1, np.zeros(9, int)]
    sampler = MixedSMOTE(site_column="hospital", random_state=0)
    with pytest.warns(DataQualityWarning, match="of 10 made rows are copies"):
        new_X, _ = sampler.fit_resample(X, y)
    made = new_X[sampler.synthetic_]
    assert (made.loc[made["hospital"] == "b", "x"] == 10).all()
    assert made.loc[made["hospital"] == "a", "x"].max() <= 3
    with pytest.raises(InputError, match="site_column is 'ward'"):
        MixedSMOTE(site_column="ward").fit_resample(X, y)


@pytest.mark.parametrize(
    "column",
    [
        np.full(60, np.nan),
        np.where(np.arange(60) % 7, np.arange(60.0), np.inf),
        pd.Categorical(list("lmh") * 20, categories=list("lmhz"), ordered=True),
        pd.array([True, None, False] * 20, dtype="boolean"),
        pd.array([3, None, 120] * 20, dtype="Int8"),
        pd.array(["x", None, "y"] * 20, dtype="string"),
        np.array([1, "x", None, 2.5] * 15, dtype=object),
        np.tile([1.7e308, -1.7e308, 0.0], 20),
        2**60 + np.arange(60),
        np.arange(60, dtype="uint8") + 190,
        np.round(np.arange(60) / 7, 1).astype("float32"),
        pd.date_range("2020", periods=60, tz="Europe/Berlin"),
        pd.period_range("2020", periods=60, freq="D"),
        pd.interval_range(0, 60),
    ],
    ids=lambda column: str(getattr(column, "dtype", "")),
)
def test_odd_columns_keep_type_levels_and_bounds(column):
    X = pd.DataFrame({"odd": column, "plain": np.arange(60.0)}, index=[f"p{k}" for k in range(60)])
    y = (np.arange(60) % 5 == 0).astype(int)
    sampler = MixedSMOTE(random_state=0)
    new_X, _ = sampler.fit_resample(X, y)
    assert (new_X.dtypes == X.dtypes).all()
    assert list(new_X.index[:60]) == list(X.index)
    old, made = X["odd"].dropna(), new_X["odd"][sampler.synthetic_].dropna()
    if len(made) and pd.api.types.is_numeric_dtype(column) and X["odd"].dtype != "boolean":
        assert old.min() <= made.min()
        assert made.max() <= old.max()
    else:
        assert set(made) <= set(old)


@pytest.mark.parametrize("n_events", [1, 2])
def test_a_minority_of_one_patient_is_repeated(n_events):
    X = pd.DataFrame({"x": np.arange(30.0), "ward": pd.Categorical(list("ab") * 15)})
    y = (np.arange(30) < n_events).astype(int)
    sampler = MixedSMOTE(random_state=0)
    with pytest.warns(DataQualityWarning, match="made rows are copies"):
        new_X, _ = sampler.fit_resample(X, y, groups=np.maximum(np.arange(30), 1))
    assert sampler.synthetic_.sum() == 30 - 2 * n_events
    assert set(new_X["x"][sampler.synthetic_]) <= set(X["x"][:n_events])


def test_parameters_and_columns_are_checked():
    X, y = pd.DataFrame(np.zeros((20, 2)), columns=["a", "a"]), np.tile([0, 0, 0, 1], 5)
    with pytest.raises(InputError, match="more than one column called 'a'"):
        MixedSMOTE().fit_resample(X, y)
    with pytest.raises(ValueError, match="k_neighbors"):
        MixedSMOTE(k_neighbors=0).fit_resample(X.to_numpy(), y)


def test_polars_in_polars_out():
    X, y, *_ = mixed()
    frame = pl.from_pandas(X.reset_index(drop=True))
    sampler = MixedSMOTE(random_state=0)
    new_X, _ = sampler.fit_resample(frame, y)
    assert new_X.schema == frame.schema
    assert len(new_X) == len(sampler.synthetic_)
    for one in (PatientOverSampler(random_state=0), PatientUnderSampler(random_state=0)):
        new_X, _ = one.fit_resample(frame, y, groups=np.arange(len(y)) // 3)
        assert new_X.equals(frame[one.sample_indices_])


@pytest.mark.parametrize("kind", [PatientOverSampler, PatientUnderSampler])
@given(seed=st.integers(0, 1000))
def test_patients_stay_whole(kind, seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 240)
    y = (rng.random(60) < 0.15).astype(int)[groups]
    if y.sum() in (0, len(y)):
        y[groups == groups[0]] = 1 - y[0]
    X = pd.DataFrame({"row": np.arange(240)}, index=np.arange(240) + 7)
    sampler = kind(random_state=seed)
    new_X, new_y = sampler.fit_resample(X, y, groups=groups)
    rows = sampler.sample_indices_
    np.testing.assert_array_equal(new_X["row"], rows)
    np.testing.assert_array_equal(new_X.index, X.index[rows])
    np.testing.assert_array_equal(new_y, y[rows])
    np.testing.assert_array_equal(sampler.groups_, groups[rows])
    counts = np.bincount(rows, minlength=240)
    for patient in np.unique(groups):
        assert len(np.unique(counts[groups == patient])) == 1
    largest = np.bincount(groups).max()
    small, large = sorted(np.bincount(new_y))
    assert large - small <= largest


def test_patients_with_the_event_are_never_left_out():
    groups, y = np.repeat(np.arange(40), 3), np.zeros(120, int)
    y[::12] = 1
    sampler = PatientUnderSampler(sampling_strategy=0.5, random_state=0)
    _, new_y = sampler.fit_resample(np.zeros((120, 1)), y, groups=groups)
    assert new_y.sum() == y.sum()
    assert np.sum(new_y == 0) == 20


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strategy", ["auto", "all", "majority", "not minority"])
@pytest.mark.parametrize(("n_columns", "digits"), [(4, 2), (9, 1), (16, 6)])
def test_tomek_links_are_imbalanced_learns(seed, strategy, n_columns, digits):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1200, n_columns)).round(digits)
    y = rng.choice([0, 1, 2], 1200, p=[0.8, 0.15, 0.05])
    X[:20] = X[20:40]  # equal rows
    for labels in (y, (y > 0).astype(int)):
        own, other = TomekLinks(), under_sampling.TomekLinks()
        for one in (own, other):
            one.set_params(sampling_strategy=strategy).fit_resample(X, labels)
        np.testing.assert_array_equal(own.sample_indices_, other.sample_indices_)
        assert len(own.sample_indices_) < 1200


def test_copies_of_a_row_without_neighbours_are_said():
    X = pd.DataFrame({"age": np.random.default_rng(0).normal(60, 9, 30)})
    y = np.r_[np.ones(1, int), np.zeros(29, int)]
    with pytest.warns(DataQualityWarning, match="28 of 28 made rows are copies"):
        MixedSMOTE(random_state=0).fit_resample(X, y)
    y[1] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MixedSMOTE(random_state=0).fit_resample(X, y)
    with pytest.warns(DataQualityWarning, match="26 of 26 made rows are copies"):
        MixedSMOTE(random_state=0).fit_resample(X, y, groups=np.r_[0, 0, np.arange(1, 29)])
