"""The options of the command line, with help that teaches by example; nothing else is imported."""

import argparse
from pathlib import Path

from healthml._version import __version__
from healthml.exceptions import InputError

_DEMO_ROWS, _DEMO_REPEATS = 1500, 3  # enough to show every finding within a minute; by judgement
_SEED_END = 2**32  # seeds of numpy lie below

_EXIT_CODES = """\
exit codes:
  0    done; for audit: no serious finding
  1    audit only: a serious finding
  2    nothing was written: one sentence says where the mistake is and what to do
  130  stopped from the keyboard, or by the reader of the output
"""

_START = """\
examples:
  healthml demo                                      see a report first
  healthml quality table.csv                         what is wrong in this table?
  healthml schema table.csv --output roles.yaml      propose the role of each column
  healthml audit table.csv --outcome died            can it be predicted, and relied on?
  healthml audit table.csv --outcome died --risk score
                                                     is the score in this column right?

'healthml COMMAND --help' has more. Nothing is sent anywhere.
"""

_AUDIT = """\
examples:
  healthml audit table.csv --outcome died --patient patient_id
  healthml audit table.csv --outcome status --event Died --site hospital --sensitive sex race
  healthml audit table.csv --outcome stay --event '>7' --exclude discharge_date --missing NA '?'
  healthml audit scores.csv --outcome died --risk apache_risk       a score alone, not refitted
  healthml audit table.parquet --schema roles.yaml --output report.json
  healthml audit table.csv --outcome died --time-budget 120 --skip HM407
  healthml audit table.csv --outcome died --json - --quiet | jq .exit_code

"""

_QUALITY = """\
examples:
  healthml quality table.csv
  healthml quality table.csv --patient patient_id --site hospital --output quality.html
  healthml quality table.xlsx --schema roles.yaml --json -

"""

_CLEAN = """\
examples:
  healthml clean table.csv --output clean.csv
  healthml clean table.csv --output clean.xlsx --record changes.csv
  healthml clean table.csv --schema roles.yaml --apply --output clean.csv

The whole table is learnt from at once. Before a model is judged, clean inside its pipeline instead
(healthml.cleaning.ClinicalCleaner), so that test rows teach nothing.

"""

_COMPARE = """\
examples:
  healthml compare old.json new.json
  healthml compare old.json new.json --json -

Reports on file hold no rows, so that no difference is paired; healthml.reporting.compare pairs
live reports.

"""

_SCHEMA = """\
examples:
  healthml schema table.csv
  healthml schema table.csv --outcome died --output roles.yaml
  healthml audit table.csv --schema roles.yaml       after you have read and corrected it

"""

