"""The table of an imputer: its cells, design matrices, groups and skewed columns."""
