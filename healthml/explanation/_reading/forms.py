"""What a model is made of, on a scale on which its parts add up: linear parts and trees."""

from dataclasses import dataclass, field, replace

import numpy as np


class Encoder:
    """Steps that turn rows of the user's table into the matrix that a part of a model reads.

    Parameters
    ----------
    *steps : callable
        Each takes the table of the one before.
    """

    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, table):
        """Return the table after all steps."""
        for step in self.steps:
            table = step(table)
        return table

    def after(self, *steps):
        """Return an encoder that runs other steps first."""
        return Encoder(*steps, *self.steps)


def as_matrix(table):
    """Return a table of numbers as a dense matrix of double precision."""
    if hasattr(table, "toarray"):
        table = table.toarray()
    if hasattr(table, "to_numpy"):
        return table.to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(table, dtype=float)


def as_single(table):
    """Return numbers rounded to single precision, as scikit-learn's trees and XGBoost read them."""
    return as_matrix(table).astype(np.float32).astype(float)


@dataclass(frozen=True)
class Linear:
    """A weighted sum of columns."""

    coef: np.ndarray


@dataclass(frozen=True)
class Trees:
    """Trees whose values add up; the nodes of all of them stand in one list.

    Parameters
    ----------
    feature, threshold, left, right, missing_left, category, value : ndarray of shape (n_nodes,)
        A row goes left where its number is not above the threshold, or, at a node of categories,
        where its code is in the node's row of `levels`; `left` is below 0 at a leaf; `category` is
        below 0 at a node of numbers.
    roots : ndarray of shape (n_trees,)
        First node of each tree.
    levels : ndarray of bool of shape (n_category_nodes, n_levels)
        Codes that go left.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    category: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    levels: np.ndarray = field(default_factory=lambda: np.zeros((0, 1), dtype=bool))


@dataclass(frozen=True)
class Term:
    """One part of a model: how it reads a row, what it adds up, and its weight."""

    weight: float
    encode: Encoder
    part: Linear | Trees


@dataclass(frozen=True)
class Form:
    """A model as a constant and a sum of terms.

    Parameters
    ----------
    intercept : float
        What is added to the terms.
    terms : tuple of Term
        Linear parts and trees.
    tolerance : float
        How far the model's own arithmetic may be from it: single precision is coarser.
    """

    intercept: float
    terms: tuple
    tolerance: float = 1e-9

    def behind(self, *steps):
        """Return the form for rows that go through other steps first."""
        return replace(
            self, terms=tuple(replace(t, encode=t.encode.after(*steps)) for t in self.terms)
        )

    def moved(self, slope, intercept):
        """Return slope times the form plus an intercept."""
        terms = tuple(replace(t, weight=slope * t.weight) for t in self.terms)
        wider = self.tolerance * max(1.0, abs(slope))
        return Form(slope * self.intercept + intercept, terms, wider)


def weighted_sum(forms, weights, intercept=0.0):
    """Return the weighted sum of forms as a form."""
    moved = [form.moved(w, 0.0) for form, w in zip(forms, weights, strict=True)]
    total = intercept + sum(form.intercept for form in moved)
    terms = tuple(term for form in moved for term in form.terms)
    return Form(float(total), terms, max(form.tolerance for form in moved))


def join_trees(nodes, levels=()):
    """Return trees as one list of nodes.

    Parameters
    ----------
    nodes : list of dict of str to ndarray
        For each tree feature, threshold, left, right, value; missing_left and category where there
        are any. `left` and `right` count from the tree's own first node, below 0 at a leaf.
    levels : list of ndarray of bool
        Codes that go left, a row for each node of categories.
    """
    sizes = [len(tree["feature"]) for tree in nodes]
    roots = np.cumsum([0, *sizes[:-1]])
    joined = {}
    for name in ("feature", "threshold", "value"):
        joined[name] = np.concatenate([np.asarray(tree[name]) for tree in nodes])
    for name in ("left", "right"):
        joined[name] = np.concatenate(
            [
                np.where(np.asarray(t[name]) < 0, -1, np.asarray(t[name], dtype=np.int64) + root)
                for t, root in zip(nodes, roots, strict=True)
            ]
        )
    blank = {"missing_left": (False, bool), "category": (-1, np.int64)}
    for name, (value, dtype) in blank.items():
        columns = [
            np.asarray(tree.get(name, np.full(size, value)), dtype=dtype)
            for tree, size in zip(nodes, sizes, strict=True)
        ]
        joined[name] = np.concatenate(columns)
    width = max((len(row) for row in levels), default=1)
    table = np.zeros((len(levels), width), dtype=bool)
    for k, row in enumerate(levels):
        table[k, : len(row)] = row
    return Trees(
        feature=joined["feature"].astype(np.int64),
        threshold=joined["threshold"].astype(float),
        left=joined["left"],
        right=joined["right"],
        missing_left=joined["missing_left"],
        category=joined["category"],
        value=joined["value"].astype(float),
        roots=roots.astype(np.int64),
        levels=table,
    )
