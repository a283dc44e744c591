"""Columns as a few levels that can be read off a card: ranges of numbers, words, not measured."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from healthml._core._tables import parse_numbers

MISSING, OTHER = "not measured", "other"

# Share of the training rows below which a word is put with the others. By judgement: smaller gives
# points to words that few patients carry.
_RARE = 0.02


@dataclass(frozen=True)
class Bins:
    """Levels of one column; made by `learn_bins`.

    Parameters
    ----------
    column : object
        Name of the column.
    cuts : ndarray or None
        Between which a number's ranges lie, from below each included; None for words.
    levels : tuple of str
        Names, the ranges from low to high, then `OTHER` for words, `MISSING` last.
    words : dict
        Cell to level, for words.
    """

    column: object
    cuts: np.ndarray | None
    levels: tuple
    words: dict

    def codes(self, column):
        """Return the level of each cell as a whole number."""
        missing = column.isna().to_numpy()
        if self.cuts is None:
            known = column.map(lambda cell: self.words.get(cell, OTHER))
            codes = np.array([self.levels.index(level) for level in known.fillna(OTHER)])
        else:
            numbers, is_text = parse_numbers(column)
            codes = np.searchsorted(self.cuts, numbers.fillna(-np.inf).to_numpy(), side="right")
            missing = missing | is_text.to_numpy()
        return np.where(missing, self.levels.index(MISSING), codes)


def learn_bins(column, n_bins):
    """Return the levels of one column of training rows."""
    numbers, is_text = parse_numbers(column)
    if not is_text.any() and not isinstance(column.dtype, pd.CategoricalDtype):
        bins = _number_bins(column.name, numbers.dropna().to_numpy(), n_bins)
        if pd.api.types.is_bool_dtype(column.dtype) and len(bins.levels) == 3:
            return replace(bins, levels=("no", "yes", MISSING))
        return bins
    share = column.value_counts(normalize=True)
    common = [level for level, part in share.items() if part >= _RARE]
    words = {level: str(level) for level in sorted(common, key=str)}
    return Bins(column.name, None, (*dict.fromkeys(words.values()), OTHER, MISSING), words)


def _number_bins(name, numbers, n_bins):
    """Cut at even shares of the rows, at numbers of few digits."""
    finite = numbers[np.isfinite(numbers)]
    distinct = np.unique(finite)
    few = len(distinct) <= n_bins
    if few:
        cuts = distinct[1:]
    else:
        cuts = np.quantile(finite, np.linspace(0, 1, n_bins + 1)[1:-1], method="higher")
        cuts = np.unique([_short(cut, np.ptp(distinct)) for cut in cuts])
        cuts = cuts[(cuts > distinct[0]) & (cuts <= distinct[-1])]
    whole = (
        few and len(distinct) > 1 and (distinct % 1 == 0).all() and (np.diff(distinct) == 1).all()
    )
    levels = [f"{value:.0f}" for value in distinct] if whole else _range_names(cuts)
    return Bins(name, cuts, (*levels, MISSING), {})


def _short(number, width):
    """Return a number with no more digits than a hundredth of the range needs."""
    digits = int(np.floor(np.log10(width))) - 1 if width > 0 else 0
    return float(np.round(number, -digits))


def _range_names(cuts):
    if not len(cuts):
        return ("any",)
    text = [f"{cut:.12g}" for cut in cuts]
    middle = [f"{low} to <{high}" for low, high in pairwise(text)]
    return (f"<{text[0]}", *middle, f">={text[-1]}")
