"""Sums over the rows of every group, and how they vary with the patients: counted once."""

from dataclasses import dataclass

import numpy as np

from healthml.fairness._sums.ratios import COLUMNS

_N_CELLS = 4  # tp, fp, fn, tn come first among the columns


@dataclass(frozen=True)
class GroupSums:
    """Sums of the columns in each group, and of their products over patients.

    Parameters
    ----------
    names : ndarray of str, shape (n_groups,)
        The groups.
    sums : ndarray of shape (n_groups, n_columns)
        Sums of tp, fp, fn, tn, risk, squared error and benefit, weighted.
    gram : ndarray of shape (n_groups, n_columns, n_groups, n_columns) or \
            (n_groups, n_columns, n_columns)
        Sum over patients of the products of their sums; the short form where no patient is in
        two groups.
    n_samples, n_events, n_patients : ndarray of int, shape (n_groups,)
        Rows, rows with the event and patients of each group.
    independent : bool
        Whether every row is a patient of its own, without weights: counts are binomial.
    total_patients : int
        Patients in all groups together.
    n_others : ndarray of int, shape (n_groups,)
        Patients with rows outside of each group.
    """

    names: np.ndarray
    sums: np.ndarray
    gram: np.ndarray
    n_samples: np.ndarray
    n_events: np.ndarray
    n_patients: np.ndarray
    independent: bool
    total_patients: int
    n_others: np.ndarray

    def rest(self):
        """Return the sums of everybody else, one row for each group."""
        return self.sums.sum(axis=0) - self.sums

    def covariance(self, gradient):
        """Return the covariance between groups of estimates with gradients (n_groups, n_columns).

        The factor of `cluster_variance` is that of the patients of each group.
        """
        gradient = np.nan_to_num(gradient)
        factor = np.sqrt(_factor(self.n_patients))
        if self.gram.ndim == 3:
            return np.diag(np.einsum("kj,kjl,kl->k", gradient, self.gram, gradient) * factor**2)
        products = np.einsum("kj,kjml,ml->km", gradient, self.gram, gradient)
        return products * np.outer(factor, factor)

    def rest_variance(self, own, rest):
        """Return the variances of everybody else, and their covariances with the group."""
        own, rest = np.nan_to_num(own), np.nan_to_num(rest)
        factor = _factor(self.n_others)
        if self.gram.ndim == 3:
            left = self.gram.sum(axis=0) - self.gram
            return np.einsum("kj,kjl,kl->k", rest, left, rest) * factor, np.zeros(len(own))
        to_all = self.gram.sum(axis=2)
        own_gram = np.einsum("kjkl->kjl", self.gram)
        left = to_all.sum(axis=0) - to_all - np.swapaxes(to_all, 1, 2) + own_gram
        shared = np.einsum("kj,kjl,kl->k", own, to_all - own_gram, rest)
        return np.einsum("kj,kjl,kl->k", rest, left, rest) * factor, shared


def _factor(n):
    n = np.asarray(n, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n > 1, n / (n - 1), np.nan)


def confusion_cells(y, risk, threshold):
    """Return the confusion cell of each row: 0 tp, 1 fp, 2 fn, 3 tn; nobody flagged without one."""
    flagged = np.zeros(len(y), bool) if threshold is None else risk >= threshold
    return (2 * ~flagged + (y == 0)).astype(np.int8)


def sums_of_rows(names, codes, y, columns, *, weight=None, patient=None):
    """Return the sums of every group.

    Parameters
    ----------
    names : ndarray of str
        The groups.
    codes : ndarray of int of shape (n_samples,)
        Group of each row, from 0.
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    columns : dict of str to ndarray
        "cell" (0 to 3), or the four cells by name where they are fractions, and "risk", "square",
        "benefit" as far as they are wanted.
    weight : ndarray of shape (n_samples,), optional
        Sampling weights.
    patient : ndarray of int of shape (n_samples,), optional
        Patient of each row.

    Returns
    -------
    GroupSums
    """
    rows = _Rows(len(names), codes, columns, weight)
    n = np.bincount(codes, minlength=rows.n_groups)
    events = np.bincount(codes, y, rows.n_groups).astype(np.int64)
    if patient is None:
        gram, patients, others, total = rows.gram(), n, len(codes) - n, len(codes)
    else:
        gram, patients, others, total = rows.gram_of_patients(patient)
    independent = weight is None and patient is None
    return GroupSums(names, rows.sums(), gram, n, events, patients, independent, total, others)


class _Rows:
    """Columns of the rows, added up by group and by patient."""

    def __init__(self, n_groups, codes, columns, weight):
        self.n_groups, self.codes, self.weight = n_groups, codes, weight
        columns = dict(columns)
        self.cell = columns.pop("cell", None)
        self.columns = {COLUMNS.index(name): values for name, values in columns.items()}
        if self.cell is not None:
            self.joint = codes * _N_CELLS + self.cell
        self.n_columns = len(COLUMNS)

    def sums(self):
        sums = np.zeros((self.n_groups, self.n_columns))
        if self.cell is not None:
            sums[:, :_N_CELLS] = self._by_cell(self.weight)
        for place, values in self.columns.items():
            sums[:, place] = np.bincount(self.codes, _times(values, self.weight), self.n_groups)
        return sums

    def gram(self):
        """Return the sums of products where every row is a patient of its own."""
        gram = np.zeros((self.n_groups, self.n_columns, self.n_columns))
        squared = None if self.weight is None else self.weight**2
        if self.cell is not None:
            own = np.arange(_N_CELLS)
            gram[:, own, own] = self._by_cell(squared)
        for place, values in self.columns.items():
            weighed = _times(values, squared)
            if self.cell is not None:
                gram[:, :_N_CELLS, place] = gram[:, place, :_N_CELLS] = self._by_cell(weighed)
            for other, others in self.columns.items():
                if other >= place:
                    product = np.bincount(self.codes, weighed * others, self.n_groups)
                    gram[:, place, other] = gram[:, other, place] = product
        return gram

    def gram_of_patients(self, patient):
        """Return products of patients' sums, patients inside and outside of groups, and all."""
        from scipy import sparse

        n, size = len(self.codes), self.n_groups * self.n_columns
        base, entries = self.codes * self.n_columns, []
        if self.cell is not None:
            values = np.ones(n) if self.weight is None else self.weight
            entries.append((base + self.cell, values))
        entries += [(base + place, _times(v, self.weight)) for place, v in self.columns.items()]
        places = np.concatenate([place for place, _ in entries])
        values = np.concatenate([value for _, value in entries])
        row = np.tile(patient, len(entries))
        shape = (int(patient.max()) + 1, size)
        table = sparse.csr_array((values, (row, places)), shape=shape)
        gram = (table.T @ table).toarray().reshape((self.n_groups, self.n_columns) * 2)
        member = sparse.csr_array((np.ones(n), (patient, self.codes)), (shape[0], self.n_groups))
        patients = np.bincount(member.indices, minlength=self.n_groups)
        n_of = np.diff(member.indptr)  # groups of each patient
        total = int((n_of > 0).sum())
        only = member.indices[np.repeat(n_of, n_of) == 1]
        others = total - np.bincount(only, minlength=self.n_groups)
        return gram, patients, others, total

    def _by_cell(self, values):
        counts = np.bincount(self.joint, values, self.n_groups * _N_CELLS)
        return counts.reshape(self.n_groups, _N_CELLS)


def _times(values, weight):
    return values if weight is None else values * weight
