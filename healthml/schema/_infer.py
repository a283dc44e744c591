"""Propose a schema from names and counts, with the evidence for each role."""

import numpy as np
import pandas as pd

from healthml._core._checks import as_tuple, list_levels
from healthml._core._knowledge import (
    column_concept,
    concept_limits,
    contains_word,
    has_word,
    id_hint,
    known_at_discharge,
    later_hint,
    name_words,
    number_codes,
    score_hint,
    site_hint,
    unit_in_name,
)
from healthml._core._tables import column_kind, parse_numbers
from healthml.schema._variable import KINDS, Variable

# All of these only rank proposals that a person then reads; they were chosen by judgement, not by
# simulation. Moved up or down, other columns are proposed, and the evidence beside each says why.
MOST_LISTED = 50  # distinct values up to which the levels of a category are written down
MOST_OUTCOME_LEVELS = 20  # distinct values of an outcome; more is a measurement
MOST_ROWS_PER_PATIENT = 20  # mean, when the name says identifier but not of a patient
SHORTEST_SEQUENCE = 20  # rows from which 1, 2, 3 ... counts as a row number and not as chance
FEWEST_RISKS = 20  # distinct values of a column of risks; fewer is a class or a grade
SHARE_IN_LIMITS = 0.9  # of the numbers inside a concept's limits before its unit is proposed
SHARE_NUMBERS = 0.8  # of the known cells that are plain numbers before limits are compared
YEARS = (1900, 2100)  # whole numbers that are read as calendar years
_SITES = ("hospital", "hosp", "site", "center", "centre", "facility", "institution", "clinic")
_TAKES = ("outcome", "patient", "site", "time", "follow_up", "score", "identifier", "known_after")


def propose(frame, known):
    """Return proposed roles and the evidence for them.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.
    known : mapping
        Roles that are declared already; their columns get no other role.

    Returns
    -------
    roles : dict
        Arguments of `Schema`.
    evidence : pandas.DataFrame
        Columns ``column``, ``role``, ``adopted``, ``evidence``.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.schema._infer import propose
    >>> roles, evidence = propose(pd.DataFrame({"sex": ["f", "m"], "died": [0, 1]}), {})
    >>> roles["outcome"], roles["sensitive"]
    ('died', ('sex',))
    """
    proposal = _Proposal(frame, known)
    for look in (_outcome, _score, _identifiers, _site, _time, _known_after, _sensitive):
        look(proposal)
    _variables(proposal)
    columns = ["column", "role", "adopted", "evidence"]
    return proposal.roles, pd.DataFrame(proposal.rows, columns=columns)


class _Column:
    """Counts of one column."""

    def __init__(self, values):
        self.name, self.values = values.name, values
        self.n, self.n_missing = len(values), int(values.isna().sum())
        try:
            self.n_distinct = int(values.nunique())
        except TypeError:  # lists and other cells that cannot be hashed
            self.n_distinct = int(values.astype(str).nunique())
        self.kind = column_kind(values)

    @property
    def is_unique(self):
        return self.n > 1 and self.n_distinct == self.n

    @property
    def levels(self):
        if self.kind not in ("categorical", "boolean", "constant"):
            return []
        return list(self.values.dropna().unique()) if self.n_distinct <= MOST_LISTED else []

    def is_sequence(self):
        """Whole numbers without gap or repeat, in any order."""
        if not (self.is_unique and pd.api.types.is_integer_dtype(self.values.dtype)):
            return False
        return int(self.values.max()) - int(self.values.min()) == self.n - 1


class _Proposal:
    """Roles found so far, the columns they take, and a row of evidence for each look."""

    def __init__(self, frame, known):
        self.columns = [_Column(frame.iloc[:, i]) for i in range(frame.shape[1])]
        self.known, self.roles, self.rows = known, {}, []
        self.taken = {c for role in _TAKES for c in as_tuple(known.get(role))}
        for role in _TAKES:
            for column in as_tuple(known.get(role)):
                self.rows.append((column, role, True, "declared"))

    def free(self):
        return [column for column in self.columns if column.name not in self.taken]

    def add(self, column, role, evidence, *, adopt=True, many=False):
        adopt = adopt and role not in self.known
        self.rows.append((column.name, role, adopt, evidence))
        if adopt:
            if role != "limits":
                value = (*self.roles.get(role, ()), column.name) if many else column.name
                self.roles[role] = value
            if role in _TAKES:
                self.taken.add(column.name)

    @property
    def outcome(self):
        return self.known.get("outcome", self.roles.get("outcome"))


