"""External validation of a frozen model."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from healthml._core._sample import make_sample
from healthml.exceptions import InputError, OutcomeError
from healthml.metrics import performance
from healthml.validation._external.case_mix import (
    case_mix,
    expected_auroc,
    membership,
    read_development,
)
from healthml.validation._external.closed_test_update import (
    NOT_ASSESSABLE,
    added_columns,
    closed_test,
    numeric_covariates,
)
from healthml.validation._external.recalibration_gain import recalibration_gain
from healthml.validation._external.validate import STRONG, external_validate

QUICK = {"n_resamples": 20, "random_state": 0}


def cohort(n=500, intercept=0.0, slope=1.0, revised=0.0, seed=0):
    """Return (y, risk, X): the truth departs from the risks as asked."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    lp = -1 + X @ [0.8, -0.5, 0.3]
    truth = expit(intercept + slope * lp + revised * X[:, 2])
    return (rng.uniform(size=n) < truth).astype(int), expit(lp), X


# the real table


@pytest.mark.parametrize("model", ["full", "glu_bmi"])
def test_pima(shared, model):
    folder = shared / "reference/validation/pima"
    expected = json.loads((folder / "expected.json").read_text())[f"external_{model}"]
    rows = pd.read_csv(folder / "ext_predictions.csv")
    y, risk = rows["y"], rows[f"p_{model}"]
    found = external_validate(y, risk, **QUICK)
    same = {
        "auc": "auroc", "brier": "brier", "brier_scaled": "scaled_brier", "log_loss": "log_loss",
        "cal_intercept": "calibration_intercept", "cal_slope": "calibration_slope",
        "citl": "calibration_in_the_large", "oe": "oe_ratio", "ici_loess_direct": "ici",
        "r2_nagelkerke": "nagelkerke_r2_recalibrated",
    }  # fmt: skip
    for name, measure in same.items():
        want = expected[name]
        assert found.get(measure)["estimate"] == pytest.approx(want["value"], abs=want["tol"]), name
    for name in ("cal_slope", "citl", "oe"):
        want, row = expected[f"{name}_ci95"], found.get(same[name])
        np.testing.assert_allclose([row["lower"], row["upper"]], want["value"], atol=want["tol"])
    unscaled = 100 * found.get("eci")["estimate"] * np.mean((y.mean() - risk) ** 2)
    assert unscaled == pytest.approx(expected["eci"]["value"], abs=expected["eci"]["tol"])
    spline = external_validate(y, risk, smooth="rcs", **QUICK)
    names = {"Eavg": "ici", "E50": "e50", "E90": "e90", "Emax": "emax"}
    for name, measure in names.items():
        want = expected["pmcalibration_rcs5_logit"][name]
        assert spline.get(measure)["estimate"] == pytest.approx(want["value"], abs=want["tol"])
    second = found.updates.set_index("update")
    assert second.loc["recalibration", "slope"] == pytest.approx(expected["cal_slope"]["value"])
    for update, name, se in (
        ("intercept", "se_intercept", "citl_se"),
        ("recalibration", "se_intercept", "cal_intercept_se"),
        ("recalibration", "se_slope", "cal_slope_se"),
    ):
        assert second.loc[update, name] == pytest.approx(expected[se]["value"], abs=1e-7)
    # val.prob's U statistic: likelihood ratio of slope and intercept on 2 degrees of freedom
    if model == "full":
        reference = json.loads((folder / "expected.json").read_text())["val_prob_full"]
        assert second.loc["original", "statistic"] == pytest.approx(
            reference["U:Chi-sq"]["value"], abs=1e-5
        )
        assert second.loc["original", "p_value"] == pytest.approx(
            reference["U:p"]["value"], abs=1e-5
        )


@pytest.fixture(scope="module")
def impact(shared):
    folder = shared / "reference/governance"
    expected = json.loads((folder / "closed_test_impact_shared.json").read_text())
    data = pd.read_csv(folder / "data/impact.csv", keep_default_na=False)
    lp = np.full(len(data), expected["dev_coef"]["(Intercept)"])
    for name, value in expected["dev_coef"].items():
        for column in data.columns:
            if name == column:
                lp += value * data[column].to_numpy(dtype=float)
            elif name.startswith(column):
                lp += value * (data[column] == name[len(column) :]).to_numpy()
    return expected, data, lp


