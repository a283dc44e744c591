import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthml.exceptions import InputError, SingleImputationWarning
from healthml.imputation import fit_pooled, pool, pool_r_squared
from healthml.imputation._pooled.tests_of_terms import combine_d2, likelihood_d3, wald_d1

REFERENCE = Path(__file__).parent.parent / "reference" / "pooling_reference.json"
Q, U = [0.42, 0.31, 0.55, 0.38, 0.47], [0.021, 0.019, 0.024, 0.022, 0.020]
POOLED = ["estimate", "df", "riv", "lambda", "fmi", "se", "p", "lower", "upper"]
TESTED = ["statistic", "df1", "df2", "p", "riv"]


@pytest.fixture(scope="module")
def r():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tables(r):
    stage = pd.CategoricalDtype(["I", "II", "III"])
    return [pd.DataFrame(rows).astype({"stage": stage}) for rows in r["tables"]]


def close(found, wanted, rtol=1e-7):
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=rtol)


def read(table, name):
    return table[name].to_numpy()


@pytest.mark.parametrize("case", range(4))
def test_scalars_agree_with_mice(r, case):
    case = r["scalar"][case]
    result = pool(case["Q"], case["U"], dfcom=float(case["dfcom"]))
    row, out = result.table.iloc[0], case["out"]
    close(row[["estimate", "df", "riv", "fmi"]], [out[k] for k in ("qbar", "df", "r", "fmi")])
    close(row["se"] ** 2, out["t"])
    close(result.covariance, [[out["t"]]])


@pytest.mark.parametrize(
    ("name", "model", "outcome", "terms"),
    [
        ("linear", "linear", "sbp", ["age", "stage", "bmi"]),
        ("logistic", "logistic", "died", ["age", "stage"]),
        ("interaction", "linear", "sbp", ["age", "stage", "age:stage"]),
    ],
)
def test_models_agree_with_mice(r, tables, name, model, outcome, terms):
    result = fit_pooled(model, tables, outcome=outcome, terms=terms)
    wanted = pd.DataFrame(r[name])
    assert result.table["term"].tolist() == wanted["term"].tolist()
    # glm keeps the covariance of its last step but one
    close(result.table[POOLED], wanted[POOLED], rtol=1e-5 if model == "logistic" else 1e-7)
    assert result.dfcom == wanted["dfcom"][0]


def test_tests_of_several_terms_agree_with_mice(r, tables):
    for model, outcome, terms in (
        ("linear", "sbp", ["age", "stage", "bmi"]),
        ("logistic", "died", ["age", "stage"]),
    ):
        result = fit_pooled(model, tables, outcome=outcome, terms=terms, compare=["age"])
        wanted = r[f"{model}_tests"]
        compared = result.tests[result.tests["hypothesis"].str.startswith("without")]
        assert compared["method"].tolist() == ["D1", "D2", "D3"]
        for method in ("D1", "D2", "D3"):
            row = compared[compared["method"] == method].iloc[0]
            close(row[TESTED], [wanted[method][k] for k in TESTED], rtol=1e-5)
        names = [t for t in result.table["term"] if t not in ("(Intercept)", "age")]
        wald = result.test(names, method="D2").iloc[0]
        close(wald[TESTED], [wanted["D2_wald"][k] for k in TESTED], rtol=1e-5)
        close(result.test(names).iloc[0][TESTED], [wanted["D1"][k] for k in TESTED], rtol=1e-5)


def test_a_term_with_levels_gets_its_own_test(tables):
    result = fit_pooled("linear", tables, outcome="sbp", terms=["stage", "age"])
    assert result.tests["hypothesis"].tolist() == ["stage"]
    alone = result.test(["stageII", "stageIII"])
    close(result.tests[TESTED], alone[TESTED])


def test_one_degree_of_freedom_is_the_square_of_the_table(tables):
    result = fit_pooled("linear", tables, outcome="sbp", terms=["age"])
    row = result.table.iloc[1]
    close(result.test("age")["statistic"], [(row["estimate"] / row["se"]) ** 2])


