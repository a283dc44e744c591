"""Optimism-corrected performance: methods, corrections, tables."""
