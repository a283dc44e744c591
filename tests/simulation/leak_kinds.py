"""How often `check_leakage` names a leak of each kind, and is quiet about honest look-alikes.

The protocol stands in docs/guide/leak_kinds.md.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE
from scipy.special import expit
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from healthml._core._intervals import clopper_pearson
from healthml.validation import check_leakage

SEED, N = 710_000, 1_200


def clinic(seed, n=N, frailty=None):
    """Return a table of one row per patient, its log-odds and a generator."""
    rng = np.random.default_rng(seed)
    site = rng.integers(0, 5, n)
    severity = rng.normal(0.25 * (site - 2), 1) if frailty is None else frailty
    age = (62 + 6 * severity + 11 * rng.normal(size=n)).round()
    grade = np.digitize(severity + 0.6 * rng.normal(size=n), [-0.8, 0.4, 1.4])
    urea = np.exp(1.7 + 0.3 * severity + 0.4 * rng.normal(size=n)).round(1)
    sodium = (139 - severity + 3.5 * rng.normal(size=n)).round()
    logit = -2.1 + 0.025 * (age - 62) + np.array([-1.3, -0.4, 0.7, 1.7])[grade]
    logit += 0.25 * (np.log(urea) - 1.7) ** 2 * 6 - 0.05 * (sodium - 139)
    X = pd.DataFrame({"age": age, "grade": grade, "urea": urea})
    X["sodium"] = np.where(rng.random(n) < 0.15, np.nan, sodium)
    for name, share in (("diabetes", 0.25), ("smoker", 0.3), ("copd", 0.15)):
        X[name] = (rng.random(n) < share).astype(int)
    X["weekday"], X["marker"] = rng.integers(1, 8, n), rng.normal(size=n).round(3)
    return X, logit, rng


def outcome(logit, rng):
    return (rng.random(len(logit)) < expit(logit)).astype(int)


def base(seed):
    X, logit, rng = clinic(seed)
    return X, logit, outcome(logit, rng), rng


def scored(y, auc, rng):
    return (np.sqrt(2) * norm.ppf(auc) * y + rng.normal(size=len(y))).round(3)


# kinds: (seed, strong) -> table, outcome, column or word of the finding, true size or None


def follow_up(seed, strong):
    X, logit, rng = clinic(seed)
    death = rng.exponential(2200 * np.exp(-0.6 * (logit - logit.mean())))
    end = rng.uniform(300, 2500, N)
    late = rng.random(N) < (0.0 if strong else 0.03)
    obs = np.where(late, rng.random(N), 1.0) * np.minimum(death, end)
    return X.assign(obs=obs.round(1)), (death <= end).astype(int), "obs", None


def event_date(seed, strong):
    X, _, y, rng = base(seed)
    there = (y == 1) & (rng.random(N) < (0.8 if strong else 0.3))
    return X.assign(ref_day=np.where(there, rng.integers(1, 900, N), np.nan)), y, "ref_day", None


def date_pair(seed, strong):
    X, logit, rng = clinic(seed)
    stay = rng.exponential(70 * np.exp(-0.5 * (logit - logit.mean()))).round() + 1
    first = rng.integers(2_000, 3_500, N)
    last = first + np.where(rng.random(N) < (0 if strong else 0.05), rng.integers(1, 200, N), stay)
    return X.assign(d0=first, d1=last), (stay < 30).astype(int), "d1", None


def window(seed, strong):
    X, _, y, rng = base(seed)
    inside = (y == 1) & (rng.random(N) < (1 if strong else 0.7))
    outside = np.where(rng.random(N) < 0.5, rng.integers(1, 30, N), rng.integers(60, 120, N))
    return X.assign(val=np.where(inside, rng.integers(30, 60, N), outside)), y, "val", None


def masked(seed, strong):
    X, _, y, rng = base(seed)
    auc = 0.98 if strong else 0.96
    more = {f"p{k}": scored(y, auc, rng) for k in range(3)}
    return X.assign(**more), y, tuple(more), None


def single(seed, strong):
    X, logit, y, rng = base(seed)
    panel = scored(y, 0.98 if strong else 0.95, rng)
    best = roc_auc_score(y, logit + norm.ppf(0.98 if strong else 0.95) * np.sqrt(2) * panel)
    return X.assign(panel=panel), y, "panel", best - roc_auc_score(y, logit)


def named(seed, strong):
    X, logit, y, rng = base(seed)
    auc = 0.92 if strong else 0.88
    hours = scored(y, auc, rng)
    best = roc_auc_score(y, logit + norm.ppf(auc) * np.sqrt(2) * hours)
    size = best - roc_auc_score(y, logit)
    return X.assign(hosp_los_hours=np.exp(3 + 0.5 * hours).round(1)), y, "hosp_los_hours", size


def made_rows(seed, strong):
    X, _, y, rng = base(seed)
    X = X.assign(sodium=X["sodium"].fillna(139)).astype(float)
    X, y = SMOTE(sampling_strategy=1.0 if strong else 0.5, random_state=seed).fit_resample(X, y)
    order = rng.permutation(len(X))
    return X.iloc[order].reset_index(drop=True), np.asarray(y)[order], "synthetic", None


def visits(seed, strong):
    rng = np.random.default_rng([seed, 1])
    patient = np.repeat(np.arange(N // 3), 1 + rng.poisson(2, N // 3))
    frailty, n = rng.normal(size=N // 3), N // 3
    X, logit, rng = clinic(seed, len(patient), frailty[patient])
    born, height = rng.integers(1930, 1985, n), rng.normal(170, 9, n).round()
    X = X.drop(columns="age").assign(born=born[patient], height=height[patient])
    X["sex"] = rng.choice(["F", "M"], n)[patient]
    X["diabetes"] = (rng.random(n) < 0.25).astype(int)[patient]
    for k in range(2):
        X[f"lab{k}"] = (rng.normal(size=n)[patient] + 0.4 * rng.normal(size=len(X))).round(2)
    own = rng.normal(0, 2 if strong else 1.5, n)
    return X, outcome(logit + own[patient], rng), "alike", None


def closed(seed, strong):
    X, logit, y, rng = base(seed)
    key = logit + rng.normal(size=N)
    off = key > np.quantile(key, 0.88 if strong else 0.94)
    unit = np.where(off, "annex", rng.choice(["east", "west", "north"], N))
    return X.assign(unit=unit), np.where(off, 0, y), "unit", None


KINDS = {
    f.__name__: f
    for f in (
        follow_up,
        event_date,
        date_pair,
        window,
        masked,
        single,
        named,
        made_rows,
        visits,
        closed,
    )
}


# controls: seed -> table, outcome, roles


def clean(seed):
    X, _, y, _ = base(seed)
    return X, y, {}


def calcium(seed):
    X, logit, rng = clinic(seed)
    score = np.where(rng.random(N) < 0.45, 0, np.exp(rng.normal(4, 1.4, N)).round())
    risk = np.where(score == 0, 0.002, expit(0.5 * logit - 2.6 + 0.55 * np.log1p(score)))
    return X.assign(calcium=score), (rng.random(N) < risk).astype(int), {}


def support(seed):
    X, logit, rng = clinic(seed)
    needed = (rng.random(N) < expit(logit)).astype(int)
    risk = np.where(needed == 0, 0.005, expit(0.5 * logit + 0.6))
    return X.assign(vasopressor=needed), (rng.random(N) < risk).astype(int), {}


def grade_only(seed):
    X, _, rng = clinic(seed)
    risk = np.array([0.01, 0.05, 0.35, 0.8])[X["grade"]]
    y = (rng.random(N) < risk).astype(int)
    return X.assign(grade=np.array(["I", "II", "III", "IV"])[X["grade"]]), y, {}


def interpolated(seed):
    X, logit, rng = clinic(seed, N // 3)
    later = X + pd.DataFrame(rng.normal(0, 0.3, X.shape), columns=X.columns)
    table = pd.concat([X, (X + later) / 2, later], ignore_index=True)
    y = np.tile(outcome(logit, rng), 3)
    return table, y, {"groups": np.tile(np.arange(N // 3), 3)}


def coarse(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"age_group": rng.integers(4, 9, N) * 10, "sex": rng.choice(["F", "M"], N)})
    X = X.assign(stage=rng.integers(1, 5, N), dm=rng.integers(0, 2, N), asa=rng.integers(1, 4, N))
    return X, (rng.random(N) < 0.05 + 0.1 * X["stage"]).astype(int).to_numpy(), {}


CONTROLS = {f.__name__: f for f in (clean, calcium, support, grade_only, interpolated, coarse)}


def is_named(result, target):
    """Say whether a finding above a note names the columns, or holds the word."""
    hits = result.above_note
    columns = {c for some in hits["columns"] for c in some}
    names = (target,) if isinstance(target, str) else target
    words = " ".join(hits["title"]).lower()
    return set(names) <= columns or (len(names) == 1 and names[0] in words)


def judge_kind(name, strong, n, seed=SEED):
    """Return hits, estimated and true sizes over the cohorts of one kind."""
    hits, sizes, truths = 0, [], []
    for k in range(n):
        X, y, target, size = KINDS[name](seed + k, strong)
        result = check_leakage(X, y, random_state=k)
        hits += is_named(result, target)
        if size is not None and len(result.above_note):
            sizes.append(result.above_note["estimate"].iloc[0])
            truths.append(size)
    return hits, sizes, truths


def judge_control(name, n, seed=SEED):
    """Return in how many cohorts anything was above a note, and the codes."""
    alarms, codes = 0, []
    for k in range(n):
        X, y, roles = CONTROLS[name](seed + 50_000 + k)
        above = check_leakage(X, y, random_state=k, **roles).above_note
        alarms += bool(len(above))
        codes += list(above["code"])
    return alarms, codes


def share(hits, n):
    low, high = clopper_pearson(hits, n)
    return f"{hits}/{n} = {hits / n:.2f} ({low:.2f} to {high:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--controls", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="another one for pilots")
    parser.add_argument("--only", nargs="*", default=[*KINDS, *CONTROLS])
    options = parser.parse_args()
    warnings.simplefilter("error")
    for name in [k for k in KINDS if k in options.only]:
        for strong in (True, False):
            hits, sizes, truths = judge_kind(name, strong, options.cohorts, options.seed)
            size = f"; size {np.mean(sizes):.3f}, true {np.mean(truths):.3f}" if sizes else ""
            strength = "strong" if strong else "weak"
            print(f"{name} {strength}: named {share(hits, options.cohorts)}{size}", flush=True)
    for name in [k for k in CONTROLS if k in options.only]:
        alarms, codes = judge_control(name, options.controls, options.seed)
        print(f"{name}: alarms {share(alarms, options.controls)} {codes}", flush=True)


if __name__ == "__main__":
    main()
