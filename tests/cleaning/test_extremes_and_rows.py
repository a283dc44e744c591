"""True extremes stay under "apply"; one served row equals the batch in every cell."""

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import ClinicalCleaner

MEASURES = {  # name: middle, spread (log), digits, extremes that patients have had
    "glucose": (115, 0.3, 0, [1200, 1050, 18, 890]),
    "platelets": (240, 0.35, 0, [2, 5, 1400]),
    "potassium": (4.2, 0.1, 1, [10.2, 9.4, 1.6]),
    "creatinine": (1.0, 0.35, 2, [19.4, 26.1, 0.2]),
    "bilirubin": (0.8, 0.5, 1, [41.5, 32.0]),
    "sodium": (139, 0.025, 0, [103, 178]),
    "hemoglobin": (13, 0.14, 1, [2.9, 23.1]),
    "crp": (8, 1.0, 1, [612.4]),
    "temperature": (36.9, 0.015, 1, [28.4, 42.1]),
    "wbc": (7.5, 0.35, 1, [310.0, 0.1]),
    "weight": (78, 0.22, 1, [252.0, 34.5]),
    "urea_nitrogen": (16, 0.5, 0, [214, 180]),
    "age": (62, 0.2, 0, [102, 19]),
}


def clean_table(seed, n=900):
    rng = np.random.default_rng(seed)
    table = {"site": rng.choice(["north", "south", "west"], n)}
    for name, (middle, spread, digits, extremes) in MEASURES.items():
        values = np.exp(rng.normal(np.log(middle), spread, n)).round(digits)
        values[rng.choice(n, len(extremes), replace=False)] = extremes
        table[name] = values
    return pd.DataFrame(table)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("by", [None, "site"])
def test_true_extremes_are_untouched_under_apply(seed, by):
    table = clean_table(seed)
    cleaner = ClinicalCleaner(mode="apply", by=by)
    pd.testing.assert_frame_equal(cleaner.fit_transform(table), table)
    assert not (cleaner.record_.to_frame()["severity"] == "error").any()


def dirty_table(seed, n=400):
    """Return a table with dirt of many kinds, as text where a spreadsheet would have text."""
    rng = np.random.default_rng(seed)
    table = clean_table(seed, n)
    table = table[["site", "glucose", "creatinine", "potassium", "weight", "age"]]
    north = table["site"].eq("north")
    table.loc[north, "glucose"] = (table.loc[north, "glucose"] / 18.0156).round(1)
    text = table["potassium"].map("{:.1f}".format)
    odd = ["<2.0", "4,1", "4.4 mEq/L", "hemolyzed", "1,060", "=>9", "5.1 H", "void 3", "", None]
    text[rng.choice(n, 40, replace=False)] = odd * 4
    mass = table["weight"].map("{:.1f}".format)
    mass[rng.choice(n, 12, replace=False)] = ["154 lbs", "12 st", "81 kg", "?"] * 3
    sex = pd.Series(rng.choice(["male", "female"], n))
    sex[rng.choice(n, 12, replace=False)] = ["M", "femlae", "FEMALE ", None] * 3
    pressure = pd.Series([f"{a}/{b}" for a, b in rng.integers([100, 60], [160, 95], (n, 2))])
    pressure[[3, 4, 5]] = ["120", "94/104", ">200/110"]
    admitted = pd.Series(pd.date_range("2021-01-01", periods=n, freq="D").strftime("%Y-%m-%d"))
    admitted[[7, 8]] = ["03/02/2021", "31.12.2021"]
    more = {"potassium": text, "weight": mass, "sex": sex, "bp": pressure, "admitted": admitted}
    return table.assign(**more)


def same(one, other):
    return (pd.isna(one) and pd.isna(other)) or one == other


@pytest.mark.parametrize("mode", ["propose", "apply"])
@pytest.mark.parametrize("seed", [11, 12])
def test_one_row_alone_equals_the_batch_in_every_cell(seed, mode):
    table = dirty_table(seed)
    cleaner = ClinicalCleaner(mode=mode, by="site").fit(table)
    batch = cleaner.transform(table)
    for row in [*range(0, 10), *range(10, 400, 25)]:
        alone = cleaner.transform(table.iloc[[row]])
        served = cleaner.transform(pd.DataFrame([table.iloc[row].to_dict()]))
        for column in batch:
            assert same(batch[column].iloc[row], alone[column].iloc[0]), (row, column)
            assert same(batch[column].iloc[row], served[column].iloc[0]), (row, column)
