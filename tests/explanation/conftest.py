"""Tables of mixed columns, and exact values by brute force, written apart from the library."""

from itertools import product
from math import factorial

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS, WORDS = ["age", "lactate", "sbp"], ["sex", "ward"]


def mixed_rows(n=240, seed=0):
    """Return numbers and words with gaps, and an outcome that depends on them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.normal(60, 10, n).round(),
            "lactate": rng.gamma(2, 1, n),
            "sex": rng.choice(["f", "m"], n),
            "ward": rng.choice(["a", "b", "c"], n),
            "sbp": rng.normal(120, 20, n),
        }
    )
    score = (X["age"] - 60) / 10 + X["lactate"] - 3 + (X["sex"] == "m") * (X["sbp"] > 120)
    y = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int).to_numpy()
    X.loc[rng.random(n) < 0.15, "lactate"] = np.nan
    X.loc[rng.random(n) < 0.1, "ward"] = None
    return X, y


def encoder():
    """Return an imputing, scaling and one-hot encoding step."""
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS), (words, WORDS)
    )


def enumerate_values(f, rows, background, players=None):
    """Return (base value, values) straight from the definition: every coalition of raw columns."""
    players = players or {name: [name] for name in rows.columns}
    names, p, b = list(players), len(players), len(background)
    coalitions = list(product([False, True], repeat=p))
    values = np.zeros((len(rows), p))
    for i in range(len(rows)):
        tables = [_mixture(rows, background, i, names, c, players) for c in coalitions]
        found = np.asarray(f(pd.concat(tables, ignore_index=True)), dtype=float)
        worth = dict(zip(coalitions, found.reshape(-1, b).mean(axis=1), strict=True))
        for chosen, value in worth.items():
            for j in np.flatnonzero(~np.array(chosen)):
                joined = (*chosen[:j], True, *chosen[j + 1 :])
                s = sum(chosen)
                weight = factorial(s) * factorial(p - s - 1) / factorial(p)
                values[i, j] += weight * (worth[joined] - value)
    return worth[(False,) * p], values


def _mixture(rows, background, i, names, chosen, players):
    """Return the background rows with the chosen players of one explained row."""
    own = {c for name, is_own in zip(names, chosen, strict=True) if is_own for c in players[name]}
    columns = {
        c: (rows[c].iloc[[i] * len(background)] if c in own else background[c]).array
        for c in rows.columns
    }
    return pd.DataFrame(columns)


@pytest.fixture(scope="session")
def mixed():
    """Return X and y of mixed columns."""
    return mixed_rows()


@pytest.fixture(scope="session")
def brute_force():
    """Return the enumerator."""
    return enumerate_values


@pytest.fixture
def encode():
    """Return a maker of encoding steps."""
    return encoder


@pytest.fixture(scope="session")
def make_mixed():
    """Return a maker of tables."""
    return mixed_rows
