"""Scores of several models on the same out-of-sample risks, with paired differences.

Every measure comes with its influence function: how much each row moves it. Summed over a
patient's rows and squared, influences give the variance of a measure; subtracted first, that of a
difference between two models on the same rows. The intervals are for the risks as they are (the
refitted models of the splits are taken as given), with patients as the independent units.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm, rankdata

from healthml._core._numerics import cluster_variance, fit_logistic
from healthml._core._results import Result

MEASURES = ("auroc", "scaled_brier", "brier", "calibration_slope", "oe_ratio", "net_benefit")

_SCALE = {"auroc": (logit, expit), "oe_ratio": (np.log, np.exp)}

_EPS = 1e-12


@dataclass(frozen=True, repr=False)
class PairedScores(Result):
    """Scores of models on the same rows; made by `paired_scores`.

    Parameters
    ----------
    table : DataFrame
        model, measure, estimate, se, lower, upper, n_samples, n_events, n_patients, method.
    values : dict
        (model, measure) -> (estimate, influence of each row).
    """

    values: dict = field(default_factory=dict)
    groups: np.ndarray | None = None
    counts: dict = field(default_factory=dict)
    confidence_level: float = 0.95

    def get(self, model, measure):
        """Return one row of the table as a Series."""
        rows = (self.table["model"] == model) & (self.table["measure"] == measure)
        return self.table[rows].iloc[0]

    def difference(self, first, second, measure="auroc", *, confidence_level=None):
        """Return (estimate, lower, upper) of `first` minus `second` on the measure's own scale."""
        (a, infl_a), (b, infl_b) = self.values[first, measure], self.values[second, measure]
        se = float(np.sqrt(cluster_variance(infl_a - infl_b, self.groups)))
        z = norm.ppf(0.5 + (confidence_level or self.confidence_level) / 2)
        return a - b, a - b - z * se, a - b + z * se

    def plot(self, ax=None, *, measure="auroc", **kwargs):
        """Draw one measure of all models with its intervals."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        rows = self.table[self.table["measure"] == measure].iloc[::-1]
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        ax.errorbar(rows["estimate"], rows["model"], xerr=spread, fmt="o", **kwargs)
        ax.set(xlabel=f"{measure}, {self.confidence_level:.0%} CI")
        return ax


def paired_scores(
    y,
    risks,
    *,
    folds=None,
    rows=None,
    groups=None,
    thresholds=None,
    measures=MEASURES,
    confidence_level=0.95,
):
    """Score several models on the same rows, keeping what is needed for paired differences.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    risks : dict of str to ndarray of shape (n_repeats, n_samples) or (n_samples,)
        Out-of-sample risks by model; NaN where a model has no risk for a row.
    folds : dict of str to ndarray, optional
        Fold of each row by model, shaped as its risks. The AUC compares rows of one fold only,
        because risks of different refits are not on one scale; without folds it compares all.
    rows : dict of str to boolean ndarray of shape (n_samples,), optional
        Rows that count for a model; all rows by default.
    groups : ndarray of shape (n_samples,), optional
        The patient of each row.
    thresholds : ndarray, optional
        Net benefit is averaged over these decision thresholds.
    measures : sequence of str
        Measures wanted, all by default.
    confidence_level : float, default=0.95
        Level of the intervals: logit-Wald for the AUC, log-Wald for O:E, Wald for the others.

    Returns
    -------
    PairedScores
    """
    values, table, counts = {}, [], {}
    for model, risk in risks.items():
        risk = np.atleast_2d(np.asarray(risk, dtype=float))
        fold = None if folds is None or folds.get(model) is None else np.atleast_2d(folds[model])
        keep = None if rows is None else rows.get(model)
        scored = _score_model(y, risk, fold, keep, thresholds, measures)
        used = np.isfinite(risk).all(axis=0) & (True if keep is None else keep)
        counts[model] = _counts(y, used, groups)
        for measure, (estimate, influence) in scored.items():
            values[model, measure] = (estimate, influence)
            table.append(
                (model, measure)
                + influence_interval(measure, estimate, influence, groups, confidence_level)
                + counts[model]
                + (_method(measure),)
            )
    columns = ["model", "measure", "estimate", "se", "lower", "upper"]
    columns += ["n_samples", "n_events", "n_patients", "method"]
    frame = pd.DataFrame(table, columns=columns)
    return PairedScores(frame, values, groups, counts, confidence_level)


def _counts(y, used, groups):
    patients = used.sum() if groups is None else len(np.unique(np.asarray(groups)[used]))
    return int(used.sum()), int(y[used].sum()), int(patients)


def _method(measure):
    wald = {"auroc": "logit-Wald", "oe_ratio": "log-Wald"}.get(measure, "Wald")
    return f"{wald}, influence function summed by patient"


def influence_interval(measure, estimate, influence, groups, confidence_level):
    if not np.isfinite(estimate):
        return (np.nan, np.nan, np.nan, np.nan)
    se = float(np.sqrt(cluster_variance(influence, groups)))
    z = norm.ppf(0.5 + confidence_level / 2)
    to, back = _SCALE.get(measure, (None, None))
    inside = 0 < estimate < 1 if measure == "auroc" else estimate > 0
    if to is None or not inside:
        return (estimate, se, estimate - z * se, estimate + z * se)
    slope = 1 / (estimate * (1 - estimate)) if measure == "auroc" else 1 / estimate
    centre, half = to(estimate), z * se * slope
    return (estimate, se, float(back(centre - half)), float(back(centre + half)))


def _score_model(y, risk, fold, keep, thresholds, measures):
    """Average estimates and influences over the repeats; rows out of play have no influence."""
    collected = {}
    for r in range(len(risk)):
        use = np.isfinite(risk[r]) & (True if keep is None else keep)
        parts = None if fold is None else fold[r][use]
        scores = _score_once(y[use], risk[r][use], parts, thresholds, measures)
        for measure, (estimate, influence) in scores.items():
            full = np.zeros(len(y))
            full[use] = influence
            collected.setdefault(measure, []).append((estimate, full))
    return {
        m: (float(np.mean([e for e, _ in v])), np.mean([i for _, i in v], axis=0))
        for m, v in collected.items()
    }


def _score_once(y, risk, parts, thresholds, measures):
    """Score risks once; what is no probability is only ranked."""
    plans = {
        "auroc": lambda: auroc_influence(y, risk, parts),
        "brier": lambda: brier_influence(y, risk),
        "scaled_brier": lambda: scaled_brier_influence(y, risk),
        "oe_ratio": lambda: oe_influence(y, risk),
        "calibration_slope": lambda: slope_influence(y, risk, parts),
        "net_benefit": lambda: net_benefit_influence(y, risk, thresholds),
    }
    ranked_only = risk.size == 0 or risk.min() < 0 or risk.max() > 1
    wanted = [m for m in plans if m in measures and (m == "auroc" or not ranked_only)]
    return {m: plans[m]() for m in wanted if m != "net_benefit" or thresholds is not None}


def auroc_influence(y, risk, parts=None):
    """Return the AUC within parts, weighted by their pairs, and the influence of each row."""
    influence = np.zeros(len(y))
    parts = np.zeros(len(y), dtype=int) if parts is None else parts
    total, pairs = 0.0, 0.0
    pieces = []
    for part in np.unique(parts):
        rows = np.flatnonzero(parts == part)
        event = y[rows] == 1
        n1, n0 = int(event.sum()), int((~event).sum())
        if n1 == 0 or n0 == 0:
            continue
        all_ranks = rankdata(risk[rows])
        placement = np.empty(len(rows))
        placement[event] = (all_ranks[event] - rankdata(risk[rows][event])) / n0
        placement[~event] = (n1 - (all_ranks[~event] - rankdata(risk[rows][~event]))) / n1
        auc = placement[event].mean()
        weight = n1 * n0
        pieces.append((rows, event, placement - auc, weight, n1, n0))
        total, pairs = total + weight * auc, pairs + weight
    if pairs == 0:
        return np.nan, influence
    for rows, event, centred, weight, n1, n0 in pieces:
        influence[rows] = centred * (weight / pairs) / np.where(event, n1, n0)
    return total / pairs, influence


def expected_auroc_influence(risk, parts=None):
    """Return the AUC to be expected if every risk were right, and each row's influence on it.

    The model-based concordance of van Klaveren et al. (2016): over all pairs of rows of one part,
    the chance that one has the event, the other has not, and the first has the higher risk.

    Returns
    -------
    estimate : float
        Missing where no pair can have one event.
    influence : ndarray of shape (n_samples,)
    slope : ndarray of shape (n_samples,)
        Derivative of the estimate with respect to each risk.
    """
    parts = np.zeros(len(risk), dtype=int) if parts is None else parts
    won, pairs = 0.0, 0.0
    own, own_pairs, change, change_pairs = np.zeros((4, len(risk)))
    for part in np.unique(parts):
        rows = np.flatnonzero(parts == part)
        p, q = risk[rows], 1 - risk[rows]
        level = np.unique(p, return_inverse=True)[1]
        events, others = np.bincount(level, p), np.bincount(level, q)
        below = (np.cumsum(others) - others / 2)[level] - q / 2  # a tie counts one half
        above = (events.sum() - np.cumsum(events) + events / 2)[level] - p / 2
        own[rows], own_pairs[rows] = p * below + q * above, p * (q.sum() - q) + q * (p.sum() - p)
        change[rows], change_pairs[rows] = below - above, (q.sum() - q) - (p.sum() - p)
        won, pairs = won + p @ below, pairs + p @ (q.sum() - q)
    if not pairs > 0:
        return np.nan, np.zeros(len(risk)), np.zeros(len(risk))
    value = float(won / pairs)
    return value, (own - value * own_pairs) / pairs, (change - value * change_pairs) / pairs


def auroc_shortfall(y, risk, rows, parts=None):
    """Return how much less some rows are ranked than their own spread of risk allows.

    The risks are recalibrated (intercept and slope) on all rows, so that a model that is too
    extreme everywhere is not blamed in each group; what the AUC of the rows in question would
    then be, if every risk were right, minus what it is, is beyond case mix [1]_.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    risk : ndarray of shape (n_samples,)
        Risks between 0 and 1.
    rows : boolean ndarray of shape (n_samples,)
        The group.
    parts : ndarray of int of shape (n_samples,), optional
        Only rows of one part (fold) are compared.

    Returns
    -------
    estimate : float
        Expected minus observed AUC; missing where the risks cannot be recalibrated.
    influence : ndarray of shape (n_samples,)
        Of all rows, those of other groups by way of the recalibration.

    References
    ----------
    .. [1] van Klaveren D, et al. A new concordance measure for risk prediction models in external
       validation settings. Stat Med. 2016;35:4136-4152.
    """
    nothing = np.nan, np.zeros(len(y))
    odds = logit(np.clip(risk, _EPS, 1 - _EPS))
    if np.ptp(odds) < 1e-8:
        return nothing
    fit = fit_logistic(odds, y)
    if not fit.converged or fit.separated or fit.coef[1] <= 0:
        return nothing
    design = np.column_stack([np.ones(len(y)), odds])
    right = expit(design @ fit.coef)
    by_row = (design * (y - right)[:, None]) @ fit.covariance
    inside = None if parts is None else parts[rows]
    expected, influence, slope = expected_auroc_influence(right[rows], inside)
    observed, ranked = auroc_influence(y[rows], risk[rows], inside)
    spread = right[rows] * (1 - right[rows])
    total = by_row @ (design[rows].T @ (slope * spread))
    total[rows] += influence - ranked
    return float(expected - observed), total


def brier_influence(y, risk):
    """Return the Brier score and the influence of each row."""
    loss = (y - risk) ** 2
    return loss.mean(), (loss - loss.mean()) / len(y)


def scaled_brier_influence(y, risk):
    """Return the scaled Brier score and the influence of each row."""
    brier, loss_influence = brier_influence(y, risk)
    m = y.mean()
    spread = m * (1 - m)
    if spread == 0:
        return np.nan, np.zeros(len(y))
    spread_influence = (1 - 2 * m) * (y - m) / len(y)
    return 1 - brier / spread, -loss_influence / spread + brier / spread**2 * spread_influence


def oe_influence(y, risk):
    """Return observed over expected events and the influence of each row."""
    observed, expected = y.sum(), risk.sum()
    if observed == 0 or expected == 0:
        return np.nan, np.zeros(len(y))
    ratio = observed / expected
    return ratio, ratio * (y / observed - risk / expected)


def slope_influence(y, risk, parts=None):
    """Return the calibration slope (maximum likelihood) and the influence of each row.

    There is none where the risks of each part are all the same.
    """
    log_odds = logit(np.clip(risk, _EPS, 1 - _EPS))
    parts = np.zeros(len(y), dtype=int) if parts is None else parts
    flat = all(np.ptp(log_odds[parts == part]) < 1e-8 for part in np.unique(parts))
    if flat or y.min() == y.max():
        return np.nan, np.zeros(len(y))
    fit = fit_logistic(log_odds, y)
    if not fit.converged or fit.separated:
        return np.nan, np.zeros(len(y))
    design = np.column_stack([np.ones(len(y)), log_odds])
    score = design * (y - expit(design @ fit.coef))[:, None]
    return float(fit.coef[1]), score @ fit.covariance[:, 1]


def net_benefit_influence(y, risk, thresholds):
    """Return the net benefit averaged over thresholds and the influence of each row."""
    thresholds = np.sort(np.asarray(thresholds, dtype=float))
    odds = thresholds / (1 - thresholds)
    passed = np.searchsorted(thresholds, risk, side="right")
    cost = np.concatenate([[0.0], np.cumsum(odds)])[passed]
    gain = np.where(y == 1, passed, -cost) / len(thresholds)
    return gain.mean(), (gain - gain.mean()) / len(y)


# Variance of a difference over training sets, as a multiple of its variance between repeats of
# cross-validation, whose training sets overlap. Chosen by simulation (tests/simulation/
# validation_intervals.py): intervals of differences covered 0.89 with less, 0.95 with it.
REPEATS_TO_TRAINING = 2.0

# Weight, in repeats, of the expectation that the training variance equals the sampling variance.
# Chosen by the same simulation: two or three repeats alone estimate a variance too badly; with a
# smaller weight intervals from few repeats are too narrow, with a larger one repeats hardly count.
_WORTH = 4

# Degrees of freedom are never put below this: Student's t has no variance at 2 or fewer, and an
# interval that wide says already that the data cannot tell. Chosen by judgement.
_FEWEST = 2.0


def paired_training(repeats, sampling):
    """Return the variance of a difference over models of the two procedures.

    On the same patients two models' shares of luck in judging cancel and their luck in training
    does not: it is about as large as what is left of the other. Repeats tell more, from their
    second on; two of them alone tell next to nothing, so that what is expected keeps the weight of
    four repeats. Expectation, factor and weight were chosen by simulation (see the guide).

    Parameters
    ----------
    repeats : ndarray of shape (n_repeats,)
        Difference in each repeat.
    sampling : float
        Variance that the choice of patients gives to the difference, were all rows judged.

    Returns
    -------
    float

    Examples
    --------
    >>> paired_training(np.array([0.02]), 1e-4)
    0.0001
    >>> round(paired_training(np.array([0.01, 0.02, 0.03]), 1e-4), 8)
    0.00013333
    """
    seen = repeats[np.isfinite(repeats)]
    extra_repeats = max(len(seen) - 1, 0)
    own = REPEATS_TO_TRAINING * float(seen.var(ddof=1)) if extra_repeats else 0.0
    return (_WORTH * sampling + extra_repeats * own) / (_WORTH + extra_repeats)


def freedom(moved):
    """Return the degrees of freedom of a sum of squares, fewer where few patients carry it.

    Examples
    --------
    >>> freedom(np.tile([1.0, -1.0], 50)) > 99, round(freedom(np.eye(100)[0]), 1)
    (True, 2.0)
    """
    second, fourth = np.sum(moved**2), np.sum(moved**4)
    if not second > 0:
        return _FEWEST
    spread = fourth - second**2 / len(moved)
    return float(max(2 * second**2 / max(spread, second**2 / len(moved) ** 2), _FEWEST))
