"""Refits: seeds, patients, weights, warnings, separation, interruption."""

import threading
import time
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from healthml._core._parallel import recorded
from healthml.exceptions import InputError
from healthml.validation._refits.procedure import Procedure, weight_keyword
from healthml.validation._refits.refit import ONE_CLASS, Resample, iterate_refits, refit
from healthml.validation._refits.separation import is_separated

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(80, 3))
Y = (X[:, 0] + RANDOM.normal(size=80) > 0).astype(int)


def draws(count, n=80, seed=0):
    random = np.random.RandomState(seed)
    every = np.arange(n)
    return [Resample(random.randint(0, n, n), every, b, 100 + b) for b in range(count)]


class Says(ClassifierMixin, BaseEstimator):
    """Warns, fails or stops as told, by the number of its fit."""

    calls = 0

    def __init__(self, warn=(), fail_at=None, stop_at=None):
        self.warn, self.fail_at, self.stop_at = warn, fail_at, stop_at

    def fit(self, X, y):
        Says.calls += 1
        if self.stop_at == Says.calls:
            raise KeyboardInterrupt
        if self.fail_at == Says.calls:
            raise RuntimeError("could not read 'Mrs Miller'")
        for category in self.warn:
            warnings.warn("Mrs Miller is 4711", category, stacklevel=1)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        risk = np.full(len(X), 0.4)
        return np.column_stack([1 - risk, risk])


@pytest.fixture(autouse=True)
def _no_calls():
    Says.calls = 0


def test_seeds_make_a_refit_repeatable_and_a_set_state_is_kept():
    free, fixed = DecisionTreeClassifier(max_features=1), DecisionTreeClassifier(random_state=3)
    first, again = (refit(free, X, Y, draws(3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.risk, other.risk)
    procedure = Procedure(make_pipeline(free, DecisionTreeClassifier()))
    made = procedure.make(draws(2)[1])
    assert [step.random_state for _, step in made.steps] == [101, 101]
    assert Procedure(fixed).make(draws(1)[0]).random_state == 3


class CountsChecks(LogisticRegression):
    """Counts how often its parameters are checked."""

    checks = 0

    def _validate_params(self):
        type(self).checks += 1
        super()._validate_params()


CountsChecks.__module__ = "sklearn.stand_in"


def test_parameters_are_checked_once_and_wrong_ones_are_still_named():
    CountsChecks.checks = 0
    refit(CountsChecks(), X, Y, draws(6))
    assert CountsChecks.checks == 1
    with pytest.raises(InputError, match=r"resample 0.*InvalidParameterError"):
        refit(CountsChecks(C=-1), X, Y, draws(2))
    assert not Procedure(GridSearchCV(LogisticRegression(), {"C": [-1, 1]})).sound
    assert not Procedure(make_pipeline(StandardScaler(), Says())).sound  # not a known class


def test_warnings_are_given_once_with_their_count_and_without_their_words():
    model = Says(warn=(DataConversionWarning, ConvergenceWarning, DataConversionWarning))
    with pytest.warns(DataConversionWarning, match="5 of 5 refits of Says warned") as caught:
        found = refit(model, X, Y, draws(5))
    assert len(caught) == 1
    assert "Miller" not in str(caught[0].message)
    assert not any(one.converged for one in found)


def test_a_failing_fit_names_resample_and_seed_and_no_patient():
    with pytest.raises(InputError) as error:
        refit(Says(fail_at=3), X, Y, draws(5))
    assert "resample 2: RuntimeError in Says (seed 102)" in str(error.value)
    assert "Miller" not in str(error.value)
    Says.calls = 0
    found = refit(Says(fail_at=3), X, Y, draws(5), on_error="record")
    assert [one.failure for one in found] == [None, None, "RuntimeError in Says", None, None]


def test_interruption_says_how_far_it_came():
    with pytest.raises(KeyboardInterrupt) as stop:
        refit(Says(stop_at=4), X, Y, draws(9))
    assert str(stop.value).startswith("interrupted after 3 resamples; resample 3 (seed 103) was")


def test_resamples_are_taken_one_by_one():
    """A generator is not drained before the first answer."""
    taken = []

    def coming():
        for one in draws(50):
            taken.append(one.number)
            yield one

    answers = iterate_refits(Says(), X, Y, coming())
    next(answers)
    assert len(taken) < 5


def test_one_class_is_recorded_or_tried():
    rows = np.flatnonzero(Y == 1)
    one = [Resample(rows, np.arange(80), 0, 1)]
    assert refit(Says(), X, Y, one)[0].failure == ONE_CLASS
    assert refit(Says(), X, Y, one, fit_one_class=True)[0].failure is None


def test_a_drawn_row_is_not_on_both_sides_of_an_inner_fold():
    """One neighbour finds its copy across inner folds and would be chosen for it."""
    noise = np.random.default_rng(0).normal(size=(80, 3))
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 25]}, scoring="roc_auc", cv=4)
    y = np.tile([0, 1], 40)
    found = refit(search, noise, y, draws(8))
    assert np.mean([one.chosen["n_neighbors"] == 1 for one in found]) < 0.8


