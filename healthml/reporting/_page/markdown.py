"""The same report as a Markdown document, in the order of the page."""

import re

from healthml.reporting._page.first import check_words, first_numbers, leak_words
from healthml.reporting._page.html import (
    BADGES,
    chapters_in_order,
    code_meanings,
    cutoff_lines,
    facts_in_words,
    finding_words,
    lines_in_order,
    size_words,
    tables_in_order,
)

_ACTIVE = re.compile(r"([\\`*\[\]|~])")
_OUTER_UNDERSCORE = re.compile(r"(?<!\w)_|_(?!\w)")
_FIRST = re.compile(r"^(\d*)([#>]|[-+.)](?=\s))")


def render_markdown(report):
    """Return a report as a Markdown document.

    Parameters
    ----------
    report : AuditReport
        As it leaves the session.

    Returns
    -------
    str
        Text and tables; pictures stand in it by their descriptions.
    """
    blocks = [
        *_first(report),
        *_checks(report),
        *_settle(report),
        *_open_questions(report),
        *_notes(report),
        *_chapters(report),
        *_tables(report),
        *_severity(report),
        *_appendix(report),
    ]
    return "\n\n".join(blocks) + "\n"


def escaped(value):
    r"""Return a text of which Markdown and HTML take no part for theirs.

    Examples
    --------
    >>> escaped("# <b> a|b *c* los_hours")
    '\\# &lt;b> a\\|b \\*c\\* los_hours'
    """
    text = " ".join(str(value).split()).replace("&", "&amp;").replace("<", "&lt;")
    text = _OUTER_UNDERSCORE.sub(r"\\_", _ACTIVE.sub(r"\\\1", text))
    return _FIRST.sub(r"\1\\\2", text)


def _first(report):
    lines = [f"# {escaped(report.statement)}"]
    lines += [escaped(text) for text in (report.columns, size_words(report.about)) if text]
    lines.append("Intervals are 95%.")
    numbers = first_numbers(report)
    for number in numbers:
        words = f"**{number.name} {number.value}** {number.interval}. "
        words += f"**{number.warning}** " if number.warning else ""
        lines.append(words + number.words)
    if numbers and leak_words(report):
        lines.append(escaped(leak_words(report)))
    return lines if numbers else [*lines, escaped(report.headline)]


def _checks(report):
    rows = check_words(report.checks, BADGES)
    if not rows:
        return []
    table = _grid(
        ["Check", "Found"], [(question, f"{sign} {found}") for question, sign, found, _ in rows]
    )
    words = "“Nothing” means that the check looked and found nothing to report."
    return ["## All checks, and what they found", words, table]


def _settle(report):
    title = "## What must be settled before anyone relies on this model"
    blocks = [block for f in report.must_settle for block in _finding(f, report)]
    nothing = "Nothing above a note was measured; that is not a proof that all is well."
    return [title, *(blocks or [nothing])]


def _finding(finding, report):
    card = finding_words(finding, report)
    blocks = [f"### {card.sign} {card.badge}: {escaped(finding.title)}"]
    if card.effect:
        blocks.append(f"**{escaped(card.effect)}** {card.cutoff}".strip())
    blocks.append(f"Evidence: {escaped(finding.evidence)}")
    blocks.append(f"Do next: {escaped(finding.remedy)}")
    return blocks


def _open_questions(report):
    items = [
        f"- **{escaped(n.topic)}** Why not: {escaped(n.reason)}. Needed: {escaped(n.needed)}"
        for n in report.not_assessed
    ]
    title = "## What was not assessed, and the evidence needed next"
    return [title, "\n".join(items) or "Every question of this audit was answered."]


def _notes(report):
    blocks = [block for f in report.notes for block in _finding(f, report)]
    return ["## Notes", *(blocks or ["None."])]


def _chapters(report):
    blocks = []
    for name, sections in chapters_in_order(report):
        blocks.append(f"## {escaped(name)}")
        for section in sections:
            blocks += [f"### {escaped(section.title)}", escaped(section.lead)]
            blocks += [f"*Picture (in the page): {escaped(f.alt)}.*" for f in section.figures]
    return blocks


def _tables(report):
    blocks = ["## For the statistician: all tables"]
    for _, title, views in tables_in_order(report):
        blocks.append(f"### {escaped(title)}")
        for caption, view in views:
            blocks += [f"**{escaped(caption)}**", _grid(view.headings, view.rows)]
            if len(view.rows) < view.n_rows:
                blocks.append(f"The first {len(view.rows)} of {view.n_rows:,} rows.")
            blocks += [escaped(" ".join(view.notes))] if view.notes else []
    return blocks if len(blocks) > 1 else []


def _grid(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    cells = [[text if text == "---" else escaped(text) for text in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _severity(report):
    rules = cutoff_lines(report.about.get("severity_rules") or {})
    if not rules:
        return []
    headings = ["Measure", "Counts as harm", "Interval too wide beyond"]
    words = (
        "A finding is serious when even the end of its interval nearest to no effect passes the "
        "cut-off, moderate when it does but only people can say whether the cause is a fault."
    )
    return ["## How severity is given", words, _grid(headings, rules)]


def _appendix(report):
    blocks = ["## For the engineer: how to repeat it, and act on it"]
    blocks.append("\n".join(f"- {name}: {escaped(v)}" for name, v in facts_in_words(report.about)))
    call = lines_in_order(report)
    blocks += [_code(text) for text in (call["audit"], call["lines"]) if text]
    codes = code_meanings(report)
    if codes:
        blocks.append(_grid(["Code", "In plain words", "Judged by"], codes))
    words = "Counts, columns and rules only; groups below 11 patients are suppressed."
    return [*blocks, words]


def _code(text):
    """Return a block of code whose fence is longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{text}\n{fence}"
