"""Differences between models."""

import numpy as np
import pytest

from healthml import metrics as m
from healthml.exceptions import InputError


def test_paired_test_agrees_with_proc(r):
    row = m.delong_test(r.y, r.p, r.q).to_frame().iloc[0]
    assert row["statistic"] == pytest.approx(r["paired"]["z"], abs=1e-9)
    assert row["p_value"] == pytest.approx(r["paired"]["p"], abs=1e-10)
    np.testing.assert_allclose([row["lower"], row["upper"]], r["paired"]["ci"], atol=1e-10)


def test_paired_test_with_ties_agrees_with_proc(r):
    row = m.delong_test(r.y, r.rounded, r.q).to_frame().iloc[0]
    assert row["statistic"] == pytest.approx(r["tied"]["z"], abs=1e-9)
    assert row["p_value"] == pytest.approx(r["tied"]["p"], abs=1e-10)
    np.testing.assert_allclose([row["lower"], row["upper"]], r["tied"]["ci"], atol=1e-10)


def test_clustered_test_agrees_with_obuchowski_written_out(r):
    row = m.delong_test(r.y, r.p, r.q, groups=r.patient).to_frame().iloc[0]
    assert row["estimate"] == pytest.approx(r["clustered"]["difference"], abs=1e-12)
    assert row["standard_error"] == pytest.approx(r["clustered"]["se"], rel=1e-10)


def test_event_of_labels_is_named_in_the_test(r):
    labels = np.where(r.y == 1, "died", "alive")
    named = m.delong_test(labels, r.p, r.q, event="died").to_frame()
    assert named.equals(m.delong_test(r.y, r.p, r.q).to_frame())


def test_unpaired_test_agrees_with_proc(r):
    first, second = slice(160), slice(160, None)
    result = m.delong_test(r.y[first], r.p[first], r.q[second], y_true_2=r.y[second])
    row = result.to_frame().iloc[0]
    assert row["statistic"] == pytest.approx(r["unpaired"]["t"], abs=1e-9)
    assert row["df"] == pytest.approx(r["unpaired"]["df"], rel=1e-9)
    assert row["p_value"] == pytest.approx(r["unpaired"]["p"], abs=1e-10)


def test_pima_paired_test(pima):
    expected, x, _ = pima
    e = expected["delong_paired"]
    row = m.delong_test(x["y"], x["p_full"], x["p_glu_bmi"]).to_frame().iloc[0]
    assert row["statistic"] == pytest.approx(e["z"]["value"], abs=e["z"]["tol"])
    assert row["p_value"] == pytest.approx(e["p"]["value"], abs=e["p"]["tol"])
    found = [row["lower"], row["upper"]]
    np.testing.assert_allclose(found, e["ci_diff"]["value"], atol=e["ci_diff"]["tol"])


def test_same_risks_do_not_differ(r):
    row = m.delong_test(r.y, r.p, r.p).to_frame().iloc[0]
    assert (row["estimate"], row["statistic"], row["p_value"]) == (0, 0, 1)


def test_repeating_every_patient_changes_only_the_unclustered_test(r):
    rows = np.repeat(np.arange(len(r.y)), 4)
    once = m.delong_test(r.y, r.p, r.q).to_frame().iloc[0]
    naive = m.delong_test(r.y[rows], r.p[rows], r.q[rows]).to_frame().iloc[0]
    right = m.delong_test(r.y[rows], r.p[rows], r.q[rows], groups=rows).to_frame().iloc[0]
    assert naive["standard_error"] == pytest.approx(once["standard_error"] / 2, rel=0.01)
    assert right["standard_error"] == pytest.approx(once["standard_error"], rel=0.01)


def test_resampled_difference_agrees_with_delong(r):
    exact = m.delong_test(r.y, r.q, r.p).to_frame().iloc[0]
    models = {"first": r.p, "second": r.q}
    result = m.compare_performance(r.y, models, measures=["auroc"], n_resamples=800, random_state=0)
    row = result.to_frame().iloc[0]
    assert row["model"] == "second"
    assert row["estimate"] == pytest.approx(exact["estimate"])
    assert row["upper"] - row["lower"] == pytest.approx(exact["upper"] - exact["lower"], rel=0.12)


def test_values_are_those_of_the_measures(r):
    names = ["auroc", "brier", "calibration_slope", "oe_ratio", "net_benefit", "mcc", "ece"]
    names += ["calibration_in_the_large", "nagelkerke_r2_recalibrated", "expected_cost", "auprc"]
    models = {"p": r.p, "q": r.q}
    result = m.compare_performance(
        r.y, models, measures=names, threshold=0.3, n_resamples=10, random_state=0
    )
    for row in result.to_frame().itertuples():
        measure = m.get_measure(row.measure)
        options = {"threshold": 0.3} if measure.needs_threshold else {}
        assert row.value == pytest.approx(measure.function(r.y, r.q, **options)), row.measure
        assert row.reference_value == pytest.approx(measure.function(r.y, r.p, **options))


