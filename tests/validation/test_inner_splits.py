"""Inner splits of searches, calibrators and stacks: no copy of a row, no patient on both sides."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFECV, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from healthml.exceptions import InputError
from healthml.explanation import permutation_importance
from healthml.validation import (
    PatientTimeSplit,
    RepeatedStratifiedGroupKFold,
    ShrunkenClassifier,
    bootstrap_shrinkage,
    compare_models,
    internal_external,
    learning_curve,
    membership_inference,
    permutation_test,
    prediction_instability,
    temporal_performance,
    validate,
)
from healthml.validation._refits.inner_splits import (
    as_judged,
    inner_splits,
    keep_together,
    unreachable,
)

SEEN = []


class Watch(ClassifierMixin, BaseEstimator):
    """Keeps the identities (first column) of the rows of every fit and of every prediction."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        self.classes_, self.ids_ = np.array([0, 1]), np.asarray(X)[:, 0].astype(int)
        return self

    def predict_proba(self, X):
        ids = np.asarray(X)[:, 0].astype(int)
        SEEN.append((self.ids_, ids))
        risk = 0.3 + 0.4 * (np.asarray(X)[:, 1] > 0)
        return np.column_stack([1 - risk, risk])

    def decision_function(self, X):
        return self.predict_proba(X)[:, 1]

    def predict(self, X):
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def shared(patient):
    """Return how many inner predictions met a patient of their own training rows."""
    inner = [(fit, seen) for fit, seen in SEEN if len(seen) < 150]
    assert inner  # the estimator did split
    return sum(bool(np.intersect1d(patient[fit], patient[seen]).size) for fit, seen in inner)


