"""Speed of healthml.validation against plain loops and rms::validate, ratios in one run.

Run: ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/validation.py [--quick]``

Peers: the loop that one writes with scikit-learn (fit on the resample, AUC and Brier score on it
and on all rows), rms::validate through ``Rscript`` (left out when absent), and bare refits of the
same estimator. Times are processor seconds of one process on one thread, the best of a few runs
taken in turn, so that another job on the machine changes little; scaling with jobs needs wall time
and a quiet machine. The dask line needs ``dask`` and ``distributed`` and is left out when absent.
"""

import argparse
import importlib.util
import shutil
import subprocess
import tempfile
import time
import warnings
from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import parallel_config
from ratios import left_out, made
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from healthml.validation._refits.refit import Resample, iterate_refits
from healthml.validation._validate.validate import validate

RMS = """
suppressMessages(library(rms))
d <- read.csv("%s")
f <- lrm(y ~ ., data = d, x = TRUE, y = TRUE)
set.seed(1)
start <- proc.time()
v <- validate(f, B = %d)
spent <- sum((proc.time() - start)[c("user.self", "sys.self")])
cat(spent, (v["Dxy", "index.corrected"] + 1) / 2, "\\n")
"""
LOGISTIC = LogisticRegression(C=np.inf, max_iter=1000)


def cohort(n, p=20, seed=0):
    """Simulate columns and outcomes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    logit = X @ (0.5 / np.arange(1, p + 1) ** 0.5) - 1.2
    return X, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)


def in_turn(*functions, runs=3, clock=time.process_time):
    """Return the least seconds of each function over some runs, taken in turn."""
    best = np.full(len(functions), np.inf)
    for _ in range(runs):
        for place, function in enumerate(functions):
            start = clock()
            function()
            best[place] = min(best[place], clock() - start)
    return best


def line(what, ours, theirs, wanted=""):
    """Return one comparison: our seconds in the peer's."""
    return made(what, ours / theirs, wanted, f"{ours:.3f} s, peer {theirs:.3f} s")


def plain_loop(X, y, draws):
    """Optimism of AUC and Brier score as one writes it with scikit-learn."""
    change = []
    for rows in draws:
        model = clone(LOGISTIC).fit(X[rows], y[rows])
        on_own = model.predict_proba(X[rows])[:, 1]
        on_all = model.predict_proba(X)[:, 1]
        change.append(
            (
                roc_auc_score(y[rows], on_own) - roc_auc_score(y, on_all),
                brier_score_loss(y[rows], on_own) - brier_score_loss(y, on_all),
            )
        )
    whole = clone(LOGISTIC).fit(X, y).predict_proba(X)[:, 1]
    apparent = np.array([roc_auc_score(y, whole), brier_score_loss(y, whole)])
    return apparent - np.mean(change, axis=0)


