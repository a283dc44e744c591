"""Random-effects pooling: equal to R's metafor, and honest where it cannot say much."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from healthml.exceptions import InputError
from healthml.meta_analysis._poisson import pool_events
from healthml.meta_analysis._random_effects import random_effects
from healthml.meta_analysis._regression import meta_regression

REFERENCE = json.loads(
    (Path(__file__).parent.parent / "reference" / "meta_reference.json").read_text("utf-8")
)
STUDIES = REFERENCE["studies"]
FITS = [(s, key) for s in STUDIES for key in STUDIES[s] if key.split("_")[-1] in ("knha", "z")]
SAME_NAME = ("estimate", "lower", "upper", "p_value", "tau2", "se_tau2", "i2", "h2", "q", "q_p")
SAME_NAME += ("tau2_lower", "tau2_upper")


def pooled(data, key="REML_knha", **options):
    method, test = key.split("_")
    return random_effects(data["theta"], data["se"], method=method, test=test, **options)


def check(found, expected, atol):
    """Compare all numbers that R gave under the same names."""
    for name in set(SAME_NAME) & set(expected):
        value = getattr(found, name)
        np.testing.assert_allclose(value, expected[name], atol=atol, rtol=0, err_msg=name)
    np.testing.assert_allclose(found.standard_error, expected["se"], atol=atol)


@pytest.mark.parametrize(("studies", "key"), FITS)
def test_agrees_with_metafor(studies, key):
    expected = STUDIES[studies][key]
    for kind, name in (("t(k-2)", "prediction_t"), ("metafor", "prediction_metafor")):
        found = pooled(STUDIES[studies]["data"], key, prediction=kind, search="exact")
        check(found, expected, 1e-9)
        if name in expected:
            ends = [found.prediction_lower, found.prediction_upper]
            np.testing.assert_allclose(ends, expected[name], atol=1e-9)
            for column in ("blup", "blup_lower", "blup_upper"):
                own = found.table[column].dropna()
                np.testing.assert_allclose(own, expected[column], atol=1e-9)
        else:
            assert set(found.table["kind"]) == {"study", "pooled"}
            assert np.isnan([found.tau2, found.prediction_lower]).all()


def test_another_level():
    found = pooled(STUDIES["nine"]["data"], confidence_level=0.8)
    expected = STUDIES["nine"]["level_80"]
    check(found, {**expected, "se": found.standard_error}, 1e-9)


def q_at(data, tau2):
    """Return the weighted sum of squares around the weighted mean."""
    theta, variance = np.array(data["theta"]), np.array(data["se"]) ** 2
    used = np.isfinite(theta + variance)
    weight = 1 / (variance[used] + tau2)
    return weight @ (theta[used] - weight @ theta[used] / weight.sum()) ** 2


@pytest.mark.parametrize("measure", ["cstat", "oe"])
def test_the_euroscore_validations(shared, measure):
    reference = json.loads((shared / "reference/governance/meta_euroscore.json").read_text())
    data = {k: pd.to_numeric(pd.Series(reference[measure][k]), errors="coerce").to_numpy()
            for k in ("theta", "se")}  # fmt: skip
    expected = reference[measure]["fit"]
    scale = {"cstat": "logit", "oe": "log"}[measure]
    compare_shared(data, expected, scale)
    if measure == "cstat":
        for k in (3, 5):
            first = {name: values[:k] for name, values in data.items()}
            compare_shared(first, reference[f"cstat_first{k}"], scale)


def compare_shared(data, expected, scale):
    keys = [key for key in expected if isinstance(expected[key], dict) and key != "poisson_glmm"]
    assert len(keys) == 9
    for key in keys:
        want = expected[key]
        for kind, name in (("t(k-2)", "pi_t_kminus2"), ("metafor", "pi_metafor_default")):
            full = key if "_" in key else f"{key}_z"
            found = pooled(data, full, prediction=kind, scale=scale)
            assert found.n_studies == expected["k"]
            renamed = {"mu": "estimate", "pval": "p_value", "I2": "i2", "H2": "h2", "Q": "q"}
            values = {renamed.get(k, k): v for k, v in want.items()}
            values |= {"q_p": want["Q_p"], "lower": want["ci"][0], "upper": want["ci"][1]}
            check(found, values, 1e-6)
            back = found.get("pooled")
            assert back["estimate"] == pytest.approx(want["back_mu"], abs=1e-6)
            if "back_ci" in want:
                np.testing.assert_allclose(back[["lower", "upper"]], want["back_ci"], atol=1e-6)
            if name in want:
                ends = [found.prediction_lower, found.prediction_upper]
                np.testing.assert_allclose(ends, want[name], atol=1e-6)
                ends = found.get("prediction")[["lower", "upper"]]
                np.testing.assert_allclose(ends, want[f"back_{name}"], atol=1e-6)
    found = pooled(data)
    ends = np.array([found.tau2_lower, found.tau2_upper])
    # metafor's search for these ends stops within R's default tolerance of a root
    tolerance = np.finfo(float).eps ** 0.25
    np.testing.assert_allclose(ends, expected["tau2_ci_qprofile"], atol=tolerance)
    found = pooled(data, search="exact")
    ends = [found.tau2_lower, found.tau2_upper]
    wanted = chi2.isf([0.025, 0.975], found.q_df)
    for end, value in zip(ends, wanted, strict=True):
        assert abs(q_at(data, end) - value) < 1e-9 or (end == 0 and q_at(data, 0) < value)
    np.testing.assert_allclose(found.table["blup"].dropna(), expected["blup_REML_knha"], atol=1e-6)


def test_the_euroscore_regression(shared):
    folder = shared / "reference/governance"
    reference = json.loads((folder / "meta_euroscore.json").read_text())
    expected = reference["cstat_metareg_multicentre"]
    centres = pd.read_csv(folder / "data/euroscore.csv")["multicentre"]
    found = meta_regression(reference["cstat"]["theta"], reference["cstat"]["se"], centres)
    for column, name in (("estimate", "beta"), ("standard_error", "se"), ("p_value", "pval")):
        np.testing.assert_allclose(found.table[column], expected[name], atol=1e-6)
    assert found.tau2 == pytest.approx(expected["tau2"], abs=1e-6)
    assert found.r2 == expected["R2"]
    assert found.table["term"].tolist() == ["intercept", "multicentre"]


def test_the_euroscore_events_in_one_stage(shared):
    """The reference comes from lme4 at its default tolerance, which leaves 2e-5 in the estimate."""
    folder = shared / "reference/governance"
    expected = json.loads((folder / "meta_euroscore.json").read_text())["oe"]["poisson_glmm"]
    data = pd.read_csv(folder / "data/euroscore.csv")
    table = pool_events(data["n.events"], data["e.events"]).table
    np.testing.assert_allclose(table["estimate"], expected["est"], atol=3e-5)
    np.testing.assert_allclose(
        table.iloc[0][["lower", "upper"]].tolist(), expected["ci"], atol=3e-6
    )
    np.testing.assert_allclose(
        table.iloc[1][["lower", "upper"]].tolist(), expected["pi"], atol=3e-5
    )


@pytest.mark.parametrize("studies", ["nine", "forty"])
@pytest.mark.parametrize("key", ["REML_knha", "REML_z", "DL_knha", "DL_z"])
def test_regression_agrees_with_metafor(studies, key):
    data, expected = STUDIES[studies]["data"], STUDIES[studies]["regression"][key]
    method, test = key.split("_")
    X = np.column_stack([data["covariate"], data["second"]])
    found = meta_regression(data["theta"], data["se"], X, method=method, test=test)
    columns = {"estimate": "coef", "standard_error": "se"}
    for column in ("estimate", "standard_error", "lower", "upper", "p_value"):
        got, want = found.table[column], expected[columns.get(column, column)]
        np.testing.assert_allclose(got, want, atol=1e-9, err_msg=column)
    for name in ("tau2", "se_tau2", "r2", "i2", "q", "q_p"):
        assert getattr(found, name) == pytest.approx(expected[name], abs=1e-9), name


def test_regression_without_a_covariate_of_one_study():
    data = STUDIES["nine"]["data"]
    covariate = np.array(data["covariate"])
    covariate[4] = np.nan
    found = meta_regression(data["theta"], data["se"], covariate, names=list("abcdefghi"))
    assert (found.n_studies, found.left_out) == (8, ("e",))
    kept = np.arange(9) != 4
    alone = meta_regression(*(np.array(data[k])[kept] for k in ("theta", "se", "covariate")))
    pd.testing.assert_frame_equal(found.table, alone.table)


def test_regression_refuses_what_cannot_be_told():
    data = STUDIES["nine"]["data"]
    with pytest.raises(InputError, match="constant or combinations"):
        meta_regression(data["theta"], data["se"], np.ones(9))
    with pytest.raises(InputError, match="knows no differences"):
        meta_regression(data["theta"], data["se"], data["covariate"], method="FE")
    with pytest.raises(InputError, match="at least 4 are needed"):
        meta_regression(data["theta"][:3], data["se"][:3], data["covariate"][:3])
    with pytest.raises(InputError, match="must be numbers"):
        meta_regression(data["theta"], data["se"], list("abcdefghi"))
    with pytest.raises(InputError, match="2 rows for 9 studies"):
        meta_regression(data["theta"], data["se"], [1, 2])


def test_events_in_one_stage_agree_with_lme4():
    expected = REFERENCE["poisson"]
    found = pool_events(expected["observed"], expected["expected"])
    assert found.log_estimate == pytest.approx(expected["estimate"], abs=1e-7)
    assert found.tau2 == pytest.approx(expected["tau2"], abs=1e-7)
    assert found.standard_error == pytest.approx(expected["se"], abs=1e-6)
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-9)
    ends = np.log(found.table.loc[0, ["lower", "upper"]].to_numpy(dtype=float))
    # lme4 interpolates its profile
    np.testing.assert_allclose(ends, [expected["lower"], expected["upper"]], atol=1e-5)


def test_a_site_without_events_counts_in_one_stage():
    few = pool_events([12, 30, 25, 41], [10.2, 22.1, 30.3, 33.0])
    more = pool_events([12, 30, 0, 25, 41], [10.2, 22.1, 9.0, 30.3, 33.0])
    assert more.log_estimate < few.log_estimate - 0.1
    assert (few.note, more.note) == ("Only 4 sites.", "")
    with pytest.raises(InputError, match="no event at any site"):
        pool_events([0, 0, 0], [1, 2, 3])
    with pytest.raises(InputError, match="expected has 1 values that are not above 0"):
        pool_events([1, 2, 3], [1, 0, 3])
    with pytest.raises(InputError, match="not whole numbers"):
        pool_events([1, 2.5, 3], [1, 1, 3])
    with pytest.raises(InputError, match="at least 3"):
        pool_events([1, 2], [1, 2])


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 1.0)), min_size=3, max_size=8),
    st.sampled_from(["REML", "DL", "ML", "PM"]),
    st.floats(-2, 2),
)
@settings(max_examples=40)
def test_moving_all_studies_moves_the_mean_alone(studies, method, shift):
    theta, se = np.array(studies).T
    one, other = (random_effects(theta + s, se, method=method) for s in (0.0, shift))
    np.testing.assert_allclose(other.estimate - one.estimate, shift, atol=1e-6)
    np.testing.assert_allclose(other.tau2, one.tau2, atol=1e-6)
    assert theta.min() - 1e-9 <= one.estimate <= theta.max() + 1e-9
    assert one.prediction_lower <= one.lower <= one.upper <= one.prediction_upper


def test_the_higher_of_two_likelihood_maxima_is_found():
    """Two groups of studies far apart, one of them very precise: maxima at 0 and away from it."""
    theta = np.array([0.0, 0.01, -0.01, 2.0, 2.2])
    se = np.array([0.01, 0.01, 0.01, 0.9, 0.9])
    found = random_effects(theta, se)

    def likelihood(tau2):
        w = 1 / (se**2 + tau2)
        mean = w @ theta / w.sum()
        return np.log(w).sum() - np.log(w.sum()) - w @ (theta - mean) ** 2

    grid = np.r_[0, np.geomspace(1e-8, 100, 4000)]
    best = max(likelihood(tau2) for tau2 in grid)
    assert likelihood(found.tau2) >= best - 1e-9


def test_too_few_studies_are_refused_and_few_are_flagged():
    data = STUDIES["nine"]["data"]
    theta, se = np.array(data["theta"]), np.array(data["se"])
    with pytest.raises(InputError, match=r"Only 2 studies .* at least 3"):
        random_effects(theta[:2], se[:2])
    assert "Only 4 studies" in random_effects(theta[:4], se[:4]).note
    assert "Only" not in random_effects(theta[:5], se[:5]).note
    theta[3:] = np.nan
    assert "Only 3 studies" in random_effects(theta, se).note


def test_studies_without_an_estimate_are_listed_not_dropped():
    data = STUDIES["nine"]["data"]
    theta, se = np.array(data["theta"]), np.array(data["se"])
    theta[2], se[6] = np.inf, np.nan
    found = random_effects(theta, se, names=list("abcdefghi"))
    kept = np.isfinite(theta) & np.isfinite(se)
    alone = random_effects(theta[kept], se[kept])
    assert found.n_studies == 7
    assert found.estimate == alone.estimate
    left = found.table[found.table["kind"] == "left out"]
    assert left["study"].tolist() == ["c", "g"]
    assert (left["reason"] == "no finite estimate and standard error").all()
    assert "no finite estimate" in found.summary()
    weight = found.table.loc[found.table["kind"] == "study", "weight"]
    assert weight.sum() == pytest.approx(100)


def test_studies_that_agree_too_well_are_noted():
    found = random_effects([1.0, 1.01, 0.99, 1.0, 1.02], [0.3] * 5)
    assert "below the normal one" in found.note
    assert (
        found.standard_error
        < random_effects([1.0, 1.01, 0.99, 1.0, 1.02], [0.3] * 5, test="z").standard_error
    )
    assert random_effects([1.0, 3, 0.2, 1.0, 1.02], [0.3] * 5).note == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "EB"}, "method is 'EB'; choose one of 'REML'"),
        ({"test": "t"}, "test is 't'"),
        ({"prediction": "t"}, "prediction is 't'"),
        ({"scale": "probit"}, "scale is 'probit'"),
        ({"names": ["a"]}, "names 1; pass one of each"),
        (
            {"se": [0.1, 0.0, 0.1, 0.2]},
            "1 of 4 values that are not above 0, the first at position 1",
        ),
        ({"confidence_level": 95}, "confidence_level is 95"),
    ],
)
def test_mistakes_are_named(options, message):
    options = {"se": [0.1, 0.2, 0.1, 0.2], **options}
    with pytest.raises(InputError, match=message):
        random_effects([1.0, 1.1, 0.8, 0.7], **options)


def test_a_forest_plot_shows_every_line():
    data = STUDIES["nine"]["data"]
    theta = np.array(data["theta"])
    theta[1] = np.nan
    found = random_effects(theta, data["se"], scale="logit", names=list("abcdefghi"))
    ax = found.plot(label="AUC")
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [*"abcdefghi", "pooled", "a new study"]
    texts = [text.get_text() for text in ax.texts]
    assert "no finite estimate and standard error" in texts
    pooled_line = found.get("pooled")
    assert "{:.2f} ({:.2f} to {:.2f})".format(*pooled_line) in texts
    low, high = ax.get_xlim()
    assert low < found.get("prediction")["lower"] < found.get("prediction")["upper"] < high
    with pytest.raises(InputError, match="no line 'median'"):
        found.get("median")
    meta_regression(data["theta"], data["se"], data["covariate"]).plot()
    pool_events([5, 10, 8], [5, 9, 9]).plot()
