"""Draws for one column given the others: linear, logistic, trees, random intercepts."""
