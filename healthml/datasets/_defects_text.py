"""Results and categories written wrongly: limits as text, decimal commas, a new code for a level.

The functions take ``(draft, base, strength)``, decide on the clean cohort, and have their own
streams. A column of numbers that gets text becomes one of objects, as a spreadsheet hands it over.
"""

import numpy as np

from healthml.datasets._encounters import MEASURE
from healthml.exceptions import InputError

# column -> comparator and limit of the assay
LIMITS = {"lactate": ("<", 0.7), "bilirubin_total": ("<", 0.3), "glucose": (">", 250)}
COMMAS = ("temperature", "potassium", "albumin")
RECODED = ("admission_type", "Emergency")
NEW_CODE, SITE_CODE = "EMER", "emergency"


def censored_strings(draft, base, strength):
    """Write values beyond what an assay measures as the limit of the assay."""
    chance = base.stream("censored_strings").random((len(base.table), len(LIMITS)))
    for k, (column, (sign, limit)) in enumerate(LIMITS.items()):
        values = base.table[column].to_numpy()
        beyond = values < limit if sign == "<" else values > limit
        rows = np.flatnonzero(beyond & (chance[:, k] < strength))
        draft.write_text("censored_strings", rows, column, [f"{sign}{limit:g}"] * len(rows))


def decimal_commas(draft, base, strength):
    """Write cells as text with a decimal comma."""
    chance = base.stream("decimal_commas").random((len(base.table), len(COMMAS)))
    for k, column in enumerate(COMMAS):
        rows = np.flatnonzero(chance[:, k] < strength)
        digits = MEASURE[column].digits
        values = base.table[column].to_numpy()[rows]
        texts = [f"{value:.{digits}f}".replace(".", ",") for value in values]
        draft.write_text("decimal_commas", rows, column, texts)


def coding_change(draft, base, strength):
    """Give a level a new code in the last third of the years, another writing at a site before."""
    first, last = base.population.years
    n_sites, n_late = base.population.n_sites, (last - first + 1) // 3
    if n_sites < 2 and not n_late:
        raise InputError("defect 'coding_change' needs n_sites of 2 or more, or 3 or more years.")
    column, level = RECODED
    drawn = base.stream("coding_change").random(len(base.table)) < strength
    concerned = (base.table[column] == level).to_numpy() & drawn
    late = base.encounters.year > last - n_late
    draft.write("coding_change", np.flatnonzero(concerned & late), column, NEW_CODE)
    if n_sites > 1:
        site = base.stream("coding_change:site").integers(n_sites)
        rows = np.flatnonzero(concerned & ~late & (base.encounters.site == site))
        draft.write("coding_change", rows, column, SITE_CODE)


TEXTS = {
    "censored_strings": censored_strings,
    "decimal_commas": decimal_commas,
    "coding_change": coding_change,
}
