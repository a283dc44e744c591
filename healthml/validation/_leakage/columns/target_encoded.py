"""Columns that were computed from the outcomes of the very rows that they stand in."""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from healthml._core._parallel import run_in_threads
from healthml.validation._leakage.case import LEAK, memory_probe
from healthml.validation._leakage.refitted_steps import EncodedAgain
from healthml.validation._leakage.words import names_in_words
from healthml.validation._reference_models import TableEncoder, numbers_of

# Rows of prior that target encoders commonly add (0: plain means). A weight between two of them is
# followed less closely. By judgement, not by simulation; more weights cost time.
WEIGHTS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 300.0)
# Levels with events and non-events, for a column that fits them exactly. By judgement, not by
# simulation; with fewer, a scale and a weight can be found that fit any values.
FEWEST_LEVELS = 5
# The same for one that fits them far better than chance lets it. By judgement, not by simulation;
# with fewer, small scatter is not rare, with more, encodings of short vocabularies are missed.
ENOUGH_LEVELS = 12
# Difference, relative to the values, that rounding of floats explains. By judgement, not by
# simulation; larger, and values that are merely close pass as exact.
EXACT = 1e-6
# Share of the scatter that chance gives around any honest risk, below which a column is called
# computed. By judgement, not by simulation; higher accuses smooth honest columns, lower misses
# encodings that were rounded or made on most of the rows.
FAR_BELOW = 0.05
# Simulated outcomes that show what scatter chance gives, and random handfuls that are tried. By
# judgement, not by simulation; fewer make the answer less sure, more cost time.
_DRAWS = 200
# Share of the levels that must obey one formula, and the most of these that may hold equally many
# rows (their values then follow from the events alone). By judgement, not by simulation; a smaller
# share finds formulas in chance, a larger one misses encodings made on a part of the rows.
_OBEYING, _ONE_SIZE = 0.3, 0.6
_HANDFUL = 6  # levels to solve four unknowns from; the two to spare tell whether the answer fits


def encoded_columns(table, y, groups=None, *, n_jobs=None):
    """Find columns whose values follow the mean outcome of their rows more closely than chance.

    The outcomes of the rows that share a value of an honest column scatter around their risk, by
    chance, like counts. Where the values of a column, after any change of scale and drawn
    towards the overall rate, meet the observed rates almost exactly, the column was computed from
    these outcomes. Looked at are the column's own values as levels and, for encodings that leave
    the row itself out, the levels of every other column and the patients.

    Parameters
    ----------
    table : DataFrame
        The columns.
    y : ndarray of shape (n,)
        Outcome as 0/1.
    groups : ndarray of int, optional
        The patient of each row.
    n_jobs : int, optional
        Threads that share a large table.

    Returns
    -------
    dict of str to str
        Column -> what it was computed over.
    """
    numbers, levels = {}, {}
    encoder = TableEncoder()
    for name in table.columns:
        if encoder.is_number(table[name]):
            numbers[name] = numbers_of(table[name])
        else:
            levels[name] = pd.factorize(table[name])[0]
    if groups is not None:
        levels["the patient"] = groups
    sources = run_in_threads(
        partial(_computed_over, levels, y), numbers.values(), n_rows=len(y), n_jobs=n_jobs
    )
    return {name: over for name, over in zip(numbers, sources, strict=True) if over is not None}


def _computed_over(levels, y, values):
    """Return what the values of a column were computed over, or None."""
    if len(np.unique(values[np.isfinite(values)])) < FEWEST_LEVELS:
        return None
    if follows_own_levels(values, y):
        return "the rows that share its value"
    over = (name for name, codes in levels.items() if follows_without_row(values, codes, y))
    name = next(over, None)
    return None if name is None else f"the other rows of the same level of {name}"


def follows_own_levels(values, y):
    """Say whether the values follow the outcomes of the rows that share them."""
    seen = np.isfinite(values)
    level, codes = np.unique(values[seen], return_inverse=True)
    size, events = np.bincount(codes), np.bincount(codes, y[seen])
    several = size >= 2
    if size[several].sum() < 0.5 * len(y) or several.sum() < FEWEST_LEVELS:
        return False
    level, size, events = level[several], size[several], events[several]
    if meets_exactly(level, size, events):
        return True
    scatter, n_levels, fitted = _scatter(level, size, events)
    if n_levels < FEWEST_LEVELS:
        return False
    if scatter <= EXACT * n_levels:
        return True
    if n_levels < ENOUGH_LEVELS or scatter > FAR_BELOW * n_levels:
        return False
    rng = np.random.RandomState(0)
    draws = (_scatter(level, size, rng.binomial(size, fitted)) for _ in range(_DRAWS))
    return all(scatter / n_levels < drawn / max(n, 1) for drawn, n, _ in draws)


