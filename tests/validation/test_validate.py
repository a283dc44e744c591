"""`validate`: which method, what it says, what it refuses. Numbers: test_validate_reference.py."""

import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from healthml.exceptions import (
    ConvergenceWarning,
    DegenerateResampleWarning,
    InputError,
    OutcomeError,
    OverfittingWarning,
)
from healthml.validation._task import DEFAULT
from healthml.validation._validate.corrections import overfitting
from healthml.validation._validate.validate import validate

NOISE = np.random.default_rng(11).normal(size=(300, 10))
COIN = (np.random.default_rng(12).random(300) < 0.35).astype(int)
COLUMNS = [
    *["measure", "apparent", "optimism", "corrected", "estimate", "se", "lower", "upper"],
    *["method", "ci_method", "estimand", "n_samples", "n_events", "n_patients"],
    *["resamples_asked", "resamples_used", "resamples_failed", "mcse", "reasons"],
]


def cohort(n=400, seed=0, slope=1.2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    y = (rng.random(n) < 1 / (1 + np.exp(0.8 - slope * X[:, 0]))).astype(int)
    return X, y


X, Y = cohort()


@pytest.fixture(scope="module")
def logistic():
    return validate(
        LogisticRegression(), X, Y, n_resamples=80, threshold_range=(0.2, 0.4), random_state=0
    )


@pytest.fixture(scope="module")
def forest():
    model = RandomForestClassifier(10)
    return validate(model, NOISE, COIN, n_resamples=30, random_state=0)


def test_the_table(logistic):
    table = logistic.to_frame()
    assert list(table.columns) == COLUMNS
    net = ["net_benefit", "net_benefit@0.2", "net_benefit@0.4"]
    assert table["measure"].tolist() == [*DEFAULT, *net]
    np.testing.assert_allclose(table["optimism"], table["apparent"] - table["corrected"])
    assert (table["estimate"] == table["corrected"]).all()
    assert ((table["lower"] < table["corrected"]) & (table["corrected"] < table["upper"])).all()
    row = logistic.get("auroc")
    assert (row["resamples_asked"], row["resamples_used"], row["resamples_failed"]) == (80, 80, 0)
    assert (row["n_samples"], row["n_events"], row["n_patients"]) == (400, Y.sum(), 400)
    assert row["estimand"].startswith("procedure refitted on cohorts of this size")
    with pytest.raises(InputError, match="There is no row 'auc'"):
        logistic.get("auc")


def test_out_of_sample_predictions(logistic):
    found = logistic.predictions
    assert found["risk"].notna().all()
    assert found["n_resamples"].mean() == pytest.approx(80 * np.exp(-1), rel=0.05)
    direct = LogisticRegression().fit(X, Y).predict_proba(X)[:, 1]
    np.testing.assert_allclose(found["apparent_risk"], direct, atol=1e-3)
    assert 0 < np.abs(found["risk"] - found["apparent_risk"]).max() < 0.1


def test_auto_takes_optimism_where_there_is_little_of_it(logistic):
    assert logistic.method == "optimism"
    assert logistic.get("auroc")["method"] == "optimism"


def test_auto_leaves_optimism_for_learners_that_remember(forest):
    assert forest.method == "repeated_cv"
    row = forest.get("auroc")
    assert row["apparent"] > 0.98
    assert row["lower"] < 0.5 < row["upper"]
    assert forest.remarks[0].startswith("auto left optimism correction, because the apparent AUC")
    assert "3 repeats" in forest.remarks[1]


@pytest.mark.parametrize("model", [KNeighborsClassifier(5), DecisionTreeClassifier(max_depth=4)])
def test_auto_leaves_optimism_that_is_not_near_perfect_but_far_from_out_of_bag(model):
    result = validate(model, NOISE, COIN, n_resamples=40, measures="auroc", random_state=0)
    assert result.method == "repeated_cv"
    assert "apart" in result.remarks[0]
    assert result.get("auroc")["apparent"] < 0.98


def test_given_draws_are_kept_when_optimism_is_left():
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, 300, 300) for _ in range(20)]
    result = validate(DecisionTreeClassifier(), NOISE, COIN, resamples=draws, random_state=0)
    assert (result.method, result.get("auroc")["resamples_asked"]) == ("oob", 20)
    assert result.get("auroc")["corrected"] == pytest.approx(0.5, abs=0.05)