def _outcome(proposal):
    if "outcome" in proposal.known:
        return
    candidates = [
        (column, contains_word(column.name, "outcome"))
        for column in proposal.free()
        if contains_word(column.name, "outcome")
        and 2 <= column.n_distinct <= MOST_OUTCOME_LEVELS
        and column.kind in ("boolean", "categorical", "numeric")
        and score_hint(column.name) is None
    ]
    for column, word in candidates:
        evidence = f"name has {word!r}; {list_levels(_sorted(column.values))}"
        if column.kind != "boolean":
            evidence += "; the event must be named"
        if len(candidates) > 1:
            evidence += f"; one of {len(candidates)} candidates, so none is chosen"
        proposal.add(column, "outcome", evidence, adopt=len(candidates) == 1)


def _score(proposal):
    for column in proposal.free():
        word = score_hint(column.name)
        if word is None or column.kind != "numeric" or column.n_distinct <= FEWEST_RISKS:
            continue
        numbers = _real_numbers(column)
        if len(numbers) and numbers.between(0, 1).all():
            evidence = (
                f"name has {word!r}; all {len(numbers)} numbers lie between 0 and 1, "
                f"{numbers.nunique()} of them distinct; declare it as score if it is the risk of "
                "the event"
            )
            proposal.add(column, "score", evidence, adopt=False)


def _identifiers(proposal):
    repeated = []
    for column in proposal.free():
        hint = id_hint(column.name)
        direct = has_word(column.name, "name") and not has_word(column.name, "patient")
        if direct and column.n_distinct > 1:
            evidence = f"name has {hint!r}, which names a person"
            proposal.add(column, "identifier", evidence, many=True)
        elif column.is_unique and hint:
            evidence = f"name has {hint!r}; {column.n} rows, {column.n_distinct} distinct values"
            proposal.add(column, "identifier", evidence, many=True)
        elif column.n >= SHORTEST_SEQUENCE and column.is_sequence():
            evidence = f"{column.n} rows number {column.n} steps of a sequence without gap"
            proposal.add(column, "identifier", evidence, many=True)
        elif hint and _may_be_patient(column):
            repeated.append((_patient_rank(column), column, hint))
    _patient(proposal, sorted(repeated, key=lambda item: -item[0]))


def _may_be_patient(column):
    """Repeated identifiers; a code with few levels ("admission_type_id") names no patient."""
    if column.n_distinct < 2 or site_hint(column.name) or later_hint(column.name):
        return False
    return _patient_rank(column) > 0 or column.n_distinct * MOST_ROWS_PER_PATIENT >= column.n


def _patient_rank(column):
    joined = "".join(name_words(column.name))
    is_patient = bool(contains_word(column.name, "patient")) or joined.endswith("pid")
    return int(is_patient) - int(bool(contains_word(column.name, "visit")))


def _patient(proposal, repeated):
    for place, (rank, column, hint) in enumerate(repeated):
        evidence = (
            f"name has {hint!r}; {column.n - column.n_missing} rows, {column.n_distinct} distinct "
            "values, so some repeat"
        )
        if rank <= 0:
            evidence += "; the name does not say that it is the patient rather than a visit"
        if column.n_missing:
            evidence += f"; missing in {column.n_missing} rows"
        if place == 0 and "patient" not in proposal.known:
            proposal.add(column, "patient", evidence, adopt=column.n_missing == 0)
        else:
            proposal.add(column, "identifier", evidence, many=True)


def _site(proposal):
    candidates = []
    for column in proposal.free():
        word = site_hint(column.name)
        if word and column.n_distinct >= 2 and column.n_distinct * 2 <= column.n:
            rank = _SITES.index(word) if word in _SITES else len(_SITES)
            candidates.append((rank, column, word))
    candidates.sort(key=lambda item: item[0])
    for place, (_, column, word) in enumerate(candidates):
        evidence = f"name has {word!r}; {column.n_distinct} distinct values in {column.n} rows"
        if place:
            evidence += f"; {candidates[0][1].name!r} was preferred"
        if column.n_missing:
            evidence += f"; missing in {column.n_missing} rows"
        proposal.add(column, "site", evidence, adopt=place == 0 and column.n_missing == 0)


def _time(proposal):
    candidates = []
    for column in proposal.free():
        evidence, is_year = _evidence_of_time(column)
        if evidence is None or contains_word(column.name, "birth"):
            continue
        later = later_hint(column.name)
        if later:
            evidence += f"; the name has {later!r}, later than the prediction"
        usable = column.kind == "datetime" or is_year
        good = usable and (not later or is_year)
        rank = (not good, bool(later), not contains_word(column.name, "start"))
        candidates.append((rank, column, evidence, good))
    candidates.sort(key=lambda item: item[0])
    for place, (_, column, evidence, good) in enumerate(candidates):
        proposal.add(column, "time", evidence, adopt=place == 0 and good)


