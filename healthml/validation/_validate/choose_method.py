"""Which method to trust: optimism correction only where it can be shown to work."""

from dataclasses import dataclass

import numpy as np

# The values below were chosen by judgement, not by a simulation kept here.
PILOT = 40
"""Draws that are looked at before optimism correction is trusted.

Where single AUCs vary by 0.05 the Monte Carlo error of their mean is 0.008.
"""
NEAR_PERFECT = 0.98
"""Apparent AUC from which the learner is taken to remember its rows, before any draw is made."""

# Apparent minus out-of-bag AUC: above the first, a part of the optimism stays in and another method
# is taken; above the second, the learner is said to remember rows. Lower values leave optimism
# correction for more models that it serves well, higher ones trust it where it flatters.
_GAP, _FAR = 0.05, 0.2

# A corrected AUC that is farther from the out-of-bag one than this share of the gap has hardly been
# corrected; the slack keeps rounding from deciding, and gaps below the third say nothing: the draws
# of a plain logistic regression put .748 and .758 side by side.
_SHARE, _SLACK, _SMALL = 0.5, 0.005, 0.02
# Monte Carlo errors of the draws by which the corrected AUC must be beyond that; fewer call the
# chance of a few draws a learner that remembers.
_ERRORS = 2
# Most repeats of cross-validation by the rows up to which they are made: what they add shrinks with
# the rows, what they cost grows. More make the answer depend less on the seed.
_REPEATS = ((3_000, 10), (10_000, 5), (30_000, 2), (np.inf, 1))


@dataclass(frozen=True)
class Verdict:
    """Whether optimism correction can be trusted, and why not.

    `remembers` marks a learner that remembers the rows it was fitted on, for which the correction
    fails altogether; otherwise only a part of the optimism is left.
    """

    trusted: bool
    reason: str = ""
    remembers: bool = False


def judge_apparent(apparent):
    """Judge optimism correction by the apparent AUC alone, before any draw."""
    if apparent >= NEAR_PERFECT:
        return Verdict(False, f"the apparent AUC of {apparent:.3f} is near perfect", True)
    return Verdict(True)


def judge(apparent, scores):
    """Judge optimism correction by the AUC in some draws.

    The bootstrap takes the gap between a refitted model on its own rows and on all rows for the
    optimism. But 63% of all rows are rows it was fitted on: a learner that remembers them looks
    good on them again, and the gap is too small. Three signs: an apparent AUC near 1; an apparent
    AUC far above the out-of-bag one (what is left of the optimism grows with this gap, even for
    logistic regression); a corrected AUC that has moved less than half way from the apparent to
    the out-of-bag one. Cross-validation has none of it, and a little pessimism instead.

    Parameters
    ----------
    apparent : float
        AUC of the model on the rows it was fitted on.
    scores : DrawScores
        The draws so far.

    Returns
    -------
    Verdict
    """
    verdict = judge_apparent(apparent)
    if not verdict.trusted:
        return verdict
    draws = [scores.values[role, "auroc"] for role in ("train", "test", "out")]
    train, test, out = map(_mean, draws)
    if not np.isfinite(apparent + train + test + out):
        return Verdict(False, "too few draws gave an out-of-bag AUC")
    gap, corrected = apparent - out, apparent - (train - test)
    words = f"apparent ({apparent:.3f}) and out-of-bag AUC ({out:.3f})"
    noise = _ERRORS * _error(draws[1] - draws[0] - (1 - _SHARE) * draws[2])
    if gap > _SMALL and corrected - out > _SHARE * gap + _SLACK + noise:
        part = f"it gives {corrected:.3f}, less than half way from the first to the second"
        return Verdict(False, f"{words} are {gap:.3f} apart and {part}", True)
    if gap > _GAP:
        return Verdict(False, f"{words} are more than {_GAP} apart", gap > _FAR)
    return Verdict(True)


_REMEMBERS = (
    "the learner remembers rows it was fitted on, and the bootstrap's test rows hold most of them"
)
_LEAVES = "with such a gap the bootstrap leaves a part of the optimism in"


def leave_remark(verdict, method):
    """Say that optimism correction was left, and for what."""
    why = _REMEMBERS if verdict.remembers else _LEAVES
    return (
        f"auto left optimism correction, because {verdict.reason}: {why}. Used instead: {method}."
    )


def copies_remark(where):
    """Say why no bootstrap was made at all."""
    return (
        f"auto took repeated_cv, because {', '.join(where)} splits its training rows where copies "
        "of a row, which a bootstrap makes, cannot be kept on one side."
    )


def pilot_remarks(scores):
    """Say which of the first draws gave no model, for they are in no table."""
    pairs = zip(scores.resamples, scores.refits, strict=True)
    failed = [(where, fit.failure) for where, fit in pairs if fit.failure]
    if not failed:
        return ()
    (number, seed), why = failed[0]
    return (
        f"{len(failed)} of the {scores.done} draws by which auto judged gave no model, first "
        f"resample {number} (seed {seed}): {why}.",
    )


def distrust_remark(verdict):
    """Say in words what is wrong where optimism correction was asked for."""
    if verdict.remembers:
        return (
            f"Do not trust these optimism-corrected values: {verdict.reason}; {_REMEMBERS}. Take "
            'method="auto", "oob" or "repeated_cv".'
        )
    return f"Read the optimism-corrected values with care: {verdict.reason}; {_LEAVES}."


def repeats(n, resamples, n_folds):
    """Return how many repeats of cross-validation are worth their refits."""
    most = next(repeats for most_rows, repeats in _REPEATS if n <= most_rows)
    return max(1, min(most, resamples // n_folds))


def _mean(values):
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan


def _error(values):
    """Return the Monte Carlo error of a mean over draws."""
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