def site_rows(data, site, part):
    rows = np.flatnonzero(data["name"] == site)
    return rows if part == "full" else rows[: int(part.removeprefix("first"))]


PREDICTORS = ["age", "motor_score", "pupil", "ct", "hypox", "hypots", "tsah", "edh"]


def test_closed_test_of_impact(impact):
    """A full row of tests at 21 updates; the file gives the risks' coefficients to 12 digits."""
    expected, data, lp = impact
    y, n_compared = data["mort"].to_numpy(dtype=float), 0
    for site, parts in expected["updates"].items():
        for part, want in parts.items():
            rows = site_rows(data, site, part)
            X = numeric_covariates(data[PREDICTORS].iloc[rows], len(rows))
            found = closed_test(y[rows], logit(expit(lp[rows])), X)
            table = found.table.set_index("update")
            steps = table.loc[["original", "intercept", "recalibration"]]
            np.testing.assert_allclose(steps["statistic"], want["lr"], atol=1e-5)
            np.testing.assert_allclose(steps["p_value"], want["p"], atol=1e-7)
            assert steps["df"].tolist() == want["df"]
            assert found.decision == want["decision"], (site, part)
            for name, value in want["loglik"].items():
                assert table.loc[name, "log_likelihood"] == pytest.approx(value, abs=1e-6)
            numbers = {
                ("intercept", "intercept"): "intercept_update",
                ("intercept", "se_intercept"): "se_intercept_update",
                ("recalibration", "intercept"): "recal_intercept",
                ("recalibration", "slope"): "recal_slope",
                ("recalibration", "se_slope"): "se_recal_slope",
            }
            for place, name in numbers.items():  # R's standard errors are one step behind
                assert table.loc[place] == pytest.approx(want[name], abs=5e-5), name
            n_compared += 1
    assert n_compared == sum(len(parts) for parts in expected["updates"].values()) == 22


def test_separated_revisions_of_impact_are_no_decision(impact):
    expected, data, lp = impact
    y = data["mort"].to_numpy(dtype=float)
    for site, part in expected["excluded_separation"]:
        rows = site_rows(data, site, part)
        X = numeric_covariates(data[PREDICTORS].iloc[rows], len(rows))
        found = closed_test(y[rows], lp[rows], X)
        assert found.decision == NOT_ASSESSABLE
        assert "separate" in found.reason
        assert not found.table["chosen"].any()
        assert found.table["p_value"].isna().all()


# the closed test


@pytest.mark.parametrize(
    ("truth", "decision"),
    [
        ({}, "original"),
        ({"intercept": 0.8}, "intercept"),
        ({"slope": 0.4}, "recalibration"),
        ({"revised": 1.0}, "revision"),
    ],
)
def test_the_smallest_update_that_mends_it_is_chosen(truth, decision):
    y, risk, X = cohort(1500, **truth, seed=2)
    found = closed_test(y.astype(float), logit(risk), X)
    assert found.decision == decision
    chosen = found.table.set_index("update")["chosen"]
    assert chosen[chosen].index.tolist() == [decision]
    assert found.table["df"].tolist() == [4, 3, 2, 0]
    without = closed_test(y.astype(float), logit(risk))
    assert without.table["df"].tolist() == [2, 1, 0]
    if decision != "revision":
        assert without.decision == decision


def test_the_decision_is_said_in_words():
    y, risk, X = cohort(intercept=1.0)
    found = external_validate(y, risk, X=X, **QUICK)
    assert found.decision == "intercept"
    assert found.summary().endswith("A new intercept is enough: the risks are too high or too low "
                                    "throughout.")  # fmt: skip
    alone = closed_test(y.astype(float), logit(risk), X)
    pd.testing.assert_frame_equal(found.updates, alone.table)


def test_no_more_updates_than_the_level_where_none_is_needed():
    decisions = []
    for seed in range(200):
        y, risk, X = cohort(300, seed=seed)
        decisions.append(closed_test(y.astype(float), logit(risk), X).decision)
    share = np.mean(np.array(decisions) != "original")
    assert share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert share > 0


