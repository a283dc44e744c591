"""Rows closer together than their risk explains: made or repeated, whatever they are rounded to."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from scipy.special import expit

from healthml.validation import check_leakage
from healthml.validation._leakage.inputs import make_case
from healthml.validation._leakage.rows.close_rows import agreement, look_at_close_rows


def coarse(seed, n=500):
    """Return whole ages and pressures, tenths and a grade, none of which tells the outcome."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"age": rng.integers(20, 90, n), "sbp": rng.normal(130, 15, n).round()})
    X["potassium"], X["grade"] = rng.normal(4.2, 0.5, n).round(1), rng.integers(1, 5, n)
    return X.astype(float), (rng.random(n) < 0.15).astype(int)


def two(seed, n=500):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"]), (rng.random(n) < 0.15) * 1


def filled_up(X, y, digits):
    X, y = SMOTE(sampling_strategy=0.6, random_state=0).fit_resample(X, y)
    order = np.random.default_rng(0).permutation(len(y))
    X = X.round(digits).iloc[order].reset_index(drop=True)
    return X, np.asarray(y)[order]


DIGITS = {"age": 0, "sbp": 0, "potassium": 1, "grade": 0, "a": 2, "b": 2}


@pytest.mark.parametrize("make", [coarse, two])
def test_rounded_made_rows_are_named_with_what_they_pretend(make):
    X, y = make(1)
    real = check_leakage(X, y, random_state=0)
    assert real.above_note.empty
    found = check_leakage(*filled_up(X, y, DIGITS), random_state=0).above_note
    (row,) = found[found["code"] == "HM309"].to_dict("records")
    assert "synthetic" in row["title"]
    assert row["lower"] > 0.03  # what a forest gains on noise by remembering neighbours


def test_the_text_gives_the_shares_that_were_counted():
    X, y = filled_up(*coarse(1), DIGITS)
    case = make_case(X, y, seed=0)
    (leak,) = look_at_close_rows(case)
    found = agreement(X, y, case.units)
    assert f"nearest to one with the event {found.near:.0%} are" in leak.finding.evidence
    assert f"20 to 60 {found.far:.0%}" in leak.finding.evidence


@pytest.mark.parametrize("seed", range(2))
def test_sharp_honest_risks_are_no_clumps(seed):
    """Two columns that matter only together, and a predictor that nearly separates."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(600, 4)), columns=list("abcd"))
    apart = np.where((X["a"] > 0) ^ (X["b"] > 0), 0.8, 0.1)
    for risk in (apart, expit(6 * X["a"] - 3)):
        y = (rng.random(600) < risk).astype(int)
        assert list(look_at_close_rows(make_case(X, y, seed=0))) == []


def test_rows_of_declared_patients_are_no_neighbours_of_each_other():
    X, y = coarse(0, 300)
    noise = np.random.default_rng(0).normal(0, 0.2, (300, 4))
    visits, died = pd.concat([X, X + noise], ignore_index=True), np.tile(y, 2)
    patient = np.tile(np.arange(300), 2)
    assert agreement(visits, died, np.arange(600)).is_beyond
    assert not agreement(visits, died, patient).is_beyond
