"""Do the risks mean what they say? Calibration in one number each."""

import numpy as np

from healthml._core._inputs import check_inputs, log_odds, mean, weighted_quantile
from healthml._core._recalibration import fit_intercept, fit_slope
from healthml.exceptions import InputError
from healthml.metrics._smoothers import (
    distinct_cells,
    loess,
    loess_interpolated,
    lowess,
    penalised_spline,
    restricted_cubic,
)

__all__ = [
    "calibration_in_the_large",
    "calibration_intercept",
    "calibration_slope",
    "e50",
    "e90",
    "ece",
    "eci",
    "emax",
    "ici",
    "oe_ratio",
]


FEWEST_RISKS = 4  # distinct risks that a smooth curve needs: through fewer it bends freely
SMOOTHERS = ("loess", "loess_interpolated", "lowess", "rcs", "pspline")


def oe_ratio(y_true, y_proba, *, sample_weight=None) -> float:
    """Observed number of events over the number expected from the risks.

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
        0 or more; above 1 the risks are too low on average. Infinite when all risks are 0,
        NaN where there is no event either.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1.

    See Also
    --------
    calibration_in_the_large : Intercept a of logit P(y) = a + logit(p), the slope being held at 1.
    calibration_slope : Slope b of logit P(y) = a + b logit(p), by maximum likelihood.
    calibration_curve : Draw observed risk as a function of predicted risk.

    Examples
    --------
    >>> from healthml.metrics import oe_ratio
    >>> round(oe_ratio([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), 4)
    2.0
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide(weight @ event, weight @ proba))


def calibration_in_the_large(y_true, y_proba, *, sample_weight=None) -> float:
    """Intercept a of logit P(y) = a + logit(p), the slope being held at 1.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`oe_ratio`; both outcomes must occur.

    Returns
    -------
    float
        0 is right on average; above 0 the risks are too low.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    oe_ratio : Observed number of events over the number expected from the risks.
    calibration_intercept : Intercept a of logit P(y) = a + b logit(p), the slope b being free.

    Examples
    --------
    >>> from healthml.metrics import calibration_in_the_large
    >>> round(calibration_in_the_large([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), 3)
    1.201
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    return float(fit_intercept(event, log_odds(proba), weight).coef[0])


def calibration_intercept(y_true, y_proba, *, sample_weight=None) -> float:
    """Intercept a of logit P(y) = a + b logit(p), the slope b being free.

    Not :func:`calibration_in_the_large`: this one has no meaning without its slope.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`oe_ratio`; both outcomes must occur.

    Returns
    -------
    float
        0 together with a slope of 1 is perfect (weak) calibration.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes.

    See Also
    --------
    calibration_in_the_large : Intercept a of logit P(y) = a + logit(p), the slope being held at 1.
    calibration_slope : Slope b of logit P(y) = a + b logit(p), by maximum likelihood.

    Examples
    --------
    >>> from healthml.metrics import calibration_intercept
    >>> round(calibration_intercept([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), 3)
    1.949
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    return float(fit_slope(event, log_odds(proba), weight).coef[0])


def calibration_slope(y_true, y_proba, *, sample_weight=None) -> float:
    """Slope b of logit P(y) = a + b logit(p), by maximum likelihood.

    Parameters
    ----------
    y_true, y_proba, sample_weight
        As in :func:`oe_ratio`; both outcomes must occur.

    Returns
    -------
    float
        1 is right; below 1 the risks are too extreme, as after overfitting.

    Raises
    ------
    ValueError
        If the risks are all equal or separate the outcomes: the slope does not exist then.

    See Also
    --------
    calibration_intercept : Intercept a of logit P(y) = a + b logit(p), the slope b being free.
    calibration_curve : Draw observed risk as a function of predicted risk.

    Examples
    --------
    >>> from healthml.metrics import calibration_slope
    >>> round(calibration_slope([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), 3)
    1.639
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    return float(fit_slope(event, log_odds(proba), weight).coef[1])


def ici(y_true, y_proba, *, smooth="loess", n_knots=5, sample_weight=None) -> float:
    """Integrated calibration index: mean distance between smooth observed and predicted risk.

    Parameters
    ----------
    y_true, y_proba
        As in :func:`oe_ratio`; both outcomes must occur.
    smooth : {"loess", "loess_interpolated", "lowess", "rcs", "pspline"}, default="loess"
        Smoother of the outcome: local quadratic regression on the risk, exact or interpolated as R
        does by default; Cleveland's lowess; a logistic model on a restricted cubic or penalised
        (thin plate) spline of the logit.
    n_knots : int, default=5
        Knots of the restricted cubic spline.
    sample_weight
        As in :func:`oe_ratio`.

    Returns
    -------
    float
        0 or more, and above 0 in any sample even for perfect risks.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes, or there are too few distinct risks for the smoother.

    See Also
    --------
    e50 : Median distance between smooth observed and predicted risk.
    emax : Largest distance between smooth observed and predicted risk.
    eci : Estimated calibration index: mean squared distance, over that of the prevalence.
    calibration_curve : Draw observed risk as a function of predicted risk.

    References
    ----------
    .. [1] Austin PC, Steyerberg EW. The Integrated Calibration Index (ICI) and related metrics.
       Stat Med. 2019;38:4051-4065.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import ici
    >>> risk = np.linspace(0.1, 0.9, 50)
    >>> round(ici(np.arange(50) % 2, risk), 2)
    0.19
    """
    return smooth_error("ici", y_true, y_proba, smooth, n_knots, sample_weight)


def e50(y_true, y_proba, *, smooth="loess", n_knots=5, sample_weight=None) -> float:
    """Median distance between smooth observed and predicted risk.

    Parameters
    ----------
    y_true, y_proba, smooth, n_knots, sample_weight
        As in :func:`ici`.

    Returns
    -------
    float
        0 or more.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes, or there are too few distinct risks for the smoother.

    See Also
    --------
    e90 : 90th percentile of the distance between smooth observed and predicted risk.
    ici : Integrated calibration index: mean distance between smooth observed and predicted risk.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import e50
    >>> round(e50(np.arange(50) % 2, np.linspace(0.1, 0.9, 50)), 2)
    0.21
    """
    return smooth_error("e50", y_true, y_proba, smooth, n_knots, sample_weight)


def e90(y_true, y_proba, *, smooth="loess", n_knots=5, sample_weight=None) -> float:
    """90th percentile of the distance between smooth observed and predicted risk.

    Parameters
    ----------
    y_true, y_proba, smooth, n_knots, sample_weight
        As in :func:`ici`.

    Returns
    -------
    float
        0 or more.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes, or there are too few distinct risks for the smoother.

    See Also
    --------
    e50 : Median distance between smooth observed and predicted risk.
    emax : Largest distance between smooth observed and predicted risk.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import e90
    >>> round(e90(np.arange(50) % 2, np.linspace(0.1, 0.9, 50)), 2)
    0.31
    """
    return smooth_error("e90", y_true, y_proba, smooth, n_knots, sample_weight)


def emax(y_true, y_proba, *, smooth="loess", n_knots=5, sample_weight=None) -> float:
    """Largest distance between smooth observed and predicted risk.

    Parameters
    ----------
    y_true, y_proba, smooth, n_knots, sample_weight
        As in :func:`ici`.

    Returns
    -------
    float
        0 or more; decided by few patients at the ends of the risks.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes, or there are too few distinct risks for the smoother.

    See Also
    --------
    e90 : 90th percentile of the distance between smooth observed and predicted risk.
    ici : Integrated calibration index: mean distance between smooth observed and predicted risk.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import emax
    >>> round(emax(np.arange(50) % 2, np.linspace(0.1, 0.9, 50)), 2)
    0.32
    """
    return smooth_error("emax", y_true, y_proba, smooth, n_knots, sample_weight)


def eci(y_true, y_proba, *, smooth="loess", n_knots=5, sample_weight=None) -> float:
    """Estimated calibration index: mean squared distance, over that of the prevalence.

    Parameters
    ----------
    y_true, y_proba, smooth, n_knots, sample_weight
        As in :func:`ici`.

    Returns
    -------
    float
        0 is perfect; 1 is as far from the risks as the prevalence for everyone.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1 with both
        outcomes, or there are too few distinct risks for the smoother.

    See Also
    --------
    ici : Integrated calibration index: mean distance between smooth observed and predicted risk.
    calibration_curve : Draw observed risk as a function of predicted risk.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import eci
    >>> round(eci(np.arange(50) % 2, np.linspace(0.1, 0.9, 50)), 2)
    0.84
    """
    return smooth_error("eci", y_true, y_proba, smooth, n_knots, sample_weight)


def ece(y_true, y_proba, *, n_bins=10, sample_weight=None) -> float:
    """Sum distances of observed and expected events over groups of risk (expected error).

    Groups are cut at quantiles of the risk; the number depends on how many there are.

    Parameters
    ----------
    y_true, y_proba
        As in :func:`oe_ratio`.
    n_bins : int, default=10
        Number of groups; equal quantiles are merged.
    sample_weight
        As in :func:`oe_ratio`.

    Returns
    -------
    float
        0 or more, and above 0 in any sample even for perfect risks.

    Raises
    ------
    InputError
        If lengths differ, a risk is missing or outside 0 to 1, or `y_true` is not 0/1.

    See Also
    --------
    ici : Integrated calibration index: mean distance between smooth observed and predicted risk.
    calibration_curve : Draw observed risk as a function of predicted risk.

    Examples
    --------
    >>> from healthml.metrics import ece
    >>> round(ece([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], n_bins=2), 4)
    0.25
    """
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight, both_classes=False)
    group = quantile_groups(proba, weight, n_bins)
    gap = np.bincount(group, weight * (event - proba))
    return float(np.abs(gap).sum() / weight.sum())


def quantile_groups(proba, weight, n_bins=10):
    """Group of each row between quantiles of the risk, upper ends included, as R's cut does."""
    if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer) or n_bins < 1:
        raise InputError(f"n_bins is {n_bins!r}; pass a whole number of 1 or more.")
    inner = weighted_quantile(proba, np.arange(1, n_bins) / n_bins, weight)
    return np.searchsorted(np.unique(inner), proba, side="left")


