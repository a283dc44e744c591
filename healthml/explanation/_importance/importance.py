"""Which columns drive the risk: what is lost on unseen patients when a column is shuffled."""

import itertools
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.model_selection import PredefinedSplit
from sklearn.utils import check_random_state

from healthml._core._bootstrap import check_count
from healthml._core._checks import check_alignment, check_event, check_groups, check_patient_cv
from healthml._core._displays import BLUE, GREY, new_axes, shorten
from healthml._core._numerics import cluster_variance
from healthml._core._parallel import run_parallel
from healthml._core._results import Result, table_text
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.explanation._explain import name_players
from healthml.explanation._importance.halves import halvings_by_fold
from healthml.explanation._importance.measures import check_measures
from healthml.explanation._importance.refitting import Refitting
from healthml.explanation._importance.shuffle import Task, shuffled_risks
from healthml.validation._refits import as_judged


@dataclass(frozen=True, repr=False)
class ImportanceResult(Result):
    """Loss of a measure when a column is shuffled; made by `permutation_importance`.

    Parameters
    ----------
    table : DataFrame
        column (or group of columns), measure, estimate (how much worse: AUC or net benefit lost,
        Brier score or log loss gained), lower, upper, n_samples, n_events; largest first, measure
        by measure.
    remarks : tuple of str
        What of the procedure was replaced, such as inner splits by rows where patients are given.
    estimator : estimator
        The procedure as it was judged, unfitted: fit that one on these rows, and deploy it.
    scope : str
        The question that the intervals answer: the procedure's loss, or that of fitted models.
    by_fold : DataFrame or None
        fold, column, estimate: the loss of the first measure in each fold; None for one model.
    """

    remarks: tuple = ()
    estimator: object = None
    scope: str = ""
    by_fold: pd.DataFrame | None = None

    def summary(self):
        """Return the table, the question of its intervals, and what was replaced."""
        return "\n".join([table_text(self.table), *filter(None, [self.scope]), *self.remarks])

    def leading(self, k=3):
        """Return in how many folds each of the k leading columns is among the k largest.

        Parameters
        ----------
        k : int, default=3
            Leading columns that are followed.

        Returns
        -------
        DataFrame
            column, n_leading (folds in which it is among the k largest losses of the first
            measure), n_folds; the largest first. Without rows where no model was refitted.
        """
        names = ["column", "n_leading", "n_folds"]
        if self.by_fold is None or self.by_fold.empty:
            return pd.DataFrame(columns=names)
        first = self.table[self.table["measure"] == self.table["measure"].iloc[0]]
        ranks = self.by_fold.groupby("fold")["estimate"].rank(ascending=False, method="first")
        among = self.by_fold[ranks <= k]["column"].value_counts()
        n_folds = self.by_fold["fold"].nunique()
        leaders = list(first["column"].head(k))
        rows = [(column, int(among.get(column, 0)), n_folds) for column in leaders]
        return pd.DataFrame(rows, columns=names)

    def plot(self, ax=None, *, measure=None, most=15, **kwargs):
        """Draw the columns that matter most, with their intervals.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        measure : str, optional
            Which measure; the first by default.
        most : int, default=15
            Columns shown.
        **kwargs
            Passed to ``Axes.errorbar``.

        Returns
        -------
        matplotlib.axes.Axes
        """
        measure = self.table["measure"].iloc[0] if measure is None else measure
        table = self._drawn()
        rows = table[table["measure"] == measure].head(most).iloc[::-1]
        ax = new_axes(ax, width=6.0, height=1.2 + 0.32 * len(rows))
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        names = [shorten(str(name)) for name in rows["column"]]
        options = {"fmt": "o", "color": BLUE} | kwargs
        ax.errorbar(rows["estimate"], names, xerr=spread, **options)
        ax.axvline(0.0, color=GREY, lw=1)
        ax.set(xlabel=f"{_LOSSES.get(measure, measure + ' lost')} when the column is shuffled")
        return ax


_LOSSES = {"auroc": "AUC lost", "brier": "Brier score gained", "log_loss": "Log loss gained"}


