"""Coverage, size and power of what is said about groups; protocol in the guide.

    python tests/simulation/fairness_intervals.py [runs] [intervals] [shrinkage] [claims]

Every run of a design is a group of one call: the engine that judges eight groups judges two
thousand runs at once.
"""

import sys
from functools import cache

import numpy as np
from scipy.special import expit

from healthml._core._intervals import z_value
from healthml.fairness._contrasts import (
    Claims,
    detectable_gap,
    holm,
    homogeneity,
    normal_model,
)
from healthml.fairness._estimates import Rows, gap_ends, gap_p_values, measure_groups
from healthml.fairness._performance.assemble import Judged, claims_of
from healthml.fairness._sums import GroupSums, sums_of_rows

Z = z_value(0.95)
THRESHOLD = 0.2
MEASURES = ("oe_ratio", "auroc", "sensitivity", "flagged_rate")


def draw(n_runs, n, seed, *, shift=0.0, spread=1.0):
    """Return outcomes, risks that are right but for a shift, and the run of each row."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.5, spread, n_runs * n)
    y = (rng.uniform(size=n_runs * n) < expit(odds + shift)).astype(np.int64)
    return y, expit(odds), np.repeat(np.arange(n_runs), n)


@cache
def truths(shift=0.0, spread=1.0, n=2_000_000):
    """Return the population's values of the measures."""
    y, risk, _ = draw(1, n, 99, shift=shift, spread=spread)
    rank = np.argsort(np.argsort(risk)) + 1.0
    n1 = y.sum()
    auc = (rank[y == 1].sum() - n1 * (n1 + 1) / 2) / (n1 * (n - n1))
    flagged = risk >= THRESHOLD
    values = {"oe_ratio": y.sum() / risk.sum(), "auroc": auc, "flagged_rate": flagged.mean()}
    return values | {"sensitivity": flagged[y == 1].mean()}


def judged(y, risk, code):
    """Return the sums and every measure of all runs, each as a group."""
    names = np.arange(code.max() + 1).astype(str)
    rows = Rows(y, risk[None], threshold=THRESHOLD, thresholds=np.array([THRESHOLD]))
    sums = sums_of_rows(names, code, y, rows.columns(MEASURES))
    return rows, sums, {m: _own(m, rows, code, sums) for m in MEASURES}


def _own(name, rows, code, sums):
    """Return the estimates of the groups alone, without everybody else of each."""
    if name == "auroc":
        from healthml.fairness._estimates import auroc_of_groups

        return auroc_of_groups(rows, code, len(sums.names))[0]
    return measure_groups(name, rows, code, sums).own


def coverage(n, n_runs, seed=0):
    """Return {measure: (coverage of the group, of the gap to a group twice as large)}."""
    first = judged(*draw(n_runs, n, [seed, n, 1]))[2]
    second = judged(*draw(n_runs, 2 * n, [seed, n, 2], shift=0.3))[2]
    true, other = truths(), truths(0.3)
    found = {}
    for name in MEASURES:
        lower, upper = first[name].ends(Z)
        known = np.isfinite(lower)
        inside = (lower <= true[name]) & (true[name] <= upper)
        _, low, high = gap_ends(first[name], second[name], np.zeros(n_runs), Z)
        scale = np.log if name == "oe_ratio" else np.asarray
        gap = scale(true[name]) - scale(other[name])
        both = np.isfinite(low)
        found[name] = inside[known].mean(), ((low <= gap) & (gap <= high))[both].mean()
    return found


def slices(sums, k):
    """Yield the sums of k runs at a time, as k groups."""
    for start in range(0, len(sums.names) - k + 1, k):
        at = slice(start, start + k)
        n = sums.n_samples[at]
        yield GroupSums(
            sums.names[at],
            sums.sums[at],
            sums.gram[at],
            n,
            sums.n_events[at],
            n,
            True,
            int(n.sum()),
            n.sum() - n,
        )


def size(n, k, n_runs, seed=1):
    """Return how often k alike groups are called unlike, at .05, by measure."""
    _, sums, found = judged(*draw(n_runs * k, n, [seed, n, k]))
    rates = {}
    for name in MEASURES:
        wrong = []
        for number, part in enumerate(slices(sums, k)):
            own = found[name].take(np.arange(number * k, number * k + k))
            measured = _Measured(name, own)
            scarce = np.minimum(part.n_events, part.n_samples - part.n_events)
            wrong.append(homogeneity(measured, part, scarce)["p_value"])
        wrong = np.array(wrong)
        rates[name] = (wrong[np.isfinite(wrong)] < 0.05).mean()
    return rates


class _Measured:
    """A measure and its own estimates, as the test wants them."""

    def __init__(self, name, own):
        self.name, self.own = name, own


def power(n, n_runs, seed=2):
    """Return how often the smallest detectable gap of two groups is found, by measure."""
    y, risk, code = draw(n_runs, n, [seed, n, 1])
    first = judged(y, risk, code)[2]
    second = judged(*draw(n_runs, 3 * n, [seed, n, 2]))[2]
    found, zero = {}, np.zeros(n_runs)
    gap = detectable_gap("oe_ratio", first["oe_ratio"], second["oe_ratio"], zero)
    wanted = float(np.median(gap))
    shift = _shift_for(np.exp(wanted))
    other = judged(*draw(n_runs, n, [seed, n, 3], shift=shift))[2]
    p = gap_p_values(other["oe_ratio"], second["oe_ratio"], zero)
    found["oe_ratio"] = (p < 0.05).mean(), np.exp(wanted)
    found["sensitivity"] = _power_of_shares(n, n_runs, seed, first, second)
    return found


