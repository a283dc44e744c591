"""The first lines of a report: what was judged, by which columns, and how well it ranks."""

import numpy as np

from healthml.reporting._checks import interval_words, names_in_words

_MOST_NAMED = 30  # columns named one by one at the head of the report; chosen by judgement

_ROLE_WORDS = {"score": "existing score", "known_after": "known only after the prediction"}


def statement_of(case, what):
    """Return the report's first line: what was judged, and for whom."""
    population = (
        "new patients" if case.roles.groups is not None else "new rows (no patient was declared)"
    )
    if what == "procedure":
        name = (
            "the audit's own penalised logistic regression"
            if case.is_default
            else f"the procedure {type(case.model).__name__}"
        )
        n = len(case.judge.folds)
        return (
            f"This judges {name}, refitted in {len(np.unique(case.judge.folds[0]))} folds x "
            f"{n} repeat{'s' * (n > 1)}, for {population} {_like_these(case)}."
        )
    name = "an existing score" if what == "score" else f"the fitted {type(case.model).__name__}"
    return (
        f"This judges {name} as it is, for the patients of this table"
        + ("" if case.roles.groups is None else " (returning patients counted as one)")
        + "; rows it was made with would flatter it."
    )


def columns_line(case, what):
    """Return the report's second line: the columns used and left out, and why."""
    if what == "score":
        return "The risks were handed in: which columns they were made from is not known here."
    used = list(case.model_columns)
    if what == "model":
        used = list(getattr(case.model, "feature_names_in_", used))
    later = () if case.roles.known_after is None else case.roles.known_after.columns
    left = {**case.roles.named, **case.left_out}
    left |= dict.fromkeys(later, "known only after the prediction")
    absent = [c for c in case.X.columns if c not in used and c not in left]
    left |= dict.fromkeys(absent, "not a column of the fitted model")
    text = f"Columns used ({len(used)}): {names_in_words(used, _MOST_NAMED)}."
    if not left:
        return text + " Left out: none."
    words = [f"{name} ({_ROLE_WORDS.get(why, why)})" for name, why in left.items()]
    return f"{text} Left out: {names_in_words(words, _MOST_NAMED)}."


def headline_of(case):
    """Return the AUC, never without the leak beside it, and O:E where risks are judged as is."""
    text = f"AUC {interval_words(case.performance.scores.get('model', 'auroc'))}"
    if not case.refit and case.performance.has("oe_ratio", "model"):
        oe = case.performance.scores.get("model", "oe_ratio")
        text += f"; observed / expected events {interval_words(oe, 2)}"
    n = len(case.leaks.suspects)
    if case.leaks.scores is not None:
        clean = case.leaks.scores.get("variant", "auroc")
        text += (
            f"; without the {n} suspect column{'s' if n > 1 else ''} (leak screening) "
            f"{interval_words(clean)}"
        )
    elif n:
        text += "; suspect columns could not be taken out"
    elif case.columns_given and case.leaks.answers is None:
        text += "; columns were not screened for leaks, which was left out on request"
    elif not case.columns_given:
        text += "; no column was given that could be screened for leaks"
    else:
        text += "; no suspect column was found by the leak screening"
    return text + "."


def _like_these(case):
    """Return of what kind the new patients are, by what was declared."""
    kinds = [
        word + "s" * (len(np.unique(role)) > 1)
        for word, role in (("site", case.roles.site), ("year", case.roles.time))
        if role is not None
    ]
    return f"of the same {' and '.join(kinds)}" if kinds else "like those of this table"
