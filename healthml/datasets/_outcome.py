"""True risk and recorded outcome, with the defects that change them."""

from dataclasses import dataclass

import numpy as np

from healthml.datasets._encounters import Encounters, Population, Streams, site_shares
from healthml.datasets._risk import (
    expected_auc,
    linear_score,
    reference,
    solve_risk,
    with_prevalence,
)
from healthml.exceptions import InputError

OUTCOME_DEFECTS = ("risk_gap", "site_shift", "ineligible", "label_bias", "label_noise")
GAP_GROUP = ("sex", "M")
BIASED_GROUP = ("ethnicity", "Black")


@dataclass(frozen=True)
class Base:
    """The clean cohort, on which alone every defect decides where and how it strikes."""

    encounters: Encounters
    population: Population
    streams: Streams
    prevalence: float
    auc: float
    patient_sd: float

    @property
    def table(self):
        """The clean predictors."""
        return self.encounters.table

    def model(self):
        """Return the clean risk model."""
        return solve_risk(self.population, self.prevalence, self.auc, self.patient_sd)

    def added(self):
        """Return the patient's own log-odds, for each row."""
        effect = self.streams("outcome:patient").standard_normal(self.encounters.patient.max() + 1)
        return self.patient_sd * effect[self.encounters.patient]

    def risk(self):
        """Return the clean true risk of each row."""
        return self.model().risk(linear_score(self.table), self.added())

    def stream(self, defect):
        """Return the defect's own random stream."""
        return self.streams(f"defect:{defect}")


class Outcome:
    """The outcome of a cohort under any set of the defects that touch it."""

    def __init__(self, base, strengths):
        self.base = base
        self.strengths = {k: v for k, v in strengths.items() if k in OUTCOME_DEFECTS}
        self._score, self._added = linear_score(base.table), base.added()
        self._chance = base.streams("outcome").random(len(base.table))
        self._models = {}
        self.comfort = self._comfort_rows()

    def model(self, active):
        """Return the risk model that keeps the prevalence with these defects."""
        shifts = tuple(name for name in ("risk_gap", "site_shift") if name in active)
        if shifts not in self._models:
            base = self.base
            encounters, score, effect = reference(base.population)
            added = base.patient_sd * effect + self._offsets(shifts, encounters)
            clean = base.model()
            model = with_prevalence(clean, score, added, base.prevalence) if shifts else clean
            self._models[shifts] = model
        return self._models[shifts]

    def risk(self, active):
        """Return the true risk of each row; 0 where the outcome cannot happen."""
        added = self._added + self._offsets(active, self.base.encounters)
        risk = self.model(active).risk(self._score, added)
        if "ineligible" in active:
            risk[self.comfort] = 0.0
        return risk

    def happened(self, active):
        """Return the true outcome of each row as 0/1."""
        return (self._chance < self.risk(active)).astype(np.int64)

    def recorded(self, active):
        """Return the outcome as the table has it."""
        y = self.happened(active)
        if "label_bias" in active:
            column, level = BIASED_GROUP
            forgotten = self.base.stream("label_bias").random(len(y)) < self.strengths["label_bias"]
            y[forgotten & (self.base.table[column] == level).to_numpy()] = 0
        if "label_noise" in active:
            y ^= self.base.stream("label_noise").random(len(y)) < self.strengths["label_noise"]
        return y

    def masks(self):
        """Return for each defect the rows whose recorded outcome is due to it."""
        names = list(self.strengths)
        masks, everything = {}, self.recorded(names)
        for k, name in enumerate(names):
            without = self.recorded([other for other in names if other != name])
            step = self.recorded(names[:k]) != self.recorded(names[: k + 1])
            masks[name] = (everything != without) | step
        return masks

    def population_values(self):
        """Return prevalence and AUC of the true risk in the population."""
        encounters, score, effect = reference(self.base.population)
        added = self.base.patient_sd * effect + self._offsets(self.strengths, encounters)
        risk = self.model(self.strengths).risk(score, added)
        return float(risk.mean()), expected_auc(risk, risk)

    def site_intercepts(self):
        """Return the log-odds that `site_shift` adds at each site, in order of the site codes."""
        n_sites = self.base.population.n_sites
        if n_sites < 2:
            raise InputError("defect 'site_shift' needs n_sites of 2 or more.")
        score = self.base.stream("site_shift").permutation(np.linspace(-1, 1, n_sites))
        share = site_shares(n_sites)
        score -= (share * score).sum()
        return self.strengths["site_shift"] * score / np.sqrt((share * score**2).sum())

    def _offsets(self, active, encounters):
        offset = np.zeros(len(encounters.table))
        if "risk_gap" in active:
            column, level = GAP_GROUP
            offset += self.strengths["risk_gap"] * (encounters.table[column] == level).to_numpy()
        if "site_shift" in active:
            offset += self.site_intercepts()[encounters.site]
        return offset

    def _comfort_rows(self):
        if "ineligible" not in self.strengths:
            return np.array([], dtype=int)
        risk = self.base.risk()
        size = round(self.strengths["ineligible"] * len(risk))
        rng = self.base.stream("ineligible")
        return np.sort(rng.choice(len(risk), size=size, replace=False, p=risk / risk.sum()))