def test_a_model_that_is_no_combination_of_the_covariates_has_a_slope_of_its_own():
    y, risk, X = cohort()
    rng = np.random.default_rng(1)
    other = logit(risk) + rng.normal(0, 0.5, len(y))
    found = closed_test(y.astype(float), other, X)
    assert found.table["df"].tolist() == [5, 4, 3, 0]
    repeated = np.column_stack([X, X[:, 0] + X[:, 1], np.ones(len(y))])
    again = closed_test(y.astype(float), logit(risk), repeated)
    assert again.table["df"].tolist() == [4, 3, 2, 0]
    rounded = closed_test(y.astype(float), logit(np.round(risk, 6)), X)
    assert rounded.table["df"].tolist() == [4, 3, 2, 0]


def test_patients_bring_wald_tests_for_patients():
    y, risk, X = cohort(600, seed=5)
    twice = np.repeat(np.arange(600), 2)
    naive = closed_test(y[twice].astype(float), logit(risk[twice]), X[twice])
    single = closed_test(y.astype(float), logit(risk), X)
    found = closed_test(y[twice].astype(float), logit(risk[twice]), X[twice], groups=twice)
    assert (found.table["method"][:3] == "Wald, patients").all()
    # every row twice doubles a likelihood ratio and tells a Wald test for patients nothing
    np.testing.assert_allclose(naive.table["statistic"][:3], 2 * single.table["statistic"][:3])
    alone = closed_test(y.astype(float), logit(risk), X, groups=np.arange(600))
    np.testing.assert_allclose(found.table["statistic"][:3], alone.table["statistic"][:3])
    np.testing.assert_allclose(alone.table["p_value"][:3], single.table["p_value"][:3], atol=0.06)
    few = closed_test(y.astype(float), logit(risk), X, groups=np.arange(600) % 4)
    assert (few.decision, few.reason) == (NOT_ASSESSABLE, "fewer patients than parameters")


def test_clustered_patients_are_not_updated_too_often():
    """Six equal rows of a patient: the naive test would update half of the models."""
    updated = {True: [], False: []}
    for seed in range(80):
        y, risk, _ = cohort(150, seed=1000 + seed)
        rows = np.repeat(np.arange(150), 6)
        for grouped in updated:
            groups = rows if grouped else None
            found = closed_test(y[rows].astype(float), logit(risk[rows]), groups=groups)
            updated[grouped].append(found.decision != "original")
    assert np.mean(updated[True]) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 80)
    assert np.mean(updated[False]) > 0.3


def test_covariates_may_be_a_mixed_table():
    y, risk, X = cohort()
    sex = np.where(X[:, 1] > 0, "f", "m")
    frame = pd.DataFrame({"a": X[:, 0], "sex": sex, "b": X[:, 2] > 0})
    numbers = np.column_stack([X[:, 0], sex == "m", X[:, 2] > 0])
    for table in (frame, pl.from_pandas(frame), frame.astype({"sex": "category"})):
        np.testing.assert_array_equal(
            np.sort(numeric_covariates(table, len(y)), axis=1), np.sort(numbers, axis=1)
        )
    frame.loc[[3, 8], "a"] = np.nan
    with pytest.raises(InputError, match=f"X has missing values in 2 of {len(y)} rows"):
        external_validate(y, risk, X=frame, **QUICK)
    with pytest.raises(InputError, match="X has 5 rows"):
        external_validate(y, risk, X=frame.iloc[:5], **QUICK)


# the hierarchy


def test_levels_of_calibration(capsys):
    y, risk, _ = cohort(intercept=0.4)
    found = external_validate(y, risk, threshold=0.3, **QUICK)
    levels = found.table.drop_duplicates("level")["level"].tolist()
    assert levels == ["mean", "weak", "moderate", "strong", "discrimination", "overall", "utility"]
    strong = found.table[found.table["level"] == "strong"].iloc[0]
    assert np.isnan(strong["estimate"])
    assert strong["reason"] == STRONG
    moderate = found.table[found.table["level"] == "moderate"]
    assert (moderate["null_mean"] > 0).all()
    assert (moderate["null_p95"] > moderate["null_mean"]).all()
    assert (moderate["ideal"] == 0).all()
    assert found.get("oe_ratio")["ideal"] == found.get("calibration_slope")["ideal"] == 1
    assert np.isnan(found.get("auroc")["ideal"])
    assert "as it is" in found.estimand
    assert capsys.readouterr().out == ""
    with pytest.raises(InputError, match="There is no row 'kappa'"):
        found.get("kappa")