GRID = {"C": [0.1, 1.0]}
SPLIT = {
    "calibrated": CalibratedClassifierCV(Watch(), cv=3),
    "calibrated, no ensemble": CalibratedClassifierCV(Watch(), cv=KFold(3), ensemble=False),
    "search": GridSearchCV(Watch(), GRID, cv=4, scoring="roc_auc"),
    "search with a splitter": GridSearchCV(
        Watch(), GRID, cv=StratifiedKFold(3, shuffle=True), scoring="roc_auc"
    ),
    "random search": RandomizedSearchCV(
        Watch(), GRID, n_iter=1, cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2)
    ),
    "shuffled": GridSearchCV(Watch(), GRID, cv=ShuffleSplit(3, test_size=0.3), scoring="roc_auc"),
    "threshold": TunedThresholdClassifierCV(Watch(), cv=3),
    "threshold, one part": TunedThresholdClassifierCV(Watch(), cv=0.3),
    "stack": StackingClassifier([("a", Watch()), ("b", Watch(C=2.0))], cv=3),
    "piped": make_pipeline(FunctionTransformer(), CalibratedClassifierCV(Watch(), cv=3)),
    "vote": VotingClassifier([("a", CalibratedClassifierCV(Watch(), cv=3))], voting="soft"),
}


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.arange(n), rng.normal(size=(n, 2))])
    y = (X[:, 1] + rng.normal(size=n) > 0).astype(int)
    return X, y


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("name", SPLIT)
def test_copies_of_a_row_stay_on_one_side(name, routing):
    SEEN.clear()
    X, y = table()
    options = {"method": "oob", "n_resamples": 4, "measures": "brier", "ci": "none"}
    with config_context(enable_metadata_routing=routing), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        validate(SPLIT[name], X, y, random_state=0, **options)
    assert shared(np.arange(len(X))) == 0


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("name", SPLIT)
def test_patients_stay_on_one_side(name, routing):
    SEEN.clear()
    X, y = table()
    patient = np.random.default_rng(1).permutation(np.arange(200) // 4)
    options = {"method": "cv", "cv": 3, "measures": "brier", "ci": "none", "groups": patient}
    with config_context(enable_metadata_routing=routing), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = validate(SPLIT[name], X, y, random_state=0, **options)
    assert shared(patient) == 0
    assert "splits rows; whole patients were split instead" in " ".join(result.remarks)
    SEEN.clear()
    with config_context(enable_metadata_routing=routing):
        result.estimator.fit(X, y)  # to be deployed, as it was judged
    if SEEN:
        assert shared(patient) == 0


SPLITTERS = [
    GroupKFold(3),
    StratifiedGroupKFold(3),
    GroupShuffleSplit(2, random_state=0),
    LeaveOneGroupOut(),
    RepeatedStratifiedGroupKFold(3, n_repeats=2),
]


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_splitters_of_groups_work_with_routing_off_and_on(cv, routing):
    SEEN.clear()
    X, y = table()
    patient = np.random.default_rng(1).permutation(np.arange(200) // 10)
    search = GridSearchCV(Watch(), GRID, cv=cv, scoring="roc_auc")
    with config_context(enable_metadata_routing=routing), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = validate(
            search, X, y, method="nested_cv", cv=3, groups=patient, measures="brier", ci="none"
        )
    assert shared(patient) == 0
    assert "splits rows" not in " ".join(result.remarks)  # nothing was replaced
    assert result.get("brier")["resamples_failed"] == 0


def test_a_splitter_of_groups_without_groups_says_what_is_missing():
    X, y = table()
    search = GridSearchCV(LogisticRegression(), GRID, cv=GroupKFold(3))
    with pytest.raises(InputError, match="groups"):
        validate(search, X, y, method="cv", random_state=0)


def test_one_procedure_is_judged_and_handed_back():
    """Memory looks perfect where a patient's other row is in the training rows: k is the sign."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(120), 2)
    X, y = np.repeat(rng.normal(size=(120, 3)), 2, axis=0), np.repeat(rng.random(120) < 0.4, 2) * 1
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 40]}, scoring="roc_auc", cv=4)
    result = validate(search, X, y, groups=patient, method="nested_cv", random_state=0)
    assert "GridSearchCV: cv=4 splits rows" in " ".join(result.remarks)
    order = rng.permutation(240)
    assert clone(search).fit(X[order], y[order]).best_params_["n_neighbors"] == 1
    judged = result.estimator.fit(X, y)
    assert judged.best_score_ < 0.75  # its inner folds hold no patient on both sides
    assert search.cv == 4  # the user's own is left as it was


def test_ready_made_pairs_inside_are_refused_and_folds_by_row_are_followed():
    X, y = table()
    pairs = list(KFold(3).split(X))
    search = GridSearchCV(LogisticRegression(), GRID, cv=pairs)
    with pytest.raises(InputError, match="cv of GridSearchCV holds positions of rows"):
        validate(search, X, y, method="cv", random_state=0)
    fold = np.arange(200) % 2
    model, rows = GridSearchCV(Watch(), GRID, cv=PredefinedSplit(fold)), np.array([5, 6, 7, 7, 9])
    keep_together(model, X[rows], y[rows], rows, None)
    sides = [sorted(rows[test]) for _, test in model.cv]
    assert sides == [[6], [5, 7, 7, 9]]
    short = GridSearchCV(LogisticRegression(), GRID, cv=PredefinedSplit(fold[:50]))
    with pytest.raises(InputError, match="give the fold of every row"):
        validate(short, X, y, method="cv", random_state=0)


NESTED = GridSearchCV(
    CalibratedClassifierCV(Watch(), cv=3), {"method": ["sigmoid", "isotonic"]}, cv=3
)


@pytest.mark.parametrize(
    ("model", "where"),
    [
        (NESTED, "CalibratedClassifierCV inside GridSearchCV"),
        (BaggingClassifier(TunedThresholdClassifierCV(Watch())), "inside BaggingClassifier"),
        (HistGradientBoostingClassifier(early_stopping=True), "HistGradientBoostingClassifier"),
        (MLPClassifier(early_stopping=True), "MLPClassifier"),
        (GradientBoostingClassifier(n_iter_no_change=3), "GradientBoostingClassifier"),
        (GridSearchCV(LogisticRegression(), {"C": [1]}, cv=3), ""),
        (
            GridSearchCV(
                make_pipeline(StandardScaler(), Watch()), {"watch": [LogisticRegressionCV()]}
            ),
            "LogisticRegressionCV inside GridSearchCV",
        ),
        (make_pipeline(RFECV(LogisticRegression()), LogisticRegression()), ""),
        (make_pipeline(SelectFromModel(LogisticRegressionCV()), LogisticRegression()), ""),
        (HistGradientBoostingClassifier(), ""),
    ],
)
def test_what_cannot_be_reached_is_known(model, where):
    found = unreachable(model, n_rows=200)
    assert (where in " ".join(found)) if where else not found
    assert bool(found) == bool(where)


def test_early_stopping_by_itself_depends_on_the_rows():
    assert unreachable(HistGradientBoostingClassifier(), n_rows=20_000)


def test_an_explicit_bootstrap_refuses_what_cannot_be_reached_and_auto_goes_round():
    X, y = table(120)
    for method in ("oob", "optimism", "632+"):
        with pytest.raises(InputError, match="CalibratedClassifierCV inside GridSearchCV"):
            validate(NESTED, X, y, method=method, n_resamples=5, random_state=0)
    draws = [np.random.default_rng(0).integers(0, 120, 120)]
    with pytest.raises(InputError, match="repeated_cv"):
        validate(NESTED, X, y, resamples=draws, random_state=0)
    stopping = MLPClassifier((2,), early_stopping=True, max_iter=5)
    for function in (prediction_instability, bootstrap_shrinkage):
        with pytest.raises(InputError, match="MLPClassifier"):
            function(stopping, X, y, n_resamples=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = validate(stopping, X, y, n_resamples=10, random_state=0)
    assert result.method == "repeated_cv"
    assert "copies of a row" in " ".join(result.remarks)


def test_calibration_under_the_bootstrap_is_not_flattered_by_copies():
    """A tree knows copies by heart: its calibrator then sees perfect ranks and spoils the risks."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4))
    y = (X[:, 0] + 1.5 * rng.normal(size=300) > 0.5).astype(int)
    model = CalibratedClassifierCV(DecisionTreeClassifier(min_samples_leaf=2, random_state=0), cv=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = validate(model, X, y, method="oob", n_resamples=40, random_state=0)
        folds = validate(model, X, y, method="repeated_cv", n_resamples=40, random_state=0)
    slopes = [found.get("calibration_slope")["corrected"] for found in (drawn, folds)]
    assert abs(np.log(slopes[0] / slopes[1])) < 0.45  # with copies on both sides: 0.4 times


def test_frames_and_ready_made_splits_in_a_column_transformer():
    SEEN.clear()
    X, y = table()
    frame = pd.DataFrame(X, columns=["id", "a", "b"])
    inner = make_column_transformer(
        (
            SelectFromModel(
                LogisticRegressionCV(cv=3, l1_ratios=(0,), use_legacy_attributes=False)
            ),
            ["a", "b"],
        ),
        remainder="passthrough",
    )
    assert [split.where for split in inner_splits(inner)] == [
        "LogisticRegressionCV inside SelectFromModel"
    ]
    model = make_pipeline(inner, LogisticRegression())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = validate(model, frame, y, method="oob", n_resamples=3, ci="none", random_state=0)
    assert found.get("auroc")["resamples_failed"] == 0


def test_our_own_estimators_get_the_drawn_rows_as_patients():
    X, y = table()
    SEEN.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        validate(
            ShrunkenClassifier(Watch(), cv=3),
            X,
            y,
            method="oob",
            n_resamples=3,
            ci="none",
            measures="brier",
            random_state=0,
        )
    assert shared(np.arange(200)) == 0


def test_every_function_that_refits_keeps_patients_together_and_says_so():
    X, y = table()
    patient = np.arange(200) // 2
    search = GridSearchCV(Watch(), GRID, cv=GroupKFold(3), scoring="roc_auc")
    by_rows = clone(search).set_params(cv=3)
    site = np.repeat(["a", "b", "c", "d"], 50)
    time = PatientTimeSplit(np.arange(200), n_splits=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model in (search, by_rows):
            SEEN.clear()
            compared = compare_models(
                {"m": model},
                X,
                y,
                groups=patient,
                cv=3,
                n_repeats=1,
                simple_references=["penalised logistic"],
            )
            sites = internal_external(model, X, y, site=site, groups=patient, measures=["auroc"])
            later = temporal_performance(model, X, y, cv=time, groups=patient)
            assert shared(patient) == 0
    assert "whole patients were split instead" in " ".join(compared.remarks)
    assert "whole patients were split instead" in sites.estimand
    assert "whole patients were split instead" in later.estimand


def importance(model, X, y, groups):
    return permutation_importance(model, pd.DataFrame(X), y, groups=groups, cv=3, random_state=0)


REFITTING = {
    "learning_curve": lambda *a, groups: learning_curve(
        *a, groups=groups, sizes=[0.6, 1.0], cv=2, n_repeats=1, random_state=0
    ),
    "permutation_test": lambda *a, groups: permutation_test(
        *a, groups=groups, cv=2, n_permutations=5, random_state=0
    ),
    "membership_inference": lambda *a, groups: membership_inference(
        *a, groups=groups, n_repeats=1, random_state=0
    ),
    "permutation_importance": lambda *a, groups: importance(*a, groups),
}


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("name", REFITTING)
def test_the_others_that_refit_say_it_too_and_hand_the_judged_procedure_back(name, routing):
    X, y = table()
    patient = np.arange(200) // 2
    model = GridSearchCV(Watch(), GRID, cv=GroupKFold(3), scoring="roc_auc")
    with warnings.catch_warnings(), config_context(enable_metadata_routing=routing):
        warnings.simplefilter("ignore")
        REFITTING[name](model, X, y, groups=patient)  # a splitter of groups works
        SEEN.clear()
        found = REFITTING[name](model.set_params(cv=3), X, y, groups=patient)
        assert shared(patient) == 0
        assert "whole patients were split instead" in found.summary()
        SEEN.clear()
        found.estimator.fit(X, y)
    assert shared(patient) == 0


def test_what_is_frozen_splits_nothing_and_is_said_to_be_judged_as_it_is():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 2)), np.tile([0, 1], 40)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3).fit(X, y)
    for model in (FrozenEstimator(search), CalibratedClassifierCV(FrozenEstimator(search), cv=3)):
        words = as_judged(model, X, y, np.arange(80) // 2)[1]
        assert sum("GridSearchCV is frozen" in word for word in words) == 1
        assert not any("GridSearchCV splits" in word or "GridSearchCV:" in word for word in words)
