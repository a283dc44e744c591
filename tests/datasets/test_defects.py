"""Defects: strengths as committed, masks exact, streams independent."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from healthml.datasets import make_ehr_cohort
from healthml.datasets._defects import CELLS, COLUMNS, EMPTIED, ROWS, SENTINELS
from healthml.datasets._encounters import LABS
from healthml.datasets._outcome import OUTCOME_DEFECTS
from healthml.datasets._risk import pattern_auc
from healthml.datasets._strengths import STRENGTHS

ALL = {name: strength.alone for name, strength in STRENGTHS.items()}
DOCS = Path(__file__).parents[2] / "docs"
ROLES = ["patient_id", "site", "year", "icu_transfer"]


def one(defect, n=2000, seed=0, **options):
    return make_ehr_cohort(n, preset=f"one:{defect}", random_state=seed, **options)


def unlike(left, right):
    """Cells of two arrays that differ; missing equals missing."""
    left, right = pd.DataFrame(left), pd.DataFrame(right)
    return ~((left == right) | (left.isna() & right.isna())).to_numpy()


def missingness_auc(cohort, columns):
    X = cohort.X[list(columns)].isna().to_numpy(dtype=float)
    model = LogisticRegression(C=np.inf, max_iter=500).fit(X, cohort.truth.event)
    return roc_auc_score(cohort.truth.event, model.predict_proba(X)[:, 1])


def test_every_defect_is_built_and_in_both_guides():
    assert {*OUTCOME_DEFECTS, *CELLS, *COLUMNS, *ROWS} == set(STRENGTHS)
    for guide in ("simulations/defect_strengths.md", "guide/simulated_cohorts.md"):
        text = (DOCS / guide).read_text(encoding="utf-8")
        assert [name for name in STRENGTHS if f"| `{name}` |" not in text] == []


def test_guide_states_the_strengths_of_the_presets():
    text = (DOCS / "guide" / "simulated_cohorts.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    stated = {row[0].strip(" `"): row for row in rows if row[0].strip(" `") in STRENGTHS}
    for name, strength in STRENGTHS.items():
        assert float(stated[name][2]) == pytest.approx(strength.alone, abs=5e-4)
        weaker = stated[name][3].strip()
        assert (None if weaker == "-" else float(weaker)) == strength.realistic


@pytest.mark.parametrize("defect", STRENGTHS)
def test_cells_outside_the_mask_are_clean_and_inside_are_not(defect):
    cohort = one(defect, n=800)
    table, truth = cohort.to_frame(), cohort.truth
    mask = truth.masks[defect]
    assert mask.shape == table.shape
    assert mask.to_numpy().any()
    clean = truth.clean.iloc[truth.source_row].reset_index(drop=True)
    if defect != "swaps":  # which adds a column that is right but for the exchanged cells
        assert mask.drop(columns=clean.columns).all(axis=None)
    different = unlike(table[clean.columns], clean)
    inside = mask[clean.columns].to_numpy()
    assert not (different & ~inside).any()
    original = truth.origin == "original"
    assert (different | ~inside)[original].all()
    assert inside[~original].all()
    clean_cohort = make_ehr_cohort(800, random_state=0)
    pd.testing.assert_frame_equal(clean_cohort.to_frame(), truth.clean)


@pytest.mark.parametrize("base", ["realistic", "all"])
def test_switching_one_defect_off_leaves_all_other_cells(base):
    options = {"preset": "realistic"} if base == "realistic" else {"defects": dict(ALL)}
    options["defects"] = options.get("defects", {})
    everything = make_ehr_cohort(600, random_state=4, **options)
    keyed = _keyed(everything)
    for defect in everything.truth.defects:
        switched = options["defects"] | {defect: 0}
        others = make_ehr_cohort(600, random_state=4, **(options | {"defects": switched}))
        assert defect not in others.truth.masks
        with_it, mask = keyed[0], keyed[1][defect]
        without, _ = _keyed(others)
        if defect in ROWS:
            with_it, mask = with_it.loc[without.index], mask.loc[without.index]
        assert with_it.index.equals(without.index)
        columns = [name for name in without if not (defect in OUTCOME_DEFECTS and _follows(name))]
        changed = unlike(with_it[columns], without[columns])
        assert not (changed & ~mask[columns].to_numpy()).any(), defect


def _follows(column):
    """Leaking columns are functions of the outcome, so they follow it."""
    return column in ("discharge_unit", "alert_score", "hosp_los_hours")


def _keyed(cohort):
    """Table and masks indexed by what the row is a copy of, and how often it was copied."""
    truth = cohort.truth
    index = pd.DataFrame({"source": truth.source_row, "origin": truth.origin, "of": truth.origin})
    if "join_doubled" in truth.defects:  # every row twice: the second half copies the first
        half = len(index) // 2
        index.loc[half:, "of"] = index.loc[: half - 1, "origin"].to_numpy()
    index = pd.MultiIndex.from_frame(index)
    return (
        cohort.to_frame().set_axis(index),
        {name: mask.set_axis(index) for name, mask in truth.masks.items()},
    )


def test_masks_cover_every_difference_from_clean_when_all_strike():
    cohort = make_ehr_cohort(800, defects=ALL, random_state=0)
    truth = cohort.truth
    clean = truth.clean.iloc[truth.source_row].reset_index(drop=True)
    anywhere = np.logical_or.reduce([mask[clean.columns] for mask in truth.masks.values()])
    assert not (unlike(cohort.to_frame()[clean.columns], clean) & ~anywhere).any()


def test_zero_switches_off_and_strengths_are_kept():
    cohort = make_ehr_cohort(
        200, preset="realistic", defects={"mar": 0, "mcar": None, "sentinels": 0.5}, random_state=0
    )
    assert not {"mar", "mcar"} & set(cohort.truth.defects)
    assert cohort.truth.defects["sentinels"] == 0.5


def test_sentinels():
    cohort = one("sentinels", n=20_000)
    for column, code in SENTINELS.items():
        mask = cohort.truth.masks["sentinels"][column]
        assert mask.mean() == pytest.approx(0.03, abs=0.005)
        assert (cohort.X[column][mask] == code).all()
        assert (cohort.X[column][~mask] != code).all()


def test_missing_strings():
    cohort = one("missing_strings", n=20_000)
    struck = cohort.X["admission_source"].isin(["?", "NA", "Unknown"])
    assert struck.mean() == pytest.approx(0.04, abs=0.005)
    assert (struck == cohort.truth.masks["missing_strings"]["admission_source"]).all()
    assert cohort.X["admission_source"][struck].nunique() == 3


def test_mcar_knows_nothing():
    cohort = one("mcar", n=40_000)
    assert set(cohort.truth.columns("mcar")) == set(LABS)
    missing = cohort.X[list(LABS)].isna()
    assert missing.mean().to_numpy() == pytest.approx(0.05, abs=0.006)
    high = cohort.truth.risk > np.median(cohort.truth.risk)
    assert missing[high].mean(axis=None) == pytest.approx(missing[~high].mean(axis=None), abs=0.003)


@pytest.mark.parametrize("kind", EMPTIED)
def test_missingness_alone_predicts_as_strongly_as_committed(kind):
    cohort = one(kind, n=40_000, seed=1)
    missing = cohort.X[list(EMPTIED[kind])].isna()
    np.testing.assert_allclose(missing.mean(), list(EMPTIED[kind].values()), atol=0.015)
    assert missingness_auc(cohort, EMPTIED[kind]) == pytest.approx(0.67, abs=0.015)
    assert missingness_auc(cohort, EMPTIED[kind]) >= 0.65


def test_pattern_auc_is_the_auc_of_the_pattern():
    rng = np.random.default_rng(0)
    risk = rng.random(200_000) * 0.5
    p = expit(np.column_stack([3 * risk - 1, -2 * risk, np.zeros_like(risk)]))
    X = (rng.random(p.shape) < p).astype(float)
    y = rng.random(len(risk)) < risk
    rate = pd.Series(y).groupby([*X.T]).transform("mean")
    assert pattern_auc(p, risk) == pytest.approx(roc_auc_score(y, rate), abs=0.006)


def test_mnar_depends_on_the_value_itself_and_mar_on_complete_columns():
    cohort = one("mnar", n=20_000)
    lost = cohort.truth.masks["mnar"]["lactate"]
    clean = cohort.truth.clean
    assert clean["lactate"][lost].median() < 0.8 * clean["lactate"][~lost].median()
    cohort = one("mar", n=20_000)
    lost = cohort.truth.masks["mar"]["potassium"]
    rank = pd.qcut(cohort.truth.clean["heart_rate"], 4, labels=False)
    shares = lost.groupby(rank).mean()
    assert shares.iloc[0] > shares.iloc[-1] + 0.1
    assert not cohort.X[["heart_rate", "age"]].isna().any(axis=None)


def test_exact_duplicates_are_equal_in_every_column():
    cohort = one("exact_duplicates")
    table, truth = cohort.to_frame(), cohort.truth
    copies = truth.origin == "exact_duplicates"
    assert copies.sum() == 60
    assert table.duplicated().sum() == 60
    assert table.duplicated()[copies].all()


def test_near_duplicates_differ_in_five_cells_and_the_patient():
    cohort = one("near_duplicates")
    table, truth = cohort.to_frame(), cohort.truth
    copies = truth.origin == "near_duplicates"
    assert copies.sum() == 100
    sources = table.iloc[truth.source_row[copies]]
    different = pd.DataFrame(unlike(table[copies].to_numpy(), sources.to_numpy()))
    different.columns = table.columns
    assert (different.sum(axis=1) == 6).all()
    assert different["patient_id"].all()
    assert not different[["site", "year", "icu_transfer", "sex", "age"]].any(axis=None)
    assert not set(table["patient_id"][copies]) & set(table["patient_id"][~copies])


def test_join_doubles_every_row_with_one_differing_column():
    cohort = one("join_doubled")
    table = cohort.to_frame()
    assert len(table) == 4000
    first, second = table.iloc[:2000], table.iloc[2000:].reset_index(drop=True)
    different = first.columns[unlike(first, second).any(axis=0)]
    assert list(different) == ["medication_class"]
    assert (first["medication_class"] != second["medication_class"]).all()


def test_leaks_are_as_strong_as_committed():
    perfect = one("leak_perfect")
    assert ((perfect.X["discharge_unit"] == "ICU") == (perfect.y == 1)).all()
    noisy = one("leak_noisy", n=30_000)
    assert roc_auc_score(noisy.y, noisy.X["alert_score"]) == pytest.approx(0.97, abs=0.006)
    timed = one("leak_time", n=30_000)
    assert roc_auc_score(timed.y, timed.X["hosp_los_hours"]) == pytest.approx(0.90, abs=0.01)


def test_future_count_is_the_number_of_encounters_in_the_file():
    cohort = one("future_count")
    counts = cohort.groups.map(cohort.groups.value_counts())
    assert (cohort.X["encounter_count"].to_numpy() == counts.to_numpy()).all()


def test_ineligible_stratum_has_no_event():
    cohort = one("ineligible")
    stratum = (cohort.X["code_status"] == "Comfort care only").to_numpy()
    assert stratum.sum() == 100
    assert cohort.y.to_numpy()[stratum].sum() == 0
    assert (cohort.truth.risk[stratum] == 0).all()
    clean = make_ehr_cohort(2000, random_state=0)
    assert clean.truth.risk[stratum].mean() > 1.5 * clean.truth.risk.mean()
    assert clean.y.to_numpy()[stratum].sum() > 10


def test_risk_gap_is_a_true_odds_ratio_at_the_same_prevalence():
    cohort, clean = one("risk_gap", n=20_000), make_ehr_cohort(20_000, random_state=0)
    assert cohort.X.equals(clean.X)
    gap = np.log(cohort.truth.risk / (1 - cohort.truth.risk)) - np.log(
        clean.truth.risk / (1 - clean.truth.risk)
    )
    men = (cohort.X["sex"] == "M").to_numpy()
    assert gap[men].mean() - gap[~men].mean() == pytest.approx(np.log(2), abs=1e-6)
    assert np.ptp(gap[men]) < 1e-6
    assert cohort.truth.prevalence == pytest.approx(0.15, abs=1e-6)
    assert cohort.y.mean() == pytest.approx(0.15, abs=0.012)
    assert (cohort.truth.event == cohort.y).all()


def test_label_bias_forgets_events_of_one_group_only():
    cohort = one("label_bias", n=40_000)
    black = (cohort.sensitive["ethnicity"] == "Black").to_numpy()
    happened, recorded = cohort.truth.event, cohort.y.to_numpy()
    assert (happened >= recorded).all()
    assert (happened == recorded)[~black].all()
    forgotten = 1 - recorded[black].sum() / happened[black].sum()
    assert forgotten == pytest.approx(0.4, abs=0.05)
    assert (cohort.truth.risk == make_ehr_cohort(40_000, random_state=0).truth.risk).all()


def test_site_shift_has_the_committed_spread_and_changes_measurement():
    cohort, clean = one("site_shift", n=20_000), make_ehr_cohort(20_000, random_state=0)
    odds = np.log(cohort.truth.risk / (1 - cohort.truth.risk))
    shift = odds - np.log(clean.truth.risk / (1 - clean.truth.risk))
    by_site = pd.Series(shift).groupby(cohort.site.to_numpy())
    assert (by_site.agg(np.ptp) < 1e-6).all()
    assert shift.std() == pytest.approx(1.0, abs=0.05)
    assert cohort.truth.risk.mean() == pytest.approx(0.15, abs=0.01)
    albumin = cohort.X["albumin"].isna().groupby(cohort.site.to_numpy()).mean()
    assert albumin.max() - albumin.min() > 0.2
    ratio = (cohort.X["creatinine"] / clean.X["creatinine"]).groupby(cohort.site.to_numpy())
    np.testing.assert_allclose(
        np.log(ratio.mean()) - 0.25 * by_site.mean(),
        (np.log(ratio.mean()) - 0.25 * by_site.mean()).mean(),
        atol=0.01,
    )


def test_realistic_has_its_defects_and_each_leaves_a_trace():
    cohort = make_ehr_cohort(2000, preset="realistic", random_state=0)
    expected = {k for k, strength in STRENGTHS.items() if strength.realistic is not None}
    assert set(cohort.truth.defects) == expected
    for defect in expected:
        assert cohort.truth.rows(defect).any(), defect
