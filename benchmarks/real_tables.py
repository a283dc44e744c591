"""Run the audits that docs/real_tables.md prints, and write what they found into that page.

The page is the only place where the commands stand: they are read from it, run as printed in an
empty folder, and the lines between ``<!-- figures: name -->`` and ``<!-- end figures -->`` are
replaced. Every number comes from the JSON of a run. The tables are not part of the repository:

    HEALTHML_SHARED=/path/to/shared python benchmarks/real_tables.py

With ``--work FOLDER`` the reports are kept there, and ``--reuse`` takes those of an earlier run.
Beside every claim above a note stands a plain computation of `plain_checks`. Ends with 1 when a
pitfall is neither named nor printed as not assessed, or a claim stands without one.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from plain_checks import plain_words, read_plain

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "real_tables.md"
_BLOCK = r"<!-- {kind}: {name} -->\n```\w+\n(.*?)```\n<!-- end {kind} -->"
_FIGURES = r"(<!-- figures: {name} -->\n).*?(<!-- end figures -->)"


@dataclass(frozen=True)
class Found:
    """A finding of the report, and the columns that it must name.

    Parameters
    ----------
    code : str
        Its code; the most severe one with the columns is taken.
    columns : tuple of str
        Columns whose words are quoted from the evidence, where it has words for each.
    says : str
        Only a finding whose effect, title or evidence holds these words.
    evidence : bool
        Quote the evidence of no column in particular.
    """

    code: str
    columns: tuple = ()
    says: str = ""
    evidence: bool = False

    def lines(self, report):
        """Return the columns named and the lines to print; none when there is no such finding."""
        hits = [f for f in report["findings"] if f["code"] == self.code and self._fits(f)]
        if not hits:
            return set(), []
        finding = max(hits, key=lambda f: len(set(self.columns) & set(f["columns"])))
        named = set(self.columns) & set(finding["columns"])
        if self.columns and not named:
            return set(), []
        words = [f"{link(self.code)}, {finding['severity']}: {finding['title']}."]
        if finding["effect"]:
            words.append(effect_words(finding["effect"]) + ".")
        clauses = _clauses(finding)
        for column in self.columns if not self.evidence else ():
            words += [f"{c}." for c in clauses if _is_about(column, c)]
        if self.evidence:
            words.append(finding["evidence"])
        return named, [" ".join(words)]

    def _fits(self, finding):
        text = f"{finding['title']} {finding['evidence']} {finding['effect']}"
        return self.says in text


@dataclass(frozen=True)
class Unassessed:
    """A question that the report prints as not assessed, with its reason."""

    topic: str

    def lines(self, report):
        """Return no columns and the line to print."""
        return set(), [
            f'Not assessed: "{n["topic"]}", because {n["reason"]}.'
            for n in report["not_assessed"]
            if n["topic"].startswith(self.topic)
        ][:1]


@dataclass(frozen=True)
class Lead:
    """One sentence of a section's lead that holds these words."""

    section: str
    says: str

    def lines(self, report):
        """Return no columns and the line to print."""
        section = next((s for s in report["sections"] if s["key"] == self.section), None)
        sentences = re.split(r"(?<=[a-z)\d])\. ", section["lead"]) if section else []
        return set(), [f"{s.rstrip('.')}." for s in sentences if self.says in s][:1]


@dataclass(frozen=True)
class Rows:
    """Rows of a table in the report, with estimate and interval."""

    section: str
    caption: str
    where: tuple
    label: str
    value: str = "estimate"

    def lines(self, report):
        """Return the columns shown and the lines to print."""
        tables = [t for s in report["sections"] if s["key"] == self.section for t in s["tables"]]
        tables = [t for t in tables if t["caption"].startswith(self.caption)]
        shown = [r for t in tables for r in t["rows"] if self._fits(r)]
        words = [self._row(r) for r in shown]
        named = {r.get("column") for r in shown} - {None}
        return named, [f"{tables[0]['caption']}: {'; '.join(words)}."] if words else []

    def _fits(self, row):
        return all(row.get(key) in values for key, values in self.where)

    def _row(self, row):
        name = self.label.format(**row)
        if row.get(self.value) is None:
            reason = row.get("reason") or "no estimate"
            return f"{name}: {reason}{_counts(row)}"
        withheld = None in (row["lower"], row["upper"])
        interval = "" if withheld else " ({lower:.3f} to {upper:.3f})".format(**row)
        return f"{name} {row[self.value]:.3f}{interval}{_counts(row)}"


