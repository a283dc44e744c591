"""The one rule: what is serious, what is a note, and when nothing can be said."""

import ast
import math
import re
from pathlib import Path

import numpy as np
import pytest

import healthml
from healthml._core._findings import (
    CODES,
    HARM,
    MODERATE,
    NOT_ASSESSABLE,
    NOTE,
    SERIOUS,
    SEVERITIES,
    Cutoff,
    Effect,
    Finding,
    check_rules,
    grade,
    is_close_call,
)
from healthml.exceptions import InputError

PACKAGE = Path(healthml.__file__).parent
PAGE = PACKAGE.parent / "docs" / "checks" / "severity.md"


def effect(measure, lower, upper, estimate=None):
    middle = (lower + upper) / 2 if estimate is None else estimate
    return Effect(measure, middle, lower, upper, "this minus that", 1000, 100)


# --- the table of cut-offs -----------------------------------------------------------------------


def test_the_cutoffs_are_those_that_are_documented():
    assert HARM["auroc"] == Cutoff(0.02, 0.20, unit=HARM["auroc"].unit)
    assert HARM["net_benefit_per_1000"].harm == 5.0
    assert HARM["net_benefit_per_1000"].too_wide == 50.0
    assert math.exp(HARM["oe_ratio"].harm) == pytest.approx(1.25)
    assert math.exp(HARM["oe_ratio"].too_wide) == pytest.approx(4.0)
    assert (HARM["oe_ratio"].target, HARM["oe_ratio"].scale) == (1.0, "log")
    slope = HARM["calibration_slope"]
    assert (slope.harm, slope.too_wide, slope.target) == (0.2, 1.0, 1.0)
    assert {"auroc", "net_benefit_per_1000", "oe_ratio", "calibration_slope"} == set(HARM)


def test_the_page_of_severities_prints_the_same_numbers():
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name, _ in lines} == set(HARM)
    for name, line in lines:
        _, harm, wide, target = line.split(" | ")
        cutoff = HARM[name]
        scale = math.exp if cutoff.scale == "log" else float
        shown = [float(re.search(r"[\d.]+", text)[0]) for text in (harm, wide, target)]
        assert shown == pytest.approx([scale(cutoff.harm), scale(cutoff.too_wide), cutoff.target])


def test_the_table_cannot_be_changed_in_place():
    with pytest.raises(TypeError):
        HARM["auroc"] = Cutoff(1, 1)
    rules = check_rules({"auroc": 0.3})
    assert (rules["auroc"].harm, HARM["auroc"].harm) == (0.3, 0.02)


# --- severity ------------------------------------------------------------------------------------

# measure, lower, upper -> severity; the conservative end is the one nearest to no harm
RULE = [
    ("auroc", 0.021, 0.15, SERIOUS),
    ("auroc", 0.019, 0.15, NOTE),  # the estimate is far beyond the harm, its end is not
    ("auroc", 0.02, 0.15, NOTE),  # on the cut-off is not beyond it
    ("auroc", -0.15, -0.021, NOTE),  # a gain is no harm
    ("auroc", -0.15, 0.06, NOT_ASSESSABLE),
    ("auroc", -0.09, 0.11, NOTE),  # as wide as allowed
    ("auroc", -0.30, 0.019, NOTE),  # wide, but no harm is in it
    ("auroc", 0.03, 0.40, SERIOUS),  # wide, and all of it harm
    ("net_benefit_per_1000", 5.1, 20, SERIOUS),
    ("net_benefit_per_1000", 4.9, 20, NOTE),
    ("net_benefit_per_1000", -30, 21, NOT_ASSESSABLE),
    ("net_benefit_per_1000", -30, 19, NOTE),
    ("oe_ratio", 1.26, 2.0, SERIOUS),
    ("oe_ratio", 1.24, 2.0, NOTE),
    ("oe_ratio", 0.5, 0.79, SERIOUS),  # too many expected is as bad
    ("oe_ratio", 0.5, 0.81, NOTE),
    ("oe_ratio", 0.6, 2.3, NOTE),
    ("oe_ratio", 0.5, 2.1, NOT_ASSESSABLE),
    ("oe_ratio", 0.0, 1.3, NOT_ASSESSABLE),
    ("oe_ratio", 0.0, 0.7, SERIOUS),
    ("calibration_slope", 0.5, 0.79, SERIOUS),
    ("calibration_slope", 0.5, 0.81, NOTE),
    ("calibration_slope", 1.21, 1.6, SERIOUS),
    ("calibration_slope", 0.9, 1.1, NOTE),
    ("calibration_slope", 0.4, 1.5, NOT_ASSESSABLE),
]


@pytest.mark.parametrize(("measure", "lower", "upper", "severity"), RULE)
def test_severity_follows_the_conservative_end(measure, lower, upper, severity):
    assert grade(effect(measure, lower, upper)) == severity


@pytest.mark.parametrize(("measure", "lower", "upper", "severity"), RULE)
def test_the_estimate_alone_never_decides(measure, lower, upper, severity):
    for estimate in (lower, upper):
        assert grade(effect(measure, lower, upper, estimate)) == severity


