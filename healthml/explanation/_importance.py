"""Which columns drive the risk: what is lost on unseen patients when a column is shuffled."""

import itertools
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit
from sklearn.utils import check_random_state

from healthml._core._checks import check_alignment, check_event, check_groups, check_patient_cv
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_influence
from healthml._core._parallel import run_parallel
from healthml._core._results import Result
from healthml._core._routing import hiding_cells
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.validation._scoring import predict_risk

# Rows of shuffled copies that are predicted in one call. By judgement, not by simulation: more take
# more memory, fewer take more calls; the result is the same.
_ROWS_AT_ONCE = 50_000
_CELLS_AT_ONCE = 10_000_000  # the same for a wide table: 80 megabytes of numbers


@dataclass(frozen=True, repr=False)
class ImportanceResult(Result):
    """Loss of AUC when a column is shuffled; made by `permutation_importance`.

    Parameters
    ----------
    table : DataFrame
        column, estimate (AUC lost), lower, upper, n_samples, n_events; largest first.
    """

    def plot(self, ax=None, *, most=15, **kwargs):
        """Draw the columns that matter most, with their intervals."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        rows = self._drawn().head(most).iloc[::-1]
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        ax.errorbar(rows["estimate"], rows["column"], xerr=spread, fmt="o", **kwargs)
        ax.axvline(0.0, color="0.6", lw=1)
        ax.set(xlabel="AUC lost when the column is shuffled")
        return ax


def permutation_importance(
    estimator,
    X,
    y,
    *,
    cv=5,
    groups=None,
    event=None,
    max_rows=5000,
    max_folds=5,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Shuffle each column among the rows left out and measure the loss of AUC.

    The estimator is refitted without each fold; the shuffled column is predicted in that fold
    only, so a column that merely was over-fitted shows no importance. Correlated columns share
    theirs: a small loss does not prove that a column is not used.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Refitted in every fold.
    X : DataFrame of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    cv : int, splitter or iterable, default=5
        Number of folds (of whole patients with `groups`), a splitter, or (train, test) pairs;
        ``sklearn.model_selection.PredefinedSplit(fold)`` for given fold numbers.
    groups : array-like of shape (n_samples,), optional
        The patient of each row, for folds and intervals.
    event : scalar or str, optional
        Level of `y` that is the event.
    max_rows : int, default=5000
        At most this many of the rows left out are predicted, at random.
    max_folds : int, default=5
        At most this many folds are left out; one is enough for a large table.
    confidence_level : float, default=0.95
        Level of the intervals.
    n_jobs : int, optional
        Parallel folds.
    verbose : int, default=0
        Above 0, report finished folds.
    random_state : int, RandomState or None, default=None
        Randomness of the shuffles.

    Returns
    -------
    ImportanceResult

    Raises
    ------
    InputError
        If the lengths do not fit, the outcome is not 0/1, a patient is missing, or `cv` leaves
        out no row.

    See Also
    --------
    sklearn.inspection.permutation_importance : For a fitted model, without intervals.
    healthml.validation.check_leakage : Whether a column that matters this much can be known in
        time.

    References
    ----------
    .. [1] Fisher A, Rudin C, Dominici F. All models are wrong, but many are useful: learning a
       variable's importance by studying an entire class of prediction models simultaneously.
       J Mach Learn Res. 2019;20(177):1-81.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.explanation import permutation_importance
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"noise": rng.normal(size=300), "lactate": rng.normal(size=300)})
    >>> y = (X["lactate"] + rng.normal(size=300) > 0.5).astype(int).to_numpy()
    >>> found = permutation_importance(LogisticRegression(), X, y, random_state=0)
    >>> found.table["column"].tolist()
    ['lactate', 'noise']
    """
    check_alignment(X=X, y=y, groups=groups)
    frame, y = to_pandas(X), check_event(y, event=event)[1]
    if len(frame) != len(y):
        raise InputError(f"X has {len(frame)} rows and y {len(y)}; pass the same rows.")
    groups = None if groups is None else check_groups(groups, len(y))
    rng = check_random_state(random_state)
    splits = _chosen_splits(frame, y, groups, cv, max_folds, max_rows, rng)
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(splits))
    tasks = [(estimator, frame, y, *split, seed) for split, seed in zip(splits, seeds, strict=True)]
    parts = run_parallel(_shuffled_risks, tasks, n_jobs=n_jobs, verbose=verbose, what="folds")
    rows = np.concatenate([test for _, test in splits])
    fold = np.repeat(np.arange(len(splits)), [len(test) for _, test in splits])
    losses = _losses(y, rows, fold, np.concatenate(parts, axis=1), groups, confidence_level)
    columns = ["column", "estimate", "lower", "upper", "n_samples", "n_events"]
    table = pd.DataFrame(
        [(name, *loss) for name, loss in zip(frame.columns, losses, strict=True)], columns=columns
    )
    return ImportanceResult(table.sort_values("estimate", ascending=False).reset_index(drop=True))


