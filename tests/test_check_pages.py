"""Every code has a page that says what the code does, and the page on severity is right."""

import importlib
import inspect
import math
import re
from pathlib import Path

import pytest

from healthml._core._findings import CODES, HARM, check_rules

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "checks"
HEADINGS = (
    "In plain words",
    "What is looked at",
    "What is measured",
    "Severity",
    "When it is wrong",
    "What to do",
    "References",
)
# code -> {file and name of a number of its page: the words of the page around it}
CONSTANTS = {
    "HM102": {
        (
            "reporting._checks.performance",
            "_FEW_EVENTS_PER_PARAMETER",
        ): "by them. Below {} this finding",
    },
    "HM103": {
        ("validation._leakage.columns.event_free", "ALPHA"): "that chance is below {}. It must",
        ("validation._leakage.columns.event_free", "STEP_DOWN"): "rate divided by {}. A level",
        ("validation._leakage.columns.event_free", "SICKER"): "columns, at {} times the",
        (
            "validation._leakage.columns.screen_columns",
            "event_free_strata(max_levels)",
        ): "with at most {}, numbers with",
        (
            "validation._leakage.columns.screen_columns",
            "event_free_strata(max_numbers)",
        ): "with at most {} different values,",
        (
            "validation._leakage.columns.screen_columns",
            "event_free_strata(min_rows)",
        ): "with at least {} patients. A",
        (
            "validation._leakage.columns.screen_columns",
            "event_free_strata(confidence_level)",
        ): "levels, is below {}. It stays",
    },
    "HM105": {
        ("validation._transport.outcome_levels", "_SURE"): "cells, is below {}. ## What",
    },
    "HM106": {
        ("cleaning._rows.shared_outcome", "_SURE"): "rows differ ({}). ## What",
    },
    "HM201": {
        (
            "cleaning._missing_codes.number_codes",
            "FEW_DISTINCT",
        ): "with at most {} different values",
    },
    "HM203": {
        ("cleaning._plausible.limits", "FAR"): "own tail ({} of its",
        ("cleaning._quality.screens.negatives", "FEW"): "zero (at most {} of the",
        ("cleaning._quality.screens.negatives", "FLOOR"): "exact zeros ({} or more)",
    },
    "HM206": {
        ("cleaning._quality.screens.emptiness", "NEARLY_ALL"): "which more than {} of the",
    },
    "HM208": {
        ("cleaning._quality.screens.roles", "MOST_CODES"): "with 3 to {} different values,",
    },
    "HM209": {
        ("imputation._missingness.report", "TOGETHER"): "correlation (phi) of {} or more",
    },
    "HM210": {
        ("imputation._missingness.signal", "FEWEST_EVENTS"): "with at least {} events and",
        (
            "validation._leakage.columns.event_free",
            "INDICATORS_TELL",
        ): "AUC's interval passes {}. ## What",
    },
    "HM211": {
        ("imputation._missingness.report", "PERIODS"): "time (at most {} periods) and",
    },
    "HM212": {
        (
            "cleaning._quality.screens.redundant",
            "ALMOST_EQUAL_RANKS",
        ): "(rank correlation above {}), bands",
        ("cleaning._quality.screens.computed", "WORTH_A_NOTE"): "an R² of {}, named here",
        (
            "cleaning._quality.screens.computed",
            "NEARLY_DETERMINED",
        ): "when it passes {} or a sum",
        ("reporting._checks.data", "_LARGELY"): "lower end passes {}, and",
        ("cleaning._quality.screens.redundant", "COARSER"): "fewer than {} times as",
    },
    "HM213": {
        ("cleaning._quality.screens.row_order", "P_VALUE"): "Bonferroni is below {} and Cramér's",
        ("cleaning._quality.screens.row_order", "WORTH_SAYING"): "Cramér's V is {} or more.",
    },
    "HM214": {
        ("cleaning._quality.screens.fills", "SMALLEST_COLUMN"): "with at least {} numbers and",
        (
            "cleaning._quality.screens.fills",
            "MOST_LIKE_SCALE",
        ): "200 numbers and {} different ones.",
        ("cleaning._quality.screens.fills", "SHARE"): "in at least {} of the",
        ("cleaning._quality.screens.fills", "TIMES_NEIGHBOURS"): "stands at least {} times above",
    },
    "HM216": {
        ("cleaning._plausible.decimal_evidence", "SYSTEMATIC"): "When more than {} of the",
    },
    "HM218": {
        ("cleaning._categories.renamed_levels", "EXPECTED"): "by their shares {} rows would",
        ("cleaning._categories.renamed_levels", "ALIKE"): "a factor of {}, and levels",
        ("cleaning._categories.renamed_levels", "PERSISTING"): "with at least {} of the",
    },
    "HM219": {
        ("reporting._checks.cleaning", "_FALSE_FLAGS"): "when at most {} of them",
        ("reporting._checks.cleaning", "_SURE_OF_NOISE"): "is wrong reaches {}. Nothing is",
    },
    "HM301": {
        ("validation._leakage.columns.jumps", "EXCEPTIONS"): "at most {} of the rows break",
        ("validation._leakage.columns.jumps", "FEWEST_VALUES"): "at least {} different values",
        ("validation._leakage.columns.suspects", "ALWAYS_RATE"): "at least {} of the rows",
        ("validation._leakage.columns.suspects", "FEWEST_ROWS"): "level of at least {} rows",
        ("validation._leakage.columns.suspects", "HONEST_ALONE"): "conservative end passes {}. Up",
        ("validation._leakage.columns.suspects", "REPEATS_NEARLY"): "Up to {} this is judged",
        ("validation._leakage.columns.suspects", "SAFE_RATE"): "at most {} have the event",
    },
    "HM302": {
        ("validation._leakage.columns.suspects", "HONEST_MODEL"): "suspects is above {} at",
    },
    "HM304": {
        ("validation._leakage.case", "SOME_ROWS"): "about {} rows of",
    },
    "HM305": {
        ("_core._fingerprints.judge", "FALSE_ALARM"): "all pairs ({}), with at",
        ("_core._fingerprints.judge", "LEAST_SHARE"): "with at least {} of the",
    },
    "HM309": {
        ("validation._leakage.rows.close_rows", "NEAR"): "outcome of their {} nearest",
        ("validation._leakage.rows.close_rows", "EXCESS"): "expected, by at least {} and",
        ("validation._leakage.rows.close_rows", "SURE"): "and {} standard errors",
        ("validation._leakage.rows.made_rows", "NEIGHBOURS"): "two of their {} nearest",
        ("validation._leakage.rows.made_rows", "SHARE"): "in at least {} of the rows of one",
        ("validation._leakage.rows.made_rows", "ONE_SIDED"): "{} times the share of the",
        ("validation._leakage.rows.made_rows", "FEWEST_COLUMNS"): "with at least {} continuous",
        (
            "validation._leakage.columns.target_encoded",
            "FEWEST_LEVELS",
        ): "over at least {} levels with",
        (
            "validation._leakage.columns.target_encoded",
            "ENOUGH_LEVELS",
        ): "fit exactly, over {} when the",
        ("validation._leakage.columns.target_encoded", "FAR_BELOW"): "scatter is below {} of what",
        ("validation._leakage.prepared", "CLOSE"): "SD 1, to {}, over exactly",
        ("validation._leakage.prepared", "FILLED_SHARE"): "in at least {} of the",
    },
    "HM402": {
        (
            "reporting._checks.performance",
            "_FEW_EVENTS_PER_PARAMETER",
        ): "are fewer than {} events per",
    },
    "HM404": {
        (
            "validation._transport.leave_out",
            "leave_site_out(max_refits)",
        ): "with more than {} sites several",
        (
            "validation._transport.leave_out",
            "leave_site_out(min_rows)",
        ): "reported alone from {} rows and",
        (
            "validation._transport.leave_out",
            "leave_site_out(min_events)",
        ): "50 rows and {} patients with the event; its",
    },
    "HM405": {
        ("validation._transport.leave_out", "later_time(test_share)"): "hold at least {} of the",
    },
    "HM501": {
        ("fairness._performance.assemble", "MIN_COUNT"): "own. Groups below {} patients are",
        ("fairness", "group_performance(min_events)"): "with fewer than {} patients with,",
    },
    "HM503": {
        ("fairness._performance.assemble", "MIN_COUNT"): "with fewer than {} patients, which",
        ("fairness", "group_performance(min_events)"): "with fewer than {} patients with,",
    },
}

