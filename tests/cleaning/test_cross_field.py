import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml.cleaning._cross_field.check import CrossFieldCheck
from healthml.exceptions import InputError
from healthml.schema import Schema, Variable


def patients(seed=0, n=600):
    """Return a clean table of adults whose columns agree, with real extremes in rows 0 to 4."""
    rng = np.random.default_rng(seed)
    admitted = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    born = admitted - pd.to_timedelta(np.clip(rng.normal(66, 13, n), 19, 101) * 365.2425, unit="D")
    born = born.normalize()
    frame = pd.DataFrame(
        {
            "age": np.floor((admitted - born).days / 365.2425),
            "height": rng.normal(170, 9, n).round(1),
            "weight": np.exp(rng.normal(4.35, 0.22, n)).round(1),
            "sbp": rng.normal(125, 21, n).round(),
            "birth_date": born,
            "admission_date": admitted,
            "bilirubin": np.exp(rng.normal(0, 0.8, n)).round(1) + 0.1,
            "gcs_eye": rng.integers(1, 5, n),
            "gcs_verbal": rng.integers(1, 6, n),
            "gcs_motor": rng.integers(1, 7, n),
            "po2": rng.normal(95, 20, n).clip(45).round(),
            "fio2": rng.choice([21, 40, 60], n),
            "site": rng.choice(["A", "B"], n),
        }
    )
    frame["dbp"] = (0.45 * frame["sbp"] + rng.normal(15, 8, n)).round().clip(20)
    frame.loc[0, ["height", "weight"]] = [168.0, 312.0]
    frame.loc[1, ["height", "weight"]] = [121.0, 41.0]  # restricted growth
    frame.loc[2, ["height", "weight"]] = [171.0, 31.5]
    frame.loc[3, ["sbp", "dbp"]] = [258, 120]
    frame.loc[4, ["sbp", "dbp"]] = [48, 30]
    frame.loc[frame["dbp"] >= frame["sbp"] - 5, "dbp"] = frame["sbp"] - 12
    frame["map"] = (frame["dbp"] + (frame["sbp"] - frame["dbp"]) / 3).round()
    frame["bmi"] = (frame["weight"] / (frame["height"] / 100) ** 2).round(1)
    frame["bilirubin_direct"] = (frame["bilirubin"] * rng.uniform(0.1, 0.7, n)).round(1)
    frame["gcs_total"] = frame[["gcs_eye", "gcs_verbal", "gcs_motor"]].sum(axis=1)
    frame["pf_ratio"] = (frame["po2"] / frame["fio2"] * 100).round()
    return frame


def claims(cleaner, severity="error"):
    table = cleaner.record_.to_frame()
    table = table[table["severity"] == severity]
    return set(zip(table["position"], table["column"], table["rule"], strict=True))


def cells(cleaner):
    return {(row, column) for row, column, _ in claims(cleaner)}


def spoilt(seed=0):
    """Return a table with defects, the cells that are wrong and the truth."""
    X = patients(seed)
    truth, wrong = X.copy(), set()
    rows = iter(np.random.default_rng(seed).permutation(np.arange(10, 600)))

    def swap(a, b, good):
        for row in _take(rows, 6, lambda r: good(X.loc[r])):
            X.loc[row, [a, b]] = X.loc[row, [b, a]].tolist()
            wrong.update({(row, a), (row, b)})

    swap("height", "weight", lambda r: r["weight"] < r["height"] - 25)
    swap("sbp", "dbp", lambda r: r["sbp"] > 105)
    for row, factor in zip(_take(rows, 4), (1.6, 0.5, 1.9, 1.3), strict=True):
        X.loc[row, "bmi"] = round(X.loc[row, "bmi"] * factor, 1)
        wrong.add((row, "bmi"))
    for row, years in zip(_take(rows, 4), (-21, 17, 25, -4), strict=True):
        X.loc[row, "age"] += years
        wrong.add((row, "age"))
    row, other = _take(rows, 2)
    X.loc[row, "gcs_total"] += 2
    X.loc[other, "pf_ratio"] *= 1.4
    return X, wrong | {(row, "gcs_total"), (other, "pf_ratio")}, truth


def _take(rows, n, good=lambda row: True):
    return [int(row) for row, _ in zip((r for r in rows if good(r)), range(n), strict=False)]


@pytest.mark.parametrize("seed", range(5))
def test_a_table_that_agrees_has_no_error(seed):
    X = patients(seed)
    cleaner = CrossFieldCheck(mode="apply")
    pd.testing.assert_frame_equal(cleaner.fit_transform(X), X)
    assert claims(cleaner) == set()
    assert cleaner.rules_["status"].eq("applied").all()
    assert len(cleaner.rules_) == 7
    without = CrossFieldCheck().fit(X.drop(columns="bmi"))
    assert claims(without) == set()


