"""Small counts do not leave: what is written is attacked with all that an outsider may know."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp

from healthml._core._intervals import wilson
from healthml._core._release import (
    SMALL_GROUPS,
    count_text,
    protect,
    release_table,
    release_words,
    round_count,
    wider_bins,
)

FEWEST = 5
FIGURES = ["event_rate", "lower", "upper"]


def group_table(n, events):
    """Return a table of groups with rates and Wilson intervals, and its total."""
    n, events = np.append(n, np.sum(n)), np.append(events, np.sum(events))
    lower, upper = wilson(events, n)
    names = [f"g{k}" for k in range(len(n) - 1)] + ["all"]
    table = {"group": names, "n_samples": n, "n_events": events, "event_rate": events / n}
    return pd.DataFrame({**table, "lower": lower, "upper": upper})


def read(text, truth):
    """Return the counts that a written count may stand for.

    Of a count that is not shown only those near the truth: an attack that tries fewer values finds
    fewer, so it asks more of what is written.
    """
    if text == "<11":
        return np.arange(11)
    if text == "not shown":
        return np.arange(max(truth - 12, 0), truth + 13)
    value = int(text.lstrip("~").replace(",", ""))
    if not text.startswith("~"):
        return np.array([value])
    near = np.arange(max(value - 5, 0), value + 5)
    return near[(near == 0) | (near >= 11)]


def decimals(value):
    return len(repr(float(value)).split(".")[1])


def candidates(row, digits, truth):
    """List the pairs (people, events) of a group that print what is written of it."""
    near = read(row.n_samples, truth.n_samples), read(row.n_events, truth.n_events)
    n, e = np.meshgrid(*near, indexing="ij")
    n, e = n.ravel(), e.ravel()
    keep = (e <= n) & (n > 0)
    n, e = n[keep], e[keep]
    printed = np.array([row.event_rate, row.lower, row.upper], dtype=float)
    if np.isfinite(printed).all():
        figures = np.round(np.column_stack([e / n, *wilson(e, n)]), digits)
        like = (np.abs(figures - printed) < 1e-9).all(axis=1)
        n, e = n[like], e[like]
    return n, e


def hidden_counts(truth):
    """Return which counts of a group are small: people, with the event, without."""
    counts = {"n": truth.n_samples, "e": truth.n_events, "f": truth.n_samples - truth.n_events}
    return [name for name, count in counts.items() if 1 <= count <= 10]


def digits_of(rows, truths):
    """Return the digits of each group's figures: one with a small count, in all others alike."""
    has_small = [bool(hidden_counts(truth)) for truth in truths]
    figures = [row[4:7] for row, small in zip(rows, has_small, strict=True) if not small]
    figures = np.array(figures, dtype=float)
    most = max([decimals(v) for v in figures[np.isfinite(figures)]], default=1)
    return [1 if small else most for small in has_small]


def possible(groups, totals, target, values, column):
    """Count, up to enough, the values that a hidden count can have, by an integer programme.

    One 0/1 variable for each pair of each group: one pair a group, and the sums are the totals.
    """
    sizes = [len(n) for n, _ in groups]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    n, e = (np.concatenate(part) for part in zip(*groups, strict=True))
    choose = np.zeros((len(groups), len(n)))
    for k in range(len(groups)):
        choose[k, starts[k] : starts[k + 1]] = 1
    rows, ones = np.vstack([choose, n[None], e[None]]), np.ones(len(groups))
    limits = [np.concatenate([ones, np.array(totals)[:, k]]) for k in (0, 1)]
    part = slice(starts[target], starts[target + 1])
    own = {"n": n, "e": e, "f": n - e}[column]
    found = 0
    for value in values:
        upper = np.ones(len(n))
        upper[part] = own[part] == value
        answer = milp(
            np.zeros(len(n)),
            integrality=np.ones(len(n)),
            bounds=(0, upper),
            constraints=LinearConstraint(rows, *limits),
        )
        found += answer.status == 0
        if found == FEWEST:
            break
    return found