def test_auc_and_r_squared_agree_with_mice(r):
    auc = r["auc"]
    row = pool(auc["auc"], auc["variance"], scale="logit").table.iloc[0]
    close(
        row[["estimate", "lower", "upper", "df", "fmi"]],
        [auc[k] for k in ("estimate", "lower", "upper", "df", "fmi")],
    )
    squared = pool_r_squared(r["r_squared"]["each"], r["r_squared"]["n"]).table.iloc[0]
    close(squared[["estimate", "fmi"]], [r["r_squared"]["estimate"], r["r_squared"]["fmi"]])
    assert 0 <= squared["lower"] < squared["estimate"] < squared["upper"] < 1


def test_monte_carlo_errors_and_wanted_imputations_agree_with_r(r):
    case = r["jackknife"]
    result = pool(case["Q"], case["U"], dfcom=case["dfcom"])
    found = result.monte_carlo().iloc[0]
    for name, value in case["out"].items():
        close(found[name], value, rtol=1e-6)
    # the jackknife of a mean is its standard error
    close(result.table["mc_error"], np.std(Q, ddof=1) / np.sqrt(5))
    from healthml.imputation._pooled.table import imputations_wanted

    w = r["wanted"]
    assert imputations_wanted(w["fmi"], w["m"], w["cv"]).tolist() == w["out"]


def test_r_on_the_public_tables(shared):
    folder = shared / "reference" / "imputation"
    reference = json.loads((folder / "pool.json").read_text(encoding="utf-8"))
    for case in reference["pool_scalar"]:
        row = pool(case["Q"], case["U"], dfcom=float(case["n"]) - case["k"]).table.iloc[0]
        names = {"estimate": "qbar", "df": "df", "riv": "r", "fmi": "fmi", "lambda": "lambda"}
        close(row[list(names)], [case["out"][k] for k in names.values()])
        close(row[["lower", "upper"]], case["out"]["ci95"])
    long = pd.read_csv(folder / "nhanes2_m5.csv")
    tables = [part.drop(columns=[".imp", ".id"]) for _, part in long.groupby(".imp")]
    for fit in reference["pool_fits"]:
        outcome, terms = fit["formula"].split(" ~ ")
        logistic = fit["family"] == "binomial"
        result = fit_pooled(
            "logistic" if logistic else "linear",
            tables,
            outcome=outcome,
            terms=terms.split(" + "),
            event="yes" if logistic else None,
        )
        pooled, printed = pd.DataFrame(fit["pooled"]), pd.DataFrame(fit["summary"])
        assert result.table["term"].tolist() == pooled["term"].tolist()
        same = ["estimate", "df", "riv", "lambda", "fmi"]
        rtol = 2e-5 if logistic else 1e-7  # glm stops at 1e-8
        close(result.table[same], pooled[same], rtol=rtol)
        close(
            result.table[["se", "p", "lower", "upper"]],
            printed[["std.error", "p.value", "2.5 %", "97.5 %"]],
            rtol=rtol,
        )


@given(st.permutations(range(5)), st.floats(0.01, 100))
def test_order_of_tables_and_units_do_not_matter(order, unit):
    here, there = (
        pool(Q, U, dfcom=30),
        pool(np.array(Q)[order] * unit, np.array(U)[order] * unit**2),
    )
    close(there.table["estimate"] / unit, here.table["estimate"])
    close(there.table["riv"], here.table["riv"])


def test_limits_of_the_formulas():
    # nothing varies between tables: the complete-data interval of a large sample
    row = pool([1.0] * 5, [0.04] * 5).table.iloc[0]
    close(row[["lower", "upper"]], [1 - 1.959964 * 0.2, 1 + 1.959964 * 0.2], rtol=1e-6)
    assert row["m_wanted"] >= 2
    # D1 with nothing between tables is the F test of the complete data
    same = wald_d1(np.array([[1.0, 2.0]] * 4), np.stack([np.eye(2)] * 4))
    assert same["df2"] == np.inf
    close(same["statistic"], 2.5)
    # few draws and few rows: both count
    few = wald_d1(np.array([[1.0, 2.0], [1.3, 1.8]]), np.stack([np.eye(2)] * 2), dfcom=10)
    assert 0 < few["df2"] < 10
    assert combine_d2([4.0, 4.0, 4.0], 2)["statistic"] == 2
    assert likelihood_d3([4.0, 4.0], [5.0, 5.0], 2)["riv"] == 0