def _scatter(level, size, events):
    """Return the smallest scatter of the rates around a line in the level, as chi-square.

    Only levels with events and non-events count, since others show no scatter. The rates are
    drawn towards the overall one by each of the `WEIGHTS`, and the levels are taken as they are
    and as log-odds where they are risks.
    """
    overall = events.sum() / size.sum()
    mixed = (events > 0) & (events < size)
    fitted = np.clip((events + overall) / (size + 1), 1e-9, 1 - 1e-9)
    n_rates = len(np.unique((events / size)[mixed].round(9)))
    if n_rates < FEWEST_LEVELS or np.ptp(level[mixed]) == 0:  # any line would fit
        return np.inf, int(mixed.sum()), fitted
    best, n = np.inf, size[mixed]
    for weight in WEIGHTS:
        drawn = (events[mixed] + weight * overall) / (n + weight)
        pull = n / (n + weight)
        for target in (drawn, np.log(drawn / (1 - drawn))):
            line = np.polyval(np.polyfit(level[mixed], target, 1, w=np.sqrt(n)), level[mixed])
            rate = line if target is drawn else 1 / (1 + np.exp(-line))
            spread = pull**2 * drawn * (1 - drawn) / n
            best = min(best, float(((drawn - rate) ** 2 / spread).sum()))
    return best, int(mixed.sum()), fitted


def meets_exactly(level, size, events):
    """Say whether the values are means drawn to the overall rate, met by many levels exactly.

    A mean drawn by a weight w, then shifted and stretched, obeys v n = a n + b s - w v + c with n
    rows and s events; drawn by its own variance (empirical Bayes) it obeys the same with the
    variance of the level times v, and the variance, instead of v and 1. Both are linear in what
    is unknown. Levels that happen to share a value spoil the equation, so it is solved on random
    handfuls of small levels and must then hold for many others, each with other rows and events;
    not all with the same number of rows, for which it says nothing.

    Parameters
    ----------
    level, size, events : ndarray
        Value, rows and events of each level.

    Returns
    -------
    bool
    """
    rate = events / size
    mixed = (events > 0) & (events < size)
    pair = np.unique(np.column_stack([size, events])[mixed], axis=0, return_inverse=True)[1].ravel()
    n_pairs = int(pair.max(initial=-1)) + 1
    if n_pairs < 2 * _HANDFUL:
        return False
    v, n, s, rate = (x[mixed].astype(float) for x in (level, size, events, rate))
    v = (v - v.mean()) / max(v.std(), 1e-300)
    variance, ones = rate * (1 - rate), np.ones(len(v))
    forms = [np.column_stack(c) for c in ((s, n, v, ones), (s, n, variance * v, variance))]
    rng, small = np.random.RandomState(0), np.flatnonzero(n <= np.median(n))
    if len(small) < _HANDFUL:
        return False
    needed = max(ENOUGH_LEVELS, _OBEYING * n_pairs)
    handfuls = np.array([rng.choice(small, _HANDFUL, replace=False) for _ in range(_DRAWS)])
    for form in forms:
        for solved in _solutions(form, v * n, handfuls):
            inside = np.flatnonzero(_on_plane(form, v * n, solved))
            met = inside[np.unique(pair[inside], return_index=True)[1]]
            if len(met) < needed:
                continue
            if np.bincount(n[met].astype(int)).max() <= _ONE_SIZE * len(met):
                return True
    return False


def _solutions(form, target, handfuls):
    """Return the solutions of the handfuls that meet their own equations, all solved at once.

    A handful that its own least-squares solution does not meet holds a level off the plane.
    """
    solved = np.linalg.pinv(form[handfuls], rcond=1e-10) @ target[handfuls][:, :, None]
    off = np.abs(form[handfuls] @ solved - target[handfuls][:, :, None]).max(axis=(1, 2))
    return solved[off <= EXACT * np.abs(target).max(), :, 0]


