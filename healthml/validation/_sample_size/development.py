"""How many patients the development of a prediction model needs (Riley's criteria)."""

import numpy as np
import pandas as pd
from scipy.stats import chi2, t

from healthml.exceptions import InputError
from healthml.validation._sample_size.linear_predictor import cox_snell_from_auroc
from healthml.validation._sample_size.result import (
    CURVE,
    Z_95,
    check_needed,
    check_positive,
    check_share,
    size_result,
    smallest,
)

# Share of the largest possible R squared at which the curve ends: nearer to it the size falls to
# the few rows that a perfect model would need. Chosen by judgement; it moves the drawing only.
_CURVE_END = 0.85
_REFERENCE_ROWS = 10_000  # the largest R squared of survival is worked out on so many rows


def development_sample_size(
    n_parameters,
    *,
    outcome="binary",
    prevalence=None,
    r2=None,
    r2_nagelkerke=None,
    auroc=None,
    rate=None,
    horizon=None,
    mean_follow_up=None,
    mean=None,
    sd=None,
    shrinkage=0.9,
    r2_difference=0.05,
    margin=0.05,
    factor=1.1,
):
    """Return how many rows are needed to develop a model, by the criteria of Riley et al.

    Parameters
    ----------
    n_parameters : int
        Candidate parameters: every level of a category but one, every term of a curve, also of
        columns that a selection may later drop.
    outcome : {"binary", "continuous", "survival"}, default="binary"
        Kind of outcome.
    prevalence : float, optional
        Anticipated prevalence of a binary outcome.
    r2 : float, optional
        Anticipated R squared, corrected for optimism: Cox and Snell's for binary and survival
        outcomes, the adjusted one for a continuous outcome.
    r2_nagelkerke : float, optional
        Instead of `r2`: Nagelkerke's, the share of the largest possible Cox-Snell R squared.
    auroc : float, optional
        Instead of `r2` for a binary outcome: the anticipated C statistic. It is turned into
        Cox and Snell's R squared by an integral [3]_.
    rate : float, optional
        Survival: events per unit of time.
    horizon : float, optional
        Survival: time at which risks are predicted, in the same unit.
    mean_follow_up : float, optional
        Survival: mean follow-up, in the same unit.
    mean, sd : float, optional
        Continuous: anticipated mean and standard deviation of the outcome.
    shrinkage : float, default=0.9
        Smallest expected shrinkage (calibration slope in new patients) that is acceptable.
    r2_difference : float, default=0.05
        Largest optimism of Nagelkerke's (continuous: the apparent) R squared.
    margin : float, default=0.05
        Half-width of the interval of the overall risk.
    factor : float, default=1.1
        Continuous: ratio within which the residual SD and the mean are to be known.

    Returns
    -------
    SampleSizeResult

    Raises
    ------
    InputError
        If a value is absent or impossible, such as an R squared above the largest possible.

    See Also
    --------
    external_sample_size : Return how many rows are needed to validate an existing model in other
        patients.
    learning_curve : Measure out-of-sample performance by the number of patients fitted on.

    Notes
    -----
    The sizes are those of the R package pmsampsize 1.1.3, with these differences: a C statistic
    is converted without simulation; Nagelkerke's R squared is not rounded on its way; and where
    the overall risk (survival) or the mean (continuous) is not precise enough at the size of the
    other criteria, the size is raised until it is. The shrinkage in the row of the overall risk is
    that at the final size. The criteria hold for unpenalised regression: trees and networks need
    more, and a small sample is not made large by a penalty.

    References
    ----------
    .. [1] Riley RD, Snell KIE, Ensor J, et al. Minimum sample size for developing a multivariable
       prediction model: Part I, continuous outcomes. Stat Med. 2019;38:1262-1275; Part II, binary
       and time-to-event outcomes. Stat Med. 2019;38:1276-1296.
    .. [2] Riley RD, Ensor J, Snell KIE, et al. Calculating the sample size required for developing
       a clinical prediction model. BMJ. 2020;368:m441.
    .. [3] Riley RD, Van Calster B, Collins GS. A note on estimating the Cox-Snell R2 from a
       reported C statistic (AUROC). Stat Med. 2021;40:859-864.

    Examples
    --------
    >>> from healthml.validation import development_sample_size
    >>> size = development_sample_size(24, prevalence=0.174, r2=0.288)
    >>> size.n_samples, size.decided_by
    (662, 'optimism of R squared')
    """
    if not (isinstance(n_parameters, int | np.integer) and n_parameters >= 1):
        raise InputError(f"n_parameters is {n_parameters!r}; give a whole number of at least 1.")
    check_share("shrinkage", shrinkage)
    check_share("r2_difference", r2_difference)
    limits = (int(n_parameters), shrinkage, r2_difference)
    if outcome == "continuous":
        check_needed(outcome, r2=r2, mean=mean, sd=sd)
        return _continuous(*limits, r2, mean, sd, factor)
    check_share("margin", margin)
    if outcome == "binary":
        check_needed(outcome, prevalence=prevalence)
        check_share("prevalence", prevalence)
        largest = largest_cox_snell(prevalence)
        r2, words = _anticipated(r2, r2_nagelkerke, auroc, prevalence, largest)
        return _binary(*limits, r2, largest, words, prevalence, margin)
    if outcome == "survival":
        check_needed(outcome, rate=rate, horizon=horizon, mean_follow_up=mean_follow_up)
        for name, value in (
            ("rate", rate),
            ("horizon", horizon),
            ("mean_follow_up", mean_follow_up),
        ):
            check_positive(name, value)
        if auroc is not None:
            raise InputError("auroc is for binary outcomes; give r2 or r2_nagelkerke.")
        largest = _largest_survival(rate, mean_follow_up)
        r2, words = _anticipated(r2, r2_nagelkerke, None, None, largest)
        return _survival(*limits, r2, largest, words, (rate, horizon, mean_follow_up), margin)
    raise InputError(f"outcome={outcome!r} is unknown; use 'binary', 'continuous' or 'survival'.")


