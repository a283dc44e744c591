"""DateParser: formats, order of day and month, centuries, impossible days, broken orders."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthml import Schema
from healthml.cleaning import DateParser
from healthml.cleaning._dates.one_date import read_date
from healthml.exceptions import InputError

EXCEL = pd.Timestamp("1899-12-30")
WAYS = [
    lambda day: day.strftime("%d %b %Y"),
    lambda day: day.strftime("%Y%m%d"),
    lambda day: day.strftime("%d.%m.%Y"),
    lambda day: day.strftime("%m/%d/%y"),
    lambda day: str((day - EXCEL).days),
    lambda day: day.strftime("%B %d, %Y"),
    lambda day: day.strftime("%Y/%m/%d"),
]


def stays(seed, n=800):
    """Return clean admissions, discharges and births as timestamps."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), "D")
    end = start + pd.to_timedelta(rng.poisson(6, n), "D")
    birth = start - pd.to_timedelta((rng.uniform(18, 92, n) * 365.25).astype(int), "D")
    return pd.DataFrame({"admit_date": start, "discharge_date": end, "date_of_birth": birth})


def dirty_stays(seed):
    rng = np.random.default_rng(seed + 100)
    clean = stays(seed)
    dirty = clean.apply(lambda x: x.dt.strftime("%Y-%m-%d")).astype(object)
    for name in clean:
        for row in rng.choice(len(clean), 40, replace=False):
            dirty.loc[row, name] = WAYS[rng.integers(0, len(WAYS))](clean.loc[row, name])
    return dirty, clean


@pytest.mark.parametrize("seed", range(4))
def test_generated_formats_are_read(seed):
    dirty, clean = dirty_stays(seed)
    parser = DateParser()
    out = parser.fit_transform(dirty)
    written = dirty != clean.apply(lambda x: x.dt.strftime("%Y-%m-%d"))
    assert (out == clean).to_numpy().all()
    record = parser.record_.to_frame()
    assert set(record["rule"]) == {"date_format"}
    assert len(record) == written.to_numpy().sum()


def test_impossible_and_placeholder_days_are_blanked_and_real_old_births_stay():
    clean = stays(1)
    dirty = clean.apply(lambda x: x.dt.strftime("%Y-%m-%d")).astype(object)
    bad = ["2015-13-05", "2016-02-30", "0000-00-00", "1900-01-01", "2099-12-31", "9999-12-31"]
    dirty.loc[range(6), "admit_date"] = bad
    dirty.loc[6, "date_of_birth"] = "1913-05-04"
    parser = DateParser()
    out = parser.fit_transform(dirty)
    assert out["admit_date"].iloc[:6].isna().all()
    assert out["admit_date"].iloc[6:].notna().all()
    assert out.loc[6, "date_of_birth"] == pd.Timestamp("1913-05-04")
    record = parser.record_.to_frame()
    assert record.query("action == 'blanked'")["severity"].eq("error").all()
    assert len(record) == 6


def test_an_open_end_in_many_rows_is_a_convention():
    dirty = stays(2).apply(lambda x: x.dt.strftime("%Y-%m-%d")).astype(object)
    dirty.loc[range(200), "discharge_date"] = "2099-12-31"
    parser = DateParser()
    out = parser.fit_transform(dirty)
    assert out["discharge_date"].notna().all()
    assert set(parser.record_.counts()["severity"]) == {"verify"}


def test_exchanged_dates_are_put_back_and_other_broken_orders_flagged():
    clean = stays(3)
    dirty = clean.copy()
    rows = np.flatnonzero((clean["discharge_date"] - clean["admit_date"]).dt.days > 0)[:20]
    dirty.loc[rows, ["admit_date", "discharge_date"]] = clean.loc[
        rows, ["discharge_date", "admit_date"]
    ].to_numpy()
    dirty.loc[700, "discharge_date"] = clean.loc[700, "admit_date"] - pd.Timedelta(700, "D")
    dirty.loc[701, "date_of_birth"] = clean.loc[701, "discharge_date"] + pd.Timedelta(50, "D")
    parser = DateParser()
    out = parser.fit_transform(dirty)
    assert out.loc[rows].equals(clean.loc[rows])
    assert out.drop(rows).equals(dirty.drop(rows))
    record = parser.record_.to_frame()
    assert set(record.query("action == 'flagged'")["position"]) == {700, 701}
    assert set(record["rule"]) == {"date_order"}