@pytest.mark.parametrize("seed", range(5))
def test_the_wrong_cell_is_named_and_repaired(seed):
    X, wrong, truth = spoilt(seed)
    cleaner = CrossFieldCheck(mode="apply")
    out = cleaner.fit_transform(X)
    assert cells(cleaner) <= wrong
    assert len(cells(cleaner)) >= 0.9 * len(wrong)
    for row, column in cells(cleaner):
        assert float(out.loc[row, column]) == pytest.approx(truth.loc[row, column], abs=0.5)
    pd.testing.assert_frame_equal(CrossFieldCheck().fit_transform(X), X)


def test_height_weight_swap_without_bmi_and_age():
    X = patients()[["height", "weight"]]
    X.loc[20, ["height", "weight"]] = [87.5, 177.9]
    cleaner = CrossFieldCheck(mode="apply")
    assert cleaner.fit_transform(X).loc[20].tolist() == [177.9, 87.5]
    assert {rule for *_, rule in claims(cleaner)} == {"height_weight_swapped"}


def test_what_may_be_inches_and_pounds_is_not_swapped():
    """62.5 and 157.9 are a swapped 157.9 cm and 62.5 kg, or 5 ft 2 and 158 lb: nobody can know."""
    X = patients()[["height", "weight"]]
    X.loc[20, ["height", "weight"]] = [62.5, 157.9]
    cleaner = CrossFieldCheck(mode="apply")
    assert cleaner.fit_transform(X).loc[20].tolist() == [62.5, 157.9]
    assert {row for row, *_ in claims(cleaner)} == {20}


def test_a_usual_bmi_is_not_rewritten_from_a_weight_in_pounds():
    X = patients()
    rows = [5, 90, 170]
    X.loc[rows, "weight"] = (X.loc[rows, "weight"] / 0.45359237).round(-1)  # too coarse to be told
    given = X.loc[rows, "bmi"].tolist()
    out = CrossFieldCheck(mode="apply").fit_transform(X)
    assert out.loc[rows, "bmi"].tolist() == given


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("height", 68.0, "unit_suspected"),
        ("height", 17.2, "decimal_slip"),
        ("height", 600.0, "body_size"),
        ("weight", 0.5, "decimal_slip"),
        ("height", 33.6, "body_size"),
    ],
)
def test_bodies_that_cannot_be_without_a_bmi(column, value, rule):
    X = patients()[["height", "weight"]]
    X.loc[20] = [172.0, 77.0]
    X.loc[20, column] = value
    cleaner = CrossFieldCheck(mode="apply")
    assert cleaner.fit_transform(X).loc[20, column] == value
    assert claims(cleaner) == {(20, column, rule)}


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("height", 68.0, "unit_suspected"),
        ("weight", 169.8, "unit_suspected"),
        ("weight", 7.7, "decimal_slip"),
        ("bmi", 260.0, "decimal_slip"),
        ("height", 999.0, "bmi_inconsistent"),
        ("weight", 999.0, "bmi_inconsistent"),
        ("bmi", 41.6, "bmi_inconsistent"),
    ],
)
def test_the_bmi_tells_which_cell_is_wrong(column, value, rule):
    X = patients()
    X.loc[20, ["height", "weight", "bmi"]] = [172.7, 77.0, 25.8]
    X.loc[20, column] = value
    if column == "bmi" and value == 260.0:
        X.loc[20, "bmi"] = 258.0
    cleaner = CrossFieldCheck().fit(X)
    assert claims(cleaner) == {(20, column, rule)}


def test_a_table_in_inches_and_pounds_is_read_so():
    X = patients()
    X["height"], X["weight"] = (X["height"] / 2.54).round(1), (X["weight"] / 0.45359).round(1)
    cleaner = CrossFieldCheck().fit(X)
    assert claims(cleaner) == set()
    assert cleaner.rules_.loc[cleaner.rules_["rule"] == "bmi", "status"].item() == "applied"
    X.loc[20, "bmi"] *= 1.6
    assert cells(CrossFieldCheck().fit(X)) == {(20, "bmi")}


def test_heights_of_one_site_in_whole_centimetres_or_inches_are_no_error():
    X = patients()
    X.loc[10:99, "height"] = X.loc[10:99, "height"].round()
    X.loc[100:139, "height"] = ((X.loc[100:139, "height"] / 2.54).round() * 2.54).round(1)
    assert claims(CrossFieldCheck().fit(X)) == set()


