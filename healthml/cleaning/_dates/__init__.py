"""Dates written as text, read column by column, and the order of events."""
