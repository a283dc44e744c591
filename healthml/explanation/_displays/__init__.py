"""Pictures of explanations; the sign stands in words and hatching, never in colour alone."""

from healthml.explanation._displays.one_row import draw_reasons, waterfall
from healthml.explanation._displays.overview import bars, beeswarm, dependence
from healthml.explanation._displays.words import (
    SCALE_WORDS,
    is_uncertain_cell,
    player_label,
    signed,
    value_text,
)

__all__ = [
    "SCALE_WORDS",
    "bars",
    "beeswarm",
    "dependence",
    "draw_reasons",
    "is_uncertain_cell",
    "player_label",
    "signed",
    "value_text",
    "waterfall",
]