def test_children_are_bodies_too():
    X, rng = patients(), np.random.default_rng(5)
    years = rng.uniform(0.1, 15, 200)
    X.loc[100:299, "age"] = years.round(1)
    X.loc[100:299, "height"] = (72 + 6.4 * years + rng.normal(0, 4, 200)).round(1)
    bmi = np.exp(rng.normal(2.8, 0.12, 200))
    X.loc[100:299, "weight"] = (bmi * (X.loc[100:299, "height"] / 100) ** 2).round(1)
    X["bmi"] = (X["weight"] / (X["height"] / 100) ** 2).round(1)
    X = X.drop(columns="birth_date")
    assert claims(CrossFieldCheck().fit(X)) == set()
    assert claims(CrossFieldCheck().fit(X.drop(columns="bmi"))) == set()


@pytest.mark.parametrize(("sbp", "dbp"), [(48, 67), (48, 85), (70, 74), (90, 90), (62, 66)])
def test_low_pressures_are_only_to_verify(sbp, dbp):
    X = patients().drop(columns="map")
    X.loc[20, ["sbp", "dbp"]] = [sbp, dbp]
    cleaner = CrossFieldCheck(mode="apply")
    pd.testing.assert_frame_equal(cleaner.fit_transform(X), X)
    assert claims(cleaner) == set()
    assert (20, "sbp", "pressure_order") in claims(cleaner, "verify")


def test_swapped_pressures_of_a_patient_in_shock():
    X = patients().drop(columns="map")
    X.loc[20, ["sbp", "dbp"]] = [34, 60]
    X.loc[21, ["sbp", "dbp"]] = [34, 118]  # no usual pair the other way round
    cleaner = CrossFieldCheck().fit(X)
    assert cells(cleaner) == {(20, "sbp"), (20, "dbp")}


def test_pressures_are_paired_by_name():
    X = patients()[["sbp", "dbp"]]
    X["ni_sbp"], X["ni_dbp"] = X["sbp"] + 4, X["dbp"] + 3
    X = X.rename(columns={"ni_sbp": "NISysABP", "ni_dbp": "NIDiasABP", "sbp": "SysABP"})
    X = X.rename(columns={"dbp": "DiasABP"})
    pairs = CrossFieldCheck().fit(X).rules_["columns"].tolist()
    assert sorted(pairs) == ["NISysABP, NIDiasABP", "SysABP, DiasABP"]


def test_mean_pressure_and_bilirubin():
    X = patients()
    X.loc[20, "map"] = 190
    X.loc[21, ["bilirubin", "bilirubin_direct"]] = [1.0, 1.1]  # two assays
    X.loc[22, ["bilirubin", "bilirubin_direct"]] = [1.0, 2.5]
    X.loc[23, ["bilirubin", "bilirubin_direct"]] = [1.0, 80.0]
    cleaner = CrossFieldCheck().fit(X)
    assert cells(cleaner) == {(20, "map"), (23, "bilirubin_direct")}
    doubts = {(row, column) for row, column, _ in claims(cleaner, "verify")}
    assert doubts == {(22, "bilirubin"), (22, "bilirubin_direct")}


def test_age_against_dates():
    X = patients()
    X["discharge_date"] = X["admission_date"] + pd.Timedelta(days=5)
    X.loc[20, "admission_date"] = pd.Timestamp("1900-01-01")  # the date is wrong, not the age
    X.loc[21, "admission_date"] = pd.Timestamp("2017-01-01")
    X.loc[22, "birth_date"] += pd.DateOffset(years=100)
    X.loc[23, "age"] = 167
    X.loc[24, ["age", "birth_date"]] = [90, pd.Timestamp("1927-01-01")]  # over 89: coded
    X.loc[25, "age"] += 9
    X.loc[26, "age"] += 1  # the year of birth only
    cleaner = CrossFieldCheck().fit(X)
    assert cells(cleaner) == {(22, "birth_date"), (23, "age"), (25, "age")}


@pytest.mark.parametrize("as_text", [True, False])
def test_dates_as_text_and_as_polars(as_text):
    X = patients()[["age", "birth_date", "admission_date"]]
    X.loc[25, "age"] += 9
    if as_text:
        X["birth_date"] = X["birth_date"].dt.strftime("%Y-%m-%d")
        X.loc[3, "birth_date"] = "unknown"
    cleaner = CrossFieldCheck(mode="apply")
    out = cleaner.fit_transform(pl.from_pandas(X))
    assert cells(cleaner) == {(25, "age")}
    assert out["age"][25] == X["age"][25] - 9


