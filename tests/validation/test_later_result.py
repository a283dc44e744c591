"""`validate(method="temporal")`: whom it judges, and what it does where a window has no answer."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from healthml.exceptions import DegenerateResampleWarning, InputError
from healthml.validation import PatientTimeSplit, validate

N = 600
MODEL = LogisticRegression()


@pytest.fixture(scope="module")
def visits():
    """Return (X, y, patient, time): 250 patients, visits at any time."""
    rng = np.random.default_rng(0)
    patient, time = rng.integers(0, 250, N), rng.uniform(0, 10, N)
    X = rng.normal(size=(N, 4)) + rng.normal(size=(250, 4))[patient]
    return X, (X[:, 0] + rng.normal(size=N) > 0.6).astype(int), patient, time


def judge(visits, **options):
    X, y, patient, time = visits
    known = {"method": "temporal", "groups": patient, "time": time, "random_state": 0}
    return validate(MODEL, X, y, **known | options)


def test_returning_patients_are_judged_with_and_without(visits):
    X, y, patient, time = visits
    result = judge(visits)
    train, later = time < np.quantile(time, 0.7), time >= np.quantile(time, 0.7)
    new = later & ~np.isin(patient, patient[train])
    risk = MODEL.fit(X[train], y[train]).predict_proba(X)[:, 1]
    rows = result.table[result.table["measure"] == "auroc"]
    expected = [roc_auc_score(y[some], risk[some]) for some in (later, new)]
    np.testing.assert_allclose(rows["corrected"], expected)
    assert rows["n_samples"].tolist() == [later.sum(), new.sum()]
    assert [" new patients at" in text for text in rows["estimand"]] == [False, True]
    assert (rows["lower"] < rows["corrected"]).all()
    assert (rows["upper"] > rows["corrected"]).all()
    said = f"the AUC is {expected[0]:.3f} with them and {expected[1]:.3f} for new patients alone"
    assert any(said in remark for remark in result.remarks)
    assert set(result.details["judged"]) == {"new and returning patients", "new patients"}


def test_windows_with_a_gap(visits):
    X, _, patient, time = visits
    every = PatientTimeSplit(time, n_splits=3, gap=1.0, patients="all")
    both = judge(visits, time=None, cv=every)
    windows = every.windows(X, patient)
    n_new = sum(len(one.new) for one in windows)
    n_later = n_new + sum(len(one.returning) for one in windows)
    rows = both.table[both.table["measure"] == "auroc"]
    assert rows["n_samples"].tolist() == [n_later, n_new]
    new = judge(visits, time=None, cv=PatientTimeSplit(time, n_splits=3, gap=1.0))
    assert new.get("auroc")["n_samples"] == n_new
    assert new.get("auroc")["corrected"] == pytest.approx(rows["corrected"].iloc[1])
    assert new.remarks[0].startswith(f"{n_later - n_new} later rows of patients seen before are")


def test_nobody_new_is_said(visits):
    patient = visits[2]
    first = np.unique(patient, return_index=True)[1]
    time = np.ones(N)
    time[first] = 0.0
    result = judge(visits, time=time)
    assert len(result.table) == 9
    assert "for returning patients" in result.get("auroc")["estimand"]
    assert any("nothing is known of new patients" in remark for remark in result.remarks)


def test_new_patients_of_one_class_keep_their_rows(visits):
    X, y, patient, time = visits
    later = time >= np.quantile(time, 0.7)
    new = later & ~np.isin(patient, patient[~later])
    y = np.where(new, 0, y)
    result = validate(MODEL, X, y, method="temporal", groups=patient, time=time, random_state=0)
    rows = result.table[result.table["measure"] == "auroc"]
    assert np.isnan(rows["corrected"].iloc[1])
    assert rows["resamples_failed"].tolist() == [0, 1]
    assert "one class among the rows judged" in rows["reasons"].iloc[1]
    brier = result.table[result.table["measure"] == "brier"]
    assert np.isfinite(brier[["corrected", "lower", "upper"]].iloc[1].astype(float)).all()


def test_a_window_that_cannot_be_fitted_is_counted(visits):
    X, y, _, time = visits
    order = np.argsort(time)
    y = y.copy()
    y[order[:100]] = 0
    starts = time[order[[80, 300, 450]]]
    splits = PatientTimeSplit(time, starts=starts)
    with pytest.warns(DegenerateResampleWarning, match="resample 0 "):
        result = validate(MODEL, X, y, method="temporal", cv=splits, random_state=0)
    row = result.get("brier")
    assert (row["resamples_asked"], row["resamples_failed"]) == (3, 1)
    assert row["reasons"] == "1 with one class among the training rows"
    assert result.get("calibration_slope")["reasons"] == row["reasons"]
    with pytest.raises(InputError, match="could not be refitted in 3 of 3"):
        validate(MODEL, X, (time > 9).astype(int), method="temporal", cv=splits)
