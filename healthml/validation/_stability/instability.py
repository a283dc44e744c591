"""How far the risks of the same patients move from one sample to the next."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from healthml._core._bootstrap import number_or_draws
from healthml._core._inputs import check_threshold
from healthml._core._results import Result, table_html, table_text
from healthml.validation._stability.bootstrap_models import BootstrapModels, bootstrap_models
from healthml.validation._stability.plots import calibration_curves, decision_curves, switching
from healthml.validation._task import make_task

_WORDS = "mean absolute prediction error over bootstrap models"


@dataclass(frozen=True, repr=False)
class InstabilityResult(Result):
    """How far risks move between samples; made by `prediction_instability`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per row of `X`: row (position), risk (of the model fitted on all rows), lower and
        upper (ends of the range that holds 95% of the bootstrap models' risks), instability (mean
        absolute difference between the bootstrap models' risks and the model's).
    overall : pandas.DataFrame
        One row per measure, "instability" and "classification_instability@t": estimate (mean over
        rows), highest (of any row), mcse (Monte Carlo standard error of the mean), counts of rows
        and resamples.
    remarks : tuple of str
        What has to be known about the fits.
    confidence_level : float
        Share of the bootstrap models' risks between lower and upper.
    models : BootstrapModels
        The risks of every bootstrap model, of which the curves are made.
    """

    overall: pd.DataFrame = None
    remarks: tuple = ()
    confidence_level: float = 0.95
    models: BootstrapModels | None = field(default=None, repr=False)

    def summary(self):
        """Return mean and highest instability and what they mean."""
        first, width = self.overall.iloc[0], (self.table["upper"] - self.table["lower"]).median()
        lines = [
            table_text(self.overall),
            f"instability is the {_WORDS}: a row's risk moves by {first['estimate']:.3f} on "
            f"average, by up to {first['highest']:.3f}. Half of the rows have a "
            f"{self.confidence_level:.0%} range of risks wider than {width:.3f}.",
            "Procedure refitted on resamples of the same patients; risks of these patients.",
        ]
        return "\n".join([*lines, *(f"- {remark}" for remark in self.remarks)])

    def _repr_html_(self):
        """Show the means; the risk of each row is in the table, for who holds the rows."""
        return table_html(self.overall)

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without the single bootstrap models."""
        return Result.to_json(replace(self, models=None), indent=indent)

    def classification(self, threshold):
        """Return how often each row changes class between the model and the bootstrap models.

        Parameters
        ----------
        threshold : float
            Risk above which a row belongs to class 1.

        Returns
        -------
        pandas.DataFrame
            row, risk, threshold, estimate (the classification instability index: share of
            bootstrap models that put the row into the other class).
        """
        threshold = check_threshold(threshold)
        frame = self.table[["row", "risk"]].assign(threshold=threshold)
        return frame.assign(estimate=switching(self.models, threshold))

    def calibration_curves(self, *, smooth="loess", n_points=50):
        """Return the calibration curves of the model and of the bootstrap models on all rows.

        Parameters
        ----------
        smooth : {"loess", "lowess", "rcs", "pspline"}, default="loess"
            Smoother, as in `healthml.metrics.calibration_curve`.
        n_points : int, default=50
            Risks at which a curve is read, from its lowest to its highest risk.

        Returns
        -------
        pandas.DataFrame
            model ("all rows" or the number of the resample), risk, estimate.
        """
        return calibration_curves(self.models, smooth, n_points)

    def decision_curves(self, *, thresholds=None):
        """Return the net benefit of the model and of the bootstrap models on all rows.

        Parameters
        ----------
        thresholds : array-like of float, optional
            Decision thresholds, 0.01 to 0.99 by default; a risk on the threshold is treated.

        Returns
        -------
        pandas.DataFrame
            model ("all rows", the number of the resample, or "treat all"), threshold, estimate.
        """
        return decision_curves(self.models, thresholds)

    def plot(self, ax=None, *, kind="risk", threshold=None, **kwargs):
        """Draw one of the instability plots; returns the matplotlib axes.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw.
        kind : str, default="risk"
            "risk" (ranges of risks by the model's risk), "instability" (by the model's risk),
            "classification" (needs a threshold), "calibration" or "net_benefit" (all curves).
        threshold : float, optional
            For "classification"; by default the first that the result was made with.
        **kwargs
            For the points or the bootstrap models' lines.
        """
        from healthml.validation._stability.plots import draw

        return draw(self, ax, kind, threshold, kwargs)