_DEMO = """\
examples:
  healthml demo
  healthml demo --rows 800 --output demo.html

"""


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are one sentence, like all others."""

    def error(self, message):
        raise InputError(f"{message.rstrip('.')}; see '{self.prog} --help'.")


def parser():
    """Return the parser of all commands."""
    top = _Parser(
        prog="healthml",
        description="Safeguards for machine learning on healthcare tables.",
        epilog=f"{_START}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=__version__)
    names = ("audit", "quality", "clean", "compare", "schema", "demo")
    commands = top.add_subparsers(
        title="commands", required=True, dest="command", metavar=f"{{{','.join(names)}}}"
    )
    for add in (_add_audit, _add_quality, _add_clean, _add_compare, _add_schema, _add_demo):
        add(commands)
    return top


def _command(commands, name, line, description, examples):
    made = commands.add_parser(
        name,
        help=line,
        description=description,
        epilog=examples + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.set_defaults(command=name)
    return made


def _add_audit(commands):
    audit = _command(
        commands,
        "audit",
        "judge a prediction of one outcome on a table",
        "Judge how well the outcome can be predicted from a table, or how right the risks in one\n"
        "of its columns are (--risk), and what must be settled before anyone relies on it. One\n"
        "row is one prediction.",
        _AUDIT,
    )
    columns = _add_table(audit)
    columns.add_argument(
        "--risk", metavar="COLUMN", help="judge the risks in this column, made before, as they are"
    )
    columns.add_argument("--score", metavar="COLUMN", help="risk of the score already in use")
    for name, words in (
        ("--sensitive", "columns for whose groups performance is shown"),
        ("--known-after", "columns known only after the prediction; left out, and shown"),
        ("--exclude", "columns to leave out"),
    ):
        columns.add_argument(name, nargs="+", metavar="COLUMN", help=words)
    judging = audit.add_argument_group("judging")
    judging.add_argument(
        "--threshold-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="risks between which one would act (half to twice the event rate)",
    )
    judging.add_argument("--repeats", type=_positive, help="repeats of the cross-validation")
    judging.add_argument(
        "--time-budget",
        type=_seconds,
        metavar="SECONDS",
        help="make as many repeats as fit, and say how many",
    )
    judging.add_argument(
        "--deep", action="store_true", help="refit in bootstrap samples, too; many times the work"
    )
    for name, words in (("--only", "ask only these checks"), ("--skip", "leave these out")):
        judging.add_argument(
            name, nargs="+", metavar="CHECK", help=f"{words}: codes (HM301) or names (leaks, sites)"
        )
    _add_random(audit)
    _add_output(
        audit, "the report: .html or .md, with .json beside it, or .json alone", "report.html"
    )
    audit.add_argument(
        "--show-values", action="store_true", help="allow values of cells in the report"
    )


def _add_quality(commands):
    quality = _command(
        commands,
        "quality",
        "say what is missing, coded, impossible, mistyped or repeated",
        "Look at a table and say what is wrong in it, column by column. Nothing is changed.",
        _QUALITY,
    )
    _add_table(quality)
    _add_output(quality, "the report: .html, .json, or .csv for its table")


def _add_clean(commands):
    clean = _command(
        commands,
        "clean",
        "write a cleaned copy, each changed cell on record",
        "Read missing codes, results typed as text, dates, spellings and impossible values, and\n"
        "write a cleaned copy. Outcome, patient and identifiers are left as they are. What is\n"
        "inferred (units, decimal slips, swapped fields) is flagged, unless --apply repairs it.",
        _CLEAN,
    )
    _add_table(clean)
    clean.add_argument("--apply", action="store_true", help="repair also what is inferred")
    clean.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="each changed cell with its old value (.csv, .tsv, also .gz); holds patients' values",
    )
    _add_output(clean, "the cleaned table: .csv, .tsv (also .gz), .parquet, .xlsx", required=True)


def _add_compare(commands):
    compare = _command(
        commands,
        "compare",
        "put two reports beside each other",
        "Compare two audits: of two versions of a model, or before and after a finding was acted\n"
        "on.",
        _COMPARE,
    )
    for name in ("first", "second"):
        compare.add_argument(name, type=Path, help="report.json written by audit")
    _add_output(compare, "the comparison: .json, or .csv for its table")


def _add_schema(commands):
    schema = _command(
        commands,
        "schema",
        "propose the role of each column, to be read and corrected",
        "Propose outcome, patient, site, time and the rest from names and counts, each with its\n"
        "evidence, as a file for --schema.",
        _SCHEMA,
    )
    _add_table(schema)
    _add_output(schema, "the schema: .yaml, .yml or .json (standard output)", json=False)


def _add_demo(commands):
    demo = _command(
        commands,
        "demo",
        "audit simulated patients",
        "Audit a table of simulated patients with the faults that a first extract from a hospital\n"
        "usually has. Ends with 0 when it ran: its findings are the demonstration.",
        _DEMO,
    )
    demo.add_argument("--rows", type=_positive, default=_DEMO_ROWS, help="encounters to simulate")
    demo.add_argument("--repeats", type=_positive, default=_DEMO_REPEATS, help=argparse.SUPPRESS)
    _add_random(demo)
    _add_output(demo, "the report: .html, with .json beside it", "healthml_demo_report.html")


def _add_table(command):
    """Add the table, how it is read and the roles that every look at a table knows."""
    command.add_argument("table", type=Path, help="CSV, TSV (also .gz), parquet or xlsx file")
    reading = command.add_argument_group("reading")
    reading.add_argument("--missing", nargs="+", default=[], help="cells that mean missing")
    reading.add_argument("--sep", help="delimiter (comma; tab for .tsv)")
    reading.add_argument("--encoding", help="encoding of the text (utf-8)")
    columns = command.add_argument_group("columns")
    columns.add_argument("--outcome", metavar="COLUMN", help="what is predicted")
    columns.add_argument("--event", help="which outcome is the event: a level, or such as '>0'")
    columns.add_argument("--patient", metavar="COLUMN", help="the patient of each row")
    columns.add_argument("--site", metavar="COLUMN", help="hospital or ward of each row")
    columns.add_argument("--time", metavar="COLUMN", help="time of the prediction")
    columns.add_argument("--schema", type=Path, metavar="FILE", help="YAML or JSON file of roles")
    return columns


def _add_random(command):
    command.add_argument("--seed", type=_natural, default=0, help="randomness (0)")
    command.add_argument("--jobs", type=_jobs, metavar="N", help="processes; -1 takes all (1)")


def _add_output(command, words, default=None, *, required=False, json=True):
    writing = command.add_argument_group("writing")
    writing.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        required=required,
        default=None if default is None else Path(default),
        help=words if default is None else f"{words} ({default})",
    )
    if json:
        writing.add_argument(
            "--json", metavar="FILE", help="the answer for machines; - prints it, and only it"
        )
    writing.add_argument("--quiet", action="store_true", help="no progress, no summary")
    command.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _seconds(text):
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not more than 0 seconds")
    return number


def _jobs(text):
    number = int(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 does no work; give 1 or more, or -1 for all")
    return number


def _natural(text):
    number = int(text)
    if not 0 <= number < _SEED_END:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 0 or more")
    return number
