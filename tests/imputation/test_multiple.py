"""Models on m completed tables: chance, metadata, new patients, what cannot be deployed."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from healthml.exceptions import InputError
from healthml.imputation import (
    ChainedImputer,
    MultiplyImputedClassifier,
    MultiplyImputedRegressor,
)
from healthml.imputation._multiple.spread import spread_table


@pytest.fixture(scope="module")
def cohort():
    """Return (X, y): 300 patients, two numbers that belong together and a stage, with gaps."""
    rng = np.random.default_rng(3)
    age = rng.normal(60, 10, 300)
    sbp = 90 + 0.7 * age + rng.normal(0, 8, 300)
    stage = np.where(age + rng.normal(0, 10, 300) > 60, "II", "I")
    risk = 1 / (1 + np.exp(-(age - 60) / 8 - (sbp - 132) / 15))
    X = pd.DataFrame({"age": age, "sbp": sbp, "stage": pd.Categorical(stage)})
    X.loc[rng.random(300) < 0.3, "sbp"] = np.nan
    X.loc[rng.random(300) < 0.2, "stage"] = None
    return X, (rng.random(300) < risk).astype(int)


def numbers(C=1.0):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C))


def mixed():
    encode = make_column_transformer(
        (OneHotEncoder(drop="first"), ["stage"]), remainder="passthrough"
    )
    return make_pipeline(encode, StandardScaler(), LogisticRegression())


@pytest.fixture(scope="module")
def fitted(cohort):
    X, y = cohort
    return MultiplyImputedClassifier(mixed(), m=4, random_state=0).fit(X, y)


def test_it_is_m_models_on_m_tables(cohort):
    X, y = cohort
    imputer = ChainedImputer(m=3, random_state=1)
    model = MultiplyImputedClassifier(mixed(), imputer).fit(X, y)
    tables = ChainedImputer(m=3, random_state=1).fit_transform_multiple(X)
    alone = [mixed().fit(table, y) for table in tables]
    new = model.imputer_.transform_multiple(X[:20])
    risks = [one.predict_proba(table) for one, table in zip(alone, new, strict=True)]
    np.testing.assert_allclose(model.predict_proba(X[:20]), np.mean(risks, axis=0), atol=1e-12)
    assert len(model.estimators_) == 3


def test_one_patient_alone_and_in_the_batch(fitted, cohort):
    X, _ = cohort
    together = fitted.predict_proba(X)
    for row in (0, 7, 299):
        np.testing.assert_allclose(
            fitted.predict_proba(X.iloc[[row]])[0], together[row], rtol=1e-12
        )
    turned = X.iloc[::-1]
    np.testing.assert_allclose(fitted.predict_proba(turned)[::-1], together, rtol=1e-12)


def test_the_spread_is_wide_where_cells_are_missing(fitted, cohort):
    X, _ = cohort
    spread = fitted.predict_spread(X)
    assert list(spread) == ["row", "class", "estimate", "sd", "lower", "upper", "m"]
    np.testing.assert_allclose(spread["estimate"], fitted.predict_proba(X)[:, 1])
    assert (spread["class"] == 1).all()
    assert (spread["lower"] <= spread["estimate"]).all()
    assert (spread["upper"] >= spread["estimate"]).all()
    assert spread[["lower", "upper"]].to_numpy().min() >= 0
    whole = X.dropna()
    less = fitted.predict_spread(whole.assign(sbp=np.nan))
    assert less["sd"].mean() > 1.5 * fitted.predict_spread(whole)["sd"].mean()


def test_the_interval_holds_one_more_imputation():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(6, 20_000))
    table = spread_table(draws[:5, :, None], 0.9)
    assert np.mean((table["lower"] < draws[5]) & (draws[5] < table["upper"])) == pytest.approx(
        0.9, abs=0.01
    )
    risks = spread_table(1 / (1 + np.exp(-2 * draws[:5, :, None])), 0.9, classes=[1])
    held = (risks["lower"] < 1 / (1 + np.exp(-2 * draws[5]))) & (
        1 / (1 + np.exp(-2 * draws[5])) < risks["upper"]
    )
    assert held.mean() == pytest.approx(0.9, abs=0.01)


def test_jobs_do_not_change_the_answer_and_the_seed_does(cohort):
    X, y = cohort
    X = X[["age", "sbp"]]

    def risks(n_jobs, seed):
        model = MultiplyImputedClassifier(
            RandomForestClassifier(5), m=2, n_jobs=n_jobs, random_state=seed
        )
        return model.fit(X, y).predict_proba(X)

    one = risks(1, 5)
    np.testing.assert_array_equal(risks(2, 5), one)
    assert not np.array_equal(risks(1, 6), one)


def test_a_seed_that_was_given_stays(cohort):
    X, y = cohort
    forest = RandomForestClassifier(3, random_state=11)
    model = MultiplyImputedClassifier(forest, ChainedImputer(random_state=12), m=2).fit(
        X[["age", "sbp"]], y
    )
    assert model.imputer_.random_state == 12
    assert {one.random_state for one in model.estimators_} == {11}
    assert forest.random_state == 11


def test_coefficients_side_by_side(fitted, cohort):
    table = fitted.coef_table_
    assert table["class"].unique().tolist() == [1]
    assert table["term"].tolist() == [
        "(Intercept)",
        "onehotencoder__stage_II",
        "remainder__age",
        "remainder__sbp",
    ]
    coef = np.array([model[-1].coef_[0] for model in fitted.estimators_])
    np.testing.assert_allclose(table["estimate"][1:], coef.mean(axis=0))
    np.testing.assert_allclose(table["sd"][1:], coef.std(axis=0, ddof=1))
    assert (table["m"] == 4).all()
    X, y = cohort
    forest = MultiplyImputedClassifier(RandomForestClassifier(2), m=2).fit(X[["age"]], y)
    assert not hasattr(forest, "coef_table_")


def test_three_classes(cohort):
    X, y = cohort
    three = np.array(["low", "mid", "high"])[y + (X["age"] > 70)]
    model = MultiplyImputedClassifier(numbers(), m=2, random_state=0).fit(X[["age", "sbp"]], three)
    spread = model.predict_spread(X[["age", "sbp"]][:4])
    assert spread["class"].tolist() == ["high", "low", "mid"] * 4
    np.testing.assert_allclose(spread.groupby("row")["estimate"].sum(), 1)
    assert len(model.coef_table_) == 9
    assert set(model.predict(X[["age", "sbp"]])) <= set(three)


def test_a_number_to_predict(cohort):
    X, _ = cohort
    X, y = X[["age", "sbp"]], X["age"] * 2
    model = MultiplyImputedRegressor(LinearRegression(), m=3, random_state=0).fit(X, y)
    spread = model.predict_spread(X[:5])
    assert list(spread) == ["row", "estimate", "sd", "lower", "upper", "m"]
    np.testing.assert_allclose(spread["estimate"], model.predict(X[:5]))
    assert model.coef_table_["term"].tolist() == ["(Intercept)", "age", "sbp"]
    assert model.coef_table_["estimate"][1] == pytest.approx(2, abs=0.01)


class Asks(ClassifierMixin, BaseEstimator):
    """Keeps what its `fit` was handed."""

    def fit(self, X, y, groups=None, sample_weight=None):
        self.classes_, self.handed_ = np.unique(y), (groups, sample_weight)
        return self

    def predict_proba(self, X):
        return np.tile([0.5, 0.5], (len(X), 1))


@pytest.mark.parametrize("routing", [False, True])
def test_patients_and_weights_reach_every_model(cohort, routing):
    X, y = cohort
    groups, weight = np.arange(300) // 2, np.linspace(1, 2, 300)
    with sklearn.config_context(enable_metadata_routing=routing):
        inner = Asks()
        if routing:
            inner = inner.set_fit_request(groups=True, sample_weight=True)
        model = MultiplyImputedClassifier(inner, m=2).fit(X, y, groups=groups, sample_weight=weight)
    for one in model.estimators_:
        np.testing.assert_array_equal(one.handed_[0], groups)
        np.testing.assert_array_equal(one.handed_[1], weight)


def test_weights_reach_the_end_of_a_pipeline_and_are_never_lost(cohort):
    X, y = cohort
    X, weight = X[["age", "sbp"]], np.linspace(1, 5, 300)
    plain = MultiplyImputedClassifier(numbers(), m=2, random_state=0)
    weighted = plain.fit(X, y, sample_weight=weight).predict_proba(X)
    assert not np.allclose(weighted, plain.fit(X, y, groups=y).predict_proba(X))
    from sklearn.neighbors import KNeighborsClassifier

    with pytest.raises(InputError, match="takes no sample_weight"):
        MultiplyImputedClassifier(KNeighborsClassifier(), m=2).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("routing", [False, True])
def test_grid_search_and_cross_validation(cohort, routing):
    X, y = cohort
    X = X[["age", "sbp"]]
    with sklearn.config_context(enable_metadata_routing=routing):
        model = MultiplyImputedClassifier(numbers(), ChainedImputer(n_iter=2), random_state=0)
        grid = {"imputer__donors": [3, 5], "estimator__logisticregression__C": [1.0], "m": [2]}
        search = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss").fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        params = {"params": {"groups": np.arange(300)}} if routing else {}
        found = cross_validate(model, X, y, cv=2, scoring="roc_auc", **params)
    assert found["test_score"].min() > 0.6


def test_polars_in(cohort):
    polars = pytest.importorskip("polars")
    X, y = cohort
    X = X[["age", "sbp"]]
    model = MultiplyImputedClassifier(numbers(), m=2, random_state=0)
    wanted = model.fit(X, y).predict_proba(X)
    frame = polars.from_pandas(X)
    np.testing.assert_allclose(model.fit(frame, y).predict_proba(frame), wanted, rtol=1e-10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: MultiplyImputedClassifier(
                numbers(), imputer=ChainedImputer(include_outcome=True)
            ),
            "include_outcome=True",
        ),
        (lambda: MultiplyImputedClassifier(numbers(), SimpleImputer()), "transform_multiple"),
        (lambda: MultiplyImputedClassifier(numbers(), m=0), "m=0"),
        (lambda: MultiplyImputedClassifier(LinearSVC(), m=2), "predict_proba"),
    ],
)
def test_what_cannot_be_deployed_is_refused(cohort, make, words):
    X, y = cohort
    with pytest.raises(InputError, match=words):
        make().fit(X[["age", "sbp"]], y)


def test_one_table_has_no_spread(cohort):
    X, y = cohort
    model = MultiplyImputedClassifier(numbers(), m=1, random_state=0).fit(X[["age", "sbp"]], y)
    assert model.predict_spread(X[["age", "sbp"]])[["sd", "lower", "upper"]].isna().all(axis=None)


def test_the_outcome_does_not_move_the_imputed_cells(cohort):
    X, y = cohort
    model = MultiplyImputedClassifier(mixed(), m=2, random_state=0)
    here, there = (model.fit(X, o).imputer_.transform_multiple(X[:50]) for o in (y, 1 - y))
    for one, other in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(one, other)
