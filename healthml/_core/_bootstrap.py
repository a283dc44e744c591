"""The resampling engine: whole patients, strata, explicit resamples, counted failures."""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from scipy.stats import beta

from healthml._core._checks import check_groups, check_random_seeds
from healthml._core._intervals import check_confidence_level
from healthml._core._parallel import run_parallel
from healthml._core._results import table_text
from healthml.exceptions import DegenerateResampleWarning, InputError

METHODS = ("percentile", "basic")


@dataclass(frozen=True, repr=False)
class BootstrapResult:
    """Estimates, their resampled values and what could not be computed; made by `bootstrap`.

    Parameters
    ----------
    estimate : dict of str to float
        The statistics on all rows.
    draws : pandas.DataFrame
        One row per resample that gave at least one value, one column per statistic, missing where
        that statistic failed; the index is the number of the resample, from 0.
    n_asked, n_used, n_failed : int
        Resamples drawn; those in which every statistic was a number; the others.
    failures : dict of str to int
        How often each reason for a missing value occurred.
    default_method : str
        Interval method used unless another is asked for.
    confidence_level : float
        Coverage used unless another is asked for.
    """

    estimate: dict
    draws: pd.DataFrame
    n_asked: int
    n_used: int
    n_failed: int
    failures: dict
    default_method: str = "percentile"
    confidence_level: float = 0.95

    def interval(self, name=None, method=None, confidence_level=None):
        """Return the interval (lower, upper) of a statistic.

        Parameters
        ----------
        name : str, optional
            The statistic; may be left out when there is only one.
        method : {"percentile", "basic"}, optional
            "percentile" takes quantiles of the draws (R's type 7), "basic" reflects them at the
            estimate: ``2 * estimate - quantile``.
        confidence_level : float, optional
            Coverage.

        Returns
        -------
        tuple of float
            Missing when no resample gave a value.
        """
        name, method = self._name(name), _check_method(method or self.default_method)
        values = self._values(name)
        if not len(values):
            return np.nan, np.nan
        lower, upper = np.quantile(values, self._tails(confidence_level))
        if method == "basic":
            centre = 2 * self.estimate[name]
            lower, upper = centre - upper, centre - lower
        return float(lower), float(upper)

    def standard_error(self, name=None):
        """Return the standard deviation of the draws of a statistic."""
        values = self._values(self._name(name))
        return float(values.std(ddof=1)) if len(values) > 1 else np.nan

    def monte_carlo_error(self, name=None, confidence_level=None):
        """Return the Monte Carlo standard error of the percentile ends (lower, upper).

        The Maritz-Jarrett standard error of a quantile (with Harrell-Davis weights): the exact
        bootstrap variance of the order statistics near it. Basic ends have the same errors,
        exchanged. It shrinks with the square root of the number of resamples and says whether
        more of them are needed.

        References
        ----------
        .. [1] Maritz JS, Jarrett RG. A note on estimating the variance of the sample median.
           J Am Stat Assoc. 1978;73:194-196.
        """
        values = np.sort(self._values(self._name(name)))
        return tuple(_maritz_jarrett(values, tail) for tail in self._tails(confidence_level))

    def to_frame(self):
        """Return one row per statistic with its interval, errors and counts of resamples."""
        return pd.DataFrame([self._row(name) for name in self.estimate])

    def __repr__(self):
        """Return the table as plain text."""
        return f"{type(self).__name__}\n{table_text(self.to_frame(), digits=4)}"

    def _row(self, name):
        lower, upper = self.interval(name)
        errors = self.monte_carlo_error(name)
        errors = errors[::-1] if self.default_method == "basic" else errors
        used = len(self._values(name))
        return {
            "statistic": name,
            "estimate": self.estimate[name],
            "se": self.standard_error(name),
            "lower": lower,
            "upper": upper,
            "method": self.default_method,
            "confidence_level": self.confidence_level,
            "resamples_asked": self.n_asked,
            "resamples_used": used,
            "resamples_failed": self.n_asked - used,
            "mcse_lower": errors[0],
            "mcse_upper": errors[1],
            "mcse": float(np.max(errors)),
        }

    def _name(self, name):
        if name is None and len(self.estimate) == 1:
            return next(iter(self.estimate))
        if name not in self.estimate:
            raise InputError(f"There is no statistic {name!r}; choose from {list(self.estimate)}.")
        return name

    def _values(self, name):
        return self.draws[name].dropna().to_numpy()

    def _tails(self, confidence_level):
        level = self.confidence_level if confidence_level is None else confidence_level
        alpha = 1 - check_confidence_level(level)
        return alpha / 2, 1 - alpha / 2


