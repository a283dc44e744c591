"""Repeated visits: carried forward, interpolated, summarised."""
