"""The whole of cleaning in one line: the transformers in their order, with one record."""

from copy import copy
from dataclasses import dataclass

import pandas as pd
from sklearn.base import clone

from healthml._core._routing import clear_errors
from healthml._core._tables import refuse_nested
from healthml.cleaning._categories import CategoryNormalizer, CodeChecker
from healthml.cleaning._columns import ColumnTable
from healthml.cleaning._cross_field import CrossFieldCheck
from healthml.cleaning._dates import DateParser
from healthml.cleaning._lab_values import LabValueParser
from healthml.cleaning._missing_codes import MissingCodes
from healthml.cleaning._plausible import DecimalSlips, PlausibleRange
from healthml.cleaning._record import (
    CellCleaner,
    CleaningRecord,
    check_mode,
    cost_of_cleaning,
    perform,
    summarise_record,
    write_step,
)
from healthml.cleaning._units import UnitHarmonizer
from healthml.exceptions import InputError

_SITE = "__site__"  # where the site of each row is no column of the table
ORDER = (
    "missing_codes",
    "lab_values",
    "dates",
    "categories",
    "codes",
    "units",
    "decimal_slips",
    "plausible_range",
    "cross_field",
)


@clear_errors
class ClinicalCleaner(CellCleaner):
    """Clean a clinical table in the order in which the mistakes lie on top of each other.

    Codes for missing values, results written as text, dates, spellings of categories, formats of
    codes, units, decimal slips, impossible values, and fields that contradict each other: each by
    its own transformer, learnt on the training rows, one after the other. Rows are never dropped
    or moved, values never clipped, and every cell that was touched stands in ``record_`` with the
    rule, the reason and what it was before.

    Parameters
    ----------
    schema : Schema, default=None
        Declared units, limits, missing codes and vocabularies; they take the place of the
        shipped facts.
    by : str, default=None
        Column of the site or laboratory within which units are constant. None takes the site of
        the schema, where it declares one.
    mode : {"propose", "apply"}, default="propose"
        What happens to cells whose true value is inferred rather than read: units, decimal slips
        and swapped fields. "propose" flags them and says what they would become (``proposed`` in
        the record), since such an inference can be wrong; "apply" repairs those that are beyond
        reasonable doubt. Later steps judge the table as it would be, so that both find the same
        cells.
    population : str, default=None
        "adult", "child", "neonate", or the column of the age by which limits are chosen; see
        `PlausibleRange`.
    replace : dict of str to transformer or None, default=None
        Other transformers for single steps, or None to leave a step out. The steps are
        ``missing_codes``, ``lab_values``, ``dates``, ``categories``, ``codes``, ``units``,
        ``decimal_slips``, ``plausible_range`` and ``cross_field``.

    Attributes
    ----------
    steps_ : dict of str to transformer
        The fitted transformers, in order.
    record_ : CleaningRecord
        What was done to the table cleaned last.
    fit_counts_ : pandas.DataFrame
        Counts by column and rule in the training rows.

    Raises
    ------
    InputError
        If `mode`, `by` or a step in `replace` is unknown.

    See Also
    --------
    quality_report : The same look, without a transformer to keep.
    find_duplicates, drop_rows : Rows, which a cleaner never drops.
    healthml.imputation.ChainedImputer : Fills what is missing afterwards.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import ClinicalCleaner
    >>> table = pd.DataFrame({"sodium": ["138", "141", "not done", "136 mmol/L", "139"] * 20})
    >>> cleaner = ClinicalCleaner()
    >>> clean = cleaner.fit_transform(table)
    >>> clean["sodium"].head(4).tolist()
    [138.0, 141.0, nan, 136.0]
    >>> cleaner.summary()[["column", "rule", "n_cells"]].values.tolist()
    [['sodium', 'missing_code_text', 20], ['sodium', 'unit_text', 20]]
    >>> cleaner.undo(clean).equals(table)
    True
    """

    def __init__(self, schema=None, *, by=None, mode="propose", population=None, replace=None):
        self.schema = schema
        self.by = by
        self.mode = mode
        self.population = population
        self.replace = replace

    def _learn(self, frame, y):
        check_mode(self.mode)
        refuse_nested(frame.frame)
        if self.by is not None and self.by not in frame.columns:
            raise InputError(f"by={self.by!r} is not a column of X; name the column of the site.")
        self.steps_ = self._steps(frame)
        return self._run(frame, y)

    def _run(self, frame, y, site=None):
        """Fit the steps one after the other, each on what the others left."""
        run = _Run(frame)
        for name, step in self.steps_.items():
            table = run.supposed
            if site is not None and name == "units":
                table, values = table.copy(), site if isinstance(site, pd.Series) else list(site)
                table[_SITE] = pd.Series(values).set_axis(table.index)
                step.by = _SITE
            run.take(name, step._fit_step(table, y))
            step._keep_counts(run.by_step[name], len(frame))
        return run

    def _clean(self, frame, prepared=None):
        """Run the fitted steps one after the other; for the training rows they ran in `_learn`."""
        run = prepared
        if run is None:
            refuse_nested(frame.frame)
            run = _Run(frame)
            for name, step in self.steps_.items():
                run.take(name, step._changes(run.supposed))
        return self._without_units(run.record, run.given).to_frame(), run.record

    def _without_units(self, record, frame):
        """Drop the units read from cells; they were there for the units step alone."""
        hidden = set(self._units_read())
        record.steps[:] = [step for step in record.steps if step.column not in hidden]
        for name in hidden:
            record.originals.pop(name, None)
        return frame.without(hidden)

    def _units_read(self):
        added = [name for step in self.steps_.values() for name in step._added()]
        return [name for name in added if name.endswith("__unit")]

    def _added(self):
        hidden = set(self._units_read())
        added = [name for step in self.steps_.values() for name in step._added()]
        return [name for name in added if name not in hidden]

    def _steps(self, frame):
        by = self.by
        schema = self.schema
        if by is None and getattr(schema, "site", None) is not None:
            if schema.site in frame.columns:
                by = schema.site
            else:  # a table without its roles: units are compared over all rows
                schema = copy(schema)
                object.__setattr__(schema, "site", None)
        made = {
            "missing_codes": MissingCodes(schema=schema),
            "lab_values": LabValueParser(schema=schema, unit_columns=True),
            "dates": DateParser(schema=schema),
            "categories": CategoryNormalizer(schema=schema),
            "codes": CodeChecker(schema=schema),
            "units": UnitHarmonizer(schema=schema, by=by, mode=self.mode),
            "decimal_slips": DecimalSlips(schema=schema, mode=self.mode),
            "plausible_range": PlausibleRange(schema=schema, population=self.population),
            "cross_field": CrossFieldCheck(schema=schema, mode=self.mode),
        }
        replace = self.replace or {}
        for name in replace:
            if name not in made:
                raise InputError(
                    f"replace has the step {name!r}; the steps are {', '.join(ORDER)}."
                )
        made |= {name: None if step is None else clone(step) for name, step in replace.items()}
        return {name: made[name] for name in ORDER if made[name] is not None}

    def summary(self, y=None, *, by=None):
        """Return what was done, by column and rule, and for whom.

        Parameters
        ----------
        y : array-like of shape (n_samples,), default=None
            Outcome 0/1 of the rows cleaned last; adds the events among the touched rows.
        by : array-like of shape (n_samples,), default=None
            Site or sensitive group of each row; one row of the answer per group.

        Returns
        -------
        pandas.DataFrame
            ``column``, ``rule``, ``action``, ``severity``, ``group``, ``n_cells``, ``n_samples``,
            ``share`` with its Wilson interval, ``n_events`` among the touched rows and
            ``event_rate``. Groups of fewer than 11 rows are put together as "(small groups)".
        """
        return summarise_record(self.record_, y, by)

    def cost_of_cleaning(self, y, *, sensitive_features=None, groups=None, confidence_level=0.95):
        """Say whether the touched patients are the sick ones, or one group.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Outcome 0/1 of the rows cleaned last.
        sensitive_features : DataFrame or array-like, default=None
            Attributes of the rows by which patients could be touched unequally.
        groups : array-like of shape (n_samples,), default=None
            Patient of each row.
        confidence_level : float, default=0.95
            Coverage of the intervals, all comparisons together.

        Returns
        -------
        CostOfCleaningResult

        Warns
        -----
        CostOfCleaningWarning
            If measured values were changed mostly in patients with the event, or in one group.
        """
        return cost_of_cleaning(
            self.record_,
            y,
            sensitive_features=sensitive_features,
            groups=groups,
            confidence_level=confidence_level,
        )