def largest_cox_snell(prevalence):
    """Return the largest Cox-Snell R squared that a binary outcome allows."""
    null = prevalence * np.log(prevalence) + (1 - prevalence) * np.log1p(-prevalence)
    return float(1 - np.exp(2 * null))


def _largest_survival(rate, mean_follow_up):
    events = np.ceil(rate * (mean_follow_up * _REFERENCE_ROWS))
    null = events * np.log(events / _REFERENCE_ROWS) - events
    return float(1 - np.exp(2 * null / _REFERENCE_ROWS))


def _anticipated(r2, r2_nagelkerke, auroc, prevalence, largest):
    """Return the Cox-Snell R squared and how it was come by."""
    given = [v is not None for v in (r2, r2_nagelkerke, auroc)]
    if sum(given) != 1:
        raise InputError("Give one of r2, r2_nagelkerke and auroc (binary only).")
    words = "was given"
    if r2_nagelkerke is not None:
        check_share("r2_nagelkerke", r2_nagelkerke)
        r2, words = r2_nagelkerke * largest, f"is {r2_nagelkerke:g} of the largest possible"
    elif auroc is not None:
        r2 = cox_snell_from_auroc(auroc, prevalence)
        words = f"goes with a C statistic of {auroc:g} under normal linear predictors"
    check_share("r2", r2)
    if r2 >= largest:
        raise InputError(
            f"r2 is {r2:.4g}; the largest Cox-Snell R squared possible here is {largest:.4g}."
        )
    return float(r2), f"The Cox-Snell R squared {words}"


def rows_for_shrinkage(n_parameters, r2, shrinkage):
    """Return the (unrounded) rows at which the expected shrinkage is reached."""
    if shrinkage <= r2:
        raise InputError(f"shrinkage ({shrinkage:.4g}) must be larger than r2 ({r2:.4g}).")
    return n_parameters / ((shrinkage - 1) * np.log(1 - r2 / shrinkage))


def _two_criteria(n_parameters, shrinkage, difference, r2, largest, words):
    """Return the rows of the criteria that binary and survival outcomes share."""
    limit = r2 / (r2 + difference * largest)
    common = {"n_parameters": n_parameters, "r2": r2, "r2_largest": largest}
    common["r2_nagelkerke"] = r2 / largest
    first = {
        "criterion": "shrinkage",
        "n_samples": _rows(n_parameters, r2, shrinkage),
        "shrinkage": shrinkage,
        **common,
        "assumes": f"{words}; predictions may be too extreme by {1 - shrinkage:.0%} at most.",
    }
    second = {
        "criterion": "optimism of R squared",
        "n_samples": _rows(n_parameters, r2, limit),
        "shrinkage": limit,
        **common,
        "assumes": f"{words}; Nagelkerke's R squared may be too good by {difference:g} at most.",
    }
    return [first, second], common, max(shrinkage, limit)


def _rows(n_parameters, r2, shrinkage):
    return int(np.ceil(rows_for_shrinkage(n_parameters, r2, shrinkage)))


def _binary(n_parameters, shrinkage, difference, r2, largest, words, prevalence, margin):
    def rows_at(r2):
        rows, common, final = _two_criteria(n_parameters, shrinkage, difference, r2, largest, words)
        third = {
            "criterion": "overall risk",
            "n_samples": int(np.ceil((Z_95 / margin) ** 2 * (prevalence * (1 - prevalence)))),
            "shrinkage": final,
            **common,
            "assumes": f"The prevalence is about {prevalence:g}; the overall risk is to be known "
            f"to within {margin:g}.",
        }
        return [*rows, third]

    return _with_curve(rows_at, r2, largest, prevalence, n_parameters)


