"""Counts by site and over time, the pictures and the page."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report
from healthml.cleaning._quality.places import read_periods
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
    """Eight rows of one site cost the others nothing but the last digit of their counts."""
    table = report.by_site.query("column == 'sodium' and rule == 'missing'").set_index("group")
    assert table["n_samples"].dropna().to_dict() == {"north": 300, "south": 200, "east": 90}
    assert table.index[table["hidden"]].tolist() == ["small"]
    assert table.loc["south", "n_cells"] is pd.NA  # ten cells
    assert table.loc["small", ["n_samples", "n_cells", "share"]].isna().all()
    masks = {key: mask.sum() for key, mask in report.masks.items()}
    shown = report.by_time.groupby(["column", "rule"])["n_cells"].sum()
    assert shown.to_dict() == masks


def test_patients_are_counted_not_rows(rng):
    X = pd.DataFrame({"x": np.where(rng.random(400) < 0.3, np.nan, 1.5 + rng.random(400))})
    site = ["A"] * 200 + ["B"] * 200
    groups = np.r_[np.arange(200), 200 + np.arange(200) % 10]
    table = quality_report(X, site=site, groups=groups).by_site
    assert table["hidden"].tolist() == [False, True]  # B has ten patients
    assert table["n_samples"].iloc[0] == 200
    assert not quality_report(X, site=site).by_site["hidden"].any()


def test_small_counts_stay_out_of_what_is_written():
    """In memory a large site keeps its exact counts where no site is small; JSON does not."""
    X = pd.DataFrame({"sodium": np.r_[[np.nan] * 4, np.linspace(130.5, 145.5, 396)]})
    table = quality_report(X, site=["A"] * 200 + ["B"] * 200)
    rows = table.by_site.query("rule == 'missing'")
    assert rows["n_cells"].tolist() == [4, 0]
    written = json.loads(table.to_json())["by_site"]
    assert [row["n_cells"] for row in written if row["rule"] == "missing"] == [None, 0]
    for text in (table.summary(), table.to_html(), table.to_json()):
        assert "4 of 400" not in text
        assert "&lt;11 of 400" in text or "<11 of 400" in text


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
