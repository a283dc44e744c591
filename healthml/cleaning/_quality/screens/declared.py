"""What a schema declares, compared with what the table holds."""

import numpy as np

from healthml.cleaning._columns import FOUND, Flag, variables_of

ABSENT, WRONG_KIND = "absent_column", "not_as_declared"
REQUIRED, OUTSIDE_VOCABULARY = "required_missing", "outside_vocabulary"

_ROLES = ("outcome", "patient", "site", "time", "follow_up", "score")
_ROLES_OF_ROWS = ("outcome", "patient", "site", "time")  # without these a row cannot be placed


def screen_declared(table, schema):
    """Yield declared columns that are absent, of another kind, incomplete or outside their words.

    A table that holds none of the roles has been taken apart already (`Schema.split`); only
    single variables are then looked for, those that left with a role excepted.
    """
    if schema is None:
        return
    columns = {column.name: column for column in table.columns}
    for name in _absent(schema, columns):
        yield Flag(name, ABSENT, FOUND, "declared in the schema, not in the table")
    for role in _ROLES_OF_ROWS:
        column = columns.get(str(getattr(schema, role, None)))
        if column is not None and column.count(column.missing):
            detail = f"the {role} of the row is missing"
            yield Flag.of_cells(column, REQUIRED, FOUND, detail, column.missing)
    for name, variable in variables_of(schema).items():
        if str(name) in columns:
            yield from _kind(columns[str(name)], getattr(variable, "kind", None))
            yield from _vocabulary(columns[str(name)], variable)


def _absent(schema, columns):
    roles = {str(c) for role in _ROLES if (c := getattr(schema, role, None)) is not None}
    for role in ("identifier", "known_after"):
        roles |= {str(c) for c in getattr(schema, role, ())}
    declared = {str(name) for name in variables_of(schema)}
    outcome = getattr(schema, "outcome", None)
    whole = outcome is not None and str(outcome) in columns
    return sorted((declared | roles if whole else declared - roles) - set(columns))


def _kind(column, kind):
    """Yield cells of a column declared numeric that are not numbers."""
    if kind != "numeric" or column.is_number_type or not column.has_levels:
        return
    number = column.numbers if column.numbers is not None else np.full(column.n, np.nan)
    mask = ~column.missing & ~np.isfinite(number)
    detail = "declared numeric, stored as text"
    yield Flag.of_cells(column, WRONG_KIND, FOUND, detail, mask)


def _vocabulary(column, variable):
    vocabulary = getattr(variable, "vocabulary", ())
    if not vocabulary:
        return
    words = {_word(w) for w in (*vocabulary, *variable.missing_codes)}
    outside = [_word(level) not in words and level.strip() != "" for level in column.levels]
    if any(outside):
        mask = column.cells_of_levels(outside)
        detail = f"{sum(outside):,} levels that the declared vocabulary does not have"
        yield Flag.of_cells(column, OUTSIDE_VOCABULARY, FOUND, detail, mask)


def _word(level):
    """Return a level as text; a whole number reads the same as integer and as float."""
    text = str(level).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text
