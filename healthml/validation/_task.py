"""What is asked of `validate`: inputs checked once, measures read, roles as codes."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import _num_samples

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._inputs import check_threshold, check_weight
from healthml._core._intervals import check_confidence_level
from healthml.exceptions import InputError
from healthml.metrics._batched import FAST
from healthml.metrics._measures import MEASURES, get_measure

DEFAULT = (
    "auroc",
    "brier",
    "scaled_brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "calibration_in_the_large",
    "oe_ratio",
    "nagelkerke_r2_recalibrated",
)
DERIVED = {"dxy": ("auroc",), "emax_logistic": ("calibration_intercept", "calibration_slope")}
_POINTS = (
    21  # thresholds that a range is averaged over, by judgement: net benefit is smooth in them
)


@dataclass(frozen=True)
class Task:
    """Checked inputs of `validate`; made by `make_task`.

    Parameters
    ----------
    estimator, X
        As given.
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    groups : ndarray of int, shape (n_samples,), or None
        Patient of each row as a code.
    weight : ndarray of shape (n_samples,), or None
        Weight of each row.
    measures : tuple of str
        Measures to compute in every resample.
    wanted : tuple of str
        Measures to report, with those derived from others.
    thresholds : dict of str to ndarray
        Name of a net benefit -> the thresholds over which it is averaged.
    threshold_range : ndarray
        Thresholds of decision curves.
    confidence_level : float
        Coverage of the intervals.
    """

    estimator: object
    X: object
    y: np.ndarray
    groups: np.ndarray | None
    weight: np.ndarray | None
    measures: tuple
    wanted: tuple
    thresholds: dict
    threshold_range: np.ndarray
    confidence_level: float

    @property
    def n(self):
        """Number of rows."""
        return len(self.y)

    @property
    def units(self):
        """Patient of each row; every row is one where there are no groups."""
        return np.arange(self.n) if self.groups is None else self.groups

    def scarcest(self):
        """Return how many patients have the event, or have not, whichever is fewer.

        One alone cannot be fitted on and judged with, and is refused.
        """
        events, rows = np.bincount(self.units, self.y), np.bincount(self.units)
        scarcest = int(min(np.sum(events > 0), np.sum(events < rows)))
        if scarcest < 2:
            raise InputError(
                f"Only {scarcest} patient has (or has not) the event; at least 2 of each are "
                "needed to judge a model on patients it has not seen."
            )
        return scarcest


def make_task(
    estimator, X, y, *, groups, sample_weight, measures, threshold_range, confidence_level, event
):
    """Check what was handed in and read the names of the measures."""
    check_alignment(X=X, y=y, groups=groups, sample_weight=sample_weight)
    y = check_event(y, event=event)[1]
    if (not hasattr(X, "shape") and not hasattr(X, "__len__")) or getattr(X, "shape", None) == ():
        raise InputError("X is a single value; pass a table with one row for each outcome.")
    if _num_samples(X) != len(y):
        raise InputError(f"X has {_num_samples(X)} rows and y has {len(y)}; pass the same rows.")
    groups = None if groups is None else check_groups(groups, len(y))
    if groups is not None and groups.max() + 1 == len(groups):
        groups = None  # every row is a patient of its own
    weight = None if sample_weight is None else check_weight(sample_weight, y.astype(float))
    thresholds, at = _thresholds(threshold_range)
    if measures is None:
        wanted = DEFAULT + tuple(thresholds)
    else:
        wanted = tuple(dict.fromkeys([measures] if isinstance(measures, str) else measures))
    thresholds |= _named_thresholds(wanted)
    needed = [part for name in wanted for part in DERIVED.get(name, (name,))]
    for name in needed:
        _check_name(name, thresholds)
    return Task(
        estimator,
        X,
        y,
        groups,
        weight,
        tuple(dict.fromkeys([*needed, "auroc", "brier"])),
        wanted,
        thresholds,
        at,
        check_confidence_level(confidence_level),
    )


def is_fast(name):
    """Say whether the kernel computes a measure, so that it has an influence function."""
    return name.split("@")[0] in FAST


def slow_function(name):
    """Return function(y, risk, weight) of a measure that the kernel does not compute."""
    base, _, at = name.partition("@")
    function, options = get_measure(base).function, {"threshold": float(at)} if at else {}
    return lambda y, risk, weight: function(y, risk, sample_weight=weight, **options)


def to_all_rows(name, weight, task):
    """Return what brings a measure that grows with the rows judged to those of the whole table."""
    if name != "log_likelihood" or weight is None:
        return 1.0
    return (task.n if task.weight is None else task.weight.sum()) / np.sum(weight)


def slow_value(name, weighed, weight):
    """Return a measure of the first set of a weighed block, by the kernel where it has it."""
    if is_fast(name):
        return float(weighed.value(name)[0])
    block = weighed.block
    try:
        return float(slow_function(name)(block.event.astype(int), block.risk[0], weight))
    except InputError:
        return np.nan


def _thresholds(threshold_range):
    """Return the named net benefits of a range of thresholds, and the thresholds of its curve."""
    if threshold_range is None:
        return {}, np.arange(1, 100) / 100
    given = np.unique(np.atleast_1d(np.asarray(threshold_range, dtype=float)))
    for threshold in given:
        check_threshold(float(threshold), "threshold_range")
    named = {f"net_benefit@{threshold:g}": np.array([threshold]) for threshold in given}
    if len(given) == 2:
        given = np.linspace(*given, _POINTS)
        named = {"net_benefit": given, **named}
    return named, given


def _named_thresholds(names):
    named = {}
    for name in names:
        base, _, at = str(name).partition("@")
        if base == "net_benefit" and at:
            named[name] = np.array([check_threshold(_number(at, name), name)])
    return named


def _number(text, name):
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"measures has {name!r}; write the threshold as a number: 'net_benefit@0.2'."
        ) from None


def _check_name(name, thresholds):
    base, _, at = name.partition("@")
    if base not in MEASURES:
        raise InputError(
            f"measures has {name!r}; choose from healthml.metrics.list_measures(), 'dxy' and "
            "'emax_logistic', with a threshold behind @ where one is needed ('net_benefit@0.2')."
        )
    if get_measure(base).needs_threshold:
        if not at and name not in thresholds:
            raise InputError(
                f"measures has {name!r}, which needs a threshold: write '{name}@0.2', or pass "
                "threshold_range for the net benefit over a range."
            )
        if at:
            check_threshold(_number(at, name), name)
    elif at:
        raise InputError(f"measures has {name!r}; {base} takes no threshold.")
