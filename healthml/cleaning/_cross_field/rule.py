"""What all rules between columns share: learnt on training rows, applied only where they hold."""

import numpy as np

from healthml.cleaning._columns.measures import as_written
from healthml.cleaning._record.record import Change

HOLDS = 0.8  # share of training rows in which a rule must hold before it says anything
FEWEST = 10  # training rows that can be judged
MAD = 1.4826


class FieldRule:
    """A relation between columns.

    A rule sets ``name`` and ``fields`` and offers ``judge(frame)``: which rows can be judged, and
    in which of these it holds. `learn` keeps the share; ``changes(frame, mode)`` yields changes.
    """

    name = ""
    needed = HOLDS

    def __init__(self, *fields):
        self.fields = fields
        self.n_assessed, self.share = 0, np.nan

    def learn(self, frame):
        """Learn from the training rows; return the rule itself."""
        judged, holds = self.judge(frame)
        self.n_assessed = int(judged.sum())
        self.share = float(holds[judged].mean()) if self.n_assessed else np.nan
        return self

    @property
    def status(self):
        """Whether the rule is applied, else why not."""
        if self.n_assessed < FEWEST:
            return "not assessed: too few rows with all columns"
        if self.share < self.needed:
            return "not assessed: does not hold in most rows; the columns may mean something else"
        return "applied"

    @property
    def columns(self):
        """Labels of the columns."""
        return [field.column for field in self.fields]

    def flag(self, field, rows, why, *, rule=None, severity="error"):
        """Return a flag on cells of one field's column."""
        rows = np.flatnonzero(rows)
        return Change(field.column, rule or self.name, rows, None, "flagged", severity, why)

    def repair(self, field, frame, rows, canonical, why, *, mode, rule=None):
        """Return a repair of cells with ``mode="apply"``, else a flag."""
        if mode != "apply":
            return self.flag(field, rows, why, rule=rule)
        places = np.flatnonzero(rows)
        new = as_written(frame[field.column], field.back(canonical[places]))
        return Change(field.column, rule or self.name, places, new, evidence=why)


def robust(values):
    """Return median and robust standard deviation, NaN ignored.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.cleaning._cross_field.rule import robust
    >>> robust(np.array([1.0, 2.0, 3.0, 100.0, np.nan]))
    (2.5, 1.4826)
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    middle = float(np.median(values))
    return middle, float(MAD * np.median(np.abs(values - middle)))


def inside(values, limits):
    """Return which values lie within limits; NaN does not."""
    with np.errstate(invalid="ignore"):
        return (values >= limits[0]) & (values <= limits[1])


def spread(values, share):
    """Return the limits between which a share of the values lies."""
    values = values[np.isfinite(values)]
    if not len(values):
        return (-np.inf, np.inf)
    return tuple(float(q) for q in np.quantile(values, [(1 - share) / 2, (1 + share) / 2]))
