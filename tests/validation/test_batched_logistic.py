"""The fast path gives the numbers of the plain loop of scikit-learn fits."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from healthml._core._bootstrap import resample_indices
from healthml.validation._refits.batched import logistic as fast
from healthml.validation._refits.batched.logistic import batched_refit, count_rows, recognise
from healthml.validation._refits.batched.newton import fit_batched, risks_of
from healthml.validation._refits.refit import ONE_CLASS, Resample, refit

EXACT = {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 200}
SCALES = np.array([1.0, 1e-3, 250.0, 1.0, 1e6])


@pytest.fixture(scope="module")
def data():
    """A table with columns of very different sizes, one of them a rare indicator."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(240, 5)) * SCALES + 5 * SCALES
    X[:, 3] = rng.uniform(size=240) < 0.1
    logit = (X[:, 0] - 5) - 0.8 * X[:, 3] + 0.5 * (X[:, 4] / 1e6 - 5) - 0.7
    y = (rng.uniform(size=240) < 1 / (1 + np.exp(-logit))).astype(int)
    return X, y


def bootstraps(n, number=25, seed=0, predict=None):
    predict = np.arange(n) if predict is None else predict
    draws = resample_indices(n, n_resamples=number, random_state=seed)
    return [Resample(rows, predict, i, i) for i, rows in enumerate(draws)]


def refuse(*_, **__):
    raise AssertionError("went to the loop")


@pytest.fixture
def alone(monkeypatch):
    """No resample may go to the loop."""
    monkeypatch.setattr(fast, "refit", refuse)


def risks(refits):
    return np.array([one.risk for one in refits])


PROCEDURES = {
    "unpenalised": (LogisticRegression(C=np.inf, **EXACT), 1.0),
    "ridge": (LogisticRegression(C=0.05, **EXACT), 1 / SCALES),
    "scaled": (make_pipeline(StandardScaler(), LogisticRegression(C=0.02, **EXACT)), 1.0),
    "centred": (
        make_pipeline(StandardScaler(with_std=False), LogisticRegression(C=0.02, **EXACT)),
        1 / SCALES,
    ),
    "passthrough": (
        Pipeline([("nothing", "passthrough"), ("model", LogisticRegression(C=np.inf, **EXACT))]),
        1.0,
    ),
}


@pytest.mark.parametrize("name", PROCEDURES)
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_loop(data, name, weighted, alone):
    (X, y), (estimator, scale) = data, PROCEDURES[name]
    weight = np.random.default_rng(0).uniform(0, 3, len(y)) if weighted else None
    resamples = bootstraps(len(y), predict=np.arange(100, 140))
    table = X / SCALES if name in ("unpenalised", "passthrough") else X * scale
    ours = batched_refit(estimator, table, y, resamples, sample_weight=weight)
    loop = refit(estimator, table, y, resamples, sample_weight=weight)
    assert all(one.converged and not one.separated for one in ours)
    np.testing.assert_allclose(risks(ours), risks(loop), rtol=0, atol=1e-8)


def test_penalty_is_on_the_standardised_scale_of_each_resample(data):
    X, y = data
    resamples = bootstraps(len(y), 3)
    scaled, plain = (
        risks(batched_refit(model, X / SCALES, y, resamples))
        for model in (PROCEDURES["scaled"][0], LogisticRegression(C=0.02, **EXACT))
    )
    assert np.abs(scaled - plain).max() > 1e-3


def test_columns_of_any_size_do_no_harm(data):
    X, y = data
    counts = count_rows([r.train for r in bootstraps(len(y), 10)], len(y))
    big, small = fit_batched(X, y, counts), fit_batched(X / SCALES, y, counts)
    assert big.converged.all()
    np.testing.assert_allclose(big.coef[:, 1:] * SCALES, small.coef[:, 1:], rtol=1e-6)


def test_training_masks_of_cross_validation(data):
    X, y = data
    table, fold = X / SCALES, np.arange(len(y)) % 5
    resamples = [
        Resample(np.flatnonzero(fold != k), np.flatnonzero(fold == k), k, k) for k in range(5)
    ]
    model = PROCEDURES["unpenalised"][0]
    for ours, loop in zip(
        batched_refit(model, table, y, resamples), refit(model, table, y, resamples), strict=True
    ):
        np.testing.assert_allclose(ours.risk, loop.risk, atol=1e-9)


