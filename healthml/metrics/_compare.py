"""Is one model better than another on the same patients? Paired differences with intervals."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from healthml._core._bootstrap import BootstrapResult, bootstrap
from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.metrics._delong import delong_covariance, placements
from healthml.metrics._inputs import check_risks, check_threshold
from healthml.metrics._intervals import MEANS
from healthml.metrics._multiclass import refuse_multiclass
from healthml.metrics._registry import MEASURES, get_measure
from healthml.metrics._resampled import BOUNDED, COSTS, OF_COUNTS, RECALIBRATED, count_statistic
from healthml.metrics._sample import Sample, as_models, make_sample

__all__ = ["ComparisonResult", "DelongResult", "compare_performance", "delong_test"]

_REFUSED = {
    "discrimination_slope": "the difference of two discrimination slopes (IDI) is won by "
    "miscalibrated models",
    "expected_cost_threshold": "the cut is not a measure of performance",
}


@dataclass(frozen=True, repr=False)
class DelongResult(Result):
    """Difference of two areas under the ROC curve; made by `delong_test`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row: estimate (first minus second), lower, upper, auroc_1, auroc_2, standard_error,
        statistic, df, p_value, n_samples, n_events, method.
    confidence_level : float
        Coverage of the interval.
    """

    confidence_level: float = 0.95

    def plot(self, ax=None, **kwargs):
        """Draw the difference with its interval."""
        from healthml.metrics._style import BLUE, GREY, new_axes

        row, ax = self.table.iloc[0], new_axes(ax, height=1.6)
        ends = [[row.estimate - row.lower], [row.upper - row.estimate]]
        ax.errorbar([row.estimate], [0], xerr=ends, **{"fmt": "o", "color": BLUE, **kwargs})
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.set_yticks([])
        ax.set_xlabel(f"Difference in AUROC, {self.confidence_level:.0%} CI")
        return ax


def delong_test(
    y_true,
    y_proba_1,
    y_proba_2,
    *,
    y_true_2=None,
    groups=None,
    groups_2=None,
    confidence_level=0.95,
) -> DelongResult:
    """Compare two areas under the ROC curve without resampling.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Binary outcome, 0/1 or boolean.
    y_proba_1, y_proba_2 : array-like of shape (n_samples,)
        Risks of the two models; of the same rows unless `y_true_2` is given.
    y_true_2 : array-like, default=None
        Outcome of other patients, to whom `y_proba_2` belongs: the test is then unpaired, with
        Welch's degrees of freedom as in pROC.
    groups, groups_2 : array-like, default=None
        Patient of each row (of the first and the second set): the variance is then Obuchowski's.
    confidence_level : float, default=0.95
        Coverage of the interval of the difference.

    Returns
    -------
    DelongResult

    Notes
    -----
    The test takes the two models as they are. It must not compare a model with itself plus one
    predictor on the data it was fitted on: the difference is then not normal (Demler et al. 2012).

    References
    ----------
    .. [1] DeLong ER, et al. Comparing the areas under two or more correlated receiver operating
       characteristic curves. Biometrics. 1988;44:837-845.
    .. [2] Sun X, Xu W. Fast implementation of DeLong's algorithm. IEEE Signal Process Lett.
       2014;21:1389-1393.
    .. [3] Obuchowski NA. Nonparametric analysis of clustered ROC curve data. Biometrics.
       1997;53:567-578.

    Examples
    --------
    >>> from healthml.metrics import delong_test
    >>> y = [0, 0, 1, 0, 1, 1, 0, 1]
    >>> first = [0.1, 0.4, 0.35, 0.2, 0.8, 0.7, 0.3, 0.9]
    >>> second = [0.3, 0.2, 0.4, 0.6, 0.5, 0.7, 0.1, 0.2]
    >>> delong_test(y, first, second).to_frame()["estimate"].round(4).tolist()
    [0.2188]
    """
    level = check_confidence_level(confidence_level)
    for proba in (y_proba_1, y_proba_2):
        refuse_multiclass(proba, "delong_test")
    first = _both(make_sample(y_true, y_proba_1, groups=groups, name="y_proba_1"))
    if y_true_2 is None:
        if groups_2 is not None:
            raise InputError("groups_2 belongs to y_true_2; for paired risks pass groups alone.")
        second = first.with_proba(check_risks(y_proba_2, len(first.event), "y_proba_2"))
        numbers = _paired(first, second)
    else:
        second = _both(make_sample(y_true_2, y_proba_2, groups=groups_2, name="y_proba_2"))
        numbers = _unpaired(first, second)
    return DelongResult(pd.DataFrame([_tested(*numbers, level)]), level)


def _both(sample):
    if not sample.both_classes:
        raise InputError("y_true has one class only; AUROC needs events and non-events.")
    return sample


def _paired(first, second):
    parts = [placements(s.event, s.proba) for s in (first, second)]
    covariance = delong_covariance(first.event, parts, first.weight, first.groups)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    name = "DeLong" if first.groups is None else "Obuchowski (patients)"
    counts = (first.n_samples, first.n_events)
    return parts[0].area, parts[1].area, variance, np.inf, f"{name}, paired", counts


def _unpaired(first, second):
    parts = [placements(s.event, s.proba) for s in (first, second)]
    variances = [
        float(delong_covariance(s.event, [part], s.weight, s.groups)[0, 0])
        for s, part in zip((first, second), parts, strict=True)
    ]
    clustered = first.groups is not None or second.groups is not None
    freedom = np.inf
    if not clustered and sum(variances) > 0:
        sizes = first.n_samples - 1, second.n_samples - 1
        freedom = sum(variances) ** 2 / sum(v**2 / n for v, n in zip(variances, sizes, strict=True))
    name = "Obuchowski (patients)" if clustered else "DeLong"
    counts = (first.n_samples + second.n_samples, first.n_events + second.n_events)
    return parts[0].area, parts[1].area, sum(variances), freedom, f"{name}, unpaired", counts


def _tested(area_1, area_2, variance, freedom, method, counts, level):
    difference, error = area_1 - area_2, float(np.sqrt(max(variance, 0.0)))
    same = error == 0 and difference == 0
    with np.errstate(divide="ignore"):
        statistic = 0.0 if same else float(np.divide(difference, error))
    step = t.ppf(0.5 + level / 2, freedom) * error
    return {
        "estimate": difference,
        "lower": difference - step,
        "upper": difference + step,
        "auroc_1": area_1,
        "auroc_2": area_2,
        "standard_error": error,
        "statistic": statistic,
        "df": freedom,
        "p_value": float(2 * t.sf(abs(statistic), freedom)),
        "n_samples": counts[0],
        "n_events": counts[1],
        "method": method,
    }


@dataclass(frozen=True, repr=False)
class ComparisonResult(Result):
    """Differences between models over the same resamples; made by `compare_performance`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per model and measure: model, reference, measure, estimate (model minus
        reference), lower, upper, lower_adjusted, upper_adjusted (Bonferroni over all rows),
        value, reference_value, direction, n_samples, n_events, resamples, method.
    confidence_level : float
        Coverage of each interval.
    n_comparisons : int
        Number of differences in the table, for which the adjusted intervals account.
    bootstrap : BootstrapResult or None
        The resampled values of each model and measure.
    """

    confidence_level: float = 0.95
    n_comparisons: int = 1
    bootstrap: BootstrapResult | None = None

    def summary(self):
        """Return the table and what it says about multiplicity."""
        text = (
            f"{self.n_comparisons} differences; lower and upper hold one at a time with "
            f"{self.confidence_level:.0%}, lower_adjusted and upper_adjusted all together "
            "(Bonferroni)."
        )
        return f"{super().summary()}\n{text}"

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without the single resamples."""
        return Result.to_json(replace(self, bootstrap=None), indent=indent)

    def plot(self, ax=None, *, measure="auroc", **kwargs):
        """Draw the differences in one measure."""
        from healthml.metrics._style import BLUE, GREY, new_axes

        table = self.table[self.table["measure"] == measure].iloc[::-1]
        ax = new_axes(ax, height=1.4 + 0.4 * len(table))
        ends = [table["estimate"] - table["lower"], table["upper"] - table["estimate"]]
        options = {"fmt": "o", "color": BLUE, "capsize": 3, **kwargs}
        ax.errorbar(table["estimate"], np.arange(len(table)), xerr=ends, **options)
        names = table["model"] + " - " + table["reference"]
        ax.set_yticks(np.arange(len(table)), names)
        ax.axvline(0, color=GREY, linewidth=0.8)
        label = get_measure(measure).label
        ax.set(
            xlabel=f"Difference in {label}, {self.confidence_level:.0%} CI",
            ylim=(-0.6, len(table) - 0.4),
        )
        return ax


