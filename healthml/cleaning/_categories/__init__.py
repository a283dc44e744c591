"""Spellings, typing errors and codes of text levels, brought to one form."""
