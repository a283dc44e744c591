"""Whether each patient has one number, and each number one patient: what constant columns show."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import poisson

from healthml.validation._leakage.case import NOTED, Unknown
from healthml.validation._leakage.rows.alike_rows import (
    COMMON,
    FEWEST_STEADY,
    KEPT,
    coded,
    joint_code,
    neighbours,
)
from healthml.validation._leakage.words import names_in_words

FEWEST_PAIRS = 30  # of rows of one number from which a column is called constant; by judgement
# Chance of as many alike patients as were found, at the number that the columns let expect, below
# which they are named; by judgement. Higher, and patients alike by chance are taken for one.
RARE = 1e-4
TIMES_EXPECTED = 2.0  # and how often the expected number; the columns go together a little
# Alike pairs that chance makes, as a share of the patients, above which two numbers of one patient
# are not seen among them and the question stays open; by judgement.
MOST_BY_CHANCE = 0.01
# Agreement beyond chance across sites below which one number is two people; by judgement. Columns
# that change for one patient (an address) agree less, so that several are averaged.
SAME_PERSON = 0.5


@dataclass(frozen=True)
class Steady:
    """Columns that stay constant inside a number, and how often chance agrees in each."""

    codes: dict
    chance: dict

    @property
    def names(self):
        """Names of the columns."""
        return list(self.codes)


def look_at_numbers(case):
    """Ask whether patients stand under two numbers, and numbers for two patients."""
    if case.groups is None:
        return
    if case.respelled is not None:
        yield from _respelled(case)
    if np.bincount(case.groups).max() < 2:
        return
    places = None if case.site is None else pd.factorize(case.site, use_na_sentinel=False)[0]
    steady = steady_columns(case.X, case.groups, places)
    restarted = places is not None and restart(steady, case.groups, places)
    if restarted:
        yield _restarted(case, steady, places)
        return
    if len(steady.names) < FEWEST_STEADY:
        yield _untold("too few columns stay constant for a patient and tell patients apart")
        return
    observed, expected = twins(steady, case.groups)
    if many(observed, expected):
        yield _twins(case, steady, observed, expected)
    elif expected > MOST_BY_CHANCE * (case.groups.max() + 1):
        yield _untold(
            f"chance lets about {expected:,.0f} pairs of patients agree in all columns that stay "
            f"constant ({names_in_words(steady.names)}), too many to see a patient under two "
            "numbers"
        )


def _untold(reason):
    return Unknown(
        "Has each patient one number, and each number one patient?",
        reason,
        "Ask whether patients can stand under two numbers, and whether numbers start again at each "
        "site.",
        "HM304",
    )


def steady_columns(table, groups, places=None):
    """Return the columns that rows of one number, at one site, nearly always agree in.

    Parameters
    ----------
    table : DataFrame
        The columns.
    groups : ndarray of int, shape (n,)
        The number of each row.
    places : ndarray of int, optional
        The site of each row.

    Returns
    -------
    Steady
    """
    codes, chance = coded(table)
    inside = groups if places is None else joint_code([groups, places])
    first, second = neighbours(inside)
    if len(first) < FEWEST_PAIRS:
        return Steady({}, {})
    kept = {
        c: code
        for c, code in codes.items()
        if chance[c] <= COMMON and (code[first] == code[second]).mean() >= KEPT
    }
    return Steady(kept, {c: chance[c] for c in kept})


def restart(steady, groups, places):
    """Say whether rows of one number at two sites agree hardly more than those of two patients.

    Parameters
    ----------
    steady : Steady
        Columns that are constant for a number at one site.
    groups, places : ndarray of int, shape (n,)
        Number and site of each row.

    Returns
    -------
    bool
    """
    pair = np.unique(np.column_stack([groups, places]), axis=0, return_index=True)
    rows, number = pair[1], pair[0][:, 0]
    first, second = rows[:-1][number[1:] == number[:-1]], rows[1:][number[1:] == number[:-1]]
    if len(first) < FEWEST_PAIRS or not steady.names:
        return False
    beyond = [
        ((code[first] == code[second]).mean() - steady.chance[c]) / (1 - steady.chance[c])
        for c, code in steady.codes.items()
    ]
    return bool(np.mean(beyond) < SAME_PERSON)


def twins(steady, groups):
    """Return pairs of numbers that agree in all constant columns: how many, and how many expected.

    Expected are, at most over the columns, the pairs that agree in all the others times the chance
    to agree in that one too.

    Parameters
    ----------
    steady : Steady
        The constant columns.
    groups : ndarray of int, shape (n,)
        The number of each row.

    Returns
    -------
    found : int
    expected : float
    """
    rows = np.unique(groups, return_index=True)[1]
    codes = {c: code[rows] for c, code in steady.codes.items()}
    observed = _n_pairs(list(codes.values()))
    others = combinations(codes, len(codes) - 1)
    left_out = ((set(codes) - set(kept)).pop() for kept in combinations(codes, len(codes) - 1))
    expected = max(
        (_n_pairs([codes[c] for c in kept]) - observed) / (1 - steady.chance[c]) * steady.chance[c]
        for kept, c in zip(others, left_out, strict=True)
    )
    return int(observed), max(float(expected), 0.0)


def many(observed, expected):
    """Say whether more pairs of numbers agree than chance and a little dependence explain."""
    rare = poisson.sf(observed - 1, max(expected, 1e-9)) <= RARE
    return bool(rare and observed > TIMES_EXPECTED * expected)


def _n_pairs(codes):
    size = np.bincount(joint_code(codes)).astype(float)
    return (size * (size - 1) / 2).sum()


def _twins(case, steady, observed, expected):
    n = int(case.groups.max()) + 1
    return case.leak(
        "HM304",
        NOTED,
        None,
        "Some patients may stand under two numbers",
        f"{observed:,} pairs of the {n:,} patients' numbers agree in "
        f"{names_in_words(steady.names)}, where chance lets about {expected:,.0f} be expected. A "
        "split by these numbers can put such a patient on both sides.",
        "Ask how numbers were given (a second registration, a number for each department), and "
        "join those of one patient.",
        columns=steady.names,
    )


def _respelled(case):
    numbers, first = np.unique(case.groups, return_index=True)
    spellings = np.bincount(case.respelled[first])
    if spellings.max() == 1:  # the rows of the other spelling were left out, without an outcome
        return
    several = (spellings > 1)[case.respelled]
    n_rows, n_numbers = int(several.sum()), int(spellings[spellings > 1].sum())
    yield case.leak(
        "HM304",
        NOTED,
        None,
        "Some patients' numbers differ only in how they were typed",
        f"{n_numbers:,} of the {len(numbers):,} patients' numbers, in {n_rows:,} rows, are "
        f"{int((spellings > 1).sum()):,} once spaces, invisible characters, zeros in front and, "
        "where numbers are written in one case, case are ignored. A split by the numbers as typed "
        "can put such a patient on both sides.",
        "Write each patient's number in one way (strip spaces, one case) before the table is "
        "split; if they are different people, nothing is wrong.",
    )


def _restarted(case, steady, places):
    pairs = np.unique(np.column_stack([case.groups, places]), axis=0)
    n = int((np.bincount(pairs[:, 0]) > 1).sum())
    return case.leak(
        "HM304",
        NOTED,
        None,
        "One number seems to stand for different patients at different sites",
        f"{n:,} of {int(case.groups.max()) + 1:,} patients' numbers stand at more than one site; "
        f"inside a site their rows agree in {names_in_words(steady.names)}, across sites hardly "
        "more than those of different patients.",
        "If numbers start again at each site, declare site and number together as the patient.",
        columns=steady.names,
    )
