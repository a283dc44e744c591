"""Rows that stand in a table twice: found where they are, not claimed where they are not."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from healthml.cleaning import drop_rows, find_duplicates
from healthml.cleaning._rows.identifiers import spelling_pairs
from healthml.cleaning._rows.person_names import alike, matched_tokens
from healthml.exceptions import InputError

FIRST = ["Anna", "Maria", "John", "Peter", "Ingrid", "Olaf", "Chen", "Fatima", "Luis", "Noor"]
SYLLABLES = ["ber", "lin", "mar", "tok", "gus", "van", "dor", "sel", "rik", "han", "pol", "fel"]


def people(n=600, seed=0):
    """Return patients, each once: measurements, names, birth date and sex."""
    rng = np.random.default_rng(seed)
    born = pd.Timestamp("1940-01-01") + pd.to_timedelta(rng.integers(0, 20000, n), "D")
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:05d}" for i in range(n)],
            "first_name": rng.choice(FIRST, n),
            "surname": ["".join(rng.choice(SYLLABLES, 3)).title() for _ in range(n)],
            "birth_date": born,
            "sex": rng.choice(["female", "male"], n),
            **{f"lab{i}": rng.normal(100, 15, n).round(1) for i in range(12)},
        }
    )


def counts(report):
    return report.table.set_index("kind")["n_rows"]


def test_nothing_is_claimed_of_a_clean_table():
    report = find_duplicates(people())
    assert counts(report).sum() == 0
    assert len(report.pairs) == 0
    assert report.reason == ""


def test_exact_near_and_respelled_rows_are_told_apart():
    table = people()
    near = table.iloc[20:30].assign(lab0=0.0, lab3=np.nan)
    respelled = table.iloc[40:45].assign(patient_id=table["patient_id"].str.lower() + " ")
    whole = pd.concat([table, table.iloc[:7], near, respelled], ignore_index=True)
    report = find_duplicates(whole)
    assert counts(report)[["exact", "near"]].tolist() == [7, 15]
    assert report.repeats().tolist() == list(range(600, 622))
    assert report.repeats("exact").tolist() == list(range(600, 607))
    cells = report.select("near").set_index("second")["differing"]
    assert cells[607] == "lab0, lab3"
    assert cells[617] == "patient_id"
    left = drop_rows(whole, reasons={"repeated": report.repeats()}).X
    pd.testing.assert_frame_equal(left, table)


def test_two_spellings_of_an_identifier_are_found_without_any_other_likeness():
    table = people()
    ids = ["p00003", "P00004 ", "P\u200b00005", "\uff3000006", "X"]
    other = people(5, seed=1).assign(patient_id=ids)
    report = find_duplicates(pd.concat([table, other], ignore_index=True))
    pairs = report.select("id_spelling")
    assert pairs[["first", "second"]].to_numpy().tolist() == [
        [3, 600],
        [4, 601],
        [5, 602],
        [6, 603],
    ]
    assert set(pairs["column"]) == {"patient_id"}


def test_case_is_no_typing_error_where_identifiers_mix_it():
    first, _ = spelling_pairs(pd.Series(["aB3x", "Ab3X", "qR7t", "Zu1k"]))
    assert not len(first)
    assert not len(spelling_pairs(pd.Series([1, 2, 10]))[0])
    pairs = spelling_pairs(pd.Series(["00123", "77", "123", None, None]))
    assert [ends.tolist() for ends in pairs] == [[0], [2]]


def test_an_identifier_may_repeat_unless_it_numbers_the_rows():
    table = people().rename(columns={"patient_id": "case_id"})
    other = people(3, seed=1).rename(columns={"patient_id": "case_id"})  # P00000 to P00002 again
    whole = pd.concat([table, other], ignore_index=True)
    assert counts(find_duplicates(whole))["repeated_id"] == 3
    as_patient = whole.rename(columns={"case_id": "patient_id"})
    assert counts(find_duplicates(as_patient))["repeated_id"] == 0
    assert counts(find_duplicates(as_patient, identifiers="patient_id"))["repeated_id"] == 3
    numbered = whole.assign(record_no=range(603))
    assert counts(find_duplicates(numbered))["repeated_id"] == 0
    whole.loc[[5, 6], "case_id"] = None
    report = find_duplicates(whole)
    assert counts(report)["repeated_id"] == 3
    assert "case_id is empty in 2 rows" in report.reason


def test_one_person_under_two_identifiers():
    table = people()
    again = people(4, seed=9).assign(patient_id=[f"Q{i}" for i in range(4)])
    who = ["first_name", "surname", "birth_date", "sex"]
    again[who] = table.loc[:3, who].to_numpy()
    again["birth_date"] = pd.to_datetime(again["birth_date"])
    swapped = again.loc[0, ["surname", "first_name"]].tolist()
    again.loc[0, ["first_name", "surname"]] = swapped
    again.loc[1, "surname"] = again.loc[1, "surname"].upper() + " "
    again.loc[2, "birth_date"] += pd.DateOffset(years=10)
    twin = again.iloc[[3]].assign(patient_id="T", first_name="Wilhelmina", sex="female")
    whole = pd.concat([table, again, twin], ignore_index=True)
    pairs = find_duplicates(whole).select("same_person")
    found = set(zip(pairs["first"], pairs["second"], strict=True))
    assert found == {(0, 600), (1, 601), (2, 602), (3, 603)}
    assert pairs["probability"].between(0.9, 1).all()
    assert len(find_duplicates(whole, names=[]).select("same_person")) == 0


def test_a_contradicting_sex_or_first_name_is_another_person():
    table = people()
    again = table.iloc[:1].assign(patient_id="Q")
    other_sex = again.assign(sex="male" if table["sex"][0] == "female" else "female")
    other_name = again.assign(first_name="Wilhelmina")
    found = [
        len(find_duplicates(pd.concat([table, one], ignore_index=True), near=False).pairs)
        for one in (again, other_sex, other_name)
    ]
    assert found == [1, 0, 0]


def test_common_values_are_weaker_evidence_than_rare_ones():
    table = people(400)
    table.loc[:299, ["first_name", "surname"]] = ["John", "Smith"]
    table["birth_date"] = pd.Timestamp("1950-01-01") + pd.to_timedelta(np.arange(400) % 40, "D")
    pairs = find_duplicates(table, near=False).select("same_person")
    assert not len(pairs[pairs["second"] < 300])


def test_visits_of_one_patient_are_not_two_patients():
    table = people(200)
    visits = table.loc[np.repeat(np.arange(200), 3)].reset_index(drop=True)
    labs = [c for c in visits if c.startswith("lab")]
    visits[labs] = np.random.default_rng(5).normal(100, 15, (600, 12)).round(1)
    report = find_duplicates(visits, groups=visits["patient_id"])
    assert counts(report).sum() == 0


def test_equal_rows_of_common_values_are_no_evidence():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(0, 2, (500, 4)), columns=list("abcd"))
    report = find_duplicates(table)
    assert counts(report)["exact"] == 0
    assert counts(report)["exact_common"] == int(table.duplicated().sum())
    assert "hold enough distinct values" in report.reason
    assert counts(find_duplicates(table, near=False))["exact"] == int(table.duplicated().sum())


def test_groups_say_whose_the_pairs_are():
    table = people(100)
    whole = pd.concat([table, table.iloc[:2]], ignore_index=True)
    report = find_duplicates(whole, groups=[*range(100), 0, 77])
    assert report.select("exact")["same_patient"].tolist() == [True, False]


def test_polars_gives_the_same_answer():
    table = pd.concat([people(), people().iloc[:4]], ignore_index=True)
    one, other = find_duplicates(table), find_duplicates(pl.from_pandas(table))
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.pairs, other.pairs)


def test_row_labels_play_no_part():
    table = pd.concat([people(), people().iloc[:4]]).set_axis(["same"] * 604)
    assert find_duplicates(table).repeats().tolist() == [600, 601, 602, 603]


def test_names_are_compared_as_a_clerk_would():
    assert matched_tokens(("ANNA", "BERG"), ("BERG", "ANNA"))
    assert matched_tokens(("ANNA", "BERG"), ("ANNA", "BORG")) is None  # four letters: no slip
    assert matched_tokens(("BERG",), ("ANNA", "BERG")) is None  # a surname alone is little
    assert alike("JOHANNSEN", "JOHANESEN")
    assert not alike("PETERS", "PETROVS")


def test_what_is_shown_holds_no_patient():
    table = people(50).assign(surname="ZQX7VALUE")
    report = find_duplicates(pd.concat([table, table.iloc[:3]], ignore_index=True))
    shown = [repr(report), report.summary(), report.to_json(), report._repr_html_()]
    assert not any("ZQX7VALUE" in text or "P00001" in text for text in shown)
    assert json.loads(report.to_json())["n_samples"] == 53
    assert "exact: <11 rows" in report.summary()
    assert report.plot().get_xlabel() == "Rows that repeat another, of 53"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"identifiers": "nope"}, "no column"),
        ({"names": ["nope"]}, "no column"),
        ({"birth_date": "nope"}, "no column"),
        ({"match_probability": 1.0}, "between 0 and 1"),
        ({"groups": [1]}, "1 values for 50 rows"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        find_duplicates(people(50), **options)
    with pytest.raises(InputError, match="kinds names"):
        find_duplicates(people(50)).repeats("nearly")


def test_development_table_and_its_clean_control(shared):
    folder = shared / "data" / "dirty_synthetic_ehr"
    report = find_duplicates(pd.read_csv(folder / "dirty_ehr_dev.csv"))
    truth = json.loads((folder / "dirty_ehr_dev.expected.json").read_text())["rows"]
    assert report.repeats().tolist() == [row[0] for row in truth]
    found = set(zip(report.select("exact", "near")["first"], report.repeats(), strict=False))
    assert len(found) == len(truth)
    assert {(b, a) for a, b, _ in truth} == set(
        zip(report.pairs["first"], report.pairs["second"], strict=True)
    )
    control = find_duplicates(pd.read_csv(folder / "dirty_ehr_dev_clean_control.csv"))
    assert counts(control).sum() == 0


def test_repeated_identifiers_of_the_line_list(shared):
    table = pd.read_csv(shared / "data" / "dirty_linelist_cleanepi" / "dirty_linelist.csv")
    report = find_duplicates(table)
    assert counts(report)["repeated_id"] + table["case_id"].isna().sum() - 1 == 1124


@pytest.mark.slow
def test_a_million_rows():
    rng = np.random.default_rng(0)
    n = 1_000_000
    columns = {f"lab{i}": rng.normal(100, 15, n).round(1) for i in range(20)}
    columns |= {f"code{i}": rng.choice(list("abcdef"), n) for i in range(9)}
    table = pd.DataFrame({"patient_id": [f"P{i:07d}" for i in range(n)], **columns})
    table = pd.concat([table, table.iloc[:500]], ignore_index=True)
    table.loc[n:, "lab0"] += 1.0
    assert find_duplicates(table).repeats().tolist() == list(range(n, n + 500))


@pytest.mark.parametrize("blank", ["", "  ", "\u200b"])
def test_a_blank_identifier_is_nobodys(blank):
    table = people(200)
    column = next(c for c in table if "id" in c)
    table[column] = table[column].astype(object)
    table.loc[[3, 50, 120], column] = blank
    found = counts(find_duplicates(table, identifiers=column))
    assert found["repeated_id"] == 0
    assert found["id_spelling"] == 0
