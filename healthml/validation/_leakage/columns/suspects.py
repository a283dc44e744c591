"""Which columns may hold the answer, by what they do; names help and are never enough."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from healthml._core._paired import auroc_influence, influence_interval
from healthml._core._parallel import run_in_threads
from healthml.validation._leakage.case import MANY_ROWS
from healthml.validation._leakage.columns.as_dates import as_dates
from healthml.validation._leakage.columns.jumps import LEVEL_SHARE, find_jump
from healthml.validation._leakage.columns.screen_columns import column_bins, out_of_fold_rate
from healthml.validation._leakage.words import interval_words
from healthml.validation._reference_models import (
    as_read,
    boosted_trees,
    default_model,
    factorize_levels,
    numbers_of,
)

# The AUC that the strongest honest single measurements reach (coma for death after trauma, troponin
# for infarction). A column is too strong by what it has beyond it. Chosen by judgement.
HONEST_ALONE = 0.90
# The AUC above which a column is too strong even where it owes much of it to a safe level: no organ
# support reaches 0.94 in tests/simulation/leak_kinds.py. Chosen from there.
REPEATS_NEARLY = 0.95
SAFE_RATE = 0.02  # share with the event up to which a level is nearly safe; by judgement
# The AUC above which a whole model is itself to be settled: externally validated clinical models
# seldom pass 0.9. Chosen by judgement; raise it (severity stays a question) where the field knows
# better.
HONEST_MODEL = 0.95
# Log-likelihood ratio by which a level with events alone must beat the risk that the other columns
# give it: chance passes log(levels) + log(1 / 0.001), about 14 for 1,000 levels, once in 1,000
# tables; the rest allows for risks that are estimated.
ALWAYS = 20.0
ALWAYS_RATE = 0.98  # share of events in a level in which it "always" happens
FEWEST_ROWS = 11  # rows in such a level
# Share of the non-events expected that another level of the same column may have at most for its
# levels to be steps of a scale (tumour stages), and how far below them the last step may fall as
# well. By judgement; without them a last stage with 99% events is accused. The share at 1 would
# excuse flags filled in for some of the dead, whose other level is as expected.
GRADED, STEP = 0.7, 3.0
_LARGE_LEVEL = 30  # rows from which the rate of another level says something
_MOST_LEVELS = 100  # different values up to which every one is looked at
_MOST_PAIRS = 200  # of columns whose difference is looked at, those that go together most
_ALIKE = 0.5  # rank correlation from which two columns may be two times or two ages
_ROWS_RANKED = 20_000  # about as many rows are ranked to see which columns go together
# Two columns are on one scale where their standard deviations differ by less than this power of ten
# and their medians by less than so many standard deviations. By judgement, not by simulation;
# larger looks at differences that mean nothing, smaller misses an early and a late time.
_SCALES_APART, _MEDIANS_APART = 0.5, 5
# Known rows, and distinct values among the first thousand of them, from which a column has a scale
# that differences can be taken on. By judgement, not by simulation; fewer are grades.
_FEWEST_KNOWN, _FEWEST_VALUES = 50, 20
# Share of the harm that a column with a later name must add by itself, where all of them together
# do harm. By judgement, not by simulation; higher misses leaks spread over many columns, lower
# names columns that add by chance.
_OWN_SHARE = 1 / 4
# Limits of the risk that other columns give a row: beyond them it is more sure than any model of a
# few hundred rows can be, and one row would decide. By judgement, not by simulation.
_LIMITS = 0.01, 0.99
_GAIN_OF_PAIR = 0.03  # AUC that the difference must have beyond the better of the two
_MOST_NAMED = 20  # columns with a later name that are tried one by one; each costs a refit
_MOST_ROUNDS = 3  # of looking again without what was found; leaks mask each other


@dataclass(frozen=True)
class Suspect:
    """Why one column may hold the answer.

    Parameters
    ----------
    reason : str
        In words.
    alone : ndarray of shape (n,) or None
        Out-of-fold risk of the column (or of the difference that it stands in) alone.
    kind : {"jump", "always", "difference", "strong", "named"}
        What it does; for "named", what it is called and that it adds to the others.
    sure : bool
        Whether what it does goes beyond honest columns by more than the harm, so that its size
        alone decides how serious it is; otherwise it is a question.
    """

    reason: str
    alone: np.ndarray | None
    kind: str
    sure: bool = True


def find_suspects(case, alone, proven):
    """Find columns that do what only a column from later, or from the outcome, does.

    Parameters
    ----------
    case : LeakCase
        Table, splits and model.
    alone : DataFrame
        Table of `screen_columns`.
    proven : set of str
        Columns declared, dated or computed from the outcome, which need no suspicion.

    Returns
    -------
    suspects : dict of str to Suspect
    """
    left = [c for c in case.table.columns if c not in proven]
    suspects = {**_jumps(case, left), **_differences(case, left, alone)}
    for _ in range(_MOST_ROUNDS):
        rest = [c for c in left if c not in suspects]
        more = {**_strong(case, rest, alone), **_always(case, rest)}
        if not more:
            break
        suspects |= more
    return suspects | _named_that_add(case, [c for c in left if c not in suspects], alone)


def _named_that_add(case, columns, alone):
    """Find columns with a later name that together add to all the others beyond the harm.

    Each of them must add by itself too; a name without a gain suspects nobody.
    """
    table = alone.set_index("column")
    named = [c for c in columns if c in table.index and _named(table.loc[c])]
    rest = [c for c in columns if c not in named]
    if not named or not rest or not case.refits:
        return {}
    plain, harm = case.refitted(case.table[rest]), case.rules["auroc"].harm
    if _gain(case, [*rest, *named], plain)[1] <= harm:
        return {}
    suspects = {}
    for name in named[:_MOST_NAMED]:
        if _gain(case, [*rest, name], plain)[0] > harm * _OWN_SHARE:
            words = f"{_hint_words(table.loc[name])}, and it adds to all the others"
            suspects[name] = Suspect(words, _risk_alone(case, name), "named", sure=False)
    return suspects


def _gain(case, columns, plain):
    """Return the AUC of the procedure on some columns minus that of given risks."""
    risk = case.refitted(case.table[columns])
    used = np.isfinite(risk).all(axis=0)
    both = {"with": used, "without": used}
    return case.judge.score({"with": risk, "without": plain}, rows=both).difference(
        "with", "without"
    )


def _hint_words(row):
    """Say which word of the name, or of a level, speaks of a later time."""
    where = "its name says" if row["named"] else "one of its levels says"
    return f"{where} '{row['named'] or row['level_named']}'"


def _risk_alone(case, column, values=None):
    """Return the out-of-fold risk of a column alone, by bins or levels."""
    series = case.table[column] if values is None else values
    return out_of_fold_rate(column_bins(series)[0], case.y, case.judge.folds[0])


def _auc(case, risk):
    """Return the AUC of a risk within folds as estimate, lower and upper."""
    auc, influence = auroc_influence(case.y, risk, case.judge.folds[0])
    _, _, lower, upper = influence_interval("auroc", auc, influence, case.units, case.level)
    return auc, lower, upper


# stretches


def _jumps(case, columns):
    options = {"n_rows": len(case.y), "n_jobs": case.n_jobs}
    jumps = run_in_threads(partial(_jump_in, case), columns, **options)
    return {name: suspect for name, suspect in zip(columns, jumps, strict=True) if suspect}


def _jump_in(case, name):
    """Return the suspicion of a column that holds a stretch, or None."""
    values = _numbers(case, name)
    jump = None if values is None else _jump_of(case, values)
    if jump is None or not _stands_by_patient(case, jump.rows):
        return None
    return Suspect(_jump_words(case, jump), _risk_alone(case, name), "jump")


def _jump_of(case, values):
    """Find a stretch; what rows of one patient repeat, value or outcome, is not seen twice."""
    units = case.likely_units
    repeated = pd.DataFrame({"unit": units, "value": values, "y": case.y}).duplicated()
    once = np.flatnonzero(~repeated.to_numpy())
    jump = find_jump(values[once], case.y[once], _independent(case.y[once], units[once]))
    if jump is None:
        return None
    rows = np.zeros(len(values), dtype=bool)
    rows[once[jump.rows]] = True
    return replace(jump, rows=rows)


def _independent(y, units):
    """Return how many independent rows each one is worth, by how alike a patient's outcomes are.

    A row of a patient with m rows counts for 1 / (1 + (m - 1) * intraclass correlation): visits
    that share one outcome are one patient, visits of independent outcomes are as many rows.
    """
    code = np.unique(units, return_inverse=True)[1]
    size = np.bincount(code)
    n, n_units = len(y), len(size)
    if n == n_units or n_units < 2:
        return np.ones(n)
    mean = np.bincount(code, y) / size
    within = ((y - mean[code]) ** 2).sum() / (n - n_units)
    between = (size * (mean - y.mean()) ** 2).sum() / (n_units - 1)
    usual = (n - (size**2).sum() / n) / (n_units - 1)
    total = between + (usual - 1) * within
    alike = np.clip((between - within) / total, 0, 1) if total > 0 else 0.0
    return 1 / (1 + (size[code] - 1) * alike)


def _jump_words(case, jump):
    share = case.y[jump.rows].mean()
    return (
        f"in a stretch of its values {share:.0%} of {int(jump.rows.sum()):,} rows have the event, "
        f"where the rows beside it let {jump.expected:.0%} be expected"
    )


def _stands_by_patient(case, rows):
    """Say whether a stretch holds enough patients, not only rows of a few."""
    return len(np.unique(case.likely_units[rows])) >= FEWEST_ROWS


def _numbers(case, name):
    """Return a column as numbers, dates as days; None for levels."""
    dates = as_dates(case.X[name]) if name in case.X else None
    if dates is not None:
        return numbers_of(dates)
    column = case.table[name]
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype.kind not in "iufM":
        return None
    return numbers_of(column)


# levels in which everybody has the event


def _always(case, columns):
    """Find columns with a level, or cells that are there or empty, in which all have the event."""
    levels = [
        (name, *level) for name in columns for level in _pure_levels(case.table[name], case.y)
    ]
    if not levels:
        return {}
    rest = [c for c in columns if c not in {name for name, *_ in levels}]
    risk = case.refitted(case.table[rest])[0] if rest and case.refits else None
    suspects = {}
    for name, what, rows in levels:
        expected = 1 - (1 - _expected(case, risk, rows)) * _next_step(case, risk, name, rows)
        events = case.y[rows]
        score = events.sum() * np.log(ALWAYS_RATE) + (1 - events).sum() * np.log(1 - ALWAYS_RATE)
        score -= (events * np.log(expected) + (1 - events) * np.log1p(-expected)).sum()
        score *= len(np.unique(case.likely_units[rows])) / rows.sum()
        if score >= ALWAYS and name not in suspects:
            words = (
                f"{events.mean():.0%} of the {int(rows.sum()):,} rows {what} have the event, where "
                f"the other columns let {expected.mean():.0%} be expected"
            )
            suspects[name] = Suspect(words, _risk_alone(case, name), "always")
    return suspects


def _next_step(case, risk, name, rows):
    """Return what share of the non-events expected the next step of a scale may still have.

    1 where the other levels of the column have as many non-events as the others let expect.
    """
    codes, levels = factorize_levels(case.table[name])
    seen = (codes >= 0) & ~rows
    expected = np.zeros(len(case.y))
    expected[seen] = 1 - _expected(case, risk, seen)
    sums = [np.bincount(codes[seen], w[seen], len(levels)) for w in (1.0 - case.y, expected)]
    large = np.bincount(codes[seen], minlength=len(levels)) >= _LARGE_LEVEL
    lowest = min(1.0, (sums[0] / np.maximum(sums[1], 1e-9))[large].min(initial=1.0))
    return lowest / STEP if lowest <= GRADED else 1.0


def _expected(case, risk, rows):
    """Return the risk that the other columns give some rows; the overall rate where none does."""
    rate = np.full(int(rows.sum()), case.y.mean())
    given = rate if risk is None else np.where(np.isfinite(risk[rows]), risk[rows], rate)
    return np.clip(given, *_LIMITS)


def _pure_levels(column, y):
    """Yield, in words, the levels of a column in which (nearly) all rows have the event."""
    empty = column.isna().to_numpy()
    codes, levels = factorize_levels(column)
    masks = [("in which it is there", ~empty), ("in which it is empty", empty)]
    if 1 < len(levels) <= _MOST_LEVELS:
        masks += [("of one of its levels", codes == k) for k in range(len(levels))]
    for what, rows in masks:
        if FEWEST_ROWS <= rows.sum() < len(y) and y[rows].mean() >= ALWAYS_RATE:
            yield what, rows


# columns that alone beat all the others together


def _strong(case, columns, alone):
    """Find columns that, beyond any honest measurement or with a later name, beat all others."""
    table = alone.set_index("column")
    strength = table.loc[[c for c in columns if c in table.index]]
    strong = stronger_than_honest(case, list(strength.index), alone)
    named = [c for c in strength.index if c not in strong and _named(strength.loc[c])]
    if not strong and not named:
        return {}
    rest = [c for c in columns if c not in strong and c not in named]
    others = others_together(case, rest)
    suspects = {}
    for name in [*strong, *named]:
        risk = _risk_alone(case, name)
        if beyond(case, risk, others)[1] > 0:
            row = strength.loc[name]
            kind = "strong" if name in strong else "named"
            sure = kind == "strong" and row["lower"] > HONEST_ALONE + case.rules["auroc"].harm
            suspects[name] = Suspect(_strength_words(row, kind), risk, kind, sure)
    return suspects


def nearly_strong(case, columns, alone):
    """Return the columns that rank as the strongest honest ones do, and beat all the others.

    Another split of the patients could make suspects of them.

    Parameters
    ----------
    case : LeakCase
        Table and splits.
    columns : list of str
        Columns above suspicion.
    alone : DataFrame
        Table of `screen_columns`.

    Returns
    -------
    list of str
    """
    table = alone.set_index("column")
    strong = stronger_than_honest(case, columns, alone)
    near = [
        c
        for c in columns
        if c in table.index and table.loc[c, "estimate"] > HONEST_ALONE and c not in strong
    ]
    if not near or not case.refits:
        return []
    others = others_together(case, [c for c in columns if c not in near])
    return [c for c in near if beyond(case, _risk_alone(case, c), others)[1] > 0]


def stronger_than_honest(case, columns, alone):
    """Return the columns that rank better than honest ones do, whatever the others reach.

    Parameters
    ----------
    case : LeakCase
        Table and splits.
    columns : list of str
        Columns in question.
    alone : DataFrame
        Table of `screen_columns`.

    Returns
    -------
    list of str
    """
    lower = alone.set_index("column")["lower"]
    return [c for c in columns if c in lower.index and _is_strong(case, c, lower[c])]


def _is_strong(case, name, lower):
    """Say whether a column ranks better than honest ones do, beyond telling who is safe.

    A level in which hardly anybody has the event (no organ support, no calcium) may hold most rows
    of an honest column and give it a high AUC by itself; the column is then judged by the others.
    """
    if lower > REPEATS_NEARLY:
        return True
    if lower <= HONEST_ALONE:
        return False
    rest = ~safe_rows(case, name)
    if rest.all():
        return True
    if len(np.unique(case.y[rest])) < 2:
        return False
    risk, fold = _risk_alone(case, name)[rest], case.judge.folds[0][rest]
    auc, influence = auroc_influence(case.y[rest], risk, fold)
    units = case.units[rest]
    return influence_interval("auroc", auc, influence, units, case.level)[2] > HONEST_ALONE


def safe_rows(case, name):
    """Return the rows of a column's large levels in which hardly anybody has the event.

    Parameters
    ----------
    case : LeakCase
        Table and outcome.
    name : str
        The column.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    codes, levels = factorize_levels(case.table[name])
    seen = codes >= 0
    size = np.bincount(codes[seen], minlength=len(levels))
    events = np.bincount(codes[seen], case.y[seen], minlength=len(levels))
    safe = (size > LEVEL_SHARE * len(case.y)) & (events <= SAFE_RATE * size)
    return seen & np.append(safe, False)[codes]


