"""Which columns drive the risk: what is lost on unseen patients when a column is shuffled."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from healthml._core._checks import check_event, check_groups
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_influence
from healthml._core._results import Result
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.validation._scoring import predict_risk

_ROWS_AT_ONCE = 50_000


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
        rows = self.table.head(most).iloc[::-1]
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        ax.errorbar(rows["estimate"], rows["column"], xerr=spread, fmt="o", **kwargs)
        ax.axvline(0.0, color="0.6", lw=1)
        ax.set(xlabel="AUC lost when the column is shuffled")
        return ax


def permutation_importance(
    estimator,
    X,
    y,
    fold,
    *,
    groups=None,
    max_rows=5000,
    max_folds=5,
    confidence_level=0.95,
    n_jobs=None,
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
        Outcome as 0/1.
    fold : array-like of int, shape (n_samples,)
        Patient-wise fold of each row.
    groups : array-like of shape (n_samples,), optional
        The patient of each row, for the intervals.
    max_rows : int, default=5000
        At most this many of the rows left out are predicted, at random.
    max_folds : int, default=5
        At most this many folds are left out; one is enough for a large table.
    confidence_level : float, default=0.95
        Level of the intervals.
    n_jobs : int, optional
        Parallel folds.
    random_state : int, RandomState or None, default=None
        Randomness of the shuffles.

    Returns
    -------
    ImportanceResult

    Raises
    ------
    InputError
        If the lengths do not fit, the outcome is not 0/1, or a patient is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.explanation import permutation_importance
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"noise": rng.normal(size=300), "lactate": rng.normal(size=300)})
    >>> y = (X["lactate"] + rng.normal(size=300) > 0.5).astype(int).to_numpy()
    >>> found = permutation_importance(
    ...     LogisticRegression(), X, y, np.arange(300) % 5, random_state=0
    ... )
    >>> found.table["column"].tolist()
    ['lactate', 'noise']
    """
    frame, y, fold = to_pandas(X), check_event(y)[1], np.asarray(fold)
    if not len(frame) == len(y) == len(fold):
        raise InputError(
            f"X has {len(frame)} rows, y {len(y)} and fold {len(fold)}; pass the same rows."
        )
    groups = None if groups is None else check_groups(groups, len(y))
    rng = check_random_state(random_state)
    chosen = np.zeros(len(y), dtype=bool)
    left_out = np.unique(fold)[:max_folds]
    within = np.flatnonzero(np.isin(fold, left_out))
    chosen[rng.permutation(within)[:max_rows]] = True
    left_out = np.unique(fold[chosen])
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(left_out))
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_shuffled_risks)(estimator, frame, y, fold, k, chosen, seed)
        for k, seed in zip(left_out, seeds, strict=True)
    )
    rows = np.concatenate([p[0] for p in parts])
    risks = np.concatenate([p[1] for p in parts], axis=1)
    patient = None if groups is None else groups[rows]
    base, base_influence = auroc_influence(y[rows], risks[0], fold[rows])
    z, table = norm.ppf(0.5 + confidence_level / 2), []
    for name, risk in zip(frame.columns, risks[1:], strict=True):
        auc, influence = auroc_influence(y[rows], risk, fold[rows])
        se = np.sqrt(cluster_variance(base_influence - influence, patient))
        loss = base - auc
        table.append((name, loss, loss - z * se, loss + z * se, len(rows), int(y[rows].sum())))
    columns = ["column", "estimate", "lower", "upper", "n_samples", "n_events"]
    out = pd.DataFrame(table, columns=columns).sort_values("estimate", ascending=False)
    return ImportanceResult(out.reset_index(drop=True))


def _shuffled_risks(estimator, frame, y, fold, k, chosen, seed):
    """Return the rows predicted and their risks: as they are, then with each column shuffled."""
    rng = np.random.RandomState(seed)
    train, rows = np.flatnonzero(fold != k), np.flatnonzero((fold == k) & chosen)
    model = clone(estimator).fit(frame.iloc[train], y[train])
    test = frame.iloc[rows]
    risks = [predict_risk(model, test)]
    step = max(1, _ROWS_AT_ONCE // max(len(rows), 1))
    for start in range(0, frame.shape[1], step):
        block = range(start, min(start + step, frame.shape[1]))
        risk = predict_risk(model, _shuffled_copies(test, block, rng))
        risks += list(risk.reshape(len(block), len(rows)))
    return rows, np.array(risks)


def _shuffled_copies(test, block, rng):
    """Return one copy of the rows for each column of the block, with that column shuffled."""
    n = len(test)
    rows = {j: np.tile(np.arange(n), len(block)) for j in range(test.shape[1])}
    for i, j in enumerate(block):
        rows[j][i * n : (i + 1) * n] = rng.permutation(n)
    columns = [test.iloc[:, j].take(rows[j]).reset_index(drop=True) for j in rows]
    copies = pd.concat(columns, axis=1)
    copies.columns = test.columns
    return copies
