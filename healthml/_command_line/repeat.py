"""What repeats a command's report: the command itself, and Python lines with its table and roles.

Paths are left out but for the file's name: a report is mailed, and a folder may name a person.
"""

import shlex
from dataclasses import replace

_READERS = {".parquet": "read_parquet", ".pq": "read_parquet", ".xlsx": "read_excel"}
_FILES = ("table", "schema", "output", "json")


def with_command(report, options, first_lines):
    """Return the report, which now says the command that it came from and how its table is read.

    Parameters
    ----------
    report : AuditReport
    options : argparse.Namespace
        With the words of the command line in `words`.
    first_lines : list of str
        Lines of Python that give the findings' lines their names.
    """
    call = report.about.get("call") or {}
    before = [*call.get("before_lines", ()), *first_lines]
    call = {**call, "audit": command_text(options), "before_lines": before}
    return replace(report, about={**report.about, "call": call})


def command_text(options):
    """Return the command line as it would be typed again beside the files.

    Examples
    --------
    >>> from argparse import Namespace
    >>> from pathlib import Path
    >>> words = ["audit", "/home/somebody/my table.csv", "--outcome", "died"]
    >>> command_text(Namespace(words=words, table=Path(words[1])))
    "python -m healthml audit 'my table.csv' --outcome died"
    """
    paths = [getattr(options, name, None) for name in _FILES]
    words = list(options.words)
    for path in [p for p in paths if hasattr(p, "name")]:
        words = [
            word[: -len(str(path))] + path.name if word.endswith(str(path)) else word
            for word in words
        ]
    return shlex.join(["python", "-m", "healthml", *words])


def table_lines(options, schema, given):
    """Return the lines that read the table and the roles of a command.

    Parameters
    ----------
    options : argparse.Namespace
    schema : Schema
        The roles as they were used.
    given : dict
        Those of them that the command line named.
    """
    reader = _READERS.get(options.table.suffix.lower(), "read_csv")
    extra = _csv_options(options) if reader == "read_csv" else ""
    lines = [f"table = pd.{reader}({options.table.name!r}{extra})"]
    if options.exclude:
        lines.append(f"table = table.drop(columns={list(options.exclude)!r})")
    if options.schema is None:
        return [*lines, f"schema = healthml.{schema!r}"]
    kind = "json" if options.schema.suffix.lower() == ".json" else "yaml"
    lines.append(f"schema = healthml.Schema.from_{kind}({options.schema.name!r})")
    if given:
        named = ", ".join(f"{name}={value!r}" for name, value in given.items())
        lines.append(f"schema = replace(schema, {named})")
    return lines


def _csv_options(options):
    name = options.table.name.lower().removesuffix(".gz")
    sep = options.sep or ("\t" if name.endswith((".tsv", ".tab")) else ",")
    missing = ["", *(options.missing or ())]
    words = f", keep_default_na=False, na_values={missing!r}"
    words += f", sep={sep!r}" if sep != "," else ""
    return words + (f", encoding={options.encoding!r}" if options.encoding else "")


def risk_lines(parts, column):
    """Return the lines that name what a score is judged with."""
    features = f"parts.X.drop(columns=[{column!r}])"
    roles = {"groups": "groups", "site": "site", "time": "time", "score": "score"}
    roles |= {"sensitive": "sensitive_features"}
    named = {name: role for role, name in roles.items() if getattr(parts, role) is not None}
    return [
        "parts = schema.split(table)",
        f"y_true, y_proba, X = parts.y, parts.X[{column!r}], {features}",
        *(f"{name} = parts.{role}" for name, role in named.items()),
    ]
