"""How far a row is from the training rows: cells beyond them, unlikely wholes, gaps."""

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from healthml.exceptions import DataQualityWarning, InputError
from healthml.explanation import AbstainingClassifier, ApplicabilityDomain, explain


def training(n=500, seed=0):
    rng = np.random.default_rng(seed)
    height = rng.normal(170, 10, n)
    X = pd.DataFrame(
        {
            "height": height,
            "weight": 0.9 * (height - 100) + rng.normal(0, 4, n),
            "ward": rng.choice(["a", "b"], n),
            "crp": rng.lognormal(1, 1, n),
        }
    )
    X.loc[::10, "crp"] = np.nan
    return X


X = training()
NEAR = {"height": [170.0], "weight": [63.0], "ward": ["a"], "crp": [3.0]}


def row(**cells):
    return pd.DataFrame(NEAR | {name: [value] for name, value in cells.items()})


@pytest.fixture(scope="module")
def domain():
    return ApplicabilityDomain(limit=0.01).fit(X)


@pytest.mark.parametrize(
    ("cells", "beyond"),
    [
        ({}, ()),
        ({"height": 250.0}, ("height",)),
        ({"ward": "c"}, ("ward",)),
        ({"ward": None}, ("ward",)),  # no training row has this gap
        ({"crp": np.nan}, ()),
        ({"height": np.nan}, ("height",)),
    ],
)
def test_a_cell_beyond_the_training_rows_is_named(domain, cells, beyond):
    table = domain.assess(row(**cells)).table
    assert table["beyond"][0] == beyond
    assert table["outside"][0] == bool(beyond)


def test_cells_that_are_likely_alone_can_be_unlikely_together(domain):
    tall_and_light = row(height=190.0, weight=45.0)
    table = domain.assess(tall_and_light).table
    assert table["n_beyond"][0] == 0
    assert table["distance"][0] > 1
    assert table["share_further"][0] < 0.01


def test_new_rows_of_the_same_kind_are_outside_about_as_often_as_asked(domain):
    fresh = training(4000, seed=1)
    table = domain.assess(fresh).table
    far = (table["distance"] > 1).mean()
    assert 0.003 < far < 0.03


def test_a_gap_brings_a_row_neither_nearer_nor_further():
    """Distances of rows with gaps are spread as those without, and no filled-in value is read."""
    rng = np.random.default_rng(2)
    full = pd.DataFrame(rng.normal(size=(2000, 6)), columns=list("abcdef"))
    domain = ApplicabilityDomain(limit=0.05).fit(full)
    gaps = full.mask(pd.DataFrame(rng.random(full.shape) < 0.3, columns=full.columns))
    gaps = ApplicabilityDomain(limit=0.05).fit(full.mask(full.abs() > 99))._distance(gaps)
    whole = domain._distance(full)
    assert np.mean(gaps**2) == pytest.approx(np.mean(whole**2), rel=0.05)


def test_rows_are_flagged_warned_of_refused_or_emptied():
    far = pd.concat([row(), row(height=250.0)], ignore_index=True)
    flag = ApplicabilityDomain("flag").fit(X)
    pd.testing.assert_frame_equal(flag.transform(far), far)
    assert flag.assessment_.table["outside"].tolist() == [False, True]
    with pytest.warns(DataQualityWarning, match="1 of 2 rows .* position 1; beyond .* height"):
        ApplicabilityDomain("warn").fit(X).transform(far)
    with pytest.raises(InputError, match="1 of 2 rows") as error:
        ApplicabilityDomain("refuse").fit(X).transform(far)
    assert "250" not in str(error.value)
    with pytest.warns(DataQualityWarning, match="cells were emptied"):
        emptied = ApplicabilityDomain("abstain").fit(X).transform(far)
    assert emptied.iloc[1].isna().all()
    assert emptied.iloc[0].notna().all()


