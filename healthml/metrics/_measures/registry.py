"""Every measure by name: what it tells, where it is best, whether it is proper."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml.exceptions import InputError
from healthml.metrics._measures import calibration as _calibration
from healthml.metrics._measures import classification as _classification
from healthml.metrics._measures import discrimination as _discrimination
from healthml.metrics._measures import overall as _overall
from healthml.metrics._measures import utility as _utility

__all__ = ["Measure", "get_measure", "list_measures"]

_STRICT, _SEMI, _IMPROPER = "strictly proper", "semi-proper", "improper"


@dataclass(frozen=True)
class Measure:
    """What is known about a measure; from `get_measure`.

    Parameters
    ----------
    name : str
        Name of the measure and of its function.
    label : str
        Words for tables and axes.
    domain : str
        "discrimination", "calibration", "overall", "classification" or "utility".
    best : float
        Value of a perfect model; the direction of improvement is towards it.
    limits : tuple of two floats
        Smallest and largest possible value.
    properness : str
        "strictly proper": only the right risks are best on average; "semi-proper": nothing beats
        the right risks, others may equal them; "improper": wrong risks can beat the right ones.
    needs_threshold : bool
        Whether the value depends on a decision threshold.
    recommended : bool
        Whether the STRATOS overview lists it as essential to report.
    note : str
        A warning in plain words, or "".
    function : callable
        ``function(y_true, y_proba, *, sample_weight=None, ...)``.

    See Also
    --------
    get_measure : Return what is known about a measure.
    list_measures : List all measures with domain, direction, limits, properness and warnings.

    Examples
    --------
    >>> from healthml.metrics import get_measure
    >>> measure = get_measure("calibration_slope")
    >>> measure.best, measure.direction, measure.properness
    (1.0, 'target', 'semi-proper')
    """

    name: str
    label: str
    domain: str
    best: float
    limits: tuple
    properness: str
    needs_threshold: bool
    recommended: bool
    note: str
    function: Callable

    @property
    def proper(self):
        """Whether nothing beats the right risks on average."""
        return self.properness != _IMPROPER

    @property
    def direction(self):
        """Return "higher", "lower" or "target": where better values lie."""
        if self.best == self.limits[1]:
            return "higher"
        return "lower" if self.best == self.limits[0] else "target"


_THRESHOLDED = "improper unless the threshold is 0.5 or the prevalence; depends on the threshold"
_MIXED = "mixes ranking with the costs of errors without naming them"
_ABOVE_ZERO = "above 0 in any sample, even for perfect risks: compare with null_mean and null_p95"
# The measures: name, label, best value, limits, properness, note.
_ROWS = [
    ("auroc", "AUROC", 1, (0, 1), _SEMI, ""),
    ("auprc", "AUPRC", 1, (0, 1), _SEMI, f"changes with the prevalence; {_MIXED}"),
    (
        "average_precision",
        "average precision",
        1,
        (0, 1),
        _SEMI,
        f"changes with prevalence; {_MIXED}",
    ),
    ("partial_auroc", "partial AUROC", 0.2, (0, 0.2), _SEMI, _MIXED),
    ("oe_ratio", "O:E ratio", 1, (0, np.inf), _SEMI, ""),
    ("calibration_in_the_large", "calibration-in-the-large", 0, (-np.inf, np.inf), _SEMI, ""),
    (
        "calibration_intercept",
        "calibration intercept (free slope)",
        0,
        (-np.inf, np.inf),
        _SEMI,
        "no meaning without the calibration slope",
    ),
    ("calibration_slope", "calibration slope", 1, (-np.inf, np.inf), _SEMI, ""),
    ("eci", "ECI", 0, (0, np.inf), _SEMI, _ABOVE_ZERO),
    ("ici", "ICI", 0, (0, 1), _SEMI, _ABOVE_ZERO),
    ("e50", "E50", 0, (0, 1), _SEMI, _ABOVE_ZERO),
    ("e90", "E90", 0, (0, 1), _SEMI, _ABOVE_ZERO),
    ("emax", "Emax", 0, (0, 1), _SEMI, f"rests on few patients; {_ABOVE_ZERO}"),
    ("ece", "ECE", 0, (0, 1), _SEMI, f"depends on the number of groups; {_ABOVE_ZERO}"),
    ("log_likelihood", "log-likelihood", 0, (-np.inf, 0), _STRICT, "grows with the number of rows"),
    ("log_loss", "log loss", 0, (0, np.inf), _STRICT, ""),
    ("brier", "Brier score", 0, (0, 1), _STRICT, ""),
    ("scaled_brier", "scaled Brier score", 1, (-np.inf, 1), _STRICT, ""),
    ("mcfadden_r2", "McFadden R2", 1, (-np.inf, 1), _STRICT, ""),
    ("cox_snell_r2", "Cox-Snell R2", 1, (-np.inf, 1), _STRICT, "cannot reach 1"),
    ("nagelkerke_r2", "Nagelkerke R2", 1, (-np.inf, 1), _STRICT, ""),
    (
        "nagelkerke_r2_recalibrated",
        "Nagelkerke R2, recalibrated",
        1,
        (0, 1),
        _SEMI,
        "blind to miscalibration",
    ),
    (
        "discrimination_slope",
        "discrimination slope",
        1,
        (-1, 1),
        _IMPROPER,
        "improper: too extreme risks raise it",
    ),
    (
        "mean_absolute_prediction_error",
        "mean absolute prediction error",
        0,
        (0, 1),
        _IMPROPER,
        "improper: risks of 0 and 1 lower it",
    ),
    ("accuracy", "accuracy", 1, (0, 1), _IMPROPER, _THRESHOLDED),
    ("balanced_accuracy", "balanced accuracy", 1, (0, 1), _IMPROPER, _THRESHOLDED),
    ("youden", "Youden index", 1, (-1, 1), _IMPROPER, _THRESHOLDED),
    ("dor", "diagnostic odds ratio", np.inf, (0, np.inf), _IMPROPER, _THRESHOLDED),
    ("kappa", "Cohen's kappa", 1, (-1, 1), _IMPROPER, _THRESHOLDED),
    (
        "f1",
        "F1",
        1,
        (0, 1),
        _IMPROPER,
        "neither proper nor decision-analytic: ignores true negatives; do not choose models by it",
    ),
    ("mcc", "Matthews correlation", 1, (-1, 1), _IMPROPER, _THRESHOLDED),
    ("sensitivity", "sensitivity", 1, (0, 1), _IMPROPER, f"{_THRESHOLDED}; read with specificity"),
    ("specificity", "specificity", 1, (0, 1), _IMPROPER, f"{_THRESHOLDED}; read with sensitivity"),
    ("ppv", "PPV", 1, (0, 1), _IMPROPER, f"{_THRESHOLDED}; changes with the prevalence"),
    ("npv", "NPV", 1, (0, 1), _IMPROPER, f"{_THRESHOLDED}; changes with the prevalence"),
    ("net_benefit", "net benefit", 1, (-np.inf, 1), _SEMI, "at most the prevalence"),
    ("standardized_net_benefit", "standardised net benefit", 1, (-np.inf, 1), _SEMI, ""),
    (
        "expected_cost",
        "expected cost",
        0,
        (0, np.inf),
        _SEMI,
        "at the cut that is best in these very data, not at the threshold",
    ),
    (
        "expected_cost_threshold",
        "cut that attains the expected cost",
        np.nan,
        (0, np.inf),
        _SEMI,
        "varies much between samples; not a recommended threshold",
    ),
]
_RECOMMENDED = ("auroc", "net_benefit")
_DOMAINS = {
    "discrimination": _discrimination,
    "calibration": _calibration,
    "overall": _overall,
    "classification": _classification,
    "utility": _utility,
}


def _make(name, label, best, limits, properness, note):
    domain = next(d for d, module in _DOMAINS.items() if name in module.__all__)
    return Measure(
        name=name,
        label=label,
        domain=domain,
        best=float(best),
        limits=tuple(float(limit) for limit in limits),
        properness=properness,
        needs_threshold=domain in ("classification", "utility"),
        recommended=name in _RECOMMENDED,
        note=note,
        function=getattr(_DOMAINS[domain], name),
    )


# Name -> what is known about the measure.
MEASURES = {row[0]: _make(*row) for row in _ROWS}


def get_measure(name) -> Measure:
    """Return what is known about a measure.

    Parameters
    ----------
    name : str
        Name of the measure, as in `list_measures`.

    Returns
    -------
    Measure

    Raises
    ------
    InputError
        If there is no measure of that name.

    See Also
    --------
    list_measures : List all measures with domain, direction, limits, properness and warnings.
    get_scorer : Return a scorer of predicted risks for which more is better.

    Examples
    --------
    >>> from healthml.metrics import get_measure
    >>> get_measure("f1").proper
    False
    """
    if name not in MEASURES:
        raise InputError(f"There is no measure {name!r}; choose one of {', '.join(MEASURES)}.")
    return MEASURES[name]


def list_measures() -> pd.DataFrame:
    """List all measures with domain, direction, limits, properness and warnings.

    Returns
    -------
    pandas.DataFrame
        One row per measure.

    See Also
    --------
    get_measure : Return what is known about a measure.
    performance : Judge predicted risks by every measure, each with its interval.

    Examples
    --------
    >>> from healthml.metrics import list_measures
    >>> table = list_measures()
    >>> table.loc[table["recommended"], "measure"].tolist()
    ['auroc', 'net_benefit']
    """
    rows = [
        {
            "measure": m.name,
            "label": m.label,
            "domain": m.domain,
            "direction": m.direction,
            "best": m.best,
            "lowest": m.limits[0],
            "highest": m.limits[1],
            "proper": m.proper,
            "properness": m.properness,
            "needs_threshold": m.needs_threshold,
            "recommended": m.recommended,
            "note": m.note,
        }
        for m in MEASURES.values()
    ]
    return pd.DataFrame(rows)
