"""External validation against R: rms::val.prob and the closed test, on simulated rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from healthml.validation import external_validate
from healthml.validation._external.closed_test_update import closed_test, numeric_covariates

# R 4.2, rms: tests/reference/external_reference.R
R = json.loads((Path(__file__).parent.parent / "reference/external_reference.json").read_text())
ROWS = pd.DataFrame(R["rows"])
COVARIATES = ["age", "motor", "low_pressure", "pupils"]
SITES = {**R["closed"], "all sites": R["all_sites"]}


@pytest.mark.parametrize("site", SITES)
def test_the_closed_test_agrees_with_r(site):
    rows, want = ROWS if site == "all sites" else ROWS[ROWS["site"] == site], SITES[site]
    X = numeric_covariates(rows[COVARIATES], len(rows))
    found = closed_test(rows["y"].to_numpy(float), rows["lp"].to_numpy(), X, test_level=R["level"])
    table = found.table.set_index("update")
    assert found.decision == want["decision"]
    tests = table.loc[["original", "intercept", "recalibration"]]
    np.testing.assert_allclose(tests["statistic"], want["lr"], rtol=1e-8)
    np.testing.assert_allclose(tests["p_value"], want["p"], rtol=1e-8)
    assert tests["df"].tolist() == want["df"]
    for name, value in want["loglik"].items():
        assert table.loc[name, "log_likelihood"] == pytest.approx(value, abs=1e-8)
    once, both = table.loc["intercept"], table.loc["recalibration"]
    assert once["intercept"] == pytest.approx(want["intercept"]["estimate"], abs=1e-8)
    assert once["se_intercept"] == pytest.approx(want["intercept"]["se"], abs=1e-7)
    pairs = {"estimate": ["intercept", "slope"], "se": ["se_intercept", "se_slope"]}
    for key, names in pairs.items():
        np.testing.assert_allclose(both[names].astype(float), want["recalibration"][key], atol=1e-7)


def test_every_decision_is_among_the_sites():
    decisions = {want["decision"] for want in R["closed"].values()}
    assert decisions == {"original", "intercept", "recalibration", "revision"}


def test_the_unreliability_index_agrees_with_val_prob():
    """Without covariates the closed test of no update is val.prob's U on 2 degrees of freedom."""
    found = external_validate(ROWS["y"], expit(ROWS["lp"]), random_state=0)
    updates, want = found.updates.set_index("update"), R["val_prob"]
    assert updates.loc["original", "statistic"] == pytest.approx(want["U:Chi-sq"], abs=1e-6)
    assert updates.loc["original", "p_value"] == pytest.approx(want["U:p"], abs=1e-6)
    assert found.get("brier")["estimate"] == pytest.approx(want["Brier"], abs=1e-9)
    for measure, name in (("calibration_intercept", "Intercept"), ("calibration_slope", "Slope")):
        assert found.get(measure)["estimate"] == pytest.approx(want[name], abs=1e-6)
