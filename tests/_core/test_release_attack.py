"""More attacks on what leaves: two groupings, ratios beside mean risks, and linked tables."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import LinearConstraint, milp

from healthml._core._release import SMALL_GROUPS, is_small, release_crosstab, release_table
from healthml._core._release import attack as offsets

sys.path.insert(0, str(Path(__file__).parent))
from test_suppression import FEWEST, attack, group_table, hidden_counts, possible, read

QUICK = 4
BLOCKS = [0, *(pytest.param(block, marks=pytest.mark.slow) for block in range(1, 25))]
Z = 1.959963984540054


def values_of_cell(counts, written, cell):
    """Return how many values a cell can have: an integer programme for each, all sums known."""
    shape, size = counts.shape, counts.size
    near = [read(text, count) for text, count in zip(written.ravel(), counts.ravel(), strict=True)]
    sums = np.zeros((sum(shape), size))
    for k in range(size):
        sums[k // shape[1], k] = sums[shape[0] + k % shape[1], k] = 1
    totals = np.concatenate([counts.sum(axis=1), counts.sum(axis=0)])
    target, found = cell[0] * shape[1] + cell[1], 0
    lows, highs = (np.array([end(v) for v in near], float) for end in (np.min, np.max))
    closed = [text == "<11" for text in written.ravel()]
    lows[closed] = 1  # a zero is shown, so that what is hidden is none
    for value in range(1, 11):
        low, high = lows.copy(), highs.copy()
        low[target] = high[target] = value
        answer = milp(
            np.zeros(size),
            integrality=np.ones(size),
            bounds=(low, high),
            constraints=LinearConstraint(sums, totals, totals),
        )
        found += answer.status == 0
    return found


def can_be_protected(counts):
    """With everything hidden that can be, does each small count keep five possible values?"""
    words = np.where(counts == 0, "0", np.where(is_small(counts), "<11", "not shown"))
    return all(
        values_of_cell(counts, words.astype(object), cell) >= FEWEST
        for cell in np.argwhere(is_small(counts))
    )


@pytest.mark.parametrize("block", BLOCKS)
def test_no_hidden_cell_of_two_groupings_has_fewer_than_five_values(block):
    rng, n_attacked = np.random.default_rng([7, block]), 0
    while n_attacked < QUICK:
        shape = rng.integers(2, 5), rng.integers(2, 4)
        counts = rng.poisson(rng.choice([0, 4, 30, 150], shape))
        written = release_crosstab(pd.DataFrame(counts)).to_numpy(object)
        small = np.argwhere(is_small(counts))
        if not len(small) or not can_be_protected(counts):
            continue
        n_attacked += 1
        for cell in small:
            assert values_of_cell(counts, written, cell) >= FEWEST, (counts, written)


def test_rows_and_columns_one_after_the_other_do_not_protect():
    """Each row and each column alone leaves five values; together they leave one."""
    counts = np.array([[7, 8, 43], [9, 120, 130], [44, 131, 160]])
    apart = np.array(
        [["<11", "<11", "43"], ["<11", "120", "130"], ["44", "131", "160"]], dtype=object
    )
    assert values_of_cell(counts, apart, (0, 0)) == 1
    together = release_crosstab(pd.DataFrame(counts)).to_numpy(object)
    assert values_of_cell(counts, together, (0, 0)) >= FEWEST


def ratio_table(rng):
    """Return sites with O:E, its interval and the mean risk, one of them small."""
    k = rng.integers(3, 7)
    n = np.append(rng.integers(2, 11), rng.integers(60, 900, k - 1))
    events = np.clip(rng.binomial(n, rng.choice([0.1, 0.3, 0.5])), 1, n - 1)
    ratio = rng.lognormal(0, 0.3, k)
    factor = np.exp(Z * np.sqrt((1 - events / n) / events))
    parts = {
        "oe_ratio": (ratio, ratio / factor, ratio * factor),
        "mean_risk": (events / n / ratio, np.nan, np.nan),
    }
    rows = [
        pd.DataFrame({"site": [f"s{j}" for j in range(k)], "measure": name, "n_samples": n})
        .assign(n_events=events, estimate=part[0], lower=part[1], upper=part[2])
        for name, part in parts.items()
    ]  # fmt: skip
    return pd.concat(rows, ignore_index=True), n, events


def decimals(values):
    found = [len(repr(float(v)).split(".")[1]) for v in values if np.isfinite(v)]
    return max(found, default=None)


def ratio_candidates(written, digits, n, events):
    """List the pairs (people, events) for which some ratio prints all figures of a site."""
    ratio, risk = (
        written[written["measure"] == name].iloc[0] for name in ("oe_ratio", "mean_risk")
    )
    people, having = np.meshgrid(read(ratio.n_samples, n), read(ratio.n_events, events))
    people, having = people.ravel(), having.ravel()
    has_ratio = np.isfinite(ratio.estimate)
    keep = (having <= people) & (people > 0) & (having > 0 if has_ratio else having >= 0)
    people, having = people[keep], having[keep]
    if not has_ratio:
        return people, having
    half = 0.5 * 10.0 ** -digits["oe_ratio"] + 1e-12
    low, high = (
        np.full(len(people), ratio.estimate - half),
        np.full(len(people), ratio.estimate + half),
    )
    factor = np.exp(Z * np.sqrt((1 - having / people) / having))
    for end, scale in ((ratio.lower, factor), (ratio.upper, 1 / factor)):
        if np.isfinite(end):
            low, high = (
                np.maximum(low, (end - half) * scale),
                np.minimum(high, (end + half) * scale),
            )
    keep = low <= high
    if np.isfinite(risk.estimate):
        off, rate = 0.5 * 10.0 ** -digits["mean_risk"] + 1e-12, having / people
        keep &= (rate >= low * (risk.estimate - off)) & (rate <= high * (risk.estimate + off))
    return people[keep], having[keep]


@pytest.mark.parametrize("block", BLOCKS)
def test_ratios_and_mean_risks_tell_no_hidden_count(block):
    rng = np.random.default_rng([11, block])
    for _ in range(QUICK):
        table, n, events = ratio_table(rng)
        written = release_table(table, as_text=True, keep_rows=True)
        truths = table[table["measure"] == "oe_ratio"].reset_index(drop=True)
        small = [bool(hidden_counts(truth)) for truth in truths.itertuples()]
        open_rows = ~written["site"].eq(SMALL_GROUPS) & ~np.tile(small, 2)
        digits = {}
        for name in ("oe_ratio", "mean_risk"):
            rows = written[open_rows & (written["measure"] == name)]
            digits[name] = decimals(rows[["estimate", "lower", "upper"]].to_numpy(float).ravel())
        own = [{"oe_ratio": 1, "mean_risk": 1} if is_small else digits for is_small in small]
        groups = [
            ratio_candidates(written.iloc[[j, j + len(n)]], own[j], n[j], events[j])
            for j in range(len(n))
        ]
        totals = np.repeat([[float(n.sum())], [events.sum()]], 2, axis=1)
        for j, truth in enumerate(truths.itertuples()):
            for name in hidden_counts(truth):
                people, having = groups[j]
                values = np.unique({"n": people, "e": having, "f": people - having}[name])
                found = possible(groups, totals, j, values, name)
                assert found >= FEWEST, (table, written)


def test_a_large_site_keeps_its_ratio_beside_a_small_one():
    """Of sites with 100 patients or more, each has its O:E, and nearly each the interval."""
    rng, n_sites, n_with_ends = np.random.default_rng(5), 0, 0
    for _ in range(12):
        table, n, events = ratio_table(rng)
        written = release_table(table, keep_rows=True)
        is_ratio = (table["measure"] == "oe_ratio").to_numpy()
        large = (n >= 100) & (events >= 11) & (n - events >= 11)
        rows = written[is_ratio][large]
        assert rows["estimate"].notna().all()
        n_sites, n_with_ends = n_sites + len(rows), n_with_ends + rows["upper"].notna().sum()
    assert n_with_ends >= 0.9 * n_sites > 25


@pytest.mark.parametrize("block", BLOCKS)
def test_a_linked_table_does_not_tell_the_group_that_another_leaves_out(block):
    rng = np.random.default_rng([13, block])
    for _ in range(QUICK):
        k = rng.integers(3, 6)
        n = np.append(rng.integers(60, 400, k - 1), rng.integers(1, 11))
        events = rng.binomial(n, 0.3)
        whole = group_table(n, events)
        groups = whole.iloc[:-1].assign(feature="sex")
        part = release_table(groups.iloc[:-1], linked=[groups], as_text=True)
        hidden = groups.iloc[[-1]].astype({"n_samples": object, "n_events": object})
        hidden = hidden.assign(n_samples="<11", n_events="<11", event_rate=np.nan)
        total = whole.iloc[[-1]].astype({"n_samples": str, "n_events": str})
        written = pd.concat([part, hidden.assign(lower=np.nan, upper=np.nan), total])
        fewest = attack(whole, written[whole.columns].reset_index(drop=True))
        assert fewest is None or fewest >= FEWEST, (whole, written)


def test_what_three_results_write_does_not_count_a_small_site():
    """240 rows less 113 less 120 are 7: neither stands in JSON, and nor does the site's name."""
    rng = np.random.default_rng(0)
    from sklearn.linear_model import LogisticRegression

    from healthml.fairness import proxy_audit
    from healthml.imputation import missingness_report
    from healthml.validation import internal_external

    site = pd.Series(["tiny"] * 7 + ["b"] * 113 + ["c"] * 120, name="site")
    X = pd.DataFrame({"age": rng.normal(60, 9, 240), "lab": rng.normal(size=240)})
    y = (rng.random(240) < 0.4).astype(int)
    holes = X.mask(rng.random((240, 2)) < 0.2)
    written = [
        missingness_report(holes, y, site=site).to_json(),
        proxy_audit(X, site.to_frame()).to_json(),
        internal_external(LogisticRegression(), X, y, site=site).to_json(),
    ]
    for text in written:
        assert "tiny" not in text
        assert ": 113" not in text


@pytest.mark.parametrize("few", [0, 60])
def test_sums_of_offsets_are_all_pairs_within_reach(few, monkeypatch):
    """By shifts and by transforms; sets of one offset and of all are short cuts."""
    monkeypatch.setattr(offsets, "_FEW", few)
    rng, reach = np.random.default_rng(0), offsets.REACH
    for share in (0.0, 0.002, 0.05, 1.0):
        first, second = rng.random((2, 2 * reach + 1, 2 * reach + 1)) < [[[share]], [[0.003]]]
        first[reach, reach] = second[reach, reach] = True
        pairs = np.argwhere(first)[:, None] + np.argwhere(second)[None] - 2 * reach
        pairs = pairs.reshape(-1, 2)
        pairs = pairs[(np.abs(pairs) <= reach).all(axis=1)] + reach
        expected = np.zeros_like(first)
        expected[tuple(pairs.T)] = True
        assert (offsets._sums(first, second) == expected).all()
        assert (offsets._sums(second, first) == expected).all()
