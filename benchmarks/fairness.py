"""Ratios of time: group metrics with intervals against fairlearn and a loop of scikit-learn.

    python benchmarks/fairness.py [n_rows]

Prints processor time, in one process and one thread, of the same questions in one run.
"""

import importlib.util
import sys
import time
import warnings

import numpy as np
from ratios import left_out, made
from sklearn.metrics import roc_auc_score

from healthml.fairness import group_performance

MEASURES = [
    "event_rate",
    "flagged_rate",
    "sensitivity",
    "specificity",
    "false_positive_rate",
    "false_negative_rate",
    "ppv",
    "npv",
    "accuracy",
    "net_benefit",
]
N_GROUPS, N_RESAMPLES, THRESHOLD = 8, 2000, 0.2
_LOOPS = 5  # bootstraps of the loop, which is slow
_USUAL = 200  # bootstraps that a standard error takes


def rows(n, seed=0):
    """Return outcomes, risks, groups and patients of about three rows each."""
    rng = np.random.default_rng(seed)
    risk = rng.beta(1.5, 6, n)
    y = (rng.uniform(size=n) < risk).astype(int)
    patient = rng.integers(0, n // 3, n)
    return y, risk, np.array([f"g{k}" for k in range(N_GROUPS)])[patient % N_GROUPS], patient


def seconds(function):
    """Return the processor time of a call, and what it returned."""
    start = time.process_time()
    answer = function()
    return time.process_time() - start, answer


def count_metrics(y, risk, group, patient=None):
    """Ten measures by group with gaps and tests, and 2,000 bootstraps."""
    found = group_performance(
        y, risk, {"g": group}, threshold=THRESHOLD, measures=MEASURES, groups=patient
    )
    return found.bootstrap(n_resamples=N_RESAMPLES, random_state=0)


def fairlearn_metrics(y, risk, group):
    """The same ten measures in fairlearn's MetricFrame, once."""
    from fairlearn import metrics as fm
    from sklearn import metrics as sk

    def npv(y, flags):
        return sk.precision_score(1 - y, 1 - flags, zero_division=0)

    def net_benefit(y, flags):
        odds = THRESHOLD / (1 - THRESHOLD)
        return float(np.mean(flags * y - odds * flags * (1 - y)))

    wanted = {
        "event_rate": lambda y, flags: float(np.mean(y)),
        "flagged_rate": fm.selection_rate,
        "sensitivity": fm.true_positive_rate,
        "specificity": fm.true_negative_rate,
        "false_positive_rate": fm.false_positive_rate,
        "false_negative_rate": fm.false_negative_rate,
        "ppv": lambda y, flags: sk.precision_score(y, flags, zero_division=0),
        "npv": npv,
        "accuracy": sk.accuracy_score,
        "net_benefit": net_benefit,
    }
    flags = (risk >= THRESHOLD).astype(int)
    return fm.MetricFrame(metrics=wanted, y_true=y, y_pred=flags, sensitive_features=group).by_group


def auc_by_group(y, risk, group, patient):
    """AUC of each group with Obuchowski's interval for patients."""
    from healthml.fairness._attributes import find_partitions
    from healthml.fairness._estimates import Rows, auroc_of_groups

    part = find_partitions({"g": group}, len(y))[0]
    found, _ = auroc_of_groups(Rows(y, risk[None], None, patient), part.codes, len(part.names))
    return found.value, found.ends(1.96)


def auc_loop(y, risk, group, patient, n_resamples):
    """AUC of each group by scikit-learn, with an interval from whole patients redrawn."""
    rng, found = np.random.default_rng(0), []
    for name in np.unique(group):
        own = np.flatnonzero(group == name)
        codes = np.unique(patient[own], return_inverse=True)[1]
        order, counts = np.argsort(codes, kind="stable"), np.bincount(codes)
        starts = np.cumsum(counts) - counts
        drawn = []
        for _ in range(n_resamples):
            chosen = rng.integers(0, len(counts), len(counts))
            size = counts[chosen]
            steps = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
            at = own[order[np.repeat(starts[chosen], size) + steps]]
            drawn.append(roc_auc_score(y[at], risk[at]))
        found.append((roc_auc_score(y[own], risk[own]), *np.quantile(drawn, [0.025, 0.975])))
    return found


def auc_alone(y, risk, group):
    """AUC of each group by scikit-learn, without any interval."""
    return [roc_auc_score(y[own], risk[own]) for g in np.unique(group) for own in [group == g]]


def compare(*, quick=False, n=None):
    """Run all comparisons on `n` rows."""
    warnings.simplefilter("ignore")
    n = n or (100_000 if quick else 1_000_000)
    y, risk, group, patient = rows(n)
    count_metrics(*rows(2000)[:3])  # what is imported when first used
    plain, drawn = seconds(lambda: count_metrics(y, risk, group))
    clustered, _ = seconds(lambda: count_metrics(y, risk, group, patient))
    what = f"{n:,} rows x {len(MEASURES)} measures x {N_GROUPS} groups"
    if importlib.util.find_spec("fairlearn"):
        theirs, frame = seconds(lambda: fairlearn_metrics(y, risk, group))
        wide = drawn.pivot(index="group", columns="measure", values="estimate")
        gap = float(np.abs(wide[list(frame.columns)].to_numpy() - frame.to_numpy(float)).max())
        assert gap < 1e-9, f"different answers: {gap}"
        for name, own in (("", plain), (" of patients", clustered)):
            yield made(
                f"{what}: {N_RESAMPLES} bootstraps{name} / fairlearn once",
                own / theirs,
                detail=f"{own:.2f} s, peer {theirs:.2f} s",
            )
    else:
        yield left_out(what, "fairlearn is not installed")
    ours, _ = seconds(lambda: auc_by_group(y, risk, group, patient))
    loop, _ = seconds(lambda: auc_loop(y, risk, group, patient, _LOOPS))
    alone, _ = seconds(lambda: auc_alone(y, risk, group))
    what = f"{n:,} rows: AUC by group with patients' intervals"
    yield made(f"{what} / scikit-learn without any", ours / alone)
    usual = alone + (loop - alone) / _LOOPS * _USUAL
    share = f"from {_LOOPS} of them"
    yield made(f"{what} / scikit-learn and {_USUAL} bootstraps", ours / usual, "<= 0.1", share)


if __name__ == "__main__":
    list(compare(n=int(sys.argv[1]) if len(sys.argv) > 1 else None))
