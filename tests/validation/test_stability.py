"""Instability of risks: equal to R, whole patients, counted failures, pictures."""

import gzip
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from healthml.exceptions import DegenerateResampleWarning, InputError
from healthml.validation._stability.instability import prediction_instability

PLAIN = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-10)


@pytest.fixture(scope="module")
def r():
    path = Path(__file__).parent.parent / "reference" / "stability_reference.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(r):
    return np.array(r["rows"]["x"]), np.array(r["rows"]["y"])


@pytest.fixture(scope="module")
def result(r, rows):
    resamples = [np.array(one) for one in r["resamples"]]
    return prediction_instability(PLAIN, *rows, resamples=resamples, thresholds=[0.2, 0.5])


def test_ranges_and_instability_agree_with_r(r, result):
    table = result.to_frame()
    for name in ("risk", "lower", "upper", "instability"):
        np.testing.assert_allclose(table[name], r[name], atol=1e-6)
    first = result.overall.iloc[0]
    np.testing.assert_allclose(
        first[["estimate", "highest"]].astype(float), [r["mean"], r["highest"]]
    )


@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_classes_agree_with_r(r, result, threshold):
    expected = r["classification"][f"{threshold:g}"]
    found = result.classification(threshold)["estimate"]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    row = result.overall.set_index("measure").loc[f"classification_instability@{threshold:g}"]
    np.testing.assert_allclose(
        row[["estimate", "highest"]].astype(float), [found.mean(), found.max()]
    )


@pytest.mark.parametrize(("model", "name"), [("model", "all rows"), ("first", "0")])
def test_curves_agree_with_r(r, result, model, name):
    curve = result.calibration_curves(n_points=7)
    curve = curve[curve["model"] == name]
    np.testing.assert_allclose(curve["risk"], r["calibration"][model]["at"], atol=1e-6)
    np.testing.assert_allclose(curve["estimate"], r["calibration"][model]["height"], atol=1e-5)
    decision = result.decision_curves(thresholds=r["net_benefit"]["thresholds"])
    decision = decision[decision["model"] == name]
    np.testing.assert_allclose(decision["estimate"], r["net_benefit"][model], atol=1e-12)


def test_treating_all_is_among_the_decision_curves(rows, result):
    curve = result.decision_curves(thresholds=[0.2])
    everybody = curve.loc[curve["model"] == "treat all", "estimate"].item()
    share = rows[1].mean()
    assert everybody == pytest.approx(share - (1 - share) * 0.25)
    assert len(curve) == 40 + 2


def test_pima_agrees_with_r(shared):
    folder = shared / "reference" / "validation" / "pima"
    table = pd.read_csv(folder / "dev.csv")
    with gzip.open(folder / "boot_indices.csv.gz", "rt") as lines:
        resamples = [np.array(line.split(","), dtype=int) for line in lines]
    expected = json.loads((folder / "expected.json").read_text())
    expected = expected["bootstrap_optimism"]["instability"]
    X, y = table.drop(columns="diabetes"), table["diabetes"]
    found = prediction_instability(PLAIN, X, y, resamples=resamples, thresholds=0.2).overall
    values = found["estimate"].iloc[0], found["highest"].iloc[0], found["estimate"].iloc[1]
    for value, name in zip(values, ("mape", "mape_max", "cii_0.2"), strict=True):
        assert value == pytest.approx(expected[name]["value"], abs=expected[name]["tol"])


def test_weights_reach_fits_and_means(r, rows):
    X, y = rows
    weight = np.array(r["rows"]["weight"], dtype=float)
    resamples = [np.array(one) for one in r["resamples"][:5]]
    table = prediction_instability(PLAIN, X, y, resamples=resamples, sample_weight=weight)
    fits = [
        PLAIN.fit(X[i], y[i], sample_weight=weight[i]).predict_proba(X)[:, 1] for i in resamples
    ]
    whole = PLAIN.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
    moved = np.abs(np.array(fits) - whole).mean(axis=0)
    np.testing.assert_allclose(table.to_frame()["instability"], moved, atol=1e-6)
    mean = table.overall["estimate"].iloc[0]
    assert mean == pytest.approx(np.average(moved, weights=weight), abs=1e-5)


def test_whole_patients_are_drawn(visits, remembers):
    X, y, groups = visits
    X = X.copy()
    X[:, 0] = groups
    prediction_instability(remembers, X, y, groups=groups, n_resamples=8, random_state=0)
    size = np.bincount(groups)
    for seen in remembers.fits[1:]:
        drawn = np.bincount(seen.astype(int), minlength=len(size))
        assert np.all(drawn % size == 0)
        assert drawn.max() > size.max()


def test_a_model_that_ignores_the_sample_is_stable(rows):
    result = prediction_instability(
        DummyClassifier(strategy="uniform", random_state=0), *rows, n_resamples=5, random_state=0
    )
    assert result.overall["estimate"].iloc[0] == 0
    assert (result.to_frame()["lower"] == result.to_frame()["upper"]).all()


def test_jobs_do_not_change_the_answer(rows):
    model = DecisionTreeClassifier(max_features=1)
    options = {"n_resamples": 6, "random_state": 3}
    one = prediction_instability(model, *rows, **options).to_frame()
    with joblib.parallel_config(backend="threading"):
        two = prediction_instability(model, *rows, n_jobs=2, **options).to_frame()
    pd.testing.assert_frame_equal(one, two)
    assert one["instability"].max() > 0


def test_failed_resamples_are_counted(rows):
    X, y = rows
    good = np.arange(len(y))
    with pytest.warns(DegenerateResampleWarning, match="1 of 2 resamples gave no model"):
        result = prediction_instability(PLAIN, X, y, resamples=[good, np.flatnonzero(y == 0)])
    counts = result.overall.iloc[0][["resamples_asked", "resamples_used", "resamples_failed"]]
    assert counts.tolist() == [2, 1, 1]
    assert result.to_frame()["instability"].max() < 1e-7
    assert "one class among the training rows" in result.summary()


def test_no_model_at_all_is_refused(rows):
    X, y = rows
    with pytest.raises(InputError, match="None of 1 resamples"):
        prediction_instability(PLAIN, X, y, resamples=[np.flatnonzero(y == 0)])


@pytest.mark.parametrize(
    "kind", ["risk", "instability", "classification", "calibration", "net_benefit"]
)
def test_pictures_show_their_numbers(result, kind):
    ax = result.plot(kind=kind)
    assert ax.get_xlabel()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    wanted = {"instability": "mean 0.063", "classification": "threshold 0.2"}
    assert wanted.get(kind, labels[0]) in labels
    if kind in ("calibration", "net_benefit"):
        assert len(ax.lines) >= 40 + 2


def test_a_picture_of_classes_needs_a_threshold(rows):
    result = prediction_instability(PLAIN, *rows, n_resamples=2, random_state=0)
    with pytest.raises(InputError, match="needs a threshold"):
        result.plot(kind="classification")
    with pytest.raises(InputError, match="kind is 'pie'"):
        result.plot(kind="pie")
    assert result.plot(kind="classification", threshold=0.3).get_ylim() == (0, 1)


def test_a_notebook_shows_the_means_and_no_row(result):
    shown = result._repr_html_()
    assert "highest" in shown
    assert shown.count("<tr") <= len(result.overall) + 1


def test_summary_and_json_hold_no_single_model(result):
    assert "mean absolute prediction error over bootstrap models" in result.summary()
    parsed = json.loads(result.to_json())
    assert parsed["models"] is None
    assert len(parsed["table"]) == 160
