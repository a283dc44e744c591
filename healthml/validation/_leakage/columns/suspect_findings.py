"""What the suspects do to the AUC, by the procedure, by a flexible model, and alone."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._core._findings import NOTE
from healthml.validation._leakage.case import ASK, MANY_ROWS, NOTED
from healthml.validation._leakage.columns.late_columns import added, auc_words, with_gaps
from healthml.validation._leakage.columns.suspects import (
    HONEST_ALONE,
    HONEST_MODEL,
    beyond,
    nearly_strong,
    safe_rows,
    stronger_than_honest,
)
from healthml.validation._leakage.words import interval_words, names_in_words
from healthml.validation._reference_models import as_read, bent_logistic, boosted_trees

MOST_ADDED_BACK = 12  # suspects that are added back one by one; each costs a refit


def look_at_suspects(case):
    """Say which columns may hold the answer, as strongly as they do what they do."""
    suspects, alone = case.screening.suspects, case.screening.alone.table.set_index("column")
    acting = [c for c in suspects if suspects[c].kind != "named"]
    asked = [c for c in suspects if c not in acting]
    if acting:
        yield _suspected(case, acting, "HM301")
    if asked:
        yield _suspected(case, asked, "HM302")
    yield from _named_only(case, alone)
    yield from _nearly(case)
    if case.refits and not (case.known_after and not case.clean_columns):
        yield from _too_good(case)


def _suspected(case, names, code):
    effect, words = size_of(case, names)
    suspects = case.screening.suspects
    reasons = "; ".join(f"{name}: {suspects[name].reason}" for name in names[:MOST_ADDED_BACK])
    some, verb = names_in_words(names, 4), "this becomes" if len(names) == 1 else "these become"
    acts, stands = ("behaves", "stands") if len(names) == 1 else ("behave", "stand")
    leak = case.leak(
        code,
        ASK,
        effect,
        f"{some} {acts} as only what follows the outcome does: ask when {verb} known"
        if code == "HM301"
        else f"Ask when {verb} known: {some}",
        f"{reasons}. {words}",
        f"Ask the person who records {some}; declare what is known later (known_after).",
        columns=names,
        cause_known=any(suspects[name].sure for name in names),
        # what it does is beyond chance already: between estimate and conservative end it is asked
        above=code == "HM301" and effect is not None and effect.estimate > case.rules["auroc"].harm,
        tables=(("Each suspect added back to the others", added_back(case, names)),),
    )
    if code == "HM302" or effect is None or leak.finding.severity != NOTE:
        return leak
    title = f"{some} {stands} out, and {'was' if len(names) == 1 else 'were'} not shown to add "
    title += "to the other columns beyond the cut-off"
    return replace(leak, finding=replace(leak.finding, title=title))


def size_of(case, names):
    """Return what suspects do to the AUC, and what was measured in words.

    The AUC with them is the best of the procedure, boosted trees and bent lines with them, and of
    the strongest of them alone. The AUC without is the best of the three on the columns above
    suspicion: a curved risk that the procedure misses would else be counted to the suspects. A
    column is not harmless because the procedure cannot use it, or because other leaks stand beside
    it.

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
    best = max((k for k in risks if "without" not in k), key=auc.get)
    rest = max((k for k in risks if "without" in k), key=auc.get, default=None)
    some = names_in_words(names, 4)
    by_itself = f"{strongest} alone"
    if case.screening.suspects[strongest].kind == "difference":
        by_itself = f"that difference of {strongest} alone"
    what = {"with": "the procedure", "alone": by_itself}
    what |= {f"{model} with": model for model in _FLEXIBLE}
    rows = np.flatnonzero(used)
    if rest is None:
        size = scores.get(best, "auroc")[["estimate", "lower", "upper"]] - 0.5
        meaning = f"AUC with {some}, by {what[best]}, above 0.5: no other column is left"
        return case.effect(*size, meaning, rows=rows), "No other column is left to compare with."
    meaning = f"AUC with {some}, by {what[best]}, minus the best AUC without"
    effect = case.effect(*scores.difference(best, rest), meaning, rows=rows)
    return effect, _size_words(scores, by_itself)


