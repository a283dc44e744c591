"""The partitions of the rows that are judged: by feature, by crossed features, within strata."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from healthml._core._release import MIN_COUNT
from healthml._core._tables import sensitive_frame
from healthml.exceptions import InputError
from healthml.fairness._attributes.bands import MOST_LEVELS, band_codes

POOLED = "(small groups)"
JOINT = "|"  # between the features, and the levels, of a crossing


@dataclass(frozen=True)
class Partition:
    """Rows divided into groups by one feature, or by several crossed.

    Parameters
    ----------
    feature : str
        Its name, or the names of crossed features with ``|`` between them.
    control : str
        Stratum of the control features inside which groups are compared; "" for all rows.
    names : ndarray of str, shape (n_groups,)
        Names of the groups, sorted.
    codes : ndarray of int, shape (n_samples,)
        Group of each row; -1 for rows outside of the stratum or not used.
    pooled : tuple of str
        Crossed groups that were joined because they are small.
    """

    feature: str
    control: str
    names: np.ndarray
    codes: np.ndarray
    pooled: tuple = ()

    def of_rows(self, rows):
        """Return the same partition of a selection or a repetition of rows."""
        same = np.array_equal(rows, np.arange(len(self.codes)))
        return self if same else replace(self, codes=self.codes[rows])

    def of_used(self, used):
        """Return the partition of the rows that are used, without groups that have none."""
        if used.all():
            return self
        return _compact(replace(self, codes=np.where(used, self.codes, -1)))


def find_partitions(features, n, *, crossed=False, control=None, patient=None, pool_below=11):
    """Return the partitions of a table of sensitive features.

    Crossed groups of fewer patients than `pool_below` are joined inside their level of the first
    feature ("female|(small groups)"); what is still small then becomes "(small groups)".

    Parameters
    ----------
    features : DataFrame, Series, dict or array-like
        Sensitive features, one row for each of the `n` rows.
    n : int
        Number of rows.
    crossed : bool or list of tuple of str, default=False
        Which features to cross: True for all pairs.
    control : DataFrame, Series, dict or array-like, optional
        Groups are compared inside each of its (crossed) levels.
    patient : ndarray of int, optional
        Patient of each row, as codes.
    pool_below : int, default=11
        Patients below which crossed groups are pooled; 1 pools none.

    Returns
    -------
    list of Partition
    """
    frame = sensitive_frame(features, n)
    if not frame.shape[1]:
        raise InputError("sensitive_features has no column; pass at least one.")
    patient = np.arange(n) if patient is None else patient
    single = {str(name): _checked(frame[name], patient) for name in frame.columns}
    partitions = [Partition(name, "", *bands) for name, bands in single.items()]
    for names in _crossings(crossed, list(single)):
        parts = [single[name] for name in names]
        crossing = Partition(JOINT.join(names), "", *_cross(parts))
        partitions.append(_pool(crossing, parts[0], patient, pool_below))
    if control is None:
        return partitions
    strata = sensitive_frame(control, n)
    levels, of = _cross([_checked(strata[name], patient) for name in strata.columns])
    return [
        _compact(replace(part, control=str(level), codes=np.where(of == k, part.codes, -1)))
        for part in partitions
        for k, level in enumerate(levels)
    ]


def _checked(column, patient):
    """Return names and codes of a feature; a column of identifiers or amounts is refused."""
    names, codes = band_codes(column)
    if len(names) > MOST_LEVELS:
        refuse_identifiers(column.name, names, len(np.unique(patient)))
    return names, codes


def refuse_identifiers(feature, names, n_patients):
    """Refuse groups so many that a group has hardly a patient."""
    if len(names) > MOST_LEVELS and n_patients < MIN_COUNT * len(names):
        raise InputError(
            f"{feature} has {len(names)} levels for {n_patients} patients, fewer than "
            f"{MIN_COUNT} in each on average: that is an identifier, or a number as text. Pass "
            "numbers, which are cut into bands, or join levels; for a curve along a number use "
            "performance_along."
        )


def _crossings(crossed, names):
    if isinstance(crossed, bool):
        return list(combinations(names, 2)) if crossed else []
    for features in crossed:
        unknown = [name for name in features if name not in names]
        if unknown or len(features) < 2 or isinstance(features, str):
            raise InputError(
                f"crossed has {features!r}; pass tuples of two or more of the sensitive features "
                f"({', '.join(names)}), or True for all pairs."
            )
    return [tuple(features) for features in crossed]


def _cross(parts):
    """Return names and codes of the combinations that occur."""
    names, codes = parts[0]
    for other, place in parts[1:]:
        joint = codes * len(other) + place
        kept, codes = np.unique(joint, return_inverse=True)
        names = np.array([f"{names[k // len(other)]}{JOINT}{other[k % len(other)]}" for k in kept])
    return names, codes


def _pool(crossing, first, patient, pool_below):
    """Join small crossed groups inside their level of the first feature, then all that are left."""
    small = _patients(crossing, patient) < pool_below
    if small.sum() == 0:
        return crossing
    pooled = tuple(str(name) for name in crossing.names[small])
    labels = crossing.names.astype(object)[crossing.codes]
    rows = small[crossing.codes]
    labels[rows] = [f"{level}{JOINT}{POOLED}" for level in first[0][first[1][rows]]]
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    joined = replace(crossing, names=names, codes=codes, pooled=pooled)
    still = (_patients(joined, patient) < pool_below) & np.char.endswith(names, POOLED)
    if not still.any():
        return joined
    labels = np.where(still[codes], POOLED, names[codes])
    names, codes = np.unique(labels, return_inverse=True)
    return replace(joined, names=names, codes=codes)


def _patients(partition, patient):
    pairs = np.unique(np.column_stack([partition.codes, patient]), axis=0)
    return np.bincount(pairs[:, 0], minlength=len(partition.names))


def _compact(partition):
    """Leave out groups that no row of the stratum belongs to."""
    kept, codes = np.unique(partition.codes[partition.codes >= 0], return_inverse=True)
    all_codes = np.full(len(partition.codes), -1)
    all_codes[partition.codes >= 0] = codes
    return replace(partition, names=partition.names[kept], codes=all_codes)
