"""The page: in order, escaped, self-contained, and without a patient's value."""

import html
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import healthml
from healthml._core._displays import figure_svg, new_figure
from healthml._core._findings import CODES, Effect, Finding, check_rules
from healthml.reporting._page.html import render
from healthml.reporting._page.meanings import MEANINGS
from healthml.reporting._page.pictures import CalibrationPicture, NetBenefitPicture
from healthml.reporting._page.words import NOTHING, interval_text, number_text, view_table
from healthml.reporting._report import AuditReport, Figure, NotAssessed, Section
from healthml.schema import Schema

NASTY = "<script>alert('x')</script>"
MARKS = {
    "patient": "PATIENT-7731-QX",
    "row label": "ROWLABEL-QX",
    "rare level": "rarelevelqx",
    "small group": "tinygroupqx",
    "text": "Mrs Zyxqvut",
    "number": "73.91724681",
}


def table_of_groups():
    rows = [
        ("sex", group, measure, 0.8123, 0.75, 0.87, n, 120)
        for group, n in (("f", 1200), ("m", 900))
        for measure in ("auroc", "oe_ratio")
    ]
    names = ["feature", "group", "measure", "estimate", "lower", "upper", "n_samples", "n_events"]
    return pd.DataFrame(rows, columns=names)


def hand_made(**changes):
    """Return a report with one of everything."""
    effect = Effect("auroc", 0.12, 0.1, 0.14, f"AUC with {NASTY} minus without", 2000, 300)
    findings = (
        Finding("HM301", "serious", f"{NASTY} repeats the outcome", "AUC 1.00 alone", "Ask when."),
        Finding("HM302", "moderate", "Rests on b", "counts", "Ask for b.", effect, ("b",)),
        Finding("HM401", "note", "Not shown to beat age and sex", "holds 0", "Show more."),
        Finding("HM204", "note", "Repeated rows", "4 rows", "Find out why."),
        Finding("HM503", "not assessable", "Groups too small", "2 groups", "Collect more."),
    )
    figure = Figure(lambda ax: ax.plot([0, 1], [NASTY, "$x^$ & co"]), f"A line of {NASTY}")
    long = pd.DataFrame({NASTY: range(40), "n_samples": 12345})
    part = Section("a", "groups", f"For {NASTY}?", "Lead.", (("Groups", table_of_groups()),))
    first = Section("b", "cohort", "Who?", "Lead.", (("Long", long),), (figure, figure))
    made = {
        "statement": "This judges a procedure for new patients.",
        "headline": "AUC 0.900 (0.880 to 0.920); without 1 suspect column 0.780 (0.75 to 0.81).",
        "findings": findings,
        "not_assessed": (NotAssessed(f"Is {NASTY} known?", "no time", "Declare it.", "HM104"),),
        "sections": (part, first),
        "about": {
            "version": "0",
            "seed": 0,
            "n_samples": 2000,
            "n_events": 300,
            "n_patients": None,
            "thresholds": [0.05, 0.2],
            "thresholds_declared": False,
            "severity_rules": check_rules(),
        },
    }
    return AuditReport(pd.DataFrame(), **{**made, **changes})


@pytest.fixture(scope="module")
def page():
    return render(hand_made())


