"""Internal-external validation: equal to R on simulated sites, and nothing dropped in silence."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from healthml.exceptions import InputError
from healthml.meta_analysis._random_effects import random_effects
from healthml.metrics import performance
from healthml.validation._scoring import Evaluator
from healthml.validation._transport.internal_external import internal_external
from healthml.validation._transport.leave_out import leave_site_out

REFERENCE = json.loads(
    (Path(__file__).parent.parent / "reference" / "internal_external_reference.json").read_text(
        "utf-8"
    )
)
DATA = pd.DataFrame(REFERENCE["data"])
X, Y, SITE = DATA[["x1", "x2"]], DATA["y"].to_numpy(), DATA["site"].to_numpy()
FOUR = ["auroc", "oe_ratio", "calibration_slope", "calibration_in_the_large"]


def unpenalised():
    return LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)


@pytest.fixture(scope="module")
def found():
    return internal_external(unpenalised(), X, Y, site=SITE, measures=FOUR)


def test_sites_agree_with_r(found):
    for expected in REFERENCE["sites"]:
        for measure in FOUR:
            row = found.get(measure, expected["site"])
            assert row["estimate"] == pytest.approx(expected[measure], abs=1e-9), measure
            # glm's standard errors are those of its last step but one
            assert row["se"] == pytest.approx(expected[f"{measure}_se"], abs=1e-7), measure


def test_pooled_values_agree_with_r(found):
    for measure, expected in REFERENCE["pooled"].items():
        row, new = found.get(measure), found.get(measure, "a new site")
        for name in ("estimate", "lower", "upper", "tau2"):
            assert row[name] == pytest.approx(expected[name], abs=1e-6), (measure, name)
        assert row["i2"] == pytest.approx(expected["i2"], abs=1e-4)
        np.testing.assert_allclose(
            new[["lower", "upper"]].tolist(), expected["prediction"], atol=1e-6
        )
        assert (row["n_sites"], row["n_samples"]) == (7, 800)


def test_nothing_of_a_site_is_in_its_model(found):
    for site in np.unique(SITE):
        here = site == SITE
        risk = unpenalised().fit(X[~here], Y[~here]).predict_proba(X[here])[:, 1]
        np.testing.assert_allclose(found.risk[here], risk, atol=1e-9)
    assert (found.sites["n_train"] == 800 - found.sites["n_samples"]).all()
    assert "has not seen" in found.estimand


def test_frames_of_any_kind_and_a_column_of_sites(found):
    model = unpenalised()
    for table in (X.to_numpy(), pl.from_pandas(X)):
        other = internal_external(model, table, Y, site=SITE, measures=FOUR)
        np.testing.assert_allclose(other.table["estimate"], found.table["estimate"], atol=1e-9)
    frame = X.assign(place=pd.factorize(SITE)[0])
    named = internal_external(model, frame, Y, site="place", measures=["auroc"])
    assert named.sites["site"].tolist() == [str(k) for k in range(7)]
    text = np.where(Y == 1, "died", "lived")
    worded = internal_external(model, X, text, site=SITE, event="died", measures=["auroc"])
    assert worded.get("auroc")["estimate"] == pytest.approx(found.get("auroc")["estimate"])


def test_pooling_is_that_of_random_effects(found):
    other = internal_external(
        unpenalised(), X, Y, site=SITE, method="DL", test="z", prediction="metafor",
        confidence_level=0.9,
    )  # fmt: skip
    rows = found.table[(found.table["measure"] == "auroc") & (found.table["kind"] == "site")]
    theta = np.log(rows["estimate"] / (1 - rows["estimate"]))
    options = {"method": "DL", "test": "z", "prediction": "metafor", "confidence_level": 0.9}
    pooled = random_effects(theta, rows["se"], scale="logit", **options)
    ends = ["estimate", "lower", "upper"]
    for site, kind in (("pooled", "pooled"), ("a new site", "prediction")):
        np.testing.assert_allclose(
            other.get("auroc", site)[ends].tolist(), pooled.get(kind).tolist(), rtol=1e-12
        )
    assert other.pooled["auroc"].tau2 == pytest.approx(pooled.tau2)


# sites that cannot be pooled


@pytest.fixture(scope="module")
def odd():
    """Return a result with a perfect site, one without events, one of events only, one of two."""
    rng = np.random.default_rng(1)
    size = {"a": 120, "b": 110, "c": 100, "d": 90, "perfect": 40, "none": 30, "all": 20, "one": 25}
    site = np.repeat(list(size), list(size.values()))
    table = pd.DataFrame({"x": rng.normal(size=len(site))})
    x = table["x"].to_numpy()
    y = (x + rng.normal(size=len(site)) > 0.8).astype(int)
    y[site == "perfect"] = (x[site == "perfect"] > 1).astype(int)
    y[site == "none"], y[site == "all"], y[site == "one"] = 0, 1, 0
    y[np.flatnonzero(site == "one")[3]] = 1
    return internal_external(unpenalised(), table, y, site=site), y, site


def test_sites_that_cannot_be_pooled_are_listed_with_the_reason(odd):
    result, _, _ = odd
    for measure in ("auroc", "oe_ratio", "calibration_slope"):
        rows = result.table[result.table["measure"] == measure]
        assert (rows["kind"].isin(["site", "left out"])).sum() == 8
    why = {
        ("auroc", "perfect"): "AUC is 1, which has no variance and no logit",
        ("auroc", "none"): "no events",
        ("auroc", "all"): "only events",
        ("auroc", "one"): "fewer than two rows with, or without, the event",
        ("oe_ratio", "none"): "no events: the O:E ratio has no logarithm",
        ("oe_ratio", "all"): "only events: its variance is 0",
        ("calibration_slope", "perfect"): "the risks separate events from non-events: it does not "
        "exist",
        ("calibration_slope", "none"): "no events",
    }
    for (measure, site), reason in why.items():
        row = result.get(measure, site)
        assert (row["kind"], row["reason"]) == ("left out", reason)
        assert np.isnan(row["lower"])
    assert result.get("auroc", "perfect")["estimate"] == 1
    assert result.get("oe_ratio", "none")["estimate"] == 0
    assert result.get("auroc")["n_sites"] == 4
    assert result.get("oe_ratio")["n_sites"] == 6
    assert "auroc: 4 of 8 sites listed, not pooled." in result.note
    assert "Only 4 sites" in result.note
    assert "AUC is 1" in result.summary()


def test_sites_without_events_count_in_one_stage(odd):
    result, y, site = odd
    observed = [y[site == s].sum() for s in np.unique(site)]
    row = result.events.table.iloc[0]
    assert row["n_studies"] == 8
    assert row["n_events"] == sum(observed)
    assert f"O:E of all sites in one stage: {row['estimate']:.2f}" in result.note
    assert internal_external(unpenalised(), X, Y, site=SITE).events is None


def test_too_few_sites_are_refused_and_few_are_flagged():
    two = np.where(np.isin(SITE, ["A", "B", "C"]), "a", "b")
    with pytest.raises(InputError, match="site has 2 values; at least 3"):
        internal_external(unpenalised(), X, Y, site=two)
    three = np.where(np.isin(SITE, ["A", "B"]), "a", np.where(SITE == "C", "b", "c"))
    result = internal_external(unpenalised(), X, Y, site=three)
    assert "Only 3 sites" in result.note
    y = np.where(three == "b", 0, Y)
    result = internal_external(unpenalised(), X, y, site=three)
    row = result.get("auroc")
    assert np.isnan(row["estimate"])
    assert row["reason"] == "2 sites can be pooled; at least 3 are needed"
    assert result.pooled == {}


def test_a_site_without_a_model_is_listed():
    """Without the one site that has events nothing can be fitted."""
    y = np.where(SITE == "A", Y, 0)
    result = internal_external(unpenalised(), X, y, site=SITE)
    reasons = result.sites.set_index("site")["reason"]
    assert reasons["A"] == "no model without it: one class among the training rows"
    assert (reasons.drop("A") == "").all()
    assert np.isnan(result.risk[SITE == "A"]).all()
    assert result.get("auroc", "A")["reason"] == reasons["A"]
    assert "1 of 7 sites have no model of their own" in result.note


def test_a_model_with_one_risk_for_all_has_no_slope():
    result = internal_external(DummyClassifier(), X, Y, site=SITE)
    rows = result.table[result.table["measure"] == "calibration_slope"]
    assert (rows["reason"][:7] == "every risk is the same: it does not exist").all()
    assert result.get("auroc", "A")[["estimate", "kind"]].tolist() == [0.5, "left out"]
    assert result.get("oe_ratio")["n_sites"] == 7


# patients


def test_patients_at_several_sites_train_no_model_for_their_own():
    groups = np.arange(800)
    groups[SITE == "G"] = groups[:70]  # all patients of G were at A before
    result = internal_external(unpenalised(), X, Y, site=SITE, groups=groups)
    sites = result.sites.set_index("site")
    assert sites["n_not_trained"].to_dict() == dict.fromkeys("BCDEF", 0) | {"A": 70, "G": 70}
    assert result.get("oe_ratio")["n_patients"] == 730
    train = ~np.isin(groups, groups[SITE == "G"]) & (SITE != "G")
    risk = unpenalised().fit(X[train], Y[train]).predict_proba(X[SITE == "G"])[:, 1]
    np.testing.assert_allclose(result.risk[SITE == "G"], risk, atol=1e-9)


def test_intervals_are_for_patients():
    groups = np.arange(800) // 4
    result = internal_external(unpenalised(), X, Y, site=SITE, groups=groups, measures=FOUR)
    for site in "AF":
        rows = site == SITE
        judged = performance(
            Y[rows], result.risk[rows], groups=groups[rows], measures=FOUR,
            interval_methods={"auroc": "logit"},
        )  # fmt: skip
        for measure in FOUR:
            ours, theirs = result.get(measure, site), judged.get(measure)
            np.testing.assert_allclose(
                ours[["estimate", "lower", "upper"]].tolist(),
                theirs[["estimate", "lower", "upper"]].tolist(),
                rtol=1e-9,
            )
    assert result.get("auroc", "A")["method"] == "Obuchowski (patients), logit scale"
    assert result.get("auroc", "A")["n_patients"] == 40


def test_oe_by_its_influence_function_is_that_of_performance():
    result = internal_external(unpenalised(), X, Y, site=SITE, oe_interval="influence")
    rows = SITE == "B"
    expected = performance(Y[rows], result.risk[rows], measures=["oe_ratio"]).get("oe_ratio")
    ends = ["estimate", "lower", "upper"]
    np.testing.assert_allclose(
        result.get("oe_ratio", "B")[ends].tolist(), expected[ends].tolist(), rtol=1e-9
    )


# the rest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": ["brier"]}, r"measures has \['brier'\]; choose from auroc"),
        ({"measures": []}, "measures has"),
        ({"oe_interval": "wald"}, "oe_interval is 'wald'"),
        ({"method": "EB"}, "method is 'EB'"),
        ({"site": SITE[:5]}, "site has 5 values for 800 rows"),
        ({"site": "place"}, "site='place' is no column of X"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(InputError, match=message):
        internal_external(unpenalised(), X, Y, **{"site": SITE, **options})


def test_random_state_and_jobs_do_not_change_the_answer():
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(n_estimators=5, max_depth=3)
    first, second = (
        internal_external(forest, X, Y, site=SITE, random_state=4, n_jobs=jobs, measures="auroc")
        for jobs in (None, 1)
    )
    pd.testing.assert_frame_equal(first.table, second.table)
    other = internal_external(forest, X, Y, site=SITE, random_state=5, measures="auroc")
    assert not np.allclose(first.risk, other.risk)


def test_forest_plots(found, odd):
    axes = found.plot()
    assert len(axes) == 4
    names = [label.get_text() for label in axes[0].get_yticklabels()]
    assert names == [*"ABCDEFG", "pooled", "a new site"]
    assert {label.get_text() for label in axes[1].get_yticklabels()} <= {""}
    assert axes[1].get_xscale() == "log"
    ax = odd[0].plot(measure="auroc")
    assert "AUC is 1, which has no variance and no logit" in [t.get_text() for t in ax.texts]
    low, _ = ax.get_xlim()
    drawn = odd[0].table[odd[0].table["kind"] == "site"].query("measure == 'auroc'")
    assert low > drawn["lower"].min() - 0.2  # the site with an AUC far below has no interval
    texts = [t.get_text() for t in odd[0].plot(measure="oe_ratio").texts]
    assert {"no events: the O:E ratio has no logarithm", "0.00"} <= set(texts)
    with pytest.raises(InputError, match="There is no measure 'brier'"):
        found.plot(measure="brier")
    with pytest.raises(InputError, match="no row for measure"):
        found.get("auroc", "Z")
    assert json.loads(found.to_json())["note"] == ""


def test_the_audit_pools_its_sites_the_same_way(found):
    judge = Evaluator(Y, n_repeats=1, random_state=0)
    transport = leave_site_out(judge, unpenalised(), X, SITE, min_events=5)
    same = internal_external(unpenalised(), X, Y, site=SITE, oe_interval="influence")
    for row in transport.pooled.itertuples():
        expected = same.get(row.measure, row.site)
        np.testing.assert_allclose(
            [row.estimate, row.lower, row.upper],
            expected[["estimate", "lower", "upper"]].tolist(),
            rtol=1e-6,
        )
    assert len(transport.pooled) == 6
    two = np.where(SITE < "C", "a", "b")
    assert leave_site_out(judge, unpenalised(), X, two).pooled is None
    assert roc_auc_score(Y[SITE == "A"], transport.risk[SITE == "A"]) == pytest.approx(
        found.get("auroc", "A")["estimate"]
    )
