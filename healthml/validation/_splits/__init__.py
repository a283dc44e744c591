"""Splits that keep a patient on one side."""
