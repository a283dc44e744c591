"""External validation of a frozen model: does it hold here, and which update would mend it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_random_seeds
from healthml._core._inputs import check_threshold
from healthml._core._intervals import check_confidence_level
from healthml._core._release import released_histogram
from healthml._core._results import Result
from healthml._core._sample import make_sample
from healthml.exceptions import InputError
from healthml.metrics import CalibrationResult, calibration_curve, performance
from healthml.validation._external.case_mix import case_mix, membership, read_development
from healthml.validation._external.closed_test_update import (
    NOT_ASSESSABLE,
    closed_test,
    numeric_covariates,
)
from healthml.validation._external.recalibration_gain import recalibration_gain

__all__ = ["ExternalValidationResult", "external_validate"]


@dataclass(frozen=True, repr=False)
class ExternalValidationResult(Result):
    """How a frozen model does on other patients; made by `external_validate`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure: level ("mean", "weak", "moderate" and "strong" calibration,
        "discrimination", "overall", "utility"), measure, estimate, lower, upper, ideal, null_mean
        and null_p95 (mean and 95th percentile if every risk were right), n_samples, n_events,
        method, reason.
    updates : pandas.DataFrame
        The closed test: update, log_likelihood, n_parameters, statistic, df, p_value, intercept,
        slope, their standard errors, method, chosen.
    decision : str
        "original" (no update), "intercept", "recalibration" (intercept and slope), "revision" (all
        coefficients), or "not assessable".
    gain : pandas.DataFrame
        Out-of-fold performance of the risks as they are and after each update, with the paired
        difference.
    case_mix : pandas.DataFrame
        These patients compared with those of the development set.
    curve : CalibrationResult
        Flexible calibration curve.
    reason : str
        Why the decision is not assessable, or "".
    estimand : str
        What the numbers are about.
    confidence_level : float
        Level of the intervals.
    logits : tuple of ndarray
        Log odds of the risks here and, where known, at development; for the picture alone.
    """

    updates: pd.DataFrame = None
    decision: str = ""
    gain: pd.DataFrame = None
    case_mix: pd.DataFrame = None
    curve: CalibrationResult = None
    reason: str = ""
    estimand: str = ""
    confidence_level: float = 0.95
    logits: tuple = ()

    def summary(self):
        """Return measures, case mix and the update needed as plain text."""
        columns = ["level", "measure", "estimate", "lower", "upper", "null_mean", "null_p95"]
        mix = ["quantity", "validation", "development", "contrast", "estimate", "lower", "upper"]
        steps = ["update", "statistic", "df", "p_value", "intercept", "slope", "chosen"]
        parts = [self.table[columns], self.case_mix[mix]]
        parts += [self.updates[steps]] if len(self.updates) else []
        texts = [part.round(3).to_string(index=False, na_rep="") for part in parts]
        return "\n\n".join([*texts, self.words])

    @property
    def words(self):
        """The decision as a sentence."""
        if self.decision == NOT_ASSESSABLE:
            return f"Which update is needed is not assessable: {self.reason.rstrip('.')}."
        return {
            "original": "No update is called for: none of the tests rejects the risks as they are.",
            "intercept": "A new intercept is enough: the risks are too high or too low throughout.",
            "recalibration": "A new intercept and slope are called for.",
            "revision": "The coefficients themselves do not hold here: revise the model.",
        }[self.decision]

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without the single patients' risks."""
        return Result.to_json(replace(self, logits=()), indent=indent)

    def get(self, measure):
        """Return the row of a measure as a Series."""
        rows = self.table[self.table["measure"] == measure]
        if rows.empty:
            raise InputError(f"There is no row {measure!r}; it has {list(self.table.measure)}.")
        return rows.iloc[0]

    def plot(self, ax=None, **kwargs):
        """Draw the calibration curve with the hierarchy's numbers; returns the matplotlib axes."""
        display = self.curve.plot(ax=ax, **kwargs)
        lines = []
        for measure, name in (
            ("oe_ratio", "O:E"),
            ("calibration_slope", "slope"),
            ("ici", "ICI"),
            ("auroc", "AUC"),
        ):
            row = self.get(measure)
            ends = f" ({row['lower']:.2f} to {row['upper']:.2f})" if np.isfinite(row.lower) else ""
            if np.isfinite(row["estimate"]):
                lines.append(f"{name} {row['estimate']:.2f}{ends}")
        ax = display.ax_
        where = {"transform": ax.transAxes, "va": "top", "fontsize": 8}
        ax.text(0.03, 0.98, "\n".join(lines), **where)
        return ax

    def plot_case_mix(self, ax=None, **kwargs):
        """Draw the linear predictor here and, below, at development; returns the axes."""
        from healthml._core._displays import BLUE, GREY, VERMILION, new_axes

        ax = new_axes(ax, height=3.4)
        here, there = (*self.logits, None)[:2]
        together = np.concatenate([part for part in (here, there) if part is not None])
        edges = np.histogram_bin_edges(together, bins=30)
        for values, sign, colour, name in (
            (here, 1, BLUE, "validation"),
            (there, -1, VERMILION, "development"),
        ):
            if values is None:
                continue
            ends, heights = released_histogram(values, edges)
            share = heights / len(values)
            options = {"color": colour, "alpha": 0.75, "label": name, "fill": True, **kwargs}
            ax.stairs(sign * share, ends, **options)
            ax.plot([values.mean()] * 2, [0, sign * share.max()], color="black", linewidth=1)
        ax.axhline(0, color=GREY, linewidth=0.8)
        ticks = [tick for tick in ax.get_yticks() if abs(tick) <= 1]
        ax.set_yticks(ticks, [f"{abs(tick):.2f}" for tick in ticks])
        ax.set(xlabel="Linear predictor (log odds of the risk)", ylabel="Share of patients")
        ax.legend(frameon=False, fontsize=8)
        return ax


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

