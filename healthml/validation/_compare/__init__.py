"""Procedures compared: with rivals, with simple references, with more patients, with chance."""
