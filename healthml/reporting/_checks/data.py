"""What is in the columns: codes, impossible values, copies, missing values, file order."""

from healthml._core._findings import NOTE, Finding
from healthml.imputation import missingness_report
from healthml.reporting._checks.look import (
    Look,
    auc_effect,
    base_columns,
    compare_variant,
    count_words,
    graded,
    names_in_words,
    without_columns,
)
from healthml.reporting._report import Figure, NotAssessed, Section
from healthml.validation._leakage import role_columns

_TO_VERIFY = ("impossible_value", "verify_value", "unit_suspected", "new_unit_suspected")
# Lower end of the R squared from which a column is called largely determined by the others. By
# judgement: from 0.7 on, an age that follows from four diagnoses was named beside copies.
_LARGELY = 0.8
_SINGULAR = {"count": "counts", "hold": "holds", "say": "says", "look": "looks", "are": "is"}


def check_columns(case):
    """Report constant columns, numbers written as text, codes read as numbers, filled-in values."""
    report = case.quality
    plan = (
        (
            "HM206",
            ("constant", "near_constant"),
            "say nothing: constant or nearly so",
            "Leave them out.",
        ),
        (
            "HM207",
            ("number_from_text",),
            "hold numbers written as text",
            "Parse them with a stated rule, the same at prediction (healthml.cleaning."
            "LabValueParser).",
        ),
        (
            "HM208",
            ("looks_like_code",),
            "look like codes, and are read as numbers",
            "Declare them categorical (kind) and map the codes that mean unknown.",
        ),
        (
            "HM214",
            ("constant_fill",),
            "hold one value far too often: perhaps filled in",
            "Ask whether a fixed value was written where nothing was measured.",
        ),
    )
    findings = [
        f
        for code, rules, what, remedy in plan
        if (f := _counted(report.select(*rules), code, what, remedy))
    ]
    table = report.table[report.table["rule"] != "missing"]
    shown = ["column", "rule", "status", "n_cells", "share", "related", "detail", "reviewed"]
    section = Section(
        "quality",
        "data",
        "What is in the columns?",
        f"{count_words(len(table), 'thing')} to look at in "
        f"{count_words(table['column'].nunique(), 'column')}; limits come from "
        "shipped facts, which say where no clinician has reviewed them. Nothing was changed.",
        (("Columns to look at", table[shown]),),
    )
    missing = ()
    if len(report.select("looks_like_code")):
        missing = (
            NotAssessed(
                "Which levels of the code columns mean unknown?",
                "the list of codes is not in the table",
                "Declare the missing codes of each code column in a Schema.",
                "HM208",
            ),
        )
    return Look(tuple(findings), (section,), missing)


def _counted(rows, code, what, remedy):
    """Return a note that names columns with their counts, or None."""
    if rows.empty:
        return None
    columns = list(dict.fromkeys(rows["column"]))
    details = "; ".join(_detail(r) for r in rows.head(12).itertuples())
    verb, _, rest = what.partition(" ")
    verb = _SINGULAR.get(verb, verb) if len(columns) == 1 else verb
    title = f"{names_in_words(columns, 4)} {verb} {rest}"
    more = f"; and {len(rows) - 12} more" if len(rows) > 12 else ""
    return Finding(code, NOTE, title, f"{details}{more}.", remedy, columns=tuple(columns))


def _detail(row):
    cells = f" ({count_words(row.n_cells, 'cell')})" if row.rule in _TO_VERIFY else ""
    return f"{row.column}: {row.detail}{cells}"


def check_missing_codes(case):
    """Refit with suspected missing codes made missing."""
    report = case.quality
    numbers, texts = report.select_codes("number"), report.select_codes("text")
    findings = []
    note = _counted(
        numbers,
        "HM201",
        "hold numbers that look like missing codes",
        "Confirm with the data's owner, then declare them (missing codes).",
    )
    if note is not None:
        findings.append(_with_repair(case, report, note, numbers, "codes made missing"))
    note = _counted(
        texts,
        "HM202",
        "hold words that look like missing codes",
        "Confirm what the words mean, then declare them (missing codes).",
    )
    if note is not None:
        findings.append(note)
    return Look(tuple(findings))


def check_impossible(case):
    """Refit with impossible values made missing."""
    report = case.quality
    findings = []
    impossible = report.select("impossible_value")
    note = _counted(
        report.select(*_TO_VERIFY, "few_negatives"),
        "HM203",
        "hold values to verify, or that no living patient can have",
        "Look them up; correct units and slips; do not delete unusual patients.",
    )
    if note is not None:
        repaired = len(impossible) > 0
        findings.append(
            _with_repair(case, report, note, impossible, "impossible values made missing")
            if repaired
            else note
        )
    return Look(tuple(findings))


def _with_repair(case, report, note, rows, label):
    """Grade a note by the AUC that the cells in question lend to the model."""
    rows = rows[rows["column"].isin([str(c) for c in base_columns(case)])]
    if not case.refit or rows.empty:
        return note
    repaired = case.X
    for row in rows.itertuples():
        repaired = report.repaired(repaired, row.column, row.rule)
    changed = [c for c in case.X.columns if str(c) in set(rows["column"])]
    table = case.table.copy(deep=False)
    table[changed] = repaired[changed]
    change, _, _ = compare_variant(case, table[base_columns(case)], label=label)
    effect = auc_effect(case, *change, f"AUC as it is minus AUC with the {label}")
    return graded(
        case, note.code, effect, note.title, note.evidence, note.remedy, columns=note.columns
    )


