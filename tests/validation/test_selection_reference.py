"""A procedure that selects columns, refitted whole, against R's `step` on the same resamples."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from healthml._core._numerics import expit, fit_logistic
from healthml.validation import validate

# R 4.2: tests/reference/selection_reference.R
R = json.loads((Path(__file__).parent.parent / "reference/selection_reference.json").read_text())
X, Y = np.array(R["rows"]["x"]), np.array(R["rows"]["y"])
DRAWS = [np.array(rows) for rows in R["draws"]]
KEPT = [int(name[1:]) - 1 for name in R["kept"]]


class Backward(ClassifierMixin, BaseEstimator):
    """Logistic regression after backward elimination by AIC, column by column."""

    def __init__(self, columns=None):
        self.columns = columns

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        kept = list(range(X.shape[1])) if self.columns is None else list(self.columns)
        best = self._aic(X, y, kept)
        while self.columns is None and kept:
            lowest, drop = min((self._aic(X, y, [j for j in kept if j != k]), k) for k in kept)
            if lowest >= best:
                break
            best = lowest
            kept.remove(drop)
        self.kept_, self.coef_ = kept, fit_logistic(X[:, kept], y).coef
        return self

    @staticmethod
    def _aic(X, y, kept):
        fit = fit_logistic(X[:, kept] if kept else None, y)
        return 2 * (len(kept) + 1) - 2 * fit.log_likelihood

    def predict_proba(self, X):
        risk = expit(self.coef_[0] + X[:, self.kept_] @ self.coef_[1:])
        return np.column_stack([1 - risk, risk])


@pytest.mark.parametrize(("columns", "key"), [(None, "inside"), (KEPT, "outside")])
def test_optimism_with_selection_inside_and_outside_agrees_with_r(columns, key):
    names = list(R[key]["corrected"])
    result = validate(
        Backward(columns), X, Y, method="optimism", resamples=DRAWS, measures=names, random_state=0
    )
    for name in names:
        row = result.get(name)
        assert row["corrected"] == pytest.approx(R[key]["corrected"][name], abs=1e-6)
        assert row["apparent"] == pytest.approx(R[key]["apparent"][name], abs=1e-6)


def test_selection_outside_the_resamples_flatters():
    inside, outside = R["inside"]["corrected"], R["outside"]["corrected"]
    assert inside["auroc"] < outside["auroc"]
    assert inside["calibration_slope"] < outside["calibration_slope"]