def test_a_discharge_the_day_after_death_and_a_birth_on_admission_are_no_error():
    clean = stays(4)
    clean["date_of_birth"] = clean["admit_date"]
    clean["death_date"] = clean["discharge_date"] - pd.Timedelta(1, "D")
    clean.loc[clean["death_date"] < clean["admit_date"], "death_date"] = pd.NaT
    parser = DateParser().fit(clean)
    assert parser.record_.to_frame().empty


def test_each_style_has_its_own_order_and_other_columns_help():
    frame = pd.DataFrame(
        {
            "visit_date": ["25/12/2020", "03/04/2020", "12/25/20", "03/04/20"] * 10,
            "letter_date": ["01/02/2020", "02/03/2020", "03/01/2020", "02/01/2020"] * 10,
        }
    )
    out = DateParser().fit_transform(frame)
    assert out["visit_date"].dt.strftime("%m-%d").tolist()[:4] == [
        "12-25",
        "04-03",
        "12-25",
        "03-04",
    ]
    assert out["letter_date"].dt.month.tolist()[:4] == [2, 3, 1, 1]


def test_what_the_column_cannot_tell_is_left_and_listed():
    frame = pd.DataFrame(
        {"visit_date": ["2020-05-06", "2020-11-12"] * 20 + ["03/04/2020", "Jun 5"]}
    )
    parser = DateParser()
    out = parser.fit_transform(frame)
    assert out["visit_date"].equals(frame["visit_date"])
    record = parser.record_.to_frame()
    assert record[["rule", "action", "severity"]].values.tolist() == [
        ["ambiguous_date", "flagged", "verify"],
        ["incomplete_date", "flagged", "verify"],
    ]
    settled = DateParser(order="day").fit_transform(frame)
    assert settled["visit_date"].iloc[-2] == "2020-04-03"


@pytest.mark.parametrize(("zero", "first"), [("1899-12-30", 42000), ("1970-01-01", 16400)])
def test_serial_numbers_take_the_day_zero_that_fits_the_other_dates(zero, first):
    day = pd.Timestamp(zero) + pd.to_timedelta(np.arange(first, first + 200), "D")
    cells = [str(first + i) if i % 2 else d.strftime("%Y-%m-%d") for i, d in enumerate(day)]
    out = DateParser().fit_transform(pd.DataFrame({"date_onset": cells}))
    assert out["date_onset"].tolist() == day.tolist()


def test_years_of_two_digits_take_the_century_of_the_column():
    births = pd.date_range("1925-01-01", "2004-01-01", 200)
    cells = [
        d.strftime("%m/%d/%y") if i % 20 == 0 else d.strftime("%Y-%m-%d")
        for i, d in enumerate(births)
    ]
    cells += ["12/25/20"]
    out = DateParser().fit_transform(pd.DataFrame({"birth_date": cells}))
    assert out["birth_date"].iloc[:-1].tolist() == births.normalize().tolist()
    assert out["birth_date"].iloc[-1] == pd.Timestamp("1920-12-25")


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("patient_id", ["20210304", "20210516", "20220830"]),
        ("phone", ["030/12/3456", "44548", "12345"]),
        ("year", [1999, 2004, 2021]),
        ("days_since_date", [16372, 16384, 16509]),
        ("zip", ["35233", "35901", "36201"]),
        ("bp", ["120/80", "135/90", "110/70"]),
        ("platelets", ["15000", "23000", "45000"]),
        ("version", ["1.2.33", "2.0.14", "1.11.20"]),
        ("ward", ["May", "March", "Jan"]),
        ("dose", ["10-12-14", "5-5-10", "8-8-12"]),
        ("seen", ["2021-03-04T10:00:00Z", "2021-03-05T11:00:00+02:00", "2021-03-05T10:00:00Z"]),
        ("stage", ["1/2/3", "2/3/4", "1/1/2"]),
        ("flag", [True, False, True]),
    ],
)
def test_other_columns_are_never_turned_into_dates(name, cells):
    frame = pd.DataFrame({name: cells * 20})
    parser = DateParser()
    pd.testing.assert_frame_equal(parser.fit_transform(frame), frame)
    assert parser.date_columns_ == []


