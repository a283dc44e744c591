"""Are risks right after resampling? Judged by the true risk of every patient.

The protocol stands in docs/simulations/resampling_simulation.md. ``python
tests/simulation/resampling_risks.py --sets 25`` prints the table. With ``--keep rows.csv`` the rows
of a set are kept as soon as it is done, and a run goes on where another stopped; with ``--kept
--page table.md`` nothing is run, and the rows kept so far are written as a page.
"""

import argparse
import importlib.util
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.utils.class_weight import compute_sample_weight

from healthml._core._numerics import fit_logistic
from healthml.resampling import ResampledClassifier

N, N_TRUTH = 2500, 10_000
SEED = {"published": 700_000, "own": 800_000}
SAMPLERS = {
    "none": None,
    "weights": "class_weight",
    "over": RandomOverSampler(),
    "under": RandomUnderSampler(),
    "SMOTE": SMOTE(),
}
MEASURES = ("log_oe", "slope", "auc", "scaled_brier")


def learners():
    """Return {name: classifier}; boosting by xgboost where it is installed, because it is quick."""
    boosting = GradientBoostingClassifier(n_estimators=50)
    if importlib.util.find_spec("xgboost"):
        from xgboost import XGBClassifier

        boosting = XGBClassifier(n_estimators=50, max_depth=3, n_jobs=1)
    forest = RandomForestClassifier(50)
    return {"logistic": LogisticRegression(), "boosting": boosting, "forest": forest}


def draw(design, n, rng):
    """Return columns and true risks.

    "published": ten correlated columns, two of them 0/1, a linear truth. "own": skewed labs, an
    interaction and a threshold, 6 columns of noise.
    """
    if design == "published":
        X = rng.normal(size=(n, 10))
        X[:, 1] = 0.5 * X[:, 0] + np.sqrt(0.75) * X[:, 1]
        X[:, 8:] = X[:, 8:] > [0.5, 1.0]
        lift = X[:, [0, 2, 3, 4, 8]] @ [0.8, 0.5, -0.4, 0.3, 0.5]
        return X, expit(lift - 3.1)
    X = rng.normal(size=(n, 12))
    X[:, :3] = np.exp(0.6 * X[:, :3])
    lift = 0.9 * np.log(X[:, 0]) / 0.6 + 0.7 * X[:, 3] * (X[:, 4] > 0) + 0.9 * (X[:, 5] > 1)
    return X, expit(lift - 3.1)


def judge(risk, truth):
    """Return log O:E, slope, AUC and scaled Brier of risks, by true risks and not by outcomes."""
    inside = np.clip(risk, 1e-8, 1 - 1e-8)
    slope = np.nan if np.ptp(inside) < 1e-10 else fit_logistic(logit(inside), truth).coef[1]
    outcome, weight = np.repeat([1, 0], len(truth)), np.r_[truth, 1 - truth]
    brier = np.mean(truth * (1 - risk) ** 2 + (1 - truth) * risk**2)
    return {
        "log_oe": np.log(truth.mean() / risk.mean()),
        "slope": slope,
        "auc": roc_auc_score(outcome, np.tile(risk, 2), sample_weight=weight),
        "scaled_brier": 1 - brier / (truth.mean() * (1 - truth.mean())),
    }


def rivals(model, name, X, y, seed):
    """Return {how: fitted} of a raw fit, CalibratedClassifierCV and, if installed, the new peer."""
    if "random_state" in model.get_params():
        model.set_params(random_state=seed)
    sampler, keywords = SAMPLERS[name], {}
    if name == "weights":
        keywords = {"sample_weight": compute_sample_weight("balanced", y)}
    elif sampler is not None:
        model = make_pipeline(clone(sampler).set_params(random_state=seed), model)
    found = {"raw": clone(model).fit(X, y, **keywords)}
    if name != "weights":
        found["CalibratedClassifierCV"] = CalibratedClassifierCV(model, cv=5).fit(X, y)
    elif (balanced := _balanced(model, y)) is not None:
        found["CalibratedClassifierCV"] = CalibratedClassifierCV(balanced, cv=5).fit(X, y)
    if name in ("weights", "over", "under") and importlib.util.find_spec("imbcalibrate"):
        found |= _peer(model, name, X, y)
    return found


