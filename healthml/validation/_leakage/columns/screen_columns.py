"""Columns that may hold the answer, and strata in which there is nothing to predict."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import binom, rankdata

from healthml._core._knowledge import follow_up_hint, known_at_discharge, later_hint
from healthml._core._paired import auroc_influence, influence_interval
from healthml._core._parallel import run_in_threads
from healthml._core._results import Result
from healthml.validation._reference_models import TableEncoder, factorize_levels, numbers_of

# Rows at the overall rate that are added to each level. By judgement, not by simulation; fewer, and
# levels of few rows look telling by chance; more, and rare telling levels are missed.
_PRIOR_ROWS = 10.0


@dataclass(frozen=True, repr=False)
class ColumnScreen(Result):
    """What each column alone can do; made by `screen_columns`.

    Parameters
    ----------
    table : DataFrame
        column, estimate (AUC of the column alone), lower, upper, named (word of the column's
        name that speaks of a later time, or may do so), level_named (the same in its levels),
        n_levels.
    """

    def plot(self, ax=None, *, most=20, **kwargs):
        """Draw the AUC of the strongest columns with their intervals."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        rows = self._drawn().head(most).iloc[::-1]
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        ax.errorbar(rows["estimate"], rows["column"], xerr=spread, fmt="o", **kwargs)
        ax.set(xlabel="AUC of the column alone, out of sample")
        return ax


def screen_columns(
    X, y, *, fold, groups=None, outcome=None, n_bins=20, confidence_level=0.95, n_jobs=None
):
    """Measure what each column alone tells about the outcome, out of sample.

    Numbers are cut into bins by their quantiles (missing is a bin of its own, so that a column
    whose absence tells the outcome is seen), texts keep their levels. The risk of a row is the
    event rate of its bin among the other folds, drawn towards the overall rate.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_features)
        The table.
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    fold : ndarray of int, shape (n_samples,)
        Patient-wise fold of each row.
    groups : ndarray of int, optional
        The patient of each row, for the intervals.
    outcome : str, optional
        Name of the outcome: what is known at discharge is no hint where a readmission is predicted.
    n_bins : int, default=20
        Bins of a numeric column.
    confidence_level : float, default=0.95
        Level of the intervals.
    n_jobs : int, optional
        Threads that share a large table.

    Returns
    -------
    ColumnScreen
        Sorted, the strongest first.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.validation._leakage.columns.screen_columns import screen_columns
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 2, 300)
    >>> X = pd.DataFrame({"noise": rng.normal(size=300), "died_on": y + rng.normal(size=300) / 9})
    >>> screen_columns(X, y, fold=np.arange(300) % 5).table["column"].tolist()
    ['died_on', 'noise']
    """
    look = partial(_column_alone, y, fold, groups, outcome, n_bins, confidence_level)
    rows = run_in_threads(look, [X[name] for name in X.columns], n_rows=len(y), n_jobs=n_jobs)
    names = ["column", "estimate", "lower", "upper", "named", "level_named", "n_levels"]
    table = pd.DataFrame(rows, columns=names).sort_values("estimate", ascending=False)
    return ColumnScreen(table.reset_index(drop=True))


def _column_alone(y, fold, groups, outcome, n_bins, confidence_level, column):
    """Return the line of one column."""
    codes, levels = column_bins(column, n_bins)
    risk = out_of_fold_rate(codes, y, fold)
    auc, influence = auroc_influence(y, risk, fold)
    _, _, lower, upper = influence_interval("auroc", auc, influence, groups, confidence_level)
    name = str(column.name)
    named = later_hint(name) or (None if levels else follow_up_hint(name))
    hints = (_hint(named, outcome), _hint(_level_hint(levels), outcome))
    return column.name, auc, lower, upper, *hints, len(levels)


def column_bins(column, n_bins=20):
    """Return the bin of each row, 0 for missing, and the text levels (none for numbers)."""
    if TableEncoder().is_number(column):
        values = numbers_of(column)
        seen = np.isfinite(values)
        codes = np.zeros(len(values), dtype=np.int64)
        if seen.any():
            share = (rankdata(values[seen]) - 0.5) / seen.sum()
            codes[seen] = 1 + np.minimum((share * n_bins).astype(np.int64), n_bins - 1)
        return codes, ()
    codes, levels = factorize_levels(column)
    return codes + 1, tuple(str(level) for level in levels)


def out_of_fold_rate(codes, y, fold):
    """Return the smoothed event rate of each row's bin among the rows of the other folds."""
    n_codes, n_folds = int(codes.max()) + 1, int(fold.max()) + 1
    cell = codes * n_folds + fold
    count = np.bincount(cell, minlength=n_codes * n_folds).reshape(n_codes, n_folds)
    event = np.bincount(cell, y, minlength=n_codes * n_folds).reshape(n_codes, n_folds)
    count, event = count.sum(1, keepdims=True) - count, event.sum(1, keepdims=True) - event
    overall = event.sum(0) / np.maximum(count.sum(0), 1)
    rate = (event + _PRIOR_ROWS * overall) / (count + _PRIOR_ROWS)
    return rate[codes, fold]


