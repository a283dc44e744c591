"""Every kind of model by its route, against every coalition of raw columns."""

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.special import expit, logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from healthml.cleaning import ClinicalCleaner
from healthml.explanation import explain
from healthml.explanation._reading import read_forms
from healthml.imputation import ChainedImputer, MultiplyImputedClassifier
from healthml.resampling import (
    FirthLogisticRegression,
    PrevalenceAdjustedClassifier,
    ResampledClassifier,
)
from healthml.validation import ShrunkenClassifier

TREES = {"n_estimators": 6, "random_state": 0}
CLOSED, LEAVES, ALL = "closed form", "leaf by leaf", "all coalitions"
NUMBERS, WORDS = ["age", "lactate", "sbp"], ["sex", "ward"]


def ordinal():
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_column_transformer((words, WORDS), remainder="passthrough")


def targets():
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), TargetEncoder())
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((numbers, NUMBERS), (words, WORDS))


def forest(**options):
    return RandomForestClassifier(**TREES, **options)


def boosted():
    return GradientBoostingClassifier(**TREES)


def vote(*members):
    return VotingClassifier([(str(k), m) for k, m in enumerate(members)], voting="soft")


def stack(*members):
    return StackingClassifier([(str(k), m) for k, m in enumerate(members)], cv=2)


class NumbersOnly(SimpleImputer):
    """Means of the numbers; words are left out, so that they have no value."""

    def fit(self, X, y=None):
        return super().fit(X[NUMBERS], y)

    def transform(self, X):
        return super().transform(X[NUMBERS])


def resampled(encode):
    inner = make_sampling_pipeline(encode(), RandomUnderSampler(), boosted())
    return ResampledClassifier(inner, n_members=4, random_state=0)


# name -> (maker of a model from a maker of encoding steps, scale, route)
MODELS = {
    "logistic": (lambda e: make_pipeline(e(), LogisticRegression()), "log_odds", CLOSED),
    "firth, numbers only": (
        lambda e: make_pipeline(NumbersOnly(), FirthLogisticRegression()),
        "log_odds",
        CLOSED,
    ),
    "target encoded": (
        lambda e: make_pipeline(targets(), LogisticRegression()),
        "log_odds",
        CLOSED,
    ),
    "voting with weights and without a member": (
        lambda e: VotingClassifier(
            [
                ("a", make_pipeline(e(), forest())),
                ("b", "drop"),
                ("c", make_pipeline(e(), forest())),
            ],
            voting="soft",
            weights=np.array([1, 5, 2]),
        ),
        "probability",
        LEAVES,
    ),
    "cleaned before": (
        lambda e: make_pipeline(ClinicalCleaner(), e(), LogisticRegression()),
        "log_odds",
        CLOSED,
    ),
    "sampler in the pipeline": (
        lambda e: make_sampling_pipeline(
            e(), RandomUnderSampler(random_state=0), LogisticRegression()
        ),
        "log_odds",
        CLOSED,
    ),
    "searched": (
        lambda e: GridSearchCV(make_pipeline(e(), LogisticRegression()), {}, cv=2),
        "log_odds",
        CLOSED,
    ),
    "shrunken": (
        lambda e: ShrunkenClassifier(make_pipeline(e(), LogisticRegression()), cv=2),
        "log_odds",
        CLOSED,
    ),
    "another prevalence": (
        lambda e: PrevalenceAdjustedClassifier(
            make_pipeline(e(), LogisticRegression()), prevalence=0.1
        ),
        "log_odds",
        CLOSED,
    ),
    "forest": (lambda e: make_pipeline(e(), forest()), "probability", LEAVES),
    "one tree": (
        lambda e: make_pipeline(e(), DecisionTreeClassifier(max_depth=4)),
        "probability",
        LEAVES,
    ),
    "bag of trees": (
        lambda e: make_pipeline(
            e(),
            BaggingClassifier(
                DecisionTreeClassifier(max_depth=4), n_estimators=5, max_features=0.7
            ),
        ),
        "probability",
        LEAVES,
    ),
    "boosted": (lambda e: make_pipeline(e(), boosted()), "log_odds", LEAVES),
    "histograms": (
        lambda e: make_pipeline(ordinal(), HistGradientBoostingClassifier(max_iter=8)),
        "log_odds",
        LEAVES,
    ),
    "calibrated outside": (
        lambda e: CalibratedClassifierCV(make_pipeline(e(), boosted()), ensemble=False, cv=2),
        "log_odds",
        LEAVES,
    ),
    "calibrated inside": (
        lambda e: make_pipeline(e(), CalibratedClassifierCV(forest(), ensemble=False, cv=2)),
        "log_odds",
        LEAVES,
    ),
    "calibrated five times": (
        lambda e: make_pipeline(e(), CalibratedClassifierCV(LogisticRegression(), cv=2)),
        "probability",
        ALL,
    ),
    "support vectors": (
        lambda e: make_pipeline(e(), CalibratedClassifierCV(SVC(), ensemble=False, cv=2)),
        "probability",
        ALL,
    ),
    "resampled bag": (resampled, "log_odds", LEAVES),
    "vote of forests": (
        lambda e: make_pipeline(e(), vote(forest(), ExtraTreesClassifier(**TREES))),
        "probability",
        LEAVES,
    ),
    "vote of pipelines": (
        lambda e: vote(make_pipeline(e(), forest()), make_pipeline(e(), LogisticRegression())),
        "probability",
        ALL,
    ),
    "stack of forests": (
        lambda e: make_pipeline(e(), stack(forest(), ExtraTreesClassifier(**TREES))),
        "log_odds",
        LEAVES,
    ),
    "stack": (
        lambda e: make_pipeline(e(), stack(forest(), LogisticRegression())),
        "probability",
        ALL,
    ),
    "chained imputer": (
        lambda e: make_pipeline(
            ordinal(), ChainedImputer(m=1, random_state=0), LogisticRegression()
        ),
        "log_odds",
        ALL,
    ),
}


