"""Performance by encounter and by patient."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from healthml.exceptions import InputError
from healthml.metrics import performance
from healthml.validation._transport.encounters import encounter_performance


@pytest.fixture(scope="module")
def encounters():
    """Return (y, risk, groups=groups, time): frequent patients have risks that are too low."""
    rng = np.random.default_rng(9)
    count = rng.integers(1, 9, 150)
    groups = rng.permutation(np.repeat(np.arange(150), count))
    risk = np.clip(rng.uniform(0.1, 0.5, 150)[groups] + rng.normal(0, 0.05, len(groups)), 0.01, 0.9)
    y = (rng.uniform(size=len(groups)) < np.clip(risk * (0.7 + 0.1 * count[groups]), 0, 1)).astype(
        int
    )
    return y, risk, groups, rng.permutation(len(groups)).astype(float)


@pytest.fixture(scope="module")
def found(encounters):
    y, risk, groups, time = encounters
    return encounter_performance(y, risk, groups=groups, time=time)


def test_each_view_weighs_as_it_says(encounters, found):
    y, risk, groups, time = encounters
    weight = 1 / np.bincount(groups)[groups]
    assert weight.sum() == pytest.approx(150)
    order = np.argsort(time)
    first = [order[groups[order] == g][0] for g in range(150)]
    last = [order[groups[order] == g][-1] for g in range(150)]
    expected = {
        "encounters": (slice(None), None),
        "patients": (slice(None), weight),
        "first encounter": (first, None),
        "last encounter": (last, None),
    }
    assert found.table["view"].unique().tolist() == list(expected)
    for view, (rows, w) in expected.items():
        area = roc_auc_score(y[rows], risk[rows], sample_weight=w)
        assert found.get(view)["estimate"] == pytest.approx(area)
        ratio = np.average(y[rows], weights=w) / np.average(risk[rows], weights=w)
        row = found.get(view, "oe_ratio")
        assert row["estimate"] == pytest.approx(ratio)
        assert (row["n_patients"], row["n_samples"]) == (150, len(y[rows]))
        assert row["lower"] < ratio < row["upper"]
    encounter, patient = (found.get(v, "oe_ratio")["estimate"] for v in ("encounters", "patients"))
    assert encounter > patient + 0.05  # frequent patients weigh more by encounter


def test_intervals_are_for_patients(encounters, found):
    y, risk, groups, _ = encounters
    expected = performance(y, risk, groups=groups, measures=["auroc"]).table.iloc[0]
    row = found.get()
    assert (row["lower"], row["upper"]) == (expected["lower"], expected["upper"])
    assert row["method"].startswith("Obuchowski")
    twice = encounter_performance(
        np.r_[y, y], np.r_[risk, risk], groups=np.r_[groups, groups], measures="auroc"
    )
    for view in ("encounters", "patients"):  # every row twice tells nothing new
        a, b = found.get(view), twice.get(view)
        np.testing.assert_allclose(b[["lower", "upper"]].tolist(), a[["lower", "upper"]].tolist())


def test_new_and_returning_patients(encounters):
    y, risk, groups, _ = encounters
    seen = groups < 100
    found = encounter_performance(y, risk, groups=groups, seen=seen, measures=["auroc"])
    assert found.table["population"].unique().tolist() == ["all", "new", "returning"]
    for population, rows in (("new", ~seen), ("returning", seen)):
        row = found.get(population=population)
        assert row["estimate"] == pytest.approx(roc_auc_score(y[rows], risk[rows]))
        assert row["n_patients"] == len(set(groups[rows]))
    nobody = encounter_performance(
        y, risk, groups=groups, seen=np.zeros(len(y)), measures=["auroc"]
    )
    row = nobody.get(population="returning")
    assert (row["n_samples"], row["reason"]) == (0, "no rows")
    with pytest.raises(InputError, match="seen must be True or False"):
        encounter_performance(y, risk, groups=groups, seen=seen.astype(float) * 2)


def test_dates_ties_and_labels(encounters):
    y, risk, groups, time = encounters
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.zeros(len(y)), unit="D")
    found = encounter_performance(
        np.where(y == 1, "died", "lived"),
        risk,
        groups=groups,
        time=dates,
        event="died",
        measures="brier",
    )
    first = pd.Series(np.arange(len(y))).groupby(groups).first()  # equal times: as the rows stand
    expected = np.mean((y[first] - risk[first]) ** 2)
    assert found.get("first encounter", "brier")["estimate"] == pytest.approx(expected)
    with pytest.raises(InputError, match="no row with"):
        found.get("first encounter", "auroc")
    with pytest.raises(InputError, match="time is missing in 1 rows"):
        encounter_performance(y, risk, groups=groups, time=np.where(time == 3, np.nan, time))


def test_a_plot_has_a_line_for_each_view(found):
    ax = found.plot(measure="oe_ratio")
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["encounters", "patients", "first encounter", "last encounter"]
