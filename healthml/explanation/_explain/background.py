"""The rows that an explanation compares with: one of each patient, never the patient's own."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._checks import check_groups
from healthml.exceptions import InputError


@dataclass(frozen=True)
class Background:
    """Chosen background rows.

    Parameters
    ----------
    rows : ndarray of int of shape (n_background,)
        Positions in the table that was given.
    own : ndarray of int of shape (n_samples,)
        For each explained row the chosen row of the same patient, -1 where there is none.
    n_given, n_patients : int
        Rows and patients of the table that was given.
    """

    rows: np.ndarray
    own: np.ndarray
    n_given: int
    n_patients: int


def choose_background(n_given, groups, background_groups, n_rows, most, random):
    """Return background rows: one of each patient, at most `most`, drawn at random."""
    if (groups is None) != (background_groups is None):
        raise InputError(
            "groups and background_groups go together: the patient of each explained row and of "
            "each background row, so that nobody is compared with an own visit."
        )
    chosen = random.permutation(n_given)
    if groups is None:
        own, n_patients = np.full(n_rows, -1), n_given
        rows = np.sort(chosen[:most])
    else:
        patient = _patients(groups, n_rows, background_groups, n_given)
        explained, other = patient[:n_rows], patient[n_rows:]
        chosen = chosen[np.sort(np.unique(other[chosen], return_index=True)[1])]
        n_patients = len(chosen)
        rows = np.sort(chosen[:most])
        place = {code: k for k, code in enumerate(other[rows])}
        own = np.array([place.get(code, -1) for code in explained], dtype=np.int64)
    if len(rows) - (own >= 0).any() < 2:
        raise InputError(
            f"background leaves {len(rows)} rows of other patients; pass training rows of at least "
            "2 other patients, better of 500."
        )
    return Background(rows, own, n_given, n_patients)


def _patients(groups, n_rows, background_groups, n_given):
    check_groups(groups, n_rows)
    check_groups(background_groups, n_given, name="background_groups")
    both = pd.concat([pd.Series(np.asarray(groups)), pd.Series(np.asarray(background_groups))])
    kinds = {
        pd.api.types.infer_dtype(np.asarray(g), skipna=True) for g in (groups, background_groups)
    }
    if len(kinds) > 1 and "string" in kinds:
        raise InputError(
            "groups and background_groups are of different kinds (text and numbers), so that no "
            "patient would be found in both; give both in one kind."
        )
    return pd.factorize(both)[0]


def batches(n_background, n_batches, random):
    """Return a batch for each background row, the batches as even as they can be."""
    n_batches = min(n_batches, n_background)
    return random.permutation(np.arange(n_background) % n_batches)
