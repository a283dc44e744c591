"""Whether one procedure is better than another, or than something simple, on the same patients."""

from dataclasses import dataclass, field, replace
from numbers import Integral

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment
from healthml._core._results import Result, table_text
from healthml.exceptions import InputError
from healthml.metrics._measures import MEASURES, get_measure
from healthml.validation._compare.refitted_models import RefittedModels
from healthml.validation._compare.simple_references import REFERENCES, SCORE
from healthml.validation._refits import as_judged, folds, given_splits
from healthml.validation._scoring import METHOD, default_repeats, difference
from healthml.validation._task import is_fast, make_task

_ESTIMAND = "procedures refitted in every split; patients not seen"


@dataclass(frozen=True, repr=False)
class ModelComparisonResult(Result):
    """Paired differences between procedures; made by `compare_models`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per pair and measure: model, reference, measure, estimate (model minus reference),
        lower, upper, lower_adjusted, upper_adjusted (Bonferroni over all rows), value,
        reference_value, direction ("higher" or "lower" is better), n_samples, n_events,
        n_patients, method.
    scores : pandas.DataFrame
        One row per model and measure: model, measure, estimate, lower, upper, n_samples, n_events,
        n_patients, method.
    predictions : pandas.DataFrame
        Out-of-sample risk of each row by each model, averaged over repeats.
    remarks : tuple of str
        How the patients were split, and which simple references are missing and why.
    n_comparisons : int
        Number of differences, for which the adjusted intervals account.
    confidence_level : float
        Coverage of each interval.
    estimators : dict of str to estimator
        The models as they were judged, unfitted; see `ValidationResult.estimator`.
    """

    scores: pd.DataFrame = None
    predictions: pd.DataFrame = None
    remarks: tuple = ()
    n_comparisons: int = 0
    confidence_level: float = 0.95
    estimators: dict = field(default_factory=dict)

    def summary(self):
        """Return the differences, the scores and what is said about multiplicity."""
        left_out = ["direction", "n_samples", "n_events", "n_patients", "method"]
        shown = table_text(self.table, self.table.columns.drop(left_out))
        wide = self.scores.pivot_table("estimate", "model", "measure", sort=False)
        text = (
            f"{self.n_comparisons} differences; lower and upper hold one at a time with "
            f"{self.confidence_level:.0%}, lower_adjusted and upper_adjusted all together "
            "(Bonferroni)."
        )
        parts = [shown, text, wide.round(3).to_string(na_rep="")]
        return "\n".join([*parts, *(f"- {remark}" for remark in self.remarks)])

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without anything that belongs to single rows."""
        return Result.to_json(replace(self, predictions=None), indent=indent)

    def plot(self, ax=None, *, measure="auroc", **kwargs):
        """Draw the differences in one measure; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes

        table = self._drawn()
        rows = table[table["measure"] == measure].iloc[::-1]
        if rows.empty:
            raise InputError(f"measure is {measure!r}; the differences are in {self._measures()}.")
        ax, at = new_axes(ax, width=6.0, height=1.2 + 0.4 * len(rows)), np.arange(len(rows))
        for lower, upper, width in (
            ("lower_adjusted", "upper_adjusted", 0.8),
            ("lower", "upper", 2.4),
        ):
            ax.hlines(at, rows[lower], rows[upper], color=BLUE, lw=width)
        ax.plot(rows["estimate"], at, **{"marker": "o", "ls": "", "color": BLUE, **kwargs})
        ax.set_yticks(at, rows["model"] + " - " + rows["reference"], parse_math=False)
        ax.axvline(0, color=GREY, lw=0.9)
        known = get_measure(measure.split("@")[0])
        ax.set(
            xlabel=f"Difference in {known.label} ({known.direction} is better),\n"
            f"{self.confidence_level:.0%} CI; thin: all {self.n_comparisons} together",
            ylim=(-0.6, len(rows) - 0.4),
        )
        return ax

    def _measures(self):
        return ", ".join(self.table["measure"].unique())