if not PAGES.is_dir():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


def text_of(code):
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def value_of(place):
    """Return a constant, or the default of a parameter, from its place in the code."""
    home, name = place
    name, _, parameter = name.rstrip(")").partition("(")
    thing = getattr(importlib.import_module(f"healthml.{home}"), name)
    return inspect.signature(thing).parameters[parameter].default if parameter else thing


def test_every_code_has_a_page_and_every_page_a_code():
    pages = {p.stem for p in PAGES.glob("HM*.md")}
    assert not set(CODES) - pages, f"write docs/checks/ pages for {sorted(set(CODES) - pages)}"
    assert not pages - set(CODES), f"no code in CODES for the pages {sorted(pages - set(CODES))}"


@pytest.mark.parametrize("code", CODES)
def test_a_page_asks_the_question_of_its_code_under_the_same_headings(code):
    lines = text_of(code).splitlines()
    assert lines[0] == f"# {code}: {CODES[code].title}"
    assert lines[2] == f"*{CODES[code].question}*"
    assert tuple(line[3:] for line in lines if line.startswith("## ")) == HEADINGS


@pytest.mark.parametrize("code", CODES)
def test_a_graded_code_names_its_cut_off_and_another_says_what_it_is(code):
    severity = text_of(code).split("## Severity\n")[1].split("## ")[0]
    measure = CODES[code].measure
    words = {"counts only": "a note", "not assessable": "not assessable"}
    if measure not in words:
        named = f"`{measure}`" in severity or "lways a note" in severity
        assert named, f"the section Severity names the measure `{measure}`, or says 'Always a note'"
    else:
        assert words[measure] in severity.lower(), f"the section Severity says {words[measure]!r}"


