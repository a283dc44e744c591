"""O:E, rates and net benefit along a number, as curves with bands."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit

from healthml._core._checks import as_numbers, check_alignment
from healthml._core._intervals import check_confidence_level, z_value
from healthml._core._results import Result, table_text
from healthml.exceptions import InputError
from healthml.fairness._along.fits import design_of, fit_curve
from healthml.fairness._estimates import benefit
from healthml.fairness._performance import (
    check_counts,
    check_rows,
    check_thresholds,
    refuse_labels,
)

# Quantiles at which the knots of a spline stand (Harrell, Regression Modeling Strategies).
_KNOTS = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
_TAILS = 0.025  # share of patients at either end beyond which no curve is drawn; by judgement
_FEWEST = 20
"""Events (or rows) behind a curve: five for each of its four coefficients. Chosen by judgement,
not by simulation; with fewer, curves are left out with their reason."""
_LINKS = {"oe_ratio": "log", "event_rate": "logit", "mean_risk": "logit", "net_benefit": "identity"}
_LINKS |= dict.fromkeys(("flagged_rate", "sensitivity", "specificity", "ppv"), "logit")
_OF_RISKS = ("oe_ratio", "event_rate", "mean_risk")
_OF_DECISIONS = ("sensitivity", "specificity", "ppv", "flagged_rate", "net_benefit")


@dataclass(frozen=True, repr=False)
class AlongResult(Result):
    """Measures along a number; made by `performance_along`.

    Parameters
    ----------
    table : DataFrame
        One row per measure and point: measure, value (of the attribute), estimate, lower, upper
        (pointwise), lower_simultaneous, upper_simultaneous (for the whole curve), n_samples and
        n_events (rows behind the curve).
    tests : DataFrame
        measure, p_value (that the curve is flat), reason (why there is none).
    attribute : str
        Its name.
    notes : tuple of str
        What a reader has to know.
    confidence_level : float
        Of intervals and bands.
    """

    tests: pd.DataFrame = None
    attribute: str = "attribute"
    notes: tuple = field(default=())
    confidence_level: float = 0.95

    def summary(self):
        """Return the tests and the notes as plain text."""
        return "\n".join([table_text(self.tests, na_rep=""), *self.notes])

    def plot(self, ax=None, *, measure="oe_ratio", **kwargs):
        """Draw one measure with its interval, and its band dashed; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes

        rows = self.table[self.table["measure"] == measure]
        if rows.empty:
            known = ", ".join(self.table["measure"].unique())
            raise InputError(f"There is no curve of {measure!r}; there are {known or 'none'}.")
        ax = new_axes(ax, width=5.6, height=3.8)
        ax.plot(rows["value"], rows["estimate"], **{"color": BLUE, **kwargs})
        ax.fill_between(rows["value"], rows["lower"], rows["upper"], color=BLUE, alpha=0.2)
        for end in ("lower_simultaneous", "upper_simultaneous"):
            ax.plot(rows["value"], rows[end], color=BLUE, lw=0.8, linestyle=(0, (4, 3)))
        if measure == "oe_ratio":
            ax.axhline(1.0, color=GREY, lw=1, zorder=0)
        words = {"oe_ratio": "Observed / expected events"}.get(measure, measure.replace("_", " "))
        ax.set(xlabel=self.attribute, ylabel=f"{words}, {self.confidence_level:.0%} CI")
        return ax


def performance_along(
    y_true,
    y_proba,
    attribute,
    *,
    threshold=None,
    groups=None,
    event=None,
    sample_weight=None,
    weight_type=None,
    measures=None,
    n_knots=4,
    n_points=50,
    confidence_level=0.95,
) -> AlongResult:
    """Judge predicted risks along a number such as age, without cutting it into groups.

    Each measure is a smooth function of the attribute: a restricted cubic spline on the log scale
    for O:E, the logit scale for rates, as it is for net benefit. Intervals at each point, and bands
    that hold for the whole curve, are those of patients (sandwich variance).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,) or (n_samples, 2)
        Out-of-sample risks of the event.
    attribute : array-like of shape (n_samples,)
        The number. Rows where it is missing are left out, and counted in `notes`.
    threshold : float, optional
        Risk from which a patient is flagged; without it there are no rates of decisions.
    groups : array-like of shape (n_samples,), optional
        The patient of each row.
    event : scalar or str, optional
        The level of `y_true` that is the event.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows.
    weight_type : {"frequency", "sampling"}, optional
        What the weights are.
    measures : list of str, optional
        Among oe_ratio, event_rate, mean_risk and, with a threshold, sensitivity, specificity, ppv,
        flagged_rate, net_benefit; all by default.
    n_knots : {3, 4, 5}, default=4
        Knots of the splines: 4 let a curve bend twice. More follow chance where events are few.
    n_points : int, default=50
        Points of each curve, between the 2.5th and the 97.5th percentile.
    confidence_level : float, default=0.95
        Level of intervals and bands.

    Returns
    -------
    AlongResult

    Raises
    ------
    InputError
        If the attribute is no number or has too few values, decisions are given for risks, or an
        input does not fit.

    See Also
    --------
    group_performance : The same in groups.
    healthml.metrics.calibration_curve : Observed events along the risk itself.

    References
    ----------
    .. [1] Harrell FE. Regression Modeling Strategies. 2nd ed. Springer; 2015. Section 2.4.
    .. [2] Liang KY, Zeger SL. Longitudinal data analysis using generalized linear models.
       Biometrika. 1986;73:13-22.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.fairness import performance_along
    >>> rng = np.random.default_rng(0)
    >>> age, risk = rng.uniform(20, 90, 2000), rng.uniform(0.05, 0.4, 2000)
    >>> y = (rng.uniform(size=2000) < np.where(age > 70, 2, 1) * risk).astype(int)
    >>> curve = performance_along(y, risk, age).to_frame()
    >>> of = curve[curve["measure"] == "oe_ratio"]
    >>> bool(of["estimate"].iloc[-1] > 1.5), bool(of["lower_simultaneous"].iloc[-1] > 1)
    (True, True)
    """
    level = check_confidence_level(confidence_level)
    threshold, thresholds = check_thresholds(threshold, None)
    check_counts(n_points=n_points)
    check_alignment(y_true=y_true, attribute=attribute)
    rows, place = check_rows(
        y_true,
        y_proba,
        fold=None,
        groups=groups,
        event=event,
        sample_weight=sample_weight,
        weight_type=weight_type,
        options={"threshold": threshold, "thresholds": thresholds},
    )
    values = as_numbers(attribute, "attribute")[place]
    use = np.isfinite(values) & rows.used
    knots = _knots_of(values[use], n_knots)
    wanted = _wanted(measures, threshold)
    refuse_labels(rows.risk, dict.fromkeys(wanted))
    ends = np.quantile(values[use], [_TAILS, 1 - _TAILS])
    points = np.linspace(*ends, n_points)
    fits = _Fits(rows, values, use, knots, points, level)
    tables, tests = zip(*(fits.of(name) for name in wanted), strict=True)
    n_missing = int((~np.isfinite(values)).sum())
    notes = _notes(n_missing, len(values))
    name = str(getattr(attribute, "name", None) or "attribute")
    return AlongResult(
        pd.concat(tables, ignore_index=True), pd.DataFrame(tests), name, notes, level
    )


