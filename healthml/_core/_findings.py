"""Coded findings and the one rule that gives them a severity.

A finding carries a measured effect: the change in net benefit per 1,000 patients over the
threshold range, or the bias of a headline measure (AUC, O:E, calibration slope). Its severity is
read from the conservative end of the effect's interval, by the cut-offs of `HARM` and nothing
else. The codes and their questions stand in `CODES`; each has a page under `docs/checks`.
"""

import math
from dataclasses import dataclass, replace
from types import MappingProxyType

from healthml.exceptions import InputError

SERIOUS, MODERATE, NOTE, NOT_ASSESSABLE = "serious", "moderate", "note", "not assessable"
SEVERITIES = (SERIOUS, MODERATE, NOTE, NOT_ASSESSABLE)


@dataclass(frozen=True)
class Cutoff:
    """When an effect is a harm, and when its interval is too wide to say anything.

    Parameters
    ----------
    harm : float
        An effect is serious when the conservative end of its interval passes this size.
    too_wide : float
        An interval wider than this, whose conservative end does not pass `harm`, is
        "not assessable": neither a harm nor its absence was shown.
    target : float
        Value of the measure at which there is no harm.
    scale : {"difference", "log"}
        On the log scale (O:E) the absolute log of the ratio to the target is compared.
    unit : str
        Words for reports.
    """

    harm: float
    too_wide: float
    target: float = 0.0
    scale: str = "difference"
    unit: str = ""


# From which size on an effect is a harm, and which width of its interval leaves the question open.
# Chosen by judgement of what would change a clinical decision, not by simulation or from a paper.
# Smaller cut-offs turn notes into warnings, larger ones hide harms; audit_alarms.py in
# tests/simulation counts the false alarms that these give.
HARM = MappingProxyType(
    {
        "auroc": Cutoff(0.02, 0.20, unit="change in AUC"),
        "net_benefit_per_1000": Cutoff(5.0, 50.0, unit="net true positives per 1,000 patients"),
        "oe_ratio": Cutoff(math.log(1.25), math.log(4.0), 1.0, "log", "observed / expected"),
        "calibration_slope": Cutoff(0.20, 1.0, 1.0, unit="calibration slope (target 1)"),
    }
)


@dataclass(frozen=True)
class Effect:
    """A measured effect with its interval and counts.

    Parameters
    ----------
    measure : str
        A key of the cut-off table: ``auroc``, ``net_benefit_per_1000``, ``oe_ratio`` or
        ``calibration_slope``.
    estimate, lower, upper : float
        Effect and its interval. For differences, positive is harm.
    meaning : str
        What was compared with what, in plain words.
    n_samples, n_events : int or None
        Rows and events that the effect was measured on; None where a small count is hidden.
    method : str
        How the interval was computed.
    confidence_level : float
        Level of the interval.
    """

    measure: str
    estimate: float
    lower: float
    upper: float
    meaning: str
    n_samples: int
    n_events: int
    method: str = "influence function, whole patients"
    confidence_level: float = 0.95

    def harm_interval(self, cutoff):
        """Return the effect's distance from no harm as (smallest, largest) over the interval."""
        low, high = self._on_scale(self.lower, cutoff), self._on_scale(self.upper, cutoff)
        if cutoff.target == 0.0:
            return low, high
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return nearest, max(abs(low), abs(high))

    def width(self, cutoff):
        """Return the width of the interval on the cut-off's scale."""
        return self._on_scale(self.upper, cutoff) - self._on_scale(self.lower, cutoff)

    @staticmethod
    def _on_scale(value, cutoff):
        if cutoff.scale == "log":
            return math.log(value / cutoff.target) if value > 0 else -math.inf
        return value - cutoff.target

    def in_words(self):
        """Return the effect as one phrase with its interval and counts."""
        digits = 1 if self.measure == "net_benefit_per_1000" else 3
        low, high = f"{self.lower:.{digits}f}", f"{self.upper:.{digits}f}"
        shown = {"rows": self.n_samples, "events": self.n_events}
        counts = ", ".join(f"{n:,} {word}" for word, n in shown.items() if n is not None)
        counts = counts or "counts not shown"
        if math.isnan(self.estimate):
            return f"{self.meaning}: not shown, since it would tell a small count ({counts})"
        level = f"{100 * self.confidence_level:.3g}% interval"
        return f"{self.meaning}: {self.estimate:.{digits}f} ({level} {low} to {high}; {counts})"


