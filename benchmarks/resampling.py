"""Samplers and the resampled classifier against imbalanced-learn, scikit-learn and the new peer.

``python benchmarks/resampling.py`` prints ratios measured in one run on one thread; ``--rows``
makes the tables smaller. imbalanced-calibrate is left out where it is not installed.
"""

import argparse
import gc
import importlib.util
import os
import time
import tracemalloc

import numpy as np
import pandas as pd
from imblearn import under_sampling
from imblearn.over_sampling import SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from ratios import left_out, made
from scipy.stats import norm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from healthml.resampling import MixedSMOTE, ResampledClassifier, TomekLinks

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def table(n, prevalence=0.08, seed=0):
    """Return 12 numbers and 8 categories, and a rare outcome."""
    rng = np.random.default_rng(seed)
    numbers = {f"lab{i}": rng.normal(size=n) for i in range(12)}
    levels = {f"word{i}": pd.Categorical(rng.choice(list("abcd"), n)) for i in range(8)}
    y = (numbers["lab0"] + 2 * rng.normal(size=n) > 2.236 * norm.isf(prevalence)).astype(int)
    return pd.DataFrame(numbers | levels), y


def seconds(call):
    """Return the processor time of a call and what it returned."""
    gc.collect()
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def report(what, ratio, wanted):
    """Return one comparison, of which less is better."""
    return made(what, ratio, f"<= {wanted}")


def smote(n):
    """Compare MixedSMOTE with SMOTENC, and its memory with its output."""
    X, y = table(n)
    own, (new_X, _) = seconds(lambda: MixedSMOTE(random_state=0).fit_resample(X, y))
    other, _ = seconds(
        lambda: SMOTENC(categorical_features="auto", random_state=0).fit_resample(X, y)
    )
    yield report(f"MixedSMOTE / SMOTENC, {n:,} x 20, seconds", own / other, 0.05)
    size = new_X.memory_usage(deep=True).sum()
    del new_X
    gc.collect()
    tracemalloc.start()
    MixedSMOTE(random_state=0).fit_resample(X, y)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield report("MixedSMOTE, most memory / its output", most / size, 1.6)


def tomek(n):
    """Compare the same links."""
    X, y = table(n)
    X = X.select_dtypes("number").to_numpy()
    sampler, peer = TomekLinks(), under_sampling.TomekLinks()
    own, _ = seconds(lambda: sampler.fit_resample(X, y))
    other, _ = seconds(lambda: peer.fit_resample(X, y))
    same = np.array_equal(sampler.sample_indices_, peer.sample_indices_)
    yield report(
        f"TomekLinks / imbalanced-learn's, {n:,} x 12, same rows: {same}", own / other, 0.15
    )


def classifiers(n):
    """Compare the time of a fit with that of CalibratedClassifierCV on the same pipeline."""
    X, y = table(n)
    X = X.select_dtypes("number").to_numpy()
    boosting = HistGradientBoostingClassifier(max_iter=50)
    for model, sampler, ensemble, wanted in (
        (LogisticRegression(), RandomOverSampler(), "single", 3),
        (LogisticRegression(), RandomUnderSampler(), "bagged", 10),
        (DecisionTreeClassifier(max_depth=6), RandomUnderSampler(), "bagged", 10),
        (boosting, RandomUnderSampler(), "bagged", 10),
    ):
        own = ResampledClassifier(model, sampler, ensemble=ensemble, random_state=0)
        pipeline = make_pipeline(sampler, model)
        mine, _ = seconds(lambda own=own: own.fit(X, y))
        theirs, _ = seconds(lambda p=pipeline: CalibratedClassifierCV(p, cv=5).fit(X, y))
        name = f"{type(model).__name__}, {type(sampler).__name__}, {ensemble}"
        name = f"{name}: fit / CalibratedClassifierCV"
        yield report(name, mine / theirs, wanted)
        if importlib.util.find_spec("imbcalibrate"):
            from imbcalibrate import PriorCalibratedClassifier

            peer, _ = seconds(lambda p=pipeline: PriorCalibratedClassifier(p).fit(X, y))
            yield made(f"{name.split(':')[0]}: fit / imbalanced-calibrate", mine / peer)
        else:
            yield left_out(f"{name.split(':')[0]}: imbalanced-calibrate", "it is not installed")


def compare(*, quick=False, rows=100_000, only=None):
    """Run all comparisons, or one part of them."""
    rows = min(rows, 20_000) if quick else rows
    few = min(rows, 20_000)
    parts = {"smote": (smote, rows), "tomek": (tomek, few), "classifiers": (classifiers, few)}
    for name, (part, n) in parts.items():
        if only in (None, name):
            yield from part(n)


def main():
    """Print all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--only", choices=["smote", "tomek", "classifiers"])
    asked = parser.parse_args()
    list(compare(rows=asked.rows, only=asked.only))


if __name__ == "__main__":
    main()
