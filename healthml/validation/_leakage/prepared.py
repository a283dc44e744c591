"""Scaling, filling in and other steps that were fitted before the split."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from healthml._core._paired import paired_scores
from healthml.validation._leakage.case import LEAK, Unknown
from healthml.validation._leakage.refitted_steps import PreparedAgain
from healthml.validation._leakage.split import risks_of, split_from_folds
from healthml.validation._leakage.words import names_in_words

# How close, in SDs, mean and SD are to 0 and 1 in a column scaled over these rows. By judgement,
# not by simulation: of columns of 1,000 rows scaled elsewhere, chance brings one in 100,000 this
# near to both (normal theory). Larger accuses columns scaled elsewhere, smaller misses rounded
# cells.
CLOSE = 1e-4
# Share and number of equal cells from which a mean or median may have been filled in. By judgement,
# not by simulation; the lower, the more chance ties are called fill-ins.
FILLED_SHARE, FEWEST_FILLED = 0.02, 5
# How close, in SDs, a value is to the mean of the others to be their fill-in. By judgement, not by
# simulation: the rounding of floats is far below it; larger accuses values that lie near the mean.
EXACT_FILL = 1e-6
# Distinct values below which a column is a scale or a flag, whose mean and ties say nothing. By
# judgement, not by simulation; lower, and such columns are accused.
_FEWEST_VALUES = 10
_FEWEST_ROWS = 30  # finite cells from which mean and SD say something; by judgement, as above
# Rows that a fitted step is tried on; more cost time. By judgement, not by simulation.
_SOME_ROWS = 500


def scaled_columns(table):
    """Return the columns with mean 0 and SD 1 over exactly these rows.

    Parameters
    ----------
    table : DataFrame
        The rows.

    Returns
    -------
    list of str
    """
    scaled = []
    for name in table.columns:
        values = _floats(table[name])
        if values is None or len(np.unique(values)) < _FEWEST_VALUES:
            continue
        spreads = [values.std(ddof=d) for d in (0, 1)]
        if abs(values.mean()) <= CLOSE and min(abs(s - 1) for s in spreads) <= CLOSE:
            scaled.append(name)
    return scaled


def filled_columns(table, rows=None):
    """Return the columns in which one value stands often and is the mean of all the others.

    Parameters
    ----------
    table : DataFrame
        The rows.
    rows : ndarray of int, optional
        Rows whose mean is taken; all by default.

    Returns
    -------
    dict of str to float
        Column -> the value.
    """
    filled = {}
    for name in table.columns:
        values = _floats(table[name])
        if values is None or len(values) < len(table):
            continue
        level, counts = np.unique(values, return_counts=True)
        spike = level[counts.argmax()]
        enough = max(FEWEST_FILLED, FILLED_SHARE * len(values))
        others = values if rows is None else values[rows]
        others = others[others != spike]
        if counts.max() < enough or len(np.unique(others)) < _FEWEST_VALUES:
            continue
        if abs(others.mean() - spike) <= EXACT_FILL * others.std():
            filled[name] = float(spike)
    return filled


def _floats(column):
    """Return the finite values of a column of fractions, or None."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return None
    values = column.to_numpy(dtype=float, na_value=np.nan)
    values = values[np.isfinite(values)]
    return values if len(values) >= _FEWEST_ROWS and np.ptp(values) > 0 else None


def look_at_prepared(case):
    """Return what the values, or a fitted transformer, show of steps fitted before the split."""
    if case.transformer is not None:
        yield from _transformer(case)
    plain = case.X[[c for c in case.X.columns if c not in case.screening.encoded]]
    scaled, filled = scaled_columns(plain), filled_columns(plain)
    names = [c for c in case.X.columns if c in {*scaled, *filled}]
    if names:
        yield _prepared(case, names, scaled, filled)
    elif case.transformer is None:
        yield Unknown(
            "Was a step (scaling, filling in, selection, encoding) fitted before the split?",
            "the values do not show it, and most steps leave no trace in them",
            "Keep every step in the pipeline; or hand in the fitted one (transformer) with the "
            "split, so that it can be compared.",
            "HM309",
        )


