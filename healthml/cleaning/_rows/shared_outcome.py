"""Columns that number stays: several rows of one patient, all with one outcome."""

import numpy as np
import pandas as pd

_SURE = 0.001  # chance that sets of rows agree because patients hardly change; by judgement
_FEWEST_SETS = 20  # sets of several rows, below which agreement says nothing; by judgement
_LEAST_DISTINCT = 0.2  # of the rows, as a column that numbers stays has; by judgement


def stay_columns(frame, groups, y):
    """Find columns whose values mark sets of rows that share the outcome.

    As (column, sets of several rows, rows in them), the most sets first. Without the patient of
    each row nothing is found.
    """
    if groups is None:
        return []
    stays = [hit for name in frame.columns if (hit := _stays(frame[name], groups, y)) is not None]
    return sorted(stays, key=lambda hit: -hit[1])


def _stays(column, groups, y):
    if column.dtype.kind == "f" or column.isna().any():
        return None
    codes = pd.factorize(column)[0]
    counts = np.bincount(codes)
    several = counts > 1
    few = several.sum() < _FEWEST_SETS or counts.size < _LEAST_DISTINCT * len(y)
    if few or np.array_equal(codes, groups):
        return None
    if len(np.unique(np.column_stack([codes, groups]), axis=0)) != counts.size:
        return None  # a value is shared by two patients: no stay
    events = np.bincount(codes, y)
    if np.any((events > 0) & (events < counts)):
        return None
    patient_events, patient_rows = np.bincount(groups, y), np.bincount(groups)
    repeat = patient_rows > 1
    mixed = np.mean((patient_events > 0) & (patient_events < patient_rows), where=repeat)
    if (1 - mixed) ** int(several.sum()) > _SURE:
        return None  # patients hardly ever change outcome: agreement says nothing
    return column.name, int(several.sum()), int(counts[several].sum())
