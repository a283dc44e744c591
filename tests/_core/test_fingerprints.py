import numpy as np
import pandas as pd
import pytest

from healthml._core._fingerprints.cells import comparable
from healthml._core._fingerprints.duplicates import duplicate_clusters
from healthml.exceptions import InputError

LABS = [f"lab{j}" for j in range(12)]


def patients(n, seed):
    """Simulate patients: demographics, chronic history and correlated, rounded, missing labs."""
    random = np.random.RandomState(seed)
    severity = random.normal(size=n)
    table = pd.DataFrame(
        {
            "age": np.clip(np.round(65 + 15 * random.normal(size=n)), 18, 100),
            "sex": random.choice(["F", "M"], n),
            "race": random.choice(list("abcd"), n, p=[0.7, 0.15, 0.1, 0.05]),
        }
    )
    for j in range(6):
        table[f"history{j}"] = (random.rand(n) < 1 / (1 + np.exp(2 - severity))).astype(int)
    for j, lab in enumerate(LABS):
        z = 0.5 * severity + 0.85 * random.normal(size=n)
        table[lab] = np.round(np.exp(z / 2) * 50 if j % 2 else 140 + 10 * z, 1)
        table.loc[random.rand(n) < 0.1, lab] = np.nan
    return table


def doubled(table, rows):
    return pd.concat([table, table.iloc[rows]], ignore_index=True)


def partners(result, rows):
    """Share of the appended copies found in the cluster of their original, and rows merged."""
    n = len(result.near_id) - len(rows)
    together = result.near_id[rows] == result.near_id[n:]
    return together.mean(), len(result.near_id) - len(np.unique(result.near_id))


# ------------------------------------------------------------------------- exact repeats


def test_exact_repeats_are_counted_with_missing_equal_to_missing():
    table = pd.DataFrame({"a": [1.0, np.nan, 1.0, np.nan, 2.0], "b": ["x", None, "x", "y", "x"]})
    table.loc[5] = [np.nan, "y"]
    result = duplicate_clusters(table)
    assert result.exact_id.tolist() == [0, 1, 0, 2, 3, 2]
    assert result.n_exact == 2


def test_empty_rows_are_no_repeats_of_each_other():
    result = duplicate_clusters(pd.DataFrame({"a": [np.nan, np.nan, 1], "b": [None, None, "x"]}))
    assert result.n_exact == 0
    assert len(set(result.exact_id)) == 3


@pytest.mark.parametrize("dtype", ["object", "category", "string"])
def test_dtype_does_not_matter(dtype):
    table = doubled(patients(60, 0), [3, 4, 5])
    same = table.astype({"sex": dtype, "race": dtype}).astype({"lab0": "Float64", "age": "Int64"})
    plain, changed = duplicate_clusters(table), duplicate_clusters(same)
    assert plain.n_exact == changed.n_exact == 3
    assert plain.exact_id.tolist() == changed.exact_id.tolist()
    assert plain.near_id.tolist() == changed.near_id.tolist()


def test_swapped_columns_and_big_identifiers_are_not_equal():
    table = pd.DataFrame({"a": [1, 2], "b": [2, 1], "c": [2**60, 2**60 + 1]})
    assert duplicate_clusters(table).n_exact == 0
    assert duplicate_clusters(table[["c"]]).n_exact == 0


def test_chosen_columns_and_index_are_respected():
    table = pd.DataFrame({"row": range(4), "a": list("xyxz")}, index=[7, 7, 8, 9])
    assert duplicate_clusters(table).n_exact == 0
    assert duplicate_clusters(table, columns=["a"]).exact_id.tolist() == [0, 1, 0, 2]


def test_values_without_a_hash_are_compared():
    assert duplicate_clusters(pd.DataFrame({"a": [[1], [2], [1], None]})).n_exact == 1


# ------------------------------------------------------------------------- near repeats found


@pytest.mark.parametrize(("n", "n_copies"), [(300, 10), (2000, 1), (2000, 60)])
def test_changed_and_emptied_cells_are_seen_through(n, n_copies):
    table, random = patients(n, 1), np.random.RandomState(2)
    rows = random.permutation(n)[:n_copies]
    copies = table.iloc[rows].reset_index(drop=True)
    for position in range(n_copies):
        first, second, third = random.permutation(LABS)[:3]
        copies.loc[position, first] = table[first].iloc[random.randint(n)]
        copies.loc[position, second] = np.nan
        copies.loc[position, third] = np.nan
    result = duplicate_clusters(pd.concat([table, copies], ignore_index=True))
    found, merged = partners(result, rows)
    assert found >= 0.9
    assert merged == round(found * n_copies)
    assert result.n_near + result.n_exact == merged


