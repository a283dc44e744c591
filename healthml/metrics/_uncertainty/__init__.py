"""Intervals of measures: closed forms, DeLong, bootstrap."""
