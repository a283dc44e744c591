"""Where a gap may come from: who is in the table, what is missing, what is recorded, proxies."""

from healthml.fairness._causes.label_bias import LabelBiasResult, label_bias_audit
from healthml.fairness._causes.missing_values import MissingnessByGroupResult, missingness_by_group
from healthml.fairness._causes.proxies import ProxyResult, proxy_audit
from healthml.fairness._causes.representation import RepresentationResult, representation

__all__ = [
    "LabelBiasResult",
    "MissingnessByGroupResult",
    "ProxyResult",
    "RepresentationResult",
    "label_bias_audit",
    "missingness_by_group",
    "proxy_audit",
    "representation",
]