def test_optimism_asked_for_where_it_fails_is_said_aloud():
    model = DecisionTreeClassifier()
    with pytest.warns(OverfittingWarning, match="cannot be trusted here: the apparent AUC of 1"):
        result = validate(model, NOISE, COIN, method="optimism", n_resamples=20, random_state=0)
    assert result.get("auroc")["corrected"] > 0.75  # the known failure, on pure noise
    assert result.remarks[0].startswith("Do not trust")


def test_auto_judges_later_rows_with_time():
    day = pd.date_range("2020-01-01", periods=400)
    result = validate(LogisticRegression(), X, Y, time=day, random_state=0)
    assert (result.method, result.get("auroc")["n_samples"]) == ("temporal", 120)
    model = LogisticRegression().fit(X[:280], Y[:280])
    expected = roc_auc_score(Y[280:], model.predict_proba(X[280:])[:, 1])
    assert result.get("auroc")["corrected"] == pytest.approx(expected)
    assert result.predictions["risk"].isna().sum() == 280


def test_equal_times_stay_together():
    year = np.repeat([2018, 2019, 2020, 2021], 100)
    result = validate(LogisticRegression(), X, Y, time=year, random_state=0)
    assert result.get("auroc")["n_samples"] == 200  # the 70% mark lies within 2020


