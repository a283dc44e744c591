"""Draws for one column given the others: linear, logistic, trees, random intercepts."""

from healthml.imputation._draws.chance import GOLDEN_STEP, chance_of, mixed_bits
from healthml.imputation._draws.learners import Cart, Learner, check_learner
from healthml.imputation._draws.logistic import draw_nominal, draw_ordered
from healthml.imputation._draws.methods import PMM, Constant, Levels, Norm
from healthml.imputation._draws.random_intercept import RandomIntercept
from healthml.imputation._draws.shifted import Shifted

__all__ = [
    "GOLDEN_STEP",
    "PMM",
    "Cart",
    "Constant",
    "Learner",
    "Levels",
    "Norm",
    "RandomIntercept",
    "Shifted",
    "chance_of",
    "check_learner",
    "draw_nominal",
    "draw_ordered",
    "mixed_bits",
]
