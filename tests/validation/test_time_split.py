"""Splits by time, and what becomes of patients who return."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from healthml.exceptions import InputError
from healthml.validation._splits.patient_time_split import PatientTimeSplit
from healthml.validation._splits.times import time_values
from healthml.validation._transport.temporal import temporal_performance

DAYS = np.arange(60)
PATIENTS = np.r_[np.arange(40), np.arange(0, 40, 2)]  # every second patient comes back


@pytest.fixture(scope="module")
def stays():
    """Return (X, y, groups, time): 900 stays of 400 patients over ten years, with a drift."""
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 400, 900)
    time = rng.uniform(0, 10, 900)
    X = rng.normal(size=(900, 2)) + rng.normal(size=(400, 2))[groups]
    y = (X[:, 0] + 0.1 * time + rng.normal(size=900) > 0.5).astype(int)
    return X, y, groups, time


# which rows


def test_windows_follow_each_other_and_train_on_what_was_before():
    pairs = list(PatientTimeSplit(DAYS, n_splits=5).split(DAYS))
    assert [len(test) for _, test in pairs] == [10] * 5
    for number, (train, test) in enumerate(pairs):
        np.testing.assert_array_equal(train, np.arange(10 * (number + 1)))
        np.testing.assert_array_equal(test, 10 * (number + 1) + np.arange(10))


@given(st.lists(st.integers(0, 30), min_size=20, max_size=80), st.integers(1, 4))
@settings(max_examples=60)
def test_no_training_row_is_as_late_as_a_test_row(times, n_splits):
    times = np.array(times)
    if len(np.unique(times)) <= n_splits:
        return
    pairs = list(PatientTimeSplit(times, n_splits=n_splits).split(times))
    assert len(pairs) == n_splits
    for train, test in pairs:
        assert times[train].max() < times[test].min()
    tested = np.concatenate([test for _, test in pairs])
    assert len(tested) == len(set(tested))
    assert set(np.flatnonzero(times == times.max())) <= set(tested)


def test_a_crowded_time_leaves_room_for_every_window():
    times = np.array([0] + [1] * 10 + [2])
    pairs = list(PatientTimeSplit(times, n_splits=2).split(times))
    assert [(len(train), times[test[0]]) for train, test in pairs] == [(1, 1), (11, 2)]


def test_a_sliding_window_forgets():
    splitter = PatientTimeSplit(DAYS, n_splits=5, window="sliding", train_span=15)
    for number, (train, _) in enumerate(splitter.split(DAYS)):
        start = 10 * (number + 1)
        np.testing.assert_array_equal(train, np.arange(max(start - 15, 0), start))
    same_length = PatientTimeSplit(DAYS, n_splits=5, window="sliding").split(DAYS)
    assert [len(train) for train, _ in same_length] == [10] * 5


def test_a_gap_keeps_rows_without_a_known_outcome_out_of_training():
    splitter = PatientTimeSplit(DAYS, n_splits=5, gap=4)
    for number, (train, test) in enumerate(splitter.split(DAYS)):
        np.testing.assert_array_equal(train, np.arange(10 * (number + 1) - 4))
        assert len(test) == 10
    assert splitter.report(DAYS)["n_gap"].tolist() == [4] * 5
    sliding = PatientTimeSplit(DAYS, n_splits=2, window="sliding", train_span=10, gap=4)
    assert [len(train) for train, _ in sliding.split(DAYS)] == [10, 10]
    assert sliding.report(DAYS)["n_gap"].tolist() == [4, 4]


def test_new_patients_alone_or_returning_ones_too():
    """From day 30 on there are ten patients for the first time, and all twenty who come back."""
    ((train, test),) = PatientTimeSplit(DAYS, starts=[30]).split(DAYS, groups=PATIENTS)
    assert sorted(PATIENTS[test]) == sorted([*range(30, 40), 30, 32, 34, 36, 38])
    everyone = PatientTimeSplit(DAYS, starts=[30], patients="all")
    ((same, test),) = everyone.split(DAYS, groups=PATIENTS)
    np.testing.assert_array_equal(train, same)
    assert test.tolist() == list(range(30, 60))


def test_a_window_of_returning_patients_alone_is_refused_by_number():
    splitter = PatientTimeSplit(DAYS, starts=[20, 40])
    with pytest.raises(InputError, match=r"Window 1 has no test rows \(0 rows of new and 20 "):
        list(splitter.split(DAYS, groups=PATIENTS))


def test_a_patient_in_the_gap_is_not_known():
    """Seen is who was trained on, not who was there."""
    time, patient = np.array([0, 1, 5, 6, 7]), np.array([1, 2, 3, 3, 2])
    splitter = PatientTimeSplit(time, starts=[6], gap=2)
    ((train, test),) = splitter.split(time, groups=patient)
    assert patient[train].tolist() == [1, 2]
    assert patient[test].tolist() == [3]


def test_the_report_counts_everybody(stays):
    X, y, groups, time = stays
    for patients in ("new", "all"):
        splitter = PatientTimeSplit(time, n_splits=4, gap=0.5, patients=patients)
        report = splitter.report(X, y, groups)
        for line, (train, test) in zip(
            report.to_dict(orient="records"), splitter.split(X, y, groups), strict=True
        ):
            inside = (time >= line["test_start"]) & (time <= line["test_end"])
            back = inside & np.isin(groups, groups[train])
            assert line["n_train"] == len(train) == (time < line["test_start"] - 0.5).sum()
            assert line["n_train_patients"] == len(set(groups[train]))
            assert line["n_gap"] == (time < line["test_start"]).sum() - len(train)
            assert line["n_returning"] == back.sum()
            assert line["n_new"] == (inside & ~back).sum()
            assert (
                line["n_test"]
                == len(test)
                == (inside.sum() if patients == "all" else line["n_new"])
            )
            assert line["n_returning_patients"] == len(set(groups[back]))
            assert line["n_new_patients"] == len(set(groups[inside & ~back]))
            assert line["n_train_events"] == y[train].sum()
            assert line["n_new_events"] == y[inside & ~back].sum()
            assert line["n_returning_events"] == y[back].sum()


def days(numbers, **options):
    return pd.Timestamp("2020-01-01", **options) + pd.to_timedelta(numbers, unit="D")


@pytest.mark.parametrize(
    "written",
    [
        lambda n: days(n),
        lambda n: pd.Series(days(n, tz="Europe/Berlin")),
        lambda n: days(n).strftime("%Y-%m-%d").to_numpy(),
        lambda n: pl.Series(days(n).to_pydatetime()),
        lambda n: pd.Series(n, dtype="Int64"),
        lambda n: [str(i) for i in n],
    ],
    ids=["dates", "zoned", "text", "polars", "nullable", "numbers as text"],
)
def test_times_may_be_written_in_many_ways(written):
    time = written(DAYS)
    gaps = (
        [4] if isinstance(time, list) or "Int64" in str(getattr(time, "dtype", "")) else [4, "4D"]
    )
    for gap in [*gaps, *([pd.Timedelta("4D")] if len(gaps) > 1 else [])]:
        splitter = PatientTimeSplit(time, n_splits=5, gap=gap, window="sliding", train_span=10)
        pairs = list(splitter.split(DAYS))
        assert [len(train) for train, _ in pairs] == [6, 10, 10, 10, 10]
        assert [test[0] for _, test in pairs] == [10, 20, 30, 40, 50]


def test_starts_may_be_dates():
    splitter = PatientTimeSplit(days(DAYS), starts=["2020-01-21", "2020-02-10"])
    assert splitter.get_n_splits() == 2
    assert [(len(a), len(b)) for a, b in splitter.split(DAYS)] == [(20, 20), (40, 20)]
    zoned = PatientTimeSplit(days(DAYS, tz="Europe/Berlin"), starts=["2020-01-21", "2020-02-10"])
    assert [(len(a), len(b)) for a, b in zoned.split(DAYS)] == [(20, 20), (40, 20)]


def test_the_time_may_be_a_column():
    frame = pd.DataFrame({"day": DAYS, "x": 1.0})
    expected = [test.tolist() for _, test in PatientTimeSplit(DAYS).split(DAYS)]
    for table in (frame, pl.from_pandas(frame)):
        found = [test.tolist() for _, test in PatientTimeSplit("day").split(table)]
        assert found == expected
    with pytest.raises(InputError, match="time='when' is no column of X"):
        list(PatientTimeSplit("when").split(frame))


@pytest.mark.parametrize(
    ("time", "options", "message"),
    [
        (DAYS, {"n_splits": 60}, "n_splits is 60 and time has 60 different values"),
        (DAYS, {"n_splits": 0}, "n_splits is 0"),
        (DAYS, {"n_splits": True}, "n_splits is True"),
        (DAYS, {"window": "rolling"}, "window is 'rolling'; choose 'expanding' or 'sliding'"),
        (DAYS, {"patients": "old"}, "patients is 'old'"),
        (DAYS, {"gap": -1}, "gap is -1; give a number"),
        (DAYS, {"gap": "4D"}, "gap is '4D'; give a number"),
        (DAYS, {"window": "sliding", "train_span": "x"}, "train_span is 'x'"),
        (days(DAYS), {"gap": "soon"}, "gap is 'soon'; give a length such as \"90D\""),
        (DAYS, {"gap": 30}, "Window 0 has no training rows"),
        (DAYS, {"starts": [20, 10]}, "each later than the one before"),
        (DAYS, {"starts": []}, "one time or more"),
        (DAYS, {"starts": ["2020-01-01"]}, "not both dates or both numbers"),
        (days(DAYS, tz="UTC"), {"starts": pd.to_datetime(["2020-01-09"])}, "has a time zone"),
        (np.where(DAYS == 7, np.nan, DAYS), {}, "missing in 1 rows, the first at position 7"),
        (DAYS[:10], {}, "time has 10 values for 60 rows"),
        (["soon"] * 60, {}, "neither a number nor a date"),
    ],
)
def test_mistakes_are_named(time, options, message):
    with pytest.raises(InputError, match=message):
        list(PatientTimeSplit(time, **options).split(DAYS))


def test_repr_shows_no_times():
    splitter = PatientTimeSplit(DAYS, gap=4, starts=[20, 40])
    assert repr(splitter) == (
        "PatientTimeSplit(time=<60 times>, n_splits=5, window='expanding', train_span=None, gap=4, "
        "patients='new', starts=<2 times>)"
    )
    assert repr(PatientTimeSplit("day")).startswith("PatientTimeSplit(time='day', n_splits=5,")


def test_in_scikit_learn(stays):
    X, y, groups, time = stays
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(when=time)
    model = make_pipeline(
        make_column_transformer(("passthrough", ["a", "b"])), LogisticRegression()
    )
    grid = {"logisticregression__C": [0.1, 1.0]}
    for splitter in (PatientTimeSplit(time, n_splits=3), PatientTimeSplit("when", n_splits=3)):
        scores = cross_val_score(model, frame, y, groups=groups, cv=splitter, scoring="roc_auc")
        assert scores.shape == (3,)
        assert (scores > 0.7).all()
        search = GridSearchCV(model, grid, cv=splitter).fit(frame, y, groups=groups)
        assert search.n_splits_ == 3
    nested = GridSearchCV(model, grid, cv=PatientTimeSplit("when", n_splits=2))
    outer = PatientTimeSplit("when", n_splits=2)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(nested, frame, y, params={"groups": groups}, cv=outer)
    assert scores.shape == (2,)


# performance in the windows


@pytest.fixture(scope="module")
def later(stays):
    X, y, groups, time = stays
    splitter = PatientTimeSplit(time, n_splits=3, patients="all")
    return temporal_performance(LogisticRegression(), X, y, cv=splitter, groups=groups)


def test_risks_are_those_of_a_fit_on_the_earlier_rows(stays, later):
    X, y, groups, time = stays
    splitter = PatientTimeSplit(time, n_splits=3, patients="all")
    judged = np.zeros(len(y), dtype=bool)
    for train, test in splitter.split(X, y, groups):
        expected = LogisticRegression().fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        np.testing.assert_allclose(later.risk[test], expected, rtol=1e-10)
        np.testing.assert_array_equal(later.seen[test], np.isin(groups[test], groups[train]))
        judged[test] = True
    assert np.isnan(later.risk[~judged]).all()


def test_new_and_returning_patients_are_reported_apart(stays, later):
    _, y, groups, _ = stays
    assert later.table["window"].unique().tolist() == ["0", "1", "2", "all windows"]
    used = np.isfinite(later.risk)
    for who, rows in (
        ("all", used),
        ("new", used & ~later.seen),
        ("returning", used & later.seen),
    ):
        row = later.get("oe_ratio", who)
        assert row["estimate"] == pytest.approx(y[rows].sum() / later.risk[rows].sum())
        counts = rows.sum(), y[rows].sum(), len(set(groups[rows]))
        assert tuple(row[["n_samples", "n_events", "n_patients"]]) == counts
        by_window = [later.get("oe_ratio", who, k)["n_samples"] for k in range(3)]
        assert sum(by_window) == rows.sum()
        assert row["lower"] < row["estimate"] < row["upper"]
    assert "later time" in later.estimand


def test_over_all_windows_the_auc_compares_rows_of_one_window(stays, later):
    from sklearn.metrics import roc_auc_score

    _, y, _, _ = stays
    total = pairs = 0
    for line in later.windows.itertuples():
        when = stays[3]
        rows = (when >= line.test_start) & (when <= line.test_end)
        n = y[rows].sum() * (1 - y[rows]).sum()
        total += n * roc_auc_score(y[rows], later.risk[rows])
        pairs += n
    assert later.get("auroc")["estimate"] == pytest.approx(total / pairs)


def test_new_patients_alone_when_asked(stays, later):
    X, y, groups, time = stays
    splitter = PatientTimeSplit(time, n_splits=3)
    found = temporal_performance(
        LogisticRegression(), X, y, cv=splitter, groups=groups, thresholds=[0.2, 0.3]
    )
    assert set(found.table["population"]) == {"new"}
    row, other = found.get("brier", "new"), later.get("brier", "new")
    assert row["estimate"] == pytest.approx(other["estimate"])
    assert np.isfinite(found.get("net_benefit", "new")["estimate"])
    with pytest.raises(InputError, match="no row with"):
        found.get("brier", "returning")


def test_a_window_that_cannot_be_fitted_is_listed(stays):
    X, y, groups, time = stays
    y = np.where(time < np.quantile(time, 0.26), 0, y)  # one class before the first window
    splitter = PatientTimeSplit(time, n_splits=3, patients="all")
    found = temporal_performance(LogisticRegression(), X, y, cv=splitter, groups=groups)
    first = found.table[found.table["window"] == "0"]
    assert first["estimate"].isna().all()
    assert first["reason"].str.startswith("not fitted: one class").all()
    assert found.get("brier")["reason"] == "without 1 windows that could not be fitted"


def test_a_plot_has_a_line_for_each_window_and_population(later):
    ax = later.plot(measure="oe_ratio")
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert len(names) == 12
    assert names[0] == "window 0, all"
    assert names[-1] == "all windows, returning"


def test_text_dates_are_read_where_other_rows_show_which_number_is_the_day():
    days = pd.Series(pd.date_range("2020-01-01", periods=60, freq="9D"))
    for form in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read = time_values(days.dt.strftime(form))
        assert (read.dt.tz_localize(None) == days).all()
    either = days.where(days.dt.day <= 12).dropna().dt.strftime("%d/%m/%Y")
    with pytest.raises(InputError, match="read for sure"):
        time_values(either)
