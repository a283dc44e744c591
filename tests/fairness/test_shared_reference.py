"""Frozen predictions with numbers from R, fairlearn, aif360 and aequitas, where they lie beside."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from healthml.fairness import group_performance

HOME = Path(os.environ.get("HEALTHML_SHARED", "../shared")) / "reference" / "fairness"
if not HOME.is_dir():
    pytest.skip("no shared reference values beside the repository", allow_module_level=True)

NAMES = ("birthwt", "heart4", "diabetes130")
RATES = {
    "prevalence": "event_rate",
    "selection_rate": "flagged_rate",
    "tpr": "sensitivity",
    "fnr": "false_negative_rate",
    "fpr": "false_positive_rate",
    "tnr": "specificity",
    "precision": "ppv",
    "npv": "npv",
    "accuracy": "accuracy",
    "mean_predicted": "mean_risk",
    "brier": "brier",
    "auc": "auroc",
}
MEASURES = [*RATES.values(), "oe_ratio", "calibration_in_the_large", "calibration_slope"]
MEASURES += ["net_benefit"]
FEWEST = 11  # events and others below which a calibration fit is near separation in R, too


def load(name):
    expected = json.loads((HOME / f"{name}.expected.json").read_text(encoding="utf-8"))
    return expected, pd.read_csv(HOME / expected["file"])


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    expected, frame = load(request.param)
    features = [name for name in expected["attributes"] if "|" not in name]
    crossed = [tuple(name.split("|")) for name in expected["attributes"] if "|" in name]
    found = group_performance(
        frame["y_true"],
        frame["y_proba"],
        frame[features],
        threshold=expected["threshold"],
        crossed=crossed,
        pool_below=1,
        measures=MEASURES,
    )
    return expected, found, frame


def values(found, feature, group):
    group = group.replace("(missing)", "missing")
    rows = (found.table["feature"] == feature) & (found.table["group"] == group)
    return found.table[rows].set_index("measure")


def number(value):
    return np.nan if value is None else value


def test_rates_of_every_group_and_crossed_group(case):
    expected, found, _ = case
    seen = 0
    for feature, answer in expected["attributes"].items():
        for line in answer["by_group"]:
            mine = values(found, feature, line["group"])
            assert mine["n_samples"].iloc[0] == line["n_samples"]
            assert mine["n_events"].iloc[0] == line["n_events"]
            for theirs, name in RATES.items():
                if theirs in line:
                    value = mine.loc[name, "estimate"]
                    np.testing.assert_allclose(value, number(line[theirs]), atol=1e-8, rtol=0)
                    assert np.isfinite(value) or mine.loc[name, "reason"]
                    seen += 1
    assert seen > 100


INTERVALS = {"auc": "auroc", "tpr": "sensitivity", "fpr": "false_positive_rate"}
INTERVALS |= {"selection_rate": "flagged_rate"}
FITS = {"cal_intercept": "calibration_in_the_large", "cal_slope": "calibration_slope"}


def test_r_intervals_and_calibration_of_every_group(case):
    expected, found, _ = case
    seen = 0
    for feature, answer in expected["attributes"].items():
        for line in answer["by_group"]:
            if "R" not in line:
                continue
            r, mine = line["R"], values(found, feature, line["group"])
            for theirs, name in {"oe_ratio": "oe_ratio", "net_benefit": "net_benefit"}.items():
                np.testing.assert_allclose(
                    mine.loc[name, "estimate"], number(r[theirs]), atol=1e-8, rtol=0
                )
            for theirs, name in INTERVALS.items():
                if mine.loc[name, "method"].endswith("Student's t"):
                    continue  # near 0 and 1 DeLong's own interval leaves the scale; ours does not
                if f"{theirs}_lower" in r:
                    ends = [number(r[f"{theirs}_{end}"]) for end in ("lower", "upper")]
                    own = mine.loc[name, ["lower", "upper"]].astype(float)
                    np.testing.assert_allclose(own, ends, atol=1e-8, rtol=0)
            seen += _check_fits(r, mine, line)
    assert seen > 2


def _check_fits(r, mine, line):
    scarce = min(line["n_events"], line["n_samples"] - line["n_events"])
    if scarce < FEWEST:
        return 0
    for theirs, name in FITS.items():
        wanted = [r[theirs], r[f"{theirs}_lower"], r[f"{theirs}_upper"]]
        own = mine.loc[name, ["estimate", "lower", "upper"]].astype(float)
        np.testing.assert_allclose(own.iloc[0], wanted[0], atol=1e-5, rtol=0)
        # R takes standard errors from its last step but one, ours are from the last
        np.testing.assert_allclose(own, wanted, atol=1e-4, rtol=0)
    return 1


def named(found, feature, metric, method="between_groups", aggregate="worst_case"):
    table = found.metrics
    rows = (table["feature"] == feature) & (table["metric"] == metric)
    rows &= (table["method"] == method) & (table["aggregate"] == aggregate)
    return table[rows]["estimate"].item()


def test_named_metrics_over_groups_where_they_exist(case):
    expected, found, _ = case
    for feature, answer in expected["attributes"].items():
        for name, value in answer["disparity_defined_groups_only"].items():
            aggregate = "mean" if name.endswith("_mean") else "worst_case"
            own = named(found, feature, name.removesuffix("_mean"), aggregate=aggregate)
            np.testing.assert_allclose(own, value, atol=1e-8, rtol=0, err_msg=f"{feature} {name}")


def test_named_metrics_are_fairlearn_s_but_where_it_counts_what_does_not_exist(case):
    expected, found, _ = case
    differs = {(d["attribute"], d["metric"]) for d in expected.get("differs_from_fairlearn", ())}
    compared = 0
    for feature, answer in expected["attributes"].items():
        undefined = bool(answer["groups_with_undefined_rate"])
        for key, value in answer["fairlearn_0_15_disparity"].items():
            metric, _, options = key.rstrip("]").partition("[")
            method, _, aggregate = options.partition(",agg=")
            rows = found.metrics["metric"] == metric
            if not rows.any() or undefined or (feature, metric) in differs:
                continue
            own = named(found, feature, metric, method, aggregate or "worst_case")
            np.testing.assert_allclose(own, value, atol=1e-8, rtol=0, err_msg=f"{feature} {key}")
            compared += 1
    assert compared >= 10


def test_the_metricframe_has_the_same_differences_and_ratios(case):
    expected, found, _ = case
    for feature, answer in expected["attributes"].items():
        frame = found.as_metricframe(feature)
        difference, ratio = frame.difference(), frame.ratio()
        for theirs, ends in answer["min_max"].items():
            name = RATES[theirs]
            np.testing.assert_allclose(difference[name], ends["difference"], atol=1e-8)
            np.testing.assert_allclose(ratio[name], ends["ratio"], atol=1e-8)


def test_signed_gaps_are_those_of_aif360(case):
    expected, _, frame = case
    theirs = expected["aif360 0.6.1"]
    found = group_performance(
        frame["y_true"],
        frame["y_proba"],
        frame[[theirs["attribute"]]],
        threshold=expected["threshold"],
        reference=theirs["privileged"],
        measures=["flagged_rate", "sensitivity", "false_positive_rate", "accuracy", "ppv", "npv"],
    )
    gaps = found.gaps[found.gaps["versus"] == theirs["privileged"]].set_index("measure")["estimate"]
    wanted = {
        "flagged_rate": theirs["statistical_parity_difference"],
        "sensitivity": theirs["equal_opportunity_difference"],
        "false_positive_rate": theirs["false_positive_rate_difference"],
        "accuracy": -theirs["error_rate_difference"],
        "ppv": -theirs["false_discovery_rate_difference"],
        "npv": -theirs["false_omission_rate_difference"],
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(gaps[name], value, atol=1e-8)


def test_disparities_are_those_of_aequitas(case):
    expected, found, _ = case
    theirs = expected["aequitas 1.1.0 (pandas 2.3)"]
    columns = {
        "tpr": "sensitivity",
        "fpr": "false_positive_rate",
        "fnr": "false_negative_rate",
        "tnr": "specificity",
        "npv": "npv",
        "precision": "ppv",
        "pprev": "flagged_rate",
        "prev": "event_rate",
    }
    compared = 0
    for row in theirs["rows"]:
        feature = row["attribute_name"]
        if feature not in set(found.table["feature"]):
            continue
        mine = values(found, feature, row["attribute_value"])["estimate"]
        reference = values(found, feature, theirs["reference_groups"][feature])["estimate"]
        for short, name in columns.items():
            np.testing.assert_allclose(mine[name], number(row[short]), atol=1e-8)
            if row.get(f"{short}_disparity") is not None and mine[name] > 0:
                ratio = mine[name] / reference[name]
                np.testing.assert_allclose(ratio, row[f"{short}_disparity"], atol=1e-8)
                compared += 1
    assert compared > 5


def test_a_group_of_six_people_keeps_its_numbers_in_memory_and_leaves_without_them():
    expected, frame = load("heart4")
    found = group_performance(
        frame["y_true"],
        frame["y_proba"],
        frame[["sex", "site"]],
        threshold=expected["threshold"],
        crossed=True,
        pool_below=1,
    )
    six = values(found, "sex|site", "female|va")
    assert six.loc["sensitivity", "estimate"] == 1 or np.isfinite(six.loc["auroc", "estimate"])
    assert six["n_samples"].iloc[0] == 6
    written = found.to_json() + repr(found) + found._repr_html_()
    assert "female|va" not in written
