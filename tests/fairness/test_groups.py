"""Performance by group: right numbers, intervals for all together, silence on small groups."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from healthml._core._numerics import cluster_variance
from healthml._core._paired import MEASURES, auroc_shortfall, right_risks, score_once
from healthml._core._release import release_table
from healthml._core._tables.frames import sensitive_frame
from healthml.exceptions import InputError
from healthml.fairness import group_performance
from healthml.fairness._attributes import band_labels
from healthml.fairness._contrasts import claims as claims_file
from healthml.fairness._estimates import Rows, auroc_of_groups
from healthml.metrics._uncertainty import auroc_spread, placements

N = 900


def people(n=N, seed=0):
    """Return a true risk, the outcome, and two groups of patients."""
    rng = np.random.default_rng(seed)
    risk = rng.uniform(0.05, 0.9, n)
    y = (rng.uniform(size=n) < risk).astype(int)
    return y, risk, rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])


Y, RISK, GROUP = people()


def row(table, group, measure):
    found = table[(table["group"] == group) & (table["measure"] == measure)]
    assert len(found) == 1
    return found.iloc[0]


@pytest.fixture(scope="module")
def found():
    return group_performance(Y, RISK, {"origin": GROUP}, thresholds=np.array([0.3, 0.5]))


# --- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["a", "b", "c"])
def test_a_group_is_scored_on_its_own_rows(found, group):
    own = group == GROUP
    y, risk = Y[own], RISK[own]
    gains = [((risk >= t) * np.where(y == 1, 1, -t / (1 - t))).mean() for t in (0.3, 0.5)]
    expected = {
        "auroc": roc_auc_score(y, risk),
        "brier": brier_score_loss(y, risk),
        "oe_ratio": y.sum() / risk.sum(),
        "net_benefit": np.mean(gains),
    }
    for measure, value in expected.items():
        shown = row(found.table, group, measure)
        assert shown["estimate"] == pytest.approx(value)
        assert shown["lower"] < value < shown["upper"]
        assert (shown["n_samples"], shown["n_events"]) == (own.sum(), y.sum())
        assert shown["reason"] == ""


def recalibrated(y, risk):
    """Intercept and slope on all rows by scikit-learn, another road than ours."""
    odds = np.log(risk / (1 - risk)).reshape(-1, 1)
    return LogisticRegression(C=np.inf, tol=1e-10).fit(odds, y).predict_proba(odds)[:, 1]


def test_the_gap_in_auc_is_what_the_own_spread_allows_minus_what_is(found):
    own = GROUP == "b"
    p = recalibrated(Y, RISK)[own]
    weight = np.outer(p, 1 - p) * (1 - np.eye(own.sum()))
    higher = (p[:, None] > p) + (p[:, None] == p) / 2
    expected = (weight * higher).sum() / weight.sum()
    gap = row(found.claims, "b", "auroc")
    assert gap["estimate"] == pytest.approx(expected - roc_auc_score(Y[own], RISK[own]), abs=1e-5)


def narrow(seed, blur=0.0):
    """True risks of two groups, one of which spans a narrow range; `blur` makes them worse."""
    rng = np.random.default_rng([seed, 3])
    group = rng.choice(["narrow", "wide"], 1200)
    odds = np.where(group == "narrow", 0.4, 1.6) * rng.normal(size=1200) - 1
    y = (rng.uniform(size=1200) < 1 / (1 + np.exp(-odds))).astype(int)
    odds = odds + np.where(group == "narrow", blur, 0) * rng.normal(size=1200)
    return y, 1 / (1 + np.exp(-odds)), {"g": group}


def test_a_narrow_range_of_risks_is_no_harm_and_blurred_risks_are():
    """Simultaneous 95% intervals of true risks: of 40 cohorts 2 expected, 2 + 3 SE allowed."""
    false = 0
    for seed in range(40):
        found = group_performance(*narrow(seed), measures=["oe_ratio", "auroc"])
        lows = found.claims[found.claims["measure"] == "auroc"]["lower"]
        false += bool((lows > 0).any())
    assert false <= 6
    own, wide = (row(found.table, g, "auroc")["estimate"] for g in ("narrow", "wide"))
    assert own < wide - 0.1  # the old comparison with the others would have accused them
    blurred = [group_performance(*narrow(seed, 1.5)).claims for seed in range(5)]
    assert all(row(gaps, "narrow", "auroc")["lower"] > 0.02 for gaps in blurred)


def test_a_model_too_extreme_everywhere_is_not_blamed_in_each_group():
    y, risk, features = narrow(0)
    odds = 3 * np.log(risk / (1 - risk))
    gaps = group_performance(y, 1 / (1 + np.exp(-odds)), features).claims
    assert (gaps[gaps["measure"] == "auroc"]["lower"] < 0.02).all()


def test_events_of_one_patient_are_one_patient_with_the_event():
    group = np.where(np.arange(N) < 60, "few", "many")
    patient = np.where(np.arange(N) < 30, 0, np.arange(N))
    y = Y.copy()
    y[:60] = np.arange(60) < 30  # 30 rows with the event, all of one patient
    few = group_performance(y, RISK, {"g": group}, groups=patient).claims
    assert few.loc[few["group"] == "few", "measure"].tolist() == ["all"]


def test_gaps_hold_for_all_groups_together(found):
    """Three groups and two claims share 5%: ends are at 1 - 0.05 / 12 of the normal."""
    wider = norm.ppf(1 - 0.05 / 12) / norm.ppf(0.975)
    for group in "abc":
        alone, together = (row(t, group, "oe_ratio") for t in (found.table, found.claims))
        assert together["estimate"] == pytest.approx(alone["estimate"], rel=1e-12)
        widths = [np.log(r["upper"] / r["lower"]) for r in (together, alone)]
        assert widths[0] / widths[1] == pytest.approx(wider)
        assert {*found.claims["group"]} == {"a", "b", "c"}


def test_a_group_ranked_at_random_and_one_with_wrong_risks_stand_out():
    rng = np.random.default_rng(1)
    y = Y.copy()
    y[GROUP == "b"] = rng.uniform(size=(GROUP == "b").sum()) < 0.5
    risk = np.where(GROUP == "c", RISK / 2, RISK)
    gaps = group_performance(y, risk, {"origin": GROUP}).claims
    assert row(gaps, "b", "auroc")["lower"] > 0.09
    assert row(gaps, "c", "oe_ratio")["lower"] > 1.25
    assert row(gaps, "a", "auroc")["upper"] < 0  # the others are ranked worse
    assert row(gaps, "a", "oe_ratio")["lower"] < 1 < row(gaps, "a", "oe_ratio")["upper"]


def test_at_most_one_honest_model_in_twenty_shows_a_gap():
    """Of 60 honest scores in five groups; 5% expected, 3 + 3 standard errors allowed."""
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        risk = rng.uniform(0.1, 0.8, 500)
        y = (rng.uniform(size=500) < risk).astype(int)
        gaps = group_performance(y, risk, {"g": rng.integers(0, 5, 500)}, measures="auroc").claims
        assert len(gaps) == 10
        oe = gaps[gaps["measure"] == "oe_ratio"]
        wrong += bool(((oe["lower"] > 1) | (oe["upper"] < 1)).any())
    assert wrong <= 3 + 3 * np.sqrt(60 * 0.05 * 0.95)


@pytest.mark.parametrize("table", ["table", "gaps"])
@pytest.mark.parametrize("measure", ["oe_ratio", "auroc"])
def test_rows_of_one_patient_widen_the_interval(table, measure):
    rows = np.repeat(np.arange(N), 4)
    many = Y[rows], RISK[rows], {"g": GROUP[rows]}
    patients = group_performance(*many, groups=[f"p{k}" for k in rows])
    found = (group_performance(Y, RISK, {"g": GROUP}), patients, group_performance(*many))
    once, right, naive = (row(getattr(f, table), "a", measure) for f in found)
    width, wide, narrow = (r["upper"] - r["lower"] for r in (once, right, naive))
    assert wide == pytest.approx(width, rel=0.01)
    assert wide > 1.8 * narrow
    assert row(patients.table, "a", "auroc")["n_patients"] == (GROUP == "a").sum()
    assert row(patients.table, "a", "auroc")["n_samples"] == 4 * (GROUP == "a").sum()


def test_the_auc_compares_rows_of_one_fold_in_every_repeat():
    rng = np.random.default_rng(2)
    fold = rng.integers(0, 3, (2, N))
    risk = np.clip(RISK / 3 + fold * 0.3, 0, 1)
    apart = group_performance(Y, risk, {"g": GROUP}, fold=fold)
    own, total = GROUP == "a", []
    for r in range(2):
        wins = pairs = 0
        for k in range(3):
            rows = own & (fold[r] == k)
            n = Y[rows].sum() * (1 - Y[rows]).sum()
            wins, pairs = wins + n * roc_auc_score(Y[rows], risk[r][rows]), pairs + n
        total.append(wins / pairs)
    assert row(apart.table, "a", "auroc")["estimate"] == pytest.approx(np.mean(total))
    pooled = group_performance(Y, risk, {"g": GROUP})
    assert row(pooled.table, "a", "auroc")["estimate"] < np.mean(total) - 0.05


def test_the_interval_of_a_gap_counts_what_other_groups_tell_by_the_recalibration():
    """Against influences of all rows, in the long form, with patients and two repeats."""
    rng = np.random.default_rng(6)
    patient = rng.integers(0, 400, N)
    risk = np.array([RISK, np.clip(RISK + rng.normal(0, 0.05, N), 0.01, 0.99)])
    risk[1, :40] = np.nan
    gap = row(group_performance(Y, risk, {"g": GROUP}, groups=patient).claims, "b", "auroc")
    whole = []
    for line in risk:
        seen = np.flatnonzero(np.isfinite(line))
        right = right_risks(Y[seen], line[seen])
        rows = np.flatnonzero(GROUP[seen] == "b")
        estimate, own, through = auroc_shortfall(Y[seen], line[seen], right, rows)
        influence = right.influence @ through
        influence[rows] += own
        full = np.zeros(N)
        full[seen] = influence
        whole.append((estimate, full))
    se = np.sqrt(cluster_variance(np.mean([f for _, f in whole], axis=0), patient))
    half = norm.ppf(1 - 0.05 / 12) * se
    middle = np.mean([e for e, _ in whole])
    np.testing.assert_allclose(
        gap[["estimate", "lower", "upper"]].astype(float), [middle, middle - half, middle + half]
    )


def test_all_rows_are_sorted_and_recalibrated_once(monkeypatch):
    calls = []
    real = claims_file.right_risks
    monkeypatch.setattr(claims_file, "right_risks", lambda *a: calls.append(1) or real(*a))
    many = np.array([f"site {k:02d}" for k in np.arange(N) % 15])
    assert len(group_performance(Y, RISK, {"g": GROUP, "site": many}).claims) == 36
    assert len(calls) == 1


# --- what others take, too -----------------------------------------------------------------------


def test_another_event_and_two_columns_of_risks(found):
    text = np.where(Y == 1, "died", "alive")
    both = np.column_stack([1 - RISK, RISK])
    options = {"thresholds": np.array([0.3, 0.5]), "event": "died"}
    other = group_performance(text, both, {"origin": GROUP}, **options)
    pd.testing.assert_frame_equal(other.table, found.table)
    pd.testing.assert_frame_equal(other.claims, found.claims)


def test_frequency_weights_are_repeated_rows(found):
    weight = np.arange(N) % 3  # every third row is not used
    many = np.repeat(np.arange(N), weight)
    options = {"sample_weight": weight, "weight_type": "frequency"}
    weighed = group_performance(Y, RISK, {"origin": GROUP}, **options)
    repeated = group_performance(Y[many], RISK[many], {"origin": GROUP[many]})
    pd.testing.assert_frame_equal(weighed.table, repeated.table)
    pd.testing.assert_frame_equal(weighed.claims, repeated.claims)


def test_equal_sampling_weights_change_nothing_and_rows_without_weight_do_not_count(found):
    options = {"weight_type": "sampling", "thresholds": np.array([0.3, 0.5])}
    same = group_performance(Y, RISK, {"origin": GROUP}, sample_weight=np.full(N, 2.5), **options)
    own = ["group", "measure", "estimate", "n_samples", "n_events"]
    pd.testing.assert_frame_equal(same.table[own], found.table[own])
    ends = [*own, "lower", "upper"]
    pd.testing.assert_frame_equal(same.claims[ends], found.claims[ends])
    for measure in ("auroc", "brier", "oe_ratio", "scaled_brier"):  # formulas that need no counts
        alike = [t.table[t.table["measure"] == measure][ends] for t in (same, found)]
        pd.testing.assert_frame_equal(*alike)
    half = np.arange(N) % 2
    some = group_performance(Y, RISK, {"origin": GROUP}, sample_weight=half, **options)
    own = (half == 1) & (GROUP == "a")
    shown = row(some.table, "a", "auroc")
    assert (shown["n_samples"], shown["n_events"]) == (own.sum(), Y[own].sum())
    kept = np.flatnonzero(half)
    only = group_performance(
        Y[kept],
        RISK[kept],
        {"origin": GROUP[kept]},
        sample_weight=np.ones(len(kept)),
        **options,
    )
    pd.testing.assert_frame_equal(some.table, only.table)


def test_weighted_measures_are_those_of_scikit_learn_and_their_error_that_of_the_jackknife():
    weight = np.random.default_rng(8).uniform(0.2, 3, N)
    options = {"weight_type": "sampling", "thresholds": np.array([0.3])}
    table = group_performance(Y, RISK, {"g": GROUP}, sample_weight=weight, **options).table
    own = GROUP == "a"
    y, risk, w = Y[own], RISK[own], weight[own]
    assert row(table, "a", "auroc")["estimate"] == pytest.approx(
        roc_auc_score(y, risk, sample_weight=w)
    )
    assert row(table, "a", "brier")["estimate"] == pytest.approx(
        brier_score_loss(y, risk, sample_weight=w)
    )
    assert row(table, "a", "oe_ratio")["estimate"] == pytest.approx((w @ y) / (w @ risk))
    measures = {m: score_once(y, risk, None, np.array([0.3]), weight=w)[m][1] for m in MEASURES}
    for k in range(0, own.sum(), 60):
        left = np.delete(np.arange(own.sum()), k)
        without = score_once(y[left], risk[left], None, np.array([0.3]), weight=w[left])
        whole = score_once(y, risk, None, np.array([0.3]), weight=w)
        for m in MEASURES:
            moved = whole[m][0] - without[m][0]
            assert moved == pytest.approx(measures[m][k], rel=0.1, abs=2e-5), m


def test_counts_are_of_the_rows_that_are_used():
    risk = np.array([RISK, RISK])
    risk[:, :100] = np.nan
    table = group_performance(Y, risk, {"g": GROUP}).table
    own = (GROUP == "a") & (np.arange(N) >= 100)
    shown = row(table, "a", "brier")
    assert (shown["n_samples"], shown["n_events"]) == (own.sum(), Y[own].sum())
    risk[0, :100] = RISK[:100]  # used in one repeat, so used
    assert row(group_performance(Y, risk, {"g": GROUP}).table, "a", "brier")["n_samples"] == (
        (GROUP == "a").sum()
    )


def test_order_of_rows_does_not_matter(found):
    order = np.random.default_rng(3).permutation(N)
    other = group_performance(
        Y[order], RISK[order], {"origin": GROUP[order]}, thresholds=np.array([0.3, 0.5])
    )
    pd.testing.assert_frame_equal(other.table, found.table)
    pd.testing.assert_frame_equal(other.claims, found.claims)


# --- small groups --------------------------------------------------------------------------------


def test_a_group_below_eleven_patients_has_no_name_and_no_number():
    group = GROUP.astype(object).copy()
    group[:10] = "Zanzibar"
    result = group_performance(Y, RISK, {"origin": group})
    small = result.claims[result.claims["group"] == "Zanzibar"].iloc[0]
    assert small[["estimate", "lower", "upper"]].isna().all()
    assert row(result.table, "Zanzibar", "event_rate")["n_samples"] == 10  # for the analyst
    assert small["n_patients"] == 10  # in memory, for the analyst who holds the rows
    assert small["reason"] == "fewer than 11 patients: nothing is claimed"
    shown = (
        result.to_json() + repr(result) + result._repr_html_() + result.to_release().claims.to_csv()
    )
    assert "Zanzibar" not in shown
    judged = result.claims[result.claims["reason"] == ""]
    assert set(judged["group"]) == {"a", "b", "c"}
    group[10] = "Zanzibar"
    eleven = group_performance(Y, RISK, {"origin": group}).table
    assert set(eleven.loc[eleven["group"] == "Zanzibar", "n_patients"]) == {11}


def test_many_rows_of_one_patient_are_no_group_of_eleven():
    group, patient = GROUP.astype(object).copy(), np.arange(N)
    group[:60], patient[:60] = "Zanzibar", patient[0]
    table = group_performance(Y, RISK, {"origin": group}, groups=patient).assessable()
    assert table.loc[table["group"] == "Zanzibar", "measure"].tolist() == ["all"]
    written = release_table(table)
    assert "Zanzibar" not in set(written["group"])
    assert written["n_samples"].isna().sum() == 1


@pytest.mark.parametrize("scarce", [1, 0])
def test_without_ten_patients_with_and_without_the_event_nothing_is_estimated(scarce):
    y, group = Y.copy(), np.where(np.arange(N) < 50, "few", "many")
    y[:50] = 1 - scarce
    y[:9] = scarce
    risk = RISK.copy()
    risk[:50] = 0.12 if scarce else 0.88  # nor are more expected
    result = group_performance(y, risk, {"origin": group})
    few = result.claims[result.claims["group"] == "few"]
    assert few["measure"].tolist() == ["all"]
    assert few[["estimate", "lower", "upper"]].isna().all(axis=None)
    assert few.iloc[0]["reason"].startswith("fewer than 10 patients with or")
    assert (few.iloc[0]["n_samples"], few.iloc[0]["n_events"]) == (50, y[:50].sum())
    assert set(result.claims.loc[result.claims["reason"] == "", "group"]) == {"many"}
    y[9] = scarce
    enough = group_performance(y, risk, {"origin": group}).claims
    assert "auroc" in set(enough.loc[enough["group"] == "few", "measure"])
    fewer = group_performance(y, risk, {"origin": group}, min_events=11).claims
    assert fewer.loc[fewer["group"] == "few", "measure"].tolist() == ["all"]


def test_no_event_where_many_were_expected_says_that_risks_are_too_high():
    y, group = Y.copy(), np.where(np.arange(N) < 50, "none", "many")
    y[:50] = 0
    claims = group_performance(y, RISK, {"origin": group}).claims
    none = claims[claims["group"] == "none"]
    assert none["measure"].tolist() == ["oe_ratio"]
    assert none["claim"].tolist() == ["risks too high"]
    assert none["estimate"].tolist() == [0.0]
    exact = np.prod(1 - RISK[:50])
    assert none["p_value"].iloc[0] == pytest.approx(2 * exact, rel=1e-6)
    assert 0 < none["upper"].iloc[0] < 0.5
    repeated = group_performance(
        *(np.repeat(a, 2) for a in (y, RISK)),
        {"origin": np.repeat(group, 2)},
        groups=np.repeat(np.arange(N), 2),
    ).claims  # of patients no exact p-value is known
    assert repeated.loc[repeated["group"] == "none", "measure"].tolist() == ["all"]


def test_nobody_vanishes():
    group = GROUP.astype(object).copy()
    group[::5] = None
    table = group_performance(Y, RISK, {"origin": group}).table
    counts = table[table["measure"] == "auroc"].set_index("group")["n_samples"]
    assert counts["missing"] == len(group[::5])
    assert counts.sum() == N


def test_one_group_has_nobody_to_be_compared_with():
    result = group_performance(Y, RISK, {"origin": np.full(N, "all")})
    assert result.claims["measure"].tolist() == ["oe_ratio"]
    assert row(result.table, "all", "auroc")["n_samples"] == N


# --- what is a group -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["age", "Age", "patientAge", "age_years", "ageyears"])
def test_ages_are_cut_where_medicine_cuts_them(name):
    column = pd.Series([0, 17.9, 18, 39, 40, 64.5, 65, 79, 80, 101, np.nan, 33], name=name)
    expected = "0-17 0-17 18-39 18-39 40-64 40-64 65-79 65-79 80+ 80+ missing 18-39"
    assert band_labels(column).tolist() == expected.split()


@pytest.mark.parametrize("name", ["dosage", "triage", "percentage", "income"])
def test_other_numbers_are_cut_at_their_quartiles(name):
    column = pd.Series(np.random.default_rng(0).uniform(0, 900, 400), name=name)
    labels, counts = np.unique(band_labels(column), return_counts=True)
    assert labels.tolist() == [f"quarter {k}" for k in (1, 2, 3, 4)]
    assert set(counts) == {100}


def test_few_values_are_levels_and_whole_numbers_have_no_point():
    assert band_labels(pd.Series([1.0, 2.0, np.nan])).tolist() == ["1", "2", "missing"]
    assert band_labels(pd.Series([True, None], dtype="boolean")).tolist() == ["True", "missing"]
    assert band_labels(pd.Series(["f", None], dtype="string")).tolist() == ["f", "missing"]


def test_numbers_of_hospitals_are_groups_and_text_of_digits_always():
    hospital = pd.Series(np.arange(400) % 20 + 101, name="hospital")
    assert set(band_labels(hospital)) == {str(k) for k in range(101, 121)}
    assert set(band_labels(hospital.astype(float))) == {str(k) for k in range(101, 121)}
    for kind in (str, "string", "category", object):
        text = pd.Series(np.arange(400) % 90).astype(str).astype(kind)
        assert len(set(band_labels(text))) == 90
    amounts = pd.Series(np.arange(400) % 21)
    assert set(band_labels(amounts)) == {f"quarter {k}" for k in (1, 2, 3, 4)}
    assert set(band_labels(amounts.astype(object))) == {f"quarter {k}" for k in (1, 2, 3, 4)}
    assert set(band_labels(amounts.astype("Int64").mask(amounts > 18))) == {
        *(str(k) for k in range(19)), "missing",
    }  # fmt: skip


def test_the_gap_of_one_hospital_is_not_averaged_away():
    rng = np.random.default_rng(4)
    hospital = rng.integers(1, 13, 3000)
    risk = rng.uniform(0.1, 0.5, 3000)
    y = (rng.uniform(size=3000) < np.where(hospital == 7, np.minimum(2 * risk, 1), risk)).astype(
        int
    )
    gaps = group_performance(y, risk, {"hospital": hospital}).claims
    assert row(gaps, "7", "oe_ratio")["lower"] > 1.3


FORMS = {
    "dict": lambda g: {"origin": g},
    "frame": lambda g: pd.DataFrame({"origin": g}, index=np.arange(len(g)) + 7),
    "polars": lambda g: pl.DataFrame({"origin": g}),
    "series": lambda g: pd.Series(g, name="origin"),
    "unnamed series": lambda g: pd.Series(g),
    "array": lambda g: g,
    "list": list,
    "category": lambda g: pd.DataFrame({"origin": pd.Categorical(g)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_features_come_in_any_form(form, found):
    result = group_performance(
        list(Y), list(RISK), FORMS[form](GROUP), thresholds=[0.3, 0.5], groups=None
    )
    kept = ["group", "measure", "estimate", "lower", "upper", "n_samples"]
    pd.testing.assert_frame_equal(result.table[kept], found.table[kept])
    names = {"unnamed series": "sensitive", "array": "sensitive0", "list": "sensitive0"}
    assert set(result.table["feature"]) == {names.get(form, "origin")}


def test_several_features_share_the_error():
    one = group_performance(Y, RISK, {"g": GROUP}).claims
    sex = np.where(np.arange(N) % 2, "f", "m")
    two = group_performance(Y, RISK, {"g": GROUP, "sex": sex}).claims
    assert set(two["feature"]) == {"g", "sex"}
    first, second = (row(t, "a", "oe_ratio") for t in (one, two))
    ratio = np.log(second["upper"] / second["lower"]) / np.log(first["upper"] / first["lower"])
    assert ratio == pytest.approx(norm.ppf(1 - 0.05 / 20) / norm.ppf(1 - 0.05 / 12))
    array = sensitive_frame(np.column_stack([GROUP, sex]), N)
    assert list(array.columns) == ["sensitive0", "sensitive1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sensitive_features": GROUP[:9]}, "sensitive_features has 9 rows and the outcome 900"),
        ({"y_proba": RISK[:9]}, "y_proba has 9 values for 900 rows"),
        ({"groups": np.arange(9)}, "groups has 9 values for 900 rows"),
        ({"y_true": Y * 0}, "one class only"),
        ({"y_proba": np.where(np.arange(N) == 3, 57.0, RISK)}, "y_proba has 1 of 900 values"),
        ({"y_proba": np.where(np.arange(N) == 3, np.nan, RISK)}, "y_proba has 1 of 900 values"),
        ({"y_proba": np.array([RISK, RISK + 0.5])}, "values that are no probability"),
        ({"y_proba": np.column_stack([RISK] * 3)}, "2 dimensions"),
        ({"fold": np.zeros((2, N))}, r"fold has shape \(2, 900\) for risks of shape \(1, 900\)"),
        ({"y_true": np.where(Y == 1, "died", "alive")}, "which of them is the event"),
        ({"sample_weight": np.ones(N)}, "say what sample_weight is"),
        (
            {"sample_weight": np.ones(N), "weight_type": "frequency", "groups": np.arange(N)},
            "groups cannot be used with frequency weights",
        ),
        ({"confidence_level": 95}, "confidence_level"),
    ],
)
def test_bad_input_meets_one_sentence(change, words):
    given = {"y_true": Y, "y_proba": RISK, "sensitive_features": GROUP, **change}
    with pytest.raises(InputError, match=words):
        group_performance(**given)


# --- the result ----------------------------------------------------------------------------------


def test_the_result_is_a_tidy_table_and_strict_json(found):
    names = ["feature", "control", "group", "measure", "estimate", "lower", "upper"]
    names += ["n_samples", "n_events", "n_patients"]
    assert found.to_frame().columns.tolist() == [*names, "method", "reason"]
    body = json.loads(found.to_json())
    assert len(body["table"]) == len(found.table)
    assert len(body["claims"]) == len(found.claims) == 6
    assert len(body["gaps"]) == len(found.gaps)


def test_groups_without_an_estimate_are_not_drawn():
    group = GROUP.astype(object).copy()
    group[:10] = "tiny"
    result = group_performance(Y, RISK, {"origin": group})
    ax = result.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["origin: c", "origin: b", "origin: a"]
    assert ax.get_xlabel() == "Observed / expected events, 95% CI"
    certain = group_performance(np.where(GROUP == "a", 1, Y), RISK, {"origin": GROUP}, min_events=0)
    ax = certain.plot(measure="auroc")  # there is no ranking where everybody has the event
    assert [t.get_text() for t in ax.get_yticklabels()] == ["origin: c", "origin: b"]
    assert ax.get_xlabel() == "AUC, 95% CI"


def test_a_group_without_an_event_has_an_upper_end_of_oe():
    """Garwood's: so many were expected that no event would be rarer than 2.5% (R: poisson.test)."""
    risk = np.array([0.2, 0.3, 0.1] + [0.4] * 40)
    y = np.r_[0, 0, 0, np.arange(40) % 3 == 0].astype(int)
    group = np.array(["three"] * 3 + ["others"] * 40)
    found = group_performance(y, risk, {"g": group}, measures=["oe_ratio"]).table
    row = found.set_index("group").loc["three"]
    assert (row["estimate"], row["lower"], row["reason"]) == (0, 0, "")
    np.testing.assert_allclose(row["upper"], 3.688879454 / 0.6, rtol=1e-8)
    assert row["method"] == "Garwood, no events"


