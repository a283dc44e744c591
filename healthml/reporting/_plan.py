"""What an audit is asked to do: which checks, within which time, and how far it has come."""

import sys
import time
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Real

import numpy as np

from healthml._core._displays import figure_svg, new_figure
from healthml.exceptions import InputError, TimeBudgetWarning
from healthml.reporting._checks import CHECKS
from healthml.reporting._report import NotAssessed
from healthml.validation._leakage import FEW_ROWS, memory_probe, screen_columns
from healthml.validation._reference_models import as_read, boosted_trees


@dataclass(frozen=True)
class Selection:
    """The checks that run, and the codes that are reported.

    Parameters
    ----------
    left : frozenset of str
        Names of the checks that do not run.
    codes : frozenset of str
        Codes whose findings are reported.
    asked : dict of str to tuple of str
        "only" and "skip" as they were given; empty for a whole audit.
    """

    left: frozenset
    codes: frozenset
    asked: dict

    def runs(self, check):
        """Say whether a check runs."""
        return check.name not in self.left

    def keeps(self, code):
        """Say whether findings and open questions of a code are reported; "" is no code."""
        return not code or code in self.codes

    @property
    def names(self):
        """Names of the checks that run."""
        return {check.name for check in CHECKS if self.runs(check)}

    @property
    def needs_leaks(self):
        """Whether a check runs that builds on the screening for leaks."""
        return any(check.needs_leaks for check in CHECKS if self.runs(check))

    def words(self):
        """Return what was asked for, or "" for a whole audit."""
        return "; ".join(f"{name}: {', '.join(given)}" for name, given in self.asked.items())

    def left_out(self):
        """Return the open question that a part of an audit leaves, if it is one."""
        if not self.asked:
            return []
        return [
            NotAssessed(
                "What would the checks have found that were left out on request?",
                f"this is a part of an audit ({self.words()})",
                "Run it whole, without only and skip, before anyone relies on the model.",
            )
        ]


def take_selection(only=None, skip=None, *, deep=False):
    """Return which checks run, and which codes are reported.

    Parameters
    ----------
    only, skip : str, list of str or None
        Codes of findings (``"HM301"``) or names of checks (``"leaks"``). A check runs when one of
        its codes is wanted.
    deep : bool, default=False
        Whether the checks run that refit many more models.

    Returns
    -------
    Selection

    Raises
    ------
    InputError
        If a name is unknown, or nothing is left.

    Examples
    --------
    >>> sorted(take_selection(only=["HM404", "later"]).names)
    ['later', 'sites']
    """
    asked = {k: _listed(v, k) for k, v in (("only", only), ("skip", skip)) if v is not None}
    wanted, unwanted = set(asked.get("only", _NAMES | _CODES)), set(asked.get("skip", ()))
    names = wanted & _NAMES | {c.name for c in CHECKS if wanted & set(c.codes)}
    codes = wanted & _CODES | {code for c in CHECKS if c.name in wanted for code in c.codes}
    names, codes = names - unwanted, codes - unwanted
    names = {
        check.name
        for check in CHECKS
        if check.name in names
        and (deep or not check.deep or check.name in asked.get("only", ()))
        and (not check.codes or codes & set(check.codes))
    }
    if not names:
        raise InputError("only and skip leave no check; name fewer in skip, or more in only.")
    return Selection(frozenset(_NAMES - names), frozenset(codes), asked)


def _listed(given, parameter):
    given = (given,) if isinstance(given, str) else given
    if not isinstance(given, list | tuple | set | frozenset) or not all(
        isinstance(name, str) for name in given
    ):
        raise InputError(f"{parameter} must list codes (HM301) or names of checks (leaks).")
    known = sorted(_NAMES | _CODES)
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=3)
            words = f"did you mean {' or '.join(map(repr, close))}?" if close else _CHOICES
            raise InputError(f"{parameter} names {name!r}, which is no check and no code; {words}")
    return tuple(given)


_NAMES = {check.name for check in CHECKS}
_CODES = {code for check in CHECKS for code in check.codes}
_CHOICES = f"the checks are {', '.join(check.name for check in CHECKS)}."


# What the least time is made of: refits of the model in the screening for leaks; refits of a forest
# that can remember rows, where patients repeat (twice as many in a table of few rows, whose splits
# are repeated); refits in all other checks; and, in units of the time that looking at the columns
# took, what the screening does column by column. Counted in the code that stands (5 in the
# screening of tables without a suspect) and rounded up by judgement; smaller ones would promise
# more than is kept, larger ones announce a longer wait than there is.
_SCREENING, _MEMORY, _COLUMNS = 15, 14, 4.0
# Where a column is likely to be suspected, also: refits of boosted trees, which weigh what it adds,
# further refits in the screening, and refits of the model without it.
_TREES, _WEIGHED, _WITHOUT = 20, 15, 25
# Refits of a check, where it runs: counted (5, 1, 5, 101 by all rows, 30), rounded up by judgement.
_REFITS = {"drivers": 6, "later": 3, "groups": 6, "refit_stability": 126, "imbalance": 40}
_SLACK = 6  # refits in what is not counted; by judgement
# Sites are left out in ten parts at most; a part of more than this share of the rows is judged by
# as many rows once more, in five folds.
_SITE_PARTS, _LARGE_SITE, _FOLDS = 10, 0.2, 5
# AUC of a column alone, at the lower end of its interval, from which it is likely to be suspected:
# somewhat below what the screening asks for, by judgement.
_STRONG = 0.85
# Seconds for pictures and tables at least, and in units of the time that one picture takes, so that
# a busy machine is known for one; by judgement.
_PICTURES, _PAGE = 6.0, 18