@dataclass(frozen=True, eq=False)
class CleanerLook:
    """What the cleaner would do to a table; made by `look`. Pickling leaves the cells behind."""

    cleaner: object  # fitted on the table, in "propose"
    record: CleaningRecord  # what it would do
    steps: dict  # the record by step
    tables: dict  # the table after each step, with its proposals carried out

    def record_of(self, *names):
        """Return the part of the record that some steps made."""
        steps = [change for name in names for change in self.steps.get(name, ())]
        return CleaningRecord(self.record.index, steps, self.record.originals)

    def __getstate__(self):
        """Leave the cells behind: a report that travels must not carry patients' values."""
        return {"cleaner": self.cleaner, "record": self.record, "steps": {}, "tables": {}}


def look(frame, schema=None, *, site=None):
    """Run every step of the cleaner on a table, so that it can be said what they would do.

    The site may be a column of the table or not.
    """
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    by = _same_column(frame, site)
    cleaner = ClinicalCleaner(schema, by=by)
    cleaner.steps_ = cleaner._steps(frame)
    run = cleaner._run(ColumnTable(frame), None, None if by is not None else site)
    hidden = set(cleaner._units_read())
    steps = {
        name: [step for step in steps if step.column not in hidden]
        for name, steps in run.by_step.items()
    }
    cleaner._without_units(run.record, run.given)
    tables = {name: table.to_frame() for name, table in run.tables.items()}
    return CleanerLook(cleaner, run.record, steps, tables)


