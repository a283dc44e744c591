"""How well will a procedure predict for patients not seen? Apparent, optimism, corrected."""

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
from threadpoolctl import threadpool_limits

from healthml._core._bootstrap import check_count, number_or_draws
from healthml._core._checks import check_alignment, check_random_seeds
from healthml.exceptions import InputError
from healthml.metrics._batched import Block
from healthml.validation._refits import (
    MOST_FOLDS,
    Resample,
    as_judged,
    batched_refit,
    bootstrap_draws,
    check_folds,
    folds,
    given_splits,
    inner_search,
    iterate_refits,
    later_rows,
    left_out,
    refuse_copies,
    refuse_pairs,
    unreachable,
)
from healthml.validation._scoring import DrawScores, FoldScores, check_ci
from healthml.validation._task import Task, make_task, slow_value
from healthml.validation._validate import choose_method as _auto
from healthml.validation._validate.assemble import draws_result, folds_result, later_result
from healthml.validation._validate.corrections import BOOTSTRAP
from healthml.validation._validate.result import ValidationResult

FOLDS = ("cv", "repeated_cv", "nested_cv")
METHODS = ("auto", *BOOTSTRAP, *FOLDS, "temporal")
# Rows up to which several threads in one linear algebra call cost more than they save. Chosen by
# judgement; only speed depends on it.
_SMALL = 30_000


