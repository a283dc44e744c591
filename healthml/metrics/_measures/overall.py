"""Discrimination and calibration in one number: likelihood, Brier score, explained variation."""

import numpy as np

from healthml._core._inputs import EPSILON, check_inputs, log_odds, mean
from healthml._core._recalibration import recalibrated

__all__ = [
    "brier",
    "cox_snell_r2",
    "discrimination_slope",
    "log_likelihood",
    "log_loss",
    "mcfadden_r2",
    "mean_absolute_prediction_error",
    "nagelkerke_r2",
    "nagelkerke_r2_recalibrated",
    "scaled_brier",
]


def log_likelihood(y_true, y_proba, *, sample_weight=None) -> float:
    """Sum of the Bernoulli log-likelihoods of the outcomes under the risks.

    Risks below 1e-8 or above 1 - 1e-8 are moved to that limit, so that it stays finite.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Binary outcome, 0/1 or boolean; 1 is the event.
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event, between 0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    float
        At most 0.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1.

    See Also
    --------
    log_loss : Negative mean log-likelihood, also called cross-entropy.

    Examples
    --------
    >>> from healthml.metrics import log_likelihood
    >>> round(log_likelihood([0, 1], [0.2, 0.9]), 4)
    -0.3285
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    return float(weight @ log_density(event, proba))


def log_loss(y_true, y_proba, *, sample_weight=None) -> float:
    """Negative mean log-likelihood, also called cross-entropy.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`.

    Returns
    -------
    float
        0 or more; smaller is better.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1.

    See Also
    --------
    brier : Mean squared difference between outcome and risk.
    log_likelihood : Sum of the Bernoulli log-likelihoods of the outcomes under the risks.

    Examples
    --------
    >>> from healthml.metrics import log_loss
    >>> round(log_loss([0, 1], [0.2, 0.9]), 4)
    0.1643
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    return -mean(log_density(event, proba), weight)


def brier(y_true, y_proba, *, sample_weight=None) -> float:
    """Mean squared difference between outcome and risk.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`.

    Returns
    -------
    float
        Between 0 and 1; smaller is better.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1.

    See Also
    --------
    scaled_brier : Brier score against that of the prevalence as everyone's risk: 1 - brier / (m (1
        - m)).
    log_loss : Negative mean log-likelihood, also called cross-entropy.

    Examples
    --------
    >>> from healthml.metrics import brier
    >>> round(brier([0, 1], [0.2, 0.9]), 4)
    0.025
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    return mean((event - proba) ** 2, weight)


