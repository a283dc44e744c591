"""What the suspects do to the AUC, by the procedure, by a flexible model, and alone."""

import numpy as np
import pandas as pd

from healthml.validation._leakage.case import ASK, MANY_ROWS, NOTED
from healthml.validation._leakage.columns.late_columns import added, auc_words, with_gaps
from healthml.validation._leakage.columns.suspects import (
    HONEST_MODEL,
    REPEATS_OUTCOME,
    beyond,
)
from healthml.validation._leakage.words import interval_words, names_in_words
from healthml.validation._reference_models import as_read, boosted_trees

MOST_ADDED_BACK = 12  # suspects that are added back one by one; each costs a refit


def look_at_suspects(case):
    """Say which columns may hold the answer, as strongly as they do what they do."""
    suspects, alone = case.screening.suspects, case.screening.alone.table.set_index("column")
    sure = [c for c in suspects if _repeats(case, c, alone)]
    asked = [c for c in suspects if c not in sure]
    if sure:
        yield _suspected(case, sure, "HM301")
    if asked:
        yield _suspected(case, asked, "HM302")
    yield from _named_only(case, alone)
    if case.refits and not (case.known_after and not case.clean_columns):
        yield from _too_good(case)


def _repeats(case, name, alone):
    """Say whether a suspect, or the difference that it stands in, alone repeats the outcome."""
    risk = case.screening.suspects[name].alone
    return alone["lower"].get(name, 0.0) >= REPEATS_OUTCOME or (
        risk is not None and beyond(case, risk, [])[1] + 0.5 >= REPEATS_OUTCOME
    )


def _suspected(case, names, code):
    effect, words = size_of(case, names)
    reasons = "; ".join(
        f"{name}: {case.screening.suspects[name].reason}" for name in names[:MOST_ADDED_BACK]
    )
    some, verb = names_in_words(names, 4), "this becomes" if len(names) == 1 else "these become"
    repeats = code == "HM301"
    return case.leak(
        code,
        ASK,
        effect,
        f"{some} repeat{'s' * (len(names) == 1)} the outcome: ask when {verb} known"
        if repeats
        else f"Ask when {verb} known: {some}",
        f"{reasons}. {words}",
        f"Ask the person who records {some}; declare what is known later (known_after).",
        columns=names,
        cause_known=repeats,
        tables=(("Each suspect added back to the others", added_back(case, names)),),
    )


def size_of(case, names):
    """Return what suspects do to the AUC, and what was measured in words.

    The AUC with them is the best of three: the procedure with them, boosted trees with them, and
    the strongest of them alone. The AUC without is the better of the procedure and boosted trees on
    the columns above suspicion. A column is not harmless because the procedure cannot use it, or
    because other leaks stand beside it.

    Parameters
    ----------
    case : LeakCase
        With its screening.
    names : list of str
        Suspects.

    Returns
    -------
    effect : Effect or None
        None where nothing may be refitted.
    words : str
    """
    if not case.refits:
        return None, "Nothing was refitted: a fitted model is judged as it is."
    risks = {"with": case.refitted(with_gaps(case, [*case.clean_columns, *names], names))}
    strongest = max(names, key=lambda c: beyond(case, case.screening.suspects[c].alone, [])[0])
    risks["alone"] = case.screening.suspects[strongest].alone[None]
    if case.clean_columns:
        risks["without"] = case.base_risk
        risks |= _flexible(case, names)
    used = np.all([np.isfinite(risk).all(axis=0) for risk in risks.values()], axis=0)
    scores = case.judge.score(risks, rows=dict.fromkeys(risks, used))
    auc = {name: scores.get(name, "auroc")["estimate"] for name in risks}
    best = max((k for k in risks if k in ("with", "trees with", "alone")), key=auc.get)
    rest = max((k for k in risks if "without" in k), key=auc.get, default=None)
    some = names_in_words(names, 4)
    what = {"with": "the procedure", "trees with": "boosted trees", "alone": f"{strongest} alone"}
    rows = np.flatnonzero(used)
    if rest is None:
        size = scores.get(best, "auroc")[["estimate", "lower", "upper"]] - 0.5
        meaning = f"AUC with {some}, by {what[best]}, above 0.5: no other column is left"
        return case.effect(*size, meaning, rows=rows), "No other column is left to compare with."
    meaning = f"AUC with {some}, by {what[best]}, minus the best AUC without"
    effect = case.effect(*scores.difference(best, rest), meaning, rows=rows)
    return effect, _size_words(scores, strongest)


