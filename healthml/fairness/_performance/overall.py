"""The same measures over everybody of each stratum."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._core._intervals import z_value
from healthml.fairness._estimates import SUMMED, measure_groups

OVERALL = [
    "control",
    "measure",
    "estimate",
    "lower",
    "upper",
    "n_samples",
    "n_events",
    "n_patients",
]


def overall_table(judged, rows, measures, right, bootstrap, level):
    """Return every measure over all rows of each stratum."""
    lines, seen = [], set()
    for part in judged:
        if part.control in seen:
            continue
        seen.add(part.control)
        sums = _together(part.sums)
        codes = None if part.codes is None else np.where(part.codes >= 0, 0, -1)
        for name, function in measures.items():
            if name not in SUMMED and rows is None:
                continue
            options = {"function": function, "right": right, **bootstrap}
            own = measure_groups(name, rows, codes, sums, **options).own
            lower, upper = own.ends(z_value(level))
            line = {"control": part.control, "measure": name, "estimate": float(own.value[0])}
            line |= {"lower": float(lower[0]), "upper": float(upper[0])}
            lines.append(line | _counts(sums))
    return pd.DataFrame(lines, columns=OVERALL)


def _together(sums):
    """Return the sums of all groups as those of one."""
    axes = 0 if sums.gram.ndim == 3 else (0, 2)
    return replace(
        sums,
        names=np.array(["everybody"]),
        sums=sums.sums.sum(axis=0, keepdims=True),
        gram=sums.gram.sum(axis=axes)[None],
        n_samples=sums.n_samples.sum(keepdims=True),
        n_events=sums.n_events.sum(keepdims=True),
        n_patients=np.array([sums.total_patients]),
        n_others=np.zeros(1, dtype=np.int64),
    )


def _counts(sums):
    names = ("n_samples", "n_events", "n_patients")
    return {name: int(getattr(sums, name)[0]) for name in names}