def validate(
    estimator,
    X,
    y,
    *,
    method="auto",
    n_resamples=500,
    resamples=None,
    cv=None,
    groups=None,
    time=None,
    site=None,
    sample_weight=None,
    measures=None,
    threshold_range=None,
    ci="auto",
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ValidationResult:
    """Judge a modelling procedure on patients that it has not seen, by refitting it.

    The procedure is everything that `estimator` does when it is fitted: imputation, selection of
    columns, tuning. It is refitted whole in every resample, so that what these steps learn from
    the outcome is part of what is judged. The outcome reaches it as 0/1.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure; cloned, never fitted itself. A `random_state` of any of its parts that is
        None is seeded, so that the answer can be repeated.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table: pandas, polars, numpy or sparse, as the estimator takes it.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    method : str, default="auto"
        How to correct for overfitting:

        - "optimism": Harrell's bootstrap: apparent value minus the mean difference between refitted
          models on their own rows and on all rows. Not for learners that remember rows: see Notes.
        - "oob": mean value over the patients that a resample left out. Slightly pessimistic.
        - "632", "632+": weighted means of apparent and out-of-bag value, for discrimination,
          losses and net benefit; other measures are out-of-bag values, and the result says why.
        - "cv", "repeated_cv": stratified folds by whole patients, once or repeatedly. Ranking and
          losses are averaged over folds, calibration is judged over all rows of a repeat.
        - "nested_cv": the same for a search such as `GridSearchCV`, refused for anything else. The
          whole search is repeated among the training rows of each outer fold, its inner folds by
          whole patients too; no row that judges had a part in choosing. `chosen` says what was.
        - "temporal": fitted on the earlier 70% of the rows, judged on the later ones; needs `time`,
          or a `PatientTimeSplit` (windows, a gap) as `cv`. With `groups`, all later rows are
          judged and those of new patients once more alone.
        - "auto": "temporal" with `time`; cross-validation with `cv`; else "optimism" where it can
          be shown to work, and "repeated_cv" ("oob" for given draws) where it cannot; `remarks` say
          which and why.
    n_resamples : int, default=500
        Number of refits: bootstrap draws, or under cross-validation folds times repeats, at most 10
        of either. 500 keep the Monte Carlo error of a corrected AUC near 0.001 at a few hundred
        rows.
    resamples : iterable of int arrays, optional
        The bootstrap draws themselves, as arrays of row positions, instead of a number.
    cv : int, splitter or iterable, optional
        Number of folds by whole patients, a scikit-learn splitter, or (train, test) pairs, where
        the method is cross-validation (or "auto"); for "temporal" a `PatientTimeSplit` or pairs.
    groups : array-like of shape (n_samples,), optional
        Patient of each row. Whole patients are drawn, left out and counted.
    time : array-like of shape (n_samples,), optional
        When each row's prediction was made; numbers or dates.
    site : array-like of shape (n_samples,), optional
        Site of each row. Out-of-sample measures are added by site (`by_site`), for sites that the
        procedure knows; for a site not seen leave sites out instead.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row, in the fits where the estimator takes weights and in all measures.
    measures : str or list of str, optional
        Names from `healthml.metrics.list_measures`, those that need a threshold with it
        ("net_benefit@0.2"); also "dxy" and "emax_logistic". By default discrimination, overall
        performance and calibration, and net benefit where there is a threshold range.
    threshold_range : float, (low, high) or list of float, optional
        Decision thresholds that are plausible: adds net benefit at each of them, and for a range
        also its mean over the range.
    ci : str, default="auto"
        Interval: "influence" (normal, each patient's influence on the out-of-sample value),
        "location-shifted" (optimism correction only), "nadeau-bengio" or "cvauc" (cross-validation
        only), "none", or "auto".
    confidence_level : float, default=0.95
        Coverage of the intervals.
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
    ValidationResult

    Raises
    ------
    InputError
        If an input does not fit, or most refits fail; the message names the resample and its seed.
        If a bootstrap is asked for and a step splits its training rows where copies of a row
        cannot be kept on one side (a calibrator inside a search, early stopping).
    KeyboardInterrupt
        When interrupted, with the number of refits done and the resample and seed that were next.

    Warns
    -----
    DegenerateResampleWarning
        If resamples gave no model, with the first one's number and seed.
    ConvergenceWarning
        If fits were separated (unpenalised logistic regression has no estimate then) or did not
        converge. They are part of the estimate, for the procedure gives such models; the result
        also has the values without them.
    OverfittingWarning
        If optimism correction was asked for and cannot be trusted.

    See Also
    --------
    compare_models : Compare procedures with each other and with simple references, on the same
        patients left out.
    external_validate : Judge a frozen model on patients it was not made with.
    internal_external : Predict every site by a model refitted without it, and pool what was found.
    temporal_performance : Refit on earlier rows and judge later ones, new and returning patients
        apart.
    check_leakage : Look for leaks in a table, a split or a fitted step, and measure what they do to
        the AUC.

    Notes
    -----
    Optimism correction fails for learners that remember rows: 63% of the rows that judge a
    refitted model are rows it was fitted on. On pure noise it leaves a full-grown random forest an
    AUC of 0.9. "auto" looks at the first draws and leaves it when the apparent AUC is near perfect,
    far above the out-of-bag one, or hardly corrected.

    Searches, calibrators, stacks and tuned thresholds split their training rows themselves. All
    that can be reached get ready-made splits, in which the copies of a drawn row, and with
    `groups` all rows of a patient, stay on one side; a splitter of rows then splits patients. What
    was replaced stands in `remarks`, and `estimator` is the procedure as it was judged.

    Folds are not averaged for calibration, because a slope of twenty rows says nothing. An AUC over
    the pooled rows of a repeat is lower than the mean over folds, for each fold's risks have a
    level of their own; it is in `details`.

    References
    ----------
    .. [1] Harrell FE, Lee KL, Mark DB. Multivariable prognostic models. Stat Med. 1996;15:361-387.
    .. [2] Efron B, Tibshirani R. Improvements on cross-validation: the .632+ bootstrap method.
       J Am Stat Assoc. 1997;92:548-560.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import validate
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 5))
    >>> y = (X[:, 0] + 2 * rng.normal(size=300) > 1).astype(int)
    >>> result = validate(LogisticRegression(), X, y, n_resamples=100, random_state=0)
    >>> row = result.get("auroc")
    >>> row["method"], bool(row["corrected"] < row["apparent"])
    ('optimism', True)
    """
    if method not in METHODS:
        raise InputError(f"method={method!r} is unknown; use one of {', '.join(METHODS)}.")
    check_alignment(X=X, y=y, groups=groups, time=time, site=site)
    task = make_task(
        estimator,
        X,
        y,
        groups=groups,
        sample_weight=sample_weight,
        measures=measures,
        threshold_range=threshold_range,
        confidence_level=confidence_level,
        event=event,
    )
    question = _Question(
        task,
        method,
        _Plan.checked(n_resamples, resamples, cv),
        check_random_seeds(random_state, 3),
        ci,
        time,
        site,
        {"n_jobs": n_jobs, "verbose": verbose},
    )
    with threadpool_limits(limits=1 if task.n <= _SMALL else None):
        result = question.answer()
    judged, words = as_judged(estimator, task.X, task.y, task.groups)
    return replace(result, estimator=judged, remarks=(*result.remarks, *words))


@dataclass(frozen=True)
class _Plan:
    """Which rows are fitted on: a number of refits, bootstrap draws, or splits."""

    number: int
    draws: list | None
    cv: object

    @classmethod
    def checked(cls, n_resamples, resamples, cv):
        """Check the three parameters, of which the last two exclude each other."""
        if resamples is not None and cv is not None:
            raise InputError("resamples and cv exclude each other; pass draws or splits.")
        draws = None if resamples is None else number_or_draws(n_resamples, resamples)
        draws = draws if draws is None else refuse_pairs(list(draws))
        if isinstance(cv, Integral):
            cv = check_folds(cv)
        elif hasattr(cv, "__iter__") and not isinstance(cv, str):
            cv = list(cv)
        return cls(check_count(n_resamples, "n_resamples"), draws, cv)

    def bootstrap(self):
        """Return the draws, or how many to make."""
        return self.number if self.draws is None else self.draws

    def folds(self):
        """Return the number of folds."""
        if self.cv is None and self.number < 2:
            raise InputError("n_resamples is 1; cross-validation needs at least 2 refits.")
        return min(MOST_FOLDS, self.number) if self.cv is None else self.cv

    def later(self):
        """Return the splits of earlier and later rows, or None for one cut in time."""
        if self.draws is not None or isinstance(self.cv, int):
            raise InputError(
                "method='temporal' takes neither bootstrap draws nor a number of folds; pass time, "
                "or a PatientTimeSplit as cv."
            )
        return self.cv


@dataclass(frozen=True)
class _Question:
    """What to do with a task; every method is one function."""

    task: Task
    method: str
    plan: _Plan
    seeds: list
    ci: str
    time: object
    site: object
    options: dict

    def answer(self):
        """Return the result of the method asked for."""
        if self.method == "auto":
            return self._auto()
        if self.method == "temporal":
            return self._temporal()
        if self.method in FOLDS:
            return self._folds(self.method)
        return self._draws(self.method)

    def _auto(self):
        if self.time is not None:
            remark = "auto judged later rows, because time was given"
            return replace(self, method="temporal")._temporal((remark,))
        if self.plan.cv is not None:
            return self._folds("cv")
        if self.plan.draws is None and inner_search(self.task.estimator) is not None:
            remark = "auto took cross-validation around the search, whose inner folds stay inside."
            return self._folds("nested_cv", (remark,))
        apart = unreachable(self.task.estimator, self.task.n)
        if apart and self.plan.draws is None:
            return self._folds("repeated_cv", (_auto.copies_remark(apart),))
        refuse_copies(self.task.estimator, self.task.n, "A bootstrap")
        whole, apparent = self._apparent()
        draws = bootstrap_draws(self.task, self.plan.bootstrap(), self.seeds[1])
        scores = DrawScores(self.task, draws.total)
        verdict = _auto.judge_apparent(apparent["auroc"])
        for last in (_auto.PILOT, draws.total):
            if verdict.trusted:
                scores.run(draws, last, **self.options)
                verdict = _auto.judge(apparent["auroc"], scores)
        if verdict.trusted:
            return self._from_draws("optimism", whole, apparent, scores)
        if self.plan.draws is None:
            remarks = _auto.leave_remark(verdict, "repeated_cv"), *_auto.pilot_remarks(scores)
            return self._folds("repeated_cv", remarks, (whole, apparent))
        scores.method = "oob"
        scores.run(draws, **self.options)
        remark = _auto.leave_remark(verdict, "oob")
        return self._from_draws("oob", whole, apparent, scores, (remark,))

    def _draws(self, method):
        check_ci(self.ci, "draws")
        if self.plan.cv is not None:
            raise InputError(
                f"method={method!r} draws rows and takes no cv; pass n_resamples, or arrays of row "
                "positions as resamples."
            )
        refuse_copies(self.task.estimator, self.task.n, f"method={method!r}")
        draws = bootstrap_draws(self.task, self.plan.bootstrap(), self.seeds[1])
        whole, apparent = self._apparent()
        scores = DrawScores(self.task, draws.total, method)
        scores.run(draws, **self.options)
        return self._from_draws(method, whole, apparent, scores)

    def _from_draws(self, method, whole, apparent, scores, remarks=()):
        ci = check_ci(self.ci, "draws")
        if ci == "location-shifted" and method != "optimism":
            raise InputError("ci='location-shifted' needs method='optimism'; use ci='auto' here.")
        return draws_result(self.task, method, whole, apparent, scores, ci, remarks, self.site)

    def _folds(self, method, remarks=(), known=None):
        ci = check_ci(self.ci, "folds")
        task = self.task
        if method == "nested_cv" and inner_search(task.estimator) is None:
            raise InputError(
                f"method='nested_cv' needs a search, and {type(task.estimator).__name__} has "
                "nothing to choose; wrap it in GridSearchCV, or use method='repeated_cv'."
            )
        splits = self._splits(method)
        whole, apparent = known or self._apparent()
        refits = self._refits(splits.resamples)
        scores = FoldScores(task, splits, refits)
        return folds_result(task, method, whole, apparent, scores, refits, ci, remarks, self.site)

    def _splits(self, method):
        task, plan = self.task, self.plan
        if plan.draws is not None:
            raise InputError(
                f"method={method!r} takes no bootstrap draws; pass splits as cv, or leave out "
                "resamples."
            )
        if plan.cv is not None and not isinstance(plan.cv, int):
            return given_splits(task, plan.cv, self.seeds[2])
        n_folds = min(plan.folds(), task.scarcest())
        n_repeats = 1 if method == "cv" else _auto.repeats(task.n, plan.number, n_folds)
        return folds(task, n_folds, n_repeats, self.seeds[2])

    def _temporal(self, remarks=()):
        ci = check_ci(self.ci, "later")
        cv = self.plan.later()
        if self.time is None and cv is None:
            raise InputError("method='temporal' needs time, when each row's prediction was made.")
        splits = later_rows(self.task, cv, self.time, self.seeds[2])
        every = np.arange(self.task.n)
        refits = self._refits([replace(split, predict=every) for split in splits.resamples])
        remarks = (*remarks, *left_out(self.task, cv))
        return later_result(self.task, splits, refits, ci, remarks, self.site)

    def _refits(self, resamples):
        task = self.task
        known = {"sample_weight": task.weight, "what": "refits", **self.options}
        refits = batched_refit(task.estimator, task.X, task.y, resamples, **known)
        if refits is None:
            known |= {"groups": task.groups, "total": len(resamples)}
            refits = list(iterate_refits(task.estimator, task.X, task.y, resamples, **known))
        return refits

    def _apparent(self):
        """Fit on all rows; return the refit and the apparent value of every measure."""
        every = np.arange(self.task.n)
        whole = Resample(every, every, -1, self.seeds[0], "the fit on all rows")
        refitted = replace(self, options={})._refits([whole])[0]
        block = Block(self.task.y, refitted.risk[None], self.task.thresholds)
        block = block.weigh(self.task.weight)
        names = self.task.measures
        return refitted, {name: slow_value(name, block, self.task.weight) for name in names}
