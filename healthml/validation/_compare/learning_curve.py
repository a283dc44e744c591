"""Would more patients help? The same procedure on fewer patients, judged on the same others."""

from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

import pandas as pd

from healthml._core._checks import check_random_seeds
from healthml._core._results import Result, table_text
from healthml.exceptions import InputError
from healthml.metrics._measures import MEASURES, get_measure
from healthml.validation._compare.learning_points import check_sizes, fit_point, patient_orders
from healthml.validation._refits import as_judged, folds, given_splits
from healthml.validation._scoring import default_repeats, difference
from healthml.validation._task import is_fast, make_task


@dataclass(frozen=True, repr=False)
class LearningCurveResult(Result):
    """Out-of-sample performance by number of patients; made by `learning_curve`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per size and measure: n_train_patients, n_train_events (patients with the event;
        both means over the fits), measure, estimate (out of sample), lower, upper, apparent (on the
        training rows), n_samples, n_events, n_patients (judged), fits, method.
    gains : pandas.DataFrame
        One row per measure and step from one size to the next, and from half or more of the
        patients to all of them: from_patients, to_patients, measure, estimate (what the additional
        patients changed), lower, upper, direction.
    confidence_level : float
        Coverage of each interval.
    remarks : tuple of str
        What of the procedure was replaced, such as inner splits by rows where patients are given.
    estimator : estimator
        The procedure as it was judged, unfitted: fit that one on these rows, and deploy it.
    """

    gains: pd.DataFrame = None
    confidence_level: float = 0.95
    remarks: tuple = ()
    estimator: object = None

    def summary(self):
        """Return the curve and what the last patients brought."""
        shown = ["n_train_patients", "n_train_events", "measure", "estimate", "lower", "upper"]
        lines = [table_text(self.table, [*shown, "apparent"])]
        last = self.gains.groupby("measure", sort=False).tail(1)
        lines += [_in_words(row) for _, row in last.iterrows()]
        lines.append("Procedure refitted on nested sets of patients; judged on patients not seen.")
        return "\n".join([*lines, *self.remarks])

    def plot(self, ax=None, *, measure=None, **kwargs):
        """Draw out-of-sample and apparent values by number of patients; returns the axes."""
        from healthml._core._displays import BLUE, GREY, new_axes

        measure = self.table["measure"].iloc[0] if measure is None else measure
        table = self._drawn()
        rows = table[table["measure"] == measure]
        if rows.empty:
            known = ", ".join(self.table["measure"].unique())
            raise InputError(f"measure is {measure!r}; the curve has {known}.")
        ax, label = new_axes(ax), get_measure(measure).label
        x = rows["n_train_patients"]
        ends = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        options = {"fmt": "o-", "color": BLUE, "capsize": 3, "label": "patients not seen", **kwargs}
        ax.errorbar(x, rows["estimate"], yerr=ends, **options)
        ax.plot(x, rows["apparent"], "s--", color=GREY, mfc="white", label="patients fitted on")
        ax.set(xlabel="Patients fitted on", ylabel=f"{label}, {self.confidence_level:.0%} CI")
        ax.set_xlim(left=0)
        ax.legend(frameon=False)
        return ax


