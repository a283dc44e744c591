"""Values written in another unit than the rest of their column: found, proposed, converted."""

import numpy as np
import pandas as pd

from healthml._core._frames import parse_numbers
from healthml._core._name_hints import site_hint
from healthml.cleaning._cells import CellCleaner
from healthml.cleaning._record import Change
from healthml.cleaning._units_column import learn_column
from healthml.exceptions import InputError

MODES = ("propose", "apply")
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

    Notes
    -----
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
        if self.mode not in MODES:
            raise InputError(f"mode={self.mode!r} is unknown; use 'propose' or 'apply'.")
        self.by_ = self._find_by(frame)
        keys = self._keys(frame)
        self.groups_ = sorted(set(keys) - {""}) or [""]
        self._labels_ = self._first_labels(frame, keys)
        groups = self._groups(keys)
        variables = getattr(self.schema, "variables", None) or {}
        self._columns_ = {}
        for column in frame.columns:
            if column == self.by_:
                continue
            x = _numbers(frame[column])
            if x is None:
                continue
            found = learn_column(column, variables.get(column), x, groups, len(self.groups_))
            if found is not None:
                self._columns_[column] = found
        self.proposals_ = self._propose(frame, groups)

    def _changes(self, frame):
        groups = self._groups(self._keys(frame))
        for column, found in self._columns_.items():
            x = _numbers(frame[column])
            if x is None:
                continue
            for unit, kind, rows in found.verdicts(x, groups):
                yield self._change(found, column, unit, kind, rows, x, frame[column])

    def _change(self, found, column, unit, kind, rows, x, series):
        source, target = found.mixture.units[unit], found.home_unit
        how = f"read as {source[0]}, the column is in {target[0]}"
        if kind == "new":
            return Change(column, "new_unit_suspected", rows, None, "flagged", "verify", how)
        if kind == "unsure":
            return Change(column, "unit_unsure", rows, None, "flagged", "verify", how)
        new = None
        if self.mode == "apply":
            new = found.converted(x[rows], unit)
            if not pd.api.types.is_numeric_dtype(series.dtype):
                new = [f"{value:g}" for value in new]
        action = "flagged" if new is None else "repaired"
        return Change(column, "unit_mixup", rows, new, action, "error", how)

    def _propose(self, frame, groups):
        """Return what was found in the training rows as a table."""
        rows = []
        for column, found in self._columns_.items():
            if not found.decisions:
                continue
            x, target = _numbers(frame[column]), found.home_unit
            verdicts = list(found.verdicts(x, groups))
            for (group, unit), evidence in found.decisions.items():
                source = found.mixture.units[unit]
                counts = [
                    sum(int(_here(groups[r], group).sum()) for u, k, r in verdicts if (u, k) == w)
                    for w in ((unit, "sure"), (unit, "unsure"))
                ]
                rows.append(
                    (
                        column,
                        "all" if group < 0 else self._labels_.get(self.groups_[group], "all"),
                        source[0],
                        target[0],
                        source[1] / target[1],
                        (source[2] - target[2]) / target[1],
                        *counts,
                        ", ".join(sorted(evidence.kinds)),
                        evidence.kinds,
                    )
                )
        table = pd.DataFrame(rows, columns=PROPOSAL_COLUMNS)
        return table[(table["n_cells"] > 0) | (table["n_unsure"] > 0)].reset_index(drop=True)

    def _find_by(self, frame):
        by = self.by if self.by is not None else getattr(self.schema, "site", None)
        if by is not None:
            if by not in frame.columns:
                raise InputError(f"by={by!r} is not a column of X; name one that is.")
            return by
        hinted = [c for c in frame.columns if isinstance(c, str) and site_hint(c)]
        return hinted[0] if len(hinted) == 1 else None

    def _keys(self, frame):
        """Return the group of each row as text, apart from case, spaces and invisible signs."""
        if self.by_ is None:
            return np.full(len(frame), "", dtype=object)
        codes, levels = pd.factorize(frame[self.by_])
        keys = [_key(level) for level in levels]
        return np.array([*keys, ""], dtype=object)[codes]

    def _first_labels(self, frame, keys):
        """Return the most frequent spelling of each group."""
        if self.by_ is None:
            return {}
        table = pd.DataFrame({"key": keys, "label": frame[self.by_].astype(str).to_numpy()})
        counts = (
            table.value_counts().reset_index().sort_values(["count", "label"], ascending=[0, 1])
        )
        return dict(counts.drop_duplicates("key")[["key", "label"]].itertuples(index=False))

    def _groups(self, keys):
        """Return the position of each row's group, -1 where it was not seen in fit."""
        codes, levels = pd.factorize(keys)
        place = {key: i for i, key in enumerate(self.groups_)}
        return np.array([place.get(level, -1) for level in levels], dtype=np.int64)[codes]


def _here(groups, group):
    return (groups == group) | (group == -1)


def _key(level):
    text = "".join(c for c in str(level) if c.isprintable())
    text = text.removesuffix(".0") if isinstance(level, float) else text
    return " ".join(text.split()).casefold()


def _numbers(series):
    dtype = series.dtype
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype):
        return None
    if pd.api.types.is_numeric_dtype(dtype):
        return series.to_numpy(dtype=float, na_value=np.nan)
    codes, levels = pd.factorize(series)
    if not len(levels):
        return None
    numbers = parse_numbers(pd.Series(levels).astype(object))[0].to_numpy()
    return np.append(numbers, np.nan)[codes]