def _balanced(model, y):
    """Return the classifier with both classes weighed alike, or None where it has no such thing."""
    params = model.get_params()
    if "class_weight" in params:
        return clone(model).set_params(class_weight="balanced")
    if "scale_pos_weight" in params:
        return clone(model).set_params(scale_pos_weight=float((y == 0).sum() / (y == 1).sum()))
    return None


def _peer(model, name, X, y):
    from imbcalibrate import PriorCalibratedClassifier

    if name == "weights":
        model = _balanced(model, y)
        if model is None:
            return {}
    return {"imbalanced-calibrate": PriorCalibratedClassifier(model).fit(X, y)}


def one_set(design, number, names, samplers=tuple(SAMPLERS)):
    """Return one row for each learner, sampler and way, of one simulated set."""
    rng = np.random.default_rng(SEED[design] + number)
    X, risk = draw(design, N, rng)
    y = (rng.random(N) < risk).astype(int)
    new_X, truth = draw(design, N_TRUTH, rng)
    plain = judge(LogisticRegression().fit(X, y).predict_proba(new_X)[:, 1], truth)
    rows = []
    for learner in names:
        for name in samplers:
            model = learners()[learner]
            own = ResampledClassifier(clone(model), SAMPLERS[name], random_state=number).fit(X, y)
            fitted = {"auto": own, **rivals(model, name, X, y, number)}
            for how, one in fitted.items():
                found = judge(one.predict_proba(new_X)[:, 1], truth)
                row = {"set": number, "learner": learner, "sampler": name, "how": how}
                rows.append(row | found | {"gap": found["log_oe"] - plain["log_oe"]})
    return pd.DataFrame(rows).assign(design=design, n_events=int(y.sum()))


def summarise(rows):
    """Return means over sets with their Monte-Carlo errors."""
    cells = rows.groupby(["design", "learner", "sampler", "how"], sort=False)
    table = cells[["gap", *MEASURES[1:]]].mean()
    table["gap_error"], table["slope_error"] = cells["gap"].sem(), cells["slope"].sem()
    return table.assign(sets=cells.size()).reset_index()


def failures(table):
    """Return one sentence for each line of the protocol that a cell misses."""
    missed = []
    for cell, part in table.groupby(["design", "learner", "sampler"], sort=False):
        ways = part.set_index("how")
        own, others = ways.loc["auto"], ways.drop(index="auto")
        best = others.loc[others.index.isin(["raw", "CalibratedClassifierCV"])]
        checks = {
            "log O:E": abs(own["gap"]) <= 0.05,
            "slope": 0.92 <= own["slope"] <= 1.14,
            "AUC": own["auc"] >= best["auc"].max() - 0.002,
            "scaled Brier": own["scaled_brier"] >= best["scaled_brier"].max() - 0.002,
        }
        if cell[1] != "logistic" and cell[2] == "under":
            rival = ways.loc["CalibratedClassifierCV", "scaled_brier"]
            checks["ahead for trees"] = own["scaled_brier"] >= rival + 0.010
        if "imbalanced-calibrate" in ways.index:
            peer = ways.loc["imbalanced-calibrate", "scaled_brier"]
            checks["peer"] = own["scaled_brier"] >= peer - 0.002 * (cell[1] == "logistic")
        missed += [f"{' '.join(cell)}: {name}" for name, fine in checks.items() if not fine]
    return missed