def test_jitter_in_every_number_is_seen_through():
    table, random = patients(2000, 3), np.random.RandomState(4)
    rows = np.arange(0, 2000, 40)
    copies = table.iloc[rows].copy()
    copies[LABS] += 0.01 * table[LABS].std().to_numpy() * random.normal(size=(len(rows), 12))
    result = duplicate_clusters(pd.concat([table, copies], ignore_index=True))
    found, merged = partners(result, rows)
    assert result.n_exact == 0
    assert found >= 0.9
    assert merged == round(found * len(rows)) == result.n_near


def test_a_join_that_doubled_the_rows_is_found_with_the_columns_that_differ():
    table = patients(1500, 5)
    other = table.assign(
        lab0=np.random.RandomState(6).permutation(table["lab0"]),
        lab5=np.random.RandomState(7).permutation(table["lab5"]),
        version="b",
    )
    joined = pd.concat([table.assign(version="a"), other], ignore_index=True)
    result = duplicate_clusters(joined.sample(frac=1, random_state=0).sort_index())
    found, merged = partners(result, np.arange(1500))
    assert found > 0.85
    assert merged == round(found * 1500)
    assert set(result.differing.index[:3]) == {"version", "lab0", "lab5"}
    assert result.differing["version"] == 1.0
    assert (result.differing.iloc[3:] == 0).all()


def test_a_row_copied_several_times_is_one_cluster():
    table = patients(800, 8)
    result = duplicate_clusters(doubled(table, [9, 9, 9, 9]))
    cluster = np.flatnonzero(result.near_id == result.near_id[9])
    assert cluster.tolist() == [9, 800, 801, 802, 803]
    assert result.n_exact == result.n_exact_evident == 4
    assert result.n_near == 0


def test_row_order_does_not_change_the_clusters():
    table = doubled(patients(500, 9), [1, 2, 3])
    table.loc[500:, "lab3"] = 1.0
    order = np.random.RandomState(0).permutation(len(table))
    straight, mixed = duplicate_clusters(table), duplicate_clusters(table.iloc[order])
    assert straight.n_near == mixed.n_near == 3
    same = straight.near_id[order][:, None] == straight.near_id[order]
    assert (same == (mixed.near_id[:, None] == mixed.near_id)).all()


def test_numbers_written_as_text_are_compared_as_numbers():
    table = patients(1000, 10)
    copies = table.head(20).copy()
    copies[LABS] += 0.004 * table[LABS].std()
    table = pd.concat([table, copies], ignore_index=True)
    table[LABS] = table[LABS].map(lambda x: f"{x:.3f}", na_action="ignore").astype(object)
    assert duplicate_clusters(table).n_near >= 18


# ------------------------------------------------------------------------- no false alarms


