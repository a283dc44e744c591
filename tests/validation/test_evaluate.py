import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from healthml.exceptions import InputError, OutcomeError
from healthml.validation._scoring import Evaluator
from healthml.validation._scoring.evaluator import default_repeats, predict_risk

THRESHOLDS = np.array([0.2, 0.4])


@pytest.fixture(scope="module")
def judged(visits):
    """Return (judge, risk, folds): three repeats of logistic regression on the visits."""
    X, y, groups = visits
    judge = Evaluator(y, groups=groups, n_repeats=3, thresholds=THRESHOLDS, random_state=0)
    return judge, judge.risks(LogisticRegression(), X), judge.folds


def by_repeat(judge, risk, folds, measure):
    """Average over repeats of the pair-weighted mean over folds of a measure."""
    found = []
    for one, fold in zip(risk, folds, strict=True):
        parts = [(judge.y[fold == k], one[fold == k]) for k in np.unique(fold)]
        pairs = [y.sum() * (1 - y).sum() for y, _ in parts]
        found.append(np.average([measure(y, p) for y, p in parts], weights=pairs))
    return np.mean(found)


def test_risks_are_those_of_scikit_learn_on_the_same_folds(visits, judged):
    X, y, _ = visits
    _, risk, folds = judged
    for one, fold in zip(risk, folds, strict=True):
        model, cv = LogisticRegression(), PredefinedSplit(fold)
        expected = cross_val_predict(model, X, y, cv=cv, method="predict_proba")[:, 1]
        np.testing.assert_allclose(one, expected, rtol=1e-10)


def test_scores_are_those_of_scikit_learn(judged):
    judge, risk, folds = judged
    scores = judge.score({"model": risk})
    auc = scores.get("model", "auroc")
    assert auc["estimate"] == pytest.approx(by_repeat(judge, risk, folds, roc_auc_score))
    brier = np.mean([brier_score_loss(judge.y, one) for one in risk])
    assert scores.get("model", "brier")["estimate"] == pytest.approx(brier)
    ratio = np.mean([judge.y.sum() / one.sum() for one in risk])
    assert scores.get("model", "oe_ratio")["estimate"] == pytest.approx(ratio)
    assert (auc["n_samples"], auc["n_events"]) == (len(judge.y), judge.y.sum())
    assert auc["n_patients"] == 60


def test_net_benefit_is_averaged_over_the_thresholds(judged):
    judge, risk, _ = judged
    expected = np.mean(
        [
            np.mean((one >= t) * np.where(judge.y == 1, 1, -t / (1 - t)))
            for one in risk
            for t in THRESHOLDS
        ]
    )
    got = judge.score({"m": risk}).get("m", "net_benefit")["estimate"]
    assert got == pytest.approx(expected)
    plain = Evaluator(judge.y, groups=judge.groups, n_repeats=1, random_state=0)
    assert "net_benefit" not in set(plain.score({"m": risk[:1]}).table["measure"])


def test_scores_without_folds_compare_all_rows(judged):
    judge, risk, folds = judged
    pooled = judge.score({"m": risk[:1]}, folds=None).get("m", "auroc")["estimate"]
    assert pooled == pytest.approx(roc_auc_score(judge.y, risk[0]))
    assert pooled != pytest.approx(by_repeat(judge, risk[:1], folds[:1], roc_auc_score))


def test_scores_of_some_rows(judged):
    judge, risk, _ = judged
    rows = np.arange(len(judge.y)) % 3 > 0
    row = judge.score({"m": risk}, rows={"m": rows}).get("m", "brier")
    assert row["estimate"] == pytest.approx(np.mean((risk[:, rows] - judge.y[rows]) ** 2))
    assert (row["n_samples"], row["n_events"]) == (rows.sum(), judge.y[rows].sum())


def test_the_interval_counts_patients_and_takes_the_level():
    rng = np.random.default_rng(0)
    y, p = np.tile([0, 0, 1], 40), rng.random(120)
    once = Evaluator(y, n_repeats=1, random_state=0)
    often = Evaluator(np.repeat(y, 4), groups=np.repeat(np.arange(120), 4), n_repeats=1)
    names = ["estimate", "se", "lower", "upper"]
    want = once.score({"m": p}, folds=None).get("m", "brier")
    got = often.score({"m": np.repeat(p, 4)}, folds=None).get("m", "brier")
    np.testing.assert_allclose(got[names].astype(float), want[names].astype(float))
    by_rows = often.score({"m": np.repeat(p, 4)}, folds=None, groups=None).get("m", "brier")
    assert got["se"] / by_rows["se"] == pytest.approx(2, rel=0.01)
    wide = once.score({"m": p}, confidence_level=0.99).get("m", "brier")
    own = Evaluator(y, n_repeats=1, confidence_level=0.99).score({"m": p}, folds=None)
    assert wide["upper"] - wide["estimate"] == pytest.approx(2.5758293 * wide["se"])
    assert own.get("m", "brier")["upper"] == pytest.approx(wide["upper"])


