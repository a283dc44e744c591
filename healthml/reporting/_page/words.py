"""Tables of results as people read them: plain headings, rounded numbers, intervals in one cell."""

import math
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import pandas as pd

NOTHING = "\N{EN DASH}"  # what was not measured
_MINUS, _STICKY = "\N{MINUS SIGN}", "\xa0"
# rows on the page (all are in the JSON), letters from which a column gets room; by judgement
_MOST_ROWS, _LONG = 300, 32
_INTERVAL = "estimate", "lower", "upper"
_PER_MEASURE = {"se": None, "method": "method", "remark": "remark"}  # column -> footnote or dropped

# measure -> name, decimals
MEASURES = {
    "auroc": ("AUC", 3),
    "scaled_brier": ("Scaled Brier score", 3),
    "brier": ("Brier score", 3),
    "oe_ratio": ("Observed / expected", 2),
    "calibration_slope": ("Calibration slope", 2),
    "calibration_intercept": ("Calibration intercept", 2),
    "net_benefit": ("Net benefit", 3),
    "net_benefit_per_1000": ("Net benefit per 1,000 patients", 1),
    "ici": ("Integrated calibration index", 3),
    "all": ("All measures", 3),
}

HEADINGS = {
    "auc": "AUC",
    "auc_with_it": "AUC with it",
    "auroc": "AUC",
    "code": "Code",
    "codes": "Answers by",
    "column": "Column",
    "columns": "Columns",
    "block": "Missing together with",
    "detail": "What was seen",
    "difference": "Difference in percent",
    "estimate": "Estimate",
    "event": "With the event",
    "expected": "Events expected",
    "expected_by_others": "Events expected from the other columns",
    "feature": "Feature",
    "found": "Found",
    "from_unit": "Unit found",
    "gain": "Gain",
    "group": "Group",
    "kinds": "Told by",
    "level": "Level",
    "level_named": "Level named for a later time",
    "lower": "95% from",
    "measure": "Measure",
    "method": "Method",
    "missing": "Missing",
    "model": "Model",
    "n_cells": "Cells",
    "n_columns": "Columns",
    "n_events": "Events",
    "n_left_out": "Left out",
    "n_levels": "Levels",
    "n_missing": "Missing cells",
    "n_patients": "Patients",
    "n_samples": "Rows",
    "n_unsure": "Perhaps so",
    "named": "Named for a later time",
    "no_event": "Without the event",
    "other": "Other column",
    "place": "Place",
    "prevalence": "Event rate",
    "question": "Asked",
    "related": "With",
    "reason": "Why there is no estimate",
    "reference": "Compared with",
    "remark": "Remark",
    "reviewed": "Reviewed by a clinician",
    "rule": "Rule",
    "se": "Standard error",
    "share": "Share",
    "site": "Site",
    "share_events": "Missing with the event",
    "share_nonevents": "Missing without the event",
    "standardised_difference": "Standardised difference",
    "status": "Status",
    "step": "Step",
    "to_unit": "Unit of the column",
    "upper": "to",
    "value": "Value",
    "variable": "Column",
    "why": "Why suspected",
}

_BY = {"site": "Site", "time": "Time", "order": "Order of the file"}
_WHAT = {"low": "lowest share", "high": "highest share", "cramers_v": "Cramér's V", "p_value": "P"}
HEADINGS |= {f"{b}_{w}": f"{_BY[b]}: {_WHAT[w]}" for b in _BY for w in _WHAT}

_SHARES = {"share", "prevalence", "share_events", "share_nonevents", "difference"}
_SHARES |= {f"{b}_{w}" for b in _BY for w in ("low", "high")}
_VALUES = ("estimate", "gain", "difference")  # what an interval may belong to
# Decimals that these numbers are printed with, whatever their interval; looks only, no verdict
# reads them.
_DECIMALS = {"auc": 3, "auroc": 3, "auc_with_it": 3, "gain": 3, "standardised_difference": 2}
_DECIMALS |= {"expected": 1, "expected_by_others": 1}


