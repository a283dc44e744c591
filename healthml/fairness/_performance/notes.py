"""Sentences beside the numbers: what was pooled, what cannot be compared, what cannot all hold."""

import numpy as np

_COMPATIBLE = "sensitivity", "specificity", "ppv"


def notes_of(judged, partitions, tests, level):
    """Return what a reader of the tables has to know."""
    notes = [*_one_group(judged), *_pooled(partitions), *_undefined(judged)]
    return (*notes, *_impossible(judged, tests, level))


def _one_group(judged):
    return [
        f"{part.feature} has one group only{_inside(part)}: there is nobody to compare it with. "
        "Pass a feature with two groups or more."
        for part in judged
        if len(part.sums.names) == 1
    ]


def _inside(part):
    return f" within {part.control}" if part.control else ""


def _pooled(partitions):
    n_pooled = {part.feature: len(part.pooled) for part in partitions if part.pooled}
    return [
        f"Crossed groups of {feature} that are small were joined: {n} (see pool_below)."
        for feature, n in n_pooled.items()
    ]


def _undefined(judged):
    notes = [undefined_note(part.feature, part.control, part.sums) for part in judged]
    return [note for note in notes if note]


def undefined_note(feature, control, sums):
    """Say how many groups have one outcome only; "" where none has."""
    counts = {"no event": sums.n_events, "nothing but events": sums.n_samples - sums.n_events}
    parts = [
        f"{n} group{' has' if n == 1 else 's have'} {what}"
        for what, cell in counts.items()
        if (n := np.count_nonzero(cell == 0))
    ]
    if not parts:
        return ""
    inside = f" within {control}" if control else ""
    return (
        f"{feature}{inside}: {' and '.join(parts)}, so that some measures do not exist there; "
        "named metrics leave such groups out."
    )


def _impossible(judged, tests, level):
    """Say where equal predictive values and equal error rates cannot hold together."""
    notes = []
    for part in judged:
        if not set(_COMPATIBLE) <= set(part.measured):
            continue
        rows = (tests["feature"] == part.feature) & (tests["control"] == part.control)
        rates = tests[rows & (tests["measure"] == "event_rate")]
        errors = [part.measured[name].own.value for name in ("sensitivity", "specificity")]
        perfect = all(np.nanmin(value, initial=1.0) == 1 for value in errors)
        if len(rates) and rates["p_value"].iloc[0] < 1 - level and not perfect:
            notes.append(
                f"{part.feature}{_inside(part)}: event rates differ between the groups and the "
                "decisions are not perfect, so equal predictive values (ppv) and equal error "
                "rates (sensitivity and specificity) cannot all hold, whatever the model or the "
                "thresholds (Chouldechova 2017; Kleinberg 2017). Which of them matters is a "
                "question of what a false alarm and a miss cost."
            )
    return notes
