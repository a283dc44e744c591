"""What a simulated cohort consists of, and what is known to be true about it."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml.schema import Schema


@dataclass(frozen=True, repr=False, eq=False)
class Truth:
    """The truth behind a simulated cohort; all arrays and tables are in the order of its rows.

    Parameters
    ----------
    risk : ndarray of shape (n_rows,)
        True risk of each row, 0 for encounters in which the outcome cannot happen.
    event : ndarray of shape (n_rows,)
        Outcome that happened, 0/1; differs from the recorded one only under `label_bias` and
        `label_noise`.
    prevalence, auc : float
        Prevalence and AUC of the true risk in the simulated population, before `ineligible`.
    intercept : float
        Intercept of the true log-odds, which are ``intercept + columns x coefficients``, plus the
        patient effect and, under `risk_gap` and `site_shift`, the effect of group and site.
    coefficients : dict of str to float
        Log-odds per unit of a clean column, or of a level as "column=level"; columns not listed
        have no effect.
    defects : dict of str to float
        Strength of each defect in the table.
    masks : dict of str to DataFrame
        For each defect a boolean table shaped like ``Cohort.to_frame()``: the cells whose content
        is due to the defect. A cell in no mask is as in the clean table, or stands where it
        belongs in the column that `swaps` adds.
    source_row : ndarray of shape (n_rows,)
        Position of the row in the clean table that this row is or copies.
    origin : ndarray of shape (n_rows,)
        "original", or the defect that appended the row.
    clean : DataFrame
        The table before any defect.
    """

    risk: np.ndarray
    event: np.ndarray
    prevalence: float
    auc: float
    intercept: float
    coefficients: dict
    defects: dict
    masks: dict
    source_row: np.ndarray
    origin: np.ndarray
    clean: pd.DataFrame

    def rows(self, defect):
        """Return for each row whether the defect changed any cell of it."""
        return self.masks[defect].to_numpy().any(axis=1)

    def columns(self, defect):
        """Return the names of the columns with a cell changed by the defect."""
        mask = self.masks[defect]
        return mask.columns[mask.to_numpy().any(axis=0)].tolist()

    def __repr__(self):
        """Return counts only."""
        return (
            f"Truth(prevalence={self.prevalence:.3f}, auc={self.auc:.3f}, "
            f"defects={list(self.defects)})"
        )


@dataclass(frozen=True, repr=False, eq=False)
class Cohort:
    """A simulated table with its roles taken apart, and the truth behind it.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        Predictors, as ``schema.split(cohort.to_frame()).X`` gives them: site, year and sensitive
        columns are among them, the patient and the outcome are not.
    y : Series of shape (n_rows,)
        Recorded outcome, 0/1.
    groups : Series of shape (n_rows,)
        Patient of each row.
    time : Series of shape (n_rows,)
        Calendar year of the encounter.
    site : Series of shape (n_rows,)
        Hospital of the encounter.
    sensitive : DataFrame of shape (n_rows, 2)
        Sex and ethnicity.
    schema : healthml.Schema
        Declares these roles in the table of ``to_frame()``.
    truth : Truth
        What is known to be true.
    """

    X: pd.DataFrame
    y: pd.Series
    groups: pd.Series
    time: pd.Series
    site: pd.Series
    sensitive: pd.DataFrame
    schema: Schema
    truth: Truth
    _table: pd.DataFrame = field(repr=False)

    def to_frame(self):
        """Return one table with predictors, outcome, patient, site, year and sensitive columns."""
        return self._table.copy()

    def __repr__(self):
        """Return counts only."""
        return (
            f"Cohort({len(self.y)} rows, {self.groups.nunique()} patients, "
            f"{int(self.y.sum())} events, defects={list(self.truth.defects)})"
        )
