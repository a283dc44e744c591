"""Effects of one column: accumulated local, partial dependence and single-row curves."""

from itertools import pairwise

import numpy as np
import pandas as pd

from healthml._core._tables import parse_numbers


class Grid:
    """Cells of one column to set, as positions of rows that hold them, so that types stay.

    Parameters
    ----------
    column : Series
        Cells of the column.
    n_points : int
        Values of a number at most.
    """

    def __init__(self, column, n_points):
        self.column = column.reset_index(drop=True)
        numbers, is_text = parse_numbers(self.column)
        levels = self.column.nunique()
        self.is_number = not is_text.any() and levels > 2 and not _is_category(column)
        self.numbers = numbers.to_numpy()
        known = np.flatnonzero(self.column.notna().to_numpy())
        self.positions = self._quantiles(known, n_points) if self.is_number else self._levels(known)
        gaps = np.flatnonzero(self.column.isna().to_numpy())
        self.gap = int(gaps[0]) if len(gaps) else None

    def _quantiles(self, known, n_points):
        """Return positions of distinct cells at even shares of the rows, both ends among them."""
        order = known[np.argsort(self.numbers[known], kind="stable")]
        places = np.rint(np.linspace(0, len(order) - 1, n_points)).astype(int)
        rows = order[places]
        return rows[np.r_[True, np.diff(self.numbers[rows]) > 0]]

    def _levels(self, known):
        return np.sort(known[~self.column.iloc[known].duplicated().to_numpy()])

    def values(self, positions=None):
        """Return the cells of the grid as objects."""
        return self.column.iloc[self.positions if positions is None else positions].tolist()

    def places(self):
        """Return the interval of each row's number, from 1, or the place of its level; -1 a gap."""
        place = np.full(len(self.column), -1)
        known = self.column.notna().to_numpy()
        if self.is_number:
            edges = self.numbers[self.positions]
            inside = np.searchsorted(edges, self.numbers[known], side="left")
            place[known] = np.clip(inside, 1, max(len(edges) - 1, 1))
        else:
            codes = {cell: k for k, cell in enumerate(self.values())}
            place[known] = [codes[cell] for cell in self.column[known]]
        return place


def _is_category(column):
    return isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == bool


def with_cells(frame, feature, positions):
    """Return the rows with one column's cells taken from other rows of the frame."""
    cells = frame[feature].array.take(np.broadcast_to(positions, len(frame)))
    return frame.assign(**{feature: pd.Series(cells, index=frame.index)})


def profile(predict, frame, feature, grid):
    """Return every row's prediction at every grid cell, (n_rows, n_points)."""
    tables = [with_cells(frame, feature, p) for p in grid.positions]
    predictions = predict(pd.concat(tables, ignore_index=True))
    return predictions.reshape(len(tables), len(frame)).T


def gap_effect(predict, frame, feature, grid):
    """Return how far the rows with a gap are from what known cells would give them, on average."""
    rows = frame[frame[feature].isna().to_numpy()]
    if not len(rows):
        return np.nan
    tables = [rows.assign(**{feature: _filled(frame[feature], p, rows)}) for p in grid.positions]
    known = predict(pd.concat(tables, ignore_index=True)).mean()
    return float(predict(rows.reset_index(drop=True)).mean() - known)


def _filled(column, position, rows):
    return pd.Series(column.array.take([position] * len(rows)), index=rows.index)


def ale(predict, frame, feature, grid):
    """Return accumulated local effects at the grid [1]_, their mean over the rows 0."""
    return _ale_numbers(predict, frame, feature, grid) if grid.is_number else _ale_levels(
        predict, frame, feature, grid)  # fmt: skip


def _ale_numbers(predict, frame, feature, grid):
    place, n = grid.places(), len(grid.positions)
    if n < 2:
        return np.zeros(n)
    rows = np.flatnonzero(place > 0)
    at = frame.iloc[rows]
    upper = at.assign(**{feature: _cells_at(frame, feature, grid.positions[place[rows]], at)})
    lower = at.assign(**{feature: _cells_at(frame, feature, grid.positions[place[rows] - 1], at)})
    both = predict(pd.concat([upper, lower], ignore_index=True))
    change = both[: len(rows)] - both[len(rows) :]
    count = np.bincount(place[rows], minlength=n)[1:]
    step = np.bincount(place[rows], change, minlength=n)[1:] / np.maximum(count, 1)
    curve = np.r_[0.0, np.cumsum(step)]
    middle = (curve[1:] + curve[:-1]) / 2
    return curve - (count @ middle) / count.sum()


def _cells_at(frame, feature, positions, rows):
    return pd.Series(frame[feature].array.take(positions), index=rows.index)


def _ale_levels(predict, frame, feature, grid):
    """Return effects of levels, accumulated along an order in which neighbours are alike."""
    place, n = grid.places(), len(grid.positions)
    order = level_order(frame.drop(columns=feature), place, n)
    effect = np.zeros(n)
    for before, after in pairwise(order):
        rows = frame[np.isin(place, [before, after])]
        two = [
            rows.assign(**{feature: _filled(frame[feature], grid.positions[k], rows)})
            for k in (after, before)
        ]
        both = predict(pd.concat(two, ignore_index=True))
        effect[after] = effect[before] + both[: len(rows)].mean() - both[len(rows) :].mean()
    count = np.bincount(place[place >= 0], minlength=n)
    return effect - (count @ effect) / count.sum()


def level_order(others, place, n):
    """Return the levels so that neighbours have like patients: one dimension of their distances.

    The distance of two levels is the sum over the other columns of the largest gap between their
    distribution functions, as Apley and Zhu order them.
    """
    if n < 3 or not others.shape[1]:
        return np.arange(n)
    apart = np.zeros((n, n))
    for name in others:
        shares = _distributions(others[name], place, n)
        apart += np.abs(shares[:, None, :] - shares[None, :, :]).max(axis=2)
    centre = np.eye(n) - 1 / n
    _, vectors = np.linalg.eigh(-centre @ apart**2 @ centre / 2)
    return np.argsort(vectors[:, -1], kind="stable")


def _distributions(column, place, n):
    """Return each level's distribution function of a column, at 20 of its quantiles."""
    values, is_text = parse_numbers(column)
    codes = pd.factorize(column)[0] if is_text.any() else values.rank(pct=True).fillna(-1)
    codes = np.asarray(codes, dtype=float)
    edges = np.unique(np.quantile(codes, np.linspace(0, 1, 21)))
    return np.array(
        [
            (codes[place == k][:, None] <= edges).mean(axis=0) if (place == k).any() else edges * 0
            for k in range(n)
        ]
    )