def test_labels_and_patients():
    y, risk, _ = cohort(200, seed=1)
    groups = np.arange(200) // 2
    found = external_validate(
        np.where(y == 1, "yes", "no"), risk, event="yes", groups=groups, **QUICK
    )
    assert found.get("auroc")["method"] == "Obuchowski (patients)"
    assert found.get("oe_ratio")["method"] == "influence function, log scale, patients"
    own = external_validate(y, risk, oe_interval="influence", **QUICK)
    assert own.get("oe_ratio")["method"] == "influence function, log scale"
    assert (
        own.get("oe_ratio")["lower"] != external_validate(y, risk, **QUICK).get("oe_ratio")["lower"]
    )


# case mix


def test_expected_auc_is_that_of_outcomes_drawn_from_the_risks():
    rng = np.random.default_rng(0)
    risk = np.round(expit(rng.normal(-1, 1, 400)), 2)  # with ties
    pairs = risk[:, None] * (1 - risk[None, :])
    np.fill_diagonal(pairs, 0)
    higher = (risk[:, None] > risk[None, :]) + 0.5 * (risk[:, None] == risk[None, :])
    assert expected_auroc(risk) == pytest.approx((pairs * higher).sum() / pairs.sum())
    drawn = [roc_auc_score(rng.uniform(size=400) < risk, risk) for _ in range(150)]
    assert abs(np.mean(drawn) - expected_auroc(risk)) < 4 * np.std(drawn) / np.sqrt(150)
    assert expected_auroc(np.full(10, 0.3)) == pytest.approx(0.5)
    assert np.isnan(expected_auroc(np.zeros(10)))


def mix(table, quantity):
    return table.set_index("quantity").loc[quantity]


def compared(y, risk, development=None):
    return case_mix(make_sample(y, risk), read_development(development), 0.95)


def test_a_narrower_case_mix_explains_a_lower_auc():
    rng = np.random.default_rng(4)
    wide = rng.normal(-1, 1.5, 3000)
    narrow = wide[np.abs(wide + 1) < 1][:1200]
    y, there = (rng.uniform(size=len(v)) < expit(v) for v in (narrow, wide))
    development = {"linear_predictor": wide, "y_true": there.astype(int)}
    found = compared(y, expit(narrow), development)
    expected, observed = (
        mix(found, f"AUC {what}") for what in ("expected from the case mix", "observed")
    )
    assert observed["estimate"] < -0.08
    assert abs(observed["estimate"] - expected["estimate"]) < 0.04
    gap = mix(found, "AUC observed minus expected")
    assert gap["lower"] < 0 < gap["upper"]
    spread = mix(found, "linear predictor, SD")
    assert spread["estimate"] == pytest.approx(np.std(narrow, ddof=1) / np.std(wide, ddof=1))
    assert spread["upper"] < 1
    mean = mix(found, "linear predictor, mean")
    assert mean["estimate"] == pytest.approx(narrow.mean() - wide.mean())
    error = np.sqrt(narrow.var(ddof=1) / len(narrow) + wide.var(ddof=1) / len(wide))
    assert mean["upper"] - mean["lower"] == pytest.approx(2 * 1.959964 * error, rel=1e-3)


def test_the_interval_of_oe_may_be_that_of_performance():
    y, risk, _ = cohort(200)
    found = external_validate(y, risk, oe_interval="influence", **QUICK)
    expected = performance(y, risk, measures=["oe_ratio"]).get("oe_ratio")
    assert found.get("oe_ratio")["lower"] == expected["lower"]
    assert "utility" not in set(found.table["level"])


def test_wrong_coefficients_lower_the_auc_below_its_benchmark():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(3000, 2))
    y = rng.uniform(size=3000) < expit(X @ [1.2, 0.0])
    found = compared(y, expit(X @ [0.8, 0.9]))
    assert mix(found, "AUC observed minus expected")["upper"] < 0
    assert mix(found, "linear predictor, mean")["reason"] == "needs risks of the development set"


def test_intervals_of_the_spread_cover():
    """The ratio of two equal SDs is 1 in about 95 of 100 intervals."""
    hits = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        here, there = rng.standard_t(8, 300), rng.standard_t(8, 200)
        table = compared(rng.integers(0, 2, 300), expit(here), {"linear_predictor": there})
        row = mix(table, "linear predictor, SD")
        hits.append(row["lower"] < 1 < row["upper"])
    assert 0.88 < np.mean(hits) < 0.99