@dataclass(frozen=True)
class Finding:
    """One coded answer of a check.

    Parameters
    ----------
    code : str
        Code such as ``HM301``; its page under ``docs/checks`` says what it means.
    severity : {"serious", "moderate", "note", "not assessable"}
        By the rule of this module.
    title : str
        One line in plain words.
    evidence : str
        Counts and rule; no patient's value.
    remedy : str
        What to do next.
    effect : Effect or None
        The measured effect, where there is one.
    columns : tuple of str
        Columns concerned.
    remedy_code : str
        The line of Python that acts on it, in the names of the audit's call.
    """

    code: str
    severity: str
    title: str
    evidence: str
    remedy: str
    effect: Effect | None = None
    columns: tuple = ()
    remedy_code: str = ""

    def __post_init__(self):
        if self.code not in CODES:
            raise InputError(f"Finding code {self.code!r} is not in the table of codes.")
        if self.severity not in SEVERITIES:
            raise InputError(f"Severity {self.severity!r} is not one of {SEVERITIES}.")


def check_rules(rules=None):
    """Return the cut-off table with the user's overrides, refusing unknown names.

    Parameters
    ----------
    rules : dict of str to float or Cutoff, optional
        New `harm` size by measure, for example ``{"auroc": 0.05}``.

    Returns
    -------
    dict of str to Cutoff
    """
    table = dict(HARM)
    for name, value in (rules or {}).items():
        if name not in table:
            raise InputError(
                f"severity_rules names {name!r}; the measures are {', '.join(sorted(table))}."
            )
        cutoff = value if isinstance(value, Cutoff) else None
        if cutoff is None and not (isinstance(value, int | float) and value > 0):
            raise InputError(f"severity_rules[{name!r}] must be a positive number or a Cutoff.")
        table[name] = cutoff or replace(table[name], harm=float(value))
    return table


def grade(effect, rules=None, *, cause_known=True):
    """Give an effect its severity by the one rule.

    Parameters
    ----------
    effect : Effect or None
        None means that nothing could be measured.
    rules : dict of str to Cutoff, optional
        From `check_rules`.
    cause_known : bool, default=True
        False where the table cannot tell whether the cause is a fault (for example when a column
        becomes known); the severity is then at most "moderate".

    Returns
    -------
    str
    """
    if effect is None or not all(
        math.isfinite(v) for v in (effect.estimate, effect.lower, effect.upper)
    ):
        return NOT_ASSESSABLE
    cutoff = (rules or HARM)[effect.measure]
    smallest, largest = effect.harm_interval(cutoff)
    if smallest > cutoff.harm:
        return SERIOUS if cause_known else MODERATE
    if effect.width(cutoff) > cutoff.too_wide and largest > cutoff.harm:
        return NOT_ASSESSABLE
    return NOTE


LUCK_MARGIN = 2.0
"""Standard deviations of the random splits within which a call is too close; by judgement. Larger
says "too close to call" of more findings, smaller lets more of them change with the seed."""


def is_close_call(effect, rules, luck):
    """Say whether other random splits could put an effect on the other side of its cut-off.

    Parameters
    ----------
    effect : Effect or None
        The measured effect.
    rules : dict of str to Cutoff
        From `check_rules`.
    luck : float
        Standard deviation that the random splits give to the measure; missing where there are none.

    Returns
    -------
    bool
    """
    if effect is None or not luck >= 0:
        return False
    cutoff = rules[effect.measure]
    smallest = effect.harm_interval(cutoff)[0]
    scale = max(abs(effect.estimate), 1e-12) if cutoff.scale == "log" else 1.0
    return abs(smallest - cutoff.harm) <= LUCK_MARGIN * luck / scale


@dataclass(frozen=True)
class Code:
    """What a code asks and by which measure it is graded."""

    title: str
    question: str
    measure: str


