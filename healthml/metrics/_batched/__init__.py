"""Measures of many resamples at once."""
