"""How often the intervals of `validate` cover, cell by cell.

The protocol stands in docs/simulations/validation_intervals.md.
"""

import argparse
import time
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml._core._bootstrap import resample_indices
from healthml.metrics._batched.measures import Block
from healthml.metrics._uncertainty.delong import placements
from healthml.validation._refits.batched.logistic import batched_refit, count_rows
from healthml.validation._refits.refit import Resample, refit
from healthml.validation._scoring.intervals import (
    between_folds,
    draw_variances,
    draws_training,
    folds_training,
    interval,
)
from healthml.validation._splits.group_k_fold import RepeatedStratifiedGroupKFold
from healthml.validation._validate.corrections import overfitting

MEASURES = ("auroc", "brier")
PARAMETERS = {  # (events per parameter, prevalence) -> parameters, so that n is 60 to 800
    **{(3, 0.05): 10, (5, 0.05): 8, (10, 0.05): 4, (20, 0.05): 2},
    **{(3, 0.2): 10, (5, 0.2): 10, (10, 0.2): 10, (20, 0.2): 8},
    **{(3, 0.5): 10, (5, 0.5): 10, (10, 0.5): 10, (20, 0.5): 10},
}
PROCEDURES = {
    "logistic": LogisticRegression(C=np.inf, max_iter=1000),
    "ridge": make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
    "forest": RandomForestClassifier(n_estimators=25),
}
SEED = {"choice": 1_000_000, "published": 2_000_000}
_LARGE, _NEW = 40_000, 10_000


@dataclass(frozen=True)
class Cell:
    """One line of the table."""

    stage: str
    mechanism: str
    procedure: str
    epp: float
    prevalence: float
    auc: float
    parameters: int

    @property
    def n(self):
        return int(np.ceil(self.epp * self.parameters / self.prevalence))

    @property
    def name(self):
        return (
            f"{self.stage}_{self.mechanism}_{self.procedure}_epp{self.epp:g}"
            f"_prev{self.prevalence:g}_auc{self.auc:g}_p{self.parameters}"
        )


class Population:
    """Patients of one generating model, its strength solved for prevalence and AUC."""

    def __init__(self, mechanism, parameters, prevalence, auc):
        self.mechanism, self.p = mechanism, parameters
        rng = np.random.default_rng(parameters)
        common = np.full((parameters, parameters), 0.2) + 0.8 * np.eye(parameters)
        self.root = np.linalg.cholesky(common)
        X, z, own, _ = self._draw(_LARGE, rng)
        self.centre, self.spread = z.mean(), z.std()
        z = (z - self.centre) / self.spread

        def level(strength):
            far = 40 + strength * np.abs(z).max()
            return brentq(lambda a: expit(a + strength * z + own).mean() - prevalence, -far, far)

        def distance(strength):
            return area(z, expit(level(strength) + strength * z + own)) - auc

        self.strength = 0.0 if auc <= 0.5 else brentq(distance, 1e-3, 20)
        self.level = level(self.strength)
        self.X = X[:_NEW]
        self.risk = expit(self.level + self.strength * z + own)[:_NEW]

    def sample(self, n, rng):
        """Return (X, y, groups) with at least two patients of each class."""
        while True:
            X, z, own, groups = self._draw(n, rng)
            z = (z - self.centre) / self.spread
            y = (rng.random(n) < expit(self.level + self.strength * z + own)).astype(int)
            units = np.arange(n) if groups is None else groups
            if min(len(np.unique(units[y == value])) for value in (0, 1)) >= 2:
                return X, y, groups

    def _draw(self, n, rng):
        """Return columns, the part of the log odds that they carry, the rest, and patients."""
        if self.mechanism == "clustered":
            return self._visits(n, rng)
        latent = rng.normal(size=(n, self.p)) @ self.root.T
        weight = 1 / np.arange(1, self.p + 1) ** 0.7
        if self.mechanism == "skewed":
            X, shown = _skewed(latent)
            return X, shown @ weight, 0.0, None
        z = latent @ weight
        if self.mechanism == "non-linear":
            first, second = latent[:, 0], latent[:, 1]
            z = z + 0.6 * first**2 + 1.0 * (second > 0.5) + 0.6 * first * second
        return latent, z, 0.0, None

    def _visits(self, n, rng):
        groups = np.repeat(np.arange(n), rng.integers(1, 7, n))[:n]
        shape = (groups[-1] + 1, self.p)
        X = np.sqrt(0.6) * rng.normal(size=shape)[groups] + np.sqrt(0.4) * rng.normal(
            size=(n, self.p)
        )
        weight = 1 / np.arange(1, self.p + 1) ** 0.7
        return X, X @ self.root.T @ weight, rng.normal(size=shape[0])[groups], groups