def test_numbers_under_a_name_that_says_date():
    frame = pd.DataFrame(
        {"visit_date": [20210304, 20210516, 20220830] * 9, "date_seen": [44548, 44560, 44700] * 9}
    )
    out = DateParser().fit_transform(frame)
    assert out["visit_date"].iloc[0] == pd.Timestamp("2021-03-04")
    assert out["date_seen"].iloc[0] == pd.Timestamp("2021-12-18")


def test_new_rows_are_read_as_learnt_and_what_cannot_be_read_is_recorded():
    dirty, clean = dirty_stays(5)
    parser = DateParser().fit(dirty.iloc[:600])
    batch = parser.transform(dirty.iloc[600:])
    assert (batch == clean.iloc[600:]).all(axis=None)
    rows = pd.concat([parser.transform(dirty.iloc[[i]]) for i in range(600, 800, 7)])
    pd.testing.assert_frame_equal(rows, batch.iloc[::7])
    new = pd.DataFrame({"admit_date": ["soon", None], "discharge_date": [None, None]})
    new["date_of_birth"] = ["1950-01-01", "04/05/1960"]
    out = parser.transform(new)
    assert out["admit_date"].isna().all()
    record = parser.record_.to_frame().set_index("rule")
    assert record.loc["unreadable_date", "action"] == "blanked"
    assert "ambiguous_date" in record.index


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", "string[pyarrow]"])
def test_dtypes_index_undo_and_a_second_time(dtype):
    dirty, clean = dirty_stays(6)
    dirty = dirty.astype(dtype).set_axis(np.repeat(np.arange(400), 2))
    before = dirty.copy()
    parser = DateParser()
    out = parser.fit_transform(dirty)
    assert (out.to_numpy() == clean.to_numpy()).all()
    assert out.index.equals(dirty.index)
    pd.testing.assert_frame_equal(dirty, before)
    pd.testing.assert_frame_equal(parser.undo(out), dirty)
    again = DateParser()
    pd.testing.assert_frame_equal(again.fit_transform(out), out)
    assert again.record_.to_frame().empty


