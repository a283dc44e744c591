"""What an explanation promises besides its numbers: axioms, background, cells, refits, errors."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import logit
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from healthml.exceptions import AdditivityError, ConvergenceWarning, InputError
from healthml.explanation import explain
from healthml.explanation._explain import propose_players
from healthml.explanation._explain.background import choose_background
from healthml.schema import Schema, Variable

BLOOD = {"blood": ["lactate", "sbp"]}


@pytest.fixture
def logistic(mixed, encode):
    X, y = mixed
    return make_pipeline(encode(), LogisticRegression()).fit(X, y)


@pytest.fixture
def boosted(mixed, encode):
    X, y = mixed
    return make_pipeline(encode(), GradientBoostingClassifier(n_estimators=8)).fit(X, y)


def numbers(n=200, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=[f"x{k}" for k in range(p)])
    y = (X["x0"] * X["x1"] + X["x2"] + rng.normal(size=n) > 0).astype(int).to_numpy()
    return X, y


def network(layers, X, y):
    model = MLPClassifier(layers, max_iter=60, random_state=0)
    with pytest.warns(match="Maximum iterations"):
        return model.fit(X, y)


# --- axioms


def test_order_names_and_copies_of_columns_behave_by_the_axioms(mixed, boosted):
    X, _ = mixed
    rows, background = X.iloc[:4], X.iloc[100:130]
    first = explain(boosted, rows, background=background, random_state=0)
    turned = list(X.columns[::-1])
    model = lambda table: logit(boosted.predict_proba(table[list(X.columns)])[:, 1])  # noqa: E731
    again = explain(model, rows[turned], background=background[turned], random_state=0)
    np.testing.assert_allclose(again.values[:, ::-1], first.values, atol=1e-9)
    twin = lambda table: model(table.drop(columns="copy"))  # noqa: E731
    more, other = rows.assign(copy=rows["age"]), background.assign(copy=background["age"])
    copied = explain(twin, more, background=other, random_state=0)
    np.testing.assert_allclose(copied.values[:, :5], first.values, atol=1e-9)
    assert np.abs(copied.values[:, 5]).max() < 1e-12  # a column that the model ignores
    halves = lambda table: table["age"] + table["copy"]  # noqa: E731
    shared = explain(halves, more, background=other, random_state=0)
    np.testing.assert_allclose(shared.values[:, 0], shared.values[:, 5], atol=1e-9)


def test_a_group_plays_as_one(mixed, boosted, brute_force):
    X, _ = mixed
    rows, background = X.iloc[:2], X.iloc[100:110]
    found = explain(boosted, rows, background=background, players=BLOOD, random_state=0)
    players = {"age": ["age"], "blood": ["lactate", "sbp"], "sex": ["sex"], "ward": ["ward"]}
    f = lambda table: logit(boosted.predict_proba(table)[:, 1])  # noqa: E731
    _, values = brute_force(f, rows, background, players)
    assert found.features == list(players)
    np.testing.assert_allclose(found.values, values, atol=1e-9)
    assert found.table["value"][1] == "lactate missing; sbp 115.3" or ";" in found.table["value"][1]


# --- the background


def test_nobody_is_compared_with_an_own_visit(mixed, logistic, boosted):
    X, _ = mixed
    rows, background = X.iloc[:3], X.iloc[:30]
    patient = np.arange(30)
    for model in (logistic, boosted, lambda t: boosted.predict_proba(t)[:, 1]):
        found = explain(
            model, rows, background=background, groups=patient[:3], background_groups=patient,
            random_state=0,
        )  # fmt: skip
        for k in range(3):
            rest = background.drop(index=background.index[k])
            alone = explain(model, rows.iloc[[k]], background=rest, random_state=0)
            np.testing.assert_allclose(found.values[k], alone.values[0], atol=1e-9)
            assert found.base_values[k] == pytest.approx(alone.base_values[0])


def test_a_patient_of_many_visits_is_one_background_row():
    patient = np.r_[np.zeros(50, int), np.arange(1, 11)]
    found = choose_background(60, [99], patient, 1, 500, np.random.RandomState(0))
    assert len(found.rows) == 11
    assert (found.rows < 50).sum() == 1
    assert found.own.tolist() == [-1]


def test_the_background_is_seeded_and_no_larger_than_asked(mixed, logistic):
    X, _ = mixed
    first, same, other = (
        explain(logistic, X[:2], background=X, max_background=50, random_state=seed)
        for seed in (0, 0, 1)
    )
    assert (first.n_background, first.n_background_given) == (50, len(X))
    np.testing.assert_array_equal(first.values, same.values)
    assert not np.allclose(first.values, other.values)


def test_the_background_interval_covers_the_value_with_all_rows(make_mixed, encode):
    """The interval is for the mean over the population that the background was drawn from."""
    X, y = make_mixed(3000, seed=3)
    model = make_pipeline(encode(), GradientBoostingClassifier(n_estimators=8)).fit(X, y)
    whole = explain(model, X[:40], background=X, max_background=3000, random_state=0).values
    inside = []
    for seed in range(12):
        found = explain(model, X[:40], background=X, max_background=60, random_state=seed).table
        values = whole.ravel()
        inside.append(
            (found["background_lower"] - 1e-12 <= values)
            & (values <= found["background_upper"] + 1e-12)
        )
    assert 0.9 < np.mean(inside) <= 1.0


def test_one_kind_of_patient_number_is_asked_for(mixed, logistic):
    X, _ = mixed
    with pytest.raises(InputError, match="groups and background_groups go together"):
        explain(logistic, X[:2], background=X, groups=[1, 2])
    with pytest.raises(InputError, match="different kinds"):
        explain(
            logistic, X[:2], background=X, groups=["1", "2"], background_groups=np.arange(len(X))
        )


# --- cells


def test_cells_are_measured_imputed_beyond_or_below(mixed, logistic, boosted):
    X, _ = mixed
    rows = X.iloc[:4].copy()
    rows["lactate"] = [np.nan, 400.0, 1.0, 2.0]
    rows["sex"] = ["f", "m", "x", "f"]
    found = explain(logistic, rows, background=X.iloc[50:], random_state=0).table
    status = found["status"].to_numpy().reshape(4, 5)
    assert status[:, 1].tolist() == ["imputed", "out of range", "measured", "measured"]
    assert status[2, 2] == "out of range"
    assert "beyond the background" in found["reason"][6]


def test_a_gap_that_the_model_reads_is_missing_and_text_below_detection():
    X = pd.DataFrame({"crp": ["5", "<3", None, "8"] * 20, "age": np.arange(80.0)})
    read = lambda t: t["age"] + (t["crp"] == "5")  # noqa: E731
    found = explain(read, X[:3], background=X, random_state=0).table
    assert found["status"][::2].tolist() == ["measured", "below detection", "missing"]


def test_levels_are_no_results_below_detection_and_typed_results_have_a_range():
    X = pd.DataFrame(
        {
            "crp": ["5", "<3", "6.5", "80"] * 20,
            "history": ["below knee amputation", "less than a year", "none", "none"] * 20,
            "band": ["<40", "40-59", "60-79", ">=80"] * 20,
        }
    )
    rows = X[:4].copy()
    rows["crp"] = ["7.25", "<3", "900", "<0.1 mg/L"]  # 7.25 is among the background's numbers
    found = explain(lambda t: (t["crp"] == "5") + 0.0, rows, background=X, random_state=0).table
    status = found["status"].to_numpy().reshape(4, 3)
    expected = ["measured", "below detection", "out of range", "below detection"]
    assert status[:, 0].tolist() == expected
    assert set(status[:, 1:].ravel()) == {"measured"}


def test_units_come_from_the_schema_or_the_name(mixed):
    X, y = numbers()
    X.columns = ["lactate_mmol_l", "sodium", "x", "z"]
    model = LogisticRegression().fit(X, y)
    variables = {"sodium": Variable(unit="mmol/L", hard=(-0.1, 0.1))}
    schema = Schema(outcome="died", variables=variables)
    found = explain(model, X[:1], background=X, schema=schema, random_state=0).table
    assert found["unit"].tolist() == ["mmol/L", "mmol/L", "", ""]
    assert found["status"][1] == "out of range"


# --- uncertainty


def test_sampled_values_are_within_their_error_of_all_coalitions():
    X, y = numbers(p=9)
    model = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=60, random_state=0))
    with pytest.warns(match="Maximum iterations"):
        model.fit(X, y)
    whole = explain(model, X[:12], background=X[100:160], random_state=0)
    found = explain(model, X[:12], background=X[100:160], tolerance=0.01, random_state=0)
    error = found.table["mc_se"].to_numpy().reshape(found.values.shape)
    assert (whole.route, found.route) == ("all coalitions", "sampled orders")
    assert 0 < error.max() <= 0.012
    assert (np.abs(found.values - whole.values) <= 3 * error + 1e-12).mean() >= 0.98
    np.testing.assert_allclose(
        found.base_values + found.values.sum(axis=1), found.predictions, atol=1e-9
    )


def test_a_tolerance_is_a_number_above_nothing():
    X, _ = numbers()
    for tolerance in (0, -1, "a", True):
        with pytest.raises(InputError, match="tolerance is"):
            explain(lambda t: t.iloc[:, 0], X[:2], background=X, tolerance=tolerance)


def test_sampling_that_stops_early_says_so():
    X, y = numbers(p=9)
    model = network((8,), X, y)
    with pytest.warns(ConvergenceWarning, match="above the tolerance"):
        explain(model, X[:2], background=X[100:110], tolerance=1e-6, random_state=0)


def test_the_answer_does_not_depend_on_jobs(mixed, boosted):
    X, y = numbers(p=9)
    model = network((4,), X, y)
    options = {"background": X[100:120], "tolerance": 0.02, "random_state": 0}
    with joblib.parallel_config("threading"):
        one, two = (explain(model, X[:21], n_jobs=n, **options).values for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_refits_bring_an_interval_and_say_what_is_not_stable(mixed, logistic):
    X, y = mixed
    patient = np.arange(len(X)) // 2
    found = explain(
        logistic, X[:5], background=X, train=(X, y, patient), n_refits=20, random_state=0
    )
    table = found.table
    assert found.refit_values.shape == (20, 5, 5)
    assert (table["refit_lower"] <= table["refit_upper"]).all()
    share = (np.sign(found.refit_values) == np.sign(found.values)).mean(axis=0).ravel()
    assert table["stable"][share == 1].all()
    assert not table["stable"][share < 0.8].any()
    assert found.event_rate == pytest.approx(y.mean())
    given = [logistic, logistic]
    same = explain(logistic, X[:5], background=X, refits=given, random_state=0)
    np.testing.assert_allclose(same.table["refit_lower"], same.table["estimate"])


def test_without_refits_nothing_is_called_stable(mixed, logistic):
    X, _ = mixed
    table = explain(logistic, X[:2], background=X, random_state=0).table
    assert table["refit_lower"].isna().all()
    assert table["stable"].isna().all()
    assert table["reason"].str.startswith("no refits").all()


def test_refits_keep_the_copies_of_a_patient_together(mixed):
    """A bootstrap draws a patient twice; an inner split by patient must not part the copies."""
    X, y = numbers()
    seen = []

    class Splits(LogisticRegression):
        def fit(self, X, y, groups=None):
            seen.append((np.asarray(groups), X))
            return super().fit(X, y)

    model = Splits().fit(X, y)
    explain(model, X[:1], background=X, train=(X, y), n_refits=2, random_state=0)
    for groups, drawn in seen[1:]:
        rows = drawn.assign(g=groups)
        assert (rows.groupby(list(X.columns))["g"].nunique() == 1).all()


# --- input


def test_arrays_and_polars_are_read_as_the_model_reads_them(mixed):
    X, y = numbers()
    model = LogisticRegression().fit(X.to_numpy(), y)
    found = explain(model, X.to_numpy()[:3], background=X.to_numpy(), random_state=0)
    frame = LogisticRegression().fit(X, y)
    same = explain(frame, pl.from_pandas(X[:3]), background=pl.from_pandas(X), random_state=0)
    np.testing.assert_allclose(found.values, same.values, atol=1e-12)
    assert found.features == ["x0", "x1", "x2", "x3"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": "odds"}, "scale is 'odds'"),
        ({"scale": "prediction"}, "for regressors"),
        ({"players": {"a": ["nothing"]}}, "no column of X"),
        ({"players": {"a": ["x0"], "b": ["x0"]}}, "twice"),
        ({"players": {"x1": ["x0"]}}, "named as the column"),
        ({"players": ["x0"]}, "no dict"),
        ({"n_refits": 3}, "needs train"),
        ({"refits": [], "n_refits": 0}, "refits is empty"),
        ({"n_refits": -1}, "n_refits is -1"),
        ({"confidence_level": 2}, "confidence_level"),
        ({"max_background": 1}, "background leaves 1"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    X, y = numbers()
    model = LogisticRegression().fit(X, y)
    with pytest.raises(InputError, match=words):
        explain(model, X[:2], **({"background": X, "random_state": 0} | options))


def test_models_that_cannot_be_explained_are_refused_in_a_sentence():
    X, y = numbers()
    three = LogisticRegression().fit(X, y + (X["x3"] > 1))
    with pytest.raises(InputError, match="3 classes, and explain is for the risk of one"):
        explain(three, X[:2], background=X)
    found = explain(lambda t: three.predict_proba(t)[:, 2], X[:2], background=X[:20])
    assert found.scale == "prediction"
    with pytest.raises(InputError, match="not fitted"):
        explain(LogisticRegression(), X[:2], background=X)
    with pytest.raises(InputError, match="no function"):
        explain("model", X[:2], background=X)
    with pytest.raises(InputError, match="shape"):
        explain(lambda t: np.ones((len(t), 2)), X[:2], background=X)
    with pytest.raises(InputError, match="only in X"):
        explain(LogisticRegression().fit(X, y), X[:2], background=X.drop(columns="x3"))


def test_a_model_that_is_not_the_same_twice_is_refused():
    X, _ = numbers()
    rng = np.random.default_rng(0)
    with pytest.raises(AdditivityError, match="asked again"):
        explain(lambda t: t["x0"] - t["x0"].mean() + rng.normal(size=len(t)), X[:2],
                background=X[50:80], random_state=0)  # fmt: skip


def test_clusters_are_proposed_and_taken():
    X, _ = numbers()
    X["twin"] = X["x0"] + 0.1 * X["x1"]
    assert propose_players(X) == {"x0, twin": ["x0", "twin"]}
    found = explain(lambda t: t.sum(axis=1), X[:2], background=X, players="clusters")
    assert found.features == ["x0, twin", "x1", "x2", "x3"]
    assert found.proposed_players == {"x0, twin": ["x0", "twin"]}


def test_shap_takes_the_values(mixed, logistic):
    shap = pytest.importorskip("shap")
    X, _ = mixed
    found = explain(logistic, X[:3], background=X, random_state=0)
    handed = found.to_shap()
    assert isinstance(handed, shap.Explanation)
    np.testing.assert_array_equal(handed.values, found.values)
    assert handed.feature_names == list(X.columns)


def test_the_summary_holds_no_cell(mixed, logistic):
    X, y = mixed
    found = explain(logistic, X[:3], background=X, train=(X, y), random_state=0)
    assert f"{X['sbp'][0]:.1f}" not in repr(found) + found._repr_html_()
    assert "Not refitted" in repr(found)
    assert f"{y.mean():.3f}" in repr(found)


def test_predictions_that_are_missing_and_single_rows_are_refused():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(size=60), "lactate": rng.normal(size=60)})
    X.loc[::5, "lactate"] = np.nan
    with pytest.raises(InputError, match="no finite number for"):
        explain(lambda t: t["lactate"], X[:3], background=X[3:])
    with pytest.raises(InputError, match=r"X is a Series; .* X.iloc\[\[0\]\]"):
        explain(lambda t: t["age"], X.iloc[0], background=X)
