"""The line of code of each finding: it runs, names the column, and settles what was found."""

import ast
import contextlib
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import healthml
from healthml._core._findings import CODES, Finding
from healthml.datasets import make_ehr_cohort
from healthml.reporting._lines import _LINES, Call, describe_call, with_line
from healthml.reporting._page.html import lines_in_order
from healthml.schema import Schema

NEVER_FOUND = {"HM104"}  # an open question only
BY_SCHEMA = Call(True, named={"y": "died", "groups": "pid", "site": "ward", "time": "year"})
BY_ARRAY = Call(arrays=("groups", "site", "time"))
BY_NAME = Call(named={"y": "died", "groups": "pid", "site": "ward", "time": "year"})
CALLS = {
    "schema": BY_SCHEMA,
    "arrays": BY_ARRAY,
    "names": BY_NAME,
    "model": Call(judged="model", arrays=("groups",)),
    "score": Call(judged="score"),
}


def line(code, call, columns=("lab", "dose"), remedy=""):
    call = Call(**{**vars(call), "thresholds": (0.05, 0.2)})
    return with_line(Finding(code, "note", "t", "e", remedy, columns=columns), call).remedy_code


def run(text, space):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(text, space)
    return printed.getvalue()


@pytest.mark.parametrize("how", CALLS)
@pytest.mark.parametrize("code", sorted(set(CODES) - NEVER_FOUND))
def test_every_code_has_a_line_in_the_names_of_the_call(code, how):
    assert code in _LINES, f"write a line of Python for {code} into _LINES of reporting/_lines.py"
    for columns in (("lab", "dose"), ()):
        text = line(code, CALLS[how], columns)
        names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
        allowed = {"schema": {"table", "schema", "parts"}, "score": {"X", "y_true", "y_proba"}}
        known = allowed.get(how, {"X", "y"}) | set(CALLS[how].arrays)
        known |= {"model", "healthml", "pd", "print", "make_pipeline", "replace", "list", "len"}
        known |= {"cv", "groups", "kept", "report", "known_after", "score"}
        known |= {"threshold_range", "column"}
        assert names <= known | {"suspected"}, names - known


def test_patients_that_nobody_declared_are_declared_and_those_that_were_are_split_by():
    undeclared, cv = Call(), "cv = healthml.validation.RepeatedStratifiedGroupKFold"
    assert line("HM304", undeclared, ("pid",)) == "groups = X['pid']"
    X = pd.DataFrame({"lab": [1, 2, 1, 2.5], "dose": [3, 3, 3, np.nan]})
    space = {"X": X}
    run(line("HM304", undeclared), space)
    assert space["groups"].tolist() == [0, 1, 0, 2]
    assert line("HM304", BY_ARRAY).startswith(cv)
    assert line("HM304", undeclared, ()).startswith(cv)


@pytest.mark.parametrize("code", ["HM206", "HM301", "HM302", "HM306", "HM308"])
def test_a_column_that_must_go_is_named(code):
    assert line(code, BY_ARRAY) == "X = X.drop(columns=['lab', 'dose'])"
    by_schema = line(code, BY_SCHEMA)
    if code in ("HM301", "HM302"):
        assert run_schema(by_schema).known_after == ("lab", "dose")
    else:
        assert by_schema == "table = table.drop(columns=['lab', 'dose'])"
    named = Call(True, named={"y": "died"}, declared=("lab",))  # the table must keep it
    assert run_schema(line(code, named)).known_after == ("lab", "dose")


def run_schema(text, **roles):
    from dataclasses import replace

    space = {"schema": Schema(outcome="died", **roles), "replace": replace}
    run(text, space)
    return space["schema"]


def test_a_sensitive_column_that_must_go_leaves_its_role():
    call = Call(True, named={"y": "died"}, sensitive=("lab", "sex"))
    schema = run_schema(line("HM301", call, ("lab",)), sensitive=["lab", "sex"])
    assert schema.sensitive == ("sex",)
    assert schema.known_after == ("lab",)


