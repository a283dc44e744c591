"""Simulated patients with known truth: for tests, examples and demonstrations."""

from healthml.datasets._simulate import make_ehr_cohort
from healthml.datasets._truth import Cohort, Truth

__all__ = ["Cohort", "Truth", "make_ehr_cohort"]
