"""The same row labels in another order are refused at every door, and nothing else is."""

import inspect
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import healthml
from healthml import metrics, validation
from healthml._core._checks import check_alignment
from healthml.exceptions import InputError

sys.path.insert(0, str(Path(__file__).parent))
from doors import (
    DOORS,
    ESTIMATORS,
    HOLES,
    LABELS,
    PATIENT,
    RISK,
    ROOMS,
    SITE,
    TIME,
    VALUES,
    N,
    X,
    Y,
    call,
    learns_from_rows,
    rows_of,
)

PAIRS = [(name, moved) for name, door in DOORS.items() for moved in rows_of(door)]


@pytest.mark.parametrize(("name", "moved"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
def test_rows_in_another_order_are_refused_at_every_door(name, moved):
    door = DOORS[name]
    shuffled = {moved: VALUES[moved].sample(frac=1, random_state=1)}
    with pytest.raises(InputError, match="in another order") as error:
        call(door, **shuffled)
    assert ".index] if the labels are right" in str(error.value)
    assert ".to_numpy() if the positions are" in str(error.value)
    assert "row1" not in str(error.value)


def test_every_estimator_that_learns_from_rows_is_a_door():
    names = {
        name for room in ROOMS for name in room.__all__ if learns_from_rows(getattr(room, name))
    }
    missing = names - set(ESTIMATORS)
    assert not missing, f"write into ESTIMATORS of tests/doors.py: {missing}"


def test_the_doors_are_many():
    assert len(PAIRS) > 150


PERSONS = X.assign(surname=LABELS, born=pd.Timestamp("1960-01-01"))
NEEDED = {
    "healthml.cleaning.drop_rows": {"reasons": {"first": [0]}},
    "healthml.cleaning.link_records": {"X": PERSONS, "names": ["surname"], "birth_date": "born"},
    "healthml.metrics.compare_performance": {"y_proba": {"a": RISK, "b": RISK / 2}},
    "healthml.imputation.compare_imputers": {"X": HOLES},
}
WITH_PATIENTS = [name for name, door in DOORS.items() if "groups" in rows_of(door)]


@pytest.mark.parametrize("name", WITH_PATIENTS)
def test_identifiers_that_floats_cannot_hold_are_refused_at_every_door(name):
    """As floats the numbers of neighbours became one: fewer patients, and nobody told."""
    large = 9_007_199_254_740_993 + np.arange(N)
    options = {"groups": pd.Series(large.astype(float), index=LABELS), **NEEDED.get(name, {})}
    if "weight_type" in inspect.signature(DOORS[name]).parameters:
        options["sample_weight"] = None
    with pytest.raises(InputError, match=r"floats beyond 2\*\*53") as error:
        call(DOORS[name], **options)
    assert "9007" not in str(error.value)


@pytest.mark.parametrize(
    "split",
    [
        lambda y, g: list(validation.RepeatedStratifiedGroupKFold().split(X, y, g)),
        lambda y, g: list(validation.GroupBootstrap(5).split(X, y, g)),
        lambda y, g: validation.LeaveOneSiteOut(SITE).report(X, y, g),
        lambda y, g: validation.PatientTimeSplit(TIME).report(X, y, g),
        lambda y, g: validation.PatientTimeSplit(TIME.iloc[::-1]).report(X, y, g),
        lambda y, g: list(validation.LeaveOneSiteOut(SITE.iloc[::-1]).split(X, y, g)),
    ],
)
def test_splitters_refuse_too(split):
    other = PATIENT.iloc[::-1]
    with pytest.raises(InputError, match="in another order"):
        split(Y, other)


def test_models_in_a_dict_are_looked_at_one_by_one():
    models = {"new": RISK, "old": RISK.iloc[::-1]}
    for function in (
        metrics.compare_performance,
        metrics.decision_curve,
        metrics.calibration_curve,
    ):
        with pytest.raises(InputError, match=r"y_proba\['old'\] has the row labels of"):
            function(Y, models)


@pytest.mark.parametrize(
    "other",
    [
        Y,
        Y.to_numpy(),
        Y.tolist(),
        pl.Series(Y.to_numpy()),
        Y.reset_index(drop=True),
        Y.set_axis([f"other{k}" for k in range(N)]),
        Y.set_axis(["row0", *[f"other{k}" for k in range(N - 1)]]),
        Y.set_axis(pd.MultiIndex.from_product([["a"], LABELS])),
        Y.set_axis(pd.Index(LABELS).repeat(2)[:N]),
    ],
)
def test_the_same_order_and_other_labels_pass(other):
    check_alignment(X=X, y=other)
    assert metrics.auroc(other, RISK) == metrics.auroc(Y, RISK)


def test_labels_that_repeat_are_compared_by_their_counts():
    """By label they cannot be sorted, so the remedy is another; other counts are other labels."""
    table = X.set_axis(PATIENT.to_numpy())
    turned = Y.set_axis(PATIENT.to_numpy()).iloc[::-1]
    with pytest.raises(InputError, match=r"the labels repeat, so sort y as X is sorted"):
        check_alignment(X=table, y=turned)
    uneven = np.append(PATIENT.to_numpy()[:-1], 0)
    check_alignment(X=table, y=Y.set_axis(uneven).iloc[::-1])


def test_many_objects_are_compared_with_each_order_seen():
    table = X.reset_index(drop=True)
    with pytest.raises(InputError, match="groups has the row labels of y in another order"):
        check_alignment(X=table, y=Y, groups=PATIENT.iloc[::-1])


def test_a_score_without_columns_may_have_any_labels():
    """`audit_predictions` makes its own table then, whose labels say nothing about the order."""
    y = Y.reset_index(drop=True).sample(frac=1, random_state=2)
    risk = RISK.reset_index(drop=True).loc[y.index]
    options = {"random_state": 0}
    report = healthml.audit_predictions(y, risk, **options)
    assert healthml.audit_predictions(y.tolist(), risk.tolist(), **options).exit_code == (
        report.exit_code
    )
