"""A model as a game: what it gives for mixtures of explained and background rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml.explanation._reading import Form, Linear, part_values


@dataclass(frozen=True)
class TableGame:
    """The model itself, asked about mixed rows of the user's table."""

    pool: object
    predict: object
    codes: np.ndarray

    def __call__(self, index):
        """Return the model's values for rows whose players come from the pool rows in `index`."""
        return self.predict(self.pool.mixed(index))


@dataclass(frozen=True)
class EncodedGame:
    """The last step of a pipeline, asked about mixtures of rows that were encoded once."""

    encoded: object
    owner: np.ndarray
    predict: object
    codes: np.ndarray

    def __call__(self, index):
        """Return the last step's values for mixed encoded rows."""
        return self.predict(mixed_table(self.encoded, self.owner, index))


@dataclass(frozen=True)
class FormGame:
    """A sum of linear parts and trees behind a link, on rows that were encoded once."""

    form: Form
    matrices: tuple
    owners: tuple
    link: object
    codes: np.ndarray
    linear: np.ndarray | None = None

    def __call__(self, index):
        """Return the values behind the link for mixed encoded rows."""
        if self.linear is not None:
            total = self.linear[index, np.arange(index.shape[1])].sum(axis=1)
            return self.link(total + self.form.intercept)
        total = np.full(len(index), self.form.intercept)
        for term, matrix, owner in zip(self.form.terms, self.matrices, self.owners, strict=True):
            total += term.weight * part_values(term.part, mixed_table(matrix, owner, index))
        return self.link(total)


def linear_shares(form, matrices, owners, n_players):
    """Return what each player adds in each row of the pool, or None where there are trees."""
    if not all(isinstance(term.part, Linear) for term in form.terms):
        return None
    shares = np.zeros((len(matrices[0]), n_players))
    for term, matrix, owner in zip(form.terms, matrices, owners, strict=True):
        added = term.weight * matrix * term.part.coef
        for k in range(matrix.shape[1]):
            shares[:, max(owner[k], 0)] += added[:, k]
    return shares


def mixed_table(table, owner, index):
    """Return rows of a table whose columns come from the rows in `index`, by their owner."""
    place = np.maximum(owner, 0)
    if isinstance(table, pd.DataFrame):
        columns = [
            table.iloc[:, k].take(index[:, place[k]]).reset_index(drop=True)
            for k in range(table.shape[1])
        ]
        return pd.concat(columns, axis=1)
    return table[index[:, place], np.arange(table.shape[1])]
