"""The models that other samples of the same patients would have given, and their risks."""

import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np

from healthml._core._checks import check_random_seeds
from healthml.exceptions import DegenerateResampleWarning, InputError
from healthml.validation._refits import Resample, as_judged, bootstrap_draws, refuse_copies
from healthml.validation._scoring import refit_many


@dataclass(frozen=True)
class BootstrapModels:
    """Risks of the same rows by the model and by models refitted on bootstrap resamples.

    Parameters
    ----------
    task : Task
        Procedure, table, outcome, patients and weights.
    risk : ndarray of shape (n_samples,)
        Risks by the model fitted on all rows.
    risks : ndarray of shape (n_used, n_samples)
        Risks by the bootstrap models.
    times : ndarray of int, shape (n_used, n_samples)
        How often a row was drawn.
    numbers : ndarray of int, shape (n_used,)
        Numbers of the resamples that gave a model.
    n_asked : int
        Resamples asked for.
    failures : dict of str to int
        Why resamples gave no model.
    remarks : tuple of str
        What has to be known about the fits.
    """

    task: object
    risk: np.ndarray
    risks: np.ndarray
    times: np.ndarray
    numbers: np.ndarray
    n_asked: int
    failures: dict
    remarks: tuple

    @property
    def n_used(self):
        """Number of bootstrap models."""
        return len(self.risks)

    @property
    def out(self):
        """Whether a bootstrap model has not seen any row of a row's patient."""
        if self.task.groups is None:
            return self.times == 0
        drawn = np.stack([np.bincount(self.task.groups, count) > 0 for count in self.times])
        return ~drawn[:, self.task.groups]

    @property
    def weight(self):
        """Weight of each row; ones where there are none."""
        return np.ones(self.task.n) if self.task.weight is None else self.task.weight

    def counts(self):
        """Return the counts that every table shows."""
        return {
            "n_samples": self.task.n,
            "n_events": int(self.task.y.sum()),
            "n_patients": len(np.unique(self.task.units)),
            "resamples_asked": self.n_asked,
            "resamples_used": self.n_used,
            "resamples_failed": self.n_asked - self.n_used,
        }


def bootstrap_models(task, resamples, *, n_jobs=None, verbose=0, random_state=None):
    """Fit the model on all rows, and again on every resample, each predicting every row.

    Parameters
    ----------
    task : Task
        Procedure, table, outcome, patients and weights.
    resamples : int or iterable of int arrays
        Number of resamples of whole patients, or the resamples themselves.
    n_jobs, verbose, random_state
        As everywhere.

    Returns
    -------
    BootstrapModels
    """
    seeds, every = check_random_seeds(random_state, 2), np.arange(task.n)
    refuse_copies(task.estimator, task.n, "The bootstrap")
    draws = bootstrap_draws(task, resamples, seeds[0])
    whole = Resample(every, every, -1, seeds[1], "all rows")
    options = {"n_jobs": n_jobs, "verbose": verbose}
    risk = refit_many(task, [whole])[0].risk
    _check_range(risk)
    taken = list(draws.take())
    refits = refit_many(task, taken, on_error="record", what="bootstrap models", **options)
    used = [i for i, fit in enumerate(refits) if fit.risk is not None]
    failures = dict(Counter(fit.failure for fit in refits if fit.risk is None))
    if not used:
        raise InputError(f"None of {len(taken)} resamples gave a model: {_reasons(failures)}.")
    if failures:
        first = next(where for where, fit in zip(taken, refits, strict=True) if fit.risk is None)
        text = (
            f"{len(taken) - len(used)} of {len(taken)} resamples gave no model: "
            f"{_reasons(failures)}; first {first.where} (seed {first.seed}). The answer rests on "
            "the others."
        )
        warnings.warn(text, DegenerateResampleWarning, stacklevel=3)
    times = np.stack([np.bincount(taken[i].train, minlength=task.n) for i in used])
    times = times.astype(np.uint16)
    risks, numbers = np.stack([refits[i].risk for i in used]), np.array(used)
    remarks = (
        *_remarks(refits, failures),
        *as_judged(task.estimator, task.X, task.y, task.groups)[1],
    )
    return BootstrapModels(task, risk, risks, times, numbers, len(taken), failures, remarks)


def _check_range(risk):
    if risk.min() < 0 or risk.max() > 1:
        raise InputError("predict_proba gives numbers outside 0 to 1; calibrate the model.")


def _reasons(failures):
    return "; ".join(f"{count} with {reason}" for reason, count in failures.items())


def _remarks(fits, failures):
    """Say how many fits failed, were separated or did not converge; all but the first are kept."""
    total = len(fits)
    counted = {
        "were separated: they have no finite maximum-likelihood estimate": sum(
            fit.separated for fit in fits
        ),
        "did not converge": sum(not fit.converged for fit in fits),
    }
    words = [
        f"{n} of {total} bootstrap models {what}; they count." for what, n in counted.items() if n
    ]
    if failures:
        words.append(f"Of {total} resamples without a model: {_reasons(failures)}.")
    return tuple(words)
