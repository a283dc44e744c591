"""Linkage through splink: who is proposed, who is not, and what is said without splink."""

import sys

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import link_records
from healthml.exceptions import InputError

SYLLABLES = ["ber", "lin", "mar", "tok", "gus", "van", "dor", "sel", "rik", "han", "pol", "fel"]


def people(n=400, seed=0):
    rng = np.random.default_rng(seed)
    names = ["".join(parts) for parts in rng.choice(SYLLABLES, (2 * n, 3))]
    born = pd.Timestamp("1940-01-01") + pd.to_timedelta(rng.integers(0, 20000, n), "D")
    columns = {"first_name": names[:n], "surname": names[n:], "birth_date": born}
    return pd.DataFrame(columns).assign(sex=rng.choice(["f", "m"], n))


@pytest.fixture(scope="module")
def linked():
    pytest.importorskip("splink")
    table = people()
    again = table.iloc[:20].copy()
    again.loc[:9, "surname"] = [name[:-1] for name in again["surname"][:10]]  # a letter lost
    again.loc[10, "surname"] = "newname"  # married
    again.loc[11, "birth_date"] += pd.Timedelta(days=1)
    whole = pd.concat([table, again], ignore_index=True)
    return whole, link_records(whole, match_probability=0.5, random_state=0)


def test_second_records_are_proposed_and_nobody_else(linked):
    _, result = linked
    found = set(zip(result.pairs["first"], result.pairs["second"], strict=True))
    assert found == {(i, 400 + i) for i in range(20)}
    assert result.pairs["probability"].between(0.5, 1).all()
    assert result.person[403] == result.person[3]
    assert len(np.unique(result.person)) == 400
    assert result.table["n_pairs"].sum() == 20
    assert "20 pairs of 420 rows" in result.summary()
    assert result.plot().get_xlabel() == "Match weight (bits)"


def test_a_disagreement_takes_weight_away(linked):
    _, result = linked
    weight = result.pairs.set_index("first")["match_weight"]
    assert weight[10] < weight[0] < weight[12:].min()


def test_patients_known_to_be_one_are_not_proposed(linked):
    whole, result = linked
    patient = np.r_[np.arange(400), np.arange(10), np.arange(400, 410)]
    kept = link_records(whole, groups=patient, match_probability=0.5, random_state=0).pairs
    assert kept["first"].tolist() == list(range(10, 20))
    again = link_records(whole, match_probability=0.5, random_state=0)
    pd.testing.assert_frame_equal(again.pairs, result.pairs)


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(InputError, match=r"pip install 'healthml\[linkage\]'"):
        link_records(people(20))


def test_columns_that_are_not_there_are_refused():
    pytest.importorskip("splink")
    with pytest.raises(InputError, match="did not recognise"):
        link_records(pd.DataFrame({"age": [1, 2]}))
    with pytest.raises(InputError, match="no cell of birth_date"):
        link_records(people(20).assign(birth_date="?"))
