"""Procedures against each other and against what is simple; and by number of patients."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from healthml.exceptions import InputError
from healthml.metrics import delong_test
from healthml.validation._compare.compare_models import compare_models
from healthml.validation._compare.learning_curve import learning_curve
from healthml.validation._compare.simple_references import age_and_sex, read_score
from healthml.validation._reference_models.models import default_model
from healthml.validation._scoring.paired_folds import Difference, difference


class Column(ClassifierMixin, BaseEstimator):
    """Its risk is one column, whatever it was fitted on."""

    def __init__(self, at=0):
        self.at = at

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        risk = np.asarray(X)[:, self.at].astype(float)
        return np.column_stack([1 - risk, risk])


@pytest.fixture(scope="module")
def rated():
    """Return 150 rows: two risks that were made before, and the outcome."""
    rng = np.random.default_rng(12)
    truth = rng.normal(size=150)
    X = 1 / (1 + np.exp(-np.column_stack([truth + rng.normal(size=150), truth])))
    return X, (rng.uniform(size=150) < 1 / (1 + np.exp(-truth))).astype(int)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(2)
    X = pd.DataFrame(
        {
            "Age": rng.normal(60, 10, 240),
            "gender": rng.choice(["F", "M"], 240),
            "lab": rng.normal(size=240),
        }
    )
    risk = 1 / (1 + np.exp(-(X["lab"] + 0.05 * (X["Age"] - 60))))
    return X, (rng.uniform(size=240) < risk).astype(int)


ALONE = {"simple_references": False, "random_state": 0}
HALF = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]


def test_one_split_gives_the_paired_delong_interval(rated):
    X, y = rated
    models = {"first": Column(0), "second": Column(1)}
    result = compare_models(models, X, y, cv=HALF, measures="auroc", **ALONE)
    row, test = result.to_frame().iloc[0], HALF[0][1]
    expected = delong_test(y[test], X[test, 1], X[test, 0]).to_frame().iloc[0]
    areas = [roc_auc_score(y[test], X[test, k]) for k in (1, 0)]
    assert [row["value"], row["reference_value"]] == pytest.approx(areas)
    assert row["estimate"] == pytest.approx(expected["estimate"], abs=1e-12)
    # with one split the variance over refitted models is as expected: half the rows are judged
    half = (row["upper"] - row["lower"]) / 2
    wanted = norm.ppf(0.975) * expected["standard_error"] * np.sqrt(1.5)
    assert half == pytest.approx(wanted, rel=0.03)
    assert row[["n_samples", "n_events"]].tolist() == [75, y[test].sum()]


def test_the_better_model_is_the_one_minus_the_reference(rated):
    models = {"first": Column(0), "second": Column(1)}
    options = {**ALONE, "measures": ["auroc", "brier"], "n_repeats": 2}
    found = compare_models(models, *rated, **options).to_frame().set_index("measure")
    assert found.loc["auroc", "estimate"] > 0 > found.loc["brier", "estimate"]
    assert found["direction"].tolist() == ["higher", "lower"]
    turned = compare_models(models, *rated, reference="second", **options).to_frame()
    np.testing.assert_allclose(turned["estimate"], -found["estimate"])
    np.testing.assert_allclose(turned["lower"], -found["upper"])


def test_adjusted_intervals_account_for_all_differences(rated):
    X, y = rated
    models = {"a": Column(0), "b": Column(1)}
    result = compare_models(models, X, y, threshold_range=(0.2, 0.4), random_state=0, n_repeats=2)
    found = result.to_frame()
    # 1 pair of models, 2 x 2 with simple references (no age, no sex), 3 measures
    assert result.n_comparisons == len(found) == 5 * 3
    inside = found["lower"].to_numpy(), found["upper"].to_numpy()
    width = (found["upper_adjusted"] - found["lower_adjusted"]) / (inside[1] - inside[0])
    assert width.min() > 0.99 * norm.ppf(1 - 0.025 / 15) / norm.ppf(0.975)
    few = Difference(0.0, 1.0, 5.0)
    assert few.ends(0.025)[1] == pytest.approx(2.5706, abs=1e-4)  # t, 5 degrees of freedom
    assert "15 differences" in result.summary()
    assert "Not compared with age and sex" in result.summary()


def test_a_model_equal_to_its_reference_differs_by_nothing(table):
    result = compare_models({"mine": default_model()}, *table, n_repeats=2, random_state=0)
    same = result.to_frame().query("reference == 'penalised logistic'")
    assert same[["estimate", "lower", "upper"]].abs().max().max() == 0
    scores = result.scores.set_index(["model", "measure"])["estimate"]
    assert scores["prevalence only", "auroc"] == 0.5
    assert ("prevalence only", "calibration_slope") not in scores.index
    y = table[1]
    brier = np.mean((result.predictions["prevalence only"] - y) ** 2)
    assert scores["prevalence only", "brier"] == pytest.approx(brier, abs=1e-4)


def test_age_and_sex_see_only_age_and_sex(table):
    X, y = table
    own = compare_models(
        {"own": default_model()}, X[["Age", "gender"]], y, n_repeats=1, random_state=0
    )
    every = compare_models({"own": default_model()}, X, y, n_repeats=1, random_state=0)
    pd.testing.assert_series_equal(
        every.predictions["age and sex"], own.predictions["own"], check_names=False
    )
    named = compare_models(
        {"own": default_model()}, X, y, demographics=["lab"], n_repeats=1, random_state=0
    )
    alone = compare_models({"own": default_model()}, X[["lab"]], y, n_repeats=1, random_state=0)
    np.testing.assert_allclose(named.predictions["age and sex"], alone.predictions["own"])


def test_a_score_is_compared_on_the_rows_that_have_it(rated):
    X, y = rated
    score = np.where(np.arange(150) < 100, X[:, 1], np.nan)
    options = {"cv": HALF, "simple_references": ["existing score"], "random_state": 0}
    found = compare_models({"a": Column(0)}, X, y, score=score, **options)
    row = found.to_frame().query("measure == 'auroc'").iloc[0]
    both = np.arange(1, 100, 2)
    assert row["n_samples"] == 50
    assert row["value"] == pytest.approx(roc_auc_score(y[both], X[both, 0]))
    assert row["reference_value"] == pytest.approx(roc_auc_score(y[both], X[both, 1]))
    points = compare_models({"a": Column(0)}, X, y, score=np.round(40 * score), **options)
    assert points.to_frame()["measure"].tolist() == ["auroc"]
    rounded = roc_auc_score(y[both], np.round(40 * X[both, 1]))
    assert points.to_frame()["reference_value"].item() == pytest.approx(rounded)
    assert "only its ranking" in points.summary()


def test_reading_a_score():
    y = np.arange(60) % 2
    risk, probability, remark = read_score([*([0.5] * 58), -9, None], y)
    assert probability
    assert np.isnan(risk[-2:]).all()
    assert remark.startswith("1 rows")
    with pytest.raises(InputError, match="there in 49 rows"):
        read_score([0.5] * 49 + [None] * 11, y)
    with pytest.raises(InputError, match="59 values for 60 rows"):
        read_score([0.5] * 59, y)


def test_finding_age_and_sex():
    assert age_and_sex(pd.DataFrame({"dosage": [1], "stage": [2]})) is None
    assert age_and_sex(np.eye(2)) is None
    assert age_and_sex(np.eye(1), pd.DataFrame({"a": [1]})).shape == (1, 1)
    with pytest.raises(InputError, match="'years', which is no column"):
        age_and_sex(pd.DataFrame({"age": [1]}), "years")


def test_patients_are_the_units_of_the_interval(rated):
    X, y = rated
    twice, groups = np.repeat(np.arange(150), 2), np.repeat(np.arange(150), 2)
    models = {"a": Column(0), "b": Column(1)}
    pairs = [(np.flatnonzero(groups % 2 == 0), np.flatnonzero(groups % 2 == 1))]
    options = {**ALONE, "measures": "brier"}
    once = compare_models(models, X, y, cv=HALF, **options).to_frame().iloc[0]
    again = compare_models(
        models, X[twice], y[twice], groups=groups, cv=pairs, **options
    ).to_frame()
    for end in ("lower", "upper"):
        assert again[end].item() == pytest.approx(once[end])
    assert again["n_patients"].item() == 75


def test_weights_are_rows_written_out(rated):
    X, y = rated
    weight = 1 + np.arange(150) % 3
    models = {"a": Column(0), "b": Column(1)}
    options = {**ALONE, "measures": ["auroc", "brier"]}
    weighed = compare_models(models, X, y, sample_weight=weight, cv=HALF, **options)
    rows = np.repeat(np.arange(150), weight)
    pairs = [(np.flatnonzero(rows % 2 == 0), np.flatnonzero(rows % 2 == 1))]
    written = compare_models(models, X[rows], y[rows], groups=rows, cv=pairs, **options)
    columns = ["estimate", "value", "lower", "upper"]
    np.testing.assert_allclose(weighed.to_frame()[columns], written.to_frame()[columns], rtol=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": {}}, "models is no dict"),
        ({"models": {"existing score": Column()}}, "name of a simple reference"),
        ({"reference": "c"}, "reference is 'c'"),
        ({"simple_references": ["sex"]}, "simple_references has 'sex'"),
        ({"simple_references": ["existing score"]}, "pass score"),
        ({"measures": ["calibration_slope"]}, "The others are in `scores`"),
        ({"measures": ["net_benefit@0.2"]}, "threshold_range too"),
        ({"models": {"a": Column()}}, "nothing to compare with"),
    ],
)
def test_mistakes_are_named(rated, change, message):
    given = {"models": {"a": Column(), "b": Column(1)}, **ALONE, "n_repeats": 1, **change}
    with pytest.raises(InputError, match=message):
        compare_models(given.pop("models"), *rated, **given)


def test_comparison_draws_and_writes(table):
    result = compare_models({"mine": Column(2)}, table[0].assign(lab=0.5), table[1], n_repeats=1)
    ax = result.plot()
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[-1] == "mine - prevalence only"
    assert json.loads(result.to_json())["predictions"] is None
    with pytest.raises(InputError, match="measure is 'ici'"):
        result.plot(measure="ici")


def test_learning_curve_sets_are_nested_whole_and_stratified(visits, remembers):
    X, y, groups = visits
    X = X.copy()
    X[:, 0] = groups
    found = learning_curve(
        remembers, X, y, groups=groups, sizes=[0.25, 20, 1.0], measures="auroc", n_repeats=2
    ).to_frame()
    fits, size = remembers.fits, np.bincount(groups)
    assert len(fits) == 3 * 10
    share = np.mean(np.bincount(groups, y) > 0)
    for few, some, every in zip(fits[:10], fits[10:20], fits[20:], strict=True):
        sets = [set(np.unique(rows).astype(int)) for rows in (few, some, every)]
        assert sets[0] < sets[1] < sets[2]
        assert [len(one) for one in sets[:2]] == [12, 20]
        for rows in (few, some, every):
            there = np.bincount(rows.astype(int), minlength=len(size))
            assert np.all((there == 0) | (there == size))
        with_event = np.mean([np.any(y[groups == patient]) for patient in sets[1]])
        assert with_event == pytest.approx(share, abs=1.5 / 20)
    assert found["n_train_patients"].tolist() == [12, 20, 48]
    np.testing.assert_allclose(found["estimate"], 0.5)  # it knows nobody who judges it
    assert found["fits"].tolist() == [10] * 3


def test_learning_curve_ends_at_cross_validation(rated):
    X, y = rated
    result = learning_curve(
        LogisticRegression(), X, y, sizes=[0.5, 1.0], n_repeats=2, random_state=1
    )
    last = result.to_frame().query("n_train_patients == 120").set_index("measure")
    from healthml._core._checks import check_random_seeds
    from healthml.validation import RepeatedStratifiedGroupKFold

    seed = check_random_seeds(check_random_seeds(1, 2)[0], 2)[0]
    areas, briers, apparent = [], [], []
    model = LogisticRegression(tol=1e-8)
    for train, test in RepeatedStratifiedGroupKFold(5, n_repeats=2, random_state=seed).split(X, y):
        risk = model.fit(X[train], y[train]).predict_proba(X)[:, 1]
        areas.append(roc_auc_score(y[test], risk[test]))
        briers.append(np.mean((risk - y)[test] ** 2))
        apparent.append(roc_auc_score(y[train], risk[train]))
    assert last.loc["auroc", "estimate"] == pytest.approx(np.mean(areas), abs=1e-6)
    assert last.loc["brier", "estimate"] == pytest.approx(np.mean(briers), abs=1e-6)
    assert last.loc["auroc", "apparent"] == pytest.approx(np.mean(apparent), abs=1e-6)


def test_gains_are_later_minus_earlier_and_paired(rated):
    result = learning_curve(
        LogisticRegression(), *rated, sizes=[0.1, 0.5, 1.0], measures=["brier"], random_state=0
    )
    means = result.to_frame()["estimate"].to_numpy()
    gains = result.gains
    np.testing.assert_allclose(gains["estimate"], np.diff(means))
    assert gains[["from_patients", "to_patients"]].to_numpy().tolist() == [[12, 60], [60, 120]]
    assert gains["estimate"].iloc[0] < 0  # twelve patients are too few
    assert np.all(gains["upper"] - gains["lower"] < result.to_frame()["upper"].iloc[-1])
    assert "from 60 to 120 patients" in result.summary()


def test_a_model_that_does_not_learn_gains_nothing(rated):
    result = learning_curve(Column(), *rated, measures=["auroc", "brier"], random_state=0)
    assert (result.gains[["estimate", "lower", "upper"]].abs() < 1e-12).all().all()
    assert "not shown that more patients help" in result.summary()
    assert result.plot(measure="brier").get_xlabel() == "Patients fitted on"


def test_the_variance_of_a_gain_has_two_parts():
    rng = np.random.default_rng(1)
    moved, repeats = rng.normal(size=(2, 30)), np.array([[0.1, 0.3, 0.2], [0.0, 0.0, 0.0]])

    class Scores:
        task = type("Task", (), {"groups": None})
        fold = np.zeros((3, 30), dtype=int)

        def __init__(self, k):
            self.k = k

        def influence(self, _):
            return moved[self.k]

        def by_repeat(self, _):
            return repeats[self.k]

        def estimate(self, _):
            return repeats[self.k].mean()

    own = np.sum((moved[0] - moved[1]) ** 2) * 30 / 29
    average = difference(Scores(0), Scores(1), "auroc", on_average=True)
    assert average.se == pytest.approx(np.sqrt(own + 0.01 / 3))
    model = difference(Scores(0), Scores(1), "auroc")
    assert model.se == pytest.approx(np.sqrt(own + (4 * own + 2 * 2 * 0.01) / 6))
    assert model.estimate == pytest.approx(0.2)


def test_one_repeat_has_no_interval_of_a_gain(rated):
    result = learning_curve(LogisticRegression(), *rated, sizes=[0.5, 1.0], n_repeats=1)
    assert result.gains["lower"].isna().all()
    assert "no interval with one repeat" in result.summary()
    alone = learning_curve(LogisticRegression(), *rated, sizes=[1.0], n_repeats=1)
    assert alone.gains.empty
    assert alone.summary()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [1.5]}, "sizes has"),
        ({"sizes": [500]}, "up to the 120"),
        ({"sizes": [2]}, "leaves 1 patients"),
        ({"measures": ["sensitivity"]}, "validate reports"),
        ({"measures": ["ici"]}, "validate reports"),
    ],
)
def test_mistakes_in_a_learning_curve_are_named(rated, change, message):
    with pytest.raises(InputError, match=message):
        learning_curve(Column(), *rated, n_repeats=1, **change)


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_intervals_of_differences_cover(repeats):
    """Noise, n = 300: logistic on other columns, and a tree; the true difference in AUC is 0."""
    runs, covered = 500, {"other columns": 0, "tree": 0}
    models = {
        name: make_pipeline(make_column_transformer(("passthrough", part)), LogisticRegression())
        for name, part in {"first": slice(0, 5), "other columns": slice(5, 10)}.items()
    }
    models["tree"] = DecisionTreeClassifier(max_depth=3, random_state=0)
    for run in range(runs):
        rng = np.random.default_rng([run, repeats])
        X, y = rng.normal(size=(300, 10)), (rng.random(300) < 0.3).astype(int)
        options = {"measures": "auroc", "cv": repeats, "simple_references": False}
        table = compare_models(models, X, y, random_state=run, **options).to_frame()
        for row in table.itertuples():
            covered[row.model] += row.lower <= 0 <= row.upper
    error = np.sqrt(0.95 * 0.05 / runs)
    print({name: f"{count / runs:.3f}" for name, count in covered.items()}, f"+- {error:.3f}")
    for count in covered.values():
        assert 0.93 - 2 * error <= count / runs <= 0.97 + 2 * error
