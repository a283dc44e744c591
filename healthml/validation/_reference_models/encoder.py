"""A table of mixed columns as numbers, learnt on the training rows."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from healthml._core._routing import clear_errors
from healthml._core._tables import (
    LARGEST_NUMBER,
    check_column_names,
    refuse_infinite,
    to_pandas,
)
from healthml.validation._reference_models.columns import (
    MISSING_LEVEL,
    count_categories,
    level_codes,
    numbers_of,
    stored_as_number,
    text_categories,
    text_numbers,
)


@clear_errors
class TableEncoder(TransformerMixin, BaseEstimator):
    """Turn a mixed table into a standardised numeric matrix, learning from training rows only.

    Numbers, booleans and dates are filled with the training median and standardised; a text
    column in which at least `number_share` of the cells are numbers ("> 89", "5,1") is read as
    numbers. Other columns become indicators of their frequent levels; rare and new levels share
    one indicator and missing is a level of its own. Missing indicators of numeric columns are
    not made: what they alone can do is reported by the audit.

    Parameters
    ----------
    min_level : int, default=20
        Levels with fewer training rows share one indicator, "rare".
    max_levels : int, default=50
        At most this many levels of a column get their own indicator, the most frequent first.
    number_share : float, default=0.8
        Share of the non-missing cells of a text column that must be numbers to read it as numeric.

    Attributes
    ----------
    columns_ : list of tuple
        (column, kind, what was learnt) in order.
    n_features_out_ : int
        Number of columns of the matrix.

    Raises
    ------
    InputError
        If the columns of a new table are others than those of `fit`; from `transform`.

    See Also
    --------
    default_model : Return the audit's own model: penalised logistic regression on a sound pipeline.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.validation import TableEncoder
    >>> table = pd.DataFrame({"age": [50.0, None, 70.0], "unit": ["a", "b", "a"]})
    >>> TableEncoder(min_level=1).fit_transform(table).shape
    (3, 4)
    """

    def __init__(self, *, min_level=20, max_levels=50, number_share=0.8):
        self.min_level = min_level
        self.max_levels = max_levels
        self.number_share = number_share

    def fit(self, X, y=None):
        """Learn medians, scales and levels.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored.

        Returns
        -------
        TableEncoder
        """
        frame, plain, values = self._read(X, reset=True)
        names = [str(frame.columns[j]) for j in plain]
        learnt = dict(zip(plain, _learn_numbers(names, values), strict=True))
        for j in set(range(frame.shape[1])) - set(plain):
            learnt[j] = self._learn(frame.iloc[:, j])
        self.columns_ = [learnt[j] for j in range(frame.shape[1])]
        self.n_features_out_ = int(sum(self._widths()))
        return self

    def transform(self, X):
        """Return the numeric matrix.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_out)
            One column for a number, one for each level of the others.
        """
        check_is_fitted(self)
        frame, plain, values = self._read(X, reset=False)
        matrix = np.zeros((len(frame), self.n_features_out_))
        start = np.cumsum([0, *self._widths()])
        numbers = [k for k, j in enumerate(plain) if self.columns_[j][1] == "number"]
        plain, values = [plain[k] for k in numbers], values[:, numbers]
        if plain:
            state = np.array([self.columns_[j][2] for j in plain]).T
            matrix[:, start[plain]] = _standardise(values, state)
        for j in set(range(frame.shape[1])) - set(plain):
            (_, kind, state), column, at = self.columns_[j], frame.iloc[:, j], start[j]
            if kind == "number":
                matrix[:, at] = _standardise(numbers_of(column), state)
            else:
                matrix[np.arange(len(frame)), at + _places(column, *state)] = 1.0
        return matrix

    def get_feature_names_out(self, input_features=None):
        """Return one name per column of the matrix: the source column, and for levels a number.

        Parameters
        ----------
        input_features : None
            Ignored; the names seen in `fit` are used.

        Returns
        -------
        ndarray of str
        """
        check_is_fitted(self)
        return np.array(
            [
                name if kind == "number" else f"{name}={k}"
                for name, kind, state in self.columns_
                for k in ([0] if kind == "number" else range(len(state[0]) + 1))
            ],
            dtype=object,
        )

    def source_columns(self):
        """Return, for each column of the matrix, the position of the column it came from."""
        widths = self._widths()
        return np.repeat(np.arange(len(widths)), widths)

    def __sklearn_tags__(self):
        """Say that missing cells, texts and categories are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _widths(self):
        """Return how many columns of the matrix each column becomes."""
        return [1 if kind == "number" else len(state[0]) + 1 for _, kind, state in self.columns_]

    def _read(self, X, *, reset):
        """Return the table, the positions of its plain numbers, and these as one matrix."""
        if not hasattr(X, "columns"):
            X = check_array(X, dtype=None, ensure_all_finite="allow-nan")
        check_column_names(X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        # Refitted in every fold, it mostly gets what a door has converted; to_pandas refuses empty
        frame = X if isinstance(X, pd.DataFrame) and X.size else to_pandas(X)
        plain = _plain_columns(frame)
        values, others = _block(frame, plain), set(range(frame.shape[1])) - set(plain)
        if (np.abs(values) > LARGEST_NUMBER).any():
            others.update(plain)
        floats = {j for j, dtype in enumerate(frame.dtypes) if dtype.kind == "f"}
        refuse_infinite(frame.iloc[:, sorted(others & floats)])
        return frame, plain, values

    def _learn(self, column):
        name = str(column.name)
        if self.is_number(column):
            values = numbers_of(column)
            seen = values[np.isfinite(values)]
            if not seen.size or seen.min() == seen.max():  # the spread would be a rounding error
                return name, "number", (float(seen[0]) if seen.size else 0.0, 1.0)
            median = float(np.median(seen))
            scale = float(np.std(np.where(np.isfinite(values), values, median)))
            return name, "number", (median, scale or 1.0)
        levels, counts = _count_levels(column)
        order = np.argsort(-counts, kind="stable")[: self.max_levels]
        kept = [levels(k) for k in order if counts[k] >= self.min_level]
        return name, "levels", (kept, {level: k for k, level in enumerate(kept)})

    def is_number(self, column):
        """Say whether a column is read as numbers."""
        if stored_as_number(column):
            return True
        if isinstance(column.dtype, pd.CategoricalDtype):
            return False
        codes, numbers = text_numbers(column)
        present = codes >= 0
        readable = np.isfinite(numbers[codes[present]]).sum()
        return bool(present.any() and readable >= self.number_share * present.sum())


def _count_levels(column):
    """Return what gives the text of a level, and the rows of each, by first appearance."""
    categories = text_categories(column)
    if categories is None:
        codes, levels = level_codes(column)
        return levels.__getitem__, np.bincount(codes, minlength=len(levels))
    seen, counts = count_categories(column.array.codes)
    return lambda k: MISSING_LEVEL if seen[k] < 0 else categories[seen[k]], counts


def _places(column, kept, place):
    """Return the indicator of each row: that of its level, or the last, "rare"."""
    categories, rare = text_categories(column), len(kept)
    if categories is None:
        codes, levels = level_codes(column)
        return np.array([place.get(level, rare) for level in levels])[codes]
    at, place_of = categories.get_indexer(kept), np.full(len(categories) + 1, rare)
    place_of[at[at >= 0]] = np.flatnonzero(at >= 0)
    place_of[-1] = place.get(MISSING_LEVEL, rare)
    return place_of[column.array.codes]


def _standardise(values, state):
    median, scale = state
    return (np.where(np.isfinite(values), values, median) - median) / scale


def _plain_columns(frame):
    """Return the positions of the columns that numpy holds as numbers, read all at once."""
    return [
        j
        for j, dtype in enumerate(frame.dtypes)
        if isinstance(dtype, np.dtype) and dtype.kind in "iuf"
    ]


def _block(frame, columns):
    """Return some columns as one matrix of floats."""
    whole = len(columns) == frame.shape[1]
    return (frame if whole else frame.iloc[:, columns]).to_numpy(dtype=float)


def _learn_numbers(names, values):
    """Yield name, kind, and median and scale of columns of plain numbers."""
    if not values.size:
        yield from ((name, "number", (0.0, 1.0)) for name in names)
        return
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    median = np.median(values, axis=0)
    for j in np.flatnonzero(~known.all(axis=0) & known.any(axis=0)):
        median[j] = np.median(values[known[:, j], j])
    scale = np.std(np.where(known, values, median), axis=0)
    for name, middle, spread, lowest, highest in zip(names, median, scale, low, high, strict=True):
        if not lowest < highest:  # empty, or constant: the spread would be a rounding error
            yield name, "number", (float(lowest) if np.isfinite(lowest) else 0.0, 1.0)
        else:
            yield name, "number", (float(middle), float(spread) or 1.0)
