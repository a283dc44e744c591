"""Scores of strategies in the same splits, and their differences on the rows that both predict."""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t
from sklearn.model_selection import check_cv

from healthml._core._checks import check_random_seeds
from healthml._core._numerics import cluster_variance
from healthml._core._paired import freedom, paired_scores, paired_training
from healthml.imputation._missingness import patient_folds

METHOD = "paired, t: influence of each patient, and variance over refitted models"
ONE_METHOD = "t: influence of each patient; refitted models as they are"


@dataclass
class Predictions:
    """Out-of-sample predictions of one strategy.

    Parameters
    ----------
    risk : ndarray of shape (n_repeats, n_samples)
        NaN where there is none.
    fold : ndarray of int of shape (n_repeats, n_samples)
    """

    risk: np.ndarray
    fold: np.ndarray
    scored: dict = field(default_factory=dict)

    @property
    def rows(self):
        """Rows with a prediction."""
        return np.isfinite(self.risk).any(axis=0)

    def mean(self):
        """Return the mean over repeats; NaN where there is no prediction at all."""
        seen = np.isfinite(self.risk)
        count = seen.sum(axis=0)
        total = np.where(seen, self.risk, 0).sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def make_splits(X, task, cv, repeats, random_state):
    """Return (repeat, train, test) of every split; the test rows of a repeat never overlap.

    Parameters
    ----------
    X : table
    task : Task
    cv : int, splitter or iterable
        A number of folds, of whole patients, is drawn again in each repeat.
    repeats : int
    random_state : int, RandomState or None

    Returns
    -------
    list of (int, ndarray of int, ndarray of int)
    """
    y = task.y if task.is_classes else (task.y > np.median(task.y)).astype(np.int64)
    if isinstance(cv, int | np.integer):
        seeds = check_random_seeds(random_state, repeats)
        parts = [patient_folds(y, task.groups, int(cv), seed) for seed in seeds]
        return [(r, a, b) for r, folds in enumerate(parts) for a, b in folds if len(b)]
    splits, taken = [], []
    for train, test in check_cv(cv, y, classifier=task.is_classes).split(X, y, task.groups):
        train, test = np.asarray(train), np.asarray(test)
        free = [r for r, used in enumerate(taken) if not used[test].any()]
        if not free:
            taken.append(np.zeros(len(y), dtype=bool))
        repeat = free[0] if free else len(taken) - 1
        taken[repeat][test] = True
        splits.append((repeat, train, test))
    return splits


def gather(answers, splits, n):
    """Return the predictions of one strategy from those of its splits."""
    shape = (1 + max(repeat for repeat, _, _ in splits), n)
    predictions = Predictions(np.full(shape, np.nan), np.full(shape, -1))
    for number, ((rows, predicted, _), (repeat, _, _)) in enumerate(
        zip(answers, splits, strict=True)
    ):
        predictions.risk[repeat, rows] = predicted
        predictions.fold[repeat, rows] = number
    return predictions


def score(task, predictions, keep):
    """Return {measure: (value of each repeat, influence of each row)} on some rows.

    Parameters
    ----------
    task : Task
    predictions : Predictions
    keep : ndarray of bool of shape (n_samples,)

    Returns
    -------
    dict
    """
    key = keep.tobytes()
    if key not in predictions.scored:
        pieces = {measure: ([], []) for measure in task.measures}
        for risk, fold in zip(predictions.risk, predictions.fold, strict=True):
            for measure, (value, influence) in _score_once(task, risk, fold, keep).items():
                pieces[measure][0].append(value)
                pieces[measure][1].append(influence)
        predictions.scored[key] = {
            m: (np.array(values), np.mean(moved, axis=0)) for m, (values, moved) in pieces.items()
        }
    return predictions.scored[key]


def difference_row(task, first, second, measure):
    """Return estimate, variance and degrees of freedom of a difference, and both values."""
    keep = first.rows & second.rows
    (a, moved_a), (b, moved_b) = (score(task, scored, keep)[measure] for scored in (first, second))
    moved = moved_a - moved_b
    sampling = cluster_variance(moved, task.groups)
    variance = sampling + paired_training(a - b, sampling)
    df = freedom(moved if task.groups is None else np.bincount(task.groups, moved))
    return np.nanmean(a) - np.nanmean(b), variance, df, np.nanmean(a), np.nanmean(b)


def score_row(task, predictions, measure):
    """Return a measure of one strategy with its interval, as a row of a table."""
    values, moved = score(task, predictions, predictions.rows)[measure]
    estimate, variance = float(np.nanmean(values)), cluster_variance(moved, task.groups)
    df = freedom(moved if task.groups is None else np.bincount(task.groups, moved))
    lower, upper = ends(estimate, variance, df, (1 - task.level) / 2)
    row = {"estimate": estimate, "lower": lower, "upper": upper}
    return row | counts(task, predictions.rows) | {"method": ONE_METHOD}


def counts(task, rows):
    """Return the numbers of rows, events and patients among some rows."""
    n, patients = int(rows.sum()), task.groups
    n_events = int(task.y[rows].sum()) if task.is_classes else None
    n_patients = n if patients is None else len(np.unique(patients[rows]))
    return {"n_samples": n, "n_events": n_events, "n_patients": n_patients}


def ends(estimate, variance, df, tail):
    """Return the ends of a t interval that leaves out `tail` on either side."""
    half = t.isf(tail, df) * np.sqrt(variance)
    return estimate - half, estimate + half


def _score_once(task, risk, fold, keep):
    if task.is_classes:
        options = {"groups": task.groups, "thresholds": task.thresholds}
        paired = paired_scores(
            task.y,
            {"one": risk},
            folds={"one": fold},
            rows={"one": keep},
            measures=task.measures,
            **options,
        )
        return {measure: paired.values["one", measure] for measure in task.measures}
    use = np.isfinite(risk) & keep
    full = {}
    for measure, (value, influence) in _regression(task.y[use], risk[use]).items():
        full[measure] = (value, np.zeros(len(task.y)))
        full[measure][1][use] = influence
    return {measure: full[measure] for measure in task.measures}


def _regression(y, predicted):
    """Return mean squared error and explained variance, each with the influence of each row."""
    loss, n = (y - predicted) ** 2, len(y)
    mse, moved = loss.mean(), (loss - loss.mean()) / n
    around = (y - y.mean()) ** 2
    variance = around.mean()
    of_variance = (around - variance) / n
    r_squared = 1 - mse / variance
    return {
        "mse": (mse, moved),
        "r_squared": (r_squared, -moved / variance + mse / variance**2 * of_variance),
    }
