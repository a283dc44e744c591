"""Rows that tell the outcome: repeated, made, or in an order that shows it."""
