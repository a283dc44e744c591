import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml._core._knowledge.name_hints import (
    LATER_STEMS,
    contains_word,
    follow_up_hint,
    has_word,
    id_hint,
    later_hint,
    name_words,
    score_hint,
    site_hint,
)


def words(text):
    return text.split()


LATER = words("""
    dischargeweight hospitaldischargeoffset unitdischargestatus slos hosplos icu_los LOSdays
    totcst totmcst charges total_charges actualicumortality diedinhospital DiedInHospital d.time
    dnrday death hospdead hosp_mort deathdate dod hospital_expire_flag lengthOfStay length.of.stay
    days_to_followup follow-up time_in_hospital status vital_status outcome_30d readmitted
    discharge_disposition_id actualventdays medicare_payments survival death_certificate_no
""")
NOT_LATER = words("""
    hospitalid hospital_stay wardid unit_id studied deadspace intercostal costal_margin closed
    colostomy velocity smoking_status teachingstatus marital_status bilirubin billroth surveillance
    vaginal_discharge expired_co2 prior_admissions previous_discharge_date weight_loss blood_loss
    mortgage predictedhospitalmortality predictediculos prednisone predischarge_bp kilos
    progressive outpatient comorbidity hospitaladmitoffset age glucose surv2m
""")


@pytest.mark.parametrize("column", LATER)
def test_known_after_the_prediction(column):
    assert later_hint(column)


@pytest.mark.parametrize("column", NOT_LATER)
def test_not_known_after_the_prediction(column):
    assert later_hint(column) is None


@pytest.mark.parametrize(
    ("column", "hint"),
    [("time", "time"), ("pg.time", "pgtime"), ("OS_time", "ostime"), ("Days", "days")],
)
def test_a_bare_time_may_be_that_of_a_follow_up(column, hint):
    assert follow_up_hint(column) == hint
    assert later_hint(column) is None


@pytest.mark.parametrize(
    "column", words("protime wait_time diagtime days_since_op bedtime timepoint age prior_time")
)
def test_other_times_are_none_of_a_follow_up(column):
    assert follow_up_hint(column) is None


@given(st.sampled_from(LATER_STEMS), st.sampled_from(["unit", "x"]), st.sampled_from("_. "))
def test_a_stem_is_found_however_it_is_joined(stem, other, sep):
    for column in (f"{other}{sep}{stem}", f"{other}{stem}", f"{stem}{sep}{other}", stem.upper()):
        assert later_hint(column)


def test_a_level_may_tell():
    assert later_hint("sfdm2", ["adl>=4 (>=5 if sur)", "<2 mo. follow-up"]) == "followup"
    assert later_hint("unitstaytype", ["admit", "readmit"]) is None
    assert later_hint("sex", ["female", "male", 3, None]) is None


@given(st.text())
def test_any_name_is_accepted(column):
    assert all(word.islower() or word.isdigit() for word in name_words(column))
    later_hint(column)
    id_hint(column)
    site_hint(column)


def test_names_of_identifiers_and_sites():
    named = "encounter_id patient_nbr uniquepid patientunitstayid id MRN hospitalid lastName"
    assert all(id_hint(column) for column in words(named))
    assert not any(id_hint(c) for c in words("steroid thyroid acid opioid covid num num_meds"))
    assert site_hint("Center") == "center"
    assert not any(site_hint(c) for c in words("hospdead hospital_stay unittype time_in_hospital"))


def test_other_roles():
    assert has_word("Age", "sensitive")
    assert not any(has_word(c, "sensitive") for c in words("stage dosage bandage average"))
    assert score_hint("predictedicumortality")
    assert score_hint("apachescore")
    assert score_hint("creatinine") is None
    assert contains_word("hospdead", "outcome") == "dead"
    assert contains_word("yield", "outcome") is None