def _flexible(case, names):
    """Return the risks of boosted trees with and without the suspects."""
    rest, folds = case.clean_columns, case.judge.folds[:1]
    options = {"folds": folds, "label": "boosted trees", "max_rows": MANY_ROWS}
    read = case.table if case.is_default else as_read(case.table)
    return {
        "trees with": case.judge.risks(boosted_trees(), read[[*rest, *names]], **options),
        "trees without": case.judge.risks(boosted_trees(), read[rest], **options),
    }


def _size_words(scores, strongest):
    words = {k: interval_words(scores.get(k, "auroc")) for k in ("with", "without")}
    trees = {k: f"{scores.get(f'trees {k}', 'auroc')['estimate']:.3f}" for k in words}
    alone = scores.get("alone", "auroc")["estimate"]
    return (
        f"AUC of the procedure {words['with']} with, {words['without']} without; of boosted trees "
        f"{trees['with']} with, {trees['without']} without; of {strongest} alone {alone:.3f}."
    )


def added_back(case, names):
    """Return the AUC gained when one suspect is added to the columns above suspicion.

    Parameters
    ----------
    case : LeakCase
        With its screening.
    names : list of str
        Suspects.

    Returns
    -------
    DataFrame
        column, why, auc_with_it, gain, lower, upper, n_samples, n_events; empty where nothing is
        left to add to, or nothing is refitted.
    """
    columns = ["column", "why", "auc_with_it", "gain", "lower", "upper", "n_samples", "n_events"]
    records = []
    if case.refits and case.clean_columns and len(names) > 1:
        for name in names[:MOST_ADDED_BACK]:
            gain, scores = added(case, [name], f"AUC with {name} minus AUC without")
            auc = scores.get("with", "auroc")["estimate"]
            size = (gain.estimate, gain.lower, gain.upper, gain.n_samples, gain.n_events)
            records.append((name, case.screening.suspects[name].reason, auc, *size))
    return pd.DataFrame(records, columns=columns)


def _named_only(case, alone):
    """Note columns that only their names speak against, with what they add."""
    names = [
        c
        for c in case.clean_columns
        if c in alone.index and (alone.loc[c, "named"] or alone.loc[c, "level_named"])
    ]
    if not names or not case.refits:
        return
    rest = [c for c in case.clean_columns if c not in names]
    some = names_in_words(names, 4)
    effect, scores = added(case, names, f"AUC with {some} minus AUC without", base=rest)
    hints = "; ".join(
        f"{c}: '{alone.loc[c, 'named'] or alone.loc[c, 'level_named']}'" for c in names[:12]
    )
    yield case.leak(
        "HM302",
        NOTED,
        effect,
        f"Names that speak of a later time: {some}",
        f"A name or a level holds a word for what comes later ({hints}); nothing else speaks "
        f"against {'it' if len(names) == 1 else 'them'}. {auc_words(scores)}",
        "Confirm that they are known when the prediction is made.",
        columns=names,
    )


def _too_good(case):
    """Ask about a model that ranks better than the field has seen, with no suspect left."""
    scores = case.judge.score({"base": case.base_risk})
    auc = scores.get("base", "auroc")
    if not auc["lower"] > HONEST_MODEL:
        return
    excess = [auc[k] - HONEST_MODEL for k in ("estimate", "lower", "upper")]
    used = np.flatnonzero(np.isfinite(case.base_risk).all(axis=0))
    beside = " without the suspects" if case.screening.suspects else ""
    yield case.leak(
        "HM302",
        ASK,
        case.effect(*excess, f"AUC{beside} above {HONEST_MODEL:g}", rows=used),
        f"The AUC{beside} is higher than clinical models reach",
        f"AUC {interval_words(auc)}{beside}; externally validated models seldom pass 0.9. No "
        "single column explains it.",
        "Ask of every column when it becomes known, and whether the outcome was used to make any.",
        above=True,
    )
