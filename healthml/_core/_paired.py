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
from scipy.stats import chi2, norm

from healthml._core._numerics import cluster_variance, fit_logistic
from healthml._core._results import Result

MEASURES = ("auroc", "scaled_brier", "brier", "calibration_slope", "oe_ratio", "net_benefit")

_SCALE = {"auroc": (logit, expit), "oe_ratio": (np.log, np.exp)}

# Distance from 0 and 1 at which risks are cut before log odds. By judgement, not by simulation;
# larger moves sure risks, smaller lets a single one carry the slope.
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
    repeats : dict
        (model, measure) -> ndarray, the estimate of each repeat.
    """

    values: dict = field(default_factory=dict)
    groups: np.ndarray | None = None
    counts: dict = field(default_factory=dict)
    confidence_level: float = 0.95
    repeats: dict = field(default_factory=dict)

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
        table = self._drawn()
        rows = table[table["measure"] == measure].iloc[::-1]
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
    values, repeats, table, counts = {}, {}, [], {}
    for model, risk in risks.items():
        risk = np.atleast_2d(np.asarray(risk, dtype=float))
        fold = None if folds is None or folds.get(model) is None else np.atleast_2d(folds[model])
        keep = None if rows is None else rows.get(model)
        scored = _score_model(y, risk, fold, keep, thresholds, measures)
        used = np.isfinite(risk).all(axis=0) & (True if keep is None else keep)
        counts[model] = _counts(y, used, groups)
        for measure, (estimate, influence, single) in scored.items():
            values[model, measure] = (estimate, influence)
            repeats[model, measure] = single
            table.append(
                (model, measure)
                + influence_interval(measure, estimate, influence, groups, confidence_level)
                + counts[model]
                + (_method(measure),)
            )
    columns = ["model", "measure", "estimate", "se", "lower", "upper"]
    columns += ["n_samples", "n_events", "n_patients", "method"]
    frame = pd.DataFrame(table, columns=columns)
    return PairedScores(frame, values, groups, counts, confidence_level, repeats)


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
        scores = score_once(y[use], risk[r][use], parts, thresholds, measures)
        for measure, (estimate, influence) in scores.items():
            full = np.zeros(len(y))
            full[use] = influence
            collected.setdefault(measure, []).append((estimate, full))
    return {
        m: (float(np.mean(single)), np.mean([i for _, i in v], axis=0), single)
        for m, v in collected.items()
        for single in [np.array([e for e, _ in v])]
    }


def score_once(y, risk, parts=None, thresholds=None, measures=MEASURES, weight=None):
    """Return {measure: (estimate, influence of each row)}; what is no probability is only ranked.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    risk : ndarray of shape (n_samples,)
        Risks, none missing.
    parts : ndarray of int of shape (n_samples,), optional
        Fold of each row; the AUC compares rows of one fold only.
    thresholds : ndarray, optional
        Net benefit is averaged over them; without them there is none.
    measures : sequence of str
        Measures wanted.
    weight : ndarray of shape (n_samples,), optional
        Sampling weight of each row, above 0.

    Returns
    -------
    dict
    """
    plans = {
        "auroc": lambda: auroc_influence(y, risk, parts, weight),
        "brier": lambda: brier_influence(y, risk, weight),
        "scaled_brier": lambda: scaled_brier_influence(y, risk, weight),
        "oe_ratio": lambda: oe_influence(y, risk, weight),
        "calibration_slope": lambda: slope_influence(y, risk, parts, weight),
        "net_benefit": lambda: net_benefit_influence(y, risk, thresholds, weight),
    }
    ranked_only = risk.size == 0 or risk.min() < 0 or risk.max() > 1
    wanted = [m for m in plans if m in measures and (m == "auroc" or not ranked_only)]
    return {m: plans[m]() for m in wanted if m != "net_benefit" or thresholds is not None}


def auroc_influence(y, risk, parts=None, weight=None):
    """Return the AUC within parts, weighted by their pairs, and the influence of each row."""
    influence = np.zeros(len(y))
    total, pairs = 0.0, 0.0
    pieces = []
    for rows in _rows_of_parts(parts, len(y)):
        event = y[rows] == 1
        own = np.ones(len(rows)) if weight is None else weight[rows]
        w1, w0 = own[event].sum(), own[~event].sum()
        if w1 == 0 or w0 == 0:
            continue
        below, above = _below_and_above(risk[rows], event, own)
        placement = np.where(event, below / w0, above / w1)
        auc = (own * placement)[event].sum() / w1
        moved = own * (placement - auc) / np.where(event, w1, w0)
        pieces.append((rows, moved, w1 * w0))
        total, pairs = total + w1 * w0 * auc, pairs + w1 * w0
    if pairs == 0:
        return np.nan, influence
    for rows, moved, own_pairs in pieces:
        influence[rows] = moved * (own_pairs / pairs)
    return float(total / pairs), influence


def _rows_of_parts(parts, n):
    """Yield the rows of each part; all of them where there are no parts."""
    if parts is None:
        yield np.arange(n)
        return
    for part in np.unique(parts):
        yield np.flatnonzero(parts == part)


def _below_and_above(risk, event, weight):
    """Return the weight of rows without the event below each row, and with it above; ties half."""
    level = np.unique(risk, return_inverse=True)[1]
    events = np.bincount(level, weight * event)
    others = np.bincount(level, weight * ~event, minlength=len(events))
    below = np.cumsum(others) - others / 2
    above = events.sum() - np.cumsum(events) + events / 2
    return below[level], above[level]


def expected_auroc_influence(risk, parts=None, weight=None):
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
    won, pairs = 0.0, 0.0
    own, own_pairs, change, change_pairs = np.zeros((4, len(risk)))
    for rows in _rows_of_parts(parts, len(risk)):
        w = np.ones(len(rows)) if weight is None else weight[rows]
        p, q = risk[rows], 1 - risk[rows]
        level = np.unique(p, return_inverse=True)[1]
        events, others = np.bincount(level, w * p), np.bincount(level, w * q)
        below = (np.cumsum(others) - others / 2)[level] - w * q / 2  # a tie counts one half
        above = (events.sum() - np.cumsum(events) + events / 2)[level] - w * p / 2
        all_p, all_q = (w * p).sum() - w * p, (w * q).sum() - w * q  # of the other rows
        own[rows], own_pairs[rows] = w * (p * below + q * above), w * (p * all_q + q * all_p)
        change[rows], change_pairs[rows] = w * (below - above), w * (all_q - all_p)
        won, pairs = won + (w * p) @ below, pairs + (w * p) @ all_q
    if not pairs > 0:
        return np.nan, np.zeros(len(risk)), np.zeros(len(risk))
    value = float(won / pairs)
    return value, (own - value * own_pairs) / pairs, (change - value * change_pairs) / pairs


@dataclass(frozen=True)
class RightRisks:
    """Risks recalibrated on all rows; made by `right_risks`.

    Parameters
    ----------
    risk : ndarray of shape (n_samples,)
        Recalibrated risks.
    design : ndarray of shape (n_samples, 2)
        1 and the log odds of the risk as it was.
    influence : ndarray of shape (n_samples, 2)
        Influence of each row on intercept and slope.
    """

    risk: np.ndarray
    design: np.ndarray
    influence: np.ndarray


def right_risks(y, risk, weight=None):
    """Recalibrate risks (intercept and slope) on all rows; None where that cannot be done.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    risk : ndarray of shape (n_samples,)
        Risks between 0 and 1.
    weight : ndarray of shape (n_samples,), optional
        Sampling weights.

    Returns
    -------
    RightRisks or None
    """
    odds = logit(np.clip(risk, _EPS, 1 - _EPS))
    if np.ptp(odds) < 1e-8:
        return None
    fit = fit_logistic(odds, y, weight=weight)
    if not fit.converged or fit.separated or fit.coef[1] <= 0:
        return None
    design = np.column_stack([np.ones(len(y)), odds])
    right = expit(design @ fit.coef)
    moved = (y - right) if weight is None else weight * (y - right)
    return RightRisks(right, design, (design * moved[:, None]) @ fit.covariance)


def auroc_shortfall(y, risk, right, rows, parts=None, weight=None):
    """Return how much less some rows are ranked than their own spread of risk allows.

    The risks are recalibrated on all rows, so that a model that is too extreme everywhere is not
    blamed in each group; what the AUC of the rows in question would then be, if every risk were
    right, minus what it is, is beyond case mix [1]_.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1, of all rows.
    risk : ndarray of shape (n_samples,)
        Risks between 0 and 1.
    right : RightRisks
        Of all rows.
    rows : ndarray of int
        Rows of the group.
    parts, weight : ndarray of shape (n_samples,), optional
        Only rows of one part (fold) are compared; sampling weights.

    Returns
    -------
    estimate : float
        Expected minus observed AUC.
    influence : ndarray, shape of `rows`
        Of the group's own rows, the recalibration taken as given.
    through : ndarray of shape (2,)
        Change of the estimate with intercept and slope; ``right.influence @ through`` is what
        every row adds by way of the recalibration.

    References
    ----------
    .. [1] van Klaveren D, et al. A new concordance measure for risk prediction models in external
       validation settings. Stat Med. 2016;35:4136-4152.
    """
    inside = None if parts is None else parts[rows]
    own = None if weight is None else weight[rows]
    expected, influence, slope = expected_auroc_influence(right.risk[rows], inside, own)
    observed, ranked = auroc_influence(y[rows], risk[rows], inside, own)
    spread = right.risk[rows] * (1 - right.risk[rows])
    through = right.design[rows].T @ (slope * spread)
    return float(expected - observed), influence - ranked, through


def _mean_influence(values, weight):
    """Return a weighted mean and the influence of each row on it."""
    if weight is None:
        return values.mean(), (values - values.mean()) / len(values)
    mean = (weight @ values) / weight.sum()
    return mean, weight * (values - mean) / weight.sum()


def brier_influence(y, risk, weight=None):
    """Return the Brier score and the influence of each row."""
    return _mean_influence((y - risk) ** 2, weight)


def scaled_brier_influence(y, risk, weight=None):
    """Return the scaled Brier score and the influence of each row."""
    brier, loss_influence = brier_influence(y, risk, weight)
    m, share_influence = _mean_influence(np.asarray(y, dtype=float), weight)
    spread = m * (1 - m)
    if not spread > 0:
        return np.nan, np.zeros(len(y))
    spread_influence = (1 - 2 * m) * share_influence
    return 1 - brier / spread, -loss_influence / spread + brier / spread**2 * spread_influence


def oe_influence(y, risk, weight=None):
    """Return observed over expected events and the influence of each row."""
    weight = 1.0 if weight is None else weight
    observed, expected = (weight * y).sum(), (weight * risk).sum()
    if observed == 0 or expected == 0:
        return np.nan, np.zeros(len(y))
    ratio = observed / expected
    return ratio, ratio * weight * (y / observed - risk / expected)


FEW_EVENTS = 30  # observed or expected, below which the interval of O:E is made exact; by judgement


def few_events_interval(ratio, n_events, lower, upper, confidence_level):
    """Widen a log-Wald interval of O:E where events are few, to the exact one for counts.

    With few events the log-Wald interval lies too far from 1: ten events where three and a half
    were expected are not rare among many groups. Garwood's interval for a Poisson count is then
    taken, on as many events as the cluster-wise width says they are worth.

    Parameters
    ----------
    ratio, n_events : float
        Observed over expected events, and observed ones.
    lower, upper : float
        Log-Wald ends.
    confidence_level : float
        Level of the interval.

    Returns
    -------
    lower, upper : float

    Examples
    --------
    >>> ends = few_events_interval(2.0, 10, 1.08, 3.72, 0.95)
    >>> [round(float(end), 3) for end in ends]
    [0.959, 3.72]
    """
    if not (ratio > 0 and lower > 0) or min(n_events, n_events / ratio) >= FEW_EVENTS:
        return lower, upper
    tail = (1 - confidence_level) / 2
    error = np.log(upper / lower) / (2 * norm.isf(tail))
    worth = n_events / max(1.0, error**2 * n_events)
    low, high = chi2.ppf(tail, 2 * worth) / 2, chi2.isf(tail, 2 * worth + 2) / 2
    return min(lower, low * ratio / worth), max(upper, high * ratio / worth)


def slope_influence(y, risk, parts=None, weight=None):
    """Return the calibration slope (maximum likelihood) and the influence of each row.

    There is none where the risks of each part are all the same.
    """
    log_odds = logit(np.clip(risk, _EPS, 1 - _EPS))
    flat = all(np.ptp(log_odds[rows]) < 1e-8 for rows in _rows_of_parts(parts, len(y)))
    if flat or y.min() == y.max():
        return np.nan, np.zeros(len(y))
    fit = fit_logistic(log_odds, y, weight=weight)
    if not fit.converged or fit.separated:
        return np.nan, np.zeros(len(y))
    design = np.column_stack([np.ones(len(y)), log_odds])
    moved = y - expit(design @ fit.coef)
    moved = moved if weight is None else weight * moved
    return float(fit.coef[1]), (design * moved[:, None]) @ fit.covariance[:, 1]


def net_benefit_influence(y, risk, thresholds, weight=None):
    """Return the net benefit averaged over thresholds and the influence of each row."""
    thresholds = np.sort(np.asarray(thresholds, dtype=float))
    odds = thresholds / (1 - thresholds)
    passed = np.searchsorted(thresholds, risk, side="right")
    cost = np.concatenate([[0.0], np.cumsum(odds)])[passed]
    return _mean_influence(np.where(y == 1, passed, -cost) / len(thresholds), weight)


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
