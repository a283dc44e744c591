"""Scores on the same rows: against R, against a plain bootstrap, and with rows left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from healthml._core._numerics import cluster_variance
from healthml._core._paired import (
    MEASURES,
    auroc_influence,
    net_benefit_influence,
    paired_scores,
    slope_influence,
)

FILE = Path(__file__).resolve().parent.parent / "reference" / "paired_reference.json"
Z = norm.ppf(0.975)


class Answers:
    """R's answers, and the simulated rows that they are about."""

    def __init__(self):
        self.values = json.loads(FILE.read_text())
        rows = {name: np.array(column) for name, column in self.values["rows"].items()}
        self.y, self.p, self.q, self.patient = (rows[k] for k in ("y", "p", "q", "patient"))
        self.thresholds = np.array(self.values["thresholds"])

    def __getitem__(self, name):
        return self.values[name]


@pytest.fixture(scope="module")
def r():
    return Answers()


@pytest.fixture(scope="module")
def scored(r):
    risks = {"p": r.p, "q": r.q}
    return paired_scores(r.y, risks, groups=r.patient, thresholds=r.thresholds)


# --- against R -----------------------------------------------------------------------------------


def by_class(y, first, second, units):
    """Return the covariance with the small-sample factors of DeLong and Obuchowski."""
    parts = []
    for influence in (first, second):
        sums = [np.bincount(units, influence * (y == k)) for k in (1, 0)]
        parts.append(sums)
    (a1, a0), (b1, b0) = parts
    n1, n0, n = len(set(units[y == 1])), len(set(units[y == 0])), len(set(units))
    same = n1 / (n1 - 1) * (a1 @ b1) + n0 / (n0 - 1) * (a0 @ b0)
    return same + n / (n - 1) * (a1 @ b0 + a0 @ b1)


def test_auc_and_variance_agree_with_proc(r):
    rows = np.arange(len(r.y))
    for k, risk in enumerate((r.p, r.q)):
        auc, influence = auroc_influence(r.y, risk)
        assert auc == pytest.approx(r["delong"]["auc"][k], abs=1e-12)
        exact = by_class(r.y, influence, influence, rows)
        assert exact == pytest.approx(r["delong"]["variance"][k], rel=1e-10)
        assert cluster_variance(influence) == pytest.approx(exact, rel=0.01)


def test_paired_difference_agrees_with_proc(r):
    rows = np.arange(len(r.y))
    (a, first), (b, second) = (auroc_influence(r.y, risk) for risk in (r.p, r.q))
    assert a - b == pytest.approx(r["delong"]["difference"], abs=1e-12)
    exact = by_class(r.y, first - second, first - second, rows)
    assert (a - b) / np.sqrt(exact) == pytest.approx(r["delong"]["z"], rel=1e-9)


def test_variance_over_patients_is_obuchowskis(r, scored):
    influences = [scored.values[name, "auroc"][1] for name in "pq"]
    for k, influence in enumerate(influences):
        exact = by_class(r.y, influence, influence, r.patient)
        assert exact == pytest.approx(r["obuchowski"]["variance"][k], rel=1e-10)
        assert scored.get("pq"[k], "auroc")["se"] ** 2 == pytest.approx(exact, rel=0.01)
    gap = influences[0] - influences[1]
    expected = r["obuchowski"]["difference"]
    assert by_class(r.y, gap, gap, r.patient) == pytest.approx(expected, rel=1e-9)
    estimate, lower, upper = scored.difference("p", "q", "auroc")
    assert ((upper - lower) / 2 / Z) ** 2 == pytest.approx(expected, rel=0.01)
    assert (lower + upper) / 2 == pytest.approx(estimate, abs=1e-12)


def test_calibration_slope_agrees_with_rms(r):
    estimate, influence = slope_influence(r.y, r.p)
    assert estimate == pytest.approx(r["slope"]["estimate"], abs=1e-7)
    by_patient = np.bincount(r.patient, influence)
    assert np.sqrt(influence @ influence) == pytest.approx(r["slope"]["by_row"], rel=1e-6)
    assert np.sqrt(by_patient @ by_patient) == pytest.approx(r["slope"]["by_patient"], rel=1e-6)


