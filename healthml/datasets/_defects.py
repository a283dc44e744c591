"""Defects of a table: each writes to a draft, decides on the clean cohort, and has its own stream.

The functions take ``(draft, base, strength)`` and are listed, in the order of their work, in
`CELLS`, `COLUMNS` and `ROWS`.
"""

from functools import lru_cache

import numpy as np
from scipy.special import expit, ndtri

from healthml.datasets._defects_text import TEXTS
from healthml.datasets._defects_values import VALUES
from healthml.datasets._encounters import LABS, MEASURE
from healthml.datasets._risk import (
    WEIGHTS,
    linear_score,
    reference,
    solve_missingness,
    solve_risk,
)

# Codes for a missing value written as numbers: one far from the real values, one negative.
SENTINELS = {"glucose": 999, "hemoglobin": -9}
MISSING_STRINGS = ("?", "NA", "Unknown")
MAR_DRIVERS = (
    *("age", "admission_type", "heart_rate", "sbp"),
    *("resp_rate", "temperature", "spo2", "gcs_total"),
)
# Share of the cells that each kind of missingness empties in each column: from few to half, by
# judgement, not by simulation; they are the truth of the simulation.
EMPTIED = {
    "mar": {"glucose": 0.2, "sodium": 0.3, "potassium": 0.4, "hemoglobin": 0.5},
    "mnar": {"bun": 0.2, "wbc": 0.3, "albumin": 0.4, "lactate": 0.5},
    "informative": {"creatinine": 0.3, "platelets": 0.4, "bilirubin_total": 0.5},
}
JITTERED = tuple(name for name in MEASURE if name not in ("gcs_total", "spo2"))
_PROBE = 20_000  # encounters of the reference population that missingness is solved on


def mcar(draft, base, strength):
    """Empty laboratory cells by pure chance."""
    chance = base.stream("mcar").random((len(base.table), len(LABS)))
    for k, column in enumerate(LABS):
        draft.write("mcar", np.flatnonzero(chance[:, k] < strength), column, np.nan)


def depends(kind):
    """Return the defect that empties cells by what is observed, by the value, or by the risk."""

    def empty(draft, base, strength):
        settings = (base.population, base.prevalence, base.auc, base.patient_sd)
        intercepts, slope, centre, spread = _solved(kind, strength, *settings)
        drivers = (_drivers(kind, base.table) - centre) / spread
        chance = base.stream(kind).random(drivers.shape)
        emptied = chance < expit(intercepts - slope * drivers)
        for k, column in enumerate(EMPTIED[kind]):
            draft.write(kind, np.flatnonzero(emptied[:, k]), column, np.nan)

    return empty


@lru_cache(maxsize=64)
def _solved(kind, auc, population, prevalence, clean_auc, patient_sd):
    encounters, score, effect = reference(population)
    model = solve_risk(population, prevalence, clean_auc, patient_sd)
    risk = model.risk(score, patient_sd * effect)[:_PROBE]
    drivers = _drivers(kind, encounters.table)[:_PROBE]
    centre, spread = drivers.mean(axis=0), drivers.std(axis=0)
    shares = np.array(list(EMPTIED[kind].values()))
    solved = solve_missingness((drivers - centre) / spread, risk, shares, auc, kind)
    return *solved, centre, spread


def _drivers(kind, table):
    """Return what decides on each cell: the higher, the likelier the cell is filled."""
    if kind == "mnar":
        columns = [np.sign(WEIGHTS[name]) * _symmetric(table, name) for name in EMPTIED[kind]]
        return np.column_stack(columns)
    score = linear_score(table, MAR_DRIVERS if kind == "mar" else None)
    return np.repeat(score[:, None], len(EMPTIED[kind]), axis=1)


def _symmetric(table, name):
    values = table[name].to_numpy(dtype=float)
    return np.log(values) if MEASURE[name].shape == "lognormal" else values


def site_practice(draft, base, intercepts):
    """Let each site's creatinine assay read high or low and its albumin be measured rarely."""
    shift = intercepts[base.encounters.site]
    everywhere = np.arange(len(base.table))
    creatinine = np.round(base.table["creatinine"].to_numpy() * np.exp(0.25 * shift), 2)
    draft.write("site_shift", everywhere, "creatinine", creatinine)
    chance = base.stream("site_shift:albumin").random(len(base.table))
    rare = np.flatnonzero(chance < expit(-2 + 1.5 * shift))
    draft.write("site_shift", rare, "albumin", np.nan)


def sentinels(draft, base, strength):
    """Write numbers that stand for a missing value."""
    chance = base.stream("sentinels").random((len(base.table), len(SENTINELS)))
    for k, (column, code) in enumerate(SENTINELS.items()):
        draft.write("sentinels", np.flatnonzero(chance[:, k] < strength), column, code)


def missing_strings(draft, base, strength):
    """Write words that stand for a missing value."""
    rng = base.stream("missing_strings")
    struck = np.flatnonzero(rng.random(len(base.table)) < strength)
    words = np.array(MISSING_STRINGS, dtype=object)[rng.integers(3, size=len(base.table))]
    draft.write("missing_strings", struck, "admission_source", words[struck])