def _skewed(latent):
    """Turn normal columns into log-normal, exponential, rare and normal ones."""
    X, shown = latent.copy(), latent.copy()
    X[:, 0::4] = np.exp(latent[:, 0::4])
    X[:, 1::4] = -np.log(1 - np.clip(expit(1.7 * latent[:, 1::4]), 0, 1 - 1e-9))
    X[:, 2::4] = shown[:, 2::4] = latent[:, 2::4] > 1.28
    shown[:, 2::4] *= 2
    return X, shown


def area(score, risk):
    """Return the AUC of a score where each patient has the event with probability `risk`."""
    ordered = risk[np.argsort(score, kind="stable")]
    rest = 1 - ordered
    return float(ordered @ (np.cumsum(rest) - rest / 2) / (ordered.sum() * rest.sum()))


def truth(model, population):
    """Return AUC and Brier score of a fitted model for new patients."""
    risk = model.predict_proba(population.X)[:, 1]
    real = population.risk
    brier = np.mean(real * (1 - risk) ** 2 + (1 - real) * risk**2)
    return {"auroc": area(risk, real), "brier": float(brier)}


@cache
def population_of(cell):
    return Population(cell.mechanism, cell.parameters, cell.prevalence, cell.auc)


def run(cell, number, n_draws=100, n_repeats=5):
    """Return one row per construction and measure of one simulated cohort."""
    rng = np.random.default_rng([SEED[cell.stage], number, *map(ord, cell.name)])
    population = population_of(cell)
    X, y, groups = population.sample(cell.n, rng)
    estimator = clone(PROCEDURES[cell.procedure])
    model = _seeded(estimator, rng).fit(X, y)
    real, apparent = truth(model, population), model.predict_proba(X)[:, 1]
    found = []
    if n_draws:
        found += by_draws(estimator, X, y, groups, apparent, n_draws, rng)
    if n_repeats:
        found += by_folds(estimator, X, y, groups, n_repeats, rng)
    return [{"run": number, **row, "truth": real[row["measure"]]} for row in found]


def by_draws(estimator, X, y, groups, apparent, n_draws, rng):
    """Return the intervals that bootstrap draws give."""
    n, every = len(y), np.arange(len(y))
    drawn = rng.integers(0, n, (n_draws, n))
    if groups is not None:
        drawn = list(resample_indices(n, groups, None, n_draws, int(rng.integers(2**31))))
    refits = refit_all(estimator, X, y, [Resample(d, every, i, i) for i, d in enumerate(drawn)])
    used = [i for i, one in enumerate(refits) if one.risk is not None]
    risk, counts = np.stack([refits[i].risk for i in used]), count_rows([drawn[i] for i in used], n)
    out = counts == 0
    block = Block(y, risk)
    on = {"train": block.weigh(counts), "test": block.weigh(None), "out": block.weigh(out)}
    rows = []
    for name in MEASURES:
        values = {role: weighed.value(name) for role, weighed in on.items()}
        first = Block(y, apparent[None]).weigh(None).value(name)[0]
        moved = on["out"].influence(name)
        parts = {"out": out, "moved": moved, "groups": groups, "y": y}
        parts["none"] = no_information(name, y, apparent)
        rows += constructions(name, first, values, parts)
    rows.append(naive(y, apparent))
    return [{**row, "separated": np.mean([one.separated for one in refits])} for row in rows]