@pytest.fixture
def space():
    rng = np.random.default_rng(0)
    n = 120
    X = pd.DataFrame({"lab": rng.normal(50, 9, n).round(1), "dose": rng.choice([5, 10, 5000], n)})
    X["word"] = rng.choice(["a", "b", "unknown"], n)
    X[list("abcd")] = rng.normal(size=(n, 4)).round(3)
    X = pd.concat([X, X.iloc[:3]], ignore_index=True)
    made = {"X": X, "y": rng.integers(0, 2, n + 3), "groups": np.r_[np.arange(n), [200, 201, 202]]}
    made |= {"site": np.where(np.arange(n + 3) % 2, "u", "v"), "time": np.arange(n + 3)}
    run("\n".join(Call(own_model=True).setup()), made)
    return made


def test_rows_leave_with_all_that_is_aligned(space):
    run(line("HM204", BY_ARRAY, ()), space)
    assert len(space["X"]) == 120
    assert all(len(space[name]) == 120 for name in ("y", "groups", "site", "time"))
    assert set(space["groups"]) == set(range(120))


def test_cleaning_steps_and_recalibration_stand_in_a_model_that_fits(space):
    for code in ("HM102", "HM202", "HM215", "HM203"):
        run(line(code, BY_ARRAY), space)
    risk = space["model"].fit(space["X"], space["y"]).predict_proba(space["X"])
    assert [type(step).__name__ for _, step in space["model"].steps] == [
        "PlausibleRange",
        "Pipeline",
    ]
    assert np.isfinite(risk).all()


@pytest.mark.parametrize("code", ["HM101", "HM103", "HM105", "HM208", "HM209", "HM214", "HM407"])
def test_lines_about_columns_run(space, code):
    run(line(code, BY_ARRAY, ("lab", "dose")), space)


def test_a_given_score_is_recalibrated_outside(space):
    space |= {"y_true": space["y"], "y_proba": np.linspace(0.1, 0.9, 123)}
    assert run(line("HM402", CALLS["score"]), space)
    model = LogisticRegression().fit(space["X"][["lab", "dose"]], space["y"])
    assert run(line("HM408", CALLS["model"]), space | {"model": model})


def test_the_call_that_repeats_the_audit_is_written_out():
    given = {"n_repeats": 1, "event": "Died", "groups": "pid", "y": "out", "site": np.arange(3)}
    call = describe_call(given, None, "procedure")
    assert call.audit() == (
        "report = healthml.audit(model, X, 'out', groups='pid', site=site, event='Died', "
        "n_repeats=1)"
    )
    declared = {"y": "died", "schema": Schema(outcome="died", prediction_time="admission")}
    assert "schema=schema" in describe_call(declared, None, "procedure").audit()
    assert describe_call({}, None, "score").audit() == (
        "report = healthml.audit_predictions(y_true, y_proba)"
    )


def test_the_report_carries_its_call_and_lines(report):
    call = report.about["call"]["audit"]
    assert (
        call == "report = healthml.audit(None, table, schema=schema, n_repeats=1, random_state=0)"
    )
    assert all(f.remedy_code for f in report.findings)
    ast.parse("\n".join(report.about["call"]["before_lines"]))


@pytest.mark.slow
def test_the_lines_in_order_lead_to_an_audit_without_serious_findings():
    cohort = make_ehr_cohort(300, preset="realistic", random_state=0)
    space = {"table": cohort.to_frame(), "schema": cohort.schema}
    options = {"n_repeats": 1, "random_state": 0}
    first = healthml.audit(None, space["table"], schema=space["schema"], **options)
    assert first.codes("serious")
    assert first.codes("moderate")
    run("\n".join(first.about["call"]["before_lines"]), space)
    for finding in first.findings:
        run(finding.remedy_code, space)
    again = healthml.audit(space["model"], space["table"], schema=space["schema"], **options)
    assert again.codes("serious", "moderate") == []
    assert again.exit_code == 0


def test_a_line_that_acts_on_two_findings_stands_once_on_the_page(report):
    line = "model = make_pipeline(healthml.cleaning.MissingCodes(), model)"
    first, second, *others = (replace(f, remedy_code="") for f in report.findings[:3])
    findings = (replace(first, remedy_code=line), replace(second, remedy_code=line), *others)
    text = lines_in_order(replace(report, findings=findings))["lines"]
    assert text.count(line) == 1
    assert f"the line of {first.code} acts on this too" in text
