"""Is there any signal at all? The same procedure on outcomes permuted among patients."""

import copy
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
import pandas as pd

from healthml._core._bootstrap import check_count
from healthml._core._checks import check_random_seeds
from healthml._core._parallel import run_parallel
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.metrics._measures import get_measure
from healthml.validation._refits import as_judged, folds, given_splits
from healthml.validation._scoring import score_splits
from healthml.validation._task import is_fast, make_task


@dataclass(frozen=True, repr=False)
class PermutationResult(Result):
    """A test of any signal at all; made by `permutation_test`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per measure: measure, estimate (out of fold), null_mean, null_lower, null_upper
        (quantiles of the same with permuted outcomes), p_value, mcse (Monte Carlo standard error of
        the p value), permutations_asked, permutations_used, n_samples, n_events, n_patients,
        n_exchanged (patients whose outcome could move), method.
    null : pandas.DataFrame
        Value of each measure (a column) in every permutation (a row); missing where it had none.
    confidence_level : float
        Share of the permuted values between null_lower and null_upper.
    remarks : tuple of str
        What of the procedure was replaced, such as inner splits by rows where patients are given.
    estimator : estimator
        The procedure as it was judged, unfitted: fit that one on these rows, and deploy it.
    """

    null: pd.DataFrame = None
    confidence_level: float = 0.95
    remarks: tuple = ()
    estimator: object = None

    @property
    def p_value(self):
        """Probability of so good a value of the first measure, or a better one, without signal."""
        return float(self.table["p_value"].iloc[0])

    def summary(self):
        """Return the test in words."""
        return (
            "".join(self._in_words(row) for _, row in self.table.iterrows())
            + "A small p says that there is some signal, not that there is enough of it to be "
            "useful." + "".join(f"\n{remark}" for remark in self.remarks)
        )

    def _in_words(self, row):
        return (
            f"{get_measure(row['measure']).label} out of fold {row['estimate']:.3f}; with permuted "
            f"outcomes {row['null_mean']:.3f}, {self.confidence_level:.0%} of them from "
            f"{row['null_lower']:.3f} to {row['null_upper']:.3f}.\n"
            f"p = {row['p_value']:.4f} (Monte Carlo error {row['mcse']:.4f}, "
            f"{row['permutations_used']} permutations, {row['method']}).\n"
        )

    def plot(self, ax=None, *, measure=None, **kwargs):
        """Draw the permuted values of a measure (the first by default) and the observed one.

        Returns the matplotlib axes.
        """
        from healthml._core._displays import GREY, VERMILION, new_axes

        rows = self._drawn().set_index("measure", drop=False)
        measure = rows.index[0] if measure is None else measure
        if measure not in rows.index:
            raise InputError(f"measure is {measure!r}; the test has {', '.join(rows.index)}.")
        ax, row = new_axes(ax, height=3.4), rows.loc[measure]
        ax.hist(
            self.null[measure],
            **{"bins": 30, "color": GREY, "alpha": 0.6, "label": "permuted", **kwargs},
        )
        ax.axvline(
            row["estimate"], color=VERMILION, lw=1.8, label=f"observed, p = {row['p_value']:.3g}"
        )
        label = get_measure(row["measure"]).label
        ax.set(xlabel=f"{label}, out of fold", ylabel="Permutations")
        ax.set_ylim(top=1.25 * ax.get_ylim()[1])
        ax.legend(frameon=False, loc="upper left")
        return ax


