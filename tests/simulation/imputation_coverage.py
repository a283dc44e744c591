"""Coverage of 95% intervals after imputation.

The protocol is docs/simulations/imputation_coverage.md.

usage: python imputation_coverage.py NAME METHOD [--sims 500] [--first 0] [--seed 2] [--out FILE]
METHOD: full, mice, or a method of ChainedImputer ("auto", "pmm", "cart", ...)
       python imputation_coverage.py --table FILE...
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import beta, t

from healthml.imputation import ChainedImputer

sys.path.insert(0, str(Path(__file__).parent))
from imputation_populations import population

WORKER = Path(__file__).parents[1] / "reference/imputation_mice.R"


def fit(X, y):
    """Return logistic coefficients and their variances by Newton's method on scaled columns."""
    scale = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    Z, coef = X / scale, np.zeros(X.shape[1])
    dead = np.append(False, X[:, 1:].std(axis=0) == 0)
    for _ in range(40):
        risk = expit(Z @ coef)
        information = (Z * np.maximum(risk * (1 - risk), 1e-10)[:, None]).T @ Z
        information += 1e-9 * np.eye(len(coef))
        step = np.linalg.solve(information, Z.T @ (y - risk))
        coef = coef + step
        if np.abs(step).max() < 1e-9:
            break
    return np.where(dead, np.nan, coef / scale), np.diag(np.linalg.inv(information)) / scale**2


def pooled(estimates, variances, df):
    """Return the pooled estimates and half widths of 95% intervals (Barnard and Rubin 1999)."""
    m, middle, within = len(estimates), estimates.mean(axis=0), variances.mean(axis=0)
    if m == 1:
        return middle, t.ppf(0.975, df) * np.sqrt(within)
    between = (1 + 1 / m) * estimates.var(axis=0, ddof=1)
    total = within + between
    share = np.maximum(between / total, 1e-4)
    old, observed = (m - 1) / share**2, (df + 1) / (df + 3) * df * (1 - share)
    return middle, t.ppf(0.975, old * observed / (old + observed)) * np.sqrt(total)


def complete(who, method, gaps, seeds):
    """Return m completed tables for each table with gaps."""
    if method == "mice":
        return _mice(who, gaps, seeds)
    found = []
    for table, seed in zip(gaps, seeds, strict=True):
        imputer = ChainedImputer(method, ordered=who.ordered, random_state=seed)
        found.append(imputer.fit_transform_multiple(table))
    return found


def _mice(who, gaps, seeds):
    factors = list(who.rows.select_dtypes("category"))
    with tempfile.TemporaryDirectory() as folder:
        joined = pd.concat([one.assign(sim=k) for k, one in enumerate(gaps)])
        joined.to_csv(f"{folder}/in.csv", index=False)
        call = ["Rscript", WORKER, f"{folder}/in.csv", f"{folder}/out.csv", "5", "5", str(seeds[0])]
        call += [",".join(factors) or "-", ",".join(who.ordered) or "-"]
        subprocess.run(call, check=True, capture_output=True)
        done = pd.read_csv(f"{folder}/out.csv")
    for name in factors:
        done[name] = pd.Categorical(done[name], categories=who.rows[name].cat.categories)
    return [
        [part for _, part in of_sim.groupby("imp")] for _, of_sim in done.groupby("sim", sort=True)
    ]


def run(name, method, first, sims, seed):
    """Return one row per simulation and term: estimate, half width, truth, spread of cells."""
    who, rows = population(name), []
    truth = fit(who.design(who.rows)[0], who.rows["y"].to_numpy(float))[0]
    for start in range(first, first + sims, 25):
        numbers = range(start, min(start + 25, first + sims))
        pairs = [who.sample(np.random.default_rng([seed, k])) for k in numbers]
        seeds = [100_000 * seed + k for k in numbers]
        done = [[full] for full, _ in pairs]
        if method != "full":
            done = complete(who, method, [gaps for _, gaps in pairs], seeds)
        for number, (full, gaps), tables in zip(numbers, pairs, done, strict=True):
            fits = [fit(who.design(one)[0], one["y"].to_numpy(float)) for one in tables]
            df = who.n - len(truth)
            middle, half = pooled(*(np.array([one[k] for one in fits]) for k in (0, 1)), df)
            spread = _spread(who, full, gaps, tables) if method != "full" else np.nan
            names = who.design(full)[1]
            rows += [
                (name, method, number, names[k], truth[k], middle[k], half[k], spread)
                for k in range(1, len(truth))
            ]
    columns = ["population", "method", "sim", "term", "truth", "estimate", "half", "spread"]
    return pd.DataFrame(rows, columns=columns)


def _spread(who, full, gaps, tables):
    """Return the SD of imputed over the SD of hidden cells, the mean over columns of numbers."""
    found = []
    for name in who.incomplete:
        if gaps[name].dtype == float:
            gone = gaps[name].isna().to_numpy()
            drawn = np.mean([one[name].to_numpy()[gone].std() for one in tables])
            found.append(drawn / full[name].to_numpy()[gone].std())
    return np.mean(found) if found else np.nan


def summary(results):
    """Return coverage, its worst term, bias and width against the full data, by method."""
    results = results.assign(
        covered=(results["estimate"] - results["truth"]).abs() <= results["half"]
    )
    rows = []
    for (name, method), part in results.groupby(["population", "method"], sort=False):
        whole = results.query("population == @name and method == 'full'")
        whole = whole[whole["sim"].isin(part["sim"])].groupby("term", sort=False)
        terms, sims = part.groupby("term", sort=False), part["sim"].nunique()
        hits = terms["covered"].sum()
        worst = int(hits.min())
        error = (terms["estimate"].mean() - terms["truth"].first()) / whole["estimate"].std()
        row = {
            "population": name,
            "method": method,
            "n_sims": sims,
            "coverage": part["covered"].mean(),
            "full": whole["covered"].mean().mean(),
            "worst_term": worst / sims,
            "worst_upper_99": beta.ppf(0.99, worst + 1, sims - worst) if worst < sims else 1.0,
            "bias_sd": error.abs().mean(),
            "width": (terms["half"].median() / whole["half"].median()).mean(),
            "spread": part["spread"].mean(),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def main():
    """Run one cell of the simulation, or print the table of several."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", nargs="*")
    parser.add_argument("--sims", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--out")
    parser.add_argument("--table", nargs="+")
    asked = parser.parse_args()
    if asked.table:
        found = pd.concat([pd.read_csv(one) for one in asked.table])
        print(summary(found).round(3).to_csv(sep="|", index=False))
        return
    name, method = asked.name
    found = run(name, method, asked.first, asked.sims, asked.seed)
    if asked.out:
        found.to_csv(asked.out, index=False)
    print(f"{name} {method} {asked.sims}", flush=True)


if __name__ == "__main__":
    main()