def logistic(n, resamples, most, folder):
    """Fast path against the loop and against R."""
    X, y = cohort(n)
    rng = np.random.default_rng(1)
    draws = [rng.integers(0, n, n) for _ in range(resamples)]
    part = draws[: resamples // 5]

    def fast(**options):
        return validate(LOGISTIC, X, y, method="optimism", resamples=draws, **options)

    two = {"measures": ["auroc", "brier"]}
    same, default, loop = in_turn(
        lambda: fast(**two), fast, lambda: plain_loop(X, y, part), runs=2 if n > 5_000 else 3
    )
    loop *= resamples / len(part)
    found = validate(LOGISTIC, X, y, method="optimism", resamples=part, **two).to_frame()
    gap = np.abs(found["corrected"].to_numpy()[:2] - plain_loop(X, y, part)).max()
    assert gap < 1e-4, f"different answers: {gap}"
    what = f"logistic, B = {resamples}, p = 20, n = {n:,}"
    wanted = f"<= {most:.2g}"
    yield line(f"{what}: AUC and Brier / scikit-learn loop", same, loop, wanted)
    yield line(f"{what}: all default measures / the same loop", default, loop, wanted)
    if shutil.which("Rscript") is None:
        yield left_out(f"{what}: rms::validate", "Rscript is absent")
        return
    path = folder / "cohort.csv"
    pd.DataFrame(X).assign(y=y).to_csv(path, index=False)
    fewer = max(20, resamples // 10)
    script = RMS % (path, fewer)
    answer = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True)
    spent = float(answer.stdout.split()[0]) * resamples / fewer
    what = f"{what}: all default measures / rms::validate"
    yield line(what, default, spent, "<= 0.067")


def overhead(name, estimator, resamples=20, n=1_000, runs=3):
    """Any other estimator against its bare refits; the rest in ms for each resample."""
    X, y = cohort(n)
    rng = np.random.default_rng(2)
    draws = [rng.integers(0, n, n) for _ in range(resamples)]

    def bare():
        clone(estimator).fit(X, y).predict_proba(X)
        for rows in draws:
            clone(estimator).fit(X[rows], y[rows]).predict_proba(X)

    def ours(**options):
        validate(estimator, X, y, method="oob", resamples=draws, random_state=0, **options)

    def refits():
        every = np.arange(n)
        coming = (Resample(rows, every, k, k) for k, rows in enumerate(draws))
        deque(iterate_refits(estimator, X, y, coming), maxlen=0)

    two = {"measures": ["auroc", "brier"]}
    runs = in_turn(ours, lambda: ours(**two), refits, bare, runs=runs)
    parts = "nine measures with intervals", "AUC and Brier score with intervals", "refits alone"
    for part, spent in zip(parts, runs[:3], strict=True):
        rest = 1000 * np.array([spent - runs[3], runs[3]]) / resamples
        what = f"{name}, B = {resamples}, n = {n:,}, {part} / bare refits"
        what += f" ({rest[0]:+.2f} ms on {rest[1]:.2f} ms)"
        yield line(what, spent, runs[3], "<= 1.10")


def two_jobs(estimator, resamples=40, n=1_000):
    """Wall time with one and with two jobs."""
    X, y = cohort(n)

    def ours(n_jobs):
        asked = {"method": "oob", "n_resamples": resamples, "random_state": 0}
        return validate(estimator, X, y, n_jobs=n_jobs, **asked)

    ours(2)  # the workers start and import
    one, two = in_turn(lambda: ours(1), lambda: ours(2), runs=2, clock=time.perf_counter)
    what = f"forest, B = {resamples}, n = {n:,}: wall time, one job / two jobs"
    yield line(what, one, two, ">= 1.7")
    assert ours(1).to_frame().equals(ours(2).to_frame()), "two jobs give another table"


def dask_cluster(estimator, n=500):
    """Compare the tables with and without a Dask cluster of two processes."""
    if importlib.util.find_spec("distributed") is None:
        yield left_out("a Dask cluster gives the same table", "dask is absent")
        return
    from distributed import Client

    X, y = cohort(n)
    asked = {"n_resamples": 10, "random_state": 0}
    for method in ("oob", "repeated_cv"):
        alone = validate(estimator, X, y, method=method, **asked).to_frame()
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with Client(**options), parallel_config(backend="dask"):
            together = validate(estimator, X, y, method=method, **asked).to_frame()
        what = f"a Dask cluster gives the same table, method {method!r}"
        yield made(what, alone.equals(together), ">= 1")


PARTS = ("logistic", "overhead", "jobs", "dask")


def compare(*, quick=False, only=PARTS):
    """Run all comparisons, or the parts named; `quick` takes 100 resamples and no n = 20,000."""
    warnings.simplefilter("ignore")
    forest = RandomForestClassifier(n_estimators=50, random_state=0)
    if "logistic" in only:
        resamples = 100 if quick else 500
        with tempfile.TemporaryDirectory() as folder:
            yield from logistic(2_000, resamples, 1 / 10, Path(folder))
            if not quick:
                yield from logistic(20_000, resamples, 1 / 3, Path(folder))
    if "overhead" in only:
        boosting = HistGradientBoostingClassifier(max_iter=50, random_state=0)
        yield from overhead("boosting", boosting)
        yield from overhead("forest", forest)
        small = {"resamples": 500, "n": 500, "runs": 9}
        tree = DecisionTreeClassifier(max_depth=3, random_state=0)
        yield from overhead("tree of depth 3", tree, **small)
        yield from overhead("naive Bayes", GaussianNB(), **small)
        steps = SimpleImputer(), StandardScaler(), LogisticRegression(C=1)
        yield from overhead("imputer, scaler, ridge", make_pipeline(*steps), **small)
    if "jobs" in only:
        yield from two_jobs(forest)
    if "dask" in only:
        yield from dask_cluster(forest)


def main():
    """Print all comparisons."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="100 resamples, no n = 20,000")
    parser.add_argument("--only", nargs="*", default=PARTS, choices=PARTS)
    options = parser.parse_args()
    list(compare(quick=options.quick, only=options.only))


if __name__ == "__main__":
    main()