def permutation_test(
    estimator,
    X,
    y,
    *,
    measures="auroc",
    n_permutations=200,
    cv=5,
    groups=None,
    sample_weight=None,
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> PermutationResult:
    """Test whether a procedure finds any signal at all in patients that it has not seen.

    The outcomes are permuted among the patients, and the whole cross-validation is repeated with
    them: folds, refits, measure. ``p = (1 + b) / (1 + B)`` where b of B permutations do at least as
    well as the true outcomes.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure, refitted whole in every fold of every permutation.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    measures : str or list of str, default="auroc"
        Out-of-fold measures that the test is made with, each on the same permutations: "auroc",
        "brier", "scaled_brier", "log_loss" or "nagelkerke_r2_recalibrated". Several p-values are
        not adjusted for their number.
    n_permutations : int, default=200
        Number of permutations; the smallest possible p is 1 / (1 + n_permutations).
    cv : int, splitter or iterable, default=5
        Number of folds by whole patients; or a scikit-learn splitter (without a `random_state` it
        is given one, so that all permutations meet the same rule), or (train, test) pairs.
    groups : array-like of shape (n_samples,), optional
        Patient of each row. A patient's outcomes move together: among all patients where no patient
        has two different outcomes, else among patients with the same number of rows.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row; it stays with the row.
    confidence_level : float, default=0.95
        Share of the permuted values between null_lower and null_upper.
    event : scalar or str, optional
        The level of `y` that is the event.
    n_jobs : int, optional
        Parallel permutations, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of permutations, folds and refits. Folds and refits use the same in all
        permutations, so that the measure is one function of the outcomes and the test is exact.

    Returns
    -------
    PermutationResult

    Raises
    ------
    InputError
        If the measure has no better and worse, or no patient's outcome can move.

    See Also
    --------
    learning_curve : Measure out-of-sample performance by the number of patients fitted on.
    check_leakage : Look for leaks in a table, a split or a fitted step, and measure what they do to
        the AUC.
    compare_models : Compare procedures with each other and with simple references, on the same
        patients left out.

    References
    ----------
    .. [1] Ojala M, Garriga GC. Permutation tests for studying classifier performance. J Mach Learn
       Res. 2010;11:1833-1863.
    .. [2] Phipson B, Smyth GK. Permutation p-values should never be zero. Stat Appl Genet Mol Biol.
       2010;9:39.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import permutation_test
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 3))
    >>> y = (X[:, 0] + rng.normal(size=100) > 0).astype(int)
    >>> result = permutation_test(LogisticRegression(), X, y, n_permutations=39, random_state=0)
    >>> result.p_value
    0.025
    """
    names = [measures] if isinstance(measures, str) else list(dict.fromkeys(measures))
    best = {name: _check_measure(name) for name in names}
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
    count = check_count(n_permutations, "n_permutations")
    fold_seed, *seeds = check_random_seeds(random_state, count + 1)
    exchange = Exchange(task.y, task.units)
    cv = cv if isinstance(cv, Integral | str) or hasattr(cv, "split") else list(cv)
    score = _Score(task, names, cv, fold_seed)
    observed = score(task.y)
    null = run_parallel(
        lambda seed: score(exchange.draw(seed)),
        seeds,
        n_jobs=n_jobs,
        verbose=verbose,
        what="permutations",
    )
    null = pd.DataFrame(null, columns=names)
    rows = [_row(task, name, observed[name], null[name], best[name], exchange) for name in names]
    table = pd.DataFrame(rows)
    judged, words = as_judged(estimator, task.X, task.y, task.groups)
    return PermutationResult(table, null, task.confidence_level, words, judged)


@dataclass(frozen=True)
class _Score:
    """The out-of-fold measure as a function of the outcomes alone."""

    task: object
    names: list
    cv: object
    seed: int

    def __call__(self, y):
        """Return the values by measure."""
        task = replace(self.task, y=y)
        scores = score_splits(task, self._splits(task))
        return {name: scores.estimate(name) for name in self.names}

    def _splits(self, task):
        if isinstance(self.cv, Integral):
            return folds(task, self.cv, 1, self.seed)
        # A splitter that keeps a random state of its own would move on from one permutation to the
        # next; a copy begins anew each time, so that the measure is one function of the outcomes.
        cv = copy.deepcopy(self.cv)
        if getattr(cv, "random_state", "fixed") is None:
            cv.random_state = self.seed
        return given_splits(task, cv, self.seed)


def _check_measure(measure):
    known = get_measure(measure)
    if not is_fast(measure) or known.direction == "target" or known.needs_threshold:
        raise InputError(
            f"measures has {measure!r}; pass auroc, brier, scaled_brier, log_loss or "
            "nagelkerke_r2_recalibrated."
        )
    return 1 if known.direction == "higher" else -1


def _row(task, measure, observed, null, best, exchange):
    asked, null = len(null), null.to_numpy()[np.isfinite(null)]
    if not len(null):
        raise InputError(f"{measure} could not be computed in any permutation; use more patients.")
    reached = int(np.sum(best * null >= best * observed - 1e-12))
    p = (1 + reached) / (1 + len(null))
    tail = (1 - task.confidence_level) / 2
    lower, upper = np.quantile(null, [tail, 1 - tail])
    return {
        "measure": measure,
        "estimate": observed,
        "null_mean": null.mean(),
        "null_lower": lower,
        "null_upper": upper,
        "p_value": p,
        "mcse": float(np.sqrt(p * (1 - p) / len(null))),
        "permutations_asked": asked,
        "permutations_used": len(null),
        "n_samples": task.n,
        "n_events": int(task.y.sum()),
        "n_patients": len(np.unique(task.units)),
        "n_exchanged": exchange.n_exchanged,
        "method": exchange.text,
    }


class Exchange:
    """Permutes outcomes among patients, the outcomes of one patient together.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    units : ndarray of int, shape (n_samples,)
        Patient of each row.
    """

    def __init__(self, y, units):
        self.y, self.units = y, units
        size, events = np.bincount(units), np.bincount(units, y)
        self.whole = bool(np.all((events == 0) | (events == size)))
        self.of_patient = (events > 0).astype(y.dtype)
        self.blocks = [] if self.whole else _blocks(units, size)
        movable = len(size) if self.whole else sum(len(block) for block in self.blocks)
        if not self.whole and all(len(np.unique(y[b], axis=0)) < 2 for b in self.blocks):
            raise InputError(
                "No two patients with the same number of rows have different outcomes, so that "
                "outcomes cannot be permuted; make one row for each patient."
            )
        self.n_exchanged = int(movable)
        among = "all patients" if self.whole else "patients with the same number of rows"
        alone = len(size) == len(y)
        self.text = "rows exchanged" if alone else f"outcomes of {among} exchanged"

    def draw(self, seed):
        """Return permuted outcomes."""
        random = np.random.RandomState(seed)
        if self.whole:
            return self.of_patient[random.permutation(len(self.of_patient))][self.units]
        permuted = self.y.copy()
        for block in self.blocks:
            permuted[block] = self.y[block[random.permutation(len(block))]]
        return permuted


def _blocks(units, size):
    """Return the rows of the patients with equally many rows, a line for each patient."""
    order, start = np.argsort(units, kind="stable"), np.cumsum(size) - size
    blocks = []
    for rows in np.unique(size[size > 0]):
        patients = np.flatnonzero(size == rows)
        if len(patients) > 1:
            blocks.append(order[start[patients][:, None] + np.arange(rows)])
    return blocks
