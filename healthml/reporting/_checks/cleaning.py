"""What the cleaning room finds: units, slips, contradicting fields, names of levels, labels."""

import re

import numpy as np
import pandas as pd

from healthml._core._findings import NOTE, Finding
from healthml._core._knowledge import readable_unit
from healthml.cleaning import DateParser
from healthml.cleaning._dates import unread_dates
from healthml.cleaning._labels import judge_labels
from healthml.reporting._checks.look import (
    Look,
    auc_effect,
    base_columns,
    base_risk,
    compare_variant,
    count_words,
    graded,
    names_in_words,
)
from healthml.reporting._report import NotAssessed, Section

_ONCE_TOO_OFTEN = re.compile(r"^(.+)\*([\d.e+-]+)$")  # "kg*0.45359", but not "10*9/L"
_SPELLING = ("invisible_characters", "spaces", "case", "synonym", "typo", "smudge", "dependency")
_SURE_OF_NOISE = 0.95  # chance that there are wrong labels at all, before any is counted
_FALSE_FLAGS = 0.2  # share of flags that may be wrong; the default of LabelAudit, lower flags fewer


def check_units(case):
    """Compare values with those of other units, site by site, and refit with them converted."""
    counts = case.repairs.counts("units", "unit_mixup", "unit_column", "unit_in_cell")
    written = case.repairs.counts("results", "unit_differs")
    if counts.empty and written.empty:
        return Look()
    units = case.repairs.unit_proposals
    words = [_unit_words(rows) for _, rows in units.groupby(["column", "from_unit"], sort=False)]
    words += [
        f"{r.column}: another unit written in {count_words(r.n_cells, 'cell')}"
        for r in written.itertuples()
    ]
    columns = list(dict.fromkeys([*counts["column"], *written["column"]]))
    finding = measured(
        case,
        "HM215",
        "units",
        "units converted",
        f"{names_in_words(columns, 4)} {_hold(columns)} values in another unit",
        f"{'; '.join(words)}.",
        "Ask the laboratory; then convert, with the same rule where the model is used "
        "(healthml.cleaning.UnitHarmonizer).",
        columns,
    )
    shown = units[["column", "group", "from_unit", "to_unit", "n_cells", "n_unsure", "kinds"]]
    section = Section(
        "units",
        "data",
        "Are all values of a column in one unit?",
        finding.evidence,
        (("Values in another unit than the rest of their column", shown),) if len(shown) else (),
    )
    return Look((finding,), (section,))


def _unit_words(rows):
    """Return what was found of one column and unit, sites counted and not named."""
    first, n = rows.iloc[0], int(rows["n_cells"].sum())
    places = f" at {len(rows)} site{'s' if len(rows) > 1 else ''}"
    where = "" if rows["group"].eq("all").all() else places
    kinds = ", ".join(sorted({k for kinds in rows["kinds"] for k in kinds.split(", ")}))
    often = r"\1 multiplied by \2 once too often"
    if "level" in kinds:  # a whole site: whether it or the others are wrong no value says
        often += ", or the others in another unit,"
    unit = re.sub(_ONCE_TOO_OFTEN, often, first.from_unit)
    cells = f"{first.column}: {count_words(n, 'cell')} in {readable_unit(unit)}{where} (by {kinds})"
    if unit != first.from_unit:
        return cells
    return f"{cells}, if the others are in {readable_unit(first.to_unit)}"


def check_decimal_slips(case):
    """Look for values that are ordinary with the point moved, and refit with it moved back."""
    counts = case.repairs.counts("slips", "decimal_slip", "decimal_shift_alike")
    if counts.empty:
        return Look()
    columns = list(dict.fromkeys(counts["column"]))
    finding = measured(
        case,
        "HM216",
        "slips",
        "points moved back (cells in doubt made missing)",
        f"{names_in_words(columns, 4)} {_hold(columns)} slipped decimal points",
        f"{_cells_in_words(counts)}.",
        "Look them up at the source; then move the point back "
        "(healthml.cleaning.DecimalSlips), never clip.",
        columns,
    )
    return Look((finding,))


def check_fields(case):
    """Compare columns that must agree, and refit with the cells repaired that must be wrong."""
    counts = case.repairs.counts("fields")
    counts = counts[counts["severity"] == "error"]
    if counts.empty:
        return Look()
    columns = list(dict.fromkeys(counts["column"]))
    finding = measured(
        case,
        "HM217",
        "fields",
        "contradicting fields repaired or made missing",
        f"{names_in_words(columns, 4)} contradict{'s' * (len(columns) == 1)} the rest of the row",
        f"{_cells_in_words(counts)}.",
        "Look up which cell is wrong; healthml.cleaning.CrossFieldCheck names it where the rest "
        "of the row tells.",
        columns,
    )
    return Look((finding,))


