"""How frequent the event is where nobody has seen outcomes yet."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import kolmogorov
from scipy.stats import norm

from healthml._core._checks import check_alignment, check_event, check_groups, check_proba
from healthml._core._intervals import check_confidence_level
from healthml._core._numerics import cluster_variance, expit, logit
from healthml._core._release import released_histogram
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.resampling._prevalence.correction import check_prevalence, prevalence_correction

_EDGE = 1e-6  # a prevalence nearer to 0 or 1 than this is taken as at the edge
_NO_CHECK = "not checked: pass reference=(y_true, y_proba) of rows whose outcomes are known"


@dataclass(frozen=True, repr=False)
class PrevalenceResult(Result):
    """A prevalence estimated without outcomes; made by `estimate_prevalence`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row: estimate, lower, upper, from_prevalence, mean_risk (before correction), n_samples,
        n_patients, assumption ("holds as far as seen", "contradicted", "not checked: ..."),
        statistic and p_value of its check, method.
    risks : ndarray of shape (n_samples,)
        The risks moved to the estimate.
    confidence_level : float
        Coverage of the interval.
    """

    risks: np.ndarray = None
    confidence_level: float = 0.95

    @property
    def estimate(self):
        """The estimated prevalence."""
        return float(self.table["estimate"].iloc[0])

    def plot(self, ax=None, **kwargs):
        """Draw the risks before and after the correction; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, VERMILION, new_axes

        ax, row = new_axes(ax), self.table.iloc[0]
        before = prevalence_correction(self.risks, row["estimate"], row["from_prevalence"])
        for risk, colour, label in ((before, BLUE, "before"), (self.risks, VERMILION, "after")):
            edges, heights = released_histogram(risk, 40)
            ax.stairs(heights, edges, **{"color": colour, "label": label, **kwargs})
        ax.axvline(row["estimate"], color=VERMILION, lw=0.9)
        ax.set(xlabel="Predicted risk", ylabel="Patients")
        ax.legend(frameon=False)
        return ax


def estimate_prevalence(
    y_proba, from_prevalence, *, reference=None, groups=None, confidence_level=0.95
):
    """Estimate how frequent the event is among new patients, from their risks alone.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples,)
        Risks of new patients by a model that was calibrated where it was made.
    from_prevalence : float
        Share of events where the model was made.
    reference : tuple (y_true, y_proba), optional
        Outcomes and out-of-fold risks where the model was made. With them the assumption is
        checked.
    groups : array-like of shape (n_samples,), optional
        Patient of each new row; the interval is then for patients.
    confidence_level : float, default=0.95
        Coverage of the interval.

    Returns
    -------
    PrevalenceResult

    Raises
    ------
    InputError
        If a risk is missing or outside 0 to 1, or all risks are the same.

    See Also
    --------
    prevalence_correction : Moves risks to the prevalence that is estimated here.
    PrevalenceAdjustedClassifier : Both in one classifier.

    Notes
    -----
    The estimate is the maximum-likelihood one that the EM algorithm of Saerens et al. [1]_ climbs
    to, found at once as the root of the score; its interval is a sandwich over patients on the log
    odds. It assumes that patients with the event look alike at both places, and those without too,
    so that only their numbers differ, and that the risks are calibrated where the model was made.
    Where patients are sicker, or the lab measures differently, it is wrong by any amount, and no
    new risk alone can show it. With `reference` the risks of the new place are compared with the
    mixture of both classes' risks that the assumption implies (largest distance of distributions,
    Kolmogorov and Smirnov): a small p-value contradicts it, a large one does not prove it. The
    p-value takes the estimated share as known, so that it is a little too large.

    References
    ----------
    .. [1] Saerens M, Latinne P, Decaestecker C. Adjusting the outputs of a classifier to new a
       priori probabilities: a simple procedure. Neural Comput. 2002;14:21-41.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.resampling import estimate_prevalence
    >>> rng = np.random.default_rng(0)
    >>> score = np.r_[rng.normal(1, 1, 400), rng.normal(-1, 1, 600)]  # 40% have the event
    >>> risk = 1 / (1 + np.exp(-(2 * score + np.log(0.1 / 0.9))))  # made where 10% had it
    >>> result = estimate_prevalence(risk, from_prevalence=0.1)
    >>> 0.36 < result.estimate < 0.44
    True
    """
    check_alignment(y_proba=y_proba, groups=groups)
    risk = check_proba(y_proba)
    before = check_prevalence(from_prevalence, "from_prevalence")
    level = check_confidence_level(confidence_level)
    groups = None if groups is None else check_groups(groups, len(risk))
    if np.ptp(risk) == 0:
        raise InputError("y_proba is the same for every row, which says nothing of a prevalence.")
    event, other = risk / before, (1 - risk) / (1 - before)
    share = _most_likely(event, other)
    lower, upper, method = _interval(share, event, other, groups, level)
    words, statistic, p_value = _check(share, risk, groups, reference, level)
    row = {"estimate": share, "lower": lower, "upper": upper, "from_prevalence": before}
    row |= {"mean_risk": float(risk.mean()), "n_samples": len(risk)}
    row |= {"n_patients": len(risk) if groups is None else int(groups.max()) + 1}
    row |= {"assumption": words, "statistic": statistic, "p_value": p_value, "method": method}
    inside = min(max(share, _EDGE), 1 - _EDGE)
    risks = prevalence_correction(risk, before, inside)
    return PrevalenceResult(pd.DataFrame([row]), risks, level)


