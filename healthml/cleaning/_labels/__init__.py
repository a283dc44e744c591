"""Labels that the other patients contradict."""

from healthml.cleaning._labels.audit import LabelAudit
from healthml.cleaning._labels.result import LabelAuditResult, judge_labels

__all__ = ["LabelAudit", "LabelAuditResult", "judge_labels"]