def test_small_samples_never_break_d1():
    rng = np.random.default_rng(0)
    for dfcom in (1, 2, 5, 10, 40):
        for k, m in ((1, 2), (2, 3), (3, 5), (5, 20)):
            draws = rng.normal(size=(m, k))
            found = wald_d1(draws, np.stack([np.eye(k)] * m), dfcom)
            assert found["df2"] > 0
            assert 0 <= found["p"] <= 1


def test_one_table_is_not_pooled_and_says_so():
    with pytest.warns(SingleImputationWarning, match="one completed table"):
        row = pool([0.3], [0.04], dfcom=20).table.iloc[0]
    assert (row["se"], row["df"]) == (pytest.approx(0.2), 20)
    assert row[["riv", "lambda", "fmi", "mc_error", "m_wanted"]].isna().all()


def test_two_tables_have_a_monte_carlo_error_of_the_estimate_alone():
    found = pool([0.3, 0.5], [0.04, 0.04]).monte_carlo().iloc[0]
    close(found["estimate"], 0.1)
    assert found[["se", "lower", "upper", "p"]].isna().all()


def test_labels_are_put_in_order():
    first = pd.Series({"a": 1.0, "b": 2.0})
    covariance = pd.DataFrame([[0.1, 0.0], [0.0, 0.9]], index=["a", "b"], columns=["a", "b"])
    turned = covariance.loc[["b", "a"], ["b", "a"]]
    result = pool([first, first[["b", "a"]] * 1.1], [covariance, turned])
    assert result.table["term"].tolist() == ["a", "b"]
    close(result.within[1], covariance)


def test_any_model_of_a_table(tables):
    def mean_of(table):
        return np.array([table["sbp"].mean()]), np.array([[table["sbp"].var() / len(table)]])

    result = fit_pooled(mean_of, tables, dfcom=59)
    close(result.table["estimate"], tables[0]["sbp"].mean())

    class Fitted:
        def __init__(self, table):
            X = np.column_stack([np.ones(len(table)), table["age"]])
            self.params = pd.Series(np.linalg.solve(X.T @ X, X.T @ table["sbp"]), ["const", "age"])
            rss = ((table["sbp"] - X @ self.params.to_numpy()) ** 2).sum()
            self.df_resid = len(table) - 2
            self.cov = pd.DataFrame(rss / self.df_resid * np.linalg.inv(X.T @ X))
            self.cov.index = self.cov.columns = self.params.index

        def cov_params(self):
            return self.cov

    found = fit_pooled(Fitted, tables)
    wanted = fit_pooled("linear", tables, outcome="sbp", terms=["age"])
    close(found.table[POOLED], wanted.table[POOLED])
    assert found.table["term"].tolist() == ["const", "age"]


def test_dtypes_and_libraries_give_one_answer(tables):
    polars = pytest.importorskip("polars")
    terms = ["age", "stage"]
    wanted = fit_pooled("logistic", tables, outcome="died", terms=terms).table
    text = [t.astype({"stage": str, "died": bool}) for t in tables]
    named = [t.assign(died=t["died"].map({0: "alive", 1: "dead"})) for t in tables]
    frames = [polars.from_pandas(t.astype({"stage": str})) for t in tables]
    for parts, event in ((text, None), (named, "dead"), (frames, None)):
        found = fit_pooled("logistic", parts, outcome="died", terms=terms, event=event)
        pd.testing.assert_frame_equal(found.table, wanted)


def test_booleans_and_unused_levels_are_named_as_in_r(tables):
    marked = [
        t.assign(old=t["age"] > 60, stage=t["stage"].cat.add_categories("IV")) for t in tables
    ]
    result = fit_pooled("linear", marked, outcome="sbp", terms=["old", "stage"])
    assert result.table["term"].tolist() == ["(Intercept)", "oldTRUE", "stageII", "stageIII"]