def permutation_importance(
    estimator,
    X,
    y,
    *,
    cv=5,
    groups=None,
    event=None,
    measures="auroc",
    players=None,
    conditional=False,
    refit=True,
    n_repeats=1,
    n_halvings=10,
    max_rows=5000,
    max_folds=5,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Shuffle each column among the rows left out and measure what is lost.

    The estimator is refitted without each fold; the shuffled column is predicted in that fold
    only, so a column that merely was over-fitted shows no importance. Correlated columns share
    theirs: a small loss does not prove that a column is not used. Name them as one player to see
    what they carry together; with `conditional` a column is shuffled among rows that the other
    columns hold alike [2]_, and shows what it adds to them.

    Parameters
    ----------
    estimator : scikit-learn classifier, or list of fitted classifiers
        Refitted in every fold; with ``refit=False`` a fitted model, for which all rows are new, or
        a list of fitted models, one for each fold of `cv` in its order.
    X : DataFrame of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    cv : int, splitter or iterable, default=5
        Number of folds (of whole patients with `groups`), a splitter, or (train, test) pairs;
        ``sklearn.model_selection.PredefinedSplit(fold)`` for given fold numbers.
    groups : array-like of shape (n_samples,), optional
        The patient of each row, for folds, intervals and a `fit` that asks for them.
    event : scalar or str, optional
        Level of `y` that is the event.
    measures : str or list of str, default="auroc"
        "auroc", "brier", "log_loss" or "net_benefit@t" with a decision threshold t.
    players : dict of str to list, or "clusters", optional
        Columns that are shuffled together, as in `explain`.
    conditional : bool, default=False
        Shuffle within strata: the leaves of a tree of at most 16 leaves, of 20 rows or more, that
        predicts the column from the others.
    refit : bool, default=True
        Whether the estimator is fitted in every fold; see `estimator`.
    n_repeats : int, default=1
        Shuffles of each column in each fold; their mean is less left to chance.
    n_halvings : int, default=10
        How often, over all folds, the training rows are halved at random, patient by patient, and
        the estimator fitted on either half. What the halves differ by is what another training
        sample would change, and widens the interval to that of the procedure [3]_. More make it
        steadier; a halving costs two fits on half of the rows and two predictions of one fold.
        0 leaves the interval of the models fitted in the folds. Not used with ``refit=False``.
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
        If the lengths do not fit, the outcome is not 0/1, a patient is missing, `cv` leaves out no
        row, a measure is not known, or fitted models and folds do not go together.

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
    .. [2] Molnar C, Konig G, Bischl B, Casalicchio G. Model-agnostic feature importance and effects
       with dependent features: a conditional subgroup approach. Data Min Knowl Discov.
       2024;38:2903-2941.
    .. [3] Nadeau C, Bengio Y. Inference for the generalization error. Mach Learn.
       2003;52:239-281.

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
    wanted, rng = check_measures(measures), check_random_state(random_state)
    names, player = name_players(list(frame.columns), players, frame)
    n_repeats = check_count(n_repeats, "n_repeats")
    check_count(max_rows, "max_rows"), check_count(max_folds, "max_folds")
    n_halvings = check_count(n_halvings, "n_halvings") if n_halvings else 0
    models, cv = _models_and_folds(estimator, cv, refit, len(frame))
    splits = _chosen_splits(frame, y, groups, cv, max_folds, max_rows, rng, len(models))
    seeds = rng.randint(np.iinfo(np.int32).max, size=len(splits))
    unit = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    options = (player, n_repeats, conditional, not refit)
    halvings = halvings_by_fold(n_halvings if refit else 0, len(splits))
    tasks = [
        Task(models[number % len(models)], frame, y, groups, unit, train, test, seed, *options, n)
        for (number, train, test), seed, n in zip(splits, seeds, halvings, strict=True)
    ]
    parts = run_parallel(shuffled_risks, tasks, n_jobs=n_jobs, verbose=verbose, what="folds")
    rows = np.concatenate([test for _, _, test in splits])
    fold = np.repeat(np.arange(len(splits)), [len(test) for _, _, test in splits])
    risks = np.concatenate([part for part, _ in parts], axis=1)
    refitting = Refitting(splits, [halves for _, halves in parts], y, unit)
    tables = [
        _losses(measure, names, y, rows, fold, risks, groups, confidence_level, refitting)
        for measure in wanted
    ]
    by_fold = (
        _fold_losses(wanted[0], names, y[rows], fold, risks) if refit or len(models) > 1 else None
    )
    table = pd.concat(tables, ignore_index=True)
    judged, words = as_judged(estimator, frame, y, groups) if refit else (None, ())
    scope = _scope(refit, n_halvings, refitting.n_pairs)
    return ImportanceResult(table, words, judged, scope, by_fold)


def _scope(refit, n_halvings, n_pairs):
    """Return the question that the intervals answer, in a sentence."""
    if n_pairs:
        return (
            "Intervals: loss of the procedure, fitted on another sample of this size "
            f"({n_pairs} of {n_halvings} halvings of the training rows could be fitted)."
        )
    failed = "; no half of the training rows could be fitted" if refit and n_halvings else ""
    return (
        "Intervals: loss of these fitted models on other patients; what another training sample "
        f"would change is not in them{failed}."
    )


def _models_and_folds(estimator, cv, refit, n):
    """Return the models, one for all folds or one each, and the folds."""
    given = isinstance(estimator, list | tuple)
    if refit:
        if given:
            raise InputError("a list of fitted models needs refit=False.")
        return [estimator], cv
    if given:
        if isinstance(cv, Integral):
            raise InputError(
                "a list of fitted models needs the folds that they were left out of: pass them as "
                "cv, splits or PredefinedSplit(fold)."
            )
        return list(estimator), cv
    return [estimator], [(np.arange(0), np.arange(n))]


def _chosen_splits(frame, y, groups, cv, max_folds, max_rows, rng, n_models):
    """Return (number, training rows, rows to predict) of the first folds, `max_rows` in all."""
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
    if n_models > 1 and n_models != len(splits):
        raise InputError(
            f"{n_models} fitted models were given for {len(splits)} folds; pass one for each fold, "
            "and max_folds no smaller."
        )
    if not sum(len(test) for _, test in splits):
        raise InputError("cv leaves out no row; pass a number of folds or splits with test rows.")
    row = np.concatenate([test for _, test in splits])
    # drawn in the order of the table, so that the draw does not depend on the order of the folds
    in_order = np.argsort(row, kind="stable")
    chosen = np.zeros(len(row), dtype=bool)
    chosen[in_order[rng.permutation(len(row))[:max_rows]]] = True
    parts = np.split(chosen, np.cumsum([len(test) for _, test in splits])[:-1])
    kept = [
        (number, train, test[part])
        for number, ((train, test), part) in enumerate(zip(splits, parts, strict=True))
    ]
    return [split for split in kept if len(split[2])]


def _losses(measure, names, y, rows, fold, risks, groups, confidence_level, refitting):
    """Return the table of one measure, largest loss first."""
    repeated = len(np.unique(rows)) < len(rows)
    patient = groups[rows] if groups is not None else rows if repeated else None
    base, base_influence = measure.influence(y[rows], risks[0], fold)
    used, losses = np.unique(rows), []
    refitting = refitting.of(measure)
    n_repeats = (len(risks) - 1) // len(names)
    for k, name in enumerate(names):
        shuffles = [
            measure.influence(y[rows], risk, fold)
            for risk in risks[1 + k * n_repeats : 1 + (k + 1) * n_repeats]
        ]
        loss = measure.sign * (base - np.mean([value for value, _ in shuffles]))
        moved = base_influence - np.mean([influence for _, influence in shuffles], axis=0)
        sampling = cluster_variance(moved, patient)
        variance, freedom = refitting.widened(sampling, moved, rows, k, n_repeats)
        half = t.ppf(0.5 + confidence_level / 2, freedom) * np.sqrt(variance)
        counts = len(used), int(y[used].sum())
        losses.append((name, measure.name, loss, loss - half, loss + half, *counts))
    columns = ["column", "measure", "estimate", "lower", "upper", "n_samples", "n_events"]
    table = pd.DataFrame(losses, columns=columns)
    return table.sort_values("estimate", ascending=False, ignore_index=True)


def _fold_losses(measure, names, y, fold, risks):
    """Return the loss of each column in each fold that has both outcomes."""
    n_repeats, records = (len(risks) - 1) // len(names), []
    for number in np.unique(fold):
        inside = fold == number
        if len(np.unique(y[inside])) < 2:
            continue
        values = [measure.influence(y[inside], r[inside], fold[inside])[0] for r in risks]
        shuffled = np.reshape(values[1:], (len(names), n_repeats)).mean(axis=1)
        losses = measure.sign * (values[0] - shuffled)
        records += [(int(number), name, loss) for name, loss in zip(names, losses, strict=True)]
    return pd.DataFrame(records, columns=["fold", "column", "estimate"])