class Clock:
    """How long an audit has run, what of its time is left, and how many steps are to come.

    Parameters
    ----------
    budget : float or None
        Seconds that the audit may take.
    verbose : int
        Whether progress is written to standard error.
    """

    def __init__(self, budget=None, verbose=0):
        if budget is not None and (
            isinstance(budget, bool) or not isinstance(budget, Real) or not 0 < budget < np.inf
        ):
            raise InputError(f"time_budget is {budget!r}; give seconds above 0, such as 60.")
        self.budget, self.verbose = budget, verbose
        self.least, self.steps, self.done = None, 0, 0
        self._others, self._page = _SLACK, _PICTURES
        self._start = time.monotonic()

    @property
    def elapsed(self):
        """Seconds since the audit began."""
        return time.monotonic() - self._start

    def step(self, text):
        """Say which step begins, and how many are left."""
        self.done += 1
        left = self.steps - self.done
        self.say(
            f"step {self.done} of {self.steps}: {text.rstrip('?.')} ({left} left, "
            f"{self.elapsed:.0f} s so far)"
        )

    def say(self, text):
        """Write progress when asked."""
        if self.verbose:
            print(f"healthml: {text}", file=sys.stderr, flush=True)

    def state_least(self, case, selection):
        """State what the audit takes at least, by the times of what it has done.

        Parameters
        ----------
        case : Case
            With the risks of one repeat.
        selection : Selection
            The checks that run.
        """
        self._others = _refits_of_checks(case, selection)
        screening = _screening_seconds(case) if selection.needs_leaks else 0.0
        self._page = max(_PICTURES, _PAGE * _picture_seconds())
        rest = self._others * case.seconds["refit"] + self._page
        self.least = self.elapsed + screening + rest
        words = f"the least that this audit takes is about {self.least:.0f} s"
        self.say(words)
        if self.budget < self.least:
            warnings.warn(
                f"time_budget is {self.budget:g} s, and {words}: it makes one repeat of the "
                "splits and goes on. For less, name fewer checks (only).",
                TimeBudgetWarning,
                stacklevel=4,
            )

    def more_repeats(self, case):
        """Return the case with as many repeats of the splits as the rest of the time allows.

        Parameters
        ----------
        case : Case
            With the risks of one repeat, after the screening for leaks.

        Returns
        -------
        Case
        """
        repeat = len(np.unique(case.judge.folds[0])) * case.seconds["refit"]
        reserve = self._others * case.seconds["refit"] + self._page
        left = self.budget - self.elapsed - reserve
        # the model, itself without suspects, and the simple references beside it
        n_repeats = 1 + int(max(0, min(left / max(3 * repeat, 1e-9), case.wanted_repeats - 1)))
        if n_repeats == 1:
            return case
        judge = case.judge.repeated(n_repeats)
        risk = judge.risks(case.model, case.features, folds=judge.folds[1:], label="the model")
        return case.measured(judge=judge, risk=np.concatenate([case.risk, risk]))

    def facts(self, case):
        """Return what the report says of the time: nothing without a budget."""
        if self.budget is None:
            return {}
        return {
            "time_budget": {
                "seconds": float(self.budget),
                "least_seconds": round(self.least),
                "repeats": len(case.judge.folds),
                "usual_repeats": case.wanted_repeats,
            }
        }


def _picture_seconds():
    """Return the seconds of one small picture."""
    figure, ax = new_figure()
    ax.plot([0, 1], [0, 1])
    start = time.monotonic()
    figure_svg(figure, prefix="t", alt="")
    return time.monotonic() - start


def _screening_seconds(case):
    """Return what the screening for leaks takes, and what its suspects cost afterwards."""
    refits, forests = _SCREENING, 0.0
    if case.roles.groups is not None and len(np.unique(case.roles.groups)) < len(case.y):
        forests = _MEMORY * (1 + (len(case.y) <= FEW_ROWS)) * _forest_seconds(case)
    if case.refit and _likely_suspects(case):
        refits += _WEIGHED + _WITHOUT
        forests += _TREES * _seconds(case, boosted_trees())
    return refits * case.seconds["refit"] + forests + _COLUMNS * case.seconds["columns"]


def _refits_of_checks(case, selection):
    """Return how many refits the checks that run make after the screening."""
    count = _SLACK + sum(n for name, n in _REFITS.items() if name in selection.names)
    if "sites" in selection.names and case.roles.site is not None:
        share = np.unique(case.roles.site, return_counts=True)[1] / len(case.y)
        count += min(len(share), _SITE_PARTS) + _FOLDS * int((share > _LARGE_SITE).sum())
    return count


def _forest_seconds(case):
    """Return the seconds of one refit of what repeated rows are measured with."""
    return _seconds(case, memory_probe()) if case.is_default else case.seconds["refit"]


def _seconds(case, model):
    """Return the seconds of one refit of a model on the columns of the case."""
    read = case.features if case.is_default else as_read(case.features)
    start = time.monotonic()
    case.judge.risks(model, read, only=0, label="a model, for its time")
    return time.monotonic() - start


def _likely_suspects(case):
    """Say whether a column ranks alone as hardly an honest one does, or is named for later."""
    if not case.columns_given:
        return False
    fold, options = case.judge.folds[0], {"groups": case.units, "n_jobs": case.n_jobs}
    alone = screen_columns(case.features, case.y, fold=fold, **options).table
    return bool(((alone["lower"] > _STRONG) | (alone["named"] != "")).any())
