"""The true risk: linear in the columns, its prevalence and AUC solved for in the population."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from healthml.datasets._encounters import Streams, draw_encounters
from healthml.exceptions import InputError

# Log-odds per unit of the column, before the common factor that brings the AUC to its target. Signs
# and rough proportions follow the direction of early-warning scores (older, faster, lower pressure:
# more risk); the numbers were chosen by judgement and are the truth of the simulation, whatever
# they are.
WEIGHTS = {
    "age": 0.022,
    "comorbidity_count": 0.12,
    "prior_admissions_12m": 0.12,
    "heart_rate": 0.014,
    "sbp": -0.011,
    "resp_rate": 0.07,
    "temperature": 0.10,
    "spo2": -0.09,
    "gcs_total": -0.14,
    "creatinine": 0.35,
    "bun": 0.025,
    "lactate": 0.40,
    "wbc": 0.06,
    "hemoglobin": -0.12,
    "platelets": -0.001,
    "albumin": -0.50,
    "bilirubin_total": 0.15,
    "glucose": 0.001,
}
# The same for levels of categories; levels that are not named add nothing.
LEVEL_WEIGHTS = {
    "admission_type": {"Emergency": 0.5, "Urgent": 0.25},
    "admission_source": {"Nursing facility": 0.3},
    "code_status": {"DNR": 0.3},
}
# Encounters of the population in which prevalence and AUC are solved for: their Monte-Carlo error
# is then below 0.002 and 0.003. The seed is fixed, so that a cohort's truth never depends on its
# own.
_REFERENCE_SIZE = 40_000
# Any number will do; another one moves every cohort's truth within that error.
_REFERENCE_SEED = 20_260_101


@dataclass(frozen=True)
class RiskModel:
    """Log-odds = intercept + slope x (score - centre) + patient effect + offset of a defect."""

    intercept: float
    slope: float
    centre: float

    def risk(self, score, added=0.0):
        """Return the true risk of encounters with this score and added log-odds."""
        return expit(self.intercept + self.slope * (score - self.centre) + added)

    def coefficients(self):
        """Return the log-odds per unit of each column, or per level ("column=level")."""
        named = dict(WEIGHTS)
        for column, levels in LEVEL_WEIGHTS.items():
            named |= {f"{column}={level}": weight for level, weight in levels.items()}
        return {name: self.slope * weight for name, weight in named.items()}


def linear_score(table, columns=None):
    """Sum the weighted columns of a table; `columns` restricts the sum to some of them."""
    wanted = set(table.columns if columns is None else columns)
    score = np.zeros(len(table))
    for name, weight in WEIGHTS.items():
        if name in wanted:
            score += weight * table[name].to_numpy(dtype=float)
    for name, levels in LEVEL_WEIGHTS.items():
        if name in wanted:
            for level, weight in levels.items():
                score += weight * (table[name] == level).to_numpy()
    return score


def expected_auc(value, risk):
    """Return the AUC of `value` for outcomes that happen with probability `risk`."""
    level, place = np.unique(value, return_inverse=True)
    cases = np.bincount(place, weights=risk, minlength=len(level))
    controls = np.bincount(place, weights=1 - risk, minlength=len(level))
    below = np.cumsum(controls) - controls
    return float((cases * (below + controls / 2)).sum() / (cases.sum() * controls.sum()))


@lru_cache(maxsize=4)
def reference(population):
    """Return a large fixed sample of the population, its score and standard normal effects."""
    streams = Streams(_REFERENCE_SEED)
    encounters = draw_encounters(_REFERENCE_SIZE, population, streams)
    effect = streams("outcome:patient").standard_normal(_REFERENCE_SIZE)[encounters.patient]
    return encounters, linear_score(encounters.table), effect


@lru_cache(maxsize=32)
def solve_risk(population, prevalence, auc, patient_sd=0.0):
    """Find the intercept and slope that give the population this prevalence and AUC."""
    _, score, effect = reference(population)
    centre, added = float(score.mean()), patient_sd * effect

    def model(slope):
        shape = RiskModel(0.0, slope, centre)
        return with_prevalence(shape, score, added, prevalence)

    def miss(slope):
        risk = model(slope).risk(score, added)
        return expected_auc(risk, risk) - auc

    low, high = 1e-3, 1.0
    if miss(low) > 0:
        raise InputError(
            f"auc={auc} is too low for outcome_patient_sd={patient_sd}: the patient effect alone "
            "separates better; lower outcome_patient_sd or raise auc."
        )
    while miss(high) < 0:
        low, high = high, 2 * high
    return model(brentq(miss, low, high, xtol=1e-6))


def with_prevalence(model, score, added, prevalence):
    """Return the model with the intercept that gives the mean risk `prevalence`."""

    def miss(intercept):
        return replace(model, intercept=intercept).risk(score, added).mean() - prevalence

    reach = 10 + np.abs(model.slope * (score - model.centre) + added).max()
    start = logit(prevalence)
    return replace(model, intercept=brentq(miss, start - reach, start + reach, xtol=1e-9))


def solve_missingness(drivers, risk, shares, auc, name):
    """Find intercepts and a slope for emptying cells with low `drivers`.

    Cell (i, k) is emptied with probability expit(intercept[k] - slope * drivers[i, k]). Column k
    has the share `shares[k]` of its cells emptied, and the pattern of emptied cells alone predicts
    the outcome with AUC `auc`.
    """

    def intercepts(slope):
        guess = logit(shares)
        for _ in range(50):
            p = expit(guess - slope * drivers)
            step = (p.mean(axis=0) - shares) / np.maximum((p * (1 - p)).mean(axis=0), 1e-6)
            guess -= np.clip(step, -2, 2)
            if np.abs(step).max() < 1e-9:
                break
        return guess

    def miss(slope):
        return pattern_auc(expit(intercepts(slope) - slope * drivers), risk) - auc

    steepest = 20.0
    if miss(steepest) < 0:
        most = auc + miss(steepest)
        raise InputError(
            f"defects={{{name!r}: {auc}}} asks for a missingness-only AUC that cannot be reached "
            f"here, the most is {most:.2f}; ask for less or raise auc."
        )
    slope = brentq(miss, 0.0, steepest, xtol=1e-4)
    return intercepts(slope), slope


def pattern_auc(p_missing, risk):
    """Return the AUC of the best rule that sees only which of a row's cells are missing."""
    patterns = np.ones((1, len(p_missing)))
    for p in p_missing.T:
        patterns = np.concatenate([patterns * p, patterns * (1 - p)])
    mass, cases = patterns.mean(axis=1), patterns @ risk / len(risk)
    rate = cases / np.maximum(mass, 1e-300)
    order = np.argsort(rate)
    cases, controls = cases[order], (mass - cases)[order]
    below = np.cumsum(controls) - controls
    return float((cases * (below + controls / 2)).sum() / (cases.sum() * controls.sum()))
