"""`validate` against R: rms, and the definitions written out, with the same resamples."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from healthml._core._numerics import expit, fit_logistic
from healthml.validation._validate.validate import validate

# R 4.2, rms, pROC: tests/reference/validation_reference.R
R = json.loads((Path(__file__).parent.parent / "reference/validation_reference.json").read_text())
X, Y = np.array(R["rows"]["x"]), np.array(R["rows"]["y"])
PATIENT, WEIGHT = np.array(R["rows"]["patient"]), np.array(R["rows"]["weight"])
DRAWS, CLUSTERS = ([np.array(rows) for rows in R[key]] for key in ("draws", "clusters"))
MODEL = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
NAMES = list(R["by_row"]["apparent"])
METHODS = {"optimism": "corrected", "oob": "oob", "632": "e632", "632+": "e632plus"}


def column(result, name="corrected"):
    return result.table.set_index("measure")[name].to_dict()


def expect(got, wanted, tolerance=1e-6):
    assert {name: got[name] for name in wanted} == pytest.approx(wanted, abs=tolerance)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", ["by_row", "by_patient", "weighted"])
def test_bootstrap_is_as_defined(method, case):
    options = {
        "by_row": {"resamples": DRAWS},
        "by_patient": {"resamples": CLUSTERS, "groups": PATIENT},
        "weighted": {"resamples": DRAWS, "sample_weight": WEIGHT},
    }[case]
    result = validate(MODEL, X, Y, method=method, measures=NAMES, random_state=0, **options)
    expected = R[case][METHODS[method]]
    expected = {n: v for n, v in expected.items() if n != "nagelkerke_r2_recalibrated"}
    if method.startswith("632") and case == "weighted":  # R's all-pairs value is not weighted
        expected = {} if method == "632+" else expected
    expect(column(result), expected)
    expect(column(result, "apparent"), R[case]["apparent"])
    if method.startswith("632") and case != "weighted":
        none = result.details.set_index("measure")["no_information"]
        expect(none, R[case]["none"])


def test_measures_without_an_apparent_share_are_out_of_bag():
    result = validate(MODEL, X, Y, method="632+", resamples=DRAWS, random_state=0)
    row = result.get("calibration_slope")
    assert row["corrected"] == pytest.approx(R["by_row"]["oob"]["calibration_slope"], abs=1e-6)
    assert (row["method"], result.get("auroc")["method"]) == ("oob", ".632+")
    said = " ".join(result.remarks)
    assert "out-of-bag values, because .632 mixes in the apparent value" in said
    assert "calibration_slope" in said.split("out-of-bag values")[0]


def test_location_shifted_intervals():
    kind = {"method": "optimism", "ci": "location-shifted"}
    result = validate(MODEL, X, Y, resamples=DRAWS, measures=NAMES, random_state=0, **kind)
    names = ["auroc", "brier", "log_loss", "scaled_brier", "net_benefit@0.3"]
    for end in ("lower", "upper"):
        expect(column(result, end), {name: R["by_row"][end][name] for name in names})


def test_rms_validate_and_calibrate():
    names = {
        "Dxy": "dxy",
        "R2": "nagelkerke_r2_recalibrated",
        "Intercept": "calibration_intercept",
        "Slope": "calibration_slope",
        "Emax": "emax_logistic",
        "B": "brier",
    }
    metrics = list(names.values())
    options = {"method": "optimism", "resamples": DRAWS, "measures": metrics, "random_state": 0}
    result = validate(MODEL, X, Y, **options)
    expect(column(result), {names[k]: v for k, v in R["rms"]["validate"].items()}, 2e-6)
    curve, expected = result.calibration_curve().table, R["rms"]["calibrate"]
    for name in ("apparent", "corrected"):
        own = curve[curve["curve"] == name]
        np.testing.assert_allclose(own["risk"], expected["risk"], atol=1e-6)
        np.testing.assert_allclose(own["estimate"], expected[name], atol=1e-5)


def pairs_of(folds):
    return [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for fold in folds for k in range(5)
    ]


def test_cross_validation_within_and_over_folds():
    pairs, expected = pairs_of(np.array(R["folds"])), R["cv"]
    options = {"groups": PATIENT, "measures": NAMES, "random_state": 0}
    result = validate(MODEL, X, Y, method="repeated_cv", cv=pairs, ci="nadeau-bengio", **options)
    expect(column(result), expected["within"])
    calibration = [name for name in NAMES if name not in expected["within"]]
    expect(column(result), {name: expected["pooled"][name] for name in calibration})
    expect(result.details.set_index("measure")["pooled"], expected["pooled"])
    row = result.get("auroc")
    assert row["se"] == pytest.approx(expected["nadeau_bengio"], abs=1e-8)
    assert [row["lower"], row["upper"]] == pytest.approx(expected["nadeau_bengio_ends"], abs=1e-7)
    once = validate(MODEL, X, Y, method="cv", cv=pairs[:5], ci="cvauc", **options)
    row = once.get("auroc")
    assert row["corrected"] == pytest.approx(expected["cvauc"], abs=1e-8)
    assert row["se"] == pytest.approx(expected["cvauc_se"], abs=1e-8)


def test_later_rows_of_all_and_of_new_patients():
    result = validate(
        MODEL, X, Y, method="temporal", time=R["rows"]["time"], groups=PATIENT, measures=NAMES
    )
    everyone, new = (table for _, table in result.table.groupby("estimand", sort=False))
    for table, key in ((everyone, "all"), (new, "new")):
        expect(table.set_index("measure")["corrected"], R["temporal"][key])
        expect(table.set_index("measure")["apparent"], R["temporal"]["apparent"])
    assert [everyone["n_samples"].iloc[0], new["n_samples"].iloc[0]] == R["temporal"]["n"]
    assert "for new patients at a later time" in new["estimand"].iloc[0]
    assert "for new and returning patients" in everyone["estimand"].iloc[0]


SHARED = {
    "auc": "auroc",
    "dxy": "dxy",
    "brier": "brier",
    "brier_scaled": "scaled_brier",
    "log_loss": "log_loss",
    "cal_intercept": "calibration_intercept",
    "cal_slope": "calibration_slope",
    "citl": "calibration_in_the_large",
    "oe": "oe_ratio",
    "r2_nagelkerke": "nagelkerke_r2_recalibrated",
}


class Backward(ClassifierMixin, BaseEstimator):
    """Logistic regression after backward elimination by AIC, column by column."""

    def fit(self, X, y):
        X, kept = np.asarray(X, dtype=float), list(range(np.shape(X)[1]))
        best = self._aic(X, y, kept)
        while kept:
            found = min((self._aic(X, y, [j for j in kept if j != drop]), drop) for drop in kept)
            if found[0] >= best:
                break
            best = found[0]
            kept.remove(found[1])
        self.kept_, self.coef_ = kept, fit_logistic(X[:, kept], y).coef
        self.classes_ = np.array([0, 1])
        return self

    @staticmethod
    def _aic(X, y, kept):
        fit = fit_logistic(X[:, kept] if kept else None, y)
        return 2 * (len(kept) + 1) - 2 * fit.log_likelihood

    def predict_proba(self, X):
        risk = expit(self.coef_[0] + np.asarray(X, float)[:, self.kept_] @ self.coef_[1:])
        return np.column_stack([1 - risk, risk])


def real(shared, name, outcome, table):
    folder = shared / "reference/validation" / name
    if not folder.is_dir():
        pytest.skip("the reference tables are absent")
    rows = pd.read_csv(folder / table)
    with gzip.open(folder / "boot_indices.csv.gz", "rt") as lines:
        draws = [np.array(line.split(","), dtype=int) for line in lines]
    expected = json.loads((folder / "expected.json").read_text())
    return rows.drop(columns=outcome), rows[outcome].to_numpy(), draws, expected, folder


def compare(estimator, X, y, draws, expected, methods=METHODS):
    """Check every value of a block of the reference within its own tolerance."""
    asked = {"optimism": ("corrected", "apparent"), "oob": ("oob_mean",)}
    asked |= {"632": ("e632",), "632+": ("e632plus",)}
    for method in methods:
        keys = asked[method]
        ci = "location-shifted" if method == "optimism" else "none"
        known = {"resamples": draws, "measures": list(SHARED.values()), "random_state": 0}
        result = validate(estimator, X, y, method=method, ci=ci, **known)
        for short, name in SHARED.items():
            row = result.get(name)
            for key in keys:
                if key in expected[short]:
                    got = row["apparent" if key == "apparent" else "corrected"]
                    check(got, expected[short][key])
            if method == "optimism" and "ci_location_shifted" in expected[short]:
                check([row["lower"], row["upper"]], expected[short]["ci_location_shifted"])


def check(got, wanted):
    np.testing.assert_allclose(got, wanted["value"], rtol=0, atol=wanted["tol"])


def test_pima(shared):
    X, y, draws, expected, folder = real(shared, "pima", "diabetes", "dev.csv")
    scaled = (X - X.mean()) / X.std()
    compare(MODEL, scaled, y, draws, expected["bootstrap_optimism"])
    known = {"resamples": draws, "random_state": 0, "measures": ["calibration_slope", "brier"]}
    result = validate(MODEL, scaled, y, method="optimism", **known)
    curve, r = result.calibration_curve().table, pd.read_csv(folder / "rms_calibrate_B500.csv")
    for name, key in (("apparent", "calibrated.orig"), ("corrected", "calibrated.corrected")):
        np.testing.assert_allclose(curve.loc[curve["curve"] == name, "estimate"], r[key], atol=1e-5)


def test_pima_with_own_resamples(shared):
    X, y, _, expected, _ = real(shared, "pima", "diabetes", "dev.csv")
    known = {"measures": ["dxy", "calibration_slope", "brier"], "ci": "none", "random_state": 5}
    result = validate(MODEL, (X - X.mean()) / X.std(), y, method="optimism", **known)
    for key, name in (("dxy", "dxy"), ("slope", "calibration_slope"), ("brier", "brier")):
        wanted = expected["unpinned"][f"{key}_corrected"]
        assert abs(result.get(name)["corrected"] - wanted["value"]) < wanted["tol"]
        spread = 3 * np.sqrt(2) * wanted["mcse"]
        assert abs(result.get(name)["corrected"] - wanted["value"]) < spread
        assert result.get(name)["mcse"] == pytest.approx(wanted["mcse"], rel=0.15)


def test_pima_cross_validation(shared):
    X, y, _, expected, folder = real(shared, "pima", "diabetes", "dev.csv")
    fold, e = pd.read_csv(folder / "cv_folds_10x10.csv").to_numpy(), expected["repeated_cv"]
    pairs = [(np.flatnonzero(f != k), np.flatnonzero(f == k)) for f in fold.T for k in range(10)]
    scaled = (X - X.mean()) / X.std()
    known = {"method": "repeated_cv", "random_state": 0}
    result = validate(MODEL, scaled, y, cv=pairs, ci="nadeau-bengio", **known)
    row = result.get("auroc")
    check(row["corrected"], e["auc_mean_of_folds"])
    check(result.details.set_index("measure").loc["auroc", "pooled"], e["auc_pooled_mean"])
    check(result.get("brier")["corrected"], e["brier_mean"])
    check(result.get("calibration_slope")["corrected"], e["pooled_cal_slope_mean"])
    check(row["se"], e["nadeau_bengio_se"])
    check([row["lower"], row["upper"]], e["nadeau_bengio_ci95"])
    row = validate(MODEL, scaled, y, cv=pairs[:10], ci="cvauc", **known).get("auroc")
    check(row["corrected"], e["cvauc_repeat0"])
    check(row["se"], e["cvauc_se_repeat0"])
    check([row["lower"], row["upper"]], e["cvauc_ci95_repeat0"])


def test_birthwt(shared):
    X, y, draws, expected, _ = real(shared, "birthwt", "low", "data.csv")
    compare(MODEL, X, y, draws, expected["full_model"])
    kept = expected["selected_on_full_data"]
    compare(MODEL, X[kept], y, draws, expected["selection_outside_bootstrap_WRONG"])


@pytest.mark.slow
def test_birthwt_selection_inside(shared):
    X, y, draws, expected, _ = real(shared, "birthwt", "low", "data.csv")
    compare(Backward(), X, y, draws, expected["selection_inside_bootstrap"], ["optimism"])