@dataclass(frozen=True)
class Absent:
    """A check that looked and found nothing, which is the right answer here."""

    code: str
    words: str

    def lines(self, report):
        """Return no columns and the line to print."""
        seen = any(f["code"] == self.code for f in report["findings"])
        return set(), [] if seen else [f"{link(self.code)} looked and found nothing: {self.words}."]


@dataclass(frozen=True)
class Pitfall:
    """What a careful reader of the table knows, and where the report answers it.

    Parameters
    ----------
    text : str
        The pitfall, numbered as the table's own description numbers it.
    answers : tuple
        What to look for in the report.
    columns : tuple of str
        Columns of which each must be named by one of the answers.
    remark : str
        What a reader should know about the answer.
    """

    text: str
    answers: tuple
    columns: tuple = ()
    remark: str = ""


def link(code):
    """Return a code with a link to its page."""
    return f"[{code}](checks/{code}.md)"


def effect_words(effect):
    """Return an effect with interval and counts, as the report prints it."""
    if effect["estimate"] is None:
        return f"{effect['meaning']}: not shown, since it would tell a small count{_counts(effect)}"
    digits = 1 if effect["measure"] == "net_benefit_per_1000" else 3
    number = f"{effect['estimate']:.{digits}f}"
    if None not in (effect["lower"], effect["upper"]):  # else the interval would tell a small count
        number += f" ({effect['lower']:.{digits}f} to {effect['upper']:.{digits}f})"
    return f"{effect['meaning']}: {number}{_counts(effect)}"


def _counts(row):
    if row.get("n_samples") is None:
        return ""
    return f" in {int(row['n_samples']):,} rows, {int(row['n_events']):,} events"


def _clauses(finding):
    """Return the evidence cut into one clause per column, and what follows the last."""
    clauses = []
    for part in re.split(r"; |\. (?=[\w.]+: )", finding["evidence"].rstrip(".")):
        new = not clauses or re.match(r"[\w.-]+: |[\d,]+ values of |all rows of ", part)
        if new:
            clauses.append(part)
        else:
            clauses[-1] += f"; {part}"
    return clauses


def _is_about(column, clause):
    return clause.startswith(f"{column}: ") or f" values of {column} " in clause


LEAKS = ("sfdm2", "d.time", "death", "slos", "charges", "totcst", "totmcst")
LEAKS = (*LEAKS, "avtisst", "dnr", "dnrday", "hday")
EICU_LEAKS = (
    "hospitaldischargelocation unitdischargestatus unitdischargelocation hospitaldischargeoffset "
    "unitdischargeoffset hospitaldischargetime24 unitdischargetime24 dischargeweight "
    "diedinhospital dischargelocation actualicumortality actualiculos actualhospitalmortality "
    "actualhospitallos actualventdays"
)
GAP = "Gaps, intervals for all groups together"
BY_GROUP = "Performance by group"
SITES = "Performance where the model was not made"
UPSTREAM = "Were missing values replaced by normal values or zeros"