def _on_plane(form, target, solved):
    """Return which levels meet the equation."""
    return np.abs(form @ solved - target) <= EXACT * np.abs(target).max()


def follows_without_row(values, codes, y):
    """Say whether the values are the mean outcome of the other rows of the same level."""
    use = np.isfinite(values) & (codes >= 0)
    size, events = np.bincount(codes[use]), np.bincount(codes[use], y[use])
    others = size[codes[use]] - 1
    keep = others >= 1
    if keep.sum() < 0.5 * len(y) or (size >= 2).sum() < FEWEST_LEVELS:
        return False
    rows, inside = np.flatnonzero(use)[keep], codes[use][keep]
    rest = events[inside] - y[rows]
    mean, seen = y[use].mean(), values[rows]
    if np.ptp(seen) == 0:
        return False
    for weight in WEIGHTS:
        drawn = (rest + weight * mean) / (others[keep] + weight)
        if np.ptp(drawn) > 0 and 1 - np.corrcoef(drawn, seen)[0, 1] ** 2 < EXACT:
            return True
    return False


def source_of(values, levels):
    """Return the column whose levels decide the values, or None where none is in the table.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The encoded column.
    levels : dict of str to ndarray of int
        Levels of the columns that may be its source.

    Returns
    -------
    str or None
    """
    codes = pd.factorize(values)[0]
    for name, level in levels.items():
        n_levels = int(level.max()) + 1
        if not codes.max() < n_levels <= len(values) / 2:
            continue
        first = np.full(n_levels, -1)
        first[level[::-1]] = codes[::-1]
        if (first[level] == codes).all():
            return name
    return None


def look_at_encoded(case):
    """Measure what columns computed from the outcomes pretend."""
    encoded = case.screening.encoded
    if not encoded or not case.refits:
        return
    names, rest = list(encoded), case.clean_columns
    sources = {c: source_of(numbers_of(case.X[c]), _levels(case.X, encoded)) for c in names}
    known = {c: source for c, source in sources.items() if source is not None}
    beside = list(dict.fromkeys([*rest, *known.values()]))
    models = [case.model, memory_probe()] if case.is_default else [case.model]
    measured = [_effect(case, model, names, known, beside) for model in models]
    effect, words = max(measured, key=lambda pair: pair[0].lower)
    over = "; ".join(f"{name}: over {what}" for name, what in encoded.items())
    some = names_in_words(names)
    yield case.leak(
        "HM309",
        LEAK,
        effect,
        f"{some}: computed from the outcomes of these rows",
        f"The values follow the observed rates far more closely than chance allows ({over}). "
        f"{words}",
        "Put the encoding into the pipeline, so that it is learnt from training rows.",
        columns=names,
    )


def _effect(case, model, names, known, beside):
    """Return the AUC with the columns minus that with honest ones, and both in words.

    Honest is the encoding of the source by training rows, where the source is in the table, and
    no such column where it is not.
    """
    risks = {"with": case.refitted(case.table[[*beside, *names]], model=model)}
    used = np.isfinite(risks["with"]).all(axis=0)
    some = names_in_words(names)
    if known or beside:
        again = Pipeline([("encode_again", EncodedAgain(known)), ("model", model)])
        honest = case.table[[*beside, *known]]
        risks["honest"] = case.refitted(honest, model=again if known else model)
        what = "the same encoding learnt from training rows" if known else "without"
        scores = case.judge.score(risks, rows=dict.fromkeys(risks, used))
        change = scores.difference("with", "honest")
    else:
        what, scores = "no column at all", case.judge.score(risks, rows={"with": used})
        change = scores.get("with", "auroc")[["estimate", "lower", "upper"]] - 0.5
    kind = "a forest" if model is not case.model else "the procedure"
    words = ", ".join(f"{scores.get(k, 'auroc')['estimate']:.3f} {k}" for k in risks)
    meaning = f"AUC of {kind} with {some} minus AUC of {what}"
    meaning = meaning.replace("of without", "without")
    return case.effect(*change, meaning, rows=np.flatnonzero(used)), f"AUC of {kind} {words}."


def _levels(table, found):
    """Return the levels of the columns that may have been encoded."""
    codes = {c: pd.factorize(table[c], use_na_sentinel=False)[0] for c in table if c not in found}
    return {c: level for c, level in codes.items() if level.max() > 0}
