"""The commands: each reads its files, asks one room, and writes what was asked for."""

import json
import sys
from dataclasses import replace
from textwrap import shorten

import numpy as np

import healthml
from healthml._command_line.outputs import check_targets, form_of, hand_over, json_target
from healthml._command_line.repeat import risk_lines, table_lines, with_command
from healthml._command_line.tables import (
    TABLE_FORMS,
    announce_width,
    check_writer,
    named_roles,
    read_schema,
    read_table,
    table_bytes,
    without_excluded,
)
from healthml._core._release import left_out_words, release_table
from healthml._core._results import plain, table_text
from healthml._core._tables import parse_numbers
from healthml.cleaning import ClinicalCleaner, quality_report
from healthml.exceptions import InputError
from healthml.schema import Schema

# Exit codes: done, and a serious finding. Scripts rely on them.
FINE, SERIOUS = 0, 1
# ending -> method of a report
_REPORT = {".html": "to_html", ".htm": "to_html", ".json": "to_json", ".md": "to_markdown"}
_RECORD_FORMS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
# Columns of the look at a table that a terminal has room for
_LOOK = ["status", "column", "rule", "n_cells", "detail"]
_STATUS = ["found", "suspected", "note"]
_DETAIL_WIDTH = 72  # characters of a detail in a terminal; the report has it whole; looks only


def audit(options):
    """Judge a procedure, or the risks in a column."""
    schema = read_schema(options)
    if schema.outcome is None:
        raise InputError("no outcome is named; name its column (--outcome COLUMN).")
    _refuse_refits(options)
    targets = _report_targets(options, taken=[options.table, options.schema])
    table = without_excluded(read_table(options), options, schema)
    announce_width(table, options)
    common = {
        "only": options.only,
        "skip": options.skip,
        "show_values": options.show_values,
        "verbose": _verbosity(options),
        "n_jobs": options.jobs,
        "random_state": options.seed,
    }
    lines = table_lines(options, schema, named_roles(options))
    if options.risk is None:
        report = healthml.audit(
            None,
            table,
            schema=schema,
            n_repeats=options.repeats,
            deep=options.deep,
            time_budget=options.time_budget,
            **common,
        )
    else:
        report, more = _audit_risk(table, schema, options.risk, common)
        lines += more
    report = with_command(report, options, lines)
    _hand_over_report(report, targets, options)
    return SERIOUS if report.exit_code else FINE


def _refuse_refits(options):
    """Refuse options of refitting where the risks in a column are judged as they are."""
    for name in ("repeats", "deep", "time_budget"):
        if options.risk is not None and getattr(options, name):
            raise InputError(
                f"--{name.replace('_', '-')} is about refits, and --risk judges the risks of a "
                "column as they are; leave one out."
            )


def _audit_risk(table, schema, column, common):
    """Judge the risks in a column, the columns beside it describe the patients; with its lines."""
    if column in [name for name, _ in schema._named_columns()]:
        raise InputError(f"column {column!r} is the risk to judge and has another role; do one.")
    parts = schema.split(table)
    if parts.flow["n_left_out"].sum():
        count, steps = left_out_words(parts.flow)
        print(f"healthml: note: {count} rows are left out ({steps}).", file=sys.stderr)
    features = parts.X.drop(columns=[column])
    report = healthml.audit_predictions(
        parts.y,
        _risks(parts.X[column]),
        X=features if features.shape[1] else None,
        groups=parts.groups,
        site=parts.site,
        time=parts.time,
        sensitive_features=parts.sensitive,
        score=parts.score,
        schema=schema,
        **common,
    )
    return report, risk_lines(parts, column)


def _risks(column):
    """Return the risks of a column, or say in the words of a table why it holds none."""
    risk = parse_numbers(column)[0]
    bad = np.flatnonzero(~risk.between(0, 1).to_numpy(dtype=bool, na_value=False))
    if bad.size:
        raise InputError(
            f"column {column.name!r} has {bad.size} of {len(risk)} cells that are missing or not "
            f"between 0 and 1, the first at position {bad[0]}; divide percentages by 100, make "
            "risks of points, or leave out such rows, and name the column again (--risk)."
        )
    return risk


