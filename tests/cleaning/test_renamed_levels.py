"""Levels that end where others begin: named when one takes another's place, and else not."""

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning._categories.renamed_levels import ALIKE, EXPECTED, renamed_levels


def admissions(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    year = np.sort(rng.integers(2015, 2023, n))
    kind = rng.choice(["Emergency", "Urgent", "Elective"], n, p=[0.5, 0.3, 0.2]).astype(object)
    return kind, year


def found(values, time, **dtype):
    return renamed_levels(pd.DataFrame({"kind": pd.Series(values, **dtype)}), time)


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_a_renamed_level_is_found_with_its_counts(dtype):
    kind, year = admissions()
    kind[(kind == "Emergency") & (year > 2019)] = "EMER"
    (one,) = found(kind, year, dtype=dtype)
    assert (one.column, one.old, one.new) == ("kind", ("Emergency",), ("EMER",))
    assert one.n_old == (kind == "Emergency").sum()
    assert one.n_new == (kind == "EMER").sum()
    assert one.share_before == pytest.approx(0.5, abs=0.05)
    assert one.share_after == pytest.approx(0.5, abs=0.05)


def test_order_of_rows_gaps_and_dates_do_not_matter():
    kind, year = admissions()
    kind[(kind == "Urgent") & (year > 2018)] = "2"
    kind[::17] = None
    order = np.random.default_rng(1).permutation(len(kind))
    day = pd.to_datetime(pd.Series(year[order]).astype(str)).mask(np.arange(len(kind)) % 23 == 0)
    (one,) = found(kind[order], day)
    assert (one.old, one.new) == (("Urgent",), ("2",))


def test_several_levels_may_be_put_together():
    kind, year = admissions()
    kind[(kind != "Elective") & (year > 2018)] = "Unplanned"
    (one,) = found(kind, year)
    assert (set(one.old), one.new) == ({"Emergency", "Urgent"}, ("Unplanned",))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_found_where_nothing_changed(seed):
    kind, year = admissions(seed=seed)
    rng = np.random.default_rng(seed + 100)
    rare = rng.uniform(size=len(kind)) < 0.01
    kind[rare] = rng.choice(["A", "B", "C", "D"], rare.sum())
    assert found(kind, year) == []


def test_a_new_level_of_another_share_is_no_new_name():
    kind, year = admissions(4000)
    late = year > 2018
    kind[(kind == "Urgent") & late] = "Elective"
    kind[(kind == "Emergency") & late & (np.arange(4000) % 4 == 0)] = "Telephone"
    assert ALIKE < 0.3 / 0.125
    assert found(kind, year) == []


def test_a_column_that_tells_the_time_and_few_rows_say_nothing():
    kind, year = admissions()
    assert found(year.astype(str), year) == []
    assert found(np.where(year > 2018, "after", "before"), year) == []
    assert (
        found(np.where(year > 2018, "new form", np.where(year > 2016, "old", "oldest")), year) == []
    )
    few, when = kind[:60].copy(), np.arange(60)
    few[(few == "Elective") & (when > 30)] = "ELEC"
    assert EXPECTED > 6
    assert found(few, when) == []


def test_numbers_odd_cells_and_open_vocabularies_are_left_alone():
    kind, year = admissions()
    names = [f"n{k // 10}" for k in range(len(kind))]
    assert found(np.where(year > 2018, 1, 2), year) == []
    assert found([[k] for k in range(len(kind))], year) == []
    assert found(names, year) == []
    assert found(kind, np.full(len(kind), np.nan)) == []
