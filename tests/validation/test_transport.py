import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import logit
from scipy.stats import gamma, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from healthml._core._paired import few_events_interval
from healthml.exceptions import InputError
from healthml.validation._scoring import Evaluator
from healthml.validation._transport.leave_out import later_time, leave_site_out, time_values

SITES = np.repeat(["north", "south", "east", "tiny"], [200, 150, 100, 20])


@pytest.fixture(scope="module")
def cohort():
    """Return (X, y): 470 rows of as many patients, three sites to report alone and a tiny one."""
    rng = np.random.default_rng(8)
    X = rng.normal(size=(470, 2))
    shift = np.repeat([0, 0.5, -0.5, 0], [200, 150, 100, 20])
    return X, (X[:, 0] + shift + rng.normal(size=470) > 0.3).astype(int)


@pytest.fixture(scope="module")
def judge(cohort):
    return Evaluator(cohort[1], n_repeats=1, random_state=0)


@pytest.fixture(scope="module")
def sites(cohort, judge):
    return leave_site_out(judge, LogisticRegression(), cohort[0], SITES)


def line(result, place, measure):
    table = result.table
    return table[(table["place"] == place) & (table["measure"] == measure)].iloc[0]


# another site


def test_risks_are_those_of_scikit_learn(cohort, sites):
    X, y = cohort
    expected = cross_val_predict(
        LogisticRegression(), X, y, groups=SITES, cv=LeaveOneGroupOut(), method="predict_proba"
    )
    np.testing.assert_allclose(sites.risk, expected[:, 1], rtol=1e-10)


def test_every_site_is_scored_alone(cohort, sites):
    _, y = cohort
    assert sites.n_compared == 3
    places = ["all sites, each left out", "north", "south", "east"]
    assert sites.table["place"].unique().tolist() == places
    assert sites.note.startswith("4 sites; 1 with fewer than 50 rows or 10 patients")
    for place in places[1:]:
        rows = place == SITES
        p, event = sites.risk[rows], y[rows]
        recalibrated = LogisticRegression(C=np.inf, tol=1e-8).fit(logit(p)[:, None], event)
        expected = {
            "auroc": roc_auc_score(event, p),
            "oe_ratio": event.sum() / p.sum(),
            "calibration_slope": recalibrated.coef_.item(),
        }
        for measure, value in expected.items():
            row = line(sites, place, measure)
            assert row["estimate"] == pytest.approx(value, rel=1e-4)
            assert row["lower"] < value < row["upper"]
            assert (row["n_samples"], row["n_patients"]) == (rows.sum(), rows.sum())
            assert (row["n_events"], row["prevalence"]) == (event.sum(), event.mean())


def test_the_pooled_auc_compares_patients_of_one_site(cohort, sites):
    _, y = cohort
    names = np.unique(SITES)
    aucs = [roc_auc_score(y[s == SITES], sites.risk[s == SITES]) for s in names]
    pairs = [y[s == SITES].sum() * (1 - y[s == SITES]).sum() for s in names]
    pooled = line(sites, "all sites, each left out", "auroc")
    assert pooled["estimate"] == pytest.approx(np.average(aucs, weights=pairs))
    assert pooled["n_samples"] == 470
    ratio = line(sites, "all sites, each left out", "oe_ratio")
    assert ratio["estimate"] == pytest.approx(y.sum() / sites.risk.sum())


def oe_interval(y, p, level, fitted_on=None):
    """O:E with a log-Wald interval from the spread of y/O - p/E and of the rate fitted on.

    With fewer than 30 events, or expected, the wider of it and the exact one for a Poisson count.
    """
    n, ratio = len(y), y.sum() / p.sum()
    se = np.sqrt(np.sum((y / y.sum() - p / p.sum()) ** 2) * n / (n - 1))
    if fitted_on is not None:
        se = np.hypot(se, fitted_on.std(ddof=1) / np.sqrt(len(fitted_on)) / fitted_on.mean())
    half = norm.ppf(0.5 + level / 2) * se
    low, high = ratio * np.exp(-half), ratio * np.exp(half)
    if fitted_on is None or min(y.sum(), p.sum()) >= 30:
        return low, high
    worth = y.sum() / max(1, se**2 * y.sum())
    exact = gamma.ppf([0.5 - level / 2, 0.5 + level / 2], [worth, worth + 1]) * ratio / worth
    return min(low, exact[0]), max(high, exact[1])


