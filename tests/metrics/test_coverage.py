"""How often the intervals hold the truth.

The protocol stands in docs/simulations/metric_intervals.md.

Run ``pytest -m slow tests/metrics/test_coverage.py -s``; HEALTHML_REPLICATES changes 2,000.
"""

import os

import numpy as np
import pytest
from scipy.special import expit

from healthml._core._sample import Sample
from healthml.metrics import ece, performance
from healthml.metrics._measures.registry import get_measure
from healthml.metrics._smoothers.local import Cells
from healthml.metrics._uncertainty.closed_form import direct_interval
from healthml.metrics._uncertainty.resampled import LoessOnCells, bounded_interval

REPLICATES = int(os.environ.get("HEALTHML_REPLICATES", "2000"))
LEVEL, THRESHOLD = 0.95, 0.15
MEASURES = ("auroc", "calibration_slope", "oe_ratio", "brier", "net_benefit", "scaled_brier")
MEASURES += ("calibration_in_the_large", "sensitivity", "ppv", "nagelkerke_r2", "mcc")
MUST_HOLD = ("auroc", "calibration_slope", "oe_ratio", "brier", "net_benefit")

# Mean and standard deviation of the model's log odds; true log odds = a + b x the model's.
SETTINGS = {
    "right risks, prevalence 0.19, AUROC 0.74": (-1.7, 1.0, 0.0, 1.0),
    "too extreme, prevalence 0.25, AUROC 0.73": (-1.7, 1.3, -0.1, 0.7),
    "too timid, prevalence 0.49, AUROC 0.88": (-0.2, 1.9, 0.2, 1.2),
    "rare event, prevalence 0.07, AUROC 0.82": (-3.3, 1.4, 0.0, 1.0),
    "rare and well ranked, prevalence 0.06, AUROC 0.89": (-4.2, 2.0, 0.0, 1.0),
    "very well ranked, prevalence 0.22, AUROC 0.94": (-3.0, 3.5, 0.0, 1.0),
}
MISCALIBRATED = {
    "too extreme (slope 0.7)": (-1.7, 1.3, -0.1, 0.7),
    "much too extreme (slope 0.5)": (-1.0, 1.5, 0.0, 0.5),
    "too low throughout": (-1.3, 1.2, 0.6, 1.0),
    "much too low throughout": (-1.0, 1.3, 1.0, 1.0),
}
# Never looked at while the rules of the intervals were chosen.
UNSEEN = {
    "unseen: too low, too extreme, prevalence 0.18, AUROC 0.73": (-2.3, 1.1, 0.2, 0.85),
    "unseen: too high, too timid, prevalence 0.25, AUROC 0.75": (-0.8, 0.8, -0.3, 1.3),
    "unseen: too low, prevalence 0.12, AUROC 0.81": (-3.6, 1.7, 0.3, 0.8),
}
UNSEEN_ICI = {
    "unseen: too high throughout": (-1.5, 1.0, -0.5, 1.0),
    "unseen: slope 0.6": (-0.5, 1.6, 0.2, 0.6),
}
PERFECT = {"right risks": (-1.7, 1.0, 0.0, 1.0)}

slow = pytest.mark.slow


def draw(random, n, setting):
    mean, spread, a, b = setting
    logit = random.normal(mean, spread, n)
    return expit(logit), expit(a + b * logit)


def options():
    return {"threshold": THRESHOLD, "prevalence": None, "total": 1.0}


def sampled(random, n, setting):
    p, truth = draw(random, n, setting)
    return Sample((random.uniform(size=n) < truth).astype(float), p, np.ones(n))


def coverage(setting, n, replicates=REPLICATES, seed=20240601, methods=None):
    """Share of intervals that hold the value in 2 million patients, by measure."""
    random = np.random.RandomState(seed)
    whole = sampled(random, 2_000_000, setting)
    truth = {m: direct_interval(whole, get_measure(m), options(), LEVEL).estimate for m in MEASURES}
    hits = dict.fromkeys(MEASURES, 0)
    for _ in range(replicates):
        sample = sampled(random, n, setting)
        for name in MEASURES:
            interval = direct_interval(sample, get_measure(name), options(), LEVEL, methods)
            hits[name] += interval.lower <= truth[name] <= interval.upper
    return {name: count / replicates for name, count in hits.items()}


def ici_interval(sample, random, draws=200):
    """Interval of the ICI as performance makes it, all resamples in one matrix product."""
    order = np.argsort(sample.proba)
    risk, event, n = sample.proba[order], sample.event[order], len(order)
    smoother = LoessOnCells.of(Cells(risk, np.ones(n), event, np.arange(n)))

    def ici(total, events):
        gap = np.abs(smoother.heights(total, events) - risk[:, None])
        return (gap * total).sum(axis=0) / total.sum(axis=0)

    counts = random.multinomial(n, np.full(n, 1 / n), size=draws).T.astype(float)
    resampled = ici(counts, counts * event[:, None])
    ones = np.ones((n, draws))
    null = ici(ones, (random.uniform(size=(n, draws)) < risk[:, None]).astype(float))
    estimate = ici(ones[:, :1], event[:, None])[0]
    return bounded_interval(estimate, estimate, resampled, null, LEVEL)


