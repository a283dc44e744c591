"""Every public function that takes things with one value for each row, and how to call it."""

import inspect

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression

import healthml
from healthml import (
    cleaning,
    explanation,
    fairness,
    imputation,
    metrics,
    reporting,
    resampling,
    validation,
)

N = 240
RNG = np.random.default_rng(0)
LABELS = [f"row{k}" for k in range(N)]
X = pd.DataFrame({"age": RNG.normal(60, 10, N), "lab": RNG.normal(size=N)}, index=LABELS)
RISK = pd.Series(1 / (1 + np.exp(-X["lab"])), index=LABELS)
Y = pd.Series((RNG.random(N) < RISK).astype(int), index=LABELS)
PATIENT = pd.Series(np.arange(N) // 2, index=LABELS)
SITE = pd.Series(np.repeat(["a", "b", "c"], N // 3), index=LABELS)
TIME = pd.Series(np.arange(N), index=LABELS)
HOLES = X.mask(pd.DataFrame(RNG.random((N, 2)) < 0.2, index=LABELS, columns=X.columns))
VALUES = {
    "X": X, "y": Y, "y_true": Y, "y_proba": RISK, "proba": RISK, "y_proba_1": RISK,
    "y_proba_2": RISK, "groups": PATIENT, "site": SITE, "time": TIME, "score": RISK,
    "sample_weight": pd.Series(1.0, index=LABELS), "sensitive_features": SITE.to_frame("site"),
    "by": SITE, "attribute": X["age"], "demographics": X[["age"]],
    "where": HOLES.isna(), "missing": HOLES.isna(),
}  # fmt: skip
MODEL = LogisticRegression()
OTHERS = {
    "estimator": MODEL, "model": None, "imputer": imputation.ChainedImputer(m=2),
    "models": {"a": MODEL, "b": MODEL}, "imputers": {"a": imputation.ChainedImputer(m=1)},
    "threshold": 0.3, "reasons": {"none": [0]}, "columns": ["age"],
    "splitter": validation.PatientTimeSplit(np.arange(N)), "analysis": "logit",
    "from_prevalence": 0.3, "column": "lab",
    "cv": validation.PatientTimeSplit(np.arange(N)), "deltas": [0.0], "path": None,
    "reference": {"site": {"a": 0.3, "b": 0.3, "c": 0.4}},
    "true_positive": 1, "false_positive": 1, "max_fpr": 0.5, "min_sensitivity": 0.5,
}  # fmt: skip


# Every estimator that is fitted on outcomes or patients, ready to be fitted
ESTIMATORS = {
    "AbstainingClassifier": explanation.AbstainingClassifier(MODEL),
    "ChainedImputer": imputation.ChainedImputer(include_outcome=True),
    "ClinicalThreshold": resampling.ClinicalThreshold(MODEL, value=0.2),
    "FairlearnClassifier": fairness.FairlearnClassifier(MODEL, sensitive_feature="age"),
    "FirthLogisticRegression": resampling.FirthLogisticRegression(),
    "GroupRecalibratedClassifier": fairness.GroupRecalibratedClassifier(
        MODEL, sensitive_feature="age"
    ),
    "GroupThreshold": fairness.GroupThreshold(MODEL, sensitive_feature="age", value=0.2),
    "LabelAudit": cleaning.LabelAudit(MODEL),
    "MissingIndicators": imputation.MissingIndicators(),
    "MixedSMOTE": resampling.MixedSMOTE(),
    "MultiplyImputedClassifier": imputation.MultiplyImputedClassifier(MODEL, m=2),
    "MultiplyImputedRegressor": imputation.MultiplyImputedRegressor(LinearRegression(), m=2),
    "PatientOverSampler": resampling.PatientOverSampler(),
    "PatientUnderSampler": resampling.PatientUnderSampler(),
    "PointsScore": explanation.PointsScore(),
    "PrevalenceAdjustedClassifier": resampling.PrevalenceAdjustedClassifier(MODEL, prevalence=0.2),
    "ResampledClassifier": resampling.ResampledClassifier(MODEL),
    "ReweighedClassifier": fairness.ReweighedClassifier(MODEL, sensitive_feature="age"),
    "ShrunkenClassifier": validation.ShrunkenClassifier(MODEL),
    "TomekLinks": resampling.TomekLinks(),
}
ROOMS = (
    healthml, cleaning, metrics, validation, imputation, resampling, explanation, fairness,
)  # fmt: skip


def learns_from_rows(thing):
    """Whether it is a class whose rows are matched with outcomes or patients when it is fitted."""
    if not inspect.isclass(thing) or not hasattr(thing, "fit"):
        return False
    known = inspect.signature(thing.fit).parameters
    return {"groups", "sample_weight"} & set(known) or known["y"].default is known["y"].empty


def rows_of(function):
    return [name for name in inspect.signature(function).parameters if name in VALUES]


def _doors():
    """Every public function that takes two or more things with one value for each row."""
    for room in ROOMS:
        for name in room.__all__:
            door = getattr(room, name)
            if inspect.isfunction(door) and len(rows_of(door)) > 1:
                yield f"{room.__name__}.{name}", door
    yield "reporting.table_one", reporting.table_one
    for name, estimator in ESTIMATORS.items():
        method = "fit_resample" if hasattr(estimator, "fit_resample") else "fit"
        yield f"{name}.{method}", getattr(estimator, method)
    yield (
        "ChainedImputer.fit_transform_multiple",
        imputation.ChainedImputer().fit_transform_multiple,
    )


DOORS = dict(_doors())


def call(door, **moved):
    given = {name: VALUES[name] for name in rows_of(door)}
    if {"X", "missing"} <= set(given):
        given["X"] = HOLES
    parameters = inspect.signature(door).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    if "cost_ratio" in inspect.signature(door).parameters:
        given["cost_ratio"] = 2.0
        needed = []
    given |= {name: OTHERS[name] for name in needed if name in OTHERS}
    if "background_groups" in inspect.signature(door).parameters:
        given |= {"background": X, "background_groups": PATIENT}
    given |= moved
    unknown = [name for name in needed if name not in given]
    assert not unknown, f"write into OTHERS of tests/doors.py a value for {unknown}"
    return door(**given)