@pytest.mark.parametrize("end", ["estimate", "lower", "upper"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_without_an_interval_nothing_can_be_said(end, value):
    known = {"estimate": 0.1, "lower": 0.05, "upper": 0.15, end: value}
    assert grade(Effect("auroc", **known, meaning="", n_samples=9, n_events=3)) == NOT_ASSESSABLE
    assert grade(None) == NOT_ASSESSABLE


def test_an_unknown_cause_is_at_most_moderate():
    assert grade(effect("auroc", 0.1, 0.2), cause_known=False) == MODERATE
    assert grade(effect("auroc", 0.0, 0.1), cause_known=False) == NOTE
    assert grade(effect("auroc", -0.5, 0.5), cause_known=False) == NOT_ASSESSABLE
    assert grade(None, cause_known=False) == NOT_ASSESSABLE


# --- the user's own cut-offs ---------------------------------------------------------------------


def test_users_set_the_harm_and_keep_the_rest():
    rules = check_rules({"auroc": 0.05, "oe_ratio": math.log(2)})
    assert (rules["auroc"].harm, rules["auroc"].too_wide) == (0.05, 0.20)
    assert (rules["oe_ratio"].scale, rules["oe_ratio"].target) == ("log", 1.0)
    assert rules["calibration_slope"] == HARM["calibration_slope"]
    assert grade(effect("auroc", 0.03, 0.1)) == SERIOUS
    assert grade(effect("auroc", 0.03, 0.1), rules) == NOTE
    assert grade(effect("auroc", 0.01, 0.1), check_rules({"auroc": 0.005})) == SERIOUS
    assert grade(effect("oe_ratio", 1.3, 1.9), rules) == NOTE
    assert grade(effect("oe_ratio", 2.1, 2.9), rules) == SERIOUS


def test_users_set_the_whole_cutoff():
    rules = check_rules({"calibration_slope": Cutoff(0.1, 3.0, 1.0)})
    assert grade(effect("calibration_slope", 0.4, 1.5)) == NOT_ASSESSABLE
    assert grade(effect("calibration_slope", 0.4, 1.5), rules) == NOTE
    assert grade(effect("calibration_slope", 0.5, 0.89), rules) == SERIOUS


@pytest.mark.parametrize("nothing", [None, {}])
def test_without_rules_the_table_stands(nothing):
    assert check_rules(nothing) == dict(HARM)


@pytest.mark.parametrize("size", [0, -1, "0.1", None, float("nan"), [0.1]])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(InputError, match=r"severity_rules\['auroc'\] must be a positive number"):
        check_rules({"auroc": size})


def test_an_unknown_measure_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="severity_rules names 'auc'; the measures are auroc, cal"):
        check_rules({"auc": 0.1})


# --- codes and findings --------------------------------------------------------------------------


def codes_in(path):
    """Return the codes that a file names in its strings, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and re.fullmatch(r"HM\d{3}", text)}


def test_every_code_is_used_by_the_audit_or_what_it_speaks_through_and_no_other_is():
    rooms = [path for path in PACKAGE.rglob("*.py") if path.name != "_findings.py"]
    used = {c: path.relative_to(PACKAGE).parts[0] for path in rooms for c in codes_in(path)}
    assert set(used) == set(CODES)
    assert set(used.values()) <= {"reporting", "validation"}


def test_every_code_says_what_it_asks_and_how_it_is_graded():
    for code, entry in CODES.items():
        assert re.fullmatch(r"HM[1-5]\d\d", code)
        assert entry.question.endswith("?")
        assert entry.title[0].isupper()
        assert not entry.title.endswith(".")
        assert entry.measure in {*HARM, "counts only", "not assessable"}
    assert len({entry.title for entry in CODES.values()}) == len(CODES)
    assert len({entry.question for entry in CODES.values()}) == len(CODES)
    assert list(CODES) == sorted(CODES)


def test_a_finding_has_a_known_code_and_severity():
    Finding("HM301", SERIOUS, "title", "evidence", "remedy")
    with pytest.raises(InputError, match="'HM999' is not in the table of codes"):
        Finding("HM999", NOTE, "title", "evidence", "remedy")
    with pytest.raises(InputError, match="Severity 'bad' is not one of"):
        Finding("HM301", "bad", "title", "evidence", "remedy")
    assert SEVERITIES == (SERIOUS, MODERATE, NOTE, NOT_ASSESSABLE)


def test_an_effect_in_words_has_interval_level_and_counts():
    words = Effect("auroc", 0.0512, 0.0312, 0.0712, "AUC with minus without", 12345, 678).in_words()
    assert words == (
        "AUC with minus without: 0.051 (95% interval 0.031 to 0.071; 12,345 rows, 678 events)"
    )
    per_thousand = Effect(
        "net_benefit_per_1000", 5.26, 1.0, 9.0, "gain", 10, 5, confidence_level=0.999
    )
    assert per_thousand.in_words() == "gain: 5.3 (99.9% interval 1.0 to 9.0; 10 rows, 5 events)"
    hidden = Effect("oe_ratio", math.nan, math.nan, math.nan, "site a", 120, None).in_words()
    assert hidden == "site a: not shown, since it would tell a small count (120 rows)"


@pytest.mark.parametrize(
    ("lower", "luck", "close"),
    [(0.021, 0.001, True), (0.019, 0.001, True), (0.023, 0.001, False), (0.023, np.nan, False)],
)
def test_a_call_is_close_within_two_standard_deviations_of_the_splits(lower, luck, close):
    effect = Effect("auroc", 0.05, lower, 0.08, "AUC", 100, 20)
    assert is_close_call(effect, check_rules(), luck) is close


def test_ratios_are_close_on_their_own_scale():
    effect = Effect("oe_ratio", 2.0, 1.25 * 1.03, 3.0, "O:E", 100, 20)
    assert is_close_call(effect, check_rules(), 0.04)  # 2 * 0.04 / 2.0 on the log scale
    assert not is_close_call(effect, check_rules(), 0.02)
    assert not is_close_call(None, check_rules(), 0.02)
