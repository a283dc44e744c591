"""The report as an object: what it says first, what it writes, and what it never shows."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import healthml
from healthml._core._findings import SEVERITIES, Effect, Finding, check_rules
from healthml.reporting import AuditReport
from healthml.reporting._report import (
    Figure,
    NotAssessed,
    Section,
    findings_table,
    sort_findings,
)

COLUMNS = [
    "code", "severity", "title", "measure", "estimate", "lower", "upper", "n_samples", "n_events",
    "columns", "evidence", "remedy", "remedy_code",
]  # fmt: skip
EFFECT = Effect("auroc", 0.12, 0.1, 0.14, "AUC with minus without", 2000, 300)
FINDINGS = sort_findings(
    [
        Finding("HM503", "not assessable", "Groups too small", "2 groups", "Collect more."),
        Finding("HM401", "note", "Not shown to beat age and sex", "holds 0", "Show more.", EFFECT),
        Finding("HM204", "note", "Repeated rows", "4 rows", "Find out why."),
        Finding("HM406", "not assessable", "Not shown to beat the score", "wide", "Show more."),
        Finding("HM302", "moderate", "Rests on b", "counts", "Ask for b.", EFFECT, ("b", 3)),
        Finding("HM301", "serious", "x repeats the outcome", "alone 1.00", "Ask for x."),
    ]
)


def hand_made(**changes):
    made = {
        "statement": "This judges a procedure for new patients.",
        "headline": "AUC 0.900 (0.880 to 0.920); no suspect column was found.",
        "findings": FINDINGS,
        "not_assessed": (
            NotAssessed("When?", "no time", "Declare the time.", "HM104"),
            NotAssessed("Why?", "no reason", "Ask for x."),
        ),
        "sections": (Section("s", "cohort", "Who?", "Lead.", (("T", pd.DataFrame({"n": [1]})),)),),
        "about": {"seed": 0, "severity_rules": check_rules(), "n_samples": np.int64(2000)},
    }
    return AuditReport(findings_table(FINDINGS), **{**made, **changes})


# --- what comes first ----------------------------------------------------------------------------


def test_findings_stand_by_severity_then_code():
    found = [(f.severity, f.code) for f in FINDINGS]
    assert found == sorted(found, key=lambda f: (SEVERITIES.index(f[0]), f[1]))
    assert FINDINGS[0].code == "HM301"
    assert FINDINGS[-1].severity == "not assessable"


def test_what_must_be_settled():
    report = hand_made()
    assert [f.code for f in report.must_settle] == ["HM301", "HM302", "HM401"]
    assert [f.code for f in report.notes] == ["HM204", "HM406", "HM503"]
    assert report.exit_code == 1
    assert hand_made(findings=FINDINGS[1:]).exit_code == 0
    assert report.codes() == ["HM301", "HM302", "HM204", "HM401", "HM406", "HM503"]
    assert report.codes("serious", "moderate") == ["HM301", "HM302"]


def test_evidence_needed_next_is_said_once_and_in_order():
    asked = hand_made().next_evidence
    assert asked == ("Ask for x.", "Ask for b.", "Show more.", "Declare the time.")


def test_the_terminal_reads_in_order():
    lines = hand_made().summary().splitlines()
    assert lines[:4] == [
        "This judges a procedure for new patients.",
        "AUC 0.900 (0.880 to 0.920); no suspect column was found.",
        "",
        "To be settled before anyone relies on this model: 3",
    ]
    assert lines[4] == "  [serious] HM301 x repeats the outcome"
    assert lines[5] == "  [moderate] HM302 Rests on b"
    assert lines[6] == f"      {EFFECT.in_words()}"
    assert lines[-1].startswith("Notes: 1; not assessable: 2; questions not assessed: 2")
    assert lines[-1].endswith("What was not found is not a proof that all is well.")


def test_nothing_to_settle_is_no_praise():
    text = hand_made(findings=FINDINGS[2:3]).summary()
    assert "Nothing above a note was measured." in text
    assert "not a proof" in text
    assert "safe" not in text.lower()


def test_a_section_is_found_by_its_key():
    assert hand_made().section("s").title == "Who?"
    with pytest.raises(StopIteration):
        hand_made().section("t")


# --- tables and text -----------------------------------------------------------------------------


def test_the_table_of_findings_is_tidy():
    table = hand_made().to_frame()
    assert table.columns.tolist() == COLUMNS
    row = table.set_index("code").loc["HM302"]
    assert (row["measure"], row["estimate"], row["lower"], row["upper"]) == (
        "auroc",
        0.12,
        0.1,
        0.14,
    )
    assert (row["n_samples"], row["n_events"], row["columns"]) == (2000, 300, "b, 3")
    assert table.set_index("code").loc["HM301", ["estimate", "lower", "n_samples"]].isna().all()
    assert findings_table(()).columns.tolist() == COLUMNS
    table.loc[0, "code"] = "changed"
    assert hand_made().table.loc[0, "code"] == "HM301"


def test_repr_is_the_summary_and_html_is_escaped():
    nasty = "<script>alert(1)</script>"
    findings = (Finding("HM204", "note", nasty, "4 rows", "Why?"),)
    report = AuditReport(findings_table(findings), f"S {nasty}", f"H {nasty}", findings)
    assert repr(report) == f"AuditReport\n{report.summary()}"
    page = report._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3


def test_json_is_strict_and_whole():
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    gap = Section("g", "groups", "Who?", "L", (("T", pd.DataFrame({"lower": [np.nan, np.inf]})),))
    drawn = Section("d", "groups", "Seen?", "L", figures=(Figure(lambda ax: None, "words"),))
    report = hand_made(sections=(gap, drawn))
    body = json.loads(report.to_json(), parse_constant=refuse)
    assert list(body) == [
        "format", "statement", "columns", "headline", "exit_code", "about", "declared",
        "must_settle", "findings", "not_assessed", "next_evidence", "checks", "sections",
    ]  # fmt: skip
    assert [f["code"] for f in body["findings"]] == report.codes()
    assert [f["code"] for f in body["must_settle"]] == ["HM301", "HM302", "HM401"]
    assert body["findings"][1]["effect"]["lower"] == 0.1
    assert body["findings"][1]["columns"] == ["b", 3]
    assert body["sections"][0]["tables"][0]["rows"] == [{"lower": None}, {"lower": None}]
    assert body["about"]["severity_rules"]["auroc"]["harm"] == 0.02
    assert body["about"]["n_samples"] == 2000
    assert body["not_assessed"][0]["needed"] == "Declare the time."


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["to_json", "to_html"])
def test_what_is_written_is_what_is_returned(method, tmp_path):
    report = hand_made(statement="Grüße an 東京, ≥ 0")
    for target in (tmp_path / "a.out", str(tmp_path / "b.out")):
        text = getattr(report, method)(target)
        assert Path(target).read_text(encoding="utf-8") == text
        assert "東京" in text
    assert text == getattr(report, method)()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.out", "b.out"]


@pytest.mark.parametrize("method", ["to_json", "to_html"])
def test_an_older_report_stays_when_writing_fails(method, tmp_path, monkeypatch):
    target = tmp_path / "report"
    target.write_text("an older report")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            getattr(hand_made(), method)(target)
    assert target.read_text() == "an older report"
    assert [p.name for p in tmp_path.iterdir()] == ["report"]
    getattr(hand_made(), method)(target)
    assert "This judges a procedure" in target.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_made_writes_nothing(tmp_path):
    def cannot(ax):
        raise ValueError

    broken = Section("b", "cohort", "Who?", "Lead.", figures=(Figure(cannot, "nothing"),))
    target = tmp_path / "page.html"
    target.write_text("an older page")
    with pytest.raises(ValueError, match=r"^$"):
        hand_made(sections=(broken,)).to_html(target)
    assert target.read_text() == "an older page"
    assert len(list(tmp_path.iterdir())) == 1


# --- what is never shown -------------------------------------------------------------------------

N = 600
RARE, SMALL, WIDE = "Rarewardqx", "Tinyoriginqx", "Levelqx"


def parts_of(value, seen):
    """Yield everything that an object holds, to the bottom."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    yield value
    inside = value
    if isinstance(value, dict):
        inside = list(value.values())
    elif hasattr(value, "__self__"):
        inside = [value.__self__]
    elif hasattr(value, "__dataclass_fields__"):
        inside = list(vars(value).values())
    if isinstance(inside, list | tuple):
        for item in inside:
            yield from parts_of(item, seen)