def test_frames_are_read_as_the_loop_reads_them(data, alone):
    X, y = data
    frame = pd.DataFrame(X / SCALES, columns=list("abcde"))
    frame["d"] = X[:, 3] > 0
    model, resamples = PROCEDURES["ridge"][0], bootstraps(len(y), 3)
    wanted = risks(batched_refit(model, X / SCALES, y, resamples))
    for table in (frame, pl.from_pandas(frame)):
        found = risks(batched_refit(model, table, y, resamples))
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_what_the_loop_must_fit_goes_there(data):
    X, y = data
    table = np.column_stack([X[:, 0], y + 0.0])
    few = np.r_[np.flatnonzero(y)[:3], np.flatnonzero(y == 0)[:3]]
    resamples = [
        Resample(np.arange(len(y)), few, 0, 0),
        Resample(np.flatnonzero(y == 1), few, 1, 1),
    ]
    model = LogisticRegression(C=np.inf, max_iter=200)
    found, one_class = batched_refit(model, table, y, resamples, on_error="record")
    loop = refit(model, table, y, resamples, on_error="record")
    assert found.separated
    # the solver's steps are taken again with sums in another order, so the last digits may differ
    np.testing.assert_allclose(found.risk, loop[0].risk, rtol=0, atol=1e-9)
    assert one_class.risk is None
    assert one_class.failure == ONE_CLASS


SOLVERS = {
    "plain": LogisticRegression(C=np.inf, max_iter=1000),
    "short": LogisticRegression(C=np.inf, max_iter=100, tol=1e-12),
    "scaled": make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, max_iter=1000)),
    "centred": make_pipeline(StandardScaler(with_std=False), LogisticRegression(C=np.inf)),
    "spread": make_pipeline(StandardScaler(with_mean=False), LogisticRegression(C=np.inf)),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SOLVERS)
def test_separated_resamples_go_to_scikit_learn(name, weighted):
    rng = np.random.default_rng(0)
    X = rng.normal([0, 3, 0, 0], size=(40, 4))
    y = (X[:, 0] + 0.26 * rng.normal(size=40) > 0).astype(int)
    weight = rng.uniform(0.5, 2, size=40) if weighted else None
    resamples = bootstraps(40, 12)
    ours = batched_refit(SOLVERS[name], X, y, resamples, sample_weight=weight)
    loop = refit(SOLVERS[name], X, y, resamples, sample_weight=weight)
    apart = [one.separated for one in ours]
    assert apart == [one.separated for one in loop]
    assert 3 <= sum(apart) < 12
    for one, other in zip(ours, loop, strict=True):
        if one.separated:
            np.testing.assert_array_equal(one.risk, other.risk)
            assert one.converged == other.converged


def test_separated_single_precision_and_other_solvers_go_to_scikit_learn():
    X = np.arange(12, dtype=np.float32)[:, None]
    y = (X[:, 0] > 5).astype(int)
    resample = [Resample(np.arange(12), np.arange(12), 0, 0)]
    other = LogisticRegression(C=np.inf, solver="newton-cg")
    for model, table in ((SOLVERS["plain"], X), (other, X.astype(float))):
        ours, loop = (f(model, table, y, resample)[0] for f in (batched_refit, refit))
        assert ours.separated
        np.testing.assert_array_equal(ours.risk, loop.risk)


def test_separation_is_certified_complete_and_quasi():
    x = np.array([0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0])
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    noise = np.array([0.3, -1.0, 0.2, 0.5, -0.4, 1.0, 0.1, -0.7])
    X = np.column_stack([x, noise])
    complete = np.where(x == 3, 0, 1)
    overlapping = y[::-1] * 0 + np.array([0, 1, 0, 1, 0, 1, 0, 1])
    quasi = fit_batched(X[:, :1], y, np.array([np.ones(8, dtype=int), complete]))
    assert quasi.separated.tolist() == [True, True]
    assert not quasi.converged.any()
    fine = fit_batched(X, overlapping, np.ones((1, 8), dtype=int))
    assert fine.converged.all()
    assert not fine.separated.any()
    ridge = fit_batched(X[:, :1], y, np.array([complete]), C=1.0)
    assert ridge.converged.all()


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_column_without_spread_in_a_resample(data, shift):
    """Where it is 0 its coefficient is 0, as in the loop; elsewhere the loop has to say."""
    X, y = data
    table = np.column_stack([X[:, 0], (np.arange(len(y)) == 7) + shift]).astype(float)
    without = np.delete(np.arange(len(y)), 7)
    resample = [Resample(without, np.arange(len(y)), 0, 0)]
    fit = fit_batched(table, y, count_rows([without], len(y)))
    assert fit.converged[0] == (shift == 0)
    for model in (LogisticRegression(C=np.inf, tol=1e-10, max_iter=500), PROCEDURES["scaled"][0]):
        ours = batched_refit(model, table, y, resample)[0]
        np.testing.assert_allclose(ours.risk, refit(model, table, y, resample)[0].risk, atol=1e-6)


