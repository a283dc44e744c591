"""Resample training rows; what belongs to a row goes with it."""

import inspect
from functools import cache

import numpy as np
import pandas as pd
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from healthml._core._tables import backend_of, to_pandas
from healthml.exceptions import InputError


def resampled_rows(sampler, X, y, params, extra):
    """Return X, y and metadata after resampling.

    Parameters
    ----------
    sampler : imbalanced-learn sampler
        Fitted here.
    X, y : table and labels of the training rows
        Never changed.
    params : dict
        Metadata of the rows.
    extra : dict
        Metadata of the sampler; "groups", the patient of each row, only where it asks for them.

    Returns
    -------
    tuple
        Rows that the sampler kept are taken from `X` itself, so that every type is kept.

    Raises
    ------
    InputError
        If the sampler cannot work on these rows, or made some that have no metadata.
    """
    if not _takes_groups(type(sampler)):
        extra = {name: value for name, value in extra.items() if name != "groups"}
    plain = X if backend_of(X) is None or isinstance(X, pd.DataFrame) else to_pandas(X)
    try:
        new_X, new_y, *_ = sampler.fit_resample(plain, y, **extra)
    except ValueError as error:
        counts = dict(zip(*np.unique(y, return_counts=True), strict=True))
        raise InputError(
            f"{type(sampler).__name__} failed on {len(y)} training rows, {min(counts.values())} of "
            f"them in the smaller class: {error}"
        ) from error
    index = getattr(sampler, "sample_indices_", None)
    if index is not None and len(index) == _num_samples(new_y):
        params = {name: _safe_indexing(value, index) for name, value in params.items()}
        return _safe_indexing(X, index), _safe_indexing(y, index), params
    if params:
        names = ", ".join(sorted(params))
        raise InputError(
            f"{type(sampler).__name__} makes rows that have no {names}; use a sampler that keeps "
            "rows, such as RandomUnderSampler, or leave the metadata out."
        )
    return (new_X if plain is X else as_native(new_X, X)), np.asarray(new_y), {}


@cache
def _takes_groups(kind):
    return "groups" in inspect.signature(kind.fit_resample).parameters


def as_native(frame, original):
    """Return a pandas frame as a table of the library that another came from."""
    import narwhals.stable.v1 as nw
    import pyarrow as pa

    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    implementation = nw.from_native(original).implementation
    return nw.to_native(nw.from_arrow(arrow, backend=implementation))
