"""One table, two questions: how good for the next encounter, and how good for the next patient."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups, check_proba
from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.metrics import performance
from healthml.validation._splits import complete_times

__all__ = ["EncounterResult", "encounter_performance"]

MEASURES = ("auroc", "oe_ratio", "calibration_in_the_large", "calibration_slope", "brier")
COLUMNS = ["population", "view", "measure", "estimate", "lower", "upper"]
COLUMNS += ["n_samples", "n_events", "n_patients", "method", "reason"]
_KEPT = ["measure", "estimate", "lower", "upper", "n_samples", "n_events", "method", "reason"]


@dataclass(frozen=True, repr=False)
class EncounterResult(Result):
    """Performance by encounter and by patient; made by `encounter_performance`.

    Parameters
    ----------
    table : pandas.DataFrame
        population ("all", "new", "returning"), view ("encounters": every row counts alike;
        "patients": every patient counts alike; "first encounter", "last encounter": one row of
        each patient), measure, estimate, lower, upper, n_samples, n_events, n_patients, method,
        reason.
    confidence_level : float
        Level of the intervals.
    """

    confidence_level: float = 0.95

    def get(self, view="encounters", measure="auroc", population="all"):
        """Return one row of the table as a Series."""
        filters = {"view": view, "measure": measure, "population": population}
        rows = self.table
        for column, value in filters.items():
            rows = rows[rows[column] == value]
        if rows.empty:
            raise InputError(f"There is no row with {filters}.")
        return rows.iloc[0]

    def plot(self, ax=None, *, measure="auroc", **kwargs):
        """Draw one measure in every view; returns the matplotlib axes."""
        from healthml._core._displays import draw_forest
        from healthml.metrics import get_measure

        table = self._drawn()
        rows = table[table["measure"] == measure]
        several = rows["population"].nunique() > 1
        names = rows["view"] + (", " + rows["population"] if several else "")
        rows = rows.assign(study=names, kind="study", weight=np.nan)
        known = get_measure(measure)
        options = {"label": known.label, "confidence_level": self.confidence_level}
        options |= {"ideal": known.best if known.direction == "target" else None}
        return draw_forest(rows, ax=ax, **options | kwargs)


def encounter_performance(
    y_true,
    y_proba,
    *,
    groups,
    time=None,
    seen=None,
    measures=MEASURES,
    threshold=None,
    event=None,
    confidence_level=0.95,
    random_state=None,
) -> EncounterResult:
    """Judge risks with every encounter counting alike and with every patient counting alike.

    Patients with many encounters decide the usual number. If they are sicker, or easier, the
    number for the next patient is another one, and both have their use.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome of each encounter: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,)
        Predicted risk of each encounter.
    groups : array-like of shape (n_samples,)
        The patient of each encounter.
    time : array-like of shape (n_samples,), default=None
        Time of each encounter, numbers or dates; with it the first and the last encounter of each
        patient are judged, too.
    seen : array-like of bool, shape (n_samples,), default=None
        Whether the patient took part in the training of the model; with it new and returning
        patients are judged apart, too.
    measures : sequence of str
        Names from `healthml.metrics.list_measures`.
    threshold : float, default=None
        Decision threshold for the measures that need one.
    event : scalar or str, default=None
        The level of `y_true` that is the event.
    confidence_level : float, default=0.95
        Level of the intervals.
    random_state : int, RandomState or None, default=None
        Seed of the measures whose interval is a bootstrap.

    Returns
    -------
    EncounterResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or a measure needs a threshold.

    See Also
    --------
    temporal_performance : Refit on earlier rows and judge later ones, new and returning patients
        apart.
    healthml.metrics.performance : Judge predicted risks by every measure, each with its interval.

    Notes
    -----
    All intervals are for patients: encounters of one patient may depend on each other. In the view
    "patients" an encounter weighs 1 over the number of its patient's encounters.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation import encounter_performance
    >>> rng = np.random.default_rng(0)
    >>> patient = np.repeat(np.arange(200), rng.integers(1, 8, 200))
    >>> risk = rng.uniform(0.05, 0.6, 200)[patient]
    >>> y = (rng.uniform(size=len(patient)) < risk).astype(int)
    >>> found = encounter_performance(y, risk, groups=patient, measures=["oe_ratio"])
    >>> found.to_frame()[["view", "estimate"]].round(2).values.tolist()
    [['encounters', 0.97], ['patients', 0.96]]
    """
    level = check_confidence_level(confidence_level)
    check_alignment(y_true=y_true, y_proba=y_proba, groups=groups, time=time)
    y = check_event(y_true, event=event, name="y_true")[1]
    proba = check_proba(y_proba, len(y))
    codes = check_groups(groups, len(y))
    options = {
        "measures": [measures] if isinstance(measures, str) else list(measures),
        "threshold": threshold,
        "confidence_level": level,
        "random_state": random_state,
    }
    tables = []
    for population, rows in _populations(seen, len(y)).items():
        parts = y[rows], proba[rows], codes[rows]
        when = None if time is None else complete_times(time, len(y)).iloc[rows]
        for view, table in _views(*parts, when, options).items():
            tables.append(table.assign(population=population, view=view))
    return EncounterResult(pd.concat(tables, ignore_index=True)[COLUMNS], level)


def _populations(seen, n):
    """Return the rows of each population."""
    everyone = {"all": np.arange(n)}
    if seen is None:
        return everyone
    seen = np.asarray(seen)
    if seen.shape != (n,) or not np.isin(seen, (0, 1)).all():
        raise InputError(f"seen must be True or False for each of {n} rows, none missing.")
    seen = seen.astype(bool)
    return everyone | {"new": np.flatnonzero(~seen), "returning": np.flatnonzero(seen)}


def _views(y, proba, codes, when, options):
    """Return the table of each view of the same rows."""
    if not len(y):
        nothing = {"n_samples": 0, "n_events": 0, "n_patients": 0, "method": ""}
        empty = pd.DataFrame({"measure": options["measures"], **nothing, "reason": "no rows"})
        return {"encounters": empty.assign(estimate=np.nan, lower=np.nan, upper=np.nan)}
    rows_of = np.bincount(codes)[codes]
    whole = {"groups": codes}
    by_patient = {**whole, "sample_weight": 1.0 / rows_of, "weight_type": "sampling"}
    everyone = np.arange(len(y))
    views = {"encounters": (everyone, whole), "patients": (everyone, by_patient)}
    if when is not None:
        order = np.lexsort((np.arange(len(y)), when.rank(method="dense").to_numpy(), codes))
        starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0])
        ends = np.r_[starts[1:], len(y)] - 1
        views |= {"first encounter": (order[starts], {}), "last encounter": (order[ends], {})}
    return {
        view: _judged(y[rows], proba[rows], codes[rows], weights, options)
        for view, (rows, weights) in views.items()
    }


def _judged(y, proba, codes, weights, options):
    table = performance(y, proba, **weights, **options).table[_KEPT]
    return table.assign(n_patients=len(np.unique(codes)))
