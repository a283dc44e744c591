"""A part of an audit, an audit within a time, and how far it has come."""

import re
import time

import numpy as np
import pandas as pd
import pytest

from healthml import audit, audit_predictions
from healthml.exceptions import InputError, TimeBudgetWarning
from healthml.reporting import _plan
from healthml.reporting._checks import CHECKS
from healthml.reporting._plan import Clock, take_selection

N = 200
_RNG = np.random.default_rng(0)
X = pd.DataFrame(_RNG.normal(size=(N, 3)).round(3), columns=["a", "b", "c"])
Y = (_RNG.uniform(size=N) < 1 / (1 + np.exp(1 - X["a"]))).astype(int).to_numpy()


# --- which checks --------------------------------------------------------------------------------


def test_every_check_has_a_name_of_its_own():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


def test_a_check_is_asked_by_its_name_or_by_a_code():
    assert take_selection(only="leaks").codes == {"HM301", "HM302", "HM309"}
    by_code = take_selection(only=["HM402", "later"])
    assert by_code.names == {"performance", "later"}
    assert by_code.codes == {"HM402", "HM405"}
    assert take_selection(only="columns").names == {"columns"}  # dates share a code with it
    without = take_selection(skip=["leaks", "HM402"])
    assert "leaks" not in without.names
    assert "performance" in without.names
    assert not without.keeps("HM402")
    assert without.keeps("")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": "leeks"}, "only names 'leeks', .*did you mean 'leaks'"),
        ({"skip": ["HM999"]}, "skip names 'HM999'"),
        ({"only": "zzz"}, "the checks are flow, task"),
        ({"only": 3}, "only must list codes"),
        ({"only": "sites", "skip": "HM404"}, "leave no check"),
        ({"time_budget": 0}, "time_budget is 0"),
        ({"time_budget": True}, "time_budget is True"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        audit(None, X, Y, **options)


def test_a_part_of_an_audit_says_so():
    report = audit(None, X, Y, only=["flow", "HM104"], n_repeats=1, random_state=0)
    found = report.checks.set_index("question")["found"]
    assert found["Does a column hold the answer?"] == "not asked: left out on request"
    assert found["Is the task declared?"] == "3 questions not assessed"
    assert "not screened for leaks, which was left out on request" in report.headline
    assert report.about["selection"] == "only: flow, HM104"
    assert any("part of an audit (only: flow, HM104)" in n.reason for n in report.not_assessed)


def test_a_skipped_code_is_not_reported():
    risk = np.full(N, Y.mean()) + _RNG.normal(0, 0.001, N)
    whole = audit_predictions(Y, risk, random_state=0)
    assert "HM402" in whole.codes()
    part = audit_predictions(Y, risk, skip="HM402", random_state=0)
    assert part.codes() == [code for code in whole.codes() if code != "HM402"]
    assert part.about["selection"] == "skip: HM402"


# --- within a time -------------------------------------------------------------------------------


def test_little_time_buys_one_repeat_and_is_said(capsys):
    start = time.monotonic()
    with pytest.warns(TimeBudgetWarning, match=r"time_budget is 0.1 s, and the least .* about"):
        report = audit(None, X, Y, time_budget=0.1, verbose=1, random_state=0)
    spent = time.monotonic() - start
    facts = report.about["time_budget"]
    assert (facts["repeats"], facts["usual_repeats"], facts["seconds"]) == (1, 5, 0.1)
    assert spent < 1.2 * facts["least_seconds"]
    progress = capsys.readouterr().err
    assert f"the least that this audit takes is about {facts['least_seconds']} s" in progress
    steps = re.findall(r"step (\d+) of (\d+): .* \((\d+) left, \d+ s so far\)", progress)
    done, of, left = np.array(steps, dtype=int).T
    assert (done == np.arange(1, len(done) + 1)).all()
    assert (done + left == of).all()
    assert left[-1] == 0


def test_enough_time_buys_the_usual_repeats_and_the_same_numbers():
    options = {"only": "performance", "random_state": 0}
    usual = audit(None, X, Y, **options)
    in_time = audit(None, X, Y, time_budget=600, **options)
    assert in_time.about["time_budget"]["repeats"] == usual.about["repeats"] == 5
    assert in_time.headline == usual.headline


def test_a_clock_without_a_budget_says_nothing_in_the_report(capsys):
    clock = Clock()
    clock.say("nothing")
    assert clock.facts(None) == {}
    assert capsys.readouterr().err == ""


def test_the_least_time_counts_what_a_suspect_will_cost(monkeypatch):
    least = []
    stated = Clock.state_least

    def noted(clock, case, selection):
        case.seconds.update(refit=0.1, columns=0.1)
        stated(clock, case, selection)
        least.append(clock.least - clock.elapsed)
        raise StopIteration

    monkeypatch.setattr(Clock, "state_least", noted)
    monkeypatch.setattr(_plan, "_picture_seconds", lambda: 0.0)
    suspect = X.assign(later=Y + _RNG.normal(size=N) / 9)
    for table, asked in (
        (X, {}), (suspect, {}), (X, {"only": "task"}), (X, {"deep": True}),
        (X, {"site": np.arange(N) % 3}), (X, {"groups": np.arange(N)}),
    ):  # fmt: skip
        with pytest.raises(StopIteration):
            audit(None, table, Y, time_budget=1000, random_state=0, **asked)
    whole, with_suspect, part, deep, sites, patients = least
    assert with_suspect > whole + 2.4  # 25 refits more, beside the boosted trees
    assert part < whole - 2.5  # neither the screening nor the checks that refit
    assert deep > whole + 13  # 131 refits more
    assert sites > whole + 1.7  # 3 sites, each a third of the rows
    assert patients < whole + 1  # nobody repeats, so no forest is asked
