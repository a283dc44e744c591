"""Table 1: the right numbers, and no cell from which a small one could be read or worked out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from healthml.exceptions import InputError
from healthml.reporting import table_one

N = 400
RNG = np.random.default_rng(0)
Y = RNG.permutation(np.tile([0, 1, 0, 0], N // 4))
COLUMNS = ["column", "level", "no_event", "event", "standardised_difference"]


def lines(column, y=Y, name="v", **options):
    """Return the lines of a single column."""
    return table_one(pd.DataFrame({name: column}), y, **options)


# --- numbers -------------------------------------------------------------------------------------


def test_numbers_get_mean_spread_and_quartiles():
    values = RNG.normal(50, 10, N)
    (line,) = lines(values).to_dict("records")
    for name, k in (("no_event", 0), ("event", 1)):
        own = values[k == Y]
        low, mid, high = np.percentile(own, [25, 50, 75])
        expected = f"{own.mean():.3g} ({own.std(ddof=1):.3g}); {mid:.3g} [{low:.3g}, {high:.3g}]"
        assert line[name] == expected
    spread = np.sqrt((values[Y == 0].var(ddof=1) + values[Y == 1].var(ddof=1)) / 2)
    gap = (values[Y == 1].mean() - values[Y == 0].mean()) / spread
    assert line["standardised_difference"] == pytest.approx(gap)


def test_the_difference_has_the_events_sign():
    (line,) = lines(Y + RNG.normal(0, 0.5, N)).to_dict("records")
    assert line["standardised_difference"] > 1.5
    (line,) = lines(RNG.normal(0, 0.5, N) - Y).to_dict("records")
    assert line["standardised_difference"] < -1.5


def test_missing_numbers_have_a_line_of_their_own():
    values = np.where(np.arange(N) % 4 == 0, np.nan, 7.0 + np.arange(N) % 13)
    line, missing = lines(values).to_dict("records")
    own = values[(Y == 1) & np.isfinite(values)]
    assert line["event"].startswith(f"{own.mean():.3g} (")
    assert missing["level"] == "missing"
    gone = [np.isnan(values[k == Y]) for k in (0, 1)]
    for name, rows in zip(("no_event", "event"), gone, strict=True):
        assert missing[name] == f"{rows.sum()} ({100 * rows.mean():.1f}%)"


def test_spread_divides_by_one_less_than_the_rows():
    """Twelve rows each: 3.606 with n - 1, 3.452 with n."""
    values = np.tile(np.arange(1.0, 13.0), 2)
    (line,) = lines(values, y=np.repeat([0, 1], 12)).to_dict("records")
    assert line["event"].startswith("6.5 (3.61)")


@pytest.mark.parametrize("kind", ["Int64", "Float64", "float32"])
def test_numbers_of_any_type_are_numbers(kind):
    values = pd.array(1 + np.arange(N) % 50, dtype=kind)
    (line,) = lines(values).to_dict("records")
    assert line["level"] == "mean (SD); median [quartiles]"
    assert line["event"] == lines(np.asarray(values, dtype=float))["event"].iloc[0]


# --- levels --------------------------------------------------------------------------------------


def test_levels_get_counts_shares_and_difference():
    sex = np.where(np.arange(N) % 5 < 2, "f", "m")
    found = lines(sex)
    assert found["level"].tolist() == ["m", "f"]  # the commonest first
    for line in found.to_dict("records"):
        own = sex == line["level"]
        share = [own[k == Y].mean() for k in (0, 1)]
        for name, k in (("no_event", 0), ("event", 1)):
            assert line[name] == f"{own[k == Y].sum():,} ({100 * share[k]:.1f}%)"
        spread = np.sqrt(sum(p * (1 - p) for p in share) / 2)
        assert line["standardised_difference"] == pytest.approx((share[1] - share[0]) / spread)


def test_many_levels_and_free_text_are_only_counted():
    text = [f"Mrs Zyxqvut {k}" for k in range(N)]
    wards = np.array([f"ward{k % 12}" for k in range(N)])
    assert lines(text)["level"].tolist() == ["400 different values, not listed"]
    assert lines(wards)["level"].tolist() == ["12 levels, not listed"]
    assert "ward1" not in lines(wards).to_csv()


def test_an_empty_column_is_told_as_missing():
    assert lines(np.full(N, np.nan))["level"].tolist() == [
        "0 different values, not listed",
        "missing",
    ]
    assert lines(np.full(N, np.nan))["event"].tolist()[1] == "100 (100.0%)"


def test_shares_are_among_the_known():
    sex = np.where(np.arange(N) % 5 < 2, "f", "m").astype(object)
    sex[Y == 1] = np.where(np.arange(100) % 2, sex[Y == 1], None)
    found = lines(sex).set_index("level")
    for level in ("m", "f"):
        count = np.sum((sex == level) & (Y == 1))
        assert found.loc[level, "event"] == f"{count} ({100 * count / 50:.1f}%)"
    assert found.loc["missing", "event"] == "50 (50.0%)"
    assert found.loc["missing", "no_event"] == "0 (0.0%)"


@pytest.mark.parametrize("column", [Y == 1, Y, pd.array(Y == 1, dtype="boolean")])
def test_booleans_are_counted(column):
    found = lines(column)
    assert len(found) == 2
    assert found["event"].tolist() == ["0 (0.0%)", "100 (100.0%)"]


def test_whole_numbers_of_few_values_are_levels_and_named_so():
    grade = 1 + np.arange(N) % 4
    assert lines(grade)["level"].tolist() == [f"{k} (number of few values)" for k in (1, 2, 3, 4)]
    assert len(lines(grade + 0.5)) == 1  # no codes
    assert lines(np.arange(N) % 11)["level"].tolist() == ["mean (SD); median [quartiles]"]
    assert lines((1 + np.arange(N) % 4).astype(str))["level"].tolist() == ["1", "2", "3", "4"]


# --- small cells ---------------------------------------------------------------------------------


def test_levels_below_eleven_patients_have_no_name():
    ward = np.where(np.arange(N) % 2, "East", "West").astype(object)
    ward[:10] = "Rarewardqx"
    ward[10:14] = "Otherqx"
    found = lines(ward)
    assert "qx" not in found.to_csv()
    last = found.iloc[-1]
    assert last["level"] == "2 levels below 11 patients"
    assert (last["no_event"], last["event"]) == ("suppressed", "suppressed")
    assert np.isnan(last["standardised_difference"])
    ward[14] = "Rarewardqx"
    assert "Rarewardqx" in set(lines(ward)["level"])


def test_a_small_cell_is_hidden_and_so_is_what_would_give_it_away():
    """From one share and the standardised difference the other share could be solved for."""
    sex = np.where(np.arange(N) % 2, "f", "m").astype(object)
    rare = np.flatnonzero(Y == 1)[:10]
    sex[Y == 1] = "f"
    sex[rare] = "m"
    line = lines(sex).set_index("level").loc["m"]
    assert line["event"] == "suppressed"
    assert line["no_event"] != "suppressed"
    assert np.isnan(line["standardised_difference"])
    sex[np.flatnonzero(Y == 1)[10]] = "m"
    line = lines(sex).set_index("level").loc["m"]
    assert line["event"].startswith("11 (")
    assert np.isfinite(line["standardised_difference"])


def test_a_cell_without_anybody_is_no_small_group():
    sex = np.where(Y == 1, "f", np.where(np.arange(N) % 2, "f", "m"))
    line = lines(sex).set_index("level").loc["m"]
    assert line["event"] == "0 (0.0%)"


@pytest.mark.parametrize("known", [10, 11])
def test_numbers_of_fewer_than_eleven_patients_are_hidden(known):
    values = np.where(Y == 0, np.arange(N) % 37, np.nan)
    values[np.flatnonzero(Y == 1)[:known]] = 5 + np.arange(known)
    line = lines(values).iloc[0]
    assert (line["event"] == "suppressed") == (known < 11)
    assert np.isnan(line["standardised_difference"]) == (known < 11)
    assert line["no_event"] != "suppressed"


@pytest.mark.parametrize("labels", [np.array, list, lambda k: np.array([f"p{v}" for v in k])])
def test_patients_are_counted_not_rows(labels):
    ward = np.where(np.arange(N) % 2, "East", "West").astype(object)
    patient = np.arange(N)
    ward[:40], patient[:40] = "Unitqx", patient[:40] // 4  # ten patients with four rows each
    assert "Unitqx" in set(lines(ward)["level"])
    assert "Unitqx" not in lines(ward, groups=labels(patient)).to_csv()


@pytest.mark.parametrize("known", [10, 11])
def test_a_cell_of_many_rows_and_few_patients_is_hidden(known):
    """A hundred patients with four rows each; a quarter of them have the event, in every row."""
    patient = np.arange(N) // 4
    y = (patient % 4 == 0).astype(int)
    few = (y == 1) & (patient < 4 * known)  # of those with the event, so many patients
    ward = np.where(few | ((y == 0) & (patient % 2 == 0)), "East", "West")
    line = lines(ward, y=y, groups=patient).set_index("level").loc["East"]
    assert (line["event"] == "suppressed") == (known < 11)
    values = np.where(few | (y == 0), np.arange(N) % 37, np.nan)
    line = lines(values, y=y, groups=patient).iloc[0]
    assert (line["event"] == "suppressed") == (known < 11)


# --- the table -----------------------------------------------------------------------------------


def test_columns_beyond_the_most_are_counted():
    wide = pd.DataFrame(RNG.normal(size=(N, 7))).add_prefix("lab")
    found = table_one(wide, Y, max_columns=4)
    assert found["column"].tolist() == ["lab0", "lab1", "lab2", "lab3", "3 more columns"]
    assert found["level"].iloc[-1] == "not described"
    assert len(table_one(wide, Y, max_columns=7)) == 7


def test_the_table_is_tidy_and_the_input_untouched():
    X = pd.DataFrame({"a": RNG.normal(size=N), "s": np.where(Y, "x", "y")})
    X.index = RNG.permutation(N)
    before = X.copy()
    found = table_one(X, list(Y))
    assert found.columns.tolist() == COLUMNS
    assert found.index.tolist() == list(range(len(found)))
    pd.testing.assert_frame_equal(X, before)


def test_rows_that_do_not_fit_meet_one_sentence():
    with pytest.raises(InputError, match="y has 9 values for 400 rows"):
        lines(np.arange(N), y=Y[:9])
    with pytest.raises(InputError, match="groups has 9 values for 400 rows"):
        lines(np.arange(N), groups=np.arange(9))


def test_polars_gives_the_same():
    X = pd.DataFrame({"a": RNG.normal(size=N), "s": np.where(RNG.uniform(size=N) < 0.5, "x", "y")})
    pd.testing.assert_frame_equal(table_one(pl.from_pandas(X), Y), table_one(X, Y))
