"""Whether a row is like the rows that a model was fitted on, and what follows where it is not."""

from healthml.explanation._domain.abstaining import AbstainingClassifier
from healthml.explanation._domain.domain import ApplicabilityDomain, DomainResult

__all__ = ["AbstainingClassifier", "ApplicabilityDomain", "DomainResult"]