@dataclass(frozen=True)
class TableView:
    """A table ready to be printed.

    Parameters
    ----------
    headings : list of str
        One for each column.
    kinds : list of str
        "n" for a column of numbers, to be set flush right, "long" for one of sentences, else "".
    rows : list of list of str
        The cells.
    notes : list of str
        Footnotes.
    n_rows : int
        Rows of the whole table, of which the first are shown.
    """

    headings: list
    kinds: list
    rows: list
    notes: list
    n_rows: int


def view_table(table, *, most_rows=_MOST_ROWS):
    r"""Return a table of results as people read it.

    A table with one line per measure becomes one with a column per measure; an estimate and the
    ends of its interval share one cell; a column without any entry is left out. Standard errors
    stay in the JSON.

    Parameters
    ----------
    table : DataFrame
        With the column names that all results use.
    most_rows : int, default=300
        Most rows shown.

    Returns
    -------
    TableView

    Examples
    --------
    >>> import pandas as pd
    >>> row = ("model", "auroc", 0.8012, 0.75, 0.85, 1200)
    >>> names = ["model", "measure", "estimate", "lower", "upper", "n_samples"]
    >>> view = view_table(pd.DataFrame([row], columns=names))
    >>> view.headings, view.rows
    (['Model', 'AUC', 'Rows'], [['model', '0.801 (0.750\xa0to\xa00.850)', '1,200']])
    """
    notes = _footnotes(table)
    if {"measure", *_INTERVAL} <= set(table.columns):
        names, columns = _measures_aside(table)
    else:
        names, columns = _intervals_joined(table)
    filled = [k for k, column in enumerate(columns) if not _is_empty(column)]
    names, columns = [names[k] for k in filled], [columns[k] for k in filled]
    cells = [[text for text, _ in column] for column in columns]
    kinds = [_kind(column) for column in columns]
    n_rows = len(cells[0]) if cells else 0
    rows = [list(row) for row in zip(*cells, strict=True)][:most_rows]
    return TableView(names, kinds, rows, notes, n_rows)


def _is_empty(column):
    return all(text in ("", NOTHING) for text, _ in column)


def _kind(column):
    if any(is_number for _, is_number in column):
        return "n"
    return "long" if max((len(text) for text, _ in column), default=0) > _LONG else ""


def _footnotes(table):
    """Return what is said of each measure, measures of which the same is said together."""
    notes = ["In brackets: 95% interval."] if _has_interval(table) else []
    for column in ("remark", "method"):
        if {column, "measure"} <= set(table.columns):
            remarked = table[table[column].fillna("").astype(str) != ""]
            for text, rows in remarked.groupby(column, sort=False):
                names = [measure_name(m) for m in rows["measure"].unique()]
                notes.append(f"{', '.join(names)}: {text}.")
    return notes


def _has_interval(table):
    return {"lower", "upper"} <= set(table.columns) and any(v in table.columns for v in _VALUES)


def _measures_aside(table):
    """Give each measure its own column, when the rest of a row does not depend on it."""
    names = list(table.columns)
    key = names[: names.index("measure")]
    rest = [c for c in names if c not in {*key, "measure", *_INTERVAL, *_PER_MEASURE}]
    wide = key and not table.duplicated([*key, "measure"]).any()
    if not wide:
        return _intervals_joined(table)
    groups = list(table.groupby(key, sort=False, dropna=False))
    if any(_several(group[column]) for _, group in groups for column in rest):
        return _intervals_joined(table)
    measures = [m for m in table["measure"].unique() if m != "all"]
    headings = [heading(c) for c in key] + [measure_name(m) for m in measures]
    columns = [[_cell(c, group[c].iloc[0]) for _, group in groups] for c in key]
    columns += [[_estimate_of(group, m) for _, group in groups] for m in measures]
    columns += [[_cell(c, group[c].iloc[0]) for _, group in groups] for c in rest]
    return headings + [heading(c) for c in rest], columns


def _several(values):
    return values.nunique(dropna=False) > 1


def _estimate_of(group, measure):
    rows = group[group["measure"] == measure]
    if rows.empty:
        return NOTHING, True
    return interval_text(*rows.iloc[0][list(_INTERVAL)], _digits(measure)), True


