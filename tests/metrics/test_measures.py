"""Every measure as a plain function: against R, with weights, at the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml import metrics as m
from healthml._core._inputs import rising_order
from healthml.exceptions import InputError, OutcomeError

THRESHOLDED = [
    row.measure for row in m.list_measures().itertuples() if row.domain == "classification"
]
ALL = m.list_measures()["measure"].tolist()


def value(name, y, p, threshold=0.3, **options):
    measure = m.get_measure(name)
    if measure.needs_threshold:
        options["threshold"] = threshold
    return measure.function(y, p, **options)


def test_overall_measures_agree_with_r(r):
    for name, expected in r["overall"].items():
        assert value(name, r.y, r.p) == pytest.approx(expected, abs=1e-9), name


def test_classification_measures_agree_with_r(r):
    unanswered = set(THRESHOLDED) ^ set(r["classification"])
    assert not unanswered, f"write {unanswered} into metrics_reference.R and run it anew"
    for name, expected in r["classification"].items():
        assert value(name, r.y, r.p) == pytest.approx(expected, abs=1e-12), name


def test_utility_measures_agree_with_r(r):
    expected = {k: v for k, v in r["utility"].items() if k != "net_benefit_se"}
    for name, number in expected.items():
        assert value(name, r.y, r.p) == pytest.approx(number, abs=1e-12), name


def test_discrimination_agrees_with_r(r):
    d = r["discrimination"]
    for column, suffix in ((r.p, ""), (r.rounded, "_rounded")):
        for name in ("auroc", "average_precision", "auprc"):
            expected = d[name + suffix]
            assert value(name, r.y, column) == pytest.approx(expected, abs=1e-12), name
    assert m.partial_auroc(r.y, r.p) == pytest.approx(d["partial_se"], abs=1e-12)
    specific = m.partial_auroc(r.y, r.p, focus="specificity")
    assert specific == pytest.approx(d["partial_sp"], abs=1e-12)
    middle = m.partial_auroc(r.y, r.p, limits=(0.35, 0.7))
    assert middle == pytest.approx(d["partial_middle"], abs=1e-12)


def test_corrected_partial_areas_agree_with_proc(r):
    d, area = r["discrimination"], m.partial_auroc
    assert area(r.y, r.p, corrected=True) == pytest.approx(d["corrected_se"], abs=1e-12)
    specific = area(r.y, r.p, focus="specificity", corrected=True)
    assert specific == pytest.approx(d["corrected_sp"], abs=1e-12)
    middle = area(r.y, r.p, limits=(0.35, 0.7), corrected=True)
    assert middle == pytest.approx(d["corrected_middle"], abs=1e-12)
    assert area([0, 1] * 20, np.full(40, 0.3), corrected=True) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["uniform", "tiny", "tied", "ends"])
def test_two_short_sorts_give_rising_order(kind):
    random = np.random.RandomState(0)
    values = random.uniform(size=5_000)
    if kind == "tiny":
        values *= 1e-9
    elif kind == "tied":
        values = np.round(values, 2)
    elif kind == "ends":
        values = np.r_[0.0, 1.0, values, np.nextafter(values, 1), 1 - 1e-16 * values]
    order = rising_order(values)
    np.testing.assert_array_equal(values[order], np.sort(values))
    np.testing.assert_array_equal(np.sort(order), np.arange(len(values)))


def test_calibration_agrees_with_r(r):
    names = ("oe_ratio", "calibration_in_the_large", "calibration_intercept", "calibration_slope")
    for name in names:
        assert value(name, r.y, r.p) == pytest.approx(r["calibration"][name], abs=1e-9), name
    assert m.ece(r.y, r.p) == pytest.approx(r["calibration"]["ece"], abs=1e-12)
    assert m.ece(r.y, r.rounded) == pytest.approx(r["calibration"]["ece_rounded"], abs=1e-12)


@pytest.mark.parametrize(
    ("curve", "options", "tolerance"),
    [
        ("loess", {"smooth": "loess"}, 1e-9),
        ("loess_interpolated", {"smooth": "loess_interpolated"}, 1e-9),
        ("lowess", {"smooth": "lowess"}, 1e-9),
        ("rcs3", {"smooth": "rcs", "n_knots": 3}, 1e-8),
        ("rcs5", {"smooth": "rcs", "n_knots": 5}, 1e-8),
        ("pspline", {"smooth": "pspline"}, 2e-4),
    ],
)
def test_smooth_errors_agree_with_r(r, curve, options, tolerance):
    for name, expected in r["curves"][curve].items():
        found = value(name, r.y, r.p, **options)
        assert found == pytest.approx(expected, abs=tolerance), (curve, name)


@pytest.mark.parametrize("smooth", ["loess", "loess_interpolated", "lowess"])
def test_smooth_errors_of_tied_risks_agree_with_r(r, smooth):
    for name, expected in r["curves_tied"][smooth].items():
        found = value(name, r.y, r.rounded, smooth=smooth)
        assert found == pytest.approx(expected, abs=1e-9), name


def test_lowess_is_that_of_val_prob(r):
    expected = r["valprob"]
    assert m.ici(r.y, r.p, smooth="lowess") == pytest.approx(expected["Eavg"], abs=1e-9)
    assert m.e90(r.y, r.p, smooth="lowess") == pytest.approx(expected["E90"], abs=1e-9)
    assert m.emax(r.y, r.p, smooth="lowess") == pytest.approx(expected["Emax"], abs=1e-9)
    assert m.nagelkerke_r2(r.y, r.p) == pytest.approx(expected["R2"], abs=1e-9)


def test_frequency_weights_agree_with_r(r):
    d, c = r["discrimination"], r["calibration"]
    weighted = m.auroc(r.y, r.p, sample_weight=r.w)
    assert weighted == pytest.approx(d["auroc_weighted"], abs=1e-12)
    slope = m.calibration_slope(r.y, r.p, sample_weight=r.w)
    assert slope == pytest.approx(c["weighted"][1], abs=1e-9)
    weighted = m.ici(r.y, r.p, sample_weight=r.w)
    assert weighted == pytest.approx(c["ici_loess_weighted"], abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_whole_number_weights_are_repeated_rows(r, name):
    repeated = np.repeat(np.arange(len(r.y)), r.w)
    weighted = value(name, r.y, r.p, sample_weight=r.w)
    assert weighted == pytest.approx(value(name, r.y[repeated], r.p[repeated]), abs=1e-9)


@pytest.mark.parametrize("name", [n for n in ALL if n not in ("log_likelihood", "auprc")])
def test_the_scale_of_weights_does_not_matter_but_to_counts(r, name):
    weight = 1.0 + r.w
    if name in ("ici", "eci", "e50", "e90", "emax", "ece"):  # whole weights count rows
        weight = weight + 0.5
    tolerance = 1e-2 if name in ("e50", "e90", "ece") else 1e-9
    first = value(name, r.y, r.p, sample_weight=weight)
    assert value(name, r.y, r.p, sample_weight=7 * weight) == pytest.approx(first, abs=tolerance)


@settings(max_examples=10)
@given(st.permutations(range(40)))
def test_row_order_does_not_matter(order):
    random = np.random.RandomState(3)
    p = np.round(random.uniform(0.05, 0.95, 40), 1)
    y = (random.uniform(size=40) < p).astype(int)
    for name in ALL:
        assert value(name, y[order], p[order]) == pytest.approx(value(name, y, p), abs=1e-9)


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])), min_size=4),
)
def test_auroc_is_the_share_of_right_pairs(rows):
    y, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if y.all() or not y.any():
        with pytest.raises(OutcomeError):
            m.auroc(y, p)
        return
    pairs = p[y][:, None] - p[~y]
    assert m.auroc(y, p) == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)


@pytest.mark.parametrize("name", ALL)
def test_float32_and_lists_give_nearly_the_same(r, name):
    expected = value(name, r.y, r.p, threshold=0.31)
    assert value(name, r.y.tolist(), r.p.astype("float32"), threshold=0.31) == pytest.approx(
        expected, rel=1e-4, abs=1e-5
    )


def test_positive_means_at_or_above_the_threshold():
    assert m.sensitivity([0, 1], [0.1, 0.3], threshold=0.3) == 1
    assert m.specificity([0, 1], [0.3, 0.4], threshold=0.3) == 0


def test_exact_zero_and_one_stay_finite():
    y, p = [1, 0, 1, 0, 1, 0], [0.0, 1.0, 1.0, 0.0, 0.6, 0.4]
    assert m.log_loss(y, p) == pytest.approx((2 * -np.log(1e-8) - 2 * np.log(0.6)) / 6, rel=1e-6)
    assert np.isfinite(m.calibration_slope(y, p))


def test_one_class_is_defined_where_a_measure_needs_one_only():
    y, p = [0, 0, 0], [0.1, 0.2, 0.6]
    assert m.brier(y, p) == pytest.approx(0.41 / 3)
    assert m.specificity(y, p, threshold=0.5) == pytest.approx(2 / 3)
    assert np.isnan(m.sensitivity(y, p, threshold=0.5))
    assert m.oe_ratio(y, p) == 0
    assert m.net_benefit(y, p, threshold=0.5) == pytest.approx(-1 / 3)
    for name in ("auroc", "scaled_brier", "calibration_slope", "ici", "mcfadden_r2", "auprc"):
        with pytest.raises(OutcomeError, match="one class"):
            value(name, y, p)


def test_models_that_do_not_exist_are_refused():
    with pytest.raises(OutcomeError, match="separates"):
        m.calibration_slope([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8])
    with pytest.raises(OutcomeError, match="same for every row"):
        m.calibration_slope([0, 1, 1], [0.3, 0.3, 0.3])
    with pytest.raises(OutcomeError, match="or nearly"):
        m.calibration_slope([0, 1, 1, 0], [0.3, 0.3 + 1e-13, 0.3, 0.3 - 1e-13])
    with pytest.raises(OutcomeError, match="one class"):
        m.calibration_in_the_large([1, 1], [0.3, 0.4])


def test_undefined_ratios_are_missing_not_zero():
    y, p = [0, 1, 0, 1], [0.1, 0.2, 0.15, 0.25]
    assert np.isnan(m.ppv(y, p, threshold=0.9))
    assert np.isnan(m.mcc(y, p, threshold=0.9))
    assert m.dor([0, 1], [0.1, 0.9], threshold=0.5) == np.inf


def test_predictive_values_at_another_prevalence_follow_bayes(r):
    sens = m.sensitivity(r.y, r.p, threshold=0.3)
    spec = m.specificity(r.y, r.p, threshold=0.3)
    found = m.ppv(r.y, r.p, threshold=0.3, prevalence=0.05)
    assert found == pytest.approx(sens * 0.05 / (sens * 0.05 + (1 - spec) * 0.95))
    same = m.npv(r.y, r.p, threshold=0.3, prevalence=r.y.mean())
    assert same == pytest.approx(m.npv(r.y, r.p, threshold=0.3))


def test_net_benefit_at_the_observed_prevalence_is_net_benefit(r):
    plain = m.net_benefit(r.y, r.p, threshold=0.2)
    assert m.net_benefit(r.y, r.p, threshold=0.2, prevalence=r.y.mean()) == pytest.approx(plain)


def test_expected_cost_can_call_nobody_positive():
    y, p = [0, 0, 0, 1], [0.9, 0.8, 0.7, 0.1]
    assert m.expected_cost(y, p, cost_ratio=0.5) == pytest.approx(0.25)
    assert m.expected_cost_threshold(y, p, cost_ratio=0.5) == np.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: m.auroc([0, 1], [0.2, 1.2]), "position 1"),
        (lambda: m.auroc([0, 1], [0.2, np.nan]), "position 1"),
        (lambda: m.auroc([0, 1], [[0.2, 0.8], [0.1, 0.9]]), "two columns"),
        (lambda: m.auroc(["a", "b"], [0.2, 0.3]), "comparison such as"),
        (lambda: m.auroc([1, 2], [0.2, 0.3]), "comparison such as"),
        (lambda: m.f1([0, 1], [0.2, 0.3], threshold="low"), "between 0 and 1"),
        (lambda: m.f1([0, 1], [0.2, 0.3], threshold=[0.2, 0.3]), "between 0 and 1"),
        (lambda: m.brier([0, 1], [0.2, 0.3], sample_weight=[1, -1]), "position 1"),
        (lambda: m.brier([0, 1], [0.2, 0.3], sample_weight=[1]), "one weight per row"),
        (lambda: m.auroc([0, 1], [0.2, 0.3], sample_weight=[1, 0]), "one class"),
        (lambda: m.f1([0, 1], [0.2, 0.3], threshold=1.5), "between 0 and 1"),
        (lambda: m.ppv([0, 1], [0.2, 0.3], threshold=0.2, prevalence=2), "prevalence"),
        (lambda: m.ici([0, 1], [0.2, 0.3], smooth="spline"), "pass one of"),
        (lambda: m.expected_cost([0, 1], [0.2, 0.3]), "one of the two"),
        (lambda: m.partial_auroc([0, 1], [0.2, 0.3], limits=(0.9, 0.8)), "increasing"),
        (lambda: m.ici([0, 1] * 9, [0.2, 0.3] * 9, smooth="rcs"), "distinct values"),
        (lambda: m.get_measure("c_index"), "no measure"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_equal_risks_have_a_flat_curve():
    y, p = np.array([0, 1, 0, 0] * 5), np.full(20, 0.4)
    assert m.ici(y, p) == pytest.approx(0.15)
    assert m.ici(y, p, smooth="lowess") == pytest.approx(0.15)


def test_grid_above_5000_risks_is_close_to_exact_and_says_so():
    random = np.random.RandomState(0)
    p = random.beta(1, 8, 6000)
    y = (random.uniform(size=6000) < p).astype(int)
    from healthml.metrics._smoothers.local import LocalRegression, distinct_cells, loess

    fit = loess(y.astype(float), p, np.ones(6000))
    assert "grid" in fit.method
    some = np.sort(p)[::97]
    exact = LocalRegression(distinct_cells(y.astype(float), p, np.ones(6000))).estimate(some)
    np.testing.assert_allclose(fit.estimate(some), exact, atol=1e-4)


def test_registry_names_domain_and_warning():
    table = m.list_measures().set_index("measure")
    assert not table.loc[THRESHOLDED, "proper"].any()
    assert "neither proper nor decision-analytic" in table.loc["f1", "note"]
    assert set(table["domain"]) == {
        "discrimination",
        "calibration",
        "overall",
        "classification",
        "utility",
    }
    assert table.loc["calibration_slope", "direction"] == "target"
    assert table.loc["brier", "direction"] == "lower"
