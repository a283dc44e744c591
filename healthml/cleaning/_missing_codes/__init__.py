"""Words, levels and numbers that stand for a missing value."""
