"""What the transformers within patients share: columns, record, tables in and out."""

from collections.abc import Mapping
from dataclasses import dataclass

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from healthml._core._tables import backend_of, read_table
from healthml.exceptions import InputError
from healthml.imputation._longitudinal.rows import HOURS, PatientRows, limit_in_hours

ENDING = "_hours_since"


@dataclass(frozen=True)
class Fill:
    """What is to happen to one column: all arrays have one entry for each row.

    Parameters
    ----------
    rows : ndarray of bool
        Gaps that are filled.
    sources : tuple of ndarray of int
        Positions of the measurements that they are filled from.
    measured : ndarray of int
        Position of the measurement that the hours are counted from, -1 for none.
    beyond : ndarray of bool
        Gaps that would be filled but for the limit.
    """

    rows: np.ndarray
    sources: tuple
    measured: np.ndarray
    beyond: np.ndarray


class WithinPatient(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base of the transformers that fill gaps from other rows of the same patient.

    A transformer finds in ``_plan(known, rows, limit)`` which measurements count, and makes of
    them the new column in ``_column(series, fill, rows)``, or ``_native(native, ...)`` for
    libraries other than pandas. ``_fits(series)`` says which columns it can fill.
    """

    def fit(self, X, y=None):
        """Learn the columns; no value is learnt from the training rows.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Training rows, several for each patient.
        y : ignored
            There for scikit-learn's sake.

        Returns
        -------
        self
        """
        frame = read_table(self, X, reset=True)
        self._check_parameters(frame)
        asked = self.columns
        if asked is None:
            roles = (self.patient, self.time)
            asked = [c for c in frame.columns if c not in roles and self._fits(frame[c])]
        self.columns_ = list(asked)
        gappy = [c for c in asked if self.columns is not None or frame[c].isna().any()]
        self.hours_since_columns_ = gappy if self.hours_since else []
        taken = [c for c in frame.columns if c in self._added()]
        if taken:
            raise InputError(
                f"X already has a column {taken[0]!r}; rename it, or set hours_since=False."
            )
        self._limits_ = self._read_limits()
        self._noted_ = {}
        PatientRows(frame[self.patient], frame[self.time], self.time_unit)
        return self

    def transform(self, X):
        """Fill gaps from rows of the same patient; the rows keep their order.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Rows with the history of their patients: what is not among them cannot be carried.

        Returns
        -------
        DataFrame or array
            Of the kind of `X`; the columns of hours since the measurement come last.
        """
        check_is_fitted(self)
        frame = read_table(self, X, reset=False)
        rows = PatientRows(frame[self.patient], frame[self.time], self.time_unit)
        fills = {}
        for name in self.columns_:
            known = frame[name].notna().to_numpy()
            fills[name] = self._plan(known, rows, self._limits_.get(name, np.inf))
        noted = [_note(name, frame[name], fill, rows) for name, fill in fills.items()]
        self._noted_["table"] = pd.DataFrame(noted, columns=_NOTED)
        hours = {
            f"{name}{ENDING}": rows.since(fills[name].measured)
            for name in self.hours_since_columns_
        }
        fills = {name: fill for name, fill in fills.items() if fill.rows.any()}
        if backend_of(X) in (None, nw.Implementation.PANDAS):
            out = self._pandas(frame, fills, rows, hours)
            return out.to_numpy() if backend_of(X) is None else out
        return self._other_library(X, frame, fills, rows, hours)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` gives back."""
        names = super().get_feature_names_out(input_features)
        return np.asarray([*names, *self._added()], dtype=object)

    @property
    def record_(self):
        """What was filled in last, by column."""
        if "table" not in self.__dict__.get("_noted_", {}):
            raise AttributeError(f"{type(self).__name__} has no record_ yet; call transform first.")
        return self._noted_["table"].copy()

    def _added(self):
        return [f"{name}{ENDING}" for name in self.hours_since_columns_]

    def _check_parameters(self, frame):
        for parameter in ("patient", "time"):
            _find(frame, parameter, getattr(self, parameter))
        if self.patient == self.time:
            raise InputError("patient and time name the same column; name one for each.")
        if self.time_unit not in HOURS:
            known = ", ".join(map(repr, HOURS))
            raise InputError(f"time_unit={self.time_unit!r} is unknown; use one of {known}.")
        for name in self.columns or ():
            _find(frame, "columns", name)
            if name in (self.patient, self.time) or not self._fits(frame[name]):
                raise InputError(
                    f"columns names {name!r}, which {type(self).__name__} cannot fill; leave it "
                    "out."
                )

    def _read_limits(self):
        if not isinstance(self.limit, Mapping):
            return dict.fromkeys(self.columns_, limit_in_hours(self.limit))
        for name in self.limit:
            if name not in self.columns_:
                raise InputError(f"limit names the column {name!r}, which is not filled.")
        return {name: limit_in_hours(limit) for name, limit in self.limit.items()}

    def _pandas(self, frame, fills, rows, hours):
        out = frame.copy(deep=False)
        place = {name: k for k, name in enumerate(frame.columns)}
        for name, fill in fills.items():
            out.isetitem(place[name], self._column(frame[name], fill, rows))
        if not hours:
            return out
        return pd.concat([out, pd.DataFrame(hours, index=frame.index)], axis=1)

    def _other_library(self, X, frame, fills, rows, hours):
        table = nw.from_native(X, eager_only=True)
        columns = [
            self._native(table[name], frame[name], fills[name], rows)
            if name in fills
            else table[name]
            for name in table.columns
        ]
        columns += [new_column(table, name, values) for name, values in hours.items()]
        return nw.to_native(table.select(*columns))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


_NOTED = ["column", "n_missing", "n_filled", "n_beyond_limit", "n_left", "longest_hours"]


def _note(name, series, fill, rows):
    n_missing, n_filled = int(series.isna().sum()), int(fill.rows.sum())
    away = [np.abs(rows.since(source)[fill.rows]).max(initial=0.0) for source in fill.sources]
    longest = max(away) if n_filled else np.nan
    return name, n_missing, n_filled, int(fill.beyond.sum()), n_missing - n_filled, longest


def _find(frame, parameter, name):
    if name not in frame.columns:
        raise InputError(
            f"{parameter} names the column {name!r}, which X does not have; X has "
            f"{frame.shape[1]} feature(s)."
        )


def new_column(table, name, values, dtype=nw.Float64):
    """Return floats as a column of another library, missing where they are NaN."""
    cells = [None if np.isnan(value) else value for value in values.tolist()]
    backend = nw.get_native_namespace(table)
    return nw.new_series(name, cells, nw.Float64, native_namespace=backend).cast(dtype)
