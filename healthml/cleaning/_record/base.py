"""What all transformers of this room share: tables in and out, the record, undo."""

from types import SimpleNamespace

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from healthml._core._tables import read_table, write_table
from healthml.cleaning._columns import ColumnTable
from healthml.cleaning._record.record import (
    CleaningRecord,
    count_cells,
    counts_table,
    perform,
)
from healthml.exceptions import InputError

MODES = ("propose", "apply")


def check_mode(mode):
    """Refuse any other mode than "propose" and "apply"."""
    if mode not in MODES:
        raise InputError(f"mode={mode!r} is unknown; use 'propose' or 'apply'.")


class CellCleaner(TransformerMixin, BaseEstimator):
    """Base of the cleaning transformers: learns on fit only, keeps every row, leaves a record.

    A transformer keeps in ``_learn(frame, y)`` what it takes from the training rows, and yields in
    ``_changes(frame, prepared)`` what it would do to a table, one row judged like a thousand:
    `Change` for cells, `Retyped` for a column in another form or a new one (named in
    ``_added()``). What ``_learn`` returns (levels already read, say) is handed to ``_changes``
    once, for the training rows; for any other table ``prepared`` is None.

    Attributes
    ----------
    record_ : CleaningRecord
        What was done to the table cleaned last: by `fit` to the training rows, by `transform` to
        the rows it was given.
    fit_counts_ : pandas.DataFrame
        Counts by column and rule in the training rows, the base of `drift`.
    """

    def fit(self, X, y=None):
        """Learn from the training rows; nothing is changed in them.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            The training rows.
        y : ignored
            There for scikit-learn's sake.

        Returns
        -------
        self
        """
        self._fit(X, y)
        return self

    def fit_transform(self, X, y=None):
        """Learn from the training rows and return them cleaned; ``record_`` says what was done."""
        cleaned, record = self._fit(X, y)
        return write_table(cleaned, X, record.originals)

    def transform(self, X):
        """Return a cleaned copy of the table; what was done stands in ``record_``.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            Rows to clean, one or many.

        Returns
        -------
        DataFrame or array
            The same rows in the same order, of the same kind as `X`.
        """
        check_is_fitted(self)
        cleaned, record = self._clean(ColumnTable(read_table(self, X, reset=False)))
        self._last_.record = record
        return write_table(cleaned, X, record.originals)

    def undo(self, X, rules=None):
        """Return a table as it was before the transformer, for all rules or some; see the record.

        Parameters
        ----------
        X : DataFrame
            What `transform` (or `fit_transform`) gave back last.
        rules : str or sequence of str, default=None
            Rules to take back; None takes back all.

        Returns
        -------
        DataFrame
        """
        check_is_fitted(self)
        return self.record_.undo(X, rules)

    def drift(self):
        """Compare the record of the last `transform` with that of the training rows.

        Returns
        -------
        pandas.DataFrame
            One row per column and rule: ``share_fit``, ``share``, their difference with a 95%
            interval (Newcombe's hybrid score), and ``is_new`` where the rule never applied in
            the training rows.
        """
        from healthml.cleaning._record.summary import compare_counts

        check_is_fitted(self)
        now = self.record_
        return compare_counts(self.fit_counts_, self.n_rows_fit_, now.counts(), now.n_rows)

    @property
    def record_(self):
        """Record of the table cleaned last."""
        last = self.__dict__.get("_last_")
        if last is None or last.record is None:
            raise AttributeError(f"{type(self).__name__} has no record_ yet; call fit first.")
        return last.record

    @property
    def fit_counts_(self):
        """Counts by column and rule in the training rows."""
        if "_fit_cells_" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no fit_counts_ yet; call fit first.")
        return counts_table(self._fit_cells_, self.n_rows_fit_)

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` gives back."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        if input_features is not None:
            input_features = np.asarray(input_features, dtype=object)
            if len(input_features) != self.n_features_in_:
                raise ValueError(
                    "input_features should have length equal to number of features "
                    f"({self.n_features_in_}), got {len(input_features)}"
                )
            if names is not None and not np.array_equal(names, input_features):
                raise ValueError("input_features is not equal to feature_names_in_")
            names = input_features
        if names is None:
            names = [f"x{i}" for i in range(self.n_features_in_)]
        return np.asarray([*names, *self._added()], dtype=object)

    def _learn(self, frame, y):
        """Keep what `_changes` needs; return what was prepared of the training rows, if anything.

        Parameters
        ----------
        frame : ColumnTable
            The training rows; read as a pandas frame is.
        y : ignored
        """

    def _changes(self, frame, prepared=None):
        """Yield `Change` and `Retyped`; `frame` is never edited."""
        raise NotImplementedError

    def _added(self):
        """Return the names of new columns, known since fit."""
        return []

    def _fit(self, X, y):
        """Learn from a table as it came in; return the cleaned pandas frame and its record."""
        frame = ColumnTable(read_table(self, X, reset=True))
        prepared = self._learn(frame, y)
        cleaned, record = self._clean(frame, prepared)
        self._keep_counts(record.steps, record.n_rows)
        self._last_.record = record
        return cleaned, record

    def _fit_step(self, frame, y):
        """Learn as one step of several, from a table already checked; return the changes."""
        if all(isinstance(name, str) for name in frame.columns):
            self.feature_names_in_ = np.array([*frame.columns], dtype=object)
        self.n_features_in_ = len(frame.columns)
        return self._changes(frame, self._learn(frame, y))

    def _keep_counts(self, steps, n_rows):
        """Keep the counts of the training rows, the base of `drift`."""
        self._fit_cells_, self.n_rows_fit_ = count_cells(steps), n_rows
        # the record of the table cleaned last: one place, so that `transform` sets no attribute
        self._last_ = SimpleNamespace(record=None)

    def _clean(self, frame, prepared=None):
        """Return the cleaned frame and its record; the frame that came in is never edited."""
        out, record = frame.copy(), CleaningRecord(frame.index)
        for change in self._changes(frame, prepared):
            perform(out, change, record)
        return out.to_frame(), record

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