class Words(HTMLParser):
    """The text of a page as a reader gets it, and the tags."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags, self._skip = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._skip = tag in ("style", "title", "script")

    def handle_endtag(self, tag):
        self._skip = False

    def handle_data(self, data):
        if data.strip() and not self._skip:
            self.text.append(" ".join(data.split()))


def test_the_page_answers_in_order(page):
    text = Words(page).text
    whole = " ".join(text)
    order = [
        "This judges a procedure for new patients.",
        "How good is it, and what stands in the way?",
        "▲ Serious",
        "◆ Moderate",
        "All checks, and what they found",
        "What must be settled before anyone relies on this model",
        "▲ Serious",
        "◆ Moderate",
        "Not shown to beat age and sex",
        "What was not assessed, and the evidence needed next",
        "Declare it.",
        "Notes Facts to know",
        "Repeated rows",
        "? Not assessable",
        "Patients Who?",
        "Groups of patients For",
        "For the statistician: all tables",
        "How severity is given",
        "For the engineer: how to repeat it, and act on it",
        "What the codes mean",
    ]
    place = 0
    for words in order:
        assert words in whole[place:], words
        place = whole.index(words, place) + len(words)


def test_a_headline_without_a_leak_says_so():
    page = render(hand_made(headline="AUC 0.8 (0.7 to 0.9); no suspect column was found."))
    assert "no suspect column was found" in page


def test_every_check_stands_on_the_page_with_what_it_found():
    found = "HM209 (note), 1 question not assessed"
    ran = pd.DataFrame(
        [("Do rows repeat?", "HM204, HM305", "nothing"), ("What is missing?", "HM209", found)],
        columns=["question", "codes", "found"],
    )
    whole = " ".join(Words(render(hand_made(checks=ran))).text)
    assert "All checks, and what they found" in whole
    assert "Do rows repeat? nothing What is missing? ● 1 note, 1 open question" in whole


def test_nothing_to_settle_is_no_praise():
    text = " ".join(Words(render(hand_made(findings=()))).text)
    assert "is not a proof that all is well" in text
    assert not re.search(r"\bsafe\b", text, re.IGNORECASE)


def test_it_never_says_safe(page):
    assert not re.search(r"\bsafe\b", page, re.IGNORECASE)


def test_names_of_columns_are_escaped(page):
    assert page.lower().count("<script") == 1  # the page's own, which sorts tables
    assert "alert('x')" not in page
    assert "&lt;script&gt;" in page


def test_nothing_is_requested(page):
    tags = Words(page).tags
    assert not {"link", "img", "iframe", "object", "base", "form"} & {t for t, _ in tags}
    links = [v for _, attrs in tags for k, v in attrs.items() if k in ("href", "src")]
    assert links
    assert all(not attrs for tag, attrs in tags if tag == "script")
    assert all(link.startswith("#") for link in links)
    assert "://" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_links_and_pictures_find_their_place(page):
    tags = Words(page).tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    used = {v[1:] for _, attrs in tags for k, v in attrs.items() if k == "href"}
    used |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert used <= set(ids)


def test_tables_fold_and_sort_and_say_what_they_are(page):
    folded = re.findall(r"<summary>(\w+) <span", page)
    assert folded == ["Long", "Groups"]
    tags = Words(page).tags
    tables = [attrs for tag, attrs in tags if tag == "table"]
    regions = [attrs for tag, attrs in tags if attrs.get("class") == "scroll"]
    assert len(tables) == len(regions) == 4
    assert sum(attrs.get("class") == "sortable" for attrs in tables) == 3
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in regions)
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in tags if tag == "th")
    assert "aria-sort" in page


def test_headings_and_landmarks_are_in_order(page):
    tags = Words(page).tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    names = [tag for tag, _ in tags]
    assert (names.count("main"), names.count("nav"), names.count("footer")) == (1, 1, 1)
    assert next(a["href"] for t, a in tags if t == "a") == "#report"  # skips the contents
    assert all(a.get("aria-label") for t, a in tags if t == "svg")


class Shown(HTMLParser):
    """The words that are read before anything is opened, and those a clinician meets first."""

    def __init__(self, page):
        super().__init__()
        self.words, self.first = [], []
        self._skipped = self._closed = self._summaries = 0
        self._before_tables = True
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._skipped += tag in ("style", "title", "script")
        self._closed += tag == "details"
        self._summaries += tag == "summary"
        if ("id", "tables") in attrs:
            self._before_tables = False

    def handle_endtag(self, tag):
        self._skipped -= tag in ("style", "title", "script")
        self._closed -= tag == "details"
        self._summaries -= tag == "summary"

    def handle_data(self, data):
        if not self._skipped and self._closed == bool(self._summaries):
            self.words += data.split()
            if self._before_tables:
                self.first.append(data)


MOST_WORDS = 2500


def test_the_page_is_short_and_in_one_language_before_anything_is_opened(report):
    shown = Shown(report.to_html())
    assert 600 < len(shown.words) <= MOST_WORDS
    text = " ".join(" ".join(shown.first).split())
    assert not re.search(r"HM\d{3}", text)
    assert "influence function" not in text
    assert "whole patients" not in text


def test_a_dirty_table_makes_no_long_page():
    finding = hand_made().findings[1]
    many = tuple(replace(finding, title=f"Column c{k} rests on b") for k in range(12))
    shown = Shown(render(hand_made(findings=many)))
    assert len(shown.words) <= MOST_WORDS


def test_the_first_screen_says_auc_and_ratio_in_plain_words(report, score_report):
    text = " ".join(Words(report.to_html()).text)
    before = text[: text.index("All checks, and what they found")]
    auc = report.section("performance").tables[0][1].query("model == 'model'")
    auc = auc.set_index("measure").loc["auroc", "estimate"]
    assert f"the higher risk in {100 * auc:.0f} (95% interval" in before
    assert f"AUC {auc:.3f}" in before
    assert "For every 100 events that the risks let be expected" in before
    assert "which holds it near 100" in before
    assert "good: it rests on a suspect column. Without it the AUC is" in before
    assert report.must_settle[0].title in before
    plain = " ".join(Words(score_report.to_html()).text)
    assert "which holds it near 100" not in plain
    assert "No column was given that could be screened for leaks." in plain
    assert "Too good" not in plain


def test_the_page_says_how_to_repeat_and_act(report):
    page = report.to_html()
    text = html.unescape(page)
    assert report.about["call"]["audit"] in text
    assert all(f.remedy_code in text for f in report.findings)


def test_a_name_with_a_line_break_stays_in_the_comment():
    finding = replace(hand_made().findings[0], title="a\nimport os", remedy_code="X = X")
    text = html.unescape(render(hand_made(findings=(finding,))))
    assert "# HM301: a import os\nX = X" in text
    assert "\nimport os" not in text.split("# HM301")[1]


def test_meanings_are_those_of_the_documentation():
    missing = sorted(set(CODES) - set(MEANINGS))
    assert not missing, f"write what {missing} mean into reporting/_page/meanings.py as well"
    for code in CODES:
        page = (Path(__file__).parents[2] / "docs" / "checks" / f"{code}.md").read_text("utf-8")
        words = page.split("## In plain words", 1)[1].split("\n## ", 1)[0].replace("`", "")
        words = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", words)
        assert MEANINGS[code] == " ".join(words.split()), code


def test_the_same_report_is_the_same_page(page):
    assert render(hand_made()) == page


ENDS = ["estimate", "lower", "upper"]


def test_a_table_has_one_column_per_measure():
    view = view_table(table_of_groups())
    assert view.headings == ["Feature", "Group", "AUC", "Observed / expected", "Rows", "Events"]
    first = [cell.replace("\xa0", " ") for cell in view.rows[0]]
    assert first == ["sex", "f", "0.812 (0.750 to 0.870)", "0.81 (0.75 to 0.87)", "1,200", "120"]


def test_a_measure_told_twice_stays_a_row():
    table = pd.concat([table_of_groups(), table_of_groups()])
    view = view_table(table)
    assert len(view.rows) == 8
    assert "Measure" in view.headings


def test_what_was_not_measured_is_a_dash():
    table = table_of_groups()
    table.loc[0, ["estimate", "lower", "upper"]] = np.nan
    assert view_table(table).rows[0][2] == NOTHING
    assert interval_text(None, None, None) == NOTHING


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.0001, 2, "0.00"), (-1.5, 1, "\N{MINUS SIGN}1.5"), (12345.6, 0, "12,346")],
)
def test_numbers_are_set_as_print_sets_them(value, digits, text):
    assert number_text(value, digits) == text


def test_a_number_has_no_levels_and_a_measure_a_name():
    table = pd.DataFrame({"column": ["age", "sex"], "n_levels": [0, 2]})
    assert [row[1] for row in view_table(table).rows] == [NOTHING, "2"]
    named = pd.DataFrame([("m", "net_benefit", 0.1, 0.0, 0.2)], columns=["model", "measure", *ENDS])
    assert view_table(named).headings == ["Model", "Net benefit"]


def test_columns_missing_together_stand_by_name(report):
    tables = next(s.tables for s in report.sections if s.key == "missingness")
    table, blocks = tables[0][1], tables[1][1]
    assert "block" not in blocks
    for own, companions in zip(table["column"], table["block"], strict=True):
        together = [set(names) for names in blocks["columns"] if own in names]
        expected = set().union(*together) - {own}
        assert set(filter(None, companions.split(", "))) == expected


def test_places_are_named_by_what_they_are(report):
    alts = {s.key: s.figures[0].alt for s in report.sections if s.key in ("sites", "later")}
    assert "by site" in alts["sites"]
    assert "by period" in alts["later"]


def test_the_event_is_named_as_it_was_declared():
    rng = np.random.default_rng(0)
    risk = rng.uniform(0.05, 0.6, 300)
    dead = (rng.uniform(size=300) < risk).astype(int)
    schema = Schema(outcome="status", event="Died", prediction_time="admission")
    report = healthml.audit_predictions(dead, risk, schema=schema, only=["HM104"], random_state=0)
    assert report.about["event"] == "Died"
    assert report.declared["prediction_time"] == "admission"
    assert "When is the prediction made?" not in [q.topic for q in report.not_assessed]


def test_users_names_are_not_translated():
    table = pd.DataFrame({"site": ["a"], "Dead_on_arrival": [12]})
    assert view_table(table).headings == ["Site", "Dead_on_arrival"]


def case_of(n, n_repeats, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    chance = 1 / (1 + np.exp(2 - 1.2 * x))
    y = (rng.uniform(size=n) < chance).astype(int)
    units = np.unique(rng.integers(0, n // 2, n), return_inverse=True)[1]
    case = SimpleNamespace(y=y, units=units, thresholds=np.linspace(0.05, 0.3, 21))
    return case, np.tile(chance, (n_repeats, 1))


def drawn(draw):
    figure, ax = new_figure()
    draw(ax)
    assert figure_svg(figure).startswith("<svg")
    return ax


def line(ax, label):
    return next(one for one in ax.lines if one.get_label() == label)


def test_true_risks_lie_inside_their_band():
    case, risk = case_of(20_000, 2)
    ax = drawn(lambda ax: CalibrationPicture.of(case, risk)(ax))
    at, height = line(ax, "Observed, smoothed").get_data()
    assert np.max(np.abs(height - at)) < 0.05
    assert at[0] > risk.min()
    assert at[-1] < risk.max()


def test_risks_that_are_too_extreme_lie_below_the_ideal_at_the_top():
    case, risk = case_of(5_000, 1)
    odds = (risk / (1 - risk)) ** 1.8
    ax = drawn(lambda ax: CalibrationPicture.of(case, odds / (1 + odds))(ax))
    at, height = line(ax, "Observed, smoothed").get_data()
    upper = at > 0.75
    assert np.all(height[upper] < at[upper] - 0.05)


def test_bars_of_few_rows_are_not_drawn():
    case, risk = case_of(400, 1)
    ax = drawn(lambda ax: CalibrationPicture.of(case, risk)(ax))
    for bars, y in zip(ax.containers, (1, 0), strict=True):
        edges = np.array([bar.get_x() for bar in bars])
        width = np.diff(edges)[0]
        for bar in bars:
            low = bar.get_x()
            inside = (case.y == y) & (risk[0] >= low) & (risk[0] < low + width)
            assert bar.get_height() == 0 or inside.sum() >= 11 or low == edges[-1]


@pytest.mark.parametrize("value", [0.2, 3.0, np.nan])
def test_a_score_without_a_curve_says_so(value):
    case, risk = case_of(200, 1)
    ax = drawn(lambda ax: CalibrationPicture.of(case, np.full_like(risk, value))(ax))
    assert ax.texts[0].get_text().startswith("No calibration curve")


def test_net_benefit_is_the_known_formula():
    case, risk = case_of(300, 1)
    rows = {"existing score": np.arange(300) < 200}
    risks = {"model": risk, "existing score": risk[0], "prevalence only": risk * 0 + 0.1}
    ax = drawn(lambda ax: NetBenefitPicture.of(case, risks, rows)(ax))
    for label, keep in (
        ("Model", slice(None)),
        ("Existing score (rows that have one)", slice(200)),
    ):
        t, shown = line(ax, label).get_data()
        treated = risk[0][keep] >= t[7]
        y = case.y[keep]
        expected = (y[treated].sum() - (1 - y[treated]).sum() * t[7] / (1 - t[7])) / len(y)
        assert shown[7] == pytest.approx(1000 * expected)
    assert [one.get_label() for one in ax.lines][:2] == ["Treat all", "Treat none"]
    assert "Prevalence only" not in [one.get_label() for one in ax.lines]


def test_no_global_setting_of_matplotlib_is_touched(page):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    render(hand_made())
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def planted():
    """Return what a real audit makes of a table in which marks were planted."""
    rng = np.random.default_rng(0)
    n = 360
    X = pd.DataFrame(
        {
            "pid": [f"{MARKS['patient']}-{k // 2}" for k in range(n)],
            "age": rng.integers(30, 90, n),
            "ward": rng.choice(["A", "B", "C"], n),
            "sex": rng.choice(["f", "m"], n),
            "note": [f"{MARKS['text']} {k}" for k in range(n)],
            "lab": rng.normal(50, 10, n).round(1),
        },
        index=[f"{MARKS['row label']}-{k}" for k in range(n)],
    )
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(1 - (X["lab"] - 50) / 10))).astype(int)
    X.iloc[:4, X.columns.get_loc("ward")] = MARKS["rare level"]
    X.iloc[8:14, X.columns.get_loc("sex")] = MARKS["small group"]
    X.iloc[20, X.columns.get_loc("lab")] = float(MARKS["number"])
    report = healthml.audit(
        None, X, y, groups="pid", sensitive_features=["sex"], n_repeats=1, random_state=0
    )
    return {
        "page": report.to_html(),
        "json": report.to_json(),
        "terminal": report.summary(),
        "repr": repr(report) + report._repr_html_(),
    }


@pytest.mark.parametrize("where", ["page", "json", "terminal", "repr"])
@pytest.mark.parametrize("mark", MARKS)
def test_no_value_or_label_of_a_patient_is_shown(planted, where, mark):
    assert MARKS[mark] not in planted[where]


def test_a_real_report_is_whole(planted):
    text = " ".join(Words(planted["page"]).text)
    body = json.loads(planted["json"])
    assert body["statement"] in text
    assert all(item["topic"] in text for item in body["not_assessed"])
    assert all(item["title"] in text for item in body["findings"])
    assert all(section["title"] in text for section in body["sections"])
    assert not re.search(r"\bsafe\b", text, re.IGNORECASE)
    assert "://" not in planted["page"]