def _named(row):
    return bool(row["named"] or row["level_named"])


def _strength_words(row, kind):
    strength = f"AUC {interval_words(row)} alone, stronger than all the others together"
    if kind == "strong":
        return f"{strength}, and than single measurements are"
    return f"{strength}; {_hint_words(row)}"


def others_together(case, columns):
    """Return out-of-fold risks that columns together give: a straight and a flexible learner.

    Parameters
    ----------
    case : LeakCase
        Table and splits.
    columns : list of str
        Columns.

    Returns
    -------
    list of ndarray of shape (n,)
        Empty without columns.
    """
    if not columns:
        return []
    options = {"folds": case.judge.folds[:1], "max_rows": MANY_ROWS}
    read = case.table[columns] if case.is_default else as_read(case.table[columns])
    return [
        case.judge.risks(model, read, label="the other columns together", **options)[0]
        for model in (default_model(), boosted_trees())
    ]


def beyond(case, risk, others):
    """Return the AUC of a risk minus that of the better of others, with its interval.

    Parameters
    ----------
    case : LeakCase
        Outcome and splits.
    risk : ndarray of shape (n,)
        Of a column alone.
    others : list of ndarray of shape (n,)
        Of the other columns; without any, the AUC is compared with 0.5.

    Returns
    -------
    tuple of float
    """
    if not others:
        return tuple(value - 0.5 for value in _auc(case, risk))
    fold = case.judge.folds[:1]
    risks = {"alone": risk[None], **{f"others {k}": r[None] for k, r in enumerate(others)}}
    used = np.all([np.isfinite(r[0]) for r in risks.values()], axis=0)
    scores = case.judge.score(
        risks, folds=dict.fromkeys(risks, fold), rows=dict.fromkeys(risks, used)
    )
    best = max(list(risks)[1:], key=lambda k: scores.get(k, "auroc")["estimate"])
    return scores.difference("alone", best)


