"""Shipped facts: plausible ranges, units, names of columns and codes for missing values.

The facts are CSV files beside this module (see ``knowledge/NOTICE`` for sources and licences).
No row has been reviewed by a clinician yet; `review_label` gives the words a report must use.
"""

import re
from functools import lru_cache
from importlib.resources import files

import numpy as np
import pandas as pd

NOT_REVIEWED = "not clinically reviewed"
PUBLISHED = "published limits, not clinically reviewed"


def _word_set(text):
    return frozenset(text.split())


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"(day|d|hour|hr|h|week|wk|visit|v|t)\d+|\d+(h|hr|hrs)")
_NUMBERED_START = re.compile(r"^(day|hour|visit|d|h|v|t)\d+")
_MOMENTS = _word_set(
    "admission admit adm discharge disch baseline initial first last final min minimum max maximum "
    "mean avg average median lowest highest worst apache lab labs vital vitals value val result "
    "level serum plasma blood arterial measured observed current recent preop postop icu hospital "
    "triage raw"
)
_VISIT = re.compile(r"([a-z]{2,})[1-9]")
_UNIT_WORDS = _word_set(
    "mg dl mmol l kg g cm mm hg mmhg bpm c f degc degf celsius fahrenheit pct percent lb lbs in "
    "inches m ml meq umol mol ug ng pg u iu ul fl s sec mgdl gdl gl mmoll umoll ngml pgml ugl "
    "mgl ul yrs years yr"
)
_GLUED_STARTS = (
    "admission",
    "discharge",
    "baseline",
    "initial",
    "highest",
    "lowest",
    "apache",
    "worst",
    "serum",
    "first",
    "last",
    "mean",
    "min",
    "max",
)
# Letters of a name glued to a word for the moment (admissionheight) from which it is believed,
# and of an ambiguous one; shorter ones occur inside other words.
_SHORTEST_GLUED = 4
# Of an ambiguous name; see above. By judgement, not by simulation.
_SHORTEST_GLUED_AMBIGUOUS = 5


@lru_cache
def text_codes():
    """Return the text codes as {code in lower case: meaning}."""
    codes = read_facts("missing_codes").query("kind == 'text'")
    return dict(zip(codes["code"], codes["meaning"], strict=True))


@lru_cache
def number_codes():
    """Return the numeric codes as {number: meaning}."""
    codes = read_facts("missing_codes").query("kind == 'number'")
    return {float(c): m for c, m in zip(codes["code"], codes["meaning"], strict=True)}


def is_number_code(values):
    """Say which finite numbers are shipped codes for missing values.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._knowledge.facts import is_number_code
    >>> is_number_code(np.array([-99.0, 98.6])).tolist()
    [True, False]
    """
    codes = sorted_number_codes()
    places = np.minimum(np.searchsorted(codes, values), len(codes) - 1)
    return codes[places] == values


@lru_cache
def sorted_number_codes():
    """Return the numeric codes as a sorted array; nobody may edit it."""
    return np.array(sorted(number_codes()))


@lru_cache(maxsize=4096)
def match_concept(column_name):
    """Return the concept that a column's name means, or None.

    The whole name must be a known name or synonym, apart from case, separators, words for the
    moment ("admission", "day1", "max") and a unit at the end. A name is only a hint: compare the
    values with the range before claiming anything (see `is_ambiguous`).

    Parameters
    ----------
    column_name : str
        Name of a column.

    Returns
    -------
    str or None
        ``name`` in clinical_ranges.csv.

    Examples
    --------
    >>> from healthml._core._knowledge.facts import match_concept
    >>> match_concept("admissionheight"), match_concept("d1_HeartRate_max")
    ('height', 'heart_rate')
    >>> match_concept("urine_creatinine") is None
    True
    """
    return _match(column_name)[0]


@lru_cache(maxsize=4096)
def is_ambiguous(column_name):
    """Say whether a matched name often means something else ("ca", "map", "k").

    Examples
    --------
    >>> from healthml._core._knowledge.facts import is_ambiguous
    >>> is_ambiguous("ca"), is_ambiguous("calcium")
    (True, False)
    """
    return _match(column_name)[1]


@lru_cache
def concept_limits(name):
    """Return one concept's limits as a dict with ``units``: a list of (unit, factor, offset).

    Examples
    --------
    >>> from healthml._core._knowledge.facts import concept_limits
    >>> concept_limits("albumin")["units"]
    [('g/dL', 1.0, 0.0), ('g/L', 0.1, 0.0)]
    """
    row = read_facts("clinical_ranges").set_index("name").loc[name]
    units = read_facts("clinical_units").query("name == @name")
    others = zip(units["unit"], units["factor"], units["offset"], strict=True)
    return {
        "name": name,
        "category": row["category"],
        "hard": (float(row["hard_min"]), float(row["hard_max"])),
        "soft": (float(row["soft_min"]), float(row["soft_max"])),
        "units": [
            (row["canonical_ucum"], 1.0, 0.0),
            *((u, float(f), float(o)) for u, f, o in others),
        ],
        "note": row["note"] if isinstance(row["note"], str) else "",
        "reviewed": review_label(row),
    }


