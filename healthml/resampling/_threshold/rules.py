"""From a rule to a threshold, on risks that were predicted out of fold."""

from numbers import Real

import numpy as np
from scipy.stats import beta
from sklearn.utils import check_random_state

from healthml._core._numerics import cluster_variance
from healthml.exceptions import InputError

RULES = ("net_benefit", "harm", "capacity", "sensitivity")

_LEVEL = 0.95  # one-sided, of the limit of sensitivity
_REDRAWS = 200  # of patients, behind a limit after a choice; fewer make it noisy, more cost time
# Sensitivities this far around the one required, at so many cuts, tell how much patients repeat; at
# the limits nearly all events lie on one side of the cut and tell nothing. Chosen by judgement, not
# by simulation; a narrower window lets the chance of single cuts decide.
_WINDOW = 0.15
_N_CUTS = 15  # cuts in the window
_LOWEST, _HIGHEST = 0.05, 0.995  # sensitivities at the ends of the widest window


def check_value(rule, value):
    """Return the value of a rule as a number, a pair (alerts, patients) as alerts per 1,000."""
    if rule not in RULES:
        raise InputError(f"rule is {rule!r}; pass one of {', '.join(map(repr, RULES))}.")
    given = value
    if rule == "capacity" and isinstance(value, tuple | list) and len(value) == 2:
        numbers = all(isinstance(part, Real) and not isinstance(part, bool) for part in value)
        value = 1000 * value[0] / value[1] if numbers and value[1] > 0 else np.nan
    number = isinstance(value, Real) and not isinstance(value, bool)
    most = {"harm": np.inf, "capacity": 1000}.get(rule, 1)
    if not number or not 0 < value < most:
        meaning = {
            "net_benefit": "the threshold probability at which treating and not treating are worth "
            "the same, between 0 and 1",
            "harm": "the harm of a false alarm in units of the benefit of a true one, above 0",
            "capacity": "alerts per 1,000 patients, or a pair (alerts, patients)",
            "sensitivity": "the sensitivity required, between 0 and 1",
        }[rule]
        raise InputError(f"value is {given!r}; with rule={rule!r} pass {meaning}.")
    return float(value)


def choose(rule, value, event, risk, groups=None):
    """Return the threshold that a rule gives on these rows."""
    if rule == "harm":
        return value / (1 + value)
    if rule == "net_benefit":
        return _best_net_benefit(value, event, risk)
    if rule == "capacity":
        return _within_capacity(value, risk)
    return _sensitive_enough(value, event, risk, groups)


def _best_net_benefit(exchange, event, risk):
    """Return the cut of the largest net benefit, the one nearest to the exchange rate of equals.

    To alarm for nobody is a cut too, and the best one where every other has a net benefit below 0.
    """
    order = np.argsort(-risk, kind="stable")
    gain = np.cumsum(np.where(event[order] == 1, 1.0, -exchange / (1 - exchange)))
    last = np.append(np.diff(risk[order]) < 0, True)  # rows of one risk are alarmed together
    nobody = max(exchange, np.nextafter(risk.max(), 2))
    cuts, gain = np.append(risk[order][last], nobody), np.append(gain[last], 0.0)
    best = cuts[gain >= gain.max() - 1e-9]
    return float(best[np.argmin(np.abs(best - exchange))])


def _within_capacity(per_1000, risk):
    """Return the lowest cut that alarms for no more than a share of the rows."""
    n_alerts = int(np.floor(per_1000 / 1000 * len(risk) + 1e-9))
    if n_alerts < 1:
        raise InputError(
            f"value allows {per_1000:g} alerts per 1,000, less than one in the {len(risk)} rows; "
            "choose the threshold on more rows."
        )
    ordered = np.sort(risk)[::-1]
    cut = ordered[n_alerts - 1]
    if n_alerts < len(risk) and ordered[n_alerts] == cut:  # equal risks beyond the capacity
        above = ordered[ordered > cut]
        return float(above[-1]) if len(above) else float(np.nextafter(cut, 2))
    return float(cut)


def _sensitive_enough(required, event, risk, groups):
    """Return the highest cut whose lower limit of sensitivity is what is required."""
    own = np.sort(risk[event == 1])
    cuts = np.unique(own)
    n_found = len(own) - np.searchsorted(own, cuts, side="left")
    effect = design_effect(required, event, risk, groups)
    enough = lower_limit(n_found, len(own), effect) >= required
    if not enough.any():
        raise InputError(
            f"{len(own)} events are too few to show a sensitivity of {required:g} at any threshold "
            f"with {_LEVEL:.0%} confidence; require less, or collect more events."
        )
    return float(cuts[enough].max())


def lower_limit(n_found, n_events, effect=1.0):
    """Return the one-sided lower limit of sensitivity.

    At a cut that is itself the risk of an event, Clopper and Pearson's limit is exact: the share of
    the population's events above the k-th smallest of n has the Beta(n - k + 1, k) distribution.
    With repeated patients the number of events is divided by the design effect.
    """
    n_found, n_events = np.asarray(n_found) / effect, n_events / effect
    return beta.ppf(1 - _LEVEL, n_found, n_events - n_found + 1)


def optimism_of_choice(exchange, event, risk, groups, seed):
    """Return by how much sensitivity may look too high at the cut of the largest net benefit.

    That cut suits the rows it was chosen on. Patients are redrawn [1]_ and the cut is chosen on
    them, which tells the cuts that might have been chosen; the limit is that of a band which holds
    at all of these together, so that it holds at the one that was.

    References
    ----------
    .. [1] Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall; 1993.
    """
    order = np.argsort(-risk, kind="stable")
    last = np.flatnonzero(np.append(np.diff(risk[order]) < 0, True))
    y = event[order] == 1
    gain = np.where(y, 1.0, -exchange / (1 - exchange))
    people = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    chosen = [np.cumsum(weight * gain)[last].argmax() for weight in _redrawn(people[order], seed)]
    first, past = np.quantile(chosen, [0.005, 0.995]).astype(int) + np.array([0, 1])
    found = np.cumsum(y)[last][first:past] / y.sum()
    highest = [0.0]
    for weight in _redrawn(people[order], seed):
        events = np.cumsum(weight * y)
        if events[-1]:
            highest.append((events[last][first:past] / events[-1] - found).max())
    return float(np.quantile(highest, _LEVEL))


def _redrawn(people, seed):
    """Yield how often each row is in a sample of patients drawn with replacement."""
    rng, n = check_random_state(seed), people.max() + 1
    for _ in range(_REDRAWS):
        yield np.bincount(rng.randint(n, size=n), minlength=n)[people]


def design_effect(required, event, risk, groups):
    """Return how many times the variance of sensitivity is larger for patients than for rows.

    Averaged over cuts around the required sensitivity, so that the chance of one cut does not
    decide which is chosen; never below 1.
    """
    if groups is None:
        return 1.0
    own, patients = risk[event == 1], groups[event == 1]
    low, high = max(required - _WINDOW, _LOWEST), min(required + _WINDOW, _HIGHEST)
    shares = np.linspace(low, high, _N_CUTS)
    by_patient, by_row = 0.0, 0.0
    for cut in np.quantile(own, 1 - shares):
        above = (own >= cut).astype(float)
        by_patient += cluster_variance((above - above.mean()) / len(own), patients)
        by_row += above.mean() * (1 - above.mean()) / (len(own) - 1)
    return float(max(by_patient / by_row, 1.0)) if by_row > 0 else 1.0
