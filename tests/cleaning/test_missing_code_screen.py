import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report

NUMBER, SUSPECTED = "missing_code_number", "possible_missing_code"


def codes_of(report, column, rule=NUMBER):
    return set(report.evidence.get((column, rule), {}).get("codes", {}))


def hide(values, code, share, rng):
    values = np.array(values, dtype=float)
    where = rng.random(len(values)) < share
    values[where] = code
    return values, where


@pytest.mark.parametrize(
    ("column", "draw"),
    [
        ("eyes", lambda rng: rng.integers(1, 5, 800)),
        ("motor", lambda rng: rng.integers(1, 7, 800)),
        ("ph", lambda rng: rng.normal(7.38, 0.06, 800).round(2)),
        ("urine", lambda rng: rng.gamma(4, 450, 800).round(3)),
        ("bilirubin", lambda rng: np.exp(rng.normal(0, 0.8, 800)).round(1) + 0.1),
        ("some_score", lambda rng: rng.integers(5, 60, 800)),
        ("predicted", lambda rng: rng.random(800)),
        ("tens", lambda rng: rng.integers(0, 9, 800) * 10),
    ],
)
@pytest.mark.parametrize("share", [0.05, 0.82])
def test_minus_one_is_a_code(column, draw, share, rng):
    values, where = hide(draw(rng), -1, share, rng)
    report = quality_report(pd.DataFrame({column: values}))
    assert codes_of(report, column) == {"-1"}
    np.testing.assert_array_equal(report.masks[column, NUMBER], where)


@pytest.mark.parametrize(
    ("column", "code", "draw"),
    [
        ("weight", 999, lambda rng: rng.normal(80, 15, 900)),
        ("platelets", 9999, lambda rng: rng.normal(240, 70, 900).round()),
        ("marker", 999, lambda rng: rng.normal(80, 15, 900)),
        ("marker", -99, lambda rng: np.exp(rng.normal(0, 1, 900))),
        ("z_score", -999, lambda rng: rng.normal(size=900)),
        ("smoking", 9, lambda rng: rng.integers(0, 4, 900)),
        ("n_visits", 99, lambda rng: rng.poisson(1, 900)),
        ("potassium", -9, lambda rng: rng.normal(4.2, 0.5, 900).round(1)),
    ],
)
def test_other_codes(column, code, draw, rng):
    values, where = hide(draw(rng), code, 0.03, rng)
    report = quality_report(pd.DataFrame({column: values}))
    assert codes_of(report, column) == {str(code)}
    np.testing.assert_array_equal(report.masks[column, NUMBER], where)


def test_two_codes_in_one_column(rng):
    values, _ = hide(rng.integers(0, 40, 900), 88, 0.03, rng)
    values, _ = hide(values, 99, 0.03, rng)
    report = quality_report(pd.DataFrame({"beck_score": values}))
    assert codes_of(report, "beck_score") == {"88", "99"}


def test_zero_is_a_code_where_it_is_impossible(rng):
    values, where = hide(rng.normal(240, 50, 900).round(), 0, 0.2, rng)
    report = quality_report(pd.DataFrame({"chol": values}))
    assert codes_of(report, "chol") == {"0"}
    np.testing.assert_array_equal(report.masks["chol", NUMBER], where)
    assert report.table["reviewed"].eq("not clinically reviewed").all()


@pytest.mark.parametrize("column", ["heart_rate", "unnamed"])
def test_zero_far_from_the_rest_is_suspected(column, rng):
    values, _ = hide(rng.normal(110, 15, 900).round(), 0, 0.03, rng)
    report = quality_report(pd.DataFrame({column: values}))
    assert codes_of(report, column, SUSPECTED) == {"0"}
    assert codes_of(report, column) == set()


def test_one_zero_is_impossible_not_a_code(rng):
    values = rng.normal(130, 18, 900).round()
    values[7] = 0
    report = quality_report(pd.DataFrame({"trestbps": values}))
    assert report.table[["rule", "n_cells"]].to_numpy().tolist() == [["impossible_value", 1]]


