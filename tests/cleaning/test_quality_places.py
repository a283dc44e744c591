"""Counts by site and over time, the pictures and the page."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml.cleaning import quality_report
from healthml.cleaning._quality.places import hide_groups, read_periods
from healthml.exceptions import InputError


@pytest.fixture
def report(rng):
    n = 600
    site = np.repeat(["north", "south", "small", "east"], [300, 200, 8, 92])
    sodium = rng.normal(138, 4, n).round()
    sodium[:30] = -1
    sodium[310:320] = np.nan
    sodium[500:504] = np.nan
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), unit="D")
    X = pd.DataFrame({"sodium <b>": sodium, "sodium": sodium, "sex": ["F", "M"] * 300})
    return quality_report(X, site=site, time=day)


def test_counts_add_up_and_small_groups_are_hidden(report):
    table = report.by_site.query("column == 'sodium' and rule == 'missing'").set_index("group")
    assert table.loc["south", "n_cells"] == 10
    assert table.loc["south", "n_samples"] == 200
    assert table.loc["south", "share"] == 0.05
    assert table["hidden"].to_dict() == {
        "east": True,
        "north": False,
        "small": True,
        "south": False,
    }
    assert table.loc[["small", "east"], ["n_samples", "n_cells"]].isna().all(axis=None)
    masks = {key: mask.sum() for key, mask in report.masks.items()}
    shown = report.by_time.groupby(["column", "rule"])["n_cells"].sum()
    assert shown.to_dict() == masks


def test_patients_are_counted_not_rows(rng):
    X = pd.DataFrame({"x": np.where(rng.random(400) < 0.3, np.nan, 1.5 + rng.random(400))})
    site = ["A"] * 200 + ["B"] * 200
    groups = np.r_[np.arange(200), 200 + np.arange(200) % 10]
    table = quality_report(X, site=site, groups=groups).by_site
    assert table["hidden"].all()  # B has ten patients, and A would tell B's by difference
    assert not quality_report(X, site=site).by_site["hidden"].any()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_what_is_hidden_cannot_be_had_from_the_total(n_patients):
    n_patients = np.array(n_patients)
    hidden = hide_groups(n_patients)
    assert not (~hidden & (n_patients > 0) & (n_patients < 11)).any()
    enough = n_patients.sum() >= 11
    if hidden.any() and enough:
        assert n_patients[hidden].sum() >= 11


def test_rows_without_a_site_are_a_group_of_their_own(rng):
    site = pd.Series(["A"] * 100 + [None] * 50)
    X = pd.DataFrame({"x": [np.nan] * 20 + list(rng.normal(size=130))})
    table = quality_report(X, site=site).by_site
    assert table.set_index("group")["n_samples"].to_dict() == {"A": 100, "(missing)": 50}


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (pd.date_range("2021-03-05", periods=60), ["2021-03", "2021-04", "2021-05"]),
        (pd.date_range("2019-11-05", periods=900), ["2019-Q4", "2020-Q1"]),
        (pd.date_range("2010-11-05", periods=3000), ["2010", "2011"]),
        (["2020-01-03", "2020-02-03", "2020-02-04"] * 4, ["2020-01", "2020-02"]),
        ([2019.0, 2020.0, 2019.0], ["2019", "2020"]),
        (np.arange(1200), ["0 to 99.9167", "99.9167 to 199.833"]),
    ],
)
def test_periods(values, labels):
    codes, names = read_periods(values, len(values))
    assert names[: len(labels)] == labels[: len(names)]
    assert codes.min() >= 0
    assert codes.max() < len(names)


def test_times_that_are_no_times_are_refused():
    with pytest.raises(InputError, match="30 different values that are neither dates nor numbers"):
        read_periods([f"visit {k}" for k in range(30)], 30)


@pytest.mark.parametrize("kind", ["rules", "site", "time"])
def test_pictures(report, kind):
    ax = report.plot(kind)
    assert ax.get_title()
    shown = [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels())]
    assert "small" not in shown


def test_pictures_that_do_not_exist(rng):
    plain = quality_report(pd.DataFrame({"x": rng.normal(size=50)}))
    with pytest.raises(InputError, match="nothing by site; pass site"):
        plain.plot("site")
    with pytest.raises(InputError, match="kind='colour' is unknown"):
        plain.plot("colour")
    assert "Data quality" in plain.to_html()


def test_the_page_needs_nothing_else_and_shows_no_value(report, tmp_path):
    page = report.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert page.count("<svg") == 3
    assert not re.search(r"""(src|href)=["'](?!#|data:)|<script|@import|url\((?!#)""", page)
    assert "<b>" not in page
    assert "sodium &lt;b&gt;" in page
    assert "plausibility" in report._repr_html_() or "completeness" in report._repr_html_()
