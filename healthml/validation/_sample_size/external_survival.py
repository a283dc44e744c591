"""Size of an external validation with a time-to-event outcome, by simulated studies."""

import numpy as np
from sklearn.utils import check_random_state

from healthml.exceptions import InputError
from healthml.validation._sample_size.result import Z_95, check_positive, size_result

_PILOT = 1000  # patients of a simulated study; standard errors go with the root of the size
_STEPS = 50  # halvings of an interval: 2^-50 of its width is machine precision


def survival_sizes(
    predictor, risk, horizon, shape, censoring_rate, widths, n_simulations, random_state
):
    """Return the sizes for O:E at the horizon and for the calibration slope.

    Parameters
    ----------
    predictor : LinearPredictor
        Its mean is not used.
    risk : float
        Mean risk up to the horizon.
    horizon, shape, censoring_rate : float
        Horizon, shape of the Weibull distribution, rate of loss.
    widths : dict
        Widths wanted, by "oe" and "slope".
    n_simulations : int
        Simulated studies.
    random_state : int, RandomState or None
        Randomness.

    Returns
    -------
    SampleSizeResult
    """
    check_positive("horizon", horizon)
    check_positive("shape", shape)
    if not censoring_rate >= 0:
        raise InputError(f"censoring_rate is {censoring_rate!r}; give 0 or a rate.")
    if not n_simulations >= 10:
        raise InputError(f"n_simulations is {n_simulations!r}; at least 10 are needed.")
    rng = check_random_state(random_state)
    level = _level(predictor, risk)
    errors = []
    for _ in range(n_simulations):
        lp = level + _draw(predictor, rng)
        time, event = _follow(lp, horizon, shape, censoring_rate, rng)
        pseudo, se_log_risk = pseudo_risk(time, event, horizon)
        errors.append((se_log_risk, _slope_se(lp, pseudo)))
    se = np.array(errors)
    targets = (np.arcsinh(widths["oe"] / 2) / Z_95, widths["slope"] / (2 * Z_95))
    names, shown = ("observed / expected", "calibration slope"), (widths["oe"], widths["slope"])
    rows = []
    for k, (name, target, width) in enumerate(zip(names, targets, shown, strict=True)):
        sizes = _PILOT * (se[:, k] / target) ** 2
        rows.append(
            {
                "criterion": name,
                "n_samples": int(np.ceil(sizes.mean())),
                "value": 1.0,
                "se": float(target),
                "width": width,
                "mc_error": float(sizes.std(ddof=1) / np.sqrt(n_simulations)),
                "assumes": f"{predictor.words} Weibull times with shape {shape:g}, a mean risk of "
                f"{risk:g} at {horizon:g}, loss to follow-up at a rate of {censoring_rate:g}.",
            }
        )
    details = {"n_simulations": n_simulations, "simulated_size": _PILOT}
    return size_result(rows, details=details, events_per_row=risk)


def _level(predictor, risk):
    """Return the shift at which the mean risk at the horizon is as wanted.

    The risk of a patient is 1 - exp(-exp(level + lp)) at the horizon.
    """
    values = predictor.values - predictor.mean(lambda lp: lp)
    low, high = -60.0, 60.0
    for _ in range(200):
        middle = (low + high) / 2
        mean = float(predictor.weights @ -np.expm1(-np.exp(np.minimum(middle + values, 700.0))))
        low, high = (middle, high) if mean < risk else (low, middle)
    return middle - predictor.mean(lambda lp: lp)


def _draw(predictor, rng):
    cumulative = np.cumsum(predictor.weights)
    place = np.searchsorted(cumulative, rng.uniform(size=_PILOT) * cumulative[-1])
    return predictor.values[np.minimum(place, len(predictor.values) - 1)]


def _follow(lp, horizon, shape, censoring_rate, rng):
    """Return time and event; the cumulative hazard at the horizon is exp(lp)."""
    time = horizon * (rng.exponential(size=len(lp)) / np.exp(lp)) ** (1 / shape)
    if censoring_rate == 0:
        return time, np.ones(len(lp), dtype=bool)
    lost = rng.exponential(1 / censoring_rate, size=len(lp))
    return np.minimum(time, lost), time <= lost


def pseudo_risk(time, event, horizon):
    """Return each row's pseudo-observation of the risk, and the SE of the log of the mean risk.

    The pseudo-observation is n times the Kaplan-Meier risk minus n - 1 times that without the
    row, for times without ties; the standard error is Greenwood's.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Time of event or of the end of follow-up.
    event : ndarray of bool, shape (n,)
        Whether the time is that of an event.
    horizon : float
        Time at which the risk is wanted.

    Returns
    -------
    pseudo : ndarray of shape (n,)
    se_log_risk : float

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation._sample_size.external_survival import pseudo_risk
    >>> time = np.array([1.0, 2.0, 3.0, 4.0])
    >>> np.abs(pseudo_risk(time, np.ones(4, dtype=bool), 2.5)[0]).round(6).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    n = len(time)
    order = np.argsort(time, kind="stable")
    happened = event[order] & (time[order] <= horizon)
    at_risk = n - np.arange(n)
    with np.errstate(divide="ignore"):
        factor = np.where(happened, np.log1p(-1.0 / at_risk), 0.0)
        without = np.where(happened & (at_risk > 1), np.log1p(-1.0 / np.maximum(at_risk - 1, 1)), 0)
    survival = float(np.exp(factor.sum()))
    before = np.concatenate([[0.0], np.cumsum(without)[:-1]])  # rows of earlier events, one fewer
    after = factor.sum() - np.cumsum(factor)
    left_out = np.exp(before + after)
    pseudo = np.empty(n)
    pseudo[order] = 1 - (n * survival - (n - 1) * left_out)
    greenwood = (1.0 / (at_risk * np.maximum(at_risk - 1, 1)))[happened].sum()
    return pseudo, float(survival * np.sqrt(greenwood) / max(1 - survival, 1e-12))


def _slope_se(lp, pseudo):
    """Return the sandwich SE of the slope of pseudo-risks on lp, complementary log-log link."""
    design = np.column_stack([np.ones(len(lp)), lp])
    coef = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        hazard = np.exp(np.clip(design @ coef, -30, 5))
        gradient = design * (hazard * np.exp(-hazard))[:, None]
        residual = pseudo + np.expm1(-hazard)
        step = np.linalg.solve(gradient.T @ gradient, gradient.T @ residual)
        coef = coef + step
        if np.abs(step).max() < 1e-8:
            break
    bread = np.linalg.inv(gradient.T @ gradient)
    meat = (gradient * residual[:, None]).T @ (gradient * residual[:, None])
    return float(np.sqrt((bread @ meat @ bread)[1, 1]))
