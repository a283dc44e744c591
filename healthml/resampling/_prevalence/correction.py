"""Risks moved from one prevalence to another by Bayes' rule."""

from numbers import Real

import numpy as np
from scipy.special import expit

from healthml._core._checks import check_proba
from healthml._core._numerics import logit
from healthml.exceptions import InputError


def prevalence_correction(y_proba, from_prevalence, to_prevalence):
    """Move risks from the prevalence that a model saw to the one it is used at.

    The odds of every risk are multiplied by the ratio of the prevalence odds [1]_. Right where
    patients with the event look alike at both places, as do those without, and only their numbers
    differ ("label shift"): weights and random over- or undersampling for a linear model, another
    referral practice. Wrong for made rows (SMOTE), for trees, and for a site where patients differ.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples,)
        Risks of the event, between 0 and 1.
    from_prevalence : float
        Share of events behind the risks, between 0 and 1: after resampling or weights, or at the
        site where the model was made.
    to_prevalence : float
        Share of events where the risks are used.

    Returns
    -------
    ndarray of shape (n_samples,)
        In the same order as before: ranking does not change.

    Raises
    ------
    InputError
        If a risk or a prevalence is not between 0 and 1.

    References
    ----------
    .. [1] Saerens M, Latinne P, Decaestecker C. Adjusting the outputs of a classifier to new a
       priori probabilities: a simple procedure. Neural Comput. 2002;14:21-41.

    See Also
    --------
    estimate_prevalence : The prevalence of a place without outcomes.

    Examples
    --------
    >>> from healthml.resampling import prevalence_correction
    >>> prevalence_correction([0.5, 0.9], from_prevalence=0.5, to_prevalence=0.05).round(3).tolist()
    [0.05, 0.321]
    """
    risk = check_proba(y_proba)
    shift = prevalence_shift(from_prevalence, to_prevalence)
    moved = expit(logit(risk, eps=1e-300) + shift)
    return np.where((risk == 0) | (risk == 1), risk, moved)


def prevalence_shift(from_prevalence, to_prevalence):
    """Return the difference in log odds of two prevalences."""
    before = check_prevalence(from_prevalence, "from_prevalence")
    after = check_prevalence(to_prevalence, "to_prevalence")
    return float(logit(after) - logit(before))


def check_prevalence(value, name):
    """Return a prevalence as a float strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < 1:
        raise InputError(f"{name} is {value!r}; pass one number between 0 and 1.")
    return float(value)
