"""The command line: ``python -m healthml audit table.csv --outcome died`` and ``... demo``.

Exit codes of ``audit``: 0 when no serious finding was measured, 1 when one was, 2 when no report
could be made, with one sentence on standard error that says where and what to do. ``demo`` ends
with 0 when it ran, whatever it found: its findings are the demonstration.
"""

import argparse
import os
import sys
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from healthml._core._release import write_files
from healthml.exceptions import HealthMLWarning, InputError

# Exit codes of the command: no serious finding, a serious one, input that does not fit, and stopped
# from the keyboard (128 + 2, as shells have it). Scripts rely on them.
FINE, SERIOUS, BAD_INPUT, STOPPED = 0, 1, 2, 130
_DEMO_ROWS, _DEMO_REPEATS = 1500, 3  # enough to show every finding within a minute; by judgement
# option of the command line -> name in Schema
_ROLES = {
    "outcome": "outcome",
    "event": "event",
    "patient": "patient",
    "site": "site",
    "time": "time",
    "sensitive": "sensitive",
    "known_after": "known_after",
    "score": "score",
    "threshold_range": "threshold_range",
}
_NAME_COLUMNS = ("outcome", "patient", "site", "time", "sensitive", "known_after", "score")


def main(argv=None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        0, 1 or 2, as the module says; 130 when it was stopped by the keyboard.

    Examples
    --------
    >>> main(["audit", "no_such_table.csv", "--outcome", "died"])
    2
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        options = _parser().parse_args(argv)
        with _calm_warnings():
            return options.run(options)
    except InputError as error:
        return _complain(error)
    except KeyboardInterrupt:
        _complain("stopped; nothing was written.")
        return STOPPED
    except OSError as error:
        name = "a file" if error.filename is None else repr(str(error.filename))
        return _complain(f"{name} cannot be used: {error.strerror}; check path, rights and space.")
    except Exception as error:
        if "--traceback" in argv:
            raise
        return _complain(_unexpected(error))


def _complain(sentence):
    print(f"healthml: {' '.join(str(sentence).split())}", file=sys.stderr)
    return BAD_INPUT


def _unexpected(error):
    """Say where an unforeseen error arose, without its message, which may hold a value."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "healthml" in f.filename]
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "the start"
    return (
        f"no report was made: unforeseen {type(error).__name__} in {where}; please report it, "
        "with what --traceback shows once you have checked that it holds no patient's value."
    )


@contextmanager
def _calm_warnings():
    """Show healthml's own warnings as sentences; those of others may hold values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", HealthMLWarning)
        warnings.showwarning = _warn
        yield


def _warn(message, category, filename, lineno, file=None, line=None):
    print(f"healthml: warning: {' '.join(str(message).split())}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are one sentence, like all others."""

    def error(self, message):
        raise InputError(f"{message.rstrip('.')}; see '{self.prog} --help'.")


def _parser():
    import healthml

    parser = _Parser(
        prog="healthml",
        description="Safeguards for machine learning on healthcare tables.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=healthml.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="{audit,demo}")
    _add_audit(commands)
    _add_demo(commands)
    return parser


def _add_audit(commands):
    audit = commands.add_parser(
        "audit",
        allow_abbrev=False,
        help="judge a prediction of one outcome on a table",
        description="Judge how well the outcome can be predicted from a table, and what must be "
        "settled before anyone relies on it. One row is one prediction.",
        epilog="Exit codes: 0 no serious finding, 1 a serious finding, 2 no report could be made.",
    )
    audit.set_defaults(run=_audit)
    audit.add_argument("table", type=Path, help="CSV, TSV (also .gz), parquet or xlsx file")
    columns = audit.add_argument_group("columns")
    columns.add_argument("--outcome", metavar="COLUMN", help="what is predicted")
    columns.add_argument("--event", help="which outcome is the event: a level, or such as '>0'")
    columns.add_argument("--patient", metavar="COLUMN", help="the patient of each row")
    columns.add_argument("--site", metavar="COLUMN", help="hospital or ward of each row")
    columns.add_argument("--time", metavar="COLUMN", help="time of the prediction")
    columns.add_argument("--score", metavar="COLUMN", help="risk of the score already in use")
    for name, words in (
        ("--sensitive", "columns for whose groups performance is shown"),
        ("--known-after", "columns known only after the prediction; left out, and shown"),
        ("--exclude", "columns to leave out"),
    ):
        columns.add_argument(name, nargs="+", metavar="COLUMN", help=words)
    columns.add_argument(
        "--schema", type=Path, metavar="FILE", help="YAML or JSON file of a Schema"
    )
    reading = audit.add_argument_group("reading")
    reading.add_argument("--missing", nargs="+", default=[], help="cells that mean missing")
    reading.add_argument("--sep", help="delimiter (comma; tab for .tsv)")
    reading.add_argument("--encoding", help="encoding of the text (utf-8)")
    judging = audit.add_argument_group("judging")
    judging.add_argument(
        "--threshold-range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="risks between which one would act (half to twice the event rate)",
    )
    judging.add_argument("--repeats", type=_positive, help="repeats of the cross-validation")
    _add_common(audit, "report.html")
    audit.add_argument(
        "--show-values", action="store_true", help="allow values of cells in the report"
    )


def _add_demo(commands):
    demo = commands.add_parser(
        "demo",
        allow_abbrev=False,
        help="audit simulated patients",
        description="Audit a table of simulated patients with the faults that a first extract from "
        "a hospital usually has. Ends with 0 when it ran: its findings are the demonstration.",
    )
    demo.set_defaults(run=_demo)
    demo.add_argument("--rows", type=_positive, default=_DEMO_ROWS, help="encounters to simulate")
    demo.add_argument("--repeats", type=_positive, default=_DEMO_REPEATS, help=argparse.SUPPRESS)
    _add_common(demo, "healthml_demo_report.html")


def _add_common(parser, output):
    parser.add_argument("--seed", type=_natural, default=0, help="randomness (0)")
    parser.add_argument("--jobs", type=_jobs, metavar="N", help="processes; -1 takes all (1)")
    parser.add_argument(
        "--output", type=Path, default=Path(output), metavar="FILE", help=f"page ({output})"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="the same for machines (beside the page, .json)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")
    parser.add_argument("--traceback", action="store_true", help=argparse.SUPPRESS)


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _jobs(text):
    number = int(text)
    if number == 0:
        raise argparse.ArgumentTypeError("0 does no work; give 1 or more, or -1 for all")
    return number


def _natural(text):
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 0 or more")
    return number


def _audit(options):
    import healthml
    from healthml._core._tables import read_file

    schema = _schema(options)
    targets = _targets(options, taken=[options.table, options.schema])
    table = read_file(
        options.table, missing=options.missing, sep=options.sep, encoding=options.encoding
    )
    table = _without(table, options, schema)
    report = healthml.audit(
        None,
        table,
        schema=schema,
        n_repeats=options.repeats,
        show_values=options.show_values,
        verbose=int(not options.quiet),
        n_jobs=options.jobs,
        random_state=options.seed,
    )
    _hand_over(report, targets)
    return SERIOUS if report.exit_code else FINE


def _demo(options):
    import healthml
    from healthml.datasets import make_ehr_cohort

    targets = _targets(options, taken=[])
    cohort = make_ehr_cohort(options.rows, preset="realistic", random_state=options.seed)
    report = healthml.audit(
        None,
        cohort.to_frame(),
        schema=cohort.schema,
        n_repeats=options.repeats,
        verbose=int(not options.quiet),
        n_jobs=options.jobs,
        random_state=options.seed,
    )
    report = replace(report, statement=f"{report.statement} All patients are simulated.")
    _hand_over(report, targets)
    print("\nThese patients are simulated: nobody in this report exists. Your own table:")
    print("  python -m healthml audit table.csv --outcome COLUMN --patient COLUMN")
    return FINE


def _schema(options):
    """Return the schema of the file with what the command line says instead."""
    from healthml.schema import Schema

    given = {name: getattr(options, option) for option, name in _ROLES.items()}
    given = {name: value for name, value in given.items() if value is not None}
    if options.schema is None:
        schema = Schema(**given)
    else:
        if not options.schema.is_file():
            raise InputError(f"there is no file {str(options.schema)!r}; check --schema.")
        read = Schema.from_json if options.schema.suffix == ".json" else Schema.from_yaml
        schema = replace(read(options.schema), **given)
    if schema.outcome is None:
        raise InputError("no outcome is named; name its column (--outcome COLUMN).")
    return schema


def _without(table, options, schema):
    """Return the table without excluded columns, after checking the names on the command line."""
    for option in (*_NAME_COLUMNS, "exclude"):
        named = getattr(options, option)
        for column in [named] if isinstance(named, str) else named or []:
            if column not in table.columns:
                raise InputError(
                    f"{options.table.name} has no column {column!r}, named by "
                    f"--{option.replace('_', '-')}; {_close(column, table.columns)}"
                )
    excluded = options.exclude or []
    for column, role in schema._named_columns():
        if column in excluded:
            raise InputError(f"column {column!r} is excluded and declared as {role}; do one.")
    return table.drop(columns=excluded)


def _close(column, known):
    lower = {str(name).lower(): str(name) for name in known}
    matches = [lower[name] for name in get_close_matches(column.lower(), lower, n=3)]
    return f"did you mean {' or '.join(map(repr, matches))}?" if matches else "check its name."


def _targets(options, taken):
    """Return the paths of page and JSON after trying, before the long work, to write there."""
    page = options.output
    data = options.json or page.with_suffix(".json")
    if page == data:
        raise InputError(f"page and JSON would both be {str(page)!r}; give --json another name.")
    for target in (page, data):
        if target.is_dir():
            raise InputError(f"{str(target)!r} is a folder; name a file in it (--output).")
        if not target.parent.is_dir():
            raise InputError(
                f"there is no folder {str(target.parent)!r} to write to; make it, or change "
                "--output."
            )
        if any(t is not None and t.exists() and target.resolve() == t.resolve() for t in taken):
            raise InputError(f"{str(target)!r} is read here, not written; change --output.")
        part = _part(target)
        part.touch()
        part.unlink()
    return page, data


def _part(target):
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _hand_over(report, targets):
    """Write page and JSON, both or none, and print the summary."""
    texts = (report.to_html(), report.to_json())
    write_files(dict(zip(targets, texts, strict=True)))
    print(report.summary())
    print(f"\nPage: {targets[0]}\nJSON: {targets[1]}")


if __name__ == "__main__":
    raise SystemExit(main())