def test_weights_go_where_they_are_taken():
    assert weight_keyword(LogisticRegression()) == "sample_weight"
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    assert weight_keyword(pipe) == "logisticregression__sample_weight"
    assert weight_keyword(KNeighborsClassifier()) is None
    weight = RANDOM.random(80)
    (found,) = refit(pipe, X, Y, draws(1), sample_weight=weight)
    rows = draws(1)[0].train
    direct = make_pipeline(StandardScaler(), LogisticRegression()).fit(
        X[rows], Y[rows], logisticregression__sample_weight=weight[rows]
    )
    np.testing.assert_allclose(found.risk, direct.predict_proba(X)[:, 1])


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_separation_is_proven_not_guessed(scale):
    apart = np.linspace(-1, 1, 40)[:, None] * scale
    y = (apart[:, 0] > 0).astype(int)
    quasi = np.column_stack([RANDOM.normal(size=40), (np.arange(40) % 10 == 0) * 1.0])
    mixed = np.where(np.arange(40) % 10 == 0, 1, np.arange(40) % 2)
    model = LogisticRegression(C=np.inf, max_iter=5000)
    for table, outcome, expected in (
        (apart, y, True),
        (quasi, mixed, True),
        (apart, np.tile([0, 1], 20), False),
        (RANDOM.normal(size=(40, 2)) * scale, mixed, False),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = make_pipeline(StandardScaler(), model).fit(table, outcome)
            chosen = make_pipeline(SelectKBest(k="all"), StandardScaler(), model)
            chosen = chosen.fit(table, outcome)
        assert is_separated(fitted, table, outcome) is expected
        assert is_separated(chosen, table, outcome) is expected
    ridge = LogisticRegression(C=1.0).fit(apart, y)
    assert is_separated(ridge, apart, y) is False
    assert is_separated(DecisionTreeClassifier().fit(apart, y), apart, y) is False


def test_warnings_of_threads_that_overlap_are_kept_apart():
    shown, kept = warnings.showwarning, {}

    def work(name, wait):
        with recorded() as caught:
            time.sleep(wait)
            warnings.warn(name, stacklevel=1)
            time.sleep(0.02)
        kept[name] = [str(one.message) for one in caught]

    threads = [threading.Thread(target=work, args=(f"t{i}", 0.01 * i)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept == {f"t{i}": [f"t{i}"] for i in range(4)}
    assert warnings.showwarning is shown
    with pytest.warns(UserWarning, match="afterwards"):
        warnings.warn("afterwards", stacklevel=1)


def test_a_refit_tries_no_thresholds_that_no_risk_depends_on():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    y = (X[:, 0] + rng.normal(size=120) > 0).astype(int)
    tuned = TunedThresholdClassifierCV(LogisticRegression(), cv=3)
    resample = Resample(np.arange(120), np.arange(0), 0, 7)
    nested = make_pipeline(StandardScaler(), BaggingClassifier(tuned, 3, random_state=0))
    for whole in (tuned, CalibratedClassifierCV(tuned, cv=3), nested):
        made = Procedure(whole).make(resample)
        inner = made.steps[-1][1].estimator if hasattr(made, "steps") else made
        inner = inner.estimator if type(inner) is CalibratedClassifierCV else inner
        assert inner.thresholds == 2
        risk = clone(whole).fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(made.fit(X, y).predict_proba(X), risk)
    reads_labels = Procedure(AdaBoostClassifier(tuned, n_estimators=2)).make(resample)
    assert reads_labels.estimator.thresholds == 100
    assert tuned.thresholds == 100