def _evidence_of_time(column):
    if column.n_distinct < 2:
        return None, False
    if column.kind == "datetime":
        return f"{column.n - column.n_missing} dates, {column.n_distinct} distinct", False
    says_year = "".join(name_words(column.name)).endswith("year")
    if says_year and column.kind == "numeric":
        numbers = _real_numbers(column)
        if numbers.between(*YEARS).all() and (numbers % 1 == 0).all():
            return f"{len(numbers)} calendar years, {column.n_distinct} distinct", True
    if has_word(column.name, "date") == "date" and column.kind in ("text", "categorical"):
        return "name has 'date', but not every cell is an ISO date; parse the dates first", False
    return None, False


def _known_after(proposal):
    for column in proposal.free():
        by_name = later_hint(column.name)
        word = by_name or later_hint(column.name, column.levels)
        if word is None:
            continue
        evidence = f"{'name' if by_name else 'a level'} has {word!r}"
        at_discharge = known_at_discharge(word, proposal.outcome)
        if at_discharge:
            evidence += "; known at discharge, when a readmission is usually predicted"
        proposal.add(column, "known_after", evidence, adopt=not at_discharge, many=True)


def _sensitive(proposal):
    leaves = {
        c
        for role in _TAKES
        if role not in ("site", "time")
        for c in (*as_tuple(proposal.known.get(role)), *as_tuple(proposal.roles.get(role)))
    }
    for column in proposal.columns:
        word = has_word(column.name, "sensitive")
        gestational = {"gestational", "bone"} & set(name_words(column.name))
        if word and column.n_distinct > 1 and column.name not in leaves and not gestational:
            evidence = f"name has {word!r}; {column.n_distinct} distinct values"
            proposal.add(column, "sensitive", evidence, many=True)


def _variables(proposal):
    if "variables" in proposal.known:
        return
    skip = {
        c
        for role in ("patient", "identifier")
        for c in (*as_tuple(proposal.known.get(role)), *as_tuple(proposal.roles.get(role)))
    }
    variables = {}
    for column in proposal.columns:
        if column.name in skip:
            continue
        limits = {} if column.name == proposal.outcome else _limits(proposal, column)
        is_code = bool(id_hint(column.name) or site_hint(column.name))
        kind = "numeric" if limits else "categorical" if is_code else column.kind
        if kind in KINDS:
            variables[column.name] = Variable(kind=kind, **limits)
    proposal.roles["variables"] = variables


def _limits(proposal, column):
    """Shipped limits of the concept that the name means, if the numbers fit its usual unit."""
    if column_concept(column.name) is None or column.kind not in ("numeric", "categorical", "text"):
        return {}
    if isinstance(column.values.dtype, pd.CategoricalDtype):
        return {}
    numbers = _real_numbers(column)
    if len(numbers) < SHARE_NUMBERS * (column.n - column.n_missing) or not len(numbers):
        return {}
    known = column_concept(column.name, None, *np.unique(numbers, return_counts=True))
    concept, facts = known.name, concept_limits(known.name)
    reading = unit_in_name(str(column.name), concept) or facts["units"][0]
    hard, soft = (_in_unit(facts[kind], reading) for kind in ("hard", "soft"))
    unit = reading[0]
    n_inside = int(numbers.between(*_closed(hard)).sum())
    evidence = (
        f"name means {concept}; {n_inside} of {len(numbers)} numbers lie within its hard limits "
        f"in {unit or 'its unit'} ({facts['reviewed']})"
    )
    in_this_unit = known.readings[:1] == (reading,)
    sure = in_this_unit and known.is_named and n_inside >= SHARE_IN_LIMITS * len(numbers)
    if not sure:
        evidence += "; the unit or the meaning is not sure, so no limits are set"
    proposal.add(column, "limits", evidence, adopt=sure and "variables" not in proposal.known)
    if not sure:
        return {}
    return {"concept": concept, "unit": unit or None, "hard": _open(hard), "soft": _open(soft)}


def _in_unit(limits, unit):
    """Return limits of the canonical unit in another one, to six digits."""
    _, factor, offset = unit
    if (factor, offset) == (1.0, 0.0):
        return limits
    return tuple(float(f"{(limit - offset) / factor:.6g}") for limit in limits)


def _real_numbers(column):
    """Numbers of a column without missing ones and shipped codes for missing below zero."""
    numbers = parse_numbers(column.values)[0].dropna()
    codes = [code for code in number_codes() if code < 0]
    return numbers[~numbers.isin(codes)]


def _closed(pair):
    return tuple(
        end if np.isnan(limit) else limit
        for limit, end in zip(pair, (-np.inf, np.inf), strict=True)
    )


def _open(pair):
    return tuple(None if np.isnan(limit) else limit for limit in pair)


def _sorted(values):
    levels = list(values.dropna().unique())
    try:
        return sorted(levels)
    except TypeError:
        return sorted(levels, key=str)
