"""Two reports beside each other: paired where they judge the same rows, and said why where not."""

import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from healthml import audit_predictions
from healthml.exceptions import InputError
from healthml.metrics import compare_performance
from healthml.reporting import AuditReport, compare
from healthml.reporting._judged import JudgedRows, _content

RNG = np.random.default_rng(5)
RISK = RNG.uniform(0.05, 0.6, 400)
Y = (RNG.uniform(size=400) < RISK).astype(int)
WORSE = np.clip(RISK + RNG.normal(0, 0.15, 400), 0.01, 0.99)


@pytest.fixture(scope="module")
def old():
    return audit_predictions(Y, WORSE, random_state=0)


@pytest.fixture(scope="module")
def new():
    return audit_predictions(Y, RISK, random_state=0)


def test_paired_differences_are_those_of_the_metrics_room(old, new):
    result = compare(old, new)
    assert result.paired
    row = result.table.set_index("measure").loc["auroc"]
    pair = compare_performance(Y, {"new": RISK, "old": WORSE}, measures=["auroc"]).table
    theirs = pair.iloc[0]
    mine = row[["difference", "lower", "upper"]].to_numpy(float)
    np.testing.assert_allclose(np.abs(mine[0]), abs(theirs["estimate"]), atol=1e-12)
    assert mine[0] == pytest.approx(row["second"] - row["first"], abs=1e-12)
    apart = np.hypot(row["first_upper"] - row["first"], row["second_upper"] - row["second"])
    assert mine[2] - mine[0] < 0.8 * apart  # a patient is compared with itself


def test_measures_nearer_to_one_have_no_difference(old, new):
    table = compare(old, new).table.set_index("measure")
    assert table.loc[["oe_ratio", "calibration_slope"], "difference"].isna().all()
    assert table.loc["net_benefit_per_1000", "difference"] == pytest.approx(
        table.loc["net_benefit_per_1000", "second"] - table.loc["net_benefit_per_1000", "first"]
    )


def test_other_thresholds_give_no_difference_of_net_benefit(old):
    other = audit_predictions(Y, RISK, threshold_range=(0.1, 0.2), random_state=0)
    table = compare(old, other).table.set_index("measure")["difference"]
    assert np.isnan(table["net_benefit_per_1000"])
    assert np.isfinite(table["auroc"])


def test_a_report_from_a_file_or_a_pickle_is_not_paired_and_holds_no_rows(old, new, tmp_path):
    path = tmp_path / "old.json"
    old.to_json(path)
    stored = pickle.loads(pickle.dumps(old))
    assert stored.judged is None
    for source in (path, str(path), stored):
        result = compare(source, new)
        assert not result.paired
        assert "holds no rows" in result.summary()
        assert result.table["difference"].isna().all()
        np.testing.assert_allclose(result.table["first"], compare(old, new).table["first"])


def _rows(**changes):
    y = np.array([0, 1, 0, 1])
    given = {
        "y": y,
        "groups": None,
        "risk": y[None] * 0.5,
        "folds": np.array([[0, 1, 0, 1]]),
        "thresholds": np.array([0.1]),
        "columns": {"age": 1, "sex": 2},
    }
    return JudgedRows(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"columns": {"age": 1, "lactate": 5}}, ""),
        ({"columns": {}}, ""),
        ({"y": np.array([0, 1, 0])}, "numbers of rows"),
        ({"y": np.array([1, 0, 0, 1])}, "outcomes"),
        ({"groups": np.arange(4)}, "patients"),
        ({"columns": {"age": 3, "sex": 2}}, "other contents"),
        ({"columns": {"lactate": 5}}, "share no column"),
        ({"folds": None}, "refitted"),
        ({"folds": np.array([[1, 0, 0, 1]])}, "splits differ"),
        ({"folds": np.array([[0, 1, 0, 1]] * 2)}, "splits differ"),
    ],
)
def test_why_rows_are_not_paired(changes, words):
    reason = _rows().why_not_paired(_rows(**changes))
    assert words in reason
    assert bool(reason) == bool(words)


def test_the_content_of_a_column_is_told_by_its_values_and_their_order():
    ages = pd.Series([30, 41, 30])
    same = [ages.astype(float), ages.astype("Int64"), ages.set_axis([7, 8, 9])]
    assert {_content(s) for s in same} == {_content(ages)}
    assert _content(pd.Series([41, 30, 30])) != _content(ages)
    assert _content(pd.Series(["a", "b"])) == _content(pd.Series(["a", "b"], dtype="category"))
    assert _content(pd.Series(["a", None])) != _content(pd.Series(["a", "b"]))


def test_findings_say_what_came_and_went(old, new):
    doubled = audit_predictions(Y, np.clip(WORSE * 1.6, 0, 0.99), random_state=0)
    result = compare(doubled, new)
    severities = result.findings.set_index("code")
    assert severities.loc["HM408", "first"] == "serious"
    assert severities.loc["HM408", "second"] == ""
    assert "HM408" in result.summary()
    assert "serious -> not found" in result.summary()
    assert "The same findings in both." in compare(new, new).summary()


def test_picture_and_notebook(old, new):
    ax = compare(old, new).plot()
    assert ax.get_title() == "paired"
    assert "<table" in compare(old, new)._repr_html_()
    plt.close("all")


def test_what_is_no_report_is_refused(new):
    with pytest.raises(InputError, match="first must be an AuditReport"):
        compare(3, new)
    assert AuditReport.from_json(new.to_json()).judged is None