def _notes(n_missing, n):
    if not n_missing:
        return ()
    words = "have no value of the attribute and stand on no curve; judge them as a group of"
    return (f"{n_missing} of {n} rows {words} their own (group_performance).",)


def _wanted(measures, threshold):
    known = (*_OF_RISKS, *(() if threshold is None else _OF_DECISIONS))
    wanted = (
        [measures] if isinstance(measures, str) else list(known if measures is None else measures)
    )
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(
            f"measures has {unknown[0]!r}; pass names among {', '.join(known)}"
            + ("." if threshold is not None else ", or a threshold for those of decisions.")
        )
    return wanted


def _knots_of(values, n_knots):
    if n_knots not in _KNOTS:
        raise InputError(f"n_knots is {n_knots!r}; pass 3, 4 or 5.")
    knots = np.quantile(values, _KNOTS[n_knots]) if len(values) else np.zeros(n_knots)
    if np.min(np.diff(knots)) <= 0:
        raise InputError(
            f"attribute has too few distinct values for {n_knots} knots; take fewer knots, or "
            "judge its values as groups (group_performance)."
        )
    return knots


class _Fits:
    """The curves of one attribute."""

    def __init__(self, rows, values, use, knots, points, level):
        self.rows, self.use, self.points, self.level = rows, use, points, level
        centre, scale = values[use].mean(), values[use].std()
        knots = (knots - centre) / scale  # so that cubes of years do no harm
        self.design = design_of((np.where(use, values, centre) - centre) / scale, knots)
        self.grid = design_of((points - centre) / scale, knots)

    def of(self, name):
        """Return the table and the test of one measure."""
        y, offset, inside = self._parts(name)
        inside = inside & self.use
        event = self.rows.y[inside] == 1
        n, n_events = int(inside.sum()), int(event.sum())
        scarce = min(n_events, n - n_events) if name == "event_rate" else n
        scarce = n_events if name == "oe_ratio" else scarce
        curve, reason = None, f"fewer than {_FEWEST} events or rows behind the curve"
        if scarce >= _FEWEST:
            curve, reason = (
                self._fit(name, y, offset, inside),
                "no fit: all rows are alike somewhere",
            )
        if curve is None:
            return pd.DataFrame(), {"measure": name, "p_value": np.nan, "reason": reason}
        table = self._table(name, curve).assign(n_samples=n, n_events=n_events)
        return table, {"measure": name, "p_value": curve.p_value, "reason": ""}

    def _fit(self, name, y, offset, inside):
        rows = self.rows
        patient, weight = (None if p is None else p[inside] for p in (rows.patient, rows.weight))
        return fit_curve(
            _LINKS[name],
            self.design[inside],
            y[inside].astype(float),
            offset[inside],
            self.grid,
            patient,
            weight,
            self.level,
        )

    def _parts(self, name):
        """Return what is modelled, the expected number, and the rows that it is modelled on."""
        y, risk, all_rows = self.rows.y, self.rows.risk[0], np.ones(len(self.use), bool)
        if name in ("oe_ratio", "event_rate"):
            return y, risk, all_rows
        if name == "mean_risk":
            return risk, risk, all_rows
        if name == "net_benefit":
            return benefit(y, risk, self.rows.thresholds), risk, all_rows
        flagged = risk >= self.rows.threshold
        return {
            "flagged_rate": (flagged, risk, all_rows),
            "sensitivity": (flagged, risk, y == 1),
            "specificity": (~flagged, risk, y == 0),
            "ppv": (y, risk, flagged),
        }[name]

    def _table(self, name, curve):
        back = {"log": np.exp, "logit": expit, "identity": np.asarray}[_LINKS[name]]
        table = {"measure": name, "value": self.points, "estimate": back(curve.value)}
        for suffix, z in (("", z_value(self.level)), ("_simultaneous", curve.band)):
            table[f"lower{suffix}"] = back(curve.value - z * curve.error)
            table[f"upper{suffix}"] = back(curve.value + z * curve.error)
        return pd.DataFrame(table)