def ici_coverage(setting, n, replicates=REPLICATES, seed=20240602):
    """Share of ICI intervals that hold E|p - P(Y = 1 | p)|."""
    random = np.random.RandomState(seed)
    p, right = draw(random, 2_000_000, setting)
    truth, hits = np.abs(p - right).mean(), 0
    for _ in range(replicates):
        lower, upper = ici_interval(sampled(random, n, setting), random)
        hits += lower <= truth <= upper
    return hits / replicates


BOOTSTRAPPED = ("auprc", "average_precision", "partial_auroc", "expected_cost")
BOOTSTRAPPED += ("eci", "ici", "e50", "e90", "ece")


def bootstrap_coverage(setting, n, replicates, seed=20240603, draws=200):
    """Share of intervals of `performance` itself that hold the truth, by measure."""
    random = np.random.RandomState(seed)
    p, right = draw(random, 2_000_000, setting)
    y, gap = (random.uniform(size=len(p)) < right).astype(float), np.abs(p - right)
    whole = performance(y, p, threshold=THRESHOLD, measures=BOOTSTRAPPED[:4], intervals=False)
    truth = dict(zip(BOOTSTRAPPED, whole.to_frame()["estimate"], strict=False))
    truth |= {"ici": gap.mean(), "e50": np.quantile(gap, 0.5), "e90": np.quantile(gap, 0.9)}
    truth |= {"eci": (gap**2).mean() / ((y.mean() - p) ** 2).mean(), "ece": ece(y, p)}
    hits = np.zeros(len(BOOTSTRAPPED))
    ask = {"threshold": THRESHOLD, "measures": BOOTSTRAPPED, "resamples": draws}
    for number in range(replicates):
        sample = sampled(random, n, setting)
        table = performance(sample.event, sample.proba, random_state=number, **ask).to_frame()
        values = table["measure"].map(truth)
        hits += (table["lower"] <= values) & (values <= table["upper"])
    return dict(zip(BOOTSTRAPPED, hits / replicates, strict=True))


def report(what, n, shares, replicates=REPLICATES):
    error = np.sqrt(0.95 * 0.05 / replicates)
    text = ", ".join(f"{name} {100 * share:.1f}" for name, share in shares.items())
    print(f"\n{what}, n = {n:,}: {text} (Monte Carlo error {100 * error:.1f})")


@slow
@pytest.mark.parametrize("n", [200, 1000])
@pytest.mark.parametrize("what", [*SETTINGS, *UNSEEN])
def test_intervals_cover(what, n):
    shares = coverage({**SETTINGS, **UNSEEN}[what], n)
    report(what, n, shares)
    slack = 2 * np.sqrt(0.95 * 0.05 / REPLICATES)
    for name in MUST_HOLD:
        assert 0.93 - slack <= shares[name] <= 0.97 + slack, name


@slow
@pytest.mark.parametrize("what", list(SETTINGS)[3:])
def test_where_normal_intervals_fail_is_what_the_guide_says(what):
    normal = {"auroc": "delong", "brier": "normal", "net_benefit": "normal"}
    shares = coverage(SETTINGS[what], 200, methods=normal)
    report(f"normal intervals, {what}", 200, {name: shares[name] for name in normal})
    assert shares["auroc"] < 0.93


@slow
@pytest.mark.parametrize("n", [200, 1000])
def test_where_bootstrap_intervals_fail_is_what_the_guide_says(n):
    what, replicates = "too extreme (slope 0.7)", REPLICATES // 4
    shares = bootstrap_coverage(MISCALIBRATED[what], n, replicates)
    report(what, n, shares, replicates)
    assert min(shares[name] for name in ("auprc", "average_precision", "ici", "e50")) > 0.9


@slow
@pytest.mark.parametrize("n", [200, 1000])
@pytest.mark.parametrize("what", [*MISCALIBRATED, *UNSEEN_ICI])
def test_ici_interval_covers_where_risks_are_wrong(what, n):
    share = ici_coverage({**MISCALIBRATED, **UNSEEN_ICI}[what], n)
    report(what, n, {"ici": share})
    slack = 2 * np.sqrt(0.95 * 0.05 / REPLICATES)
    assert 0.93 - slack <= share <= 0.97 + slack


@slow
def test_ici_interval_holds_zero_under_perfect_calibration():
    for what, setting in PERFECT.items():
        share = ici_coverage(setting, 200, REPLICATES // 4)
        report(what, 200, {"ici": share}, REPLICATES // 4)
        assert share > 0.95


def test_simulated_ici_interval_is_that_of_performance():
    random = np.random.RandomState(0)
    sample = sampled(random, 300, MISCALIBRATED["much too extreme (slope 0.5)"])
    ours = np.mean([ici_interval(sample, random, draws=1000) for _ in range(3)], axis=0)
    row = performance(sample.event, sample.proba, measures="ici", random_state=0).get("ici")
    np.testing.assert_allclose(ours, row[["lower", "upper"]].astype(float), atol=0.006)


def test_coverage_machinery_in_small():
    setting = SETTINGS["right risks, prevalence 0.19, AUROC 0.74"]
    shares = coverage(setting, 300, replicates=60)
    assert all(share > 0.83 for share in shares.values()), shares
    random = np.random.RandomState(0)
    sample = sampled(random, 200, MISCALIBRATED["much too low throughout"])
    lower, upper = ici_interval(sample, random)
    assert 0.05 < lower < 0.181 < upper < 0.4
