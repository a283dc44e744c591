"""Whether one way to fill in missing cells predicts better than another, as it is deployed."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_random_seeds
from healthml._core._parallel import run_parallel
from healthml._core._results import Result, table_text
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError, MissingIndicatorWarning
from healthml.imputation._compare.scores import (
    METHOD,
    counts,
    difference_row,
    ends,
    gather,
    make_splits,
    score_row,
)
from healthml.imputation._compare.strategies import (
    INDICATORS,
    MEAN,
    named_strategies,
    predict_split,
    simple_strategies,
)
from healthml.imputation._compare.task import DIRECTIONS, make_task
from healthml.imputation._missingness import indicator_auc

LABELS = {"auroc": "AUC", "scaled_brier": "scaled Brier score", "r_squared": "R squared"}


@dataclass(frozen=True, repr=False)
class ImputerComparisonResult(Result):
    """Differences between ways to fill in missing cells; made by `compare_imputers`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per imputer and measure: imputer, reference, measure, estimate (imputer minus
        reference), lower, upper, lower_adjusted, upper_adjusted (Bonferroni over all rows), value,
        reference_value, direction ("higher" or "lower" is better), n_samples, n_events,
        n_patients, method.
    scores : pandas.DataFrame
        One row per imputer and measure: imputer, measure, estimate, lower, upper, n_samples,
        n_events, n_patients, method.
    predictions : pandas.DataFrame
        Out-of-sample prediction of each row, averaged over repeats; missing where there is none.
    remarks : tuple of str
        How the patients were split, how many cases are complete, what the gaps alone tell, and
        which imputers warned how often.
    indicator_auc : dict
        Out-of-fold AUC of the missing indicators alone, or ``reason`` why there is none.
    confidence_level : float
        Coverage of each interval.
    """

    scores: pd.DataFrame = None
    predictions: pd.DataFrame = None
    remarks: tuple = ()
    indicator_auc: dict = None
    confidence_level: float = 0.95

    def summary(self):
        """Return differences, scores and remarks as plain text."""
        left_out = ["direction", "n_events", "n_patients", "method"]
        shown = table_text(self.table, self.table.columns.drop(left_out))
        wide = self.scores.pivot_table("estimate", "imputer", "measure", sort=False)
        note = (
            f"{len(self.table)} differences; lower and upper hold one at a time with "
            f"{self.confidence_level:.0%}, lower_adjusted and upper_adjusted all together "
            "(Bonferroni)."
        )
        parts = [shown, note, wide.round(3).to_string(na_rep="")]
        return "\n".join([*parts, *(f"- {remark}" for remark in self.remarks)])

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without anything that belongs to single rows."""
        return Result.to_json(replace(self, predictions=None), indent=indent)

    def plot(self, ax=None, *, measure=None, **kwargs):
        """Draw the differences in one measure.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.
        measure : str, default=None
            The first one when None.
        **kwargs
            For the points.

        Returns
        -------
        matplotlib axes
        """
        from healthml._core._displays import BLUE, GREY, new_axes

        measures = self.table["measure"].unique().tolist()
        measure = measures[0] if measure is None else measure
        table = self._drawn()
        rows = table[table["measure"] == measure].iloc[::-1]
        if rows.empty:
            raise InputError(f"measure={measure!r} was not compared; use {', '.join(measures)}.")
        ax, at = new_axes(ax, width=6.0, height=1.4 + 0.4 * len(rows)), np.arange(len(rows))
        ax.hlines(at, rows["lower_adjusted"], rows["upper_adjusted"], color=BLUE, lw=0.8)
        ax.hlines(at, rows["lower"], rows["upper"], color=BLUE, lw=2.4)
        ax.plot(rows["estimate"], at, **{"marker": "o", "ls": "", "color": BLUE, **kwargs})
        ax.set_yticks(at, rows["imputer"], parse_math=False)
        ax.axvline(0, color=GREY, lw=0.9)
        name, better = LABELS.get(measure, measure.replace("_", " ")), DIRECTIONS[measure]
        ax.set(
            xlabel=f"Difference in {name} from {rows['reference'].iloc[0]}\n({better} is better), "
            f"{self.confidence_level:.0%} CI; thin: all {len(self.table)} together",
            ylim=(-0.6, len(rows) - 0.4),
        )
        return ax


# AUC of the missing indicators alone from which a warning is due; the default of MissingIndicators,
# where it is explained.
MAX_AUC = 0.6


