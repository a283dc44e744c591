"""Rates of every group in many resamples, from redrawn cells instead of redrawn rows."""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from healthml.exceptions import InputError
from healthml.fairness._sums import COUNTED, ratio_of

_N_CELLS = 4  # tp, fp, fn, tn come first among the columns
BOOTSTRAPPED = (*COUNTED, "net_benefit")


def bootstrap_table(result, n_resamples, measures, random_state):
    """Return percentile intervals of the rates of every group as a table."""
    available = [name for name in result.table["measure"].unique() if name in BOOTSTRAPPED]
    wanted = available if measures is None else list(measures)
    unknown = [name for name in wanted if name not in available]
    if unknown:
        raise InputError(
            f"measures has {unknown[0]!r}; rates are redrawn of "
            f"{', '.join(available) or 'none'}: pass threshold to group_performance, "
            "and others as its measures."
        )
    random, parts = check_random_state(random_state), []
    tail = (1 - result.confidence_level) / 2
    for (feature, control), sums in result.sums.items():
        drawn = draw_sums(sums, n_resamples, random)
        for name in wanted:
            ratio = ratio_of(name)
            values = ratio.value(drawn)
            values = np.where(np.isfinite(values), values, np.nan)
            known = np.isfinite(values).sum(axis=0)
            ends = np.full((2, len(sums.names)), np.nan)
            if (at := known > 1).any():
                ends[:, at] = np.nanquantile(values[:, at], [tail, 1 - tail], axis=0)
            columns = {"estimate": ratio.value(sums.sums), "lower": ends[0], "upper": ends[1]}
            columns |= {"resamples": known, "n_samples": sums.n_samples, "n_events": sums.n_events}
            base = {"feature": feature, "control": control, "group": sums.names, "measure": name}
            parts.append(pd.DataFrame(base | columns))
    return pd.concat(parts, ignore_index=True)


def draw_sums(sums, n_resamples, random):
    """Return redrawn sums of shape (n_resamples, n_groups, n_columns).

    Independent rows: a multinomial draw of the four cells of each group, and of what is added up
    beside them its mean in these cells. Patients or weights: the sums plus those of the patients'
    sums times standard normal multipliers, which are normal themselves, so that they are drawn
    with their covariance and no patient is touched.
    """
    n_groups, size = sums.sums.shape
    if sums.independent:
        return _multinomial(sums, n_resamples, random)
    gram = sums.gram
    if gram.ndim == 3:
        full = np.zeros((n_groups, size, n_groups, size))
        full[np.arange(n_groups), :, np.arange(n_groups), :] = gram
        gram = full
    values, vectors = np.linalg.eigh(_centred(sums, gram))
    root = vectors * np.sqrt(np.maximum(values, 0))
    moved = random.standard_normal((n_resamples, len(values))) @ root.T
    drawn = sums.sums + moved.reshape(n_resamples, n_groups, size)
    drawn[:, :, :_N_CELLS] = np.maximum(drawn[:, :, :_N_CELLS], 0)
    return drawn


def _centred(sums, gram):
    """Return the products of patients' sums around their means, of all groups and columns."""
    flat = sums.sums.ravel()
    size = len(flat)
    return gram.reshape(size, size) - np.outer(flat, flat) / sums.total_patients


def _multinomial(sums, n_resamples, random):
    n_groups, size = sums.sums.shape
    drawn = np.zeros((n_resamples, n_groups, size))
    for k in range(n_groups):
        counts = sums.sums[k, :_N_CELLS]
        if n := round(counts.sum()):
            drawn[:, k, :_N_CELLS] = random.multinomial(n, counts / counts.sum(), size=n_resamples)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_row = sums.gram[:, :_N_CELLS, _N_CELLS:] / sums.sums[:, :_N_CELLS, None]
    others = np.einsum("skc,kcm->skm", drawn[:, :, :_N_CELLS], np.nan_to_num(per_row))
    drawn[:, :, _N_CELLS:] = others
    return drawn