def on_scale(model, scale):
    """Return the model's risk on a scale, as any function of a table."""
    if scale == "log_odds":
        return lambda table: logit(model.predict_proba(table)[:, 1])
    return lambda table: model.predict_proba(table)[:, 1]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_goes_its_route_to_the_values_of_the_enumerator(name, mixed, encode, brute_force):
    X, y = mixed
    make, scale, route = MODELS[name]
    model = make(encode).fit(X, y)
    rows, background = X.iloc[:2], X.iloc[100:106]
    found = explain(model, rows, background=background, random_state=0)
    if name == "chained imputer":  # one gap moves all columns of a row: nothing is read apart
        scale = found.scale
    assert (found.scale, found.route) == (scale, route)
    base, values = brute_force(on_scale(model, scale), rows, background)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    np.testing.assert_allclose(found.base_values, base, atol=1e-9)


def test_several_imputations_are_explained_as_one_prediction(mixed, brute_force):
    X, y = mixed
    X = X[NUMBERS]
    imputer = ChainedImputer(m=2, random_state=0)
    model = MultiplyImputedClassifier(LogisticRegression(), imputer).fit(X, y)
    gap = X["lactate"].isna().to_numpy().argmax()
    rows, background = X.iloc[[gap, 1]], X.iloc[100:106]
    found = explain(model, rows, background=background, random_state=0)
    _, values = brute_force(on_scale(model, "probability"), rows, background)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    assert found.table["status"][1] == "imputed"


@pytest.mark.parametrize("kind", ["histograms", "lightgbm", "xgboost"])
def test_boosters_read_categories_and_gaps_themselves(kind, mixed, brute_force):
    X, y = mixed
    X = X.astype({"sex": "category", "ward": "category"})
    model = {
        "histograms": lambda: HistGradientBoostingClassifier(
            max_iter=8, categorical_features="from_dtype", min_samples_leaf=5
        ),
        "lightgbm": lambda: pytest.importorskip("lightgbm").LGBMClassifier(
            n_estimators=8,
            min_child_samples=5,
            min_data_per_group=5,
            cat_smooth=1,
            verbose=-1,
            n_jobs=1,
        ),
        "xgboost": lambda: pytest.importorskip("xgboost").XGBClassifier(
            n_estimators=8, enable_categorical=True, n_jobs=1
        ),
    }[kind]()
    model.fit(X, y)
    rows, background = X.iloc[:2], X.iloc[100:106]
    found = explain(model, rows, background=background, random_state=0)
    _, values = brute_force(on_scale(model, found.scale), rows, background)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    assert found.route == (ALL if kind == "xgboost" else LEAVES)


def test_xgboost_on_numbers_is_exact_in_its_single_precision(mixed, brute_force):
    xgboost = pytest.importorskip("xgboost")
    X, y = mixed
    model = xgboost.XGBClassifier(n_estimators=8, n_jobs=1).fit(X[NUMBERS], y)
    rows, background = X[NUMBERS].iloc[:3], X[NUMBERS].iloc[100:108]
    found = explain(model, rows, background=background, random_state=0)
    _, values = brute_force(on_scale(model, "log_odds"), rows, background)
    assert found.route == LEAVES
    np.testing.assert_allclose(found.values, values, atol=1e-5)  # its risks have 7 digits
    assert "single precision" in found.why