def _most_likely(event, other):
    """Return the share of events at the top of the likelihood, which is concave."""

    def score(share):
        return np.mean((event - other) / (share * event + (1 - share) * other))

    low, high = _EDGE, 1 - _EDGE
    if score(low) <= 0:
        return 0.0
    if score(high) >= 0:
        return 1.0
    return float(brentq(score, low, high, xtol=1e-12))


def _interval(share, event, other, groups, level):
    if share in (0.0, 1.0):
        return np.nan, np.nan, "no interval: the estimate is at the edge of its range"
    score = (event - other) / (share * event + (1 - share) * other)
    influence = score / np.sum(score**2)
    error = float(np.sqrt(cluster_variance(influence, groups)))
    half = norm.ppf(0.5 + level / 2) * error / (share * (1 - share))
    ends = expit(logit(share) + np.array([-half, half]))
    return float(ends[0]), float(ends[1]), "sandwich over patients on the log odds"


def _check(share, risk, groups, reference, level):
    """Compare the new risks with the mixture of both classes' risks where outcomes are known."""
    if reference is None:
        return _NO_CHECK, np.nan, np.nan
    if not isinstance(reference, tuple | list) or len(reference) != 2:
        raise InputError("reference is no pair; pass (y_true, y_proba) with known outcomes.")
    event = check_event(reference[0], name="reference")[1]
    known = check_proba(reference[1], n=len(event), name="reference")
    weight = np.where(event == 1, share / event.sum(), (1 - share) / (1 - event).sum())
    statistic = _distance(risk, known, weight)
    n_new = len(risk) if groups is None else groups.max() + 1
    n_old = 1 / np.sum(weight**2)
    p_value = float(kolmogorov(np.sqrt(n_new * n_old / (n_new + n_old)) * statistic))
    words = "contradicted" if p_value < 1 - level else "holds as far as seen"
    return words, statistic, p_value


def _distance(new, known, weight):
    """Return the largest distance between the distributions of new and weighted known risks."""
    at = np.sort(np.concatenate([new, known]))
    order = np.argsort(known, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    expected = total[np.searchsorted(known[order], at, side="right")]
    seen = np.searchsorted(np.sort(new), at, side="right") / len(new)
    return float(np.abs(seen - expected).max())