def test_nested_cv_says_what_was_chosen():
    search = GridSearchCV(LogisticRegression(), {"C": [1e-6, 1.0]}, scoring="neg_log_loss", cv=3)
    result = validate(search, X, Y, n_resamples=10, groups=np.arange(400) // 2, random_state=0)
    assert result.method == "nested_cv"
    assert result.chosen["n_resamples"].sum() == 10
    assert json.loads(result.chosen["parameters"][0]) == {"C": 1.0}
    with pytest.raises(InputError, match="LogisticRegression has nothing to choose"):
        validate(LogisticRegression(), X, Y, method="nested_cv")


def test_cross_validated_risks_are_those_of_scikit_learn():
    cv = StratifiedKFold(4)
    result = validate(GaussianNB(), X, Y, cv=cv, random_state=0)
    expected = cross_val_predict(GaussianNB(), X, Y, cv=cv, method="predict_proba")[:, 1]
    np.testing.assert_allclose(result.predictions["risk"], expected)
    assert (result.method, result.get("auroc")["resamples_asked"]) == ("cv", 4)


@pytest.mark.parametrize("method", ["cv", "repeated_cv", "oob"])
def test_no_patient_is_met_again(method, remembers, visits):
    table, y, groups = visits
    table = np.column_stack([groups, table])
    options = {"method": method, "n_resamples": 10, "measures": "brier", "ci": "none"}
    result = validate(remembers, table, y, groups=groups, random_state=0, **options)
    seen = result.predictions["n_resamples"] > 0
    assert result.predictions["risk"][seen].max() == 0
    assert result.get("brier")["n_patients"] == len(np.unique(groups[seen]))


def test_rows_of_a_patient_drawn_in_part_are_not_out_of_bag(remembers):
    groups = np.repeat(np.arange(30), 2)
    table, y = np.column_stack([groups, groups]), np.tile([0, 1], 30)
    first = [np.arange(0, 30), np.arange(15, 45)]
    result = validate(
        remembers, table, y, method="oob", resamples=first, groups=groups, measures="brier"
    )
    # rows 0 to 29 are patients 0 to 14; rows 15 to 44 are half of patient 7 and half of patient 22
    expected = [1] * 14 + [0] * 16 + [1] * 15 + [2] * 15
    expected[44:46] = [1, 1]
    assert result.predictions["n_resamples"].tolist() == expected
    assert result.predictions["risk"].max() == 0


def test_the_same_numbers_for_any_number_of_jobs():
    model = DecisionTreeClassifier(max_features=1)
    for method in ("632+", "repeated_cv"):
        options = {"method": method, "n_resamples": 20, "measures": ["auroc", "ici"]}
        one, two = (
            validate(model, X, Y, n_jobs=jobs, random_state=7, **options) for jobs in (1, 2)
        )
        pd.testing.assert_frame_equal(one.table, two.table)
        pd.testing.assert_frame_equal(one.predictions, two.predictions)


def test_the_fast_path_of_logistic_regression_changes_nothing():
    class Plain(LogisticRegression):
        """Not recognised by the fast path."""

    options = {"method": "optimism", "n_resamples": 15, "random_state": 0}
    settings = {"tol": 1e-10, "max_iter": 1000}
    fast = validate(LogisticRegression(**settings), X, Y, **options).table
    slow = validate(Plain(**settings), X, Y, **options).table
    numbers = ["apparent", "corrected", "se", "lower", "upper", "mcse"]
    np.testing.assert_allclose(fast[numbers], slow[numbers], atol=1e-6)


def test_nullable_categorical_and_missing_cells_through_a_pipeline():
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame(
        {
            "lactate": pd.array(rng.normal(2, 1, n), "Float64"),
            "visits": pd.array(rng.integers(0, 5, n), "Int64"),
            "ward": pd.Categorical(rng.choice(["a", "b", "c"], n)),
        },
        index=[f"row {i}" for i in range(n)],
    )
    y = (frame["lactate"].to_numpy(float) + rng.normal(size=n) > 2.5).astype(int)
    frame.iloc[::6, 0] = pd.NA
    columns = make_column_transformer(
        (SimpleImputer(), ["lactate", "visits"]),
        (OneHotEncoder(handle_unknown="ignore"), ["ward"]),
    )
    model = make_pipeline(columns, LogisticRegression())
    for method in ("632", "cv", "optimism"):
        result = validate(model, frame, y, method=method, n_resamples=12, random_state=0)
        assert 0.6 < result.get("auroc")["corrected"] < 0.95


def test_polars_names_and_a_named_event():
    frame, died = pl.DataFrame(X, schema=["a", "b", "c"]), np.where(Y == 1, "died", "alive")
    options = {"method": "oob", "n_resamples": 15, "random_state": 0}
    named = validate(LogisticRegression(), frame, pl.Series(died), event="died", **options)
    plain = validate(LogisticRegression(), X, Y, **options)
    numbers = ["apparent", "corrected", "lower", "upper"]
    np.testing.assert_allclose(named.table[numbers], plain.table[numbers])
    with pytest.raises(OutcomeError, match="which of them is the event is not guessed"):
        validate(LogisticRegression(), frame, died)


def test_whole_weights_are_repeated_rows():
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 4, 400)
    where = np.repeat(np.arange(400), weight)
    pairs = list(StratifiedKFold(3).split(X, Y))
    longer = [tuple(np.flatnonzero(np.isin(where, rows)) for rows in pair) for pair in pairs]
    options = {"method": "cv", "random_state": 0, "threshold_range": 0.3}
    model = LogisticRegression(tol=1e-8)
    one = validate(model, X, Y, cv=pairs, sample_weight=weight, **options)
    other = validate(model, X[where], Y[where], cv=longer, groups=where, **options)
    np.testing.assert_allclose(one.table["corrected"], other.table["corrected"], atol=1e-5)
    np.testing.assert_allclose(one.table["apparent"], other.table["apparent"], atol=1e-5)
    np.testing.assert_allclose(one.table["se"], other.table["se"], rtol=1e-3)


def test_fits_that_take_no_weights_are_named():
    result = validate(
        KNeighborsClassifier(30), X, Y, method="cv", sample_weight=np.ones(400), random_state=0
    )
    assert "The fits do not take weights; only the measures are weighted." in result.remarks


