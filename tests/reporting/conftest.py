"""Reports that several files of tests look at, made once."""

import numpy as np
import pytest

from healthml import audit, audit_predictions
from healthml.datasets import make_ehr_cohort


@pytest.fixture(scope="session")
def report():
    """Return the report of a whole table with a Schema."""
    cohort = make_ehr_cohort(500, preset="realistic", random_state=0)
    return audit(None, cohort.to_frame(), schema=cohort.schema, n_repeats=1, random_state=0)


@pytest.fixture(scope="session")
def score_report():
    """Return the report of risks alone."""
    rng = np.random.default_rng(0)
    risk = rng.uniform(0.05, 0.6, 400)
    return audit_predictions((rng.uniform(size=400) < risk).astype(int), risk, random_state=0)
