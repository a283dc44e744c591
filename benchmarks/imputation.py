"""What imputation costs: CPU seconds of one thread, against mice and scikit-learn.

Half of the columns have 20% of their cells missing; m = 5, 10 rounds; imports and one small fit
stand outside the clock. Cells in which mice takes minutes are not run again: its seconds are
stored, or scaled up from fewer chains and rounds.

usage: python benchmarks/imputation.py [speed] [one-row] [levels] [memory] [million]
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from ratios import left_out, made

from healthml.imputation import ChainedImputer

# CPU seconds of mice 3.15 with R 4.2.2 on one thread. The largest was measured when the imputer was
# planned, on a machine that was not written down, so its ratio is a rough one; the others once and
# whole (m = 5, 10 rounds), on one of two virtual cores of an AMD EPYC that had other work beside it
STORED = {(10_000, 50): 110.0, (100_000, 10): 44.4, (100_000, 50): 1150.0}
SMALL = [(1_000, 10), (1_000, 50), (10_000, 10)]
LARGE = [(10_000, 50), (100_000, 10), (100_000, 50)]
MICE = """
suppressMessages(library(mice)); a <- commandArgs(TRUE)
d <- read.csv(a[1], stringsAsFactors = TRUE); m <- as.integer(a[2]); k <- as.integer(a[3])
for (j in names(d)) if (is.factor(d[[j]]) && startsWith(j, "o")) d[[j]] <- ordered(d[[j]])
meth <- make.method(d); num <- sapply(d, is.numeric) & meth != ""; meth[num] <- "pmm"
t <- proc.time(); invisible(mice(d, m = m, maxit = k, method = meth, printFlag = FALSE, seed = 1))
cat(sum((proc.time() - t)[1:2]))
"""


def numbers(n, p, seed=0):
    """Correlated numbers, half of the columns with gaps."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + rng.normal(size=(n, p))
    gone = rng.random((n, p)) < 0.2
    gone[:, p // 2 :] = False
    cells[gone] = np.nan
    return pd.DataFrame(cells, columns=[f"c{k}" for k in range(p)])


def levels(n, ordered, seed=0):
    """Numbers and three columns of four levels with gaps."""
    rng = np.random.default_rng(seed)
    table = numbers(n, 8, seed).iloc[:, 4:]
    for k in range(3):
        line = table.iloc[:, k].to_numpy() / 2 + rng.logistic(size=n)
        codes = np.digitize(line, [-1.5, 0, 1.5])
        cells = pd.Categorical.from_codes(codes, list("abcd"), ordered=ordered)
        table[f"{'o' if ordered else 'n'}{k}"] = pd.Series(cells).mask(rng.random(n) < 0.2)
    return table


def cpu(work, *args, **options):
    """Return the CPU seconds of a call."""
    start = time.process_time()
    work(*args, **options)
    return time.process_time() - start


def mice(table, m=5, n_iter=10):
    """Return the CPU seconds of mice, from one chain and few rounds where that is long."""
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(f"{folder}/in.csv", index=False, na_rep="NA")
        Path(f"{folder}/run.R").write_text(MICE)
        call = ["Rscript", f"{folder}/run.R", f"{folder}/in.csv", str(m), str(n_iter)]
        return float(subprocess.run(call, capture_output=True, text=True, check=True).stdout)


def posterior(table):
    """Return the CPU seconds of five posterior imputations by scikit-learn."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    options = {"sample_posterior": True, "max_iter": 10}
    chains = [IterativeImputer(**options, random_state=k) for k in range(5)]
    return cpu(lambda: [one.fit_transform(table) for one in chains])


def own(table, **options):
    """Return the CPU seconds of healthml's completed training tables."""
    return cpu(lambda: ChainedImputer(random_state=0, **options).fit_transform_multiple(table))


def speed(sizes=None):
    """Compare with mice and scikit-learn at each size."""
    for n, p in sizes or SMALL + LARGE:
        table, size = numbers(n, p), f"{n:,} x {p}"
        mine, auto = own(table, method="pmm"), own(table)
        theirs, source = STORED.get((n, p)), "stored"
        if (n, p) in SMALL and shutil.which("Rscript"):
            rounds, chains = (10, 5) if p == 10 else (2, 1)
            theirs, source = mice(table, chains, rounds) * 50 / (rounds * chains), "in this run"
        if theirs is None:
            yield left_out(f"multiple imputation, pmm / mice, {size}", "Rscript is absent")
        else:
            detail = f"{mine:.2f} s (auto {auto:.2f} s), mice {theirs:.1f} s {source}"
            what = f"multiple imputation, pmm / mice, {size}"
            yield made(what, mine / theirs, "<= 0.1", detail)
        if n * p <= 100_000:
            what = f"multiple imputation, pmm / five of IterativeImputer, {size}"
            yield made(what, mine / posterior(table))


def one_row():
    """Time one new patient."""
    for n, p in ((1_000, 20), (1_000, 50)):
        table = numbers(n, p)
        imputer = ChainedImputer(random_state=0).fit(table)
        most = table.iloc[[int(table.isna().sum(axis=1).argmax())]]
        once = 1e3 * np.array([cpu(imputer.transform, most) for _ in range(200)])
        gaps = int(most.isna().sum(axis=1).iloc[0])
        what = f"one new row of {p} cells, {gaps} missing, milliseconds"
        yield made(what, np.median(once), "<= 5", f"best {once.min():.2f} ms")


def categories():
    """Compare nominal and ordered columns."""
    for ordered in (False, True):
        name = "polr" if ordered else "polyreg"
        if shutil.which("Rscript") is None:
            yield left_out(f"{name} / mice", "Rscript is absent")
            continue
        table = levels(2_000, ordered)
        mine, theirs = own(table, n_iter=4), mice(table, 1, 4) * 5
        yield made(f"{name} / mice", mine / theirs, "<= 0.1", f"{mine:.2f} s, mice {theirs:.1f} s")


def memory(n=200_000, p=20, m=5):
    """Measure the peak of the resident memory in tables."""
    table = numbers(n, p)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = cpu(lambda: ChainedImputer(m=m, random_state=0).fit_transform_multiple(table))
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    detail = f"{seconds:.1f} s, {more / (n * p * 8):.1f} tables, of them {m} results"
    yield made(f"{n:,} x {p}, m = {m}, peak in GiB", (before + more) / 2**30, "<= 6", detail)


def million():
    """Measure time and memory of a million rows."""
    yield from memory(1_000_000, 20, 5)


PARTS = {
    "speed": speed,
    "one-row": one_row,
    "levels": categories,
    "memory": memory,
    "million": million,
}


def compare(*, quick=False, only=None):
    """Run all comparisons, or the parts named; `quick` takes the small sizes alone."""
    warnings.simplefilter("ignore")
    own(numbers(200, 6))
    if quick:
        yield from speed(SMALL[:1])
        yield from one_row()
        return
    for name in only or PARTS:
        yield from PARTS[name]()


if __name__ == "__main__":
    list(compare(only=sys.argv[1:]))