def test_polars_comes_back_as_polars():
    pl = pytest.importorskip("polars")
    dirty, clean = dirty_stays(7)
    out = DateParser().fit_transform(pl.from_pandas(dirty))
    assert isinstance(out, pl.DataFrame)
    assert (out.to_pandas() == clean).to_numpy().all()


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.dates().map(str),
            st.text(alphabet="0123456789/-. JanFeb", max_size=10),
            st.sampled_from(["44548", "20210304", "1900-01-01", "31/12/99", "NA", ""]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_text_keeps_its_rows_and_can_be_undone(cells):
    cells = ["2021-03-04"] * 40 + cells
    frame = pd.DataFrame(
        {"seen_date": pd.Series(cells, dtype=object), "n": 2**60 + np.arange(len(cells))}
    )
    parser = DateParser()
    out = parser.fit_transform(frame)
    assert len(out) == len(frame)
    assert out["n"].equals(frame["n"])
    pd.testing.assert_frame_equal(parser.undo(out), frame)
    lost = out["seen_date"].isna() & frame["seen_date"].notna()
    told = parser.record_.rows_touched(action="blanked")
    stripped = frame["seen_date"].astype(str).str.strip()
    blank = stripped.isin(["", "NA", ".", "-", "--", "---", "..", "..."])  # words for missing
    assert (told | ~lost | blank).all()
    one = pd.concat([parser.transform(frame.iloc[[i]]) for i in range(len(frame))])
    assert one["seen_date"].astype(object).equals(out["seen_date"].astype(object))


def test_schema_decides_and_wrong_parameters_are_refused():
    frame = pd.DataFrame({"x": ["01/02/20", "03/25/20"] * 20, "seen_date": ["2021-01-01"] * 40})
    schema = Schema(variables={"x": {"kind": "datetime"}, "seen_date": {"kind": "text"}})
    assert DateParser(schema).fit(frame).date_columns_ == ["x"]
    with pytest.raises(InputError, match="order='dmy'"):
        DateParser(order="dmy").fit(frame)


def test_texts_that_have_no_shape_of_a_date():
    texts = [
        "",
        "high",
        "12",
        "1.5",
        "2021-03-04x",
        "10/15-21",
        "32 Foo 2021",
        "25:00",
        "2020-01-01 24:10",
    ]
    assert [read_date(text) for text in texts] == [None] * len(texts)


def test_the_dirty_record_table(shared):
    folder = shared / "data/dirty_synthetic_ehr"
    frame = pd.read_csv(folder / "dirty_ehr_dev.csv", dtype=str, keep_default_na=False)
    cells = json.loads((folder / "dirty_ehr_dev.expected.json").read_text())["cells"]
    truth = {(c[0], c[1]): c for c in cells if c[2].startswith("date_")}
    record = DateParser().fit(frame).record_.to_frame()
    assert {*zip(record["position"], record["column"], strict=True)} == set(truth)
    for _, cell in record.query("action == 'repaired'").iterrows():
        assert str(cell["new"])[:10] == truth[cell["position"], cell["column"]][4]
    control = pd.read_csv(folder / "dirty_ehr_dev_clean_control.csv", dtype=str)
    assert DateParser().fit(control).record_.to_frame().empty


def days_of(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.Timestamp("2018-03-01") + pd.to_timedelta(rng.integers(0, 1200, n), unit="D")


def read_alone(cells, name="visit_date"):
    """Return the column read, and {rule: cells}."""
    parser = DateParser()
    out = parser.fit_transform(pd.DataFrame({name: cells}))[name]
    return out, parser.record_.counts().set_index("rule")["n_cells"].to_dict()


@pytest.mark.parametrize("text", ["%d/%m/%Y", "%m/%d/%Y"])
def test_a_spreadsheet_that_turned_early_days_round_is_flagged(text):
    true = days_of(90)
    cells = [
        f"{d.year}-{d.day:02d}-{d.month:02d}" if d.day <= 12 else d.strftime(text) for d in true
    ]
    parser = DateParser()
    parser.fit(pd.DataFrame({"visit": cells}))
    record = parser.record_.to_frame()
    flagged = record.loc[record["rule"] == "day_month_swapped", ["position", "severity"]]
    turned = [k for k, d in enumerate(true) if d.day <= 12 and d.day != d.month]
    assert sorted(flagged["position"]) == turned
    assert set(flagged["severity"]) == {"verify"}
    parser.transform(pd.DataFrame({"visit": [cells[turned[0]]]}))
    assert parser.record_.counts()["rule"].tolist() == ["day_month_swapped"]  # a row by itself


@pytest.mark.parametrize("kind", ["two formats", "first of the month", "few"])
def test_honest_mixtures_of_formats_are_not_accused(kind):
    true = days_of(80, seed=1)
    if kind == "first of the month":
        true = true.where(np.arange(80) % 2 == 0, true.to_period("M").to_timestamp())
    if kind == "few":
        true = true[:4]
    cells = [
        d.strftime("%d/%m/%Y") if k % 2 == 0 else d.strftime("%Y-%m-%d") for k, d in enumerate(true)
    ]
    assert "day_month_swapped" not in read_alone(cells)[1]


def test_times_that_other_systems_write():
    usual = ["2021-03-04 10:00"] * 30
    out, rules = read_alone([*usual, "2021-03-04 24:00", "2021-03-04T10:00:00Z"])
    assert out.iloc[-2:].tolist() == [pd.Timestamp("2021-03-05"), pd.Timestamp("2021-03-04 10:00")]
    assert rules == {"date_format": 2}
    assert read_alone(["2021-03-04T10:00:00Z"] * 30)[1] == {}
    assert read_alone([*usual, "2021-03-04 25:00"])[1]["unreadable_date"] == 1


@pytest.mark.parametrize("name", ["admit_time", "timestamp", "event_date"])
@pytest.mark.parametrize("kind", ["number", "text", "milliseconds"])
def test_unix_seconds_are_read_where_the_name_says_time(name, kind):
    seconds = 1_500_000_000 + np.random.default_rng(2).integers(0, 10**8, 40)
    cells = {"number": seconds, "text": seconds.astype(str), "milliseconds": seconds * 1000}[kind]
    out, _ = read_alone(cells, name)
    np.testing.assert_array_equal(out.to_numpy(), seconds.astype("datetime64[s]"))


@pytest.mark.parametrize("name", ["phone", "patient", "account_number", "days_since_date"])
def test_long_numbers_are_no_dates(name):
    numbers = 1_500_000_000 + np.random.default_rng(3).integers(0, 10**8, 40)
    assert (read_alone(numbers, name)[0] == numbers).all()


def test_nobody_is_born_in_the_future():
    births = [f"{k % 27 + 1:02d}.11.{y}" for k, y in enumerate([30, 38, 45, 60, 85] * 8)]
    out, rules = read_alone([*births, "13.01.05"], "birth_date")
    assert [text[:4] for text in out[:5]] == ["1930", "1938", "1945", "1960", "1985"]
    assert rules["ambiguous_date"] == 1  # 1905 and 2005 are both possible
    full = [d.strftime("%d.%m.%Y") for d in days_of(60)]
    out, rules = read_alone([*full, "14.02.30"], "birth_date")
    assert out.iloc[-1] == pd.Timestamp("1930-02-14")


def test_times_are_read_by_their_days(monkeypatch):
    """A day is read once, however many times of it there are."""
    from healthml.cleaning._dates import column as column_file

    calls = []
    read = column_file.read_date
    monkeypatch.setattr(column_file, "read_date", lambda text: calls.append(text) or read(text))
    stamps = pd.Timestamp("2021-01-01") + pd.to_timedelta(np.arange(30_000) * 61, unit="s")
    out, _ = read_alone(stamps.strftime("%d/%m/%Y %H:%M:%S"))
    assert (out == pd.Series(stamps)).all()
    assert len(calls) < 25_000  # 20,000 to learn from, 22 days to settle


@pytest.mark.parametrize(
    "cells",
    [
        ["5. April 2022", "10. M\u00e4rz 2021", "16. Dez. 2020"],
        ["5 avr. 2022", "10 mars 2021", "16 d\u00e9cembre 2020"],
        ["5 de abril de 2022", "10 de marzo de 2021", "16 dic 2020"],
        ["5 aprile 2022", "10 mar 2021", "16 dicembre 2020"],
        ["5 april 2022", "10 maart 2021", "16-dec-2020"],
        ["5 de abril de 2022", "10 de mar\u00e7o de 2021", "16 dez 2020"],
    ],
)
def test_months_are_read_in_seven_languages(cells):
    read = DateParser().fit_transform(pd.DataFrame({"seen": cells * 10}))["seen"]
    days = pd.to_datetime(["2022-04-05", "2021-03-10", "2020-12-16"] * 10)
    assert (read.to_numpy() == days).all()


def test_names_of_dates_are_known_elsewhere_and_no_birth_lies_ahead():
    cells = ["18.06.52", "08.12.30", "25.01.48"] * 10
    read = DateParser().fit_transform(pd.DataFrame({"Geburtsdatum": cells}))["Geburtsdatum"]
    assert read.dt.year.iloc[:3].tolist() == [1952, 1930, 1948]


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_unix_times_are_read_down_to_nanoseconds(scale):
    seconds = 1_649_116_800 + 86_400 * np.arange(30)
    read = DateParser().fit_transform(pd.DataFrame({"admit_time": seconds * scale}))["admit_time"]
    assert (read.to_numpy() == pd.to_datetime(seconds, unit="s")).all()


def test_months_without_a_day_are_left_as_they_are():
    months = pd.Series(pd.date_range("2018-01-01", periods=60, freq="MS")).dt.strftime("%B %Y")
    table = pd.DataFrame({"admission_time": months})
    parser = DateParser().fit(table)
    pd.testing.assert_frame_equal(parser.transform(table), table, check_dtype=False)
