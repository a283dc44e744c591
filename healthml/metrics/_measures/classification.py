"""Measures of risks cut at one decision threshold; positive means risk >= threshold."""

import numpy as np

from healthml._core._inputs import check_inputs, check_threshold, mean
from healthml._core._sample import Shares, cells
from healthml.exceptions import InputError

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "dor",
    "f1",
    "kappa",
    "mcc",
    "npv",
    "ppv",
    "sensitivity",
    "specificity",
    "youden",
]


def shares(y_true, y_proba, threshold, sample_weight=None):
    """Check the inputs and return the four shares at one threshold."""
    threshold = check_threshold(threshold)
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    return Shares(*(mean(column, weight) for column in cells(event, proba, threshold)))


def sensitivity(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Share of patients with the event whose risk is at or above the threshold; also recall.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Binary outcome, 0/1 or boolean; 1 is the event.
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event, between 0 and 1.
    threshold : float
        Decision threshold, between 0 and 1; never assumed.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    float
        Between 0 and 1; NaN without events.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    specificity : Share of patients without the event whose risk is below the threshold.
    threshold_table : Tabulate sensitivity, specificity, predictive values and alerts over
        thresholds.

    Examples
    --------
    >>> from healthml.metrics import sensitivity
    >>> sensitivity([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.3)
    0.5
    """
    return float(sensitivity_of(shares(y_true, y_proba, threshold, sample_weight)))


def specificity(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Share of patients without the event whose risk is below the threshold.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between 0 and 1; NaN without non-events.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    sensitivity : Share of patients with the event whose risk is at or above the threshold; also
        recall.
    threshold_table : Tabulate sensitivity, specificity, predictive values and alerts over
        thresholds.

    Examples
    --------
    >>> from healthml.metrics import specificity
    >>> specificity([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.3)
    0.5
    """
    return float(specificity_of(shares(y_true, y_proba, threshold, sample_weight)))


def ppv(y_true, y_proba, *, threshold, prevalence=None, sample_weight=None) -> float:
    """Positive predictive value: share of events among those at or above the threshold.

    Parameters
    ----------
    y_true, y_proba, threshold
        As in :func:`sensitivity`.
    prevalence : float, default=None
        Carry the value to this prevalence by Bayes' rule, sensitivity and specificity unchanged.
    sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between 0 and 1; NaN when nobody is at or above the threshold.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    npv : Negative predictive value: share of non-events among those below the threshold.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import ppv
    >>> ppv([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.3)
    0.5
    >>> ppv([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.3, prevalence=0.1)
    0.1
    """
    rates = shares(y_true, y_proba, threshold, sample_weight)
    return float(ppv_of(rates, check_prevalence(prevalence)))


def npv(y_true, y_proba, *, threshold, prevalence=None, sample_weight=None) -> float:
    """Negative predictive value: share of non-events among those below the threshold.

    Parameters
    ----------
    y_true, y_proba, threshold
        As in :func:`sensitivity`.
    prevalence : float, default=None
        Carry the value to this prevalence by Bayes' rule, sensitivity and specificity unchanged.
    sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between 0 and 1; NaN when nobody is below the threshold.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    ppv : Positive predictive value: share of events among those at or above the threshold.
    threshold_table : Tabulate sensitivity, specificity, predictive values and alerts over
        thresholds.

    Examples
    --------
    >>> from healthml.metrics import npv
    >>> npv([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.3)
    0.5
    """
    rates = shares(y_true, y_proba, threshold, sample_weight)
    return float(npv_of(rates, check_prevalence(prevalence)))


def accuracy(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Share of rows on the right side of the threshold.

    Improper: a model with wrong risks can score higher than the right one.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.
    balanced_accuracy : Mean of sensitivity and specificity; improper.

    Examples
    --------
    >>> from healthml.metrics import accuracy
    >>> accuracy([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.3)
    0.5
    """
    return float(accuracy_of(shares(y_true, y_proba, threshold, sample_weight)))


def balanced_accuracy(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Mean of sensitivity and specificity; improper.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between 0 and 1; 0.5 is no discrimination, NaN where one class is missing.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    youden : Sensitivity + specificity - 1; improper.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import balanced_accuracy
    >>> balanced_accuracy([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.15)
    0.75
    """
    return float(balanced_accuracy_of(shares(y_true, y_proba, threshold, sample_weight)))


def youden(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Sensitivity + specificity - 1; improper.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between -1 and 1; 0 is no discrimination, NaN where one class is missing.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    balanced_accuracy : Mean of sensitivity and specificity; improper.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import youden
    >>> youden([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.15)
    0.5
    """
    return float(youden_of(shares(y_true, y_proba, threshold, sample_weight)))


def dor(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Diagnostic odds ratio, TP TN / (FP FN); improper.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        0 or more; 1 is no discrimination. Infinite without false decisions, NaN when 0 / 0.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    sensitivity : Share of patients with the event whose risk is at or above the threshold; also
        recall.
    specificity : Share of patients without the event whose risk is below the threshold.

    Examples
    --------
    >>> from healthml.metrics import dor
    >>> dor([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.3)
    1.0
    """
    return float(dor_of(shares(y_true, y_proba, threshold, sample_weight)))


def kappa(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Cohen's kappa: accuracy beyond what chance agreement gives; improper.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between -1 and 1; 0 is chance, NaN where all outcomes and decisions are alike.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    mcc : Matthews correlation of outcome and decision; improper.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import kappa
    >>> kappa([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.15)
    0.5
    """
    return float(kappa_of(shares(y_true, y_proba, threshold, sample_weight)))


def f1(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Harmonic mean of positive predictive value and sensitivity.

    Neither proper nor decision-analytic: it ignores true negatives and fixes the balance of
    false positives and false negatives by the data instead of by the decision.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between 0 and 1; NaN when there is neither an event nor a positive.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.
    average_precision : Sum of (step in sensitivity) x (positive predictive value) over descending
        thresholds.

    Examples
    --------
    >>> from healthml.metrics import f1
    >>> f1([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.15)
    0.8
    """
    return float(f1_of(shares(y_true, y_proba, threshold, sample_weight)))


def mcc(y_true, y_proba, *, threshold, sample_weight=None) -> float:
    """Matthews correlation of outcome and decision; improper.

    Parameters
    ----------
    y_true, y_proba, threshold, sample_weight
        As in :func:`sensitivity`.

    Returns
    -------
    float
        Between -1 and 1; NaN when all decisions or all outcomes are alike.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1, or
        `threshold` is not between 0 and 1.

    See Also
    --------
    kappa : Cohen's kappa: accuracy beyond what chance agreement gives; improper.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import mcc
    >>> round(mcc([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], threshold=0.15), 4)
    0.5774
    """
    return float(mcc_of(shares(y_true, y_proba, threshold, sample_weight)))


def ratio(numerator, denominator):
    """Divide, with NaN for 0 / 0 and infinity for x / 0, silently; arrays and complex too."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(numerator, denominator)[()]


def sensitivity_of(s):
    """Sensitivity from the four shares."""
    return ratio(s[0], s[0] + s[2])


def specificity_of(s):
    """Specificity from the four shares."""
    return ratio(s[3], s[3] + s[1])


def ppv_of(s, prevalence=None):
    """Positive predictive value from the four shares, or at another prevalence."""
    if prevalence is None:
        return ratio(s[0], s[0] + s[1])
    right = sensitivity_of(s) * prevalence
    return ratio(right, right + (1 - specificity_of(s)) * (1 - prevalence))


def npv_of(s, prevalence=None):
    """Negative predictive value from the four shares, or at another prevalence."""
    if prevalence is None:
        return ratio(s[3], s[3] + s[2])
    right = specificity_of(s) * (1 - prevalence)
    return ratio(right, right + (1 - sensitivity_of(s)) * prevalence)


def accuracy_of(s):
    """Accuracy from the four shares."""
    return s[0] + s[3]


def balanced_accuracy_of(s):
    """Balanced accuracy from the four shares."""
    return (sensitivity_of(s) + specificity_of(s)) / 2


def youden_of(s):
    """Youden's index from the four shares."""
    return sensitivity_of(s) + specificity_of(s) - 1


def dor_of(s):
    """Diagnostic odds ratio from the four shares."""
    return ratio(s[0] * s[3], s[1] * s[2])


def kappa_of(s):
    """Cohen's kappa from the four shares."""
    chance = (s[0] + s[2]) * (s[0] + s[1]) + (s[1] + s[3]) * (s[2] + s[3])
    return ratio(accuracy_of(s) - chance, 1 - chance)


def f1_of(s):
    """F1 from the four shares."""
    return ratio(2 * s[0], 2 * s[0] + s[1] + s[2])


def mcc_of(s):
    """Matthews correlation from the four shares."""
    product = (s[0] + s[1]) * (s[0] + s[2]) * (s[3] + s[1]) * (s[3] + s[2])
    return ratio(s[0] * s[3] - s[1] * s[2], np.sqrt(product))


def check_prevalence(prevalence):
    """Return the prevalence, refused outside 0 to 1; None stays None."""
    if prevalence is not None and not (np.isscalar(prevalence) and 0 < prevalence < 1):
        raise InputError(f"prevalence is {prevalence!r}; pass one number between 0 and 1.")
    return prevalence
