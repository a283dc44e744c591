"""Rows in the order of time within each patient: what was measured last, and what comes next."""

from datetime import timedelta
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks import check_groups
from healthml.exceptions import InputError

ROUNDING = 1e-8  # hours: a measurement exactly as old as the limit is within it
# Hours in each unit of time.
HOURS = {"seconds": 1 / 3600, "minutes": 1 / 60, "hours": 1.0, "days": 24.0}


class PatientRows:
    """Rows of a table by patient and time; rows of the same time stay in the order they came.

    Parameters
    ----------
    patient, time : pandas.Series
        Patient and time of each row, none missing.
    time_unit : {"seconds", "minutes", "hours", "days"}
        Unit of a time column of numbers.

    Attributes
    ----------
    hours : ndarray of shape (n_samples,)
        Hours from the earliest time in the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.imputation._longitudinal.rows import PatientRows
    >>> rows = PatientRows(pd.Series(["a", "a", "b"]), pd.Series([2.0, 1.0, 3.0]), "hours")
    >>> rows.last(np.array([False, True, False])).tolist()
    [1, 1, -1]
    """

    def __init__(self, patient, time, time_unit):
        codes = check_groups(patient, len(patient), f"the patient column {patient.name!r}")
        self.hours, moment = _read_times(time, time_unit)
        self._order = np.lexsort((moment, codes))
        of_patient = codes[self._order]
        self._first = np.searchsorted(of_patient, of_patient, side="left")
        self._end = np.searchsorted(of_patient, of_patient, side="right")

    def last(self, known):
        """Return where each row's patient was measured last, the row itself included; -1: never."""
        here = np.arange(len(known))
        latest = np.maximum.accumulate(np.where(known[self._order], here, -1))
        return self._back(np.where(latest >= self._first, latest, -1))

    def following(self, known):
        """Return where each row's patient is measured next, the row itself included; -1: never."""
        n = len(known)
        there = np.where(known[self._order], np.arange(n), n)
        next_known = np.minimum.accumulate(there[::-1])[::-1]
        return self._back(np.where(next_known < self._end, next_known, -1))

    def since(self, source):
        """Return the hours from the rows `source` to each row, NaN where there is none."""
        return np.where(source >= 0, self.hours - self.hours[source], np.nan)

    def _back(self, places):
        out = np.empty(len(places), dtype=np.int64)
        out[self._order] = np.where(places >= 0, self._order[places], -1)
        return out


def limit_in_hours(limit):
    """Return a limit as hours, with room for rounding; None is no limit.

    Examples
    --------
    >>> from healthml.imputation._longitudinal.rows import limit_in_hours
    >>> round(limit_in_hours("2 days"), 6), limit_in_hours(None)
    (48.0, inf)
    """
    if limit is None:
        return np.inf
    if isinstance(limit, str | timedelta | np.timedelta64):
        try:
            hours = pd.Timedelta(limit) / pd.Timedelta(hours=1)
        except ValueError:
            hours = np.nan
    else:
        hours = limit if isinstance(limit, Real) and not isinstance(limit, bool) else np.nan
    if not hours >= 0:
        raise InputError(
            f"limit={limit!r} is no length of time; pass hours (0 or more) or text such as '12h'."
        )
    return float(hours) + ROUNDING


def _read_times(time, time_unit):
    """Return hours since the earliest time, and the rank of each time."""
    name, dtype = time.name, time.dtype
    missing = np.flatnonzero(time.isna())
    if len(missing):
        raise InputError(
            f"the time column {name!r} has {len(missing)} missing times, the first at position "
            f"{missing[0]}; find these times, or leave the rows out and report their number."
        )
    is_date = types.is_datetime64_any_dtype(dtype)
    if is_date or types.is_timedelta64_dtype(dtype):
        index = pd.DatetimeIndex(time) if is_date else pd.TimedeltaIndex(time)
        return (
            np.asarray((index - index.min()) / pd.Timedelta(hours=1), dtype=float),
            index.factorize(sort=True)[0],
        )
    if not types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        raise InputError(
            f"the time column {name!r} holds neither times nor numbers; read it first, for example "
            "with healthml.cleaning.DateParser."
        )
    number = time.to_numpy(dtype=float)
    infinite = np.flatnonzero(np.isinf(number))
    if len(infinite):
        raise InputError(
            f"the time column {name!r} has {len(infinite)} infinite times, the first at position "
            f"{infinite[0]}; correct them or leave the rows out."
        )
    earliest = time.iloc[int(np.argmin(number))]
    hours = (time - earliest).to_numpy(dtype=float) * HOURS[time_unit]
    return hours, pd.factorize(time, sort=True)[0]