def test_no_patient_is_met_again(visits, remembers):
    X, y, groups = visits
    judge = Evaluator(y, groups=groups, n_repeats=2, random_state=0)
    table = np.column_stack([groups, X])
    assert judge.risks(remembers, table).max() == 0
    by_rows = judge.risks(remembers, table, folds=judge.make_folds(None))
    assert by_rows.mean() > 0.5


def test_repeated_rows_fool_the_split_by_rows_only():
    """700 patients without any signal, two rows each: one neighbour finds the twin, or nothing."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(700), 2)
    X, y = rng.normal(size=(700, 3))[groups], rng.integers(0, 2, 700)[groups]
    judge, model = Evaluator(y, groups=groups, n_repeats=1, random_state=0), KNeighborsClassifier(1)
    by_rows = judge.make_folds(None)
    scores = judge.score(
        {"patients": judge.risks(model, X), "rows": judge.risks(model, X, folds=by_rows)},
        folds={"patients": judge.folds, "rows": by_rows},
    )
    assert scores.get("rows", "auroc")["estimate"] > 0.8
    patients = scores.get("patients", "auroc")
    assert patients["lower"] < 0.5 < patients["upper"]


def test_rows_to_fit_on(visits, remembers):
    X, y, _ = visits
    judge = Evaluator(y, n_splits=4, n_repeats=1, random_state=0)
    rows = np.arange(len(y)) % 2 == 0
    table = np.column_stack([np.arange(len(y)), X])
    risk = judge.risks(remembers, table, rows=rows)
    assert np.isfinite(risk).all()
    for k, seen in enumerate(remembers.fits):
        np.testing.assert_array_equal(seen, np.flatnonzero(rows & (judge.folds[0] != k)))


@pytest.mark.parametrize(
    ("options", "tested"),
    [
        ({}, {0, 1, 2}),
        ({"max_rows": 3}, {0}),
        ({"max_rows": 4}, {0, 1}),
        ({"max_rows": 100}, {0, 1, 2}),
        ({"only": 1}, {1}),
    ],
)
def test_folds_left_out(remembers, options, tested):
    """Folds of 3, 3 and 3 rows and one row, of fold -1, that takes no part."""
    fold = np.r_[-1, np.repeat([0, 1, 2], 3)]
    judge = Evaluator(np.tile([0, 1], 5), n_splits=2, n_repeats=1, random_state=0)
    risk = judge.risks(remembers, np.arange(10.0)[:, None], folds=fold, **options)
    assert risk.shape == (1, 10)
    np.testing.assert_array_equal(np.isfinite(risk[0]), np.isin(fold, list(tested)))
    assert len(remembers.fits) == len(tested)
    assert not any(0 in seen for seen in remembers.fits)


class TakesPatients(ClassifierMixin, BaseEstimator):
    __metadata_request__fit = {"groups": True}

    def fit(self, X, y, *, groups=None):
        self.same_ = float(groups is not None and np.array_equal(groups, X[:, 0]))
        return self

    def predict_proba(self, X):
        return np.tile([1 - self.same_, self.same_], (len(X), 1))


class PassesOn(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, **params):
        if params:
            params = process_routing(self, "fit", **params).estimator.fit
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)

    def get_metadata_routing(self):
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)


class DoesNotRoute(PassesOn):
    def get_metadata_routing(self):
        raise NotImplementedError("no routing here")


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    ("model", "gets"),
    [
        (TakesPatients(), {False: 1, True: 1}),
        (PassesOn(TakesPatients()), {False: 0, True: 1}),
        (make_pipeline(TakesPatients()), {True: 1}),
        (DoesNotRoute(TakesPatients()), {False: 0, True: 0}),
    ],
    ids=["itself", "inside", "in a pipeline", "does not route"],
)
def test_a_model_that_asks_for_patients_gets_those_of_its_rows(model, gets, routing):
    groups = np.repeat(np.arange(20), 2)
    y, X = np.tile([0, 1], 20), np.column_stack([groups, groups])
    judge = Evaluator(y, groups=groups, n_repeats=1, random_state=0)
    with sklearn.config_context(enable_metadata_routing=routing):
        if routing in gets:
            assert (judge.risks(model, X) == gets[routing]).all()
        assert (Evaluator(y, n_repeats=1, random_state=0).risks(model, X) == 0).all()


def test_same_answer_for_same_seed_any_jobs_and_any_frame(visits):
    X, y, groups = visits
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    make = {"n_repeats": 2, "random_state": 3}
    expected = Evaluator(y, groups=groups, **make).risks(LogisticRegression(), frame)
    with joblib.parallel_config("threading"):
        other = Evaluator(y.astype(bool), groups=groups.astype(str), n_jobs=2, **make)
        got = other.risks(LogisticRegression(), frame)
        polars = other.risks(LogisticRegression(), pl.DataFrame(frame.to_dict("list")))
    np.testing.assert_array_equal(got, expected)
    # polars lays its columns out otherwise, so sums differ in their last digit
    np.testing.assert_allclose(polars, expected, rtol=0, atol=1e-13)
    different = Evaluator(y, groups=groups, n_repeats=2, random_state=4)
    assert (different.folds != other.folds).any()


def test_identifiers_of_any_size(visits):
    _, y, groups = visits
    plain = Evaluator(y, groups=groups, n_repeats=1, random_state=0)
    big = Evaluator(y, groups=groups + 10**15, n_repeats=1, random_state=0)
    np.testing.assert_array_equal(big.folds, plain.folds)
    listed = Evaluator(y, groups=[f"p{patient}" for patient in groups], n_repeats=1, random_state=0)
    np.testing.assert_array_equal(listed.folds, plain.folds)
    np.testing.assert_array_equal(listed.groups, pd.factorize(groups)[0])


@pytest.mark.parametrize(
    ("n", "repeats"),
    [(3_000, 5), (3_001, 3), (10_000, 3), (10_001, 2), (30_000, 2), (30_001, 1)],
)
def test_default_repeats(n, repeats):
    assert default_repeats(n) == repeats


def test_repeats_and_folds_by_size():
    y = np.r_[1, 1, 1, np.zeros(17)]
    judge = Evaluator(y, random_state=0)
    assert judge.folds.shape == (5, 20)
    assert np.bincount(judge.folds[0], y).tolist() == [1, 1, 1]  # three events, three folds
    assert judge.make_folds(None, n_repeats=1).shape == (1, 20)
    one_patient_has_two = Evaluator(y, groups=np.r_[0, 0, np.arange(1, 19)], random_state=0)
    assert one_patient_has_two.folds.max() == 1


def test_the_model_given_is_not_fitted(visits):
    X, y, groups = visits
    model = LogisticRegression()
    Evaluator(y, groups=groups, n_repeats=1, random_state=0).risks(model, X)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(
    ("classes", "event", "place"),
    [
        ([0, 1], 1, 1),
        ([1, 0], 1, 0),
        (["died", "left"], "died", 0),
        (["0", "1"], 1, 1),
        ([False, True], 1, 1),
        ([0, 1], "died", 1),
    ],
)
def test_the_risk_is_that_of_the_event(classes, event, place):
    model = DummyClassifier().fit(np.zeros((4, 1)), np.repeat(np.unique(classes), [1, 3]))
    model.classes_ = np.array(classes)
    expected = [0.25, 0.75][place]
    np.testing.assert_allclose(predict_risk(model, np.zeros((2, 1)), event_label=event), expected)


def test_an_event_that_the_model_does_not_know():
    model = DummyClassifier().fit(np.zeros((3, 1)), ["alive", "left", "moved"])
    with pytest.raises(InputError, match="None of the model's 3 classes is the event"):
        predict_risk(model, np.zeros((1, 1)), event_label="died")
    with pytest.raises(InputError, match="LinearSVC has no predict_proba"):
        predict_risk(LinearSVC(), np.zeros((1, 1)))


class Fails(DummyClassifier):
    def fit(self, X, y):
        if X[0, 0] == 1:  # the first training row once fold 0 is left out
            raise ValueError("could not convert string to float: 'Mrs Miller'")
        return super().fit(X, y)


def test_a_failing_refit_is_named_without_a_patients_value():
    judge = Evaluator(np.tile([0, 1], 10), n_splits=2, n_repeats=1, random_state=0)
    folds = np.tile([0, 1], 10)
    with pytest.raises(InputError) as error:
        judge.risks(Fails(), np.arange(20.0)[:, None], folds=folds, label="probe")
    words = str(error.value)
    assert "probe could not be refitted in fold 0 of repeat 0: ValueError in Fails" in words
    assert "Miller" not in words
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_an_error_with_its_own_remedy_passes():
    judge = Evaluator(np.tile([0, 1], 10), n_repeats=1, random_state=0)
    with pytest.raises(InputError, match=r"^LinearSVC has no predict_proba"):
        judge.risks(LinearSVC(), np.arange(20.0)[:, None])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Evaluator(np.r_[1, np.zeros(9)]), "Only 1 patient has"),
        (lambda: Evaluator(np.tile([0, 1, 1], 4), groups=np.repeat([0, 1], 6)[::-1] * 0), "Only 1"),
        (lambda: Evaluator(np.tile([0, 1], 5), groups=np.arange(9)), "9 values for 10 rows"),
        (lambda: Evaluator(np.zeros(9)), "one class only"),
        (lambda: Evaluator(np.tile([0, 1], 5)).risks(LinearSVC(), np.eye(11)), "11 rows and y has"),
    ],
)
def test_errors(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_the_event_is_not_guessed():
    with pytest.raises(OutcomeError, match="not guessed"):
        Evaluator(np.tile(["died", "left"], 10))


def test_progress_only_when_asked(capsys, remembers):
    y, X = np.tile([0, 1], 10), np.arange(20.0)[:, None]
    for verbose, words in ((0, ""), (1, "healthml: the model: 4 refits\n")):
        judge = Evaluator(y, n_splits=2, n_repeats=2, verbose=verbose, random_state=0)
        judge.risks(remembers, X, label="the model")
        assert capsys.readouterr() == ("", words)
