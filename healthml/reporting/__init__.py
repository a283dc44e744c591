"""The main job: judge a clinical prediction model and say what must be settled first."""

from healthml.reporting._audit import audit, audit_predictions
from healthml.reporting._compare import ReportComparisonResult, compare
from healthml.reporting._format import json_schema
from healthml.reporting._items import ItemMapResult, ModelCardResult
from healthml.reporting._report import AuditReport
from healthml.reporting._table_one import table_one

__all__ = [
    "AuditReport",
    "ItemMapResult",
    "ModelCardResult",
    "ReportComparisonResult",
    "audit",
    "audit_predictions",
    "compare",
    "json_schema",
    "table_one",
]