PITFALLS = {
    "support2": (
        Pitfall(
            "1. Columns known only after the prediction, or because of the outcome",
            (
                Found("HM301", LEAKS),
                Found("HM302", LEAKS, says="Ask when"),
                Found("HM302", LEAKS, says="Names that speak"),
                Rows(
                    "leaks",
                    "Each suspect added back",
                    (("column", LEAKS),),
                    "AUC gained by {column}",
                    "gain",
                ),
                Found("HM407", ("avtisst",), evidence=True),
                Rows(
                    "leaks",
                    "Each column alone",
                    (("column", ("avtisst", "hday")),),
                    "{column}",
                ),
                Unassessed("Which columns become known only after"),
            ),
            LEAKS,
            "The AUC without the suspects still holds `avtisst` (averaged over later days) and "
            "the other models' risks: what is left is not clean until somebody says when each "
            "column is known, as in the second run below.",
        ),
        Pitfall(
            "2. Another model's risk and the physician's, used as plain features",
            (Found("HM307", ("surv2m", "surv6m", "prg2m", "prg6m")),),
            ("surv2m", "surv6m", "prg2m", "prg6m"),
        ),
        Pitfall(
            "3. `adlsc` is `adls` filled in; `adlp` needs a patient who can answer",
            (
                Found("HM212", ("adlsc",)),
                Found("HM209", ("adlp",), says="adlp", evidence=True),
                Unassessed("Are values missing because of what"),
            ),
            ("adlsc", "adlp"),
        ),
        Pitfall("4. Who was measured tells the outcome", (Found("HM210", evidence=True),)),
        Pitfall(
            "5. Published normal values to fill in are a choice, not data",
            (Unassessed(UPSTREAM),),
            remark="This file is not filled in, and no spike was claimed.",
        ),
        Pitfall(
            "6. Missing values come in blocks and follow the order of the file",
            (
                Found("HM209", evidence=True),
                Found("HM211", evidence=True),
                Found("HM213", evidence=True),
                Found("HM308", ("id",)),
            ),
            ("id",),
        ),
        Pitfall(
            "7. `sps` and `aps` are scores computed from other columns",
            (Found("HM212", ("sps", "aps")),),
            ("sps", "aps"),
        ),
    ),
    "eicu_demo": (
        Pitfall(
            "1. -1 means not measured, in the physiology and in the predictions",
            (
                Found("HM201", ("ph", "pao2", "bilirubin", "albumin", "predictedicumortality")),
                Lead("performance", "Existing score"),
            ),
            ("ph", "bilirubin", "albumin"),
        ),
        Pitfall(
            "2. The join doubled the rows: one line per version of the score",
            (
                Found("HM305", evidence=True),
                Found("HM106", evidence=True),
                Found("HM304", evidence=True),
            ),
        ),
        Pitfall(
            "3. Columns known at discharge",
            (
                Found("HM301", tuple(EICU_LEAKS.split())),
                Found("HM302", tuple(EICU_LEAKS.split()), says="Ask when"),
                Found("HM302", tuple(EICU_LEAKS.split()), says="Names that speak"),
            ),
            tuple(EICU_LEAKS.split()),
        ),
        Pitfall(
            "4. Units and slips in height and weight",
            (Found("HM203", ("admissionheight", "admissionweight")),),
            ("admissionheight", "admissionweight"),
            "A weight of 294 kg lies inside the shipped limits (people of that weight exist) and "
            "is not named.",
        ),
        Pitfall(
            "5. Age is text because of `> 89`; patients repeat, and stays share an outcome",
            (
                Found("HM207", ("age",)),
                Found("HM304", evidence=True),
                Found("HM106", ("patienthealthsystemstayid",)),
            ),
            ("age", "patienthealthsystemstayid"),
        ),
        Pitfall(
            "6. A rare outcome in small groups",
            (
                Found("HM503", evidence=True),
                Rows(
                    "groups",
                    BY_GROUP,
                    (
                        ("feature", ("ethnicity",)),
                        ("measure", ("oe_ratio", "all")),
                    ),
                    "observed / expected, {group}",
                ),
            ),
        ),
        Pitfall(
            "7. The published score is a fair benchmark",
            (
                Found("HM406"),
                Rows(
                    "performance",
                    "Model and simple references",
                    (
                        ("model", ("existing score", "model without suspects")),
                        ("measure", ("auroc",)),
                    ),
                    "{model}, AUC",
                ),
            ),
        ),
    ),
    "heart4": (
        Pitfall(
            "1. Cholesterol 0 means missing and marks the site; one blood pressure of 0",
            (Found("HM201", ("chol",)), Found("HM203", ("trestbps",))),
            ("chol", "trestbps"),
        ),
        Pitfall(
            "2. The site is a shortcut",
            (
                Found("HM404", says="Observed over expected"),
                Found("HM404", says="Ranking", evidence=True),
                Lead("sites", "site alone"),
                Rows("sites", SITES, (("measure", ("oe_ratio",)),), "observed / expected, {place}"),
            ),
        ),
        Pitfall(
            "3. `oldpeak` below 0, and one hospital records the outcome only as 0 or 1",
            (Found("HM203", ("oldpeak",)), Found("HM105", evidence=True)),
            ("oldpeak",),
        ),
        Pitfall(
            "4. Two exact copies of rows; too few controls and women at one site",
            (
                Found("HM204", evidence=True),
                Rows(
                    "sites",
                    SITES,
                    (("measure", ("auroc",)), ("estimate", (None,))),
                    "AUC at site {place}",
                ),
                Unassessed("For whom does it work at each site"),
            ),
        ),
        Pitfall("5. Other copies wrote 0 for missing", (Unassessed(UPSTREAM),)),
    ),
    "diabetes130": (
        Pitfall("1. Patients repeat", (Found("HM304", evidence=True),)),
        Pitfall(
            "2. Encounters that end in death or hospice cannot be readmitted",
            (Found("HM103", ("discharge_disposition_id",), evidence=True),),
            ("discharge_disposition_id",),
        ),
        Pitfall(
            "3. Codes for missing: `?`, `Unknown/Invalid`, and levels of the id columns",
            (
                Found("HM202", ("race", "weight", "payer_code", "medical_specialty", "gender")),
                Unassessed("Which levels of the code columns mean unknown"),
            ),
            ("race", "weight", "payer_code", "medical_specialty", "gender"),
        ),
        Pitfall(
            "4. Id codes look like numbers",
            (
                Found(
                    "HM208",
                    ("admission_type_id", "discharge_disposition_id", "admission_source_id"),
                ),
            ),
            ("admission_type_id", "discharge_disposition_id", "admission_source_id"),
        ),
        Pitfall(
            "5. Constant columns, and drugs that hardly anybody takes",
            (Found("HM206", ("examide", "citoglipton"), evidence=True),),
            ("examide", "citoglipton"),
        ),
        Pitfall(
            "6. No dates; the outcome's levels have no common horizon",
            (
                Unassessed("Does it hold at a later time"),
                Found("HM308", ("encounter_id",)),
                Unassessed("How far ahead does the prediction look"),
            ),
        ),
        Pitfall(
            "7. Earlier counts are fine; counts over this file's rows would use the future",
            (
                Absent(
                    "HM306",
                    "no whole-number column equals the count of a patient's rows in the file",
                ),
            ),
        ),
        Pitfall(
            "8. Small groups need intervals, and unknown race must not vanish",
            (
                Rows(
                    "groups",
                    BY_GROUP,
                    (("feature", ("race",)), ("measure", ("auroc",))),
                    "AUC, {group}",
                ),
                Found("HM503", evidence=True),
            ),
        ),
    ),
}
PITFALLS["support2_day3"] = (
    Pitfall(
        "What the columns known only later would have pretended",
        (Found("HM303", evidence=True),),
    ),
    Pitfall(
        "The score that existed already, on the same patients",
        (
            Found("HM406"),
            Rows(
                "performance",
                "Model and simple references",
                (("model", ("existing score", "model")), ("measure", ("auroc",))),
                "{model}, AUC",
            ),
            Rows(
                "performance",
                "Model minus reference",
                (("reference", ("existing score",)), ("measure", ("auroc",))),
                "model minus {reference}, AUC",
            ),
        ),
    ),
    Pitfall(
        "Who was measured, among columns known in time",
        (Found("HM210", evidence=True),),
    ),
)