def test_an_absent_column_does_not_hide_separation():
    x, rare = np.arange(20.0), np.r_[np.zeros(19), 1]
    y = (x > 9).astype(int)
    counts = np.ones((1, 20), dtype=int)
    counts[0, 19] = 0
    assert fit_batched(np.column_stack([x, rare]), y, counts).separated[0]


@pytest.mark.parametrize("weight", [5, 100])
def test_resamples_far_from_all_rows_need_halved_steps(weight):
    """All rows are nearly separated, the resample is not: steps of the common matrix diverge."""
    x = np.linspace(-3, 3, 101)[:, None]
    y = (x[:, 0] > 0).astype(int)
    odd = [30, 45, 56, 70]
    y[odd] = 1 - y[odd]
    counts = np.ones((1, 101), dtype=int)
    counts[0, odd] = weight
    fit = fit_batched(x, y, counts)
    exact = LogisticRegression(C=np.inf, **EXACT).fit(x, y, sample_weight=counts[0])
    assert fit.converged[0]
    np.testing.assert_allclose(fit.coef[0, 1], exact.coef_[0, 0], rtol=1e-6)


def test_blocks_do_not_matter(data, monkeypatch):
    from healthml.validation._refits.batched import newton_sums as _irls_sums

    X, y = data
    counts = count_rows([r.train for r in bootstraps(len(y), 9)], len(y))
    whole = fit_batched(X, y, counts, C=0.1, scaled=True).coef
    monkeypatch.setattr(_irls_sums, "_FITS", 2)
    monkeypatch.setattr(_irls_sums, "_CELLS", 128)
    np.testing.assert_allclose(fit_batched(X, y, counts, C=0.1, scaled=True).coef, whole, rtol=1e-8)


def test_more_draws_than_a_small_integer_holds():
    counts = count_rows([np.zeros(300, dtype=int), np.array([1, 1])], 2)
    assert counts.tolist() == [[300, 0], [0, 2]]


def test_risks_at_the_ends_do_not_overflow():
    assert risks_of(np.array([[1e4], [-1e4]]), np.array([[0.0, 1.0]])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(class_weight="balanced"),
        LogisticRegression(solver="liblinear"),
        LogisticRegression(solver="saga"),
        LogisticRegression(fit_intercept=False),
        LogisticRegression(max_iter=5),
        LogisticRegression(tol=0.1),
        LogisticRegression(l1_ratio=0.5, solver="saga"),
        make_pipeline(MinMaxScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), StandardScaler(), LogisticRegression()),
        type("Mine", (LogisticRegression,), {})(),
        StandardScaler(),
        None,
    ],
)
def test_others_are_not_recognised(estimator):
    assert recognise(estimator) is None
    assert batched_refit(estimator, np.eye(2), np.array([0, 1]), []) is None


def test_a_softmax_over_two_classes_is_not_recognised():
    model = LogisticRegression()
    model.multi_class = "multinomial"
    assert recognise(model) is None


def test_every_way_to_say_no_penalty():
    assert np.isinf(recognise(LogisticRegression(C=np.inf)).C)
    assert np.isinf(recognise(LogisticRegression(penalty=None)).C)
    assert recognise(LogisticRegression(penalty="l2", C=3)).C == 3
    assert recognise(LogisticRegression(l1_ratio=None)).C == 1
    assert recognise(LogisticRegression(penalty="l1", solver="saga")) is None


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [0.0, 1, 2, 3], "b": list("abcd")}),
        np.array([[0.0], [1], [np.nan], [3]]),
        pd.DataFrame({"a": pd.array([1, 2, None, 4], dtype="Int64")}),
    ],
)
def test_tables_that_only_the_loop_can_judge(table):
    assert batched_refit(LogisticRegression(), table, np.array([0, 1, 0, 1]), []) is None


def test_routed_weights_in_a_pipeline_are_left_to_the_loop(data):
    X, y = data
    model = PROCEDURES["scaled"][0]
    with config_context(enable_metadata_routing=True):
        assert batched_refit(model, X, y, [], sample_weight=np.ones(len(y))) is None
        assert batched_refit(model, X, y, []) == []


def test_interruption_names_the_next_resample(data, monkeypatch):
    X, y = data

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fast, "fit_batched", interrupt)
    with pytest.raises(KeyboardInterrupt, match=r"resample 0 \(seed 0\)"):
        batched_refit(LogisticRegression(), X, y, bootstraps(len(y), 2))
