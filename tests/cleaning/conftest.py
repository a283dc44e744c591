"""A simulated clean table: everything in it is what it looks like."""

import numpy as np
import pandas as pd
import pytest


def clean_table(seed=0, n=1500):
    """Return a table without any defect and its outcome."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": np.clip(rng.normal(68, 15, n), 18, 104).round(),
            "sex": rng.integers(0, 2, n),
            "race": rng.choice(["White", "Black", "Asian", "Other"], n, p=[0.6, 0.2, 0.1, 0.1]),
            "n_prior_admissions": rng.poisson(0.7, n),
            "n_emergency_visits": rng.negative_binomial(1, 0.5, n),
            "base_excess": rng.normal(-1, 4, n).round(),
            "z_score": rng.normal(size=n),
            "killip": rng.integers(0, 4, n),
            "oldpeak": np.where(rng.random(n) < 0.4, 0, rng.gamma(1.5, 0.8, n)).round(1),
            "troponin_t": np.exp(rng.normal(-4, 1.3, n)).round(2),
            "bilirubin": np.exp(rng.normal(-0.3, 0.8, n)).round(1),
            "urine": np.where(rng.random(n) < 0.02, 0, rng.gamma(4, 450, n)).round(),
            "gcs": rng.choice(np.arange(3, 16), n, p=np.r_[np.full(12, 0.03), 0.64]),
            "pain": rng.integers(0, 10, n),
            "n_diagnoses": np.minimum(rng.poisson(7, n) + 1, 9),
            "heart_rate": rng.normal(88, 18, n).round(),
            "sbp": (rng.normal(128, 22, n) / 2).round() * 2,
            "sbp_rounded": (rng.normal(128, 22, n) / 10).round() * 10,
            "temperature": rng.normal(37, 0.6, n).round(1),
            "spo2": np.minimum(100, rng.normal(96.5, 2, n).round()),
            "creatinine": np.exp(rng.normal(0.1, 0.5, n)).round(2),
            "weight": np.exp(rng.normal(4.35, 0.2, n)).round(1),
            "charges": np.exp(rng.normal(9, 1.2, n)).round(),
            "trend": rng.choice([-1, 0, 1], n, p=[0.2, 0.6, 0.2]),
            "likert": rng.integers(1, 8, n),
            "fio2": rng.choice([21, 28, 35, 40, 50, 60, 100], n, p=[0.5, *[0.1] * 4, 0.05, 0.05]),
            "fraction": rng.beta(2, 5, n),
            "los": rng.geometric(0.15, n),
            "dose": np.where(rng.random(n) < 0.7, 0, rng.choice([81, 325], n)),
            "heavy_tail": np.exp(rng.standard_t(3, n)),
            "lactate": np.where(rng.random(n) < 0.2, np.nan, np.exp(rng.normal(0.5, 0.5, n))),
            "diagnosis": rng.choice(["I21.4", "A41.9", "J18.9"], n),
        }
    )
    log_odds = -2 + 0.03 * (frame["age"] - 68) + np.log(frame["creatinine"] + 0.1)
    return frame, (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int).to_numpy()


@pytest.fixture
def clean():
    return clean_table()


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def make_clean():
    return clean_table
