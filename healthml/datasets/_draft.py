"""A table under construction, which remembers the defect behind every cell."""

import numpy as np
import pandas as pd

ORIGINAL = "original"


class Draft:
    """A table as arrays, with one mask per defect: the cells whose content is due to it.

    Where two defects write to one cell the last one owns it. Appended rows keep the masks of the
    row they copy and belong to the defect that appended them.
    """

    def __init__(self, table):
        self.clean = table
        self.columns = {name: table[name].to_numpy(copy=True) for name in table}
        self.masks = {}
        self.source_row = np.arange(len(table))
        self.origin = np.full(len(table), ORIGINAL, dtype=object)

    def __len__(self):
        return len(self.source_row)

    def register(self, defect):
        """Give a defect an empty mask, so that it is listed even if it changes no cell."""
        self.masks.setdefault(defect, {})

    def write(self, defect, rows, column, values):
        """Put values into some rows of a column; a cell that does not change is not marked."""
        target = self.columns[column]
        old = target[rows]
        values = np.broadcast_to(np.asarray(values, dtype=target.dtype), old.shape)
        changed = np.asarray(rows)[~((old == values) | (pd.isna(old) & pd.isna(values)))]
        target[rows] = values
        for mask in self.masks.values():
            if column in mask:
                mask[column][changed] = False
        self.mark(defect, changed, column)

    def write_text(self, defect, rows, column, texts):
        """Put text into some rows of a column of numbers, which then holds both."""
        if len(rows):
            self.columns[column] = self.columns[column].astype(object)
            self.write(defect, rows, column, texts)

    def mark(self, defect, rows, column):
        """Note that these cells are due to a defect."""
        mask = self.masks.setdefault(defect, {})
        mask.setdefault(column, np.zeros(len(self), dtype=bool))[rows] = True

    def add_column(self, defect, column, values):
        """Add a column, all of it due to the defect."""
        self.columns[column] = values
        self.mark(defect, slice(None), column)

    def append_rows(self, defect, rows):
        """Append copies of rows and return the positions of the copies."""
        start = len(self)
        for name, values in self.columns.items():
            self.columns[name] = np.concatenate([values, values[rows]])
        for mask in self.masks.values():
            for name, cells in mask.items():
                mask[name] = np.concatenate([cells, cells[rows]])
        self.source_row = np.concatenate([self.source_row, self.source_row[rows]])
        self.origin = np.concatenate([self.origin, np.full(len(rows), defect, dtype=object)])
        copies = np.arange(start, len(self))
        for name in self.columns:
            self.mark(defect, copies, name)
        return copies

    def frame(self, order):
        """Return the table with its columns in this order."""
        return pd.DataFrame({name: self.columns[name] for name in order})

    def mask_frames(self, order):
        """Return one boolean table per defect, shaped like the table."""
        shape, place = (len(self), len(order)), {name: k for k, name in enumerate(order)}
        frames = {}
        for defect, mask in self.masks.items():
            cells = np.zeros(shape, dtype=bool)
            for name, values in mask.items():
                cells[:, place[name]] = values
            frames[defect] = pd.DataFrame(cells, columns=order)
        return frames
