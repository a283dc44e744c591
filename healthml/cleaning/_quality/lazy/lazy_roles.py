"""The roles of a lazy table: names of columns, since arrays would have to be joined to it."""

from dataclasses import dataclass

import narwhals as nw

from healthml._core._checks import check_event
from healthml.cleaning._quality.lazy.table import COUNT, KEY, collect
from healthml.cleaning._quality.table import RoleColumn, name_roles
from healthml.exceptions import InputError

MOST_LEVELS = 1_000


@dataclass(frozen=True)
class LazyRoles:
    """Columns of the roles, and the event as a condition on the rows."""

    y: str | None
    groups: str | None
    site: str | None
    time: str | None
    event: object = None
    level: object = None

    def sampled_y(self, sample):
        """Return the outcome of the sampled rows as 0/1, or None."""
        if self.y is None or sample[self.y].nunique() < 2:
            return None
        return check_event(sample[self.y], event=self.level)[1]

    def sampled_groups(self, sample):
        """Return the patient of each sampled row, or None where some are missing."""
        if self.groups is None or sample[self.groups].isna().any():
            return None
        return sample[self.groups]


def read_roles(table, schema, given):
    """Return the roles of a lazy table, declared ones filled in."""
    for role, value in given.items():
        if value is not None and not isinstance(value, str):
            raise InputError(
                f"X is a lazy table and {role} is a {type(value).__name__}; pass the name of a "
                "column of X."
            )
    named = name_roles(given, schema, table.columns)
    names = {role: c.name if isinstance(c, RoleColumn) else None for role, c in named.items()}
    if names["y"] is None:
        return LazyRoles(**names)
    event = getattr(schema, "event", None) if named["y"].declared else None
    level = _event_level(table, names["y"], event, named["y"].declared)
    if level is None:
        return LazyRoles(**{**names, "y": None})
    condition = nw.col(names["y"]) == nw.lit(level)
    return LazyRoles(**names, event=condition, level=event)


def _event_level(table, name, event, declared):
    """Return the level that is the event; None for a declared outcome with gaps."""
    values = table.frame.select(nw.col(name).alias(KEY))
    cells = collect(values.group_by(KEY).agg(nw.len().alias(COUNT)).head(MOST_LEVELS))[KEY]
    if declared and cells.isna().any():
        return None
    y01 = check_event(cells, event=event, name=f"the outcome {name!r}")[1]
    return cells[y01 == 1].tolist()[0] if (y01 == 1).sum() == 1 else None