def test_the_membership_model_knows_other_patients():
    X, same, other = (cohort(seed=seed)[2] for seed in (6, 7, 8))
    for there, low, high in ((same, 0.42, 0.58), (other + np.array([1.0, 0, 0]), 0.7, 0.85)):
        row = membership(X, there, None, None, None, 0.95, 0)
        assert low < row["estimate"] < high
        assert row["lower"] < row["estimate"] < row["upper"]
    y = np.arange(500) < 150
    told = membership(X, same, None, y, np.arange(500) < 450, 0.95, 0)
    assert told["estimate"] > 0.75  # the outcome tells them apart
    assert told["quantity"].endswith("with the outcome")
    rng, rows = np.random.default_rng(0), np.repeat(np.arange(80), 4)
    noise, there = rng.normal(size=(80, 200))[rows], rng.normal(size=(320, 200))
    by_row = membership(noise, there, None, None, None, 0.95, 0)["estimate"]
    by_patient = membership(noise, there, rows, None, None, 0.95, 0)["estimate"]
    assert by_patient < 0.65 < 0.75 < by_row  # a patient's rows are in one fold
    with pytest.raises(InputError, match="differ in their columns"):
        membership(X, same[:, :2], None, None, None, 0.95, 0)


def test_the_development_set_may_be_risks_or_a_mapping():
    y, risk, X = cohort(200)
    there = {"y_proba": risk[:100], "X": X[:100], "y_true": y[:100]}
    found = external_validate(y, risk, X=X, development=there, **QUICK).case_mix
    assert found["quantity"].iloc[-1] == "AUC of a membership model with the outcome"
    assert mix(found, "AUC observed")["development"] == pytest.approx(
        roc_auc_score(y[:100], risk[:100])
    )
    alone = external_validate(y, risk, development=risk[:100], **QUICK).case_mix
    row, same = (mix(table, "linear predictor, mean") for table in (alone, found))
    assert row["estimate"] == same["estimate"]
    assert mix(alone, "AUC observed")["reason"] == "needs outcomes of the development set"


@pytest.mark.parametrize(
    ("development", "message"),
    [
        (np.zeros((5, 2)), "development is a table"),
        (pd.DataFrame({"a": [1, 2]}), "development is a table"),
        ({"risk": [0.1]}, r"keys \['risk'\]"),
        ({}, "at least one"),
        ([0.2, 1.4], "development's y_proba has 1 of 2"),
        ({"linear_predictor": [0.1, np.nan]}, "one finite number"),
        ({"y_proba": [0.2, 0.3], "y_true": [0, 1, 1]}, "different lengths"),
    ],
)
def test_a_development_set_that_is_none(development, message):
    with pytest.raises(InputError, match=message):
        read_development(development)


# what an update brings


def gained(y, risk, X=None, groups=None, **options):
    sample = make_sample(y, risk, groups=groups)
    extra = None if X is None else added_columns(sample.logit, X)
    options = {"thresholds": None, "level": 0.95, "random_state": 0, **options}
    return recalibration_gain(sample, extra, **options)


def gain(table, update, measure):
    return table[(table["update"] == update) & (table["measure"] == measure)].iloc[0]


def test_an_update_is_judged_on_patients_it_was_not_fitted_on():
    y, risk, _ = cohort(1000, intercept=0.9, slope=0.6, seed=3)
    found = gained(y, risk, thresholds=np.array([0.3]))
    before, after = (gain(found, u, "log_loss") for u in ("original", "recalibration"))
    assert before["estimate"] == pytest.approx(log_loss(y, risk))
    assert after["difference"] == pytest.approx(after["estimate"] - before["estimate"])
    assert after["difference_upper"] < 0
    assert np.isnan(before["difference"])
    assert gain(found, "recalibration", "oe_ratio")["estimate"] == pytest.approx(1, abs=0.01)
    assert np.isnan(gain(found, "recalibration", "oe_ratio")["difference"])
    # a new intercept and slope change no ranking within a fold
    assert gain(found, "recalibration", "auroc")["difference"] == pytest.approx(0, abs=1e-12)
    assert np.isfinite(gain(found, "intercept", "net_benefit")["difference"])
    fitted = LogisticRegression(C=np.inf).fit(logit(risk)[:, None], y)
    own = fitted.predict_proba(logit(risk)[:, None])[:, 1]
    apparent = -np.mean(np.where(y == 1, np.log(own), np.log1p(-own)))
    assert after["estimate"] > apparent + 1e-4


