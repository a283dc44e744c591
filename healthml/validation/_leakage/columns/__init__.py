"""Columns that tell the outcome: known too late, made from it, or too good alone."""
