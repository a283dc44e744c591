"""How a procedure does later in time, for new patients and for those it has seen before."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups, check_random_seeds
from healthml._core._intervals import check_confidence_level
from healthml._core._paired import paired_scores
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.validation._refits import Resample, as_judged, failure_of, refit, warn_failed
from healthml.validation._splits import PatientTimeSplit

__all__ = ["TemporalResult", "temporal_performance"]

MEASURES = ("auroc", "brier", "scaled_brier", "calibration_slope", "oe_ratio")
COLUMNS = ["window", "population", "measure", "estimate", "lower", "upper", "n_samples"]
COLUMNS += ["n_events", "n_patients", "n_train", "method", "reason"]
EVERY = "all windows"


@dataclass(frozen=True, repr=False)
class TemporalResult(Result):
    """Performance in later windows of time; made by `temporal_performance`.

    Parameters
    ----------
    table : pandas.DataFrame
        window (its number, or "all windows"), population ("all", "new", "returning"), measure,
        estimate, lower, upper, n_samples, n_events, n_patients, n_train, method, reason.
    windows : pandas.DataFrame
        Who is trained on and who is judged in each window.
    risk : ndarray of shape (n_samples,)
        Risk of each row of the windows from the model of its window; missing elsewhere.
    seen : ndarray of bool, shape (n_samples,)
        Whether that model was trained on the row's patient.
    estimand : str
        What the numbers are about.
    confidence_level : float
        Level of the intervals.
    estimator : estimator
        The procedure as it was judged, unfitted; see `ValidationResult.estimator`.
    """

    windows: pd.DataFrame = None
    risk: np.ndarray = None
    seen: np.ndarray = None
    estimand: str = ""
    confidence_level: float = 0.95
    estimator: object = None

    def to_json(self, *, indent=None):
        """Return the result as JSON text, without anything that belongs to single rows."""
        return Result.to_json(replace(self, risk=None, seen=None), indent=indent)

    def get(self, measure="auroc", population="all", window=EVERY):
        """Return one row of the table as a Series."""
        rows = self.table[
            (self.table["measure"] == measure)
            & (self.table["population"] == population)
            & (self.table["window"] == str(window))
        ]
        if rows.empty:
            raise InputError(
                f"There is no row with {measure!r}, {population!r}, window {window!r}."
            )
        return rows.iloc[0]

    def plot(self, ax=None, *, measure="auroc", **kwargs):
        """Draw one measure by window and population; returns the matplotlib axes."""
        from healthml._core._displays import draw_forest
        from healthml.metrics import get_measure

        table = self._drawn()
        rows = table[table["measure"] == measure]
        known = get_measure(measure)
        name = np.where(rows["window"] == EVERY, EVERY, "window " + rows["window"])
        rows = rows.assign(study=name + ", " + rows["population"], kind="study", weight=np.nan)
        options = {"label": known.label, "confidence_level": self.confidence_level}
        options |= {"ideal": known.best if known.direction == "target" else None}
        return draw_forest(rows, ax=ax, **options | kwargs)


def temporal_performance(
    estimator,
    X,
    y,
    *,
    cv,
    groups=None,
    thresholds=None,
    event=None,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
) -> TemporalResult:
    """Refit on earlier rows and judge later ones, new and returning patients apart.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure; cloned and refitted whole for every window.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    cv : PatientTimeSplit
        The windows. With ``patients="new"`` returning patients are neither judged nor reported.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row; None means that every row is a different patient.
    thresholds : array-like, default=None
        Decision thresholds; with them the net benefit averaged over them is reported, too.
    event : scalar or str, default=None
        The level of `y` that is the event.
    confidence_level : float, default=0.95
        Level of the intervals, which are for patients and for the models as fitted.
    n_jobs, verbose
        Parallel refits and progress on standard error, as in joblib.
    random_state : int, RandomState or None, default=None
        Seed of the refits.

    Returns
    -------
    TemporalResult

    Raises
    ------
    InputError
        If `cv` is no `PatientTimeSplit`, or inputs do not fit each other.

    See Also
    --------
    PatientTimeSplit : Train on earlier rows and test on later ones, knowing which patients return.
    validate : Judge a modelling procedure on patients that it has not seen, by refitting it.
    encounter_performance : Judge risks with every encounter counting alike and with every patient
        counting alike.

    Notes
    -----
    Over all windows the AUC compares rows of one window only, since each has its own model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation import PatientTimeSplit, temporal_performance
    >>> rng = np.random.default_rng(0)
    >>> patient = rng.integers(0, 300, 900)
    >>> X = rng.normal(size=(900, 2)) + rng.normal(size=(300, 2))[patient]
    >>> y = (X[:, 0] + rng.normal(size=900) > 0).astype(int)
    >>> splitter = PatientTimeSplit(np.arange(900), n_splits=3, patients="all")
    >>> found = temporal_performance(
    ...     LogisticRegression(), X, y, cv=splitter, groups=patient
    ... )
    >>> new, returning = found.get("auroc", "new"), found.get("auroc", "returning")
    >>> round(float(new["estimate"]), 2), round(float(returning["estimate"]), 2)
    (0.86, 0.9)
    """
    level = check_confidence_level(confidence_level)
    check_alignment(X=X, y=y, groups=groups)
    y01 = check_event(y, event=event)[1]
    codes = None if groups is None else check_groups(groups, len(y01))
    if not isinstance(cv, PatientTimeSplit):
        raise InputError(
            f"cv is {type(cv).__name__}; pass a PatientTimeSplit, which makes the windows."
        )
    windows = cv.windows(X, groups)
    risk, seen, reasons = _predicted(
        estimator, X, y01, codes, windows, n_jobs, verbose, random_state, cv.patients
    )
    judge = _Judge(y01, risk, codes, thresholds, level)
    whole = cv.patients == "all"
    parts = {str(w.number): np.r_[w.new, w.returning] if whole else w.new for w in windows}
    number = np.full(len(y01), -1)
    for w in windows:
        number[parts[str(w.number)]] = w.number
    parts[EVERY] = np.concatenate(list(parts.values()))
    n_train = {str(w.number): len(w.train) for w in windows} | {EVERY: np.nan}
    rows = []
    for name, inside in parts.items():
        for population, members in _split_by(inside, seen, whole).items():
            lines = judge.lines(members, number if name == EVERY else None, reasons.get(name, ""))
            what = {"window": name, "population": population, "n_train": n_train[name]}
            rows += [{**what, **line} for line in lines]
    judged, words = as_judged(estimator, X, y01, codes)
    estimand = "procedure refitted on earlier rows, judged at a later time"
    return TemporalResult(
        pd.DataFrame(rows)[COLUMNS],
        cv.report(X, y01, groups),
        risk,
        seen,
        " ".join([f"{estimand}.", *words]) if words else estimand,
        level,
        judged,
    )


def _predicted(estimator, X, y, codes, windows, n_jobs, verbose, random_state, patients):
    """Return the risks, who was seen in training, and why a window could not be fitted."""
    seeds = check_random_seeds(random_state, len(windows))
    wanted = [np.r_[w.new, w.returning] if patients == "all" else w.new for w in windows]
    resamples = [
        Resample(w.train, rows, w.number, seed, f"window {w.number}")
        for w, rows, seed in zip(windows, wanted, seeds, strict=True)
    ]
    run = {"n_jobs": n_jobs, "verbose": verbose, "on_error": "record", "what": "windows"}
    fits = refit(estimator, X, y, resamples, groups=codes, **run)
    warn_failed(resamples, fits, stacklevel=3)
    risk, seen, reasons = np.full(len(y), np.nan), np.zeros(len(y), dtype=bool), {}
    for window, rows, fit in zip(windows, wanted, fits, strict=True):
        seen[window.returning] = True
        if fit.risk is None:
            reasons[str(window.number)] = f"not fitted: {failure_of(fit, seeds[window.number])}"
        else:
            risk[rows] = fit.risk
    if len(reasons) == len(windows):
        raise InputError(
            f"None of {len(windows)} windows gave a model; {next(iter(reasons.values()))}."
        )
    if reasons:
        reasons[EVERY] = f"without {len(reasons)} windows that could not be fitted"
    return risk, seen, reasons


def _split_by(inside, seen, whole):
    if not whole:
        return {"new": inside}
    return {"all": inside, "new": inside[~seen[inside]], "returning": inside[seen[inside]]}


@dataclass(frozen=True)
class _Judge:
    """Outcomes and risks, and how to score some of their rows."""

    y: np.ndarray
    risk: np.ndarray
    groups: np.ndarray | None
    thresholds: np.ndarray | None
    level: float

    def lines(self, rows, number, reason):
        """Return one dict per measure for some rows; `number` keeps windows apart in the AUC."""
        rows = rows[np.isfinite(self.risk[rows])]
        asked = MEASURES if self.thresholds is None else (*MEASURES, "net_benefit")
        y = self.y[rows]
        units = rows if self.groups is None else self.groups[rows]
        counts = {
            "n_samples": len(rows),
            "n_events": int(y.sum()),
            "n_patients": len(np.unique(units)),
        }
        if not len(rows) or y.min() == y.max():
            reason = reason or ("no rows" if not len(rows) else "one class of outcome")
            nothing = dict.fromkeys(("estimate", "lower", "upper"), np.nan)
            return [
                {"measure": m, **nothing, **counts, "method": "", "reason": reason} for m in asked
            ]
        scores = paired_scores(
            y,
            {"m": self.risk[rows]},
            folds=None if number is None else {"m": number[rows]},
            groups=None if self.groups is None else units,
            thresholds=self.thresholds,
            measures=asked,
            confidence_level=self.level,
        ).table
        return [_line(row, counts, reason) for row in scores.to_dict(orient="records")]


def _line(row, counts, reason):
    figures = {name: row[name] for name in ("measure", "estimate", "lower", "upper", "method")}
    reason = reason if np.isfinite(row["estimate"]) else "does not exist for these rows"
    return {**figures, **counts, "reason": reason}
