"""Units within their site: sick patients elsewhere hide nothing, and make nothing up."""

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import ClinicalCleaner, UnitHarmonizer

SITES = np.array(["north", "south", "west"])


def table(column, middle, spread, digits, *, sick=1.0, seed=0, n=1500):
    """Return sites and true values; the patients of "south" lie `sick` times higher."""
    rng = np.random.default_rng(seed)
    site = rng.choice(SITES, n)
    level = np.log(np.where(site == "south", middle * sick, middle))
    values = np.maximum(np.exp(rng.normal(level, spread)).round(digits), 10.0**-digits)
    return pd.DataFrame({"site": site, column: values}), rng.random(n) < 0.12


def cleaned(frame):
    harmonizer = UnitHarmonizer(by="site", mode="apply")
    return harmonizer.fit_transform(frame), harmonizer


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("column", "middle", "spread", "digits", "factor", "other_digits"),
    [
        ("triglycerides", 120, 0.4, 0, 88.54, 2),
        ("cholesterol", 185, 0.2, 0, 38.665, 2),
        ("creatinine", 0.95, 0.3, 2, 0.011312, 0),
    ],
)
def test_a_site_of_sick_patients_hides_nothing(
    column, middle, spread, digits, factor, other_digits, seed
):
    frame, chance = table(column, middle, spread, digits, sick=2.2, seed=seed)
    true, mixed = frame[column].to_numpy(), chance & frame["site"].eq("north").to_numpy()
    frame[column] = np.where(mixed, (true / factor).round(other_digits), true)
    out, _ = cleaned(frame)
    restored = np.isclose(out[column], true, rtol=0.02, atol=0.006)
    assert restored[mixed].mean() >= 0.85
    assert (out[column][~mixed] == true[~mixed]).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sick", [1.0, 2.5, 3.5])
@pytest.mark.parametrize(
    ("column", "middle", "spread", "digits"),
    [("urea_nitrogen", 15, 0.4, 0), ("ferritin", 90, 0.9, 0), ("bilirubin", 0.7, 0.6, 1)],
)
def test_sick_patients_alone_are_never_another_unit(column, middle, spread, digits, sick, seed):
    """Units as close to each other as patients are cannot be told apart by values."""
    frame, _ = table(column, middle, spread, digits, sick=sick, seed=seed)
    out, harmonizer = cleaned(frame)
    assert out.equals(frame)
    assert harmonizer.proposals_.empty


def test_where_single_cells_are_not_sure_they_are_flagged_and_proposed():
    frame, chance = table("bilirubin", 0.7, 0.6, 1, sick=2.0)
    true, mixed = frame["bilirubin"].to_numpy(), chance & frame["site"].eq("north").to_numpy()
    frame["bilirubin"] = np.where(mixed, (true * 17.104).round(), true)
    _, harmonizer = cleaned(frame)
    record = harmonizer.record_.to_frame()
    found = set(record["position"]) & set(np.flatnonzero(mixed))
    assert len(found) >= 0.8 * mixed.sum()
    assert not set(record["position"]) - set(np.flatnonzero(mixed))
    proposed = harmonizer.proposals_
    assert proposed["group"].tolist() == ["north"]
    assert proposed["n_cells"].item() + proposed["n_unsure"].item() >= 0.8 * mixed.sum()


def test_a_code_among_values_in_another_unit_is_not_converted():
    frame, chance = table("hemoglobin", 12.5, 0.12, 1)
    north = frame["site"].eq("north").to_numpy()
    frame.loc[north, "hemoglobin"] = (frame.loc[north, "hemoglobin"] * 10).round()
    coded = chance & ~north
    frame.loc[coded, "hemoglobin"] = 88.8
    out, _ = cleaned(frame)
    assert (out.loc[coded, "hemoglobin"] == 88.8).all()
    assert out.loc[north, "hemoglobin"].between(7, 20).mean() > 0.99


def test_units_in_cells_of_text_are_read_without_a_parser():
    rng = np.random.default_rng(4)
    cells = [f"{v:.0f}" for v in rng.normal(105, 15, 150)]
    cells[3], cells[4], cells[5] = "25 mmol/L", "6,1 mmol/L", "1,060 mmol/L"
    out = UnitHarmonizer(mode="apply").fit_transform(pd.DataFrame({"glucose": cells}))["glucose"]
    assert out.iloc[3:6].tolist() == ["450.39", "109.895", "1,060 mmol/L"]
    assert out.drop([3, 4, 5]).tolist() == [cells[i] for i in range(150) if i not in (3, 4, 5)]


