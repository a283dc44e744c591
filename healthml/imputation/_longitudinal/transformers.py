"""Gaps filled from the same patient's other rows: the last measurement, or a line between two."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._routing import clear_errors
from healthml.exceptions import InputError
from healthml.imputation._longitudinal.base import Fill, WithinPatient, new_column
from healthml.imputation._table import write_filled


@clear_errors
class CarriedForward(WithinPatient):
    """Carry a patient's last measurement forward to later rows, and say how old it is.

    Parameters
    ----------
    patient, time : hashable
        Columns of X with the patient and the time of each row; ``"x0"``, ``"x1"`` and so on name
        the columns of an array. Neither may have missing cells.
    columns : list, default=None
        Columns to fill; None takes all but `patient` and `time`.
    limit : number, str, timedelta or mapping, default=None
        Greatest age of a measurement that is carried, in hours or as text such as "12h". A
        mapping gives single columns their own, and others none. None sets no limit.
    direction : {"forward", "backward", "both"}, default="forward"
        "forward" takes the last measurement at or before the time of the row, "backward" the next
        at or after it, "both" the last, or the next where there is none within the limit.
    hours_since : bool, default=True
        Add for each column with gaps in the training rows (or named in `columns`) the hours since
        the measurement that the cell shows: 0 where measured, negative where it was measured
        later, NaN where there is none. They are given beyond the limit, too.
    time_unit : {"hours", "days", "minutes", "seconds"}, default="hours"
        Unit of a `time` column of numbers.
    retrospective : bool, default=False
        "backward" and "both" take values from the future of a row, which nobody has when a model
        predicts; they are refused unless this says that the records are closed.

    Attributes
    ----------
    columns_, hours_since_columns_ : list
        Columns that are filled, and those whose hours are counted.
    record_ : pandas.DataFrame
        For the rows filled in last: ``column``, ``n_missing``, ``n_filled``, ``n_beyond_limit``,
        ``n_left`` and the greatest distance carried, ``longest_hours``.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    InputError
        If a column is not there, a patient or time is missing, times are text, or a direction
        other than "forward" is asked for without ``retrospective=True``.

    See Also
    --------
    TimeInterpolation : Draws a line between two measurements instead; retrospective tables only.
    ChainedImputer : Learns from the other columns, also for patients who were never measured.

    Notes
    -----
    A row gets the same answer alone and in a batch as long as its patient's history is in the
    table with it. Rows of the same time are taken in the order they came. A value carried forward
    is no measurement: as an imputation for inference it biases estimates and understates their
    uncertainty even when values are missing completely at random [1]_; for prediction it shows
    what the clinician last saw, and the hours let the model trust it less.

    References
    ----------
    .. [1] Lachin JM. Fallacies of last observation carried forward analyses. Clin Trials.
       2016;13:161-168.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import CarriedForward
    >>> X = pd.DataFrame({
    ...     "patient": [1, 1, 1, 2],
    ...     "hour": [0, 6, 30, 8],
    ...     "lactate": [2.1, np.nan, np.nan, np.nan],
    ... })
    >>> CarriedForward("patient", "hour", limit=24).fit_transform(X)
       patient  hour  lactate  lactate_hours_since
    0        1     0      2.1                  0.0
    1        1     6      2.1                  6.0
    2        1    30      NaN                 30.0
    3        2     8      NaN                  NaN
    """

    def __init__(
        self,
        patient,
        time,
        *,
        columns=None,
        limit=None,
        direction="forward",
        hours_since=True,
        time_unit="hours",
        retrospective=False,
    ):
        self.patient = patient
        self.time = time
        self.columns = columns
        self.limit = limit
        self.direction = direction
        self.hours_since = hours_since
        self.time_unit = time_unit
        self.retrospective = retrospective

    def _check_parameters(self, frame):
        super()._check_parameters(frame)
        if self.direction not in ("forward", "backward", "both"):
            raise InputError(
                f"direction={self.direction!r} is unknown; use 'forward', 'backward' or 'both'."
            )
        if self.direction != "forward":
            _refuse_future(
                f"direction={self.direction!r}", self.retrospective, "set direction='forward'"
            )

    def _fits(self, series):
        return True

    def _plan(self, known, rows, limit):
        nowhere = np.full(len(known), -1)
        past = nowhere if self.direction == "backward" else rows.last(known)
        future = nowhere if self.direction == "forward" else rows.following(known)
        from_past = (past >= 0) & (rows.since(past) <= limit)
        from_future = ~from_past & (future >= 0) & (-rows.since(future) <= limit)
        source = np.where(from_past, past, np.where(from_future, future, -1))
        any_at_all = np.where(past >= 0, past, future)
        measured = np.where(source >= 0, source, any_at_all)
        return Fill(
            ~known & (source >= 0),
            (np.where(source >= 0, source, np.arange(len(known))),),
            measured,
            ~known & (source < 0) & (measured >= 0),
        )

    def _column(self, series, fill, rows):
        source = np.where(fill.rows, fill.sources[0], np.arange(len(series)))
        return pd.Series(series.array.take(source), index=series.index, name=series.name)

    def _native(self, native, series, fill, rows):
        return native[np.where(fill.rows, fill.sources[0], np.arange(len(series))).tolist()]


@clear_errors
class TimeInterpolation(WithinPatient):
    """Fill gaps between two measurements of a patient by the line between them in time.

    It takes the later measurement, which nobody has when a model predicts, so it is refused
    unless ``retrospective=True`` says that the records are closed. The version that can be
    deployed is `CarriedForward`.

    Parameters
    ----------
    patient, time : hashable
        Columns of X with the patient and the time of each row; ``"x0"``, ``"x1"`` and so on name
        the columns of an array. Neither may have missing cells.
    columns : list, default=None
        Columns of numbers to fill; None takes all but `patient` and `time`.
    limit : number, str, timedelta or mapping, default=None
        Longest time between the two measurements, in hours or as text such as "12h". A mapping
        gives single columns their own, and others none. None sets no limit.
    hours_since : bool, default=True
        Add for each column with gaps in the training rows (or named in `columns`) the hours since
        it was last measured: 0 where measured, NaN where it was not measured before.
    time_unit : {"hours", "days", "minutes", "seconds"}, default="hours"
        Unit of a `time` column of numbers.
    retrospective : bool, default=False
        Must be True, see above.

    Attributes
    ----------
    columns_, hours_since_columns_ : list
        Columns that are filled, and those whose hours are counted.
    record_ : pandas.DataFrame
        For the rows filled in last: ``column``, ``n_missing``, ``n_filled``, ``n_beyond_limit``,
        ``n_left`` and the greatest distance to a measurement used, ``longest_hours``.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    InputError
        If a column is not there or holds no numbers, a patient or time is missing, times are
        text, or ``retrospective`` is False.

    See Also
    --------
    CarriedForward : Uses the past of a row alone, as a deployed model must.

    Notes
    -----
    Nothing is drawn beyond the first and last measurement. Whole numbers are rounded to whole
    numbers. Like any single value, the line understates the uncertainty of what it fills in.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation import TimeInterpolation
    >>> X = pd.DataFrame({"id": [1] * 3, "hour": [0, 2, 8], "ph": [7.1, np.nan, 7.5]})
    >>> line = TimeInterpolation("id", "hour", hours_since=False, retrospective=True)
    >>> line.fit_transform(X)["ph"].round(3).tolist()
    [7.1, 7.2, 7.5]
    """

    def __init__(
        self,
        patient,
        time,
        *,
        columns=None,
        limit=None,
        hours_since=True,
        time_unit="hours",
        retrospective=False,
    ):
        self.patient = patient
        self.time = time
        self.columns = columns
        self.limit = limit
        self.hours_since = hours_since
        self.time_unit = time_unit
        self.retrospective = retrospective

    def _check_parameters(self, frame):
        super()._check_parameters(frame)
        _refuse_future("TimeInterpolation", self.retrospective, "use CarriedForward")

    def _fits(self, series):
        return types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype)

    def _plan(self, known, rows, limit):
        past, future = rows.last(known), rows.following(known)
        between = ~known & (past >= 0) & (future >= 0)
        near = rows.since(past) - rows.since(future) <= limit
        return Fill(between & near, (past, future), past, between & ~near)

    def _column(self, series, fill, rows):
        return write_filled(series, np.flatnonzero(fill.rows), _on_the_line(series, fill, rows))

    def _native(self, native, series, fill, rows):
        number = series.to_numpy(dtype=float, na_value=np.nan, copy=True)
        number[fill.rows] = _on_the_line(series, fill, rows, native.dtype.is_integer())
        if native.dtype.is_integer():  # cells that were there keep all their digits
            return _patched(native, fill.rows, number)
        return new_column(native, native.name, number, native.dtype)


def _on_the_line(series, fill, rows, whole=None):
    """Return the values on the line between two measurements, one for each row that is filled."""
    before, after = (source[fill.rows] for source in fill.sources)
    number = series.to_numpy(dtype=float, na_value=np.nan)
    elapsed = rows.hours[fill.rows] - rows.hours[before]
    span = rows.hours[after] - rows.hours[before]
    part = np.divide(elapsed, span, out=np.zeros_like(span), where=span > 0)
    value = number[before] + part * (number[after] - number[before])
    whole = types.is_integer_dtype(series.dtype) if whole is None else whole
    return np.rint(value) if whole else value


def _patched(native, rows, number):
    import narwhals.stable.v1 as nw

    new = new_column(native, native.name, np.where(rows, number, np.nan), native.dtype)
    frame = nw.from_dict({"old": native, "new": new.alias("new")})
    return frame.select(nw.coalesce("old", "new").alias(native.name))[native.name]


def _refuse_future(what, retrospective, otherwise):
    if not retrospective:
        raise InputError(
            f"{what} takes values measured after the time of a row, which a deployed model does "
            f"not have; {otherwise}, or set retrospective=True to study closed records."
        )
