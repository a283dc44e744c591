"""What an audit asks of other rooms: resampling in fitted models, folds that agree, deep checks."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression

from healthml import audit
from healthml.reporting._checks import deep

N = 240
_RNG = np.random.default_rng(0)
X = pd.DataFrame(_RNG.normal(size=(N, 3)).round(3), columns=["a", "b", "c"])
Y = (_RNG.uniform(size=N) < 1 / (1 + np.exp(2 - X["a"]))).astype(int).to_numpy()
ONCE = {"n_repeats": 1, "random_state": 0}


def test_a_fitted_model_is_told_what_may_have_moved_its_risks():
    inside = CalibratedClassifierCV(LogisticRegression(), cv=3)
    model = make_pipeline(RandomOverSampler(random_state=0), inside).fit(X, Y)
    report = audit(model, X, Y, refit=False, only="performance", **ONCE)
    assert "HM408" not in report.codes()
    finding = next(f for f in report.findings if f.code == "HM409")
    assert finding.severity == "serious"
    assert "RandomOverSampler" in finding.title
    assert "what it would predict without was not measured" in finding.evidence
    assert "Its CalibratedClassifierCV learnt on resampled rows only" in finding.evidence
    plain = audit(LogisticRegression().fit(X, Y), X, Y, refit=False, only="performance", **ONCE)
    assert {"HM408", "HM409"}.isdisjoint(plain.codes())


def test_drivers_say_how_far_the_folds_agree():
    report = audit(LogisticRegression(), X, Y, only="drivers", **ONCE)
    lead = report.section("drivers").lead
    assert "Among the 3 largest of the models fitted in the folds: a in 5 of 5" in lead


def test_deep_checks_run_only_when_they_are_asked(monkeypatch):
    monkeypatch.setattr(deep, "_RESAMPLES", 12)
    asked = {"only": ["refit_stability"], **ONCE}
    report = audit(LogisticRegression(), X, Y, **asked)
    section = report.section("refit_stability")
    moved = section.tables[0][1].iloc[0]["estimate"]
    assert f"moves by {moved:.3f} on average" in section.lead
    assert 0 < moved < 0.2
    usual = audit(LogisticRegression(), X, Y, only="flow", **ONCE)
    found = usual.checks.set_index("question")["found"]
    assert found["Would another sample give other risks?"] == "not asked: only with deep=True"


def test_deep_checks_need_a_procedure():
    risk = LogisticRegression().fit(X, Y)
    report = audit(risk, X, Y, refit=False, only=["refit_stability", "imbalance"], **ONCE)
    topics = {n.topic for n in report.not_assessed}
    assert "Would another sample have given the patients other risks?" in topics
    assert "Would another way to deal with the rarer outcome be better?" in topics


@pytest.mark.slow
def test_deep_compares_ways_to_deal_with_a_rare_outcome():
    report = audit(LogisticRegression(), X, Y, deep=True, skip="refit_stability", **ONCE)
    section = report.section("imbalance")
    assert "do not resample" in section.lead
    assert {"none, recalibrated", "SMOTE, as it is"} <= set(section.tables[0][1]["strategy"])
    assert section.title in report.to_html()
