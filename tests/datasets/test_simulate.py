"""The clean cohort: targets, correlated patients, limits, an outcome drawn from the risk."""

import hashlib
import time

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from healthml._core._knowledge.facts import read_facts
from healthml.datasets import make_ehr_cohort
from healthml.datasets._encounters import MEASURE, Population, Streams, draw_encounters
from healthml.datasets._risk import expected_auc, linear_score, solve_risk
from healthml.exceptions import InputError


@pytest.fixture(scope="module")
def large():
    return make_ehr_cohort(40_000, random_state=1)


@pytest.mark.parametrize(("prevalence", "auc"), [(0.15, 0.80), (0.02, 0.70), (0.45, 0.90)])
def test_targets_hold_in_new_encounters(prevalence, auc):
    cohort = make_ehr_cohort(40_000, prevalence=prevalence, auc=auc, random_state=2)
    risk = cohort.truth.risk
    assert risk.mean() == pytest.approx(prevalence, rel=0.03)
    assert expected_auc(risk, risk) == pytest.approx(auc, abs=0.006)
    assert cohort.truth.prevalence == pytest.approx(prevalence, abs=1e-6)
    assert cohort.truth.auc == pytest.approx(auc, abs=1e-5)
    assert cohort.y.mean() == pytest.approx(risk.mean(), abs=4 * np.sqrt(prevalence / 40_000))
    assert roc_auc_score(cohort.y, risk) == pytest.approx(auc, abs=0.025)


def test_expected_auc_is_the_auc_over_all_outcomes():
    rng = np.random.default_rng(0)
    risk = rng.random(6)
    value = np.array([1, 2, 2, 3, 3, 4])
    wins = (value[:, None] > value) + 0.5 * (value[:, None] == value)
    weight = risk[:, None] * (1 - risk)
    assert expected_auc(value, risk) == pytest.approx((wins * weight).sum() / weight.sum())


def test_patient_effect_is_part_of_the_targets_and_repeats():
    cohort = make_ehr_cohort(40_000, outcome_patient_sd=0.8, random_state=0)
    risk = cohort.truth.risk
    assert risk.mean() == pytest.approx(0.15, rel=0.03)
    assert expected_auc(risk, risk) == pytest.approx(0.80, abs=0.006)
    own = np.log(risk / (1 - risk)) - _log_odds(cohort)
    assert own.std() == pytest.approx(0.8, abs=0.05)
    spread = pd.Series(own).groupby(cohort.groups.to_numpy()).agg(np.ptp)
    assert spread.max() < 1e-8


def test_patient_effect_that_beats_the_auc_is_refused():
    with pytest.raises(InputError, match="outcome_patient_sd"):
        make_ehr_cohort(100, auc=0.6, outcome_patient_sd=2.0, random_state=0)


def _log_odds(cohort):
    """The stated intercept and coefficients, applied to the table by hand."""
    total = np.full(len(cohort.y), cohort.truth.intercept)
    for name, weight in cohort.truth.coefficients.items():
        column, _, level = name.partition("=")
        values = cohort.truth.clean[column]
        total += weight * ((values == level) if level else values).to_numpy(dtype=float)
    return total


def test_risk_is_linear_in_the_columns_as_they_stand(large):
    np.testing.assert_allclose(expit(_log_odds(large)), large.truth.risk, rtol=1e-9)


def test_outcome_depends_on_the_risk_alone(large):
    """Given the risk, nothing in the table predicts the residual beyond chance."""
    residual = (large.y.to_numpy() - large.truth.risk) / np.sqrt(
        large.truth.risk * (1 - large.truth.risk)
    )
    table = large.to_frame().drop(columns=["patient_id", "icu_transfer"])
    signals = StandardScaler().fit_transform(pd.get_dummies(table).astype(float))
    z = signals.T @ residual / np.sqrt(len(residual))
    assert np.abs(z).max() < 4
    order = large.groups.to_numpy().argsort(kind="stable")
    groups, res = large.groups.to_numpy()[order], residual[order]
    same = groups[1:] == groups[:-1]
    assert abs((res[1:] * res[:-1])[same].mean()) < 4 / np.sqrt(same.sum())