def wide_table(factor, *, share=1.0, seed=0, digits=1):
    """Return C-reactive protein at five sites of other case mix; `factor` times as much at one."""
    rng = np.random.default_rng(seed)
    site = rng.choice(list("ABCDE"), 1200)
    level = 3.2 + pd.Series(site).map(dict(zip("ABCDE", rng.normal(0, 0.15, 5), strict=True)))
    crp = np.exp(rng.normal(level, 1.2)).round(1)
    mixed = (site == "C") & (rng.random(1200) < share)
    return pd.DataFrame({"site": site, "crp": np.where(mixed, (crp * factor).round(digits), crp)})


@pytest.mark.parametrize("seed", range(3))
def test_a_site_ten_times_as_high_is_named_where_single_cells_overlap(seed):
    frame = wide_table(10, seed=seed)
    out, harmonizer = cleaned(frame)
    assert harmonizer.proposals_["group"].tolist() == ["C"]
    medians = np.log(out.groupby("site")["crp"].median())
    assert np.ptp(medians) < 0.7  # it was 2.3 and more


@pytest.mark.parametrize(("factor", "share"), [(10, 0.5), (4, 1.0), (3, 1.0)])
def test_a_sicker_site_or_one_mixed_in_itself_is_not_taken_for_a_whole_one(factor, share):
    """Four or three times as high is no factor of a unit; half a site is no whole one."""
    for seed in range(3):
        kinds = cleaned(wide_table(factor, share=share, seed=seed))[1].proposals_["kinds"]
        assert not kinds.str.contains("level").any(), seed


def test_a_ratio_alone_is_no_unit():
    """Ten times as ill and written alike, within what is possible: not to be told."""
    rng = np.random.default_rng(0)
    site = np.repeat(list("ABCDE"), 200)
    crp = np.exp(rng.normal(np.where(site == "C", 1.6 + np.log(10), 1.6), 0.9)).round(1)
    assert cleaned(pd.DataFrame({"site": site, "crp": crp}))[1].proposals_.empty


def bilirubin(rng, n, spread, decimals):
    """Return bilirubin in mg/dL."""
    return np.exp(rng.normal(np.log(0.7), spread, n)).clip(0.1).round(decimals)


@pytest.mark.parametrize("n", [418, 1300])
def test_scattered_bilirubin_in_another_unit_is_restored(n):
    """The usual cells' tail fills the gap; that the others are a hump of whole numbers decides."""
    rng = np.random.default_rng(n)
    values = bilirubin(rng, n, 0.4, 1)
    true, rows = values.copy(), rng.choice(n, 104, replace=False)
    values[rows] = (17.1 * values[rows]).round()
    frame = pd.DataFrame({"bilirubin": values, "age": rng.normal(60, 12, n).round()})
    cleaned = ClinicalCleaner(mode="apply").fit_transform(frame)["bilirubin"].to_numpy()
    changed = np.flatnonzero(cleaned != values)
    assert len(changed) >= 60
    assert set(changed) <= set(rows)
    assert np.abs(cleaned[changed] / true[changed] - 1).max() < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_liver_patients_in_two_significant_digits_are_left(seed):
    """0.52, 1.2 and 12 lose a decimal at each power of ten; that is no other unit."""
    rng = np.random.default_rng(seed)
    values = bilirubin(rng, 1000, 0.6, 6)
    sick = rng.random(1000) < 0.15
    values[sick] = np.exp(rng.normal(np.log(14), 0.5, sick.sum())).clip(0.1, 45)
    values = np.array([float(f"{value:.2g}") for value in values])
    site = np.where(sick & (rng.random(1000) < 0.7), "liver", rng.choice(["a", "b"], 1000))
    frame = pd.DataFrame({"bilirubin": values, "site": site})
    cleaned = ClinicalCleaner(mode="apply", by="site").fit_transform(frame)
    assert cleaned["bilirubin"].tolist() == values.tolist()
