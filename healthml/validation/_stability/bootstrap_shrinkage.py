"""How much a model has to be shrunk, from the slopes of bootstrap models."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd

from healthml._core._bootstrap import number_or_draws
from healthml._core._intervals import check_confidence_level
from healthml._core._numerics import fit_logistic
from healthml._core._results import Result
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.metrics._batched import Block
from healthml.validation._stability.bootstrap_models import bootstrap_models
from healthml.validation._task import make_task
from healthml.validation._validate import judge


@dataclass(frozen=True, repr=False)
class ShrinkageResult(Result):
    """How much to shrink a model; made by `bootstrap_shrinkage` and `heuristic_shrinkage`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per way of estimating: measure, estimate, lower, upper, mcse (Monte Carlo standard
        error), method, n_samples, n_events and counts of resamples.
    factor : float
        What to multiply the model's coefficients (its log odds) with; then refit the intercept,
        so that mean risk and event rate agree.
    remarks : tuple of str
        What has to be known to use it.
    values : pandas.DataFrame or None
        Slopes of the single bootstrap models.
    """

    factor: float = np.nan
    remarks: tuple = ()
    values: pd.DataFrame | None = None

    def summary(self):
        """Return the table and the factor in words."""
        shown = self.table[["measure", "estimate", "lower", "upper", "method"]].round(3)
        text = f"Multiply the log odds by {self.factor:.3f} and refit the intercept."
        if not self.factor > 0:
            text = "The risks tell nothing of new patients: give everybody the prevalence."
        lines = [shown.to_string(index=False, na_rep=""), text]
        return "\n".join([*lines, *(f"- {remark}" for remark in self.remarks)])

    def plot(self, ax=None, **kwargs):
        """Draw the slopes of the bootstrap models, or the estimate alone; returns the axes."""
        from healthml._core._displays import BLUE, GREY, VERMILION, new_axes

        ax = new_axes(ax, height=3.4)
        if self.values is not None:
            name = "all rows" if self.factor == self.table["estimate"].iloc[0] else "out of bag"
            slopes = self.values[name].dropna()
            ax.hist(slopes, **{"bins": 30, "color": BLUE, "alpha": 0.6, **kwargs})
            ax.set_ylabel("Bootstrap models")
        else:
            ax.set_yticks([])
        ax.axvline(1.0, color=GREY, lw=0.9, label="no shrinkage")
        ax.axvline(self.factor, color=VERMILION, lw=1.6, label=f"shrink by {self.factor:.2f}")
        ax.set(xlabel="Calibration slope")
        ax.legend(frameon=False)
        return ax


def bootstrap_shrinkage(
    estimator,
    X,
    y,
    *,
    n_resamples=200,
    resamples=None,
    groups=None,
    sample_weight=None,
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ShrinkageResult:
    """Estimate by the bootstrap how much a model has to be shrunk.

    Every bootstrap model is judged on all rows: the mean of its calibration slopes there is the
    shrinkage factor [1]_, the slope that R's ``rms::validate`` reports as corrected for a model
    fitted by maximum likelihood.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure, refitted whole in every resample.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    n_resamples : int, default=200
        Number of bootstrap resamples.
    resamples : iterable of int arrays, optional
        The resamples themselves, as arrays of row positions, instead of a number.
    groups : array-like of shape (n_samples,), optional
        Patient of each row; whole patients are drawn.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row in the fits, where the estimator takes weights, and in the slopes.
    confidence_level : float, default=0.95
        Share of the bootstrap models' slopes between lower and upper.
    event : scalar or str, optional
        The level of `y` that is the event.
    n_jobs : int, optional
        Parallel refits, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the resamples and of the refits.

    Returns
    -------
    ShrinkageResult
        Rows "calibration_slope" on all rows and on the patients that a resample left out ("out of
        bag"). `factor` is the first, or the second where the learner remembers rows: then all rows
        hold rows that the bootstrap models were fitted on, and the first is far too near 1.

    Raises
    ------
    InputError
        If an input does not fit, or no resample gives a model.

    See Also
    --------
    ShrunkenClassifier : Classifier whose risks are shrunk by its own out-of-fold calibration slope.
    heuristic_shrinkage : Estimate the shrinkage factor from the likelihood ratio of a logistic
        model.
    prediction_instability : Measure how much each patient's risk depends on who happened to be in
        the sample.

    References
    ----------
    .. [1] Steyerberg EW. Clinical Prediction Models. 2nd ed. Springer; 2019. Chapter 13.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import bootstrap_shrinkage
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(150, 8))
    >>> y = (X[:, 0] + rng.normal(size=150) > 0).astype(int)
    >>> model = LogisticRegression(C=np.inf)
    >>> result = bootstrap_shrinkage(model, X, y, n_resamples=100, random_state=0)
    >>> 0.5 < result.factor < 1
    True
    """
    task = make_task(
        estimator,
        X,
        y,
        groups=groups,
        sample_weight=sample_weight,
        measures=None,
        threshold_range=None,
        confidence_level=confidence_level,
        event=event,
    )
    options = {"n_jobs": n_jobs, "verbose": verbose, "random_state": random_state}
    models = bootstrap_models(task, number_or_draws(n_resamples, resamples), **options)
    own, area = _slopes(models)
    values = pd.DataFrame({"resample": models.numbers, **own})
    table = pd.DataFrame([_row(models, name, values[name]) for name in own])
    remarks, verdict = list(models.remarks), judge(*area)
    if not verdict.trusted:
        remarks.append(
            f"The factor is the out-of-bag slope, because {verdict.reason}: the learner remembers "
            "rows it was fitted on, so that the slope on all rows says nothing of new patients."
        )
    factor = float(table["estimate"].iloc[0 if verdict.trusted else 1])
    return ShrinkageResult(table, factor, tuple(remarks), values)


def _slopes(models):
    """Return slopes on all rows and out of bag, and the AUCs that say which can be trusted."""
    task = models.task
    block, whole = Block(task.y, models.risks), Block(task.y, models.risk[None])
    out = models.out.astype(float)
    if task.weight is not None:
        out = out * task.weight
    everywhere, outside = block.weigh(task.weight), block.weigh(out)
    slopes = {
        "all rows": everywhere.value("calibration_slope"),
        "out of bag": outside.value("calibration_slope"),
    }
    areas = {("test", "auroc"): everywhere.value("auroc"), ("out", "auroc"): outside.value("auroc")}
    areas["train", "auroc"] = block.weigh(models.times * models.weight).value("auroc")
    apparent = float(whole.weigh(task.weight).value("auroc")[0])
    return slopes, (apparent, SimpleNamespace(values=areas))


def _row(models, name, slopes):
    seen = slopes.dropna()
    level = check_confidence_level(models.task.confidence_level)
    ends = np.quantile(seen, [(1 - level) / 2, (1 + level) / 2]) if len(seen) else (np.nan, np.nan)
    counts = models.counts()
    counts |= {"resamples_used": len(seen), "resamples_failed": models.n_asked - len(seen)}
    return {
        "measure": "calibration_slope",
        "estimate": seen.mean() if len(seen) else np.nan,
        "lower": float(ends[0]),
        "upper": float(ends[1]),
        "mcse": seen.std(ddof=1) / np.sqrt(len(seen)) if len(seen) > 1 else np.nan,
        "method": f"bootstrap models on {name}; lower to upper holds {level:.0%} of them",
        **counts,
    }


def heuristic_shrinkage(X, y, *, n_parameters=None, event=None) -> ShrinkageResult:
    """Estimate the shrinkage factor from the likelihood ratio of a logistic model.

    ``(LR - p) / LR``, LR being twice the gain in log-likelihood of the model over its intercept and
    p the number of its parameters [1]_.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_parameters)
        The columns of the model as numbers, without missing cells: categories as indicators,
        curves as their terms.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    n_parameters : int, optional
        Parameters that were considered, where the columns of `X` were chosen among more; the number
        of columns by default.
    event : scalar or str, optional
        The level of `y` that is the event.

    Returns
    -------
    ShrinkageResult

    Raises
    ------
    InputError
        If a column is not a number, the outcomes are separated, or p is too small.

    See Also
    --------
    bootstrap_shrinkage : Estimate by the bootstrap how much a model has to be shrunk.
    development_sample_size : Return how many rows are needed to develop a model, by the criteria of
        Riley et al.

    References
    ----------
    .. [1] van Houwelingen JC, Le Cessie S. Predictive value of statistical models. Stat Med.
       1990;9:1303-1325.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation import heuristic_shrinkage
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(150, 8))
    >>> y = (X[:, 0] + rng.normal(size=150) > 0).astype(int)
    >>> round(heuristic_shrinkage(X, y).factor, 2)
    0.87
    """
    task = make_task(
        None,
        X,
        y,
        groups=None,
        sample_weight=None,
        measures=None,
        threshold_range=None,
        confidence_level=0.95,
        event=event,
    )
    matrix = _numbers(X)
    count = matrix.shape[1] if n_parameters is None else n_parameters
    if not isinstance(count, int | np.integer) or count < matrix.shape[1]:
        raise InputError(
            f"n_parameters is {n_parameters!r} and X has {matrix.shape[1]} columns; pass at least "
            "as many parameters as there are columns."
        )
    fit, null = fit_logistic(matrix, task.y), fit_logistic(None, task.y)
    if fit.separated:
        raise InputError(
            "The columns of X separate the events from the others, so that there is no likelihood "
            "ratio; use fewer columns or ShrunkenClassifier."
        )
    ratio = 2 * (fit.log_likelihood - null.log_likelihood)
    factor = (ratio - count) / ratio
    remarks = (f"Likelihood ratio {ratio:.2f} on {count} parameters.",)
    row = {"measure": "shrinkage_factor", "estimate": factor, "lower": np.nan, "upper": np.nan}
    row |= {"mcse": np.nan, "method": "heuristic, (LR - p) / LR", "n_samples": task.n}
    row |= {"n_events": int(task.y.sum()), "n_patients": task.n}
    row |= dict.fromkeys(("resamples_asked", "resamples_used", "resamples_failed"), 0)
    return ShrinkageResult(pd.DataFrame([row]), float(factor), remarks)


def _numbers(X):
    frame = to_pandas(X)
    try:
        matrix = frame.to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError):
        raise InputError(
            "X has columns that are not numbers; pass indicators instead of categories."
        ) from None
    missing = [
        str(name)
        for name, bad in zip(frame.columns, ~np.isfinite(matrix).all(0), strict=True)
        if bad
    ]
    if missing:
        raise InputError(
            f"X has missing or infinite cells in {len(missing)} columns, the first being "
            f"{missing[0]!r}; fill them first."
        )
    return matrix