def prediction_instability(
    estimator,
    X,
    y,
    *,
    n_resamples=200,
    resamples=None,
    groups=None,
    sample_weight=None,
    thresholds=None,
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> InstabilityResult:
    """Measure how much each patient's risk depends on who happened to be in the sample.

    The procedure is refitted on bootstrap resamples of the patients and each of these models
    predicts the risks of all rows [1]_. A patient whose risk is 0.1 by one and 0.6 by another such
    model cannot be advised by the number, however good the model is on average.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure: everything that is done when it is fitted is repeated in every resample.
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
        Weight of each row in the fits, where the estimator takes weights, and in the means.
    thresholds : float or list of float, optional
        Decision thresholds of the classification instability index.
    confidence_level : float, default=0.95
        Share of the bootstrap models' risks between lower and upper.
    event : scalar or str, optional
        The level of `y` that is the event.
    n_jobs : int, optional
        Parallel refits, as in joblib; the answer is the same for any number.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the resamples and of the refits.

    Returns
    -------
    InstabilityResult

    Raises
    ------
    InputError
        If the model cannot be fitted on all rows, or no resample gives a model.

    Warns
    -----
    DegenerateResampleWarning
        If resamples gave no model; they are counted with their reasons.

    See Also
    --------
    bootstrap_shrinkage : Estimate by the bootstrap how much a model has to be shrunk.
    validate : Judge a modelling procedure on patients that it has not seen, by refitting it.
    membership_inference : Measure how well a model's confidence tells its training patients from
        new ones.

    Notes
    -----
    The ranges show how far samples like this one differ, not where a patient's true risk lies:
    what all such samples get wrong together is not in them. A learner that remembers rows looks
    more stable on rows of this sample than it is for new patients, because 63% of the bootstrap
    models have seen each row.

    References
    ----------
    .. [1] Riley RD, Collins GS. Stability of clinical prediction models developed using
       statistical or machine learning methods. Biom J. 2023;65:2200302.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import prediction_instability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = (X[:, 0] + rng.normal(size=200) > 0.5).astype(int)
    >>> result = prediction_instability(
    ...     LogisticRegression(), X, y, n_resamples=50, thresholds=0.2, random_state=0
    ... )
    >>> result.overall["measure"].tolist()
    ['instability', 'classification_instability@0.2']
    >>> bool((result.to_frame()["lower"] <= result.to_frame()["upper"]).all())
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
    at = [] if thresholds is None else np.unique(np.atleast_1d(np.asarray(thresholds, float)))
    at = [check_threshold(float(threshold), "thresholds") for threshold in at]
    options = {"n_jobs": n_jobs, "verbose": verbose, "random_state": random_state}
    models = bootstrap_models(task, number_or_draws(n_resamples, resamples), **options)
    table = _by_row(models, task.confidence_level)
    overall = pd.DataFrame(_overall(models, at))
    return InstabilityResult(table, overall, models.remarks, task.confidence_level, models)


def _by_row(models, level):
    lower, upper = np.quantile(models.risks, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame(
        {
            "row": np.arange(models.task.n),
            "risk": models.risk,
            "lower": lower,
            "upper": upper,
            "instability": np.abs(models.risks - models.risk).mean(axis=0),
        }
    )


def _overall(models, thresholds):
    moved = {"instability": np.abs(models.risks - models.risk)}
    for t in thresholds:
        changed = (models.risks > t) != (models.risk > t)
        moved[f"classification_instability@{t:g}"] = changed.astype(float)
    weight = models.weight / models.weight.sum()
    for name, values in moved.items():
        by_model, by_row = values @ weight, values.mean(axis=0)
        several = models.n_used > 1
        mcse = by_model.std(ddof=1) / np.sqrt(models.n_used) if several else np.nan
        means = {"estimate": by_model.mean(), "highest": by_row[weight > 0].max(), "mcse": mcse}
        yield {"measure": name, **means, **models.counts()}
