"""Gaps, tests, shrinkage, named metrics, crossings, strata, weights, patients."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from healthml.exceptions import InputError, OutcomeError, ResampledRowsWarning
from healthml.fairness import group_performance
from healthml.fairness._contrasts import gamma_poisson, holm, normal_model, right_risks_p_value
from healthml.metrics import performance

RATES = ["flagged_rate", "sensitivity", "specificity", "ppv", "npv", "net_benefit", "accuracy"]


def people(n=900, seed=0, n_groups=3):
    rng = np.random.default_rng(seed)
    risk = rng.uniform(0.05, 0.9, n)
    y = (rng.uniform(size=n) < risk).astype(int)
    return y, risk, rng.integers(0, n_groups, n).astype(str)


Y, RISK, GROUP = people()


@pytest.fixture(scope="module")
def found():
    return group_performance(Y, RISK, {"g": GROUP}, threshold=0.4, reference="1")


def line(table, **where):
    rows = np.ones(len(table), bool)
    for name, value in where.items():
        rows &= (table[name] == value).to_numpy()
    assert rows.sum() == 1, where
    return table[rows].iloc[0]


# --- one answer, however it is asked -------------------------------------------------------------


@pytest.mark.parametrize("groups", [None, "patients"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_table_says_what_performance_says_of_the_rows_of_a_group(groups, weighted):
    rng = np.random.default_rng(1)
    options = {}
    if weighted:
        options = {"sample_weight": rng.uniform(0.5, 2, 900), "weight_type": "sampling"}
    patient = rng.integers(0, 500, 900) if groups else None
    names = ["oe_ratio", "auroc", "brier", "scaled_brier", "calibration_slope", *RATES[1:]]
    table = group_performance(
        Y, RISK, {"g": GROUP}, threshold=0.4, groups=patient, measures=names, **options
    ).table
    own = GROUP == "1"
    inner = {k: v[own] if k == "sample_weight" else v for k, v in options.items()}
    wanted = performance(
        Y[own],
        RISK[own],
        threshold=0.4,
        groups=None if patient is None else patient[own],
        measures=names,
        **inner,
    ).table.set_index("measure")
    for name in names:
        mine = line(table, group="1", measure=name)[["estimate", "lower", "upper"]]
        theirs = wanted.loc[name, ["estimate", "lower", "upper"]]
        np.testing.assert_allclose(
            mine.astype(float), theirs.astype(float), rtol=1e-9, err_msg=name
        )


def test_a_gap_to_everybody_else_is_that_to_the_complement(found):
    other = np.where(GROUP == "2", "2", "others")
    two = group_performance(Y, RISK, {"g": other}, threshold=0.4)
    for name in [*RATES[:5], "auroc", "oe_ratio", "calibration_slope", "scaled_brier"]:
        columns = ["estimate", "lower", "upper", "p_value", "detectable"]
        one = line(found.gaps, group="2", measure=name, versus="everybody else")[columns]
        same = line(two.gaps, group="2", measure=name)[columns]
        np.testing.assert_allclose(one.astype(float), same.astype(float), rtol=1e-7, err_msg=name)


def test_a_gap_to_a_reference_is_the_difference_of_both(found):
    for name in ("sensitivity", "auroc", "net_benefit"):
        values = [found.get(name, g)["estimate"] for g in ("0", "1")]
        gap = line(found.gaps, group="0", measure=name, versus="1")
        assert gap["estimate"] == pytest.approx(values[0] - values[1])
        assert gap["scale"] == "difference"
    ratio = [found.get("oe_ratio", g)["estimate"] for g in ("0", "1")]
    gap = line(found.gaps, group="0", measure="oe_ratio", versus="1")
    assert gap["estimate"] == pytest.approx(ratio[0] / ratio[1])
    assert "1" not in set(found.gaps.loc[found.gaps["versus"] == "1", "group"])


def test_a_p_value_is_where_the_interval_reaches_no_gap(found):
    for name in ("sensitivity", "auroc", "oe_ratio"):
        gap = line(found.gaps, group="0", measure=name, versus="everybody else")
        level = 1 - gap["p_value"]
        again = group_performance(
            Y, RISK, {"g": GROUP}, threshold=0.4, measures=[name], confidence_level=level
        ).gaps
        ends = line(again, group="0", measure=name)[["lower", "upper"]].astype(float)
        none = 1.0 if name == "oe_ratio" else 0.0
        assert np.abs(ends - none).min() < 1e-5


def test_simultaneous_ends_are_wider_and_two_groups_are_one_comparison(found):
    gaps = found.gaps.dropna(subset=["lower"])
    assert (gaps["lower_simultaneous"] <= gaps["lower"] + 1e-12).all()
    assert (gaps["upper_simultaneous"] >= gaps["upper"] - 1e-12).all()
    two = group_performance(Y, RISK, {"g": np.where(GROUP == "0", "a", "b")}, threshold=0.4).gaps
    np.testing.assert_allclose(two["lower_simultaneous"], two["lower"], rtol=1e-9)
    np.testing.assert_allclose(two["p_holm"], two["p_value"], rtol=1e-9)


def test_rows_repeated_with_their_patients_change_no_interval_and_no_test():
    rows = np.repeat(np.arange(900), 3)
    once = group_performance(Y, RISK, {"g": GROUP}, threshold=0.4, groups=np.arange(900) // 2)
    thrice = group_performance(
        Y[rows], RISK[rows], {"g": GROUP[rows]}, threshold=0.4, groups=(np.arange(900) // 2)[rows]
    )
    for name in ("gaps", "table"):
        columns = ["estimate", "lower", "upper"]
        a, b = (getattr(r, name)[columns].to_numpy(float) for r in (once, thrice))
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(thrice.tests["p_value"], once.tests["p_value"], atol=0.02)


def test_a_patient_in_two_groups_correlates_them():
    """Half of the patients have one row in each group, with the same outcome."""
    rng = np.random.default_rng(3)
    y, risk, _ = people(400, 3)
    both = np.tile(np.arange(400), 2)
    group = np.repeat(["ward", "clinic"], 400)
    options = {"threshold": 0.4, "measures": ["sensitivity", "auroc", "oe_ratio"]}
    noise = np.clip(risk[both] + rng.normal(0, 0.01, 800), 0.01, 0.99)
    apart = group_performance(y[both], noise, {"g": group}, **options).gaps
    joined = group_performance(y[both], noise, {"g": group}, groups=both, **options).gaps
    for name in options["measures"]:
        width = [
            line(t, group="ward", measure=name)[["lower", "upper"]].astype(float)
            for t in (apart, joined)
        ]
        assert np.ptp(width[1]) < 0.5 * np.ptp(width[0]), name


# --- small numbers -------------------------------------------------------------------------------


def test_what_does_not_exist_is_missing_with_its_reason_and_a_group_of_three_keeps_its_numbers():
    y, group = Y.copy(), GROUP.astype(object).copy()
    group[:3], y[:3] = "three", 1
    table = group_performance(y, RISK, {"g": group}, threshold=0.4).table.query("group == 'three'")
    table = table.set_index("measure")
    assert table.loc["specificity", "reason"] == "undefined: no rows without the event"
    assert np.isnan(table.loc["specificity", "estimate"])
    assert np.isnan(table.loc["auroc", "estimate"])
    flagged = (RISK[:3] >= 0.4).mean()
    assert table.loc["sensitivity", "estimate"] == pytest.approx(flagged)
    assert table.loc["sensitivity", "lower"] < table.loc["sensitivity", "upper"]
    assert table["n_samples"].eq(3).all()


def test_small_crossed_groups_are_joined_inside_their_level_of_the_first_feature():
    rng = np.random.default_rng(5)
    sex = rng.choice(["f", "m"], 900)
    site = rng.choice(["A", "B", "C", "D"], 900, p=[0.7, 0.27, 0.015, 0.015])
    result = group_performance(
        Y, RISK, {"sex": sex, "site": site}, crossed=True, measures=["event_rate"]
    )
    crossing = result.table[result.table["feature"] == "sex|site"]
    assert crossing["n_samples"].sum() == 900
    sizes = pd.Series(sex).str.cat(site, sep="|").value_counts()
    assert set(sizes.index[sizes >= 11]) <= set(crossing["group"])
    assert not set(sizes.index[sizes < 11]) & set(crossing["group"])
    assert any(name.endswith("(small groups)") for name in crossing["group"])
    assert any("joined" in note for note in result.notes)
    whole = group_performance(
        Y, RISK, {"sex": sex, "site": site}, crossed=True, pool_below=1, measures=["event_rate"]
    ).table
    assert len(whole[whole["feature"] == "sex|site"]) == len(sizes)


def test_control_features_compare_inside_their_levels():
    rng = np.random.default_rng(6)
    site = rng.choice(["A", "B"], 900)
    inside = group_performance(
        Y, RISK, {"g": GROUP}, threshold=0.4, control_features={"site": site}
    )
    own = site == "B"
    alone = group_performance(Y[own], RISK[own], {"g": GROUP[own]}, threshold=0.4)
    for name in ("table", "gaps"):
        part = getattr(inside, name)
        part = part[part["control"] == "B"].reset_index(drop=True)
        columns = ["group", "measure", "estimate", "lower", "upper"]
        rows = part["measure"] != "expected_auroc"  # recalibrated on the rows of all strata
        other = getattr(alone, name)
        np.testing.assert_allclose(
            part[rows][columns[2:]].to_numpy(float),
            other[other["measure"] != "expected_auroc"][columns[2:]].to_numpy(float),
            rtol=1e-9,
        )
    frame = inside.as_metricframe()
    assert frame.by_group.index.names == ["control", "g"]
    assert set(frame.difference().index) == {"A", "B"}


# --- alike groups --------------------------------------------------------------------------------


def test_max_minus_min_stands_beside_what_alike_groups_would_show(found):
    tests = found.tests.set_index("measure")
    for name in ("sensitivity", "auroc", "oe_ratio"):
        row = tests.loc[name]
        assert row["expected"] > (1.0 if name == "oe_ratio" else 0.0)
        assert row["expected"] < row["expected_p95"]
        assert row["max_min_lower"] <= row["max_min"] <= row["max_min_upper"]


def test_the_range_of_alike_groups_is_that_of_simulated_ones():
    """Equal sensitivities of .6 in 30, 60 and 90 events: mean of max - min."""
    rng = np.random.default_rng(7)
    n, rate = np.array([30, 60, 90]), 0.6
    drawn = rng.binomial(n, rate, size=(40_000, 3)) / n
    y = np.ones(n.sum() + 30, int)
    y[-30:] = 0
    group = np.r_[np.repeat(["a", "b", "c"], n), np.repeat(["a", "b", "c"], 10)]
    risk = np.full(len(y), 0.2)
    for name, size in zip("abc", n, strict=True):
        risk[np.flatnonzero((group == name) & (y == 1))[: int(rate * size)]] = 0.8
    risk[-30:] = np.linspace(0.1, 0.9, 30)
    tests = group_performance(y, risk, {"g": group}, threshold=0.5).tests.set_index("measure")
    assert tests.loc["sensitivity", "expected"] == pytest.approx(
        np.ptp(drawn, axis=1).mean(), abs=0.003
    )


def test_holm_steps_down():
    np.testing.assert_allclose(holm([0.01, 0.03, 0.02, np.nan]), [0.03, 0.04, 0.04, np.nan])


def test_p_values_of_right_risks_agree_beyond_the_rows_that_are_summed_exactly(monkeypatch):
    from healthml.fairness._contrasts import claims

    risk = np.random.default_rng(8).beta(1, 6, 1500)
    counts = [int(risk.sum()) + k for k in (-40, -25, 0, 25, 40)]
    quick = [right_risks_p_value(count, risk) for count in counts]
    monkeypatch.setattr(claims, "_EXACT", 10_000)
    exact = [right_risks_p_value(count, risk) for count in counts]
    np.testing.assert_allclose(quick, exact, atol=1e-3)


# --- drawn together ------------------------------------------------------------------------------


def test_shrinkage_of_equal_errors_is_the_posterior_by_long_hand():
    """Against a sum over a fine grid of tau and of the mean, five groups."""
    value, error = np.array([0.1, -0.2, 0.0, 0.9, 0.3]), np.full(5, 0.25)
    found = normal_model(value, error)
    tau = np.linspace(0.0005, 7.5, 1501)
    mean = np.linspace(-6, 6, 481)
    spread = np.sqrt(error[0] ** 2 + tau[:, None] ** 2)
    height = sum(norm.logpdf(v, mean, spread) for v in value)
    weight = np.exp(height - height.max()) * tau[:, None]
    weight /= weight.sum()
    kept = (tau**2 / (tau**2 + error[0] ** 2))[:, None]
    for k, v in enumerate(value):
        middle = (weight * (kept * v + (1 - kept) * mean)).sum()
        assert found[0][k] == pytest.approx(middle, abs=2e-3)
    assert (np.abs(found[0] - value.mean()) < np.abs(value - value.mean()) + 1e-9).all()


def test_groups_without_events_take_part_as_counts():
    observed, expected = np.array([0, 3, 8, 5, 2, 12.0]), np.array([2.1, 3, 7, 5.5, 2, 6])
    found = gamma_poisson(observed, expected)
    assert 0 < found.lower[0] < found.value[0] < found.upper[0]
    assert found.value[0] < 1 < found.value[5]
    y, risk, group = people(600, 9, 6)
    y[group == "0"] = 0
    shrunken = group_performance(y, risk, {"g": group}, measures=["oe_ratio"]).shrunken
    assert set(shrunken["model"]) == {"gamma-Poisson"}
    assert np.isfinite(shrunken["estimate"]).all()


def test_four_groups_are_too_few_to_shrink_and_five_are_enough():
    for n_groups in (4, 5):
        y, risk, group = people(600, 10, n_groups)
        shrunken = group_performance(y, risk, {"g": group}, measures=["auroc"]).shrunken
        assert len(shrunken) == (5 if n_groups == 5 else 0)


# --- measures, notes, words ----------------------------------------------------------------------


def test_a_function_is_a_measure_with_an_interval_and_a_gap():

    def share(y, risk):
        return y.mean()

    measures = ["event_rate", share, roc_auc_score]
    result = group_performance(
        Y[:300], RISK[:300], {"g": GROUP[:300]}, measures=measures, n_resamples=60, random_state=0
    )
    for group in "012":
        ours, theirs = (result.get(name, group) for name in ("event_rate", "share"))
        assert theirs["estimate"] == pytest.approx(ours["estimate"])
        width = [np.ptp(part[["lower", "upper"]]) for part in (theirs, ours)]
        assert width[0] == pytest.approx(width[1], rel=0.35)
        own = GROUP[:300] == group
        area = roc_auc_score(Y[:300][own], RISK[:300][own])
        assert result.get("roc_auc_score", group)["estimate"] == pytest.approx(area)
    assert {"share", "roc_auc_score"} <= set(result.gaps["measure"])


def test_bootstrap_of_cells_is_that_of_rows_for_independent_rows_and_for_patients():
    rows = group_performance(Y, RISK, {"g": GROUP}, threshold=0.4)
    drawn = rows.bootstrap(n_resamples=4000, random_state=0)
    own = line(drawn, group="0", measure="sensitivity")
    event = (GROUP == "0") & (Y == 1)
    rate = (RISK[event] >= 0.4).mean()
    error = np.sqrt(rate * (1 - rate) / event.sum())
    assert own["upper"] - own["lower"] == pytest.approx(2 * 1.96 * error, rel=0.06)
    many = np.repeat(np.arange(900), 4)
    patients = group_performance(
        Y[many], RISK[many], {"g": GROUP[many]}, threshold=0.4, groups=many
    ).bootstrap(n_resamples=4000, random_state=0)
    wide = line(patients, group="0", measure="sensitivity")
    assert wide["upper"] - wide["lower"] == pytest.approx(own["upper"] - own["lower"], rel=0.06)


def test_where_event_rates_differ_equal_values_and_equal_errors_are_said_to_exclude_each_other():
    alike = group_performance(Y, RISK, {"g": GROUP}, threshold=0.4).notes
    assert not any("cannot all hold" in note for note in alike)
    y, risk = Y.copy(), RISK.copy()
    y[(GROUP == "0") & (np.arange(900) % 2 == 0)] = 0
    apart = group_performance(y, risk, {"g": GROUP}, threshold=0.4).notes
    assert any("cannot all hold" in note for note in apart)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_proba": Y}, "look like decisions, not risks"),
        (
            {"sensitive_features": {"id": [f"p{k}" for k in range(900)]}},
            "an identifier, or a number",
        ),
        (
            {"sensitive_features": {"age": [f"{k / 10:.1f} years" for k in range(900)]}},
            "into bands",
        ),
        ({"y_true": np.where(Y == 1, "died", "alive")}, "event"),
        ({"reference": "9"}, "which is no group"),
        ({"measures": ["sensitivity"]}, "need a decision threshold"),
        ({"measures": ["tpr"]}, "pass names among"),
        ({"crossed": [("g", "h")]}, "pass tuples of two or more"),
        ({"threshold": 1.5}, "between 0 and 1"),
    ],
)
def test_wrong_input_is_told_what_to_do(change, words):
    given = {"y_true": Y, "y_proba": RISK, "sensitive_features": {"g": GROUP}} | change
    with pytest.raises(InputError, match=words):
        group_performance(**given)


def test_decisions_alone_can_be_judged_by_their_counts():
    flags = (RISK >= 0.4).astype(float)
    names = ["sensitivity", "ppv"]
    own = group_performance(Y, flags, {"g": GROUP}, threshold=0.5, measures=names).table
    risks = group_performance(Y, RISK, {"g": GROUP}, threshold=0.4, measures=names).table
    pd.testing.assert_frame_equal(own, risks)


def test_one_group_is_told_that_there_is_nobody_to_compare_it_with():
    result = group_performance(Y, RISK, {"g": np.full(900, "all of us")}, threshold=0.4)
    assert any("nobody to compare it with" in note for note in result.notes)
    assert result.gaps.empty


def test_resampled_rows_are_noticed_and_coarse_risks_are_not():
    rng = np.random.default_rng(11)
    y, risk, group = people(600, 11)
    scarce = y * (rng.uniform(size=600) < 0.3)
    few, many = np.flatnonzero(scarce == 1), np.flatnonzero(scarce == 0)
    drawn = np.r_[many, rng.choice(few, len(many))]
    with pytest.warns(ResampledRowsWarning, match="look resampled"):
        group_performance(scarce[drawn], risk[drawn], {"g": group[drawn]}, measures=["auroc"])
    half = np.r_[np.flatnonzero(y == 1)[:200], np.flatnonzero(y == 0)[:200]]
    group_performance(y[half], risk[half].round(1), {"g": group[half]}, measures=["auroc"])
    group_performance(y[half], risk[half], {"g": group[half]}, measures=["auroc"])


@pytest.mark.parametrize("kind", ["polars", "duckdb", "pandas"])
def test_sums_of_a_table_that_is_not_loaded_are_those_of_the_rows(kind):
    import polars as pl

    group = GROUP.astype(object).copy()
    group[::7] = None
    frame = pd.DataFrame({"died": Y, "risk": RISK, "g": group})
    source = {"polars": lambda: pl.from_pandas(frame).lazy(), "pandas": lambda: frame}
    if kind == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        connection = duckdb.connect()
        connection.register("rows", frame)
        data = connection.sql("select * from rows")
    else:
        data = source[kind]()
    names = [*RATES, "event_rate", "oe_ratio", "brier", "scaled_brier"]
    options = {"threshold": 0.4, "measures": names}
    lazy = group_performance("died", "risk", "g", data=data, **options)
    rows = group_performance(Y, RISK, frame[["g"]], **options)
    columns = ["estimate", "lower", "upper"]
    np.testing.assert_allclose(
        lazy.table[columns].to_numpy(float), rows.table[columns].to_numpy(float), rtol=1e-12
    )
    pd.testing.assert_frame_equal(lazy.gaps, rows.gaps, rtol=1e-9)
    if kind != "pandas":
        with pytest.raises(InputError, match="cannot be added up"):
            group_performance("died", "risk", "g", data=data, measures=["auroc"])


def _unloaded(kind, frame):
    if kind == "polars":
        return pytest.importorskip("polars").from_pandas(frame).lazy()
    connection = pytest.importorskip("duckdb").connect()
    connection.register("rows", frame)
    return connection.sql("select * from rows")


def _numbers_and_text():
    rng = np.random.default_rng(8)
    known = pd.array(np.where(rng.uniform(size=len(Y)) < 0.1, None, GROUP == "a"), dtype="boolean")
    return pd.DataFrame(
        {
            "died": np.where(Y == 1, "yes", "no"),
            "risk": RISK,
            "age": rng.integers(18, 95, len(Y)),
            "lab": np.where(
                rng.uniform(size=len(Y)) < 0.2, np.nan, rng.normal(size=len(Y)).round(1)
            ),
            "ward": rng.integers(0, 4, len(Y)).astype(float),
            "old": known,
            "mrn": [f"P{k}" for k in range(len(Y))],
        }
    )


@pytest.mark.parametrize("kind", ["polars", "duckdb"])
@pytest.mark.parametrize("feature", ["age", "lab", "ward", "old"])
def test_a_table_that_is_not_loaded_has_the_groups_of_one_that_is(kind, feature):
    frame = _numbers_and_text()
    options = {"threshold": 0.4, "measures": ["ppv", "oe_ratio"], "event": "yes"}
    lazy = group_performance("died", "risk", feature, data=_unloaded(kind, frame), **options)
    rows = group_performance(frame["died"], RISK, frame[[feature]], **options)
    pd.testing.assert_frame_equal(lazy.table, rows.table, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": [1]}, "groups cannot be used with a table that is not loaded"),
        ({"crossed": True, "reference": "a"}, "crossed, reference cannot be used"),
        ({"event": None}, "which of its levels is the event is not guessed"),
        ({"event": "Yes"}, "one class only"),
        ({"sensitive_features": "mrn"}, "that is an identifier"),
    ],
)
def test_nothing_is_left_out_without_a_word_for_a_table_that_is_not_loaded(change, words):
    options = {"sensitive_features": "ward", "threshold": 0.4, "event": "yes"} | change
    data = _unloaded("polars", _numbers_and_text())
    with pytest.raises((InputError, OutcomeError), match=words):
        group_performance("died", "risk", data=data, **options)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pool_below": "x", "crossed": True}, "pool_below is 'x'"),
        ({"min_events": -1}, "min_events is -1"),
        ({"n_resamples": True}, "n_resamples is True"),
        ({"thresholds": [0.1, 1.5]}, "not between 0 and 1"),
    ],
)
def test_counts_and_thresholds_out_of_range_are_refused(change, words):
    with pytest.raises(InputError, match=words):
        group_performance(Y, RISK, {"g": GROUP}, **change)


def test_no_decision_of_a_group_differs_and_nothing_is_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        group_performance(Y, np.full(len(Y), 0.2), {"g": GROUP}, threshold=0.3)


def test_a_hidden_group_is_not_said_to_have_no_event():
    group, y = GROUP.astype(object).copy(), Y.copy()
    group[:15], y[:15] = "few", 0
    y[0] = 1
    group[20:23], y[20:23] = "three", 0
    found = group_performance(y, RISK, {"g": group})
    assert any("1 group has no event" in note for note in found.notes)
    assert not any("no event" in note for note in found.to_release().notes)