def test_names_that_look_like_formulas_are_drawn_as_they_are():
    """A dollar sign in a name is a dollar sign: matplotlib would read what follows as a formula."""
    rng = np.random.default_rng(0)
    y, risk = rng.integers(0, 2, 200), rng.random(200)
    group = pd.Series(np.repeat(["$\\frac{", "$x$_^{"], 100), name="ward$_{")
    for kind in ("forest", "calibration"):
        ax = group_performance(y, risk, group).plot(kind=kind)
        ax.figure.canvas.draw()


@pytest.mark.parametrize("seed", range(8))
def test_aucs_of_all_groups_in_one_pass_are_those_of_each_group_alone(seed):
    """Patients with rows in several groups, sampling weights, ties, groups of one outcome."""
    rng = np.random.default_rng(seed)
    n, n_groups = int(rng.integers(12, 150)), 4
    y, code = rng.integers(0, 2, n), rng.integers(-1, n_groups, n)
    risk = np.round((rng.uniform(size=n) / 2 + 0.3 * y * (seed % 3)).clip(0, 1), 1 + seed % 4)
    patient = None if seed % 2 else rng.integers(0, n // 3, n) * (1 + 999 * (seed % 4 == 0))
    weight = rng.integers(0, 3, n).astype(float) if seed % 3 == 0 else None
    rows = Rows(y, risk[None], None, patient, weight)
    found = auroc_of_groups(rows, code, n_groups)[0]
    for k in range(n_groups):
        own = np.flatnonzero((code == k) & rows.used)
        if len(np.unique(y[own])) < 2:
            assert np.isnan(found.value[k])
            continue
        w = np.ones(len(own)) if weight is None else weight[own]
        part = placements(y[own], risk[own], w)
        people = None if patient is None else pd.factorize(patient[own])[0]
        alone = auroc_spread(y[own], part, w, people, frequency=weight is None)
        np.testing.assert_allclose(found.value[k], part.area, rtol=1e-12)
        error = alone.error if alone.error > 0 else np.nan
        np.testing.assert_allclose(found.error[k], error, rtol=1e-9)
        np.testing.assert_allclose(found.freedom[k], alone.freedom, rtol=1e-9)
        assert (found.method[k], found.reason[k]) == (alone.method, alone.reason)
