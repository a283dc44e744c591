"""Windows of time: where they begin, whom they hold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml.exceptions import InputError
from healthml.validation._splits.times import complete_times


@dataclass(frozen=True)
class TimeWindow:
    """One split in time.

    Parameters
    ----------
    number : int
        Number of the window, from 0.
    train, test : ndarray of int
        Positions of training and test rows.
    new, returning : ndarray of int
        Positions of all rows of the window, by whether their patient was trained on.
    start, last : number or Timestamp
        Where the window begins, and the last time in it.
    n_gap : int
        Earlier rows that came too late to be trained on.
    """

    number: int
    train: np.ndarray
    test: np.ndarray
    new: np.ndarray
    returning: np.ndarray
    start: object
    last: object
    n_gap: int


def even_starts(values, n_splits):
    """Cut the times so that windows and first period have about equal numbers of rows."""
    times, counts = np.unique(values.to_numpy(), return_counts=True)
    before = np.cumsum(counts) - counts  # rows before each time
    if n_splits < 1 or len(times) < n_splits + 1:
        raise InputError(
            f"n_splits is {n_splits} and time has {len(times)} different values; ask for fewer "
            "windows, at least one and at most one less than there are values."
        )
    wanted = np.arange(1, n_splits + 1) * len(values) / (n_splits + 1)
    place = np.searchsorted(before, wanted - 1e-9)
    for i in range(n_splits):  # each window has a time of its own
        place[i] = max(place[i], place[i - 1] + 1 if i else 1)
    for i in reversed(range(n_splits)):
        place[i] = min(place[i], len(times) - n_splits + i)
    return list(pd.Series(times[place]).astype(values.dtype))


def given_starts(starts, values):
    if not len(starts):
        raise InputError("starts must hold one time or more, each later than the one before.")
    found = complete_times(pd.Series(starts), len(starts))
    dates = [pd.api.types.is_datetime64_any_dtype(v) for v in (found, values)]
    if dates[0] != dates[1]:
        raise InputError("starts and time are not both dates or both numbers; write them alike.")
    if dates[0]:
        found = _same_clock(found, starts, values)
    if not found.is_monotonic_increasing or not found.is_unique:
        raise InputError("starts must hold one time or more, each later than the one before.")
    return list(found)


def _same_clock(found, starts, values):
    """Return starts on the clock of the times; text without a time zone has theirs."""
    zone = values.dt.tz
    if isinstance(next(iter(starts)), str):
        read = pd.Series(pd.to_datetime(list(starts), format="ISO8601"))
        found = read if read.dt.tz is not None else read.dt.tz_localize(zone)
    if (found.dt.tz is None) != (zone is None):
        raise InputError("Only one of starts and time has a time zone; give both one, or neither.")
    return found


def check_window(window):
    for rows, what in ((window.train, "training"), (window.test, "test")):
        if not len(rows):
            raise InputError(
                f"Window {window.number} has no {what} rows ({len(window.new)} rows of new and "
                f"{len(window.returning)} of returning patients, {window.n_gap} rows in the gap); "
                "use fewer windows, a smaller gap or patients='all'."
            )


def report_line(window, codes, event):
    parts = {"train": window.train, "new": window.new, "returning": window.returning}
    line = {
        "split": window.number,
        "test_start": window.start,
        "test_end": window.last,
        "n_train": len(window.train),
        "n_train_patients": len(np.unique(codes[window.train])),
        "n_gap": window.n_gap,
        "n_test": len(window.test),
        "n_new": len(window.new),
        "n_returning": len(window.returning),
        "n_new_patients": len(np.unique(codes[window.new])),
        "n_returning_patients": len(np.unique(codes[window.returning])),
    }
    if event is not None:
        line |= {f"n_{name}_events": int(event[rows].sum()) for name, rows in parts.items()}
    return line