def learning_curve(
    estimator,
    X,
    y,
    *,
    sizes=None,
    measures=("auroc", "brier", "calibration_slope"),
    cv=5,
    n_repeats=None,
    groups=None,
    sample_weight=None,
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> LearningCurveResult:
    """Measure out-of-sample performance by the number of patients fitted on.

    In every fold of a cross-validation by whole patients, the procedure is refitted on growing sets
    of the training patients, each holding the one before and having the same share of patients
    with the event, and judged on the same patients left out. So the differences between sizes are
    paired: the last ones say whether more patients would still help.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure, refitted whole every time.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    sizes : list of int or float, optional
        Numbers of patients, or shares (up to 1.0) of the training patients of a fold. By default
        1/8, 1/4, 1/2, 3/4 and all of them, without sizes that have fewer than 5 patients with, or
        without, the event.
    measures : list of str, default=("auroc", "brier", "calibration_slope")
        Measures that need no threshold, of those that `validate` reports by default.
    cv : int, splitter or iterable, default=5
        Number of folds by whole patients; or a scikit-learn splitter, or (train, test) pairs, which
        bring their own repeats.
    n_repeats : int, optional
        Repeats of a number of folds; by default 5 up to 3,000 rows, 3 up to 10,000, then 2.
    groups : array-like of shape (n_samples,), optional
        Patient of each row.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row, in the fits where the estimator takes weights and in all measures.
    confidence_level : float, default=0.95
        Coverage of each interval.
    event : scalar or str, optional
        The level of `y` that is the event.
    n_jobs : int, optional
        Parallel refits, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the folds, of the sets of patients and of the refits.

    Returns
    -------
    LearningCurveResult

    Raises
    ------
    InputError
        If a measure needs a threshold, a size cannot be had, or a fit fails.

    See Also
    --------
    development_sample_size : Return how many rows are needed to develop a model, by the criteria of
        Riley et al.
    permutation_test : Test whether a procedure finds any signal at all in patients that it has not
        seen.
    validate : Judge a modelling procedure on patients that it has not seen, by refitting it.

    Notes
    -----
    The curve ends at the training patients of a fold, (k - 1) / k of all. What lies beyond is not
    measured: a gain whose interval holds 0 may still come with many more patients, and a flat curve
    does not say that other columns or another learner would not do better.

    Intervals of the measures are those of `validate`. Gains are meant on average over the models
    that such patients give; their intervals join each patient's influence with the variance of the
    mean over repeats, so that there is none with one repeat.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import learning_curve
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    >>> result = learning_curve(LogisticRegression(), X, y, n_repeats=2, random_state=0)
    >>> result.to_frame()["n_train_patients"].unique().tolist()
    [20.0, 40.0, 80.0, 120.0, 160.0]
    """
    names = (measures,) if isinstance(measures, str) else tuple(measures)
    for name in names:
        if get_measure(name).needs_threshold or not is_fast(name):
            raise InputError(
                f"measures has {name!r}; pass measures that validate reports by default."
            )
    task = make_task(
        estimator,
        X,
        y,
        groups=groups,
        sample_weight=sample_weight,
        measures=names,
        threshold_range=None,
        confidence_level=confidence_level,
        event=event,
    )
    fold_seed, order_seed = check_random_seeds(random_state, 2)
    splits = _splits(task, cv, n_repeats, fold_seed)
    orders = patient_orders(task, splits, order_seed)
    counts = check_sizes(sizes, orders, task)
    options = {"n_jobs": n_jobs, "verbose": verbose}
    points = [fit_point(task, splits, orders, count, options) for count in counts]
    table = pd.DataFrame([row for point in points for row in point.rows(names)])
    gains = pd.DataFrame(list(_gains(task, points, names)), columns=_GAIN_COLUMNS)
    judged, words = as_judged(estimator, task.X, task.y, task.groups)
    return LearningCurveResult(table, gains, task.confidence_level, words, judged)


def _splits(task, cv, n_repeats, seed):
    """Return repeated folds for a number of folds, else the splits that are given."""
    if not isinstance(cv, Integral):
        return given_splits(task, cv, seed)
    usual = max(2, default_repeats(task.n))
    return folds(task, cv, usual if n_repeats is None else n_repeats, seed)


_GAIN_COLUMNS = [
    "from_patients",
    "to_patients",
    "measure",
    "estimate",
    "lower",
    "upper",
    "direction",
]


def _gains(task, points, names):
    """Yield paired differences: each step, and at last from half of the patients to all."""
    steps = list(pairwise(points))
    halves = [p for p in points[:-1] if p.n_patients >= 0.5 * points[-1].n_patients - 1]
    if halves and halves[0] is not points[-2]:
        steps.append((halves[0], points[-1]))
    tail = (1 - task.confidence_level) / 2
    for name in names:
        for fewer, more in steps:
            change = difference(more.scores, fewer.scores, name, on_average=True)
            known = (fewer.n_patients, more.n_patients, name, change.estimate)
            yield (*known, *change.ends(tail), MEASURES[name].direction)


def _in_words(row):
    """Say what the last patients brought, in one line."""
    if pd.isna(row["lower"]):
        return f"{row['measure']}: gains have no interval with one repeat."
    better = {"higher": row["lower"] > 0, "lower": row["upper"] < 0}.get(row["direction"])
    verdict = {
        True: "more patients still helped",
        False: "not shown that more patients help",
        None: "nearer to 1 is better" if row["measure"] == "calibration_slope" else "",
    }[better]
    span = f"{row['from_patients']:.0f} to {row['to_patients']:.0f} patients"
    change = f"{row['estimate']:+.3f} ({row['lower']:+.3f} to {row['upper']:+.3f})"
    return f"{row['measure']}, from {span}: {change}; {verdict}".rstrip("; ") + "."