def bootstrap(
    statistic: Callable,
    *,
    n_samples: int,
    groups=None,
    strata=None,
    resamples: int | Iterable = 1000,
    confidence_level: float = 0.95,
    interval: str = "percentile",
    n_jobs: int | None = None,
    verbose: int = 0,
    random_state=None,
) -> BootstrapResult:
    """Resample rows, or whole patients, and recompute statistics on each resample.

    Parameters
    ----------
    statistic : callable
        Called with an integer array of row positions (with repeats); returns a dict of str to
        float, one float, or a 1-d array. For `n_jobs` other than 1 it must be picklable by joblib.
    n_samples : int
        Number of rows.
    groups : array-like of shape (n_samples,), optional
        Patient of each row; patients are drawn with all their rows.
    strata : array-like of shape (n_samples,), optional
        Every resample keeps the number of rows (with `groups`: of patients) of each stratum. Must
        be the same in all rows of a patient.
    resamples : int or iterable of int arrays, default=1000
        How many resamples to draw, or the resamples themselves as arrays of row positions
        (0-based, repeats allowed, any length), for example those of an R run. Given resamples are
        used as they are, whatever `groups` and `strata` say.
    confidence_level : float, default=0.95
        Coverage of the intervals.
    interval : {"percentile", "basic"}, default="percentile"
        How intervals are made; another can be asked of the result later.
    n_jobs : int, optional
        Number of jobs as in joblib; the answer is the same for any number.
    verbose : int, default=0
        Above 0, progress lines on stderr.
    random_state : int, RandomState or None, default=None
        All seeds are drawn from it up front.

    Returns
    -------
    BootstrapResult

    Raises
    ------
    InputError
        If an argument does not fit, or the statistic cannot be computed on all rows.

    Warns
    -----
    DegenerateResampleWarning
        If a resample gave no number: the statistic raised `InputError` (one outcome class, a
        constant column) or was missing or infinite. They are counted with their reasons in
        `failures`; intervals rest on the others. Any other error of the statistic is raised.

    References
    ----------
    .. [1] Davison AC, Hinkley DV. Bootstrap Methods and their Application. Cambridge University
       Press; 1997.

    Examples
    --------
    >>> x = np.arange(20.0)
    >>> result = bootstrap(lambda rows: x[rows].mean(), n_samples=20, resamples=200, random_state=0)
    >>> result.estimate, result.n_used
    ({'statistic': 9.5}, 200)
    """
    check_confidence_level(confidence_level)
    _check_method(interval)
    sampler = _Sampler(n_samples, groups, strata)
    draws = given_draws(resamples, n_samples)
    if draws is None:
        draws = check_random_seeds(random_state, _check_count(resamples))
    estimate = _as_dict(statistic(np.arange(n_samples)))
    outcomes = _run(statistic, sampler, draws, n_jobs, verbose)
    table, failures, n_failed = _collect(outcomes, list(estimate))
    _warn(n_failed, len(draws), failures)
    n_used = len(draws) - n_failed
    return BootstrapResult(
        estimate, table, len(draws), n_used, n_failed, failures, interval, confidence_level
    )


