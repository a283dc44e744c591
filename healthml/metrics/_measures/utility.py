"""What are decisions by the risks worth to patients? Net benefit and expected cost."""

import numpy as np

from healthml._core._inputs import check_inputs, check_threshold
from healthml._core._sample import counts_of
from healthml.exceptions import InputError
from healthml.metrics._measures.classification import check_prevalence, ratio, shares

__all__ = ["expected_cost", "expected_cost_threshold", "net_benefit", "standardized_net_benefit"]


def net_benefit(y_true, y_proba, *, threshold, prevalence=None, sample_weight=None) -> float:
    """Count true positives per patient minus false positives weighed by the threshold's odds.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Binary outcome, 0/1 or boolean; 1 is the event.
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event, between 0 and 1.
    threshold : float
        Risk at which treating and not treating are worth the same; never assumed.
    prevalence : float, default=None
        Prevalence of the population of interest, sensitivity and specificity unchanged; the
        observed one when None.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    float
        At most the prevalence; 0 is treating nobody.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    standardized_net_benefit : Net benefit as a share of the prevalence, its maximum; also relative
        utility of the model.
    decision_curve : Compute net benefit over a range of decision thresholds, with treat-all and
        treat-none.

    References
    ----------
    .. [1] Vickers AJ, Elkin EB. Decision curve analysis. Med Decis Making. 2006;26:565-574.

    Examples
    --------
    >>> from healthml.metrics import net_benefit
    >>> round(net_benefit([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.2), 4)
    0.4375
    """
    rates = shares(y_true, y_proba, threshold, sample_weight)
    return float(net_benefit_of(rates, threshold, check_prevalence(prevalence)))


def standardized_net_benefit(
    y_true, y_proba, *, threshold, prevalence=None, sample_weight=None
) -> float:
    """Net benefit as a share of the prevalence, its maximum; also relative utility of the model.

    Parameters
    ----------
    y_true, y_proba, threshold, prevalence, sample_weight
        As in :func:`net_benefit`.

    Returns
    -------
    float
        At most 1; NaN without events.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.
    decision_curve : Compute net benefit over a range of decision thresholds, with treat-all and
        treat-none.

    Examples
    --------
    >>> from healthml.metrics import standardized_net_benefit
    >>> round(standardized_net_benefit([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.2), 4)
    0.875
    """
    rates = shares(y_true, y_proba, threshold, sample_weight)
    return float(standardized_net_benefit_of(rates, threshold, check_prevalence(prevalence)))


def expected_cost(y_true, y_proba, *, threshold=None, cost_ratio=None, sample_weight=None) -> float:
    """Lowest cost of wrong decisions per patient that any cut of these risks can reach.

    The cheaper of the two errors costs 1. It tells what the ranking of the risks could give if the
    cut were chosen on these very data, not what deciding at `threshold` gives.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Binary outcome, 0/1 or boolean; 1 is the event.
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event, between 0 and 1.
    threshold : float, default=None
        Decision threshold, from which the cost ratio (1 - t) / t follows.
    cost_ratio : float, default=None
        Cost of a false negative over that of a false positive; give this or `threshold`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    float
        0 or more; smaller is better.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    expected_cost_threshold : Cut of the risks that attains :func:`expected_cost`, the lowest one
        among equals.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import expected_cost
    >>> expected_cost([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.2)
    0.25
    """
    return _lowest_cost(y_true, y_proba, threshold, cost_ratio, sample_weight)[0]


def expected_cost_threshold(
    y_true, y_proba, *, threshold=None, cost_ratio=None, sample_weight=None
) -> float:
    """Cut of the risks that attains :func:`expected_cost`, the lowest one among equals.

    Parameters
    ----------
    y_true, y_proba, threshold, cost_ratio, sample_weight
        As in :func:`expected_cost`.

    Returns
    -------
    float
        One of the risks, or infinity when calling nobody positive costs least.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    expected_cost : Lowest cost of wrong decisions per patient that any cut of these risks can
        reach.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import expected_cost_threshold
    >>> expected_cost_threshold([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.2)
    0.2
    """
    return _lowest_cost(y_true, y_proba, threshold, cost_ratio, sample_weight)[1]


def net_benefit_of(rates, threshold, prevalence=None):
    """Net benefit from the four shares."""
    tp, fp = rates[0], rates[1]
    if prevalence is not None:
        tp = ratio(tp, tp + rates[2]) * prevalence
        fp = ratio(fp, fp + rates[3]) * (1 - prevalence)
    return tp - fp * threshold / (1 - threshold)


def standardized_net_benefit_of(rates, threshold, prevalence=None):
    """Net benefit over the prevalence, from the four shares."""
    events = rates[0] + rates[2] if prevalence is None else prevalence
    return ratio(net_benefit_of(rates, threshold, prevalence), events)


def lowest_cost_of(counts, cost_ratio):
    """Lowest expected cost over all cuts, and the lowest cut that attains it."""
    total = counts.tp[-1] + counts.fp[-1]
    missed = np.r_[counts.tp[-1], counts.tp[-1] - counts.tp] / total
    alarms = np.r_[0, counts.fp] / total
    cost = missed * max(cost_ratio, 1) + alarms * max(1 / cost_ratio, 1)
    best = len(cost) - 1 - int(np.argmin(cost[::-1]))
    return float(cost[best]), float(np.r_[np.inf, counts.threshold][best])


def check_cost_ratio(threshold, cost_ratio):
    """Return the cost of a false negative over that of a false positive."""
    if (threshold is None) == (cost_ratio is None):
        raise InputError("Pass either threshold or cost_ratio, one of the two.")
    if cost_ratio is None:
        threshold = check_threshold(threshold)
        return (1 - threshold) / threshold
    if not (np.isscalar(cost_ratio) and 0 < cost_ratio < np.inf):
        raise InputError(f"cost_ratio is {cost_ratio!r}; pass a positive number.")
    return float(cost_ratio)


def _lowest_cost(y_true, y_proba, threshold, cost_ratio, sample_weight):
    cost_ratio = check_cost_ratio(threshold, cost_ratio)
    inputs = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    return lowest_cost_of(counts_of(*inputs), cost_ratio)
