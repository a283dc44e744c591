"""The same patient, or the same row, on both sides of a split: counted and measured."""

from dataclasses import replace

import numpy as np

from healthml.schema import Schema
from healthml.validation._leakage.case import ASK, FEW_ROWS, LEAK, NOTED, Unknown, join_codes
from healthml.validation._leakage.rows.alike_rows import (
    AlikeRows,
    acts_as_identifier,
    numbers_as_codes,
    rows_alike,
)
from healthml.validation._leakage.split import compare_splits, matching_split, split_from_folds
from healthml.validation._leakage.words import count_words, interval_words, names_in_words

MOST_LOOKED_AT = 100  # columns in which patients are sought who were not declared; more cost time


def look_at_rows(case):
    """Return what repeated patients and copied rows do to the split."""
    base = case.table[case.base_columns]
    if case.duplicates is not None:
        yield from _copies(case, base)
    if case.groups is None:
        yield from _undeclared(case, base)
    else:
        yield from _patients(case, base)


def gap_between(case, table, split, units, meaning):
    """Return the AUC of a split minus that of one that keeps units together, and the scores.

    Parameters
    ----------
    case : LeakCase
        Rows, outcome and procedure.
    table : DataFrame
        Columns for the procedure.
    split : GivenSplit
        The split in question.
    units : ndarray of int
        What the other split keeps together.
    meaning : str
        What is compared, in words.

    Returns
    -------
    effect : Effect or None
        None where too few units have, or have not, an event.
    scores : PairedScores or None
    """
    if not case.refits:
        return None, None
    rows = case.part()
    y, units = case.y[rows], np.unique(units[rows], return_inverse=True)[1]
    split = split.among(rows)
    if len(np.unique(y)) < 2 or not split.pairs:
        return None, None
    repeats = 2 if len(y) <= FEW_ROWS else 1
    other = matching_split(split, y, units, n_repeats=repeats, seed=case.seed)
    if other is None:
        return None, None
    options = {"seed": case.seed, "n_jobs": case.n_jobs, "level": case.level}
    scores = compare_splits(case.row_model, table.iloc[rows], y, split, other, units, **options)
    difference = scores.difference("given", "kept together")
    return case.effect(*difference, meaning, rows=rows), scores


def _naive(case, units):
    """Return a split of all rows that ignores what belongs together."""
    repeats = 2 if len(case.y) <= FEW_ROWS else 1
    return split_from_folds(case.judge.make_folds(units, n_repeats=repeats))


def gap_words(scores):
    """Return both AUCs of a comparison of splits in words."""
    if scores is None:
        return "Too few of them have, or have not, the event to measure it."
    given, together = (interval_words(scores.get(k, "auroc")) for k in ("given", "kept together"))
    return f"AUC {given} in that split, {together} with them on one side."


# copies of rows


def crossing_sets(groups, cluster):
    """Return how many sets of copies do not lie inside one patient."""
    code = np.unique(cluster, return_inverse=True)[1]
    counts = np.bincount(code)
    if groups is None:
        return int((counts > 1).sum())
    pairs = np.unique(np.column_stack([code, groups]), axis=0)
    return int((np.bincount(pairs[:, 0]) > 1).sum())


def evident_copies(duplicates):
    """Return the set of each row: equal in all cells, with values too rare to be chance."""
    both = np.column_stack([duplicates.exact_id, duplicates.near_id])
    return np.unique(both, axis=0, return_inverse=True)[1].ravel()


def copy_counts(cluster):
    """Return the rows beyond the first of their set, the sets, and the largest set."""
    counts = np.bincount(np.unique(cluster, return_inverse=True)[1])
    return int((counts - 1)[counts > 1].sum()), int((counts > 1).sum()), int(counts.max())


def _copies(case, base):
    duplicates = case.duplicates
    plan = (
        ("HM204", duplicates.n_exact_evident, evident_copies(duplicates)),
        ("HM305", duplicates.n_near, duplicates.near_id),
    )
    repeated = [(code, cluster) for code, n, cluster in plan if n]
    if duplicates.n_exact > duplicates.n_exact_evident:
        yield _equal_by_chance_or_copied(duplicates)
    if not repeated:
        if not duplicates.assessable or duplicates.n_withheld:
            yield Unknown(
                "Are there nearly identical rows?",
                duplicates.reason or "too few columns hold many different values",
                "Check on identifiers outside this table.",
                "HM305",
            )
        return
    effect, scores = _copy_effect(case, base)
    for code, cluster in repeated:
        yield _copy_leak(case, code, cluster, effect, scores)