def test_an_update_that_is_not_needed_costs():
    y, risk, X = cohort(150, seed=12)
    noise = np.random.default_rng(0).normal(size=(150, 8))
    found = gained(y, risk, np.column_stack([X, noise]))
    assert gain(found, "revision", "log_loss")["difference"] > 0.02
    assert gain(found, "revision", "auroc")["difference"] < 0


def test_patients_stay_together_in_the_folds():
    y, risk, X = cohort(150, seed=2)
    rows = np.repeat(np.arange(150), 5)
    noise = np.random.default_rng(1).normal(size=(150, 12))[rows]
    X = np.column_stack([X[rows], noise])
    by_row, by_patient = (gained(y[rows], risk[rows], X, groups) for groups in (None, rows))
    revised = [gain(f, "revision", "log_loss")["estimate"] for f in (by_row, by_patient)]
    assert revised[1] > revised[0] + 0.1  # a patient's own rows would tell


def test_a_revision_that_cannot_be_fitted_is_listed():
    y, risk, _ = cohort(40, seed=1)
    many = np.random.default_rng(0).normal(size=(40, 30))
    found = external_validate(y, risk, X=many, **QUICK)
    assert found.decision == NOT_ASSESSABLE
    assert "not assessable: the revision's" in found.words
    row = found.gain[found.gain["update"] == "revision"].iloc[0]
    assert row["reason"] == "it cannot be fitted without some fold"
    assert np.isfinite(gain(found.gain, "recalibration", "brier")["estimate"])


def test_risks_that_allow_no_recalibration():
    y = np.arange(60) % 2
    flat = closed_test(y.astype(float), np.full(60, -0.4))
    assert flat.decision == NOT_ASSESSABLE
    assert "same for every row" in flat.reason
    rng = np.random.default_rng(0)
    risk = np.where(y == 1, rng.uniform(0.6, 0.9, 60), rng.uniform(0.1, 0.4, 60))
    found = external_validate(y, risk, **QUICK)
    assert found.decision == NOT_ASSESSABLE
    assert "separates the events" in found.reason
    assert np.isfinite(found.get("oe_ratio")["estimate"])
    assert "not assessable" in found.summary()
    assert found.gain.loc[found.gain["update"] == "recalibration", "reason"].iloc[0] != ""
    with pytest.raises(OutcomeError, match="one class"):
        external_validate(np.ones(60), np.full(60, 0.4))


# the rest


def test_the_same_seed_gives_the_same_answer():
    y, risk, X = cohort(200)
    first, second = (
        external_validate(y, risk, X=X, development={"X": X[:100]}, **QUICK) for _ in range(2)
    )
    assert first.to_json() == second.to_json()
    assert "logits" in json.loads(first.to_json())
    assert json.loads(first.to_json())["logits"] == []  # no single patient's risk


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oe_interval": "wald"}, "oe_interval is 'wald'"),
        ({"test_level": 5}, "test_level"),
        ({"confidence_level": 95}, "confidence_level is 95"),
        ({"smooth": "gam"}, "smooth is 'gam'"),
    ],
)
def test_mistakes_are_named(options, message):
    y, risk, _ = cohort(60)
    with pytest.raises(InputError, match=message):
        external_validate(y, risk, **QUICK, **options)
    with pytest.raises(InputError, match="proba has 60 values for 59 rows"):
        external_validate(y[1:], risk, **QUICK)


def test_pictures():
    y, risk, _ = cohort(300)
    found = external_validate(y, risk, development=risk[:100] * 0.9, **QUICK)
    ax = found.plot()
    text = " ".join(t.get_text() for t in ax.texts)
    row = found.get("oe_ratio")
    assert f"O:E {row['estimate']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})" in text
    ax = found.plot_case_mix()
    drawn = [patch.get_data() for patch in ax.patches]
    width = (drawn[0].edges.max() - min(d.edges.min() for d in drawn)) / 30
    areas = [np.sum(d.values * np.diff(d.edges)) / width for d in drawn]
    # a bar of several joined bins is as wide as they are, so that its area is the share of patients
    np.testing.assert_allclose(areas, [1, -1])
    alone = external_validate(y, risk, **QUICK).plot_case_mix()
    assert all(patch.get_data().values.min() >= 0 for patch in alone.patches)
