"""Whether anything tells the model what it could not know, or shows it the rows of its test."""

from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_seed
from healthml._core._intervals import check_confidence_level
from healthml._core._parallel import run_branches
from healthml._core._release import release_words
from healthml._core._results import Result
from healthml.validation._leakage.case import (
    ASK,
    LEAK,
    NOTED,
    Leak,
    LeakCase,
    Screening,
    Unknown,
)
from healthml.validation._leakage.columns.event_free import look_at_eligibility, look_at_missingness
from healthml.validation._leakage.columns.late_columns import (
    dated_later,
    look_at_columns,
)
from healthml.validation._leakage.columns.screen_columns import screen_columns
from healthml.validation._leakage.columns.suspect_findings import look_at_suspects
from healthml.validation._leakage.columns.suspects import find_suspects
from healthml.validation._leakage.columns.target_encoded import encoded_columns, look_at_encoded
from healthml.validation._leakage.inputs import make_case
from healthml.validation._leakage.prepared import look_at_prepared
from healthml.validation._leakage.rows.made_rows import look_at_made_rows
from healthml.validation._leakage.rows.patient_numbers import look_at_numbers
from healthml.validation._leakage.rows.repeated_rows import look_at_rows, patients_unnamed
from healthml.validation._leakage.rows.row_order import look_at_order, number_columns

_SEVERE = ("serious", "moderate", "not assessable", "note")
_COLOURS = {LEAK: "#D55E00", ASK: "#0072B2", NOTED: "#6b7683"}


@dataclass(frozen=True, repr=False)
class LeakageResult(Result):
    """What leaks, what must be asked, and what could not be told; made by `check_leakage`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per finding, the gravest first: ``code``, ``verdict`` ("leak", "ask" or "note"),
        ``severity``, ``title``, ``columns``, the measured change in AUC as ``estimate``,
        ``lower``, ``upper`` with ``n_samples``, ``n_events`` and its ``meaning``, ``evidence``
        and ``remedy``.
    findings : tuple of Finding
        The same as objects, in the same order.
    not_assessed : pandas.DataFrame
        ``topic``, ``reason``, ``remedy`` and ``code`` of what the table, split and transformer
        cannot tell.
    screen : pandas.DataFrame
        AUC of each column alone, out of sample.
    estimand : str
        What the effects are effects on.
    """

    findings: tuple = ()
    not_assessed: pd.DataFrame = field(default_factory=pd.DataFrame)
    screen: pd.DataFrame = field(default_factory=pd.DataFrame)
    estimand: str = ""

    @property
    def above_note(self):
        """Rows of the table that are serious or moderate."""
        return self.table[self.table["severity"].isin(["serious", "moderate"])]

    def summary(self):
        """Return the findings and the open questions as text."""
        lines = [self.estimand]
        for row in self.table.itertuples():
            size = ""
            if np.isfinite(row.estimate):
                size = f" {row.meaning}: {row.estimate:.3f} ({row.lower:.3f} to {row.upper:.3f})."
            lines.append(f"[{row.verdict}, {row.severity}] {row.code} {row.title}.{size}")
        if not len(self.table):
            lines.append("Nothing was found.")
        unknown = [
            f"[not assessable] {row.topic} {row.reason[:1].upper()}{row.reason[1:].rstrip('.')}."
            for row in self.not_assessed.itertuples()
        ]
        return release_words("\n".join([*lines, *unknown]))

    def plot(self, ax=None):
        """Draw the measured changes in AUC with their intervals.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Axes to draw on; a new figure by default.

        Returns
        -------
        matplotlib axes
        """
        import matplotlib.pyplot as plt

        table = self._drawn()
        shown = table[table["estimate"].notna()].iloc[::-1].reset_index(drop=True)
        ax = plt.subplots(figsize=(7, 1.2 + 0.4 * len(shown)))[1] if ax is None else ax
        for verdict, colour in _COLOURS.items():
            rows = shown[shown["verdict"] == verdict]
            spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
            ax.errorbar(
                rows["estimate"], rows.index, xerr=spread, fmt="o", color=colour, label=verdict
            )
        ax.axvline(0, color="0.7", linewidth=1)
        ax.set_yticks(range(len(shown)), [t[:60] for t in shown["title"]], parse_math=False)
        ax.set_xlabel("Change in AUC")
        ax.legend(frameon=False)
        return ax