def _shift_for(ratio):
    """Return the shift of the log odds that makes O:E this ratio."""
    low, high = 0.0, 3.0
    for _ in range(30):
        middle = (low + high) / 2
        rng = np.random.default_rng(5)
        odds = rng.normal(-1.5, 1, 200_000)
        reached = expit(odds + middle).mean() / expit(odds).mean()
        low, high = (middle, high) if reached < ratio else (low, middle)
    return middle


def _power_of_shares(n, n_runs, seed, first, second):
    """Draw true positives of a group whose sensitivity is lower by the smallest gap."""
    zero = np.zeros(n_runs)
    gap = detectable_gap("sensitivity", first["sensitivity"], second["sensitivity"], zero)
    wanted, true = float(np.nanmedian(gap)), truths()["sensitivity"]
    rng = np.random.default_rng([seed, n, 4])
    from dataclasses import replace

    bottom = first["sensitivity"].bottom
    top = rng.binomial(bottom.astype(int), true - wanted).astype(float)
    value = top / bottom
    low = replace(first["sensitivity"], top=top, value=value)
    p = gap_p_values(low, second["sensitivity"], zero)
    return (p < 0.05).mean(), wanted


def shrinkage(k, tau, n_runs, seed=3):
    """Return the coverage of empirical-Bayes intervals, averaged over groups."""
    rng = np.random.default_rng([seed, k, int(100 * tau)])
    inside = []
    for _ in range(n_runs):
        error = np.exp(rng.uniform(np.log(0.5), np.log(1.5), k))
        true = rng.normal(0, tau, k)
        found = normal_model(true + error * rng.normal(size=k), error)
        inside.append(((found[1] <= true) & (true <= found[2])).mean())
    return float(np.mean(inside))


CASE_MIX = {"alike": (1.0,) * 5, "one narrow": (0.3, 1, 1, 1, 1), "mixed": (0.3, 0.6, 1, 1.5, 2)}


def false_claims(n, case_mix, n_runs, seed=4):
    """Return how often right risks of five groups lead to any claim about a group."""
    wrong = 0
    for run in range(n_runs):
        rng = np.random.default_rng([seed, n, run])
        code = rng.choice(5, n, p=[0.4, 0.3, 0.15, 0.1, 0.05])
        odds = rng.normal(size=n) * np.array(CASE_MIX[case_mix])[code] - 1.5
        y = (rng.uniform(size=n) < expit(odds)).astype(np.int64)
        rows = Rows(y, expit(odds)[None])
        part = Judged("g", "", sums_of_rows(np.arange(5).astype(str), code, y, {}), codes=code)
        table = claims_of([part], Claims(rows), 0.95, 10)
        wrong += bool((holm(table["p_value"]) < 0.05).any())
    return wrong / n_runs


def print_intervals(n_runs):
    """Print coverage, size and power."""
    share = float(draw(1, 200_000, 7)[0].mean())
    for n in (60, 120, 300, 1200):
        found = coverage(n, n_runs)
        words = ", ".join(f"{m} {a:.3f} / {b:.3f}" for m, (a, b) in found.items())
        print(f"coverage, {n * share:.0f} events, of the group / of the gap: {words}", flush=True)
    for n, k in ((200, 3), (200, 8), (1000, 5)):
        rates = size(n, k, n_runs)
        words = ", ".join(f"{m} {value:.3f}" for m, value in rates.items())
        print(f"size, {k} groups of {n * share:.0f} events: {words}", flush=True)
    for n in (300, 1200):
        words = ", ".join(f"{m} {a:.3f} (gap {b:.3f})" for m, (a, b) in power(n, n_runs).items())
        print(f"power at the smallest detectable gap, {n * share:.0f} events: {words}", flush=True)


def print_shrinkage(n_runs):
    """Print the coverage of empirical-Bayes intervals."""
    for k in (5, 10, 30):
        values = [f"{tau:g}: {shrinkage(k, tau, n_runs):.3f}" for tau in (0, 0.5, 1, 2)]
        print(
            f"empirical Bayes, {k} groups, tau in standard errors: {', '.join(values)}", flush=True
        )


def print_claims(n_runs):
    """Print how often right risks lead to a claim."""
    for n in (150, 500, 2000):
        for mix in CASE_MIX:
            rate = false_claims(n, mix, n_runs)
            print(f"any claim on right risks, n {n}, case mix {mix}: {rate:.4f}", flush=True)


PARTS = {"intervals": print_intervals, "shrinkage": print_shrinkage, "claims": print_claims}


def main(n_runs, parts):
    """Print figures with the Monte-Carlo error of a share of .95."""
    print(f"{n_runs} runs; Monte-Carlo error of .95: {np.sqrt(0.05 * 0.95 / n_runs):.4f}")
    for part in parts:
        PARTS[part](n_runs)


if __name__ == "__main__":
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    main(runs, sys.argv[2:] or list(PARTS))
