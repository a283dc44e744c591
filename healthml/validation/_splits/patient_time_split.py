"""Splits by time: fit on earlier rows, judge on later ones, with or without returning patients."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import _num_samples

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml.exceptions import InputError
from healthml.validation._splits.times import column_or_values, complete_times, time_span

__all__ = [
    "PatientTimeSplit",
    "TimeWindow",
    "check_window",
    "even_starts",
    "given_starts",
    "report_line",
]


class PatientTimeSplit(BaseCrossValidator):
    """Train on earlier rows and test on later ones, knowing which patients return.

    The rows are cut by time into `n_splits` test windows, one after the other, behind a first
    period that is only trained on. A patient seen in training may come back later: such rows are
    part of the population a deployed model meets, but they are no new patients.

    Parameters
    ----------
    time : str or array-like of shape (n_samples,)
        Time of the prediction of each row, numbers or dates; or the name of the column of `X` that
        holds it, which also works inside searches that split the rows again.
    n_splits : int, default=5
        Test windows of about equal numbers of rows; equal times are kept together.
    window : {"expanding", "sliding"}, default="expanding"
        Train on all earlier rows, or on the latest `train_span` of them.
    train_span : number, str or timedelta, default=None
        Length of the sliding window: a number in the unit of `time`, or for dates a length such as
        "730D" (a number is days). By default the length of the first training period.
    gap : number, str or timedelta, default=0
        Time before each test window whose rows are not trained on. Set it to the time it takes
        until an outcome is known: a model made on a given day cannot have learned from outcomes
        that came later.
    patients : {"new", "all"}, default="new"
        Take patients seen in training out of the test rows, or leave them in; with "all", judge
        both populations with `temporal_performance`.
    starts : array-like, default=None
        Where the test windows begin, in rising order, instead of `n_splits`; each ends where the
        next begins and the last has no end.

    Raises
    ------
    InputError
        If times are missing or a window has no rows; from `split`.

    See Also
    --------
    temporal_performance : Refits in these splits and reports new and returning patients.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation import PatientTimeSplit
    >>> year = np.repeat([2019, 2020, 2021, 2022], 3)
    >>> patient = np.array([1, 2, 3, 1, 4, 5, 2, 6, 7, 4, 8, 9])
    >>> splitter = PatientTimeSplit(year, n_splits=3)
    >>> for train, test in splitter.split(year, groups=patient):
    ...     print(len(train), patient[test].tolist())
    3 [4, 5]
    6 [6, 7]
    9 [8, 9]
    >>> splitter.report(year, groups=patient)[["n_test", "n_new", "n_returning"]].values.tolist()
    [[2, 2, 1], [2, 2, 1], [2, 2, 1]]
    """

    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        time,
        *,
        n_splits=5,
        window="expanding",
        train_span=None,
        gap=0,
        patients="new",
        starts=None,
    ):
        self.time = time
        self.n_splits = n_splits
        self.window = window
        self.train_span = train_span
        self.gap = gap
        self.patients = patients
        self.starts = starts

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of test windows."""
        return self.n_splits if self.starts is None else len(self.starts)

    def split(self, X, y=None, groups=None):
        """Yield positions of training and test rows, earliest window first.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The table; its column is read where `time` is a name.
        y : array-like of shape (n_samples,), optional
            Ignored.
        groups : array-like of shape (n_samples,), optional
            The patient of each row; None means that every row is a different patient.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        InputError
            If a time is missing, or a window has no training or no test rows.
        """
        for window in self.windows(X, groups):
            yield window.train, window.test

    def windows(self, X, groups=None):
        """Return the splits with what is known of their rows.

        Parameters
        ----------
        X, groups
            As in `split`.

        Returns
        -------
        list of TimeWindow
        """
        values, codes = self._rows(X, groups)
        starts = self._starts(values)
        ends = [*starts[1:], None]
        windows = [
            self._window(number, values, codes, start, end, starts[0])
            for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]
        for window in windows:
            check_window(window)
        return windows

    def report(self, X, y=None, groups=None):
        """Return one line per window: who is trained on, who is new, who returns.

        Parameters
        ----------
        X, groups
            As in `split`.
        y : array-like of shape (n_samples,), optional
            Binary outcome, to count events.

        Returns
        -------
        DataFrame
            split, test_start, test_end (last time), n_train, n_train_patients, n_gap (rows too
            late to train on), n_test, n_new, n_returning (rows of the window, whether they are
            tested or not), n_new_patients, n_returning_patients and, with `y`, n_train_events,
            n_new_events and n_returning_events.
        """
        check_alignment(X=X, y=y, groups=groups)
        event = None if y is None else check_event(y, any_two_classes=True)[1]
        codes = self._rows(X, groups)[1]
        return pd.DataFrame([report_line(w, codes, event) for w in self.windows(X, groups)])

    def _rows(self, X, groups):
        check_alignment(X=X, groups=groups)
        n = _num_samples(X)
        values = complete_times(column_or_values(self.time, X, "time"), n)
        codes = np.arange(n) if groups is None else check_groups(groups, n)
        return values, codes

    def _starts(self, values):
        _check_choice("window", self.window, ("expanding", "sliding"))
        _check_choice("patients", self.patients, ("new", "all"))
        if self.starts is not None:
            return given_starts(self.starts, values)
        if isinstance(self.n_splits, bool) or not isinstance(self.n_splits, Integral):
            raise InputError(f"n_splits is {self.n_splits!r}; give a whole number of at least 1.")
        return even_starts(values, int(self.n_splits))

    def _window(self, number, values, codes, start, end, first_start):
        inside = (values >= start).to_numpy()
        if end is not None:
            inside = inside & (values < end).to_numpy()
        until = start - time_span(self.gap, values, "gap")
        earlier, trained = (values < start).to_numpy(), (values < until).to_numpy()
        if self.window == "sliding":
            span = first_start - values.min()
            if self.train_span is not None:
                span = time_span(self.train_span, values, "train_span")
            recent = (values >= until - span).to_numpy()
            earlier, trained = earlier & recent, trained & recent
        seen = np.zeros(codes.max() + 1, dtype=bool)
        seen[codes[trained]] = True
        returning = inside & seen[codes]
        tested = inside & ~returning if self.patients == "new" else inside
        last = values[inside].max() if inside.any() else start
        parts = (trained, tested, inside & ~returning, returning)
        rows = (np.flatnonzero(part) for part in parts)
        return TimeWindow(number, *rows, start, last, int((earlier & ~trained).sum()))

    def __repr__(self):
        """Return the parameters without the times of the rows."""
        words = {name: getattr(self, name) for name in _PARAMETERS}
        if not isinstance(self.time, str):
            words["time"] = f"<{_num_samples(self.time)} times>"
        if self.starts is not None:
            words["starts"] = f"<{len(self.starts)} times>"
        shown = ", ".join(
            f"{name}={value}" if str(value).startswith("<") else f"{name}={value!r}"
            for name, value in words.items()
        )
        return f"{type(self).__name__}({shown})"


_PARAMETERS = ("time", "n_splits", "window", "train_span", "gap", "patients", "starts")


def _check_choice(name, value, allowed):
    if value not in allowed:
        raise InputError(f"{name} is {value!r}; choose {' or '.join(map(repr, allowed))}.")


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
    times = complete_times(pd.Series(starts), len(starts))
    dates = [pd.api.types.is_datetime64_any_dtype(v) for v in (times, values)]
    if dates[0] != dates[1]:
        raise InputError("starts and time are not both dates or both numbers; write them alike.")
    if dates[0]:
        times = _same_clock(times, starts, values)
    if not times.is_monotonic_increasing or not times.is_unique:
        raise InputError("starts must hold one time or more, each later than the one before.")
    return list(times)


def _same_clock(times, starts, values):
    """Return starts on the clock of the times; text without a time zone has theirs."""
    zone = values.dt.tz
    if isinstance(next(iter(starts)), str):
        read = pd.Series(pd.to_datetime(list(starts), format="ISO8601"))
        times = read if read.dt.tz is not None else read.dt.tz_localize(zone)
    if (times.dt.tz is None) != (zone is None):
        raise InputError("Only one of starts and time has a time zone; give both one, or neither.")
    return times


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
