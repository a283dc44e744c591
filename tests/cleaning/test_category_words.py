"""Words of categories: answers in several languages, "ND" beside findings, and real words."""

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import CategoryNormalizer, ClinicalCleaner


def normalised(cells, name="finding"):
    return CategoryNormalizer().fit_transform(pd.DataFrame({name: cells}))[name].tolist()


@pytest.mark.parametrize(
    ("rare", "usual"),
    [
        ("sprain", "strain"),
        ("serous", "serious"),
        ("ilium", "ileum"),
        ("clonic", "colonic"),
        ("humoral", "humeral"),
        ("diagnoses", "diagnosis"),
        ("breach", "breech"),
        ("clonic seizure", "colonic seizure"),
        ("stationary", "stationery"),
        ("prednisone", "prednisolone"),
    ],
)
def test_a_real_word_is_never_rewritten_as_another(rare, usual):
    cells = [usual] * 500 + ["another level"] * 400 + [rare] * 3
    assert normalised(cells) == cells


@pytest.mark.parametrize(
    ("typo", "usual"),
    [("pneumnoia", "pneumonia"), ("fracutre", "fracture"), ("seprated", "separated")],
)
def test_what_is_no_word_is_still_repaired(typo, usual):
    cells = [usual] * 500 + ["another level"] * 400
    assert normalised([*cells, typo] * 1) == [*cells, usual]


@pytest.mark.parametrize(
    ("yes", "no", "writings"),
    [
        ("ja", "nein", {"Ja": "ja", "NEIN": "nein", "yes": "ja", "j": "ja", "no": "nein"}),
        ("oui", "non", {"OUI": "oui", "no": "non"}),
        ("sim", "não", {"Sim": "sim", "nao": "não"}),
    ],
)
def test_yes_and_no_in_other_languages(yes, no, writings):
    cells = [yes] * 150 + [no] * 150
    assert normalised([*cells, *writings], "diabetes") == [*cells, *writings.values()]


def test_a_column_of_other_short_words_is_no_yes_or_no():
    cells = [*np.repeat(["da", "si", "ne", "ka"], 60)]
    assert normalised(cells, "ward_code") == cells


@pytest.mark.parametrize(
    "others", [("positive", "negative"), ("detected", "not tested"), ("+", "++"), ("growth",)]
)
def test_nd_beside_findings_is_a_finding(others):
    cells = [*np.repeat([*others, "ND"], 60)]
    out = ClinicalCleaner().fit_transform(pd.DataFrame({"culture": cells}))["culture"]
    assert (out == "ND").sum() == 60


def test_nd_beside_other_words_is_missing():
    cells = [*np.repeat(["ward", "home", "hospice", "ND"], 60)]
    out = ClinicalCleaner().fit_transform(pd.DataFrame({"place": cells}))["place"]
    assert out.isna().sum() == 60


# A new row brings its own category dtype.


def stages(levels, cells, *, ordered=False):
    return pd.DataFrame({"stage": pd.Categorical(cells, levels, ordered=ordered)})


@pytest.mark.parametrize("ordered", [False, True])
def test_a_row_whose_dtype_lacks_the_level_is_cleaned_as_in_a_batch(ordered):
    levels = ["one", "two", "three", "Two "]
    train = stages(levels, ["one"] * 60 + ["two"] * 50 + ["three"] * 40 + ["Two "], ordered=ordered)
    cleaner = ClinicalCleaner().fit(train)
    batch = cleaner.transform(train)["stage"]
    assert batch.iloc[-1] == "two"
    alone = cleaner.transform(stages(["Two "], ["Two "], ordered=ordered))["stage"]
    assert alone.tolist() == ["two"]
    assert alone.cat.ordered == ordered
    text = cleaner.transform(pd.DataFrame({"stage": ["Two "]}))["stage"]
    assert text.tolist() == ["two"]
    missing = cleaner.transform(stages([], [None], ordered=ordered))["stage"]
    assert missing.isna().all()


def test_nd_beside_normal_is_not_done():
    cells = [*np.repeat(["normal", "abnormal", "ND"], 60)]
    out = ClinicalCleaner().fit_transform(pd.DataFrame({"ecg": cells}))["ecg"]
    assert out.isna().sum() == 60
