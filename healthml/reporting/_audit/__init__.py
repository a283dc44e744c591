"""The main job: all checks asked in order, and their answers gathered into one report."""

from healthml.reporting._audit.entry_points import audit, audit_predictions

__all__ = ["audit", "audit_predictions"]
