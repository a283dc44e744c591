"""Values whose decimal point has slipped, told by place and digits, never by place alone."""

from dataclasses import replace

import numpy as np

from healthml._core._routing import clear_errors
from healthml.cleaning._columns import (
    GROUPS,
    MeasureReader,
    as_written,
    find_age,
    numbers_of,
    outside,
    population_groups,
    populations_present,
)
from healthml.cleaning._plausible.decimal_evidence import (
    FEWEST,
    SYSTEMATIC,
    is_sure,
    learn_evidence,
    other_unit_fits,
    shifted_back,
)
from healthml.cleaning._plausible.ranges import doubtful
from healthml.cleaning._record import CellCleaner, Change, check_mode

SLIP, ALIKE, POSSIBLE = "decimal_slip", "decimal_shift_alike", "decimal_slip_possible"


@clear_errors
class DecimalSlips(CellCleaner):
    """Find values ten or a hundred times too large or small.

    A value is called slipped when it lies outside the soft limits of its measure (by the row's
    age where the table has ages), exactly one power of ten brings it into the column's bulk (1st
    to 99th percentile), and the number itself shows it: it is written more finely than 99% of
    the column (7.3 in a column of whole heart rates, 17.44 among heights with one decimal), or it
    lies outside the hard limits. Measures whose living range spans more than a factor of 30
    (troponin, CRP, bilirubin, white cells and the like) hold their own slips, so there only a
    value outside the hard limits and beyond the column's own tail counts.

    Rules in the record:

    ``decimal_slip``
        As above. Repaired with ``mode="apply"``, unless another unit of the measure would explain
        the value by another number; else flagged.
    ``decimal_shift_alike``
        As above, but more than 2% of the training rows are shifted alike: a unit, not a slip.
        Flagged; see `UnitHarmonizer`.
    ``decimal_slip_possible``
        Outside the soft limits and the column's own tail, and back in the bulk, but nothing in
        the number shows it; or a height or weight that a child could have where the row's age
        is not known to be an adult's. Flagged, to be verified.

    Parameters
    ----------
    schema : Schema, default=None
        Declared concepts, units and limits.
    mode : {"propose", "apply"}, default="propose"
        Whether slips are only flagged or also repaired.

    Attributes
    ----------
    evidence_ : dict
        What was learnt by column: bulk, decimals, limits.
    record_ : CleaningRecord
        What was done to the table cleaned last.

    Raises
    ------
    InputError
        If `mode` is unknown.

    See Also
    --------
    UnitHarmonizer : Many cells, all off by the same factor.
    PlausibleRange : What stays impossible.
    ClinicalCleaner : All steps of cleaning in their order.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.cleaning import DecimalSlips
    >>> hr = pd.DataFrame({"heart_rate": np.r_[np.arange(60.0, 100), 940, 7.3, 28]})
    >>> DecimalSlips(mode="apply").fit_transform(hr)["heart_rate"].tolist()[-3:]
    [94.0, 73.0, 28.0]
    """

    def __init__(self, schema=None, *, mode="propose"):
        self.schema = schema
        self.mode = mode

    def _learn(self, frame, y):
        check_mode(self.mode)
        reader = MeasureReader(frame, self.schema)
        first = reader.read()
        self.age_column_ = find_age(first)
        self.age_measure_ = first.get(self.age_column_)
        present = populations_present(frame, self.age_column_)
        measures = reader.read(present)
        self.evidence_ = {}
        groups = self._groups(frame)
        for column, measure in measures.items():
            numbers = frame.of(column, numbers_of)
            evidence = learn_evidence(measure, numbers)
            if evidence is None or measure.concept == "age":
                continue
            _, shift, _, _ = self._slips(numbers, groups, evidence)
            often = [s for s in np.unique(shift) if (shift == s).sum() > SYSTEMATIC * len(frame)]
            often = [s for s in often if (shift == s).sum() >= FEWEST]
            self.evidence_[column] = replace(evidence, systematic=frozenset(often))

    def _changes(self, frame, prepared=None):
        groups = self._groups(frame)
        for column, evidence in self.evidence_.items():
            numbers = frame.of(column, numbers_of)
            if numbers is None:
                continue
            rows, shift, sure, ambiguous = self._slips(numbers, groups, evidence)
            if not len(rows):
                continue
            for factor in np.unique(shift):
                here = sure & (shift == factor)
                for doubt in (False, True):
                    some = rows[here & (ambiguous == doubt)]
                    yield self._slip(frame[column], some, factor, evidence, doubt)
            rows = rows[~sure]
            why = "outside the soft limits, ordinary with the decimal point moved; no other sign"
            yield Change(column, POSSIBLE, rows, None, "flagged", "verify", why)

    def _groups(self, frame):
        if self.age_column_ is None:
            return 0
        return population_groups(frame, self.age_column_, self.age_measure_)

    def _slips(self, numbers, groups, evidence):
        """Return rows, the shift back, which are sure, and which a unit would explain too."""
        rows = doubtful(numbers, evidence.ends, groups)
        rows = rows[numbers[rows] > 0]
        if not len(rows):
            return rows, np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=bool)
        shift = shifted_back(numbers[rows], evidence)
        rows, shift = rows[~np.isnan(shift)], shift[~np.isnan(shift)]
        values = numbers[rows]
        sure = is_sure(values, shift, evidence)
        if evidence.grows:
            known = not isinstance(groups, int) and (groups[rows] == GROUPS.index(("adult",)))
            sure &= known | evidence.limits.impossible(values)
        kept = sure | (evidence.narrow & outside(values, evidence.limits.very_far))
        rows, shift, sure, values = rows[kept], shift[kept], sure[kept], values[kept]
        return rows, shift, sure, other_unit_fits(values, shift, evidence)

    def _slip(self, series, rows, factor, evidence, doubt):
        """Return the change of the cells that one factor brings back."""
        numbers = numbers_of(series)[rows] * factor
        why = f"ordinary times {factor:g}; as it stands its digits or its place cannot be"
        if factor in evidence.systematic:
            why = (
                f"over {SYSTEMATIC:.0%} of the training rows are ordinary times {factor:g}: a unit"
            )
            return Change(series.name, ALIKE, rows, None, "flagged", "error", why)
        if doubt:
            why += "; another unit would explain it too"
        if doubt:
            return Change(series.name, SLIP, rows, None, "flagged", "error", why)
        new = as_written(series, numbers)
        if self.mode == "propose":
            return Change(series.name, SLIP, rows, None, "flagged", "error", why, proposed=new)
        return Change(series.name, SLIP, rows, new, evidence=why)
