"""A report as one page that needs nothing else: no network, no font, no second file."""

import math
from dataclasses import dataclass

from healthml._core._displays import figure_svg, new_figure
from healthml._core._findings import CODES, MODERATE, NOT_ASSESSABLE, NOTE, SERIOUS
from healthml.reporting._page.first import check_words, first_numbers, leak_words
from healthml.reporting._page.meanings import MEANINGS
from healthml.reporting._page.pictures import CalibrationPicture
from healthml.reporting._page.words import measure_name, number_text, view_table

CHAPTERS = {
    "cohort": "Patients",
    "data": "Data",
    "performance": "Performance",
    "leakage": "Leaks of the answer",
    "transport": "Other sites and later years",
    "groups": "Groups of patients",
}
# severity -> name and sign; the sign tells them apart without colour
BADGES = {
    SERIOUS: ("Serious", "▲"),
    MODERATE: ("Moderate", "◆"),
    NOTE: ("Note", "●"),
    NOT_ASSESSABLE: ("Not assessable", "?"),
}


def render(report):
    """Return a report as one self-contained page of HTML.

    Parameters
    ----------
    report : AuditReport
        What to show.

    Returns
    -------
    str
        Text, tables and pictures (as inline SVG); nothing is loaded from anywhere. First what a
        reader at the bedside needs, then the statistician's tables, then what repeats it.
    """
    settle = [finding_words(finding, report) for finding in report.must_settle]
    return _template().render(
        report=report,
        numbers=first_numbers(report),
        leak_words=leak_words(report),
        calibration=_calibration(report),
        settle=settle,
        notes=[finding_words(finding, report) for finding in report.notes],
        checks=check_words(report.checks, BADGES),
        chapters=_chapters(report),
        tables=tables_in_order(report),
        rules=cutoff_lines(report.about.get("severity_rules") or {}),
        facts=facts_in_words(report.about),
        call=lines_in_order(report),
        codes=code_meanings(report),
        size=size_words(report.about),
    )


