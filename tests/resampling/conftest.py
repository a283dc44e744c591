"""Small tables with a rare outcome."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def rare():
    """Return X (a frame), y (about 9% events) and the patient of each row (2 rows each)."""
    rng = np.random.default_rng(7)
    n = 800
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=["age", "lactate", "sodium", "crp"])
    risk = 1 / (1 + np.exp(-(-2.8 + X["lactate"] + 0.7 * X["age"])))
    y = (rng.random(n) < risk).astype(int).to_numpy()
    return X, y, np.arange(n) // 2