def check_not_features(case):
    """Refit without columns that may be another model's risk."""
    note = _counted(
        case.quality.select("probability_like"),
        "HM307",
        "may be another model's risk, used as a plain feature",
        "Declare it as the existing score (score), so that it is compared instead.",
    )
    if note is None:
        return Look()
    base = base_columns(case)
    columns = [c for c in base if str(c) in note.columns]
    if not case.refit or not columns or len(columns) == len(base):
        return Look((note,))
    change, _, _ = without_columns(case, columns, label=f"without {names_in_words(columns)}")
    effect = auc_effect(case, *change, f"AUC with {names_in_words(columns, 4)} minus without")
    words = (note.title, note.evidence, note.remedy)
    return Look((graded(case, "HM307", effect, *words, columns=columns, cause_known=False),))


def check_redundancy(case):
    """Report copies and columns computed from others."""
    rules = (
        "equal_columns",
        "filled_copy",
        "linear_copy",
        "near_copy",
        "bands_of_another",
        "nested_levels",
        "computed_from_others",
    )
    rows = case.quality.select(*rules)
    related = (rows["rule"] == "computed_from_others") & ~(rows["lower"] >= _LARGELY)
    note = _counted(
        rows[~related],
        "HM212",
        "are copies or bands of, or largely determined by, other columns",
        "Find out how each was computed, and keep one side; a filled-in copy belongs inside the "
        "pipeline.",
    )
    return Look(() if note is None else (note,))


def check_missingness(case):
    """Report how much is missing, what goes missing together, and whether it tells the outcome."""
    report = missingness_report(
        case.X,
        case.y,
        groups=case.roles.groups,
        site=case.roles.site,
        time=case.roles.time,
        missing=case.quality.missing_mask(case.X),
        random_state=case.seed,
    )
    if report.table.empty:
        return Look()
    findings = [_how_much(report)]
    findings += [f for f in case.leaks.answers.findings if f.code == "HM210"]
    findings += [f for f in (_place_and_time(case, report),) if f]
    missing = NotAssessed(
        "Are values missing because of what they would have been (MNAR)?",
        "a table cannot show it: the values in question are not there",
        "Ask why each column was not measured; try a sensitivity analysis.",
        "HM209",
    )
    section = Section(
        "missingness",
        "data",
        "What is missing, and with what does it go?",
        findings[0].evidence,
        (
            ("Missing values by column, known codes counted", _with_companions(report)),
            ("Columns missing together", report.blocks.drop(columns="block")),
        ),
        (Figure(report.plot, "Share of missing values by column"),),
    )
    return Look(tuple(findings), (section,), (missing,))


def _with_companions(report):
    """Return the table with the columns that are missing together by name, not by number."""
    names = report.table["column"]
    blocks = [set(names[report.table["block"] == block]) for block in report.table["block"]]
    companions = [
        ", ".join(map(str, [c for c in names if c in own and c != name])) if block else ""
        for name, block, own in zip(names, report.table["block"], blocks, strict=True)
    ]
    return report.table.assign(block=companions)


def _how_much(report):
    table = report.table.sort_values("share", ascending=False)
    top = "; ".join(f"{r.column} {100 * r.share:.1f}%" for r in table.head(8).itertuples())
    blocks = [
        f"{names} (phi at least {phi:.2f})"
        for names, phi in zip(report.blocks["columns"], report.blocks["phi_min"], strict=True)
    ]
    words = f"{top}." + (f" Missing together: {'; '.join(map(str, blocks))}." if blocks else "")
    return Finding(
        "HM209",
        NOTE,
        f"{count_words(len(table), 'column')} {'has' if len(table) == 1 else 'have'} missing "
        f"values, up to {100 * table['share'].max():.1f}%",
        words,
        "Impute inside the pipeline, and say how; see who was not measured.",
        columns=tuple(table["column"]),
    )


def _place_and_time(case, report):
    """Report columns whose missingness differs by site, time or file order."""
    words, columns = [], []
    for where, name in (("site", "site"), ("time", "time"), ("order", "place in the file")):
        differing = report.differing(where)
        differing = differing[~differing["column"].isin(_own_columns(case, where))]
        if len(differing):
            low, high = differing.iloc[0][[f"{where}_low", f"{where}_high"]]
            ends = f" ({differing.iloc[0]['column']} from {_percent(low)} to {_percent(high)})"
            shown = ends if low < high else ""
            words.append(f"by {name}: {names_in_words(differing['column'])}{shown}")
            columns += list(differing["column"])
    if not words:
        return None
    return Finding(
        "HM211",
        NOTE,
        "Missingness differs by site, time or place in the file",
        "; ".join(words) + ".",
        "Ask whether sites or years measured or recorded differently; do not split by file order.",
        columns=tuple(dict.fromkeys(columns)),
    )


def _own_columns(case, role):
    """Return the columns that hold a role's own values: where a site is empty, it is no site."""
    values = getattr(case.roles, role, None)
    return [] if values is None else [str(c) for c in role_columns(case.X, values, None)]


def _percent(share):
    """Return a share in percent, with a digit more where it is small."""
    return f"{100 * share:.{0 if share == 0 or share >= 0.01 else 1}f}%"
