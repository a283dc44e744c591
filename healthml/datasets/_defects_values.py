"""Numbers written wrongly: another unit at a site, slipped points, swaps, impossible values.

The functions take ``(draft, base, strength)``, decide on the clean cohort, and have their own
streams.
"""

import numpy as np

from healthml._core._knowledge import read_facts
from healthml.datasets._encounters import MEASURE
from healthml.exceptions import InputError

# column -> the unit that one site reports, and the decimals that its laboratory prints
OTHER_UNITS = {"creatinine": ("umol/L", 0), "glucose": ("mmol/L", 1), "hemoglobin": ("g/L", 0)}
SLIPPED = ("heart_rate", "temperature", "sodium", "potassium")
# Range that impossible values are drawn from, beyond what a patient can have. By judgement, not by
# simulation; nearer to real values they would be harder to find.
IMPOSSIBLE = {"sbp": (400, 900), "spo2": (101, 180), "gcs_total": (16, 30)}
LOWEST_DIASTOLIC = 20  # mm[Hg], of a living patient; by judgement
PULSE_PRESSURE = 15  # least distance of the two pressures, in mm[Hg]


def unit_mixup(draft, base, strength):
    """Report one laboratory value per site in another unit, rounded as that unit is printed."""
    n_sites = base.population.n_sites
    if n_sites < 2:
        raise InputError("defect 'unit_mixup' needs n_sites of 2 or more.")
    order = base.stream("unit_mixup").permutation(n_sites)
    chance = base.stream("unit_mixup:cells").random((len(base.table), len(OTHER_UNITS)))
    for k, (column, (unit, digits)) in enumerate(OTHER_UNITS.items()):
        here = base.encounters.site == order[k % n_sites]
        rows = np.flatnonzero(here & (chance[:, k] < strength))
        values = base.table[column].to_numpy()[rows] / _factor(column, unit)
        draft.write("unit_mixup", rows, column, np.round(values, digits))


def _factor(column, unit):
    """Return what a value in the other unit is multiplied by to be in the column's unit."""
    units = read_facts("clinical_units")
    row = units[units["name"].eq(column) & units["unit"].eq(unit)].iloc[0]
    return float(row["factor"])


def decimal_slips(draft, base, strength):
    """Multiply or divide cells by ten."""
    rng = base.stream("decimal_slips")
    chance = rng.random((len(base.table), len(SLIPPED)))
    up = rng.random(chance.shape) < 0.5
    for k, column in enumerate(SLIPPED):
        rows = np.flatnonzero(chance[:, k] < strength)
        values = base.table[column].to_numpy()[rows]
        values = np.where(up[rows, k], values * 10, values / 10)
        draft.write("decimal_slips", rows, column, np.round(values, MEASURE[column].digits + 1))


def swaps(draft, base, strength):
    """Add a diastolic pressure, and exchange it with the systolic one in some rows.

    The column is plausible and belongs to no defect; only the exchanged cells do.
    """
    rng = base.stream("swaps")
    sbp = base.table["sbp"].to_numpy()
    dbp = np.round(18 + 0.44 * sbp + 8.5 * rng.standard_normal(len(sbp)))
    dbp = np.clip(dbp, LOWEST_DIASTOLIC, sbp - PULSE_PRESSURE)
    rows = np.flatnonzero(rng.random(len(sbp)) < strength)
    draft.columns["dbp"] = dbp.copy()
    draft.write("swaps", rows, "dbp", sbp[rows])
    draft.write("swaps", rows, "sbp", dbp[rows])


def impossible_values(draft, base, strength):
    """Write numbers that no living patient can have."""
    rng = base.stream("impossible_values")
    chance = rng.random((len(base.table), len(IMPOSSIBLE)))
    for k, (column, (low, high)) in enumerate(IMPOSSIBLE.items()):
        values = rng.integers(low, high + 1, size=len(base.table)).astype(float)
        rows = np.flatnonzero(chance[:, k] < strength)
        draft.write("impossible_values", rows, column, values[rows])


VALUES = {
    "unit_mixup": unit_mixup,
    "decimal_slips": decimal_slips,
    "swaps": swaps,
    "impossible_values": impossible_values,
}
