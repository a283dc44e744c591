"""Who cannot have the outcome, and who was measured: facts to ask about, seldom leaks."""

import numpy as np
import pandas as pd

from healthml._core._intervals import z_value
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_influence
from healthml._core._results import plain
from healthml.imputation import missingness_report
from healthml.imputation._missingness import indicator_auc
from healthml.validation._leakage.case import ASK, NOTED
from healthml.validation._leakage.columns.screen_columns import event_free_strata
from healthml.validation._leakage.words import interval_words, names_in_words
from healthml.validation._reference_models import factorize_levels

ALPHA = 0.001  # chance of no event at all at the risks that the other columns give
# How far below the lowest rate of the other levels the rate of an ordered scale may fall at its
# next step without being a question: New York classes or tumour stages fall by two to five from
# step to step. Chosen by judgement; a higher value asks less often.
STEP_DOWN = 3
# How many times the risk of all that the other columns must give a level without events, so that it
# is asked about whatever the AUC owes to it. By judgement; at 1, a predictor independent of all
# others that rules the event out is asked about in half of the tables.
SICKER = 1.25
# Names of a level that is the reference: nobody is left out for it.
_REFERENCE = frozenset({"none", "no", "absent", "negative", "normal", "nil", "never", "neg", "n"})
_LARGE_LEVEL = 30  # rows from which the rate of another level says something
MOST_LISTED = 50  # values of a column above which its levels are not shown in a report
INDICATORS_TELL = 0.55  # AUC below which indicators say little; by judgement


def look_at_eligibility(case):
    """Return strata in which the outcome never happens, with what the AUC owes to them.

    Levels in which it always happens are no question of eligibility: see `suspects`.
    """
    clean = set(case.clean_columns)
    pool = case.X[[c for c in case.X.columns if c in clean]]
    if not pool.shape[1]:
        return
    strata = event_free_strata(pool, case.y, groups=case.units)
    never = strata.table[strata.table["kind"] == "never"].reset_index(drop=True)
    if not len(never):
        return
    risk = _others(case, never)
    never = unexplained(never, strata.masks, risk)
    apart = [stands_apart(case, row, strata.masks, risk) for row in never.itertuples()]
    never = never[np.array(apart, dtype=bool)].reset_index(drop=True)
    if len(never):
        yield _stratum(case, never, strata.masks, risk)


def _others(case, table):
    """Return the risks that the other columns give; the overall rate where there is none."""
    if not case.refits:
        return case.risk
    rest = [c for c in case.base_columns if c not in set(table["column"])]
    rate = np.full(len(case.y), case.y.mean())
    if not rest:
        return rate
    risk = case.refitted(case.table[rest])[0]
    return np.where(np.isfinite(risk), risk, rate)


def unexplained(table, masks, risk):
    """Keep the levels whose missing events the other columns do not explain.

    Parameters
    ----------
    table : DataFrame
        Levels without events, of `event_free_strata`.
    masks : dict
        Rows of each level.
    risk : ndarray of shape (n,)
        Out-of-sample risks without the columns of these strata.

    Returns
    -------
    DataFrame
        With ``expected_by_others``.
    """
    keep, expected = [], []
    for row in table.itertuples():
        p = np.clip(risk[masks[row.column, row.position]], 1e-9, 1 - 1e-9)
        expected.append(float(p.sum()))
        share = row.n_patients / row.n_samples
        keep.append(_chance(p, share) * len(table) < ALPHA)
    table = table.assign(expected_by_others=expected)
    return table[np.array(keep)].reset_index(drop=True)


def _chance(p, share):
    """Return how likely no event at all is at the risks that the others give.

    Rows of one patient are not independent trials; `share` scales them to patients.
    """
    return float(np.exp(np.log1p(-p).sum() * share))


def stands_apart(case, row, masks, risk):
    """Say whether a level without events is more than the lowest step of a strong predictor.

    A level that most rows have, or that is named as one, is the reference (no vasopressor), and the
    end of a scale of numbers is its lowest step (a calcium score of zero). Of any other, no event
    must be unlikely even at a `STEP_DOWN`th of the lowest rate among the other levels, each against
    what the other columns let expect; of a level of the sick, even at the lowest rate itself.

    Parameters
    ----------
    case : LeakCase
        Table and outcome.
    row : namedtuple
        A row of `unexplained`.
    masks : dict
        Rows of each level.
    risk : ndarray of shape (n,)
        As in `unexplained`.

    Returns
    -------
    bool
    """
    rows, column = masks[row.column, row.position], case.X[row.column]
    if rows.mean() > 0.5 or str(row.level).strip().lower() in _REFERENCE:
        return False
    if pd.api.types.is_numeric_dtype(column.dtype) and row.level in (column.min(), column.max()):
        return False
    codes, levels = factorize_levels(column)
    seen = (codes >= 0) & ~rows
    size = np.bincount(codes[seen], minlength=len(levels))
    events = np.bincount(codes[seen], case.y[seen], minlength=len(levels))
    expected = np.bincount(codes[seen], risk[seen], minlength=len(levels))
    large = size >= _LARGE_LEVEL
    lowest = min(1.0, (events / np.maximum(expected, 1e-9))[large].min(initial=1.0))
    share = row.n_patients / row.n_samples
    down = 1 if _is_sick(risk, rows) else STEP_DOWN
    return _chance(np.clip(risk[rows] * lowest / down, 0, 1 - 1e-9), share) < ALPHA