def fit_smooth(event, proba, weight, smooth="loess", n_knots=5):
    """Fit the smooth curve of the outcome that a name stands for."""
    if smooth == "loess":
        return loess(event, proba, weight)
    if smooth == "loess_interpolated":
        return loess_interpolated(event, proba, weight)
    if smooth == "lowess":
        return lowess(event, proba, weight)
    if smooth == "rcs":
        return restricted_cubic(event, proba, weight, n_knots)
    if smooth == "pspline":
        return penalised_spline(event, proba, weight)
    raise InputError(f"smooth is {smooth!r}; pass one of {', '.join(SMOOTHERS)}.")


def smooth_error(name, y_true, y_proba, smooth, n_knots, sample_weight):
    """Check the inputs, smooth, and summarise the distances."""
    event, proba, weight = check_inputs(y_true, y_proba, sample_weight)
    cells = distinct_cells(event, proba, weight)
    height = fit_smooth(event, proba, weight, smooth, n_knots).estimate(cells.risk)
    prevalence = mean(event, weight)
    return errors_of(cells.risk, height, cells.weight, prevalence)[name]


def errors_of(risk, height, weight, prevalence):
    """All summaries of the distance between a curve and the risks."""
    gap = np.abs(height - risk)
    half, most = weighted_quantile(gap, [0.5, 0.9], weight)
    spread = mean((prevalence - risk) ** 2, weight)
    return {
        "ici": mean(gap, weight),
        "e50": float(half),
        "e90": float(most),
        "emax": float(gap[weight > 0].max()),
        "eci": mean(gap**2, weight) / spread if spread > 0 else np.nan,
    }
