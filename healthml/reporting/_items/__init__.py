"""The same evidence as items of reporting guidelines: TRIPOD+AI, model card, HTI-1."""

from healthml.reporting._items.item import ItemMapResult
from healthml.reporting._items.model_card import ModelCardResult, to_model_card
from healthml.reporting._items.tripod import to_tripod

__all__ = ["ItemMapResult", "ModelCardResult", "to_model_card", "to_tripod"]
