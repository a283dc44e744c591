"""What imputation costs: CPU seconds of one thread, against mice and scikit-learn.

Half of the columns have 20% of their cells missing; m = 5, 10 rounds; imports and one small fit
stand outside the clock. Cells in which mice takes minutes are not run again: its seconds are
stored, or scaled up from fewer chains and rounds.

usage: python benchmarks/imputation.py [speed] [one-row] [levels] [memory] [million]
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

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


def speed():
    """Print seconds and ratios for each size."""
    for n, p in SMALL + LARGE:
        table = numbers(n, p)
        mine, auto = own(table, method="pmm"), own(table)
        line = f"{n:>7} x {p:<3} pmm {mine:7.2f} s  auto {auto:7.2f} s"
        if (n, p) in SMALL:
            rounds, chains = (10, 5) if p == 10 else (2, 1)
            theirs = mice(table, chains, rounds) * 50 / (rounds * chains)
        else:
            theirs = STORED.get((n, p))
        if theirs:
            line += f"  mice {theirs:8.1f} s ({mine / theirs:.3f})"
        if n * p <= 100_000:
            sklearn = posterior(table)
            line += f"  scikit-learn {sklearn:6.1f} s ({mine / sklearn:.3f})"
        print(line, flush=True)


def one_row():
    """Print what one new patient costs."""
    for n, p in ((1_000, 20), (1_000, 50)):
        table = numbers(n, p)
        imputer = ChainedImputer(random_state=0).fit(table)
        most = table.iloc[[int(table.isna().sum(axis=1).argmax())]]
        once = 1e3 * np.array([cpu(imputer.transform, most) for _ in range(200)])
        gaps = int(most.isna().sum(axis=1).iloc[0])
        line = f"one row of {p} cells, {gaps} missing: best {once.min():.2f} ms"
        print(f"{line}, median {np.median(once):.2f} ms", flush=True)


def categories():
    """Print seconds and ratios for nominal and ordered columns."""
    for ordered in (False, True):
        table = levels(2_000, ordered)
        mine, theirs = own(table, n_iter=4), mice(table, 1, 4) * 5
        name = "polr" if ordered else "polyreg"
        print(f"{name}: {mine:.2f} s, mice {theirs:.1f} s ({mine / theirs:.3f})", flush=True)


def memory(n=200_000, p=20, m=5):
    """Print the peak of the resident memory in tables."""
    table = numbers(n, p)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = cpu(lambda: ChainedImputer(m=m, random_state=0).fit_transform_multiple(table))
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    size = n * p * 8
    print(f"{n} x {p}, m={m}: {seconds:.1f} s, {more / size:.1f} tables, of them {m} results")
    print(f"peak of the process {(before + more) / 2**30:.2f} GiB", flush=True)


def million():
    """Print time and memory of a million rows."""
    memory(1_000_000, 20, 5)


if __name__ == "__main__":
    parts = {"speed": speed, "one-row": one_row, "levels": categories, "memory": memory}
    parts["million"] = million
    warnings.simplefilter("ignore")
    own(numbers(200, 6))
    for part in sys.argv[1:] or parts:
        parts[part]()
