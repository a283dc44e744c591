"""Labels that the other patients contradict."""

from healthml.cleaning._labels.audit import LabelAudit
from healthml.cleaning._labels.noise import noise_posterior
from healthml.cleaning._labels.result import LabelAuditResult, result_of

__all__ = ["LabelAudit", "LabelAuditResult", "noise_posterior", "result_of"]
