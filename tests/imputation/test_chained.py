"""ChainedImputer: dtypes, bad input, deployment, convergence, company of other tools."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from healthml.exceptions import ImputationWarning, InputError
from healthml.imputation import ChainedImputer


def wards(n=240, seed=0):
    """Simulated patients with gaps in columns of every kind."""
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 12, n).round(1)
    frail = age / 12 - 5 + rng.normal(0, 1, n)
    table = pd.DataFrame(
        {
            "age": age,
            "crp": np.exp(1 + 0.5 * frail + rng.normal(0, 0.6, n)),
            "falls": pd.array(rng.poisson(np.exp(0.3 * frail)), dtype="Int64"),
            "visits": rng.poisson(4, n),
            "smoker": pd.array(frail + rng.normal(0, 1, n) > 0, dtype="boolean"),
            "stage": pd.Categorical.from_codes(
                np.digitize(frail, [-1, 0, 1]), ["I", "II", "III", "IV"], ordered=True
            ),
            "ward": pd.Series(np.array(["north", "south", "west"])[rng.integers(0, 3, n)]),
            "seen": pd.Timestamp("2020-03-01 08:30:00.25", tz="Europe/Rome")
            + pd.to_timedelta(np.round(frail * 30 * 86400), unit="s"),
        }
    )
    for place, name in enumerate(["crp", "falls", "smoker", "stage", "ward", "seen"]):
        table.loc[rng.random(n) < 0.12 + 0.02 * place, name] = pd.NA if name != "seen" else pd.NaT
    table.index = [f"r{k // 2}" for k in range(n)]  # each label twice
    return table


def fitted(table, **options):
    return ChainedImputer(m=2, n_iter=3, random_state=0, **options).fit(table)


def quiet(imputer, table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImputationWarning)
        return imputer.transform(table)


def test_dtypes_index_and_observed_cells_stay():
    table = wards()
    for done in ChainedImputer(m=2, n_iter=2, random_state=0).fit_transform_multiple(table):
        assert not done.isna().any().any()
        assert (done.dtypes == table.dtypes).all()
        assert done.index.equals(table.index)
        for name in table:
            seen = table[name].notna().to_numpy()
            assert (done[name][seen] == table[name][seen]).all()


@pytest.mark.parametrize("method", ["auto", "pmm", "cart", "rf"])
def test_drawn_cells_are_observed_values(method):
    table = wards()
    imputer = ChainedImputer(method, m=2, n_iter=2, strategy="draw", random_state=0)
    tables = imputer.fit_transform_multiple(table)
    for done in [*tables, *imputer.transform_multiple(table), imputer.transform(table)]:
        for name in table:
            assert done[name].isin(table[name].dropna().unique()).all(), name
    assert imputer.record_["on_support"].all()


def test_record_says_where_means_leave_the_observed_values():
    imputer = fitted(wards())
    imputer.transform(wards())
    record = imputer.record_.set_index("column")["on_support"]
    assert not record["crp"]
    assert record[["falls", "smoker", "stage", "ward"]].all()


@pytest.mark.parametrize("name", ["double[pyarrow]", "int64[pyarrow]", "Float64"])
def test_arrow_and_nullable_numbers(name):
    table = wards()[["age", "visits"]].reset_index(drop=True)
    table["x"] = (table["age"] * 2).round().astype(name)
    table.loc[::5, "x"] = pd.NA
    done = fitted(table).transform(table)
    assert done["x"].dtype == table["x"].dtype
    assert not done["x"].isna().any()


def test_arrow_text_and_object_columns():
    table = wards()[["age", "ward"]].reset_index(drop=True)
    table["arrow"] = table["ward"].astype("string[pyarrow]")
    table["plain"] = table["ward"].astype(object)
    done = fitted(table).transform(table)
    assert (done.dtypes == table.dtypes).all()
    assert not done.isna().any().any()


def test_polars_in_polars_out():
    polars = pytest.importorskip("polars")
    table = wards().reset_index(drop=True).drop(columns=["seen", "stage"])
    frame = polars.from_pandas(table)
    done = fitted(frame).transform(frame)
    assert isinstance(done, polars.DataFrame)
    assert sum(done.null_count().row(0)) == 0
    assert done["visits"].dtype == frame["visits"].dtype
    want = fitted(table).transform(table)
    np.testing.assert_allclose(done["crp"].to_numpy(), want["crp"].to_numpy(), rtol=1e-12)


def test_one_row_is_the_batch_is_another_process(tmp_path):
    table = wards()
    imputer = fitted(table, strategy="draw")
    imputer.random_state = 5
    batch, means = imputer.transform_multiple(table), fitted(table).transform(table)
    shuffled = table.iloc[::-1]
    assert imputer.transform_multiple(shuffled)[1].iloc[::-1].equals(batch[1])
    mean = fitted(table)
    for place in range(0, len(table), 7):
        row = table.iloc[[place]]
        assert mean.transform(row).equals(means.iloc[[place]])
        for one, many in zip(imputer.transform_multiple(row), batch, strict=True):
            assert one.equals(many.iloc[[place]])
    pd.to_pickle((imputer, table), tmp_path / "all.pkl")
    code = (
        "import pandas as pd; i, t = pd.read_pickle('all.pkl'); "
        "i.transform_multiple(t.iloc[[3]])[1].to_pickle('row.pkl')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert pd.read_pickle(tmp_path / "row.pkl").equals(batch[1].iloc[[3]])


def test_fits_with_the_same_seed_agree_for_any_n_jobs():
    table = wards(120)
    one = fitted(table).transform_multiple(table)
    two = fitted(table, n_jobs=2).transform_multiple(table)
    assert all(a.equals(b) for a, b in zip(one, two, strict=True))
    other = ChainedImputer(m=2, n_iter=3, random_state=1).fit(table).transform(table)
    assert not other.equals(fitted(table).transform(table))


def test_a_column_without_a_value_is_refused():
    table = wards().assign(empty=np.nan)
    with pytest.raises(InputError, match="column 'empty' has no value"):
        fitted(table)


def test_a_column_observed_once():
    table = wards()
    table["once"] = np.where(np.arange(len(table)) == 7, 3.5, np.nan)
    assert (fitted(table).transform(table)["once"] == 3.5).all()


def test_perfect_collinearity():
    table = wards()[["age", "crp"]]
    table = table.assign(again=table["age"] * 2 + 1, third=table["age"] - table["crp"])
    table.loc[table["age"] > 65, "again"] = np.nan
    done = fitted(table, method="norm").transform(table)
    np.testing.assert_allclose(done["again"], table["age"] * 2 + 1, rtol=1e-2)


def test_separation_gives_finite_moderate_models():
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    table = pd.DataFrame({"x": x, "sign": np.where(x > 0, "plus", "minus")})
    table.loc[::4, "sign"] = None
    imputer = fitted(table)
    done = imputer.transform(table)
    hidden = table["sign"].isna() & (np.abs(x) > 0.5)
    assert (done["sign"] == np.where(x > 0, "plus", "minus"))[hidden].mean() > 0.95
    assert np.isfinite(imputer._chains[0][1].model.drawn).all()
    assert np.abs(imputer._chains[0][1].model.estimate).max() < 50


def test_more_columns_than_rows():
    rng = np.random.default_rng(2)
    base = rng.normal(size=(40, 1))
    table = pd.DataFrame(base + 0.3 * rng.normal(size=(40, 90)))
    table.columns = [f"lab{k}" for k in range(90)]
    masked = table.mask(rng.random(table.shape) < 0.1)
    done = fitted(masked).transform(masked)
    hidden = masked.isna().to_numpy()
    error = (done.to_numpy() - table.to_numpy())[hidden]
    assert np.sqrt((error**2).mean()) < 0.6  # the spread of a column is 1.04


def test_constant_columns():
    table = wards().assign(one=1.0, same="yes")
    table.iloc[:9, table.columns.get_indexer(["one", "same"])] = [np.nan, None]
    done = fitted(table).transform(table)
    assert (done["one"] == 1).all()
    assert (done["same"] == "yes").all()


def test_infinite_values_are_refused_at_fit_and_later():
    table = wards()
    bad = table.copy()
    bad.iloc[4, bad.columns.get_loc("crp")] = np.inf
    with pytest.raises(
        InputError, match="column 'crp' has 1 infinite values, the first at position 4"
    ):
        fitted(bad)
    with pytest.raises(
        InputError, match="column 'crp' has 1 infinite values, the first at position 4"
    ):
        fitted(table).transform(bad)


def test_text_is_refused_without_a_word_of_it():
    table = wards().assign(note=[f"secret {k}" for k in range(240)])
    with pytest.raises(InputError, match="column 'note' holds text") as caught:
        fitted(table)
    assert "secret" not in str(caught.value)


def test_text_in_a_column_of_numbers_is_refused():
    table = wards()
    later = table.astype({"age": object})
    later.iloc[2, later.columns.get_loc("age")] = "secret"
    with pytest.raises(InputError, match="'age' was numeric at fit and holds text at 1") as caught:
        fitted(table).transform(later)
    assert "secret" not in str(caught.value)


def test_an_unseen_level_stays_and_is_recorded():
    table = wards()
    imputer, row = fitted(table), table.iloc[[5]].copy()
    row["ward"], row["crp"] = "east", np.nan
    with pytest.warns(ImputationWarning, match="'ward' holds levels"):
        done = imputer.transform(row)
    assert done["ward"].tolist() == ["east"]
    record = imputer.record_.set_index("column")
    assert record.loc["ward", ["n_imputed", "n_new_levels"]].tolist() == [0, 1]
    gap = row.assign(ward=None)
    assert done["crp"].iloc[0] == pytest.approx(quiet(imputer, gap)["crp"].iloc[0], rel=0.5)


def test_a_column_missing_for_the_first_time():
    table = wards()
    imputer, row = fitted(table), table.iloc[[5]].copy()
    row["age"] = np.nan
    with pytest.warns(ImputationWarning, match="'age' had no missing cell at fit"):
        done = imputer.transform(row)
    assert done["age"].notna().all()
    assert imputer.record_.set_index("column").loc["age", "n_imputed"] == 1
    assert not imputer.record_.set_index("column").loc["age", "missing_at_fit"]
    assert quiet(imputer, table.assign(age=np.nan))["age"].between(20, 100).all()


def test_a_row_with_nothing_observed():
    table = wards()
    row = table.iloc[[0]].assign(age=np.nan, crp=np.nan, visits=np.nan)
    for name in ("falls", "smoker", "stage", "ward", "seen"):
        row[name] = pd.array([None], dtype=table[name].dtype)
    done = quiet(fitted(table), row)
    assert not done.isna().any().any()


def test_the_outcome_serves_inference_and_is_refused_for_deployment():
    table = wards()
    event = (table["age"] > 60).to_numpy().astype(int)
    imputer = ChainedImputer(m=2, n_iter=2, include_outcome=True, random_state=0)
    assert len(imputer.fit_transform_multiple(table, event)) == 2
    with pytest.raises(InputError, match="include_outcome=True needs y"):
        imputer.transform(table)
    with pytest.raises(InputError, match="include_outcome=True needs y"):
        clone(imputer).fit(table)


def test_passive_columns_and_bounds_hold():
    rng = np.random.default_rng(3)
    height, weight = rng.normal(1.7, 0.1, 200), rng.normal(75, 12, 200)
    table = pd.DataFrame({"height": height, "weight": weight, "bmi": weight / height**2})
    is_missing = rng.random(200) < 0.3
    table.loc[is_missing, ["weight", "bmi"]] = np.nan
    rule = {"bmi": (lambda w, h: w / h**2, ["weight", "height"])}
    options = {"passive": rule, "bounds": {"weight": (60, 90)}, "method": "norm"}
    imputer = ChainedImputer(m=2, n_iter=3, random_state=0, **options)
    tables = imputer.fit_transform_multiple(table)
    for done in [*tables, *imputer.transform_multiple(table), imputer.transform(table)]:
        np.testing.assert_allclose(done["bmi"], done["weight"] / done["height"] ** 2, rtol=1e-9)
        assert done.loc[is_missing, "weight"].between(60 - 1e-9, 90 + 1e-9).all()


def test_where_draws_observed_cells_too():
    table = wards()[["age", "crp"]]
    where = np.zeros(table.shape, dtype=bool)
    where[:20, 0] = True
    imputer = ChainedImputer(m=2, n_iter=2, random_state=0)
    done = imputer.fit_transform_multiple(table, where=where)[0]
    assert (done["age"].iloc[:20] != table["age"].iloc[:20]).mean() > 0.8
    assert (done["age"].iloc[20:] == table["age"].iloc[20:]).all()


def test_convergence_is_recorded_and_drawn():
    imputer = ChainedImputer(m=3, n_iter=6, random_state=0).fit(wards())
    assert set(imputer.convergence_["statistic"]) == {"mean", "sd"}
    assert len(imputer.trace_) == 3 * 6 * 6
    axes = imputer.plot_trace()
    assert len(axes[0].lines) == 3
    stuck = imputer.convergence_.query("column == 'crp' and statistic == 'mean'")["r_hat"]
    assert stuck.between(0.5, 2).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"m": 0}, "m=0"),
        ({"n_iter": 2.5}, "n_iter=2.5"),
        ({"strategy": "median"}, "strategy='median'"),
        ({"method": "magic"}, "method 'magic'"),
        ({"method": {"age": "logreg"}}, "needs levels"),
        ({"method": {"ward": Ridge()}}, "must be a classifier"),
        ({"method": {"age": LogisticRegression()}}, "must be a regressor"),
        ({"method": {"nothing": "pmm"}}, "method names the column 'nothing'"),
        ({"sequence": "random"}, "sequence='random'"),
        ({"predictors": {"crp": ["nothing"]}}, "predictors names the column 'nothing'"),
        ({"bounds": {"age": (3, 1)}}, "minimum above"),
        ({"ordered": ("nothing",)}, "ordered names the column 'nothing'"),
        ({"patient": "nothing"}, "patient names the column 'nothing'"),
    ],
)
def test_parameters_that_do_not_fit(options, message):
    with pytest.raises(InputError, match=message):
        ChainedImputer(**options).fit(wards(60))


def test_grid_search_over_its_parameters():
    table = wards()[["age", "crp", "visits"]].to_numpy(dtype=float)
    event = np.arange(len(table)) % 2
    model = make_pipeline(
        ChainedImputer(m=1, n_iter=1, random_state=0), LogisticRegression(max_iter=500)
    )
    search = GridSearchCV(
        model,
        {"chainedimputer__method": ["pmm", "cart"], "chainedimputer__donors": [3, 5]},
        cv=2,
    ).fit(table, event)
    assert len(search.cv_results_["params"]) == 4
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


class CountingImputer(ChainedImputer):
    """Writes down how many rows it was fitted on."""

    fitted_on = []

    def fit(self, X, y=None):
        self.fitted_on.append(len(X))
        return super().fit(X, y)


def test_validate_refits_it_in_every_resample():
    validation = pytest.importorskip("healthml.validation")
    rng = np.random.default_rng(4)
    X = rng.normal(size=(150, 3))
    event = (X[:, 0] + rng.normal(size=150) > 0).astype(int)
    X[rng.random(X.shape) < 0.1] = np.nan
    CountingImputer.fitted_on.clear()
    model = make_pipeline(CountingImputer(m=1, n_iter=1, random_state=0), LogisticRegression())
    validation.validate(model, X, event, n_resamples=20, random_state=0)
    assert len(CountingImputer.fitted_on) >= 21


def test_chains_on_dask():
    distributed = pytest.importorskip("distributed")
    from joblib import parallel_config

    table = wards(80)
    here = fitted(table, n_jobs=1).transform_multiple(table)
    with (
        distributed.Client(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ),
        parallel_config(backend="dask"),
    ):
        there = fitted(table, n_jobs=2).transform_multiple(table)
    assert all(a.equals(b) for a, b in zip(here, there, strict=True))


def test_whole_numbers_from_polars_stay_on_those_observed():
    rng = np.random.default_rng(4)
    stage = rng.integers(0, 8, 300)
    table = pl.DataFrame(
        {
            "stage": [None if k % 5 == 0 else int(stage[k]) for k in range(300)],
            "size": stage * 1.3 + rng.normal(size=300),
        }
    )
    full = ChainedImputer(random_state=0).fit_transform(table)
    assert full.schema["stage"] == pl.Int64
    assert set(full["stage"]) <= set(table["stage"].drop_nulls())


def trees_of(table, **options):
    """Return how many columns the default draws by trees, that is, where it found products."""
    plan = ChainedImputer(m=1, n_iter=1, random_state=0, **options).fit(table).plan_
    return sum(type(method).__name__ == "Cart" for method in plan.methods.values())


@pytest.mark.parametrize("kind", ["bootstrap", "tripled", "near visits", "patients"])
def test_copies_and_visits_nearly_equal_are_no_information(kind):
    """Noise, whose rows come more than once: 0 to 2 columns of 16, not nearly all."""
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(300, 16))).rename(columns="c{}".format)
    X = X.mask(rng.random(X.shape) < 0.02)
    options = {}
    if kind == "bootstrap":
        table = X.iloc[rng.integers(0, 300, 300)].reset_index(drop=True)
    elif kind == "tripled":
        table = pd.concat([X] * 3, ignore_index=True)
    else:
        visits = [X + rng.normal(0, 0.01, X.shape) for _ in range(4)]
        table = pd.concat(visits, ignore_index=True)
    if kind == "patients":
        table, options = table.assign(patient=np.tile(np.arange(300), 4)), {"patient": "patient"}
    assert trees_of(table, **options) <= 2


def test_a_product_that_is_there_is_found_in_copies_too():
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.normal(size=(600, 4)), columns=list("abcd"))
    table["q"] = table["a"] * table["b"] + 0.3 * rng.normal(size=600)
    table.loc[::5, "q"] = np.nan
    assert trees_of(table) == 1
    assert trees_of(table.iloc[rng.integers(0, 600, 600)].reset_index(drop=True)) == 1