# two columns whose difference is the answer


def _differences(case, columns, alone):
    """Find the later of two columns (dates, ages, times) whose difference gives the answer."""
    numbers = {c: v for c in columns if (v := _numbers(case, c)) is not None and _many(v)}
    table, suspects = alone.set_index("column")["estimate"], {}
    for first, second in _pairs_alike(numbers):
        gap = numbers[first] - numbers[second]
        later = first if np.nanmean(gap) > 0 else second
        if later in suspects or np.nanmin(gap) == np.nanmax(gap):
            continue
        risk = _risk_alone(case, later, pd.Series(gap))
        estimate, lower, _ = _auc(case, risk)
        if estimate < max(table[first], table[second]) + _GAIN_OF_PAIR:
            continue
        jump = _jump_of(case, gap)
        if jump is None and lower <= HONEST_ALONE:
            continue
        other = second if later == first else first
        words = f"its difference from {other} alone has AUC {estimate:.3f}"
        suspects[later] = Suspect(words, risk, "difference")
    return suspects


def is_level_column(column):
    """Say whether a column holds levels or whole numbers, as a number of a patient would be.

    Parameters
    ----------
    column : Series
        The column.

    Returns
    -------
    bool
    """
    if column.dtype.kind != "f":
        return column.dtype.kind not in "bM"
    values = column.to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    return bool(len(values)) and bool((values == np.round(values)).all())


