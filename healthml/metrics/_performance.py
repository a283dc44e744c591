"""All measures of one set of risks, each with its interval, its counts and its warning."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from healthml._core._bootstrap import BootstrapResult, number_or_draws
from healthml._core._checks import check_random_seeds
from healthml._core._inputs import EPSILON, at_limits, check_threshold
from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result, table_text
from healthml._core._sample import Sample, make_sample
from healthml.exceptions import InputError, OutcomeError
from healthml.metrics._measures import (
    MEASURES,
    SMOOTHERS,
    check_prevalence,
    errors_of,
    fit_smooth,
    get_measure,
    lowest_cost_of,
    quantile_groups,
)
from healthml.metrics._multiclass import one_vs_rest
from healthml.metrics._smoothers import distinct_cells
from healthml.metrics._uncertainty import (
    BOUNDED,
    COSTS,
    IRREGULAR,
    NORMAL,
    OF_COUNTS,
    RESAMPLED,
    SMOOTH,
    Interval,
    bounded_interval,
    count_statistic,
    direct_interval,
    lowest_cost_interval,
    resample,
    under_perfect_calibration,
)

__all__ = ["PerformanceResult", "performance"]

_METHODS = {"auroc": ("delong", "logit"), "oe_ratio": ("binomial",)}
_METHODS |= dict.fromkeys(NORMAL, ("normal",))


# Measures made of the log odds of risks, or of their logarithms, which 0 and 1 do not have.
_OF_LOG_ODDS = (
    *("calibration_slope", "calibration_intercept", "calibration_in_the_large"),
    *("log_loss", "log_likelihood"),
)


@dataclass(frozen=True, repr=False)
class PerformanceResult(Result):
    """Measures with intervals; made by `performance`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure: measure, domain, estimate, lower, upper, n_samples, n_events, method,
        proper, needs_threshold, recommended, threshold, null_mean, null_p95 (the mean and 95th
        percentile under perfect calibration), resamples (those used), mcse (Monte Carlo standard
        error of the bootstrap's ends), reason (why something is missing), note (a warning).
    confidence_level : float
        Coverage of the intervals.
    n_clipped : int
        Rows with a risk closer to 0 or 1 than `epsilon`, moved there for logarithms.
    epsilon : float
        How close that is.
    smoother : str
        The smooth curve behind ICI, ECI, E50, E90 and Emax.
    bootstrap : BootstrapResult or None
        The resamples and their failures.
    """

    confidence_level: float = 0.95
    n_clipped: int = 0
    smoother: str = "loess"
    bootstrap: BootstrapResult | None = field(default=None)
    epsilon: float = EPSILON

    def summary(self):
        """Return measures, estimates and intervals as plain text, and why something is missing."""
        columns = ["measure", "estimate", "lower", "upper", "null_mean", "method", "reason"]
        text = table_text(self.table, columns, na_rep="")
        if self.n_clipped:
            text += f"\n{self.n_clipped} risks were moved to {self.epsilon:g} from 0 or 1 for logs."
        return text

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without the single resamples."""
        return Result.to_json(replace(self, bootstrap=None), indent=indent)

    def get(self, measure):
        """Return the row of a measure as a Series."""
        rows = self.table[self.table["measure"] == measure]
        if rows.empty:
            raise InputError(f"There is no row {measure!r}; it has {list(self.table.measure)}.")
        return rows.iloc[0]

    def plot(self, ax=None, *, measures=None, **kwargs):
        """Draw measures between 0 and 1 with their intervals; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, new_axes

        table = self._drawn().dropna(subset=["lower"])
        unit = [name for name in table["measure"] if MEASURES[name].limits in ((0, 1), (-1, 1))]
        table = table[table["measure"].isin(measures or unit)].iloc[::-1]
        ax = new_axes(ax, height=1.2 + 0.28 * len(table))
        places = np.arange(len(table))
        ends = [table["estimate"] - table["lower"], table["upper"] - table["estimate"]]
        options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
        ax.errorbar(table["estimate"], places, xerr=np.maximum(np.asarray(ends), 0), **options)
        ax.set_yticks(places, [MEASURES[name].label for name in table["measure"]], parse_math=False)
        ax.set(xlabel=f"Estimate, {self.confidence_level:.0%} CI", ylim=(-0.7, len(table) - 0.3))
        return ax


@one_vs_rest
def performance(
    y_true,
    y_proba,
    *,
    threshold=None,
    groups=None,
    sample_weight=None,
    weight_type=None,
    prevalence=None,
    measures=None,
    smooth="loess",
    n_knots=5,
    n_bins=10,
    interval_methods=None,
    confidence_level=0.95,
    intervals=True,
    n_resamples=1000,
    resamples=None,
    event=None,
    classes=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> PerformanceResult:
    """Judge predicted risks by every measure, each with its interval.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Predicted probability of the event; three or more columns give one-vs-rest tables.
    threshold : float, default=None
        Decision threshold. Without it the measures that need one are missing, with the reason.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row. With repeated patients every interval is for patients: Obuchowski's
        for AUROC, sandwich variances, whole patients in the bootstrap.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    weight_type : {"frequency", "sampling"}, default=None
        What the weights are; required with them. Frequency weights count as so many equal rows,
        sampling weights give sandwich intervals and refuse the log-likelihood.
    prevalence : float, default=None
        Prevalence of the population of interest for PPV, NPV and net benefit.
    measures : str or list of str, default=None
        Names from `list_measures`; all when None.
    smooth : {"loess", "loess_interpolated", "lowess", "rcs", "pspline"}, default="loess"
        Smoother behind ICI, ECI, E50, E90 and Emax; all but loess are refitted in each resample.
    n_knots : int, default=5
        Knots of ``smooth="rcs"``.
    n_bins : int, default=10
        Groups of the ECE.
    interval_methods : dict, default=None
        Other intervals than the default. DeLong's for the AUROC is made on the logit scale, with
        Student's t, where the area is within 5 standard errors of 0 or 1; ``{"auroc": "delong"}``
        never does so, ``{"auroc": "logit"}`` always takes that scale, with the normal quantile.
        ``{"oe_ratio": "binomial"}`` takes the events as binomial
        (Debray). ``{"net_benefit": "normal", "brier": "normal"}`` makes them estimate +- z
        standard errors.
    confidence_level : float, default=0.95
        Coverage of the intervals.
    intervals : bool, default=True
        Whether to compute intervals; False gives the estimates alone, quickly.
    n_resamples : int, default=1000
        Number of bootstrap resamples, for the measures without a formula.
    resamples : iterable of int arrays, default=None
        The resamples themselves, as arrays of row positions, instead of a number.
    event : scalar or str, default=None
        The level of `y_true` that is the event; not needed for 0/1 and booleans.
    classes : list, default=None
        Labels of the columns of a `y_proba` with three or more; the sorted labels when None.
    n_jobs : int, default=None
        Jobs of the bootstrap.
    verbose : int, default=0
        Above 0, progress of the bootstrap on stderr.
    random_state : int, RandomState or None, default=None
        Seed of the resamples and of the draws under perfect calibration.

    Returns
    -------
    PerformanceResult

    Raises
    ------
    ValueError
        If an input is missing, out of range, or weights are not declared.

    Warns
    -----
    DegenerateResampleWarning
        If some resamples gave no value; they are counted in `bootstrap`.

    See Also
    --------
    compare_performance : Compare models on the same rows, each difference with an interval.
    healthml.validation.validate : Judge a modelling procedure on patients that it has not seen, by
        refitting it.
    healthml.validation.external_validate : Judge a frozen model on patients it was not made with.

    Notes
    -----
    ICI, ECI, E50, E90, Emax and ECE are above 0 in any sample; beside them stand the mean and the
    95th percentile they have when every risk is right. Their intervals begin at 0 unless the
    estimate is beyond that, take the upward bias back from the lower end, and end at the largest
    of the basic, the normal and the percentile bootstrap end. The refitting of the model is no
    part of any interval here.

    References
    ----------
    .. [1] Van Calster B, et al. Evaluation of performance measures in predictive artificial
       intelligence models to support medical decisions: overview and guidance. Lancet Digit
       Health. 2025;7:100916.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import performance
    >>> random = np.random.RandomState(0)
    >>> risk = random.uniform(0.05, 0.6, 300)
    >>> died = random.uniform(size=300) < risk
    >>> result = performance(died, risk, threshold=0.2, n_resamples=100, random_state=0)
    >>> result.get("auroc")["method"]
    'DeLong'
    """
    level = check_confidence_level(confidence_level)
    sample = make_sample(
        y_true,
        y_proba,
        sample_weight=sample_weight,
        weight_type=weight_type,
        groups=groups,
        event=event,
    )
    question = _Question(
        sample=sample,
        measures=_check_measures(measures),
        options=_options(sample, threshold, prevalence),
        made_with=_made_with(smooth, n_knots, n_bins),
        methods=_check_methods(interval_methods or {}),
        level=level,
    )
    rows, smoother = question.estimates()
    drawn, null = None, {}
    if intervals:
        seeds = check_random_seeds(random_state, 2)
        asked = number_or_draws(n_resamples, resamples)
        run = {"resamples": asked, "n_jobs": n_jobs, "verbose": verbose}
        drawn, null = question.resampled(rows, run, seeds)
    table = pd.DataFrame(
        [question.row(m, rows[m.name], drawn, null, intervals) for m in question.measures]
    )
    clipped = int(at_limits(sample.proba).sum())
    table = _say_clipped(table, clipped)
    return PerformanceResult(table, level, clipped, smoother, drawn)


def _say_clipped(table, count):
    """Note beside measures of log odds how many risks of 0 or 1 they rest on."""
    rows = table["measure"].isin(_OF_LOG_ODDS) & table["estimate"].notna()
    if count and rows.any():
        words = f"{count} risks of 0 or 1 were moved to {EPSILON:g} from it: it depends on that. "
        table.loc[rows, "note"] = words + table.loc[rows, "note"]
    return table


@dataclass(frozen=True)
class _Question:
    """What is asked of which sample."""

    sample: Sample
    measures: list
    options: dict
    made_with: dict
    methods: dict
    level: float

    def estimates(self):
        """Return an Interval for every measure (resampled ones still without ends)."""
        rows, smoother, errors = {}, "", None
        for measure in self.measures:
            name, reason = measure.name, self._missing(measure)
            if reason:
                rows[name] = Interval(np.nan, reason=reason)
            elif name in SMOOTH:
                errors = self._smooth_errors() if errors is None else errors
                rows[name], smoother = errors[0][name], errors[1]
            elif name in RESAMPLED:
                rows[name] = Interval(self._counted(name))
            else:
                sample, level = self.sample, self.level
                rows[name] = direct_interval(sample, measure, self.options, level, self.methods)
        return rows, smoother

    def resampled(self, rows, run, seeds):
        """Return the bootstrap and the values under perfect calibration, where they are needed."""
        names = [n for n in rows if n in RESAMPLED and np.isfinite(rows[n].estimate)]
        names = [name for name in names if name not in IRREGULAR]
        if not names:
            return None, {}
        ratio = self.options["cost_ratio"]
        statistic = count_statistic(self.sample, names, **self.made_with, cost_ratio=ratio)
        drawn = resample(statistic, self.sample, level=self.level, random_state=seeds[0], **run)
        if not any(name in BOUNDED for name in names):
            return drawn, {}
        return drawn, under_perfect_calibration(statistic, self.sample, random_state=seeds[1])

    def row(self, measure, interval, drawn, null, intervals):
        """Return one row of the table."""
        name, resamples, mcse = measure.name, 0, np.nan
        if drawn is not None and name in drawn.estimate:
            interval, resamples, mcse = _bootstrap_interval(
                name, interval.estimate, drawn, null, self.level
            )
        elif intervals and name in IRREGULAR and np.isfinite(interval.estimate):
            interval = replace(interval, reason="no valid interval: the best cut is irregular")
        if not intervals:
            interval = replace(interval, lower=np.nan, upper=np.nan, method="")
        elif not interval.reason and not np.isfinite([interval.lower, interval.upper]).all():
            interval = replace(interval, reason="no finite interval at the edge of its range")
        drawn_null = null.get(name, np.full(1, np.nan))
        return {
            "measure": name,
            "domain": measure.domain,
            "estimate": interval.estimate,
            "lower": interval.lower,
            "upper": interval.upper,
            "n_samples": self.sample.n_samples,
            "n_events": self.sample.n_events,
            "method": interval.method,
            "proper": measure.proper,
            "needs_threshold": measure.needs_threshold,
            "recommended": measure.recommended,
            "threshold": self.options["threshold"] if measure.needs_threshold else np.nan,
            "null_mean": float(drawn_null.mean()),
            "null_p95": float(np.quantile(drawn_null, 0.95)),
            "resamples": resamples,
            "mcse": mcse,
            "reason": interval.reason,
            "note": measure.note,
        }

    def _missing(self, measure):
        if measure.needs_threshold and np.isnan(self.options["threshold"]):
            return "needs a decision threshold: pass threshold"
        if measure.name in RESAMPLED and not self.sample.both_classes:
            return "needs events and non-events"
        return ""

    def _smooth_errors(self):
        sample, made_with = self.sample, self.made_with
        cells = distinct_cells(sample.event, sample.proba, sample.weight)
        try:
            fit = fit_smooth(
                sample.event, sample.proba, sample.weight, made_with["smooth"], made_with["n_knots"]
            )
        except OutcomeError as error:
            return dict.fromkeys(SMOOTH, Interval(np.nan, reason=str(error))), ""
        prevalence = sample.mean(sample.event)
        errors = errors_of(cells.risk, fit.estimate(cells.risk), cells.weight, prevalence)
        return {name: Interval(value) for name, value in errors.items()}, fit.method

    def _counted(self, name):
        sample = self.sample
        if name == "ece":
            group = quantile_groups(sample.proba, sample.weight, self.made_with["n_bins"])
            gap = np.bincount(group, sample.weight * (sample.event - sample.proba))
            return float(np.abs(gap).sum() / sample.weight.sum())
        if name in COSTS:
            return lowest_cost_of(sample.counts, self.options["cost_ratio"])[COSTS.index(name)]
        return OF_COUNTS[name](sample.counts)


def _bootstrap_interval(name, estimate, drawn, null, level):
    """Percentile ends; for biased measures (bounded at 0, lowest cost) ends that correct them."""
    draws, centre = drawn.draws[name].dropna().to_numpy(), drawn.estimate[name]
    mcse = float(np.max(drawn.monte_carlo_error(name)))
    if len(draws) < 2:
        return Interval(estimate, reason="too few resamples gave a value"), len(draws), mcse
    if np.ptp(draws) == 0:
        return Interval(estimate, reason="all resamples are alike: no interval"), len(draws), mcse
    if name in BOUNDED:
        ends = bounded_interval(estimate, centre, draws, null[name], level)
        ends = ends[0], min(ends[1], MEASURES[name].limits[1])
        method = "bootstrap, bias taken back; 0 unless beyond perfect calibration"
    elif name in COSTS:
        ends = lowest_cost_interval(estimate, centre, draws, level)
        method = "bootstrap, normal, corrected for bias"
    else:
        ends = (float(estimate - centre + end) for end in drawn.interval(name))
        method = "bootstrap, percentile"
    return Interval(estimate, *ends, method), len(draws), mcse


def _check_measures(measures):
    names = [measures] if isinstance(measures, str) else measures
    return [get_measure(name) for name in (MEASURES if names is None else names)]


def _options(sample, threshold, prevalence):
    threshold = np.nan if threshold is None else check_threshold(threshold)
    return {
        "threshold": threshold,
        "prevalence": check_prevalence(prevalence),
        "cost_ratio": None if np.isnan(threshold) else (1 - threshold) / threshold,
        "total": float(sample.weight.sum()),
    }


def _made_with(smooth, n_knots, n_bins):
    if smooth not in SMOOTHERS:
        raise InputError(f"smooth is {smooth!r}; pass one of {', '.join(SMOOTHERS)}.")
    return {"smooth": smooth, "n_knots": n_knots, "n_bins": n_bins}


def _check_methods(methods):
    for name, method in methods.items():
        if method not in _METHODS.get(name, ()):
            known = "; ".join(f"{k!r}: {' or '.join(map(repr, v))}" for k, v in _METHODS.items())
            raise InputError(f"interval_methods has {name!r}: {method!r}; it knows {known}.")
    return methods
