"""Explainable boosting machines of `interpret`, read as a sum of linear parts and trees."""

from functools import partial

import numpy as np
import pandas as pd

from healthml.explanation._reading.forms import Encoder, Form, Linear, Term, join_trees

MISSING = 0  # place of a missing cell in a table of scores; an unknown level has the last


def explainable_boosting(model):
    """Return the form of a fitted machine on its link scale, or None where its link is another one.

    Terms of one column are read as columns of scores; terms of several as trees on the places of
    their cells, which the leaf-by-leaf route takes exactly.
    """
    if model.link_ not in ("logit", "identity") or np.size(model.intercept_) != 1:
        return None
    alone = [k for k, columns in enumerate(model.term_features_) if len(columns) == 1]
    together = [k for k, columns in enumerate(model.term_features_) if len(columns) > 1]
    terms = []
    if alone:
        encode = Encoder(partial(_scores, model, alone))
        terms.append(Term(1.0, encode, Linear(np.ones(len(alone)))))
    if together:
        keys = [_keys(model, k) for k in together]
        read = list(dict.fromkeys(key for own in keys for key in own))
        trees = [
            _as_tree(np.asarray(model.term_scores_[k], dtype=float), [read.index(i) for i in own])
            for k, own in zip(together, keys, strict=True)
        ]
        terms.append(Term(1.0, Encoder(partial(_places, model, read)), join_trees(trees)))
    return Form(float(np.ravel(model.intercept_)[0]), tuple(terms))


def _keys(model, term):
    """Return (column, resolution) of each column of a term: pairs are cut more coarsely."""
    columns = model.term_features_[term]
    return [(f, min(len(columns), len(model.bins_[f])) - 1) for f in columns]


def _scores(model, terms, table):
    """Return the score of each row in terms of one column."""
    keys = [_keys(model, k)[0] for k in terms]
    places = _places(model, keys, table).astype(int)
    columns = [
        np.asarray(model.term_scores_[k], dtype=float)[place]
        for k, place in zip(terms, places.T, strict=True)
    ]
    return np.column_stack(columns)


def _places(model, keys, table):
    """Return the place of each cell among the bins of its column, as numbers."""
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(np.asarray(table))
    names = list(getattr(model, "feature_names_in_", ()))
    by_name = set(names) <= set(frame.columns)
    terms = [
        _places_of(frame[names[f]] if by_name else frame.iloc[:, f], model.bins_[f][level])
        for f, level in keys
    ]
    return np.column_stack(terms).astype(float)


def _places_of(column, bins):
    missing = column.isna().to_numpy()
    if isinstance(bins, dict):
        unknown = max(bins.values(), default=0) + 1
        text = column.astype(object).map(lambda cell: bins.get(str(cell), unknown))
        return np.where(missing, MISSING, text.to_numpy(dtype=object)).astype(int)
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    return np.where(missing, MISSING, np.searchsorted(bins, numbers, side="right") + 1)


def _as_tree(scores, features):
    """Return a table of scores as a tree that halves the places of one column after the other."""
    nodes = {name: [] for name in ("feature", "threshold", "left", "right", "value")}
    _grow(nodes, scores, features, np.zeros(scores.ndim, dtype=int))
    return nodes


def _grow(nodes, scores, features, first):
    """Add the node of a block of scores, its places counted from `first`; return its number."""
    number, value = len(nodes["value"]), float(scores.flat[0])
    for name, cell in zip(nodes, (0, 0.0, -1, -1, value), strict=True):
        nodes[name].append(cell)
    if (scores == value).all():
        return number
    axis = int(np.argmax(scores.shape))
    middle = scores.shape[axis] // 2
    below, above = np.split(scores, [middle], axis)
    nodes["feature"][number] = features[axis]
    nodes["threshold"][number] = first[axis] + middle - 0.5
    nodes["left"][number] = _grow(nodes, below, features, first)
    nodes["right"][number] = _grow(
        nodes, above, features, first + middle * (np.arange(scores.ndim) == axis)
    )
    return number
