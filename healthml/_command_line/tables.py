"""Tables and roles as the command line names them: read, checked, and written back."""

import gzip
import io
import sys
from dataclasses import replace
from difflib import get_close_matches
from importlib.util import find_spec

from healthml._core._tables import read_file
from healthml.exceptions import InputError
from healthml.schema import Schema

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
_NAME_COLUMNS = (
    *("outcome", "patient", "site", "time", "sensitive", "known_after", "score", "risk", "exclude"),
)
# Columns from which on an audit is announced as long: 50 rows of 1,000 columns take half a minute
# of processor time (benchmarks/audit.py). By judgement; moving it moves the note alone.
_WIDE = 300
TABLE_FORMS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".xlsx")


def read_schema(options):
    """Return the schema of ``--schema`` with what the command line says instead."""
    given = {name: getattr(options, option, None) for option, name in _ROLES.items()}
    given = {name: value for name, value in given.items() if value is not None}
    if options.schema is None:
        return Schema(**given)
    if not options.schema.is_file():
        raise InputError(f"there is no file {str(options.schema)!r}; check --schema.")
    read = Schema.from_json if options.schema.suffix.lower() == ".json" else Schema.from_yaml
    return replace(read(options.schema), **given)


def named_roles(options):
    """Return the roles that the command line names, as `Schema.infer` takes them."""
    return {
        name: getattr(options, option)
        for option, name in _ROLES.items()
        if getattr(options, option, None) is not None
    }


def read_table(options):
    """Return the table, after checking that it has the columns that the command line names."""
    table = read_file(
        options.table, missing=options.missing, sep=options.sep, encoding=options.encoding
    )
    for option in _NAME_COLUMNS:
        named = getattr(options, option, None)
        for column in [named] if isinstance(named, str) else named or []:
            if column not in table.columns:
                raise InputError(
                    f"{options.table.name} has no column {column!r}, named by "
                    f"--{option.replace('_', '-')}; {_close(column, table.columns)}"
                )
    return table


def without_excluded(table, options, schema):
    """Return the table without the columns of ``--exclude``, none of which may have a role."""
    excluded = options.exclude or []
    named = [*schema._named_columns(), (options.risk, "the risk to judge")]
    for column, role in named:
        if column in excluded:
            raise InputError(f"column {column!r} is excluded and declared as {role}; do one.")
    return table.drop(columns=excluded)


def announce_width(table, options):
    """Say on standard error, before the work, that a wide table takes long and what shortens it."""
    if table.shape[1] >= _WIDE and not options.quiet:
        print(
            f"healthml: note: {table.shape[1]:,} columns make a long audit; --exclude leaves "
            "columns out, --time-budget 120 spends fewer repeats, --jobs -1 takes all processors.",
            file=sys.stderr,
        )


def _close(column, known):
    lower = {str(name).lower(): str(name) for name in known}
    matches = [lower[name] for name in get_close_matches(column.lower(), lower, n=3)]
    return f"did you mean {' or '.join(map(repr, matches))}?" if matches else "check its name."


def check_writer(path, form):
    """Refuse, before the work, a form whose package is not installed."""
    package = {".parquet": "pyarrow", ".xlsx": "openpyxl"}.get(form)
    if package and find_spec(package) is None:
        raise InputError(
            f"{path.name} needs {package}: pip install 'healthml[files]', or write .csv."
        )


def table_bytes(frame, form):
    """Return a table as a file of this form holds it."""
    if form == ".parquet":
        return frame.to_parquet(index=False)
    if form == ".xlsx":
        buffer = io.BytesIO()
        frame.to_excel(buffer, index=False)
        return buffer.getvalue()
    text = frame.to_csv(index=False, sep="\t" if form.startswith(".tsv") else ",")
    content = text.encode("utf-8")
    return gzip.compress(content, mtime=0) if form.endswith(".gz") else content
