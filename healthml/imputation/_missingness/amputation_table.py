"""Tables with cells hidden, in the kind and, where there is room for a gap, the dtypes they had."""

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._tables.containers import backend_of
from healthml._core._tables.frames import LARGEST_EXACT_FLOAT


def hide_cells(X, frame, mask):
    """Return a copy of a table with cells set to missing.

    Parameters
    ----------
    X : DataFrame or array
        The table as it came in.
    frame : pandas.DataFrame
        The same table.
    mask : ndarray of bool of shape (n_samples, n_features)
        Cells to hide.

    Returns
    -------
    DataFrame or array
        Of the kind of `X`.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation._missingness.amputation_table import hide_cells
    >>> table = pd.DataFrame({"ok": [True, False]})
    >>> hide_cells(table, table, np.array([[True], [False]]))["ok"].tolist()
    [<NA>, False]
    """
    backend = None if isinstance(X, list | tuple | pd.Series) else backend_of(X)
    if backend not in (None, nw.Implementation.PANDAS):
        return _hide_elsewhere(X, mask)
    out = frame.copy(deep=False)
    for j in np.flatnonzero(mask.any(axis=0)):
        out.isetitem(j, _with_room(frame.iloc[:, j]).mask(mask[:, j]))
    return out.to_numpy() if isinstance(X, np.ndarray | list | tuple) else out


def _with_room(series):
    """Return a column in a dtype that can hold a gap."""
    dtype = series.dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biu":
        return series
    if types.is_bool_dtype(dtype):
        return series.astype("boolean")
    if max(abs(int(series.max())), abs(int(series.min()))) <= LARGEST_EXACT_FLOAT:
        return series.astype(float)
    return series.astype("UInt64" if dtype.kind == "u" else "Int64")


def _hide_elsewhere(X, mask):
    table = nw.from_native(X, eager_only=True)
    space, columns = nw.get_native_namespace(table), []
    for name, gone in zip(table.columns, mask.T, strict=True):
        if gone.any():
            seen = nw.new_series("seen", (~gone).tolist(), nw.Boolean, native_namespace=space)
            pair = table.select(name).with_columns(seen.alias("__seen__"))
            pair = pair.select(nw.when(nw.col("__seen__")).then(nw.col(name)).alias(name))
            columns.append(pair[name])
        else:
            columns.append(table[name])
    return nw.to_native(table.select(*columns))
