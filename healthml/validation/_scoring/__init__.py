"""Scores of resamples and folds, and their intervals."""
