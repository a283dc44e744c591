import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from healthml.exceptions import InputError
from healthml.imputation import ampute, little_mcar_test

NAMES = ["age", "ph", "bun"]
MAR = {"patterns": ["ph"], "mechanism": "mar"}


def table(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) @ np.linalg.cholesky(0.4 + 0.6 * np.eye(3)).T
    return pd.DataFrame(z * [10, 0.1, 8] + [60, 7.4, 20], columns=NAMES)


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
@pytest.mark.parametrize("kind", ["right", "left", "mid", "tail"])
def test_the_share_is_reached_on_average(mechanism, kind):
    X = table(1000)
    reached = [
        ampute(X, share=0.37, mechanism=mechanism, kind=kind, random_state=s)[1].any(axis=1).mean()
        for s in range(30)
    ]
    error = np.sqrt(0.37 * 0.63 / 30_000)
    assert abs(np.mean(reached) - 0.37) < 3.5 * error


def slopes(X, is_missing):
    """Return what a logistic regression learns about who lost a cell, per standard deviation."""
    z = (X - X.mean()) / X.std(ddof=0)
    return LogisticRegression(C=np.inf).fit(z, is_missing).coef_[0]


def test_each_mechanism_depends_on_what_it_says():
    X = table(40_000)
    found = {
        mechanism: slopes(
            X,
            ampute(
                X,
                share=0.4,
                mechanism=mechanism,
                patterns=[["ph"]],
                score_weights=None if mechanism != "mar" else [{"age": 1}],
                random_state=1,
            )[1][:, 1],
        )
        for mechanism in ("mcar", "mar", "mnar")
    }
    np.testing.assert_allclose(found["mcar"], [0, 0, 0], atol=0.05)
    np.testing.assert_allclose(found["mar"], [1, 0, 0], atol=0.05)
    np.testing.assert_allclose(found["mnar"], [0, 1, 0], atol=0.05)


def test_default_weights_of_mar_are_the_columns_left():
    X = table(40_000)
    _, mask = ampute(X, share=0.5, mechanism="mar", patterns=[["ph"]], random_state=2)
    spread = ((X["age"] - 60) / 10 + (X["bun"] - 20) / 8).std()
    np.testing.assert_allclose(slopes(X, mask[:, 1]), [1 / spread, 0, 1 / spread], atol=0.05)


def test_little_sees_mar_and_not_mcar():
    X = table(1500)
    p = {
        mechanism: [
            little_mcar_test(ampute(X, mechanism=mechanism, random_state=s)[0]).table["p_value"][0]
            for s in range(40)
        ]
        for mechanism in ("mcar", "mar")
    }
    assert np.mean(np.array(p["mcar"]) < 0.05) <= 0.15
    assert max(p["mar"]) < 0.001


@pytest.mark.parametrize(
    ("kind", "low", "middle", "high"),
    [("right", 0, 1, 2), ("left", 2, 1, 0), ("mid", 0, 2, 0), ("tail", 2, 0, 2)],
)
def test_kinds(kind, low, middle, high):
    X = table(20_000)
    _, mask = ampute(X, share=0.4, patterns=["ph"], mechanism="mnar", kind=kind, random_state=0)
    third = pd.qcut(X["ph"], [0, 0.2, 0.4, 0.6, 0.8, 1], labels=False)
    share = pd.Series(mask[:, 1]).groupby(third).mean()
    order = {(low, 0), (middle, 2), (high, 4)}
    ranked = [share[k] for _, k in sorted(order)]
    steps = [rank for rank, _ in sorted(order)]
    for i in range(2):
        if steps[i] < steps[i + 1]:
            assert ranked[i] + 0.1 < ranked[i + 1]
        else:
            assert abs(ranked[i] - ranked[i + 1]) < 0.06


def test_chances_are_those_of_mice():
    """The log odds move by one for a standard deviation of the score (Schouten 2018, eq. 3)."""
    X = table(100_000)
    _, mask = ampute(X, share=0.5, patterns=["ph"], mechanism="mnar", random_state=0)
    z = (X["ph"] - X["ph"].mean()) / X["ph"].std()
    for at in (-2, 0, 2):
        near = (z - at).abs() < 0.1
        assert mask[near, 1].mean() == pytest.approx(expit(at), abs=0.03)


