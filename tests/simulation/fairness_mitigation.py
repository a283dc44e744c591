"""Do corrections by group bring true risks nearer, and harm nobody?

    python tests/simulation/fairness_mitigation.py [--cohorts 50] [--minutes 8]

Protocol, written before it was run
-----------------------------------
Aim: whether `GroupRecalibratedClassifier` and `GroupThreshold` help by the true risk, which no
outcome tells.
Data: `make_ehr_cohort`, 40,000 encounters, half of the patients to fit on (about 20,000 rows) and
half to judge on. Scenarios: one group of twice the odds (`risk_gap`, attribute sex); sites that
differ (`site_shift`) among 5 and among 20 sites; no difference at all (attribute ethnicity, whose
smaller groups have fewer than 300 events). Every cohort is drawn anew.
Estimands, in each group on the patients to judge on: log(mean true risk / mean predicted risk),
and the true net benefit per 1,000 at a risk of .15, in which a flagged row is worth
``true - (1 - true) * odds``.
Methods: logistic regression of the numbers that does not see the attribute ("before"); the same in
`GroupRecalibratedClassifier`, and in `GroupThreshold` by net benefit. Defaults otherwise.
Measures: mean over cohorts of the log ratio (wanted: within .02 with 300 events or more to fit on,
.05 with fewer, plus two Monte-Carlo errors); the worst group's mean absolute log ratio (wanted:
halved where groups differ); the mean change of each group's true net benefit (wanted: no group
down by more than .5 per 1,000). Sites are looked at twice: by name, of which the shift is drawn
anew with each cohort, and by rank of their true shift, where shrinkage must leave the extreme ones
short.
"""

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.datasets import make_ehr_cohort
from healthml.fairness import GroupRecalibratedClassifier, GroupThreshold

THRESHOLD = 0.15
# scenario: (defects, sites, attribute)
SCENARIOS = {
    "twice the odds": ({"risk_gap": np.log(2)}, 5, "sex"),
    "5 sites": ({"site_shift": 1.0}, 5, "site"),
    "20 sites": ({"site_shift": 1.0}, 20, "site"),
    "no difference": ({}, 5, "ethnicity"),
}


def one_cohort(scenario, seed, n=40_000):
    """Return a row for each group: what was fitted on, log ratios and true net benefit."""
    defects, n_sites, attribute = SCENARIOS[scenario]
    cohort = make_ehr_cohort(n, defects=defects, n_sites=n_sites, random_state=seed)
    numbers = cohort.X.select_dtypes("number").dropna(axis=1)  # one site measures no albumin
    table = numbers.assign(group=cohort.X[attribute])
    y, true = cohort.y.to_numpy(), np.asarray(cohort.truth.risk)
    fits = np.unique(cohort.groups, return_inverse=True)[1] % 2 == 0
    patient = np.asarray(cohort.groups)[fits]
    inner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    options = {"sensitive_feature": "group", "keep_feature": False, "random_state": seed}
    recalibrated = GroupRecalibratedClassifier(inner, **options)
    recalibrated.fit(table[fits], y[fits], groups=patient)
    chosen = GroupThreshold(inner, value=THRESHOLD, **options)
    chosen.fit(table[fits], y[fits], groups=patient)
    judged, true = table[~fits], true[~fits]
    before = recalibrated.estimator_.predict_proba(judged.drop(columns="group"))[:, 1]
    after = recalibrated.predict_proba(judged)[:, 1]
    worth = true - (1 - true) * THRESHOLD / (1 - THRESHOLD)
    flags = {"before": before >= THRESHOLD, "after": after >= THRESHOLD}
    flags["threshold"] = chosen.predict(judged) == 1
    rows = pd.DataFrame({"group": judged["group"], "true": true, "before": before, "after": after})
    rows = rows.assign(**{f"benefit_{name}": 1000 * worth * flag for name, flag in flags.items()})
    found = rows.groupby("group").mean()
    found["events"] = pd.Series(y[fits]).groupby(table["group"][fits].to_numpy()).sum()
    for name in ("before", "after"):
        found[f"log_{name}"] = np.log(found["true"] / found[name])
    found["name"] = found.index
    if attribute == "site":  # by shift: a site's shift is drawn anew
        found = found.sort_values("log_before").reset_index(drop=True)
    return found


def simulate(scenario, n_cohorts, minutes, seed=31):
    """Return the rows of all groups of as many cohorts as the time allows."""
    end, parts = time.monotonic() + 60 * minutes, []
    for k in range(n_cohorts):
        parts.append(one_cohort(scenario, seed + k).assign(cohort=k))
        if time.monotonic() > end:
            break
    return pd.concat(parts).rename_axis("place").reset_index()


def summary(found, key="name"):
    """Return what the protocol measures, for each group over the cohorts."""
    by = found.groupby(key)
    n = by.size()
    out = pd.DataFrame({"events": by["events"].mean().round()})
    for name in ("before", "after"):
        out[f"log_{name}"] = by[f"log_{name}"].mean()
        out[f"abs_{name}"] = by[f"log_{name}"].apply(lambda x: x.abs().mean())
    out["error"] = by["log_after"].std(ddof=1) / np.sqrt(n)
    for name in ("after", "threshold"):
        change = found[f"benefit_{name}"] - found["benefit_before"]
        out[f"benefit_{name}"] = change.groupby(found[key]).mean()
        out[f"error_{name}"] = change.groupby(found[key]).std(ddof=1) / np.sqrt(n)
    wanted = np.where(out["events"] >= 300, 0.02, 0.05) + 2 * out["error"]
    out["within"] = out["log_after"].abs() <= wanted
    return out


def main(n_cohorts, minutes):
    """Print a table for each scenario."""
    for scenario in SCENARIOS:
        found = simulate(scenario, n_cohorts, minutes / len(SCENARIOS))
        print(f"{scenario}: {found['cohort'].nunique()} cohorts")
        for key in ("name", "place") if SCENARIOS[scenario][2] == "site" else ("name",):
            table = summary(found, key)
            ratio = table["abs_after"].max() / table["abs_before"].max()
            print(table.round(4).to_string())
            print(f"worst group's error after / before {ratio:.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=8)
    options = parser.parse_args()
    main(options.cohorts, options.minutes)