@pytest.mark.parametrize(
    ("model", "route"),
    [
        (LinearRegression(), CLOSED),
        (GradientBoostingRegressor(**TREES), LEAVES),
        (RandomForestRegressor(**TREES), LEAVES),
    ],
)
def test_regressors_are_explained_as_they_predict(model, route, mixed, encode, brute_force):
    X, y = mixed
    model = make_pipeline(encode(), model).fit(X, y + X["age"] / 50)
    rows, background = X.iloc[:2], X.iloc[100:106]
    found = explain(model, rows, background=background, random_state=0)
    _, values = brute_force(model.predict, rows, background)
    assert (found.scale, found.route) == ("prediction", route)
    np.testing.assert_allclose(found.values, values, atol=1e-9)


@pytest.mark.parametrize("name", ["logistic", "boosted", "forest"])
def test_the_other_scale_is_counted_out(name, mixed, encode, brute_force):
    X, y = mixed
    model = MODELS[name][0](encode).fit(X, y)
    other = "probability" if MODELS[name][1] == "log_odds" else "log_odds"
    if name == "forest":  # a forest says 0 and 1, where log odds end
        frozen = FrozenEstimator(model)
        model = CalibratedClassifierCV(frozen, method="isotonic", ensemble=False).fit(X, y)
    rows, background = X.iloc[:2], X.iloc[100:106]
    found = explain(model, rows, background=background, scale=other, random_state=0)
    edge = 1e-8
    of_risk = on_scale(model, "probability")
    f = of_risk if other == "probability" else (
        lambda table: logit(np.clip(of_risk(table), edge, 1 - edge)))  # fmt: skip
    _, values = brute_force(f, rows, background)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    assert found.route == ALL


def test_values_on_one_scale_are_not_those_of_another_stretched(mixed, encode):
    """What is exact on one scale is not on another: expit of the sum is no sum of parts."""
    X, y = mixed
    model = make_pipeline(encode(), boosted()).fit(X, y)
    rows, background = X.iloc[:4], X.iloc[100:140]
    log_odds = explain(model, rows, background=background, random_state=0)
    risk = explain(model, rows, background=background, scale="probability", random_state=0)
    slope = np.ptp(risk.values) / np.ptp(log_odds.values)
    assert np.abs(log_odds.values * slope - risk.values).max() > 0.003
    np.testing.assert_allclose(risk.predictions, expit(log_odds.predictions), atol=1e-12)


def test_a_wrong_reading_is_not_used(mixed, encode, monkeypatch):
    """A form that does not give the model's own numbers is dropped, not shown."""
    from healthml.explanation._explain import model as module

    X, y = mixed
    model = make_pipeline(encode(), LogisticRegression()).fit(X, y)
    wrong = lambda *args: {k: f.moved(1.01, 0.0) for k, f in read_forms(*args).items()}  # noqa: E731
    monkeypatch.setattr(module, "read_forms", wrong)
    found = explain(model, X.iloc[:2], background=X.iloc[100:110], random_state=0)
    assert (found.route, found.scale) == (ALL, "probability")


def test_a_background_category_of_another_dtype_is_joined(mixed):
    X, y = mixed
    X = X.astype({"sex": "category", "ward": "category"})
    model = HistGradientBoostingClassifier(max_iter=4, categorical_features="from_dtype").fit(X, y)
    rows = X.iloc[:2].copy()
    rows["ward"] = rows["ward"].cat.remove_unused_categories()
    same = explain(model, X.iloc[:2], background=X.iloc[50:90], random_state=0)
    found = explain(model, rows, background=X.iloc[50:90], random_state=0)
    np.testing.assert_array_equal(found.values, same.values)


def test_frames_of_whole_numbers_meet_rows_with_gaps(brute_force):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"count": rng.integers(0, 5, 80), "age": rng.integers(20, 90, 80)})
    y = (X["count"] + rng.normal(size=80) > 2).astype(int)
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(X, y)
    rows = X.iloc[:2].astype(float)
    rows.iloc[0, 0] = np.nan
    found = explain(model, rows, background=X.iloc[40:50], random_state=0)
    background = X.iloc[40:50].astype(float)
    _, values = brute_force(on_scale(model, "log_odds"), rows, background)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
