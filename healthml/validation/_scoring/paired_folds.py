"""Differences between two procedures, or sizes, that were judged in the same folds."""

from typing import NamedTuple

import numpy as np
from scipy.stats import t

from healthml._core._numerics import cluster_variance
from healthml._core._paired import freedom, paired_training


class Difference(NamedTuple):
    """A paired difference; made by `difference`."""

    estimate: float
    se: float
    freedom: float

    def ends(self, tail):
        """Return lower and upper end that leave out `tail` on either side."""
        half = t.isf(tail, self.freedom) * self.se
        return self.estimate - half, self.estimate + half


METHOD = "paired, t: influence of each patient, and variance over refitted models"


def difference(first, second, measure, *, on_average=False):
    """Return the difference of a measure between two scores of the same folds.

    Its variance has the two parts that the interval of one measure has: which patients judge, from
    each patient's influence on the difference; and which model the procedure happened to give, from
    the differences between repeats.

    Parameters
    ----------
    first, second : FoldScores
        Of the same rows in the same folds.
    measure : str
        What is compared.
    on_average : bool, default=False
        Whether the difference is meant between the models that the procedures give on average,
        for which the mean over the repeats is enough, not between those fitted on all rows. It
        has no interval with one repeat.

    Returns
    -------
    Difference
        First minus second.
    """
    groups = first.task.groups
    moved = first.influence(measure) - second.influence(measure)
    repeats = first.by_repeat(measure) - second.by_repeat(measure)
    if on_average:
        seen = repeats[np.isfinite(repeats)]
        training = seen.var(ddof=1) / len(seen) if len(seen) > 1 else np.nan
    else:
        share = (first.fold >= 0).any(axis=0).mean()
        training = paired_training(repeats, cluster_variance(moved, groups) * share)
    variance = cluster_variance(moved, groups) + training
    by_patient = moved if groups is None else np.bincount(groups, moved)
    estimate = first.estimate(measure) - second.estimate(measure)
    return Difference(estimate, float(np.sqrt(variance)), freedom(by_patient))
