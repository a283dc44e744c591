"""The one list of checks: which question each asks, by which codes it answers, what it needs."""

from collections.abc import Callable
from dataclasses import dataclass

from healthml.reporting._checks.cleaning import (
    check_decimal_slips,
    check_fields,
    check_labels,
    check_level_names,
    check_text_dates,
    check_units,
)
from healthml.reporting._checks.cohort import (
    check_flow,
    check_outcome_by_site,
    check_shared_outcome,
    check_site_words,
    check_task,
)
from healthml.reporting._checks.data import (
    check_columns,
    check_impossible,
    check_missing_codes,
    check_missingness,
    check_not_features,
    check_redundancy,
)
from healthml.reporting._checks.deep import check_imbalance, check_refit_stability
from healthml.reporting._checks.leakage import (
    check_eligibility,
    check_known_after,
    check_leaks,
    check_numbering,
    check_repeated_rows,
    check_row_order,
    check_rows_against_patients,
)
from healthml.reporting._checks.performance import check_drivers, check_performance
from healthml.reporting._checks.transport import check_groups_performance, check_later, check_sites


@dataclass(frozen=True)
class Check:
    """One check of the audit.

    Parameters
    ----------
    question : str
        What it asks, as the page lists it.
    look : callable
        Takes the `Case` and returns a `Look`.
    codes : tuple of str
        Codes of the findings that it can report.
    needs_columns : bool
        Whether it needs more columns than the risk itself.
    deep : bool
        Whether it refits many more models, and runs only when asked for.
    name : str
        Its short name, by which it is asked for or left out; by default from its function.
    needs_leaks : bool
        Whether it builds on the screening for leaks; by default all but a few do.
    """

    question: str
    look: Callable
    codes: tuple
    needs_columns: bool = False
    deep: bool = False
    name: str = ""
    needs_leaks: bool = True

    def __post_init__(self):
        if not self.name:
            function = self.look.__name__.removeprefix("check_")
            object.__setattr__(self, "name", _SHORT_NAMES.get(function, function))
            object.__setattr__(self, "needs_leaks", self.look not in _WITHOUT_LEAKS)


_SHORT_NAMES = {
    "rows_against_patients": "patients",
    "not_features": "other_risks",
    "redundancy": "copies",
    "groups_performance": "groups",
}
# these look at columns, or at the judged risks, as they are
_WITHOUT_LEAKS = (
    check_flow,
    check_task,
    check_outcome_by_site,
    check_site_words,
    check_shared_outcome,
    check_columns,
    check_redundancy,
    check_text_dates,
)


# in the order of the report
CHECKS = (
    Check("Who is in the table?", check_flow, ("HM101",)),
    Check("Is the task declared?", check_task, ("HM104",)),
    Check("Does a column hold the answer?", check_leaks, ("HM301", "HM302", "HM309"), True),
    Check(
        "How well does it predict, and is it better than something simple?",
        check_performance,
        ("HM102", "HM401", "HM402", "HM403", "HM406", "HM408", "HM409"),
    ),
    Check("Which columns are known later?", check_known_after, ("HM303",), True),
    Check("Do patients repeat?", check_rows_against_patients, ("HM304",)),
    Check("Do rows repeat?", check_repeated_rows, ("HM204", "HM305"), True),
    Check("Can the outcome happen to everybody?", check_eligibility, ("HM103",), True),
    Check("Is the outcome recorded alike at every site?", check_outcome_by_site, ("HM105",)),
    Check("Do all sites write a column in the same way?", check_site_words, ("HM107",), True),
    Check("Do rows of one stay share the outcome?", check_shared_outcome, ("HM106",), True),
    Check("What is in the columns?", check_columns, ("HM206", "HM207", "HM208", "HM214"), True),
    Check("Are codes read as values?", check_missing_codes, ("HM201", "HM202"), True),
    Check("Are there impossible values?", check_impossible, ("HM203",), True),
    Check("Are all values of a column in one unit?", check_units, ("HM215",), True),
    Check("Have decimal points slipped?", check_decimal_slips, ("HM216",), True),
    Check("Do the fields of a row agree?", check_fields, ("HM217",), True),
    Check("Has each level one name?", check_level_names, ("HM218",), True),
    Check("Are dates written as text?", check_text_dates, ("HM207",), True),
    Check("Are outcomes recorded wrongly?", check_labels, ("HM219",), True),
    Check("Do columns number rows or count visits?", check_numbering, ("HM306", "HM308"), True),
    Check("Is another model's risk a feature?", check_not_features, ("HM307",), True),
    Check("Which columns are copies?", check_redundancy, ("HM212",), True),
    Check("What is missing?", check_missingness, ("HM209", "HM210", "HM211"), True),
    Check("Does the order of the file tell anything?", check_row_order, ("HM213",), True),
    Check("Which columns drive the risk?", check_drivers, ("HM407",)),
    Check("Does it hold at another site?", check_sites, ("HM404",)),
    Check("Does it hold later?", check_later, ("HM405",)),
    Check("Would another sample give other risks?", check_refit_stability, (), deep=True),
    Check("Would another treatment of rare events help?", check_imbalance, (), deep=True),
    Check("For whom does it work?", check_groups_performance, ("HM501", "HM502", "HM503")),
)