def _template():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("healthml.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


@dataclass(frozen=True)
class _Card:
    """A finding with the words that its severity is shown by."""

    finding: object
    badge: str
    sign: str
    kind: str
    cutoff: str

    @property
    def effect(self):
        return "" if self.finding.effect is None else self.finding.effect.in_words()


def finding_words(finding, report):
    name, sign = BADGES[finding.severity]
    rules = report.about.get("severity_rules") or {}
    cutoff = rules.get(finding.effect.measure) if finding.effect is not None else None
    words = "" if cutoff is None else f"Counts as harm: {_harm_words(cutoff)}."
    return _Card(finding, name, sign, finding.severity.replace(" ", "-"), words)


def _harm_words(cutoff):
    """Say from where on an effect is a harm."""
    if cutoff.scale == "log":
        low, high = cutoff.target * math.exp(-cutoff.harm), cutoff.target * math.exp(cutoff.harm)
        return f"below {low:.2f} or above {high:.2f}"
    if cutoff.target:
        return f"below {cutoff.target - cutoff.harm:.2f} or above {cutoff.target + cutoff.harm:.2f}"
    return f"more than {cutoff.harm:g}"


def cutoff_lines(rules):
    """Return the cut-offs as lines: measure, harm, too wide."""
    return [
        (
            measure_name(measure),
            _harm_words(cutoff),
            f"a factor of {math.exp(cutoff.too_wide):.3g}"
            if cutoff.scale == "log"
            else f"{cutoff.too_wide:g}",
        )
        for measure, cutoff in rules.items()
    ]


def _parts(report):
    return list(dict.fromkeys([*CHAPTERS, *(s.part for s in report.sections)]))


def chapters_in_order(report):
    """Return (name, sections) of each part that has a section, in reading order."""
    parts = [(part, [s for s in report.sections if s.part == part]) for part in _parts(report)]
    return [(CHAPTERS.get(part, part), sections) for part, sections in parts if sections]


def _chapters(report):
    """Return (key, name, sections) for each part that has a section, in reading order."""
    number, chapters = iter(range(1, 10_000)), []
    for part in _parts(report):
        sections = [_section(s, number) for s in report.sections if s.part == part]
        if sections:
            chapters.append((part, CHAPTERS.get(part, part), sections))
    return chapters


def _section(section, number):
    shown = [f for f in section.figures if not isinstance(f.draw, CalibrationPicture)]
    return {
        "key": section.key,
        "title": section.title,
        "lead": section.lead,
        "figures": [(_picture(f, f"p{next(number)}"), f.alt) for f in shown],
        "n_tables": sum(len(table) > 0 for _, table in section.tables),
    }


def _calibration(report):
    """Return the calibration picture and its words, or None; it stands on the first screen."""
    figures = [f for section in report.sections for f in section.figures]
    picture = next((f for f in figures if isinstance(f.draw, CalibrationPicture)), None)
    return None if picture is None else (_picture(picture, "p0"), picture.alt)


def tables_in_order(report):
    """Return (key, title, tables) of each section that has tables, in reading order."""
    sections = []
    for part in _parts(report):
        for section in (s for s in report.sections if s.part == part):
            views = [
                (caption, view_table(table)) for caption, table in section.tables if len(table)
            ]
            if views:
                sections.append((section.key, section.title, views))
    return sections


def _picture(figure, prefix):
    """Return the picture as SVG, whose words are drawn as shapes or escaped."""
    drawing, ax = new_figure()
    figure.draw(ax)
    return figure_svg(drawing, prefix=prefix, alt=figure.alt)


def size_words(about):
    """Say in one line how much was looked at."""
    words = (("n_samples", "rows"), ("n_patients", "patients"), ("n_events", "events"))
    return ", ".join(f"{about[key]:,} {word}" for key, word in words if about.get(key) is not None)


def facts_in_words(about):
    """Return what the report rests on as (name, value), in words."""
    facts = [("Size", size_words(about)), ("Event", about.get("event"))]
    if about.get("n_patients") is None:
        facts.append(("Patients", "not declared: each row was taken for a different patient"))
    facts.append(("Columns", about.get("n_columns")))
    if about.get("refit", True) and about.get("folds"):
        repeats = about.get("repeats", 1)
        text = f"{about['folds']} folds x {repeats} repeat{'s' * (repeats > 1)}, whole patients"
        facts.append(("Splits", text))
    if about.get("thresholds"):
        low, high = (number_text(100 * t, 1) for t in about["thresholds"])
        declared = (
            "declared"
            if about.get("thresholds_declared")
            else "not declared: half to twice the event rate"
        )
        facts.append(("Decision thresholds", f"{low}% to {high}% ({declared})"))
    facts += [("Asked", about.get("selection")), ("Time", _time_words(about.get("time_budget")))]
    facts += [("Seed", about.get("seed")), ("healthml", about.get("version"))]
    return [(name, value) for name, value in facts if value not in (None, "")]


def _time_words(budget):
    """Say what a limited time did to the report."""
    if not budget:
        return None
    return (
        "{seconds:g} s were allowed, and about {least_seconds:g} s foreseen as the least; "
        "{repeats} of {usual_repeats} usual repeats were made".format(**budget)
    )


def lines_in_order(report):
    """Return the call that repeats the report, and the lines of its findings in order.

    A line that acts on two findings stands once.
    """
    call = report.about.get("call") or {}
    lines = [*call.get("before_lines", ())] if any(f.remedy_code for f in report.findings) else []
    written = {}
    for finding in (*report.must_settle, *report.notes):
        if finding.remedy_code:
            line = finding.remedy_code
            if line in written:
                line = f"# the line of {written[line]} acts on this too"
            written.setdefault(finding.remedy_code, finding.code)
            lines.append(f"\n# {finding.code}: {' '.join(finding.title.split())}\n{line}")
    return {"audit": call.get("audit", ""), "lines": "\n".join(lines)}


def code_meanings(report):
    """Return (code, meaning, measure) of every code on the page."""
    shown = {f.code for f in report.findings} | {n.code for n in report.not_assessed}
    shown |= {code for codes in report.checks.get("codes", ()) for code in codes.split(", ")}
    return [
        (code, MEANINGS[code], measure_name(CODES[code].measure)) for code in CODES if code in shown
    ]
