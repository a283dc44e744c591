"""The sound simple model that everything is compared with, and that judges a table alone."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from healthml._core._tables import to_pandas
from healthml.exceptions import InputError

_MISSING_LEVEL = "\x00missing"


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
        frame = self._frame(X, reset=True)
        self.columns_ = [self._learn(frame.iloc[:, j]) for j in range(frame.shape[1])]
        widths = [1 if kind == "number" else len(state[0]) + 1 for _, kind, state in self.columns_]
        self.n_features_out_ = int(sum(widths))
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
        frame = self._frame(X, reset=False)
        matrix = np.zeros((len(frame), self.n_features_out_))
        at = 0
        for j, (_, kind, state) in enumerate(self.columns_):
            column = frame.iloc[:, j]
            if kind == "number":
                matrix[:, at] = _standardise(_numbers(column), state)
                at += 1
            else:
                codes, levels = _levels(column)
                place = state[1].get_indexer(levels)
                place = np.where(place < 0, len(state[0]), place)
                matrix[np.arange(len(frame)), at + place[codes]] = 1.0
                at += len(state[0]) + 1
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
        widths = [1 if kind == "number" else len(state[0]) + 1 for _, kind, state in self.columns_]
        return np.repeat(np.arange(len(widths)), widths)

    def __sklearn_tags__(self):
        """Say that missing cells, texts and categories are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def _frame(self, X, *, reset):
        if not hasattr(X, "columns"):
            X = check_array(X, dtype=None, ensure_all_finite="allow-nan")
        validate_data(self, X, reset=reset, skip_check_array=True)
        frame = to_pandas(X)
        for name in frame.columns:
            if frame[name].dtype.kind == "f" and np.isinf(frame[name].to_numpy(float)).any():
                raise InputError(f"column {name!r} has infinite values; set them to missing.")
        return frame

    def _learn(self, column):
        name = str(column.name)
        if self.is_number(column):
            values = _numbers(column)
            seen = values[np.isfinite(values)]
            if not seen.size or seen.min() == seen.max():  # the spread would be a rounding error
                return name, "number", (float(seen[0]) if seen.size else 0.0, 1.0)
            median = float(np.median(seen))
            scale = float(np.std(np.where(np.isfinite(values), values, median)))
            return name, "number", (median, scale or 1.0)
        codes, levels = _levels(column)
        counts = np.bincount(codes, minlength=len(levels))
        order = np.argsort(-counts, kind="stable")[: self.max_levels]
        kept = [levels[k] for k in order if counts[k] >= self.min_level]
        return name, "levels", (kept, pd.Index(kept, dtype=object))

    def is_number(self, column):
        """Say whether a column is read as numbers."""
        if _stored_as_number(column):
            return True
        if isinstance(column.dtype, pd.CategoricalDtype):
            return False
        codes, numbers = _text_numbers(column)
        present = codes >= 0
        readable = np.isfinite(numbers[codes[present]]).sum()
        return bool(present.any() and readable >= self.number_share * present.sum())


def default_model():
    """Return the audit's own model: penalised logistic regression on a sound pipeline.

    Returns
    -------
    Pipeline
        `TableEncoder`, then logistic regression with a ridge penalty (C=1 on standardised
        columns), which is what most prediction papers use and hard to beat on tables of this size.

    Examples
    --------
    >>> from healthml.validation import default_model
    >>> default_model().steps[0][0]
    'encode'
    """
    return Pipeline(
        [
            ("encode", TableEncoder()),
            ("logistic", LogisticRegression(solver="newton-cholesky", max_iter=500)),
        ]
    )


def boosted_trees():
    """Return the audit's flexible probe: boosted trees on the same encoding.

    Returns
    -------
    Pipeline
    """
    trees = HistGradientBoostingClassifier(max_iter=50, learning_rate=0.1, random_state=0)
    return Pipeline([("encode", TableEncoder()), ("trees", trees)])


def _stored_as_number(column):
    return bool(
        column.dtype.kind in "biufMm"
        or pd.api.types.is_numeric_dtype(column)
        or pd.api.types.is_datetime64_any_dtype(column)
    )


def _numbers(column):
    """Return a column as floats, NaN where it is missing or not a number."""
    if pd.api.types.is_datetime64_any_dtype(column):
        days = (column - pd.Timestamp(0, tz=getattr(column.dtype, "tz", None))) / pd.Timedelta("1D")
        return days.to_numpy(dtype=float, na_value=np.nan)
    if column.dtype.kind == "m":
        return (column / pd.Timedelta("1D")).to_numpy(dtype=float, na_value=np.nan)
    if _stored_as_number(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    codes, numbers = _text_numbers(column)
    return np.append(numbers, np.nan)[codes]


def _text_numbers(column):
    """Return the level of each row and the number it is; "> 89" counts as 89, True as 1."""
    codes, levels = _factorize(column)
    levels = [int(level) if isinstance(level, bool | np.bool_) else level for level in levels]
    text = pd.Series([str(level) for level in levels], dtype=object).str.strip()
    text = text.str.replace(r"^[<>]=?\s*", "", regex=True)
    text = text.str.replace(r"^(-?\d+),(\d+)$", r"\1.\2", regex=True)
    return codes, pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)


def _factorize(column):
    """Return the level of each row (-1 if missing) and the levels; lists and the like by text."""
    try:
        return pd.factorize(column, use_na_sentinel=True)
    except TypeError:
        return pd.factorize(column.astype("object").map(str, na_action="ignore"))


def _standardise(values, state):
    median, scale = state
    return (np.where(np.isfinite(values), values, median) - median) / scale


def _levels(column):
    """Return the level of each row as a code, and the levels as text; missing is the last."""
    codes, levels = _factorize(column)
    same, texts = pd.factorize(np.array([_text(level) for level in levels], dtype=object))
    codes = np.append(same, len(texts))[codes]
    return codes, np.asarray([*texts, _MISSING_LEVEL], dtype=object)


def _text(level):
    """Return a level as text, alike whether a code is stored as text, integer or float."""
    whole = isinstance(level, float | np.floating) and float(level).is_integer()
    return f"{level:.0f}" if whole else str(level)


def _as_category(column):
    return column.astype("object").map(_text, na_action="ignore").astype("category")


def as_read(frame, *, categories=()):
    """Return the table as the encoder reads it, so that refits need not read it again.

    Texts that are numbers become numbers, other texts categories. Nothing is learnt across rows.

    Parameters
    ----------
    frame : DataFrame
        The table.
    categories : iterable of str, default=()
        Columns of codes that are stored as numbers and must be read as levels.

    Returns
    -------
    DataFrame
    """
    encoder, changed = TableEncoder(), {}
    for name in frame.columns:
        column = frame[name]
        if name in set(categories):
            changed[name] = _as_category(column)
        elif _stored_as_number(column) or isinstance(column.dtype, pd.CategoricalDtype):
            continue
        elif encoder.is_number(column):
            changed[name] = _numbers(column)
        else:
            changed[name] = _as_category(column)
    read = frame.copy(deep=False)
    for name, column in changed.items():
        read[name] = column
    return read
