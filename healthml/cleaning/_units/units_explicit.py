"""A unit that is written down, in a column beside the values or in the cell itself, decides."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml.cleaning._units.convert import between, find_unit

_BESIDE = re.compile(r"(?P<value>.+?)[\s_.]*(?:units?|uom|einheit)")
_CELL = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-].*?)\s*")


@dataclass(frozen=True, eq=False)
class UnitColumn:
    """A column of units beside a column of values.

    Parameters
    ----------
    values, units : hashable
        Labels of the two columns.
    concept : str
        Concept of the values.
    target : tuple
        Unit to which values are brought: (unit, factor, offset).
    written : str
        The usual spelling of that unit in the column.
    """

    values: object
    units: object
    concept: str
    target: tuple
    written: str

    def look(self, frame, x):
        """Return rows in another unit, their units, and rows whose unit is not known."""
        codes, levels = pd.factorize(frame[self.units])
        found = [find_unit(self.concept, str(level)) for level in levels]
        other = [unit is not None and unit[1:] != self.target[1:] for unit in found]
        unknown = [
            unit is None and str(level).strip() != ""
            for unit, level in zip(found, levels, strict=True)
        ]
        present = np.isfinite(x)
        rows = np.flatnonzero(np.append(other, False)[codes] & present)
        lost = np.flatnonzero(np.append(unknown, False)[codes] & present)
        return rows, [found[k] for k in codes[rows]], lost


def learn_unit_column(frame, values, concept, declared, x):
    """Return the unit column of a column of values, or None where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.cleaning._units.units_explicit import learn_unit_column
    >>> X = pd.DataFrame({"hb": [13.0, 130.0, 12.0], "hb_unit": ["g/dl", "g/L", "g/dl"]})
    >>> learn_unit_column(X, "hb", "hemoglobin", None, X["hb"].to_numpy()).target
    ('g/dL', 1.0, 0.0)
    """
    beside = [c for c in frame.columns if c != values and _is_beside(c, values)]
    if len(beside) != 1 or pd.api.types.is_numeric_dtype(frame[beside[0]].dtype):
        return None
    said = frame[beside[0]][np.isfinite(x)].dropna().astype(str)
    counts = said.value_counts()
    known = {level: find_unit(concept, level) for level in sorted(counts.index)}
    sizes = {}
    for level, unit in known.items():
        if unit is not None:
            sizes[unit[1:]] = sizes.get(unit[1:], 0) + counts[level]
    if not sizes:
        return None
    unit = find_unit(concept, declared) if declared else None
    wanted = unit[1:] if unit else max(sizes, key=sizes.get)
    spelt = [level for level, u in known.items() if u is not None and u[1:] == wanted]
    written = max(spelt, key=lambda level: counts[level]) if spelt else unit[0]
    return UnitColumn(values, beside[0], concept, unit or known[written], written)


def units_in_cells(series, concept, home):
    """Return rows of text cells with another unit than the column's, values brought to it, units.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning._units.units_explicit import units_in_cells
    >>> home = ("mg/dL", 1.0, 0.0)
    >>> units_in_cells(pd.Series(["0.9", "88.4 µmol/L"]), "creatinine", home)
    (array([1]), array([0.9999808]), ['umol/L'])
    """
    codes, levels = pd.factorize(series)
    values, units = np.full(len(levels), np.nan), [""] * len(levels)
    for k, level in enumerate(levels):
        cell = _CELL.fullmatch(level) if isinstance(level, str) else None
        unit = find_unit(concept, cell[2]) if cell else None
        if unit is not None and unit[1:] != home[1:]:
            values[k], units[k] = between(float(cell[1]), unit, home), unit[0]
    rows = np.flatnonzero(np.append(np.isfinite(values), False)[codes])
    return rows, values[codes[rows]], [units[k] for k in codes[rows]]


def _is_beside(column, values):
    found = _BESIDE.fullmatch(str(column).casefold()) if isinstance(column, str) else None
    return found is not None and found["value"].rstrip("_. ") == str(values).casefold()