def demo(options):
    """Audit simulated patients."""
    from healthml.datasets import make_ehr_cohort

    targets = _report_targets(options, taken=[])
    cohort = make_ehr_cohort(options.rows, preset="realistic", random_state=options.seed)
    report = healthml.audit(
        None,
        cohort.to_frame(),
        schema=cohort.schema,
        n_repeats=options.repeats,
        verbose=_verbosity(options),
        n_jobs=options.jobs,
        random_state=options.seed,
    )
    report = replace(report, statement=f"{report.statement} All patients are simulated.")
    made = f"make_ehr_cohort({options.rows}, preset='realistic', random_state={options.seed})"
    lines = ["from healthml.datasets import make_ehr_cohort", f"cohort = {made}"]
    lines.append("table, schema = cohort.to_frame(), cohort.schema")
    report = with_command(report, options, lines)
    _hand_over_report(report, targets, options)
    if options.json != "-" and not options.quiet:
        print("\nThese patients are simulated: nobody in this report exists. Your own table:")
        print("  python -m healthml audit table.csv --outcome COLUMN --patient COLUMN")
    return FINE


def quality(options):
    """Look at a table; change nothing."""
    targets = _targets(options, (".html", ".htm", ".json", ".csv"), [options.table, options.schema])
    schema = read_schema(options)
    report = quality_report(read_table(options), schema)
    make = {".json": report.to_json, ".csv": lambda: _csv(report)}
    texts = {path: make.get(form, report.to_html)() for path, form in targets.items()}
    hand_over(texts, _look_words(report), lambda: report.to_json(indent=1), options)
    return FINE


def _csv(result):
    return release_table(result.table, as_text=True).to_csv(index=False)


def _look_words(report):
    """Return what was seen, one line each, what is certain first."""
    table = report.table.sort_values("status", key=lambda s: s.map(_STATUS.index), kind="stable")
    if table.empty:
        return "Nothing was found. What was not looked at stands in the report (--json -)."
    counts = table["status"].value_counts().reindex(_STATUS).dropna()
    words = ", ".join(f"{int(n)} {status}" for status, n in counts.items())
    shown = release_table(table, as_text=True)[_LOOK].astype(str)
    shown["column"] = shown["column"].replace("", "(the table)")
    shown["detail"] = shown["detail"].map(lambda text: shorten(text, _DETAIL_WIDTH))
    wide = [max(map(len, shown[name])) for name in _LOOK[:-1]]
    lines = [
        "  ".join([*(cell.ljust(n) for cell, n in zip(row, wide, strict=False)), row[-1]])
        for row in shown.itertuples(index=False)
    ]
    head = f"{len(table)} things to look at: {words}. Nothing was changed."
    return "\n".join([head, "", *lines])


def clean(options):
    """Write a cleaned copy of a table, and the record of each changed cell."""
    taken = [options.table, options.schema]
    targets = _targets(options, TABLE_FORMS, taken)
    if options.record is not None:
        form = form_of(options.record, _RECORD_FORMS, "--record")
        check_targets([options.record, *targets], taken, "--record")
    for path, file_form in targets.items():
        check_writer(path, file_form)
    schema = read_schema(options)
    table = read_table(options)
    named = {schema.outcome, schema.patient, *schema.identifier} & set(table.columns)
    cleaner = ClinicalCleaner(schema=schema, mode="apply" if options.apply else "propose")
    cleaned = cleaner.fit_transform(table.drop(columns=sorted(named)))
    for position, column in enumerate(table.columns):
        if column in named:
            cleaned.insert(min(position, cleaned.shape[1]), column, table[column])
    counts = cleaner.record_.counts()
    texts = {
        path: _counts_json(counts) if path == json_target(options) else table_bytes(cleaned, form)
        for path, form in targets.items()
    }
    if options.record is not None:
        texts[options.record] = table_bytes(cleaner.record_.to_frame(), form)
    words = _cleaning_words(cleaner.record_, counts, cleaner.mode)
    hand_over(texts, words, lambda: _counts_json(counts), options)
    return FINE


