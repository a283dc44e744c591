"""Strata without events, whatever their levels are made of."""

import numpy as np
import pandas as pd

import healthml


def test_levels_that_are_whole_numbers():
    rng = np.random.default_rng(0)
    n = 2000
    ward = rng.integers(1, 11, n)
    age = rng.normal(60, 10, n)
    y = ((rng.uniform(size=n) < 0.3) & (ward != 7)).astype(int)
    X = pd.DataFrame({"ward_code": ward, "age": age})
    report = healthml.audit(None, X, y, random_state=0, n_repeats=1)
    strata = report.section("strata").tables[0][1]
    assert strata[["column", "level", "n_events"]].values.tolist() == [["ward_code", 7, 0]]
    assert "HM103" in report.codes()
