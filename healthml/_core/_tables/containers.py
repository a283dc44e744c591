"""Tables through transformers: any library in, the same library out, what was not touched kept."""

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils.validation import check_array, validate_data

from healthml._core._tables.frames import check_column_names, to_pandas
from healthml.exceptions import InputError


def read_table(estimator, X, *, reset):
    """Return a transformer's input as pandas after scikit-learn's checks; `X` stays as it is.

    Parameters
    ----------
    estimator : estimator
        Learns ``n_features_in_`` and ``feature_names_in_`` when `reset`, is compared otherwise.
    X : DataFrame or array of shape (n_samples, n_features)
        A table of any library that narwhals reads, or an array (columns ``x0``, ``x1``, ...).
    reset : bool
        Whether this is `fit`.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        If `X` is lazy or no table, or column names repeat or are not all text; ValueError and
        TypeError as scikit-learn raises them.
    """
    check_column_names(X)
    if not isinstance(X, pd.DataFrame) and backend_of(X) is None:
        _refuse_other_shapes(X)
        X = check_array(X, dtype=None, ensure_all_finite=False, estimator=estimator, input_name="X")
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        X = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
        return X.infer_objects()
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return to_pandas(X, nullable=True)


def _refuse_other_shapes(X):
    """Refuse what is no table; scikit-learn's own sentence would print the cells."""
    if sparse.issparse(X):
        return
    try:
        n_dimensions = X.ndim if hasattr(X, "ndim") else np.asarray(X, dtype=object).ndim
    except ValueError:
        raise InputError("X has rows of different lengths; pass a table.") from None
    if n_dimensions != 2:
        raise InputError(
            f"Expected 2D array, got {n_dimensions} dimensions instead. Reshape your data: X is a "
            "table with one row for each patient or visit, X.reshape(-1, 1) of a single column."
        )


def write_table(frame, original, touched):
    """Return a pandas frame as the kind of table that came in.

    Parameters
    ----------
    frame : pandas.DataFrame
        What the transformer made of it.
    original : DataFrame or array
        What came in.
    touched : collection
        Columns that were changed; others are taken from `original` in libraries other than
        pandas, so that their types stay.

    Returns
    -------
    DataFrame or ndarray
    """
    if isinstance(original, pd.DataFrame):
        return frame
    if backend_of(original) is None:
        return frame.to_numpy()
    return _as_native(frame, original, touched)


def backend_of(X):
    """Return the narwhals implementation of a frame, or None for an array."""
    if isinstance(X, pd.DataFrame):
        check_column_names(X, all_text=False)
        return nw.Implementation.PANDAS
    native = nw.from_native(X, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        raise InputError("X is a lazy table; collect it first.")
    return native.implementation if isinstance(native, nw.DataFrame) else None


def _as_native(frame, original, touched):
    """Return a pandas frame in another library; columns that nothing touched stay as they were."""
    table = nw.from_native(original)
    touched = {*touched, *(c for c in frame.columns if c not in table.columns)}
    if not touched:
        return original
    import pyarrow as pa

    arrow = pa.table(
        {c: pa.Array.from_pandas(frame[c].reset_index(drop=True)) for c in frame if c in touched}
    )
    new = nw.from_arrow(arrow, backend=table.implementation)
    columns = [new[c] if c in touched else table[c] for c in frame.columns]
    return nw.to_native(table.select(*columns))
