"""How well the other columns tell where a column is missing, and Little's test for a report."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from healthml._core._tables import column_kind, parse_numbers
from healthml.exceptions import InputError
from healthml.imputation._missingness.little import little_of
from healthml.imputation._missingness.signal import FEWEST_EVENTS, auc_over_folds

# Rows looked at: with 1,000 missing cells among them the standard error of an AUC is 0.01.
MOST_ROWS = 10_000
# Levels of a column that get a coefficient of their own, the most common ones; the others share
# one. Chosen by judgement, not by simulation.
MOST_LEVELS = 20
# Rounds of EM before Little's test is given up in a report, which says so then;
# `little_mcar_test` goes on to 2,000. By judgement of time.
EM_ROUNDS = 500
# Penalty on the standardised coefficients, worth one row: it settles separation and moves an AUC of
# many rows by less than its standard error. Chosen by judgement, not by simulation.
RIDGE = 1.0
PREDICTORS = ("values", "values and gaps")


def sample_rows(n, random_state):
    """Return the rows that are looked at: all of them, or 10,000 drawn at random."""
    if n <= MOST_ROWS:
        return np.arange(n)
    drawn = check_random_state(random_state).choice(n, MOST_ROWS, replace=False)
    return np.sort(drawn)


def little_in_brief(frame, is_missing):
    """Return Little's test of the columns of numbers as a dict, or the reason why there is none."""
    numeric = [
        j
        for j, name in enumerate(frame.columns)
        if column_kind(frame[name].mask(is_missing[:, j])) in ("numeric", "boolean")
    ]
    if not is_missing[:, numeric].any():
        return {"reason": "no column of numbers has a missing cell"}
    cells = np.column_stack([_numbers(frame.iloc[:, j], is_missing[:, j]) for j in numeric])
    try:
        result = little_of([str(frame.columns[j]) for j in numeric], cells, EM_ROUNDS, 1e-7)
    except InputError as error:
        return {"reason": str(error)}
    row = result.table.iloc[0]
    if not row["converged"]:
        return {"reason": f"EM did not settle in {EM_ROUNDS} rounds"}
    whole = {name: int(row[name]) for name in ("df", "n_patterns", "n_samples")}
    numbers = {name: float(row[name]) for name in ("statistic", "p_value")}
    return numbers | whole | {"n_columns": len(numeric)}


def predictability(frame, is_missing, groups, cv, confidence_level, random_state):
    """Return the out-of-fold AUC of each column's gaps from the other columns, in two ways.

    A linear discriminant of ranks, their squares and levels, ridge-penalised; one matrix per fold
    is inverted for all columns, and a column's own features are taken out of the inverse.

    Parameters
    ----------
    frame : pandas.DataFrame
    is_missing : ndarray of bool, shape of `frame`
    groups : ndarray of shape (n_samples,) or None
        Patient of each row, as integers.
    cv : int or splitter
        Number of random parts of whole patients; 5 for a splitter.
    confidence_level : float
    random_state : int, RandomState or None

    Returns
    -------
    pandas.DataFrame
        ``column``, ``predictors``, ``estimate``, ``lower``, ``upper``, ``n_samples``,
        ``n_missing``, ``reason``.
    """
    targets = np.flatnonzero(is_missing.any(axis=0))
    if not len(targets):
        return _as_table([])
    n_folds = int(cv) if isinstance(cv, Integral) else 5
    patient = (
        np.arange(len(is_missing)) if groups is None else np.unique(groups, return_inverse=True)[1]
    )
    fold = check_random_state(random_state).permutation(patient.max() + 1)[patient] % n_folds
    features, owner = _features(frame, is_missing)
    flags = is_missing[:, is_missing.any(axis=0) & ~is_missing.all(axis=0)]
    gaps = (flags - flags.mean(axis=0)) / np.maximum(flags.std(axis=0), 1e-12)
    gap_owner = np.flatnonzero(is_missing.any(axis=0) & ~is_missing.all(axis=0))
    both = np.column_stack([features, gaps]), np.concatenate([owner, gap_owner])
    rows = []
    for predictors, (design, owners) in zip(PREDICTORS, ((features, owner), both), strict=True):
        scores = _out_of_fold(design, owners, is_missing[:, targets].astype(float), targets, fold)
        for k, j in enumerate(targets):
            auc = _auc_of(is_missing[:, j], scores[:, k], fold, groups, confidence_level)
            rows.append((str(frame.columns[j]), predictors, *auc))
    return _as_table(rows)


def _as_table(rows):
    columns = ["column", "predictors", "estimate", "lower", "upper"]
    table = pd.DataFrame(rows, columns=[*columns, "n_samples", "n_missing", "reason"])
    return table.astype(dict.fromkeys(columns[2:], float) | {"reason": str})