def check_level_names(case):
    """Look for one level under several names, and refit with one name each."""
    counts = case.repairs.counts("levels", *_SPELLING)
    counts = counts[counts["column"].isin(case.repairs.closed)]
    renamed = case.repairs.renamed(case.roles.time)
    words = [_cells_in_words(counts)] if len(counts) else []
    words += [_renamed_words(pair) for pair in renamed]
    if not words:
        return Look()
    columns = [*counts["column"], *(str(pair.column) for pair in renamed)]
    columns = list(dict.fromkeys(columns))
    return Look(
        (
            measured(
                case,
                "HM218",
                "levels",
                "one name for each level",
                f"{names_in_words(columns, 4)} {_hold(columns)} one level under several names",
                f"{'; '.join(words)}.",
                "Ask whether they are one thing; then give it one name, the same where the model "
                "is used (healthml.cleaning.CategoryNormalizer).",
                columns,
                changes=case.repairs.one_name(renamed),
                cause_known=not renamed,
            ),
        )
    )


def _renamed_words(pair):
    ends, begins = len(pair.old), len(pair.new)
    return (
        f"{pair.column}: {ends} level{'s' if ends > 1 else ''} ({pair.n_old:,} rows, "
        f"{100 * pair.share_before:.0f}% before) end, and {begins} other"
        f"{'s' if begins > 1 else ''} ({pair.n_new:,} rows, {100 * pair.share_after:.0f}% after) "
        "begin in their place: one thing with a new code, or a new practice"
    )


def measured(
    case, code, step, label, title, evidence, remedy, columns, *, changes=(), cause_known=True
):
    """Return a finding graded by the AUC that the mistake costs, or a note without a refit."""
    base = base_columns(case)
    table = case.repairs.repaired(step, case.table, base, changes) if case.refit else None
    if table is None:
        return Finding(code, NOTE, title, evidence, remedy, columns=tuple(columns))
    (change, low, high), _, _ = compare_variant(case, table[base], label=label)
    effect = auc_effect(case, -change, -high, -low, f"AUC with {label} minus AUC as it is")
    return graded(
        case, code, effect, title, evidence, remedy, columns=columns, cause_known=cause_known
    )


def check_text_dates(case):
    """Ask which texts are dates: as text every day is a level of its own."""
    read = DateParser().fit(case.X).date_columns_
    written = [c for c in read if not pd.api.types.is_datetime64_any_dtype(case.X[c])]
    unread = unread_dates(case.X, read)
    columns = tuple(map(str, (*written, *unread)))
    if not columns:
        return Look()
    verb = "holds" if len(columns) == 1 else "hold"
    finding = Finding(
        "HM207",
        NOTE,
        f"{names_in_words(columns, 4)} {verb} dates written as text",
        "Read as text every day is a level of its own: which day is the earlier one, and how far "
        f"two lie apart, is lost.{_order_unknown(unread)}",
        "Parse them (healthml.cleaning.DateParser), and use the time between two dates, not the "
        "dates, as a feature.",
        columns=columns,
    )
    return Look((finding,))


def _order_unknown(columns):
    if not columns:
        return ""
    return (
        f" {names_in_words(list(map(str, columns)), 4)} cannot be read for sure: which number is "
        "the day, the month or the year the cells do not show."
    )


def check_labels(case):
    """Weigh by the risks of the audit's own refits whether labels are wrong, and how many."""
    topic = "Are single outcomes recorded wrongly?"
    if not case.refit:
        why = "the risks judged here are given, and may have been made with these outcomes"
        return Look(not_assessed=(_read_some(topic, why),))
    risks = base_risk(case)
    rows = np.isfinite(risks).any(axis=0)
    risk = np.nanmean(risks[:, rows], axis=0)
    units = None if case.units is None else case.units[rows]
    options = {"max_false_discovery": _FALSE_FLAGS, "confidence_level": 0.95}
    labels = judge_labels(risk, case.y[rows], units, **options)
    flagged = int(labels.table["suspected"].sum())
    if labels.p_any < _SURE_OF_NOISE or not flagged:
        why = "a model of this strength cannot tell a wrong outcome from a surprising patient"
        return Look(not_assessed=(_read_some(topic, why),))
    finding = Finding(
        "HM219",
        NOTE,
        "Some outcomes may be recorded wrongly",
        f"{flagged:,} of {len(risk):,} outcomes contradict the rest of the table, more than "
        f"surprising patients would: at most {_FALSE_FLAGS:.0%} of them should turn out right when "
        "read again, and there may be more.",
        "Read the records of the suspects that healthml.cleaning.LabelAudit ranks; correct from "
        "the source, never by the model.",
    )
    return Look((finding,))


def _read_some(topic, why):
    return NotAssessed(
        topic,
        f"{why}; no flag does not mean that all are right",
        "Have a random sample of records read again, blind to the first reading.",
        "HM219",
    )


def _cells_in_words(counts):
    parts = [
        f"{r.column}: {r.rule.replace('_', ' ')} ({r.n_cells:,})"
        for r in counts.head(12).itertuples()
    ]
    more = f"; and {len(counts) - 12} more" if len(counts) > 12 else ""
    return "; ".join(parts) + more


def _hold(columns):
    return "holds" if len(columns) == 1 else "hold"