_COPIES = {
    "HM204": ("an exact copy of", "exact copies of"),
    "HM305": ("nearly identical to", "nearly identical to"),
}


def _equal_by_chance_or_copied(found):
    """Count rows that equal another and are not claimed as copies: chance may explain them."""
    more = "further " * (found.n_exact_evident > 0)
    n = found.n_exact - found.n_exact_evident
    verb = "repeats" if n == 1 else "repeat"
    return Unknown(
        "Are rows that are equal in every column compared copies, or alike by chance?",
        f"{n:,} {more}of {len(found.exact_id):,} rows {verb} another, with values too "
        "common to tell a copy from two records alike",
        "Check them on identifiers outside this table.",
        "HM204",
    )


def _copy_effect(case, base):
    """Measure a split that separates copies, unless all lie within one patient."""
    if case.groups is not None and not crossing_sets(case.groups, case.duplicates.near_id):
        return None, None
    if case.split is not None:
        shared = case.split.sharing(np.unique(case.duplicates.near_id, return_inverse=True)[1])
        split = case.split if any(len(s) for s in shared) else None
    else:
        split = _naive(case, case.groups)
    if split is None:
        return None, None
    meaning = "AUC of a split that separates copies minus AUC of one that keeps them together"
    return gap_between(case, base, split, case.units, meaning)


def _copy_leak(case, code, cluster, effect, scores):
    extra, sets, largest = copy_counts(cluster)
    single, several = _COPIES[code]
    what = f"is {single}" if extra == 1 else f"are {several}"
    counted = f"{count_words(sets, 'set')} of up to {largest}"
    words = f"{extra:,} of {len(cluster):,} rows {what} another row ({counted})"
    crossing = crossing_sets(case.groups, cluster)
    verdict = LEAK if effect is not None and crossing else NOTED
    if effect is None and case.groups is not None and not crossing:
        whose = "all within one patient: a split by patient keeps them together"
    elif effect is None and case.split is not None:
        whose = "the split that was handed in keeps them together"
    else:
        unit = "no patient was declared" if case.groups is None else "under different patients"
        whose = (
            f"{count_words(crossing, 'set')} can stand on both sides of a split ({unit}). "
            f"{gap_words(scores)}"
        )
    return case.leak(
        code,
        verdict,
        effect,
        "Rows that appear more than once" if code == "HM204" else "Rows that are nearly the same",
        f"{words}; {whose}",
        "Find out why (a join that multiplied rows, a second registration, rows drawn again before "
        "the split), keep one each, and split before any drawing.",
        columns=_differing(case) if code == "HM305" else (),
        by_change=True,
    )


def _differing(case, most=4):
    """Return the columns in which near copies differ most."""
    differing = case.duplicates.differing
    return tuple(differing.index[differing >= 0.5][:most])


# patients


def patients_with_both(groups, y):
    """Return how many patients have rows with and rows without the event."""
    events, rows = np.bincount(groups, y), np.bincount(groups)
    return int(np.sum((events > 0) & (events < rows)))


def _patients(case, base):
    counts = np.bincount(case.groups)
    if counts.max() < 2:
        return
    counted = (
        f"{int((counts > 1).sum()):,} patients own {int(counts[counts > 1].sum()):,} of "
        f"{len(case.y):,} rows (at most {int(counts.max())}); "
        f"{patients_with_both(case.groups, case.y):,} have rows with and without the event"
    )
    remedy = "Split by patient, in tuning and feature selection too."
    if case.split is None:
        meaning = "AUC of a split by rows minus AUC of a split by patients"
        effect, scores = gap_between(case, base, _naive(case, None), case.units, meaning)
        yield case.leak(
            "HM304",
            NOTED,
            effect,
            "Patients repeat",
            f"{counted}. A split by rows{_by_model(case)}: {gap_words(scores)}",
            remedy,
            tables=_two_splits(scores),
        )
        return
    shared = [len(s) for s in case.split.sharing(case.groups)]
    if not any(shared):
        words = f"{counted}; none stands on both sides of the split"
        yield case.leak("HM304", NOTED, None, "Patients repeat, on one side each", words, remedy)
        return
    meaning = "AUC of the split that was handed in minus AUC of a split by patients"
    effect, scores = gap_between(case, base, case.split, case.units, meaning)
    yield case.leak(
        "HM304",
        LEAK,
        effect,
        "The same patients on both sides of the split",
        f"{counted}; up to {max(shared):,} patients stand on both sides"
        f"{_by_model(case)}. {gap_words(scores)}",
        remedy,
        by_change=True,
        tables=_two_splits(scores),
    )


