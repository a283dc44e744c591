"""Simulated tables of several sites: units mixed in some, really different patients in others."""

import numpy as np
import pandas as pd

from healthml._core._knowledge.facts import concept_limits, match_concept

# column: (median, spread of the log, decimals) in the canonical unit, {unit: decimals as written}
ANALYTES = {
    "creatinine": (1.0, 0.40, 2, {"umol/L": 0}),
    "glucose": (120, 0.32, 0, {"mmol/L": 1}),
    "hemoglobin": (12.5, 0.16, 1, {"g/L": 0}),
    "bilirubin": (0.7, 0.65, 1, {"umol/L": 0}),
    "troponin_t": (0.03, 1.2, 3, {"ng/L": 0}),
    "triglycerides": (140, 0.5, 0, {"mmol/L": 2}),
    "cholesterol": (190, 0.22, 0, {"mmol/L": 1}),
    "hdl": (50, 0.27, 0, {"mmol/L": 2}),
    "albumin": (3.8, 0.17, 1, {"g/L": 0}),
    "total_protein": (7.0, 0.11, 1, {"g/L": 0}),
    "calcium": (9.2, 0.08, 1, {"mmol/L": 2}),
    "magnesium": (2.0, 0.15, 1, {"mmol/L": 2}),
    "phosphate": (3.4, 0.28, 1, {"mmol/L": 2}),
    "uric_acid": (5.8, 0.3, 1, {"umol/L": 0}),
    "lactate": (1.6, 0.6, 1, {"mg/dL": 0}),
    "free_t4": (1.2, 0.25, 2, {"pmol/L": 1}),
    "hba1c": (6.2, 0.19, 1, {"mmol/mol": 0}),
    "temperature": (37.0, 0.016, 1, {"[degF]": 1}),
    "hematocrit": (38, 0.15, 1, {"L/L": 3}),
    "platelets": (230, 0.42, 0, {"/uL": -3}),
    "wbc": (8.5, 0.45, 1, {"/uL": -2}),
    "pco2": (40, 0.2, 0, {"kPa": 1}),
    "po2": (85, 0.3, 0, {"kPa": 1}),
    "crp": (20, 1.2, 1, {"mg/dL": 2}),
    "fibrinogen": (330, 0.35, 0, {"g/L": 1}),
    "iron": (80, 0.5, 0, {"umol/L": 1}),
    "pth": (50, 0.55, 0, {"pmol/L": 1}),
    "cortisol": (14, 0.5, 1, {"nmol/L": 0}),
    "bun": (16, 0.5, 0, {"mmol/L": 1}),
    "ammonia": (35, 0.5, 0, {"ug/dL": 0}),
}
# written in the other unit, hardly any value is one that a patient could have in this one
SEPARATE = [
    "glucose", "hemoglobin", "triglycerides", "cholesterol", "hdl", "albumin", "total_protein",
    "calcium", "uric_acid", "free_t4", "hba1c", "temperature", "hematocrit", "platelets", "wbc",
    "pco2", "po2", "fibrinogen", "creatinine",
]  # fmt: skip
# patients that are really like this: (column, median, spread of the log)
REAL = {
    "dialysis": [("creatinine", 8.0, 0.4), ("pth", 450, 0.7), ("bun", 55, 0.35),
                 ("phosphate", 5.8, 0.3), ("hemoglobin", 10.2, 0.12)],
    "liver": [("bilirubin", 11.0, 0.9), ("albumin", 2.4, 0.2), ("ammonia", 95, 0.5)],
    "shock": [("lactate", 8.5, 0.6), ("crp", 190, 0.7), ("creatinine", 2.4, 0.5)],
    "children": [("creatinine", 0.42, 0.3), ("hemoglobin", 11.6, 0.1), ("albumin", 4.2, 0.1)],
    "diabetes": [("glucose", 420, 0.35), ("hba1c", 11.0, 0.2), ("triglycerides", 420, 0.8)],
    "cardiac": [("troponin_t", 2.0, 1.3), ("cholesterol", 230, 0.25)],
    "leukaemia": [("wbc", 70, 1.0), ("platelets", 22, 0.9), ("hemoglobin", 8.0, 0.15),
                  ("uric_acid", 9.5, 0.4)],
    "deficiency": [("iron", 16, 0.5), ("hemoglobin", 7.8, 0.18)],
}  # fmt: skip


def make_table(seed, n=1500, *, mix=True, real=True):
    """Return a table, a frame of the true values, and which cells are in another unit."""
    rng = np.random.default_rng(seed)
    names = [f"S{i}" for i in range(rng.integers(3, 7))]
    site = rng.choice(names, n, p=rng.dirichlet(np.full(len(names), 4)))
    columns = [str(c) for c in rng.choice(list(ANALYTES), 14, replace=False)]
    truth, seen = {}, {}
    mixed = pd.DataFrame(False, index=range(n), columns=columns)
    special = rng.choice(list(REAL)) if real else None
    special_rows = np.zeros(n, dtype=bool)
    if special:
        whole = rng.random() < 0.6
        special_rows = site == names[0] if whole else rng.random(n) < 0.15
    changed = {name: where for name, *where in REAL.get(special, [])}
    for column in columns:
        middle, spread, decimals, units = ANALYTES[column]
        shift = dict(zip(names, rng.normal(0, 0.15 * spread, len(names)), strict=True))
        z = rng.standard_t(8, n) if spread > 0.05 else rng.normal(size=n)
        y = np.log(middle) + spread * z + np.array([shift[s] for s in site])
        if column in changed:
            real_middle, real_spread = changed[column]
            y[special_rows] = np.log(real_middle) + real_spread * rng.normal(
                size=special_rows.sum()
            )
        limits = concept_limits(match_concept(column))
        value = np.exp(y)
        value = np.clip(value, *(limits["soft"][i] * (1 + 0.05 * (1 - 2 * i)) for i in (0, 1)))
        value = np.round(value, decimals)
        truth[column] = value
        written = value.astype(float)
        if mix and rng.random() < 0.5:
            unit, digits = next(iter(units.items()))
            factor, offset = next((f, o) for u, f, o in limits["units"] if u == unit)
            share = rng.choice([0.05, 0.1, 0.3, 0.6, 1.0])
            where = site == rng.choice(names[1:])
            if rng.random() < 0.2:
                where, share = np.ones(n, dtype=bool), min(share, 0.3)
            rows = where & (rng.random(n) < share) & ~(special_rows & (column in changed))
            written[rows] = np.round((np.exp(y[rows]) - offset) / factor, digits)
            rows &= written > 0
            mixed.loc[rows, column] = True
        missing = rng.random(n) < 0.1
        written[missing] = np.nan
        mixed.loc[missing, column] = False
        seen[column] = written
    table = pd.DataFrame({"site": site, **seen})
    return table, pd.DataFrame(truth), mixed
