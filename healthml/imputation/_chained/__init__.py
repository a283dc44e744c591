"""Chained equations: the imputer, its plan and its new rows."""