@pytest.mark.parametrize("n", [2000, pytest.param(20000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_clean_numbers_have_no_repeats(n, correlation):
    random = np.random.RandomState(n)
    common, own = random.normal(size=(n, 1)), random.normal(size=(n, 20))
    values = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    result = duplicate_clusters(pd.DataFrame(values))
    assert result.assessable
    assert (result.n_exact, result.n_near) == (0, 0)
    assert len(np.unique(result.near_id)) == n


@pytest.mark.parametrize("n", [300, 5000])
def test_clean_patients_have_no_repeats(n):
    result = duplicate_clusters(patients(n, 11))
    assert result.assessable
    assert result.n_near == 0
    assert result.reason == ""
    assert np.isnan(result.agreement).all()


@pytest.mark.parametrize("n_fixed", [0, 6])
def test_visits_of_one_patient_are_no_repeats(n_fixed):
    random = np.random.RandomState(12)
    fixed, visit = patients(1500, 12), np.repeat(np.arange(1500), random.randint(1, 5, 1500))
    table = fixed.iloc[visit].reset_index(drop=True)
    again = patients(len(table), 13)
    table[LABS] = (0.7 * table[LABS] + 0.3 * again[LABS]).round(1)  # labs of a patient resemble
    for j in range(n_fixed):
        table[f"fixed{j}"] = random.normal(size=1500).round(2)[visit]
    assert duplicate_clusters(table).n_near == 0


def test_patients_of_one_site_that_share_its_many_columns_are_no_repeats():
    random = np.random.RandomState(14)
    site = random.randint(0, 100, 3000)
    columns = pd.DataFrame(random.normal(size=(100, 40))[site]).add_prefix("site")
    table = pd.concat([columns, patients(3000, 14)[["age", "sex", *LABS[:6]]]], axis=1)
    assert duplicate_clusters(table).n_near == 0


def test_copies_of_columns_add_no_evidence():
    values = np.random.RandomState(15).normal(size=(3000, 6)).round(1)
    table = pd.DataFrame(np.hstack([values, 2.2 * values, values**3, values + 5]))
    assert duplicate_clusters(table).n_near == 0


def test_columns_on_a_surface_are_withheld_not_claimed():
    random = np.random.RandomState(16)
    two = random.normal(size=(3000, 2))
    table = pd.DataFrame(np.sin(two @ random.normal(size=(2, 30))) + 0.3 * two[:, :1])
    result = duplicate_clusters(table)
    assert result.n_near == 0
    assert result.n_withheld > 0
    assert "not claimed" in result.reason


@pytest.mark.parametrize("n_levels", [2, 8])
def test_common_values_are_not_assessable(n_levels):
    table = pd.DataFrame(np.random.RandomState(17).randint(0, n_levels, (2000, 12)))
    result = duplicate_clusters(doubled(table, [0, 1, 2]))
    assert result.n_exact >= 3
    assert result.n_exact_evident == result.n_near == 0
    assert not result.assessable
    assert "distinct values" in result.reason


def test_a_rare_answer_counts_no_more_than_its_column_can_tell():
    rare_yes = np.repeat([0, 1], [990, 10])  # would be 6.6 bits
    codes = np.append(rare_yes, -1).astype(np.int32)
    bits = comparable("flag", codes, None).bits["exact"]
    assert bits.max() == pytest.approx(1.0)
    assert bits[0] == pytest.approx(-np.log2(0.99), abs=1e-6)
    assert bits[-1] == 0
    one_rare = np.concatenate([np.repeat(np.arange(4), 250), [4, 4]]).astype(np.int32)
    bits = comparable("ward", one_rare, None).bits["exact"]
    assert bits[-1] == pytest.approx(2.0, abs=0.02)  # as the other wards, not 9 bits


def test_filled_in_values_are_not_evidence():
    table, random = patients(3000, 18), np.random.RandomState(18)
    hidden = random.rand(3000, 1) < 0.3  # whole panels missing together, then filled in
    table[LABS] = table[LABS].mask(np.repeat(hidden, 12, axis=1), table[LABS].median(), axis=1)
    assert duplicate_clusters(table).n_near == 0


def test_tables_without_anything_to_compare_say_so():
    for table in (pd.DataFrame({"a": [1, 1, 1]}), pd.DataFrame(index=range(3)), patients(1, 0)):
        result = duplicate_clusters(table)
        assert result.n_near == 0
        assert not result.assessable
        assert result.reason
        assert len(result.near_id) == len(result.exact_id) == len(table)


# ------------------------------------------------------------------------- contract


def test_pairs_explain_the_clusters():
    result = duplicate_clusters(doubled(patients(400, 19), [5, 6]))
    assert result.pairs[["first", "second"]].to_numpy().tolist() == [[5, 400], [6, 401]]
    assert result.pairs["exact"].all()
    assert (result.pairs["bits"] >= result.bits_needed).all()
    assert result.agreement[[5, 6, 400, 401]].tolist() == [1.0] * 4
    assert np.isnan(result.agreement).sum() == 398


def test_near_can_be_left_out():
    result = duplicate_clusters(doubled(patients(100, 20), [0]), near=False)
    assert result.n_exact == 1
    assert len(set(result.near_id)) == 101
    assert not result.assessable


def test_the_answer_is_the_same_twice_and_leaves_the_global_seed_alone():
    table = doubled(patients(300, 21), [1])
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = duplicate_clusters(table), duplicate_clusters(table)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert first.near_id.tolist() == second.near_id.tolist()
    pd.testing.assert_frame_equal(first.pairs, second.pairs)


def test_unusable_tables_are_refused():
    with pytest.raises(InputError, match="pass a pandas DataFrame"):
        duplicate_clusters(np.zeros((2, 2)))
    with pytest.raises(InputError, match="repeated column names"):
        duplicate_clusters(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(InputError, match="does not have"):
        duplicate_clusters(pd.DataFrame({"a": [1]}), columns=["b"])


# ------------------------------------------------------------------------- real tables


def test_a_real_join_on_two_score_versions_is_found_whole(shared):
    folder = shared / "data" / "eicu_demo"
    patient = pd.read_csv(folder / "patient.csv.gz")
    result = pd.read_csv(folder / "apachepatientresult.csv.gz")
    joined = patient.merge(result, on="patientunitstayid")
    found = duplicate_clusters(joined)
    stay = pd.factorize(joined["patientunitstayid"])[0]
    assert found.near_id.tolist() == stay.tolist()
    assert found.differing.index[0] == "apacheversion"
    assert duplicate_clusters(patient).n_near == 0


@pytest.mark.parametrize(
    ("file", "n_exact"), [("support2/support2.csv.gz", 0), ("heart4/heart4.csv.gz", 2)]
)
def test_real_tables_of_single_patients(shared, file, n_exact):
    result = duplicate_clusters(pd.read_csv(shared / "data" / file))
    assert (result.n_exact, result.n_near) == (n_exact, 0)


@pytest.mark.slow
def test_real_repeated_visits_are_no_repeats(shared):
    file = shared / "data" / "diabetes130" / "diabetic_data.csv.gz"
    table = pd.read_csv(file, keep_default_na=False)
    result = duplicate_clusters(table)
    assert (result.n_exact, result.n_near) == (0, 0)
    assert result.n_withheld > 0