def test_a_stored_report_holds_no_row_and_reads_back():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(60, 10, N), "sex": rng.choice(["f", "m"], N)})
    y, site = (rng.random(N) < 0.4).astype(int), rng.choice(["a", "b", "c"], N)
    report = healthml.audit(
        None, X, y, site=site, time=np.arange(N), sensitive_features=["sex"], random_state=0
    )
    stored = pickle.loads(pickle.dumps(report))
    assert stored.to_html() == report.to_html()
    sizes = [
        value.size if isinstance(value, np.ndarray) else len(value)
        for value in parts_of(stored, {})
        if isinstance(value, np.ndarray | pd.DataFrame | pd.Series)
    ]
    assert len(sizes) > 10
    assert max(sizes) <= N / 2


@pytest.fixture(scope="module")
def guarded():
    """Return the texts of a report without, and of one with values, on a table full of marks."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        {
            "age": rng.normal(60, 12, N).round(),
            "lab": rng.normal(50, 10, N).round(1),
            "ward": rng.choice(["East", "West"], N).astype(object),
            # 60 levels, of which one never has the outcome
            "team": [f"team{k}" for k in rng.integers(0, 60, N)],
            "mrn": [f"MRNQX{k:05d}" for k in rng.permutation(N)],
        },
        index=[f"LABELQX{k}" for k in range(N)],
    )
    y = (rng.uniform(size=N) < 1 / (1 + np.exp(-0.15 * (X["lab"] - 50)))).to_numpy().astype(int)
    X.iloc[:10, 2] = RARE
    X.iloc[20:120, 3] = WIDE
    y[20:120] = 0
    origin = np.where(np.arange(N) % 2, "o1", "o2").astype(object)
    origin[:10] = SMALL
    texts = {}
    for show in (False, True):
        report = healthml.audit(
            None, X, y, sensitive_features={"origin": origin}, show_values=show, n_repeats=1,
            random_state=0,
        )  # fmt: skip
        shown = [report.to_html(), report.to_json(), report.summary(), repr(report)]
        shown += [report._repr_html_(), report.table.to_csv()]
        texts[show] = "\n".join(shown)
        assert "HM103" in report.codes()
        assert "HM503" in report.codes()
        assert "HM308" in report.codes()
    return texts


@pytest.mark.parametrize("show", [False, True])
@pytest.mark.parametrize("mark", ["MRNQX", "LABELQX", RARE, SMALL])
def test_identifiers_row_labels_and_small_groups_stay_hidden(guarded, show, mark):
    assert mark not in guarded[show]


def test_values_of_wide_columns_are_shown_only_when_asked_for(guarded):
    assert WIDE not in guarded[False]
    assert "(not listed)" in guarded[False]
    assert WIDE in guarded[True]


@pytest.mark.parametrize("size", [10, 11])
def test_eleven_patients_are_the_smallest_group_shown(size):
    rng = np.random.default_rng(8)
    X = pd.DataFrame(rng.normal(size=(400, 2)).round(3), columns=["a", "b"])
    y = (X["a"] + rng.normal(size=400) > 0).astype(int).to_numpy()
    origin = np.where(np.arange(400) % 2, "o1", "o2").astype(object)
    origin[:size] = SMALL
    report = healthml.audit(
        None, X, y, sensitive_features={"origin": origin}, n_repeats=1, random_state=0
    )
    text = report.to_html() + report.to_json()
    assert (SMALL in text) == (size == 11)
    shown = report.section("groups").tables[0][1]
    small = shown[shown["measure"] == "all"]
    assert small["n_samples"].tolist() == [size]  # in memory, for the analyst who holds the rows
    written = report.released().section("groups").tables[0][1]
    written = written[written["measure"] == "all"]
    assert written["n_samples"].notna().tolist() == [size == 11]
    assert "HM503" in report.codes("not assessable")


def test_it_draws_the_aucs(tmp_path):
    rng = np.random.default_rng(1)
    risk = rng.uniform(0.05, 0.6, 300)
    report = healthml.audit_predictions(
        (rng.uniform(size=300) < risk).astype(int), risk, random_state=0
    )
    ax = report.plot()
    assert ax.get_xlabel() == "AUC (95% interval)"
    assert {t.get_text() for t in ax.get_yticklabels()} == {"model", "prevalence only"}