def _level_hint(levels, most=50):
    """Return the first word of a column's levels that speaks of a later time, or None."""
    return later_hint("", levels) if 0 < len(levels) <= most else None


def _hint(word, outcome):
    return "" if word is None or known_at_discharge(word, outcome) else word


@dataclass(frozen=True, repr=False)
class Strata(Result):
    """Levels in which the outcome never or always happens; made by `event_free_strata`.

    Parameters
    ----------
    table : DataFrame
        column, position (of the level, in order of appearance), level, kind ("never", "almost
        never", "always"), n_samples, n_patients, n_events, p_value (Bonferroni over all levels
        looked at), expected (events under the overall rate).
    masks : dict
        (column, position) -> boolean array of its rows.
    """

    masks: dict = None

    def plot(self, ax=None, **kwargs):
        """Draw observed and expected events of each level."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        table = self._drawn()
        at = np.arange(len(table))
        ax.barh(at, table["expected"], color="0.8", label="expected at the overall rate")
        ax.plot(table["n_events"], at, "o", label="observed", **kwargs)
        ax.set(yticks=at, yticklabels=table["column"], xlabel="Events")
        ax.legend()
        return ax


def event_free_strata(
    X,
    y,
    *,
    groups=None,
    max_levels=100,
    max_numbers=30,
    min_rows=11,
    rare=0.25,
    confidence_level=0.99,
):
    """Find levels of a column in which the outcome (almost) never, or always, happens.

    A level is listed when its events are fewer than `rare` times those expected at the overall
    event rate, or its non-events none at all, and chance would hardly do that: binomial
    probabilities with patients, not rows, as the trials where `groups` is given.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_features)
        The table; columns with more levels than the limits below are not looked at.
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    groups : ndarray of int, optional
        The patient of each row.
    max_levels : int, default=100
        Most levels of a text column to look at.
    max_numbers : int, default=30
        Most different values of a column of numbers (codes, scales) to look at.
    min_rows : int, default=11
        Smallest level to look at, in patients.
    rare : float, default=0.25
        Events below this share of those expected are "almost never".
    confidence_level : float, default=0.99
        Holds over all levels of all columns together.

    Returns
    -------
    Strata
        `masks` holds the rows of every level listed.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.validation._leakage.columns.screen_columns import event_free_strata
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"left": rng.choice(["home", "died"], 400)})
    >>> y = np.where(X["left"] == "died", 0, rng.integers(0, 2, 400))
    >>> event_free_strata(X, y).table[["level", "kind"]].values.tolist()
    [['died', 'never']]
    """
    strata, looked = [], 0
    rate = float(np.mean(y))
    for name in X.columns:
        codes, levels = factorize_levels(X[name])
        most = max_numbers if TableEncoder().is_number(X[name]) else max_levels
        if not 1 < len(levels) <= most:
            continue
        n, events, patients = _count_levels(codes, len(levels), y, groups)
        big = patients >= min_rows
        looked += int(big.sum())
        trials = np.maximum(np.round(events * patients / np.maximum(n, 1)), 0)
        never = (events <= rare * rate * n) & big
        always = (events == n) & big
        chance = np.where(never, binom.cdf(trials, patients, rate), rate**patients)
        for k in np.flatnonzero(never | always):
            kind = "always" if always[k] else "never" if events[k] == 0 else "almost never"
            strata.append((name, k, levels[k], kind, n[k], patients[k], events[k], chance[k]))
    names = ["column", "position", "level", "kind", "n_samples", "n_patients", "n_events"]
    table = pd.DataFrame(strata, columns=[*names, "p_value"])
    table["expected"] = table["n_samples"] * rate
    table["p_value"] = np.minimum(1.0, table["p_value"].astype(float) * max(looked, 1))
    table = table[table["p_value"] < 1 - confidence_level].sort_values("n_samples", ascending=False)
    masks = {
        (c, k): factorize_levels(X[c])[0] == k
        for c, k in zip(table["column"], table["position"], strict=True)
    }
    return Strata(table.reset_index(drop=True), masks)


def _count_levels(codes, n_levels, y, groups):
    """Return rows, events and patients of each level."""
    seen = codes >= 0
    n = np.bincount(codes[seen], minlength=n_levels)
    events = np.bincount(codes[seen], y[seen], minlength=n_levels).astype(np.int64)
    if groups is None:
        return n, events, n
    pairs = np.unique(codes[seen].astype(np.int64) * (int(groups.max()) + 1) + groups[seen])
    patients = np.bincount(pairs // (int(groups.max()) + 1), minlength=n_levels)
    return n, events, patients
