"""The cause of wrong risks is named only where it is there, uncorrected and shown."""

import numpy as np
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as with_samplers
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.resampling import ClinicalThreshold, ResampledClassifier
from healthml.resampling._guards import uncorrected_resampling, without_resampling
from healthml.validation import ShrunkenClassifier
from healthml.validation._compare import resampling_effect
from healthml.validation._scoring import Evaluator

WEIGHTED = LogisticRegression(class_weight="balanced")
SMOTED = with_samplers(StandardScaler(), SMOTE(), LogisticRegression())


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        (LogisticRegression(), None),
        (WEIGHTED, "class weights"),
        (SMOTED, "SMOTE"),
        (
            with_samplers(SMOTE(), RandomUnderSampler(), WEIGHTED),
            "SMOTE and RandomUnderSampler and class weights",
        ),
        (with_samplers(SMOTE(), CalibratedClassifierCV(LogisticRegression())), "SMOTE"),
        (CalibratedClassifierCV(SMOTED), None),
        (make_pipeline(StandardScaler(), CalibratedClassifierCV(WEIGHTED)), None),
        (make_pipeline(StandardScaler(), WEIGHTED), "class weights"),
        (GridSearchCV(SMOTED, {"logisticregression__C": [1]}), "SMOTE"),
        (ShrunkenClassifier(WEIGHTED), None),
        (ResampledClassifier(LogisticRegression(), SMOTE()), None),
        (ResampledClassifier(LogisticRegression(), SMOTE(), correction=None), "SMOTE"),
        (ResampledClassifier(SMOTED, correction=None), "SMOTE"),
        (ResampledClassifier(LogisticRegression(), correction=None), None),
        (ClinicalThreshold(SMOTED, value=0.1), "SMOTE"),
        (RandomForestClassifier(class_weight="balanced"), "class weights"),
        (
            BalancedRandomForestClassifier(),
            "resampling inside BalancedRandomForestClassifier",
        ),
    ],
    ids=str,
)
def test_the_cause(model, cause):
    assert uncorrected_resampling(model) == cause


def test_taken_out():
    assert without_resampling(WEIGHTED).class_weight is None
    assert without_resampling(SMOTED).steps[1][1] == "passthrough"
    assert without_resampling(GridSearchCV(SMOTED, {"smote__k_neighbors": [3]})) is None
    assert without_resampling(BalancedRandomForestClassifier()) is None
    kept = without_resampling(GridSearchCV(SMOTED, {"logisticregression__C": [1]}))
    assert uncorrected_resampling(kept) is None
    assert uncorrected_resampling(SMOTED) == "SMOTE"


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3))
    y = (rng.random(1000) < 1 / (1 + np.exp(2.5 - X[:, 0]))).astype(int)
    return X, Evaluator(
        y, groups=np.arange(1000) // 2, n_repeats=2, thresholds=np.array([0.1]), random_state=0
    )


@pytest.mark.parametrize(
    "model",
    [SMOTED, WEIGHTED, with_samplers(RandomUnderSampler(), LogisticRegression())],
    ids=["SMOTE", "weights", "under"],
)
def test_harm_is_shown_and_not_the_models_own(judged, model):
    X, judge = judged
    effect = resampling_effect(judge, model, X, judge.risks(model, X))
    row = effect.get("oe_ratio")
    assert row["upper"] < 0.4
    assert 0.8 < row["reference"] < 1.25
    assert effect.shown
    assert effect.compared_with == "the same model without it"
    assert effect.get("net_benefit")["difference_upper"] < 0
    assert row["n_patients"] == 500


def test_where_it_cannot_be_taken_out_the_risks_are_recalibrated(judged):
    X, judge = judged
    model = BalancedRandomForestClassifier(10, random_state=0)
    effect = resampling_effect(judge, model, X, judge.risks(model, X))
    assert effect.compared_with == "the same risks, recalibrated"
    assert 0.9 < effect.get("oe_ratio")["reference"] < 1.1
    assert effect.shown


def test_nothing_is_shown_where_nothing_changed(judged):
    X, judge = judged
    assert resampling_effect(judge, LogisticRegression(), X, None) is None
    even = HistGradientBoostingClassifier(max_iter=5, class_weight={0: 1.0, 1: 1.0})
    effect = resampling_effect(judge, even, X, judge.risks(even, X))
    assert not effect.shown
