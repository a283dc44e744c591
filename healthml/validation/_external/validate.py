"""External validation of a frozen model: does it hold here, and which update would mend it."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_event, check_random_seeds
from healthml._core._inputs import check_threshold
from healthml._core._intervals import check_confidence_level
from healthml._core._sample import make_sample
from healthml.exceptions import InputError
from healthml.metrics import calibration_curve, performance
from healthml.validation._external.case_mix import case_mix, membership, read_development
from healthml.validation._external.closed_test import closed_test, numeric_covariates
from healthml.validation._external.external_result import ExternalValidationResult
from healthml.validation._external.recalibration_gain import recalibration_gain

__all__ = ["ExternalValidationResult", "external_validate"]

LEVELS = {
    "mean": ("oe_ratio", "calibration_in_the_large"),
    "weak": ("calibration_intercept", "calibration_slope"),
    "moderate": ("ici", "e50", "e90", "emax", "eci"),
    "discrimination": ("auroc",),
    "overall": ("brier", "scaled_brier", "log_loss", "nagelkerke_r2_recalibrated"),
    "utility": ("net_benefit", "standardized_net_benefit"),
}
STRONG = (
    "right risks for every pattern of covariates cannot be shown with any sample; moderate "
    "calibration is what can be"
)
COLUMNS = ["level", "measure", "estimate", "lower", "upper", "ideal", "null_mean", "null_p95"]
COLUMNS += ["n_samples", "n_events", "method", "reason"]
_IDEAL = {"oe_ratio": 1.0, "calibration_slope": 1.0}
_ZERO = ("calibration_in_the_large", "calibration_intercept", *LEVELS["moderate"])


def external_validate(
    y,
    proba,
    *,
    groups=None,
    X=None,
    development=None,
    threshold=None,
    smooth="loess",
    oe_interval="binomial",
    test_level=0.05,
    event=None,
    confidence_level=0.95,
    resamples=1000,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ExternalValidationResult:
    """Judge a frozen model on patients it was not made with.

    Three questions in order: do the risks mean what they say here; are these other patients than
    those of the development set, and what does that alone do to discrimination; and what is the
    smallest update that would mend what is wrong, and what does it bring on patients it was not
    fitted on?

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    proba : array-like of shape (n_samples,)
        The model's risks.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row; intervals, tests and folds are then for patients.
    X : DataFrame or array-like of shape (n_samples, n_features), default=None
        The model's covariates, none missing. With them a revision of all coefficients takes part
        in the closed test, and (where `development` has the same) the membership model is fitted.
    development : array-like or mapping, default=None
        What is known of the development set: its risks, or a mapping with any of "proba" or
        "linear_predictor", "X" (the same columns as `X`) and "y".
    threshold : float, default=None
        Decision threshold; with it net benefit is reported.
    smooth : {"loess", "lowess", "rcs", "pspline"}, default="loess"
        Smoother of the flexible curve and of ICI, E50, E90, Emax and ECI.
    oe_interval : {"binomial", "influence"}, default="binomial"
        Interval of O:E: events as binomial (Debray), or as in `healthml.metrics.performance`,
        which is always taken with `groups`.
    test_level : float, default=0.05
        Level of each of the closed test's steps.
    event : scalar or str, default=None
        The level of `y` that is the event.
    confidence_level : float, default=0.95
        Level of the intervals.
    resamples : int, default=1000
        Bootstrap resamples behind the intervals of ICI, E50, E90, Emax and ECI.
    n_jobs, verbose
        Jobs and progress of the bootstrap, as in joblib.
    random_state : int, RandomState or None, default=None
        Seed of the bootstrap and of the folds.

    Returns
    -------
    ExternalValidationResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or covariates are missing.

    Notes
    -----
    Calibration has four levels [1]_. Mean: as many events as expected. Weak: intercept 0 and slope
    1. Moderate: among patients with a risk of 20%, 20% have the event. Strong calibration, for
    every pattern of covariates, cannot be assessed.

    The AUC expected from the case mix is the one to be had here if every risk were right [2]_: a
    lower AUC than at development is no fault of the model where this is lower as well; an observed
    AUC below it is. The closed test [3]_ compares a revision of all coefficients (without `X` a
    new intercept and slope) with each smaller update, from none up. With `groups` the likelihood
    ratios are replaced by Wald tests whose variance is for patients.

    References
    ----------
    .. [1] Van Calster B, et al. A calibration hierarchy for risk models was defined: from utopia to
       empirical data. J Clin Epidemiol. 2016;74:167-176.
    .. [2] Vergouwe Y, Moons KGM, Steyerberg EW. External validity of risk models: use of benchmark
       values to disentangle a case-mix effect from incorrect coefficients. Am J Epidemiol.
       2010;172:971-980.
    .. [3] Vergouwe Y, et al. A closed testing procedure to select an appropriate method for
       updating prediction models. Stat Med. 2017;36:4529-4539.
    .. [4] Debray TPA, et al. A new framework to enhance the interpretation of external validation
       studies of clinical prediction models. J Clin Epidemiol. 2015;68:279-289.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation import external_validate
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(-1, 1, 800)
    >>> y = (rng.uniform(size=800) < 1 / (1 + np.exp(-(logit - 0.7)))).astype(int)
    >>> risk = 1 / (1 + np.exp(-logit))
    >>> found = external_validate(y, risk, resamples=50, random_state=0)
    >>> round(float(found.get("oe_ratio")["estimate"]), 2), found.decision
    (0.65, 'intercept')
    """
    level = check_confidence_level(confidence_level)
    check_threshold_level(test_level, oe_interval)
    y01 = check_event(y, event=event)[1]
    sample = make_sample(y01, proba, groups=groups, name="proba")
    development = read_development(development, event)
    seeds = check_random_seeds(random_state, 3)
    run = {"resamples": resamples, "n_jobs": n_jobs, "verbose": verbose, "random_state": seeds[0]}
    table = _hierarchy(sample, threshold, smooth, oe_interval, level, run)
    columns = None if X is None else numeric_covariates(X, len(y01))
    test = closed_test(
        sample.event, sample.logit, columns, groups=sample.groups, test_level=test_level
    )
    at = None if threshold is None else np.array([threshold])
    gain = recalibration_gain(sample, test.extra, thresholds=at, level=level, random_state=seeds[1])
    mix = case_mix(sample, development, level)
    if X is not None and "X" in development:
        row = membership(
            X, development["X"], sample.groups, y01, development.get("y"), level, seeds[2]
        )
        mix = pd.concat([mix, pd.DataFrame([row])], ignore_index=True)
    curve = calibration_curve(
        y01, sample.proba, method=smooth, groups=sample.groups, confidence_level=level
    )
    there = development.get("linear_predictor")
    return ExternalValidationResult(
        table,
        test.table,
        test.decision,
        gain,
        mix,
        curve,
        test.reason,
        "fitted model as it is, judged on patients from elsewhere",
        level,
        (sample.logit,) if there is None else (sample.logit, there),
    )


def check_threshold_level(test_level, oe_interval):
    """Refuse options that stand for nothing."""
    check_threshold(test_level, "test_level")
    if oe_interval not in ("binomial", "influence"):
        raise InputError(f"oe_interval is {oe_interval!r}; choose 'binomial' or 'influence'.")


def _hierarchy(sample, threshold, smooth, oe_interval, level, run):
    """Return one row per measure in the order of the levels of calibration."""
    of = {m: k for k, names in LEVELS.items() for m in names if k != "utility" or threshold}
    binomial = oe_interval == "binomial" and sample.groups is None
    found = performance(
        sample.event,
        sample.proba,
        groups=sample.groups,
        threshold=threshold,
        measures=list(of),
        smooth=smooth,
        interval_methods={"oe_ratio": "binomial"} if binomial else None,
        confidence_level=level,
        **run,
    ).table
    ideal = {**_IDEAL, **dict.fromkeys(_ZERO, 0.0)}
    found = found.assign(level=found["measure"].map(of), ideal=found["measure"].map(ideal))
    strong = {"level": "strong", "measure": "", "reason": STRONG, "method": ""}
    strong |= {name: found[name].iloc[0] for name in ("n_samples", "n_events")}
    parts = found.reindex(columns=COLUMNS).to_dict(orient="records")
    after = sum(row["level"] in ("mean", "weak", "moderate") for row in parts)
    return pd.DataFrame([*parts[:after], strong, *parts[after:]], columns=COLUMNS)
