import numpy as np
import pandas as pd

from healthml.cleaning import quality_report

OUTCOME, MISSING = "row_order_outcome", "row_order_missing"


def test_no_association_in_a_shuffled_file(clean):
    X, y = clean
    assert quality_report(X, y=y).select(OUTCOME, MISSING).empty


def test_an_outcome_that_follows_the_file_order(rng):
    n = 1000
    y = (rng.random(n) < np.linspace(0.05, 0.6, n)).astype(int)
    table = quality_report(pd.DataFrame({"x": rng.normal(size=n)}), y=y).select(OUTCOME)
    assert table["column"].tolist() == [""]
    assert table["estimate"].item() > 0.2
    assert table["n_cells"].item() == y.sum()


def test_missing_cells_that_follow_the_file_order(rng):
    n = 2000
    X = pd.DataFrame({"lab": rng.normal(size=n), "other": rng.normal(size=n)})
    X.loc[:600, "lab"] = np.nan
    X.loc[rng.random(n) < 0.3, "other"] = np.nan
    table = quality_report(X).select(MISSING)
    assert table["column"].tolist() == ["lab"]
    assert table["n_cells"].item() == 601


def test_codes_count_as_missing(rng):
    n = 2000
    albumin = rng.normal(3.5, 0.5, n).round(1)
    albumin[:500] = -1
    table = quality_report(pd.DataFrame({"albumin": albumin})).select(MISSING)
    assert table["column"].tolist() == ["albumin"]


def test_rows_of_one_patient_stand_together(rng):
    """Clustered rows make a naive test shout; one row per patient does not."""
    groups = np.repeat(np.arange(100), 20)
    y = np.repeat((rng.random(100) < 0.3).astype(int), 20)
    X = pd.DataFrame({"x": rng.normal(size=2000)})
    assert len(quality_report(X, y=y).select(OUTCOME)) == 1
    assert quality_report(X, y=y, groups=groups).select(OUTCOME).empty


def test_few_rows_and_few_events_make_no_claim(rng):
    y = np.zeros(600, dtype=int)
    y[:6] = 1
    assert quality_report(pd.DataFrame({"x": rng.normal(size=600)}), y=y).select(OUTCOME).empty
    y = np.repeat([1, 0], 50)
    assert quality_report(pd.DataFrame({"x": rng.normal(size=100)}), y=y).select(OUTCOME).empty


def test_false_alarms_are_rare():
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(np.where(rng.random((800, 10)) < 0.2, np.nan, rng.normal(size=(800, 10))))
        y = (rng.random(800) < 0.2).astype(int)
        found += len(quality_report(X, y=y).select(OUTCOME, MISSING))
    assert found <= 1
