"""What would help: classifiers that treat groups, each with a table of before and after."""

from healthml.fairness._mitigation.change import GroupChangeResult
from healthml.fairness._mitigation.fairlearn_bridge import FairlearnClassifier
from healthml.fairness._mitigation.recalibrated import GroupRecalibratedClassifier
from healthml.fairness._mitigation.reweighed import ReweighedClassifier
from healthml.fairness._mitigation.threshold import GroupThreshold

__all__ = [
    "FairlearnClassifier",
    "GroupChangeResult",
    "GroupRecalibratedClassifier",
    "GroupThreshold",
    "ReweighedClassifier",
]