# Value of a well calibrated model, by definition; where it is 0, `_ZERO` lists the measures.
_IDEAL = {"oe_ratio": 1.0, "calibration_slope": 1.0}

_ZERO = ("calibration_in_the_large", "calibration_intercept", *LEVELS["moderate"])


def external_validate(
    y_true,
    y_proba,
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
    n_resamples=1000,
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
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,)
        The model's risks.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row; intervals, tests and folds are then for patients.
    X : DataFrame or array-like of shape (n_samples, n_features), default=None
        The model's covariates, none missing. With them a revision of all coefficients takes part
        in the closed test, and (where `development` has the same) the membership model is fitted.
    development : array-like or mapping, default=None
        What is known of the development set: its risks, or a mapping with any of "y_proba" or
        "linear_predictor", "X" (the same columns as `X`) and "y_true".
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
    n_resamples : int, default=1000
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

    See Also
    --------
    validate : Judge a modelling procedure on patients that it has not seen, by refitting it.
    internal_external : Predict every site by a model refitted without it, and pool what was found.
    external_sample_size : Return how many rows are needed to validate an existing model in other
        patients.

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
    >>> found = external_validate(y, risk, n_resamples=50, random_state=0)
    >>> round(float(found.get("oe_ratio")["estimate"]), 2), found.decision
    (0.65, 'intercept')
    """
    level = check_confidence_level(confidence_level)
    check_threshold_level(test_level, oe_interval)
    check_alignment(y_true=y_true, y_proba=y_proba, groups=groups, X=X)
    y01 = check_event(y_true, event=event)[1]
    sample = make_sample(y01, y_proba, groups=groups)
    development = read_development(development, event)
    seeds = check_random_seeds(random_state, 3)
    run = {"n_jobs": n_jobs, "verbose": verbose, "random_state": seeds[0]}
    run["n_resamples"] = n_resamples
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
            X, development["X"], sample.groups, y01, development.get("y_true"), level, seeds[2]
        )
        mix = pd.concat([mix, pd.DataFrame([row])], ignore_index=True)
    curve = calibration_curve(
        y01, sample.proba, smooth=smooth, groups=sample.groups, confidence_level=level
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
    measured = performance(
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
    measured = measured.assign(
        level=measured["measure"].map(of), ideal=measured["measure"].map(ideal)
    )
    strong = {"level": "strong", "measure": "", "reason": STRONG, "method": ""}
    strong |= {name: measured[name].iloc[0] for name in ("n_samples", "n_events")}
    parts = measured.reindex(columns=COLUMNS).to_dict(orient="records")
    after = sum(row["level"] in ("mean", "weak", "moderate") for row in parts)
    return pd.DataFrame([*parts[:after], strong, *parts[after:]], columns=COLUMNS)