def constructions(name, apparent, values, parts):
    """Return the candidates for one measure."""
    out, groups = parts["out"], parts["groups"]
    defined = np.isfinite(values["out"])
    influence = parts["moved"].sum(axis=0) / max(defined.sum(), 1)
    variances = draw_variances(parts["moved"], parts["y"], out, groups)
    sampling = np.nanmean(variances[defined]) if np.isfinite(variances[defined]).any() else np.nan
    change = values["train"] - values["test"]
    optimism, oob = change.mean(), np.nanmean(values["out"])
    rate = 0.632 / (1 - 0.368 * overfitting(apparent, oob, parts["none"]))
    plus = (1 - rate) * apparent + rate * oob
    training = draws_training(values["test"])
    wide = draws_training(values["test"], values["out"], sampling, out.mean())
    known = {"groups": groups, "sampling": sampling}
    centres = {
        "optimism": interval(name, apparent - optimism, influence, training=training, **known),
        "oob": interval(name, oob, influence, training=wide, reach=plus, **known),
        "632+": interval(name, plus, influence, training=wide, **known),
        "influence only": interval(name, apparent - optimism, influence, training=0, groups=groups),
    }
    shifted = np.quantile(values["train"], [0.025, 0.975]) - optimism
    single = apparent - np.quantile(change, [0.975, 0.025])
    ends = {key: (one.lower, one.upper) for key, one in centres.items()}
    ends |= {"location-shifted": shifted, "single optimism": single}
    estimate = {"oob": oob, "632+": plus}
    return [
        _row(name, key, estimate.get(key, apparent - optimism), *pair) for key, pair in ends.items()
    ]


def no_information(name, y, apparent):
    """Return the value of a measure if every outcome went with every risk."""
    if name == "auroc":
        return 0.5
    return (1 - y.mean()) * np.mean(apparent**2) + y.mean() * np.mean((1 - apparent) ** 2)


def naive(y, apparent):
    """Return DeLong's interval of the apparent AUC, on the logit scale."""
    found = placements(y, apparent)
    by_class = [found.value[y == value] for value in (0, 1)]
    se = np.sqrt(sum(values.var(ddof=1) / len(values) for values in by_class))
    centre, slope = logit(found.area), found.area * (1 - found.area)
    half = 1.959964 * se / slope if slope > 0 else np.nan
    return _row("auroc", "naive", found.area, expit(centre - half), expit(centre + half))


def by_folds(estimator, X, y, groups, n_repeats, rng):
    """Return the intervals that repeated cross-validation gives."""
    patients = np.arange(len(y)) if groups is None else groups
    scarcest = min(len(np.unique(patients[y == value])) for value in (0, 1))
    n_folds = min(10, scarcest)
    splitter = RepeatedStratifiedGroupKFold(
        n_folds, n_repeats=n_repeats, random_state=int(rng.integers(2**31))
    )
    pairs = list(splitter.split(X, y, groups))
    refits = refit_all(estimator, X, y, [Resample(*pair, i, i) for i, pair in enumerate(pairs)])
    rows = []
    for name in MEASURES:
        values, influence = np.full((n_repeats, n_folds), np.nan), np.zeros(len(y))
        for place, ((_, test), one) in enumerate(zip(pairs, refits, strict=True)):
            if one.risk is None:
                continue
            weighed = Block(y[test], one.risk[None]).weigh(None)
            values.flat[place] = weighed.value(name)[0]
            influence[test] += weighed.influence(name)[0]
        for (_, test), value in zip(pairs, values.flat, strict=True):
            influence[test] += between_folds(name, y[test], value - np.nanmean(values))
        influence /= np.isfinite(values).sum()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            repeats = np.nanmean(values, axis=1)
        training = folds_training(repeats, influence, groups)
        estimate = np.nanmean(values)
        for key, variance in (("repeated_cv", training), ("cv influence only", 0.0)):
            found = interval(name, estimate, influence, training=variance, groups=groups)
            rows.append(_row(name, key, estimate, found.lower, found.upper))
    return rows


def refit_all(estimator, X, y, resamples):
    found = batched_refit(estimator, X, y, resamples)
    return refit(estimator, X, y, resamples) if found is None else found


def _seeded(estimator, rng):
    model = clone(estimator)
    if "random_state" in model.get_params():
        model.set_params(random_state=int(rng.integers(2**31)))
    return model


def _row(measure, method, estimate, lower, upper):
    return {
        "measure": measure,
        "method": method,
        "estimate": float(estimate),
        "lower": float(lower),
        "upper": float(upper),
    }