def _by_model(case):
    """Say with what the default procedure is replaced where rows repeat."""
    return " (measured with a small forest, which can remember a patient)" * case.is_default


def _two_splits(scores):
    """Return the scores in both splits as a table of evidence."""
    if scores is None:
        return ()
    table = scores.table[scores.table["measure"] == "auroc"]
    return (("Same model, two ways to split", table),)


def _undeclared(case, base):
    """Look for a column that names the patient, or rows alike as visits are, and measure it."""
    alike = case.alike
    if alike is None:
        yield Unknown(
            "Is one row one patient?",
            "no patient was declared, no column acts as a number that patients repeat, and no "
            "rows are as alike as visits of one patient",
            "Declare the patient of each row (groups), or confirm that no patient has two rows, "
            "two numbers, or a number that starts again at each site.",
            "HM304",
        )
        return
    units = join_codes(alike.codes, case.units)
    split = case.split if case.split is not None else _naive(case, None)
    kept = [c for c in base.columns if not alike.by_name or c not in alike.columns]
    some = names_in_words(alike.columns)
    what = some if alike.by_name else f"rows alike in {some}"
    meaning = f"AUC of a split by rows minus AUC of a split by {what}"
    effect, scores = gap_between(case, base[kept or list(base.columns)], split, units, meaning)
    counts = np.bincount(alike.codes)
    sizes = (
        f"{int((counts > 1).sum()):,} of {{}} stand in several rows (at most {int(counts.max())})"
    )
    if alike.by_name:
        title = f"{some} looks like a patient number, and no patient was declared"
        words, remedy = sizes.format("its values"), f"If {some} names the patient, declare it"
    else:
        title = "Rows are as alike as visits of the same patients, and no patient was declared"
        words = f"{alike.reason}; {sizes.format('their combinations')}"
        remedy = "If patients repeat, declare the patient of each row"
    yield case.leak(
        "HM304",
        ASK,
        effect,
        title,
        f"{words}{_by_model(case)}. {gap_words(scores)}",
        f"{remedy} (groups); else confirm that every row is another patient.",
        columns=alike.columns,
        tables=_two_splits(scores),
        # who the rows belong to is beyond chance, so what is measured counts, not its least value
        above=effect is not None and effect.estimate > case.rules["auroc"].harm,
    )


def patients_unnamed(case):
    """Return patients by a column that is named like a number of patients or acts as one.

    Parameters
    ----------
    case : LeakCase
        The table; patients that were declared need no search.

    Returns
    -------
    AlikeRows or None
    """
    if case.groups is not None:
        return None
    name = Schema.infer(case.X).patient
    codes = None if name is None else numbers_as_codes(case.X[name])
    if name is not None and np.bincount(codes).max() > 1:
        return AlikeRows(codes, (name,), True)
    table = case.X[[c for c in case.X.columns if c not in case.known_after]]
    table = table.iloc[:, :MOST_LOOKED_AT]
    first, copy_of = _without_copies(case)
    single, y = table.iloc[first], case.y[first]
    alike = acts_as_identifier(single, y) or rows_alike(single)
    return None if alike is None else replace(alike, codes=alike.codes[copy_of])


def _without_copies(case):
    """Return the first row of each set of copies, and the set of each row: copies are no visits."""
    if case.duplicates is None:
        return np.arange(len(case.y)), np.arange(len(case.y))
    return np.unique(case.duplicates.near_id, return_index=True, return_inverse=True)[1:]
