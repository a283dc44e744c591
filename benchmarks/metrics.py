"""Speed of healthml.metrics against named peers, ratios in one run on one thread.

Run: ``OMP_NUM_THREADS=1 python benchmarks/metrics.py [--quick] [--dcurves PYTHON]``

Peers: pROC through ``Rscript`` (left out when absent), the Python package dcurves in this
interpreter or in the one named by ``--dcurves``, and scikit-learn. Times are processor seconds of
one process, the best of a few runs, so that another job on the machine changes little.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ratios import left_out, made
from sklearn.metrics import roc_auc_score

from healthml import metrics
from healthml._core._bootstrap import bootstrap
from healthml._core._sample import make_sample
from healthml.metrics._uncertainty.resampled import count_statistic

PROC = """
suppressMessages(library(pROC))
for (n in c(%s)) {
  d <- read.csv(file.path("%s", paste0(n, ".csv")))
  best <- Inf
  for (run in 1:%d) {
    start <- proc.time()
    r1 <- roc(d$y, d$p, quiet = TRUE, levels = c(0, 1), direction = "<")
    r2 <- roc(d$y, d$q, quiet = TRUE, levels = c(0, 1), direction = "<")
    middle <- proc.time()
    t <- roc.test(r1, r2, method = "delong", paired = TRUE)
    end <- proc.time()
    spent <- sum((end - start)[c("user.self", "sys.self")])
    test <- sum((end - middle)[c("user.self", "sys.self")])
    if (spent < best) { best <- spent; only <- test }
  }
  cat(n, best, only, unname(t$statistic), "\\n")
}
"""
DCURVES = """
import json, sys, time
import numpy as np, pandas as pd
from dcurves import dca
d = pd.read_csv(sys.argv[1])
at = [float(t) for t in np.arange(1, 101) / 101]
best = np.inf
for run in range(2):
    start = time.process_time()
    table = dca(data=d, outcome="y", modelnames=["p", "q"], thresholds=at)
    best = min(best, time.process_time() - start)
print(json.dumps({"seconds": best, "sum": float(table[table.model == "p"].net_benefit.sum())}))
"""


def rows(n, seed=0):
    """Simulate outcomes and the risks of two models."""
    random = np.random.RandomState(seed)
    logit = random.normal(-1.5, 1.2, n)
    y = (random.uniform(size=n) < 1 / (1 + np.exp(-logit))).astype(int)
    p, q = (1 / (1 + np.exp(-(logit + random.normal(0, s, n)))) for s in (0.3, 0.8))
    return pd.DataFrame({"y": y, "p": p, "q": q})


def seconds(function, runs=3):
    """Return the least processor seconds of some runs."""
    best = np.inf
    for _ in range(runs):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def line(what, ours, theirs, wanted):
    """Return one comparison: the peer's seconds in ours."""
    return made(what, theirs / ours, wanted, f"{ours:.4f} s, peer {theirs:.4f} s")


def delong(sizes, folder, runs):
    """Paired DeLong test against pROC."""
    tables = {n: rows(n) for n in sizes}
    ours = {}
    for n, d in tables.items():
        test = lambda d=d: metrics.delong_test(d["y"], d["p"], d["q"])  # noqa: E731
        ours[n] = (seconds(test, runs), test().to_frame()["statistic"][0])
    if shutil.which("Rscript") is None:
        yield left_out("DeLong paired, pROC", "Rscript is absent")
        return
    for n, d in tables.items():
        d.to_csv(folder / f"{n}.csv", index=False)
    script = PROC % (", ".join(f'"{n}"' for n in sizes), folder, min(runs, 2))
    answer = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True)
    for text in answer.stdout.splitlines():
        n, whole, only, z = text.split()
        mine, statistic = ours[int(n)]
        assert abs(statistic - float(z)) < 1e-6 * max(1, abs(statistic)), "different answers"
        what = f"DeLong paired, n = {int(n):,}, pROC"
        yield line(f"{what} roc + roc.test", mine, float(whole), ">= 5")
        yield line(f"{what} roc.test alone", mine, float(only), "")
    growth = [ours[n][0] / (n * np.log(n)) for n in sizes]
    what = "DeLong, seconds / (n log n), largest n / smallest"
    yield made(what, growth[-1] / growth[0])


def decision(n, folder, python):
    """Decision curve of two models over 100 thresholds against dcurves."""
    d, path = rows(n), folder / "dcurves.csv"
    d.to_csv(path, index=False)
    at = np.arange(1, 101) / 101
    curve = lambda: metrics.decision_curve(d["y"], {"p": d["p"], "q": d["q"]}, thresholds=at)  # noqa: E731
    ours = seconds(curve)
    answer = subprocess.run(
        [python, "-W", "ignore", "-c", DCURVES, str(path)], capture_output=True, text=True
    )
    if answer.returncode:
        yield left_out("decision curve, dcurves", f"dcurves is absent; ours takes {ours:.4f} s")
        return
    theirs = json.loads(answer.stdout.splitlines()[-1])
    mine = curve().to_frame().query("model == 'p'")["estimate"].sum()
    assert abs(mine - theirs["sum"]) < 1e-8 * abs(mine) + 1e-8, "different answers"
    what = f"decision curve, 2 models x 100 thresholds, n = {n:,}"
    yield line(what, ours, theirs["seconds"], ">= 20")


def whole_table(n):
    """All measures with intervals against the estimates alone."""
    d = rows(n)
    ask = lambda **o: metrics.performance(d["y"], d["p"], threshold=0.2, random_state=0, **o)  # noqa: E731
    points = seconds(lambda: ask(intervals=False), 3)
    ends = seconds(ask, 1)
    what = f"performance with intervals / estimates alone, n = {n:,}"
    return line(what, points, ends, "<= 20")


def resampled_auroc(n):
    """1,000 bootstraps of AUROC against resampling and roc_auc_score."""
    d = rows(n)
    y, p = d["y"].to_numpy(), d["p"].to_numpy()
    statistic = count_statistic(make_sample(y, p), ["auroc"])
    ours = seconds(lambda: bootstrap(statistic, n_samples=n, random_state=0), 1)
    random = np.random.RandomState(0)

    def theirs():
        for _ in range(100):
            chosen = random.randint(0, n, n)
            roc_auc_score(y[chosen], p[chosen])

    what = f"1,000 bootstraps of AUROC against roc_auc_score, n = {n:,}"
    return line(what, ours, 10 * seconds(theirs, 1), ">= 5")


def compare(*, quick=False, dcurves=sys.executable):
    """Run all comparisons; `quick` leaves the million rows out."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000)
        yield from delong(sizes, Path(folder), 3)
        yield from decision(100_000, Path(folder), dcurves)
    yield whole_table(100_000)
    for n in (1_000, 10_000, 100_000):
        yield resampled_auroc(n)


def main():
    """Print all comparisons."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="leave n = 1e6 out")
    parser.add_argument("--dcurves", default=sys.executable, help="interpreter that has dcurves")
    options = parser.parse_args()
    list(compare(quick=options.quick, dcurves=options.dcurves))


if __name__ == "__main__":
    main()
