"""Classifiers that treat groups: right risks, thresholds, weights, fairlearn; before and after."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.utils.estimator_checks import check_estimator

from healthml.exceptions import DataQualityWarning, InputError, UnseenGroupWarning
from healthml.fairness import (
    FairlearnClassifier,
    GroupRecalibratedClassifier,
    GroupThreshold,
    ReweighedClassifier,
)
from healthml.fairness._attributes import learn_groups
from healthml.fairness._mitigation.change import Decisions, group_change
from healthml.fairness._mitigation.deviations import fit_groups

NAMES = np.array(["a", "b", "c"])


def cohort(n=3000, seed=0, shift=(0.0, 1.2, -0.8)):
    """A risk that the columns tell, and a shift by group that they do not."""
    rng = np.random.default_rng(seed)
    group = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    X = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n), "g": NAMES[group]})
    true = expit(X["x"] - 2 + np.array(shift)[group]).to_numpy()
    return X, (rng.uniform(size=n) < true).astype(int), true


X, Y, TRUE = cohort()


def made(kind, **options):
    options = {"sensitive_feature": "g", "keep_feature": False, "random_state": 0} | options
    return kind(LogisticRegression(), **options)


def errors(risk, X, true):
    """Mean log(true / predicted risk) of each group."""
    return [abs(np.log(true[X["g"] == g].mean() / risk[X["g"] == g].mean())) for g in NAMES]


# --- recalibration -------------------------------------------------------------------------------


def test_risks_are_right_in_every_group_on_new_patients():
    model = made(GroupRecalibratedClassifier).fit(X, Y)
    new, _, true = cohort(20_000, 1)
    after = errors(model.predict_proba(new)[:, 1], new, true)
    alone = LogisticRegression().fit(X[["x", "z"]], Y)
    before = errors(alone.predict_proba(new[["x", "z"]])[:, 1], new, true)
    assert max(after) < max(before) / 2
    assert after[0] < 0.1


def test_small_groups_are_drawn_towards_everybody_and_large_ones_are_not():
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(6), [4000, 4000, 4000, 4000, 4000, 12])
    logit = rng.normal(-1.5, 1, len(codes))
    event = (rng.uniform(size=len(codes)) < expit(logit)).astype(int)
    event[codes == 5] = 1  # twelve events of twelve: no maximum-likelihood estimate
    fitted = fit_groups(logit, event, codes, 6)
    assert np.abs(fitted.intercept[:5]).max() < 0.1
    assert 0 < fitted.intercept[5] < 3
    alone = fit_groups(
        logit[codes < 2], event[codes < 2] ^ (codes[codes < 2] == 1), codes[codes < 2], 2
    )
    assert np.ptp(alone.intercept) > 1  # two large groups that differ stay apart


def test_a_group_s_threshold_is_where_its_recalibrated_risk_reaches_the_value():
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 3, 3000)
    logit = rng.normal(-1, 1, 3000)
    event = (rng.uniform(size=3000) < expit(0.7 * logit + np.array([0, 0.8, -0.5])[codes])).astype(
        int
    )
    fitted = fit_groups(logit, event, codes, 3)
    cuts = fitted.cut_of(0.2)
    np.testing.assert_allclose(fitted.risk(cuts, np.arange(3)), 0.2, rtol=1e-9)


def test_before_and_after_are_of_patients_left_out_and_harm_is_seen():
    model = made(GroupRecalibratedClassifier).fit(X, Y)
    table = model.change_.to_frame()
    oe = table[table["measure"] == "oe_ratio"].set_index("group")
    assert oe.loc["b", "before"] > 1.3
    assert oe.loc["b", "after"] == pytest.approx(1, abs=0.1)
    gain = table[table["measure"] == "net_benefit_per_1000"].set_index("group")
    assert gain.loc["b", "harmed"] == "no"
    assert gain.loc["all", "change"] > 0
    assert (gain["lower"] <= gain["change"]).all()
    assert (gain["change"] <= gain["upper"]).all()
    assert table[table["measure"] != "net_benefit_per_1000"]["harmed"].eq("").all()


def test_levelling_down_is_called_harm():
    """Equal sensitivity where one group's risks are blurred: the others lose."""
    rng = np.random.default_rng(4)
    frame, y, _ = cohort(6000, 4, shift=(0, 0, 0))
    blurred = frame.assign(x=np.where(frame["g"] == "b", rng.normal(size=6000), frame["x"]))
    low = made(GroupThreshold, rule="equal_sensitivity", value=0.95).fit(blurred, y)
    table = low.change_.to_frame()
    table = table[(table["measure"] == "sensitivity") & (table["group"] != "all")]
    assert np.ptp(table["after"]) < 0.1
    both = low.change_.to_frame().query("measure == 'net_benefit_per_1000'")
    assert set(both["harmed"]) <= {"yes", "no", "cannot be told"}


