"""Columns that say what was missing."""