def _stratum(case, table, masks, risk):
    rows = np.zeros(len(case.y), dtype=bool)
    for row in table.itertuples():
        rows |= masks[row.column, row.position]
    sick = any(_is_sick(risk, masks[row.column, row.position]) for row in table.itertuples())
    columns = list(dict.fromkeys(table["column"]))
    levels = f"{len(table)} level{'s' * (len(table) > 1)} of {names_in_words(columns)}"
    return case.leak(
        "HM103",
        ASK,
        _owed_to(case, rows),
        f"The outcome never happens in {int(rows.sum()):,} rows: can it?",
        f"{levels}: 0 events in {int(rows.sum()):,} rows; the other columns let about "
        f"{risk[rows].sum():,.0f} be expected"
        + (
            f", {risk[rows].mean():.0%} of them against {risk[~rows].mean():.0%} of the other rows."
            if sick
            else "."
        ),
        "Ask whether these patients could have the outcome and would be given a prediction "
        "(already dead, transferred, another endpoint); if not, leave them out.",
        columns=columns,
        tables=(("Levels without an event", _listed(case, table)),),
        above=sick,
    )


def _is_sick(risk, rows):
    """Say whether a level's patients are at `SICKER` times the risk of all by the other columns.

    The lowest step of a strong predictor holds those who are well by the other columns too; a level
    of the sick in which nobody has the event is another matter, whatever it does to the AUC.
    """
    return risk[rows].mean() >= SICKER * risk.mean()


def _listed(case, table):
    """Return the levels for a report; columns of many values show theirs only when asked to."""
    shown = table.drop(columns=["position"]).astype({"level": object})
    if case.show_values:
        return shown
    wide = shown["column"].map(case.X.nunique()) > MOST_LISTED
    shown.loc[wide, "level"] = "(not listed)"
    return shown


def _owed_to(case, rows):
    """Return how much of the AUC is owed to telling these rows from the others."""
    if len(np.unique(case.y[~rows])) < 2:
        return None
    risk = case.base_risk
    gaps, influences = [], []
    for line, fold in zip(risk, case.judge.folds, strict=False):
        use = np.isfinite(line)
        whole, part = (_auc(case.y, line, fold, keep) for keep in (use, use & ~rows))
        gaps.append(whole[0] - part[0])
        influences.append(whole[1] - part[1])
    gap = float(np.mean(gaps))
    half = z_value(case.level) * np.sqrt(cluster_variance(np.mean(influences, axis=0), case.units))
    meaning = "AUC in all rows minus AUC without these rows"
    return case.effect(gap, gap - half, gap + half, meaning)


def _auc(y, risk, fold, use):
    auc, influence = auroc_influence(y[use], risk[use], fold[use])
    full = np.zeros(len(y))
    full[use] = influence
    return auc, full


def look_at_missingness(case):
    """Return how well who was measured tells the outcome, and what it adds to the values.

    It is a fact about care, and a question only where it adds to the values and differs by site or
    time, so that it may not carry over.
    """
    empty = case.X.isna().to_numpy()
    if not empty.any():
        return
    alone = indicator_auc(empty, case.y, case.groups, 5, case.level, case.seed)
    if plain(alone).get("lower") is None or alone["lower"] <= INDICATORS_TELL:
        return
    words = f"The missing indicators alone reach an AUC of {interval_words(alone)}."
    effect, places = _indicators_add(case), ()
    if effect is None:
        ends = (alone[k] - 0.5 for k in ("estimate", "lower", "upper"))
        effect = case.effect(*ends, "AUC of the missing indicators alone above 0.5")
    else:
        words += f" Beside the values they add {interval_words(vars(effect))}."
        places = _places_that_differ(case)
    if places:
        words += f" Who is measured differs by {' and '.join(places)}: this may not carry over."
    yield case.leak(
        "HM210",
        ASK if places else NOTED,
        effect,
        "Who was measured tells the outcome",
        f"{words} Often this is how care works, and known in time.",
        "Ask who orders each measurement, when, and whether that stays so where the model is used; "
        "a gap left by what happened later is a leak.",
    )


def _indicators_add(case):
    """Return what missing indicators add to the default model; None for any other procedure."""
    gaps = [c for c in case.base_columns if 0 < case.X[c].isna().mean() < 1]
    if not case.refits or not case.is_default or not gaps:
        return None
    flags = {f"{c} is missing": case.X[c].isna().to_numpy(float) for c in gaps}
    risk = case.refitted(case.table[case.base_columns].assign(**flags))
    used = np.isfinite(risk).all(axis=0)
    both = {"with": used, "without": used}
    scores = case.judge.score({"with": risk, "without": case.base_risk}, rows=both)
    meaning = "AUC with missing indicators minus AUC without"
    return case.effect(*scores.difference("with", "without"), meaning, rows=np.flatnonzero(used))


def _places_that_differ(case):
    """Return which of site and time the missing cells of some column depend on."""
    roles = {"site": case.site, "time": case.time}
    given = {name: values for name, values in roles.items() if values is not None}
    if not given:
        return ()
    report = missingness_report(case.X, **given, random_state=case.seed)
    return tuple(name for name in given if len(report.differing(name)))
