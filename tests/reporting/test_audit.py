"""The audit as a whole: what goes in, what it says first, and what never comes out."""

import html
import importlib
import json
import sys
import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import healthml
from healthml import audit, audit_predictions
from healthml._core import _tables
from healthml.datasets import make_ehr_cohort
from healthml.exceptions import InputError
from healthml.explanation import permutation_importance
from healthml.schema import Schema

ONCE = {"n_repeats": 1, "random_state": 0}
N = 400


def rows(n=N, seed=0):
    """Return numeric columns, the true risk and the outcome."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)).round(3), columns=["a", "b", "c"])
    X["age"] = rng.normal(60, 12, n).round()
    risk = 1 / (1 + np.exp(-(1.5 * X["a"] + 0.5 * X["b"] - 1)))
    return X, risk.to_numpy(), (rng.uniform(size=n) < risk).astype(int).to_numpy()


X, RISK, Y = rows()
DIED = np.where(Y == 1, "Died", "Alive home")  # in sorted order the event is not the last class
GROUPS = np.arange(N) // 2
SITE = np.where(np.arange(N) % 3 == 0, "north", "south")
SEX = np.random.default_rng(5).choice(["f", "m"], N)


def numbers_of(report):
    """Return all that was measured, without what was said about it."""
    table = report.table[["code", "severity", "estimate", "lower", "upper", "n_samples"]]
    return report.headline, table.to_json()


@pytest.fixture(scope="module")
def cohort():
    return make_ehr_cohort(360, prevalence=0.3, random_state=0)


CALLERS = []  # of `to_pandas`, while the audit `by_array` ran


def count_callers(patch):
    """Write down who calls `to_pandas`, in every module of the library that has it."""
    convert = _tables.to_pandas

    def counted(*args, **options):
        caller = sys._getframe(1).f_code
        CALLERS.append((Path(caller.co_filename).stem, caller.co_name))
        return convert(*args, **options)

    for room in healthml._SUBMODULES:
        importlib.import_module(f"healthml.{room}")
    for name, module in list(sys.modules.items()):
        if name.startswith("healthml") and vars(module).get("to_pandas") is convert:
            patch.setattr(module, "to_pandas", counted)


@pytest.fixture(scope="module")
def by_array(cohort):
    with pytest.MonkeyPatch.context() as patch:
        count_callers(patch)
        return audit(
            None,
            cohort.X,
            cohort.y,
            groups=cohort.groups,
            site=cohort.site,
            time=cohort.time,
            sensitive_features=cohort.sensitive,
            **ONCE,
        )


def test_a_table_is_converted_at_the_doors_only(by_array):
    assert 5 < len(CALLERS) <= 15, CALLERS
    doors = {"check_table", "permutation_importance", "read_table", "sensitive_frame", "table_one"}
    assert doors <= {name for _, name in CALLERS}
    assert "encoder" not in {file for file, _ in CALLERS}


# --- first lines ---------------------------------------------------------------------------------


def test_first_line_says_which_question_and_for_whom(by_array):
    assert by_array.statement.startswith("This judges the audit's own penalised logistic")
    assert "refitted in 5 folds x 1 repeat, for new patients" in by_array.statement
    assert by_array.summary().splitlines()[0] == by_array.statement


def test_headline_is_never_without_the_leak_sentence(by_array):
    assert "no suspect column was found by the leak screening" in by_array.headline
    leaky = X.assign(discharge_code=Y + np.random.default_rng(0).normal(0, 0.05, N))
    with_leak = audit(None, leaky, Y, **ONCE)
    assert "without the 1 suspect column (leak screening) 0." in with_leak.headline
    assert with_leak.exit_code == 1
    only = audit(None, leaky[["discharge_code"]], Y, **ONCE)
    assert "suspect columns could not be taken out" in only.headline
    fitted = LogisticRegression().fit(leaky, Y)
    as_it_is = audit(fitted, leaky, Y, refit=False, **ONCE)
    assert "suspect columns could not be taken out" in as_it_is.headline
    assert "no column was given" in audit_predictions(Y, RISK, random_state=0).headline


def test_without_patients_the_first_line_says_rows():
    assert "for new rows (no patient was declared)" in audit(None, X, Y, **ONCE).statement


def test_it_never_says_safe(by_array):
    assert " safe" not in by_array.to_html().lower().replace("safely", "")
    assert "not a proof" in by_array.summary()


# --- ways to hand in the same thing --------------------------------------------------------------


def test_names_arrays_and_schema_give_one_answer(cohort, by_array):
    table = cohort.to_frame()
    by_name = audit(
        None,
        table,
        "icu_transfer",
        groups="patient_id",
        site="site",
        time="year",
        sensitive_features=["sex", "ethnicity"],
        **ONCE,
    )
    by_schema = audit(None, table, schema=cohort.schema, **ONCE)
    assert numbers_of(by_name) == numbers_of(by_array)
    assert numbers_of(by_schema) == numbers_of(by_array)


def test_polars_gives_the_same_answer(cohort, by_array):
    other = audit(
        None,
        pl.from_pandas(cohort.X),
        pl.Series(cohort.y.to_numpy()),
        groups=pl.Series(cohort.groups.to_numpy()),
        site=pl.Series(cohort.site.tolist()),
        time=pl.Series(cohort.time.to_numpy()),
        sensitive_features=pl.from_pandas(cohort.sensitive),
        **ONCE,
    )
    assert numbers_of(other) == numbers_of(by_array)


def test_numpy_and_numbered_columns_are_accepted():
    array = audit(None, X.to_numpy(), Y, **ONCE)
    numbered = X.copy()
    numbered.columns = range(X.shape[1])
    numbered[9] = np.where(X["c"] > 0, "x", "y")
    numbered.loc[::20, 0] = -999
    assert array.headline == audit(None, X, Y, **ONCE).headline
    assert "HM201" in audit(None, numbered, Y, **ONCE).codes()


def test_row_labels_do_not_matter():
    labelled = X.set_axis(np.random.default_rng(0).permutation(N) % 7, axis=0)
    series = pd.Series(Y, index=np.arange(N)[::-1])
    other = audit(None, labelled, series, groups=pd.Series(GROUPS, index=range(9, N + 9)), **ONCE)
    assert numbers_of(other) == numbers_of(audit(None, X, Y, groups=GROUPS, **ONCE))


def test_the_same_seed_gives_the_same_report_for_any_n_jobs(by_array, cohort):
    again = audit(
        None,
        cohort.X,
        cohort.y,
        groups=cohort.groups,
        site=cohort.site,
        time=cohort.time,
        sensitive_features=cohort.sensitive,
        n_jobs=2,
        **ONCE,
    )
    assert again.to_json() == by_array.to_json()


def test_another_seed_gives_other_splits_and_none_leaves_the_global_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    # Compared are seeds, not headlines: two splits may print the same rounded AUC, and a drawn seed
    # (None) would then fail this test once in a while.
    reports = [audit(None, X, Y, n_repeats=1, random_state=seed) for seed in (0, 1, None)]
    assert len({report.about["seed"] for report in reports}) == 3
    assert reports[0].headline != reports[1].headline
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_random_state_object_is_used_and_an_int_is_repeatable():
    rng = np.random.RandomState(3)
    first, second = (audit(None, X, Y, n_repeats=1, random_state=rng).about["seed"] for _ in "ab")
    assert first != second


def test_inputs_are_not_changed():
    table, outcome = X.copy(), Y.copy()
    audit(None, table, outcome, groups=GROUPS, **ONCE)
    pd.testing.assert_frame_equal(table, X)
    np.testing.assert_array_equal(outcome, Y)


def test_rows_with_a_missing_outcome_are_counted_and_left_out():
    outcome = Y.astype(float)
    outcome[:25] = np.nan
    report = audit(None, X, outcome, groups=GROUPS, site=SITE, **ONCE)
    same = audit(None, X[25:], Y[25:], groups=GROUPS[25:], site=SITE[25:], **ONCE)
    assert report.about["n_samples"] == N - 25
    assert report.headline == same.headline
    assert "HM101" in report.codes()
    assert "HM101" not in same.codes()


# --- procedures, fitted models, scores -----------------------------------------------------------


def test_a_procedure_is_refitted_and_not_changed():
    model = make_pipeline(StandardScaler(), LogisticRegression())
    report = audit(model, X, Y, groups=GROUPS, **ONCE)
    assert "the procedure Pipeline, refitted in 5 folds" in report.statement
    assert not hasattr(model[-1], "coef_")
    models = set(report.section("performance").tables[0][1]["model"])
    assert {"model", "prevalence only", "age and sex", "penalised logistic"} <= models


def test_a_fitted_model_is_judged_as_it_is():
    model = LogisticRegression().fit(X, Y)
    report = audit(model, X, Y, refit=False, site=SITE, groups=GROUPS, **ONCE)
    assert report.statement.startswith("This judges the fitted LogisticRegression as it is")
    risk = model.predict_proba(X)[:, 1]
    auc = (risk[Y == 1][:, None] > risk[Y == 0]).mean()
    assert f"AUC {auc:.3f}" in report.headline
    drivers = report.section("drivers")
    assert "by the fitted model on these rows" in drivers.lead
    table = drivers.tables[0][1].set_index("column")
    expected = permutation_importance(
        model, X, Y, refit=False, groups=GROUPS, random_state=0
    ).table.set_index("column")
    assert set(table.index) == set(X.columns)
    np.testing.assert_allclose(table["estimate"], expected.loc[table.index, "estimate"], atol=0.02)
    score = audit_predictions(Y, risk, X=X, **{"random_state": 0})
    assert "Which columns drive the risk?" in {m.topic for m in score.not_assessed}
    assert report.section("sites").title == "How does it do at each site?"


@pytest.mark.parametrize("how", ["array", "schema", "comparison", "booleans"])
def test_a_fitted_model_knows_the_event_by_name(how):
    table = X.assign(outcome=DIED, number=3 * Y)
    if how == "array":
        model = LogisticRegression().fit(X, DIED)
        report = audit(model, X, DIED, event="Died", refit=False, **ONCE)
    elif how == "schema":
        schema = Schema(outcome="outcome", event="Died", identifier="number")
        model = LogisticRegression().fit(X, np.where(DIED == "Died", "Died", "Survived"))
        report = audit(model, table, schema=schema, refit=False, **ONCE)
    elif how == "comparison":
        model = LogisticRegression().fit(X, Y)
        report = audit(model, X, 3 * Y, event=">0", refit=False, **ONCE)
    else:
        model = LogisticRegression().fit(X, Y == 1)
        report = audit(model, X, Y == 1, refit=False, **ONCE)
    assert float(report.headline.split()[1]) > 0.75


def test_a_fitted_model_without_the_event_among_its_classes_is_refused():
    model = LogisticRegression().fit(X, DIED)
    with pytest.raises(InputError, match="None of the model's 2 classes is the event"):
        audit(model, X, Y, refit=False, **ONCE)
    many = LogisticRegression(max_iter=9999).fit(X, Y + (X["b"] > 1))
    with pytest.raises(InputError, match="None of the model's 3 classes"):
        audit(many, X, Y, event=">0", refit=False, **ONCE)


def test_a_fitted_model_gets_the_columns_it_was_fitted_with():
    model = LogisticRegression().fit(X[["b", "a"]], Y)
    report = audit(model, X.assign(text="t"), Y, refit=False, **ONCE)
    same = audit_predictions(
        Y, model.predict_proba(X[["b", "a"]])[:, 1], X=X, **{"random_state": 0}
    )
    assert report.headline.split(";")[0] == same.headline.split(";")[0]
    with pytest.raises(InputError, match="was fitted with 'b', which is no column of X"):
        audit(model, X[["a"]], Y, refit=False, **ONCE)


def test_a_model_fitted_on_arrays_gets_arrays():
    model = LogisticRegression().fit(X.to_numpy(), Y)
    report = audit(model, X.to_numpy(), Y, refit=False, **ONCE)
    assert float(report.headline.split()[1]) > 0.75


def test_predictions_alone():
    report = audit_predictions(Y, RISK, random_state=0)
    assert report.statement.startswith("This judges an existing score as it is")
    assert "HM307" not in report.codes()  # the score itself is no suspicious column
    assert report.about["n_columns"] == 0
    topics = [m.topic for m in report.not_assessed]
    assert topics[0] == "Does the same patient stand twice?"  # whose rows they are comes first
    assert topics[1] == "What is in the columns, and does one hold the answer?"
    assert "Is it better than age and sex?" in topics
    assert "</html>" in report.to_html()


def test_predictions_that_know_the_outcome_are_not_their_own_leak():
    known = np.clip(0.8 * Y + np.random.default_rng(0).uniform(0, 0.2, N), 0, 1)
    report = audit_predictions(Y, known, random_state=0)
    assert report.codes("serious") == []


def test_predictions_with_everything():
    report = audit_predictions(
        DIED,
        RISK,
        X=X.assign(sex=np.where(np.arange(N) % 2, "f", "m")),
        groups=GROUPS,
        sensitive_features=["sex"],
        site=SITE,
        score=np.full(N, 0.3),
        event="Died",
        threshold_range=(0.2, 0.4),
        random_state=0,
    )
    keys = {section.key for section in report.sections}
    assert {"flow", "table_one", "leaks", "performance", "sites", "groups"} <= keys
    models = set(report.section("performance").tables[0][1]["model"])
    assert {"model", "age and sex", "existing score", "prevalence only"} <= models
    assert report.about["thresholds"] == [0.2, 0.4]
    assert report.about["thresholds_declared"]


def test_wrong_risks_of_a_score_are_found():
    halved = audit_predictions(
        Y, RISK / 3, sensitive_features=np.where(X["c"] > 0, "x", "y"), random_state=0
    )
    worst = next(f for f in halved.findings if f.code == "HM501")
    assert worst.effect.lower > 1.25


def test_an_existing_score_with_codes_is_compared_where_it_was_made():
    score = RISK.copy()
    score[::4] = -1
    report = audit(None, X, Y, score=score, **ONCE)
    same = score.astype(object)
    same[::4] = None
    performance = report.section("performance")
    assert "100 rows of the score are outside 0 to 1" in performance.lead
    shown = performance.tables[0][1].set_index(["model", "measure"])
    assert shown.loc[("existing score", "auroc"), "n_samples"] == N - 100
    differences = performance.tables[1][1]
    assert set(differences.loc[differences["reference"] == "existing score", "n_samples"]) == {300}
    other = audit(None, X, Y, score=same, **ONCE).section("performance").tables[0][1]
    other = other.set_index(["model", "measure"])
    np.testing.assert_allclose(
        shown.loc["existing score", "estimate"], other.loc["existing score", "estimate"]
    )


def test_a_score_that_is_no_probability_is_only_ranked():
    points = np.round(10 * RISK + 3)
    report = audit(None, X, Y, score=points, **ONCE)
    shown = report.section("performance").tables[0][1]
    assert set(shown.loc[shown["model"] == "existing score", "measure"]) == {"auroc"}
    assert "only its ranking is compared" in report.section("performance").lead


def test_a_named_score_is_never_a_feature():
    report = audit(None, X.assign(risk=RISK), Y, score="risk", **ONCE)
    assert "risk" not in set(report.section("leaks").tables[0][1]["column"])


def test_site_and_time_are_no_features_of_the_audits_own_model_and_sensitive_ones_are():
    table = X.assign(sex=SEX, hospital=SITE, year=2000 + np.arange(N) % 5)
    report = audit(
        None,
        table,
        Y,
        sensitive_features=["sex"],
        site="hospital",
        time="year",
        known_after=["b"],
        **ONCE,
    )
    screened = set(report.section("leaks").tables[0][1]["column"])
    assert screened == {*X.columns, "sex"} - {"b"}
    assert "HM303" in report.codes()  # what the declared column would have pretended
    assert report.columns.startswith(f"Columns used ({len(screened)}): ")
    assert report.summary().splitlines()[1] == report.columns
    left = report.columns.split("Left out: ")[1]
    assert left == (
        "hospital (declared as site), year (declared as time), b (known only after the prediction)."
    )
    assert report.columns in html.unescape(report.to_html())
    assert json.loads(report.to_json())["columns"] == report.columns


def test_a_sensitive_column_changes_nothing_but_what_is_shown():
    table = X.assign(sex=SEX)
    plain, named = (audit(None, table, Y, sensitive_features=s, **ONCE) for s in (None, ["sex"]))
    assert plain.headline == named.headline
    section = named.section("without_sensitive")
    assert "The model uses sex. Without it the AUC would be" in section.lead
    kept = audit(None, X, Y, sensitive_features=table[["sex"]], **ONCE)  # not a feature at all
    assert "without_sensitive" not in {s.key for s in kept.sections}
    shown = section.tables[0][1]
    assert set(shown["model"]) == {"with them", "without them"}
    without = shown[shown["model"] == "without them"].set_index("group")["estimate"]
    again = kept.section("groups").tables[0][1]
    again = again[again["measure"] == "oe_ratio"].set_index("group")["estimate"]
    pd.testing.assert_series_equal(without, again, check_names=False)


# --- severity ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wrong_group():
    group = np.where(np.arange(N) % 2, "x", "y")
    outcome = np.where((group == "x") & (X["c"] > -0.5), 1, Y)
    return {"X": X[["a", "b"]], "y": outcome, "sensitive_features": group, **ONCE}


def test_users_can_set_the_cutoffs(wrong_group):
    before = audit(None, **wrong_group)
    after = audit(None, severity_rules={"oe_ratio": 3.0}, **wrong_group)
    assert "HM501" in before.codes("serious")
    assert before.exit_code == 1
    assert "HM501" not in after.codes("serious")
    assert after.exit_code == int(bool(after.codes("serious")))
    assert after.about["severity_rules"]["oe_ratio"].harm == 3.0


def test_noise_columns_do_not_beat_age_and_sex():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(500, 10)).round(3)).add_prefix("lab")
    table["age"], table["sex"] = rng.normal(60, 15, 500).round(), rng.choice(["f", "m"], 500)
    log_odds = 0.1 * (table["age"] - 60) + np.where(table["sex"] == "m", 0.8, -0.8)
    outcome = (rng.uniform(size=500) < 1 / (1 + np.exp(-log_odds))).astype(int)
    people = table[["age", "sex"]]
    report = audit(None, table.filter(like="lab"), outcome, sensitive_features=people, **ONCE)
    found = next(f for f in report.findings if f.code == "HM401")
    assert found.severity == "serious"
    assert found.evidence.endswith("The reference uses age, sex; the model does not have age, sex.")
    assert found.effect.lower > 0.02
    assert report.exit_code == 1
    assert found.remedy in report.next_evidence


# --- bad input: one clear sentence ---------------------------------------------------------------

BAD = {
    "no outcome": (lambda: audit(None, X, **ONCE), "y is missing"),
    "absent outcome": (
        lambda: audit(None, X, "died", **ONCE),
        "y names a column that X does not have",
    ),
    "one class": (lambda: audit(None, X, np.zeros(N), **ONCE), "one class only"),
    "levels": (lambda: audit(None, X, DIED, **ONCE), "'Alive home', 'Died'"),
    "three classes": (lambda: audit(None, X, np.arange(N) % 3, **ONCE), "has 3 levels: 0, 1, 2"),
    "wrong event": (lambda: audit(None, X, DIED, event="Dead", **ONCE), "Dead"),
    "all missing": (lambda: audit(None, X, np.full(N, np.nan), **ONCE), "missing in every row"),
    "lengths": (lambda: audit(None, X, Y[:-1], **ONCE), "y has 399 values for 400 rows"),
    "shape": (lambda: audit(None, X, Y[:, None], **ONCE), "y has 2 dimensions"),
    "groups": (lambda: audit(None, X, Y, groups=GROUPS[:9], **ONCE), "groups has 9 values"),
    "groups name": (
        lambda: audit(None, X, Y, groups="pid", **ONCE),
        "groups names a column that X does not have",
    ),
    "groups scalar": (lambda: audit(None, X, Y, groups=7, **ONCE), "groups has 0 dimensions"),
    "missing patient": (
        lambda: audit(None, X, Y, groups=[None, *GROUPS[1:]], **ONCE),
        "groups has 1 missing identifiers, the first at position 0",
    ),
    "sensitive": (
        lambda: audit(None, X, Y, sensitive_features=["sex"], **ONCE),
        "sensitive_features names 'sex'",
    ),
    "sensitive rows": (
        lambda: audit(None, X, Y, sensitive_features=np.arange(7), **ONCE),
        "sensitive_features has 7 rows",
    ),
    "infinite": (
        lambda: audit(None, X.assign(b=X["b"].where(X["b"] < 2, np.inf)), Y, **ONCE),
        "column 'b' .* infinite values, the first at position",
    ),
    "duplicate names": (
        lambda: audit(None, pd.concat([X, X[["a"]]], axis=1), Y, **ONCE),
        "more than one column called 'a'",
    ),
    "no rows": (lambda: audit(None, X[:0], Y[:0], **ONCE), "0 rows"),
    "no table": (lambda: audit(None, X["a"].to_numpy(), Y, **ONCE), "1 dimensions"),
    "one patient": (
        lambda: audit(None, X, (np.arange(N) == 5).astype(int), **ONCE),
        "Only 1 patient",
    ),
    "class": (lambda: audit(LogisticRegression, X, Y, **ONCE), "estimator must be a classifier"),
    "no model": (lambda: audit(None, X, Y, refit=False, **ONCE), "refit=False needs a fitted"),
    "not fitted": (
        lambda: audit(LogisticRegression(), X, Y, refit=False, **ONCE),
        "NotFittedError in LogisticRegression",
    ),
    "no risk": (lambda: audit(LinearSVC(), X, Y, **ONCE), "LinearSVC has no predict_proba"),
    "thresholds": (
        lambda: audit(None, X, Y, threshold_range=(0.5, 0.1), **ONCE),
        r"threshold_range is \(0.5, 0.1\)",
    ),
    "one threshold": (
        lambda: audit(None, X, Y, threshold_range=0.3, **ONCE),
        "threshold_range must be two risks",
    ),
    "rules": (
        lambda: audit(None, X, Y, severity_rules={"auc": 0.1}, **ONCE),
        "severity_rules names 'auc'; the measures are auroc",
    ),
    "negative rule": (
        lambda: audit(None, X, Y, severity_rules={"auroc": -1}, **ONCE),
        "must be a positive number",
    ),
    "repeats": (lambda: audit(None, X, Y, n_repeats=0), "n_repeats is 0"),
    "seed": (
        lambda: audit(None, X, Y, random_state=np.random.default_rng(0)),
        "random_state must be None",
    ),
    "known after": (
        lambda: audit(None, X, Y, known_after=["los"], **ONCE),
        "known_after names 'los'",
    ),
    "nothing left": (
        lambda: audit(None, X, Y, known_after=list(X), **ONCE),
        "nothing is left to predict by",
    ),
    "schema and roles": (
        lambda: audit(
            None, X.assign(o=Y, p=GROUPS), schema=Schema(outcome="o"), groups="p", **ONCE
        ),
        "The schema declares the columns of every role",
    ),
    "risk outside": (lambda: audit_predictions(Y, 2 * RISK, random_state=0), "no probability"),
    "two columns": (
        lambda: audit_predictions(Y, np.column_stack([RISK, RISK]), random_state=0),
        "proba has two columns",
    ),
    "risk rows": (lambda: audit_predictions(Y[:9], RISK), "y_proba has 400 values for 9 rows"),
    "only time": (
        lambda: audit(None, X[["age"]], Y, time="age", **ONCE),
        "No feature is left",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_meets_one_clear_sentence(case):
    run, words = BAD[case]
    with pytest.raises(InputError, match=words) as caught:
        run()
    text = str(caught.value)
    assert "\n" not in text
    assert 20 < len(text) < 300
    assert text.endswith((".", '"'))


def test_an_empty_column_is_a_finding_and_changes_no_number():
    plain, empty = (audit(None, table, Y, **ONCE) for table in (X, X.assign(z=np.nan)))
    assert empty.headline == plain.headline
    found = empty.table[empty.table["columns"].map(lambda columns: "z" in columns)]
    assert found[["code", "severity"]].to_numpy().tolist() == [["HM209", "note"]]
    assert "z 100.0%" in found["evidence"].iloc[0]


def test_one_site_and_one_year_are_not_assessed():
    report = audit(None, X, Y, site=np.full(N, "here"), time=np.full(N, 2020), **ONCE)
    reasons = {m.code: m.reason for m in report.not_assessed}
    assert reasons["HM404"] == "there is one site only"
    assert reasons["HM405"].startswith("time has one value")


def test_a_site_with_one_class_is_not_assessed():
    report = audit(None, X, Y, site=np.where(Y == 1, "a", "b"), **ONCE)
    assert "one class" in next(m.reason for m in report.not_assessed if m.code == "HM404")


# --- what never comes out ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marked():
    """Return a table with marks where nobody may see them, and the marks."""
    rng = np.random.default_rng(5)
    table = X.copy()
    table["name"] = [f"Zyxqvut {k}" for k in range(N)]
    table["street"] = np.where(np.arange(N) < 5, "Qwvxroad", "Main")
    table["visits"] = np.where(np.arange(N) == 3, 73.91724681, rng.poisson(2, N))
    # one patient with many rows must not pass for a group of eleven
    table["unit"] = np.where(np.arange(N) < 20, "Unitqxz", "General")
    patient = np.array([f"MRN-QX{k // 2}" for k in range(N)], dtype=object)
    patient[:20] = "MRN-QXX"
    table.index = [f"LABEL-QX{k}" for k in range(N)]
    origin = np.where(np.arange(N) < 20, "Originqx", np.where(np.arange(N) % 2, "o1", "o2"))
    marks = ["Zyxqvut", "Qwvxroad", "73.917", "Unitqxz", "MRN-QX", "LABEL-QX", "Originqx"]
    return table, patient, origin, marks


def test_no_value_identifier_label_or_small_group_comes_out(marked, capsys):
    table, patient, origin, marks = marked
    report = audit(
        None, table, Y, groups=patient, sensitive_features=pd.DataFrame({"origin": origin}),
        site=SITE, verbose=1, **ONCE,
    )  # fmt: skip
    report.to_html()
    texts = {
        "summary": report.summary(),
        "json": report.to_json(),
        "html": report.to_html(),
        "repr": repr(report) + report._repr_html_(),
        "table": report.table.to_csv(),
        "progress": "".join(capsys.readouterr()),
    }
    assert texts["progress"]
    for where, text in texts.items():
        for mark in marks:
            assert mark not in text, f"{mark} in {where}"


def test_no_value_comes_out_of_an_error(marked):
    table, patient, _, marks = marked
    attempts = [
        lambda: audit(LogisticRegression(), table, Y, groups=patient, **ONCE),
        lambda: audit(
            LogisticRegression().fit(X.set_axis(list("wxyz"), axis=1).to_numpy(), Y),
            table[["a", "b", "c", "name"]],
            Y,
            refit=False,
            **ONCE,
        ),
        lambda: audit(None, table, Y, groups=np.where(Y == 1, None, patient), **ONCE),
        lambda: audit(None, table, table["name"], **ONCE),
        lambda: audit_predictions(Y, table["name"], X=table),
    ]
    for attempt in attempts:
        with pytest.raises(InputError) as caught:
            attempt()
        text = "".join(traceback.format_exception_only(caught.value))
        assert caught.value.__cause__ is None
        assert not [mark for mark in marks if mark in text]


# --- the report as an object ---------------------------------------------------------------------


def test_json_is_strict_and_complete(by_array, tmp_path):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    text = by_array.to_json(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == text
    body = json.loads(text, parse_constant=refuse)
    assert body["headline"] == by_array.headline
    assert [f["code"] for f in body["findings"]] == by_array.codes()
    assert len(body["not_assessed"]) == len(by_array.not_assessed)
    assert {s["part"] for s in body["sections"]} >= {"cohort", "performance", "leakage"}


def test_every_number_has_its_interval_and_counts(by_array):
    measured = by_array.table.dropna(subset=["estimate"])
    assert len(measured)
    assert (measured["lower"] <= measured["estimate"]).all()
    assert (measured["estimate"] <= measured["upper"]).all()
    assert measured[["n_samples", "n_events"]].notna().all().all()
    scores = by_array.section("performance").tables[0][1].dropna(subset=["estimate"])
    scores = scores[(scores["model"] == "model")]
    assert (scores["lower"] < scores["upper"]).all()
    assert (scores[["n_samples", "n_patients"]] > 0).all().all()


def test_simple_references_stand_beside_the_model_on_the_same_rows(by_array):
    table = by_array.section("performance").tables[0][1]
    assert {"model", "prevalence only", "age and sex"} <= set(table["model"])
    assert table["n_samples"].nunique() == 1
    oe = table[table["measure"] == "oe_ratio"]
    assert {"not informative" in remark for remark in oe["remark"]} == {True}
    differences = by_array.section("performance").tables[1][1]
    assert {"prevalence only", "age and sex"} == set(differences["reference"])


def test_progress_goes_to_standard_error_when_asked(capsys):
    audit(None, X, Y, **ONCE)
    assert capsys.readouterr() == ("", "")
    audit(None, X, Y, verbose=1, **ONCE)
    out, err = capsys.readouterr()
    assert out == ""
    assert "refits" in err


def test_version_and_seed_are_in_the_report(by_array):
    assert by_array.about["version"] == healthml.__version__
    assert by_array.about["seed"] == 0
