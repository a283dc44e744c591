"""Columns read as dates, whatever they are stored as."""

import pandas as pd
from pandas.api import types

# Share of the known cells of text that must look like ISO dates. By judgement, not by simulation;
# higher misses dates with a few words among them, lower takes codes with hyphens for dates.
_MOSTLY = 0.95


def as_dates(values):
    """Return dates without a time zone, or None where a column holds none."""
    if values is None or not len(values):
        return None
    if types.is_datetime64_any_dtype(values.dtype):
        return values.dt.tz_localize(None) if values.dt.tz is not None else values
    if types.is_numeric_dtype(values.dtype) or types.is_bool_dtype(values.dtype):
        return None
    seen = values.dropna().astype(str)
    shape = r"\s*\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}.*)?"
    if not len(seen) or seen.str.fullmatch(shape).mean() < _MOSTLY:
        return None
    dates = pd.to_datetime(values.astype(object), errors="coerce", format="mixed", utc=True)
    return dates.dt.tz_localize(None)
