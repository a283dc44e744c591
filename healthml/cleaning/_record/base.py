"""What all transformers of this room share: tables in and out, the record, undo."""

from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from healthml._core._tables import read_table, write_table
from healthml.cleaning._record.record import CleaningRecord, Retyped, write_cells


class CellCleaner(TransformerMixin, BaseEstimator):
    """Base of the cleaning transformers: learns on fit only, keeps every row, leaves a record.

    A transformer says in ``_learn(frame, y)`` what it takes from the training rows, and yields in
    ``_changes(frame)`` what it would do to a table, one row judged like a thousand: `Change` for
    cells, `Retyped` for a column in another form or a new one (named in ``_added()``).

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
        return self._write(self._fit(X, y), X)

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
        return self._write(self._apply(self._read(X, reset=False)), X)

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
        ledger = self.__dict__.get("_ledger_")
        if not ledger:
            raise AttributeError(f"{type(self).__name__} has no record_ yet; call fit first.")
        return ledger["record"]

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
        """Take from the training rows what `_changes` needs."""

    def _changes(self, frame):
        """Yield `Change` and `Retyped`; `frame` is never edited."""
        raise NotImplementedError

    def _added(self):
        """Return the names of new columns, known since fit."""
        return []

    def _fit(self, X, y):
        frame = self._read(X, reset=True)
        self._ledger_ = {}
        self._learn(frame, y)
        cleaned = self._apply(frame)
        self.fit_counts_ = self.record_.counts()
        self.n_rows_fit_ = len(frame)
        return cleaned

    def _apply(self, frame):
        """Return the cleaned frame and put its record into the ledger."""
        out = frame.copy(deep=False)
        record = CleaningRecord(frame.index)
        for step in self._changes(frame):
            perform(out, step, record)
        self._ledger_["record"] = record
        return out

    def _read(self, X, *, reset):
        """Return the table as pandas; the frame that came in is never edited."""
        return read_table(self, X, reset=reset)

    def _write(self, frame, original):
        """Return a cleaned pandas frame as the kind of table that came in."""
        return write_table(frame, original, self.record_.originals)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def perform(frame, step, record):
    """Carry out one step on a shallow copy of a table and note it in the record.

    Parameters
    ----------
    frame : pandas.DataFrame
        Shallow copy of the table; its columns are replaced, never edited.
    step : Change or Retyped
        What to do. A change of no cell is passed over.
    record : CleaningRecord
        Where it is noted.
    """
    if isinstance(step, Retyped):
        if not step.added:
            record.originals.setdefault(step.column, frame[step.column])
        record.steps.append(step)
        frame[step.column] = step.values.set_axis(frame.index)
        return
    if len(step.rows) == 0:
        return
    series, rows = frame[step.column], np.asarray(step.rows, dtype=np.int64)
    record.steps.append(replace(step, rows=rows, old=series.iloc[rows].tolist()))
    if step.new is not None:
        record.originals.setdefault(step.column, series)
        frame[step.column] = write_cells(series, rows, step.new)
