"""How often `check_leakage` names a leak of each kind, and is quiet about honest look-alikes.

The protocol stands in docs/simulations/leak_kinds.md.
"""

import argparse
import json
import warnings
from functools import partial
from pathlib import Path

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


def is_named(hits, target):
    """Say whether one of the findings names the columns, or holds the word."""
    columns = {c for some in hits["columns"] for c in some}
    names = (target,) if isinstance(target, str) else target
    words = " ".join(hits["title"]).lower()
    return set(names) <= columns or (len(names) == 1 and names[0] in words)


def answer(name, strong, seed):
    """Return whether the kind was named above a note; its size with interval and the true one.

    And whether a finding of any severity names it.
    """
    X, y, target, size = KINDS[name](seed, strong)
    result = check_leakage(X, y, random_state=seed)
    above = result.above_note
    row = above.iloc[0] if size is not None and len(above) else None
    ends = [None] * 3 if row is None else [float(row[k]) for k in ("estimate", "lower", "upper")]
    true_size = None if size is None else float(size)
    named_above, named_at_all = (bool(is_named(t, target)) for t in (above, result.table))
    return [named_above, *ends, true_size, named_at_all]


def alarms_in(name, seed):
    """Return the codes above a note in one control."""
    X, y, roles = CONTROLS[name](seed)
    return list(check_leakage(X, y, random_state=seed, **roles).above_note["code"])


def kind_row(name, strong, answers):
    """Return one line of the table of kinds."""
    hits, n = sum(a[0] for a in answers), len(answers)
    low, high = clopper_pearson(hits, n)
    sizes = [a[1:5] for a in answers if a[1] is not None and a[4] is not None]
    row = {"kind": name, "strength": "strong" if strong else "weak", "n": n, "above a note": hits}
    row["in a note besides"] = sum(a[5] for a in answers) - hits
    row |= {"share": hits / n, "from": float(low), "to": float(high)}
    row["Monte-Carlo SE"] = float(np.sqrt(hits / n * (1 - hits / n) / n))
    if sizes:
        estimate, lower, upper, truth = np.array(sizes).T
        inside = int(((lower <= truth) & (truth <= upper)).sum())
        row["mean size"], row["true size"] = f"{estimate.mean():.3f}", f"{truth.mean():.3f}"
        row["interval holds the true size"] = f"{inside} of {len(sizes)}"
    return row


def control_row(name, answers):
    """Return one line of the table of controls."""
    count, n = sum(bool(codes) for codes in answers), len(answers)
    low, high = clopper_pearson(count, n)
    codes = ", ".join(sorted(code for found in answers for code in found)) or "none"
    share = {"share": count / n, "from": float(low), "to": float(high)}
    return {"control": name, "n": n, "above a note": count, **share, "codes": codes}


def kept_answers(path):
    """Return the answers of an earlier run by what was asked, so that it can be taken up again."""
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {tuple(key): found for key, found in lines}


def ask(key, compute, kept, path):
    """Return a kept answer, or a new one that is kept."""
    if key not in kept:
        kept[key] = compute()
        if path is not None:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, kept[key]]) + "\n")
    return kept[key]


def markdown(rows):
    """Return rows as a table in markdown, shares as percentages."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = [row.get(name, "") for name in names]
        texts = [f"{100 * v:.0f}%" if isinstance(v, float) else str(v) for v in cells]
        lines.append("| " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=40)
    parser.add_argument("--controls", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="another one for pilots")
    parser.add_argument("--only", nargs="*", default=[*KINDS, *CONTROLS])
    parser.add_argument("--rows", type=Path, default=None, help="keep answers here, and take them")
    parser.add_argument("--output", type=Path, default=None)
    options = parser.parse_args()
    warnings.simplefilter("error")
    kept, path, seed = kept_answers(options.rows), options.rows, options.seed
    kinds, controls = [], []
    for name, strong in [(k, s) for k in KINDS if k in options.only for s in (True, False)]:
        seeds = range(seed, seed + options.cohorts)
        found = [
            ask((name, strong, k), partial(answer, name, strong, k), kept, path) for k in seeds
        ]
        kinds.append(kind_row(name, strong, found))
        print(kinds[-1], flush=True)
    for name in [k for k in CONTROLS if k in options.only]:
        seeds = range(seed + 50_000, seed + 50_000 + options.controls)
        found = [ask((name, None, k), partial(alarms_in, name, k), kept, path) for k in seeds]
        controls.append(control_row(name, found))
        print(controls[-1], flush=True)
    if options.output is not None:
        tables = "\n".join(markdown(rows) for rows in (kinds, controls) if rows)
        options.output.write_text(tables, encoding="utf-8")


if __name__ == "__main__":
    main()
