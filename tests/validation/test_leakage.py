import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score

from healthml._core._intervals import simultaneous_level, z_value
from healthml.validation._leakage.columns.screen_columns import (
    column_bins,
    event_free_strata,
    out_of_fold_rate,
    screen_columns,
)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def screened(table, column):
    return table[table["column"] == column].iloc[0]


# the rate of a bin in the other folds


def test_out_of_fold_rate_by_hand():
    """Bin 1 in fold 0: 2 rows elsewhere, 1 event; overall elsewhere 1 of 3; 10 prior rows."""
    codes, fold = np.array([1, 1, 2, 1, 2, 1]), np.array([0, 1, 1, 1, 0, 0])
    y = np.array([1, 1, 0, 0, 1, 0])
    rate = out_of_fold_rate(codes, y, fold)
    assert rate[0] == rate[5] == pytest.approx((1 + 10 / 3) / 12)
    assert rate[4] == pytest.approx((0 + 10 / 3) / 11)
    assert rate[1] == rate[3] == pytest.approx((1 + 10 * 2 / 3) / 12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_out_of_fold_rate_never_uses_the_own_fold(seed, n_folds):
    rng = np.random.default_rng(seed)
    codes, fold = rng.integers(0, 4, 60), np.arange(60) % n_folds
    y = rng.integers(0, 2, 60)
    rate = out_of_fold_rate(codes, y, fold)
    for i in range(60):
        others = fold != fold[i]
        same = others & (codes == codes[i])
        expected = (y[same].sum() + 10 * y[others].mean()) / (same.sum() + 10)
        assert rate[i] == pytest.approx(expected)
    own = fold == 0
    changed = out_of_fold_rate(codes, np.where(own, 1 - y, y), fold)
    np.testing.assert_array_equal(changed[own], rate[own])


# bins


def test_numbers_are_cut_by_their_quantiles():
    codes, levels = column_bins(pd.Series(np.arange(40.0)[::-1]), n_bins=20)
    assert levels == ()
    np.testing.assert_array_equal(codes, 1 + np.arange(40)[::-1] // 2)


def test_missing_is_a_bin_of_its_own_and_equal_values_share_one():
    codes, _ = column_bins(pd.Series([np.nan, 1, 1, 1, 9]), n_bins=4)
    assert codes[0] == 0
    assert len(set(codes[1:4])) == 1
    assert codes[4] == 4
    assert column_bins(pd.Series([np.nan, np.nan]))[0].tolist() == [0, 0]


@given(st.lists(st.floats(-20, 20, width=16), min_size=2, max_size=50))
def test_bins_follow_the_order_of_the_values_only(values):
    column = pd.Series(values)
    codes = column_bins(column)[0]
    ranks = column.rank(method="dense")
    np.testing.assert_array_equal(column_bins(ranks)[0], codes)
    assert (np.diff(codes[np.argsort(values, kind="stable")]) >= 0).all()


def test_texts_keep_their_levels_and_written_numbers_are_numbers():
    codes, levels = column_bins(pd.Series(["b", None, "a", "b"]))
    assert (codes.tolist(), levels) == ([1, 0, 2, 1], ("b", "a"))
    written = pd.Series(["> 89", "5,1", "70", None] * 5)
    np.testing.assert_array_equal(
        column_bins(written)[0], column_bins(pd.Series([89, 5.1, 70, np.nan] * 5))[0]
    )


# columns alone


def test_the_estimate_is_the_auc_inside_folds(rng):
    fold, y = np.arange(300) % 3, rng.integers(0, 2, 300)
    level = rng.integers(0, 4, 300) + y
    table = screen_columns(pd.DataFrame({"x": np.array(list("abcde"))[level]}), y, fold=fold).table
    aucs, pairs = [], []
    for k in range(3):
        train, test = fold != k, fold == k
        n = np.bincount(level[train], minlength=5)
        rate = (np.bincount(level[train], y[train], 5) + 10 * y[train].mean()) / (n + 10)
        aucs.append(roc_auc_score(y[test], rate[level[test]]))
        pairs.append(y[test].sum() * (1 - y[test]).sum())
    assert table["estimate"].item() == pytest.approx(np.average(aucs, weights=pairs))
    assert table["n_levels"].item() == 5


def test_the_interval_is_delongs_on_the_logit_scale(rng):
    """With one level above the rest the risk is two-valued and DeLong's variance is by hand."""
    y = np.tile([1, 1, 0, 0], 100)
    x = np.where(rng.random(400) < 0.2 + 0.5 * y, "b", "a")
    fold = np.zeros(400, dtype=int)
    fold[200:] = 1
    share = {c: [np.mean(x[(y == c) & (fold == k)] == "b") for k in (0, 1)] for c in (0, 1)}
    auc = np.mean([(1 + share[1][k] - share[0][k]) / 2 for k in (0, 1)])
    variance = 0
    for k in (0, 1):
        spread = [share[c][k] * (1 - share[c][k]) / 4 for c in (0, 1)]
        variance += (sum(spread) / 100) / 4
        own = (1 + share[1][k] - share[0][k]) / 2
        assert abs(own - auc) < 0.2
    table = screen_columns(pd.DataFrame({"x": x}), y, fold=fold, confidence_level=0.9).table
    half = 1.6448536 * np.sqrt(variance * 400 / 399) / (auc * (1 - auc))
    logit = np.log(auc / (1 - auc))
    assert table["estimate"].item() == pytest.approx(auc)
    assert table["lower"].item() == pytest.approx(1 / (1 + np.exp(-(logit - half))), rel=1e-6)
    assert table["upper"].item() == pytest.approx(1 / (1 + np.exp(-(logit + half))), rel=1e-6)


def test_repeated_rows_of_a_patient_do_not_narrow_the_interval(rng):
    y, fold = np.tile([0, 1], 100), np.arange(200) // 2 % 4
    x = pd.DataFrame({"x": np.where(rng.random(200) < 0.3 + 0.4 * y, "b", "a")})
    once = screen_columns(x, y, fold=fold).table.iloc[0]
    four = np.repeat(np.arange(200), 4)
    patients = screen_columns(x.iloc[four], y[four], fold=fold[four], groups=four).table.iloc[0]
    rows = screen_columns(x.iloc[four], y[four], fold=fold[four]).table.iloc[0]
    numbers = ["estimate", "lower", "upper"]
    np.testing.assert_allclose(patients[numbers].astype(float), once[numbers].astype(float))
    width = (once["upper"] - once["lower"]) / (rows["upper"] - rows["lower"])
    assert width == pytest.approx(2, rel=0.05)


def test_what_a_leak_may_look_like(rng):
    n = 600
    y = (rng.random(n) < 0.3).astype(int)
    x = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "noise": rng.normal(size=n),
            "copy": y,
            "missing tells": np.where((y == 1) & (rng.random(n) < 0.8), np.nan, x),
            "both ends": np.where(y == 1, 3 + rng.random(n), x) * rng.choice([-1, 1], n),
            "constant": "same",
        }
    )
    table = screen_columns(frame, y, fold=np.arange(n) % 5).table
    assert table["column"].iloc[0] == "copy"
    assert table["estimate"].is_monotonic_decreasing
    assert screened(table, "copy")["estimate"] == 1
    assert screened(table, "missing tells")["lower"] > 0.8
    assert screened(table, "both ends")["lower"] > 0.95
    assert screened(table, "constant")["estimate"] == 0.5
    assert screened(table, "noise")["lower"] < 0.5


