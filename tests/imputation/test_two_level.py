"""Imputation within sites: the random intercept against lme4, known and new groups."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from healthml.exceptions import ImputationWarning, InputError
from healthml.imputation import ChainedImputer
from healthml.imputation._draws.random_intercept import draw_intercepts

REFERENCE = Path(__file__).parents[1] / "reference/imputation_draws_reference.json"
R = json.loads(REFERENCE.read_text())["two_level"]


def sites(n_sites=25, each=24, seed=0):
    """Patients of sites that differ in level by far more than patients do."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(n_sites), each)
    level = rng.normal(0, 3, n_sites)
    x = rng.normal(size=len(site))
    table = pd.DataFrame({"site": [f"s{k}" for k in site], "x": x})
    table["y"] = 10 + level[site] + x + rng.normal(size=len(site))
    hidden = rng.random(len(site)) < 0.3
    return table, table.assign(y=table["y"].mask(hidden)), hidden, level


def test_random_intercepts_agree_with_lme4():
    i = np.arange(1, 151)
    x, z, site = np.sin(i * 1.7) * 2 + i / 50, np.cos(i * 0.9) + (i % 7) / 5, i % 15
    y = 1 + 0.8 * x - 0.5 * z + 1.2 * np.sin(i * 12.9898) * np.cos(i * 4.1)
    W = np.column_stack([np.ones(150), x, z, y + np.sin(site * 2.3) * 0.7])
    sums = np.zeros((15, 4))
    np.add.at(sums, site, W)
    rng, draw, kept = np.random.default_rng(0), None, []
    for _ in range(600):
        draw = draw_intercepts(W.T @ W, 150, np.bincount(site), sums, rng, draw)
        kept.append(draw)
    drawn = np.array([one.drawn for one in kept])
    np.testing.assert_allclose(drawn.mean(axis=0), R["coef"], atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), R["se"], rtol=0.25)
    assert np.mean([one.sigma for one in kept]) == pytest.approx(R["sigma"], rel=0.05)
    assert np.median([one.tau for one in kept]) == pytest.approx(R["tau"], rel=0.2)
    effects = np.mean([one.effects for one in kept], axis=0)
    np.testing.assert_allclose(effects, R["effects"], atol=0.1)


@pytest.mark.parametrize("method", ["auto", "2l.norm", "2l.pmm"])
def test_cells_follow_their_site(method):
    full, table, hidden, _ = sites()
    imputer = ChainedImputer(method, patient="site", m=3, n_iter=3, random_state=0)
    for done in imputer.fit_transform_multiple(table):
        assert done["site"].equals(table["site"])
        error = (done["y"] - full["y"])[hidden]
        assert error.std() < 2  # two patients' noise is 1.4; the sites differ by 3
        between = done["y"][hidden].std() / full["y"][hidden].std()
        assert 0.85 < between < 1.15


def test_a_known_site_has_its_effect_and_a_new_one_a_drawn_effect():
    _, table, _, level = sites()
    imputer = ChainedImputer("2l.norm", patient="site", m=40, n_iter=2, random_state=0).fit(table)
    best = int(np.argmax(level))
    row = pd.DataFrame({"site": [f"s{best}"], "x": [0.0], "y": [np.nan]})
    drawn = [one["y"].iloc[0] for one in imputer.transform_multiple(row)]
    assert np.mean(drawn) == pytest.approx(10 + level[best], abs=0.8)
    two = pd.concat([row, row.assign(x=1.0)], ignore_index=True).assign(site="new")
    with pytest.warns(ImputationWarning, match="'site' holds levels or groups"):
        tables = imputer.transform_multiple(two)
    drawn = np.array([one["y"] for one in tables])
    assert 1.8 < drawn[:, 0].std() < 5  # about sqrt(3**2 + 1)
    shared = np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]
    assert shared > 0.6  # two patients of one new site share its effect
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImputationWarning)
        alone = [one["y"].iloc[0] for one in imputer.transform_multiple(two.iloc[[1]])]
    assert alone == drawn[:, 1].tolist()


def test_group_means_predict_levels():
    rng = np.random.default_rng(1)
    site = np.repeat(np.arange(40), 20)
    level = rng.normal(size=40)
    table = pd.DataFrame({"site": site, "y": level[site] + rng.normal(0, 3, 800)})
    truth = pd.Series(np.where(level[site] > 0, "yes", "no"))
    is_missing = rng.random(800) < 0.3
    table["high"] = truth.mask(is_missing)
    options = {"m": 2, "n_iter": 2, "random_state": 0}
    grouped = ChainedImputer(patient="site", **options).fit_transform_multiple(table)[0]
    plain = ChainedImputer(**options).fit_transform_multiple(table[["y", "high"]])[0]
    right, chance = ((one["high"] == truth)[is_missing].mean() for one in (grouped, plain))
    assert right > chance + 0.15


def test_rows_without_a_group_are_refused_at_fit():
    _, table, _, _ = sites()
    table.loc[3, "site"] = None
    with pytest.raises(InputError, match="'site' names the group of each row and is missing in 1"):
        ChainedImputer(patient="site").fit(table)
    with pytest.raises(InputError, match=r"method '2l\.norm' needs patient"):
        ChainedImputer({"y": "2l.norm"}).fit(table.drop(columns="site"))
