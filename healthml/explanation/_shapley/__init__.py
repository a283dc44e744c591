"""Interventional Shapley values in the user's columns: exact where possible, else sampled."""

from healthml.explanation._shapley.exact import BatchValues, form_shapley
from healthml.explanation._shapley.games import (
    EncodedGame,
    FormGame,
    TableGame,
    linear_shares,
)
from healthml.explanation._shapley.pairs import coalition_weights, count_out, sample
from healthml.explanation._shapley.pool import Pool, cell_codes, join_rows, owners, player_codes

__all__ = [
    "BatchValues",
    "EncodedGame",
    "FormGame",
    "Pool",
    "TableGame",
    "cell_codes",
    "coalition_weights",
    "count_out",
    "form_shapley",
    "join_rows",
    "linear_shares",
    "owners",
    "player_codes",
    "sample",
]
