"""Explanations of single predictions: routes, background, players, cells, refits and the table."""

from healthml.explanation._explain.explain import STABLE, explain
from healthml.explanation._explain.model import link, plain_model, read_model
from healthml.explanation._explain.players import name_players, propose_players
from healthml.explanation._explain.refits import check_refits, check_train, refit_models
from healthml.explanation._explain.result import ExplanationResult, check_row

__all__ = [
    "STABLE",
    "ExplanationResult",
    "check_refits",
    "check_row",
    "check_train",
    "explain",
    "link",
    "name_players",
    "plain_model",
    "propose_players",
    "read_model",
    "refit_models",
]
