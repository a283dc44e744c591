"""From apparent, resampled and out-of-bag values to a corrected one: optimism, .632, .632+."""

import numpy as np

from healthml.metrics._batched import Block

BOOTSTRAP = ("optimism", "oob", "632", "632+")
_OUT, _IN = 0.632, 0.368  # 1 - 1/e and 1/e: shares of rows in and out of a bootstrap draw (Efron)
_WEIGHED = ("auroc", "dxy", "brier", "scaled_brier", "log_loss", "net_benefit")


def rule_of(method, name):
    """Return the rule that gives a measure: the method, or "oob" where .632 has no meaning."""
    weighed = name.split("@")[0] in _WEIGHED
    return method if method in ("optimism", "oob") or weighed else "oob"


def why_out_of_bag(names):
    """Say why some measures are out-of-bag values under .632 and .632+."""
    shown = ", ".join(name for name in names if name.split("@")[0] not in _WEIGHED)
    return (
        f"{shown}: out-of-bag values, because .632 mixes in the apparent value, and a model's "
        "apparent calibration is near perfect by construction and says nothing about new patients; "
        "nor has calibration a no-information value."
    )


def correct(rule, name, apparent, values, none):
    """Return (corrected, Monte Carlo standard error, draws used, details) of a measure.

    Parameters
    ----------
    rule : {"optimism", "oob", "632", "632+"}
        What to compute.
    name : str
        The measure.
    apparent : float
        Its value of the model on the rows it was fitted on.
    values : dict of str to ndarray
        "train", "test" and "out" values, one per draw.
    none : float
        Its value without information.

    Returns
    -------
    tuple

    Examples
    --------
    >>> values = {"train": np.array([0.9, 0.8]), "test": np.array([0.8, 0.75])}
    >>> values["out"] = np.array([0.7, 0.6])
    >>> correct("optimism", "auroc", 0.85, values, 0.5)[0].round(3).tolist()
    0.775
    """
    change, out = values["train"] - values["test"], _finite(values["out"])
    details = {
        "train": _mean(values["train"]),
        "test": _mean(values["test"]),
        "out_of_bag": _mean(out),
        "no_information": none,
    }
    if rule == "optimism":
        change = _finite(change)
        return apparent - _mean(change), _error(change), len(change), details
    if rule == "oob":
        return _mean(out), _error(out), len(out), details
    share = 0.0 if rule == "632" else overfitting(apparent, details["out_of_bag"], none)
    weight = _OUT / (1 - _IN * share)
    details |= {"relative_overfitting": share, "weight_out_of_bag": weight}
    corrected = (1 - weight) * apparent + weight * details["out_of_bag"]
    return corrected, weight * _error(out), len(out), details


def overfitting(apparent, out, none):
    """Return the relative overfitting rate, from 0 (none) to 1 (no information is left).

    References
    ----------
    .. [1] Efron B, Tibshirani R. Improvements on cross-validation: the .632+ bootstrap method.
       J Am Stat Assoc. 1997;92:548-560.
    """
    room = none - apparent
    if not np.isfinite(room + out) or abs(room) < 1e-12:
        return 0.0
    return float(np.clip((out - apparent) / room, 0.0, 1.0))


def no_information(task, risk):
    """Return each measure's value without any information: every outcome with every risk.

    Parameters
    ----------
    task : Task
        What is asked.
    risk : ndarray of shape (n_samples,)
        Apparent risks.

    Returns
    -------
    dict of str to float
        Missing for measures of calibration and explained variation.
    """
    weight = np.ones(task.n) if task.weight is None else task.weight
    share = weight @ task.y / weight.sum()
    everyone = [Block(np.full(task.n, y), risk[None], task.thresholds) for y in (0, 1)]
    values = {"auroc": 0.5}
    for name in task.measures:
        if name.split("@")[0] in ("brier", "log_loss", "net_benefit"):
            without, with_event = (b.weigh(weight).value(name)[0] for b in everyone)
            values[name] = float((1 - share) * without + share * with_event)
    if "brier" in values:
        values["scaled_brier"] = 1 - values["brier"] / (share * (1 - share))
    return {name: values.get(name, np.nan) for name in task.measures}


def _finite(values):
    return values[np.isfinite(values)]


def _mean(values):
    values = _finite(values)
    return np.mean(values) if len(values) else np.nan


def _error(values):
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
