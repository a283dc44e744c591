import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report

ROLES = (
    "looks_like_code",
    "identifier",
    "row_number",
    "unique_text",
    "probability_like",
    "future_count",
    "sorted_by_row",
)


def roles_of(X, **more):
    table = quality_report(X, **more).select(*ROLES)
    return set(zip(table["column"], table["rule"], strict=True))


def test_a_clean_table_has_no_special_columns(clean):
    X, y = clean
    assert roles_of(X, y=y) == set()


def test_codes_by_name(rng):
    X = pd.DataFrame(
        {"admission_type_id": rng.integers(1, 9, 500), "type": rng.integers(0, 2, 500)}
    )
    assert roles_of(X) == {("admission_type_id", "looks_like_code")}
    fixed = quality_report(X).repaired(X, "admission_type_id", "looks_like_code")
    assert isinstance(fixed["admission_type_id"].iloc[0], str)


def test_labels_with_gaps_and_turning_risk_are_noted(rng):
    label = rng.choice([1, 3, 4, 8, 11], 4000)
    risk = pd.Series(label).map({1: 0.1, 3: 0.5, 4: 0.1, 8: 0.5, 11: 0.1}).to_numpy()
    y = (rng.random(4000) < risk).astype(int)
    assert roles_of(pd.DataFrame({"x": label}), y=y) == {("x", "looks_like_code")}
    steady = (rng.random(4000) < label / 14).astype(int)
    assert roles_of(pd.DataFrame({"x": label}), y=steady) == set()


def test_identifiers(rng):
    n = 400
    X = pd.DataFrame(
        {
            "row": np.arange(n) + 1,
            "shuffled": rng.permutation(n),
            "patient_id": rng.choice(10**9, n, replace=False),
            "name": [f"Name {k:x}" for k in rng.choice(10**9, n, replace=False)],
        }
    )
    assert roles_of(X) == {
        ("row", "row_number"),
        ("shuffled", "identifier"),
        ("patient_id", "identifier"),
        ("name", "unique_text"),
    }
    assert "row" not in quality_report(X).repaired(X, "row", "row_number")


def test_distinct_measurements_are_no_identifiers(rng):
    n = 400
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.permutation(n), unit="D")
    X = pd.DataFrame(
        {
            "charges": np.exp(rng.normal(10, 1.5, n)).round(),
            "volume": rng.normal(size=n),
            "date": day,
            "date_text": day.strftime("%Y-%m-%d"),
            "band": rng.choice(["a", "b"], n),
        }
    )
    assert roles_of(X) == set()


def test_sorted_rows_are_noted(rng):
    assert roles_of(pd.DataFrame({"x": np.sort(rng.normal(size=300))})) == {("x", "sorted_by_row")}


def test_a_risk_that_orders_the_outcome(rng):
    risk = rng.beta(1, 3, 2000)
    y = (rng.random(2000) < risk).astype(int)
    X = pd.DataFrame({"x": risk, "predicted_risk": rng.permutation(risk), "pct": rng.random(2000)})
    table = quality_report(X, y=y).select("probability_like").set_index("column")
    assert table["status"].to_dict() == {"x": "note", "predicted_risk": "suspected"}
    assert table.loc["x", "estimate"] == pytest.approx(0.8, abs=0.05)


def test_fractions_that_predict_but_are_no_risk(rng):
    """A fraction may order the outcome; it is a risk only if the event rate follows it."""
    ejection = rng.beta(6, 4, 2000)
    y = (rng.random(2000) < 0.3 * (1 - ejection)).astype(int)
    assert roles_of(pd.DataFrame({"ejection": ejection}), y=y) == set()


def test_a_count_of_the_patients_rows(rng):
    groups = rng.integers(0, 300, 700)
    size = np.bincount(groups)[groups]
    prior = pd.Series(groups).groupby(groups).cumcount().to_numpy()
    X = pd.DataFrame({"visits": size, "others": size - 1, "prior": prior})
    assert roles_of(X, groups=groups) == {("visits", "future_count"), ("others", "future_count")}
    assert roles_of(X) == set()


def test_no_count_without_repeated_patients():
    X = pd.DataFrame({"visit": np.ones(100, dtype=int), "x": np.arange(100) % 7})
    assert ("visit", "future_count") not in roles_of(X, groups=np.arange(100))


@pytest.mark.parametrize("seed", range(3))
def test_a_count_of_all_visits_with_slips_is_found_and_one_of_those_so_far_is_not(seed):
    rng = np.random.default_rng(seed)
    size = 1 + rng.poisson(2, 300)
    patient = np.repeat(np.arange(300), size)
    total, slip = size[patient], rng.random(len(patient)) < 0.15
    noisy = np.where(slip, np.maximum(total + rng.choice([-1, 1, 2], len(total)), 0), total)
    so_far = np.concatenate([np.arange(1, k + 1) for k in size])
    planned = np.maximum(size + rng.integers(-1, 2, 300), 1)[patient]
    X = pd.DataFrame({"noisy": noisy, "so_far": so_far, "planned": planned})
    X["lab"] = rng.normal(size=len(X))
    report = quality_report(X, groups=patient)
    found = report.select("future_count")
    assert list(found["column"]) == ["noisy"]
    assert f"in {(noisy == total).mean():.0%} of the rows" in found["detail"].iloc[0]
