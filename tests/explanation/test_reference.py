"""Frozen problems with exact values (read where they lie), and what is known of shap's own."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier

from healthml.explanation import explain
from healthml.explanation._reading.forms import (
    Encoder,
    Form,
    Linear,
    Term,
    as_matrix,
    as_single,
    join_trees,
)

FOLDER = Path(os.environ.get("HEALTHML_SHARED", "../shared")) / "reference" / "explanation"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/spec.json"))
needs_reference = pytest.mark.skipif(not CASES, reason="the reference problems are not here")


def read_case(case):
    """Return the module that evaluates a frozen model, its spec, expectations and rows."""
    origin = importlib.util.spec_from_file_location("exact_shapley", FOLDER / "exact_shapley.py")
    module = importlib.util.module_from_spec(origin)
    origin.loader.exec_module(module)
    spec = json.loads((FOLDER / case / "spec.json").read_text())
    expected = json.loads((FOLDER / case / "expected.json").read_text())
    rows, background = (
        module.read(FOLDER / case / f"{name}.csv", spec) for name in ("rows", "background")
    )
    return module, spec, expected, rows, background


class Frozen:
    """A frozen model that says what it is made of, as a fitted classifier would."""

    classes_ = np.array([0, 1])

    def __init__(self, model):
        self.model = model

    def predict_proba(self, table):
        risk = self.model.proba(table)
        return np.column_stack([1 - risk, risk])

    def form(self):
        m = self.model.m
        if "coef" in m:
            part = Linear(np.array(m["coef"]))
            form = Form(m["intercept"], (Term(1.0, Encoder(as_matrix), part),))
        else:
            nodes = [{k: np.array(t[k]) for k in KEYS} for t in m["trees"]]
            part = join_trees(nodes)
            form = Form(m["init"], (Term(m["learning_rate"], Encoder(as_single), part),))
        return form.moved(*m.get("platt", (1.0, 0.0))).behind(self.model.encode)


KEYS = ("feature", "threshold", "left", "right", "value")


@needs_reference
@pytest.mark.parametrize(
    "read",
    [True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["read apart", "as a function"],
)
@pytest.mark.parametrize("scale", ["log_odds", "probability"])
@pytest.mark.parametrize("name", ["logistic", "boosted", "boosted_platt"])
@pytest.mark.parametrize("case", CASES)
def test_frozen_problems_agree_to_nine_digits(case, name, scale, read, monkeypatch):
    module, spec, expected, rows, background = read_case(case)
    model = module.SpecModel(spec, name)
    if read:
        from healthml.explanation._explain import model as reading

        monkeypatch.setattr(reading, "read_forms", lambda m, probe: {"log_odds": m.form()})
        found = explain(Frozen(model), rows, background=background, scale=scale)
        exact = "closed form" if name == "logistic" else "leaf by leaf"
        assert found.route == (exact if scale == "log_odds" else "all coalitions")
        status = found.table["status"].to_numpy().reshape(rows.shape)
        np.testing.assert_array_equal(status == "imputed", expected["imputed_cells"])
    else:
        f = model.log_odds if scale == "log_odds" else model.proba
        found = explain(f, rows, background=background)
    wanted = expected[name][scale]
    assert found.features == expected["columns"]
    np.testing.assert_allclose(found.values, wanted["shap_values"], atol=1e-9)
    np.testing.assert_allclose(found.base_values, wanted["base_value"], atol=1e-9)
    np.testing.assert_allclose(found.predictions, wanted["prediction"], atol=1e-9)


@pytest.fixture(scope="module")
def at_thresholds():
    """Return histogram boosting whose thresholds are data values, and rows that lie on them."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(X, y)
    return model, X.iloc[:60], X.iloc[100:140]


def test_rows_at_a_threshold_go_the_right_way(at_thresholds):
    """Thresholds in single precision would send rows at a threshold to the wrong child."""
    model, rows, background = at_thresholds
    found = explain(model, rows, background=background, random_state=0)
    total = found.base_values + found.values.sum(axis=1)
    assert found.route == "leaf by leaf"
    np.testing.assert_allclose(total, model.decision_function(rows), atol=1e-9)
    np.testing.assert_allclose(expit(total), model.predict_proba(rows)[:, 1], atol=1e-9)


@pytest.mark.slow
def test_shap_is_still_wrong_there(at_thresholds):
    """Shap 0.46 to 0.54 with scikit-learn 1.9 (its issue 5116); fails when that is mended."""
    shap = pytest.importorskip("shap")
    model, rows, background = at_thresholds
    explainer = shap.TreeExplainer(
        model, background, feature_perturbation="interventional", model_output="probability"
    )
    values = np.asarray(explainer.shap_values(rows))
    total = explainer.expected_value + values.sum(axis=1)
    gap = np.abs(total - model.predict_proba(rows)[:, 1])
    assert gap.max() > 1e-3, f"shap {shap.__version__} is right here: its explainer may be used"


@pytest.mark.slow
def test_shap_still_cuts_the_background():
    """Shap's explainers take 100 rows of any array in silence (its issue 3680)."""
    shap = pytest.importorskip("shap")
    assert shap.maskers.Independent(np.random.default_rng(0).normal(size=(300, 2))).shape[0] == 100
