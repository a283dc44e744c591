"""Distribution of a model's linear predictor (log-odds of its risk), and means over it."""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.special import betaln, expit, log_expit, logit
from scipy.stats import norm

from healthml.exceptions import InputError
from healthml.validation._sample_size.result import check_positive, check_share

# Points and half-width, in standard deviations, of the grid for integrals over a normal linear
# predictor. Chosen by judgement; the tests compare what follows with R's printed digits.
_NODES, _EDGE = 4001, 12.0


@dataclass(frozen=True)
class LinearPredictor:
    """Values of the linear predictor and their weights, which add up to 1.

    Parameters
    ----------
    values, weights : ndarray
        A fine grid, or the given values.
    words : str
        What is assumed.

    Examples
    --------
    >>> from healthml.validation._sample_size.linear_predictor import normal_predictor
    >>> round(float(normal_predictor(-2.0, 1.0).mean(lambda lp: lp)), 6)
    -2.0
    """

    values: np.ndarray
    weights: np.ndarray
    words: str

    def mean(self, function):
        """Return the mean of a function of the linear predictor."""
        return float(self.weights @ function(self.values))


def normal_predictor(mean, sd, words=None):
    """Return a normal linear predictor."""
    check_positive("the SD of the linear predictor", sd)
    z = np.linspace(-_EDGE, _EDGE, _NODES)
    weights = norm.pdf(z)
    words = words or f"The linear predictor is normal, mean {mean:g}, SD {sd:g}."
    return LinearPredictor(mean + sd * z, weights / weights.sum(), words)


def beta_predictor(a, b):
    """Return the log-odds of risks that follow a beta distribution."""
    check_positive("the first parameter of the beta distribution", a)
    check_positive("the second parameter of the beta distribution", b)
    reach = 40 / min(a, b, 1.0)
    values = np.linspace(-reach, reach, 20 * _NODES)
    weights = np.exp(a * log_expit(values) + b * log_expit(-values) - betaln(a, b))
    words = f"The predicted risks follow a beta distribution with parameters {a:g} and {b:g}."
    return LinearPredictor(values, weights / weights.sum(), words)


def binormal_predictor(auroc, prevalence):
    """Return a calibrated predictor that is normal with one variance in events and non-events.

    Its C statistic decides the variance and its prevalence the mean: no starting value and no
    search by simulation is needed.
    """
    check_auroc(auroc)
    check_share("prevalence", prevalence)
    variance = 2 * norm.ppf(auroc) ** 2
    sd = np.sqrt(variance)
    centre = logit(prevalence) - variance / 2
    values = np.linspace(centre - _EDGE * sd, centre + variance + _EDGE * sd, 2 * _NODES)
    density = (1 - prevalence) * norm.pdf(values, centre, sd)
    density += prevalence * norm.pdf(values, centre + variance, sd)
    words = (
        "The linear predictor is normal with the same variance in events and non-events, as the "
        f"C statistic of {auroc:g} and the prevalence of {prevalence:g} have it."
    )
    return LinearPredictor(values, density / density.sum(), words)


def check_auroc(auroc):
    """Refuse a C statistic that does not lie above 0.5 and below 1."""
    if not (isinstance(auroc, int | float | np.number) and 0.5 < auroc < 1):
        raise InputError(f"auroc is {auroc!r}; give a number above 0.5 and below 1.")


def read_predictor(lp, *, auroc, prevalence):
    """Return the linear predictor that was described.

    Parameters
    ----------
    lp : tuple, array-like or None
        ``("normal", mean, sd)``, ``("beta", a, b)``, values of the linear predictor, or None for
        `binormal_predictor`.
    auroc, prevalence : float
        Used when `lp` is None.

    Returns
    -------
    LinearPredictor
    """
    if lp is None:
        return binormal_predictor(auroc, prevalence)
    if isinstance(lp, tuple) and lp and isinstance(lp[0], str):
        makers = {"normal": normal_predictor, "beta": beta_predictor}
        if lp[0] not in makers or len(lp) != 3:
            raise InputError("lp must be ('normal', mean, sd), ('beta', a, b) or an array.")
        return makers[lp[0]](float(lp[1]), float(lp[2]))
    values = np.asarray(lp, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError("lp must be one finite log-odds for each patient, at least 2 of them.")
    weights = np.full(len(values), 1 / len(values))
    return LinearPredictor(values, weights, f"The linear predictor of {len(values):,} patients.")


def cox_snell_from_auroc(auroc, prevalence):
    """Return the Cox-Snell R squared that goes with a C statistic.

    The linear predictor is taken as normal with one variance in events and non-events [1]_. Then
    the log-likelihood ratio per row is twice the information that it holds about the outcome: an
    integral over one variable, where the paper simulates a million rows.

    Parameters
    ----------
    auroc : float
        Anticipated C statistic, above 0.5.
    prevalence : float
        Anticipated prevalence.

    Returns
    -------
    float

    References
    ----------
    .. [1] Riley RD, Van Calster B, Collins GS. A note on estimating the Cox-Snell R2 from a
       reported C statistic (AUROC) to inform sample size calculations for developing a prediction
       model with a binary outcome. Stat Med. 2021;40:859-864.

    Examples
    --------
    >>> from healthml.validation._sample_size.linear_predictor import cox_snell_from_auroc
    >>> round(cox_snell_from_auroc(0.89, 0.174), 3)
    0.291
    """
    check_auroc(auroc)
    check_share("prevalence", prevalence)
    apart = np.sqrt(2) * norm.ppf(auroc)

    def information(x):
        log_odds = logit(prevalence) + apart * x - apart**2 / 2
        risk = expit(log_odds)
        density = (1 - prevalence) * norm.pdf(x) + prevalence * norm.pdf(x - apart)
        return density * (risk * log_expit(log_odds) + (1 - risk) * log_expit(-log_odds))

    ends = (-_EDGE, apart + _EDGE)
    known = quad(information, *ends, points=[0.0, apart], limit=200, epsabs=1e-12)[0]
    unknown = prevalence * np.log(prevalence) + (1 - prevalence) * np.log1p(-prevalence)
    return float(1 - np.exp(-2 * (known - unknown)))
