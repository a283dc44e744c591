"""The first screen: the two numbers that everybody asks for in plain words, and all checks."""

import re
from dataclasses import dataclass

from healthml._core._findings import MODERATE, NOT_ASSESSABLE, NOTE, SERIOUS
from healthml.reporting._page.words import interval_text

_CLEAN = re.compile(r"without the (\d+) suspect columns? .*?([\d.]+) \(([\d.]+) to ([\d.]+)\)")
_FOUND = re.compile(r"HM\d{3} \((.*?)\)")
_OPEN = re.compile(r"(\d+) questions? not assessed")


@dataclass(frozen=True)
class Number:
    """A measure on the first screen.

    Parameters
    ----------
    name : str
        What it is called.
    value, interval : str
        The number and its interval, as they are printed.
    words : str
        What they say.
    warning : str
        Why it must not be believed, where the audit found so.
    """

    name: str
    value: str
    interval: str
    words: str
    warning: str = ""


def first_numbers(report):
    """Return AUC and observed over expected events in plain words.

    Parameters
    ----------
    report : AuditReport
        As it leaves the session.

    Returns
    -------
    list of Number
    """
    numbers = []
    auc, ratio = _row(report, "auroc"), _row(report, "oe_ratio")
    if auc is not None:
        share, low, high = (f"{100 * end:.0f}" for end in auc)
        words = (
            "Of 100 pairs of a patient with the event and one without, the one with the event has "
            f"the higher risk in {share} (95% interval {low} to {high}); 50 would be chance."
        )
        numbers.append(Number("AUC", *_printed(auc, 3), words, _too_good(report)))
    if ratio is not None:
        happened, low, high = (f"{100 * end:.0f}" for end in ratio)
        words = (
            f"For every 100 events that the risks let be expected, {happened} happened (95% "
            f"interval {low} to {high})."
        )
        if report.about.get("refit"):
            words += (
                " The model was refitted on these patients, which holds it near 100: elsewhere it "
                "can be far off."
            )
        numbers.append(Number("Observed / expected", *_printed(ratio, 2), words))
    return numbers


def leak_words(report):
    """Return what the headline says of the screening for leaks, where no suspect was taken out."""
    last = report.headline.rstrip(".").split("; ")[-1].strip()
    if _CLEAN.search(report.headline) or last.startswith("AUC") or not last:
        return ""
    return f"{last[0].upper()}{last[1:]}."


def _printed(ends, digits):
    value, _, interval = interval_text(*ends, digits).partition(" ")
    return value, interval


def _row(report, measure):
    """Return estimate, lower and upper end of the judged risks, or None where not shown."""
    for section in report.sections:
        if section.key != "performance" or not section.tables:
            continue
        table = section.tables[0][1]
        rows = table[(table["model"] == "model") & (table["measure"] == measure)]
        ends = [
            float(v) for v in rows[["estimate", "lower", "upper"]].to_numpy(dtype=float).ravel()
        ]
        if len(ends) == 3 and all(end == end for end in ends):
            return ends
    return None


def _too_good(report):
    """Say that the AUC is too good, where the audit found so."""
    match = _CLEAN.search(report.headline)
    leaks = {f.severity for f in report.findings if f.code in ("HM301", "HM302")}
    beyond = any(
        f.code == "HM302"
        and f.effect is not None
        and "AUC" in f.effect.meaning
        and " above " in f.effect.meaning
        for f in report.findings
    )
    text = ""
    if match:
        n, *ends = match.groups()
        columns = "a suspect column" if n == "1" else f"{n} suspect columns"
        if leaks & {SERIOUS, MODERATE}:
            belief = "Too good to be true" if SERIOUS in leaks else "Perhaps too good"
            text = f"{belief}: it rests on {columns}."
        else:
            text = f"It holds {columns}, not shown to matter."
        text += (
            f" Without {'it' if n == '1' else 'them'} the AUC is "
            f"{ends[0]} ({ends[1]} to {ends[2]})."
        )
    if beyond:
        text += " It is higher than clinical models reach elsewhere."
    return text.strip()


def check_words(checks, badges):
    """Return (question, sign, words, kind) of each check, without codes.

    Parameters
    ----------
    checks : DataFrame
        question, codes, found.
    badges : dict of str to (str, str)
        Name and sign of each severity.

    Returns
    -------
    list of tuple

    Examples
    --------
    >>> import pandas as pd
    >>> found = "HM301 (serious), HM302 (note), 1 question not assessed"
    >>> checks = pd.DataFrame([("Leaks?", "HM301", found)], columns=["question", "codes", "found"])
    >>> check_words(checks, {"serious": ("Serious", "!"), "note": ("Note", "-")})
    [('Leaks?', '!', '1 serious, 1 note, 1 open question', 'serious')]
    """
    rows = []
    for question, found in zip(checks.get("question", ()), checks.get("found", ()), strict=True):
        severities = _FOUND.findall(found)
        worst = next((s for s in _ORDER if s in severities), "")
        counts = [f"{n} {_named(s, n)}" for s in _ORDER if (n := severities.count(s))]
        asked = _OPEN.search(found)
        if asked:
            counts.append(f"{asked[1]} open question{'s' * (asked[1] != '1')}")
        words = ", ".join(counts) or found
        kind = worst.replace(" ", "-") or ("open" if asked else "")
        sign = badges[worst][1] if worst else "?" if asked else ""
        rows.append((question, sign, words, kind))
    return rows


_ORDER = (SERIOUS, MODERATE, NOT_ASSESSABLE, NOTE)


def _named(severity, n):
    return f"{severity}{'s' * (severity == NOTE and n > 1)}"