def test_few_events_are_judged_exactly():
    """R: poisson.test(10, 3.47)$conf.int is 1.3819564 to 5.2998144."""
    low, high = few_events_interval(10 / 3.47, 10, 2.3, 3.6, 0.95)
    assert (low, high) == pytest.approx((1.3819564, 5.2998144), rel=1e-7)
    assert few_events_interval(2.0, 60, 1.5, 2.7, 0.95) == (1.5, 2.7)


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_intervals_of_sites_hold_together_at_the_level_of_the_judge(cohort, level):
    X, y = cohort
    judge = Evaluator(y, n_repeats=1, confidence_level=level, random_state=0)
    sites = leave_site_out(judge, LogisticRegression(), X, SITES)
    for place in ("north", "south", "east"):
        row, rows = line(sites, place, "oe_ratio"), place == SITES
        expected = oe_interval(y[rows], sites.risk[rows], 1 - (1 - level) / 3, y[~rows])
        assert (row["lower"], row["upper"]) == pytest.approx(expected, rel=2e-3)
    row = line(sites, "all sites, each left out", "oe_ratio")
    assert (row["lower"], row["upper"]) == pytest.approx(oe_interval(y, sites.risk, level))


def test_no_patient_of_a_site_trains_its_model(remembers):
    """Every third patient is seen at two sites; the first column is the patient."""
    patients = np.r_[np.arange(60), np.arange(0, 60, 3)]
    site = np.r_[np.arange(60) % 2, 1 - np.arange(0, 60, 3) % 2]
    y = patients // 3 % 2
    judge = Evaluator(y, groups=patients, n_repeats=1, random_state=0)
    result = leave_site_out(judge, remembers, patients[:, None], site)
    assert result.risk.max() == 0
    assert [len(seen) for seen in remembers.fits] == [20, 20]  # 60 patients, 20 of them at both


def test_many_sites_are_left_out_several_at_a_time(remembers):
    site = np.repeat(np.arange(12), 60)
    y = np.tile([0, 1], 360)
    judge = Evaluator(y, n_repeats=1, random_state=0)
    result = leave_site_out(judge, remembers, site[:, None], site, max_refits=5)
    assert len(remembers.fits) == 5
    assert result.risk.max() == 0  # no model saw the site that it predicts
    assert result.n_compared == 12
    left_out = [set(range(12)) - set(seen.tolist()) for seen in remembers.fits]
    assert sorted(map(len, left_out)) == [2, 2, 2, 3, 3]


def test_sites_left_out_together_are_large_with_small(remembers):
    """By size 90, 70, 40 and 20 rows: the first with the third, the second with the last."""
    site = np.repeat([1, 2, 3, 4], [90, 70, 20, 40])
    judge = Evaluator(np.tile([0, 1], 110), n_repeats=1, random_state=0)
    leave_site_out(judge, remembers, site[:, None], site, max_refits=2)
    assert [set(seen.tolist()) for seen in remembers.fits] == [{2, 3}, {1, 4}]


@pytest.mark.parametrize(
    ("options", "alone", "ranked"),
    [
        ({}, {"a", "b"}, {"b"}),
        ({"min_events": 5}, {"a", "b"}, {"a", "b"}),
        ({"min_events": 60}, {"a"}, set()),
        ({"min_rows": 101}, {"b"}, {"b"}),
        ({"min_rows": 30}, {"a", "b", "c"}, {"b", "c"}),
    ],
)
def test_which_sites_are_reported_alone(options, alone, ranked):
    """Site a: 100 rows, 5 without the event; b: 120, 50 events; c: 40, 20 events."""
    site = np.repeat(["a", "b", "c"], [100, 120, 40])
    y = np.r_[np.arange(100) >= 5, np.arange(120) < 50, np.arange(40) < 20].astype(int)
    X = np.random.default_rng(0).normal(size=(260, 1))
    judge = Evaluator(y, n_repeats=1, random_state=0)
    result = leave_site_out(judge, LogisticRegression(), X, site, **options)
    assert set(result.table["place"]) - {"all sites, each left out"} == alone
    assert f"{3 - len(alone) or 'none'} with fewer than" in result.note
    aucs = result.table[(result.table["measure"] == "auroc") & result.table["estimate"].notna()]
    slopes = result.table[result.table["measure"] == "calibration_slope"].dropna()
    assert set(aucs["place"]) - {"all sites, each left out"} == ranked
    assert set(slopes["place"]) <= set(aucs["place"])
    assert result.table.loc[result.table["measure"] == "oe_ratio", "estimate"].notna().all()