def test_separated_resamples_are_counted_kept_and_said():
    rng = np.random.default_rng(0)
    y = (np.arange(60) < 8).astype(int)
    only_events = (y == 1) & (np.arange(60) < 2)
    table = np.column_stack([rng.normal(size=(60, 2)), only_events])
    model, options = (
        LogisticRegression(C=np.inf, max_iter=300),
        {"method": "oob", "n_resamples": 25},
    )
    with pytest.warns(ConvergenceWarning, match="separated: no maximum-likelihood") as caught:
        result = validate(model, table, y, random_state=0, **options)
    assert len(caught) == 1
    count = result.failures["reason"].str.startswith("separated").sum()
    assert 15 <= count < 25
    said = " ".join(result.remarks)
    assert f"{count} of 25 resamples: separated" in said
    assert "The model on all rows is separated" in said
    assert "Without the flagged resamples the largest change is in" in said
    details = result.details.set_index("measure")
    assert (details["without_flagged"] != details["corrected"]).any()
    assert result.get("brier")["resamples_used"] == 25


def test_one_class_resamples_are_counted_and_left_out():
    rng = np.random.default_rng(0)
    table, y = rng.normal(size=(40, 2)), (np.arange(40) < 2).astype(int)
    draws = [rng.integers(0, 40, 40) for _ in range(40)]
    events = np.array([np.isin([0, 1], rows).sum() for rows in draws])
    model, options = GaussianNB(var_smoothing=1.0), {"method": "oob", "random_state": 0}
    with pytest.warns(DegenerateResampleWarning, match="gave no model, most often") as caught:
        result = validate(model, table, y, resamples=draws, **options)
    failed = result.failures[result.failures["failed"]]
    assert failed["number"].tolist() == np.flatnonzero(events == 0).tolist()
    assert f"resample {failed.number.iloc[0]} (seed {failed.seed.iloc[0]})" in str(
        caught[0].message
    )
    none, all_drawn = (events == 0).sum(), (events == 2).sum()
    assert result.get("auroc")["reasons"] == (
        f"{none} with one class among the training rows; "
        f"{all_drawn} with one class among the rows judged out of bag"
    )
    assert result.get("auroc")["resamples_used"] == 40 - none - all_drawn
    assert result.get("brier")["resamples_used"] == 40 - none


class Breaks(ClassifierMixin, BaseEstimator):
    """Fails where the first column of the training rows sums to more than a limit."""

    def __init__(self, limit=np.inf, stop=False):
        self.limit, self.stop = limit, stop

    def fit(self, X, y):
        if X[:, 0].sum() > self.limit:
            if self.stop:
                raise KeyboardInterrupt
            raise RuntimeError("Mrs Miller")
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        risk = 1 / (1 + np.exp(-X[:, 0]))
        return np.column_stack([1 - risk, risk])


def test_failing_fits_give_number_and_seed():
    limit = X[:, 0].sum() + 20
    with pytest.warns(DegenerateResampleWarning, match=r"is resample \d+ \(seed \d+\)"):
        result = validate(Breaks(limit), X, Y, method="oob", n_resamples=40, random_state=0)
    assert set(result.failures["reason"]) == {"RuntimeError in Breaks"}
    failed = result.get("auroc")["resamples_failed"]
    assert 0 < failed == len(result.failures) < 20
    with pytest.raises(InputError, match=r"fold \d of repeat 0: RuntimeError in Breaks \(seed \d+"):
        validate(Breaks(X[:, 0].sum()), X, Y, method="cv", random_state=0)


def test_most_fits_failing_is_an_error():
    doubled = np.column_stack([np.arange(60.0), np.ones(60)])
    y = np.tile([0, 1], 30)

    class Doubles(Breaks):
        def fit(self, X, y):
            if len(np.unique(X[:, 0])) < len(X):
                raise RuntimeError("Mrs Miller")
            return super().fit(X, y)

    with pytest.raises(InputError) as error:
        validate(Doubles(), doubled, y, method="oob", n_resamples=12, random_state=0)
    words = str(error.value)
    assert "12 of 12 resamples, first in resample 0 (seed " in words
    assert "Miller" not in words


