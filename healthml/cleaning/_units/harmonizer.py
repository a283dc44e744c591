"""Values written in another unit than the rest of their column: found, proposed, converted."""

import numpy as np
import pandas as pd

from healthml._core._knowledge import site_hint
from healthml._core._routing import clear_errors
from healthml.cleaning._columns import variables_of
from healthml.cleaning._record import CellCleaner, Change, check_mode
from healthml.cleaning._units.table import TableUnits
from healthml.exceptions import InputError

WITHIN = ("ward", "unit")  # of a hospital: its patients differ, its laboratory does not
RULES = {
    "unit_column": ("unit_column", "error"),
    "unit_in_cell": ("unit_in_cell", "error"),
    "sure": ("unit_mixup", "error"),
    "unsure": ("unit_unsure", "verify"),
    "new": ("new_unit_suspected", "verify"),
    "unknown": ("unknown_unit", "verify"),
}
PROPOSAL_COLUMNS = [
    "column",
    "group",
    "from_unit",
    "to_unit",
    "factor",
    "offset",
    "n_cells",
    "n_unsure",
    "kinds",
    "evidence",
]


@clear_errors
class UnitHarmonizer(CellCleaner):
    """Find values in another unit than the rest of their column, and convert those that are sure.

    A unit that is written down decides: in a column beside the values (``creatinine_unit``), or
    in the cell ("75 umol/L"). Else only units that are known for the concept come into question,
    and at least two kinds of evidence must agree:

    - ``factor``: after conversion centre and spread are those of the other cells, and a decimal
      slip does not explain them as well (asked for always, unless a second column tells);
    - ``range``: more cells lie outside the limits than a real population can have there;
    - ``group``: the cells belong to some groups (sites), elsewhere there are none;
    - ``gap``: hardly a cell lies between them and the others;
    - ``digits``: they have other decimals than cells of the same size;
    - ``level``: a whole site lies a unit's factor from at least two others, which are alike
      (beside ``range`` or ``digits``; for measures that spread too widely for single cells);
    - ``paired``: a second column (BMI, height against weight, the same measure twice) agrees with
      the converted value only.

    Ratio and group alone never decide, for dialysis units, liver units and children's clinics have
    both. Height, weight and waist are judged by a second column or by impossible values only. A
    cell is converted when the odds against it being right as it stands are 1,000 to 1; what is
    likelier in the other unit than not, but not that sure, is flagged for a person.

    Parameters
    ----------
    schema : Schema, default=None
        Declares unit and concept of columns, and the site.
    by : hashable, default=None
        Column of X that names the group within which units are alike, such as site or laboratory.
        None takes the site of `schema`, else the only column whose name says that it is one.
    mode : {"propose", "apply"}, default="propose"
        Whether cells are flagged with what they would become, or converted.

    Attributes
    ----------
    proposals_ : pandas.DataFrame
        One row per column, group and unit found in the training rows: ``from_unit``, ``to_unit``,
        ``factor``, ``offset``, ``n_cells`` (sure), ``n_unsure``, ``kinds`` of evidence, and
        ``evidence`` with their numbers.
    by_ : hashable
        Column of the groups, or None.
    record_ : CleaningRecord
        Rules: ``unit_mixup`` (error: converted, or flagged when proposing), ``unit_column`` and
        ``unit_in_cell`` (converted by a unit that is written down), ``unit_unsure`` (verify:
        likelier in the other unit), ``new_unit_suspected`` (verify: out of range, usual in
        another unit, where none was learnt), ``unknown_unit`` (verify: a unit not known).

    Raises
    ------
    InputError
        If `mode` is unknown or `by` is no column of X.

    See Also
    --------
    convert : Takes values of one concept from one unit to another.
    LabValueParser : Reads the units that are written in cells of text.
    DecimalSlips : Finds values that are off by ten or a hundred.

    Notes
    -----
    A group is compared with its own usual values where it has enough, so that sick patients of one
    site hide nothing in another. Units that lie closer to each other than patients spread (2.5
    standard deviations of the logarithms; 4 for factors below four) are not told cell by cell: the
    urea of a kidney unit is not urea nitrogen of a ward. Values that look like codes (88.8) are
    left.

    Values of one concept are taken to come from one distribution on the log scale, seen through
    the factors of its units; the shares of the units are estimated per group by expectation-
    maximisation. That fails where a site with a truly different population also records with
    other decimals and stands at the very ratio of two units.

    Converted values are not rounded to the decimals of the column, so that nothing is lost.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.cleaning import UnitHarmonizer
    >>> glucose = np.exp(np.random.default_rng(0).normal(4.8, 0.3, 300)).round()
    >>> X = pd.DataFrame({"site": np.repeat(["A", "B"], 150), "glucose": glucose})
    >>> X.loc[150:, "glucose"] = (X.loc[150:, "glucose"] / 18.0156).round(1)
    >>> harmonizer = UnitHarmonizer(by="site", mode="apply").fit(X)
    >>> harmonizer.proposals_[["column", "group", "from_unit", "n_cells"]].values.tolist()
    [['glucose', 'B', 'mmol/L', 150]]
    >>> harmonizer.transform(X)["glucose"].min() > 40
    np.True_
    """

    def __init__(self, schema=None, *, by=None, mode="propose"):
        self.schema = schema
        self.by = by
        self.mode = mode

    def _learn(self, frame, y):
        check_mode(self.mode)
        self.by_ = self._find_by(frame)
        keys = self._keys(frame)
        self.groups_ = sorted(set(keys) - {""}) or [""]
        self._labels_ = self._first_labels(frame)
        groups = self._groups(keys)
        variables = variables_of(self.schema)
        shown = frame.without([] if self.by_ is None else [self.by_])
        self._table_ = TableUnits().learn(shown, variables, groups, len(self.groups_))
        verdicts = self._table_.verdicts(shown, groups)
        self.proposals_ = self._propose(verdicts, groups)
        return verdicts

    def _changes(self, frame, prepared=None):
        verdicts = prepared
        if verdicts is None:
            verdicts = self._table_.verdicts(frame, self._groups(self._keys(frame)))
        for verdict in verdicts:
            yield from self._steps(verdict, frame[verdict.column])

    def _steps(self, verdict, series):
        """Yield the changes by which a verdict is carried out or proposed."""
        rule, severity = RULES[verdict.kind]
        column, rows = verdict.column, verdict.rows
        if verdict.kind == "unknown":
            how = "a unit that is not known for the concept of its values"
            yield Change(column, rule, rows, None, "flagged", severity, how)
            return
        how = f"in {verdict.source}; the column is in {verdict.target}"
        if severity == "verify":
            yield Change(column, rule, rows, None, "flagged", severity, how)
            return
        new = verdict.values
        if not pd.api.types.is_numeric_dtype(series.dtype):
            new = [f"{value:.6g}" for value in new]
        if self.mode == "propose":
            yield Change(column, rule, rows, None, "flagged", severity, how, proposed=new)
            return
        yield Change(column, rule, rows, new, "repaired", severity, how)
        if verdict.unit_column is not None:
            how = f"the values were brought to {verdict.target}"
            new = [verdict.target] * len(rows)
            yield Change(verdict.unit_column, rule, rows, new, "repaired", "note", how)

    def _propose(self, verdicts, groups):
        """Return what was found in the training rows as a table."""
        counts = {}
        for verdict in verdicts:
            for group, n in zip(*np.unique(groups[verdict.rows], return_counts=True), strict=True):
                key = (verdict.column, verdict.source, verdict.kind, group)
                counts[key] = counts.get(key, 0) + int(n)
        rows = [self._row(counts, *found) for found in self._table_.found()]
        table = pd.DataFrame(rows, columns=PROPOSAL_COLUMNS)
        return table[table["n_cells"] + table["n_unsure"] > 0].reset_index(drop=True)

    def _row(self, counts, column, group, source, target, factor, offset, kinds):
        n = {
            kind: sum(
                c
                for (col, unit, k, g), c in counts.items()
                if (col, unit, k) == (column, source, kind) and group in (g, -1)
            )
            for kind in ("sure", "unsure", "unit_column", "unit_in_cell")
        }
        label = "all" if group < 0 else self._labels_.get(self.groups_[group], "all")
        sure = n["unit_column"] if "explicit" in kinds else n["sure"]
        names = ", ".join(sorted(kinds))
        return column, label, source, target, factor, offset, sure, n["unsure"], names, kinds

    def _find_by(self, frame):
        by = self.by if self.by is not None else getattr(self.schema, "site", None)
        if by is not None:
            if by not in frame.columns:
                raise InputError(f"by={by!r} is not a column of X; name one that is.")
            return by
        hinted = [c for c in frame.columns if isinstance(c, str) and site_hint(c)]
        places = [c for c in hinted if site_hint(c) not in WITHIN]
        return places[0] if len(places) == 1 else None

    def _keys(self, frame):
        """Return the group of each row as text, apart from case, spaces and invisible signs."""
        if self.by_ is None:
            return np.full(len(frame), "", dtype=object)
        codes, levels = frame.groups(self.by_)
        keys = [_key(level) for level in levels]
        return np.array([*keys, ""], dtype=object)[codes]

    def _first_labels(self, frame):
        """Return the most frequent spelling of each group."""
        if self.by_ is None:
            return {}
        codes, levels = frame.groups(self.by_)
        counts = np.bincount(codes[codes >= 0], minlength=len(levels))
        spelt = sorted(
            (-n, str(level), _key(level)) for level, n in zip(levels, counts, strict=True)
        )
        return {key: label for _, label, key in reversed(spelt)}

    def _groups(self, keys):
        """Return the position of each row's group, -1 where it was not seen in fit."""
        codes, levels = pd.factorize(keys)
        place = {key: i for i, key in enumerate(self.groups_)}
        return np.array([place.get(level, -1) for level in levels], dtype=np.int64)[codes]


def _key(level):
    text = "".join(c for c in str(level) if c.isprintable())
    text = text.removesuffix(".0") if isinstance(level, float) else text
    return " ".join(text.split()).casefold()
