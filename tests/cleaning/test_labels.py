"""Wrong labels are ranked first, flags are as false as stated, and clean labels are left alone."""

import json

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from healthml.cleaning import LabelAudit
from healthml.cleaning._labels.folds import repeated_folds
from healthml.cleaning._labels.noise import NoisePosterior, noise_posterior
from healthml.cleaning._labels.result import result_of
from healthml.exceptions import InputError


def patients(seed=0, n=500, slope=5.0, wrong=0.06):
    """Return features, labels as given and which of them are wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    y = (rng.random(n) < expit(slope * (X[:, 0] + 0.5 * X[:, 1]))).astype(int)
    is_wrong = rng.random(n) < wrong
    return X, np.where(is_wrong, 1 - y, y), is_wrong


def audited(seed=0, groups=None, **options):
    X, y, wrong = patients(seed)
    audit = LabelAudit(LogisticRegression(), **{"random_state": seed, **options})
    return audit.fit(X, y, groups=groups), wrong


def test_wrong_labels_rank_above_a_single_cross_validation():
    X, truth = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    ours, plain = [], []
    for seed in range(3):
        wrong = np.random.default_rng(seed).random(len(truth)) < 0.1
        y = np.where(wrong, 1 - truth, truth)
        audit = LabelAudit(model, random_state=seed).fit(X, y)
        ours.append(average_precision_score(wrong, audit.score_))
        risk = cross_val_predict(model, X, y, method="predict_proba")[:, 1]
        plain.append(average_precision_score(wrong, np.where(y == 1, 1 - risk, risk)))
    assert np.mean(ours) > np.mean(plain) + 0.02


def test_the_frame_holds_every_label_in_order():
    audit, _ = audited()
    _, y, _ = patients()
    frame = audit.result_.to_frame()
    assert frame.columns.tolist() == ["position", "label", "risk", "score", "rank", "suspected"]
    assert frame["position"].tolist() == list(range(500))
    assert frame["label"].tolist() == y.tolist()  # nothing is relabelled
    assert frame["score"].between(0, 1).all()
    assert sorted(frame["rank"]) == list(range(1, 501))
    assert frame.sort_values("rank")["score"].is_monotonic_decreasing
    assert (audit.suspected_ == (frame["rank"] <= audit.suspected_.sum())).all()
    assert audit.result_.suspects()["rank"].tolist() == list(range(1, audit.suspected_.sum() + 1))


def test_the_stated_false_discovery_rate_is_a_limit_of_the_chance_of_being_right():
    X, y, _ = patients(n=1500)
    model = LogisticRegression()
    result = LabelAudit(model, n_repeats=2, random_state=0).fit(X, y).result_
    flagged = result.table[result.table["suspected"]]
    assert len(flagged) > 5
    assert (1 - flagged["score"]).mean() < result.false_discovery <= 0.2
    options = {"n_repeats": 2, "max_false_discovery": 0.4, "random_state": 0}
    more = LabelAudit(model, **options).fit(X, y).result_
    assert more.table["suspected"].sum() > len(flagged)
    rates = result.rates.set_index("quantity")
    assert (rates["lower"] <= rates["upper"]).all()
    assert rates.loc["wrong_event", "lower"] < 0.06 < rates.loc["wrong_event", "upper"]


def simulated_scores(seed, n=600, wrong=0.08, slope=4.0):
    rng = np.random.default_rng(seed)
    odds = slope * rng.normal(size=n)
    y = (rng.random(n) < expit(odds)).astype(int)
    is_wrong = rng.random(n) < wrong
    return odds, np.where(is_wrong, 1 - y, y), is_wrong


def flags(odds, y):
    found = noise_posterior(odds, y)
    chosen = result_of(
        found, risk=expit(odds), label=y, max_false_discovery=0.2, confidence_level=0.95
    )
    return chosen.table["suspected"].to_numpy(), chosen.false_discovery


def test_flags_are_not_falser_than_stated():
    n_flagged = n_false = stated = 0
    for seed in range(20):
        odds, y, wrong = simulated_scores(seed, n=1000, slope=5.0)
        chosen, limit = flags(odds, y)
        n_flagged += chosen.sum()
        n_false += (chosen & ~wrong).sum()
        stated += chosen.sum() * limit if chosen.any() else 0
    assert n_flagged > 40
    assert n_false / n_flagged < stated / n_flagged + 0.02
    assert n_false / n_flagged > 0.01  # and not stated out of all proportion


def test_high_risks_that_level_off_are_not_taken_for_errors_in_one_class():
    runs = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=1000)
        odds = 3.5 * np.where(z < 0, z, np.abs(z) ** 0.6)  # the model expects a straight line
        truth = (rng.random(1000) < expit(odds)).astype(int)
        missed = (truth == 1) & (rng.random(1000) < 0.2)
        chosen, limit = flags(3.5 * z, np.where(missed, 0, truth))
        if chosen.any():
            runs.append((chosen.sum(), (chosen & ~missed).sum(), limit))
    n_flagged, n_false, limit = np.array(runs).T
    assert len(runs) >= 6
    assert n_false.sum() / n_flagged.sum() <= (n_flagged * limit).sum() / n_flagged.sum()
    assert (n_false / n_flagged).mean() <= limit.mean()


def test_a_few_atypical_patients_are_not_flagged():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        odds = 6 * rng.normal(size=1000)
        atypical = rng.random(1000) < 0.01  # half of them contradict their features, rightly
        truth = (rng.random(1000) < expit(np.where(atypical, 0, odds))).astype(int)
        assert not flags(odds, truth)[0].any()


@pytest.mark.parametrize(("n_wrong", "n_flagged"), [(2, 0), (3, 3)])
def test_two_labels_are_too_few_to_state_a_share_of(n_wrong, n_flagged):
    wrong = (np.arange(20) < n_wrong).astype(float)
    event = np.zeros(20, dtype=int)
    sure = NoisePosterior(np.ones(1), np.array([[0.1, 0.1]]), wrong[None], 1.0, event)
    options = {"max_false_discovery": 0.2, "confidence_level": 0.95}
    result = result_of(sure, risk=wrong, label=event, **options)
    assert result.table["suspected"].sum() == n_flagged
    if n_flagged:  # half a label of three, and atypical patients: 2 in 1000 beside 100 wrong
        assert result.false_discovery == pytest.approx(0.5 / 3 + 0.02)
        rates = result.rates.set_index("quantity").loc["false_discovery"]
        assert rates["lower"] == 0
        assert rates["upper"] >= result.false_discovery


def test_clean_labels_are_left_alone_however_weak_or_strong_the_model():
    for slope in (0.5, 1.5, 4.0):
        found = [simulated_scores(seed, wrong=0.0, slope=slope) for seed in range(8)]
        assert not any(flags(odds, y)[0].any() for odds, y, _ in found)


def test_errors_in_one_class_are_told_from_errors_in_both():
    rng = np.random.default_rng(0)
    odds, y, _ = simulated_scores(0, n=2000, wrong=0)
    missed = (y == 1) & (rng.random(2000) < 0.2)
    rates = noise_posterior(odds, np.where(missed, 0, y))
    r0, r1 = rates.weight @ rates.rates
    assert r0 < 0.02
    assert 0.13 < r1 < 0.27


def test_repeated_rows_of_a_patient_are_discounted():
    odds, y, _ = simulated_scores(1, n=300)
    alone = noise_posterior(odds, y)
    five = np.repeat(np.arange(300), 5)
    repeated = noise_posterior(odds[five], y[five], five)
    assert repeated.design_effect == pytest.approx(5, rel=0.05)
    assert repeated.p_any == pytest.approx(alone.p_any, abs=0.1)
    assert noise_posterior(odds[five], y[five]).p_any > repeated.p_any


def test_no_patient_is_on_both_sides_and_events_are_spread():
    rng = np.random.default_rng(0)
    groups = np.sort(rng.integers(0, 60, 300))
    groups = pd.factorize(groups)[0]
    event = rng.integers(0, 2, 300)
    (first,), (again,) = (repeated_folds(5, event, groups, 1, [seed]) for seed in (3, 3))
    for (train, test), (_, same) in zip(first, again, strict=True):
        assert not set(groups[train]) & set(groups[test])
        assert 40 <= len(test) <= 80
        assert test.tolist() == same.tolist()
    assert sorted(np.concatenate([test for _, test in first])) == list(range(300))


def test_a_patient_does_not_vouch_for_its_own_labels():
    X, y, wrong = patients(n=150)
    X, y, wrong = (np.repeat(part, 4, axis=0) for part in (X, y, wrong))
    patient = np.repeat(np.arange(150), 4)
    forest = RandomForestClassifier(25, random_state=0)
    options = {"n_repeats": 1, "random_state": 0}
    with_groups = LabelAudit(forest, **options).fit(X, y, groups=patient).result_.table["risk"]
    without = LabelAudit(forest, **options).fit(X, y).result_.table["risk"]
    own = [np.where(y == 1, risk, 1 - risk)[wrong].mean() for risk in (with_groups, without)]
    assert own[0] < 0.5 < own[1]  # without groups, three copies confirm the wrong label


def test_same_answer_for_any_n_jobs_and_with_routing():
    groups = np.repeat(np.arange(250), 2)
    one = audited(groups=groups, n_repeats=2)[0]
    two = audited(groups=groups, n_repeats=2, n_jobs=2)[0]
    assert one.score_.tolist() == two.score_.tolist()
    with sklearn.config_context(enable_metadata_routing=True):
        routed = audited(groups=groups, n_repeats=2)[0]
    assert one.score_.tolist() == routed.score_.tolist()


class Remembering(LogisticRegression):
    """Notes the patients that its fits are given."""

    seen = []

    def fit(self, X, y, groups=None):
        Remembering.seen.append((len(X), None if groups is None else len(np.unique(groups))))
        return super().fit(X, y)


@pytest.mark.parametrize("routing", [False, True])
def test_an_inner_fit_that_asks_for_patients_gets_them(routing):
    X, y, _ = patients(n=80)
    Remembering.seen.clear()
    with sklearn.config_context(enable_metadata_routing=routing):
        inner = Remembering().set_fit_request(groups=True) if routing else Remembering()
        LabelAudit(inner, n_repeats=1, random_state=0).fit(X, y, groups=np.arange(80) // 2)
    assert len(Remembering.seen) == 10
    assert all(n_patients is not None for _, n_patients in Remembering.seen)
    assert all(n_patients <= 32 for _, n_patients in Remembering.seen)


def test_frames_and_labels_in_words_are_taken():
    X, y, _ = patients(n=200)
    frame = pd.DataFrame(X, columns=list("abcd"), index=["same"] * 200)
    words = pd.Series(np.where(y == 1, "sick", "fit"), index=frame.index)
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    audit = LabelAudit(pipe, n_repeats=1, random_state=0).fit(frame, words)
    plain = LabelAudit(pipe, n_repeats=1, random_state=0).fit(X, y)
    assert audit.feature_names_in_.tolist() == list("abcd")
    assert audit.classes_.tolist() == ["fit", "sick"]
    assert audit.result_.table["label"].tolist() == words.tolist()
    # a frame lays its columns out otherwise than an array, so the solver stops a hair elsewhere
    np.testing.assert_allclose(audit.score_, plain.score_, rtol=0, atol=1e-8)


def test_a_splitter_is_used_as_it_is():
    X, y, _ = patients(n=120)
    audit = LabelAudit(LogisticRegression(), cv=KFold(3), n_repeats=1, random_state=0).fit(X, y)
    assert np.isfinite(audit.result_.table["risk"]).all()
    with pytest.raises(InputError, match="every row must be tested"):
        LabelAudit(LogisticRegression(), cv=ShuffleSplit(2, random_state=0)).fit(X, y)


def test_a_model_without_skill_flags_nothing():
    X, y, _ = patients()
    audit = LabelAudit(DummyClassifier(), n_repeats=1, random_state=0).fit(X, y)
    assert not audit.suspected_.any()
    assert np.isnan(audit.result_.false_discovery)
    assert "None is flagged" in audit.result_.summary()


def test_what_is_shown_holds_no_label():
    X, y, _ = patients(n=1500)
    words = np.where(y == 1, "ZQX7", "ZQX8")
    result = LabelAudit(LogisticRegression(), n_repeats=1, random_state=0).fit(X, words).result_
    shown = (repr(result), result.summary(), result.to_json(), result._repr_html_())
    assert not any("ZQX" in text for text in shown)
    assert len(json.loads(result.to_json())["table"]) == 1500
    assert "flagged to be read again" in result.summary()
    assert result.plot().get_ylabel() == "Chance that it is wrong"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_repeats": 0}, "n_repeats is 0"),
        ({"max_false_discovery": 1.5}, "max_false_discovery is 1.5"),
        ({"confidence_level": 0}, "confidence_level is 0"),
        ({"cv": 1}, "at least 2 folds"),
    ],
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        audited(**options)


def test_bad_input_is_refused():
    X, y, _ = patients(n=50)
    with pytest.raises(InputError, match="has no predict_proba"):
        LabelAudit(LinearSVC()).fit(X, y)
    with pytest.raises(InputError, match="Only 1 patient"):
        LabelAudit(LogisticRegression()).fit(X, y, groups=np.where(y == 1, 0, np.arange(50) + 1))


def test_the_interval_holds_what_a_reading_of_the_flagged_records_counts():
    inside = []
    for seed in range(20):
        odds, y, wrong = simulated_scores(seed, n=1000, slope=5.0)
        found = noise_posterior(odds, y)
        options = {"max_false_discovery": 0.3, "confidence_level": 0.95}
        result = result_of(found, risk=expit(odds), label=y, **options)
        if result.table["suspected"].any():
            false = result.rates.set_index("quantity").loc["false_discovery"]
            share = (~wrong[result.table["suspected"]]).mean()
            inside.append(false["lower"] <= share <= false["upper"])
    assert len(inside) >= 8
    assert np.mean(inside) >= 0.8
