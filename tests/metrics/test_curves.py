"""Curves, tables over thresholds and their pictures."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from healthml import metrics as m
from healthml.exceptions import InputError
from healthml.metrics._curves.decision import _thresholds_passed

METHODS = ["loess", "loess_interpolated", "lowess", "rcs", "pspline", "binned"]


@pytest.mark.parametrize("method", METHODS)
def test_curve_has_the_promised_columns_and_covers_itself(simulated, method):
    y, p, groups = simulated
    for extra in ({}, {"groups": groups}):
        result = m.calibration_curve(y, p, smooth=method, **extra)
        table = result.to_frame()
        columns = ["curve", "risk", "estimate", "lower", "upper", "n_samples", "n_events"]
        assert table.columns.tolist() == columns
        assert table[["estimate", "lower", "upper"]].stack().between(0, 1).all()
        assert (table["lower"] <= table["estimate"] + 1e-12).all()
        assert (table["upper"] >= table["estimate"] - 1e-12).all()
        assert table["risk"].is_monotonic_increasing
        assert result.histogram[["n_events", "n_others"]].to_numpy().sum() == 400


def test_bins_count_their_rows(simulated):
    y, p, _ = simulated
    table = m.calibration_curve(y, p, smooth="binned", n_bins=8).to_frame()
    assert table["n_samples"].tolist() == [50] * 8
    assert table["n_events"].sum() == y.sum()
    np.testing.assert_allclose(table["estimate"], table["n_events"] / 50)


def test_curve_standard_error_is_that_of_repeated_outcomes():
    random = np.random.RandomState(0)
    p = np.sort(random.uniform(0.1, 0.7, 300))
    at = slice(10, 90, 20)
    heights, widths = [], []
    for _ in range(120):
        y = (random.uniform(size=300) < p).astype(int)
        table = m.calibration_curve(y, p).to_frame().iloc[at]
        heights.append(table["estimate"])
        widths.append((table["upper"] - table["lower"]) / 2 / norm.ppf(0.975))
    np.testing.assert_allclose(np.mean(widths, axis=0), np.std(heights, axis=0), rtol=0.25)


def test_one_curve_per_group_and_small_groups_are_held_back(simulated):
    y, p, _ = simulated
    sex = np.where(np.arange(400) % 2, "women", "men").astype(object)
    sex[:5] = "unknown"
    result = m.calibration_curve(y, p, by=sex)
    assert set(result.to_frame()["curve"]) == {"men", "women"}
    assert result.suppressed == ("unknown",)


def test_decision_curve_agrees_with_dcurves(pima):
    _, x, expected = pima
    models = {"full": x["p_full"], "glu_bmi": x["p_glu_bmi"]}
    at = expected["threshold"].unique()
    table = m.decision_curve(x["y"], models, thresholds=at).to_frame()
    names = {"all": "treat all", "none": "treat none"}
    expected = expected.assign(model=expected["variable"].replace(names))
    both = expected.merge(table, on=["model", "threshold"], validate="1:1")
    assert len(both) == len(expected)
    pairs = {"net_benefit": "estimate", "standardized_net_benefit": "standardized"}
    pairs |= {"net_intervention_avoided": "interventions_avoided"}
    pairs |= {"tp_rate": "true_positives", "fp_rate": "false_positives"}
    for theirs, ours in pairs.items():
        np.testing.assert_allclose(both[ours], both[theirs], atol=1e-12)


def test_decision_curve_is_net_benefit_at_each_threshold(r):
    result = m.decision_curve(r.y, {"p": r.p, "q": r.q}, thresholds=[0.1, 0.3], prevalence=0.2)
    for row in result.to_frame().query("model == 'q'").itertuples():
        expected = m.net_benefit(r.y, r.q, threshold=row.threshold, prevalence=0.2)
        assert row.estimate == pytest.approx(expected)
        single = m.performance(
            r.y, r.q, threshold=row.threshold, prevalence=0.2, measures=["net_benefit"]
        ).get("net_benefit")
        assert (row.lower, row.upper) == pytest.approx((single["lower"], single["upper"]))


def test_joined_intervals_of_a_decision_curve_agree_with_r(r):
    table = m.decision_curve(r.y, r.p, thresholds=[0.3, 0.9]).to_frame()
    first = table.set_index(["model", "threshold"]).loc[("model", 0.3)]
    found = first[["lower", "upper"]].astype(float)
    np.testing.assert_allclose(found, r["joined"]["net_benefit"], atol=1e-10)
    avoided = first[["interventions_avoided_lower", "interventions_avoided_upper"]].astype(float)
    expected = np.array(r["joined"]["avoided"]) / (0.3 / 0.7)
    np.testing.assert_allclose(avoided, expected, atol=1e-10)
    nobody = m.decision_curve(r.y, 0.5 * r.p, thresholds=[0.9]).to_frame().iloc[0]
    np.testing.assert_allclose([nobody["lower"], nobody["upper"]], r["joined"]["nobody"])
    none = table[table["model"] == "treat none"]
    assert (none[["estimate", "lower", "upper"]] == 0).all(axis=None)
    known = m.decision_curve(r.y, r.p, thresholds=[0.3], prevalence=0.1).to_frame()
    everybody = known[known["model"] == "treat all"].iloc[0]
    expected = 0.1 - 0.9 * 0.3 / 0.7
    assert everybody["lower"] == pytest.approx(expected)
    assert everybody["upper"] == pytest.approx(expected)
    carried = known.iloc[0][["lower", "upper"]].astype(float)
    np.testing.assert_allclose(carried, r["joined"]["carried"], atol=1e-10)


@pytest.mark.parametrize("prevalence", [None, 0.1])
def test_avoiding_interventions_is_the_benefit_of_the_opposite_event(r, prevalence):
    ask = {"thresholds": [0.2, 0.45], "prevalence": prevalence}
    table = m.decision_curve(r.y, r.p, **ask).to_frame().query("model == 'model'")
    other = None if prevalence is None else 1 - prevalence
    swapped = m.decision_curve(1 - r.y, 1 - r.p, thresholds=[0.55, 0.8], prevalence=other)
    swapped = swapped.to_frame().query("model == 'model'").iloc[::-1]
    for suffix, column in (("", "estimate"), ("_lower", "lower"), ("_upper", "upper")):
        found = table[f"interventions_avoided{suffix}"]
        np.testing.assert_allclose(found, swapped[column], atol=1e-12)


@pytest.mark.parametrize("clustered", [False, True])
def test_differences_of_net_benefit_are_paired(r, clustered):
    groups = r.patient if clustered else None
    result = m.decision_curve(r.y, {"p": r.p, "q": r.q}, thresholds=[0.1, 0.3], groups=groups)
    for row in result.differences.query("model == 'q' and reference == 'p'").itertuples():
        odds = row.threshold / (1 - row.threshold)
        change = (r.q >= row.threshold) * 1.0 - (r.p >= row.threshold)
        gain = change * np.where(r.y == 1, 1, -odds)
        if clustered:
            sums = pd.Series(gain - gain.mean()).groupby(r.patient).sum() / len(gain)
            error = np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1))
        else:
            error = gain.std(ddof=1) / np.sqrt(len(gain))
        assert row.estimate == pytest.approx(gain.mean())
        assert row.upper - row.estimate == pytest.approx(norm.ppf(0.975) * error, rel=1e-9)


@pytest.mark.parametrize("kind", ["frequency", "sampling"])
def test_weighted_decision_curve_follows_its_weights(r, kind):
    options = {"thresholds": [0.2, 0.4], "sample_weight": r.w, "weight_type": kind}
    table = m.decision_curve(r.y, r.p, **options).to_frame()
    rows = np.repeat(np.arange(len(r.y)), r.w)
    written = m.decision_curve(r.y[rows], r.p[rows], thresholds=[0.2, 0.4]).to_frame()
    np.testing.assert_allclose(table["estimate"], written["estimate"])
    if kind == "frequency":
        pd.testing.assert_frame_equal(table, written)
    else:
        assert (table["n_samples"] == (r.w > 0).sum()).all()


def test_thresholds_are_counted_as_a_search_would():
    random = np.random.RandomState(0)
    at = np.sort(random.choice(np.arange(1, 1000) / 1000, 80, replace=False))
    risks = np.r_[at, np.nextafter(at, 0), np.nextafter(at, 1), random.uniform(size=500), 0, 1]
    expected = np.searchsorted(at, risks, side="right")
    np.testing.assert_array_equal(_thresholds_passed(risks, at), expected)
    crowded = 0.3 + np.arange(5) / 1e6
    found = _thresholds_passed(risks, crowded)
    np.testing.assert_array_equal(found, np.searchsorted(crowded, risks, side="right"))


def test_threshold_table_for_patients_has_the_same_estimates(r):
    alone = m.threshold_table(r.y, r.p, thresholds=[0.2, 0.5]).to_frame()
    patients = m.threshold_table(r.y, r.p, thresholds=[0.2, 0.5], groups=r.patient).to_frame()
    keys = ["threshold", "measure"]
    both = alone.merge(patients, on=keys, validate="1:1")
    np.testing.assert_allclose(both["estimate_x"], both["estimate_y"])


def test_threshold_table_agrees_with_the_single_measures(r):
    table = m.threshold_table(r.y, r.p, thresholds=[0.3]).to_frame().set_index("measure")
    for name in ("sensitivity", "specificity", "ppv", "npv"):
        assert table.loc[name, "estimate"] == pytest.approx(r["classification"][name])
    assert table.loc["alerts_per_1000", "estimate"] == pytest.approx(1000 * (r.p >= 0.3).mean())
    found = table.loc["ppv", ["lower", "upper"]].astype(float)
    np.testing.assert_allclose(found, r["wilson"]["ppv"], atol=1e-9)


def test_roc_band_holds_the_curve_and_its_area(r):
    result = m.roc_curve(r.y, {"p": r.p, "q": r.q}, n_resamples=100, random_state=0)
    assert result.areas["q"] == pytest.approx(m.auroc(r.y, r.q))
    middle = result.to_frame().query("model == 'p' and at > 0.05 and at < 0.95")
    assert (middle["lower"] <= middle["estimate"]).all()
    assert (middle["upper"] >= middle["estimate"]).all()
    area = np.trapezoid(result.to_frame().query("model == 'p'")["estimate"], dx=0.01)
    assert area == pytest.approx(result.areas["p"], abs=0.01)
    curve = m.precision_recall_curve(r.y, r.p, n_resamples=50, random_state=0)
    assert curve.areas["model"] == pytest.approx(m.average_precision(r.y, r.p))
    assert curve.to_frame()["estimate"].iloc[-1] == pytest.approx(r.y.mean(), abs=0.1)


def test_risk_distribution_counts_both_outcomes(r):
    result = m.risk_distribution(r.y, r.p)
    table = result.to_frame().set_index("outcome")
    assert table.loc["event", "n_samples"] == r.y.sum()
    assert table.loc["no event", "p50"] == pytest.approx(np.median(r.p[r.y == 0]))
    assert result.histogram.groupby("outcome")["share"].sum().tolist() == pytest.approx([1, 1])


def drawings(y, p):
    few = {"n_resamples": 30, "random_state": 0}
    models = {"a": p, "b": p**1.3}
    yield m.calibration_curve(y, p)
    yield m.calibration_curve(y, models, smooth="binned")
    yield m.decision_curve(y, models, thresholds=np.arange(1, 50) / 100)
    yield m.threshold_table(y, p, thresholds=[0.1, 0.2, 0.4])
    yield m.roc_curve(y, models, **few)
    yield m.precision_recall_curve(y, p, **few)
    yield m.risk_distribution(y, p)
    yield m.performance(y, p, threshold=0.2, **few)
    yield m.compare_performance(y, models, measures=["auroc"], **few)
    yield m.delong_test(y, p, models["b"])


def test_every_picture_uses_the_given_axes_and_labels_them(simulated):
    import matplotlib.pyplot as plt

    y, p, _ = simulated
    for result in drawings(y, p):
        figure, ax = plt.subplots()
        before = plt.get_fignums()
        result.plot(ax=ax)
        figure.canvas.draw()
        assert plt.get_fignums() == before, type(result).__name__
        assert ax.get_xlabel(), type(result).__name__
        assert ax.get_ylabel() or ax.get_yticklabels() or not ax.get_yticks().size
        assert result.to_json()
        assert "<table" in result._repr_html_()
        plt.close(figure)


def test_displays_start_from_estimators_too(simulated):
    y, p, _ = simulated
    X = np.log(p / (1 - p)).reshape(-1, 1)
    model = LogisticRegression().fit(X, y)
    assert m.CalibrationDisplay.from_estimator(model, X, y).ax_.lines
    assert m.DecisionCurveDisplay.from_estimator(model, X, y, thresholds=[0.1, 0.2]).ax_.lines


def test_displays_draw_the_column_of_the_event(simulated):
    y, p, _ = simulated
    X, labels = np.log(p / (1 - p)).reshape(-1, 1), np.where(y == 1, "died", "recovered")
    model = LogisticRegression().fit(X, labels)
    risk = model.predict_proba(X)[:, 0]
    few = {"n_resamples": 5, "random_state": 0}
    display = m.CurveDisplay.from_estimator(model, X, labels, event="died", **few)
    assert display.result.areas["model"] == pytest.approx(m.auroc(y, risk))
    assert m.auroc(y, risk) > 0.6
    curve = m.CalibrationDisplay.from_estimator(model, X, labels, event="died").result
    expected = m.calibration_curve(y, risk).to_frame()
    pd.testing.assert_frame_equal(curve.to_frame(), expected)
    benefit = m.DecisionCurveDisplay.from_estimator(
        model, X, labels, event="died", thresholds=[0.2]
    ).result.to_frame()
    assert benefit["estimate"][0] == pytest.approx(m.net_benefit(y, risk, threshold=0.2))
    with pytest.raises(InputError, match="event"):
        m.CalibrationDisplay.from_estimator(model, X, labels)
    three = LogisticRegression().fit(X, np.arange(len(y)) % 3)
    with pytest.raises(InputError, match="several classes"):
        m.CurveDisplay.from_estimator(three, X, y)
    kinds = m.CurveDisplay.from_predictions(y, p, kind="precision_recall", **few)
    assert kinds.ax_.get_xlabel() == "Sensitivity (recall)"
    with pytest.raises(InputError, match="precision_recall"):
        m.CurveDisplay.from_predictions(y, p, kind="pr")


def test_three_classes_are_judged_one_against_the_rest():
    random = np.random.RandomState(0)
    proba = random.dirichlet([2, 2, 2], 300)
    y = np.array([random.choice(["home", "ward", "died"], p=row) for row in proba])
    labels = ["home", "ward", "died"]
    result = m.performance(y, proba, classes=labels, intervals=False)
    died = result.to_frame().query("`class` == 'died' and measure == 'auroc'")["estimate"].item()
    assert died == pytest.approx(m.auroc(y == "died", proba[:, 2]))
    assert m.calibration_curve(y, proba, classes=labels).to_frame()["class"].nunique() == 3
    assert m.decision_curve(y, proba, classes=labels, thresholds=[0.2, 0.3]).plot().shape == (3,)
    table = m.threshold_table(y, proba, classes=labels, thresholds=[0.3]).to_frame()
    row = table.query("`class` == 'ward' and measure == 'ppv'").iloc[0]
    assert row["estimate"] == pytest.approx(m.ppv(y == "ward", proba[:, 1], threshold=0.3))
    areas = m.roc_curve(y, proba, classes=labels, n_resamples=3, random_state=0).results
    assert areas["home"].areas["model"] == pytest.approx(m.auroc(y == "home", proba[:, 0]))
    with pytest.raises(InputError, match="compares risks of one event"):
        m.compare_performance(y, {"a": proba, "b": proba})
    with pytest.raises(InputError, match="columns for"):
        m.performance(y, proba, classes=["home", "ward"])
    with pytest.raises(InputError, match="add up to 1"):
        m.performance(y, proba / 2, classes=labels)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y, p: m.calibration_curve(y, p, smooth="spline"), "smooth"),
        (lambda y, p: m.decision_curve(y, p, thresholds=[0, 0.2]), "thresholds"),
        (lambda y, p: m.decision_curve(y, {"treat all": p}), "another name"),
        (lambda y, p: m.decision_curve(y, {}), "empty"),
        (lambda y, p: m.risk_distribution(y * 0, p), "one class"),
    ],
)
def test_mistakes_are_named(simulated, call, message):
    y, p, _ = simulated
    with pytest.raises(InputError, match=message):
        call(y, p)
