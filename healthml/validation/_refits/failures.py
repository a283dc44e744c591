"""Refits that gave no model, or a separated or unconverged one: counts, remarks, warnings."""

import json
import warnings
from collections import Counter

import numpy as np
import pandas as pd

from healthml.exceptions import (
    ConvergenceWarning,
    DegenerateResampleWarning,
    InputError,
    OverfittingWarning,
)
from healthml.validation._refits.procedure import inner_search, weight_keyword
from healthml.validation._refits.refit import ONE_CLASS, reemit

SEPARATED = "separated: no maximum-likelihood estimate exists"
UNCONVERGED = "not converged"


def failure_of(refit, seed):
    """Say why a refit gave no model, with its seed where that helps to see it again."""
    return refit.failure if refit.failure == ONE_CLASS else f"{refit.failure} (seed {seed})"


def warn_failed(resamples, refits, stacklevel=3):
    """Warn of fits that raised an error, with the number and the seed of the first.

    Parameters
    ----------
    resamples : list of Resample
        What was to be fitted.
    refits : list of Refit
        What came of it.
    stacklevel : int, default=3
        As in `warnings.warn`.
    """
    pairs = zip(resamples, refits, strict=True)
    failed = [(where, fit) for where, fit in pairs if fit.failure not in (None, ONE_CLASS)]
    if failed:
        where, first = failed[0]
        text = (
            f"{len(failed)} of {len(refits)} refits gave no model, first {where.where} (seed "
            f"{where.seed}): {first.failure}. The answer rests on the others; fit the model on the "
            "training rows of that one alone to see why."
        )
        warnings.warn(text, DegenerateResampleWarning, stacklevel=stacklevel + 1)


class Failures:
    """Failed, separated and unconverged refits: their table, remarks and warnings.

    Parameters
    ----------
    task : Task
        What is asked.
    refits : list of Refit
        All refits.
    resamples : list of (number, seed)
        Theirs.
    whole : Refit or None
        The refit on all rows.
    """

    def __init__(self, task, refits, resamples, whole=None):
        self.task, self.refits, self.whole, self._verdict = task, refits, whole, None
        rows = []
        for (number, seed), fit in zip(resamples, refits, strict=True):
            reason = fit.failure or (
                SEPARATED if fit.separated else None if fit.converged else UNCONVERGED
            )
            if reason:
                rows.append((number, seed, reason, fit.failure is not None))
        columns = ["number", "seed", "reason", "failed"]
        self.table = pd.DataFrame(rows, columns=columns).astype({"failed": bool})
        self.flagged = np.array([bool(fit.separated or not fit.converged) for fit in refits])
        self.n_used = sum(fit.failure is None for fit in refits)
        failed = self.table[self.table["failed"]]
        if len(failed) > len(refits) / 2:
            raise InputError(self.nothing_left())

    def nothing_left(self):
        """Return the error when most refits failed."""
        failed = self.table[self.table["failed"]]
        first, name = failed.iloc[0], type(self.task.estimator).__name__
        return (
            f"{name} could not be refitted in {len(failed)} of {len(self.refits)} resamples, first "
            f"in resample {first['number']} (seed {first['seed']}): {first['reason']}. Fit it on "
            "the training rows of that resample alone to see why."
        )

    def overfitted(self, verdict):
        """Note that optimism correction was asked for and cannot be trusted."""
        self._verdict = verdict

    def counts(self):
        """Return {reason: number of resamples}."""
        return Counter(self.table["reason"])

    def remarks(self, details):
        """Return sentences on failed and flagged resamples, weights and patients."""
        words, total = [], len(self.refits)
        for reason, count in self.counts().items():
            first = self.table[self.table["reason"] == reason].iloc[0]
            left = "left out" if first["failed"] else "kept, for the procedure gives such models"
            where = f"the first is number {first['number']} (seed {first['seed']})"
            words.append(f"{count} of {total} resamples: {reason}; {left}; {where}.")
        if self.whole is not None and self.whole.separated:
            words.append("The model on all rows is separated: it has no finite estimate.")
        if "without_flagged" in details:
            words.append(_difference(details))
        if self.task.weight is not None and weight_keyword(self.task.estimator) is None:
            words.append("The fits do not take weights; only the measures are weighted.")
        if self.task.groups is None:
            words.append("No groups: every row was taken as a patient of its own.")
        return words

    def chosen(self):
        """Return how often a search chose each set of parameters, or None."""
        if inner_search(self.task.estimator) is None:
            return None
        choices = [json.dumps(fit.chosen, default=str) for fit in self.refits if fit.chosen]
        counts = Counter(choices).most_common()
        return pd.DataFrame(counts, columns=["parameters", "n_resamples"])

    def warn(self):
        """Give each warning once."""
        failed = self.table[self.table["failed"]]
        if len(failed):
            reason, count = Counter(failed["reason"]).most_common(1)[0]
            first = failed.iloc[0]
            self._say(
                f"{len(failed)} of {len(self.refits)} resamples gave no model, most often ({count} "
                f"times) because of '{reason}'; the first is resample {first['number']} (seed "
                f"{first['seed']}). The answer rests on the others; see `failures`.",
                DegenerateResampleWarning,
            )
        flagged = self.table[~self.table["failed"]]
        if len(flagged):
            counted = ", ".join(f"{n} {reason}" for reason, n in Counter(flagged["reason"]).items())
            self._say(
                f"Of {len(self.refits)} refits {counted}. They are part of the estimate; `details` "
                "has the values without them. Penalise the model, or leave out what separates.",
                ConvergenceWarning,
            )
        if self._verdict is not None:
            self._say(
                f"Optimism correction cannot be trusted here: {self._verdict.reason}. Take "
                "method='auto', 'oob' or 'repeated_cv'.",
                OverfittingWarning,
            )
        others = [] if self.whole is None else [self.whole]
        reemit([*others, *self.refits], self.task.estimator, stacklevel=7)

    @staticmethod
    def _say(text, category):
        warnings.warn(text, category, stacklevel=8)


def _difference(details):
    """Say what the flagged resamples change, in the measure that they change most."""
    change = (details["without_flagged"] - details["corrected"]).abs()
    if not change.notna().any():
        return "Without the flagged resamples nothing can be estimated."
    row = details.loc[change.idxmax()]
    return (
        f"Without the flagged resamples the largest change is in {row['measure']}: "
        f"{row['corrected']:.3f} with them, {row['without_flagged']:.3f} without."
    )
