"""How likely a label is wrong: the share of contrary labels that no patient's risk explains."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import expit, logsumexp

# The grid on which rates of wrong labels are weighed, from 1 in 250 to 2 in 5 (beyond it the
# classes are rather exchanged); rows of like risk are put into at most MOST_BINS bins. Chosen by
# judgement: a finer grid costs time in proportion; what it would change was not measured.
MOST_BINS = 100
# Rates of wrong labels that are tried, evenly on the log scale. By judgement, not by simulation;
# rates beyond the ends are taken as the end, and a finer grid costs time.
RATES = np.geomspace(0.004, 0.4, 15)
SHAPES = (0.6, 0.85, 1.2)  # powers of the log odds: tails heavier and lighter than logistic
ALIKE = 0.5  # prior that low and high risks have tails of one shape
# Chosen by judgement, not by simulation: the smaller, the more surprising but right labels are
# flagged; the larger, the more wrong ones are missed. benchmarks/labels.py has both kinds.
ATYPICAL = 0.002  # patients whose outcome nothing recorded explains look as wrong labels do
# Prior probability of no wrong labels, one rate for both classes, one class only, a rate for each.
# Chosen by judgement, not by simulation: more weight on the last three finds one-sided errors
# sooner and claims them more often where there are none.
PRIOR = {"none": 0.5, "both_alike": 0.4, "no_event": 0.03, "event": 0.03, "each": 0.04}
RIDGE = 0.01  # of intercept and slope, for log odds of standard deviation 1
STEPS = 40  # of Newton, at most
NEGLIGIBLE = 1e-5  # weight of an explanation that is left out


@dataclass(frozen=True)
class NoisePosterior:
    """Explanations of the contrary labels, each with its weight and its verdict on every row."""

    weight: np.ndarray  # posterior probability
    # Chance that a label is wrong where there truly is no event, and where there is.
    rates: np.ndarray
    wrong: np.ndarray  # chance that the label of a row is wrong, under each explanation
    design_effect: float  # by how much patients' repeated rows were discounted
    event: np.ndarray  # labels as given, 0/1

    @property
    def score(self):
        """Chance of each row that its label is wrong."""
        return self.weight @ self.wrong

    @property
    def p_any(self):
        """Chance that there are wrong labels at all."""
        return float(self.weight[self.rates.max(axis=1) > 0].sum())

    def wrong_for_sure(self, rows):
        """Return chances that labels are wrong, less what atypical patients may account for."""
        beyond = np.clip(1 - ATYPICAL / np.maximum(self.rates, ATYPICAL), 0, 1)
        return self.wrong[:, rows].astype(float) * beyond[:, 1 - self.event[rows]]

    def interval(self, values, confidence_level):
        """Return mean, lower and upper end of a value known under each explanation."""
        order = np.argsort(values)
        below = np.cumsum(self.weight[order])
        ends = [(1 - confidence_level) / 2, (1 + confidence_level) / 2]
        places = np.minimum(np.searchsorted(below, ends), len(order) - 1)
        lower, upper = values[order][places]
        return float(self.weight @ values), float(lower), float(upper)

    def upper_limit(self, values, chance):
        """Return for each column the least value that holds with a chance.

        A row of values for each explanation.
        """
        order = np.argsort(values, axis=0)
        below = np.cumsum(self.weight[order], axis=0)
        place = np.minimum((below < chance).sum(axis=0), len(values) - 1)
        return np.take_along_axis(values, np.take_along_axis(order, place[None], 0), 0)[0]


def noise_posterior(odds, event, groups=None):
    """Weigh how many labels of each class are wrong, and which.

    Log odds of the event were predicted for rows that the model was not fitted on.

    Notes
    -----
    Where z is the log odds, the event is truly there with chance expit(a + b z), and labels of
    either class are wrong with chances r0 and r1 whatever z is, so labels say event with chance
    r0 + (1 - r0 - r1) expit(a + b z). The better the model, the plainer wrong labels stand out from
    surprising patients: contrary labels become ever rarer as z grows, unless some are wrong.
    Explanations (pairs of rates, none among them, and shapes of the tails of low and of high risks)
    are weighed by their likelihood, a and b fitted to each, under the prior `PRIOR`. A tail has a
    shape of its own since errors in one class look like high risks that level off.
    """
    z = (odds - odds.mean()) / (odds.std() or 1.0)
    explanations, prior = _explanations()
    n_rows, n_events, centre = _bins(z, event)
    coef, loglik = _fit(_power(centre, explanations[:, 2:]), n_rows, n_events, explanations)
    best = [int(np.argmax(np.log(prior) + loglik))]
    likely = _label_risk(_power(z, explanations[best, 2:]), coef[best], explanations[best])[0][0]
    effect = _design_effect(likely, event, groups)
    weight = np.log(prior) + loglik / effect
    weight = np.exp(weight - logsumexp(weight))
    kept = np.flatnonzero(weight > NEGLIGIBLE)
    wrong = np.empty((len(kept), len(z)), dtype=np.float32)
    for place, k in enumerate(kept):
        x = _power(z, explanations[[k], 2:])
        wrong[place] = _wrong(x, coef[[k]], explanations[[k]], event)[0]
    weight = weight[kept] / weight[kept].sum()
    return NoisePosterior(weight, explanations[kept, :2], wrong, effect, event)


def _power(z, shapes):
    """Return powers of z, one row for each pair of shapes: below the mean and above it."""
    return np.sign(z) * np.abs(z) ** np.where(z < 0, shapes[:, :1], shapes[:, 1:])


def _explanations():
    """Return rates of wrong labels with shapes of both tails, and the prior of each explanation."""
    few = RATES[::3]
    kinds = {
        "none": [(0.0, 0.0)],
        "both_alike": [(r, r) for r in RATES],
        "no_event": [(r, 0.0) for r in RATES],
        "event": [(0.0, r) for r in RATES],
        "each": list(product(few, few)),
    }
    rows = [
        (*rates, *shapes, PRIOR[kind] / len(pairs) * _shape_prior(*shapes))
        for kind, pairs in kinds.items()
        for rates in pairs
        for shapes in product(SHAPES, SHAPES)
    ]
    table = np.array(rows)
    return table[:, :4], table[:, 4]


def _shape_prior(low, high):
    n = len(SHAPES)
    return ALIKE / n if low == high else (1 - ALIKE) / (n * (n - 1))


def _bins(z, event):
    """Return rows, events and mean of z in bins of equal size."""
    order = np.argsort(z, kind="stable")
    place = np.empty(len(z), dtype=int)
    place[order] = np.arange(len(z)) * min(MOST_BINS, len(z)) // len(z)
    n_rows = np.bincount(place).astype(float)
    return n_rows, np.bincount(place, event), np.bincount(place, z) / n_rows


def _label_risk(x, coef, explanations):
    r0, r1 = explanations[:, :1], explanations[:, 1:2]
    risk = expit(np.clip(coef[:, :1] + coef[:, 1:] * x, -30, 30))
    return np.clip(r0 + (1 - r0 - r1) * risk, 1e-12, 1 - 1e-12), risk


def _fit(x, n_rows, n_events, explanations):
    """Fit intercept and slope under every explanation at once, by damped Fisher scoring."""
    coef = np.tile([0.0, 1.0], (len(explanations), 1))
    best = _penalised(x, n_rows, n_events, explanations, coef)
    keep = 1 - explanations[:, :1] - explanations[:, 1:2]
    damp = np.ones(len(coef))
    for _ in range(STEPS):
        q, risk = _label_risk(x, coef, explanations)
        slope = keep * risk * (1 - risk)
        residual = (n_events - n_rows * q) / (q * (1 - q)) * slope
        info = n_rows * slope**2 / (q * (1 - q))
        score = np.stack([residual.sum(1), (residual * x).sum(1)], 1) - RIDGE * coef
        h00, h01, h11 = info.sum(1) + RIDGE, (info * x).sum(1), (info * x * x).sum(1) + RIDGE
        determinant = h00 * h11 - h01**2
        step = np.stack(
            [h11 * score[:, 0] - h01 * score[:, 1], h00 * score[:, 1] - h01 * score[:, 0]], 1
        )
        step /= determinant[:, None]
        step *= np.minimum(1, 3 / np.maximum(np.abs(step).max(axis=1), 1e-12))[:, None]
        trial = coef + damp[:, None] * step
        value = _penalised(x, n_rows, n_events, explanations, trial)
        better = value >= best
        moved = np.abs(trial - coef).max() if better.any() else 0.0
        coef = np.where(better[:, None], trial, coef)
        best = np.where(better, value, best)
        damp = np.where(better, np.minimum(1, 2 * damp), damp / 4)
        if moved < 1e-6 and better.all():
            break
    return coef, best


def _penalised(x, n_rows, n_events, explanations, coef):
    q, _ = _label_risk(x, coef, explanations)
    loglik = (n_events * np.log(q) + (n_rows - n_events) * np.log(1 - q)).sum(axis=1)
    return loglik - RIDGE / 2 * (coef**2).sum(axis=1)


def _wrong(x, coef, explanations, event):
    q, risk = _label_risk(x, coef, explanations)
    r0, r1 = explanations[:, :1], explanations[:, 1:2]
    return np.where(event == 1, r0 * (1 - risk) / q, r1 * risk / (1 - q))


def _design_effect(q, event, groups):
    """Return by how much a patient's rows repeat each other's surprise; at least 1."""
    if groups is None:
        return 1.0
    surprise = (event - q) / np.sqrt(q * (1 - q))
    return float(max(1.0, (np.bincount(groups, surprise) ** 2).sum() / (surprise**2).sum()))
