"""Logistic regressions of many resamples at once."""
