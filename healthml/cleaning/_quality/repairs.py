"""What the steps of cleaning would change, step by step, as a report has seen it.

Whoever asks what a repair changes writes its cells into the table as it is, and nothing else.
"""

from dataclasses import dataclass

import pandas as pd

from healthml.cleaning._categories import renamed_levels
from healthml.cleaning._record import Change, write_cells

_STEPS = {
    "results": "lab_values",
    "levels": "categories",
    "units": "units",
    "slips": "decimal_slips",
    "fields": "cross_field",
}


@dataclass(frozen=True)
class Repairs:
    """What each step of cleaning would change; made by `find_repairs`."""

    records: dict  # by step: "results", "levels", "units", "slips", "fields"
    levels: pd.DataFrame  # the table with one writing for each level
    closed: frozenset  # columns whose levels are a closed list
    unit_proposals: pd.DataFrame  # what the harmonizer of units proposes

    def counts(self, step, *rules):
        """Return cells by column and rule of one step, for these rules (all without any)."""
        counts = self.records[step].counts()
        return counts[counts["rule"].isin(rules)] if rules else counts

    def renamed(self, time):
        """Return levels that end at a time when others begin in their place."""
        return [] if time is None else renamed_levels(self.levels, time)

    def one_name(self, renamed):
        """Return the changes that give a level its later name, where one became one other."""
        changes = []
        for pair in renamed:
            if len(pair.old) == len(pair.new) == 1:
                column = self.levels[pair.column]
                rows = column.eq(pair.old[0]).fillna(False).to_numpy(bool).nonzero()[0]
                new = pd.Series([pair.new[0]] * len(rows), dtype=object).to_numpy()
                changes.append(Change(str(pair.column), "renamed", rows, new))
        return changes

    def repaired(self, step, table, columns, extra=()):
        """Return a table with the cells of one step repaired, or None where none would be.

        `extra` are repairs beside those of the step.
        """
        record, names = self.records[step], {str(c): c for c in columns}
        own = [s for s in record.steps if isinstance(s, Change)]
        changes = [s for s in [*own, *extra] if s.column in names and _acts(s)]
        if not changes:
            return None
        table = table.copy(deep=False)
        for change in changes:
            column = names[change.column]
            new = [None] * len(change.rows) if change.becomes is None else change.becomes
            table[column] = write_cells(table[column], change.rows, new)
        return table


def _acts(step):
    """Say whether a step repairs its cells, or knows only that they are wrong (made missing)."""
    return step.becomes is not None or step.severity == "error"


def find_repairs(report):
    """Return what each step of cleaning would change, as a report has seen it."""
    seen = report.look
    categories, units = seen.cleaner.steps_["categories"], seen.cleaner.steps_["units"]
    return Repairs(
        {name: seen.record_of(step) for name, step in _STEPS.items()},
        seen.tables["categories"],
        frozenset(column for column, kind in categories.kinds_.items() if kind == "closed"),
        units.proposals_,
    )