def _flexible(case, names):
    """Return the risks of boosted trees and of bent lines with and without the suspects."""
    rest = case.clean_columns
    read = case.table if case.is_default else as_read(case.table)
    tables = {"with": read[[*rest, *names]], "without": read[rest]}
    options = {"folds": case.judge.folds[:1], "max_rows": MANY_ROWS}
    return {
        f"{label} {which}": case.judge.risks(make(), table, label=label, **options)
        for label, make in _FLEXIBLE.items()
        for which, table in tables.items()
    }


_FLEXIBLE = {"boosted trees": boosted_trees, "bent lines": bent_logistic}


def _size_words(scores, by_itself):
    words = {k: interval_words(scores.get(k, "auroc")) for k in ("with", "without")}
    parts = [f"of the procedure {words['with']} with, {words['without']} without"]
    for label in _FLEXIBLE:
        auc = {k: f"{scores.get(f'{label} {k}', 'auroc')['estimate']:.3f}" for k in words}
        parts.append(f"of {label} {auc['with']} with, {auc['without']} without")
    alone = scores.get("alone", "auroc")["estimate"]
    return f"AUC {'; '.join(parts)}; of {by_itself} {alone:.3f}."


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
        f"A name or a level holds a word for what comes, or may come, later ({hints}); nothing "
        "else speaks "
        f"against {'it' if len(names) == 1 else 'them'}. {auc_words(scores)}",
        "Confirm that they are known when the prediction is made.",
        columns=names,
    )


def _nearly(case):
    """Note columns as strong as the strongest honest ones: too close to call."""
    names = nearly_strong(case, case.clean_columns, case.screening.alone.table)
    if not names:
        return
    alone = case.screening.alone.table.set_index("column")
    words = "; ".join(f"{c}: AUC {interval_words(alone.loc[c])} alone" for c in names)
    others = "all the others together" if len(names) == 1 else "all but these together"
    yield case.leak(
        "HM302",
        NOTED,
        None,
        f"As strong as the strongest honest columns: {names_in_words(names, 4)}",
        f"{words}, more than {others}. Too close to call: honest measurements reach about 0.9, and "
        "another random split of the patients could put it on the other side.",
        "Confirm that they are known when the prediction is made.",
        columns=names,
    )


def _too_good(case):
    """Ask about a model that ranks better than the field has seen, with no suspect left."""
    scores = case.judge.score({"base": case.base_risk})
    auc = scores.get("base", "auroc")
    if not auc["lower"] > HONEST_MODEL or _owed_to_safe_levels(case):
        return
    excess = [auc[k] - HONEST_MODEL for k in ("estimate", "lower", "upper")]
    used = np.flatnonzero(np.isfinite(case.base_risk).all(axis=0))
    beside = " without the suspects" if case.screening.suspects else ""
    other = "other " if beside else ""
    strong = stronger_than_honest(case, case.clean_columns, case.screening.alone.table)
    alone = case.screening.alone.table.set_index("column")
    reach = "; ".join(f"{c} {alone.loc[c, 'estimate']:.3f}" for c in strong[:MOST_ADDED_BACK])
    yield case.leak(
        "HM302",
        ASK,
        case.effect(*excess, f"AUC{beside} above {HONEST_MODEL:g}", rows=used),
        f"The AUC{beside} is higher than clinical models reach",
        f"AUC {interval_words(auc)}{beside}; externally validated models seldom pass 0.9. "
        + (
            f"No {other}column is suspected by what it does alone."
            if not strong
            else f"AUC alone: {reach}; the other columns together reach as much, so that none is "
            "suspected by itself."
        ),
        "Ask of every column when it becomes known, and whether the outcome was used to make any.",
        above=True,
    )


def _owed_to_safe_levels(case):
    """Say whether the AUC is an ordinary one among rows that no column tells to be safe.

    Where nobody without an organ support dies, most pairs of patients are told by that alone.
    """
    rest = np.ones(len(case.y), dtype=bool)
    for name in case.clean_columns:
        rest &= ~safe_rows(case, name)
    rest &= np.isfinite(case.base_risk).all(axis=0)
    if rest.all() or len(np.unique(case.y[rest])) < 2:
        return False
    score = case.judge.score({"base": case.base_risk}, rows={"base": rest}).get("base", "auroc")
    return score["estimate"] <= HONEST_ALONE