def cells(stage):
    """Return the cells of a stage."""
    epps, prevalences = (3, 5, 10, 20), (0.05, 0.2, 0.5)
    signals = (0.65, 0.75, 0.9)
    mechanisms = ("linear",) if stage == "choice" else ("non-linear", "skewed", "clustered")
    found = []
    for half in (0, 1):  # every other cell first, so that a stopped study is a balanced one
        for m, e, v in np.ndindex(len(mechanisms), len(epps), len(prevalences)):
            auc, p = signals[(m + e + v + 1) % 3], PARAMETERS[epps[e], prevalences[v]]
            procedure = ("logistic", "ridge")[(m + e + v + half) % 2]
            found.append(Cell(stage, mechanisms[m], procedure, epps[e], prevalences[v], auc, p))
    first, second = found[: len(found) // 2], found[len(found) // 2 :]
    if stage == "choice":
        null = [Cell(stage, "linear", q, 10, 0.2, 0.5, 10) for q in ("logistic", "ridge")]
        return [*first, *second, *null, *_forests(stage, ("linear",) * 4)]
    where = ("non-linear", "skewed", "clustered", "non-linear")
    return [*first, *_forests(stage, where), *second]


def _forests(stage, mechanisms):
    shapes = ((10, 0.3, 0.75, 6), (5, 0.2, 0.9, 4), (10, 0.5, 0.65, 10), (10, 0.3, 0.5, 6))
    return [
        Cell(stage, mechanism, "forest", epp, prevalence, auc, p)
        for mechanism, (epp, prevalence, auc, p) in zip(mechanisms, shapes, strict=True)
    ]


def path_of(cell, n_runs, folder):
    return folder / f"{cell.name}_{n_runs}.csv.gz"


def measure(cell, n_runs, folder):
    """Return all rows of a cell, from the folder where they are there already."""
    path = path_of(cell, n_runs, folder)
    if path.exists():
        return pd.read_csv(path)
    start, rows = time.monotonic(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for number in range(n_runs):
            rows += run(cell, number, **_effort(cell))
    table = pd.DataFrame(rows)
    table.to_csv(path, index=False)
    print(f"{cell.name}: {n_runs} runs, {time.monotonic() - start:.0f} s", flush=True)
    return table


def _effort(cell):
    """Cross-validation, which is not the default for models that optimism correction suits."""
    if cell.procedure == "forest":
        return {"n_draws": 0, "n_repeats": 10}
    return {"n_repeats": 4 if cell.procedure == "logistic" and cell.epp in (3, 10) else 0}


def summarise(cell, table):
    """Return one row per measure and method."""
    rows = []
    for (name, method), part in table.groupby(["measure", "method"], sort=False):
        missing = part["lower"].isna()
        truth, expected = part["truth"], part["truth"].mean()
        below, above = truth < part["lower"], truth > part["upper"]
        covered = 1 - (below | above | missing).mean()
        procedure = ((part["lower"] <= expected) & (expected <= part["upper"])).mean()
        rows.append(
            {
                "generating model": cell.mechanism,
                "procedure": cell.procedure,
                "events per parameter": cell.epp,
                "prevalence": cell.prevalence,
                "true AUC": cell.auc,
                "rows": cell.n,
                "measure": name,
                "method": method,
                "runs": len(part),
                "coverage": covered,
                "mcse": np.sqrt(max(covered * (1 - covered), 0.25 / len(part)) / len(part)),
                "coverage of procedure": procedure,
                "too high": below.mean(),
                "too low": above.mean(),
                "width": (part["upper"] - part["lower"]).mean(),
                "bias": (part["estimate"] - truth).mean(),
                "none": missing.mean(),
            }
        )
    return pd.DataFrame(rows)


def main():
    """Run the cells of a stage that are not in the folder yet and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of finished cells")
    parser.add_argument("--stage", choices=list(SEED), default="published")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--forest-runs", type=int, default=200)
    parser.add_argument("--only", default="", help="cells whose name has this text")
    parser.add_argument("--output", type=Path, default=None, help="where the table goes")
    parser.add_argument(
        "--keep", action="store_true", help="keep the lines of cells that the folder does not hold"
    )
    parser.add_argument("--done", action="store_true", help="only cells that are in the folder")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    parts = []
    for cell in cells(options.stage):
        runs = options.forest_runs if cell.procedure == "forest" else options.runs
        wanted = options.only in cell.name
        if wanted and (not options.done or path_of(cell, runs, options.work).exists()):
            parts.append(summarise(cell, measure(cell, runs, options.work)))
    table = pd.concat(parts, ignore_index=True)
    print(table.round(4).to_string(index=False))
    if options.output is not None:
        text = ranges(table)
        if options.stage == "published":
            text = markdown(table, earlier(options.output if options.keep else None))
        options.output.write_text(text, encoding="utf-8")


KEYS = ["generating model", "procedure", "events per parameter", "prevalence", "true AUC", "rows"]
SHORT = ["model", "procedure", "EPP", "prevalence", "AUC", "rows", "runs"]


def missed(row):
    """Whether a cell is more than 3 Monte-Carlo errors below 93%."""
    return row["coverage"] < 0.93 - 3 * row["mcse"]


def markdown(table, kept=None):
    """Return the tables of the guide: the default, then the other methods.

    Lines of an earlier run (`earlier`) fill in for cells that were not run again.
    """
    kept = kept or {}
    older = [("naive DeLong", "auroc", "naive"), ("location-shifted", "auroc", "location-shifted")]
    title = 'Coverage of the default, `ci="auto"`:'
    default = _in_order(_lines(table, None, older), kept.get(title, []))
    lines = [_verdict(default), "", title, "", *default]
    for method, beside in (("repeated_cv", "cv influence only"), ("632+", None), ("oob", None)):
        beside = [] if beside is None else [("influence only", "auroc", beside)]
        title = f'Coverage with `method="{method}"`:'
        lines += ["", title, "", *_in_order(_lines(table, method, beside), kept.get(title, []))]
    return "\n".join(lines) + "\n"


def earlier(path):
    """Return {title: lines of its table} of an earlier page."""
    found, title = {}, ""
    if path is None or not path.exists():
        return found
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("Coverage "):
            title = line
        elif line.startswith("|"):
            found.setdefault(title, []).append(line)
    return found


def _cell_of(line):
    return tuple(part.strip() for part in line.split("|")[1:6])


def _in_order(new, old):
    """Return the head and one line per cell in the order of the protocol, new ones first choice."""
    by_cell = {_cell_of(line): line for line in [*old[2:], *new[2:]]}
    shape = [
        (c.mechanism, c.procedure, f"{c.epp:g}", f"{c.prevalence:g}", f"{c.auc:g}")
        for c in cells("published")
    ]
    return [*new[:2], *(by_cell[key] for key in shape if key in by_cell)]


def ranges(table):
    """Return the table of the first stage: lowest, median and highest coverage of a method."""
    heads = ["method", "measure", "cells", "lowest", "median", "highest", "mean width"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for (method, name), part in table.groupby(["method", "measure"]):
        covered = [f"{100 * f(part['coverage']):.1f}" for f in (np.min, np.median, np.max)]
        shown = [method, name, str(len(part)), *covered, f"{part['width'].mean():.3f}"]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def _verdict(lines):
    """Return in one sentence how many cells of the default lie too low, and the lowest."""
    heads = [part.strip() for part in lines[0].split("|")[1:-1]]
    found = []
    for line in lines[2:]:
        parts = [part.strip() for part in line.split("|")[1:-1]]
        for name in ("AUC", "Brier"):
            place = max(k for k, head in enumerate(heads) if head == name)
            covered, error = (float(x) for x in parts[place].rstrip(" *").split(" ± "))
            found.append((covered, error, name, *parts[:4]))
    below = sum(covered < 93 - 3 * error for covered, error, *_ in found)
    covered, _, name, model, procedure, epp, prevalence = min(found)
    return (
        f"{len(lines) - 2} cells, {len(found)} coverages; {below} more than 3 Monte-Carlo errors "
        f"below 93% for the fitted model. Lowest: {covered:.1f}% ({name}, {procedure}, {model}, "
        f"{epp} events per parameter, prevalence {prevalence})."
    )


def _lines(table, method, beside):
    names = ["AUC", "of procedure", "width", "Brier", "of procedure", "width"]
    heads = [*SHORT, *names, *(name for name, *_ in beside), "estimate - truth (AUC)"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for key, part in table.groupby(KEYS, sort=False):
        own = method or ("repeated_cv" if key[1] == "forest" else "optimism")
        found = part.set_index(["measure", "method"])
        if ("auroc", own) not in found.index or (method and key[1] == "forest" and own != method):
            continue
        area, brier = (found.loc[(name, own)] for name in MEASURES)
        shown = [*(f"{k:g}" if isinstance(k, float) else str(k) for k in key), str(area["runs"])]
        for one in (area, brier):
            mark = " *" if missed(one) else ""
            shown += [f"{100 * one['coverage']:.1f} ± {100 * one['mcse']:.1f}{mark}"]
            shown += [f"{100 * one['coverage of procedure']:.1f}", f"{one['width']:.3f}"]
        for _, name, other in beside:
            there = (name, other) in found.index
            shown.append(f"{100 * found.loc[(name, other), 'coverage']:.1f}" if there else "")
        lines.append("| " + " | ".join([*shown, f"{area['bias']:+.3f}"]) + " |")
    return lines


if __name__ == "__main__":
    main()
