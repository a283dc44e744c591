"""Draws of single columns against mice and lme4, and against what is known of the population."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge

from healthml.imputation import ChainedImputer
from healthml.imputation._chained import plan as _settings
from healthml.imputation._chained.chain import Chain
from healthml.imputation._chained.plan import make_plan
from healthml.imputation._draws.linear import draw_linear, nearest_donors
from healthml.imputation._draws.logistic import draw_nominal, draw_ordered
from healthml.imputation._draws.methods import PMM
from healthml.imputation._table.cells import read_columns
from healthml.imputation._table.design import learn_columns

R = json.loads(
    (Path(__file__).parents[1] / "reference/imputation_draws_reference.json").read_text()
)


def small_table():
    i = np.arange(1, R["n"] + 1)
    x = np.sin(i * 1.7) * 2 + i / 50
    z = np.cos(i * 0.9) + (i % 7) / 5
    y = 1 + 0.8 * x - 0.5 * z + 1.2 * np.sin(i * 12.9898) * np.cos(i * 4.1)
    return pd.DataFrame({"y": np.where(i % 5 == 0, np.nan, y), "x": x, "z": z})


def draws(table, method, name, n_draws, donors=5):
    """Return many conditional draws of one incomplete column, in its units."""
    asked = ChainedImputer(method=method, donors=donors)
    columns = learn_columns(table)
    values, missing, _ = read_columns(columns, table)
    chain = Chain(make_plan(columns, values, missing, asked), values, missing, 3)
    j = list(table.columns).index(name)
    found = np.empty((n_draws, missing[j].sum()))
    for row in found:
        chain.visit(j)
        row[:] = columns[j].number(chain.current[j])
    return found


def agree(found, reference, n_reference):
    """Compare moments within four standard errors of the difference, and a little."""
    n, sd = len(found), np.array(reference["sd"])
    error = sd * np.sqrt(1 / n + 1 / n_reference)
    assert (np.abs(found.mean(axis=0) - reference["mean"]) < 4 * error + 1e-3 * sd).all()
    ratio = found.std(axis=0, ddof=1) / sd
    assert np.abs(np.log(ratio)).max() < 5 * np.sqrt(1 / n + 1 / n_reference)
    shared = found.mean(axis=1).std(ddof=1) / reference["sd_of_draw_means"]
    assert abs(np.log(shared)) < 4 * np.sqrt(0.5 * (1 / n + 1 / n_reference))


@pytest.mark.parametrize("method", ["norm", "pmm"])
def test_draws_of_one_column_agree_with_mice(method):
    agree(draws(small_table(), method, "y", 4000), R[method], 4000)


@pytest.mark.parametrize("method", ["norm", "pmm"])
def test_draws_of_a_real_column_agree_with_mice(method, shared):
    folder = shared / "reference/imputation"
    if not folder.is_dir():
        pytest.skip("the reference tables are absent")
    table = pd.read_csv(folder / "univ_airquality.csv").astype(float)
    known = json.loads((folder / "univariate_draws.json").read_text())
    (known,) = (one for one in known if one["method"] == method)
    # these draws of pmm are those that mice 3.15 makes with donors = 1
    agree(draws(table, method, "Ozone", 2000, donors=1), known, 2000)


def test_donors_are_the_nearest():
    rng = np.random.default_rng(0)
    scores = np.sort(rng.normal(size=60))
    wanted = rng.normal(size=200) * 1.5
    chance = np.linspace(0, 1, 200, endpoint=False)
    picked = nearest_donors(scores, wanted, 5, chance)
    for want, place in zip(wanted, picked, strict=True):
        nearest = np.sort(np.abs(scores - want))[:5]
        assert abs(scores[place] - want) <= nearest[-1] + 1e-12
    every = nearest_donors(scores, np.full(5, 0.1), 5, np.arange(5) / 5)
    assert len(set(every)) == 5


def test_few_donors():
    picked = nearest_donors(np.array([1.0, 2.0]), np.array([0.0, 9.0]), 5, np.array([0.1, 0.9]))
    assert picked.tolist() == [0, 1]


def test_linear_draws_have_their_posterior():
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    y = X @ [1.0, 2.0, -1.0] + rng.normal(size=40)
    args = (X.T @ X, X.T @ y, y @ y, 40, rng)
    found = [draw_linear(*args) for _ in range(4000)]
    estimate = np.linalg.lstsq(X, y, rcond=None)[0]
    left = ((y - X @ estimate) ** 2).sum()
    covariance = left / 35 * np.linalg.inv(X.T @ X)  # E[1 / chi2(37)] = 1 / 35
    betas = np.array([one.drawn for one in found])
    np.testing.assert_allclose(found[0].estimate, estimate, atol=1e-3)
    np.testing.assert_allclose(np.cov(betas.T), covariance, atol=0.08 * covariance.max())
    assert np.mean([one.sigma**2 for one in found]) == pytest.approx(left / 35, rel=0.03)


@pytest.mark.parametrize("draw", [draw_nominal, draw_ordered])
def test_level_draws_spread_like_the_estimate(draw):
    rng = np.random.default_rng(2)
    X = np.column_stack([np.ones(500), rng.normal(size=500)])
    codes = (rng.random(500) < expit(0.3 + X[:, 1])).astype(int)
    found = [draw(X, codes, 2, rng) for _ in range(300)]
    slopes = np.array([one.drawn.ravel()[-1] for one in found])
    model = LogisticRegression(C=np.inf).fit(X[:, 1:], codes)
    risk = model.predict_proba(X[:, 1:])[:, 1]
    error = np.sqrt(np.linalg.inv((X * (risk * (1 - risk))[:, None]).T @ X)[1, 1])
    assert abs(slopes.mean()) == pytest.approx(abs(model.coef_[0, 0]), abs=0.05)
    assert slopes.std() == pytest.approx(error, rel=0.15)
    assert found[0].converged


@pytest.mark.parametrize("draw", [draw_nominal, draw_ordered])
def test_a_rare_predictor_that_separates_stays_within_reason(draw):
    rng = np.random.default_rng(12)
    rare = (np.arange(300) < 8).astype(float)
    codes = np.where(rare == 1, 1, np.arange(300) % 2)  # all eight have the second level
    X = np.column_stack([np.ones(300), (rare - rare.mean()) / rare.std()])
    found = np.array([draw(X, codes, 2, rng).drawn.ravel()[-1] for _ in range(400)])
    log_odds_ratio = np.abs(found / rare.std())
    assert 1 < log_odds_ratio.mean() < 5
    assert log_odds_ratio.max() < 12
    assert draw(X, codes, 2, rng).converged


def test_it_does_not_matter_which_level_comes_first():
    rng = np.random.default_rng(13)
    X = np.column_stack([np.ones(60), rng.normal(size=(60, 2))])
    codes = np.arange(60) % 3
    shares = draw_nominal(X, codes, 3, rng).probabilities(X, drawn=False)
    turned = draw_nominal(X, 2 - codes, 3, rng).probabilities(X, drawn=False)
    np.testing.assert_allclose(turned[:, ::-1], shares, atol=1e-4)


def test_a_predictor_that_does_not_vary():
    X = np.column_stack([np.ones(50), np.zeros(50)])
    codes = np.arange(50) % 2
    found = draw_nominal(X, codes, 2, np.random.default_rng(14))
    assert found.converged
    assert np.abs(found.drawn).max() < 15


def test_levels_are_drawn_in_their_proportions():
    rng = np.random.default_rng(3)
    n = 3000
    x = rng.normal(size=n)
    levels = np.digitize(x + rng.logistic(size=n), [-1, 1])
    full = pd.DataFrame({"x": x, "c": pd.Categorical.from_codes(levels, list("abc"))})
    is_missing = rng.random(n) < expit(x)  # the more x, the more is missing
    table = full.copy()
    table.loc[is_missing, "c"] = None
    for ordered in ((), ("c",)):
        imputer = ChainedImputer(m=3, n_iter=2, ordered=ordered, random_state=0)
        for done in imputer.fit_transform_multiple(table):
            share = done["c"][is_missing].value_counts(normalize=True)
            truth = full["c"][is_missing].value_counts(normalize=True)
            assert (share - truth).abs().max() < 0.05


def crossed(n=600):
    """A column that depends on a product alone: a linear model sees nothing."""
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, n))
    full = pd.DataFrame({"a": a, "b": b, "c": a * b + 0.3 * rng.normal(size=n)})
    table = full.copy()
    table.loc[rng.random(n) < 0.3, "c"] = np.nan
    return full, table, table["c"].isna()


@pytest.mark.parametrize("method", ["auto", "cart", "rf"])
def test_a_product_is_found(method):
    full, table, is_missing = crossed()
    imputer = ChainedImputer(method, m=2, n_iter=2, random_state=0)
    done = imputer.fit_transform_multiple(table)[0]
    assert np.corrcoef(done["c"][is_missing], full["c"][is_missing])[0, 1] > 0.45
    plain = ChainedImputer("pmm", m=2, n_iter=2, random_state=0).fit_transform_multiple(table)[0]
    assert abs(np.corrcoef(plain["c"][is_missing], full["c"][is_missing])[0, 1]) < 0.4


def test_no_product_where_none_is_asked_for():
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.normal(size=(300, 6)) + rng.normal(size=(300, 1))).add_prefix("c")
    table = table.mask(rng.random(table.shape) < 0.05)
    plan = ChainedImputer(m=1, n_iter=1, random_state=0).fit(table).plan_
    assert not len(plan.pairs)
    assert all(isinstance(method, PMM) for method in plan.methods.values())


def curved(n=800):
    """Levels of which the middle one is likely at middle ages alone."""
    rng = np.random.default_rng(15)
    age = rng.normal(size=n)
    full = pd.DataFrame({"age": 60 + 10 * age, "sex": rng.permutation(np.arange(n) % 2)})
    full["kind"] = np.where(rng.random(n) < expit(1 - 2 * age**2), "mid", "out")
    table = full.copy()
    table.loc[rng.random(n) < expit(age - 1), "kind"] = None
    return full, table


@pytest.mark.parametrize("method", ["auto", {"kind": "logreg"}])
def test_a_square_is_found_for_levels(method):
    full, table = curved()
    imputer = ChainedImputer(method, m=3, n_iter=2, random_state=0)
    tables = imputer.fit_transform_multiple(table)
    wanted = method == "auto"
    assert imputer.plan_.pairs.tolist() == ([[1, 1]] if wanted else [])
    old = table["kind"].isna() & (full["age"] > 75)
    share = np.mean([(one["kind"][old] == "mid").mean() for one in tables])
    assert (share < 0.15) == wanted
    one = table.assign(kind=None).astype({"kind": table["kind"].dtype}).iloc[[3]]
    row = imputer.transform(one)
    batch = imputer.transform(table.iloc[:9].assign(kind=lambda t: t["kind"].where(t.index != 3)))
    assert row["kind"].iloc[0] == batch["kind"].iloc[3]


def test_squares_join_the_products_of_large_tables(monkeypatch):
    monkeypatch.setattr(_settings, "MOST_FOR_TREES", 100)
    _, table = curved()
    rng = np.random.default_rng(16)
    table["dose"] = (table["age"] - 60) / 10 * (table["sex"] - 0.5) + 0.2 * rng.normal(size=800)
    table.loc[rng.random(800) < 0.2, "dose"] = np.nan
    plan = ChainedImputer(m=1, n_iter=1, random_state=0).fit(table).plan_
    assert plan.pairs.tolist() == [[1, 2], [1, 1]]
    assert plan.n_own + 1 in plan.predictors[2]
    assert plan.n_own in plan.predictors[3]


def test_large_tables_take_products_instead_of_trees(monkeypatch):
    monkeypatch.setattr(_settings, "MOST_FOR_TREES", 100)
    full, table, is_missing = crossed()
    imputer = ChainedImputer(m=2, n_iter=2, random_state=0)
    done = imputer.fit_transform_multiple(table)[0]
    assert imputer.plan_.pairs.tolist() == [[1, 2]]
    assert np.corrcoef(done["c"][is_missing], full["c"][is_missing])[0, 1] > 0.8
    row = imputer.transform(pd.DataFrame({"a": [2.0], "b": [1.5], "c": [np.nan]}))
    assert row["c"].iloc[0] == pytest.approx(3, abs=0.3)


def test_skewed_cells_keep_their_spread():
    rng = np.random.default_rng(6)
    n = 800
    frail = rng.normal(size=n)
    full = pd.DataFrame({"age": frail, "crp": np.exp(1.2 * frail + 0.6 * rng.normal(size=n))})
    table = full.copy()
    table.loc[rng.random(n) < expit(frail - 1), "crp"] = np.nan
    is_missing = table["crp"].isna()
    imputer = ChainedImputer(random_state=0)
    spread = [np.log(one["crp"][is_missing]).std() for one in imputer.fit_transform_multiple(table)]
    assert np.mean(spread) == pytest.approx(np.log(full["crp"][is_missing]).std(), rel=0.1)
    middle = [
        np.log(one["crp"][is_missing]).mean() for one in imputer.fit_transform_multiple(table)
    ]
    assert np.mean(middle) == pytest.approx(np.log(full["crp"][is_missing]).mean(), abs=0.15)


@pytest.mark.parametrize("method", ["cart", "rf", "estimators"])
def test_other_learners_keep_associations(method):
    rng = np.random.default_rng(7)
    n = 800
    a = rng.normal(size=n)
    full = pd.DataFrame({"a": a, "b": a + rng.normal(size=n)})
    full["c"] = np.where(full["b"] + rng.normal(size=n) > 0, "yes", "no")
    table = full.copy()
    table.loc[rng.random(n) < 0.3, "b"] = np.nan
    table.loc[rng.random(n) < 0.3, "c"] = None
    if method == "estimators":
        method = {"b": Ridge(), "c": LogisticRegression()}
    tables = ChainedImputer(method, m=3, n_iter=4, random_state=0).fit_transform_multiple(table)
    is_missing = table["b"].isna()
    found = np.mean(
        [np.corrcoef(one["a"][is_missing], one["b"][is_missing])[0, 1] for one in tables]
    )
    assert found == pytest.approx(np.corrcoef(a[is_missing], full["b"][is_missing])[0, 1], abs=0.12)
    risk = np.mean([one["b"][one["c"] == "yes"].mean() for one in tables])
    assert risk == pytest.approx(full["b"][full["c"] == "yes"].mean(), abs=0.15)
    assert not tables[0].equals(tables[1])
