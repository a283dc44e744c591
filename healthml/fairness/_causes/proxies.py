"""How well other columns tell the group, and which."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.base import clone

from healthml._core._checks import check_alignment, check_groups, check_random_seeds
from healthml._core._intervals import check_confidence_level, z_value
from healthml._core._parallel import run_parallel, seeded
from healthml._core._release import MIN_COUNT, SMALL_GROUPS, count_number, protect
from healthml._core._results import Result, table_html, table_text
from healthml._core._routing import hiding_cells
from healthml._core._tables import to_pandas
from healthml.fairness._attributes import find_partitions
from healthml.fairness._estimates import Rows, auroc_of_groups
from healthml.resampling._learner import fold_pairs
from healthml.validation import default_model
from healthml.validation._leakage import screen_columns

_FEWEST = 20  # patients inside, and outside, of a group for a model of it; by judgement
_TOP = 10  # columns listed for each group


@dataclass(frozen=True, repr=False)
class ProxyResult(Result):
    """How well a group can be told from other columns; made by `proxy_audit`.

    Parameters
    ----------
    table : DataFrame
        One row per group: feature, group, estimate (AUC of all columns together, out of fold),
        lower, upper, n_samples, n_events (rows of the group), reason.
    columns : DataFrame
        The columns that tell most by themselves: feature, group, column, estimate (AUC, out of
        fold), lower, upper, n_samples, n_events.
    confidence_level : float
        Of the intervals.
    """

    columns: pd.DataFrame = None
    confidence_level: float = 0.95

    def summary(self):
        """Return the table as plain text, small counts hidden."""
        return table_text(self._parts()[0], na_rep="")

    def _repr_html_(self):
        return table_html(self._parts()[0], na_rep="")

    def to_json(self, *, indent=None):
        """Return the result as JSON text; small groups are put together."""
        table, columns = self._parts()
        return Result.to_json(replace(self, table=table, columns=columns), indent=indent)

    def _parts(self):
        """Return both tables as they may leave; the groups of a feature make up a whole."""
        table, columns = self.table.copy(), self.columns.copy()
        for feature in self.table["feature"].unique():
            of_feature = self.table["feature"] == feature
            sizes = self.table.loc[of_feature, "n_events"].to_numpy()
            states = protect(sizes).n
            names = self.table.loc[of_feature, "group"]
            size = {
                name: count_number(n, state)
                for name, n, state in zip(names, sizes, states, strict=True)
            }
            for part in (table, columns):
                rows = part["feature"] == feature
                part.loc[rows, "n_events"] = part.loc[rows, "group"].map(size).astype(float)
            is_small = of_feature & table["group"].isin(names[states == "hidden"])
            table["group"] = table["group"].astype(object).mask(is_small, SMALL_GROUPS)
        return table, columns

    def plot(self, ax=None, **kwargs):
        """Draw how well each group can be told; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes, shorten
        from healthml._core._release import release_table

        rows = release_table(self.table).dropna(subset=["estimate"]).iloc[::-1]
        ax, at = new_axes(ax, width=6.0, height=1.2 + 0.3 * len(rows)), np.arange(len(rows))
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().fillna(0)
        options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
        ax.errorbar(rows["estimate"], at, xerr=spread.to_numpy().T, **options)
        names = rows["feature"].astype(str) + ": " + rows["group"].astype(str)
        ax.set_yticks(at, [shorten(name) for name in names], parse_math=False)
        ax.axvline(0.5, color=GREY, lw=1, zorder=0)
        ax.set(xlabel=f"AUC of telling the group, {self.confidence_level:.0%} CI", xlim=(0.4, 1.02))
        return ax