def test_interruption_names_the_resample():
    limit = X[:, 0].sum() + 20
    for method in ("oob", "auto"):
        with pytest.raises(KeyboardInterrupt, match=r"interrupted after \d+ resamples; resample"):
            validate(Breaks(limit, stop=True), X, Y, method=method, n_resamples=60, random_state=0)


def test_measures_by_name():
    names = ["dxy", "emax_logistic", "ici", "sensitivity@0.3", "net_benefit@0.25"]
    result = validate(
        LogisticRegression(),
        X,
        Y,
        method="optimism",
        n_resamples=15,
        measures=names,
        random_state=0,
    )
    assert result.table["measure"].tolist() == names
    auc = validate(
        LogisticRegression(),
        X,
        Y,
        method="optimism",
        n_resamples=15,
        measures="auroc",
        random_state=0,
    )
    assert result.get("dxy")["corrected"] == pytest.approx(2 * auc.get("auroc")["corrected"] - 1)
    assert result.get("dxy")["lower"] == pytest.approx(2 * auc.get("auroc")["lower"] - 1)


def test_sites_that_the_procedure_knows():
    site = np.where(np.arange(400) % 2 == 0, "north", "south")
    site = np.where(np.arange(400) < 390, site, "none")
    y = np.where(site == "none", 0, Y)
    result = validate(LogisticRegression(), X, y, method="cv", site=site, random_state=0)
    assert set(result.by_site["site"]) == {"north", "south"}
    assert "1 sites have one class only" in " ".join(result.remarks)
    row = result.by_site[(result.by_site.site == "north") & (result.by_site.measure == "brier")]
    rows = site == "north"
    expected = np.mean((y - result.predictions["risk"])[rows] ** 2)
    assert row["estimate"].iloc[0] == pytest.approx(expected)


@pytest.mark.parametrize("method", ["optimism", "oob", "repeated_cv", "temporal"])
def test_curves_and_pictures(method):
    time = np.arange(400) if method == "temporal" else None
    result = validate(
        LogisticRegression(),
        X,
        Y,
        method=method,
        n_resamples=20,
        time=time,
        threshold_range=(0.2, 0.4),
        random_state=0,
    )
    curve = result.calibration_curve(n_points=20)
    assert curve.table["curve"].value_counts().to_dict() == {"apparent": 20, "corrected": 20}
    middle = curve.table[curve.table["risk"].between(0.2, 0.6)]
    assert np.abs(middle["estimate"] - middle["risk"]).max() < 0.25
    decision = result.decision_curve()
    at = decision.table[(decision.table["model"] == "corrected")]
    assert at["threshold"].iloc[[0, -1]].round(9).tolist() == [0.2, 0.4]
    if method in ("optimism", "temporal"):
        ends = [result.get(f"net_benefit@{t}")["corrected"] for t in (0.2, 0.4)]
        assert at["estimate"].iloc[[0, -1]].tolist() == pytest.approx(ends)
    for drawn in (result.plot(), curve.plot().ax_, decision.plot().ax_):
        assert drawn.get_xlabel()


def test_nothing_of_single_rows_in_the_json(logistic):
    said = json.loads(logistic.to_json())
    assert said["predictions"] is None
    assert said["curves"] is None
    assert said["table"][0]["measure"] == "auroc"
    assert "No groups" in logistic.summary()
    assert "<li>" in logistic._repr_html_()