def test_training_rows_pass_a_pipeline_and_one_row_is_judged_as_in_a_batch():
    numbers = X[["height", "weight", "crp"]]
    y = (numbers["weight"] > 62).astype(int)
    model = make_pipeline(
        ApplicabilityDomain("abstain", limit=0.05), SimpleImputer(), LogisticRegression()
    ).fit(numbers, y)
    far = numbers.iloc[:3].assign(height=[400.0, 170.0, 171.0])
    with pytest.warns(DataQualityWarning, match="cells were emptied"):
        risk = model.predict_proba(far)[:, 1]
    nothing = model[1:].predict_proba(pd.DataFrame(np.nan, range(1), numbers.columns))[0, 1]
    assert risk[0] == pytest.approx(nothing)
    with pytest.warns(DataQualityWarning):
        alone = [model.predict_proba(far.iloc[[k]])[0, 1] for k in range(3)]
    np.testing.assert_allclose(alone, risk)


def test_parameters_and_results():
    with pytest.raises(InputError, match="action is 'drop'"):
        ApplicabilityDomain("drop").fit(X)
    with pytest.raises(InputError, match="limit is a share"):
        ApplicabilityDomain(limit=1.0).fit(X)
    wide = ApplicabilityDomain(limit=0, margin=0.5).fit(X)
    found = wide.assess(row(height=205.0))
    assert not found.table["outside"][0]
    far = repr(wide.assess(pd.concat([row(height=400.0)] * 3 + [row()] * 20)))
    assert "<11 of 23 rows are outside the training rows" in far
    import matplotlib.pyplot as plt

    assert "distance" in found.plot().get_ylabel()
    plt.close("all")


def test_a_row_outside_has_no_risk_and_a_reason():
    numbers = X[["height", "weight", "crp"]]
    y = np.where(numbers["weight"] > 62, "heavy", "light")
    inner = make_pipeline(SimpleImputer(), LogisticRegression())
    model = AbstainingClassifier(inner).fit(numbers, y)
    assert not np.isnan(model.predict_proba(numbers)).any()
    new = numbers.iloc[:3].assign(height=[400.0, 170.0, 171.0])
    risk = model.predict_proba(new)
    assert np.isnan(risk).all(axis=1).tolist() == [True, False, False]
    np.testing.assert_array_equal(risk[1:], model.estimator_.predict_proba(new)[1:])
    assert model.assess(new).table["reason"].tolist() == [
        "beyond the training rows: height",
        "",
        "",
    ]
    assert model.predict(new.iloc[1:]).tolist() == inner.fit(numbers, y).predict(new[1:]).tolist()
    with pytest.raises(InputError, match=r"1 of 3 rows are unlike .* position 0") as error:
        model.predict(new)
    assert "400" not in str(error.value)


def test_what_abstains_is_explained_by_the_model_inside():
    numbers, y = X[["height", "weight"]], (X["weight"] > 62).astype(int)
    domain = ApplicabilityDomain(limit=0.1)
    model = AbstainingClassifier(LogisticRegression(), domain=domain).fit(numbers, y)
    found, plain = (
        explain(m, numbers[:5], background=numbers, random_state=0)
        for m in (model, model.estimator_)
    )
    assert found.route == "closed form"
    np.testing.assert_array_equal(found.values, plain.values)
    far = numbers.iloc[:50].assign(height=lambda t: t["height"] + 15)
    assert "far from the training rows as a whole" in set(model.assess(far).table["reason"])


def test_a_domain_is_wanted():
    with pytest.raises(InputError, match="domain is a SimpleImputer"):
        AbstainingClassifier(LogisticRegression(), domain=SimpleImputer()).fit(
            X[["height"]], [0, 1]
        )


def test_typed_results_and_dates_have_a_range_not_levels():
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame(
        {
            "troponin": [f"{v:.3f}" if v > 0.1 else "<0.1" for v in rng.uniform(0, 2, n)],
            "admitted": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.choice(900, n), "D"),
            "ward": rng.choice(["a", "b"], n),
        }
    )
    domain = ApplicabilityDomain(limit=0).fit(X)
    unseen = pd.Timestamp("2020-01-01") + pd.Timedelta(days=450, hours=7)
    new = pd.DataFrame(
        {
            "troponin": ["0.77777", "<0.1", "80", "1.1", "1.2"],
            "admitted": [unseen, unseen, unseen, pd.Timestamp("2031-01-01"), unseen],
            "ward": ["a", "b", "a", "b", "c"],
        }
    )
    table = domain.assess(new).table
    beyond = [(), (), ("troponin",), ("admitted",), ("ward",)]
    assert table["beyond"].tolist() == beyond
    assert domain.transform(new)["troponin"].tolist() == new["troponin"].tolist()