def resample_indices(
    n, groups=None, strata=None, n_resamples=1000, random_state=None
) -> Iterator[np.ndarray]:
    """Yield the resamples that `bootstrap` uses for the same arguments.

    Parameters
    ----------
    n : int
        Number of rows.
    groups, strata : array-like of shape (n,), optional
        Patient and stratum of each row, as in `bootstrap`.
    n_resamples : int, default=1000
        Number of resamples.
    random_state : int, RandomState or None, default=None
        All seeds are drawn from it before the first resample.

    Returns
    -------
    iterator of ndarray of int
        Row positions, with repeats; patients drawn twice appear twice with all their rows.

    Examples
    --------
    >>> [rows.tolist() for rows in resample_indices(3, n_resamples=2, random_state=0)]
    [[0, 2, 0], [1, 0, 0]]
    """
    sampler = _Sampler(n, groups, strata)
    seeds = check_random_seeds(random_state, _check_count(n_resamples))
    return (sampler.draw(seed) for seed in seeds)


class _Sampler:
    """Draws units (rows or patients) within strata and returns their rows."""

    def __init__(self, n, groups, strata):
        if not (isinstance(n, Integral) and n > 0):
            raise InputError(f"n_samples is {n!r}; give the number of rows, at least 1.")
        unit = np.arange(n) if groups is None else np.asarray(check_groups(groups, n))
        unit = np.unique(unit, return_inverse=True)[1].ravel()
        self.alone = groups is None
        self.rows = np.argsort(unit, kind="stable")
        self.size = np.bincount(unit)
        self.start = np.cumsum(self.size) - self.size
        self.strata = _units_by_stratum(unit, strata)

    def draw(self, seed):
        random = np.random.RandomState(seed)
        units = np.concatenate([s[random.randint(0, len(s), len(s))] for s in self.strata])
        if self.alone:
            return units
        size = self.size[units]
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        return self.rows[np.repeat(self.start[units], size) + within]


def _units_by_stratum(unit, strata):
    n_units = unit.max() + 1
    if strata is None:
        return [np.arange(n_units)]
    stratum = check_groups(strata, len(unit), name="strata")
    of_unit = np.empty(n_units, dtype=np.intp)
    of_unit[unit] = stratum
    mixed = np.flatnonzero(of_unit[unit] != stratum)
    if mixed.size:
        n_mixed = len(np.unique(unit[mixed]))
        raise InputError(
            f"strata differs between rows of {n_mixed} of {n_units} patients, first at position "
            f"{mixed[0]}; give each patient one stratum, for example whether any row has the event."
        )
    return [np.flatnonzero(of_unit == s) for s in np.unique(of_unit)]


def number_or_draws(n_resamples, resamples=None):
    """Return the resamples where they are given, else how many to draw."""
    if resamples is None:
        return check_count(n_resamples, "n_resamples")
    if isinstance(resamples, Integral | str) or not isinstance(resamples, Iterable):
        raise InputError(
            f"resamples is {resamples!r}; pass arrays of row positions, or a number as n_resamples."
        )
    return resamples


def check_count(count, name):
    """Return a count of at least 1 as int; `name` is the parameter that holds it."""
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise InputError(f"{name} is {count!r}; give a whole number of at least 1.")
    return int(count)


def given_draws(resamples, n):
    """Return given resamples as checked arrays, or None for a number of resamples."""
    if isinstance(resamples, Integral) or not isinstance(resamples, Iterable):
        return None
    draws = [np.asarray(rows) for rows in resamples]
    for position, rows in enumerate(draws):
        if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
            raise InputError(
                f"resamples[{position}] is not a filled one-dimensional array of whole numbers; "
                "pass row positions, counted from 0."
            )
        if rows.min() < 0 or rows.max() >= n:
            raise InputError(
                f"resamples[{position}] has positions outside 0 to {n - 1}; count rows from 0 "
                "(R counts from 1)."
            )
    if not draws:
        raise InputError("resamples is empty; pass at least one resample.")
    return draws


