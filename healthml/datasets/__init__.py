"""Simulated patients with known truth, and public clinical tables that are fetched on request."""

from healthml.datasets._fetch import (
    PublicTable,
    fetch_diabetes130,
    fetch_heart_disease,
    fetch_support2,
)
from healthml.datasets._simulate import make_ehr_cohort
from healthml.datasets._truth import Cohort, Truth

__all__ = [
    "Cohort",
    "PublicTable",
    "Truth",
    "fetch_diabetes130",
    "fetch_heart_disease",
    "fetch_support2",
    "make_ehr_cohort",
]
