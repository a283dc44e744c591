"""Levels of the outcome that a site never uses, and columns that number stays."""

import numpy as np
import pandas as pd

from healthml.cleaning._rows import stay_columns
from healthml.validation._transport import outcome_levels

RNG = np.random.default_rng(0)
SITE = RNG.choice(list("abc"), 600)


def test_a_level_that_one_site_never_uses():
    stage = pd.Series(RNG.choice(["none", "mild", "severe"], 600))
    assert not outcome_levels(stage, SITE).absent.any()
    merged = stage.mask((SITE == "b") & (stage == "severe"), "mild")
    found = outcome_levels(merged, SITE, np.arange(600) // 2)
    assert found.sites == ["b"]
    assert found.absent.sum() == 1
    assert found.rows.loc["a", "mild"] == ((SITE == "a") & (merged == "mild")).sum()
    own = pd.Series(np.arange(600) // 2)[(SITE == "a") & (merged == "mild")]
    assert found.patients.loc["a", "mild"] == own.nunique()


def test_two_levels_or_numbers_are_not_compared():
    assert outcome_levels(pd.Series([0, 1] * 300), SITE) is None
    assert outcome_levels(pd.Series(np.arange(600)), SITE) is None


def test_a_rare_level_may_be_absent_by_chance():
    stage = pd.Series(["none", "mild"] * 299 + ["severe", "none"])
    assert not outcome_levels(stage, SITE).absent.any()


def test_a_column_that_numbers_stays_with_one_outcome():
    stay = np.repeat(np.arange(300), 2)
    patient = stay // 2
    y = np.repeat(RNG.integers(0, 2, 300), 2)
    frame = pd.DataFrame({"stay": stay.astype(str), "noise": RNG.integers(0, 300, 600)})
    assert stay_columns(frame, patient, y) == [("stay", 300, 600)]
    assert stay_columns(frame, None, y) == []
    changed = y.copy()
    changed[0] = 1 - changed[0]
    assert stay_columns(frame, patient, changed) == []
    assert stay_columns(frame, stay, y) == []  # the patient itself
    constant = (patient % 2).astype(int)
    assert stay_columns(frame, patient, constant) == []  # patients never change outcome