def _check_count(resamples):
    if isinstance(resamples, bool) or not isinstance(resamples, Integral) or resamples < 1:
        raise InputError(
            f"resamples is {resamples!r}; give a number of at least 1 or the resamples themselves."
        )
    return int(resamples)


def _check_method(method):
    if method not in METHODS:
        raise InputError(f"interval is {method!r}; choose one of {', '.join(METHODS)}.")
    return method


# Batches that a bootstrap is cut into: for each process, so that none waits long for the last, and
# where progress is shown. Only speed and the steps of the progress line depend on them.
_BATCHES_PER_JOB, _BATCHES_SHOWN = 4, 20


def _run(statistic, sampler, draws, n_jobs, verbose):
    shown = _BATCHES_SHOWN if verbose else 1
    n_batches = min(len(draws), max(shown, _BATCHES_PER_JOB * effective_n_jobs(n_jobs)))
    batches = [
        draws[part[0] : part[-1] + 1] for part in np.array_split(range(len(draws)), n_batches)
    ]
    job = _Job(statistic, sampler)
    parts = run_parallel(job, batches, n_jobs=n_jobs, verbose=verbose, what="bootstrap, batches")
    return [outcome for part in parts for outcome in part]


@dataclass(frozen=True)
class _Job:
    statistic: Callable
    sampler: _Sampler

    def __call__(self, batch):
        return [self._one(draw) for draw in batch]

    def _one(self, draw):
        rows = draw if isinstance(draw, np.ndarray) else self.sampler.draw(draw)
        try:
            return _as_dict(self.statistic(rows))
        except InputError as error:
            return f"{type(error).__name__}: {re.sub(r'[0-9][0-9.,]*', '#', str(error))}"


def _as_dict(value):
    if isinstance(value, dict | pd.Series):
        return {str(name): float(number) for name, number in value.items()}
    numbers = np.asarray(value, dtype=float)
    if numbers.ndim == 0:
        return {"statistic": float(numbers)}
    if numbers.ndim == 1:
        return {f"statistic_{i}": float(number) for i, number in enumerate(numbers)}
    raise InputError(
        f"statistic returned an array of {numbers.ndim} dimensions; return a number, a 1-d array "
        "or a dict of numbers."
    )


def _collect(outcomes, names):
    """Return the table of draws, the reasons with their counts, and the number of failures."""
    failures, rows, n_failed = Counter(), {}, 0
    for number, outcome in enumerate(outcomes):
        if isinstance(outcome, str):
            failures[outcome] += 1
            n_failed += 1
            continue
        values = {name: outcome.get(name, np.nan) for name in names}
        bad = [name for name in names if not np.isfinite(values[name])]
        failures.update(f"{name}: {_why(values[name])}" for name in bad)
        n_failed += bool(bad)
        if len(bad) < len(names):
            rows[number] = [np.nan if name in bad else values[name] for name in names]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=names, dtype=float)
    return table.rename_axis(index="resample"), dict(failures.most_common()), n_failed


def _why(value):
    return "not a number" if np.isnan(value) else "infinite"


def _warn(n_failed, n_asked, failures):
    if n_failed:
        reason, count = next(iter(failures.items()))
        warnings.warn(
            f"{n_failed} of {n_asked} resamples gave no value for a statistic, most often "
            f"({count} times) because of '{reason.rstrip('.')}'; the intervals rest on the others. "
            "See `failures`; draw within strata of the outcome or judge more patients.",
            DegenerateResampleWarning,
            stacklevel=3,
        )


def _maritz_jarrett(ordered, probability):
    n = len(ordered)
    if n < 2:
        return np.nan
    first, second = (n + 1) * probability, (n + 1) * (1 - probability)
    weight = np.diff(beta.cdf(np.arange(n + 1) / n, first, second))
    mean = weight @ ordered
    return float(np.sqrt(max(weight @ ordered**2 - mean**2, 0.0)))