def test_values_are_exact_where_resamples_gather_risks():
    random = np.random.RandomState(0)
    p = random.beta(1, 5, 7_000)
    y = (random.uniform(size=7_000) < p).astype(int)
    models = {"p": p, "sharper": p**1.2}
    names = ["auroc", "ici", "ece"]
    result = m.compare_performance(y, models, measures=names, n_resamples=20, random_state=0)
    drawn = result.bootstrap
    for row in result.to_frame().itertuples():
        function = m.get_measure(row.measure).function
        expected = function(y, models["sharper"]) - function(y, p)
        assert row.estimate == pytest.approx(expected, abs=1e-12), row.measure
        keys = [f"{model}|{row.measure}" for model in ("sharper", "p")]
        gathered = drawn.estimate[keys[0]] - drawn.estimate[keys[1]]
        assert gathered == pytest.approx(expected, abs=1e-3)
        ends = np.quantile(drawn.draws[keys[0]] - drawn.draws[keys[1]], [0.025, 0.975])
        moved = ends + expected - gathered
        np.testing.assert_allclose([row.lower, row.upper], moved, atol=1e-13)


def test_weights_are_rows_or_sandwiches(r):
    models = {"p": r.p, "q": r.q}
    options = {"measures": ["brier", "auroc", "ici"], "n_resamples": 40, "random_state": 0}
    rows = np.repeat(np.arange(len(r.y)), r.w)
    written = {name: proba[rows] for name, proba in models.items()}
    weights = {"sample_weight": r.w, "weight_type": "frequency"}
    found = m.compare_performance(r.y, models, **weights, **options).to_frame()
    assert found.equals(m.compare_performance(r.y[rows], written, **options).to_frame())
    weights = {"sample_weight": 0.5 + r.w, "weight_type": "sampling"}
    result = m.compare_performance(r.y, models, **weights, **options)
    for row in result.to_frame().itertuples():
        function = m.get_measure(row.measure).function
        assert row.value == pytest.approx(function(r.y, r.q, sample_weight=0.5 + r.w))
        assert row.lower < row.estimate < row.upper
        if row.measure != "ici":  # whose smoother takes fractions of rows as they are
            assert row.value == pytest.approx(result.bootstrap.estimate[f"q|{row.measure}"])


def test_multiplicity_is_named_and_counted(r):
    models = {"p": r.p, "q": r.q, "mean": (r.p + r.q) / 2}
    result = m.compare_performance(
        r.y, models, reference="mean", measures=["auroc", "brier"], n_resamples=100, random_state=0
    )
    table = result.to_frame()
    assert result.n_comparisons == len(table) == 4
    assert (
        table["upper_adjusted"] - table["lower_adjusted"] > table["upper"] - table["lower"]
    ).all()
    assert "Bonferroni" in result.summary()


def test_whole_patients_are_resampled(r):
    rows = np.repeat(np.arange(len(r.y)), 4)
    models = {"p": r.p[rows], "q": r.q[rows]}
    options = {"measures": ["brier"], "n_resamples": 200, "random_state": 0}
    naive = m.compare_performance(r.y[rows], models, **options).to_frame().iloc[0]
    right = m.compare_performance(r.y[rows], models, groups=rows, **options).to_frame().iloc[0]
    wider = (right["upper"] - right["lower"]) / (naive["upper"] - naive["lower"])
    assert wider == pytest.approx(2, rel=0.25)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: m.compare_performance(r.y, {"a": r.p}), "two or more"),
        (lambda r: m.compare_performance(r.y, {"a": r.p, "b": r.q}, reference="c"), "reference"),
        (
            lambda r: m.compare_performance(
                r.y, {"a": r.p, "b": r.q}, measures="discrimination_slope"
            ),
            "IDI",
        ),
        (lambda r: m.compare_performance(r.y, {"a": r.p, "b": r.q}, measures="f1"), "threshold"),
        (lambda r: m.delong_test(r.y, r.p, np.ones((len(r.y), 3)) / 3), "one event"),
        (lambda r: m.delong_test(r.y, r.p, r.q[:-1]), "y_proba_2"),
        (lambda r: m.delong_test(r.y * 0, r.p, r.q), "one class"),
        (lambda r: m.delong_test(r.y, r.p, r.q, groups_2=r.patient), "groups_2"),
        (lambda r: m.delong_test([1, 0, 0], [0.3, 0.2, 0.4], [0.1, 0.2, 0.3]), "two events"),
        (lambda r: m.delong_test(r.y, r.p, r.q, groups=r.y * 0), "two patients"),
        (lambda r: m.compare_performance(r.y, {"a": r.p, "b": r.q}, sample_weight=r.w), "weight"),
    ],
)
def test_mistakes_are_named(r, call, message):
    with pytest.raises(InputError, match=message):
        call(r)


def test_there_is_no_nri_and_no_idi():
    names = " ".join(dir(m)).lower()
    assert "nri" not in names
    assert "idi" not in names
    assert "reclassification" not in names