def _survival(n_parameters, shrinkage, difference, r2, largest, words, times, margin):
    rate, horizon, mean_follow_up = times

    def risk_interval(n):
        half = Z_95 * np.sqrt(rate / round(mean_follow_up * n, 1))
        return [1 - np.exp(-(rate + side * half) * horizon) for side in (-1, 0, 1)]

    def precise(n):
        lower, risk, upper = risk_interval(n)
        return max(upper - risk, risk - lower) <= margin

    def rows_at(r2):
        rows, common, final = _two_criteria(n_parameters, shrinkage, difference, r2, largest, words)
        enough = smallest(precise, start=max(row["n_samples"] for row in rows))
        lower, risk, upper = risk_interval(enough)
        third = {
            "criterion": "overall risk",
            "n_samples": enough,
            "shrinkage": final,
            **common,
            "assumes": f"A constant rate of {rate:g}; the risk at {horizon:g} is then {risk:.3f} "
            f"({lower:.3f} to {upper:.3f}) with so many rows.",
        }
        return [*rows, third]

    return _with_curve(rows_at, r2, largest, rate * mean_follow_up, n_parameters)


def _with_curve(rows_at, r2, largest, events_per_row, n_parameters):
    """Work the criteria out at the anticipated R squared, and around it for the curve."""
    grid, end = CURVE * r2, _CURVE_END * largest
    grid = grid[grid < end] if r2 < end else np.array([r2])
    sizes = [max(row["n_samples"] for row in rows_at(float(g))) for g in grid]
    curve = pd.DataFrame({"cox_snell_r2": grid, "n_samples": sizes})
    rows = rows_at(r2)
    for row in rows:
        row["epp"] = row["n_samples"] * events_per_row / n_parameters
    details = {"r2": r2, "r2_largest": largest, "shrinkage": rows[-1]["shrinkage"]}
    details["epp"] = max(row["epp"] for row in rows)
    return size_result(rows, details=details, curve=curve, events_per_row=events_per_row)


def _continuous(n_parameters, shrinkage, difference, r2, mean, sd, factor):
    check_share("r2", r2)
    check_positive("sd", sd)
    if mean == 0 or not np.isfinite(mean):
        raise InputError("mean must be a number other than 0: its precision is a ratio to it.")
    if not factor > 1:
        raise InputError(f"factor is {factor!r}; give a ratio above 1, such as 1.1.")

    def precise(n):
        half = np.sqrt(sd**2 * (1 - r2) / n) * t.ppf(0.975, n - n_parameters - 1)
        return 1 + half / abs(mean) <= factor

    def rows_at(r2):
        start = n_parameters + 2
        first = smallest(lambda n: expected_shrinkage(n, n_parameters, r2) >= shrinkage, start)
        second = int(np.ceil(1 + n_parameters * (1 - r2) / difference))
        third = _df_for_residual_sd(factor) + n_parameters + 1
        fourth = smallest(precise, max(first, second, third))
        plan = (
            ("shrinkage", first, f"predictions may be too extreme by {1 - shrinkage:.0%} at most"),
            ("optimism of R squared", second, f"it may be too good by {difference:g} at most"),
            ("residual SD", third, f"it is to be known to within a factor of {factor:g}"),
            (
                "mean outcome",
                fourth,
                f"about {mean:g} with SD {sd:g}, to be known to within a factor of {factor:g}",
            ),
        )
        return [
            {
                "criterion": name,
                "n_samples": n,
                "shrinkage": expected_shrinkage(n, n_parameters, r2),
                "n_parameters": n_parameters,
                "r2": r2,
                "spp": n / n_parameters,
                "assumes": f"The adjusted R squared is {r2:g}; {words}.",
            }
            for name, n, words in plan
        ]

    grid = np.clip(CURVE * r2, 0.01, 0.95)
    sizes = [max(row["n_samples"] for row in rows_at(float(g))) for g in np.unique(grid)]
    curve = pd.DataFrame({"adjusted_r2": np.unique(grid), "n_samples": sizes})
    rows = rows_at(r2)
    final = max(row["n_samples"] for row in rows)
    details = {"r2": r2, "spp": final / n_parameters}
    details["shrinkage"] = expected_shrinkage(final, n_parameters, r2)
    return size_result(rows, details=details, curve=curve)


def expected_shrinkage(n, n_parameters, r2):
    """Return the expected shrinkage of a linear regression by its size; missing if undefined.

    Examples
    --------
    >>> from healthml.validation._sample_size.development import expected_shrinkage
    >>> round(expected_shrinkage(918, 25, 0.2), 3)
    0.9
    """
    apparent = (r2 * (n - n_parameters - 1) + n_parameters) / (n - 1)
    return float(1 + (n_parameters - 2) / (n * np.log(1 - apparent)))


def _df_for_residual_sd(factor):
    """Return the degrees of freedom at which a 95% interval of an SD lies within a factor."""

    def precise(df):
        ratio = max(chi2.ppf(0.975, df) / df, df / chi2.ppf(0.025, df))
        return np.sqrt(ratio) <= factor

    return smallest(precise)
