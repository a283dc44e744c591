"""How many patients the external validation of a frozen model needs, by kind of outcome."""

import numpy as np
import pandas as pd
from scipy.special import expit

from healthml.exceptions import InputError
from healthml.validation._sample_size.development import _df_for_residual_sd
from healthml.validation._sample_size.external_survival import survival_sizes
from healthml.validation._sample_size.linear_predictor import check_auroc, read_predictor
from healthml.validation._sample_size.result import (
    CURVE,
    Z_95,
    check_needed,
    check_positive,
    check_share,
    size_result,
    smallest,
)


def external_sample_size(
    *,
    outcome="binary",
    prevalence=None,
    auroc=None,
    lp=None,
    oe=1.0,
    calibration=(0.0, 1.0),
    threshold=None,
    sensitivity=None,
    specificity=None,
    r2=None,
    sd=None,
    horizon=None,
    shape=1.0,
    censoring_rate=0.0,
    oe_width=0.2,
    slope_width=0.2,
    auroc_width=0.1,
    net_benefit_width=0.2,
    r2_width=0.1,
    mean_width=None,
    factor=1.1,
    se_step=1e-4,
    n_simulations=200,
    random_state=None,
):
    """Return how many rows are needed to validate an existing model in other patients.

    Every criterion asks for a 95% interval of a measure that is no wider than what is wanted.

    Parameters
    ----------
    outcome : {"binary", "continuous", "survival"}, default="binary"
        Kind of outcome.
    prevalence : float, optional
        Binary: anticipated prevalence. Survival: risk of the event up to the horizon.
    auroc : float, optional
        Binary: anticipated C statistic.
    lp : tuple or array-like, optional
        Distribution of the model's linear predictor in the patients to come: ``("normal", mean,
        sd)``, ``("beta", a, b)`` for the predicted risks, or its values. By default normal with
        one variance in events and non-events, from `auroc` and `prevalence`. Survival: needed;
        its mean does not matter there, since the risk at the horizon is `prevalence`.
    oe : float, default=1.0
        Anticipated ratio of observed and expected events.
    calibration : tuple of float, default=(0.0, 1.0)
        Binary: anticipated calibration intercept and slope.
    threshold : float, optional
        Binary: decision threshold; asks for a precise standardised net benefit.
    sensitivity, specificity : float, optional
        Binary: at that threshold; worked out from `lp` and rounded to 2 digits by default.
    r2, sd : float, optional
        Continuous: anticipated R squared and standard deviation of the outcome.
    horizon : float, optional
        Survival: time at which risks are predicted.
    shape : float, default=1.0
        Survival: shape of the Weibull distribution of the times; 1 is a constant rate.
    censoring_rate : float, default=0.0
        Survival: constant rate of loss to follow-up before the horizon.
    oe_width, slope_width, auroc_width, net_benefit_width, r2_width : float
        Widths wanted. A narrow ratio of observed and expected events is dear when they are rare.
    mean_width : float, optional
        Continuous: width wanted for calibration in the large, by default a fifth of `sd`.
    factor : float, default=1.1
        Continuous: ratio within which the residual SD is to be known.
    se_step : float, default=1e-4
        Standard errors of O:E and net benefit are rounded up to a multiple of it, as the R
        package does; 0 leaves them exact.
    n_simulations : int, default=200
        Survival: simulated validation studies.
    random_state : int, RandomState or None, default=None
        Randomness of these.

    Returns
    -------
    SampleSizeResult

    Raises
    ------
    InputError
        If a value is absent or impossible.

    See Also
    --------
    development_sample_size : Return how many rows are needed to develop a model, by the criteria of
        Riley et al.
    precision_sample_size : Return how many rows estimate a proportion, such as the overall risk,
        precisely.
    external_validate : Judge a frozen model on patients it was not made with.

    Notes
    -----
    Binary [1]_: the sizes of the R package pmvalsampsize 0.1.0, with the mean information over
    the linear predictor integrated instead of simulated. Continuous [2]_: closed forms.
    Survival [3]_: the calibration slope is that of pseudo-observations on the complementary
    log-log scale with a sandwich variance, and O:E that of the Kaplan-Meier risk, both in
    simulated studies; their standard errors shrink with the root of the size. The mean over the
    simulations has an error itself, given as ``mc_error`` of the size.

    References
    ----------
    .. [1] Riley RD, Debray TPA, Collins GS, et al. Minimum sample size for external validation of a
       clinical prediction model with a binary outcome. Stat Med. 2021;40:4230-4251.
    .. [2] Archer L, Snell KIE, Ensor J, et al. Minimum sample size for external validation of a
       clinical prediction model with a continuous outcome. Stat Med. 2021;40:133-146.
    .. [3] Riley RD, Collins GS, Ensor J, et al. Minimum sample size calculations for external
       validation of a clinical prediction model with a time-to-event outcome. Stat Med.
       2022;41:1280-1295.

    Examples
    --------
    >>> from healthml.validation import external_sample_size
    >>> size = external_sample_size(
    ...     prevalence=0.018, auroc=0.8, lp=("normal", -5, 2.5), oe_width=1
    ... )
    >>> size.table["n_samples"].tolist()
    [905, 4554, 4252]
    """
    widths = {"oe": oe_width, "slope": slope_width, "auroc": auroc_width}
    widths |= {"net_benefit": net_benefit_width, "r2": r2_width}
    for name, width in widths.items():
        check_positive(f"{name}_width", width)
    if outcome == "continuous":
        check_needed(outcome, r2=r2, sd=sd)
        return _continuous(r2, sd, calibration[1], widths, mean_width, factor)
    check_needed(outcome, prevalence=prevalence)
    check_share("prevalence", prevalence)
    check_positive("oe", oe)
    if outcome == "survival":
        check_needed(outcome, lp=lp, horizon=horizon)
        return survival_sizes(
            read_predictor(lp, auroc=None, prevalence=None),
            prevalence,
            horizon,
            shape,
            censoring_rate,
            widths,
            n_simulations,
            random_state,
        )
    if outcome != "binary":
        raise InputError(
            f"outcome={outcome!r} is unknown; use 'binary', 'continuous' or 'survival'."
        )
    check_needed(outcome, auroc=auroc)
    check_auroc(auroc)
    predictor = read_predictor(lp, auroc=auroc, prevalence=prevalence)
    rows = [
        _oe_row(prevalence, oe, widths["oe"], se_step),
        _slope_row(predictor, calibration, widths["slope"]),
        _auroc_row(prevalence, auroc, widths["auroc"]),
    ]
    if threshold is not None:
        classes = _classes(predictor, threshold, sensitivity, specificity)
        rows.append(
            _net_benefit_row(prevalence, threshold, *classes, widths["net_benefit"], se_step)
        )
    curve = _binary_curve(prevalence, auroc, rows, widths, oe, se_step)
    details = {"linear_predictor": predictor.words}
    return size_result(rows, details=details, curve=curve, events_per_row=prevalence)