def _counts_json(counts):
    return json.dumps({"table": plain(counts)}, indent=1)


def _cleaning_words(record, counts, mode):
    if counts.empty:
        return "Nothing had to be cleaned."
    flagged = counts.loc[counts["action"] == "flagged", "n_cells"].sum() if mode == "propose" else 0
    more = "" if not flagged else "\n\nFlagged cells are as they were; --apply repairs what can be."
    return f"{record.n_rows:,} rows.\n\n{table_text(counts)}{more}"


def compare(options):
    """Put two reports on file beside each other."""
    from healthml.reporting import compare as compare_reports

    for path in (options.first, options.second):
        if not path.is_file():
            raise InputError(f"there is no file {str(path)!r}; pass the report.json of an audit.")
    targets = _targets(options, (".json", ".csv"), [options.first, options.second])
    result = compare_reports(options.first, options.second)
    texts = {
        path: result.to_json(indent=1) if form == ".json" else _csv(result)
        for path, form in targets.items()
    }
    hand_over(texts, result.summary(), lambda: result.to_json(indent=1), options)
    return FINE


def schema(options):
    """Propose the role of each column."""
    targets = _targets(options, (".yaml", ".yml", ".json"), [options.table, options.schema])
    if options.schema is not None:
        raise InputError("schema proposes roles; edit the file you have, or leave out --schema.")
    proposed = Schema.infer(read_table(options), **named_roles(options))
    texts = {
        path: proposed.to_json() if form == ".json" else _with_evidence(proposed)
        for path, form in targets.items()
    }
    if not texts:
        print(_with_evidence(proposed), end="")
        return FINE
    command = f"healthml audit {options.table.name} --schema {options.output}"
    hand_over(texts, f"Read and correct it, then: {command}", None, options)
    return FINE


def _with_evidence(proposed):
    """Return the schema as YAML with a comment for the evidence of each role."""
    first, rest = proposed.to_yaml().split("\n", 1)
    rows = proposed.evidence[proposed.evidence["role"] != "limits"].itertuples(index=False)
    lines = [
        f"# {row.column}: {row.role}{'' if row.adopted else ' (not adopted)'}, as {row.evidence}"
        for row in rows
    ]
    return "\n".join([first, "# Proposed; read and correct it.", *lines, rest])


def _verbosity(options):
    """Progress is for a person who watches: on a terminal only."""
    return int(not options.quiet and sys.stderr.isatty())


def _targets(options, forms, taken):
    """Return {path: form} of ``--output`` and ``--json``, after trying to write there."""
    targets = {}
    if options.output is not None:
        targets[options.output] = form_of(options.output, forms)
    data = json_target(options) if hasattr(options, "json") else None
    if data is not None:
        check_targets([data, *targets], taken, "--json")
        targets[data] = ".json"
    check_targets(list(targets), taken)
    return targets


def _report_targets(options, taken):
    """Return {path: form} of a report; a page has its JSON beside it."""
    targets = _targets(options, tuple(_REPORT), taken)
    if options.json is None and ".json" not in targets.values():
        beside = options.output.with_suffix(".json")
        check_targets([beside], taken)
        targets[beside] = ".json"
    return targets


def _hand_over_report(report, targets, options):
    texts = {path: getattr(report, _REPORT[form])() for path, form in targets.items()}
    hand_over(texts, report.summary(), report.to_json, options)


COMMANDS = {
    "audit": audit,
    "quality": quality,
    "clean": clean,
    "compare": compare,
    "schema": schema,
    "demo": demo,
}
