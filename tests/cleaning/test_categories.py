"""CategoryNormalizer: what it repairs, what it must leave, and the properties of every cleaner."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml import Schema
from healthml.cleaning import CategoryNormalizer, MissingCodes
from healthml.exceptions import InputError

LEVELS = {
    "ward": ["surgery", "medicine", "intensive care", "emergency"],
    "insurance": ["public", "private", "none known", "military"],
    "hepatitis_b": ["positive", "negative", "indeterminate"],
}


def slip(word, rng):
    """Damage one letter of a word, never the first one."""
    at = int(rng.integers(1, len(word) - 1))
    letters = list(word)
    kind = rng.integers(0, 3)
    if kind == 0:
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    elif kind == 1:
        del letters[at]
    else:
        letters.insert(at, letters[at])
    return "".join(letters)


def dirty_table(seed, n=1500, n_dirty=25):
    """Return a table with slips, spaces, case and invisible characters, and the clean one."""
    rng = np.random.default_rng(seed)
    clean = pd.DataFrame(
        {
            name: rng.choice(levels, n, p=rng.dirichlet([8] * len(levels)))
            for name, levels in LEVELS.items()
        }
    )
    dirty = clean.copy()
    damage = [str.upper, lambda x: f" {x}", lambda x: f"{x}\u200b", lambda x: slip(x, rng)]
    for name in clean:
        for row in rng.choice(n, n_dirty, replace=False):
            dirty.loc[row, name] = damage[rng.integers(0, 4)](clean.loc[row, name])
    return dirty, clean


@pytest.mark.parametrize("seed", range(4))
def test_generated_tables_are_restored(seed):
    dirty, clean = dirty_table(seed)
    out = CategoryNormalizer().fit_transform(dirty)
    damaged = (dirty != clean).to_numpy()
    right = (out == clean).to_numpy()
    assert right[~damaged].all()
    assert right[damaged].mean() >= 0.95


@pytest.mark.parametrize(
    ("common", "rare"),
    [
        ("hypertension", "hypotension"),
        ("febrile", "afebrile"),
        ("Type 1", "Type 2"),
        ("stage iii", "stage iv"),
        ("A+", "A-"),
        ("arthritis", "arteritis"),
        ("nitrate", "nitrite"),
        ("inpatient", "outpatient"),
        ("male", "female"),
        ("Latino", "Latina"),
        ("basal", "nasal"),
        ("Koya", "Kowa"),
        ("left", "right"),
        ("HBsAg", "HBeAg"),
        ("Iceland", "Ireland"),
        ("ward B1", "ward B2"),
        ("preoperative", "postoperative"),
        ("symptomatic", "asymptomatic"),
    ],
)
def test_two_real_words_never_merge(common, rare):
    frame = pd.DataFrame({"finding": [common] * 900 + ["something else"] * 300 + [rare] * 2})
    normalizer = CategoryNormalizer()
    pd.testing.assert_frame_equal(normalizer.fit_transform(frame), frame)
    assert normalizer.record_.to_frame().empty


def test_levels_near_each_other_are_no_evidence():
    names = ["Marlene", "Marlena", "Marline"]
    frame = pd.DataFrame({"clinic": [*np.repeat(names, 200), "Marlenne"]})
    assert CategoryNormalizer().fit_transform(frame)["clinic"].iloc[-1] == "Marlenne"


def test_an_open_vocabulary_is_left():
    rng = np.random.default_rng(1)
    towns = ["".join(rng.choice(list("abdegilmnorst"), 7)) for _ in range(150)]
    frame = pd.DataFrame({"town": ["Harlow"] * 400 + rng.choice(towns, 600).tolist() + ["Harlaw"]})
    assert CategoryNormalizer().fit_transform(frame)["town"].iloc[-1] == "Harlaw"


def test_identifiers_and_free_text_keep_all_but_invisible_characters():
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{100000 + i}" for i in range(300)]
            + ["p100000", "P10000l", "P1\ufeff"],
            "comment": ["seen in clinic"] * 301 + ["Seen in clinic", "sen in clinic"],
        }
    )
    normalizer = CategoryNormalizer()
    out = normalizer.fit_transform(frame)
    assert out["patient_id"].tolist()[:-1] == frame["patient_id"].tolist()[:-1]
    assert out["patient_id"].iloc[-1] == "P1"
    assert out["comment"].equals(frame["comment"])


def test_synonyms_need_a_recognised_concept_and_numbers_are_listed_not_guessed():
    sex = ["M"] * 500 + ["F"] * 480 + ["male", "woman", "f", "1", "2"]
    marital = ["M"] * 500 + ["S"] * 300 + ["D"] * 185
    normalizer = CategoryNormalizer()
    out = normalizer.fit_transform(pd.DataFrame({"gender": sex, "code": marital}))
    assert out["gender"].tolist()[-5:] == ["M", "F", "F", "1", "2"]
    assert out["code"].tolist() == marital
    record = normalizer.record_.to_frame()
    assert record.query("rule == 'coded_level'")["severity"].tolist() == ["verify"] * 2


def test_genotypes_keep_their_case():
    frame = pd.DataFrame({"genotype": ["AA"] * 800 + ["Aa"] * 180 + ["aa"] * 10})
    assert CategoryNormalizer().fit_transform(frame)["genotype"].equals(frame["genotype"])


def test_declared_words_are_never_changed_and_draw_slips():
    schema = Schema(variables={"dx": {"vocabulary": ["gastritis", "gastricis", "ulcer"]}})
    frame = pd.DataFrame({"dx": ["gastritis"] * 90 + ["gastricis", "ulcer", "ulecr"]})
    out = CategoryNormalizer(schema).fit_transform(frame)
    assert out["dx"].tolist()[-3:] == ["gastricis", "ulcer", "ulcer"]


def hospital_table(seed, n=900, mark="q"):
    """Return hospitals with their towns and numbers, some cells smudged by a mark."""
    rng = np.random.default_rng(seed)
    letters = list("abcdefghilmnoprstu")
    words = ["".join(rng.choice(letters, 8)) for _ in range(60)]
    hospitals = pd.DataFrame(
        {
            "hospital": [f"{w} general hospital" for w in words[:30]],
            "town": words[30:],
            "phone": [f"{p}" for p in rng.integers(10**9, 10**10, 30)],
            "emergency": rng.choice(["yes", "no"], 30),
        }
    )
    clean = hospitals.iloc[rng.integers(0, 30, n)].reset_index(drop=True)
    dirty = clean.copy()
    for name in clean:
        for row in rng.choice(n, 25, replace=False):
            cell = clean.loc[row, name]
            dirty.loc[row, name] = cell.replace(cell[rng.integers(0, len(cell))], mark)
    return dirty, clean


@pytest.mark.parametrize("mark", ["x", "#", "z"])
def test_dependencies_and_a_mark_restore_smudged_cells(mark):
    dirty, clean = hospital_table(3, mark=mark)
    normalizer = CategoryNormalizer()
    out = normalizer.fit_transform(dirty)
    damaged = (dirty != clean).to_numpy()
    right = (out == clean).to_numpy()
    assert normalizer.mark_ == mark
    assert right[~damaged].all()
    assert right[damaged].mean() >= 0.9
    assert {"hospital", "town"} <= set(normalizer.dependencies_["determinant"])


def test_without_dependencies_nothing_rests_on_other_columns():
    dirty, _ = hospital_table(3)
    normalizer = CategoryNormalizer(dependencies=None).fit(dirty)
    assert normalizer.mark_ is None
    assert not set(normalizer.record_.counts()["rule"]) & {"dependency", "smudge"}


def test_a_rare_level_that_its_group_holds_is_real():
    frame = pd.DataFrame(
        {
            "clinic": ["north"] * 300 + ["south"] * 300 + ["west"] * 6,
            "town": ["Altona"] * 300 + ["Beverly"] * 300 + ["Altena"] * 6,
        }
    )
    assert CategoryNormalizer().fit_transform(frame)["town"].equals(frame["town"])


def test_new_levels_at_predict_are_repaired_by_the_same_rules_or_recorded():
    train = pd.DataFrame({"smoker": ["never"] * 300 + ["former"] * 200 + ["current"] * 100})
    normalizer = CategoryNormalizer().fit(train)
    new = pd.DataFrame({"smoker": ["nevre", "EX", "vaping", "current\xa0", None]})
    assert normalizer.transform(new)["smoker"].tolist()[:4] == [
        "never",
        "former",
        "vaping",
        "current",
    ]
    record = normalizer.record_.to_frame().set_index("position")
    assert record.loc[2, ["rule", "action", "severity"]].tolist() == [
        "unseen_level",
        "flagged",
        "verify",
    ]
    assert normalizer.drift().set_index("rule").loc["unseen_level", "is_new"]


def test_what_it_learns_comes_from_fit_only_and_one_row_is_as_in_a_batch():
    dirty, _ = dirty_table(7)
    normalizer = CategoryNormalizer().fit(dirty.iloc[:1000])
    batch = normalizer.transform(dirty.iloc[1000:])
    rows = [normalizer.transform(dirty.iloc[[i]]) for i in range(1000, 1500, 7)]
    pd.testing.assert_frame_equal(pd.concat(rows), batch.iloc[::7])


@pytest.mark.parametrize("make", [dirty_table, hospital_table])
def test_a_second_time_changes_nothing(make):
    out = CategoryNormalizer().fit_transform(make(5)[0])
    again = CategoryNormalizer()
    pd.testing.assert_frame_equal(again.fit_transform(out), out)
    assert "repaired" not in set(again.record_.counts()["action"])


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", "string[pyarrow]"])
def test_dtypes_index_and_undo(dtype):
    dirty, clean = dirty_table(2)
    dirty = dirty.astype(dtype).set_axis(np.repeat(np.arange(750), 2))
    before = dirty.copy()
    normalizer = CategoryNormalizer()
    out = normalizer.fit_transform(dirty)
    assert (out.astype(object).to_numpy() == clean.to_numpy()).mean() > 0.99
    assert out.index.equals(dirty.index)
    pd.testing.assert_frame_equal(dirty, before)
    pd.testing.assert_frame_equal(normalizer.undo(out), dirty)


def test_polars_comes_back_as_polars():
    pl = pytest.importorskip("polars")
    dirty, clean = dirty_table(2)
    out = CategoryNormalizer().fit_transform(pl.from_pandas(dirty))
    assert isinstance(out, pl.DataFrame)
    assert (out.to_pandas() == clean).to_numpy().mean() > 0.99


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.none(), st.sampled_from(["a", "A ", "\ufeffa", "", "NA", "1"]), st.text(max_size=6)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_text_keeps_its_rows_and_can_be_undone(cells):
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object), "id": 2**60 + np.arange(len(cells))})
    normalizer = CategoryNormalizer()
    out = normalizer.fit_transform(frame)
    assert len(out) == len(frame)
    assert out["id"].equals(frame["id"])
    pd.testing.assert_frame_equal(normalizer.undo(out), frame)
    pd.testing.assert_frame_equal(CategoryNormalizer().fit_transform(out), out)
    one = pd.concat([normalizer.transform(frame.iloc[[i]]) for i in range(len(frame))])
    assert one["x"].astype(object).equals(out["x"].astype(object))


def test_wrong_parameters_are_refused():
    frame = pd.DataFrame({"sex": ["m", "f"]})
    with pytest.raises(InputError, match="dependencies='all'"):
        CategoryNormalizer(dependencies="all").fit(frame)
    with pytest.raises(InputError, match="does not have"):
        CategoryNormalizer(synonyms={"gender": {"m": "male"}}).fit(frame)


def _score(shared, table, truth, kinds=None):
    folder = shared / "data"
    frame = pd.read_csv(folder / table, dtype=str, keep_default_na=False).replace("", None)
    cells = json.loads((folder / truth).read_text())["cells"]
    right = {(row, column): true for row, column, kind, _, true in cells}
    wanted = {(c[0], c[1]) for c in cells if kinds is None or c[2] in kinds}
    normalizer = CategoryNormalizer().fit(frame)
    record = normalizer.record_.to_frame().query("action != 'flagged'")
    said = {
        (p, c): n
        for p, c, n in zip(record["position"], record["column"], record["new"], strict=True)
    }
    exact = sum(right.get(cell) == new for cell, new in said.items())
    found = sum(said.get(cell) == right[cell] for cell in wanted)
    return exact, len(said), found, len(wanted)


def test_the_dirty_hospital_table(shared):
    exact, said, found, wanted = _score(
        shared, "dirty_hospital/dirty_hospital.csv", "dirty_hospital/dirty_hospital.expected.json"
    )
    assert exact >= 0.95 * said
    assert said - exact <= 10
    assert found >= 0.85 * wanted


def test_the_dirty_record_table(shared):
    name = "dirty_synthetic_ehr/dirty_ehr_dev"
    kinds = {"category_variant", "invisible_characters"}
    exact, said, found, wanted = _score(shared, f"{name}.csv", f"{name}.expected.json", kinds)
    assert exact >= 0.98 * said
    assert found >= 0.95 * wanted
    control = f"{name}_clean_control"
    assert _score(shared, f"{control}.csv", f"{control}.expected.json")[1] == 0


@pytest.mark.parametrize(
    ("levels", "cells", "right"),
    [
        (
            ["m\u00e4nnlich", "weiblich"],
            ["m", "W", "Frau"],
            ["m\u00e4nnlich", "weiblich", "weiblich"],
        ),
        (["homme", "femme"], ["H", "F", "Masculin"], ["homme", "femme", "homme"]),
        (["M", "F"], ["mujer", "uomo", "vrouw"], ["F", "M", "F"]),
        (["positiv", "negativ"], ["pos", "NEG", "n\u00e9gatif"], ["positiv", "negativ", "negativ"]),
    ],
)
def test_words_of_other_languages_are_one_level(levels, cells, right):
    table = pd.DataFrame({"column": levels * 40 + cells})
    assert CategoryNormalizer().fit_transform(table)["column"].tolist()[80:] == right


def test_words_for_missing_are_known_in_other_languages():
    words = ["unbekannt", "inconnu", "sin dato", "non disponibile", "onbekend", "ignorado"]
    table = pd.DataFrame({"column": ["ja", "nein"] * 60 + words})
    assert MissingCodes().fit_transform(table)["column"][120:].isna().all()
