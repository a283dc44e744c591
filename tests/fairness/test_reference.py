"""Numbers of R on simulated rows: tests/reference/fairness_reference.R."""

import json
from pathlib import Path

import numpy as np
import pytest

from healthml.fairness import group_performance

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "reference" / "fairness_reference.json").read_text()
)
GROUPS = REFERENCE["groups"]


@pytest.fixture(scope="module")
def found():
    return group_performance(
        REFERENCE["y"], REFERENCE["p"], {"g": REFERENCE["group"]}, threshold=REFERENCE["threshold"]
    )


def line(table, group, measure, **others):
    rows = (table["group"] == group) & (table["measure"] == measure)
    for name, value in others.items():
        rows &= table[name] == value
    assert rows.sum() == 1
    return table[rows].iloc[0]


ENDS = ["estimate", "lower", "upper"]


def close(own, wanted, atol=1e-8):
    np.testing.assert_allclose(np.asarray(own, dtype=float), wanted, atol=atol, rtol=0)


@pytest.mark.parametrize("group", GROUPS)
def test_shares_have_wilson_s_intervals_and_gaps_newcombe_s(found, group):
    for name, share in GROUPS[group]["shares"].items():
        close(line(found.table, group, name)[ENDS], [share[end] for end in ENDS])
        if name != "event_rate":
            close(line(found.gaps, group, name)[ENDS], GROUPS[group]["newcombe"][name])


@pytest.mark.parametrize("group", GROUPS)
def test_the_auc_has_delong_s_interval_as_proc_has_it(found, group):
    own = line(found.table, group, "auroc")
    if own["method"] == "DeLong":
        close(own[ENDS], GROUPS[group]["auroc"])
    close(own["estimate"], GROUPS[group]["auroc"][0])
    gap = line(found.gaps, group, "auroc")["estimate"]
    close(gap, GROUPS[group]["auroc"][0] - GROUPS[group]["auroc_rest"][0])


@pytest.mark.parametrize("group", [g for g in GROUPS if GROUPS[g]["n_events"] > 10])
def test_calibration_is_that_of_glm(found, group):
    for name in ("calibration_in_the_large", "calibration_slope"):
        close(line(found.table, group, name)[ENDS], GROUPS[group][name], atol=1e-5)
    close(line(found.table, group, "oe_ratio")["estimate"], GROUPS[group]["oe_ratio"])


@pytest.mark.parametrize("measure", REFERENCE["tests"])
def test_homogeneity_of_shares_is_pearson_s_test(found, measure):
    own = found.tests.set_index("measure").loc[measure]
    wanted = REFERENCE["tests"][measure]
    close(own[["statistic", "p_value"]], [wanted["statistic"], wanted["p_value"]])
    assert own["df"] == wanted["df"]


def test_wrong_risks_have_the_exact_p_value_of_a_sum_of_unequal_coins(found):
    for group in GROUPS:
        rows = (found.claims["group"] == group) & (found.claims["measure"] == "oe_ratio")
        if rows.any():
            close(found.claims[rows]["p_value"].iloc[0], GROUPS[group]["p_wrong"])


def test_groups_too_small_for_a_claim_are_named_with_their_reason(found):
    scarce = {g for g, v in GROUPS.items() if min(v["n_events"], v["n_samples"]) < 10}
    reasons = found.claims[found.claims["reason"] != ""]
    assert scarce <= set(reasons["group"])
    assert reasons["estimate"].isna().all()