def leak_perfect(draft, base, strength, y):
    """Add the outcome under another name."""
    wrong = base.stream("leak_perfect").random(len(y)) >= strength
    unit = np.where((y == 1) != wrong, "ICU", "Ward").astype(object)
    draft.add_column("leak_perfect", "discharge_unit", unit)


def leak_noisy(draft, base, strength, y):
    """Add a score that nearly knows the outcome."""
    noise = base.stream("leak_noisy").standard_normal(len(y))
    score = np.round(5 + noise + np.sqrt(2) * ndtri(strength) * y, 2)
    draft.add_column("leak_noisy", "alert_score", score)


def leak_time(draft, base, strength, y):
    """Add the hours in hospital, known only after the outcome and longer because of it."""
    noise = base.stream("leak_time").standard_normal(len(y))
    hours = 72 * np.exp(0.6 * (noise + np.sqrt(2) * ndtri(strength) * y))
    draft.add_column("leak_time", "hosp_los_hours", np.round(hours, 1))


def future_count(draft, base, strength, y):
    """Add the number of encounters that the patient has in this file, later ones included."""
    patient = base.encounters.patient
    count = np.bincount(patient)[patient]
    wrong = base.stream("future_count").random(len(y)) >= strength
    draft.add_column("future_count", "encounter_count", count + wrong)


def exact_duplicates(draft, base, strength):
    """Append rows a second time."""
    draft.append_rows("exact_duplicates", _some_rows(base, "exact_duplicates", strength))


def near_duplicates(draft, base, strength):
    """Append encounters a second time under a new patient number, a few cells changed."""
    rows = _some_rows(base, "near_duplicates", strength)
    copies = draft.append_rows("near_duplicates", rows)
    rng = base.streams("defect:near_duplicates:cells")
    new_patients = draft.columns["patient_id"].max() + 1 + np.arange(len(copies))
    draft.write("near_duplicates", copies, "patient_id", new_patients)
    choice = rng.permuted(np.tile(np.arange(len(JITTERED)), (len(rows), 1)), axis=1)
    donors = rng.integers(len(base.table), size=len(rows))
    up = rng.random(len(rows)) < 0.5
    for k, column in enumerate(JITTERED):
        values = base.table[column].to_numpy()
        other = (choice[:, :2] == k).any(axis=1)
        replaced = _other_values(values, rows[other], donors[other])
        draft.write("near_duplicates", copies[other], column, replaced)
        nudged = (choice[:, 2:5] == k).any(axis=1) & (draft.columns[column][copies] == values[rows])
        moved = _nudge(values[rows[nudged]], up[nudged], MEASURE[column])
        draft.write("near_duplicates", copies[nudged], column, moved)


def join_doubled(draft, base, strength):
    """Double rows as a one-to-many join does; one new column differs within the pair."""
    rng = base.stream("join_doubled")
    classes = np.array(["anticoagulant", "antibiotic", "diuretic", "opioid"], dtype=object)
    first = rng.integers(4, size=len(base.table))
    second = (first + rng.integers(1, 4, size=len(base.table))) % 4
    doubled = np.flatnonzero((rng.random(len(base.table)) < strength)[draft.source_row])
    draft.add_column("join_doubled", "medication_class", classes[first[draft.source_row]])
    copies = draft.append_rows("join_doubled", doubled)
    values = classes[second[draft.source_row[copies]]]
    draft.write("join_doubled", copies, "medication_class", values)


def _some_rows(base, defect, strength):
    n = len(base.table)
    size = max(1, round(strength * n))
    return np.sort(base.stream(defect).choice(n, size=size, replace=False))


def _other_values(values, rows, donors):
    """Return values of other encounters, from the donors on, that differ from the rows' own."""
    donors = donors.copy()
    for _ in range(len(values)):
        same = values[donors] == values[rows]
        if not same.any():
            break
        donors[same] = (donors[same] + 1) % len(values)
    return values[donors]


def _nudge(values, up, measure):
    """Move values by one unit of their last digit, within the limits of the column."""
    low, high = measure.limits
    step = np.where(up, 1, -1) * 10.0**-measure.digits
    outside = (values + step < low) | (values + step > high)
    return np.round(values + np.where(outside, -step, step), measure.digits)


CELLS = (
    VALUES
    | TEXTS
    | {
        "mcar": mcar,
        "mar": depends("mar"),
        "mnar": depends("mnar"),
        "informative": depends("informative"),
        "sentinels": sentinels,
        "missing_strings": missing_strings,
    }
)
COLUMNS = {
    "leak_perfect": leak_perfect,
    "leak_noisy": leak_noisy,
    "leak_time": leak_time,
    "future_count": future_count,
}
ROWS = {
    "exact_duplicates": exact_duplicates,
    "near_duplicates": near_duplicates,
    "join_doubled": join_doubled,
}