def test_a_group_of_whom_no_decision_moved_is_not_cleared_of_harm():
    """Of 40 patients nobody moved: that none of a hundred ever will is not known."""
    rng = np.random.default_rng(0)
    codes, event = np.repeat([0, 1], [40, 2000]), (rng.uniform(size=2040) < 0.3).astype(int)
    risk = rng.uniform(size=2040)
    before = Decisions(risk, risk > 0.5)
    moved = (codes == 1) & (rng.uniform(size=2040) < 0.1)
    after = Decisions(risk, before.flagged ^ moved)
    options = {"threshold": 0.2}
    table = group_change(event, before, after, "g", NAMES[:2], codes, **options).to_frame()
    few = table[table["group"] == "a"].set_index("measure")
    assert few.loc["net_benefit_per_1000", "change"] == 0
    assert few.loc["net_benefit_per_1000", "harmed"] == "cannot be told"
    shares = few.loc[["flagged_rate", "sensitivity", "specificity", "ppv"]]
    assert (shares["lower"] < -0.04).all()
    same = group_change(event, before, before, "g", NAMES[:2], codes, **options).to_frame()
    assert set(same["harmed"]) == {"", "no"}  # nothing changed for anybody


def test_identifiers_and_a_single_group_are_no_attribute():
    with pytest.raises(InputError, match="that is an identifier"):
        made(GroupRecalibratedClassifier).fit(X.assign(g=[f"P{k}" for k in range(len(X))]), Y)
    with pytest.warns(DataQualityWarning, match="one group only"):
        made(GroupRecalibratedClassifier, cv=2).fit(X.iloc[:300].assign(g="a"), Y[:300])


# --- thresholds ----------------------------------------------------------------------------------


def test_net_benefit_flags_those_whom_right_risks_flag():
    threshold = made(GroupThreshold, value=0.2).fit(X, Y)
    right = made(GroupRecalibratedClassifier).fit(X, Y)
    same = threshold.predict(X) == (right.predict_proba(X)[:, 1] >= 0.2)
    assert same.mean() > 0.999
    inner = LogisticRegression().fit(X[["x", "z"]], Y).predict_proba(X[["x", "z"]])
    np.testing.assert_allclose(threshold.predict_proba(X), inner)
    assert threshold.thresholds_["b"] < threshold.thresholds_["a"] < threshold.thresholds_["c"]


def test_a_common_threshold_is_common():
    model = made(GroupThreshold, rule="common", value=0.3).fit(X, Y)
    assert set(model.thresholds_.values()) == {0.3}
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X)[:, 1] >= 0.3)
    assert model.change_.to_frame()["change"].dropna().eq(0).all()


def test_a_group_with_few_events_takes_the_threshold_of_everybody():
    frame = X.copy()
    frame.loc[frame.index[:40], "g"] = "rare"
    model = made(GroupThreshold, rule="equal_sensitivity", value=0.8).fit(frame, Y)
    assert model.thresholds_["rare"] == model.common_threshold_
    assert model.thresholds_["a"] != model.common_threshold_


# --- weights and fairlearn -----------------------------------------------------------------------


def test_weights_make_group_and_outcome_independent():
    model = made(ReweighedClassifier).fit(X, Y)
    table = model.weights_
    events = table["n_events"] * table["weight_events"]
    others = table["n_others"] * table["weight_others"]
    rates = events / (events + others)
    np.testing.assert_allclose(rates, Y.mean())
    np.testing.assert_allclose((events + others), X["g"].value_counts().loc[table["group"]])
    equal = made(ReweighedClassifier, scheme="equal_groups").fit(X, Y).weights_
    sizes = equal["n_events"] * equal["weight_events"] + equal["n_others"] * equal["weight_others"]
    np.testing.assert_allclose(sizes, 1000)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(Y.mean(), rel=0.03)


def test_a_classifier_without_weights_is_refused():
    from sklearn.neighbors import KNeighborsClassifier

    model = ReweighedClassifier(KNeighborsClassifier(), sensitive_feature="g", keep_feature=False)
    with pytest.raises(InputError, match="takes no sample_weight"):
        model.fit(X, Y)


def test_fairlearn_s_optimizer_gives_its_own_probabilities():
    from fairlearn.postprocessing import ThresholdOptimizer

    model = made(FairlearnClassifier).fit(X, Y)
    inner = LogisticRegression().fit(X[["x", "z"]], Y)
    own = ThresholdOptimizer(
        estimator=inner, constraints="equalized_odds", prefit=True, predict_method="predict_proba"
    ).fit(X[["x", "z"]], Y, sensitive_features=X["g"])
    theirs = own._pmf_predict(X[["x", "z"]], sensitive_features=X["g"])[:, 1]
    np.testing.assert_allclose(model.flag_probability(X), theirs, atol=1e-9)


