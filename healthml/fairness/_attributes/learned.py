"""Groups of a column as they were at fit, found again in new rows."""

import re
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from healthml._core._tables import parse_numbers, to_pandas
from healthml.exceptions import InputError
from healthml.fairness._attributes.bands import MISSING, band_codes

_QUARTERS = (0.25, 0.5, 0.75)  # where other numbers are cut, as in `band_codes`
_QUARTER = re.compile(r"quarter (\d)")


@dataclass(frozen=True)
class LearnedGroups:
    """Names of groups, and for numbers where they were cut; made by `learn_groups`.

    Parameters
    ----------
    names : ndarray of str
        The groups seen at fit.
    cuts : ndarray or None
        Inner ends of the quarters of a number; None where values are names or ages.
    """

    names: np.ndarray
    cuts: np.ndarray | None

    def codes(self, column):
        """Return the group of each row, -1 for one that was not seen at fit."""
        if self.cuts is not None:
            values = parse_numbers(column)[0].to_numpy()
            at = np.searchsorted(self.cuts, values, side="right")
            labels = np.array([f"quarter {k + 1}" for k in range(len(self.cuts) + 1)])[at]
            labels = np.where(np.isnan(values), MISSING, labels)
        else:
            labels = self._labels(column)
        place = np.clip(np.searchsorted(self.names, labels), 0, len(self.names) - 1)
        return np.where(self.names[place] == labels, place, -1)

    def _labels(self, column):
        """Return the labels of the rows, each by itself: one row is as it is among many."""
        codes = np.unique(column.astype(object).map(_key), return_inverse=True)[1]
        first = np.unique(codes, return_index=True)[1]
        labels = [str(self._label(column.iloc[[at]])) for at in first]
        return np.array(labels, dtype=object)[codes].astype(str)

    def _label(self, cell):
        names, codes = band_codes(cell)
        label = names[codes[0]]
        if label in self.names or label == MISSING:
            return label
        padded = pd.Series([*np.arange(20.0, 90.0, 5.0), cell.iloc[0]], name=cell.name)
        try:
            names, codes = band_codes(padded)  # as a column of ages it falls into a band
        except (TypeError, ValueError):
            return label
        return names[codes[-1]]


def _key(value):
    return f"{type(value).__name__}:{value!r}"


def learn_groups(column):
    """Return the groups of a column, with what finds them again, and the group of each row.

    Returns
    -------
    LearnedGroups
    codes : ndarray of int
    """
    names, codes = band_codes(column)
    if not any(_QUARTER.fullmatch(name) for name in names):
        return LearnedGroups(names, None), codes
    values = parse_numbers(column)[0].to_numpy()
    cuts = np.unique(np.nanquantile(values, (0, *_QUARTERS, 1)))[1:-1]
    return LearnedGroups(names, cuts), codes


def column_of(X, feature):
    """Return one column of a table by name, or of an array by position, as a Series."""
    X = X if hasattr(X, "shape") or hasattr(X, "columns") else np.asarray(X)
    if isinstance(feature, Integral) and not hasattr(X, "columns"):
        if feature >= X.shape[1]:
            raise InputError(
                f"sensitive_feature is {feature} and X has {X.shape[1]} columns; pass a position "
                "among them, or a DataFrame and a name."
            )
        X = X.tocsc() if hasattr(X, "tocsc") else X
        values = X[:, [int(feature)]]
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
        return pd.Series(values.ravel(), name=f"x{feature}")
    if not hasattr(X, "columns"):
        raise InputError(
            f"sensitive_feature is {feature!r} and X has no column names; pass a DataFrame, or the "
            "position of the column."
        )
    frame = to_pandas(X)
    if isinstance(feature, Integral) and feature not in frame.columns:
        return frame.iloc[:, int(feature)].reset_index(drop=True)
    if feature not in frame.columns:
        raise InputError(
            f"X has no column {feature!r}; sensitive_feature is one of "
            f"{', '.join(map(str, frame.columns[:10]))}."
        )
    return frame[feature].reset_index(drop=True)
