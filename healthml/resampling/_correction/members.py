"""Carry a correction from the mean of a row's judges to the mean of all members."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from sklearn.utils import check_random_state

from healthml._core._numerics import fit_logistic
from healthml._core._recalibration import Recalibration

_FAR = 30.0  # log odds within which the shift that meets the prevalence is looked for

# Random halvings of the judges. By judgement: the halves of one are the same rows' outcomes seen
# twice, so that more of them take little noise away.
_HALVINGS = 5


@dataclass(frozen=True)
class Stretched:
    """A correction of log odds that are stretched about a centre, and shifted, before it."""

    correction: object
    centre: float
    stretch: float
    shift: float

    def __call__(self, logit):
        """Return the risks of log odds."""
        moved = self.centre + self.stretch * (np.asarray(logit, dtype=float) - self.centre)
        return self.correction(moved + self.shift)


def for_all_members(correction, judges, event, weight=None, seed=None):
    """Return the correction for the mean of all members.

    A row left out is judged by half of the members, and the mean of half of them is noisier than
    the mean of all that new patients get. Noise flattens the slope of what is regressed on it, so
    the correction of the half is too flat for the whole: by 1 to 3 in 100 with 40 members, by more
    with fewer (the simulation in the guide). By how much is extrapolated [1]_: the inverse slope
    grows with one over the number of judges, and is seen for all judges of a row and for halves of
    them.

    Parameters
    ----------
    correction : callable
        Fitted on the mean of the judges.
    judges : ndarray of shape (n_judges, n_samples)
        Log odds by the members that a row took no part in, half of all.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    weight : ndarray of shape (n_samples,), optional
        Weight of each row.
    seed : int, optional
        Which judges are halved.

    Returns
    -------
    callable
        Log odds in, risks out; the mean risk of new patients is the event rate.

    References
    ----------
    .. [1] Cook JR, Stefanski LA. Simulation-extrapolation estimation in parametric measurement
       error models. J Am Stat Assoc. 1994;89:1314-1328.
    """
    weight = np.ones(len(event)) if weight is None else weight
    kept = _kept_slope(judges, event, weight, seed)
    if kept is None:
        return correction
    logit = judges.mean(axis=0)
    centre, like_new = _narrower(logit, judges.var(axis=0, ddof=1) / (2 * len(judges)), weight)
    rate = np.average(event, weights=weight)

    def excess(shift):
        moved = Stretched(correction, centre, 1 / kept, shift)
        return np.average(moved(like_new), weights=weight) - rate

    if not excess(-_FAR) < 0 < excess(_FAR):
        return correction
    stretched = Stretched(correction, centre, 1 / kept, float(brentq(excess, -_FAR, _FAR)))
    return _plain(stretched) if isinstance(correction, Recalibration) else stretched


def _kept_slope(judges, event, weight, seed):
    """Return the slope of the mean of the judges over that of all members, or None."""
    n_judges, rng = len(judges), check_random_state(seed)
    whole = _slope(judges, event, weight)
    if n_judges < 2 or not whole > 0:
        return None
    halves = []
    for _ in range(_HALVINGS):
        order = rng.permutation(n_judges)
        halves += [order[: n_judges // 2], order[n_judges // 2 :]]
    slope = np.mean([_slope(judges[half], event, weight) for half in halves])
    if not slope > 0:
        return None
    growth = (1 / slope - 1 / whole) / (np.mean([1 / len(h) for h in halves]) - 1 / n_judges)
    # all that varies is noise at the most, and of that one half is left
    return float(np.clip(1 - whole * growth / (2 * n_judges), 0.5, 1))


def _slope(judges, event, weight):
    """Return the calibration slope of the mean log odds; missing where it has none."""
    logit = judges.mean(axis=0)
    if np.ptp(logit[weight > 0]) < 1e-8:
        return np.nan
    fit = fit_logistic(logit, event, weight=weight)
    return np.nan if fit.separated else fit.coef[1]


def _narrower(logit, noise, weight):
    """Return the mean of log odds, and them moved towards it as far as their noise goes."""
    centre = np.average(logit, weights=weight)
    spread = np.average((logit - centre) ** 2, weights=weight)
    left = max(1 - np.average(noise, weights=weight) / spread, 0.5)
    return float(centre), centre + np.sqrt(left) * (logit - centre)


def _plain(fit):
    """Return intercept and slope of a stretched logistic recalibration."""
    intercept, slope = fit.correction
    moved = fit.centre * (1 - fit.stretch) + fit.shift
    return Recalibration(float(intercept + slope * moved), float(slope * fit.stretch))
