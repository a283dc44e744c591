"""The table on its way through the steps: columns by name, and what was made of each of them."""

import numpy as np
import pandas as pd

from healthml.exceptions import InputError

MOST_ROWS = 100_000  # rows looked at to learn what a column is; more do not change the answer


class ColumnTable:
    """The columns of a table by name, with what functions made of them, each made once.

    A pandas frame makes a new Series at every look, and every step reads the columns as numbers
    or as levels: with a single row to clean, that is most of the time. Here a column is taken out
    of its frame once, and `of` keeps what was made of it until another column takes its place.
    Reading is as with a frame (``columns``, ``index``, ``len``, ``table[name]``).

    >>> from healthml.cleaning._columns import ColumnTable, numbers_of
    >>> table = ColumnTable(pd.DataFrame({"sodium": ["138", "<120"]}))
    >>> table.of("sodium", numbers_of).tolist()
    [138.0, nan]
    """

    def __init__(self, frame):
        self.frame, self.index = frame, frame.index
        # an index of objects gives its names five times faster than one of Arrow text
        self._given = dict(frame.set_axis(frame.columns.astype(object), axis=1).items())
        self._series = dict(self._given)
        self._made = {name: {} for name in self._given}

    @property
    def columns(self):
        """Names of the columns, in their order."""
        return self._series.keys()

    def __len__(self):
        """Return the number of rows."""
        return len(self.index)

    def __getitem__(self, name):
        """Return a column as a Series."""
        return self._series[name]

    def __setitem__(self, name, series):
        """Put a Series with the same rows in place of a column, or after the last one."""
        self._series[name], self._made[name] = series, {}

    def of(self, name, make, *needs):
        """Return what a function makes of a column, and of what others made; nobody may edit it.

        `make` takes the Series, and after it what each of `needs`, functions of the Series, made of
        it.
        """
        made = self._made[name]
        if make not in made:
            made[make] = make(self._series[name], *(self.of(name, need) for need in needs))
        return made[make]

    def groups(self, name):
        """Return what `factorized` makes of a column by which rows are put together."""
        factors = self.of(name, factorized)
        if factors is None:
            raise InputError(
                f"column {str(name)!r} has cells that hold several values (a list); make it text."
            )
        return factors

    def copy(self):
        """Return a table whose columns can be replaced without touching this one."""
        other = object.__new__(ColumnTable)
        other.frame, other.index, other._given = self.frame, self.index, self._given
        other._series, other._made = dict(self._series), dict(self._made)
        return other

    def without(self, names):
        """Return a table without some columns; names that it does not have are passed over."""
        other = self.copy()
        for name in names:
            other._series.pop(name, None)
        return other

    def rows(self, places):
        """Return a table of some rows, by position or slice."""
        return ColumnTable(self.to_frame().iloc[places])

    def thinned(self):
        """Return at most about 100,000 evenly spaced rows: enough to learn what a column is."""
        step = len(self) // MOST_ROWS
        return self if step <= 1 else self.rows(slice(None, None, step))

    def to_frame(self):
        """Return the table as a pandas frame that shares its untouched columns with the first."""
        frame = self.frame.copy(deep=False)
        for name, series in self._series.items():
            if series is not self._given.get(name):
                frame[name] = series
        dropped = [name for name in self._given if name not in self._series]
        return frame.drop(columns=dropped) if dropped else frame


def thinned(values):
    """Return at most about 100,000 evenly spaced values: enough to learn a quantile from.

    >>> len(thinned(np.zeros(1_000_000)))
    100000
    """
    return values[:: max(1, len(values) // MOST_ROWS)]


def factorized(series):
    """Return the integer of each row's level (-1: missing) and the levels as an object array.

    None where cells cannot be told apart by hashing (lists).

    >>> factorized(pd.Series(["f", None, "m", "f"]))
    (array([ 0, -1,  1,  0]), array(['f', 'm'], dtype=object))
    """
    try:
        codes, levels = pd.factorize(series)
    except TypeError:
        return None
    return codes, np.asarray(levels, dtype=object)