def _many(values):
    seen = values[np.isfinite(values)]
    return len(seen) >= _FEWEST_KNOWN and len(np.unique(seen[:1000])) >= _FEWEST_VALUES


def _pairs_alike(numbers):
    """Return pairs of columns on one scale that go together, the closest first."""
    names = list(numbers)
    if len(names) < 2:
        return []
    values = pd.DataFrame(numbers).replace([np.inf, -np.inf], np.nan)
    values = values.iloc[:: max(1, len(values) // _ROWS_RANKED)]
    rank = values.rank().to_numpy()
    rank = np.nan_to_num(rank - np.nanmean(rank, axis=0))
    size = np.sqrt((rank**2).sum(axis=0))
    alike = rank.T @ rank / np.maximum(np.outer(size, size), 1e-12)
    centre, spread = values.median().to_numpy(), values.std().to_numpy()
    ratio = np.abs(np.log10(np.maximum(np.outer(spread, 1 / np.maximum(spread, 1e-12)), 1e-12)))
    apart = np.abs(np.subtract.outer(centre, centre)) / np.maximum(spread, 1e-12)
    near = (alike >= _ALIKE) & (ratio < _SCALES_APART) & (apart < _MEDIANS_APART)
    pairs = [
        (alike[i, j], names[i], names[j]) for i, j in zip(*np.where(np.triu(near, 1)), strict=True)
    ]
    return [pair[1:] for pair in sorted(pairs, reverse=True, key=lambda p: p[0])[:_MOST_PAIRS]]
