"""The command line: what it writes, its exit codes, and one sentence for each mistake."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import healthml
from healthml.__main__ import main
from healthml._core._findings import Finding
from healthml.reporting._report import AuditReport, findings_table
from healthml.schema import Schema

ROOT = Path(healthml.__file__).parent.parent
MARKS = ("PATIENT-7731-QX", "rarelevelqx", "73.91724681")


def patients(n=300):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "pid": [f"{MARKS[0]}-{k // 2}" for k in range(n)],
            "age": rng.integers(30, 90, n),
            "sex": rng.choice(["f", "m"], n),
            "lab": rng.normal(50, 10, n).round(1),
            "ward": rng.choice(["A", "B"], n),
        }
    )
    risk = 1 / (1 + np.exp(1 - (table["lab"] - 50) / 10))
    table["died"] = (rng.uniform(size=n) < risk).astype(int)
    return table


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A folder with one good table and one file for each mistake."""
    folder = tmp_path_factory.mktemp("tables")
    table, good = patients(), folder / "good.csv"
    fate = np.where(table["died"] == 1, np.where(table["age"] > 60, "Died", "Hospice"), "Home")
    few = (np.arange(len(table)) == 3).astype(int)
    changed = {
        "good": table.assign(fate=fate),
        "one_class": table.assign(died=0),
        "infinite": table.assign(lab=np.where(few == 1, np.inf, table["lab"])),
        "few": table.assign(died=few),
        "no_outcome": table.assign(died=np.nan),
    }
    for name, frame in changed.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    table.to_csv(folder / "semicolon.csv", index=False, sep=";")
    table.assign(ward="Zürich").to_csv(folder / "latin.csv", index=False, encoding="latin-1")
    (folder / "empty.csv").touch()
    (folder / "header.csv").write_text("a,b,died\n")
    (folder / "repeated.csv").write_text(good.read_text().replace("lab", "age", 1))
    (folder / "broken.yaml").write_text("outcome: [died\n")
    (folder / "key.yaml").write_text("outcom: died\n")
    (folder / "list.yaml").write_text("- died\n")
    (folder / "column.yaml").write_text("outcome: died\npatient: patid\n")
    (folder / "broken.json").write_text("{")
    (folder / "good.json").write_text('{"outcome": "died"}')
    return folder