def test_no_code_in_a_clean_table(clean):
    X, y = clean
    found = quality_report(X, y=y).select(NUMBER, SUSPECTED)
    assert found.empty, found


@pytest.mark.parametrize(
    "values",
    [
        np.arange(600) % 2,  # 0/1
        np.where(np.arange(600) % 2, 1, -1),  # -1/1
        np.arange(600) % 10,  # 0 to 9: 9 is the top of a scale
        np.arange(600) % 100,  # 0 to 99
        np.arange(600) - 300,  # runs through -1, -9 and -99
        np.arange(600) % 7 - 5,  # a sedation scale
        np.repeat([3, 6, 7], 200),  # odd labels
    ],
)
def test_scales_and_ranges_are_no_codes(values):
    report = quality_report(pd.DataFrame({"x": values.astype(float)}))
    assert report.select(NUMBER, SUSPECTED).empty


def test_age_ninety_nine_without_a_gap_is_an_age(rng):
    age = np.minimum(rng.normal(85, 8, 2000).round(), 104)
    age[:12] = 99
    assert quality_report(pd.DataFrame({"age": age})).select(NUMBER, SUSPECTED).empty


def test_mixed_units_make_no_code(rng):
    """Values in another unit lie beyond the limits; 77 and 88 among them are no codes."""
    creatinine = np.exp(rng.normal(0.1, 0.4, 1200)).round(2)
    creatinine[:180] = (creatinine[:180] * 88.4).round()
    report = quality_report(pd.DataFrame({"creatinine": creatinine}))
    assert report.select(NUMBER, SUSPECTED).empty


def test_a_code_shown_elsewhere_is_believed_where_it_goes_together(rng):
    n = 1000
    gone = rng.random(n) < 0.05
    X = pd.DataFrame(
        {
            "eyes": np.where(gone, -1, rng.integers(1, 5, n)),
            "verbal": np.where(gone, -1, rng.integers(1, 6, n)),
            "sedated": np.where(gone, -1, rng.integers(0, 2, n)),
            "trend": rng.choice([-1, 0, 1], n),
        }
    )
    report = quality_report(X)
    assert codes_of(report, "sedated") == {"-1"}
    assert ("trend", NUMBER) not in report.masks
    assert ("trend", SUSPECTED) not in report.masks


def test_text_codes_are_told_from_answers():
    X = pd.DataFrame(
        {
            "payer": ["?", "MC", "HM", "Unknown/Invalid"] * 50,
            "a1c": ["None", ">8", "Norm", "None"] * 50,
            "country": ["NA", "DE", "FR", "ZA"] * 50,
            "rhesus": ["-", "+", "+", "+"] * 50,
        }
    )
    report = quality_report(X)
    assert report.masks["payer", "missing_code_text"].sum() == 100
    assert report.masks["a1c", "code_kept_as_answer"].sum() == 100
    assert ("country", "missing_code_text") not in report.masks
    assert ("rhesus", "missing_code_text") not in report.masks
    assert ("a1c", "missing_code_text") not in report.masks


def test_ordinary_levels_are_no_codes(clean):
    X, _ = clean
    report = quality_report(X)
    assert report.select("missing_code_text", "possible_missing_code").empty


def test_codes_among_numbers_stored_as_text(rng):
    values = rng.integers(40, 160, 300).astype(str).astype(object)
    values[:10], values[10:14] = "-1", "n/a"
    report = quality_report(pd.DataFrame({"heart_rate": values}))
    assert report.masks["heart_rate", NUMBER].sum() == 10
    assert report.masks["heart_rate", "missing_code_text"].sum() == 4


def test_codes_that_pile_up_at_a_site_say_so(rng):
    site = np.repeat(["a", "b"], 450)
    chol = np.where(site == "b", 0.0, rng.normal(240, 40, 900).round())
    report = quality_report(pd.DataFrame({"chol": chol}), site=site)
    assert report.evidence["chol", NUMBER]["where"]["site"]["cramers_v"] > 0.99
    assert "0% to 100% by site" in report.table["detail"][0]