def _prepared(case, names, scaled, filled):
    others = [c for c in names if c not in case.base_columns]
    table = case.table[[*case.base_columns, *others]]
    again = PreparedAgain([c for c in scaled if c in table], filled)
    model = Pipeline([("again", again), ("model", case.model)])
    risks = {"with": case.refitted(table), "inside": case.refitted(table, model=model)}
    used = np.isfinite(risks["with"]).all(axis=0)
    scores = case.judge.score(risks, rows=dict.fromkeys(risks, used))
    effect = case.effect(
        *scores.difference("with", "inside"),
        "AUC as it is minus AUC with these steps fitted on training rows",
        rows=np.flatnonzero(used),
    )
    details = [
        f"{names_in_words(part)} {verbs[len(part) > 1]} {words}"
        for part, verbs, words in (
            (scaled, ("has", "have"), "mean 0 and SD 1 over exactly these rows"),
            (
                list(filled),
                ("holds", "hold"),
                "the mean of all others where something was filled in",
            ),
        )
        if part
    ]
    where = "" if case.split is None else ", the rows to be tested among them"
    return case.leak(
        "HM309",
        LEAK,
        effect,
        f"{names_in_words(names)}: scaled or filled in over all rows",
        f"{'; '.join(details)}{where}.",
        "Fit such steps inside the pipeline, on training rows.",
        columns=names,
        by_change=True,
    )


def _transformer(case):
    """Compare a fitted transformer with the same one fitted on training rows, and on all."""
    topic = "Was the transformer that was handed in fitted on training rows only?"
    remedy = "Hand in the split and a transformer with a fixed random_state."
    if case.split is None:
        yield Unknown(topic, "the split was not handed in", remedy, "HM309")
        return
    train = case.split.pairs[0][0]
    everything = np.arange(len(case.y))
    own = _output(case.transformer, case.X)
    on_all, on_train = (_output(_fitted(case, rows), case.X) for rows in (everything, train))
    if _same(own, on_all) and not _same(own, on_train):
        yield _seen_all(case)
    elif not _same(own, on_train):
        yield Unknown(
            topic,
            "it equals neither a fit on all rows nor one on the training rows of the split",
            remedy,
            "HM309",
        )


def _fitted(case, rows):
    return clone(case.transformer).fit(case.X.iloc[rows], case.y[rows])


def _output(transformer, X):
    made = transformer.transform(X.iloc[:_SOME_ROWS])
    made = made.toarray() if hasattr(made, "toarray") else made
    return pd.DataFrame(np.asarray(made))


def _same(first, second):
    if first.shape != second.shape:
        return False
    try:
        return bool(
            np.allclose(first.to_numpy(float), second.to_numpy(float), rtol=1e-9, equal_nan=True)
        )
    except (TypeError, ValueError):
        return first.equals(second)


def _seen_all(case):
    frozen = Pipeline([("step", FrozenEstimator(case.transformer)), ("model", case.model)])
    inside = Pipeline([("step", clone(case.transformer)), ("model", case.model)])
    split = case.split if case.split is not None else split_from_folds(case.judge.folds)
    options = {"groups": case.units, "seed": case.seed, "n_jobs": case.n_jobs}
    risk, fold = {}, {}
    for name, model in (("frozen", frozen), ("inside", inside)):
        risk[name], fold[name] = risks_of(model, case.X, case.y, split, **options)
    scores = paired_scores(
        case.y,
        risk,
        folds=fold,
        groups=case.units,
        measures=("auroc",),
        confidence_level=case.level,
    )
    effect = case.effect(
        *scores.difference("frozen", "inside"),
        "AUC with the transformer as it was fitted minus AUC with it fitted on training rows",
        rows=split.tested,
    )
    frozen_auc, inside_auc = (scores.get(k, "auroc")["estimate"] for k in ("frozen", "inside"))
    name = type(case.transformer).__name__
    return case.leak(
        "HM309",
        LEAK,
        effect,
        f"{name} was fitted on all rows, the rows to be tested among them",
        f"It does what the same step fitted on all rows does, and not what one fitted on the "
        f"training rows does. AUC {frozen_auc:.3f} with it, {inside_auc:.3f} fitted on training "
        "rows.",
        "Put it into the pipeline, so that it is fitted in every training part.",
        by_change=True,
    )