def _chosen_splits(frame, y, groups, cv, max_folds, max_rows, rng):
    """Return (training rows, rows to predict) of the first folds, `max_rows` rows in all."""
    listed = isinstance(cv, list | tuple) and len(cv) and isinstance(cv[0], Integral)
    if listed or isinstance(cv, np.ndarray | pd.Series):
        raise InputError(
            "cv holds one number for each row; for given fold numbers pass "
            "sklearn.model_selection.PredefinedSplit(fold)."
        )
    splitter = check_patient_cv(cv, y, groups)
    # given fold numbers are the user's own, and scikit-learn would warn that it ignores groups
    of_split = None if isinstance(splitter, PredefinedSplit) else groups
    every = splitter.split(frame, y, of_split)
    splits = [(np.asarray(a), np.asarray(b)) for a, b in itertools.islice(every, max_folds)]
    if not sum(len(test) for _, test in splits):
        raise InputError("cv leaves out no row; pass a number of folds or splits with test rows.")
    row = np.concatenate([test for _, test in splits])
    # drawn in the order of the table, so that the draw does not depend on the order of the folds
    in_order = np.argsort(row, kind="stable")
    chosen = np.zeros(len(row), dtype=bool)
    chosen[in_order[rng.permutation(len(row))[:max_rows]]] = True
    parts = np.split(chosen, np.cumsum([len(test) for _, test in splits])[:-1])
    kept = [(train, test[part]) for (train, test), part in zip(splits, parts, strict=True)]
    return [(train, test) for train, test in kept if len(test)]


def _losses(y, rows, fold, risks, groups, confidence_level):
    """Return estimate, lower, upper, rows and events for each shuffled column."""
    repeated = len(np.unique(rows)) < len(rows)
    patient = groups[rows] if groups is not None else rows if repeated else None
    base, base_influence = auroc_influence(y[rows], risks[0], fold)
    z, losses = norm.ppf(0.5 + confidence_level / 2), []
    used = np.unique(rows)
    for risk in risks[1:]:
        auc, influence = auroc_influence(y[rows], risk, fold)
        half = z * np.sqrt(cluster_variance(base_influence - influence, patient))
        loss = base - auc
        losses.append((loss, loss - half, loss + half, len(used), int(y[used].sum())))
    return losses


def _shuffled_risks(task):
    """Return the risks of the rows left out: as they are, then with each column shuffled."""
    estimator, frame, y, train, rows, seed = task
    rng = np.random.RandomState(seed)
    model, test = clone(estimator), frame.iloc[rows]
    with hiding_cells(frame, model):
        model.fit(frame.iloc[train], y[train])
    risks = [predict_risk(model, test)]
    step = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // test.shape[1]) // max(len(rows), 1))
    for start in range(0, frame.shape[1], step):
        block = range(start, min(start + step, frame.shape[1]))
        risk = predict_risk(model, _shuffled_copies(test, block, rng))
        risks += list(risk.reshape(len(block), len(rows)))
    return np.array(risks)


def _shuffled_copies(test, block, rng):
    """Return one copy of the rows for each column of the block, with that column shuffled."""
    n = len(test)
    dtypes = list(test.dtypes)
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in dtypes):
        return _copies_of_numbers(test, dtypes, block, rng)
    rows = {j: np.tile(np.arange(n), len(block)) for j in range(test.shape[1])}
    for i, j in enumerate(block):
        rows[j][i * n : (i + 1) * n] = rng.permutation(n)
    columns = [test.iloc[:, j].take(rows[j]).reset_index(drop=True) for j in rows]
    copies = pd.concat(columns, axis=1)
    copies.columns = test.columns
    return copies


def _copies_of_numbers(test, dtypes, block, rng):
    """Make the copies of a table of plain numbers, one matrix for each dtype."""
    n, place = len(test), {j: i for i, j in enumerate(block)}
    rows = {j: rng.permutation(n) for j in block}
    parts, order = [], []
    for dtype in dict.fromkeys(dtypes):
        own = [j for j, kind in enumerate(dtypes) if kind == dtype]
        given = test.iloc[:, own].to_numpy()
        copies = np.tile(given, (len(block), 1))
        for at, j in enumerate(own):
            if j in place:
                copies[place[j] * n : (place[j] + 1) * n, at] = given[rows[j], at]
        parts.append(pd.DataFrame(copies, columns=own))
        order += own
    copies = parts[0] if len(parts) == 1 else pd.concat(parts, axis=1)[range(len(dtypes))]
    copies.columns = test.columns
    return copies