CODES = MappingProxyType(
    {
        "HM101": Code(
            "Rows left out of the cohort",
            "Who is missing from the rows that were judged?",
            "counts only",
        ),
        "HM102": Code(
            "Few events for the candidate parameters",
            "Are there enough events for a model of this size?",
            "calibration_slope",
        ),
        "HM103": Code(
            "A stratum in which the outcome never, or always, happens",
            "Can the outcome happen to everybody in the table?",
            "auroc",
        ),
        "HM104": Code(
            "Prediction time, horizon or eligibility not declared",
            "When is the prediction made, for whom, and how far does it look?",
            "not assessable",
        ),
        "HM105": Code(
            "The outcome is recorded differently between sites",
            "Does the outcome mean the same everywhere?",
            "counts only",
        ),
        "HM106": Code(
            "Rows of one stay share the outcome",
            "Do several rows describe one event?",
            "counts only",
        ),
        "HM107": Code(
            "A column written in other ways at some sites",
            "Does a column hold the same thing at every site?",
            "counts only",
        ),
        "HM201": Code(
            "Numbers that look like missing codes",
            "Are codes read as measurements?",
            "auroc",
        ),
        "HM202": Code(
            "Texts that look like missing codes",
            "Are unknown answers read as answers?",
            "counts only",
        ),
        "HM203": Code(
            "Values outside what a living patient can have",
            "Are there impossible values?",
            "auroc",
        ),
        "HM204": Code("Repeated rows", "Does one row appear more than once?", "auroc"),
        "HM206": Code(
            "Columns that are constant or nearly so", "Which columns say nothing?", "counts only"
        ),
        "HM207": Code(
            "Numbers or dates written as text",
            "Which columns hold numbers, or dates, as words?",
            "counts only",
        ),
        "HM208": Code(
            "Codes read as numbers", "Is a code used as if it were a quantity?", "counts only"
        ),
        "HM209": Code(
            "Missing values", "How much is missing, and together with what?", "counts only"
        ),
        "HM210": Code(
            "Missingness tells the outcome",
            "Does it matter for the outcome who was measured?",
            "auroc",
        ),
        "HM211": Code(
            "Missingness differs by site, time or file order",
            "Is a column missing for reasons of place or time?",
            "counts only",
        ),
        "HM212": Code(
            "Columns computed from other columns",
            "Which columns are copies or scores?",
            "counts only",
        ),
        "HM213": Code(
            "The order of the file carries information",
            "Does the position of a row say anything?",
            "auroc",
        ),
        "HM214": Code(
            "A single value stands for many", "Was a fixed value filled in?", "counts only"
        ),
        "HM215": Code("Values in another unit", "Are all values of a column in one unit?", "auroc"),
        "HM216": Code("Slipped decimal points", "Are values ten times too large?", "auroc"),
        "HM217": Code("Fields that contradict each other", "Do columns of one row agree?", "auroc"),
        "HM218": Code(
            "One level under several names", "Is one category written in several ways?", "auroc"
        ),
        "HM219": Code(
            "Outcomes that may be recorded wrongly",
            "Are single outcomes recorded wrongly?",
            "counts only",
        ),
        "HM301": Code(
            "Columns that behave as only what follows the outcome does",
            "Does a column hold the answer?",
            "auroc",
        ),
        "HM302": Code(
            "Performance rests on columns whose time is not declared",
            "When does this column become known?",
            "auroc",
        ),
        "HM303": Code(
            "Declared known-after columns in the table",
            "What would these columns have pretended?",
            "auroc",
        ),
        "HM304": Code(
            "The same patient on both sides of a split",
            "What would a split by rows have claimed?",
            "auroc",
        ),
        "HM305": Code(
            "Nearly identical rows, as a join that multiplied rows leaves",
            "Are rows of the same stay counted as different ones?",
            "auroc",
        ),
        "HM306": Code(
            "A column that counts the patient's rows in this file",
            "Does a column use the future?",
            "auroc",
        ),
        "HM307": Code(
            "Columns that may be another model's risk",
            "Is another model's prediction used as a plain feature?",
            "auroc",
        ),
        "HM308": Code(
            "An identifier or row number among the features",
            "Is a name tag used as a measurement?",
            "auroc",
        ),
        "HM309": Code(
            "Learnt before the split",
            "Was a column or a step made with the rows it is tested on?",
            "auroc",
        ),
        "HM401": Code(
            "Not shown to beat age and sex", "Is the model better than the simplest one?", "auroc"
        ),
        "HM402": Code(
            "Risks too extreme or too cautious",
            "Can the risks be taken at their word?",
            "calibration_slope",
        ),
        "HM403": Code(
            "Not shown to be more useful than treating all or none",
            "Would decisions be better with it?",
            "net_benefit_per_1000",
        ),
        "HM404": Code(
            "Performance at a site left out", "Does it hold at another site?", "oe_ratio"
        ),
        "HM405": Code("Performance at a later time", "Does it hold later?", "oe_ratio"),
        "HM406": Code(
            "Not shown to beat the existing score", "Is it better than what is in use?", "auroc"
        ),
        "HM407": Code("Columns that drive the risk", "What does the model look at?", "counts only"),
        "HM408": Code(
            "Mean risk wrong overall",
            "Are there as many events as the risks let be expected?",
            "oe_ratio",
        ),
        "HM409": Code(
            "Risks of a resampled model used uncorrected",
            "Did resampling or class weights move the risks away from what happens?",
            "oe_ratio",
        ),
        "HM501": Code(
            "Risks are wrong for a group", "For whom are the risks too high or too low?", "oe_ratio"
        ),
        "HM502": Code(
            "Ranking differs between groups", "For whom does it rank patients worse?", "auroc"
        ),
        "HM503": Code(
            "Groups too small to judge", "For whom can nothing be said?", "not assessable"
        ),
    }
)