def attack(table, written):
    """Return the fewest possible values of any hidden count, or None where nothing is hidden.

    The totals are known, unless all that can be hidden is and they still give a count away.
    """
    total = table.iloc[-1]
    counts = np.array([total.n_samples, total.n_events], dtype=float)
    found = attack_with(table, written, np.column_stack([counts, counts]))
    shown = written.iloc[:-1][["n_samples", "n_events"]].isin(["<11", "not shown", "0"])
    if found is None or found >= FEWEST or not shown.all(axis=None):
        return found
    near = round_count(counts)
    return attack_with(table, written, np.column_stack([near - 5, near + 4]))


def attack_with(table, written, totals):
    truths = sorted(table.iloc[:-1].itertuples(), key=lambda truth: truth.n_samples <= 10)
    by_name = {row.group: row for row in written.iloc[:-1].itertuples()}  # small groups stand once
    rows = [by_name.get(truth.group, by_name.get(SMALL_GROUPS)) for truth in truths]
    digits = digits_of(rows, truths)
    groups = [candidates(*parts) for parts in zip(rows, digits, truths, strict=True)]
    fewest = []
    for k, (n, e) in enumerate(groups):
        own = {"n": np.unique(n), "e": np.unique(e), "f": np.unique(n - e)}
        names = hidden_counts(truths[k])
        fewest += [possible(groups, totals, k, own[name], name) for name in names]
    return min(fewest, default=None)


def random_groups(rng):
    """Draw group sizes from one person to some hundreds, with rare or frequent events."""
    k = rng.integers(2, 7)
    n = np.where(rng.random(k) < 0.35, rng.integers(1, 16, k), rng.integers(11, 400, k))
    return n, rng.binomial(n, rng.choice([0.02, 0.1, 0.3, 0.5, 0.97]))


def is_attackable(table):
    """Totals that are small themselves are hidden too, so an outsider cannot know them."""
    total = table.iloc[-1]
    shares = [total.n_samples, total.n_events, total.n_samples - total.n_events]
    return not any(1 <= share <= 10 for share in shares)


@pytest.mark.parametrize(
    "block", [0, *(pytest.param(block, marks=pytest.mark.slow) for block in range(1, 10))]
)
def test_no_hidden_count_of_random_tables_has_fewer_than_five_values(block):
    rng, n_attacked = np.random.default_rng([2026, block]), 0
    while n_attacked < 30:
        table = group_table(*random_groups(rng))
        if not is_attackable(table) or table["n_samples"].iloc[-1] < 30:
            continue
        written = release_table(table, as_text=True)
        fewest = attack(table, written) if written is not table else None
        n_attacked += fewest is not None
        assert fewest is None or fewest >= FEWEST, (table, written)


HAND_MADE = [
    ([300, 293, 7], [83, 74, 3]),
    ([400, 1], [100, 1]),
    ([400, 10], [100, 0]),
    ([200, 200, 1, 1], [50, 60, 0, 1]),
    ([445, 2], [50, 1]),
    ([444, 9], [44, 5]),
    ([100, 100], [50, 3]),
    ([100, 100, 100], [97, 50, 40]),
    ([60, 40], [58, 20]),
    ([12, 300], [11, 30]),
    ([20, 20, 20, 3], [10, 10, 10, 3]),
]


@pytest.mark.parametrize(("n", "events"), HAND_MADE)
def test_no_hidden_count_of_hand_made_tables_has_fewer_than_five_values(n, events):
    table = group_table(n, events)
    assert attack(table, release_table(table, as_text=True)) >= FEWEST


def test_the_attack_breaks_what_only_hides_small_counts():
    """440 - 217 - 219 = 4: hiding the small count alone gives it away, and so do its neighbours."""
    table = group_table([217, 219, 14], [60, 70, 4])
    written = table.astype({"n_samples": str, "n_events": str})
    written.loc[2, "n_events"] = "<11"
    written.loc[2, FIGURES] = np.nan
    assert attack(table, written) == 1
    rounded = release_table(table, as_text=True)
    exact_rates = rounded.assign(**{name: table[name].round(4) for name in FIGURES})
    exact_rates.loc[2, FIGURES] = np.nan
    assert attack(table, exact_rates) < FEWEST


