"""Simulated encounters: patients who come back, sites, years, and correlated measurements."""

import zlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

# How far the sites' severity lies apart, in standard deviations of severity. Chosen by judgement so
# that sites differ visibly in case mix; moved up, rates by site differ more. The shares below are
# rough ones of a US inpatient population, and no check is tuned to them.
SITE_SPREAD = 0.35
# Level -> share of the patients.
ETHNICITY = {"White": 0.58, "Black": 0.18, "Hispanic": 0.13, "Asian": 0.07, "Other": 0.04}
# Level -> share of the encounters.
ADMISSION_TYPE = {"Emergency": 0.55, "Urgent": 0.25, "Elective": 0.20}
# Level -> share of the encounters.
ADMISSION_SOURCE = {
    "Emergency department": 0.55,
    "Clinic referral": 0.25,
    "Transfer from hospital": 0.12,
    "Nursing facility": 0.08,
}
# Level -> share of the encounters.
CODE_STATUS = {"Full code": 0.88, "DNR": 0.12}


@dataclass(frozen=True)
class Measure:
    """One vital sign or laboratory value: its distribution, digits and links to the factors.

    `shape` is "normal" (centre, spread), "lognormal" (median, standard deviation of the log),
    "deficit" (a lognormal distance below `upper`) or "score" (mostly `upper`, a tail below it).
    """

    name: str
    unit: str
    shape: str
    centre: float
    spread: float
    limits: tuple
    digits: int
    loadings: dict = field(default_factory=dict)
    male: float = 0.0

    def values(self, z, male):
        """Turn standard normal scores into values in the unit of the column."""
        low, high = self.limits
        if self.shape == "normal":
            value = self.centre + self.male * male + self.spread * z
        elif self.shape == "lognormal":
            value = self.centre * np.exp(self.male * male + self.spread * z)
        elif self.shape == "deficit":
            value = high - self.centre * np.exp(-self.spread * z)
        else:
            value = high - np.ceil(self.spread * np.maximum(-z - self.centre, 0))
        return np.clip(np.round(value, self.digits), low, high)


# Name, unit, family, centre, spread, limits, digits and links of each measure. Round figures of
# adult inpatients, by judgement, not by simulation or from one source; they are what is simulated,
# and moving one changes every cohort.
MEASURES = (
    Measure("heart_rate", "/min", "normal", 86, 16, (30, 200), 0, {"severity": 0.55}),
    Measure("sbp", "mm[Hg]", "normal", 128, 21, (55, 240), 0, {"severity": -0.45}),
    Measure("resp_rate", "/min", "lognormal", 18, 0.22, (6, 55), 0, {"severity": 0.5}),
    Measure("temperature", "Cel", "normal", 36.9, 0.6, (33, 41.5), 1, {"severity": 0.25}),
    Measure("spo2", "%", "deficit", 4, 0.45, (60, 100), 0, {"severity": -0.45}),
    Measure("gcs_total", "{score}", "score", 0.8, 3, (3, 15), 0, {"severity": -0.5}),
    Measure("creatinine", "mg/dL", "lognormal", 0.9, 0.42, (0.2, 20), 2, {"renal": 0.8}, 0.15),
    Measure("bun", "mg/dL", "lognormal", 19, 0.5, (2, 190), 0, {"renal": 0.75, "severity": 0.25}),
    Measure("sodium", "mmol/L", "normal", 138, 4, (112, 170), 0),
    Measure("potassium", "mmol/L", "normal", 4.1, 0.5, (1.8, 8.5), 1, {"renal": 0.4}),
    Measure("lactate", "mmol/L", "lognormal", 1.5, 0.48, (0.3, 25), 1, {"severity": 0.65}),
    Measure("wbc", "10*3/uL", "lognormal", 9.2, 0.4, (0.3, 120), 1, {"severity": 0.4}),
    Measure("hemoglobin", "g/dL", "normal", 11.5, 1.7, (4, 20), 1, {"frailty": -0.5}, 1.2),
    Measure("platelets", "10*3/uL", "lognormal", 225, 0.36, (8, 1500), 0, {"hepatic": -0.35}),
    Measure(
        "albumin", "g/dL", "normal", 3.5, 0.55, (1, 5.8), 1, {"frailty": -0.5, "severity": -0.35}
    ),
    Measure("bilirubin_total", "mg/dL", "lognormal", 0.7, 0.6, (0.1, 50), 1, {"hepatic": 0.7}),
    Measure("glucose", "mg/dL", "lognormal", 126, 0.33, (35, 900), 0),
)
MEASURE = {measure.name: measure for measure in MEASURES}
# The laboratory values; the first six measures are vital signs.
LABS = tuple(measure.name for measure in MEASURES[6:])


