"""Which patients a member is fitted on and which it is judged on."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from healthml._core._checks import check_patient_cv, patient_folds, scarce_folds
from healthml.exceptions import InputError


def fold_pairs(cv, X, event, groups, seed):
    """Return (train, test) positions: shuffled folds of whole patients for a number of folds."""
    if cv is None or isinstance(cv, Integral):
        return patient_folds(cv, event, groups, seed)
    splitter = check_patient_cv(cv, event, groups)
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in splitter.split(X, event, groups)]
    if groups is not None:
        for number, (train, test) in enumerate(pairs):
            if np.intersect1d(groups[train], groups[test]).size:
                raise InputError(
                    f"cv puts patients on both sides of split {number}; pass a number of folds or "
                    "a splitter that keeps the patients of groups together."
                )
    return pairs


def half_samples(event, groups, n_members, seed):
    """Return pairs (half, other half) of the patients' rows, the halves of a draw in turn.

    Patients with the event are halved apart from those without, so that each half has as many
    events as the other. Drawn as complementary pairs, every row is out of exactly half of the
    members [1]_.

    References
    ----------
    .. [1] Shah RD, Samworth RJ. Variable selection with error control: another look at stability
       selection. J R Stat Soc B. 2013;75:55-80.
    """
    scarce_folds(2, event, groups)  # refuses what no way of leaving patients out can mend
    units = np.arange(len(event)) if groups is None else groups
    strata = (np.bincount(units, event) > 0).astype(int)
    rng, pairs = check_random_state(seed), []
    for _ in range(n_members // 2):
        first = _half(strata, rng)[units]
        rows = np.flatnonzero(first), np.flatnonzero(~first)
        if min(np.ptp(event[half]) for half in rows) == 0:
            raise InputError(
                "A half of the patients has one class of outcome only; pass ensemble='single', or "
                "more patients with and without the event."
            )
        pairs += [rows, rows[::-1]]
    return pairs


def _half(strata, rng):
    """Draw half of the units of each stratum; an odd one out goes to either side by chance."""
    taken = np.zeros(len(strata), dtype=bool)
    for level in (0, 1):
        members = rng.permutation(np.flatnonzero(strata == level))
        taken[members[: (len(members) + rng.randint(2)) // 2]] = True
    return taken