def test_patterns_and_frequencies():
    X = table(20_000)
    amputed, mask = ampute(
        X,
        share=0.5,
        mechanism=["mcar", "mar"],
        kind=["right", "left"],
        patterns=[["ph", "bun"], ["age"]],
        frequencies=[3, 1],
        random_state=0,
    )
    assert (mask[:, 1] == mask[:, 2]).all()
    assert not (mask[:, 0] & mask[:, 1]).any()
    assert mask[:, 1].sum() / mask[:, 0].sum() == pytest.approx(3, rel=0.1)
    np.testing.assert_array_equal(amputed.isna(), mask)
    pd.testing.assert_frame_equal(amputed.where(~mask, X), X)
    assert X["ph"][mask[:, 0]].mean() < X["ph"].mean()


def test_a_seed_and_the_ends():
    X = table(200)
    a, b, c = (ampute(X, random_state=s)[1] for s in (1, 1, 2))
    assert (a == b).all()
    assert (a != c).any()
    assert not ampute(X, share=0, random_state=0)[1].any()
    assert ampute(X, share=1, random_state=0)[1].any(axis=1).all()


def test_kinds_of_table_and_dtypes():
    X = pd.DataFrame(
        {
            "whole": np.arange(40),
            "large": np.arange(40) + 2**60,
            "ok": np.arange(40) % 2 == 0,
            "text": pd.Series(["a", "b"] * 20, dtype="string"),
            "grade": pd.Categorical(["low", "high"] * 20, ["low", "high"], ordered=True),
            "day": pd.date_range("2020-01-01", periods=40, tz="UTC"),
        },
        index=np.arange(40) % 3,
    )
    before = X.copy()
    amputed, mask = ampute(X, share=1, random_state=0)
    pd.testing.assert_frame_equal(X, before)
    assert mask.any(axis=0).all()
    assert amputed.index.equals(X.index)
    assert amputed.dtypes.astype(str).tolist()[:3] == ["float64", "Int64", "boolean"]
    assert (amputed.dtypes[3:] == X.dtypes[3:]).all()
    np.testing.assert_array_equal(amputed.isna(), mask)
    kept = ~mask[:, 1]
    assert amputed["large"][kept].tolist() == X["large"][kept].tolist()

    other = pl.from_pandas(X)
    out, mask_of_polars = ampute(other, share=1, random_state=0)
    assert out.schema == other.schema
    assert (mask_of_polars == mask).all()
    assert [out[c].null_count() for c in out.columns] == mask.sum(axis=0).tolist()
    arrow, _ = ampute(pa.table({"a": [1, 2], "b": [3.0, 4.0]}), share=1, random_state=0)
    assert arrow.column("a").null_count + arrow.column("b").null_count == 2

    array, mask = ampute(np.arange(20).reshape(10, 2), random_state=0)
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(np.isnan(array), mask)


def test_gaps_that_were_there_are_not_counted():
    X = table(300)
    X.loc[:99, "ph"] = np.nan
    amputed, mask = ampute(X, share=1, patterns=["ph"], random_state=0)
    assert amputed["ph"].isna().all()
    assert mask[:, 1].sum() == 200


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"share": 1.2}, "share=1.2 is outside 0 to 1"),
        ({"share": "half"}, "is no number"),
        ({"mechanism": "nmar"}, "mechanism='nmar' is unknown"),
        ({"kind": "up"}, "kind='up' is unknown"),
        ({"mechanism": ["mar"]}, "mechanism has 1 entries for 4 patterns"),
        ({"patterns": []}, "patterns is empty"),
        ({"patterns": [[]]}, "pattern 0 names no column"),
        ({"patterns": ["crp"]}, "pattern 0 names the column 'crp'"),
        ({"patterns": [NAMES], "mechanism": "mar"}, "a pattern leaves none"),
        ({"patterns": ["sex"], "mechanism": "mnar"}, "a pattern hides none"),
        (MAR | {"score_weights": [{"ph": 1}]}, 'that is "mnar"'),
        (MAR | {"score_weights": [{"sex": 1}]}, "cells of text"),
        (MAR | {"score_weights": [{"crp": 1}]}, "'crp', which X does not have"),
        (MAR | {"score_weights": {"age": 1}}, "list of one mapping"),
        (
            MAR | {"score_weights": [{"age": 1}], "mechanism": "mcar"},
            "depends on nothing",
        ),
        ({"patterns": ["ph"], "frequencies": [-1]}, "frequencies must be 1 numbers"),
    ],
)
def test_errors(params, message):
    X = table(20).assign(sex="f")
    with pytest.raises(InputError, match=message):
        ampute(X, **params)