def _intervals_joined(table):
    """Put an estimate and the ends of its interval into one cell."""
    names, columns = [], []
    values = next((c for c in _VALUES if c in table.columns), None)
    join = values is not None and {"lower", "upper"} <= set(table.columns)
    for name in table.columns:
        if (join and name in ("lower", "upper")) or name == "se":
            continue
        if name in ("remark", "method") and "measure" in table.columns:
            continue
        if join and name == values:
            names.append(heading(name))
            columns.append(_joined(table, values))
        else:
            names.append(heading(name))
            columns.append([_cell(name, value) for value in table[name]])
    return names, columns


def _joined(table, values):
    measures = table["measure"] if "measure" in table.columns else [None] * len(table)
    ends = zip(table[values], table["lower"], table["upper"], measures, strict=True)
    if values in _SHARES:
        return [(_percent_interval(*row), True) for *row, _ in ends]
    return [(interval_text(*row, _digits(measure)), True) for *row, measure in ends]


def _percent_interval(*ends):
    return interval_text(*(100 * end if _known(end) else end for end in ends), 1)


def heading(name):
    """Return a column's heading in plain words; a name that is not ours stays as it is."""
    return HEADINGS.get(name, str(name))


def measure_name(measure):
    """Return a measure's name in plain words."""
    if measure in MEASURES:
        return MEASURES[measure][0]
    words = str(measure).replace("_", " ")
    return words[:1].upper() + words[1:]


def _digits(measure):
    return MEASURES.get(measure, (None, 3))[1]


def interval_text(estimate, lower, upper, digits=3):
    r"""Return "estimate (lower to upper)", or a dash where nothing was estimated.

    A line may break before the bracket and nowhere else.

    Examples
    --------
    >>> interval_text(0.5, float("nan"), float("nan"), 2)
    '0.50'
    >>> interval_text(1.25, 0.5, 2.0, 1).replace("\xa0", " ")
    '1.2 (0.5 to 2.0)'
    """
    if not _known(estimate):
        return NOTHING
    text = number_text(estimate, digits)
    if not (_known(lower) and _known(upper)):
        return text
    return f"{text} ({number_text(lower, digits)}{_STICKY}to{_STICKY}{number_text(upper, digits)})"


def _known(value):
    return value is not None and not pd.isna(value)


def number_text(value, digits):
    """Return a number with that many decimals, thousands separated and a true minus."""
    if math.isinf(value):
        return ("" if value > 0 else _MINUS) + "∞"
    text = f"{value:,.{digits}f}"
    is_zero = not text.strip("-0.,")
    return text.lstrip("-") if is_zero else text.replace("-", _MINUS)


def _cell(name, value):
    """Return the text of a cell and whether it is a number."""
    if isinstance(value, str):
        return (value.replace("_", " ") if name == "rule" else value), False
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return ", ".join(map(str, value)), False
    if not _known(value) or (name == "n_levels" and value == 0):  # a number has no levels
        return NOTHING, False
    if isinstance(value, bool | np.bool_):
        return ("yes" if value else "no"), False
    if not isinstance(value, Real):
        return str(value), False
    if name == "measure":
        return measure_name(value), False
    return _number(str(name), value), True


def _number(name, value):
    if name in _SHARES:
        return f"{number_text(100 * value, 1)}%"
    if name.endswith("p_value"):
        return number_text(value, 3) if value >= 0.001 else "< 0.001"
    if name.startswith("n_") or (isinstance(value, Integral) and abs(value) >= 10_000):
        return number_text(value, 0)
    if isinstance(value, Integral):
        return str(value).replace("-", _MINUS)
    if name in _DECIMALS:
        return number_text(value, _DECIMALS[name])
    return _three_figures(float(value))


def _three_figures(value):
    if float(value).is_integer() and abs(value) < 1e15:
        return number_text(value, 0)
    if value == 0 or not math.isfinite(value):
        return number_text(value, 0)
    digits = min(max(2 - math.floor(math.log10(abs(value))), 0), 6)
    return number_text(value, digits)