def test_logistic_regression_on_clean_columns_recovers_the_truth(large):
    names = ["age", "lactate", "albumin", "sbp", "sodium"]
    X = pd.get_dummies(large.truth.clean.drop(columns=["patient_id", "year", "icu_transfer"]))
    scaler = StandardScaler()
    model = LogisticRegression(C=np.inf, max_iter=500).fit(scaler.fit_transform(X), large.y)
    found = dict(zip(X.columns, model.coef_[0] / scaler.scale_, strict=True))
    for name in names:
        true = large.truth.coefficients.get(name, 0.0)
        assert found[name] * X[name].std() == pytest.approx(true * X[name].std(), abs=0.08)


def test_measurements_of_a_patient_are_correlated():
    for correlation in (0.0, 0.5, 0.8):
        cohort = make_ehr_cohort(
            30_000, patient_correlation=correlation, n_sites=1, encounters_per_patient=2.5,
            random_state=3,
        )  # fmt: skip
        for name in ("sodium", "lactate", "wbc"):
            assert _icc(cohort, name) == pytest.approx(correlation, abs=0.04)


def _icc(cohort, name):
    values = cohort.X[name].to_numpy()
    values = np.log(values) if MEASURE[name].shape == "lognormal" else values
    order = cohort.groups.to_numpy().argsort(kind="stable")
    groups, z = cohort.groups.to_numpy()[order], (values[order] - values.mean()) / values.std()
    pair = (groups[1:] == groups[:-1]) & np.append(True, groups[1:-1] != groups[:-2])
    return np.mean((z[1:] * z[:-1])[pair])


def test_encounters_repeat_as_asked():
    one = make_ehr_cohort(500, encounters_per_patient=1, random_state=0)
    assert one.groups.is_unique
    counts = make_ehr_cohort(30_000, random_state=0).groups.value_counts()
    assert counts.mean() == pytest.approx(1.7, abs=0.05)
    assert (counts == 1).mean() > (counts == 2).mean() > (counts == 3).mean() > 0


def test_a_patient_keeps_site_sex_ethnicity_and_ages_with_the_calendar(large):
    table = large.to_frame().sort_values(["patient_id", "year"])
    by_patient = table.groupby("patient_id")
    constant = ["site", "sex", "ethnicity", "comorbidity_count"]
    assert (by_patient[constant].nunique() == 1).all(axis=None)
    aged = by_patient["age"].diff() - by_patient["year"].diff()
    assert aged.dropna().eq(0).all()
    assert table["age"].between(18, 100).all()


def test_correlated_measurements_and_skew(large):
    X = large.X
    assert X["bun"].corr(X["creatinine"], method="spearman") > 0.4
    assert X["lactate"].corr(X["heart_rate"], method="spearman") > 0.2
    assert X["lactate"].corr(X["sodium"], method="spearman") == pytest.approx(0, abs=0.03)
    assert X["creatinine"].skew() > 1
    assert X["spo2"].skew() < -0.5
    assert abs(X["sodium"].skew()) < 0.1


def test_sites_differ_in_case_mix_only(large):
    """Event rates differ between sites, and the columns explain it."""
    rate = large.y.groupby(large.site.to_numpy()).mean()
    assert rate.max() - rate.min() > 0.04
    expected = pd.Series(large.truth.risk).groupby(large.site.to_numpy()).mean()
    sizes = large.site.value_counts().reindex(rate.index)
    z = (rate - expected) / np.sqrt(expected * (1 - expected) / sizes)
    assert z.abs().max() < 3.5


def test_sites_are_as_many_as_asked():
    alone = draw_encounters(50, Population(n_sites=1), Streams(0))
    assert set(alone.site) == {0}
    assert set(make_ehr_cohort(2000, n_sites=7, random_state=0).site) == {
        f"site_{k}" for k in range(1, 8)
    }


@pytest.mark.parametrize("seed", range(3))
def test_clean_values_are_complete_and_possible(seed):
    cohort = make_ehr_cohort(20_000, random_state=seed)
    table = cohort.to_frame()
    assert not table.isna().any(axis=None)
    limits = read_facts("clinical_ranges").set_index("name")
    for name in ["age", *MEASURE]:
        assert limits.loc[name, "hard_min"] <= table[name].min(), name
        assert table[name].max() <= limits.loc[name, "hard_max"], name
    assert cohort.truth.defects == {}
    assert cohort.truth.masks == {}
    assert table.equals(cohort.truth.clean)


