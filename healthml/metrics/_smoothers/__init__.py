"""Smooth curves of an outcome over a risk."""