def compare_imputers(
    estimator,
    X,
    y,
    *,
    imputers,
    reference=None,
    simple_references=True,
    measures=None,
    thresholds=None,
    cv=5,
    n_repeats=None,
    groups=None,
    event=None,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ImputerComparisonResult:
    """Compare imputers by what they are for: predictions for patients with missing values.

    Each imputer is fitted on training rows, without the outcome of any other, and fills in the test
    rows as it would those of new patients; a copy of the model is fitted on the completed training
    rows. All see the same splits, so that what they share cancels out of the differences.

    Parameters
    ----------
    estimator : classifier or regressor
        Model that gets the completed tables; a pipeline that encodes levels, where there are any.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table, with missing cells.
    y : array-like of shape (n_samples,)
        Outcome: for a classifier 0/1, boolean, or any labels when `event` names the event.
    imputers : dict of str to transformer, model or None
        Imputers by name. A model that predicts (``MultiplyImputedClassifier``) is compared as a
        whole; None hands the missing values on to the estimator.
    reference : str, default=None
        What the others are compared with; "mean or mode" when it is there, else the first.
    simple_references : bool or list of str, default=True
        Simple ways to add: "mean or mode", "mean or mode with indicators" (of every column with
        gaps), "complete cases" (fitted, scored and compared on complete rows alone), "left missing"
        (where the estimator takes missing values); all that can be had when True.
    measures : sequence of str, default=None
        For a classifier of "auroc", "scaled_brier", "brier" and "net_benefit", for a regressor of
        "r_squared" and "mse". By default "auroc" and "scaled_brier", with thresholds also
        "net_benefit"; or "r_squared".
    thresholds : float or sequence of float, default=None
        Decision thresholds over which net benefit is averaged.
    cv : int, splitter or iterable, default=5
        Folds of whole patients, stratified by outcome, or a splitter or (train, test) pairs.
    n_repeats : int, default=None
        How often folds are drawn: 5 times up to 3,000 rows, 3 times up to 10,000, else twice.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row.
    event : scalar or str, default=None
        Level of `y` that is the event.
    confidence_level : float, default=0.95
        Coverage of the intervals.
    n_jobs : int, default=None
        Splits worked on at the same time.
    verbose : int, default=0
        Report finished fits.
    random_state : int, RandomState or None, default=None
        Draws the folds, and seeds imputers and models that have no seed.

    Returns
    -------
    ImputerComparisonResult

    Raises
    ------
    InputError
        If nothing is missing, an imputer needs the outcome, or one fails in a split.

    Warns
    -----
    MissingIndicatorWarning
        If the missing indicators alone predict the outcome: what uses them is then scored by how
        the gaps came about.

    See Also
    --------
    healthml.validation.validate : How well one of these procedures predicts.
    healthml.validation.compare_models : Compares models instead of imputers.
    MissingIndicators : Indicators that are kept only where they transport.

    Notes
    -----
    The AUC compares rows of one fold only. A difference on new patients holds for the same kinds
    of gaps; where gaps will arise in another way, no split of these data can tell.

    References
    ----------
    .. [1] Sisk R, Sperrin M, Peek N, van Smeden M, Martin GP. Imputation and missing indicators for
       handling missing data in the development and deployment of clinical prediction models: a
       simulation study. Stat Methods Med Res 2023;32:1461-1477.
    .. [2] Bates S, Hastie T, Tibshirani R. Cross-validation: what does it estimate and how well
       does it do it? J Am Stat Assoc. 2024;119:1434-1445.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.imputation import ChainedImputer, compare_imputers
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=300)
    >>> X = pd.DataFrame({"a": a, "b": a + 0.3 * rng.normal(size=300)})
    >>> died = rng.random(300) < 1 / (1 + np.exp(-2 * a))
    >>> X.loc[rng.random(300) < 0.4, "a"] = np.nan
    >>> imputers = {"chained": ChainedImputer(m=1, n_iter=1)}
    >>> options = {"n_repeats": 1, "random_state": 0}
    >>> result = compare_imputers(LogisticRegression(), X, died, imputers=imputers, **options)
    >>> result.scores["imputer"].unique().tolist()
    ['chained', 'mean or mode', 'mean or mode with indicators', 'complete cases']
    """
    check_alignment(X=X, y=y, groups=groups)
    frame = to_pandas(X)
    is_missing = frame.isna().to_numpy()
    if not is_missing.any():
        raise InputError("X has no missing cell, so there is nothing to compare.")
    task = make_task(
        estimator, y, len(frame), groups, measures, thresholds, event, confidence_level
    )
    simple, remarks = simple_strategies(
        simple_references, estimator, ~is_missing.any(axis=1), task.y, is_classes=task.is_classes
    )
    strategies = named_strategies(estimator, dict(imputers)) + simple
    names = [strategy.name for strategy in strategies]
    reference = _reference(reference, names)
    of_splits, of_models, of_signal = check_random_seeds(random_state, 3)
    splits = make_splits(X, task, cv, _repeats(n_repeats, len(frame)), of_splits)
    answers = _answers(strategies, X, task, splits, of_models, n_jobs, verbose)
    gathered = {name: gather(part, splits, len(frame)) for name, part in answers.items()}
    folds = cv if isinstance(cv, int | np.integer) else 5
    signal = {"reason": "the outcome has not two classes"}
    if task.is_classes:
        signal = indicator_auc(is_missing, task.y, task.groups, folds, task.level, of_signal)
    remarks = (
        _how(splits, task),
        *remarks,
        *_warning_remarks(answers),
        *_indicator_remarks(signal, names),
    )
    scores = [
        {"imputer": name, "measure": measure, **score_row(task, gathered[name], measure)}
        for name in names
        for measure in task.measures
    ]
    predictions = pd.DataFrame(
        {name: risks.mean() for name, risks in gathered.items()}, frame.index
    )
    return ImputerComparisonResult(
        _differences(task, gathered, reference),
        pd.DataFrame(scores).astype({"n_events": "Int64"}),
        predictions,
        remarks,
        signal,
        task.level,
    )


def _answers(strategies, X, task, splits, seed, n_jobs, verbose):
    """Return {name: the answers of `predict_split` for each split}."""
    tasks = [
        (strategy, X, task.y, train, test, (seed + number) % 2**31, number)
        for strategy in strategies
        for number, (_, train, test) in enumerate(splits)
    ]
    answers = run_parallel(predict_split, tasks, n_jobs=n_jobs, verbose=verbose, what="fits")
    k = len(splits)
    return {procedure.name: answers[k * i : k * (i + 1)] for i, procedure in enumerate(strategies)}


def _how(splits, task):
    repeats = 1 + max(repeat for repeat, _, _ in splits)
    whole = "rows" if task.groups is None else "whole patients"
    return (
        f"{len(splits)} splits in {repeats} repeats, {whole} left out; imputer and model refitted "
        "in each."
    )


def _reference(reference, names):
    if len(set(names)) < 2:
        raise InputError("there is nothing to compare with; pass two imputers, or a reference.")
    if reference is None:
        return MEAN if MEAN in names else names[0]
    if reference not in names:
        raise InputError(f"reference={reference!r} is not compared; there are {', '.join(names)}.")
    return reference


# Repeats of cross-validation by the rows up to which they are made, as everywhere (see
# validation): chosen by judgement, not by simulation; more make the answer depend less on the seed.
_REPEATS = ((3_000, 5), (10_000, 3), (np.inf, 2))


def _repeats(n_repeats, n):
    if n_repeats is None:
        return next(repeats for most, repeats in _REPEATS if n <= most)
    if not isinstance(n_repeats, int | np.integer) or n_repeats < 1:
        raise InputError(f"n_repeats={n_repeats!r} is not a whole number of at least 1.")
    return int(n_repeats)


def _differences(task, scores, reference):
    rows, spreads = [], []
    for name, scored in scores.items():
        for measure in task.measures if name != reference else ():
            other = scores[reference]
            estimate, variance, df, value, base = difference_row(task, scored, other, measure)
            row = {"imputer": name, "reference": reference, "measure": measure}
            row |= {"estimate": estimate, "value": value, "reference_value": base}
            row["direction"] = DIRECTIONS[measure]
            rows.append({**row, **counts(task, scored.rows & other.rows), "method": METHOD})
            spreads.append((estimate, variance, df))
    table, tail = pd.DataFrame(rows).astype({"n_events": "Int64"}), (1 - task.level) / 2
    for place, (suffix, share) in enumerate((("", tail), ("_adjusted", tail / len(rows)))):
        limits = np.array([ends(*spread, share) for spread in spreads])
        table.insert(4 + 2 * place, f"lower{suffix}", limits[:, 0])
        table.insert(5 + 2 * place, f"upper{suffix}", limits[:, 1])
    return table


def _warning_remarks(parts):
    """Return a remark for each imputer and kind of warning."""
    remarks = []
    for name, answers in parts.items():
        for kind in sorted(set().union(*(warned for _, _, warned in answers))):
            times = sum(kind in warned for _, _, warned in answers)
            remarks.append(f"{name}: {kind} in {times} of {len(answers)} splits.")
    return remarks


def _indicator_remarks(signal, names):
    """Return a remark on what the gaps alone tell, and warn where that is much."""
    if "estimate" not in signal:
        return [f"what the missing indicators alone tell is not assessable: {signal['reason']}."]
    text = (
        f"the missing indicators alone reach an out-of-fold AUC of {signal['estimate']:.2f} "
        f"({signal['lower']:.2f} to {signal['upper']:.2f})"
    )
    if signal["lower"] <= MAX_AUC:
        return [f"{text}."]
    text += (
        "; gaps may have come about through the outcome, and what is gained from them does not "
        "transport to where values are measured for other reasons"
    )
    if INDICATORS in names:
        warnings.warn(
            f"{text}. Do not choose {INDICATORS!r} by its score, nor what learns from gaps in "
            "other ways; leave it out of simple_references, and see MissingIndicators.",
            MissingIndicatorWarning,
            stacklevel=3,
        )
    return [f"{text}."]
