"""Whose limits hold for a row: adult, child or neonate, by an age column; and ages cut at 89."""

import numpy as np

from healthml.cleaning._columns.measures import POPULATIONS, numbers_of
from healthml.cleaning._columns.view import outside

NEONATE = 28 / 365.25  # years
# Age in years from which the limits of adults hold, by convention.
ADULT = 18.0
OLDEST = 122.0  # years; the oldest age ever verified
TOP_CODES = (90.0, 91.4)  # ages over 89 in de-identified tables (HIPAA), at the end of the range
BEYOND = (200.0, 300.0)  # and ages over 89 moved out of the range
FEWEST = 3  # equal ages beyond the range that speak of a code
FEWEST_PILED, N_BELOW = 5, 5  # people in such a pile, and years below 90 it is compared with
PILE = 2.0  # times the yearly count just below that a pile at the end must reach; by judgement


GROUPS = (("adult",), ("child",), ("neonate",), ("child", "neonate"), POPULATIONS)


def population_groups(table, column, measure=None):
    """Return for each row the number of its group in `GROUPS`: whose limits it is judged by.

    The age column as read (`measure`) or, without it, the numbers as years. A row of unknown age
    may belong to any population, and an age of 0 may be a neonate's or a child's, since ages are
    cut to whole years.

    >>> import pandas as pd
    >>> from healthml.cleaning._columns import GROUPS, ColumnTable, population_groups
    >>> ages = ColumnTable(pd.DataFrame({"age": [70, 4, 0]}))
    >>> [GROUPS[g] for g in population_groups(ages, "age")]
    [('adult',), ('child',), ('child', 'neonate')]
    """
    age = table.of(column, numbers_of)
    if age is None:
        return np.full(len(table), len(GROUPS) - 1)
    if measure is not None:
        age = age * measure.factor + measure.offset
    with np.errstate(invalid="ignore"):
        ages = [
            (age >= ADULT) & (age <= BEYOND[-1]),
            (age >= NEONATE) & (age < ADULT),
            (age > 0) & (age < NEONATE),
            age == 0,
        ]
    return np.select(ages, range(len(ages)), default=len(GROUPS) - 1)


def populations_present(table, column):
    """Return the populations that an age column holds, adults if it holds no age.

    >>> import pandas as pd
    >>> from healthml.cleaning._columns import ColumnTable, populations_present
    >>> populations_present(ColumnTable(pd.DataFrame({"age": [3, 71]})), "age")
    ('adult', 'child')
    """
    if column is None:
        return ("adult",)
    groups = np.unique(population_groups(table, column))
    present = {p for g in groups[groups < len(GROUPS) - 1] for p in GROUPS[g]}
    return tuple(p for p in POPULATIONS if p in present) or ("adult",)


def find_age(measures):
    """Return the one column that holds ages in years, or None.

    >>> import pandas as pd
    >>> from healthml.cleaning._columns import ColumnTable, MeasureReader, find_age
    >>> find_age(MeasureReader(ColumnTable(pd.DataFrame({"patient_age": [50, 61]}))).read())
    'patient_age'
    """
    ages = [c for c, m in measures.items() if m.concept == "age" and m.factor == 1]
    return ages[0] if len(ages) == 1 else None


def learn_top_codes(age):
    """Return the values by which a column of ages codes everybody over 89.

    A pile at the very end of the range (90 or 91.4, holding `PILE` times what the five years
    below lead to expect), or equal values beyond the oldest age ever verified.

    >>> learn_top_codes(np.r_[np.arange(40, 90), np.full(20, 90)])
    (90.0,)
    """
    age = age[np.isfinite(age)]
    living = age[~outside(age, (0, OLDEST))]
    codes = [code for code in BEYOND if (age == code).sum() >= FEWEST and len(living)]
    if len(living):
        last = living.max()
        pile = (living == last).sum()
        below = ((living >= 90 - N_BELOW) & (living < 90)).sum() / N_BELOW
        if last in TOP_CODES and pile >= max(FEWEST_PILED, PILE * below):
            codes.append(last)
    return tuple(sorted(float(code) for code in codes))