DIED = "--outcome died"
MISTAKES = {
    "missing outcome column": ("good.csv --outcome dyed", "'dyed' --outcome 'died'"),
    "no outcome": ("good.csv", "--outcome"),
    "one class": (f"one_class.csv {DIED}", "'died' one class 300 rows"),
    "three levels": ("good.csv --outcome fate", "'fate' 3 levels --event"),
    "event of no row": ("good.csv --outcome fate --event Dead", "'fate' 'Died'"),
    "comparison of no row": ("good.csv --outcome lab --event >999", "'lab' no event"),
    "outcome never known": (f"no_outcome.csv {DIED}", "'died' no value 300"),
    "too few events": (f"few.csv {DIED}", "1 event 2"),
    "empty file": (f"empty.csv {DIED}", "empty.csv export"),
    "no rows": (f"header.csv {DIED}", "header.csv no rows"),
    "repeated column": (f"repeated.csv {DIED}", "repeated.csv 'age'"),
    "infinite value": (f"infinite.csv {DIED}", "'lab' infinite position 3"),
    "wrong delimiter": (f"semicolon.csv {DIED}", "semicolon --sep"),
    "delimiter of two": (f"good.csv {DIED} --sep ;;", "sep= one character"),
    "wrong encoding": (f"latin.csv {DIED}", "latin.csv byte --encoding"),
    "unknown encoding": (f"good.csv {DIED} --encoding klingon", "'klingon' 'latin-1'"),
    "absent file": (f"nowhere.csv {DIED}", "nowhere.csv path"),
    "folder": (f". {DIED}", "folder"),
    "excluded column absent": (f"good.csv {DIED} --exclude sx", "'sx' --exclude 'sex'"),
    "sensitive column absent": (f"good.csv {DIED} --sensitive gender", "'gender' --sensitive"),
    "later column absent": (f"good.csv {DIED} --known-after stay", "'stay' --known-after"),
    "score absent": (f"good.csv {DIED} --score apache", "'apache' --score"),
    "excluded and used": (f"good.csv {DIED} --patient pid --exclude pid", "'pid' patient"),
    "two roles": (f"good.csv {DIED} --patient pid --site pid", "'pid' patient site"),
    "broken YAML": ("good.csv --schema broken.yaml", "YAML line"),
    "unknown key": ("good.csv --schema key.yaml", "'outcom' 'outcome'"),
    "YAML list": ("good.csv --schema list.yaml", "mapping"),
    "schema of another table": ("good.csv --schema column.yaml", "'patid' patient"),
    "broken JSON": ("good.csv --schema broken.json", "JSON line 1"),
    "absent schema": ("good.csv --schema nowhere.yaml", "nowhere.yaml"),
    "thresholds reversed": (f"good.csv {DIED} --threshold-range 0.5 0.1", "threshold_range"),
    "threshold in words": (f"good.csv {DIED} --threshold-range low 0.1", "--threshold-range 'low'"),
    "seed below zero": (f"good.csv {DIED} --seed -1", "--seed"),
    "no repeats": (f"good.csv {DIED} --repeats 0", "--repeats"),
    "no jobs": (f"good.csv {DIED} --jobs 0", "--jobs"),
    "no folder to write to": (f"good.csv {DIED} --output absent/r.html", "absent --output"),
    "output is a folder": (f"good.csv {DIED} --output out", "folder --output"),
    "output is the table": (f"good.csv {DIED} --output good.csv", "good.csv --output"),
    "one file for two": (f"good.csv {DIED} --output r.html --json r.html", ".json --json"),
    "page as PDF": (f"good.csv {DIED} --output r.pdf", "r.pdf .html .json --output"),
    "JSON in a text file": (f"good.csv {DIED} --json r.txt", "r.txt .json --json"),
    "JSON over the schema": ("good.csv --schema good.json --output good.json", "good.json read"),
    "risk absent": (f"good.csv {DIED} --risk apache", "'apache' --risk"),
    "risk in points": (f"good.csv {DIED} --risk lab", "'lab' 300 position 0 --risk"),
    "risk with a role": (f"good.csv {DIED} --risk pid --patient pid", "'pid' risk"),
    "risk and refits": (f"good.csv {DIED} --risk lab --deep", "--deep --risk refits"),
    "unknown check": (f"good.csv {DIED} --only HM999", "HM999"),
    "no time": (f"good.csv {DIED} --time-budget 0", "--time-budget"),
    "risk left out": (f"good.csv {DIED} --risk lab --exclude lab", "'lab' risk"),
    "unknown option": (f"good.csv {DIED} --frobnicate", "--frobnicate --help"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_exit_code_2(mistake, tables, tmp_path, monkeypatch, capsys):
    words, parts = MISTAKES[mistake]
    for file in tables.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["audit", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("healthml: ")
    assert err.count("\n") == 1
    assert err.rstrip()[-1] in ".?"
    assert all(word in err for word in parts.split()), err
    assert not any(mark in err for mark in MARKS)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("argv", [[], ["fly"], ["demo", "--rows", "none"]])
def test_a_wrong_command_is_one_sentence(argv, capsys):
    assert main(argv) == 2
    assert capsys.readouterr().err.count("\n") == 1


def made(severity="note", **changes):
    finding = Finding("HM204", severity, "Repeated rows", "4 rows", "Find out why.")
    report = {"statement": "This judges.", "headline": "AUC 0.8.", "findings": (finding,)}
    return AuditReport(findings_table((finding,)), **{**report, **changes})


@pytest.fixture
def audited(monkeypatch):
    """Replace the audit by one that keeps what it was given and answers at once."""
    seen = {"severity": "note"}

    def audit(model, table, **options):
        seen.update(options, model=model, table=table)
        if "error" in seen:
            raise seen["error"]
        return made(seen["severity"])

    monkeypatch.setattr(healthml, "audit", audit, raising=False)
    return seen


@pytest.mark.parametrize(("severity", "code"), [("note", 0), ("moderate", 0), ("serious", 1)])
def test_exit_code_says_whether_a_finding_is_serious(severity, code, audited, tables, tmp_path):
    audited["severity"] = severity
    page = tmp_path / "r.html"
    assert main(["audit", str(tables / "good.csv"), *DIED.split(), "--output", str(page)]) == code
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["exit_code"] == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json"]


def test_options_reach_the_audit(audited, tables, tmp_path):
    options = "--event >0 --patient pid --site ward --sensitive sex --exclude fate --seed 7"
    options += " --only leaks sites --skip HM407 --deep --time-budget 90"
    options += " --threshold-range 0.1 0.4 --repeats 2 --jobs 2 --show-values --quiet --missing A"
    options += f" --known-after lab --output {tmp_path / 'a.html'} --json {tmp_path / 'b.json'}"
    assert main(["audit", str(tables / "good.csv"), *DIED.split(), *options.split()]) == 0
    schema = audited["schema"]
    declared = schema.outcome, schema.event, schema.patient, schema.site, schema.sensitive
    assert declared == ("died", ">0", "pid", "ward", ("sex",))
    assert (schema.known_after, schema.threshold_range) == (("lab",), (0.1, 0.4))
    assert "fate" not in audited["table"].columns
    assert audited["table"]["ward"].isna().any()
    part = [audited[k] for k in ("only", "skip", "deep", "time_budget")]
    assert part == [["leaks", "sites"], ["HM407"], True, 90]
    got = [audited[k] for k in ("random_state", "n_repeats", "n_jobs", "show_values", "verbose")]
    assert got == [7, 2, 2, True, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.json"]


def test_the_command_line_overrides_the_schema_file(audited, tables, tmp_path):
    schema = tmp_path / "s.yaml"
    schema.write_text("outcome: died\npatient: pid\nsite: ward\nhorizon: 2\nfollow_up: age\n")
    page = tmp_path / "r.html"
    words = ["--schema", str(schema), "--patient", "lab", "--output", str(page)]
    assert main(["audit", str(tables / "good.csv"), *words]) == 0
    declared = audited["schema"]
    assert (declared.patient, declared.site, declared.horizon) == ("lab", "ward", 2)


def test_an_unforeseen_error_hides_its_message(audited, tables, tmp_path, capsys):
    audited["error"] = RuntimeError(f"could not convert {MARKS[0]}")
    words = ["audit", str(tables / "good.csv"), *DIED.split(), "--output", str(tmp_path / "r.html")]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert "RuntimeError" in err
    assert MARKS[0] not in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
    with pytest.raises(RuntimeError):
        main([*words, "--traceback"])


def test_an_interruption_leaves_nothing(audited, tables, tmp_path, capsys):
    audited["error"] = KeyboardInterrupt()
    words = ["audit", str(tables / "good.csv"), *DIED.split(), "--output", str(tmp_path / "r.html")]
    assert main(words) == 130
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_page(audited, tables, tmp_path, monkeypatch, capsys):
    page = tmp_path / "r.html"
    page.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    words = ["audit", str(tables / "good.csv"), *DIED.split(), "--output", str(page)]
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert main(words) == 2
    assert "No space left" in capsys.readouterr().err
    assert page.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_rights_is_found_before_the_work(audited, tables, tmp_path, capsys):
    tmp_path.chmod(0o500)
    words = ["audit", str(tables / "good.csv"), *DIED.split(), "--output", str(tmp_path / "r.html")]
    assert main(words) == 2
    assert "table" not in audited
    tmp_path.chmod(0o700)


def test_warnings_of_others_are_not_shown(audited, tables, tmp_path, monkeypatch, capsys):
    import warnings

    from healthml.exceptions import DataQualityWarning

    def audit(model, table, **options):
        warnings.warn(f"unknown category {MARKS[1]}", UserWarning, stacklevel=2)
        warnings.warn("column 'a' is odd", DataQualityWarning, stacklevel=2)
        return made()

    monkeypatch.setattr(healthml, "audit", audit, raising=False)
    main(["audit", str(tables / "good.csv"), *DIED.split(), "--output", str(tmp_path / "r.html")])
    assert capsys.readouterr().err == "healthml: warning: column 'a' is odd\n"


def test_a_real_table_in_a_new_process(tables, tmp_path):
    table = patients()
    table["answer"] = table["died"] * 2.5
    table["empty_column"] = np.nan  # a finding and no mistake
    table.loc[:3, "ward"] = MARKS[1]
    table["lab"] = table["lab"].astype(str)
    table.loc[20, "lab"] = MARKS[2]
    table.to_csv(tmp_path / "t.csv", index=False)
    words = [sys.executable, "-m", "healthml", "audit", "t.csv", "--outcome", "died"]
    words += ["--patient", "pid", "--repeats", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 1, done.stderr
    assert "HM301" in done.stdout
    used, left_out = done.stdout.split("Left out")
    assert "empty_column" not in used
    assert "empty_column" in left_out.splitlines()[0]
    assert done.stderr == ""  # progress is for a terminal
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.html",
        "report.json",
        "t.csv",
    ]
    written = [
        (tmp_path / name).read_text(encoding="utf-8") for name in ("report.html", "report.json")
    ]
    assert "empty_column 100.0%" in written[0]
    for text in (*written, done.stdout, done.stderr):
        assert not any(mark in text for mark in MARKS)


def test_the_demo_runs_and_says_that_it_is_simulated(audited, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    audited["severity"] = "serious"
    assert main(["demo", "--rows", "50"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "simulated" in out
    files = ["healthml_demo_report.html", "healthml_demo_report.json"]
    assert names(tmp_path) == files
    assert "All patients are simulated." in (tmp_path / files[0]).read_text(encoding="utf-8")


@pytest.fixture
def here(tables, tmp_path, monkeypatch):
    """Work in a folder that holds nothing but the good table."""
    (tmp_path / "good.csv").write_bytes((tables / "good.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_score_alone_is_judged_by_the_columns_beside_it(here, monkeypatch):
    table = patients()
    table["risk"] = 0.2
    table.loc[7, "died"] = np.nan
    table.to_csv(here / "good.csv", index=False)
    seen = {}

    def audit_predictions(y, risk, **options):
        seen.update(options, y=y, risk=risk)
        return made()

    monkeypatch.setattr(healthml, "audit_predictions", audit_predictions, raising=False)
    words = "good.csv --outcome died --risk risk --patient pid --site ward --output r.json"
    assert main(["audit", *words.split()]) == 0
    assert len(seen["y"]) == len(seen["risk"]) == len(seen["groups"]) == 299
    assert set(seen["risk"]) == {0.2}
    assert seen["X"].columns.tolist() == ["age", "sex", "lab", "ward"]
    assert names(here) == ["good.csv", "r.json"]
    call = json.loads((here / "r.json").read_text(encoding="utf-8"))["about"]["call"]
    assert call["audit"] == f"python -m healthml audit {words}"
    space = {"pd": pd, "healthml": healthml}
    exec("\n".join(call["before_lines"]), space)  # the names that the findings' lines use
    np.testing.assert_array_equal(space["y_true"], seen["y"])
    np.testing.assert_array_equal(space["y_proba"], seen["risk"])
    np.testing.assert_array_equal(space["groups"], seen["groups"])
    assert space["X"].columns.tolist() == ["age", "sex", "lab", "ward"]
    assert seen["schema"].outcome == "died"


def test_a_report_says_the_command_that_repeats_it_without_its_folders(audited, here, monkeypatch):
    (here / "private").mkdir()
    (here / "good.csv").rename(here / "private" / "good.csv")
    Schema(outcome="died", prediction_time="admission").to_yaml(here / "private" / "roles.yaml")
    words = "--site ward --exclude lab --missing NA --quiet"
    assert main(f"audit private/good.csv --schema private/roles.yaml {words}".split()) == 0
    text = (here / "report.json").read_text(encoding="utf-8")
    assert "private" not in text
    call = json.loads(text)["about"]["call"]
    assert call["audit"] == f"python -m healthml audit good.csv --schema roles.yaml {words}"
    space = {"pd": pd, "healthml": healthml, "replace": replace}
    monkeypatch.chdir(here / "private")
    exec("\n".join(call["before_lines"]), space)
    assert space["schema"] == audited["schema"]
    pd.testing.assert_frame_equal(space["table"], audited["table"])


def test_rows_without_an_outcome_are_announced(here, monkeypatch, capsys):
    patients().assign(risk=0.2, died=[np.nan] * 40 + [0, 1] * 130).to_csv("good.csv", index=False)
    monkeypatch.setattr(healthml, "audit_predictions", lambda *a, **k: made(), raising=False)
    assert (
        main(["audit", "good.csv", "--outcome", "died", "--risk", "risk", "--output", "r.json"])
        == 0
    )
    err = capsys.readouterr().err
    assert err == "healthml: note: 40 rows are left out (outcome missing: 40).\n"


def test_json_alone_is_printed(audited, here, capsys):
    assert (
        main(["audit", "good.csv", "--outcome", "died", "--json", "-", "--output", "r.html"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["exit_code"] == 0
    assert names(here) == ["good.csv", "r.html"]


def test_a_wide_table_is_announced_before_the_work(audited, here, capsys):
    wide = pd.DataFrame(np.zeros((20, 400)), columns=[f"x{k}" for k in range(400)])
    wide.assign(died=[0, 1] * 10).to_csv("good.csv", index=False)
    words = ["audit", "good.csv", "--outcome", "died", "--output", "r.json"]
    assert main(words) == 0
    err = capsys.readouterr().err
    assert "401 columns" in err
    assert "--exclude" in err
    assert err.count("\n") == 1
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_for_a_terminal(is_terminal, audited, here, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    assert main(["audit", "good.csv", "--outcome", "died", "--output", "r.json"]) == 0
    assert audited["verbose"] == is_terminal


def dirty(path):
    table = patients()[["pid", "lab", "died"]]
    table["lab"] = table["lab"].astype(str)
    table.loc[::20, "lab"] = "not done"
    table.to_csv(path, index=False)
    return table


def test_quality_says_what_is_certain_first(here, capsys):
    dirty(here / "good.csv")
    words = "quality good.csv --patient pid --outcome died --output q.html --json q.json"
    assert main(words.split()) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[2].split()[:4] == ["found", "lab", "missing_code_text", "15"]
    assert [line.split()[0] for line in lines[2:-2]] == sorted(
        (line.split()[0] for line in lines[2:-2]), key=["found", "suspected", "note"].index
    )
    assert json.loads((here / "q.json").read_text())["table"]
    assert names(here) == ["good.csv", "q.html", "q.json"]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "parquet", "xlsx"])
def test_a_cleaned_table_reads_back_as_the_form_its_name_says(ending, here):
    from healthml._core._tables import read_file

    table = dirty(here / "good.csv")
    words = f"clean good.csv --patient pid --outcome died --output c.{ending} --quiet"
    assert main(words.split()) == 0
    cleaned = read_file(here / f"c.{ending}")
    assert cleaned.columns.tolist() == table.columns.tolist()
    assert cleaned["pid"].tolist() == table["pid"].tolist()
    assert cleaned["died"].tolist() == table["died"].tolist()
    expected = pd.to_numeric(table["lab"], errors="coerce")
    np.testing.assert_array_equal(cleaned["lab"], expected)


def test_the_record_of_cleaning_holds_each_cell(here, capsys):
    dirty(here / "good.csv")
    assert (
        main(["clean", "good.csv", "--output", "c.csv", "--record", "r.csv", "--json", "n.json"])
        == 0
    )
    record = pd.read_csv(here / "r.csv", keep_default_na=False)
    assert record["old"].tolist() == ["not done"] * 15
    assert json.loads((here / "n.json").read_text())["table"][0]["n_cells"] == 15
    assert "missing_code_text" in capsys.readouterr().out


def test_a_proposed_schema_is_one_that_the_audit_reads(audited, here, capsys):
    assert main(["schema", "good.csv", "--outcome", "died"]) == 0
    printed = capsys.readouterr().out
    assert "# pid: patient, as " in printed
    assert main(["schema", "good.csv", "--outcome", "died", "--output", "s.yaml"]) == 0
    assert (here / "s.yaml").read_text() == printed
    assert main(["audit", "good.csv", "--schema", "s.yaml", "--output", "r.json"]) == 0
    assert (audited["schema"].outcome, audited["schema"].patient) == ("died", "pid")


def test_two_reports_are_compared(here, capsys):
    risk = np.tile([0.1, 0.3, 0.6], 40)
    outcome = np.repeat([0, 1, 0, 1], [70, 10, 20, 20])
    for name, power in (("a", 1), ("b", 2)):
        report = healthml.audit_predictions(outcome, risk**power, random_state=0)
        report.to_json(here / f"{name}.json")
    assert main(["compare", "a.json", "b.json", "--output", "c.json"]) == 0
    assert "Not paired, because" in capsys.readouterr().out
    assert json.loads((here / "c.json").read_text())["paired"] is False


OTHER_MISTAKES = {
    "quality good.csv --output q.pdf": ".html .json .csv --output",
    "quality nowhere.csv": "nowhere.csv path",
    "quality good.csv --patient patid": "'patid' --patient 'pid'",
    "clean good.csv": "--output required",
    "clean good.csv --output c.sas7bdat": "c.sas7bdat .parquet --output",
    "clean good.csv --output good.csv": "good.csv read",
    "clean good.csv --output c.csv --record c.csv": "c.csv twice",
    "clean good.csv --output c.csv --record r.html": "r.html .csv --record",
    "compare a.json good.csv": "a.json report.json",
    "compare good.csv good.csv": "good.csv JSON",
    "schema good.csv --output s.toml": "s.toml .yaml --output",
    "schema good.csv --schema s.yaml": "--schema",
}


@pytest.mark.parametrize("words", OTHER_MISTAKES)
def test_a_mistake_in_another_command_is_one_sentence_too(words, here, capsys):
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert (err.startswith("healthml: "), err.count("\n")) == (True, 1)
    assert all(part in err for part in OTHER_MISTAKES[words].split()), err
    assert not any(mark in err for mark in MARKS)
    assert names(here) == ["good.csv"]


@pytest.mark.parametrize(("ending", "package"), [("parquet", "pyarrow"), ("xlsx", "openpyxl")])
def test_a_package_that_is_missing_is_named_with_its_extra(
    ending, package, here, monkeypatch, capsys
):
    getattr(patients(), {"parquet": "to_parquet", "xlsx": "to_excel"}[ending])(f"t.{ending}")
    monkeypatch.setattr("healthml._command_line.tables.find_spec", lambda name: None)
    assert main(["clean", "good.csv", "--output", f"c.{ending}"]) == 2
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["quality", f"t.{ending}"]) == 2
    for line in capsys.readouterr().err.splitlines():
        assert package in line
        assert "pip install 'healthml[files]'" in line


@pytest.mark.parametrize("words", [["--help"], ["clean", "--help"], ["--version"]])
def test_help_is_printed(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0
    assert capsys.readouterr().out


def test_every_example_of_the_help_is_read_and_every_command_has_one():
    from healthml._command_line import parser

    commands = parser()._subparsers._group_actions[0].choices
    for name, command in commands.items():
        lines = [line.split("   ")[0] for line in command.epilog.splitlines()]
        calls = [
            shlex.split(line.strip().split(" | ")[0])[1:]
            for line in (text.strip() for text in lines)
            if line.startswith("healthml ")
        ]
        assert any(call[0] == name for call in calls)
        for call in calls:
            assert parser().parse_args(call).command == call[0]


def test_help_asks_for_no_package():
    code = "import sys, healthml.__main__; print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    assert not any(f"'{name}'" in loaded for name in ("numpy", "pandas", "scipy", "sklearn"))


def test_a_shell_is_told_how_a_word_goes_on():
    pytest.importorskip("argcomplete", reason="needs the extra healthml[completion]")
    line = "healthml audit --outc"
    environment = {**os.environ, "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SUPPRESS_SPACE": "0"}
    environment |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "PYTHONPATH": str(ROOT)}
    command = f"{sys.executable} -m healthml 8>&1 9>/dev/null"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "--outcome"