@dataclass(frozen=True)
class Streams:
    """Random streams by name: what one stream draws never depends on another."""

    seed: int

    def __call__(self, name):
        """Return a fresh generator for `name`, always at its beginning."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Population:
    """The settings of the population that encounters are drawn from."""

    encounters_per_patient: float = 1.7
    patient_correlation: float = 0.5
    n_sites: int = 5
    years: tuple = (2016, 2022)


@dataclass(frozen=True)
class Encounters:
    """Drawn encounters: predictors, and the patient (as a code), site (as a code) and year."""

    table: pd.DataFrame
    patient: np.ndarray
    site: np.ndarray
    year: np.ndarray


def site_shares(n_sites):
    """Return the share of patients of each site, the largest first."""
    weight = 0.75 ** np.arange(n_sites)
    return weight / weight.sum()


def draw_encounters(n, population, streams):
    """Draw `n` encounters, in order of year."""
    patient, frailty = _visits(n, population, streams)
    year = _years(patient, population, streams)
    patients = _patients(n, frailty, population, streams)
    table = _history(patient, year, patients, streams)
    table |= _admissions(n, streams)
    table |= _measurements(patient, patients, population.patient_correlation, streams)
    order = streams("order").permutation(n)
    order = order[np.argsort(year[order], kind="stable")]
    frame = pd.DataFrame({name: values[order] for name, values in table.items()})
    return Encounters(frame, patient[order], patients["site"][patient][order], year[order])


def _visits(n, population, streams):
    """Draw patients until there are `n` encounters; sicker patients come back more often."""
    frailty = streams("frailty").standard_normal(n)
    extra = (population.encounters_per_patient - 1) * np.exp(0.5 * frailty - 0.125)
    counts = streams("visits").geometric(1 / (1 + extra))
    return np.repeat(np.arange(n), counts)[:n], frailty


def _years(patient, population, streams):
    first, last = population.years
    year = streams("year").integers(first, last + 1, size=len(patient))
    return year[np.lexsort((year, patient))]


def _patients(n, frailty, population, streams):
    """Draw what stays with a patient: home site, sex, ethnicity, age, number of illnesses."""
    site = streams("site").choice(population.n_sites, size=n, p=site_shares(population.n_sites))
    mix = _case_mix(population.n_sites)[site]
    span = population.years[1] - population.years[0]
    age = _bounded_age(64 + 8 * mix, 15, 18 + span, 100 - span, streams("age"))
    illnesses = np.exp(0.3 + 0.4 * frailty + 0.015 * (age - 64))
    return {
        "site": site,
        "mix": mix,
        "age": age,
        "frailty": frailty,
        "male": streams("sex").random(n) < 0.5,
        "ethnicity": _pick(ETHNICITY, n, streams("ethnicity")),
        "illnesses": np.minimum(streams("illnesses").poisson(illnesses), 12),
    }


def _bounded_age(mean, spread, low, high, rng):
    """Draw from a normal distribution cut off at both ends, without heaps there."""
    below, above = ndtr((low - mean) / spread), ndtr((high - mean) / spread)
    return mean + spread * ndtri(below + (above - below) * rng.random(len(mean)))


def _case_mix(n_sites):
    """Return the sites' mean severity, spread evenly, unrelated to their size."""
    if n_sites == 1:
        return np.zeros(1)
    mix = np.linspace(-SITE_SPREAD, SITE_SPREAD, n_sites)
    return np.concatenate([mix[1::2], mix[::2]])


def _pick(shares, n, rng):
    levels = np.array(list(shares), dtype=object)
    return levels[rng.choice(len(levels), size=n, p=list(shares.values()))]


MOST_PRIOR = 15  # admissions of a year that are counted: no hospital has more; by judgement


def _history(patient, year, patients, streams):
    n_visits = np.bincount(patient)
    middle = np.bincount(patient, weights=year) / np.maximum(n_visits, 1)
    birth = np.floor(middle - patients["age"][: len(middle)]).astype(np.int64)
    prior = streams("prior_admissions").poisson(np.exp(-0.5 + 0.5 * patients["frailty"][patient]))
    return {
        "age": year - birth[patient],
        "sex": np.where(patients["male"][patient], "M", "F").astype(object),
        "ethnicity": patients["ethnicity"][patient],
        "comorbidity_count": patients["illnesses"][patient],
        "prior_admissions_12m": np.minimum(prior, MOST_PRIOR),
    }


def _admissions(n, streams):
    return {
        "admission_type": _pick(ADMISSION_TYPE, n, streams("admission_type")),
        "admission_source": _pick(ADMISSION_SOURCE, n, streams("admission_source")),
        "code_status": _pick(CODE_STATUS, n, streams("code_status")),
    }


def _measurements(patient, patients, correlation, streams):
    """Draw vital signs and labs: shared factors, and a part that stays with the patient."""

    def score(name, stays=None):
        if stays is None:
            stays = streams(f"patient:{name}").standard_normal(len(patients["site"]))
        changes = streams(f"encounter:{name}").standard_normal(len(patient))
        return np.sqrt(correlation) * stays[patient] + np.sqrt(1 - correlation) * changes

    factors = {name: score(name) for name in ("severity", "renal", "hepatic")}
    factors["severity"] += patients["mix"][patient]
    factors["frailty"] = score("frailty", patients["frailty"])
    male = patients["male"][patient]
    values = {}
    for measure in MEASURES:
        own = 1 - sum(loading**2 for loading in measure.loadings.values())
        z = np.sqrt(own) * score(measure.name)
        for name, loading in measure.loadings.items():
            z = z + loading * factors[name]
        values[measure.name] = measure.values(z, male)
    return values
