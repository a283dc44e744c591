"""scikit-learn's own checks on every public estimator, with routing off and on."""

import importlib
import inspect

import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

import healthml
from healthml.cleaning import LabelAudit
from healthml.explanation import AbstainingClassifier
from healthml.fairness import (
    FairlearnClassifier,
    GroupRecalibratedClassifier,
    GroupThreshold,
    ReweighedClassifier,
)
from healthml.imputation import (
    CarriedForward,
    MultiplyImputedClassifier,
    MultiplyImputedRegressor,
    TimeInterpolation,
)
from healthml.resampling import (
    ClinicalThreshold,
    PrevalenceAdjustedClassifier,
    ResampledClassifier,
)
from healthml.validation import ShrunkenClassifier

# estimator name -> how to make it, for those that cannot be made without arguments
MADE_WITH = {
    "AbstainingClassifier": lambda: AbstainingClassifier(LogisticRegression()),
    "CarriedForward": lambda: CarriedForward("x0", "x1"),
    # a harm of 1 is a threshold of 0.5, with which alone `predict` is the likelier class
    "ClinicalThreshold": lambda: ClinicalThreshold(
        LogisticRegression(), rule="harm", value=1, random_state=0
    ),
    "FairlearnClassifier": lambda: FairlearnClassifier(
        LogisticRegression(), sensitive_feature=0, random_state=0
    ),
    "GroupRecalibratedClassifier": lambda: GroupRecalibratedClassifier(
        LogisticRegression(), sensitive_feature=0, random_state=0
    ),
    "GroupThreshold": lambda: GroupThreshold(
        LogisticRegression(), sensitive_feature=0, rule="common", value=0.5, random_state=0
    ),
    "LabelAudit": lambda: LabelAudit(LogisticRegression(), random_state=0),
    "MultiplyImputedClassifier": lambda: MultiplyImputedClassifier(LogisticRegression(), m=2),
    "MultiplyImputedRegressor": lambda: MultiplyImputedRegressor(LinearRegression(), m=2),
    "PrevalenceAdjustedClassifier": lambda: PrevalenceAdjustedClassifier(
        LogisticRegression(), prevalence=0.4
    ),
    "ResampledClassifier": lambda: ResampledClassifier(LogisticRegression(), random_state=0),
    "ReweighedClassifier": lambda: ReweighedClassifier(
        LogisticRegression(), sensitive_feature=0, random_state=0
    ),
    "ShrunkenClassifier": lambda: ShrunkenClassifier(LogisticRegression()),
    "TimeInterpolation": lambda: TimeInterpolation("x0", "x1", retrospective=True),
}
NO_PATIENT = {"check_estimators_pickle": "it empties patients and times, which are refused"}
# estimator name -> {check name: why it cannot hold}
BY_GROUP = {"check_classifiers_train": "decisions follow fairlearn by group, not the larger risk"}
OUTSIDE = {
    "check_sample_weight_equivalence_on_dense_data": "rows left out of training may lie outside, "
    "and then have no label"
}
EXCUSED = {
    "AbstainingClassifier": OUTSIDE,
    "CarriedForward": NO_PATIENT,
    "FairlearnClassifier": BY_GROUP,
    "TimeInterpolation": NO_PATIENT,
}


def public_estimators():
    """Return {name: class} of every estimator in every room."""
    found = {}
    for room in healthml._SUBMODULES:
        module = importlib.import_module(f"healthml.{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) and issubclass(thing, BaseEstimator):
                found[name] = thing
    return found


ESTIMATORS = public_estimators()


def make(name):
    try:
        return MADE_WITH.get(name, ESTIMATORS[name])()
    except TypeError as error:
        raise TypeError(f"{error}; write into MADE_WITH how to make {name}") from None


def instances():
    return [make(name) for name in ESTIMATORS]


@parametrize_with_checks(
    instances(),
    expected_failed_checks=lambda estimator: EXCUSED.get(type(estimator).__name__, {}),
)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", instances(), ids=lambda estimator: type(estimator).__name__)
def test_clone_with_routing_on(estimator):
    with sklearn.config_context(enable_metadata_routing=True):
        copy = clone(estimator)
        assert copy.get_params(deep=False).keys() == estimator.get_params(deep=False).keys()
        copy.get_metadata_routing()


def test_excuses_name_what_exists():
    assert set(EXCUSED) | set(MADE_WITH) <= set(ESTIMATORS)


def test_the_estimators_of_the_rooms_are_found():
    assert set(ESTIMATORS) >= {"TableEncoder"}