def test_noise_columns_are_seldom_above_one_half(rng):
    """The interval takes the bins' rates as given: 8 to 9% of noise columns are above, not 2.5%."""
    n, y = 400, rng.integers(0, 2, 400)
    frame = pd.DataFrame(rng.normal(size=(n, 100))).add_prefix("x")
    frame["name"] = [f"patient {i}" for i in range(n)]
    table = screen_columns(frame, y, fold=np.arange(n) % 5).table
    assert (table["lower"] > 0.5).sum() <= binom.ppf(0.999, 100, 0.09)
    assert abs(table["estimate"].mean() - 0.5) < 0.01
    assert screened(table, "name")["estimate"] == 0.5  # a level per row tells nothing


def test_names_and_levels_that_speak_of_a_later_time(rng):
    n, y = 60, np.tile([0, 1], 30)
    frame = pd.DataFrame(
        {
            "lactate": rng.normal(size=n),
            "discharge_unit": rng.choice(["a", "b"], n),
            "place": rng.choice(["home", "deceased"], n),
        }
    )
    fold = np.arange(n) % 3
    table = screen_columns(frame, y, fold=fold).table.set_index("column")
    assert table["named"].to_dict() == {"lactate": "", "discharge_unit": "discharge", "place": ""}
    assert table.loc["place", "level_named"].startswith("deceas")
    assert table.loc["discharge_unit", "level_named"] == ""
    later = screen_columns(frame, y, fold=fold, outcome="readmitted").table.set_index("column")
    assert later.loc["discharge_unit", "named"] == ""
    assert later.loc["place", "level_named"].startswith("deceas")


