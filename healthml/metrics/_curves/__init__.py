"""Curves: calibration, ROC, decision, thresholds, distribution of risks."""