def proxy_audit(
    X,
    sensitive_features,
    *,
    groups=None,
    estimator=None,
    cv=5,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ProxyResult:
    """Say how well the other columns tell the group of a patient, and which of them do.

    Leaving a sensitive column out does not make a model blind to it where others tell it. The AUC
    is that of telling one group from everybody else, by a model fitted on other patients.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The columns of the model. Those with the name of a sensitive feature are left out.
    sensitive_features : DataFrame, Series, dict or array-like
        One or more features; bands and levels as in `group_performance`.
    groups : array-like of shape (n_samples,), optional
        The patient of each row, kept in one fold.
    estimator : scikit-learn classifier, optional
        Model of the group; `healthml.validation.default_model` by default.
    cv : int, splitter or iterable, default=5
        Folds; a number means shuffled, stratified folds of whole patients.
    confidence_level : float, default=0.95
        Of the intervals, which take the models of the folds as given.
    n_jobs : int, optional
        Fits in parallel, as in joblib.
    verbose : int, default=0
        Above 0, progress on standard error.
    random_state : int, RandomState or None, default=None
        Seed of the folds and of a model whose `random_state` is None.

    Returns
    -------
    ProxyResult

    Raises
    ------
    InputError
        If lengths differ, a patient is missing, or the model cannot be fitted.

    See Also
    --------
    representation : Who is in the table at all.
    healthml.validation.check_leakage : Which columns tell the outcome too well.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.fairness import proxy_audit
    >>> rng = np.random.default_rng(0)
    >>> sex = rng.choice(["f", "m"], 300)
    >>> X = pd.DataFrame({"height": rng.normal(170, 6, 300) + 12 * (sex == "m")})
    >>> found = proxy_audit(X, {"sex": sex}, random_state=0)
    >>> bool(found.to_frame()["estimate"].iloc[0] > 0.85)
    True
    """
    level = check_confidence_level(confidence_level)
    frame = to_pandas(X)
    check_alignment(X=X, sensitive_features=sensitive_features, groups=groups)
    patient = None if groups is None else check_groups(groups, len(frame))
    model = default_model() if estimator is None else estimator
    seeds = check_random_seeds(random_state, 2)
    lines, columns = [], []
    for part in find_partitions(sensitive_features, len(frame), patient=patient):
        own = frame.drop(columns=[c for c in frame.columns if str(c) == part.feature])
        kept = range(len(part.names)) if len(part.names) > 2 else range(1)
        tasks = [_Task(part, k, own, model, patient, cv, seeds, level) for k in kept]
        options = {"n_jobs": n_jobs, "verbose": verbose, "what": f"groups of {part.feature}"}
        for line, found in run_parallel(_tell, tasks, **options):
            lines.append(line)
            columns.append(found)
    names = ["feature", "group", "column", "estimate", "lower", "upper", "n_samples", "n_events"]
    table = pd.concat(columns, ignore_index=True).reindex(columns=names)
    return ProxyResult(pd.DataFrame(lines), table, level)


@dataclass(frozen=True)
class _Task:
    """One group to be told from everybody else."""

    part: object
    k: int
    X: pd.DataFrame
    model: object
    patient: np.ndarray | None
    cv: object
    seeds: list
    level: float


def _tell(task):
    """Return the line of a group and the columns that tell it best by themselves."""
    part, event = task.part, (task.part.codes == task.k).astype(np.int64)
    base = {"feature": part.feature, "group": str(part.names[task.k])}
    counts = {"n_samples": len(event), "n_events": int(event.sum())}
    people = np.arange(len(event)) if task.patient is None else task.patient
    sizes = [len(np.unique(people[event == kind])) for kind in (0, 1)]
    gap = dict.fromkeys(("estimate", "lower", "upper"), np.nan)
    if min(sizes) < max(_FEWEST, MIN_COUNT) or not task.X.shape[1]:
        reason = f"fewer than {_FEWEST} patients inside or outside of the group"
        if len(part.names) == 1:
            reason = "one group only: there is nobody to tell it from"
        return base | gap | counts | {"reason": reason}, pd.DataFrame()
    pairs = fold_pairs(task.cv, task.X, event, task.patient, task.seeds[0])
    risk, fold = np.full(len(event), np.nan), np.full(len(event), -1)
    for number, (train, test) in enumerate(pairs):
        model = seeded(clone(task.model), task.seeds[1])
        with hiding_cells(task.X, model):
            model.fit(task.X.iloc[train], event[train])
            risk[test] = model.predict_proba(task.X.iloc[test])[:, 1]
        fold[test] = number
    rows = Rows(event, risk[None], fold[None], task.patient)
    own, _ = auroc_of_groups(rows, np.zeros(len(event), dtype=np.intp), 1)
    lower, upper = own.ends(z_value(task.level))
    numbers = (float(own.value[0]), float(lower[0]), float(upper[0]))
    line = base | dict(zip(gap, numbers, strict=True)) | counts | {"reason": ""}
    return line, _single(task, event, fold, base, counts)


def _single(task, event, fold, base, counts):
    screened = screen_columns(
        task.X, event, fold=fold, groups=task.patient, confidence_level=task.level
    ).table
    kept = screened.sort_values("estimate", ascending=False).head(_TOP)
    names = [name for name in ("column", "estimate", "lower", "upper") if name in kept]
    return kept[names].assign(**base, **counts)