def test_nothing_is_warned_of_where_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        validate(LogisticRegression(), X, Y, n_resamples=10, random_state=0, n_jobs=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "loo"}, "method='loo' is unknown"),
        ({"ci": "exact"}, "ci='exact' is unknown"),
        ({"method": "cv", "ci": "location-shifted"}, "needs optimism correction"),
        ({"method": "oob", "ci": "location-shifted"}, "needs method='optimism'"),
        ({"method": "oob", "ci": "cvauc"}, "needs cross-validation"),
        ({"method": "temporal"}, "needs time"),
        ({"method": "temporal", "time": np.zeros(400)}, "one value in all rows"),
        ({"method": "temporal", "time": np.arange(399)}, "time has 399 values for 400 rows"),
        ({"groups": np.where(np.arange(400) == 5, np.nan, 1.0)}, "groups has 1 missing"),
        ({"groups": np.arange(400) // 400}, "Only 1 patient"),
        ({"n_resamples": 0}, "n_resamples is 0"),
        ({"resamples": "many"}, "resamples is 'many'"),
        ({"resamples": [np.array([0, 400])]}, "outside 0 to 399"),
        ({"method": "oob", "cv": StratifiedKFold(3)}, "draws rows and takes no cv"),
        ({"resamples": 3}, "a number as n_resamples"),
        ({"resamples": [(np.arange(9), np.arange(9, 20))]}, "pass these as cv"),
        ({"resamples": [np.arange(9)], "cv": 5}, "exclude each other"),
        ({"method": "cv", "resamples": [np.arange(9)]}, "takes no bootstrap draws"),
        ({"method": "temporal", "time": np.arange(400), "cv": 3}, "nor a number of folds"),
        ({"cv": 1}, "at least 2 folds"),
        ({"cv": "five"}, "cv is 'five'"),
        ({"method": "cv", "cv": [np.arange(400)]}, "single arrays of row positions"),
        ({"method": "cv", "cv": [(np.arange(300), np.arange(299, 400))]}, "same rows"),
        ({"method": "cv", "n_resamples": 1}, "at least 2 refits"),
        ({"measures": "auc"}, "measures has 'auc'"),
        ({"measures": "net_benefit"}, "which needs a threshold"),
        ({"measures": "net_benefit@high"}, "write the threshold as a number"),
        ({"measures": "auroc@0.2"}, "auroc takes no threshold"),
        ({"threshold_range": (0.1, 1.2)}, "threshold_range"),
        ({"confidence_level": 95}, "confidence_level is 95"),
        ({"sample_weight": -np.ones(400)}, "negative"),
    ],
)
def test_errors(options, words):
    with pytest.raises(InputError, match=words):
        validate(GaussianNB(), X, Y, **{"n_resamples": 5, **options})


def test_more_errors():
    with pytest.raises(InputError, match="X has 399 rows and y has 400"):
        validate(GaussianNB(), X[:399], Y)
    with pytest.raises(InputError, match="LinearSVC has no predict_proba"):
        validate(LinearSVC(), X, Y)
    with pytest.raises(OutcomeError, match="missing"):
        validate(GaussianNB(), X, np.where(np.arange(400) == 3, np.nan, Y))
    same = np.repeat(np.arange(200), 2)
    pairs = [(np.arange(0, 400, 2), np.arange(1, 400, 2))]
    with pytest.raises(InputError, match="trains and tests on the same patients"):
        validate(GaussianNB(), X, Y, method="cv", cv=pairs, groups=same)


def test_relative_overfitting_stays_between_nothing_and_all():
    found = [overfitting(*one) for one in ((0.9, 0.8, 0.5), (1, 0.48, 0.5), (0.7, 0.72, 0.5))]
    assert found == pytest.approx([0.25, 1, 0])
    assert overfitting(0.5, 0.5, 0.5) == 0
    assert overfitting(0.1, 0.2, 0.3) == pytest.approx(0.5)  # a loss: lower is better


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", [LogisticRegression(), KNeighborsClassifier(1), RandomForestClassifier(30)]
)
def test_noise_gives_half(model):
    found = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        table, y = rng.normal(size=(300, 10)), (rng.random(300) < 0.3).astype(int)
        result = validate(model, table, y, n_resamples=20, measures="auroc", random_state=seed)
        found.append(result.get("auroc")["corrected"])
    assert abs(np.mean(found) - 0.5) < 0.02