def block(page, kind, name):
    """Return the text of a marked block of the page, or None."""
    found = re.search(_BLOCK.format(kind=kind, name=re.escape(name)), page, re.DOTALL)
    return found and found.group(1)


def prepare(code, work):
    """Run the page's Python that makes a table."""
    subprocess.run([sys.executable, "-c", code], cwd=work, env=_environment(), check=True)


def run(command, work):
    """Run a command of the page as printed; return seconds and peak memory in MiB."""
    words = shlex.split(os.path.expandvars(command.replace("\\\n", " ")))
    if words[0] != "python":
        raise SystemExit(f"The page's command starts with {words[0]!r}, not with python.")
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *words[1:], "--quiet"], cwd=work, env=_environment()
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"The audit ended with {process.returncode}; see its sentence above.")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def _environment():
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    return {**os.environ, "PYTHONPATH": path}


def figures(name, report, cost, plain):
    """Return the lines of one table and the pitfalls that the report misses."""
    seconds, memory = cost
    lines = [f"*{report['statement']}* {report['headline']}", ""]
    lines += [
        f"{seconds:.0f} seconds and {memory:,.0f} MiB at most, on {os.cpu_count()} cores that did "
        f"other work too; exit code {report['exit_code']}.",
        "",
        "To be settled, by the report:",
        "",
    ]
    missed = []
    leaks = [f for f in report["must_settle"] if f["code"] in ("HM301", "HM302")]
    plain = replace(plain, suspects=frozenset(c for f in leaks for c in f["columns"]))
    for finding in report["must_settle"]:
        words = plain_words(finding, plain)
        if words is None:
            missed.append(f"{name}: no plain computation stands beside {finding['code']}")
        lines.append(f"- {_settle(finding)} {words or ''}".rstrip())
    if not report["must_settle"]:
        lines.append("- nothing above a note")
    for pitfall in PITFALLS[name]:
        text, absent = answer(pitfall, report)
        lines += ["", f"**{pitfall.text}**", "", *[f"- {t}" for t in text]]
        if absent:
            missed.append(f"{name}: {pitfall.text}: {absent}")
    return lines, missed


