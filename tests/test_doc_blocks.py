"""Every code block of the README and of the documentation runs as printed, page by page.

The blocks of a page run one after the other in one namespace, in an empty folder. Commands of the
shell are read by the parser of the command line.
"""

import os
import re
import shlex
import warnings
from pathlib import Path

import pytest

import healthml
from healthml._command_line import parser
from healthml.exceptions import InputError

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "docs").is_dir():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    """Return the code blocks of a page in one language."""
    return [
        code for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language
    ]


def with_code(language):
    return [pytest.param(page, id=page.name) for page in PAGES if blocks(page, language)]


@pytest.mark.parametrize("page", with_code("python"))
def test_the_python_of_a_page_runs_as_printed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, code in enumerate(blocks(page, "python"), 1):
        if "HEALTHML_SHARED" in code and "HEALTHML_SHARED" not in os.environ:
            continue
        if "dask" in code:
            pytest.importorskip("distributed", reason="needs the extra healthml[dask]")
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # a reader sees them too; they are no failure
            exec(compile(code, f"{page.name}, block {number}", "exec"), names)


def commands():
    """Return (page, arguments) of every call of the command line that a page prints."""
    found = []
    for page in PAGES:
        for code in blocks(page, "bash"):
            for line in code.replace("\\\n", " ").splitlines():
                words = shlex.split(line)
                if words[:3] == ["python", "-m", "healthml"]:
                    found.append(pytest.param(words[3:], id=page.name))
    return found


@pytest.mark.parametrize("arguments", commands())
def test_a_printed_command_is_one_that_the_command_line_reads(arguments):
    assert parser().parse_args(arguments)


def test_a_broken_command_would_be_seen():
    with pytest.raises(InputError, match="unrecognized arguments: --outcom"):
        parser().parse_args(["audit", "table.csv", "--outcom", "died"])


ROLE = re.compile(r"\{(?:func|class|meth|attr|mod)\}`(?:[^`<]*<)?~?(healthml[\w.]*)>?`")


def reached(dotted):
    """Return what a dotted name stands for, from the top of the package."""
    thing = healthml
    for name in dotted.split(".")[1:]:
        thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_call_that_a_page_names_is_there(page):
    for dotted in ROLE.findall(page.read_text(encoding="utf-8")):
        assert reached(dotted) is not None, dotted


def test_a_call_that_is_not_there_would_be_seen():
    assert ROLE.findall("{func}`~healthml.metrics.aurok`") == ["healthml.metrics.aurok"]
    with pytest.raises(AttributeError):
        reached("healthml.metrics.aurok")


# What people search for -> the page that says it in a heading: headings come first in a search
SEARCHED = {
    "SMOTE": "guide/resampling.md",
    "Rubin": "guide/imputation.md",
    "group split": "guide/validation.md",
    "export to json": "export.md",
    "missing indicator": "guide/imputation.md",
    "decision curve": "reading_pictures.md",
    "pROC": "from_r.md",
}


@pytest.mark.parametrize(("words", "page"), SEARCHED.items())
def test_what_people_search_for_is_a_heading_of_its_page(words, page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE
    )
    assert any(words.lower() in heading.lower() for heading in headings)