@pytest.mark.parametrize("measure", ["auroc", "brier", "scaled_brier", "oe_ratio", "net_benefit"])
def test_estimates_and_errors_agree_with_rs_bootstrap_of_patients(r, scored, measure):
    row = scored.get("p", measure)
    assert row["estimate"] == pytest.approx(r["estimate"][measure], abs=1e-12)
    # 4,000 draws leave the bootstrap's own error at about 1%
    assert row["se"] == pytest.approx(r["bootstrap_se"][measure], rel=0.04)


@pytest.mark.parametrize("measure", ["auroc", "scaled_brier", "net_benefit"])
def test_differences_agree_with_rs_bootstrap_of_patients(r, scored, measure):
    estimate, lower, upper = scored.difference("p", "q", measure)
    assert estimate == pytest.approx(r["estimate"][f"{measure}_difference"], abs=1e-12)
    expected = r["bootstrap_se"][f"{measure}_difference"]
    assert (upper - lower) / 2 / Z == pytest.approx(expected, rel=0.05)


# --- against a plain bootstrap, where R has no answer: folds, repeats, rows that count ------------


def auc_of(y, risk, parts):
    """Return the AUC from all pairs of one part, written out."""
    wins = pairs = 0.0
    for part in np.unique(parts):
        positive, negative = (risk[(parts == part) & (y == k)] for k in (1, 0))
        gap = positive[:, None] - negative
        wins += (gap > 0).sum() + 0.5 * (gap == 0).sum()
        pairs += gap.size
    return wins / pairs


