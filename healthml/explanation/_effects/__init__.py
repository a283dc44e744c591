"""The model as a whole: effects of columns, their interactions, and a small tree in its place."""

from healthml.explanation._effects.effect_curve import EffectCurveResult, effect_curve
from healthml.explanation._effects.interactions import InteractionResult, interaction_strength
from healthml.explanation._effects.surrogate import SurrogateResult, surrogate

__all__ = [
    "EffectCurveResult",
    "InteractionResult",
    "SurrogateResult",
    "effect_curve",
    "interaction_strength",
    "surrogate",
]
