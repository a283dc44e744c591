"""Whether anything done about a rare outcome pays, on the same patients left out."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from healthml._core._checks import check_alignment
from healthml._core._inputs import check_threshold
from healthml._core._parallel import run_parallel
from healthml.exceptions import InputError
from healthml.metrics._measures import MEASURES
from healthml.resampling import ResampledClassifier
from healthml.validation._compare.imbalance_result import (
    RAW,
    RECALIBRATED,
    REFERENCE,
    ImbalanceComparisonResult,
    advise,
)
from healthml.validation._compare.refitted_models import RefittedModels
from healthml.validation._refits import Procedure, folds, given_splits, predict_risk
from healthml.validation._scoring import METHOD, default_repeats, difference
from healthml.validation._task import make_task

STRATEGIES = ("none", "weights", "over", "under", "SMOTE", "bagged")
_COMPARED = ("auroc", "scaled_brier")
_TARGETS = ("calibration_slope", "oe_ratio")


def compare_imbalance_strategies(
    estimator,
    X,
    y,
    *,
    strategies=None,
    threshold=None,
    cv=5,
    n_repeats=None,
    groups=None,
    n_members=40,
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ImbalanceComparisonResult:
    """Compare ways to deal with a rare outcome, each as it is and recalibrated.

    Weights and resampling make risks several times too high, and recalibration mends that; but so
    it mends a classifier that was miscalibrated without any of them. So the reference is the
    classifier as it is, recalibrated: what resampling brings is what it brings beyond that.

    Parameters
    ----------
    estimator : scikit-learn classifier or pipeline
        Takes the table as it is; has `predict_proba`.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    strategies : list of str or dict, optional
        Names of "none", "weights", "over", "under", "SMOTE" (:class:`MixedSMOTE`, which takes
        tables as they are) and "bagged" (40 undersampled half-samples); all by default. Or
        {name: sampler}, {name: (sampler, ensemble)} as in :class:`ResampledClassifier`; "none" is
        always among them.
    threshold : float, optional
        Decision threshold at which net benefit is compared.
    cv : int, splitter or iterable, default=5
        Folds of whole patients, or ready-made (train, test) pairs.
    n_repeats : int, optional
        Repeats of a number of folds; by default 5 up to 3,000 rows, fewer above. Every split fits
        each strategy 6 times, "bagged" `n_members` times.
    groups : array-like of shape (n_samples,), optional
        Patient of each row.
    n_members : int, default=40
        Members of a bag.
    confidence_level : float, default=0.95
        Coverage of each interval.
    event : scalar or str, optional
        The level of `y` that is the event.
    n_jobs : int, optional
        Parallel fits, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of splits, samplers and fits.

    Returns
    -------
    ImbalanceComparisonResult
        A table, a plot, and one sentence of advice that follows the numbers.

    Raises
    ------
    InputError
        If a strategy is unknown, or patients with and without the event are too few.

    Notes
    -----
    Intervals of differences are paired: they join each patient's influence on the difference with
    the variance over refitted models. For the slope the difference is of slopes, for O:E of its
    logarithm. The advice is the simplest strategy that is not worse: another than the reference
    only where its scaled Brier score is better, all comparisons counted (Bonferroni), and among
    those the first that none of the others is better than; "none" as it is only where it is shown
    to be hardly worse than recalibrated.

    References
    ----------
    .. [1] van den Goorbergh R, van Smeden M, Timmerman D, Van Calster B. The harm of class
       imbalance corrections for risk prediction models. J Am Med Inform Assoc. 2022;29:1525-1534.

    See Also
    --------
    healthml.resampling.ResampledClassifier : The classifier behind each recalibrated strategy.
    healthml.validation.compare_models : Compares procedures of any kind on the same patients.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import compare_imbalance_strategies
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2))
    >>> y = (rng.random(400) < 1 / (1 + np.exp(2 - X[:, 0]))).astype(int)
    >>> result = compare_imbalance_strategies(
    ...     LogisticRegression(), X, y, strategies=["weights"], n_repeats=1, random_state=0
    ... )
    >>> result.advised
    'none, as it is'
    """
    check_alignment(X=X, y=y, groups=groups)
    task = make_task(
        None,
        X,
        y,
        groups=groups,
        sample_weight=None,
        measures=None,
        threshold_range=None if threshold is None else check_threshold(threshold),
        confidence_level=confidence_level,
        event=event,
    )
    task = replace(task, measures=(*_COMPARED, *_TARGETS, *task.thresholds))
    models = _models(estimator, strategies, n_members)
    if hasattr(cv, "split") or not isinstance(cv, int | np.integer):
        splits = given_splits(task, cv, random_state)
    else:
        repeats = default_repeats(task.n) if n_repeats is None else n_repeats
        splits = folds(task, int(cv), repeats, random_state)
    refitted = _refitted(task, splits, models, X, {"n_jobs": n_jobs, "verbose": verbose})
    table = _table(refitted)
    remarks = (f"{splits.text}; every strategy refitted in every split; patients not seen.",)
    advised, advice = advise(table, partial(paired, refitted), task.confidence_level)
    return ImbalanceComparisonResult(table, advised, advice, remarks, task.confidence_level)


def _models(estimator, strategies, n_members):
    """Return {name: ResampledClassifier}, "none" first."""
    known = _known()
    if strategies is None:
        strategies = STRATEGIES
    if not isinstance(strategies, dict):
        for name in strategies:
            if name not in known:
                raise InputError(f"strategies has {name!r}; choose from {', '.join(STRATEGIES)}.")
        strategies = {name: known[name] for name in STRATEGIES if name in strategies}
    strategies = {"none": known["none"]} | strategies
    made = {}
    for name, how in strategies.items():
        sampler, ensemble = how if isinstance(how, tuple) else (how, "single")
        made[str(name)] = ResampledClassifier(
            estimator, sampler, ensemble=ensemble, correction="platt", n_members=n_members
        )
    return made


def _known():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    from healthml.resampling import MixedSMOTE

    return {
        "none": (None, "single"),
        "weights": ("class_weight", "single"),
        "over": (RandomOverSampler(), "single"),
        "under": (RandomUnderSampler(), "single"),
        "SMOTE": (MixedSMOTE(), "single"),
        "bagged": (RandomUnderSampler(), "bagged"),
    }


@dataclass(frozen=True)
class _Fit:
    """Fits one strategy on the training rows of one split; returns both kinds of risks."""

    models: dict
    X: object
    y: np.ndarray
    groups: np.ndarray | None

    def __call__(self, job):
        name, resample = job
        procedure = Procedure(self.models[name], self.groups)
        model = procedure.make(resample)
        train = resample.train
        rows, y = _safe_indexing(self.X, train), self.y[train]
        try:
            extra = procedure.fit_params(model, rows, y, train, resample.seed)
            model.fit(rows, y, **extra)
        except InputError as error:
            raise InputError(f"{name} could not be fitted in {resample.where}: {error}") from None
        rows = _safe_indexing(self.X, resample.predict)
        return predict_risk(model, rows), model.predict_uncorrected_proba(rows)[:, 1]


def _refitted(task, splits, models, X, options):
    """Return the risks of every strategy, as it is and recalibrated, on the same splits."""
    refitted = RefittedModels(task, splits, options)
    jobs = [(name, resample) for name in models for resample in splits.resamples]
    fit = _Fit({name: clone(model) for name, model in models.items()}, X, task.y, task.groups)
    fits = run_parallel(fit, jobs, what="fits of strategies", **options)
    for k, name in enumerate(models):
        part = fits[k * len(splits.resamples) : (k + 1) * len(splits.resamples)]
        for place, suffix in ((1, RAW), (0, RECALIBRATED)):
            refitted.risks[name + suffix] = [risks[place] for risks in part]
            refitted.rows[name + suffix] = np.ones(task.n, dtype=bool)
    return refitted


class _OnLog:
    """Scores of folds whose O:E is taken as its logarithm."""

    def __init__(self, scores):
        self.scores, self.task, self.fold = scores, scores.task, scores.fold

    def estimate(self, measure):
        return float(np.log(self.scores.estimate(measure)))

    def by_repeat(self, measure):
        return np.log(self.scores.by_repeat(measure))

    def influence(self, measure):
        return self.scores.influence(measure) / self.scores.estimate(measure)


def paired(refitted, name, other, measure):
    """Return the paired difference of two strategies in a measure."""
    first, second = refitted.scores(name), refitted.scores(other)
    if measure == "oe_ratio":
        first, second = _OnLog(first), _OnLog(second)
    return difference(first, second, measure)


def _table(refitted):
    """Return one row for each strategy and measure."""
    tail = (1 - refitted.task.confidence_level) / 2
    n_comparisons = len(refitted.risks) - 1
    rows = []
    for name in refitted.risks:
        for row in refitted.score_rows(name):
            gap = paired(refitted, name, REFERENCE, row["measure"])
            strategy, _, how = name.partition(", ")
            ends, wide = gap.ends(tail), gap.ends(tail / max(n_comparisons, 1))
            rows.append(
                {"strategy": name, "sampling": strategy, "recalibrated": how == "recalibrated"}
                | {"measure": row["measure"], "estimate": row["estimate"]}
                | {"lower": row["lower"], "upper": row["upper"]}
                | {"difference": gap.estimate, "difference_lower": ends[0]}
                | {"difference_upper": ends[1], "lower_adjusted": wide[0]}
                | {"upper_adjusted": wide[1]}
                | {"direction": MEASURES[row["measure"].split("@")[0]].direction}
                | refitted.counts(refitted.scores(name))
                | {"method": METHOD}
            )
    return pd.DataFrame(rows)