def _auc_of(is_missing, score, fold, groups, confidence_level):
    y, n_missing = is_missing.astype(int), int(is_missing.sum())
    answer = {"reason": f"fewer than {FEWEST_EVENTS} missing or observed cells"}
    if min(n_missing, len(y) - n_missing) >= FEWEST_EVENTS:
        pieces = []
        for k in np.unique(fold):
            test = np.flatnonzero(fold == k)
            pieces.append((len(fold) - len(test), test, score[test]))
        answer = auc_over_folds(y, pieces, groups, confidence_level)
    numbers = [answer.get(name, np.nan) for name in ("estimate", "lower", "upper")]
    return (*numbers, len(y), n_missing, answer.get("reason", ""))


def _out_of_fold(design, owner, targets, column, fold):
    """Return out-of-fold scores of every target from all features that its column does not own."""
    design = np.column_stack([np.ones(len(design)), design])
    owner = np.concatenate([[-1], owner])
    penalty = np.full(len(owner), RIDGE)
    penalty[0] = 1e-6
    cross = design.T @ targets
    scores = np.empty(targets.shape)
    for k in np.unique(fold):
        test = fold == k
        held = design[test]
        inverse = _Inverse.of(design[~test], penalty)
        coef = inverse @ (cross - held.T @ targets[test])
        for t, j in enumerate(column):
            own = np.flatnonzero(owner == j)
            if len(own):
                part = inverse.columns(own)
                coef[:, t] -= part @ np.linalg.solve(part[own], coef[own, t])
        scores[test] = held @ coef
    return scores


@dataclass(frozen=True)
class _Inverse:
    """The inverse of a ridge-penalised matrix of cross products, whole or by its rows.

    With more features than rows it is never written out: by Woodbury's identity it is the inverse
    of the penalty minus a product of two matrices as long as the features and as wide as the rows.
    """

    whole: np.ndarray | None
    scale: np.ndarray | None = None
    left: np.ndarray | None = None
    right: np.ndarray | None = None

    @classmethod
    def of(cls, design, penalty):
        """Return the inverse of ``design.T @ design + diag(penalty)``."""
        if design.shape[1] <= design.shape[0]:
            return cls(np.linalg.inv(design.T @ design + np.diag(penalty)))
        scaled = design / penalty
        right = np.linalg.solve(np.eye(len(design)) + scaled @ design.T, scaled)
        return cls(None, 1 / penalty, scaled.T, right)

    def __matmul__(self, other):
        """Multiply from the left."""
        if self.whole is not None:
            return self.whole @ other
        return self.scale[:, None] * other - self.left @ (self.right @ other)

    def columns(self, some):
        """Return some of its columns."""
        if self.whole is not None:
            return self.whole[:, some]
        gram = -self.left @ self.right[:, some]
        gram[some, np.arange(len(some))] += self.scale[some]
        return gram


def _features(frame, is_missing):
    """Return features of the observed values, 0 in the gaps, and the column that owns each."""
    features, owner = [np.empty((len(frame), 0))], []
    for j, name in enumerate(frame.columns):
        block = _column_features(frame[name], is_missing[:, j])
        features.append(block)
        owner += [j] * block.shape[1]
    return np.column_stack(features), np.array(owner, dtype=int)


def _column_features(series, is_missing):
    kind = column_kind(series.mask(is_missing))
    if kind in ("numeric", "boolean") or (
        kind == "datetime" and not pd.api.types.is_object_dtype(series.dtype)
    ):
        features = _rank_features(_numbers(series, is_missing))
    elif kind == "categorical":
        features = _level_features(series, is_missing)
    else:  # free text, constants and empty columns say nothing that can be learnt
        return np.empty((len(series), 0))
    features = features - features[~is_missing].mean(axis=0)
    spread = features[~is_missing].std(axis=0)
    features = features[:, spread > 0] / spread[spread > 0]
    return np.where(is_missing[:, None], 0.0, features)


def _rank_features(number):
    known = ~np.isnan(number)
    rank = np.zeros(len(number))
    rank[known] = (rankdata(number[known]) - 0.5) / known.sum() - 0.5
    return np.column_stack([rank, rank**2])


def _level_features(series, is_missing):
    codes, levels = pd.factorize(series.reset_index(drop=True))
    size = np.bincount(codes[(codes >= 0) & ~is_missing], minlength=len(levels))
    common = np.argsort(-size, kind="stable")[:MOST_LEVELS]
    return (codes[:, None] == common).astype(float)


def _numbers(series, is_missing):
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        codes = pd.factorize(series, sort=True)[0].astype(float)
        return np.where(is_missing | (codes < 0), np.nan, codes)
    number = parse_numbers(series)[0].to_numpy(copy=True)
    return np.where(is_missing | ~np.isfinite(number), np.nan, number)