@pytest.mark.parametrize("code", CONSTANTS)
def test_the_constants_on_a_page_are_those_of_the_code(code):
    page = " ".join(text_of(code).split())
    for place, words in CONSTANTS[code].items():
        expected = words.format(value_of(place))
        assert expected in page, f"{code}.md must say {expected!r}, as {'.'.join(place)} is now"


@pytest.mark.parametrize("code", CODES)
def test_a_page_names_nothing_private(code):
    assert not re.findall(r"`_\w+", text_of(code))


def test_the_table_of_severities_is_that_of_the_code():
    page = (PAGES / "severity.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert {row[0].strip("`") for row in rows} == set(HARM)
    for measure, unit, harm, too_wide, target in rows:
        cutoff = HARM[measure.strip("`")]
        scale = math.log if cutoff.scale == "log" else float
        assert unit == cutoff.unit
        assert scale(first_number(harm)) == pytest.approx(cutoff.harm)
        assert scale(first_number(too_wide)) == pytest.approx(cutoff.too_wide)
        assert float(target) == cutoff.target


def first_number(words):
    return float(re.search(r"[\d.]+", words).group())


def test_the_override_on_the_page_is_accepted_and_changes_only_the_harm():
    rules = check_rules({"auroc": 0.05})
    assert rules["auroc"].harm == 0.05
    assert rules["auroc"].too_wide == HARM["auroc"].too_wide
    assert rules["oe_ratio"] == HARM["oe_ratio"]


def test_the_index_lists_every_code_as_the_code_has_it():
    page = (PAGES / "index.md").read_text(encoding="utf-8")
    for code, about in CODES.items():
        row = f"| [{code}]({code}.md) | {about.title} | {about.question} | {about.measure} |"
        assert row in page, f"docs/checks/index.md needs this row: {row}"
