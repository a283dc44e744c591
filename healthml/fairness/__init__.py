"""For whom it works: performance by sensitive group, each with interval and counts."""

from healthml.fairness._along import AlongResult, performance_along
from healthml.fairness._causes import (
    LabelBiasResult,
    MissingnessByGroupResult,
    ProxyResult,
    RepresentationResult,
    label_bias_audit,
    missingness_by_group,
    proxy_audit,
    representation,
)
from healthml.fairness._mitigation import (
    FairlearnClassifier,
    GroupChangeResult,
    GroupRecalibratedClassifier,
    GroupThreshold,
    ReweighedClassifier,
)
from healthml.fairness._performance import GroupPerformanceResult, group_performance

__all__ = [
    "AlongResult",
    "FairlearnClassifier",
    "GroupChangeResult",
    "GroupPerformanceResult",
    "GroupRecalibratedClassifier",
    "GroupThreshold",
    "LabelBiasResult",
    "MissingnessByGroupResult",
    "ProxyResult",
    "RepresentationResult",
    "ReweighedClassifier",
    "group_performance",
    "label_bias_audit",
    "missingness_by_group",
    "performance_along",
    "proxy_audit",
    "representation",
]
