"""Rows that stand twice, link to another table or are dropped before the pipeline."""