def test_large_groups_keep_their_answers():
    written = release_table(group_table([300, 293, 7], [83, 74, 3]), as_text=True)
    assert written["n_samples"].tolist() == ["~300", "~290", "<11", "~600"]
    assert written["n_events"].tolist() == ["~80", "~70", "<11", "~160"]
    assert written["event_rate"].notna().tolist() == [True, True, False, True]
    assert written["group"].tolist() == ["g0", "g1", SMALL_GROUPS, "all"]


def test_nothing_small_changes_nothing():
    table = group_table([300, 293], [83, 0])
    assert release_table(table) is table
    assert release_table(group_table([300, 7], [83, 3]), min_count=1).equals(
        group_table([300, 7], [83, 3])
    )


def test_zero_is_shown_and_numbers_are_gaps():
    written = release_table(pd.DataFrame({"n_samples": [50, 60], "n_events": [0, 4]}))
    assert written["n_samples"].tolist() == [50, 60]
    assert written["n_events"].iloc[0] == 0
    assert np.isnan(written["n_events"].iloc[1])


def test_the_order_of_groups_does_not_matter():
    rng = np.random.default_rng(3)
    for _ in range(20):
        n, events = random_groups(rng)
        order = rng.permutation(len(n))
        here, there = protect(n, events), protect(n[order], events[order])
        assert sorted(zip(n[order], there.n, strict=True)) == sorted(zip(n, here.n, strict=True))


def test_the_interval_of_a_ratio_tells_its_events():
    """log(upper / lower) of O:E is a function of the events alone, so its digits are cut."""
    n, e = np.array([200, 60]), np.array([54, 9])
    step = np.exp(1.96 * np.sqrt((1 - e / n) / e))
    table = pd.DataFrame({"group": ["a", "b"], "measure": "oe_ratio", "n_samples": n})
    table = table.assign(n_events=e, estimate=1.0, lower=1 / step, upper=step)
    written = release_table(table)
    assert written.loc[0, "upper"] == round(step[0], 1) != round(step[0], 2)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=30))
@settings(max_examples=60)
def test_wider_bins_keep_sums_and_hold_no_small_count(counts):
    counts = np.array(counts)
    low = np.arange(len(counts))
    starts, ends, joined = wider_bins(low, low + 1, counts)
    assert joined.sum(axis=0).tolist() == counts.sum(axis=0).tolist()
    assert starts[0] == 0
    assert ends[-1] == len(counts)
    assert starts[1:].tolist() == ends[:-1].tolist()
    small = (joined >= 1) & (joined < 11)
    assert not small.any() or len(joined) == 1


def test_counts_in_words():
    assert [count_text(v) for v in (0, 1, 10, 11, 1234, np.nan)] == [
        "0", "<11", "<11", "11", "1,234", "",
    ]  # fmt: skip
    assert count_text(217, "rounded") == "~220"
    assert round_count([4, 5, 14.9, 15]).tolist() == [0, 10, 10, 20]


def test_no_exact_time_is_written():
    times = pd.to_datetime(["2020-05-26 19:35:08", None])
    table = pd.DataFrame({"test_start": times, "n_test": [100, 200]})
    assert release_table(table)["test_start"].tolist()[0] == "2020-05"
    assert "19:35" not in release_table(table).to_json()
    assert table["test_start"].iloc[0] == times[0]


def test_a_histogram_is_written_with_wider_bins():
    table = pd.DataFrame({"low": [0.0, 0.1, 0.2], "high": [0.1, 0.2, 0.3], "curve": "model"})
    written = release_table(table.assign(n_events=[3, 20, 0], n_others=[50, 4, 30]))
    assert written[["low", "high", "n_events", "n_others"]].values.tolist() == [
        [0.0, 0.2, 23, 54], [0.2, 0.3, 0, 30],
    ]  # fmt: skip


def test_a_group_that_a_linked_table_leaves_out_is_still_protected():
    whole = pd.DataFrame({"feature": "sex", "group": ["F", "M", "X"], "n_samples": [300, 293, 7]})
    whole = whole.assign(n_events=[83, 74, 3])
    gaps = whole.iloc[:2]
    assert release_table(gaps) is gaps
    written = release_table(gaps, linked=[whole])
    assert written["n_samples"].tolist() == [300, 290]
    assert written["n_events"].tolist() == [80, 70]