def look_at_others(cleaner, frame, *, leave_out=()):
    """Return by step what a fitted cleaner would do to other rows, some steps left out."""
    run = _Run(ColumnTable(frame))
    for name, step in cleaner.steps_.items():
        if name not in leave_out:
            run.take(name, step._changes(run.supposed))
    return run.by_step


def _same_column(frame, site):
    """Return the name of the column that a site is, or None."""
    name = getattr(site, "name", None)
    if name is None or str(name) not in frame.columns:
        return None
    same = len(site) == len(frame) and frame[str(name)].reset_index(drop=True).equals(
        site.reset_index(drop=True)
    )
    return str(name) if same else None


class _Run:
    """A table on its way through the steps, with the record of what they did.

    `given` is the table as it will be given back: proposals are not carried out in it. In
    `supposed` they are; each step judges that one, so that a value explained as another unit is not
    called impossible by a later step, and so that looking ("propose") and acting ("apply") find the
    same cells. `by_step` holds the steps of the record by transformer, `tables` what `supposed` was
    after each.
    """

    def __init__(self, frame):
        self.given = self.supposed = frame
        self.record = CleaningRecord(frame.index)
        self.by_step, self.tables = {}, {}

    def take(self, name, changes):
        """Carry out and note what one step yields."""
        first = len(self.record.steps)
        given = self.given.copy()
        supposed = given if self.supposed is self.given else self.supposed.copy()
        for change in changes:
            perform(given, change, self.record)
            if supposed is given and getattr(change, "proposed", None) is not None:
                supposed = given.copy()
            if supposed is not given:
                write_step(supposed, change, proposals=True)
        self.given, self.supposed = given, supposed
        self.by_step[name], self.tables[name] = self.record.steps[first:], supposed
