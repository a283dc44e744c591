"""Typed results (numbers with operators, units and words) read as numbers."""
