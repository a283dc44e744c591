"""Units: conversions against molar masses, mixtures found, real patients left as they are."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthml import Schema
from healthml._core._knowledge import find_unit
from healthml._core._knowledge.facts import read_facts
from healthml.cleaning import UnitHarmonizer, convert
from healthml.cleaning._units import decide as _units_decide
from healthml.exceptions import InputError

sys.path.insert(0, str(Path(__file__).parent))
from unit_tables import SEPARATE, make_table

SHARED = Path(os.environ.get("HEALTHML_SHARED", "../shared")) / "data"
ATOMS = {
    "H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "P": 30.974, "S": 32.06, "Ca": 40.078,
    "Mg": 24.305, "Fe": 55.845, "Co": 58.933, "I": 126.904,
}  # fmt: skip
FORMULAS = {
    "lactate": "C3H6O3", "creatinine": "C4H7N3O", "glucose": "C6H12O6", "calcium": "Ca",
    "calcium_ionized": "Ca", "magnesium": "Mg", "phosphate": "P", "bilirubin_total": "C33H36N4O6",
    "bilirubin_direct": "C33H36N4O6", "ammonia": "NH3", "uric_acid": "C5H4N4O3",
    "cholesterol_total": "C27H46O", "hdl": "C27H46O", "ldl": "C27H46O",
    "triglycerides": "C57H104O6", "iron": "Fe", "tibc": "Fe", "vitamin_d_25oh": "C27H44O2",
    "vitamin_b12": "C63H88CoN14O14P", "folate": "C19H19N7O6", "free_t4": "C15H11I4NO4",
    "free_t3": "C15H12I3NO4", "cortisol": "C21H30O5", "testosterone": "C19H28O2",
    "estradiol": "C18H24O2", "bun": "N2",
}  # fmt: skip
MASSES = {  # proteins; of haemoglobin one of its four chains
    "bnp": 3464, "nt_probnp": 8457, "pth": 9425, "fibrinogen": 340_000, "ferritin": 445_000,
    "hemoglobin": 64_458 / 4, "mch": 64_458 / 4, "mchc": 64_458 / 4,
}  # fmt: skip
AMOUNTS = {"mmol/L": 1e-3, "umol/L": 1e-6, "nmol/L": 1e-9, "pmol/L": 1e-12, "fmol": 1e-15}
GRAMS = {
    "ng/dL": 1e-8, "pg/mL": 1e-9, "ng/mL": 1e-6, "ug/dL": 1e-5, "mg/dL": 1e-2, "g/dL": 10.0,
    "pg": 1e-12,
}  # fmt: skip
CHARGE = 2  # of calcium and magnesium


def mass(concept):
    if concept in MASSES:
        return MASSES[concept]
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", FORMULAS[concept])
    return sum(ATOMS[atom] * int(n or 1) for atom, n in parts)


def grams(unit, concept):
    """Return how many grams (per litre, or per cell) one of a unit is, or None."""
    if unit in AMOUNTS:
        return AMOUNTS[unit] * mass(concept)
    if unit == "meq/L":
        return 1e-3 * mass(concept) / CHARGE
    return GRAMS.get(unit)


MOLAR = [
    row
    for row in read_facts("clinical_units").itertuples()
    if row.name in {*FORMULAS, *MASSES}
    and {row.unit, row.canonical_ucum} & {*AMOUNTS, "meq/L"}
    and grams(row.unit, row.name)
    and grams(row.canonical_ucum, row.name)
]


@pytest.mark.parametrize("row", MOLAR, ids=lambda row: f"{row.name} {row.unit}")
def test_molar_factors_follow_from_atomic_weights(row):
    wanted = grams(row.unit, row.name) / grams(row.canonical_ucum, row.name)
    assert row.factor == pytest.approx(wanted, rel=0.002)
    one = convert(1.0, row.name, row.unit, row.canonical_ucum)
    assert one == pytest.approx(wanted, rel=0.002)


def test_every_factor_by_a_molar_mass_is_compared():
    claimed = read_facts("clinical_units").query("basis.str.contains('molar')")
    compared = {(row.name, row.unit) for row in MOLAR}
    assert set(zip(claimed["name"], claimed["unit"], strict=True)) <= compared


def test_conversions_that_unit_algebra_gets_wrong():
    # NGSP % = 0.09148 IFCC + 2.152; urea N is 28.014 of urea's 60.056; D-dimer unit 2 FEU = 1 DDU
    assert convert(53.0, "hba1c", "mmol/mol", "%") == pytest.approx(7.0, abs=0.01)
    assert convert(7.0, "hba1c", "%", "mmol/mol") == pytest.approx(53.0, abs=0.1)
    assert convert(60.056, "bun", "mg/dL urea", "mg/dL") == pytest.approx(28.014, rel=1e-4)
    assert convert(10.0, "bun", "mmol/L", "mg/dL") == pytest.approx(28.014)
    assert convert(2.0, "calcium", "mmol/L", "mEq/L") == pytest.approx(4.0)
    assert convert(2.0, "magnesium", "mEq/L", "mmol/L") == pytest.approx(1.0)
    assert convert(250.0, "d_dimer", "ng/mL DDU", "ug/mL FEU") == pytest.approx(0.5)
    assert convert(1.0, "uacr", "mg/mmol", "mg/g") == pytest.approx(1000 / mass("creatinine"))
    assert convert(98.6, "temperature", "°F", "°C") == pytest.approx(37.0)


@given(st.sampled_from(list(read_facts("clinical_units").itertuples())), st.floats(0.01, 1e4))
def test_convert_there_and_back(row, value):
    there = convert(value, row.name, row.canonical_ucum, row.unit)
    assert convert(there, row.name, row.unit, row.canonical_ucum) == pytest.approx(value)


@pytest.mark.parametrize(
    ("concept", "spelling", "unit"),
    [
        ("creatinine", "µmol/l", "umol/L"),
        ("creatinine", "MICROMOL/L", "umol/L"),
        ("wbc", "x10^9/L", "10*9/L"),
        ("wbc", "K/uL", "10*3/uL"),
        ("platelets", "10e3/µL", "10*3/uL"),
        ("temperature", "deg F", "[degF]"),
        ("weight", "Lbs", "[lb_av]"),
        ("height", "inches", "[in_i]"),
        ("calcium", "mEq / L", "meq/L"),
        ("egfr", "mL/min/1.73 m^2", "mL/min/{1.73_m2}"),
        ("sbp", "mm Hg", "mm[Hg]"),
        ("ferritin", "mcg/L", "ug/L"),
        ("hematocrit", "percent", "%"),
        ("tsh", "uIU/mL", "u[IU]/mL"),
        ("hemoglobin", "gm/dl", "g/dL"),
    ],
)
def test_units_as_people_write_them(concept, spelling, unit):
    assert find_unit(concept, spelling)[0] == unit


def test_each_unit_is_found_by_its_own_name():
    for row in read_facts("clinical_units").itertuples():
        found = find_unit(row.name, row.unit)
        assert found[1:] == pytest.approx((row.factor, row.offset)), (row.name, row.unit)


def test_an_unknown_unit_or_concept_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"creatinine has no unit 'mmHg'.*mg/dL, umol/L"):
        convert(1.0, "creatinine", "mmHg", "mg/dL")
    with pytest.raises(InputError, match="'colour' is not known"):
        convert(1.0, "colour", "mg/dL", "mmol/L")


def test_convert_keeps_the_kind_of_its_input():
    series = pd.Series([88.4, None], index=["a", "a"], name="crea")
    out = convert(series, "creatinine", "umol/L", "mg/dL")
    assert out.index.tolist() == ["a", "a"]
    assert out.isna().tolist() == [False, True]
    assert convert([88.4], "creatinine", "umol/L", "mg/dL").shape == (1,)


# ---- mixtures ---------------------------------------------------------------------------------


def converted(table, **kwargs):
    """Return which cells were converted, and the cleaned table."""
    harmonizer = UnitHarmonizer(mode="apply", **kwargs)
    out = harmonizer.fit_transform(table)
    cells = harmonizer.record_.to_frame().query("action == 'repaired'")
    mask = pd.DataFrame(False, index=range(len(table)), columns=table.columns)
    for position, column in zip(cells["position"], cells["column"], strict=True):
        mask.loc[position, column] = True
    return mask, out


def test_mixed_units_are_restored_and_nothing_else_is_touched():
    n_mixed = n_done = 0
    for seed in range(100, 105):
        table, truth, mixed = make_table(seed, n=900)
        done, out = converted(table, by="site")
        assert not (done[mixed.columns] & ~mixed).to_numpy().any()
        told = [column for column in mixed if column in SEPARATE]
        n_mixed += mixed[told].to_numpy().sum()
        n_done += (done[told] & mixed[told]).to_numpy().sum()
        for column in mixed:
            rows = done[column].to_numpy()
            if rows.any():
                off = np.abs(np.log(out[column][rows] / truth[column][rows]))
                assert np.median(off) < 0.05, column
    assert n_done > 0.9 * n_mixed


@pytest.mark.parametrize("by", ["site", None])
@pytest.mark.parametrize("seed", range(100, 103))
def test_different_patients_are_not_another_unit(seed, by):
    table, _, _ = make_table(seed, n=900, mix=False)
    done, out = converted(table if by else table.rename(columns={"site": "arm"}), by=by)
    assert not done.to_numpy().any()
    if by:
        pd.testing.assert_frame_equal(out, table)


def two_sites(column, first, second, seed=0, **more):
    rng = np.random.default_rng(seed)
    values = np.concatenate([draw(rng) for draw in (first, second)])
    n = len(values) // 2
    return pd.DataFrame({"site": np.repeat(["A", "B"], n), column: values, **more})


def lognormal(middle, spread, decimals, n=300):
    return lambda rng: np.exp(rng.normal(np.log(middle), spread, n)).round(decimals)


REAL = {
    "dialysis, and mg/L would fit": ("creatinine", (1.0, 0.3, 2), (10.0, 0.3, 2)),
    "dialysis with one decimal": ("creatinine", (1.0, 0.3, 2), (10.0, 0.3, 1)),
    "liver unit at the very ratio": ("bilirubin", (0.7, 0.6, 1), (12.0, 0.6, 1)),
    "shock at the very ratio": ("lactate", (1.6, 0.5, 1), (14.4, 0.5, 1)),
    "oncology at the ratio of mmol/L": ("hemoglobin", (12.9, 0.1, 1), (8.0, 0.1, 1)),
    "iron deficiency at the very ratio": ("iron", (90, 0.4, 0), (16, 0.4, 0)),
    "crp on a ward and in a practice": ("crp", (6, 1.0, 1), (60, 1.0, 1)),
    "hyperparathyroidism": ("pth", (45, 0.5, 0), (424, 0.5, 0)),
    "infarction": ("troponin_t", (0.01, 0.8, 3), (5.0, 0.8, 3)),
    "women and men": ("testosterone", (25, 0.4, 0), (480, 0.4, 0)),
    "hyperglycaemia": ("glucose", (110, 0.2, 0), (560, 0.3, 0)),
    "hypothermia": ("temperature", (37.0, 0.015, 1), (32.0, 0.03, 1)),
    "children at the ratio of pounds": ("weight", (79.0, 0.2, 1), (35.8, 0.2, 1)),
    "infants at the ratio of inches": ("height", (170.0, 0.05, 1), (67.0, 0.05, 1)),
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("pooled", [False, True])
def test_real_bimodal_populations_are_left_alone(name, pooled):
    column, first, second = REAL[name]
    for seed in range(3):
        table = two_sites(column, lognormal(*first), lognormal(*second), seed)
        table = table.rename(columns={"site": "arm"}) if pooled else table
        done, _ = converted(table, by=None if pooled else "site")
        assert not done.to_numpy().any()


def test_a_site_in_another_unit_is_proposed_with_its_evidence_and_then_converted():
    table = two_sites("creatinine", lognormal(1.0, 0.3, 2), lognormal(88.4, 0.3, 0))
    proposer = UnitHarmonizer(by="site").fit(table)
    found = proposer.proposals_.iloc[0]
    assert (found["group"], found["from_unit"], found["to_unit"]) == ("B", "umol/L", "mg/dL")
    assert found["n_cells"] >= 295
    assert {"factor", "range"} <= set(found["kinds"].split(", "))
    pd.testing.assert_frame_equal(proposer.transform(table), table)
    counts = proposer.record_.counts().set_index("rule").loc["unit_mixup"]
    assert (counts["action"], counts["severity"]) == ("flagged", "error")
    _, out = converted(table, by="site")
    assert out["creatinine"].between(0.3, 3).mean() > 0.99


def test_values_are_judged_by_the_learnt_mixture_one_by_one():
    table = two_sites("creatinine", lognormal(1.0, 0.3, 2), lognormal(88.4, 0.3, 0))
    harmonizer = UnitHarmonizer(by="site", mode="apply").fit(table)
    new = pd.DataFrame({"site": ["B", "B", "A", "C", "B"], "creatinine": [88, 1.1, 88, 88, np.nan]})
    out = harmonizer.transform(new)
    record = harmonizer.record_.to_frame().set_index("position")
    assert out["creatinine"].round(3).tolist()[:4] == [0.995, 1.1, 88, 88]
    assert record["rule"].to_dict() == {
        0: "unit_mixup", 2: "new_unit_suspected", 3: "new_unit_suspected",
    }  # fmt: skip
    assert set(record["severity"]) == {"error", "verify"}


def test_a_declared_unit_is_the_aim():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"hgb": np.exp(rng.normal(4.87, 0.1, 200)).round()})
    schema = Schema(variables={"hgb": {"unit": "g/dL"}})
    _, out = converted(table, schema=schema)
    assert out["hgb"].between(8, 20).all()
    done, _ = converted(table)
    assert not done.to_numpy().any()


def test_the_larger_part_of_a_table_in_si_units_stays():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"site": np.repeat(["A", "B", "C", "D"], 150)})
    table["creatinine"] = np.exp(rng.normal(np.log(80), 0.3, 600)).round()
    table["glucose"] = np.exp(rng.normal(np.log(6), 0.2, 600)).round(1)
    table["hemoglobin"] = np.exp(rng.normal(np.log(130), 0.1, 600)).round()
    where = table["site"].eq("D")
    table.loc[where, "glucose"] = (table.loc[where, "glucose"] * 18.0156).round()
    done, out = converted(table, by="site")
    assert (
        done["glucose"].to_numpy().nonzero()[0].tolist() == where.to_numpy().nonzero()[0].tolist()
    )
    assert not done[["creatinine", "hemoglobin"]].to_numpy().any()
    assert out["glucose"].between(2, 20).all()


# ---- a second column --------------------------------------------------------------------------


def body_table(seed=0, n=600, *, bmi=True, children=0.3):
    """Return heights, weights and index of adults and children, in centimetres and kilograms."""
    rng = np.random.default_rng(seed)
    child = rng.random(n) < children
    height = np.where(child, rng.normal(142, 8, n), rng.normal(170, 9, n)).round(1)
    index = np.where(child, rng.normal(17.5, 2, n), np.exp(rng.normal(3.3, 0.2, n))).clip(12.5, 58)
    table = pd.DataFrame({"site": rng.choice(["A", "B"], n), "height": height})
    table["weight"] = (index * (height / 100) ** 2).round(1)
    if bmi:
        table["bmi"] = (table["weight"] / (height / 100) ** 2).round(1)
    return table


@pytest.mark.parametrize("bmi", [True, False])
def test_children_are_neither_pounds_nor_inches(bmi):
    for seed in range(5):
        table = body_table(seed, bmi=bmi)
        harmonizer = UnitHarmonizer(mode="apply").fit(table)
        assert len(harmonizer.record_.to_frame()) == 0


def test_pounds_and_inches_are_told_by_the_index():
    table = body_table(1)
    truth = table.copy()
    table.loc[:29, "weight"] = (table.loc[:29, "weight"] / 0.45359237).round(1)
    table.loc[50:69, "height"] = (table.loc[50:69, "height"] / 2.54).round(1)
    table.loc[80:89, ["height", "weight"]] = table.loc[80:89, ["weight", "height"]].to_numpy()
    done, out = converted(table, by="site")
    assert done["weight"].to_numpy().nonzero()[0].tolist() == list(range(30))
    assert done["height"].to_numpy().nonzero()[0].tolist() == list(range(50, 70))
    np.testing.assert_allclose(out["weight"][:30], truth["weight"][:30], rtol=2e-3)
    np.testing.assert_allclose(out["height"][50:70], truth["height"][50:70], rtol=2e-3)


def test_inches_are_told_by_an_impossible_index_and_pounds_are_not():
    table = body_table(2, bmi=False, children=0.1)
    table.loc[50:69, "height"] = (table.loc[50:69, "height"] / 2.54).round(1)
    table.loc[:29, "weight"] = (table.loc[:29, "weight"] / 0.45359237).round(1)
    done, _ = converted(table, by="site")
    assert done["height"].to_numpy().nonzero()[0].size >= 15
    assert set(done["height"].to_numpy().nonzero()[0]) <= set(range(50, 70))
    assert not done["weight"].to_numpy().any()


def test_a_weight_converted_once_too_often_is_told_by_its_pair():
    rng = np.random.default_rng(3)
    table = body_table(3, n=400, bmi=False, children=0.0).rename(
        columns={"weight": "admissionweight"}
    )
    later = (table["admissionweight"] * np.exp(rng.normal(0, 0.03, 400))).round(1)
    table["dischargeweight"] = later
    table["hospital"] = np.repeat(["a", "b", "c", "d"], 100)
    table.loc[:19, "dischargeweight"] = (later[:20] * 0.45359237).round(1)
    done, out = converted(table, by="hospital")
    assert done.to_numpy().sum() == done.loc[:19, "dischargeweight"].sum() >= 18
    rows = done["dischargeweight"].to_numpy()
    np.testing.assert_allclose(out["dischargeweight"][rows], later[rows], rtol=5e-3)


# ---- a unit that is written down --------------------------------------------------------------


def test_a_unit_column_decides_and_is_brought_along():
    table = pd.DataFrame(
        {
            "creatinine": [1.0, 88.4, 2.0, 3.0, np.nan],
            "creatinine_unit": ["mg/dL", "µmol/L", "mg/dl", "furlong", "umol/L"],
        }
    )
    harmonizer = UnitHarmonizer(mode="apply")
    out = harmonizer.fit_transform(table)
    assert out["creatinine"].round(3).tolist()[:4] == [1.0, 1.0, 2.0, 3.0]
    assert out["creatinine_unit"].tolist() == ["mg/dL", "mg/dL", "mg/dl", "furlong", "umol/L"]
    rules = harmonizer.record_.to_frame().set_index("position")["rule"]
    assert rules[3] == "unknown_unit"
    assert (rules[1] == "unit_column").all()
    again = UnitHarmonizer(mode="apply").fit(out).transform(out)
    pd.testing.assert_frame_equal(again, out)
    pd.testing.assert_frame_equal(harmonizer.undo(out), table)


def test_a_unit_in_the_cell_decides():
    cells = [*(f"{x:.2f}" for x in np.linspace(0.6, 2.0, 40)), "88.4 µmol/L", "1.2 mg/dL"]
    harmonizer = UnitHarmonizer(mode="apply")
    out = harmonizer.fit_transform(pd.DataFrame({"creatinine": cells}))
    assert out["creatinine"].tolist() == [*cells[:40], "0.999981", "1.2 mg/dL"]
    assert harmonizer.record_.to_frame()["rule"].tolist() == ["unit_in_cell"]


# ---- properties -------------------------------------------------------------------------------

DTYPES = ["float64", "Float64", "float32", "double[pyarrow]", "str", "string", "category", "object"]


@pytest.fixture(scope="module")
def mixed_sites():
    table = two_sites("creatinine", lognormal(1.0, 0.3, 2, 100), lognormal(88.4, 0.3, 0, 100))
    table.loc[150:, "creatinine"] = lognormal(1.0, 0.3, 2, 50)(np.random.default_rng(5))
    return table.assign(patient=2**60 + np.arange(200), admitted=pd.Timestamp("2020-01-01"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_undo_is_exact_in_every_dtype(mixed_sites, dtype):
    values = mixed_sites["creatinine"]
    text = dtype in {"str", "string", "category", "object"}
    values = values.map("{:g}".format) if text else values
    table = mixed_sites.assign(creatinine=values.astype(dtype))
    table.index = np.repeat([7, 8], 100)
    before = table.copy(deep=True)
    harmonizer = UnitHarmonizer(by="site", mode="apply")
    out = harmonizer.fit_transform(table)
    assert (harmonizer.record_.to_frame()["rule"] == "unit_mixup").sum() >= 45
    assert pd.to_numeric(out["creatinine"].astype(str)).max() < 10
    assert out.index.tolist() == table.index.tolist()
    assert out["patient"].tolist() == before["patient"].tolist()
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(harmonizer.undo(out), before)


def test_polars_in_polars_out(mixed_sites):
    pl = pytest.importorskip("polars")
    table = mixed_sites[["site", "creatinine"]]
    harmonizer = UnitHarmonizer(by="site", mode="apply")
    out = harmonizer.fit_transform(pl.from_pandas(table))
    assert isinstance(out, pl.DataFrame)
    expected = UnitHarmonizer(by="site", mode="apply").fit_transform(table)
    assert out["creatinine"].to_list() == expected["creatinine"].tolist()


@settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(200)), rows=st.sets(st.integers(0, 199), min_size=1, max_size=5))
def test_order_does_not_matter_and_one_row_is_judged_like_many(mixed_sites, order, rows):
    harmonizer = UnitHarmonizer(by="site", mode="apply")
    out = harmonizer.fit_transform(mixed_sites)
    moved = UnitHarmonizer(by="site", mode="apply").fit(mixed_sites.iloc[order])
    pd.testing.assert_frame_equal(moved.transform(mixed_sites), out)
    for row in rows:
        alone = harmonizer.transform(mixed_sites.iloc[[row]])
        pd.testing.assert_frame_equal(alone, out.iloc[[row]])


@settings(deadline=None, max_examples=6, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000))
def test_nothing_is_converted_twice(seed):
    table, _, _ = make_table(seed, n=500)
    harmonizer = UnitHarmonizer(by="site", mode="apply")
    once = harmonizer.fit_transform(table)
    assert len(once) == len(table)
    pd.testing.assert_frame_equal(harmonizer.undo(once), table)
    pd.testing.assert_frame_equal(harmonizer.transform(once), once)
    pd.testing.assert_frame_equal(UnitHarmonizer(by="site", mode="apply").fit_transform(once), once)


def test_learnt_on_fit_only(mixed_sites):
    clean = mixed_sites.iloc[:100].assign(site=np.repeat(["A", "B"], 50))
    harmonizer = UnitHarmonizer(by="site", mode="apply").fit(clean)
    pd.testing.assert_frame_equal(harmonizer.transform(mixed_sites), mixed_sites)
    assert set(harmonizer.record_.to_frame()["rule"]) == {"new_unit_suspected"}


def test_odd_columns_are_passed_over():
    n = 60
    table = pd.DataFrame(
        {
            "creatinine": np.full(n, np.nan),
            "glucose": np.full(n, 100.0),
            "hemoglobin": np.r_[np.inf, -np.inf, 0.0, -99.0, np.full(n - 4, 13.0)],
            "sodium": pd.Series([None] * n, dtype=object),
            "height": pd.date_range("2020-01-01", periods=n),
            "weight": np.arange(n) % 2 == 0,
        }
    )
    out = UnitHarmonizer(mode="apply").fit_transform(table)
    pd.testing.assert_frame_equal(out, table)


def test_what_is_wrong_is_said():
    table = pd.DataFrame({"glucose": np.linspace(70, 140, 50)})
    with pytest.raises(InputError, match="by='ward' is not a column"):
        UnitHarmonizer(by="ward").fit(table)
    with pytest.raises(InputError, match="mode='convert' is unknown"):
        UnitHarmonizer(mode="convert").fit(table)


# ---- tables with known defects, kept outside the repository ------------------------------------


def shared(path):
    if not (SHARED / path).exists():
        pytest.skip(f"{path} is not at HEALTHML_SHARED")
    return SHARED / path


def expected_cells(path):
    found = json.loads(shared(path).read_text())
    return pd.DataFrame(found["cells"], columns=found["fields"]), found


@pytest.mark.parametrize(
    ("name", "recall"), [("dirty_unit_traps_dev", 0.9), ("dirty_ehr_dev", 0.85)]
)
def test_shared_tables_with_unit_mixups(name, recall):
    folder = "dirty_synthetic_ehr"
    table = pd.read_csv(shared(f"{folder}/{name}.csv"), low_memory=False)
    cells, found = expected_cells(f"{folder}/{name}.expected.json")
    for column in table.select_dtypes(exclude="number"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.notna().mean() > 0.5:
            table[column] = numbers
    done, _ = converted(table, by="site")
    wrong = set(zip(cells["row"], cells["column"], strict=True))
    mixed = cells[cells["type"].eq("unit_mixup")]
    hits = [done.loc[r, c] for r, c in zip(mixed["row"], mixed["column"], strict=True)]
    assert np.mean(hits) >= recall
    rows, columns = done.to_numpy().nonzero()
    claimed = {(r, table.columns[c]) for r, c in zip(rows, columns, strict=True)}
    assert claimed <= wrong
    assert not any(done.loc[cell[0], cell[1]] for cell in found.get("must_not_change", []))


@pytest.mark.parametrize(
    "path",
    [
        "dirty_synthetic_ehr/dirty_ehr_dev_clean_control.csv",
        "support2/support2.csv.gz",
        "heart4/heart4.csv.gz",
        "dirty_physionet2012/dirty_physionet2012.csv",
    ],
)
def test_shared_tables_without_unit_mixups(path):
    table = pd.read_csv(shared(path), na_values=["?"], low_memory=False)
    harmonizer = UnitHarmonizer(mode="apply").fit(table)
    assert not harmonizer.record_.rows_touched(severity="error").any()


def test_shared_eicu_weights_and_heights():
    table = pd.read_csv(shared("eicu_demo/patient.csv.gz"), low_memory=False)
    cells, _ = expected_cells("dirty_expected/eicu_demo_patient.expected.json")
    units = cells[cells["type"].str.contains("unit_mixup|inches")]
    done, _ = converted(table)
    rows, columns = done.to_numpy().nonzero()
    claimed = {(r, table.columns[c]) for r, c in zip(rows, columns, strict=True)}
    wanted = set(zip(units["row"], units["column"], strict=True))
    assert claimed <= wanted
    assert len(claimed) >= 0.9 * len(wanted)


@pytest.mark.parametrize(("digits", "n_groups"), [(1, 12), (0, 3), (9, 4)])
def test_counted_values_thin_as_sorted_ones(digits, n_groups, monkeypatch):
    rng = np.random.default_rng(5)
    x = rng.normal(138, 4, 60_000).round(digits)
    groups = rng.integers(0, n_groups, len(x))
    groups[groups == 1] = 0  # a group without a cell
    monkeypatch.setattr(_units_decide, "MOST_PER_GROUP", 500)
    counted = _units_decide._thinned(x, groups, n_groups)
    monkeypatch.setattr(_units_decide, "MOST_COUNTS", 0)
    for one, other in zip(counted, _units_decide._thinned(x, groups, n_groups), strict=True):
        np.testing.assert_array_equal(one, other)
    first = np.sort(x[groups == 0])
    np.testing.assert_array_equal(
        counted[0][:500], first[np.linspace(0, len(first) - 1, 500).astype(int)]
    )
