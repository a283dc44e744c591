"""Rows that stand in a table twice: exactly, nearly, or as one person under two identifiers."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_groups
from healthml._core._fingerprints import duplicate_clusters
from healthml._core._tables import to_pandas
from healthml.cleaning._rows.duplicates_result import DuplicatesResult, PairList, count_kinds
from healthml.cleaning._rows.identifiers import (
    identifier_columns,
    repeated_pairs,
    should_be_unique,
    spelling_pairs,
    without_blanks,
)
from healthml.cleaning._rows.persons import (
    check_match_probability,
    person_columns,
    same_person_pairs,
)
from healthml.exceptions import InputError

_MOST_NAMED = 5  # differing columns that a summary names


def find_duplicates(
    X,
    *,
    groups=None,
    identifiers=None,
    names=None,
    birth_date=None,
    sex=None,
    near=True,
    match_probability=0.9,
) -> DuplicatesResult:
    """Find rows that may stand in a table twice; they are proposed, never merged or dropped.

    Four questions are asked. Which rows are equal in every column, or nearly, beyond what chance
    and the table's own correlations explain? Which identifiers are one in two spellings
    ("P017", "p017 ")? Which identifiers repeat that should not? And who is one person under two
    identifiers, by names, birth date and sex?

    Parameters
    ----------
    X : pandas or polars DataFrame, or 2-D array
        The table.
    groups : array-like of shape (n_samples,), optional
        Patient of each row. Pairs then say whether they are of one patient, and only two patients
        can be one person.
    identifiers : str or sequence of str, optional
        Columns with identifiers that should differ in every row. By default they are recognised by
        name and values; a patient's identifier may repeat then, and any may where another column
        numbers the rows.
    names : sequence of str, optional
        Columns with people's names; recognised by name ("surname", "first_name") by default. An
        empty list looks for none.
    birth_date, sex : str, optional
        Columns, recognised by name by default.
    near : bool, default=True
        Whether to look for near repeats, which takes most of the time. Without it, equal rows are
        not weighed against chance either.
    match_probability : float, default=0.9
        Least probability of a "same_person" pair, between 0 and 1.

    Returns
    -------
    DuplicatesResult

    Raises
    ------
    InputError
        If a column is not in the table or a parameter is out of its range.

    Notes
    -----
    Near repeats are found by hashing random columns and judged by a match weight [1]_ that must
    pass a Bonferroni bound over all pairs and stand out from the tail of alike pairs that the table
    itself shows, as repeated visits of a patient do. Work grows with the rows, not their square.

    "same_person" needs names and a birth date. All words of the shorter name must stand in the
    other, sexes must not contradict, birth dates are equal or one typing error apart (a digit, day
    and month changed). The weight sums log2 of 0.95 over the chance of sharing a value, so a rare
    surname counts more than a common one; the probability starts from 1 record in 100 being a
    second one of somebody. Twins, and a new surname after marriage, are not proposed; a clerk's
    error in a first letter is missed when the other evidence is as weak. For names that need more
    than this, `link_records` estimates the weights from the table.

    See Also
    --------
    link_records : Linkage that weighs names which differ, through splink.
    drop_rows : Leaves rows out, everything aligned and counted.

    References
    ----------
    .. [1] Fellegi IP, Sunter AB. A theory for record linkage. J Am Stat Assoc. 1969;64:1183-1210.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.cleaning import find_duplicates
    >>> table = pd.DataFrame(np.random.RandomState(0).normal(size=(300, 12)).round(3))
    >>> table.insert(0, "patient_id", [f"P{i:03d}" for i in range(300)])
    >>> again = table.head(5).assign(patient_id=table["patient_id"].str.lower())
    >>> report = find_duplicates(pd.concat([table, table.tail(2), again], ignore_index=True))
    >>> report.table.set_index("kind")["n_rows"].head(3).to_dict()
    {'exact': 2, 'near': 5, 'id_spelling': 0}
    >>> report.repeats("exact")
    array([300, 301])
    """
    check_alignment(X=X, groups=groups)
    frame = to_pandas(X)
    check_match_probability(match_probability)
    frame = frame.reset_index(drop=True)
    ids, unique = _identifiers(frame, identifiers)
    person = person_columns(frame, names, birth_date, sex)
    _check_columns(frame, [*person.names, person.birth_date, person.sex])
    patient = None if groups is None else check_groups(groups, len(frame))
    rows = duplicate_clusters(frame, near=near)
    pairs = PairList()
    _add_rows(pairs, rows, near)
    for column in ids:
        pairs.add("id_spelling", *spelling_pairs(frame[column]), column=str(column))
    for column in unique:
        pairs.add("repeated_id", *repeated_pairs(frame[column]), column=str(column))
    codes = patient if patient is not None else _patient_codes(frame, ids)
    persons, n_skipped = same_person_pairs(frame, person, codes, match_probability)
    weights = {"match_weight": persons["bits"], "probability": persons["probability"]}
    pairs.add("same_person", persons["first"], persons["second"], **weights)
    return _report(frame, pairs.to_frame(), rows, patient, (ids, unique, person), n_skipped, near)


def _identifiers(frame, identifiers):
    """Return the columns with identifiers, and those that should differ in every row."""
    if identifiers is None:
        columns = identifier_columns(frame)
        return columns, should_be_unique(frame, columns)
    listed = [identifiers] if isinstance(identifiers, str) else list(identifiers)
    _check_columns(frame, listed)
    others = [name for name in identifier_columns(frame) if name not in listed]
    return listed + others, listed


def _check_columns(frame, columns):
    absent = [name for name in columns if name is not None and name not in frame.columns]
    if absent:
        raise InputError(f"the table has no column {absent}; name columns that it has.")


def _patient_codes(frame, ids):
    """Return the patient's identifier as codes, or the first identifier, or nobody's."""
    named = [c for c in ids if "patient" in str(c).lower() or "subject" in str(c).lower()]
    column = next(iter([*named, *ids]), None)
    if column is None:
        return np.full(len(frame), -1)
    return pd.factorize(without_blanks(frame[column]))[0]


def _add_rows(pairs, rows, near):
    table, exact = rows.pairs, rows.pairs["exact"].to_numpy(dtype=bool)
    for kind, chosen in (("exact", exact), ("near", ~exact)):
        part = table[chosen]
        weights = {"agreement": part["agreement"], "match_weight": part["bits"]}
        pairs.add(kind, part["first"], part["second"], **weights)
    first, second = repeated_pairs(pd.Series(rows.exact_id))
    common = rows.near_id[first] != rows.near_id[second]
    kind = "exact_common" if near else "exact"
    pairs.add(kind, first[common], second[common], agreement=1.0)


def _report(frame, pairs, rows, patient, looked_at, n_skipped, near):
    pairs = _with_differences(frame, pairs)
    same = pd.array([pd.NA] * len(pairs), dtype="boolean")
    if patient is not None:
        same = pd.array(patient[pairs["first"]] == patient[pairs["second"]], dtype="boolean")
    pairs.insert(len(pairs.columns) - 1, "same_patient", same)
    ids, unique, person = looked_at
    differing = [str(name) for name in rows.differing.index[rows.differing > 0][:_MOST_NAMED]]
    persons = [str(c) for c in (*person.names, person.birth_date, person.sex) if c is not None]
    named = {"near": differing, "id_spelling": ids, "repeated_id": unique, "same_person": persons}
    named = {kind: ", ".join(map(str, columns)) for kind, columns in named.items()}
    return DuplicatesResult(
        table=count_kinds(pairs, len(frame), named),
        pairs=pairs,
        cluster=rows.near_id if near else rows.exact_id,
        n_samples=len(frame),
        share_assessable=rows.share_assessable if near else np.nan,
        reason=" ".join(filter(None, [rows.reason, *_not_compared(frame, unique, n_skipped)])),
    )


def _not_compared(frame, unique, n_skipped):
    """Yield what could not be judged: empty identifiers, pairs in blocks that are too large."""
    for column in unique:
        n_empty = int(without_blanks(frame[column]).isna().sum())
        if n_empty:
            rows = "1 row" if n_empty == 1 else f"{n_empty:,} rows"
            yield f"{column} is empty in {rows}, which repeat nothing."
    if n_skipped:
        yield (
            f"{n_skipped:,} pairs that share a birth date and initials, or a name and half a date, "
            "were too many to be compared."
        )


def _with_differences(frame, pairs):
    """Add the number and the names of the columns in which the rows of a pair differ."""
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    judged = np.flatnonzero(~pairs["kind"].str.startswith("exact").to_numpy(dtype=bool))
    n_differing, names = np.zeros(len(pairs), dtype=np.int64), [[] for _ in range(len(pairs))]
    for column in frame:
        codes = pd.factorize(
            frame[column].iloc[np.r_[first[judged], second[judged]]].astype(object)
        )[0]
        for i in judged[codes[: len(judged)] != codes[len(judged) :]]:
            n_differing[i] += 1
            names[i].append(str(column))
    texts = [", ".join(listed) for listed in names]
    return pairs.assign(n_differing=n_differing, differing=np.array(texts, dtype=object))