def scaled_brier(y_true, y_proba, *, sample_weight=None) -> float:
    """Brier score against that of the prevalence as everyone's risk: 1 - brier / (m (1 - m)).

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`; both outcomes must occur.

    Returns
    -------
    float
        At most 1; 0 is no better than the prevalence.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    brier : Mean squared difference between outcome and risk.
    net_benefit : Count true positives per patient minus false positives weighed by the threshold's
        odds.

    Examples
    --------
    >>> from healthml.metrics import scaled_brier
    >>> round(scaled_brier([0, 1], [0.2, 0.9]), 4)
    0.9
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    return scaled_brier_of((mean((event - proba) ** 2, weight), mean(event, weight)))


def mcfadden_r2(y_true, y_proba, *, sample_weight=None) -> float:
    """Explain variation by likelihood: 1 - l / l0, for the risks as given.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`; both outcomes must occur.

    Returns
    -------
    float
        At most 1; below 0 when the risks fit worse than the prevalence.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    cox_snell_r2 : Explain variation by likelihood: 1 - exp(2 (l0 - l) / n), for the risks as given.
    nagelkerke_r2 : Cox-Snell's R2 divided by its maximum, for the risks as given.

    Examples
    --------
    >>> from healthml.metrics import mcfadden_r2
    >>> round(mcfadden_r2([0, 1], [0.2, 0.9]), 4)
    0.763
    """
    return float(mcfadden_of(_means(y_true, y_proba, sample_weight)))


def cox_snell_r2(y_true, y_proba, *, sample_weight=None) -> float:
    """Explain variation by likelihood: 1 - exp(2 (l0 - l) / n), for the risks as given.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`; both outcomes must occur.

    Returns
    -------
    float
        Below 1; its maximum depends on the prevalence.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    nagelkerke_r2 : Cox-Snell's R2 divided by its maximum, for the risks as given.
    mcfadden_r2 : Explain variation by likelihood: 1 - l / l0, for the risks as given.

    Examples
    --------
    >>> from healthml.metrics import cox_snell_r2
    >>> round(cox_snell_r2([0, 1], [0.2, 0.9]), 4)
    0.6528
    """
    return float(cox_snell_of(_means(y_true, y_proba, sample_weight)))


def nagelkerke_r2(y_true, y_proba, *, sample_weight=None) -> float:
    """Cox-Snell's R2 divided by its maximum, for the risks as given.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`; both outcomes must occur.

    Returns
    -------
    float
        At most 1.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    nagelkerke_r2_recalibrated : What is printed where the risks are first recalibrated.

    Examples
    --------
    >>> from healthml.metrics import nagelkerke_r2
    >>> round(nagelkerke_r2([0, 1], [0.2, 0.9]), 4)
    0.8704
    """
    return float(nagelkerke_of(_means(y_true, y_proba, sample_weight)))


def nagelkerke_r2_recalibrated(y_true, y_proba, *, sample_weight=None) -> float:
    """Nagelkerke's R2 of the logistic recalibration model, as R's rms::lrm prints it.

    Miscalibration does not lower it, so it tells about discrimination only.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`; both outcomes must occur.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    nagelkerke_r2 : Cox-Snell's R2 divided by its maximum, for the risks as given.

    Examples
    --------
    >>> from healthml.metrics import nagelkerke_r2_recalibrated
    >>> round(nagelkerke_r2_recalibrated([0, 1, 0, 1], [0.2, 0.3, 0.6, 0.9]), 4)
    0.2301
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    density = log_density(event, recalibrated(event, log_odds(proba), weight))
    return float(nagelkerke_of((mean(density, weight), mean(event, weight))))


def discrimination_slope(y_true, y_proba, *, sample_weight=None) -> float:
    """Mean risk of patients with the event minus mean risk of the others.

    It depends on prevalence and rewards overconfident risks; no difference of two slopes (IDI) is
    offered.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`; both outcomes must occur.

    Returns
    -------
    float
        Between -1 and 1.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    auroc : Area under the ROC curve, also called the c-statistic.
    scaled_brier : Brier score against that of the prevalence as everyone's risk: 1 - brier / (m (1
        - m)).

    Examples
    --------
    >>> from healthml.metrics import discrimination_slope
    >>> round(discrimination_slope([0, 1], [0.2, 0.9]), 4)
    0.7
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    return mean(proba, weight * event) - mean(proba, weight * (1 - event))


def mean_absolute_prediction_error(y_true, y_proba, *, sample_weight=None) -> float:
    """Mean absolute difference between outcome and risk; not a proper measure.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`log_likelihood`.

    Returns
    -------
    float
        Between 0 and 1; smallest for risks of 0 and 1, not for correct risks.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1.

    See Also
    --------
    brier : Mean squared difference between outcome and risk.

    Examples
    --------
    >>> from healthml.metrics import mean_absolute_prediction_error
    >>> round(mean_absolute_prediction_error([0, 1], [0.2, 0.9]), 4)
    0.15
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    return mean(np.abs(event - proba), weight)


def log_density(event, proba):
    """Log-likelihood of each outcome, risks kept EPSILON away from 0 and 1."""
    inside = np.clip(proba, EPSILON, 1 - EPSILON)
    return np.where(event == 1, np.log(inside), np.log1p(-inside))


def _means(y_true, y_proba, sample_weight):
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    return mean(log_density(event, proba), weight), mean(event, weight)


def scaled_brier_of(means):
    """Scaled Brier score from (brier, prevalence)."""
    return 1 - means[0] / (means[1] * (1 - means[1]))


def mcfadden_of(means):
    """McFadden's R2 from (mean log-likelihood, prevalence)."""
    return 1 - means[0] / _null(means[1])


def cox_snell_of(means):
    """Cox-Snell's R2 from (mean log-likelihood, prevalence)."""
    return 1 - np.exp(2 * (_null(means[1]) - means[0]))


def nagelkerke_of(means):
    """Nagelkerke's R2 from (mean log-likelihood, prevalence)."""
    return cox_snell_of(means) / (1 - np.exp(2 * _null(means[1])))


def _null(prevalence):
    return prevalence * np.log(prevalence) + (1 - prevalence) * np.log(1 - prevalence)
