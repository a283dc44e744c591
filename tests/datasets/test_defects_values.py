"""Values written wrongly: as committed, told from the clean cell, and nothing else touched."""

import numpy as np
import pytest

from healthml.datasets import make_ehr_cohort
from healthml.datasets._defects_text import COMMAS, LIMITS, NEW_CODE, SITE_CODE
from healthml.datasets._defects_values import IMPOSSIBLE, OTHER_UNITS, SLIPPED
from healthml.exceptions import InputError


def one(defect, n=20_000, seed=0, **options):
    return make_ehr_cohort(n, preset=f"one:{defect}", random_state=seed, **options)


def struck(cohort, defect, column):
    """Return the struck cells of a column, and what they were."""
    mask = cohort.truth.masks[defect][column]
    return mask, cohort.to_frame()[column][mask], cohort.truth.clean[column][mask]


@pytest.mark.parametrize(
    ("column", "per_unit", "digits"),
    [("creatinine", 88.402, 0), ("glucose", 0.055507, 1), ("hemoglobin", 10, 0)],
)
def test_unit_mixup_turns_one_site_per_lab_as_its_laboratory_prints(column, per_unit, digits):
    cohort = one("unit_mixup")
    mask, now, before = struck(cohort, "unit_mixup", column)
    assert cohort.site[mask].nunique() == 1
    assert mask[cohort.site == cohort.site[mask].iloc[0]].all()
    np.testing.assert_allclose(now, before * per_unit, rtol=1e-4, atol=0.5 * 10.0**-digits + 1e-9)
    assert (now == now.round(digits)).all()


def test_unit_mixup_strikes_different_sites_where_there_are_enough():
    places = {}
    for n_sites in (5, 2):
        cohort = one("unit_mixup", n=3000, n_sites=n_sites)
        masks = cohort.truth.masks["unit_mixup"]
        places[n_sites] = {cohort.site[masks[column]].iloc[0] for column in OTHER_UNITS}
    assert (len(places[5]), len(places[2])) == (3, 2)
    with pytest.raises(InputError, match="n_sites of 2 or more"):
        one("unit_mixup", n=100, n_sites=1)


def test_decimal_slips_go_one_step_up_or_down():
    cohort = one("decimal_slips")
    assert set(cohort.truth.columns("decimal_slips")) == set(SLIPPED)
    for column in SLIPPED:
        mask, now, before = struck(cohort, "decimal_slips", column)
        assert mask.mean() == pytest.approx(0.01, abs=0.003)
        steps = np.log10(now / before).round(6)
        assert set(steps) == {1.0, -1.0}
        assert (steps > 0).mean() == pytest.approx(0.5, abs=0.15)


def test_swaps_exchange_two_pressures_that_were_in_order():
    cohort = one("swaps")
    table, truth = cohort.to_frame(), cohort.truth
    swapped = truth.masks["swaps"]["dbp"]
    assert swapped.equals(truth.masks["swaps"]["sbp"])
    assert swapped.mean() == pytest.approx(0.02, abs=0.004)
    assert (table["dbp"] < table["sbp"])[~swapped].all()
    assert (table["dbp"] > table["sbp"])[swapped].all()
    assert (table["dbp"] == truth.clean["sbp"])[swapped].all()
    dbp = table["dbp"].where(~swapped, table["sbp"])
    assert dbp.between(20, 160).all()
    assert 60 < dbp.mean() < 85
    assert np.corrcoef(dbp, truth.clean["sbp"])[0, 1] == pytest.approx(0.73, abs=0.04)
    assert "dbp" not in truth.clean


def test_impossible_values_are_outside_the_limits_of_the_measure():
    cohort = one("impossible_values")
    for column, (low, high) in IMPOSSIBLE.items():
        mask, now, before = struck(cohort, "impossible_values", column)
        assert mask.mean() == pytest.approx(0.01, abs=0.003)
        assert now.between(low, high).all()
        assert (before < low).all()


def test_censored_strings_are_all_values_beyond_the_limit():
    cohort = one("censored_strings")
    for column, (sign, limit) in LIMITS.items():
        mask, now, before = struck(cohort, "censored_strings", column)
        clean = cohort.truth.clean[column]
        assert mask.equals(clean < limit if sign == "<" else clean > limit)
        assert set(now) == {f"{sign}{limit}"}
        assert 0.01 < mask.mean() < 0.15
        assert cohort.X[column][~mask].map(type).eq(float).all()
        assert len(before)
    half = make_ehr_cohort(20_000, defects={"censored_strings": 0.5}, random_state=0)
    beyond = half.truth.clean["lactate"] < LIMITS["lactate"][1]
    share = half.truth.masks["censored_strings"]["lactate"][beyond].mean()
    assert share == pytest.approx(0.5, abs=0.05)


def test_decimal_commas_hold_the_same_number():
    cohort = one("decimal_commas")
    for column in COMMAS:
        mask, now, before = struck(cohort, "decimal_commas", column)
        assert mask.mean() == pytest.approx(0.05, abs=0.006)
        assert now.str.fullmatch(r"\d+,\d").all()
        assert (now.str.replace(",", ".").astype(float) == before).all()


def test_coding_change_renames_a_level_from_a_year_on_and_at_one_site_before():
    cohort = one("coding_change")
    level, clean = cohort.X["admission_type"], cohort.truth.clean["admission_type"]
    emergency, late = clean == "Emergency", cohort.time > 2020
    assert (level[emergency & late] == NEW_CODE).all()
    assert not level[~late].eq(NEW_CODE).any()
    written = level == SITE_CODE
    assert cohort.site[written].nunique() == 1
    assert written[emergency & ~late & (cohort.site == cohort.site[written].iloc[0])].all()
    assert (level[~emergency] == clean[~emergency]).all()


def test_coding_change_needs_years_or_sites():
    alone = one("coding_change", n=500, n_sites=1)
    assert set(alone.X["admission_type"][alone.truth.rows("coding_change")]) == {NEW_CODE}
    short = one("coding_change", n=500, years=(2020, 2021))
    assert set(short.X["admission_type"][short.truth.rows("coding_change")]) == {SITE_CODE}
    with pytest.raises(InputError, match="3 or more years"):
        one("coding_change", n=100, n_sites=1, years=(2020, 2020))


def test_label_noise_flips_both_labels_and_no_risk():
    cohort = one("label_noise")
    flipped = cohort.y.to_numpy() != cohort.truth.event
    assert (flipped == cohort.truth.rows("label_noise")).all()
    for label in (0, 1):
        assert flipped[cohort.truth.event == label].mean() == pytest.approx(0.05, abs=0.012)
    clean = make_ehr_cohort(20_000, random_state=0)
    assert (cohort.truth.risk == clean.truth.risk).all()
    assert (cohort.truth.event == clean.y).all()


def test_text_survives_what_strikes_the_same_column_later():
    defects = {"censored_strings": 1.0, "sentinels": 0.3, "mcar": 0.3, "near_duplicates": 0.05}
    cohort = make_ehr_cohort(2000, defects=defects, random_state=0)
    masks, glucose = cohort.truth.masks, cohort.X["glucose"]
    assert (
        glucose[masks["censored_strings"]["glucose"] & (cohort.truth.origin == "original")]
        == ">250"
    ).all()
    assert (
        glucose[masks["sentinels"]["glucose"] & (cohort.truth.origin == "original")] == 999
    ).all()
    assert glucose[masks["mcar"]["glucose"] & (cohort.truth.origin == "original")].isna().all()