def test_what_a_paper_prints(tables):
    result = fit_pooled("logistic", tables, outcome="died", terms=["age", "stage"])
    ratios = result.to_frame(exponentiate=True)
    assert ratios["term"].tolist() == ["age", "stageII", "stageIII"]
    close(np.log(ratios["upper"]), result.table["upper"][1:])
    assert "age" in repr(result)
    assert "D1" in repr(result)
    small = pool([4.2e-5, 3.1e-5, 5.5e-5], [1e-10] * 3)
    assert "4.267e-05" in repr(small)
    assert json.loads(result.to_json())["table"][0]["m"] == 6
    for exponentiate in (False, True):
        ax = result.plot(exponentiate=exponentiate)
        shown = [label.get_text() for label in ax.get_yticklabels()]
        assert shown[::-1] == ["age", "stageII", "stageIII"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: pool([], []), "one estimate"),
        (lambda t: pool([1.0, np.nan], [1.0, 1.0]), "table 1"),
        (lambda t: pool([1.0, 2.0], [1.0, 0.0]), "not positive"),
        (lambda t: pool([1.0, 2.0], [1.0]), "shape"),
        (lambda t: pool([[1.0, 2.0]], [[1.0, 1.0]], terms=["a"]), "terms"),
        (lambda t: pool(Q, U, dfcom=0), "dfcom"),
        (lambda t: pool(Q, U, scale="odds"), "scale"),
        (lambda t: pool([0.9, 1.0], [0.1, 0.1], scale="logit"), "table 1"),
        (lambda t: pool(Q, U, se_precision=5), "se_precision"),
        (lambda t: pool([Q, Q], [U, U]).test(["x0", "x1"]), "covariances"),
        (lambda t: pool(Q, U).test("age"), "no term"),
        (lambda t: pool(Q, U).test("estimate", method="D3"), "D1"),
        (lambda t: pool_r_squared([1.0, 0.5], 50), "position 0"),
        (lambda t: pool_r_squared([0.2, 0.5], 3), "n_samples"),
        (lambda t: fit_pooled("linear", t[0], outcome="sbp"), "list"),
        (lambda t: fit_pooled("linear", [], outcome="sbp"), "empty"),
        (lambda t: fit_pooled("cox", t, outcome="sbp"), "unknown"),
        (lambda t: fit_pooled("linear", t), "outcome"),
        (lambda t: fit_pooled("linear", t, outcome="hr"), "no column"),
        (lambda t: fit_pooled("linear", t, outcome="stage"), "not a number"),
        (lambda t: fit_pooled("linear", t, outcome="sbp", terms=["hr"]), "'hr'"),
        (lambda t: fit_pooled("linear", t, outcome="sbp", terms=["sbp"]), "outcome"),
        (lambda t: fit_pooled("linear", t, outcome="sbp", terms=["age"], compare=["bmi"]), "'bmi'"),
        (
            lambda t: fit_pooled("linear", t, outcome="sbp", terms=["age"], compare=["age"]),
            "not all",
        ),
        (lambda t: fit_pooled("linear", [t[0], t[1][:50]], outcome="sbp"), "numbers of rows"),
        (lambda t: fit_pooled(lambda d: 3, t), "returned a int"),
        (lambda t: fit_pooled(lambda d: ([1.0], [1.0]), t, outcome="sbp"), "outcome"),
    ],
)
def test_what_cannot_be_pooled_is_refused(tables, call, words):
    with pytest.raises(InputError, match=words):
        call(tables)


def test_a_table_that_cannot_be_fitted_is_named(tables):
    holed = [tables[0], tables[1].assign(bmi=tables[1]["bmi"].where(tables[1].index != 3))]
    with pytest.raises(InputError, match="column 'bmi' of table 1 has 1 missing"):
        fit_pooled("linear", holed, outcome="sbp")
    lost = [tables[0], tables[1].assign(stage="I")]
    with pytest.raises(InputError, match=r"table 1 of 2: the coefficient at position 2 .* cannot"):
        fit_pooled("linear", lost, outcome="sbp", terms=["age", "stage"])
    mixed = [tables[0], tables[1].astype({"age": str})]
    with pytest.raises(InputError, match="numbers in some tables only"):
        fit_pooled("linear", mixed, outcome="sbp", terms=["age"])
    doubled = [t.assign(twice=2 * t["age"]) for t in tables]
    with pytest.raises(InputError, match="combination"):
        fit_pooled("linear", doubled, outcome="sbp", terms=["age", "twice"])
    apart = [t.assign(died=(t["age"] > 60).astype(int)) for t in tables]
    with pytest.raises(InputError, match="table 0 of 6: the terms separate"):
        fit_pooled("logistic", apart, outcome="died", terms=["age"])
    with pytest.raises(InputError, match="2 rows cannot estimate 2"):
        fit_pooled("linear", [t[:2] for t in tables], outcome="sbp", terms=["age"])
