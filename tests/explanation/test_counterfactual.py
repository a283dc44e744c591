"""Other values in declared columns: within their range and direction, the smallest first."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.exceptions import InputError
from healthml.explanation import counterfactual

ROW = pd.DataFrame({"sbp": [160.0], "smokes": ["yes"], "age": [70]})
RANGES = {"sbp": (120, 180), "smokes": ["yes", "no"], "age": (50, 90)}


def risk(table):
    return 0.2 + (table["sbp"] - 120) / 200 + 0.15 * (table["smokes"] == "yes") + table["age"] / 700


def ask(actionable, **options):
    return counterfactual(risk, ROW, actionable=actionable, **({"ranges": RANGES} | options))


def test_only_declared_columns_change_within_range_and_direction():
    table = ask(["sbp", "smokes"], monotone={"sbp": "down"}).table
    assert set(table["columns"]) == {"sbp", "smokes", "sbp and smokes"}
    best = table.iloc[0]
    assert (best["columns"], best["after"]) == ("sbp and smokes", "120, no")
    assert best["estimate"] == pytest.approx(0.2 + 70 / 700)
    up = ask("sbp", monotone={"sbp": "up"}).table
    assert up["estimate"].iloc[0] > risk(ROW)[0]


def test_the_smallest_change_of_fewest_columns_that_meets_the_target_comes_first():
    table = ask(["sbp", "smokes"], target=0.5).table
    assert table["reaches"].iloc[0]
    assert table["columns"].iloc[0] == "sbp"
    value = float(table["after"].iloc[0])
    assert risk(ROW.assign(sbp=value))[0] <= 0.5 + 1e-9 < risk(ROW.assign(sbp=value + 2.6))[0]
    assert table["size"].iloc[0] == pytest.approx((160 - value) / 60)
    both = ask(["sbp", "smokes"], target=0.31).table
    assert both["columns"].iloc[0] == "sbp and smokes"


def test_words_claim_no_cause_and_say_when_nothing_does():
    found = ask("smokes", target=0.1)
    assert "None of the changes tried within the declared ranges (one column" in repr(found)
    assert "does not say that changing a value" in found.lines[-1]
    assert not found.table["reaches"].any()
    assert "would give" in ask("sbp").summary()


def test_what_misses_the_target_is_the_nearest_of_its_columns():
    found = ask(["sbp", "smokes"], target=0.1)
    changed = {r.columns: (r.after, r.estimate) for r in found.table.itertuples()}
    assert changed["sbp"] == ("120", pytest.approx(risk(ROW.assign(sbp=120.0))[0]))
    assert found.table["columns"].iloc[0] == "sbp and smokes"
    assert "one or two columns at once" in found.lines[1]
    assert "if sbp and smokes were 120, no" in found.lines[2]
    up = ask(["sbp", "age"], target=0.99).table
    assert up["estimate"].iloc[0] == up["estimate"].max()


def test_types_stay_for_pipelines_and_whole_numbers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"sbp": rng.normal(130, 20, 300), "age": rng.integers(30, 90, 300)})
    y = (X["sbp"] + X["age"] + rng.normal(0, 20, 300) > 200).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    found = counterfactual(
        model, X[:1], actionable=["age", "sbp"], ranges={"age": (40, 50), "sbp": (100, 140)}
    )
    assert all("." not in text for text in found.table.query("columns == 'age'")["after"])
    assert "%" in found.lines[0]
    table = ROW.astype({"smokes": "category"})
    seen = []
    counterfactual(
        lambda t: seen.append(t.dtypes) or np.zeros(len(t)), table, actionable="smokes",
        ranges=RANGES,
    )  # fmt: skip
    assert str(seen[0]["smokes"]) == "category"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"actionable": "sbp", "monotone": {"spb": "down"}}, "monotone names 'spb'"),
        ({"actionable": "sbp", "target": "low"}, "target is 'low'"),
        ({"actionable": "bmi"}, "no column of X"),
        ({"actionable": "sbp", "ranges": {}}, "ranges has nothing"),
        ({"actionable": []}, "names no column"),
        ({"actionable": "sbp", "ranges": {"sbp": (9, 1)}}, "low below high"),
        ({"actionable": "sbp", "monotone": {"sbp": "sideways"}}, "'up' or 'down'"),
        ({"actionable": "smokes", "monotone": {"smokes": "up"}}, "it is for numbers"),
        ({"actionable": "smokes", "ranges": {"smokes": ["yes"]}}, "nothing may be changed"),
        ({"actionable": "sbp", "most_columns": 3}, "most_columns is 3"),
    ],
)
def test_what_is_not_declared_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        ask(**options)


def test_it_is_asked_of_one_patient_and_drawn():
    with pytest.raises(InputError, match="X has 2 rows"):
        counterfactual(risk, pd.concat([ROW, ROW]), actionable="sbp", ranges=RANGES)
    import matplotlib.pyplot as plt

    assert "Prediction" in ask(["sbp", "smokes"], target=0.4).plot().get_xlabel()
    plt.close("all")
