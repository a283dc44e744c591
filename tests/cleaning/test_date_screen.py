import numpy as np
import pandas as pd
import pytest

from healthml.cleaning import quality_report

DATES = ["date_format", "impossible_date", "date_order"]


@pytest.fixture
def stays(rng):
    n = 200
    admitted = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    stay = pd.to_timedelta(rng.integers(0, 20, n), unit="D")
    return pd.DataFrame(
        {
            "birth_date": pd.Timestamp("1951-05-05")
            + pd.to_timedelta(rng.integers(0, 9000, n), unit="D"),
            "admission_date": admitted,
            "discharge_date": admitted + stay,
            "death_date": pd.Series(admitted + stay).where(rng.random(n) < 0.2),
            "follow_up_end_date": admitted + pd.to_timedelta(400, unit="D"),
        }
    )


def seen(frame):
    table = quality_report(frame).select(*DATES)
    return {(r.column, r.rule): r.n_cells for r in table.itertuples()}


@pytest.mark.parametrize("form", ["dates", "text", "timezone", "date objects"])
def test_dates_in_order_are_left_alone(stays, form):
    if form == "text":
        stays = stays.apply(lambda s: s.dt.strftime("%Y-%m-%d"))
    if form == "timezone":
        stays = stays.apply(lambda s: s.dt.tz_localize("Europe/Berlin"))
    if form == "date objects":
        stays = stays.apply(lambda s: s.dt.date)
    assert seen(stays) == {}


@pytest.mark.parametrize("as_text", [False, True])
def test_what_cannot_be_is_found_row_by_row(stays, as_text):
    stays.loc[:4, "discharge_date"] = pd.Timestamp("2020-06-01")
    stays.loc[5:6, "birth_date"] = pd.Timestamp("2022-08-01")
    stays.loc[7:9, "death_date"] = pd.Timestamp("2020-12-01")
    if as_text:
        stays = stays.apply(lambda s: s.dt.strftime("%Y-%m-%d"))
    report = quality_report(stays)
    mask = report.masks["discharge_date", "date_order"]
    assert mask[:5].all()  # ends before it starts
    assert report.masks["birth_date", "date_order"][5:7].all()
    assert report.masks["death_date", "date_order"][7:10].all()
    assert not report.masks["admission_date", "date_order"][10:].any()
    checks = set(report.select("date_order")["dqd_check"].str.split(", ").sum())
    assert checks == {"plausibleStartBeforeEnd", "plausibleAfterBirth", "plausibleBeforeDeath"}


def test_formats_and_days_that_do_not_exist(stays):
    text = stays.apply(lambda s: s.dt.strftime("%Y-%m-%d"))[["admission_date", "discharge_date"]]
    text.loc[:3, "admission_date"] = ["13/04/2021", "5 May 2021", "44197", "20210304"]
    text.loc[4:5, "discharge_date"] = ["2021-02-30", "unknown"]
    cells = seen(text)
    assert cells["admission_date", "date_format"] == 4
    assert cells["discharge_date", "impossible_date"] == 1
    assert ("discharge_date", "date_format") not in cells


def test_text_and_numbers_that_are_no_dates_are_left_alone(rng):
    frame = pd.DataFrame(
        {
            "icd": ["I21.4", "A41.9"] * 50,
            "phone": ["030-123-4567", "030-765-4321"] * 50,
            "dose": ["1-0-1", "1/2"] * 50,
            "day": rng.integers(1, 28, 100),
            "date_known": ["yes", "no"] * 50,
            "seen": [f"{y}" for y in rng.integers(2015, 2020, 100)],
        }
    )
    assert seen(frame) == {}
    assert np.isfinite(frame["day"]).all()