def _settle(finding):
    effect = f" {effect_words(finding['effect'])}." if finding["effect"] else ""
    return f"{link(finding['code'])}, {finding['severity']}: {finding['title']}.{effect}"


def answer(pitfall, report):
    """Return the lines that answer a pitfall, and what of it is not answered."""
    named, lines = set(), []
    for part in pitfall.answers:
        columns, words = part.lines(report)
        named |= columns
        lines += [w for w in words if w not in lines]
    absent = ", ".join(c for c in pitfall.columns if c not in named)
    if not lines:
        absent = absent or "nothing"
    if absent:
        lines.append(f"**Not named by the audit: {absent}.**")
    return lines + ([pitfall.remark] if pitfall.remark and lines else []), absent


def main(argv=None):
    """Run the audits of the page and write their figures into it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, help="keep the reports in this folder")
    parser.add_argument("--reuse", action="store_true", help="take the reports of an earlier run")
    parser.add_argument("--only", nargs="+", choices=PITFALLS, default=list(PITFALLS))
    options = parser.parse_args(argv)
    if "HEALTHML_SHARED" not in os.environ:
        parser.error("name the folder of the tables in HEALTHML_SHARED.")
    work = options.work or Path(tempfile.mkdtemp(prefix="real_tables_"))
    work.mkdir(parents=True, exist_ok=True)
    missed = []
    for name in options.only:
        page = PAGE.read_text(encoding="utf-8")
        report, cost = one_table(name, page, work.resolve(), reuse=options.reuse)
        plain = read_plain(block(page, "command", name), work.resolve())
        lines, absent = figures(name, report, cost, plain)
        missed += absent
        body = "\n".join(lines).replace("\\", r"\\")
        pattern = _FIGURES.format(name=re.escape(name))
        page = re.sub(pattern, rf"\g<1>\n{body}\n\n\g<2>", page, flags=re.DOTALL)
        PAGE.write_text(page, encoding="utf-8")
    print(*(missed or ["Every pitfall is named, or printed as not assessed."]), sep="\n")
    return int(bool(missed))


def one_table(name, page, work, *, reuse):
    """Return the report of one table as read from its JSON, and what it cost."""
    target, costs = work / f"{name}.json", work / f"{name}.cost.json"
    if not (reuse and target.exists() and costs.exists()):
        code = block(page, "python", name)
        if code:
            prepare(code, work)
        costs.write_text(json.dumps(run(block(page, "command", name), work)))
    return json.loads(target.read_text(encoding="utf-8")), json.loads(costs.read_text())


if __name__ == "__main__":
    raise SystemExit(main())
