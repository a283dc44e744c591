"""Intervals of single measures and the table that holds them."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from healthml import metrics as m
from healthml._core._sample import make_sample
from healthml.exceptions import InputError
from healthml.metrics._uncertainty import MEANS, RESAMPLED
from healthml.metrics._uncertainty.delong import delong_covariance, placements
from healthml.metrics._uncertainty.resampled import bounded_interval, count_statistic

ALL = m.list_measures()["measure"].tolist()
DIRECT = ["auroc", "oe_ratio", "brier", "calibration_slope", "calibration_in_the_large"]


def ends(y, p, name, **options):
    options = {"threshold": 0.3, "n_resamples": 20, "random_state": 0, **options}
    row = m.performance(y, p, measures=[name], **options).get(name)
    return [row["lower"], row["upper"]]


@pytest.mark.parametrize("name", ALL)
def test_every_measure_has_a_way_to_its_interval(name):
    closed = name in MEANS or name == "auroc" or name.startswith("calibration_")
    assert closed or name in RESAMPLED, (
        f"{name} has no interval: write it into MEANS of _uncertainty/closed_form.py, or into "
        "OF_COUNTS of resampled.py"
    )


def test_delong_agrees_with_proc(r):
    d, ones = r["discrimination"], np.ones(len(r.y))
    parts = [placements(r.y, proba, ones) for proba in (r.p, r.q)]
    covariance = delong_covariance(r.y, parts, ones)
    assert covariance[0, 0] == pytest.approx(d["variance"], rel=1e-10)
    assert covariance[0, 1] == pytest.approx(d["covariance"], rel=1e-10)
    rounded = delong_covariance(r.y, [placements(r.y, r.rounded, ones)], ones)
    assert rounded[0, 0] == pytest.approx(d["variance_rounded"], rel=1e-10)
    np.testing.assert_allclose(ends(r.y, r.p, "auroc"), d["auroc_ci"], atol=1e-10)
    weighted = delong_covariance(r.y, [placements(r.y, r.p, r.w * 1.0)], r.w * 1.0)
    assert weighted[0, 0] == pytest.approx(d["variance_weighted"], rel=1e-10)


def test_obuchowski_agrees_with_its_formulas_written_out(r):
    ones = np.ones(len(r.y))
    for column, name in ((r.p, "obuchowski"), (r.rounded, "obuchowski_rounded")):
        parts = [placements(r.y, column, ones)]
        covariance = delong_covariance(r.y, parts, ones, r.patient - 1)
        assert covariance[0, 0] == pytest.approx(r["discrimination"][name], rel=1e-10)


def test_wald_wilson_and_influence_intervals_agree_with_r(r):
    c, z = r["calibration"], norm.ppf(0.975)
    slope = c["calibration_slope"] + np.array([-z, z]) * c["se"][1]
    np.testing.assert_allclose(ends(r.y, r.p, "calibration_slope"), slope, atol=1e-8)
    large = c["calibration_in_the_large"] + np.array([-z, z]) * c["citl_se"]
    np.testing.assert_allclose(ends(r.y, r.p, "calibration_in_the_large"), large, atol=1e-8)
    for name, expected in r["wilson"].items():
        np.testing.assert_allclose(ends(r.y, r.p, name), expected, atol=1e-9)
    u, normal = r["utility"], {"interval_methods": {"net_benefit": "normal", "brier": "normal"}}
    benefit = u["net_benefit"] + np.array([-z, z]) * u["net_benefit_se"]
    np.testing.assert_allclose(ends(r.y, r.p, "net_benefit", **normal), benefit, atol=1e-10)
    squares = (r.y - r.p) ** 2
    plain = squares.mean() + np.array([-z, z]) * squares.std(ddof=1) / np.sqrt(len(squares))
    np.testing.assert_allclose(ends(r.y, r.p, "brier", **normal), plain, atol=1e-12)


def test_joined_wilson_intervals_of_net_benefit_agree_with_r(r):
    j = r["joined"]
    np.testing.assert_allclose(ends(r.y, r.p, "net_benefit"), j["net_benefit"], atol=1e-10)
    carried = ends(r.y, r.p, "net_benefit", prevalence=0.1)
    np.testing.assert_allclose(carried, j["carried"], atol=1e-10)
    nobody = ends(r.y, 0.5 * r.p, "net_benefit", threshold=0.9)
    np.testing.assert_allclose(nobody, j["nobody"], atol=1e-10)
    np.testing.assert_allclose(ends(r.y, r.p, "brier"), j["brier"], atol=1e-10)


def test_auroc_near_its_limit_has_its_interval_on_the_logit_scale():
    random = np.random.RandomState(0)
    y = np.r_[np.ones(12), np.zeros(100)].astype(int)
    p = 1 / (1 + np.exp(-random.normal(2.2 * y - 1, 1)))
    options = {"measures": "auroc", "n_resamples": 2}
    row = m.performance(y, p, **options).get("auroc")
    plain = m.performance(y, p, **options, interval_methods={"auroc": "delong"}).get("auroc")
    assert row["method"] == "DeLong, logit scale, Student's t"
    area = row["estimate"]
    error = (area - plain["lower"]) / norm.ppf(0.975)
    assert 1 - area < 4 * error
    rank = (p[y == 1][:, None] > p[y == 0]).astype(float)
    v = [rank.mean(axis=1 - k).var(ddof=1) / (12, 100)[k] for k in (0, 1)]
    freedom = sum(v) ** 2 / (v[0] ** 2 / 11 + v[1] ** 2 / 99)
    step = t.ppf(0.975, freedom) * error / (area * (1 - area))
    expected = 1 / (1 + np.exp(-(np.log(area / (1 - area)) + np.array([-step, step]))))
    np.testing.assert_allclose([row["lower"], row["upper"]], expected, rtol=1e-9)
    assert row["upper"] < plain["upper"] == 1
    patients = m.performance(y, p, **options, groups=np.arange(112) // 2).get("auroc")
    assert patients["method"] == "Obuchowski (patients), logit scale, Student's t"
    assert 0 < patients["lower"] < area < patients["upper"] < 1


def test_no_interval_has_no_width():
    y, p = np.r_[np.zeros(30), np.ones(30)].astype(int), np.linspace(0.01, 0.99, 60)
    table = m.performance(y, p, threshold=0.5, n_resamples=50, random_state=0).to_frame()
    perfect = table.set_index("measure").loc[["auroc", "auprc", "partial_auroc"]]
    assert perfect["lower"].isna().all()
    assert perfect["reason"].str.contains("no interval").all()
    random = np.random.RandomState(0)
    y = (random.uniform(size=60) < p).astype(int)
    one = m.performance(
        y, p, groups=np.ones(60), threshold=0.2, n_resamples=20, random_state=0
    ).to_frame()
    single = one["method"] == "Wilson, one row per patient"
    assert one["lower"].isna().to_numpy().tolist() == (~single).tolist()
    assert one.loc[~single, "reason"].ne("").all()


def test_sandwich_of_patients_agrees_with_gee(r):
    z, c = norm.ppf(0.975), r["calibration"]
    found = ends(r.y, r.p, "calibration_slope", groups=r.patient)
    expected = c["calibration_slope"] + np.array([-z, z]) * c["sandwich_se"][1]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("column", "key"), [("p_full", "external_full"), ("p_glu_bmi", "external_glu_bmi")]
)
def test_pima_is_equal_to_the_printed_tolerance(pima, column, key):
    expected, x, _ = pima
    e, y, p = expected[key], x["y"], x[column]
    options = {"interval_methods": {"oe_ratio": "binomial"}, "n_resamples": 5, "random_state": 0}
    names = {"auc": "auroc", "brier_scaled": "scaled_brier", "cal_slope": "calibration_slope"}
    names |= {"cal_intercept": "calibration_intercept", "citl": "calibration_in_the_large"}
    names |= {"brier": "brier", "log_loss": "log_loss", "oe": "oe_ratio"}
    names |= {"r2_nagelkerke": "nagelkerke_r2_recalibrated"}
    table = m.performance(y, p, measures=names.values(), **options).to_frame().set_index("measure")
    for theirs, ours in names.items():
        close = pytest.approx(e[theirs]["value"], abs=e[theirs]["tol"])
        assert table.loc[ours, "estimate"] == close, ours
    pairs = {"cal_slope_ci95": "calibration_slope", "oe_ci95": "oe_ratio"}
    for theirs, ours in (pairs | {"citl_ci95": "calibration_in_the_large"}).items():
        found = table.loc[ours, ["lower", "upper"]].astype(float)
        np.testing.assert_allclose(found, e[theirs]["value"], atol=e[theirs]["tol"])


def near(entry):
    return pytest.approx(entry["value"], abs=entry["tol"])


@pytest.mark.parametrize(
    ("column", "key"), [("p_full", "external_full"), ("p_glu_bmi", "external_glu_bmi")]
)
def test_pima_smooth_errors_are_equal_to_the_printed_tolerance(pima, column, key):
    expected, x, _ = pima
    e, y, p = expected[key], x["y"], x[column]
    assert m.ici(y, p) == near(e["ici_loess_direct"])
    for name in ("ici", "e50", "e90", "emax"):
        found = m.get_measure(name).function(y, p, smooth="loess_interpolated")
        assert found == near(e[f"{name}_loess"])
    theirs = {"Eavg": m.ici, "E50": m.e50, "E90": m.e90, "Emax": m.emax}
    for smooth, table in (("rcs", "rcs5"), ("pspline", "gam")):
        for name, function in theirs.items():
            found = function(y, p, smooth=smooth)
            assert found == near(e[f"pmcalibration_{table}_logit"][name])


def test_pima_delong_and_val_prob(pima):
    expected, x, _ = pima
    found = ends(x["y"], x["p_full"], "auroc")
    np.testing.assert_allclose(found, expected["delong_full"]["ci95"]["value"], atol=1e-8)
    for theirs, ours in {"Eavg": m.ici, "E90": m.e90, "Emax": m.emax}.items():
        assert ours(x["y"], x["p_full"], smooth="lowess") == near(expected["val_prob_full"][theirs])
    assert m.nagelkerke_r2(x["y"], x["p_full"]) == near(expected["val_prob_full"]["R2"])


def test_table_has_one_row_per_measure_and_plain_types(simulated):
    y, p, _ = simulated
    result = m.performance(y, p, threshold=0.2, n_resamples=50, random_state=0)
    table = result.to_frame()
    assert table["measure"].tolist() == m.list_measures()["measure"].tolist()
    assert set(table["n_samples"]) == {400}
    assert set(table["n_events"]) == {int(y.sum())}
    assert table[["proper", "needs_threshold", "recommended"]].dtypes.eq(bool).all()
    assert isinstance(table.index, pd.RangeIndex)
    inside = table["lower"].isna() | (table["lower"] <= table["estimate"])
    inside &= table["upper"].isna() | (table["upper"] >= table["estimate"])
    assert inside[~table["measure"].isin(["emax", "ece", "eci"])].all()
    assert json.loads(result.to_json())["n_clipped"] == 0
    bounded = table[table["method"].str.contains("bias taken back")]
    assert bounded["null_mean"].gt(0).all()
    assert bounded["null_p95"].gt(bounded["null_mean"]).all()
    assert (table.loc[table["resamples"] > 0, "mcse"] > 0).all()


def test_without_a_threshold_values_are_missing_with_a_reason(simulated):
    y, p, _ = simulated
    table = m.performance(y, p, intervals=False).to_frame()
    needy = table[table["needs_threshold"]]
    assert {"sensitivity", "net_benefit", "expected_cost"} <= set(needy["measure"])
    assert needy["estimate"].isna().all()
    assert needy["reason"].str.contains("threshold").all()
    assert table[~table["needs_threshold"]]["estimate"].notna().all()


def test_same_answer_for_any_number_of_jobs(simulated):
    y, p, groups = simulated
    options = {"groups": groups, "n_resamples": 30, "random_state": 3, "measures": ["ici", "auprc"]}
    tables = [m.performance(y, p, n_jobs=jobs, **options).to_frame() for jobs in (1, 2)]
    pd.testing.assert_frame_equal(*tables)


def test_patients_widen_intervals_when_their_rows_agree():
    random = np.random.RandomState(1)
    p = np.repeat(random.uniform(0.1, 0.8, 150), 4)
    y = np.repeat((random.uniform(size=150) < p[::4] ** 2).astype(int), 4)
    groups = np.repeat(np.arange(150), 4)
    for name in (*DIRECT, "sensitivity", "net_benefit", "average_precision", "ici"):
        alone = np.diff(ends(y, p, name, n_resamples=200, threshold=0.5))[0]
        together = np.diff(ends(y, p, name, n_resamples=200, groups=groups, threshold=0.5))[0]
        assert 1.5 < together / alone < 2.4, name


def test_patients_with_one_row_each_change_nothing(simulated):
    y, p, _ = simulated
    for name in DIRECT:
        alone = ends(y, p, name)
        np.testing.assert_allclose(ends(y, p, name, groups=np.arange(len(y))), alone)


def test_frequency_weights_give_the_interval_of_repeated_rows(r):
    rows = np.repeat(np.arange(len(r.y)), r.w)
    weights = {"sample_weight": r.w, "weight_type": "frequency"}
    for name in (*DIRECT, "sensitivity", "youden", "scaled_brier"):
        expected = ends(r.y[rows], r.p[rows], name)
        np.testing.assert_allclose(ends(r.y, r.p, name, **weights), expected, atol=1e-9)
    result = m.performance(r.y, r.p, **weights, measures=["average_precision"], random_state=0)
    written = m.performance(r.y[rows], r.p[rows], measures=["average_precision"], random_state=0)
    pd.testing.assert_frame_equal(result.to_frame(), written.to_frame())


def test_sampling_weights_give_sandwich_intervals_free_of_their_scale(r):
    weight = 0.5 + r.w
    for name in (*DIRECT, "sensitivity", "ici", "auprc"):
        one = ends(r.y, r.p, name, sample_weight=weight, weight_type="sampling", n_resamples=50)
        other = ends(
            r.y, r.p, name, sample_weight=3.5 * weight, weight_type="sampling", n_resamples=50
        )
        np.testing.assert_allclose(one, other, atol=2e-3)
    table = m.performance(
        r.y, r.p, sample_weight=weight, weight_type="sampling", measures=["log_likelihood"]
    ).to_frame()
    assert "sampling weights" in table["reason"][0]


def test_linearised_variance_agrees_with_many_resamples(simulated):
    y, p, groups = simulated
    sample = make_sample(y, p, groups=groups)
    random = np.random.RandomState(0)
    rows_of = [np.flatnonzero(groups == g) for g in range(200)]
    draws = [np.concatenate([rows_of[g] for g in random.randint(0, 200, 200)]) for _ in range(400)]
    for name in ("scaled_brier", "mcc", "nagelkerke_r2", "discrimination_slope", "kappa"):
        measure = m.get_measure(name)
        options = {"threshold": 0.3} if measure.needs_threshold else {}
        spread = np.std([measure.function(y[d], p[d], **options) for d in draws])
        width = np.diff(ends(y, p, name, groups=groups))[0] / 2 / norm.ppf(0.975)
        assert width == pytest.approx(spread, rel=0.15), name
    assert sample.groups is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": np.ones(400)}, "weight_type is None"),
        ({"weight_type": "sampling"}, "without sample_weight"),
        ({"sample_weight": np.full(400, 0.5), "weight_type": "frequency"}, "fractions"),
        (
            {
                "sample_weight": np.ones(400),
                "weight_type": "frequency",
                "groups": np.arange(400) // 2,
            },
            "independent rows",
        ),
        ({"interval_methods": {"auroc": "exact"}}, "interval_methods"),
        ({"threshold": 0}, "threshold"),
        ({"confidence_level": 95}, "confidence_level"),
        ({"smooth": "none"}, "smooth"),
        ({"classes": [0, 1]}, "three or more"),
    ],
)
def test_what_weights_or_options_make_invalid_is_refused(simulated, options, message):
    y, p, _ = simulated
    with pytest.raises(InputError, match=message):
        m.performance(y, p, **options)


def test_edges_have_reasons_instead_of_numbers():
    table = m.performance([0, 0, 0], [0.1, 0.2, 0.6], threshold=0.5).to_frame()
    table = table.set_index("measure")
    assert table.loc["auroc", "reason"] == "needs events and non-events"
    assert table.loc["brier", "estimate"] == pytest.approx(0.41 / 3)
    assert table.loc["sensitivity", "reason"]
    y, p = [0, 0, 0, 1, 1, 1], [0.0, 0.1, 0.2, 0.7, 0.8, 1.0]
    result = m.performance(y, p, intervals=False)
    assert "separates" in result.get("calibration_slope")["reason"]
    assert (result.n_clipped, result.epsilon) == (2, 1e-8)
    assert "2 risks were moved to 1e-08" in result.summary()
    alike = m.performance([0, 1, 0, 0], [0.4] * 4, intervals=False)
    assert "same for every row" in alike.get("calibration_slope")["reason"]
    assert alike.get("auroc")["estimate"] == 0.5


def test_event_is_named_for_labels(simulated):
    y, p, _ = simulated
    labels = np.where(y == 1, "died", "alive")
    named = m.performance(labels, p, event="died", intervals=False).to_frame()
    pd.testing.assert_frame_equal(named, m.performance(y, p, intervals=False).to_frame())
    with pytest.raises(InputError, match="event"):
        m.performance(labels, p)


def test_degenerate_resamples_are_counted():
    from healthml.exceptions import DegenerateResampleWarning

    y, p = [1] + [0] * 11, np.linspace(0.9, 0.1, 12)
    with pytest.warns(DegenerateResampleWarning):
        result = m.performance(y, p, measures=["average_precision"], random_state=0)
    assert 0 < result.bootstrap.n_failed < 1000
    assert result.table["resamples"][0] == 1000 - result.bootstrap.n_failed


def test_bounded_interval_takes_the_bias_back_and_begins_at_zero():
    null = np.linspace(0, 0.05, 1001)
    draws = 0.1 + 0.02 * norm.ppf((np.arange(1000) + 0.5) / 1000)
    low, high = np.quantile(draws, [0.025, 0.975])
    step = norm.ppf(0.975) * draws.std(ddof=1)
    found = bounded_interval(0.1, 0.1, draws, null, 0.95)
    expected = 0.1 - max(high - 0.1, step), 0.1 + max(0.1 - low, step, high - 0.1)
    assert found == pytest.approx(expected)
    shifted = bounded_interval(0.1, 0.1, draws + 0.015, null, 0.95)
    assert shifted == pytest.approx((0.1 - (high + 0.015 - 0.1), high + 0.015))
    within = bounded_interval(0.048, 0.048, draws - 0.052, null, 0.95)
    assert within[0] == 0
    assert within[1] > 0.08


def test_interval_of_the_lowest_cost_takes_its_bias_back(r):
    options = {"measures": ["expected_cost"], "threshold": 0.2, "random_state": 0}
    result = m.performance(r.y, r.p, **options)
    row, draws = result.get("expected_cost"), result.bootstrap.draws["expected_cost"]
    assert draws.mean() < row["estimate"]
    middle = 2 * row["estimate"] - draws.mean()
    step = norm.ppf(0.975) * draws.std(ddof=1)
    assert (row["lower"], row["upper"]) == pytest.approx((middle - step, middle + step))
    assert row["method"] == "bootstrap, normal, corrected for bias"


def test_null_reference_is_what_simulation_gives(simulated):
    _, p, _ = simulated
    y = (np.random.RandomState(0).uniform(size=len(p)) < p).astype(int)
    row = m.performance(y, p, measures=["ici", "ece"], n_resamples=20, random_state=0).to_frame()
    random = np.random.RandomState(1)
    drawn = [(random.uniform(size=len(p)) < p).astype(int) for _ in range(150)]
    for name, function in (("ici", m.ici), ("ece", m.ece)):
        values = [function(outcome, p) for outcome in drawn]
        found = row.set_index("measure").loc[name]
        assert found["null_mean"] == pytest.approx(np.mean(values), rel=0.1)
        assert found["null_p95"] == pytest.approx(np.quantile(values, 0.95), rel=0.2)


def test_gathered_risks_give_nearly_the_same_measures():
    random = np.random.RandomState(0)
    p = random.beta(1, 6, 20_000)
    y = (random.uniform(size=20_000) < p**1.1).astype(int)
    names = ["auroc", "auprc", "average_precision", "partial_auroc", "ici", "ece", "expected_cost"]
    names += ["calibration_slope", "calibration_in_the_large", "nagelkerke_r2_recalibrated"]
    statistic = count_statistic(make_sample(y, p), names, cost_ratio=4.0)
    assert len(statistic.risk) < 4_100
    values = statistic(np.arange(len(y)))
    for name in names:
        options = {"threshold": 0.2} if name == "expected_cost" else {}
        exact = m.get_measure(name).function(y, p, **options)
        assert values[name] == pytest.approx(exact, abs=5e-4), name


def test_json_holds_the_table_and_no_single_resample(simulated):
    y, p, _ = simulated
    result = m.performance(y, p, measures=["auprc"], n_resamples=50, random_state=0)
    assert json.loads(result.to_json())["bootstrap"] is None
    assert "auprc" in result.summary()


def test_nothing_is_printed_and_no_warning_is_raised(simulated, capsys):
    y, p, _ = simulated
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m.performance(y, p, threshold=0.2, n_resamples=20, random_state=0)
    assert capsys.readouterr() == ("", "")
