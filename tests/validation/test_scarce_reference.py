"""Few events and two rows a patient, against R: resamples of one class, separated ones, pairs."""

import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from healthml.exceptions import ConvergenceWarning, DegenerateResampleWarning, OverfittingWarning
from healthml.validation import external_validate, validate

# R 4.2, rms: tests/reference/scarce_reference.R
R = json.loads((Path(__file__).parent.parent / "reference/scarce_reference.json").read_text())
X, Y, PATIENT = (np.array(R["rows"][name]) for name in ("x", "y", "patient"))
DRAWS, KIND = [np.array(rows) for rows in R["draws"]], Counter(R["kind"])
MODEL = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
NAMES = ["auroc", "brier", "log_loss", "scaled_brier", "calibration_slope", "oe_ratio"]


@pytest.fixture(scope="module", params=["optimism", "oob"])
def judged(request):
    options = {"resamples": DRAWS, "groups": PATIENT, "measures": NAMES, "random_state": 0}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = validate(MODEL, X, Y, method=request.param, **options)
    return result, {one.category for one in caught}


def test_r_has_all_three_kinds():
    assert min(KIND.values()) >= 3
    assert set(KIND) == {"fine", "separated", "one class"}
    assert R["rms_converged"] <= len(DRAWS) - KIND["one class"]


def test_separated_and_one_class_resamples_are_those_that_r_finds(judged):
    result, warned = judged
    reasons = result.failures["reason"].str.split(":").str[0]
    found = dict(zip(result.failures["number"], reasons, strict=True))
    said = {"separated": "separated", "one class": "one class among the training rows"}
    assert found == {i: said[kind] for i, kind in enumerate(R["kind"]) if kind != "fine"}
    expected = {ConvergenceWarning, DegenerateResampleWarning}
    assert warned - {OverfittingWarning} == expected
    row = result.get("brier")
    assert row["resamples_asked"] == len(DRAWS)
    assert row["reasons"].startswith(f"{KIND['one class']} with one class among the training rows")
    words = " ".join(result.remarks)
    assert f"{KIND['separated']} of {len(DRAWS)} resamples: separated" in words
    assert "Without the flagged resamples" in words


def test_without_the_separated_resamples_the_values_are_those_of_r(judged):
    result, _ = judged
    got = result.details.set_index("measure")["without_flagged"]
    expected = R["optimism_corrected" if result.method == "optimism" else "oob"]
    np.testing.assert_allclose(got[NAMES], [expected[name] for name in NAMES], atol=1e-6)
    apparent = result.table.set_index("measure")["apparent"]
    np.testing.assert_allclose(apparent[NAMES], [R["apparent"][n] for n in NAMES], atol=1e-6)


def test_pairs_judged_by_a_frozen_model():
    want = R["external"]
    y, patient = np.array(want["y"]), np.array(want["patient"])
    risk = 1 / (1 + np.exp(-np.array(want["logit"])))
    found = external_validate(y, risk, groups=patient, random_state=0)
    for name, value in want["values"].items():
        assert found.get(name)["estimate"] == pytest.approx(value, abs=1e-6), name
    assert found.get("ici")["estimate"] == pytest.approx(want["ici"], abs=1e-6)
    assert found.get("e90")["estimate"] == pytest.approx(want["e90"], abs=1e-4)
    row = found.get("calibration_slope")
    se = (row["upper"] - row["lower"]) / 2 / 1.96
    assert se == pytest.approx(want["slope_se"], rel=0.03)  # with its small-sample factor
