"""Every code has a page that says what the code does, and the page on severity is right."""

import ast
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
_CONSTANT = re.compile(r"`(_\w+)\.(\w+) = ([^`]+)`")
_DEFAULT = re.compile(r"`(_\w+)\.(\w+)\((\w+)=([^`)]+)\)`")

if not PAGES.is_dir():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


def text_of(code):
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def module(name, holds):
    """Return the private module of that name which holds what the page names."""
    paths = (ROOT / "healthml").rglob(f"{name}.py")
    found = [path.relative_to(ROOT).with_suffix("").parts for path in paths]
    modules = [importlib.import_module(".".join(parts)) for parts in found]
    (one,) = [made for made in modules if hasattr(made, holds)]
    return one


def test_every_code_has_a_page_and_every_page_a_code():
    assert {p.stem for p in PAGES.glob("HM*.md")} == set(CODES)


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
        assert f"`{measure}`" in severity or "lways a note" in severity
    else:
        assert words[measure] in severity.lower()


@pytest.mark.parametrize("code", CODES)
def test_the_constants_on_a_page_are_those_of_the_code(code):
    page = " ".join(text_of(code).split())
    for name, constant, value in _CONSTANT.findall(page):
        assert getattr(module(name, constant), constant) == ast.literal_eval(value), (
            name,
            constant,
        )
    for name, function, parameter, value in _DEFAULT.findall(page):
        signature = inspect.signature(getattr(module(name, function), function))
        assert signature.parameters[parameter].default == ast.literal_eval(value), function


def test_pages_do_name_constants():
    pages = "".join(map(text_of, CODES))
    assert len(_CONSTANT.findall(pages)) > 20
    assert len(_DEFAULT.findall(pages)) > 5


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
        assert row in page
