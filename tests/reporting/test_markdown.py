"""The report as Markdown: the page's order and words, escaped, released and written whole."""

import re

import pytest

from healthml.reporting._page import render_markdown
from healthml.reporting._page.markdown import escaped
from tests.reporting.test_html import NASTY, hand_made


@pytest.fixture(scope="module")
def text(report):
    return report.to_markdown()


def test_it_has_the_order_of_the_page(report, text):
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    page = report.to_html()
    shown = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == [title for title in shown if title in headings]
    assert headings[:3] == [
        "All checks, and what they found",
        "What must be settled before anyone relies on this model",
        "What was not assessed, and the evidence needed next",
    ]
    assert text.startswith(f"# {report.statement}")


def test_it_holds_the_findings_questions_and_numbers(report, text):
    flat = text.replace("\\", "")
    assert all(finding.title in flat for finding in report.findings)
    assert all(item.topic in flat for item in report.not_assessed)
    assert all(finding.remedy_code in text for finding in report.findings)
    assert "**AUC 0." in text
    assert "For every 100 events" in text


def test_small_counts_are_hidden_as_on_the_page(report, text):
    page = re.sub(r"<[^>]+>", " ", report.to_html())
    assert text.count("&lt;11") == len(re.findall("&lt;11", page)) > 0


def test_text_of_the_user_is_text_and_nothing_else():
    made = render_markdown(hand_made())
    assert "<script" not in made
    assert "&lt;script>" in made
    table = next(line for line in made.splitlines() if line.startswith("| sex"))
    assert table.count("|") == 7
    assert escaped("a|b`c` [x](y) _z_ # \n 1. n") == "a\\|b\\`c\\` \\[x\\](y) \\_z\\_ # 1. n"
    assert [escaped(t) for t in ("1. n", "- n", "# n", "-1.5", "1.5")] == [
        "1\\. n",
        "\\- n",
        "\\# n",
        "-1.5",
        "1.5",
    ]
    assert NASTY not in made


def test_it_is_written_whole_and_twice_the_same(report, text, tmp_path):
    path = tmp_path / "report.md"
    assert report.to_markdown(path) == text
    assert path.read_text(encoding="utf-8") == text
