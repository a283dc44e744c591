"""Spellings, typing errors and codes of text levels, brought to one form."""

from healthml.cleaning._categories.code_checker import CodeChecker
from healthml.cleaning._categories.normalizer import CategoryNormalizer
from healthml.cleaning._categories.renamed_levels import renamed_levels

__all__ = ["CategoryNormalizer", "CodeChecker", "renamed_levels"]