def _stepped(se, step):
    """Round a standard error up to a multiple of a step."""
    return se if not step else float(np.ceil(round(se / step, 9)) * step)


def _oe_row(prevalence, oe, width, step):
    se = _stepped(float(np.arcsinh(width / (2 * oe)) / Z_95), step)
    return {
        "criterion": "observed / expected",
        "n_samples": int(np.ceil((1 - prevalence) / (prevalence * se**2))),
        "value": oe,
        "se": se,
        "width": width,
        "assumes": f"The prevalence is about {prevalence:g}; SE is that of log(O:E).",
    }


def _slope_row(predictor, calibration, width):
    intercept, slope = calibration

    def information(power):
        def at(lp):
            risk = expit(intercept + slope * lp)
            return lp**power * risk * (1 - risk)

        return predictor.mean(at)

    i00, i01, i11 = (information(power) for power in range(3))
    se = width / (2 * Z_95)
    return {
        "criterion": "calibration slope",
        "n_samples": int(np.ceil(i00 / (se**2 * (i00 * i11 - i01**2)))),
        "value": slope,
        "se": se,
        "width": width,
        "assumes": predictor.words,
    }


def auroc_se(n, auroc, prevalence):
    """Return Newcombe's standard error of a C statistic.

    Examples
    --------
    >>> from healthml.validation._sample_size.external import auroc_se
    >>> round(float(auroc_se(4252, 0.8, 0.018)), 4)
    0.0255
    """
    half = n / 2 - 1
    inner = 1 + half * (1 - auroc) / (2 - auroc) + half * auroc / (1 + auroc)
    return np.sqrt(auroc * (1 - auroc) * inner / (n**2 * prevalence * (1 - prevalence)))