@pytest.mark.parametrize("randomize", [False, True])
def test_a_row_alone_is_decided_as_in_a_batch(randomize):
    model = made(FairlearnClassifier, randomize=randomize).fit(X[:800], Y[:800])
    whole = model.predict(X[:100])
    alone = [model.predict(X.iloc[[k]])[0] for k in range(0, 100, 9)]
    np.testing.assert_array_equal(whole[::9], alone)


def test_reductions_are_cross_validated():
    model = made(
        FairlearnClassifier,
        method="exponentiated_gradient",
        constraints="demographic_parity",
        options={"max_iter": 5},
        cv=2,
    )
    found = cross_validate(model, X[:500], Y[:500], cv=2, scoring=["roc_auc", "accuracy"])
    assert np.isfinite(found["test_roc_auc"]).all()


# --- all of them ---------------------------------------------------------------------------------

KINDS = [
    (GroupRecalibratedClassifier, {}),
    (GroupThreshold, {"value": 0.2}),
    (ReweighedClassifier, {}),
    (FairlearnClassifier, {}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("routing", [False, True])
def test_patients_stay_in_one_fold_and_searches_work(kind, options, routing):
    patient = np.arange(600) // 3
    with sklearn.config_context(enable_metadata_routing=routing):
        model = made(kind, cv=2, **options)
        keywords = {"groups": patient}
        model.fit(X[:600], Y[:600], **keywords)
        search = GridSearchCV(model, {"estimator__C": [0.1, 1]}, cv=2, scoring="roc_auc")
        search.fit(X[:400], Y[:400])
    assert np.isfinite(search.best_score_)
    table = model.change_.to_frame()
    people = table[(table["group"] == "all") & (table["measure"] == "brier")]["n_patients"]
    assert people.item() == 200


@pytest.mark.parametrize(("kind", "options"), [k for k in KINDS if k[0] != ReweighedClassifier])
def test_a_group_not_seen_at_fit_is_warned_of(kind, options):
    model = made(kind, cv=2, **options).fit(X[:800], Y[:800])
    new = X[:5].assign(g=["a", "a", "new", "b", None])
    with pytest.warns(UnseenGroupWarning, match="2 rows belong to groups"):
        risk = model.predict_proba(new), model.predict(new)
    assert np.isfinite(risk[0]).all()


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_same_seed_same_answer_and_another_order_of_columns_of_text(kind, options):
    risks = [
        made(kind, cv=2, n_jobs=jobs, **options).fit(X[:500], Y[:500]).predict_proba(X[:50])
        for jobs in (None, 2)
    ]
    np.testing.assert_array_equal(*risks)
    with pytest.raises(InputError, match="X has no column 'sex'"):
        made(kind, sensitive_feature="sex", **options).fit(X[:500], Y[:500])


def test_ages_and_amounts_fall_into_the_bands_of_fit():
    rng = np.random.default_rng(5)
    age = pd.Series(rng.integers(18, 95, 400), name="age")
    groups, codes = learn_groups(age)
    one = groups.codes(pd.Series([44], name="age"))
    assert groups.names[one[0]] == "40-64"
    np.testing.assert_array_equal(groups.codes(age), codes)
    dose = pd.Series(rng.uniform(0, 9, 400), name="dose")
    groups, codes = learn_groups(dose)
    np.testing.assert_array_equal(groups.codes(dose), codes)
    assert groups.names[groups.codes(pd.Series([100.0], name="dose"))[0]] == "quarter 4"


# --- any table, any rule -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (GroupRecalibratedClassifier, {}),
        (GroupThreshold, {"value": 0.2}),
        (ReweighedClassifier, {}),
        (FairlearnClassifier, {}),
    ],
)
def test_polars_gives_what_pandas_gives(kind, options):
    rows = X.iloc[:400].assign(g=X["g"].where(np.arange(len(X)) % 9 > 0))  # None is a group
    frame, y = pl.from_pandas(rows), Y[:400]
    ours, same = (made(kind, **options).fit(table, y) for table in (frame, rows))
    np.testing.assert_array_equal(ours.predict_proba(frame), same.predict_proba(rows))
    np.testing.assert_array_equal(ours.predict(frame), same.predict(rows))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "value"), [("net_benefit", 0.2), ("equal_sensitivity", 0.8), ("common", 0.3)]
)
def test_scikit_learns_checks_pass_with_every_rule(rule, value):
    """But for the one that wants the likelier class: a threshold is not one half here."""
    model = GroupThreshold(
        LogisticRegression(), sensitive_feature=0, rule=rule, value=value, random_state=0
    )
    results = check_estimator(model, on_fail=None, on_skip=None)
    failed = {r["check_name"] for r in results if r["status"] == "failed"}
    assert failed == {"check_classifiers_train"}
