"""ResampledClassifier: real prevalence, whole patients, metadata, refusals."""

import pickle
import typing

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from healthml.exceptions import InputError, OutcomeError
from healthml.metrics import calibration_slope, oe_ratio
from healthml.resampling import MixedSMOTE, ResampledClassifier
from healthml.resampling._correction import measured
from healthml.validation import validate

SAMPLERS = [None, "class_weight", RandomOverSampler(), RandomUnderSampler(), SMOTE()]


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what `fit` was handed; rows are told apart by their first column."""

    calls = []

    def fit(self, X, y, tag=None, sample_weight=None):
        X = np.asarray(X)
        Recorder.calls.append((X[:, 0].copy(), np.asarray(y), tag, sample_weight))
        self.classes_ = np.unique(y)
        self.share_ = float(np.mean(y == self.classes_[1]))
        return self

    def predict_proba(self, X):
        risk = 0.2 + 0.6 / (1 + np.exp(-np.asarray(X)[:, 1]))
        return np.column_stack([1 - risk, risk])


@pytest.fixture(autouse=True)
def no_calls():
    Recorder.calls = []


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_the_mean_risk_is_the_event_rate_again(rare, sampler):
    X, y, groups = rare
    model = ResampledClassifier(LogisticRegression(), sampler, n_members=10, random_state=0)
    model.fit(X, y, groups=groups)
    raw = model.predict_uncorrected_proba(X)[:, 1].mean()
    assert abs(model.predict_proba(X)[:, 1].mean() / y.mean() - 1) < 0.08
    if sampler is not None:
        assert raw > 2 * y.mean()
        assert model.calibration_.get("before", "oe_ratio")["upper"] < 0.5
    after = model.calibration_.get("after", "oe_ratio")
    assert after["lower"] < 1 < after["upper"]


@pytest.mark.parametrize("correction", ["platt", "beta", "isotonic"])
def test_corrections_are_calibrated_on_new_rows(correction):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(9000, 3))
    y = (rng.random(9000) < 1 / (1 + np.exp(3 - 1.2 * X[:, 0]))).astype(int)
    model = ResampledClassifier(
        GaussianNB(), RandomOverSampler(), correction=correction, random_state=0
    )
    risk = model.fit(X[:4000], y[:4000]).predict_proba(X[4000:])[:, 1]
    assert abs(np.log(oe_ratio(y[4000:], risk))) < 0.15
    assert 0.8 < calibration_slope(y[4000:], np.clip(risk, 1e-4, 1 - 1e-4)) < 1.25


def test_no_patient_is_in_learner_and_correction(rare):
    X, y, groups = rare
    for ensemble in ("single", "bagged"):
        Recorder.calls = []
        X = X.assign(age=np.arange(len(X), dtype=float))
        model = ResampledClassifier(
            Recorder(), RandomUnderSampler(), ensemble=ensemble, n_members=4, random_state=0
        )
        model.fit(X, y, groups=groups)
        fitted = [set(groups[rows.astype(int)]) for rows, *_ in Recorder.calls]
        if ensemble == "bagged":
            assert len(fitted) == 4
            assert not fitted[0] & fitted[1]
            assert not fitted[2] & fitted[3]


def test_halves_are_complementary_and_whole(rare):
    from healthml.resampling._learner import half_samples

    _, y, groups = rare
    pairs = half_samples(y, groups, 6, 0)
    out = np.zeros(len(y))
    for train, test in pairs:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(y)
        out[test] += 1
    assert (out == 3).all()


def test_calibration_rows_are_never_resampled(rare):
    X, y, groups = rare
    model = ResampledClassifier(LogisticRegression(), SMOTE(), random_state=0)
    model.fit(X, y, groups=groups)
    assert model.calibration_rows_ == {
        "n_samples": len(y),
        "n_events": int(y.sum()),
        "n_patients": len(np.unique(groups)),
        "prevalence": y.mean(),
    }
    assert model.learner_prevalence_ == pytest.approx(0.5)


def test_metadata_follows_the_rows(rare):
    X, y, groups = rare
    X, weight = X.assign(age=np.arange(len(X), dtype=float)), 1 + np.arange(len(y)) / 100
    model = ResampledClassifier(Recorder(), RandomOverSampler(), random_state=0)
    model.fit(X, y, groups=groups, sample_weight=weight, tag=10.0 * np.arange(len(y)))
    for rows, labels, tag, own in Recorder.calls:
        np.testing.assert_allclose(tag, 10 * rows)
        np.testing.assert_allclose(own, weight[rows.astype(int)])
        np.testing.assert_array_equal(labels, y[rows.astype(int)])
        assert labels.mean() == pytest.approx(0.5)


def test_metadata_follows_the_rows_with_routing(rare):
    X, y, groups = rare
    X = X.assign(age=np.arange(len(X), dtype=float))
    with sklearn.config_context(enable_metadata_routing=True):
        inner = Recorder().set_fit_request(tag=True, sample_weight=False)
        model = ResampledClassifier(inner, RandomUnderSampler(), ensemble="single", random_state=0)
        model.set_fit_request(sample_weight=True)
        found = cross_validate(
            model, X, y, params={"groups": groups, "tag": 10.0 * np.arange(len(y))}, cv=2
        )
    assert len(found["test_score"]) == 2
    for rows, _, tag, own in Recorder.calls:
        np.testing.assert_allclose(tag, 10 * rows)
        assert own is None


@pytest.mark.parametrize("given", [False, True])
def test_a_bootstrap_puts_no_copy_of_a_patient_on_both_sides(rare, given):
    X, y, groups = rare
    X = X.assign(age=np.arange(len(X), dtype=float))
    model = ResampledClassifier(
        Recorder(), RandomUnderSampler(), ensemble="bagged", n_members=2, random_state=0
    )
    patients = groups if given else None
    result = validate(model, X, y, groups=patients, method="oob", n_resamples=3, random_state=0)
    assert np.isfinite(result.get("calibration_slope")["estimate"])
    assert len(Recorder.calls) == 8  # all rows and 3 draws, two halves each
    units = groups if given else np.arange(len(y))
    for (first, *_), (second, *_) in zip(Recorder.calls[::2], Recorder.calls[1::2], strict=True):
        assert not set(units[first.astype(int)]) & set(units[second.astype(int)])


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("search", [GridSearchCV, TunedThresholdClassifierCV, None])
def test_searches_and_folds_hand_the_patients_on_with_routing(rare, search, routing):
    X, y, groups = rare
    X = X.assign(age=np.arange(len(X), dtype=float))
    model = ResampledClassifier(
        Recorder(), RandomUnderSampler(), ensemble="bagged", n_members=2, random_state=0
    )
    options = {"cv": GroupKFold(2), "scoring": "roc_auc"}
    with sklearn.config_context(enable_metadata_routing=routing):
        if search is None:
            given = {"params": {"groups": groups}} if routing else {"groups": groups}
            cross_validate(model, X, y, **options, **given)
        elif search is GridSearchCV:
            GridSearchCV(model, {"n_members": [2]}, **options).fit(X, y, groups=groups)
        else:
            splits = list(GroupKFold(2).split(X, y, groups))
            tuned = TunedThresholdClassifierCV(model, cv=splits, scoring="f1")
            tuned.fit(X, y, **({"groups": groups} if routing else {}))
    pairs = list(zip(Recorder.calls[::2], Recorder.calls[1::2], strict=True))
    assert len(pairs) == 2 + (search is not None)
    sides = [[set(groups[half[0].astype(int)]) for half in pair] for pair in pairs]
    if routing:
        assert not any(first & second for first, second in sides)


def test_made_rows_have_no_metadata(rare):
    X, y, _ = rare
    model = ResampledClassifier(LogisticRegression(), SMOTE(), random_state=0)
    with pytest.raises(InputError, match="SMOTE makes rows that have no sample_weight"):
        model.fit(X, y, sample_weight=np.ones(len(y)))


class Seen(LogisticRegression):
    """Keeps the rows that it was fitted on."""

    rows: typing.ClassVar = []

    def fit(self, X, y, sample_weight=None):
        self.rows.append(np.asarray(X)[:, 0])
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("routing", [False, True])
def test_the_sampler_is_told_the_site_of_each_row(routing):
    """With three events at a site its five neighbours are elsewhere; where asked, none is taken."""
    rng = np.random.default_rng(0)
    X, site = rng.normal(size=(300, 2)), np.repeat(["a", "b"], 150)
    X[:, 0] += 10 * (site == "b")
    y = np.zeros(300, dtype=int)
    y[[0, 1, 2]] = y[150:190] = 1
    sampler = MixedSMOTE()
    options = {"cv": [(np.arange(300), np.arange(300))], "random_state": 0}
    between = {}
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing:
            sampler = MixedSMOTE().set_fit_resample_request(site=True)
        model = ResampledClassifier(Seen(), sampler, **options)
        for name, extra in (("unknown", {}), ("known", {"site": site})):
            Seen.rows.clear()
            model.fit(X, y, **extra)
            seen = np.concatenate(Seen.rows)
            between[name] = int(((seen > 4) & (seen < 6)).sum())
        with pytest.raises(InputError, match="site has 299 values for 300 rows"):
            model.fit(X, y, site=site[1:])
        with pytest.raises((InputError, TypeError), match="site"):  # nobody takes it
            ResampledClassifier(Seen(), SMOTE(), **options).fit(X, y, site=site)
    assert between["unknown"] > 0
    assert between["known"] == 0


@pytest.mark.parametrize("sampler", ["SMOTE", SMOTE])
def test_a_name_or_a_class_is_no_sampler(rare, sampler):
    X, y, _ = rare
    with pytest.raises(InputError, match=r"pass an imbalanced-learn sampler, such as SMOTE\(\)"):
        ResampledClassifier(LogisticRegression(), sampler).fit(X, y)


def test_auto_says_why(rare):
    X, y, _ = rare
    cases = [
        (LogisticRegression(), None, "single", "no tree"),
        (LogisticRegression(), SMOTE(), "single", "no tree"),
        (LogisticRegression(), RandomUnderSampler(), "bagged", "throws rows away"),
        (make_pipeline(RandomUnderSampler(), LogisticRegression()), None, "bagged", "rows away"),
        (DecisionTreeClassifier(max_depth=2), None, "bagged", "made of trees"),
        (make_pipeline(SimpleImputer(), RandomForestClassifier(5)), None, "bagged", "trees"),
        (BalancedRandomForestClassifier(5), None, "bagged", "trees"),
    ]
    for estimator, sampler, ensemble, words in cases:
        model = ResampledClassifier(estimator, sampler, n_members=4, random_state=0).fit(X, y)
        assert model.ensemble_ == ensemble, estimator
        assert words in model.reasons_["ensemble"]
        assert len(model.estimators_) == (4 if ensemble == "bagged" else 1)
        assert model.correction_ == "platt"


@pytest.mark.parametrize(
    ("estimator", "sampler"),
    [
        (LogisticRegression(C=np.inf), "class_weight"),
        (LogisticRegression(C=np.inf, class_weight={0: 1, 1: 7}), None),
        (LogisticRegression(C=np.inf), RandomOverSampler(sampling_strategy=0.6)),
        (LogisticRegression(C=np.inf), RandomUnderSampler(sampling_strategy=0.4)),
        (make_pipeline(RandomOverSampler(), LogisticRegression(C=np.inf)), None),
    ],
)
def test_prior_restores_the_rate_of_linear_models(estimator, sampler):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(20000, 3))
    y = (rng.random(20000) < 1 / (1 + np.exp(3 - X[:, 0]))).astype(int)
    model = ResampledClassifier(
        estimator, sampler, correction="prior", ensemble="single", random_state=0
    )
    risk = model.fit(X, y).predict_proba(X)[:, 1]
    assert abs(risk.mean() / y.mean() - 1) < 0.03


@pytest.mark.parametrize(
    ("estimator", "sampler", "words"),
    [
        (LogisticRegression(), SMOTE(), "SMOTE changes what the rows of a class look like"),
        (HistGradientBoostingClassifier(max_iter=5), RandomUnderSampler(), "no linear model"),
        (RandomForestClassifier(10, class_weight="balanced"), None, "saw class weights"),
        (BalancedRandomForestClassifier(5), None, "resampling inside Balanced"),
        (LogisticRegression(), RandomOverSampler(shrinkage=0.5), "changes what the rows"),
    ],
)
def test_prior_is_refused_with_its_figure(rare, estimator, sampler, words):
    X, y, _ = rare
    model = ResampledClassifier(estimator, sampler, correction="prior", n_members=4, random_state=0)
    with pytest.raises(InputError, match=rf"{words}.*O:E of \d+\.\d\d \(\d"):
        model.fit(X, y)


def test_search_and_calibrator_inside_a_resampler_are_refused(rare):
    X, y, _ = rare
    search = GridSearchCV(LogisticRegression(), {"C": [1, 2]})
    with pytest.raises(InputError, match="GridSearchCV inside a resampler"):
        ResampledClassifier(search, SMOTE()).fit(X, y)
    calibrated = CalibratedClassifierCV(LogisticRegression())
    with pytest.raises(InputError, match="without the real prevalence"):
        ResampledClassifier(calibrated, SMOTE(), correction=None).fit(X, y)
    ResampledClassifier(search, random_state=0).fit(X, y)  # nothing is resampled: allowed


def test_rows_balanced_before_are_refused(rare):
    X, y, _ = rare
    new_X, new_y = RandomOverSampler(random_state=0).fit_resample(X, y)
    model = ResampledClassifier(LogisticRegression(), prevalence=float(y.mean()))
    with pytest.raises(InputError, match=r"event rate of 0.5, and prevalence is 0\.\d+"):
        model.fit(new_X, new_y)
    model.fit(X, y)


def test_a_splitter_that_judges_balanced_rows_is_refused(rare):
    X, y, _ = rare
    events, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    test = np.r_[events[:30], others[:30]]
    cv = [(np.setdiff1d(np.arange(len(y)), test), test)]
    with pytest.raises(InputError, match="all training rows have"):
        ResampledClassifier(LogisticRegression(), SMOTE(), cv=cv).fit(X, y)


def test_cv_that_splits_a_patient_is_refused(rare):
    X, y, groups = rare
    cv = [(np.arange(0, 800, 2), np.arange(1, 800, 2))]
    with pytest.raises(InputError, match="both sides of split 0"):
        ResampledClassifier(LogisticRegression(), cv=cv).fit(X, y, groups=groups)


def test_more_than_two_classes_are_refused_in_a_sentence(rare):
    X, y, _ = rare
    with pytest.raises(OutcomeError, match="Only binary classification"):
        ResampledClassifier(LogisticRegression()).fit(X, np.where(X["age"] > 1, 2, y))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ensemble", "many"),
        ("correction", "sigmoid"),
        ("sampler", "smote"),
        ("n_members", 3),
        ("prevalence", 2),
        ("prevalence", "8%"),
        ("cv", 1),
    ],
)
def test_parameters_are_checked(rare, name, value):
    X, y, _ = rare
    model = ResampledClassifier(LogisticRegression()).set_params(**{name: value})
    with pytest.raises(InputError, match=f"{name} is"):
        model.fit(X, y)


def test_a_sampler_that_is_none_is_refused(rare):
    X, y, _ = rare
    with pytest.raises(InputError, match="sampler is of type SimpleImputer"):
        ResampledClassifier(LogisticRegression(), SimpleImputer()).fit(X, y)


def test_class_weights_need_a_learner_that_takes_them(rare):
    X, y, _ = rare
    with pytest.raises(InputError, match="takes neither class_weight nor sample_weight"):
        ResampledClassifier(KNeighborsClassifier(), "class_weight").fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_answer_is_the_same_for_any_n_jobs(rare, n_jobs):
    X, y, groups = rare
    estimator = DecisionTreeClassifier(max_features=2, max_depth=3)
    model = ResampledClassifier(estimator, RandomUnderSampler(), n_members=6, random_state=5)
    model.set_params(n_jobs=n_jobs).fit(X, y, groups=groups)
    again = clone(model).set_params(n_jobs=None).fit(X, y, groups=groups)
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.predict_proba(X), copy.predict_proba(X))


def test_the_order_of_the_rows_does_not_decide():
    rng = np.random.default_rng(2)
    X = np.sort(rng.normal(size=(600, 1)), axis=0)
    y = (rng.random(600) < 1 / (1 + np.exp(2 - X[:, 0]))).astype(int)
    model = ResampledClassifier(LogisticRegression(), random_state=0).fit(X, y)
    assert 0.8 < model.calibration_.get("before", "calibration_slope")["estimate"] < 1.2


def test_grid_search_reaches_the_sampling_strategy(rare):
    X, y, _ = rare
    model = ResampledClassifier(
        LogisticRegression(), RandomUnderSampler(), n_members=4, random_state=0
    )
    grid = {"sampler__sampling_strategy": [0.3, 1.0], "estimator__C": [0.1]}
    search = GridSearchCV(model, grid, scoring="neg_brier_score", cv=2).fit(X, y)
    seen = search.best_estimator_.learner_prevalence_
    strategy = search.best_params_["sampler__sampling_strategy"]
    assert seen == pytest.approx(strategy / (1 + strategy), abs=0.01)
    TunedThresholdClassifierCV(model, scoring="f1", cv=2).fit(X, y).predict(X)


def test_frames_labels_and_missing_values(rare):
    X, y, groups = rare
    labels = np.where(y == 1, "died", "alive")
    X = X.assign(unit=pd.Categorical(np.where(X["crp"] > 0, "icu", "ward")))
    X.loc[::7, "lactate"] = np.nan
    tree = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    model = ResampledClassifier(tree, RandomUnderSampler(), n_members=4, random_state=0)
    model.fit(X, labels, groups=groups)
    assert model.classes_.tolist() == ["alive", "died"]
    assert model.feature_names_in_.tolist() == list(X.columns)
    assert set(model.predict(X)) <= {"alive", "died"}
    assert abs(model.predict_proba(X)[:, 1].mean() / y.mean() - 1) < 0.1


@pytest.mark.parametrize("sampler", [RandomUnderSampler(), SMOTE(), None], ids=str)
def test_polars_in(rare, sampler):
    X, y, groups = rare
    model = ResampledClassifier(LogisticRegression(), sampler, n_members=4, random_state=0)
    risk = clone(model).fit(X, y, groups=groups).predict_proba(X)
    polars = pl.DataFrame(X.to_dict("list"))
    again = model.fit(polars, y, groups=groups).predict_proba(polars)
    np.testing.assert_allclose(again, risk)
    assert model.feature_names_in_.tolist() == list(X.columns)


def test_change_is_a_result(rare):
    import matplotlib.pyplot as plt

    X, y, _ = rare
    model = ResampledClassifier(LogisticRegression(), SMOTE(), random_state=0).fit(X, y)
    table = model.calibration_.to_frame()
    assert table["stage"].tolist() == ["before"] * 3 + ["after"] * 3
    assert (table["n_events"] == y.sum()).all()
    assert "before" in repr(model.calibration_)
    model.calibration_.plot()
    plt.close("all")


def test_exact_zeros_of_a_forest_do_not_decide_the_correction():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4))
    y = (rng.random(1500) < 1 / (1 + np.exp(3 - 1.5 * X[:, 0]))).astype(int)
    forest = RandomForestClassifier(20, random_state=0)
    model = ResampledClassifier(forest, n_members=10, random_state=0).fit(X, y)
    assert model.limits_.lower > 0.005
    assert model.calibration_.get("after", "calibration_slope")["estimate"] > 0.8


@pytest.mark.parametrize("ensemble", ["single", "bagged"])
def test_an_outcome_that_nothing_tells_gives_everybody_the_prevalence(ensemble):
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(400, 2)), np.tile([0, 0, 0, 1], 100)
    model = ResampledClassifier(
        DecisionTreeClassifier(random_state=0), ensemble=ensemble, n_members=4, random_state=0
    ).fit(X, y)
    if model.recalibration_.slope == 0:
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], 0.25)
    risk = np.full(400, 0.25) + 1e-14 * X[:, 0]
    (flat,) = measured(y, risk, measures=["calibration_slope"])
    assert np.isnan(flat["estimate"])
    assert "same for every row" in flat["method"]


@pytest.mark.parametrize("estimator", [LogisticRegression(), DecisionTreeClassifier()])
def test_one_patient_with_the_event_is_refused(rare, estimator):
    X, y, _ = rare
    with pytest.raises(InputError, match="Only 1 patient has"):
        ResampledClassifier(estimator).fit(X, (np.arange(len(y)) == 7).astype(int))


def test_a_sampler_that_fails_is_named_with_its_rows(rare):
    X, y, _ = rare
    few = np.cumsum(y) * y <= 4
    model = ResampledClassifier(LogisticRegression(), SMOTE(), cv=2, random_state=0)
    with pytest.raises(InputError, match=r"SMOTE failed on \d+ training rows, 4 of them"):
        model.fit(X[few], y[few])


@pytest.mark.parametrize("n_events", [10, 20, 50])
@pytest.mark.parametrize(
    ("estimator", "sampler"),
    [
        (LogisticRegression(), None),
        (LogisticRegression(), "class_weight"),
        (LogisticRegression(), RandomUnderSampler()),
        (DecisionTreeClassifier(), RandomUnderSampler()),
        (HistGradientBoostingClassifier(max_iter=5), None),
    ],
)
def test_few_events_give_nothing_absurd(n_events, estimator, sampler):
    rng = np.random.default_rng(n_events)
    X = rng.normal(size=(1000, 3))
    score = X[:, 0] + rng.normal(size=1000)
    y = (score >= np.sort(score)[-n_events]).astype(int)
    model = ResampledClassifier(estimator, sampler, n_members=6, random_state=0).fit(X, y)
    risk = model.predict_proba(rng.normal(size=(1000, 3)))[:, 1]
    assert 0.5 < risk.mean() / y.mean() < 2
    assert 0 < risk.min() < risk.max() < 0.995
