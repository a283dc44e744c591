"""Tables through a sampler as pandas, whatever they are."""

import pandas as pd
from imblearn.utils import check_target_type
from scipy.sparse import issparse
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from healthml._core._checks import check_alignment, check_groups
from healthml._core._tables import backend_of


class KeepsTable:
    """A sampler whose `_fit_resample` gets X as it came: a frame, an array or a sparse matrix."""

    _sparse = True

    def _check_X_y(self, X, y, accept_sparse=None):
        check_alignment(X=X, y=y)
        backend_of(X)  # refuses doubled column names and tables that are not collected
        y, one_vs_all = check_target_type(y, indicate_one_vs_all=True)
        validate_data(self, X, reset=True, skip_check_array=True)
        if not isinstance(X, pd.DataFrame):
            X = check_array(
                X,
                dtype=None,
                ensure_all_finite=False,
                accept_sparse=["csr", "csc"] if self._sparse else False,
                input_name="X",
                estimator=self,
            )
        check_consistent_length(X, y)
        return X, column_or_1d(y), one_vs_all


def as_frame(X):
    """Return a table as a frame with a dense type for each column."""
    if isinstance(X, pd.DataFrame):
        sparse = [name for name, kind in X.dtypes.items() if isinstance(kind, pd.SparseDtype)]
        return X.astype({name: X[name].dtype.subtype for name in sparse}) if sparse else X
    X = X.toarray() if issparse(X) else X
    frame = pd.DataFrame(X)
    return frame.infer_objects() if X.dtype == object else frame


def codes_of(values, n, name):
    """Return the patient or site of each row as integers, or None."""
    return None if values is None else check_groups(values, n, name=name)