def compare_performance(
    y_true,
    y_proba,
    *,
    reference=None,
    measures=("auroc", "scaled_brier", "calibration_slope", "oe_ratio"),
    threshold=None,
    groups=None,
    confidence_level=0.95,
    resamples=1000,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ComparisonResult:
    """Compare models on the same rows, each difference with an interval.

    All models are scored on the same resamples, so that what they share cancels out.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : dict of str to array-like of shape (n_samples,)
        Risks of each model.
    reference : str, default=None
        Model that the others are compared with; the first when None.
    measures : list of str, default=("auroc", "scaled_brier", "calibration_slope", "oe_ratio")
        Names from `list_measures`; "net_benefit" needs `threshold`.
    threshold : float, default=None
        Decision threshold.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; whole patients are resampled.
    confidence_level : float, default=0.95
        Coverage of each interval.
    resamples : int or iterable of int arrays, default=1000
        Number of resamples, or the resamples themselves.
    event : scalar or str, default=None
        The level of `y_true` that is the event.
    n_jobs : int, default=None
        Jobs of the bootstrap.
    verbose : int, default=0
        Above 0, progress on stderr.
    random_state : int, RandomState or None, default=None
        Seed of the resamples.

    Returns
    -------
    ComparisonResult

    Raises
    ------
    ValueError
        If a measure must not be compared, such as the discrimination slope.

    Notes
    -----
    There is no net reclassification improvement and no integrated discrimination improvement:
    miscalibrated models win both. Compare net benefit instead.

    References
    ----------
    .. [1] Hilden J, Gerds TA. A note on the evaluation of novel biomarkers: do not rely on
       integrated discrimination improvement and net reclassification index. Stat Med.
       2014;33:3405-3414.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.metrics import compare_performance
    >>> random = np.random.RandomState(0)
    >>> risk = random.uniform(0.05, 0.6, 200)
    >>> died = random.uniform(size=200) < risk
    >>> models = {"blind": np.full(200, 0.3), "model": risk}
    >>> result = compare_performance(
    ...     died, models, measures=["brier"], resamples=100, random_state=0
    ... )
    >>> result.to_frame()[["model", "reference"]].values.tolist()
    [['model', 'blind']]
    """
    level = check_confidence_level(confidence_level)
    refuse_multiclass(y_proba, "compare_performance")
    models = as_models(y_proba)
    names = _check_measures(measures, threshold)
    reference = next(iter(models)) if reference is None else str(reference)
    if reference not in models or len(models) < 2:
        raise InputError(
            f"y_proba has the models {', '.join(models)}; pass two or more with the reference."
        )
    samples = {
        model: make_sample(y_true, proba, groups=groups, event=event, name=f"y_proba[{model!r}]")
        for model, proba in models.items()
    }
    statistic = _AllModels({m: _RowStatistic.of(s, names, threshold) for m, s in samples.items()})
    some = _both(samples[reference])
    drawn = bootstrap(
        statistic,
        n_samples=len(some.event),
        groups=some.groups,
        resamples=resamples,
        confidence_level=level,
        n_jobs=n_jobs,
        verbose=verbose,
        random_state=random_state,
    )
    others = [model for model in models if model != reference]
    n = len(others) * len(names)
    rows = [_difference(m, reference, name, drawn, level, n) for m in others for name in names]
    counts = {"n_samples": some.n_samples, "n_events": some.n_events}
    table = pd.DataFrame([{**row, **counts} for row in rows])
    return ComparisonResult(table, level, n, drawn)


def _check_measures(measures, threshold):
    names = [measures] if isinstance(measures, str) else list(measures)
    for name in names:
        measure = get_measure(name)
        if name in _REFUSED:
            raise InputError(
                f"{name} is not compared: {_REFUSED[name]}; compare net_benefit or brier."
            )
        if measure.needs_threshold:
            if threshold is None:
                raise InputError(f"{name} needs a decision threshold; pass threshold.")
            check_threshold(threshold)
    return names


def _difference(model, reference, name, drawn, level, n_comparisons):
    key, base = f"{model}|{name}", f"{reference}|{name}"
    draws = (drawn.draws[key] - drawn.draws[base]).dropna().to_numpy()
    estimate = drawn.estimate[key] - drawn.estimate[base]
    tail = (1 - level) / 2
    lower, upper = np.quantile(draws, [tail, 1 - tail]) if len(draws) else (np.nan, np.nan)
    error = draws.std(ddof=1) if len(draws) > 1 else np.nan
    wide = norm.ppf(1 - tail / n_comparisons) * error
    return {
        "model": model,
        "reference": reference,
        "measure": name,
        "estimate": estimate,
        "lower": float(lower),
        "upper": float(upper),
        "lower_adjusted": estimate - wide,
        "upper_adjusted": estimate + wide,
        "value": drawn.estimate[key],
        "reference_value": drawn.estimate[base],
        "direction": MEASURES[name].direction,
        "resamples": len(draws),
        "method": "bootstrap, percentile, same resamples",
    }


@dataclass(frozen=True)
class _AllModels:
    """The measures of all models on the same rows."""

    models: dict

    def __call__(self, rows):
        return {
            f"{model}|{name}": value
            for model, statistic in self.models.items()
            for name, value in statistic(rows).items()
        }


@dataclass(frozen=True)
class _RowStatistic:
    """Any measures of one model as a function of row positions."""

    sample: Sample
    names: list
    options: dict
    columns: dict
    counted: object

    @classmethod
    def of(cls, sample, names, threshold):
        """Prepare what does not change between resamples."""
        ratio = None if threshold is None else (1 - threshold) / threshold
        options = {"threshold": threshold, "total": float(len(sample.event))}
        fixed = [n for n in names if n in MEANS and n not in RECALIBRATED]
        columns = {n: np.column_stack(MEANS[n].columns(sample, options)) for n in fixed}
        counted = [n for n in names if n in (*OF_COUNTS, *BOUNDED, *COSTS, *RECALIBRATED)]
        statistic = count_statistic(sample, counted, cost_ratio=ratio) if counted else None
        return cls(sample, names, options, columns, statistic)

    def __call__(self, rows):
        weight = np.bincount(rows, minlength=len(self.sample.event)).astype(float)
        values = {} if self.counted is None else self.counted(rows)
        for name, columns in self.columns.items():
            values[name] = MEANS[name].function(weight @ columns / weight.sum(), self.options)
        return {name: float(values[name]) for name in self.names}