def test_row_labels_change_no_screen(rng):
    y, fold = np.tile([0, 1], 50), np.arange(100) // 2 % 5
    plain = {"x": rng.normal(size=100), "u": rng.choice(["a", "b"], 100)}
    want = screen_columns(pd.DataFrame(plain), y, fold=fold).table
    renamed = pd.DataFrame(plain, index=np.arange(100)[::-1])
    pd.testing.assert_frame_equal(screen_columns(renamed, y, fold=fold).table, want)


def test_cells_that_are_lists(rng):
    cells = pd.DataFrame({"codes": [["I10"], ["E11", "I10"]] * 50})
    y, fold = np.tile([0, 1], 50), np.arange(100) // 2 % 5
    table = screen_columns(cells, y, fold=fold).table
    assert (table["estimate"].item(), table["n_levels"].item()) == (1.0, 2)
    assert event_free_strata(cells, y).table["kind"].tolist() == ["never", "always"]


# strata


def test_probabilities_of_strata_by_hand():
    """Levels of 100, 40 and 260 rows at a rate of 40%: none of 100, all of 40, 120 of 260."""
    level = np.repeat(["none", "all", "some"], [100, 40, 260])
    y = np.r_[np.zeros(100), np.ones(40), np.arange(260) < 120].astype(int)
    table = event_free_strata(pd.DataFrame({"x": level}), y).table
    assert table[["level", "kind"]].to_numpy().tolist() == [["none", "never"], ["all", "always"]]
    assert table["n_samples"].tolist() == table["n_patients"].tolist() == [100, 40]
    assert table["n_events"].tolist() == [0, 40]
    assert table["expected"].tolist() == pytest.approx([40, 16])
    np.testing.assert_allclose(table["p_value"], [3 * 0.6**100, 3 * 0.4**40])


def test_almost_never_is_a_share_of_what_is_expected():
    """Of 200 rows at 50%: 25 events are a quarter of the 100 expected, 26 are more."""

    def listed(n_events, **options):
        y = np.r_[np.arange(200) < n_events, np.arange(200) < 200 - n_events].astype(int)
        frame = pd.DataFrame({"x": np.repeat(["few", "rest"], 200)})
        table = event_free_strata(frame, y, **options).table
        return table[table["level"] == "few"]

    row = listed(25).iloc[0]
    assert row["kind"] == "almost never"
    assert row["p_value"] == pytest.approx(2 * binom.cdf(25, 200, 0.5))
    assert listed(26).empty
    assert len(listed(26, rare=0.27)) == 1


def test_patients_are_the_trials():
    """20 patients with 5 rows each and no event: 20 trials, not 100."""
    groups = np.repeat(np.arange(100), 5)
    level = np.where(groups < 20, "none", "rest")
    y = np.where(groups < 20, 0, groups % 2)
    rate = y.mean()
    table = event_free_strata(pd.DataFrame({"x": level}), y, groups=groups).table
    row = table.iloc[0]
    assert (row["n_samples"], row["n_patients"], row["n_events"]) == (100, 20, 0)
    assert row["p_value"] == pytest.approx(2 * (1 - rate) ** 20)
    by_rows = event_free_strata(pd.DataFrame({"x": level}), y).table
    assert by_rows["p_value"].iloc[0] == pytest.approx(2 * (1 - rate) ** 100)


def test_small_levels_are_not_looked_at():
    y = np.r_[np.zeros(10), np.ones(490)].astype(int)
    frame = pd.DataFrame({"x": np.repeat(["ten", "rest"], [10, 490])})
    table = event_free_strata(frame, y).table
    assert table["level"].tolist() == ["rest"]
    assert table["p_value"].item() == pytest.approx(0.98**490)  # one level was looked at
    assert "ten" in event_free_strata(frame, y, min_rows=10).table["level"].tolist()
    many = event_free_strata(
        frame.loc[frame.index.repeat(5)], np.repeat(y, 5), groups=np.repeat(np.arange(500), 5)
    )
    assert many.table["level"].tolist() == ["rest"]  # 50 rows, 10 patients


def test_levels_in_which_all_have_the_event():
    """Level "all": 12 patients, 24 rows, all events; level "five": 5 rows, all events."""
    groups = np.r_[np.repeat(np.arange(12), 2), np.arange(12, 217)]
    level = np.repeat(["all", "five", "rest"], [24, 5, 200])
    y = np.r_[np.ones(29), np.arange(200) < 20].astype(int)
    table = event_free_strata(pd.DataFrame({"x": level}), y, groups=groups).table
    assert table[["level", "kind"]].to_numpy().tolist() == [["all", "always"]]
    assert table["p_value"].item() == pytest.approx(2 * (49 / 229) ** 12)


