"""What pooling can be asked for, and how few studies are too few."""

import numpy as np
from scipy.special import expit

from healthml.exceptions import InputError
from healthml.meta_analysis._heterogeneity import RANDOM

METHODS = (*RANDOM, "FE")

TESTS, PREDICTIONS = ("knha", "z"), ("t(k-2)", "metafor")

SEARCHES = ("metafor", "exact")

# Studies without which nothing is pooled, and below which the note warns: with 2, Hartung and
# Knapp's t has 1 degree of freedom and no prediction interval exists; from 5 on the between-study
# variance is still a guess, as the result says. Chosen by judgement.
FEWEST, FEW = 3, 5

BACK = {"identity": lambda x: x, "log": np.exp, "logit": expit}


def check_words(method, test, prediction, scale="identity", search="exact"):
    """Refuse a word that stands for nothing."""
    known = {
        "method": (method, METHODS),
        "test": (test, TESTS),
        "prediction": (prediction, PREDICTIONS),
        "scale": (scale, tuple(BACK)),
        "search": (search, SEARCHES),
    }
    for name, (value, allowed) in known.items():
        if value not in allowed:
            choices = ", ".join(map(repr, allowed))
            raise InputError(f"{name} is {value!r}; choose one of {choices}.")