@pytest.fixture(scope="module")
def folded():
    """Return outcome, patient, and risks of two repeats that are not on one scale in each fold."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(150), 2)
    own = rng.normal(size=150)[patient]
    y = (rng.uniform(size=300) < expit(-0.7 + own)).astype(int)
    fold = np.array([rng.permutation(np.arange(150) % 3)[patient] for _ in range(2)])
    risk = expit(-0.7 + 0.8 * own + rng.normal(0, 0.5, (2, 300)) + np.array([-2, 0, 2])[fold])
    return y, patient, risk, fold


def test_auc_compares_rows_of_one_fold_only(folded):
    y, patient, risk, fold = folded
    scores = paired_scores(y, {"m": risk}, folds={"m": fold}, groups=patient)
    expected = np.mean([auc_of(y, risk[k], fold[k]) for k in range(2)])
    assert scores.get("m", "auroc")["estimate"] == pytest.approx(expected, abs=1e-12)
    pooled = paired_scores(y, {"m": risk}, groups=patient).get("m", "auroc")
    assert pooled["estimate"] < expected - 0.05


def test_error_over_folds_and_repeats_agrees_with_a_plain_bootstrap(folded):
    y, patient, risk, fold = folded
    rows = np.arange(300).reshape(150, 2)
    rng, draws = np.random.default_rng(0), []
    for _ in range(500):
        i = rows[rng.integers(0, 150, 150)].ravel()
        auc = np.mean([auc_of(y[i], risk[k][i], fold[k][i]) for k in range(2)])
        brier = ((y[i] - risk[:, i]) ** 2).mean()
        draws.append((auc, brier, np.mean([y[i].sum() / p[i].sum() for p in risk])))
    scores = paired_scores(y, {"m": risk}, folds={"m": fold}, groups=patient)
    for measure, expected in zip(
        ("auroc", "brier", "oe_ratio"), np.std(draws, axis=0), strict=True
    ):
        assert scores.get("m", measure)["se"] == pytest.approx(expected, rel=0.12), measure
    # as if rows, not patients, were independent: too narrow, and far from the bootstrap
    naive = paired_scores(y, {"m": risk}, folds={"m": fold})
    assert naive.get("m", "auroc")["se"] < 0.9 * np.std(draws, axis=0)[0]


def test_groups_of_rows_are_compared_as_independent_samples(r):
    half = np.arange(len(r.y)) % 2 == 0
    both = paired_scores(
        r.y, {"a": r.p, "b": r.p}, rows={"a": half, "b": ~half}, thresholds=r.thresholds
    )
    for name, keep in (("a", half), ("b", ~half)):
        alone = paired_scores(r.y[keep], {name: r.p[keep]}, thresholds=r.thresholds)
        for measure in MEASURES:
            want = alone.get(name, measure)
            np.testing.assert_allclose(both.get(name, measure)["estimate"], want["estimate"])
            np.testing.assert_allclose(both.get(name, measure)["se"], want["se"], rtol=0.01)
        assert both.counts[name] == alone.counts[name] == (keep.sum(), *alone.counts[name][1:])
    _, lower, upper = both.difference("a", "b")
    spread = np.hypot(*(both.get(name, "auroc")["se"] for name in "ab"))
    assert (upper - lower) / 2 == pytest.approx(Z * spread, rel=1e-2)


# --- what the numbers mean -----------------------------------------------------------------------


def test_net_benefit_is_the_known_formula(r):
    parts = []
    for t in r.thresholds:
        treated = r.p >= t
        harm = (treated & (r.y == 0)).mean() * t / (1 - t)
        parts.append((treated & (r.y == 1)).mean() - harm)
    assert net_benefit_influence(r.y, r.p, r.thresholds)[0] == pytest.approx(np.mean(parts))
    shuffled = net_benefit_influence(r.y, r.p, r.thresholds[::-1])[0]
    assert shuffled == pytest.approx(np.mean(parts))


def test_intervals_stay_inside_the_measures_range(r, scored):
    auc, oe, brier = (scored.get("p", m) for m in ("auroc", "oe_ratio", "brier"))
    half = Z * auc["se"] / (auc["estimate"] * (1 - auc["estimate"]))
    ends = expit(logit(auc["estimate"]) + np.array([-half, half]))
    np.testing.assert_allclose([auc["lower"], auc["upper"]], ends)
    half = Z * oe["se"] / oe["estimate"]
    np.testing.assert_allclose([oe["lower"], oe["upper"]], oe["estimate"] * np.exp([-half, half]))
    half = Z * brier["se"]
    np.testing.assert_allclose([brier["lower"], brier["upper"]], brier["estimate"] + [-half, half])
    assert [scored.get("p", m)["method"].split(",")[0] for m in ("auroc", "oe_ratio", "brier")] == [
        "logit-Wald",
        "log-Wald",
        "Wald",
    ]


def test_the_level_widens_tables_and_differences(r):
    levels = {
        level: paired_scores(r.y, {"p": r.p, "q": r.q}, confidence_level=level)
        for level in (0.5, 0.95)
    }
    narrow, wide = (levels[k].get("p", "brier") for k in (0.5, 0.95))
    ratio = (wide["upper"] - wide["lower"]) / (narrow["upper"] - narrow["lower"])
    assert ratio == pytest.approx(Z / norm.ppf(0.75))
    own, asked = levels[0.5].difference("p", "q"), levels[0.95].difference("p", "q")
    assert asked == levels[0.5].difference("p", "q", confidence_level=0.95)
    assert asked[2] - asked[1] == pytest.approx(ratio * (own[2] - own[1]))


def test_a_model_does_not_differ_from_itself_and_differences_have_a_sign(r, scored):
    same = paired_scores(r.y, {"a": r.p, "b": r.p}, groups=r.patient)
    assert same.difference("a", "b") == (0, 0, 0)
    first, second = scored.difference("p", "q"), scored.difference("q", "p")
    np.testing.assert_allclose(first, -np.array(second)[[0, 2, 1]])
    assert first[0] > 0


def test_repeating_every_patients_rows_changes_nothing_when_patients_are_known(r):
    rows = np.repeat(np.arange(len(r.y)), 3)
    once = paired_scores(r.y, {"p": r.p}, thresholds=r.thresholds).table
    many = paired_scores(r.y[rows], {"p": r.p[rows]}, groups=rows, thresholds=r.thresholds).table
    names = ["estimate", "se", "lower", "upper", "n_patients"]
    np.testing.assert_allclose(many[names].astype(float), once[names].astype(float), rtol=1e-7)
    assert set(many["n_samples"]) == {3 * len(r.y)}


def test_order_of_rows_does_not_matter(r, scored):
    order = np.random.default_rng(1).permutation(len(r.y))
    other = paired_scores(
        r.y[order],
        {"p": r.p[order], "q": r.q[order]},
        groups=r.patient[order],
        thresholds=r.thresholds,
    )
    names = ["estimate", "se", "lower", "upper"]
    np.testing.assert_allclose(other.table[names], scored.table[names], rtol=1e-9)
    assert other.table[["model", "measure"]].equals(scored.table[["model", "measure"]])


# --- what cannot be scored -----------------------------------------------------------------------


def test_rows_without_a_risk_are_left_out_and_counted(r):
    holes = r.p.copy()
    holes[::4] = np.nan
    keep = np.isfinite(holes)
    row = paired_scores(r.y, {"m": holes}, groups=r.patient).get("m", "auroc")
    assert row["estimate"] == pytest.approx(auc_of(r.y[keep], r.p[keep], np.zeros(keep.sum())))
    assert row["n_samples"] == keep.sum()
    assert row["n_events"] == r.y[keep].sum()
    assert row["n_patients"] == len(set(r.patient[keep]))


def test_what_is_no_probability_is_only_ranked(r):
    scores = paired_scores(r.y, {"points": 10 * r.p, "risk": r.p}, thresholds=r.thresholds)
    assert set(scores.table.loc[scores.table["model"] == "points", "measure"]) == {"auroc"}
    assert set(scores.table.loc[scores.table["model"] == "risk", "measure"]) == set(MEASURES)
    assert scores.get("points", "auroc")["estimate"] == scores.get("risk", "auroc")["estimate"]


def test_only_the_measures_wanted_and_no_net_benefit_without_thresholds(r):
    assert paired_scores(r.y, {"p": r.p}, measures=("brier",)).table["measure"].tolist() == [
        "brier"
    ]
    assert "net_benefit" not in set(paired_scores(r.y, {"p": r.p}).table["measure"])


def test_one_class_has_no_ranking_and_constant_risks_no_slope():
    y, risk = np.zeros(20, dtype=int), np.linspace(0.1, 0.5, 20)
    one = paired_scores(y, {"m": risk})
    for measure in ("auroc", "scaled_brier", "oe_ratio", "calibration_slope"):
        assert one.get("m", measure)[["estimate", "se", "lower", "upper"]].isna().all(), measure
    assert one.get("m", "brier")["estimate"] == pytest.approx((risk**2).mean())
    y[::2] = 1
    flat = paired_scores(y, {"m": np.full(20, 0.3)})
    assert np.isnan(flat.get("m", "calibration_slope")["estimate"])
    assert flat.get("m", "auroc")["estimate"] == 0.5
    apart = paired_scores(y, {"m": 0.1 + 0.8 * y})
    assert np.isnan(apart.get("m", "calibration_slope")["estimate"])  # separated: no finite slope


def test_risks_that_differ_between_folds_only_have_no_slope(folded):
    y, _, _, fold = folded
    risk = np.array([0.2, 0.3, 0.4])[fold]
    scores = paired_scores(y, {"m": risk}, folds={"m": fold})
    assert np.isnan(scores.get("m", "calibration_slope")["estimate"])
    assert scores.get("m", "auroc")["estimate"] == 0.5


def test_it_can_be_drawn(scored):
    ax = scored.plot(measure="oe_ratio")
    (bars,) = ax.containers
    shown = sorted(float(x) for x in bars.lines[0].get_xdata())
    rows = scored.table[scored.table["measure"] == "oe_ratio"]
    np.testing.assert_allclose(shown, sorted(rows["estimate"]))
    assert "oe_ratio" in ax.get_xlabel()