@pytest.mark.parametrize("preset", ["clean", "realistic"])
def test_same_seed_same_bytes(preset):
    def digest(seed):
        text = make_ehr_cohort(300, preset=preset, random_state=seed).to_frame().to_csv()
        return hashlib.sha256(text.encode()).hexdigest()

    assert digest(5) == digest(5) == digest(np.random.RandomState(5))
    assert digest(5) != digest(6)


def test_global_random_state_is_left_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_ehr_cohort(100, preset="realistic", random_state=0)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_targets_do_not_move_the_predictors():
    rare = make_ehr_cohort(500, prevalence=0.05, auc=0.7, random_state=0)
    common = make_ehr_cohort(500, prevalence=0.3, auc=0.9, random_state=0)
    assert rare.X.equals(common.X)
    assert rare.groups.equals(common.groups)


def test_schema_splits_the_table_into_the_same_parts():
    cohort = make_ehr_cohort(400, preset="realistic", random_state=0)
    table = cohort.to_frame()
    parts = cohort.schema.split(table)
    pd.testing.assert_frame_equal(parts.X, cohort.X)
    pd.testing.assert_frame_equal(parts.sensitive, cohort.sensitive)
    for role in ("y", "groups", "time", "site"):
        pd.testing.assert_series_equal(getattr(parts, role), getattr(cohort, role))
    assert set(table) - set(cohort.X) == {"icu_transfer", "patient_id"}
    assert cohort.schema.variables["lactate"].unit == "mmol/L"


def test_table_is_a_copy_and_repr_shows_counts_only():
    cohort = make_ehr_cohort(300, random_state=0)
    table = cohort.to_frame()
    table["age"] = -1
    assert (cohort.to_frame()["age"] > 0).all()
    assert repr(cohort) == (
        f"Cohort(300 rows, {cohort.groups.nunique()} patients, {cohort.y.sum()} events, defects=[])"
    )
    assert repr(cohort.truth) == "Truth(prevalence=0.150, auc=0.800, defects=[])"


def test_small_cohorts_work_even_without_an_event():
    cohort = make_ehr_cohort(10, preset="realistic", random_state=1, prevalence=0.001)
    assert len(cohort.truth.clean) == 10
    assert cohort.y.sum() == 0


def test_ten_thousand_encounters_in_a_second():
    make_ehr_cohort(10, preset="realistic", random_state=0)  # the population is solved once
    start = time.process_time()
    make_ehr_cohort(10_000, preset="realistic", random_state=0)
    assert time.process_time() - start < 1


def test_model_is_found_for_other_populations():
    population = Population(encounters_per_patient=1.0, patient_correlation=0.2, n_sites=3)
    model = solve_risk(population, 0.3, 0.75)
    encounters = draw_encounters(20_000, population, Streams(9))
    risk = model.risk(linear_score(encounters.table))
    assert risk.mean() == pytest.approx(0.3, abs=0.01)
    assert expected_auc(risk, risk) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_encounters": 5},
        {"n_encounters": 100.0},
        {"prevalence": 0},
        {"auc": 0.5},
        {"auc": float("nan")},
        {"n_sites": 0},
        {"years": (2022, 2016)},
        {"encounters_per_patient": 0.5},
        {"patient_correlation": 1.0},
        {"outcome_patient_sd": -1},
        {"preset": "dirty"},
        {"defects": {"nothing": 1}},
        {"defects": {"sentinels": "0.1"}},
        {"defects": {"mcar": 1.5}},
        {"defects": {"mar": 0.4}},
        {"defects": {"mar": 0.95}},
        {"defects": {"sentinels": True}},
        {"defects": {"site_shift": 1.0}, "n_sites": 1},
    ],
)
def test_wrong_parameters_are_named(wrong):
    with pytest.raises(InputError) as caught:
        make_ehr_cohort(**({"n_encounters": 200, "random_state": 0} | wrong))
    assert next(iter(wrong)).removesuffix("s").split("_")[0] in str(caught.value)


@pytest.mark.parametrize("asked", [{"preset": "one:nothing"}, {"defects": {"nothing": 0}}])
def test_unknown_defect_lists_the_known(asked):
    with pytest.raises(InputError, match=r"'nothing' is unknown; the defects are .*sentinels"):
        make_ehr_cohort(200, **asked)
