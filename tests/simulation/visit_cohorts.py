"""Simulated visits: a second generator of clean cohorts whose true risks are known.

Unlike `make_ehr_cohort`: half-yearly visits that end with death, a strong ordinal predictor, a
risk that rises with age, coarse columns in which people are alike, and sites of other case mix
(their patients differ, the risk given the columns does not).
"""

import numpy as np
import pandas as pd

CLASSES = np.array(["I", "II", "III", "IV"])
ROLES = {"groups": "patient", "site": "site", "time": "year"}
SENSITIVE = ["age", "sex"]


def visit_cohort(n_patients=900, *, n_sites=6, most_visits=6, random_state=0):
    """Return table, outcome and true risk of simulated visits.

    Parameters
    ----------
    n_patients : int, default=900
        Patients; each has up to `most_visits` half-yearly visits.
    n_sites : int, default=6
        Sites, whose patients are older and sicker at some than at others.
    most_visits : int, default=6
        Visits of a patient who survives and stays in follow-up.
    random_state : int
        Seed.

    Returns
    -------
    table : DataFrame
        patient, site, year, age, sex, nyha (I to IV), bmi_group, smoker, creatinine, sodium.
    died : ndarray
        1 where the patient died before the next visit; no visit follows.
    risk : ndarray
        Its true probability given the columns.
    """
    rng = np.random.default_rng(random_state)
    site = rng.choice(n_sites, n_patients, p=_shares(n_sites))
    mix = rng.normal(0, 0.6, n_sites)[site]
    people = pd.DataFrame(
        {
            "patient": 10_000 + rng.permutation(n_patients),
            "site": np.array([f"clinic {k}" for k in range(n_sites)])[site],
            "entry": rng.uniform(2012, 2020, n_patients),
            "age": np.clip(rng.normal(66 + 4 * mix, 13, n_patients), 20, 97),
            "sex": rng.choice(["female", "male"], n_patients),
            "bmi_group": rng.choice(["normal", "over", "obese"], n_patients, p=[0.4, 0.35, 0.25]),
            "smoker": rng.choice(["no", "yes"], n_patients, p=[0.75, 0.25]),
            "severity": rng.normal(mix, 1, n_patients),
        }
    )
    planned, alive, visits = rng.integers(1, most_visits + 1, n_patients), people, []
    for number in range(most_visits):
        alive = alive[planned[alive.index] > number]
        visit = _visit(alive, number, rng)
        visits.append(visit)
        alive = alive[visit["died"].to_numpy() == 0]
    table = pd.concat(visits, ignore_index=True)
    table = table.sample(frac=1, random_state=random_state).reset_index(drop=True)
    return table, table.pop("died").to_numpy(), table.pop("risk").to_numpy()


def _shares(n_sites):
    size = 1.0 / np.arange(1, n_sites + 1) ** 0.5
    return size / size.sum()


def _visit(people, number, rng):
    n = len(people)
    severity = people["severity"] + 0.15 * number + rng.normal(0, 0.5, n)
    stage = np.digitize(severity, [-0.4, 0.6, 1.6])
    age = (people["age"] + number / 2).round()
    creatinine = np.exp(rng.normal(0.05 + 0.1 * severity, 0.3)).round(2)
    sodium = rng.normal(139 - 0.5 * severity, 3).round()
    odds = (
        -4.6
        + np.array([0.0, 0.9, 2.0, 3.1])[stage]
        + 0.045 * (age - 66)
        + 0.3 * (people["sex"] == "male")
        + 0.3 * (people["smoker"] == "yes")
        + 0.5 * (creatinine - 1)
        - 0.06 * (sodium - 139)
    )
    risk = 1 / (1 + np.exp(-odds.to_numpy()))
    return pd.DataFrame(
        {
            "patient": people["patient"],
            "site": people["site"],
            "year": (people["entry"] + number / 2).astype(int),
            "age": age,
            "sex": people["sex"],
            "nyha": CLASSES[stage],
            "bmi_group": people["bmi_group"],
            "smoker": people["smoker"],
            "creatinine": creatinine,
            "sodium": sodium,
            "risk": risk,
            "died": (rng.uniform(size=n) < risk).astype(int),
        }
    )