def test_the_rest_of_a_total_is_a_group():
    """401 patients, of whom 400 are at two listed sites: the one left is not to be worked out."""
    table = pd.DataFrame({"site": ["pooled", "a", "b"], "n_samples": [401, 203, 197]})
    written = release_table(table)["n_samples"].tolist()
    assert written[0] == 400
    assert 203 not in written
    assert 197 not in written


def test_many_rows_of_few_patients_are_hidden():
    table = pd.DataFrame({"group": ["a", "b"], "n_samples": [60, 400], "n_patients": [2, 400]})
    written = release_table(table)
    assert written["group"].tolist() == [SMALL_GROUPS, "b"]
    assert np.isnan(written.loc[0, "n_samples"])


def flow_table(left, last):
    """Return a flow of rows: what leaves at each step, and those who stay."""
    remaining = np.append(last + np.cumsum([0, *left[::-1]])[::-1], last)
    steps = ["in the table", *[f"reason {k}" for k in range(len(left))], "analysed"]
    table = pd.DataFrame({"step": steps, "n_left_out": [0, *left, 0], "n_samples": remaining})
    return table.astype({"n_left_out": int, "n_samples": int})


@pytest.mark.parametrize(
    ("left", "last"), [([7], 493), ([7, 30], 463), ([20, 3, 40], 700), ([1], 30), ([4, 5], 60)]
)
def test_a_step_of_a_flow_is_not_the_total_less_the_rest(left, last):
    """Who leaves at each step and who stays make up the whole, which its reader may know."""
    written = release_table(flow_table(left, last), as_text=True)
    sums = [words for words in written["n_samples"] if words[0].isdigit()]
    assert not sums
    groups = group_table([*left, last], np.zeros(len(left) + 1, int))
    rows = pd.DataFrame(
        {
            "group": groups["group"],
            "n_samples": [*written["n_left_out"].iloc[1:-1], written["n_samples"].iloc[-1], ""],
            "n_events": "0",
            **dict.fromkeys(FIGURES, np.nan),
        }
    )
    assert attack(groups, rows[groups.columns]) >= FEWEST


def test_a_flow_without_a_small_step_is_written_as_it_is():
    flow = flow_table([20, 30], 500)
    assert release_table(flow).equals(flow)
    assert release_table(flow, as_text=True)["n_samples"].tolist() == ["550", "530", "500", "500"]


def test_a_histogram_of_shares_keeps_them_in_wider_classes():
    counts = np.array([30, 2, 5, 13, 0, 40])
    table = pd.DataFrame({"outcome": "event", "low": np.arange(6), "high": np.arange(1, 7)})
    table = table.assign(n_samples=counts, share=counts / counts.sum())
    few = table.assign(outcome="no event", n_samples=[1, 0, 3, 2, 0, 0])
    written = release_table(pd.concat([table, few], ignore_index=True))
    assert set(written["outcome"]) == {"event"}
    assert ((written["n_samples"] == 0) | (written["n_samples"] >= 11)).all()
    np.testing.assert_allclose(written["share"], written["n_samples"] / counts.sum())


@pytest.mark.parametrize(
    ("sentence", "written"),
    [
        ("At 1 of 4 sites some level is absent", "At 1 of 4 sites some level is absent"),
        ("2 of 1,200 sites, 2 of 1,200 rows", "2 of 1,200 sites, <11 of 1,200 rows"),
        ("1 of 20 runs of rows", "1 of 20 runs of rows"),
        ("impossible (1 cell), 1 other row", "impossible (<11 cells), <11 other rows"),
        ("12 cells, 1 row", "12 cells, <11 rows"),
        ("one value but for 1 cell of 1,766", "one value but for <11 cells of 1,766"),
        ("1 with fewer than 10 patients", "1 with fewer than 10 patients"),
    ],
)
def test_sentences_hide_counts_of_people_and_no_others(sentence, written):
    assert release_words(sentence) == written