def compare_models(
    models,
    X,
    y,
    *,
    reference=None,
    simple_references=True,
    demographics=None,
    score=None,
    measures=None,
    threshold_range=None,
    cv=5,
    n_repeats=None,
    groups=None,
    sample_weight=None,
    confidence_level=0.95,
    event=None,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> ModelComparisonResult:
    """Compare procedures with each other and with simple references, on the same patients left out.

    All are refitted in the same splits and judged on the same rows, so that what they share cancels
    out of the differences. A model is worth its trouble when it beats what is simple.

    Parameters
    ----------
    models : dict of str to scikit-learn classifier
        Procedures by name.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    reference : str, optional
        The model that the other models are compared with; the first by default.
    simple_references : bool or list of str, default=True
        Which simple references to add: "prevalence only", "age and sex" (logistic), "penalised
        logistic" (`default_model` on all columns), "existing score"; all that can be had when True.
    demographics : list of str or DataFrame of shape (n_samples, k), optional
        The columns of age and sex; found by their names when None.
    score : array-like of shape (n_samples,), optional
        A score already in use, higher for more risk, missing where none was made. It is compared on
        the rows that have it; where it is not a probability, by its ranking only.
    measures : list of str, optional
        What to compare: measures with a better and a worse end. By default "auroc" and
        "scaled_brier", and net benefit with thresholds (its mean where they are a range).
    threshold_range : float, (low, high) or list of float, optional
        Decision thresholds that are plausible.
    cv : int, splitter or iterable, default=5
        Number of folds by whole patients; or a scikit-learn splitter, or (train, test) pairs, which
        bring their own repeats.
    n_repeats : int, optional
        Repeats of a number of folds; by default 5 up to 3,000 rows, fewer above.
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
        Randomness of the splits and of the refits.

    Returns
    -------
    ModelComparisonResult

    Raises
    ------
    InputError
        If a name is taken by a simple reference, or a measure must not be compared.

    See Also
    --------
    healthml.metrics.compare_performance : Risks that exist, any measure, on the same patients:
        which is better?
    healthml.metrics.delong_test : Two columns of risks, by AUROC only, in closed form, as pROC
        does.
    healthml.fairness.group_performance : One model in several groups: for whom is it worse?
    healthml.imputation.compare_imputers : Imputers in front of one model: which serves it best?

    Notes
    -----
    Intervals hold for the difference between the models that the procedures give on all rows, for
    new patients. They join each patient's influence on the difference with the variance over
    refitted models [1]_, which is expected to be about as large and is seen in the repeats. Models
    are refitted on 80% of the rows: where one of two gains more from the other 20%, the difference
    is a little too much against it. Two models that are each compared with a reference are compared
    with each other only by their own row.

    References
    ----------
    .. [1] Bates S, Hastie T, Tibshirani R. Cross-validation: what does it estimate and how well
       does it do it? J Am Stat Assoc. 2024;119:1434-1445.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from healthml.validation import compare_models
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(60, 10, 200), "lab": rng.normal(size=200)})
    >>> y = (X["lab"] + rng.normal(size=200) > 0.5).astype(int)
    >>> models = {"tree": DecisionTreeClassifier(max_depth=3)}
    >>> result = compare_models(models, X, y, random_state=0)
    >>> result.to_frame()["reference"].unique().tolist()
    ['prevalence only', 'age and sex', 'penalised logistic']
    """
    check_alignment(X=X, y=y, score=score, demographics=demographics)
    task = make_task(
        None,
        X,
        y,
        groups=groups,
        sample_weight=sample_weight,
        measures=None,
        threshold_range=threshold_range,
        confidence_level=confidence_level,
        event=event,
    )
    models, wanted = _check_models(models, reference), _check_references(simple_references, score)
    names = _check_measures(measures, task)
    task = replace(task, measures=tuple(dict.fromkeys([*task.measures, *names])))
    splits = _splits(task, cv, n_repeats, random_state)
    refits = RefittedModels(task, splits, {"n_jobs": n_jobs, "verbose": verbose})
    for name, model in models.items():
        refits.fit(name, model, X)
    refits.add_simple(wanted, X, demographics, score)
    base = next(iter(models)) if reference is None else reference
    simple = [name for name in refits.risks if name in REFERENCES]
    pairs = [(name, other) for name in models for other in simple]
    pairs = [(name, base) for name in models if name != base] + pairs
    table, n_comparisons = _differences(refits, pairs, names)
    scores = pd.DataFrame([row for name in refits.risks for row in refits.score_rows(name)])
    predictions = pd.DataFrame({name: refits.scores(name).mean_risk()[0] for name in refits.risks})
    judged = {name: as_judged(model, X, task.y, task.groups) for name, model in models.items()}
    replaced = [f"{name}: {text}" for name, (_, words) in judged.items() for text in words]
    remarks = (f"{splits.text}; {_ESTIMAND}.", *refits.remarks, *replaced)
    estimators = {name: model for name, (model, _) in judged.items()}
    level = task.confidence_level
    return ModelComparisonResult(
        table, scores, predictions, remarks, n_comparisons, level, estimators
    )


def _differences(refits, pairs, names):
    """Return the table of differences and their number."""
    rows, gaps = [], []
    for name, other in pairs:
        first, second = refits.scores(name, other), refits.scores(other, name)
        for measure in names:
            if not refits.compares(name, other, measure):
                continue
            values = first.estimate(measure), second.estimate(measure)
            row = {"model": name, "reference": other, "measure": measure}
            row |= {"value": values[0], "reference_value": values[1]}
            row["direction"] = MEASURES[measure.split("@")[0]].direction
            rows.append(row | refits.counts(first))
            gaps.append(difference(first, second, measure))
    if not rows:
        raise InputError("There is nothing to compare with; pass two models, or a reference.")
    table, tail = pd.DataFrame(rows), (1 - refits.task.confidence_level) / 2
    table["estimate"] = [gap.estimate for gap in gaps]
    for suffix, share in (("", tail), ("_adjusted", tail / len(gaps))):
        ends = np.array([gap.ends(share) for gap in gaps])
        table[f"lower{suffix}"], table[f"upper{suffix}"] = ends.T
    table["method"] = METHOD
    order = ["model", "reference", "measure", "estimate", "lower", "upper"]
    order += ["lower_adjusted", "upper_adjusted"]
    return table[[*order, *(c for c in table.columns if c not in order)]], len(table)


def _splits(task, cv, n_repeats, random_state):
    if not isinstance(cv, Integral):
        return given_splits(task, cv, random_state)
    usual = default_repeats(task.n)
    return folds(task, cv, usual if n_repeats is None else n_repeats, random_state)


def _check_models(models, reference):
    if not isinstance(models, dict) or not models:
        raise InputError("models is no dict of procedures; pass {name: estimator}.")
    models = {str(name): model for name, model in models.items()}
    for name in models:
        if name in REFERENCES:
            raise InputError(
                f"models has {name!r}, which is the name of a simple reference; choose another."
            )
    if reference is not None and reference not in models:
        raise InputError(f"reference is {reference!r}; choose one of {', '.join(models)}.")
    return models


def _check_references(simple, score):
    """Return the names of the simple references wanted."""
    if simple is True:
        return REFERENCES
    wanted = () if simple is False else tuple(simple)
    for name in wanted:
        if name not in REFERENCES:
            known = ", ".join(REFERENCES)
            raise InputError(f"simple_references has {name!r}; choose from {known}.")
    if SCORE in wanted and score is None:
        raise InputError(f"simple_references has {SCORE!r} and there is none; pass score.")
    return wanted if score is None else tuple(dict.fromkeys([*wanted, SCORE]))


def _check_measures(measures, task):
    """Return what to compare: fast measures with a better and a worse end."""
    if measures is None:
        over = ("net_benefit",) if "net_benefit" in task.thresholds else tuple(task.thresholds)
        return ("auroc", "scaled_brier", *over)
    names = (measures,) if isinstance(measures, str) else tuple(measures)
    for name in names:
        known = name in task.thresholds or "@" not in name
        base = get_measure(name.split("@")[0])
        if not known or (base.needs_threshold and name not in task.thresholds):
            raise InputError(f"measures has {name!r}; pass its threshold in threshold_range too.")
        if not is_fast(name) or base.direction == "target":
            raise InputError(
                f"measures has {name!r}; compare auroc, brier, scaled_brier, log_loss, "
                "nagelkerke_r2_recalibrated or net_benefit. The others are in `scores`."
            )
    return names
