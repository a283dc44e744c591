"""Is one model better than another on the same patients? Paired differences with intervals."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._bootstrap import BootstrapResult, bootstrap, number_or_draws
from healthml._core._checks import check_alignment
from healthml._core._inputs import check_threshold
from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml._core._sample import Sample, as_models, both_outcomes, make_sample
from healthml.exceptions import InputError
from healthml.metrics._measures import MEASURES, get_measure
from healthml.metrics._multiclass import refuse_multiclass
from healthml.metrics._uncertainty import (
    BOUNDED,
    COSTS,
    MEANS,
    OF_COUNTS,
    RECALIBRATED,
    count_statistic,
)

__all__ = ["ComparisonResult", "compare_performance"]

_REFUSED = {
    "discrimination_slope": "the difference of two discrimination slopes (IDI) is won by "
    "miscalibrated models",
    "expected_cost_threshold": "the cut is not a measure of performance",
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
        from healthml._core._displays import BLUE, GREY, new_axes

        table = self._drawn()
        table = table[table["measure"] == measure].iloc[::-1]
        ax = new_axes(ax, height=1.4 + 0.4 * len(table))
        ends = table[["lower", "upper"]].sub(table["estimate"], axis=0).abs().to_numpy().T
        options = {"fmt": "o", "color": BLUE, "capsize": 3, **kwargs}
        ax.errorbar(table["estimate"], np.arange(len(table)), xerr=ends, **options)
        names = table["model"] + " - " + table["reference"]
        ax.set_yticks(np.arange(len(table)), names, parse_math=False)
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
    sample_weight=None,
    weight_type=None,
    confidence_level=0.95,
    n_resamples=1000,
    resamples=None,
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
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    weight_type : {"frequency", "sampling"}, default=None
        What the weights are; required with them. Frequency weights are rows written out.
    confidence_level : float, default=0.95
        Coverage of each interval.
    n_resamples : int, default=1000
        Number of bootstrap resamples.
    resamples : iterable of int arrays, default=None
        The resamples themselves, as arrays of row positions, instead of a number.
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

    See Also
    --------
    healthml.validation.compare_models : Procedures, refitted on the same splits: which should be
        built?
    delong_test : Two columns of risks, by AUROC only, in closed form, as pROC does.
    healthml.fairness.group_performance : One model in several groups: for whom is it worse?
    healthml.imputation.compare_imputers : Imputers in front of one model: which serves it best?

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
    ...     died, models, measures=["brier"], n_resamples=100, random_state=0
    ... )
    >>> result.to_frame()[["model", "reference"]].values.tolist()
    [['model', 'blind']]
    """
    level = check_confidence_level(confidence_level)
    refuse_multiclass(y_proba, "compare_performance")
    models = as_models(y_proba)
    check_alignment(y_true=y_true, y_proba=models, sample_weight=sample_weight, groups=groups)
    names = _check_measures(measures, threshold)
    reference = next(iter(models)) if reference is None else str(reference)
    if reference not in models or len(models) < 2:
        raise InputError(
            f"y_proba has the models {', '.join(models)}; pass two or more with the reference."
        )
    options = {"sample_weight": sample_weight, "weight_type": weight_type}
    options |= {"groups": groups, "event": event}
    samples = {
        model: _written_out(make_sample(y_true, proba, **options, name=f"y_proba[{model!r}]"))
        for model, proba in models.items()
    }
    statistic = _AllModels({m: _RowStatistic.of(s, names, threshold) for m, s in samples.items()})
    some = both_outcomes(samples[reference])
    drawn = bootstrap(
        statistic,
        n_samples=len(some.event),
        groups=some.groups,
        resamples=number_or_draws(n_resamples, resamples),
        confidence_level=level,
        n_jobs=n_jobs,
        verbose=verbose,
        random_state=random_state,
    )
    others = [model for model in models if model != reference]
    n = len(others) * len(names)
    exact = {
        f"{model}|{name}": _exact(sample, name, threshold)
        for model, sample in samples.items()
        for name in names
    }
    rows = [
        _difference(m, reference, name, exact, drawn, level, n) for m in others for name in names
    ]
    counts = {"n_samples": some.n_samples, "n_events": some.n_events}
    table = pd.DataFrame([{**row, **counts} for row in rows])
    return ComparisonResult(table, level, n, drawn)


def _written_out(sample):
    """Return the rows as often as their frequency weight says."""
    if sample.weight_type != "frequency":
        return sample
    rows = np.repeat(np.arange(len(sample.event)), sample.weight.astype(np.intp))
    return Sample(sample.event[rows], sample.proba[rows], np.ones(len(rows)))


def _exact(sample, name, threshold):
    """Return the measure as its function does; resamples may gather neighbouring risks."""
    measure = get_measure(name)
    options = {"threshold": threshold} if measure.needs_threshold else {}
    weight = sample.row_weight
    return float(measure.function(sample.event, sample.proba, sample_weight=weight, **options))


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


def _difference(model, reference, name, exact, drawn, level, n_comparisons):
    key, base = f"{model}|{name}", f"{reference}|{name}"
    draws = (drawn.draws[key] - drawn.draws[base]).dropna().to_numpy()
    estimate, tail = exact[key] - exact[base], (1 - level) / 2
    moved = estimate - (drawn.estimate[key] - drawn.estimate[base])
    lower, upper = moved + (
        np.quantile(draws, [tail, 1 - tail]) if len(draws) else np.full(2, np.nan)
    )
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
        "value": exact[key],
        "reference_value": exact[base],
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
        weight = self.sample.weight * np.bincount(rows, minlength=len(self.sample.event))
        values = {} if self.counted is None else self.counted(rows)
        for name, columns in self.columns.items():
            values[name] = MEANS[name].function(weight @ columns / weight.sum(), self.options)
        return {name: float(values[name]) for name in self.names}
