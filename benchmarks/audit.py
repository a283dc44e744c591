"""How long an audit takes against one cross-validation of the same model, and on wide tables.

``python benchmarks/audit.py`` runs four measurements, each task in a process of its own on one
thread: ``long`` (rows x 20 columns, as a multiple of one 5-fold cross-validation in the same run,
its folds drawn beforehand; processor time), ``wide`` (50 rows, 1,000 and 5,000 columns; processor
time), ``jobs`` (one and two jobs; wall time) and ``hospital`` (diabetes130 of HEALTHML_SHARED, as a
multiple of one 5-fold cross-validation of the same model, and memory). ``--only`` takes one of
them, ``--rows`` makes the long table smaller and ``--profile`` prints where the time goes.
"""

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ratios import left_out, made
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODELS = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": lambda: HistGradientBoostingClassifier(random_state=0),
}
WANTED = {"long": 25.0, "wide": 60.0, "jobs": 1.5, "hospital": 25.0}
HOSPITAL = Path(os.environ.get("HEALTHML_SHARED", "../shared")) / (
    "data/diabetes130/diabetic_data.csv.gz"
)


def table(n, p, seed=0):
    """Return features, outcome and patients: n rows, p columns, every third informative."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=[f"lab_{j}" for j in range(p)])
    X["lab_0"] = rng.integers(18, 95, n)
    X = X.rename(columns={"lab_0": "age"})
    strength = np.where(np.arange(p) % 3 == 0, 0.4, 0.0) / max(1, p / 20) ** 0.5
    z = (X.to_numpy() - X.to_numpy().mean(axis=0)) / X.to_numpy().std(axis=0)
    y = (rng.random(n) < 1 / (1 + np.exp(2.0 - z @ strength))).astype(int)
    if n < 100:  # both outcomes in every fold
        y = (np.argsort(np.argsort(z @ strength + rng.logistic(size=n))) >= 0.6 * n).astype(int)
    groups = rng.integers(0, max(n // 2, 2), n) if n >= 1000 else np.arange(n)
    return X, y, groups


def run(model, n, p, jobs, show):
    """Time the audit and one cross-validation in this process; print the seconds."""
    import healthml

    X, y, groups = table(n, p)
    estimator = MODELS[model]()
    patients = np.unique(groups, return_inverse=True)[1]
    fold = np.random.default_rng(1).integers(0, 5, patients.max() + 1)[patients]
    splits = PredefinedSplit(fold if n >= 1000 else np.argsort(np.argsort(y, kind="stable")) % 5)
    folds = []
    for _ in range(2):
        start = time.process_time()
        cross_val_predict(estimator, X, y, cv=splits, method="predict_proba")
        folds.append(time.process_time() - start)
    healthml.audit(estimator, X[:40].iloc[:, :3], np.arange(40) % 2, random_state=0)  # imports
    profile = cProfile.Profile(time.process_time)
    wall, work = time.perf_counter(), time.process_time()
    if show:
        profile.enable()
    healthml.audit(estimator, X, y, groups=groups, n_jobs=jobs, random_state=0)
    profile.disable()
    answer = {"wall": time.perf_counter() - wall, "work": time.process_time() - work}
    if show:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(110)
    print(json.dumps({**answer, "folds": min(folds)}))


def run_hospital():
    """Time the audit of diabetes130 and one cross-validation of its model; print the seconds."""
    import healthml
    from healthml.validation import default_model

    table = pd.read_csv(HOSPITAL, keep_default_na=False, low_memory=False)
    roles = {"groups": "patient_nbr", "sensitive_features": ["race", "gender", "age"]}
    few = table.iloc[:400].drop(columns="patient_nbr")
    healthml.audit(None, few, "readmitted", event="<30", n_repeats=1, random_state=0)  # imports
    start = time.process_time()
    healthml.audit(None, table, "readmitted", event="<30", n_repeats=1, random_state=0, **roles)
    work = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    X, patient = table.drop(columns=["readmitted", "patient_nbr"]), table["patient_nbr"]
    y, folds = (table["readmitted"] == "<30").astype(int).to_numpy(), []
    for _ in range(2):
        start = time.process_time()
        split = {"cv": GroupKFold(5), "groups": patient, "method": "predict_proba"}
        cross_val_predict(default_model(), X, y, **split)
        folds.append(time.process_time() - start)
    print(json.dumps({"work": work, "folds": min(folds), "GiB": memory, "rows": len(table)}))


def measure(model, n, p, jobs=1, show=False):
    """Run one task in a process of its own and return its seconds."""
    command = [sys.executable, __file__, "--task", model, str(n), str(p), str(jobs)]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    options = {"stdout": subprocess.PIPE, "text": True, "check": True}
    options["env"] = {**one_thread, **os.environ}
    found = subprocess.run([*command, *(["--profile"] if show else [])], **options)
    return json.loads(found.stdout.splitlines()[-1])


def line(what, ratio, kind, seconds):
    """Return one comparison."""
    sign = ">=" if kind == "jobs" else "<="
    return made(what, ratio, f"{sign} {WANTED[kind]:g}", seconds)


def compare(*, quick=False, rows=100_000, only=None, profile=False):
    """Run the measurements, or one of them."""
    rows = min(rows, 10_000) if quick else rows
    kinds = list(WANTED) if only is None else [only]
    if "long" in kinds:
        for model in MODELS:
            r = measure(model, rows, 20, show=profile)
            words = f"{r['work']:.1f} s / {r['folds']:.2f} s"
            what = f"audit / one 5-fold cross-validation, {model}, {rows:,} x 20"
            yield line(what, r["work"] / r["folds"], "long", words)
    if "wide" in kinds:
        for p in (1000,) if quick else (1000, 5000):
            r = measure("logistic", 50, p, show=profile)
            what = f"audit, logistic, 50 x {p:,}, seconds of processor time"
            yield line(what, r["work"], "wide", "")
    if "jobs" in kinds:
        for model in MODELS:
            one, two = (measure(model, rows, 20, jobs)["wall"] for jobs in (1, 2))
            yield line(f"audit, {model}, one job / two", one / two, "jobs", f"{one:.1f} s")

    if "hospital" in kinds and not quick:
        what = "audit / one 5-fold cross-validation, diabetes130"
        if not HOSPITAL.exists():
            yield left_out(what, "HEALTHML_SHARED names no folder with its table")
            return
        r = measure("hospital", 0, 0)
        words = f"{r['work']:.1f} s / {r['folds']:.2f} s, {r['rows']:,} rows, {r['GiB']:.2f} GiB"
        yield line(what, r["work"] / r["folds"], "hospital", words)


def main():
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--only", choices=list(WANTED), default=None)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--task", nargs=4, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        model, *sizes = options.task
        if model == "hospital":
            return run_hospital()
        return run(model, *map(int, sizes), options.profile)
    list(compare(rows=options.rows, only=options.only, profile=options.profile))
    return None


if __name__ == "__main__":
    main()