def compact(rows):
    """Return lines of a table by learner and sampler, means over the designs."""
    shown = ("raw", "CalibratedClassifierCV", "auto")
    cells = rows[rows["how"].isin(shown)].groupby(["learner", "sampler", "how"], sort=False)
    means = cells[list(MEASURES)].mean().unstack("how")
    lines = ["| learner | sampler | raw O:E | raw | calibrated folds | ours |"]
    lines += ["|---|---|---|---|---|---|"]
    for (learner, sampler), row in means.iterrows():
        ratio = np.exp(row["log_oe", "raw"])
        three = [
            f"{row['slope', how]:.2f} / {row['auc', how]:.3f} / {row['scaled_brier', how]:.3f}"
            for how in shown
        ]
        lines.append(f"| {learner} | {sampler} | {ratio:.2f} | " + " | ".join(three) + " |")
    return lines


def page(rows):
    """Return both tables as a page of the guide."""
    table = summarise(rows)
    events = f"{rows['n_events'].min()} to {rows['n_events'].max()} events a set."
    missed = failures(table)
    held = "Every cell holds every line of the protocol." if not missed else "; ".join(missed)
    lines = [f"{events} {held}", "", "Slope / AUC / scaled Brier score, means over both designs;"]
    lines += [
        "calibrated folds are those of `CalibratedClassifierCV`, ours is `ResampledClassifier`:",
        "",
    ]
    lines += [*compact(rows), "", "Each cell, with Monte-Carlo errors:", ""]
    lines += ["| design | learner | sampler | way | sets | gap | slope | AUC | scaled Brier |"]
    lines += ["|---|---|---|---|---|---|---|---|---|"]
    for row in table.to_dict("records"):
        gap = f"{row['gap']:+.3f} ± {row['gap_error']:.3f}"
        slope = f"{row['slope']:.2f} ± {row['slope_error']:.2f}"
        names = " | ".join(str(row[key]) for key in ("design", "learner", "sampler", "how", "sets"))
        lines.append(
            f"| {names} | {gap} | {slope} | {row['auc']:.3f} | {row['scaled_brier']:.3f} |"
        )
    return "\n".join(lines).replace("| auto |", "| `ResampledClassifier` |") + "\n"


def run(design, n_sets, names, samplers=tuple(SAMPLERS), start=0):
    """Return the rows of some sets, printing nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sets = range(start, start + n_sets)
        return pd.concat([one_set(design, k, names, samplers) for k in sets])


def kept_or_run(design, number, learner, path):
    """Return the rows of one set and learner, from a file where they stand there already."""
    if path is None or not path.exists():
        known = pd.DataFrame()
    else:
        known = pd.read_csv(path, keep_default_na=False, na_values=[""])  # a sampler is "none"
        cell = (known["design"] == design) & (known["learner"] == learner)
        known = known[cell & (known["set"] == number)]
    if len(known):
        return known
    rows = run(design, 1, [learner], start=number)
    if path is not None:
        rows.to_csv(path, mode="a", header=not path.exists(), index=False)
    return rows


def main():
    """Print the table and what it misses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=25)
    parser.add_argument("--designs", nargs="+", default=list(SEED))
    parser.add_argument("--learners", nargs="+", default=["logistic", "boosting", "forest"])
    parser.add_argument("--keep", type=Path, help="file of rows, continued where it exists")
    parser.add_argument("--kept", action="store_true", help="run nothing, take what is kept")
    parser.add_argument("--page", type=Path, help="file for the table as a page of the guide")
    asked = parser.parse_args()
    if asked.kept:
        rows = pd.read_csv(asked.keep, keep_default_na=False, na_values=[""])
    else:
        cells = product(asked.learners, range(asked.sets), asked.designs)
        found = [kept_or_run(design, k, learner, asked.keep) for learner, k, design in cells]
        rows = pd.concat(found)
    if asked.page is not None:
        asked.page.write_text(page(rows))
    table = summarise(rows)
    print(f"events a set: {rows['n_events'].min()} to {rows['n_events'].max()}")
    print(table.round(3).to_string(index=False))
    print("\n".join(failures(table)) or "every cell holds")


if __name__ == "__main__":
    main()