def check_leakage(
    X,
    y=None,
    *,
    groups=None,
    site=None,
    time=None,
    schema=None,
    split=None,
    test=None,
    estimator=None,
    transformer=None,
    known_after=None,
    event=None,
    severity_rules=None,
    n_repeats=None,
    confidence_level=0.95,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Look for leaks in a table, a split or a fitted step, and measure what they do to the AUC.

    A finding is called a leak only where the time is declared or observed (`known_after`, a date
    after the prediction, a count of later rows, values computed from the very outcomes) or where
    changing the split, or fitting the step on training rows, lowers the AUC beyond the cut-off of
    harm even at the conservative end of its interval. Anything else is a question, "ask when this
    becomes known", or a note. A question is serious only of columns that do what honest ones do not
    (HM301), and otherwise at most moderate.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table; with a `schema` and no `y`, the whole table.
    y : array-like of shape (n_samples,) or str, optional
        Outcome, or the name of its column.
    groups, site, time : array-like of shape (n_samples,) or str, optional
        Patient, site and time of the prediction of each row. Without `groups` copies of rows are
        looked for all the same.
    schema : Schema, optional
        Declares the roles.
    split : array-like, tuple, list or splitter, optional
        The split to be judged: the fold of each row (-1: always training), ``(train, test)``
        positions, a list of such pairs, or a splitter.
    test : tuple, optional
        ``(X_test, y_test)`` or ``(X_test, y_test, groups_test)``: the split is that between the
        table and this one.
    estimator : scikit-learn classifier, optional
        The procedure on which leaks are measured. By default penalised logistic regression for
        columns, and for repeated rows a small forest, which can remember rows.
    transformer : fitted scikit-learn transformer, optional
        A step that was fitted beforehand; it is compared with the same step fitted on the
        training rows of `split`.
    known_after : str or list of str, optional
        Columns known only after the prediction.
    event : scalar or str, optional
        Which outcome is the event, for anything but 0/1.
    severity_rules : dict, optional
        Other cut-offs of harm, such as ``{"auroc": 0.05}``.
    n_repeats : int, optional
        Repeats of the 5-fold cross-validation for columns; by default 2 up to 1,000 rows, else 1.
    confidence_level : float, default=0.95
        Level of the intervals.
    n_jobs : int, optional
        Parallel refits, as in joblib.
    verbose : int, default=0
        Progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the splits.

    Returns
    -------
    LeakageResult

    Raises
    ------
    InputError
        If the inputs cannot be used.

    See Also
    --------
    validate : Judge a modelling procedure on patients that it has not seen, by refitting it.
    membership_inference : Measure how well a model's confidence tells its training patients from
        new ones.
    permutation_test : Test whether a procedure finds any signal at all in patients that it has not
        seen.

    Notes
    -----
    Nothing found is no proof. What no table can show is listed in `not_assessed`. Intervals take
    the refitted models as given, with patients (joined where rows are copies) as independent.

    References
    ----------
    .. [1] Kaufman S, Rosset S, Perlich C. Leakage in data mining: formulation, detection, and
       avoidance. ACM Trans Knowl Discov Data. 2012;6(4):15.
    .. [2] Kapoor S, Narayanan A. Leakage and the reproducibility crisis in machine-learning-based
       science. Patterns. 2023;4(9):100804.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.datasets import make_ehr_cohort
    >>> from healthml.validation import check_leakage
    >>> cohort = make_ehr_cohort(400, encounters_per_patient=1, random_state=0)
    >>> drawn = np.random.default_rng(0).integers(0, 400, 800)
    >>> result = check_leakage(cohort.X.iloc[drawn], cohort.y.iloc[drawn], random_state=0)
    >>> result.table[["code", "verdict", "severity"]].head(1).values.tolist()
    [['HM204', 'leak', 'serious']]
    """
    case = make_case(
        X,
        y,
        groups=groups,
        site=site,
        time=time,
        schema=schema,
        split=split,
        test=test,
        estimator=estimator,
        known_after=known_after,
        event=event if schema is None or y is not None else None,
        transformer=transformer,
        severity_rules=severity_rules,
        n_repeats=n_repeats,
        confidence_level=check_confidence_level(confidence_level),
        n_jobs=n_jobs,
        verbose=verbose,
        seed=check_seed(random_state),
    )
    return _result(find_leaks(case))


_LOOKS = (
    look_at_columns,
    look_at_suspects,
    look_at_encoded,
    look_at_made_rows,
    look_at_prepared,
    look_at_order,
    look_at_rows,
    look_at_numbers,
    look_at_eligibility,
    look_at_missingness,
)


@dataclass(frozen=True)
class LeakAnswers:
    """All answers about one table, and the case with what its screening found.

    Parameters
    ----------
    case : LeakCase
        Table, roles, splits and screening.
    leaks : tuple of Leak
        The findings, the gravest first.
    unknown : tuple of Unknown
        What could not be told.
    """

    case: LeakCase
    leaks: tuple
    unknown: tuple

    @property
    def findings(self):
        """The findings, the gravest first."""
        return tuple(leak.finding for leak in self.leaks)

    @property
    def suspects(self):
        """Columns that may hold the answer or were computed from it, and why."""
        screened = self.case.screening
        over = {c: f"computed over {what}" for c, what in screened.encoded.items()}
        dated = dict.fromkeys(screened.dated, "dates after the prediction")
        suspects = {c: suspect.reason for c, suspect in screened.suspects.items()}
        return {**suspects, **dated, **over}


def find_leaks(case):
    """Screen the columns, then ask every question of the case.

    Parameters
    ----------
    case : LeakCase
        From `make_case`.

    Returns
    -------
    LeakAnswers
    """
    return look_for_leaks(screened(case))


def screened(case):
    """Return the case with what its screening found."""
    case = replace(case, alike=patients_unnamed(case))
    return replace(case, screening=screen(case))


def look_for_leaks(case):
    """Ask every question of a case that was screened.

    Parameters
    ----------
    case : LeakCase
        From `screened`.

    Returns
    -------
    LeakAnswers
    """
    answers, fallbacks = _answers(case)
    case.fallbacks.extend(fallbacks)
    leaks = [answer for answer in answers if isinstance(answer, Leak)]
    leaks.sort(key=lambda leak: _SEVERE.index(leak.finding.severity))
    unknown = [answer for answer in answers if isinstance(answer, Unknown)]
    unknown.sort(key=lambda answer: answer.code != "HM304")  # whose rows they are comes first
    return LeakAnswers(case, tuple(leaks), tuple(unknown))


def _answers(case):
    """Return the answers of all looks in their order, and the variants that fell back."""
    if case.refits:
        case.base_risk  # noqa: B018  (several looks share it: made once, before they part)
    calls = [(_look, look, case) for look in _LOOKS]
    looks = run_branches(calls, n_rows=len(case.y), n_jobs=case.n_jobs)
    return [a for answers, _ in looks for a in answers], [f for _, own in looks for f in own]


def _look(look, case):
    """Return the answers of one look, and what it could not refit, by itself."""
    own = copy(case)  # with what was computed once, as `replace` would not have it
    object.__setattr__(own, "fallbacks", [])
    return list(look(own)), own.fallbacks


def screen(case):
    """Find the columns that the base model must do without, before anything is measured."""
    calls = [(_alone, case), (_encoded, case), (number_columns, case)]
    calls = [*calls, (dated_later, case.X, case.time)]
    screens = run_branches(calls, n_rows=len(case.y), n_jobs=case.n_jobs)
    alone, encoded, (numbered, order), dated = screens
    proven = {*case.known_after, *dated, *encoded, *numbered}
    suspects = find_suspects(case, alone.table, proven)
    return Screening(alone, suspects, dated, encoded, numbered, order)


def _alone(case):
    """Return what each column alone tells."""
    return screen_columns(
        case.table,
        case.y,
        fold=case.judge.folds[0],
        groups=case.units,
        outcome=case.outcome,
        confidence_level=case.level,
        n_jobs=case.n_jobs,
    )


def _encoded(case):
    """Return the columns computed from the outcomes, without those that are declared as later."""
    encoded = encoded_columns(case.X, case.y, case.groups, n_jobs=case.n_jobs)
    return {c: over for c, over in encoded.items() if c not in case.known_after}


def _result(found):
    case = found.case
    model = (
        "the default models" if case.is_default else f"the procedure {type(case.model).__name__}"
    )
    if case.fallbacks:
        model += " (the default one where it could not be refitted on fewer columns)"
    return LeakageResult(
        pd.DataFrame([_row(leak) for leak in found.leaks], columns=list(_COLUMNS)).astype(_COLUMNS),
        findings=found.findings,
        not_assessed=pd.DataFrame(map(vars, found.unknown), columns=_UNKNOWN),
        screen=case.screening.alone.table,
        estimand=f"Change in the AUC of {model}, refitted, for new patients of the same kind.",
    )


_UNKNOWN = ["topic", "reason", "remedy", "code"]
_COLUMNS = {
    "code": str,
    "verdict": str,
    "severity": str,
    "title": str,
    "columns": object,
    "estimate": float,
    "lower": float,
    "upper": float,
    "n_samples": "Int64",
    "n_events": "Int64",
    "meaning": str,
    "evidence": str,
    "remedy": str,
}


def _row(leak):
    finding, effect = leak.finding, leak.finding.effect
    row = {"code": finding.code, "verdict": leak.verdict, "severity": finding.severity}
    row |= {"title": finding.title, "columns": finding.columns}
    names = ("estimate", "lower", "upper", "n_samples", "n_events", "meaning")
    blank = (np.nan, np.nan, np.nan, pd.NA, pd.NA, "")
    for name, empty in zip(names, blank, strict=True):
        row[name] = empty if effect is None else getattr(effect, name)
    return row | {"evidence": finding.evidence, "remedy": finding.remedy}