@lru_cache
def concept_names():
    """Return the names of all concepts with limits.

    Examples
    --------
    >>> from healthml._core._knowledge.facts import concept_names
    >>> "sodium" in concept_names()
    True
    """
    return frozenset(read_facts("clinical_ranges")["name"])


@lru_cache
def population_soft(name, population):
    """Return the soft limits of a concept in a population, or None where the usual ones hold.

    Parameters
    ----------
    name : str
        Concept, as in clinical_ranges.csv.
    population : {"adult", "child", "neonate"}
        Whose limits; those of adults are the usual ones.

    Examples
    --------
    >>> from healthml._core._knowledge.facts import population_soft
    >>> population_soft("weight", "neonate"), population_soft("weight", "adult")
    ((0.25, 7.5), None)
    """
    rows = read_facts("clinical_ranges_population")
    rows = rows[rows["name"].eq(name) & rows["population"].eq(population)]
    if rows.empty:
        return None
    return float(rows["soft_min"].iloc[0]), float(rows["soft_max"].iloc[0])


def review_label(row):
    """Return what a report must say about who stands behind a row of the ranges.

    Parameters
    ----------
    row : mapping
        With ``hard_basis`` and ``clinically_reviewed``.

    Returns
    -------
    str

    Examples
    --------
    >>> from healthml._core._knowledge.facts import review_label
    >>> review_label({"hard_basis": "author judgement", "clinically_reviewed": "no"})
    'not clinically reviewed'
    """
    if row["clinically_reviewed"] == "yes":
        return "clinically reviewed"
    return NOT_REVIEWED if row["hard_basis"] == "author judgement" else PUBLISHED


def read_facts(name):
    """Return a shipped CSV as a new table, by the name of its file.

    The tables are ``clinical_ranges`` (a row per concept; ``hard_min`` and ``hard_max``: impossible
    beyond in a living person, ``soft_min`` and ``soft_max``: to be verified beyond),
    ``clinical_range_sources`` (each limit as published), ``clinical_ranges_population``,
    ``clinical_units`` (``canonical = value * factor + offset``), ``unit_spellings``,
    ``column_aliases`` and ``missing_codes`` (``meaning`` is "missing", "answer" where it may be a
    real one, or "limit" of a computer word). Only the empty cell is missing: "NA" is a fact.

    Examples
    --------
    >>> from healthml._core._knowledge.facts import read_facts
    >>> read_facts("unit_spellings").columns.tolist()
    ['unit', 'spelling', 'in_compounds']
    """
    return _table(name).copy()


@lru_cache
def _table(name):
    with files("healthml._core._knowledge").joinpath(f"{name}.csv").open(encoding="utf-8") as f:
        frame = pd.read_csv(f, dtype=str, keep_default_na=False)
    numeric = {"hard_min", "hard_max", "soft_min", "soft_max", "factor", "offset", "min", "max"}
    for column in numeric & set(frame.columns):
        frame[column] = pd.to_numeric(frame[column].replace("", np.nan))
    return frame


@lru_cache
def _aliases():
    """Return {alias without separators: (concept, ambiguous)}."""
    frame = read_facts("column_aliases")
    keys = frame["alias"].str.replace("_", "", regex=False)
    return dict(
        zip(keys, zip(frame["name"], frame["ambiguous"] == "yes", strict=True), strict=True)
    )


def _match(column_name):
    words = _words(str(column_name))
    for candidate in _shorter_names(words):
        alias = _aliases().get("".join(candidate))
        if alias:
            return alias
    return _match_visit(words) or _match_glued("".join(words))


def _match_visit(words):
    """Match a name with the number of a visit at its end ("wt1", "sbp_2"): often another thing.

    The name is then as good as an ambiguous one, for "ca125" is no calcium and "t4" no temperature.
    """
    visit = _VISIT.fullmatch("".join(words))
    alias = _aliases().get(visit[1]) if visit else None
    return (alias[0], True) if alias else None


def _words(column_name):
    return [w for w in re.split(r"[^a-z0-9]+", _CAMEL.sub("_", column_name).lower()) if w]


def _shorter_names(words):
    """Yield the name, then the name without units at its end and words for the moment."""
    yield words
    while len(words) > 1 and words[-1] in _UNIT_WORDS:
        words = words[:-1]
        yield words
    while len(words) > 1 and _is_moment(words[-1]):
        words = words[:-1]
        yield words
    while len(words) > 1 and _is_moment(words[0]):
        words = words[1:]
        yield words


def _is_moment(word):
    return word in _MOMENTS or _NUMBERED.fullmatch(word) is not None


def _match_glued(name):
    """Match names written as one word, such as "admissionheight" or "day1pao2"."""
    rest = _NUMBERED_START.sub("", name)
    for start in _GLUED_STARTS:
        if rest.startswith(start):
            rest = rest[len(start) :]
            break
    alias = _aliases().get(rest)
    shortest = _SHORTEST_GLUED_AMBIGUOUS if alias and alias[1] else _SHORTEST_GLUED
    if alias and rest != name and len(rest) >= shortest:
        return alias
    return None, False
