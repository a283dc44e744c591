"""Empirical-Bayes estimates: each group drawn towards all by how sure it is, tau unknown."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammainc, gammaincinv, gammaln, logit, ndtr

from healthml.fairness._sums import PROPORTIONS, ratio_of

FEWEST_GROUPS = 5
"""Groups from which on a spread between groups is estimated. With fewer the flat prior below has
hardly a posterior (it needs 4); with more the first groups would have to do without."""
SHRUNKEN = ("auroc", "oe_ratio", "calibration_in_the_large", "calibration_slope")
SHRUNKEN += ("sensitivity", "specificity", "ppv", "npv", "flagged_rate", "net_benefit")
_GRID = 80  # values of tau that are averaged over; more change intervals by less than .001
_WIDEST = 30.0  # largest tau, in median standard errors; likelihoods beyond it are nil
_HALVINGS = 50  # of the search for a quantile, to 1e-13 of its range


@dataclass(frozen=True)
class Shrunken:
    """Estimates drawn towards the mean of all groups; made by `shrink`.

    Parameters
    ----------
    value, lower, upper : ndarray of shape (n_groups,)
        NaN for groups without an estimate.
    tau : tuple of float
        Spread between groups: posterior median and interval, on the scale of the model.
    weight : ndarray
        How much of a group's own deviation is kept, 0 to 1.
    model : str
        Which model.
    """

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    tau: tuple
    weight: np.ndarray
    model: str


def shrink(measured, sums, level=0.95):
    """Return the empirical-Bayes estimates of a measure, or None with fewer than five groups.

    A normal model on the log scale (O:E), the logit scale (shares and AUC) or as it is; the
    standard deviation tau between groups is averaged over with Morris's flat prior on its square
    [1]_, so that intervals count its uncertainty. Where a group has no event its log O:E does not
    exist, and events are Poisson with gamma distributed ratios instead.

    References
    ----------
    .. [1] Morris CN. Parametric empirical Bayes inference: theory and applications. J Am Stat
       Assoc. 1983;78:47-55.
    .. [2] Morris CN, Tang R. Estimating random effects via adjustment for density maximization.
       Stat Sci. 2011;26:271-287.
    """
    if measured.name == "oe_ratio":
        ratio = ratio_of("oe_ratio")
        observed, expected = sums.sums @ ratio.top, sums.sums @ ratio.bottom
        use = expected > 0
        if use.sum() >= FEWEST_GROUPS and (observed[use] == 0).any() and observed.any():
            return _spread_out(gamma_poisson(observed[use], expected[use], level), use)
    value, error, back, model = _on_scale(measured, sums)
    use = np.isfinite(value) & np.isfinite(error) & (error > 0)
    if use.sum() < FEWEST_GROUPS:
        return None
    fit = normal_model(value[use], error[use], level)
    middle, ends = back(fit[0]), [back(end) for end in fit[1:3]]
    shrunken = Shrunken(middle, *ends, fit[3], fit[4], model)
    return _spread_out(shrunken, use)


def _on_scale(measured, sums):
    """Return estimates and errors on the scale of the model, and the way back."""
    own = measured.own
    with np.errstate(divide="ignore", invalid="ignore"):
        if measured.name == "oe_ratio":
            return np.log(own.value), own.error / own.value, np.exp, "normal on the log scale"
        if measured.name in PROPORTIONS:
            ratio = ratio_of(measured.name)
            top, bottom = sums.sums @ ratio.top, sums.sums @ ratio.bottom
            # one half added to both counts, so that 0 of n and n of n take part
            share = (top + 0.5) / (bottom + 1)
            plain = np.sqrt(share * (1 - share) / np.where(bottom > 0, bottom, np.nan))
            error = plain if sums.independent else np.maximum(own.error, 0)
            error = np.where(error > 0, error, plain)
            return logit(share), error / (share * (1 - share)), expit, "normal on the logit scale"
        if measured.name == "auroc":
            error = own.error / (own.value * (1 - own.value))
            return logit(own.value), error, expit, "normal on the logit scale"
    return own.value, own.error, np.asarray, "normal"


def normal_model(value, error, level=0.95):
    """Return means, ends, (median, lower, upper) of tau, and weights, tau averaged over.

    Examples
    --------
    >>> found = normal_model(np.array([0.0, 0.1, -0.1, 0.3, 2.0]), np.full(5, 0.5))
    >>> bool(found[0][4] < 2.0), bool(found[0][0] > 0.0)
    (True, True)
    """
    tau = np.r_[0.0, np.geomspace(0.01, _WIDEST, _GRID - 1)] * np.median(error)
    precision = 1 / (error**2 + tau[:, None] ** 2)
    total = precision.sum(axis=1)
    mean = precision @ value / total
    height = (
        np.log(precision).sum(axis=1) / 2
        - np.log(total) / 2
        - (precision * (value - mean[:, None]) ** 2).sum(axis=1) / 2
    )
    weight = np.exp(height - height.max()) * 2 * tau * np.gradient(tau)  # flat in tau squared
    weight /= weight.sum()
    kept = tau[:, None] ** 2 * precision
    middle = kept * value + (1 - kept) * mean[:, None]
    spread = np.sqrt(error**2 * kept + (1 - kept) ** 2 / total[:, None])
    ends = [_quantiles(weight, middle, spread, p) for p in ((1 - level) / 2, (1 + level) / 2)]
    quantiles = np.interp([0.5, (1 - level) / 2, (1 + level) / 2], np.cumsum(weight), tau)
    return weight @ middle, *ends, tuple(map(float, quantiles)), weight @ kept


def _quantiles(weight, middle, spread, p):
    """Return the quantiles of mixtures of normal distributions, one for each group."""
    low = (middle - 9 * spread).min(axis=0)
    high = (middle + 9 * spread).max(axis=0)
    for _ in range(_HALVINGS):
        half = (low + high) / 2
        below = weight @ ndtr((half - middle) / np.maximum(spread, 1e-300)) < p
        low, high = np.where(below, half, low), np.where(below, high, half)
    return half


def gamma_poisson(observed, expected, level=0.95):
    """Return empirical-Bayes ratios of observed to expected events, groups without events included.

    Ratios are gamma distributed with mean m and squared coefficient of variation c; both are
    averaged over, m with a flat prior on its logarithm and c with a flat prior, as Morris's on the
    variance between groups.
    """
    shape, rate, weight, spread = _gamma_grid(observed, expected)
    own_shape, own_rate = shape[:, None] + observed, rate[:, None] + expected
    value = weight @ (own_shape / own_rate)
    ends = [
        _gamma_quantiles(weight, own_shape, own_rate, p) for p in ((1 - level) / 2, (1 + level) / 2)
    ]
    order = np.argsort(spread)
    quantiles = np.interp(
        [0.5, (1 - level) / 2, (1 + level) / 2], np.cumsum(weight[order]), spread[order]
    )
    kept = weight @ (expected / own_rate)
    return Shrunken(value, *ends, tuple(map(float, quantiles)), kept, "gamma-Poisson")


def _gamma_grid(observed, expected):
    """Return shapes and rates of the distribution of ratios, and their posterior weights."""
    centre, n = np.log(observed.sum() / expected.sum()), observed.sum()
    means = np.exp(centre + np.linspace(-5, 5, 41) * np.sqrt(1 / n + 0.1))
    spreads = np.geomspace(1e-4, 20, 60)  # squared coefficients of variation of the ratios
    mean, spread = (part.ravel() for part in np.meshgrid(means, spreads, indexing="ij"))
    shape, rate = 1 / spread, 1 / (spread * mean)
    height = (
        gammaln(shape[:, None] + observed)
        - gammaln(shape)[:, None]
        + shape[:, None] * np.log(rate)[:, None]
        - (shape[:, None] + observed) * np.log(rate[:, None] + expected)
    ).sum(axis=1)
    weight = np.exp(height - height.max()) * spread  # flat on a geometric grid
    kept = weight > weight.max() * 1e-9
    weight = weight[kept] / weight[kept].sum()
    return shape[kept], rate[kept], weight, np.sqrt(spread[kept])


def _gamma_quantiles(weight, shape, rate, p):
    low = np.zeros(shape.shape[1])
    high = (gammaincinv(shape, 1 - 1e-9) / rate).max(axis=0)
    for _ in range(_HALVINGS):
        half = (low + high) / 2
        below = weight @ gammainc(shape, half * rate) < p
        low, high = np.where(below, half, low), np.where(below, high, half)
    return half


def _spread_out(estimates, use):
    """Put the groups that took part back in their places."""
    parts = []
    for values in (estimates.value, estimates.lower, estimates.upper, estimates.weight):
        full = np.full(len(use), np.nan)
        full[use] = values
        parts.append(full)
    return Shrunken(*parts[:3], estimates.tau, parts[3], estimates.model)