def test_the_level_holds_over_all_levels_looked_at():
    """None of 12 rows at 40%: 0.6**12 = 0.0022, for two levels 0.0044, for 12 levels 0.026."""
    y = np.r_[np.zeros(12), np.arange(288) % 12 < 5].astype(int)
    two = pd.DataFrame({"x": np.repeat(["none", "rest"], [12, 288])})
    six = pd.concat([two["x"].rename(name) for name in "abcdef"], axis=1)
    assert two.pipe(event_free_strata, y).table["p_value"].item() == pytest.approx(2 * 0.6**12)
    assert six.pipe(event_free_strata, y).table.empty
    assert len(event_free_strata(six, y, confidence_level=0.97).table) == 6


@pytest.mark.parametrize(
    ("column", "options", "n"),
    [
        (np.repeat(np.arange(31), 20), {}, 0),
        (np.repeat(np.arange(31), 20), {"max_numbers": 31}, 2),
        (np.repeat(np.arange(30), 20), {}, 2),
        (np.repeat([f"l{i}" for i in range(101)], 20), {}, 0),
        (np.repeat([f"l{i}" for i in range(101)], 20), {"max_levels": 101}, 2),
        (np.repeat([f"l{i}" for i in range(100)], 20), {}, 2),
        (np.repeat(["one"], 200), {}, 0),
    ],
)
def test_columns_of_too_many_levels_are_not_looked_at(column, options, n):
    """The first level has no event, the second nothing else, the others half of each."""
    y = np.r_[np.zeros(20), np.ones(20), np.tile([0, 1], len(column) // 2)[40:]].astype(int)
    if len(set(column)) == 1:
        y = np.tile([0, 1], 100)
    assert len(event_free_strata(pd.DataFrame({"x": column}), y, **options).table) == n


def test_masks_are_the_rows_of_the_levels_and_missing_is_no_level():
    x = np.repeat(["rest", "none", None], [300, 50, 50])
    y = np.r_[np.tile([0, 1, 1], 100), np.zeros(100)].astype(int)
    order = np.random.default_rng(0).permutation(400)
    frame = pd.DataFrame({"x": x[order]}, index=order)
    strata = event_free_strata(frame, y[order])
    assert strata.table["level"].tolist() == ["none"]
    (key,) = strata.masks
    assert key == ("x", strata.table["position"].item())
    np.testing.assert_array_equal(strata.masks[key], x[order] == "none")


def test_clean_tables_are_not_accused(rng):
    """A level without events by chance: at 99% in at most about 1 of 100 tables."""
    accused = 0
    for _ in range(100):
        frame = pd.DataFrame(rng.integers(0, 12, (300, 6))).add_prefix("x").astype(str) + "l"
        accused += len(event_free_strata(frame, rng.random(300) < 0.1).table) > 0
    assert accused <= binom.ppf(0.999, 100, 0.01)


def test_no_stratum_is_an_empty_table():
    strata = event_free_strata(pd.DataFrame({"x": ["a", "b"] * 50}), np.tile([0, 0, 1, 1], 25))
    assert strata.table.empty
    assert strata.masks == {}
    assert event_free_strata(pd.DataFrame({"x": ["a", "b"] * 50}), np.zeros(100)).table.empty


# levels and pictures


@pytest.mark.parametrize(
    ("level", "n", "each"), [(0.95, 1, 0.95), (0.95, 5, 0.99), (0.9, 10, 0.99), (0.95, 0, 0.95)]
)
def test_simultaneous_level(level, n, each):
    assert simultaneous_level(level, n) == pytest.approx(each)


def test_z_value():
    assert z_value(0.95) == pytest.approx(1.959963985)
    assert norm.cdf(z_value(0.8)) == pytest.approx(0.9)


def test_pictures_show_what_the_tables_hold(rng):
    y, fold = np.tile([0, 1], 60), np.arange(120) // 2 % 4
    frame = pd.DataFrame({"noise": rng.normal(size=120), "home": np.where(y == 1, "a", "b")})
    screen = screen_columns(frame, y, fold=fold)
    ax = screen.plot(most=1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["home"]
    strata = event_free_strata(frame, y)
    ax = strata.plot()
    assert [bar.get_width() for bar in ax.patches] == strata.table["expected"].tolist()
    assert ax.get_xlabel() == "Events"