def test_rules_that_do_not_hold_are_listed_not_applied():
    X = patients()
    X["bmi"] = np.random.default_rng(0).normal(27, 5, len(X)).round(1)
    X["birth_date"] += pd.Timedelta(days=3650)
    cleaner = CrossFieldCheck().fit(X)
    table = cleaner.rules_.set_index("columns")
    assert table.loc["height, weight, bmi", "status"].startswith("not assessed: does not hold")
    assert table.loc["age, birth_date, admission_date", "share"] < 0.1
    assert table.loc["height, weight", "status"] == "applied"
    assert claims(cleaner) == set()
    assert CrossFieldCheck().fit(X.head(5)).rules_["status"].str.contains("too few").all()


def test_the_user_and_the_schema_name_columns():
    X, wrong, _ = spoilt()
    X = X.rename(columns={"height": "lengte", "weight": "gewicht", "birth_date": "gebdat"})
    columns = {"height": "lengte", "weight": "gewicht", "birth_date": "gebdat"}
    named = CrossFieldCheck(columns=columns).fit(X)
    schema = Schema(
        outcome="y",
        variables={"lengte": Variable(concept="height"), "gewicht": Variable(concept="weight")},
    )
    declared = CrossFieldCheck(schema, columns={"birth_date": "gebdat"}).fit(X)
    assert cells(named) == cells(declared)
    assert len(cells(named)) >= 0.9 * len(wrong)


def test_user_rules():
    X = patients().assign(start=1.0, stop=2.0)
    X.loc[[7, 8], "stop"] = [0.5, np.nan]
    rules = {
        "order": "start <= stop",
        "old": (lambda rows: rows["age"] < 150, ["age"]),
    }
    cleaner = CrossFieldCheck(rules=rules).fit(X)
    assert {c for c in claims(cleaner) if c[2] in rules} == {
        (7, "start", "order"),
        (7, "stop", "order"),
    }
    same = CrossFieldCheck(rules=["start <= stop"]).fit(X)
    assert cells(same) == {(7, "start"), (7, "stop")}


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "fix"},
        {"columns": {"size": "height"}},
        {"columns": {"height": "nope"}},
        {"rules": ["start <= stop"]},
        {"rules": {"f": len}},
        {"rules": {"f": 3}},
        {"rules": {"f": (len, ["nope"])}},
        {"rules": {"f": (lambda rows: [True], ["age"])}},
        {"rules": ["site + 3 < age"]},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(InputError):
        CrossFieldCheck(**wrong).fit(patients())


def test_new_rows_one_as_in_a_batch():
    cleaner = CrossFieldCheck(mode="apply").fit(patients())
    new = spoilt(3)[0]
    whole = cleaner.transform(new)
    assert cleaner.drift()["is_new"].any()
    for position in cleaner.record_.to_frame()["position"].tolist()[:10]:
        one = cleaner.transform(new.iloc[[position]])
        pd.testing.assert_frame_equal(one, whole.iloc[[position]])


@settings(max_examples=10)
@given(st.integers(0, 40), st.randoms(use_true_random=False))
def test_properties_of_every_table(seed, random):
    X = spoilt(seed)[0]
    cleaner = CrossFieldCheck(mode="apply")
    out = cleaner.fit_transform(X)
    pd.testing.assert_frame_equal(cleaner.undo(out), X)
    pd.testing.assert_frame_equal(CrossFieldCheck(mode="apply").fit_transform(out), out)
    order = random.sample(range(len(X)), len(X))
    shuffled = CrossFieldCheck(mode="apply").fit_transform(X.iloc[order])
    pd.testing.assert_frame_equal(shuffled, out.iloc[order], check_dtype=False)


@pytest.mark.parametrize("dtype", ["Float64", "string", "category", "double[pyarrow]"])
def test_dtypes_and_a_repeated_index_are_kept(dtype):
    X = patients()[["sbp", "dbp"]]
    X.loc[20] = [61, 120]
    X = X.set_index(np.arange(len(X)) // 2)
    X["sbp"] = X["sbp"].map("{:g}".format).astype(dtype) if dtype == "string" else X["sbp"]
    X["sbp"] = X["sbp"].astype(dtype)
    cleaner = CrossFieldCheck(mode="apply")
    out = cleaner.fit_transform(X)
    assert [float(v) for v in out.iloc[20]] == [120, 61]
    pd.testing.assert_frame_equal(cleaner.undo(out), X)


def test_constant_and_empty_columns():
    X = patients()[["sbp", "dbp", "height", "weight"]].assign(
        map=np.nan, bmi=25.0, patient_id=2**60 + 1
    )
    X["sbp"], X["dbp"] = 120.0, 80.0
    out = CrossFieldCheck(mode="apply").fit_transform(X)
    assert out["patient_id"].tolist() == X["patient_id"].tolist()
    pd.testing.assert_frame_equal(out, X)