def test_a_missing_site_is_a_site_and_any_type_names_one(cohort, judge, sites):
    X, _ = cohort
    unknown = pd.Series(SITES, dtype=object).where(SITES != "east", None)
    result = leave_site_out(judge, LogisticRegression(), X, unknown)
    np.testing.assert_allclose(result.risk, sites.risk)
    assert set(result.table["place"]) >= {"missing", "north", "south"}
    codes = pl.Series(np.unique(SITES, return_inverse=True)[1])
    result = leave_site_out(judge, LogisticRegression(), X, codes)
    np.testing.assert_allclose(result.risk, sites.risk)


def test_sites_that_cannot_be_left_out(cohort, judge):
    X, y = cohort
    with pytest.raises(InputError, match="one value; at least two sites"):
        leave_site_out(judge, LogisticRegression(), X, np.zeros(len(y)))
    with pytest.raises(InputError, match="other rows have one class"):
        leave_site_out(judge, LogisticRegression(), X, y)
    both = Evaluator(y, groups=np.arange(470) % 235, n_repeats=1)
    with pytest.raises(InputError, match="other rows have one class"):  # all patients are at both
        leave_site_out(both, LogisticRegression(), X, np.arange(470) // 235)


# a later time

YEARS = np.repeat([2014, 2015, 2016, 2017], [120, 150, 90, 110])
YEARS = np.random.default_rng(1).permutation(YEARS)


@pytest.fixture(scope="module")
def later(cohort, judge):
    return later_time(judge, LogisticRegression(), cohort[0], YEARS)


def test_the_last_quarter_by_whole_periods(cohort, later):
    """110 of 470 rows are less than a quarter, so the last two years are the later period."""
    X, y = cohort
    rows = YEARS >= 2016
    model = LogisticRegression().fit(X[~rows], y[~rows])
    np.testing.assert_allclose(later.risk[rows], model.predict_proba(X[rows])[:, 1])
    assert np.isnan(later.risk[~rows]).all()
    auc, ratio = line(later, "later period", "auroc"), line(later, "later period", "oe_ratio")
    assert auc["estimate"] == pytest.approx(roc_auc_score(y[rows], later.risk[rows]))
    expected = oe_interval(y[rows], later.risk[rows], 0.95, y[~rows])
    assert (ratio["lower"], ratio["upper"]) == pytest.approx(expected, rel=2e-3)
    assert (auc["n_samples"], auc["n_events"]) == (200, y[rows].sum())
    assert "Fitted on all 270 earlier rows, judged on 200 later rows, 0 of them" in later.note


@pytest.mark.parametrize(
    ("share", "first"), [(0.2, 2017), (110 / 470, 2017), (0.25, 2016), (0.7, 2015), (0.9, 2015)]
)
def test_the_share_of_the_later_period(cohort, judge, share, first):
    result = later_time(judge, LogisticRegression(), cohort[0], YEARS, test_share=share)
    np.testing.assert_array_equal(np.isfinite(result.risk), first <= YEARS)


def test_the_level_of_the_judge(cohort):
    X, y = cohort
    judge = Evaluator(y, n_repeats=1, confidence_level=0.8, random_state=0)
    result = later_time(judge, LogisticRegression(), X, YEARS)
    row, rows = line(result, "later period", "oe_ratio"), YEARS >= 2016
    expected = oe_interval(y[rows], result.risk[rows], 0.8, y[~rows])
    assert (row["lower"], row["upper"]) == pytest.approx(expected, rel=2e-3)


def test_all_early_rows_train_whoever_returns_and_both_kinds_are_judged_apart(remembers):
    """Patients 0 to 9 come early and late, 10 to 39 early, 40 to 59 late, and 58 and 59 twice."""
    patients = np.r_[np.arange(40), np.arange(10), np.arange(40, 60), 58, 59]
    time = np.repeat([1, 2], [40, 32])
    judge = Evaluator(np.tile([0, 1], 36), groups=patients, n_repeats=1, random_state=0)
    result = later_time(judge, remembers, patients[:, None], time)
    (seen,) = remembers.fits
    np.testing.assert_array_equal(seen, np.arange(40))
    words = "Fitted on all 40 earlier rows, judged on 32 later rows, 10 of them of patients seen"
    assert result.note.startswith(words)
    counts = {place: g["n_patients"].iloc[0] for place, g in result.table.groupby("place")}
    assert counts == {"later period, new patients": 20, "later period, returning patients": 10}


def test_the_later_time_does_not_know_the_future():
    """Visits until death: chosen by who returns, the training rows would be those who die."""
    rng, rows = np.random.default_rng(3), []
    for patient in range(400):
        entry, x = rng.uniform(0, 6), rng.normal()
        death = entry + rng.exponential(1 / (0.12 * np.exp(0.9 * x)))
        visits = np.arange(entry, min(death, 7), 0.5)
        rows += [(patient, t, x + rng.normal(0, 0.5), death < t + 1) for t in visits]
    patient, time, x, y = map(np.array, zip(*rows, strict=True))
    judge = Evaluator(y.astype(int), groups=patient, n_repeats=1, random_state=0)
    table = later_time(judge, LogisticRegression(), x[:, None], time).table
    ratio = table[table["measure"] == "oe_ratio"]
    assert len(ratio) == 2
    assert ratio["estimate"].between(0.6, 1.6).all()


@pytest.mark.parametrize(
    "written",
    [
        lambda t: pd.Series(t, index=t[::-1]),
        lambda t: pl.Series(t),
        lambda t: t.astype(str),
        lambda t: pd.to_datetime(t.astype(str)),
        lambda t: np.char.add(t.astype(str), "-06-30"),
        lambda t: [f"{year}-12-31T23:00:00+01:00" for year in t],
        lambda t: pd.Categorical(t.astype(str)),
        lambda t: np.log(t),
        lambda t: t - 2006,
    ],
    ids=[
        "series",
        "polars",
        "text",
        "dates",
        "dates as text",
        "zones",
        "categories",
        "floats",
        "8 to 11",
    ],
)
def test_time_may_be_written_in_many_ways(cohort, judge, later, written):
    result = later_time(judge, LogisticRegression(), cohort[0], written(YEARS))
    np.testing.assert_array_equal(result.risk, later.risk)


def test_texts_of_numbers_are_ordered_as_numbers():
    assert time_values(["9", "10", "8"]).rank().tolist() == [2, 3, 1]
    assert time_values(pd.Series(["2020-01-02", None])).isna().tolist() == [False, True]


def test_times_that_cannot_split(cohort, judge):
    X, y = cohort
    missing = np.where(np.arange(470) == 7, np.nan, YEARS)
    for time, words in (
        (missing, "missing in 1 rows, the first at position 7"),
        (np.zeros(470), "time has one value"),
        (y, "The earlier period has .* rows of one class"),
        (np.where(y == 1, YEARS, 0), "The later period has .* rows of one class"),
        (["last spring"] * 470, "neither a number nor a date"),
    ):
        with pytest.raises(InputError, match=words) as error:
            later_time(judge, LogisticRegression(), X, time)
        assert "spring" not in str(error.value)


def test_picture(sites):
    ax = sites.plot(measure="auroc")
    drawn = ax.containers[0].lines[0].get_xdata().astype(float)
    expected = sites.table.loc[sites.table["measure"] == "auroc", "estimate"]
    np.testing.assert_allclose(drawn, expected.iloc[::-1].round(3))  # as it may leave
    assert ax.get_xlabel() == "AUC"
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "all sites, each left out"