def _auroc_row(prevalence, auroc, width):
    n = smallest(lambda n: 2 * Z_95 * auroc_se(n, auroc, prevalence) <= width, start=2)
    return {
        "criterion": "C statistic",
        "n_samples": n,
        "value": auroc,
        "se": float(auroc_se(n, auroc, prevalence)),
        "width": width,
        "assumes": f"The C statistic is about {auroc:g}, the prevalence {prevalence:g} (Newcombe).",
    }


def _classes(predictor, threshold, sensitivity, specificity):
    """Return sensitivity and specificity, from the predictor where they were not given."""
    check_share("threshold", threshold)
    if (sensitivity is None) != (specificity is None):
        raise InputError("Give both sensitivity and specificity, or neither.")
    if sensitivity is not None:
        return sensitivity, specificity
    events = predictor.mean(expit)
    above = predictor.mean(lambda lp: expit(lp) * (expit(lp) >= threshold))
    below = predictor.mean(lambda lp: expit(-lp) * (expit(lp) < threshold))
    return round(above / events, 2), round(below / (1 - events), 2)


def _net_benefit_row(prevalence, threshold, sensitivity, specificity, width, step):
    odds = threshold / (1 - threshold)
    w = (1 - prevalence) / prevalence * odds
    se = _stepped(width / (2 * Z_95), step)
    se = round(se, 3) if step else se
    false = 1 - specificity
    spread = sensitivity * (1 - sensitivity) / prevalence
    spread += w**2 * specificity * false / (1 - prevalence)
    spread += w**2 * false**2 / (prevalence * (1 - prevalence))
    return {
        "criterion": "standardised net benefit",
        "n_samples": int(np.ceil(spread / se**2)),
        "value": sensitivity - false * w,
        "se": se,
        "width": width,
        "assumes": f"At a risk of {threshold:g}: sensitivity {sensitivity:g}, specificity "
        f"{specificity:g}.",
    }


def _binary_curve(prevalence, auroc, rows, widths, oe, step):
    """Return the size over prevalences, for the criteria that the predictor does not enter."""
    grid = np.unique(np.clip(prevalence * np.geomspace(0.25, 4, 17), 1e-4, 0.9))
    fixed = max(row["n_samples"] for row in rows if row["criterion"] == "calibration slope")
    sizes = [
        max(
            fixed,
            _oe_row(p, oe, widths["oe"], step)["n_samples"],
            _auroc_row(p, auroc, widths["auroc"])["n_samples"],
        )
        for p in grid
    ]
    return pd.DataFrame({"prevalence": grid, "n_samples": sizes})


def _continuous(r2, sd, slope, widths, mean_width, factor):
    check_share("r2", r2)
    check_positive("sd", sd)
    mean_width = sd / 5 if mean_width is None else mean_width
    check_positive("mean_width", mean_width)

    def rows_at(r2):
        se = {name: width / (2 * Z_95) for name, width in widths.items()}
        se_mean = mean_width / (2 * Z_95)
        df = _df_for_residual_sd(factor)
        plan = (
            ("R squared", 4 * r2 * (1 - r2) ** 2 / se["r2"] ** 2, r2, se["r2"], widths["r2"], ""),
            (
                "calibration in the large",
                sd**2 * (1 - r2) / se_mean**2,
                0.0,
                se_mean,
                mean_width,
                f", the SD of the outcome {sd:g}",
            ),
            (
                "calibration slope",
                slope**2 * (1 - r2) / (se["slope"] ** 2 * r2) + 1,
                slope,
                se["slope"],
                widths["slope"],
                "",
            ),
            ("residual SD", df + 2, factor, np.nan, np.nan, ", residuals are normal"),
        )
        return [
            {
                "criterion": name,
                "n_samples": int(np.ceil(round(n, 9))),
                "value": value,
                "se": error,
                "width": width,
                "assumes": f"R squared is about {r2:g}{more}.",
            }
            for name, n, value, error, width, more in plan
        ]

    grid = np.unique(np.clip(r2 * CURVE, 0.02, 0.98))
    sizes = [max(row["n_samples"] for row in rows_at(float(g))) for g in grid]
    curve = pd.DataFrame({"r2": grid, "n_samples": sizes})
    return size_result(rows_at(r2), details={"r2": r2, "sd": sd}, curve=curve)
