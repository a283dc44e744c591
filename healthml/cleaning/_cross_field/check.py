"""Columns that must agree with each other: which cell is wrong, and what it should be."""

import numpy as np
import pandas as pd

from healthml._core._routing import clear_errors
from healthml.cleaning._columns import MeasureReader, find_age, populations_present
from healthml.cleaning._cross_field.age import AgeRule
from healthml.cleaning._cross_field.body_size import BodyRule
from healthml.cleaning._cross_field.columns import find_fields, partner
from healthml.cleaning._cross_field.rule import user_rules
from healthml.cleaning._cross_field.vital_signs import (
    ComaSumRule,
    DirectBilirubinRule,
    MeanPressureRule,
    OxygenRatioRule,
    PressureRule,
)
from healthml.cleaning._record import CellCleaner, check_mode

COMA = ("gcs_eye", "gcs_verbal", "gcs_motor", "gcs_total")


@clear_errors
class CrossFieldCheck(CellCleaner):
    """Compare columns that must agree, and say which cell is wrong.

    The columns of a rule are found by their concept, by the schema, or named by the user. A rule
    is applied only if it holds in at least 80% of the training rows (95% for sums and ratios);
    else it is listed in `rules_` as not assessed: the columns may mean something else. At most
    about 100,000 evenly spaced rows are looked at to learn this.

    Rules in the record:

    ``height_weight_swapped``, ``pressures_swapped``
        Two cells out of place as they stand that agree with the row the other way round.
        Repaired with ``mode="apply"``.
    ``bmi_inconsistent``
        The BMI does not follow from height and weight. The cell blamed is the one that is out of
        its living range, else the BMI, which is computed (``mode="apply"`` computes it again).
        Where arithmetic is consistent nothing is flagged, however rare the body.
    ``unit_suspected``, ``decimal_slip``
        Height, weight or BMI agree with the row in another unit or with the point moved.
    ``body_size``
        Height and weight, no BMI given, that no body has.
    ``pressure_order``, ``mean_pressure``
        Diastolic not below systolic; mean pressure outside the two.
    ``direct_above_total``
        Direct bilirubin above total.
    ``age_birth_date``, ``birth_century``
        Age against birth date and a date of the visit; a year of birth off by a hundred.
        ``mode="apply"`` computes the age again.
    ``gcs_sum``, ``pf_ratio``
        Glasgow coma scale against its parts; PaO2/FiO2 against the two (computed again with
        ``mode="apply"``).
    the user's names
        Every column of a broken user rule is flagged.

    Parameters
    ----------
    schema : Schema, default=None
        Declared concepts and units.
    rules : mapping or sequence of str, default=None
        The user's rules: ``{"name": "a <= b"}``, ``{"name": (function, ["a", "b"])}`` (the
        function gets the table's rows that have all columns and returns a boolean for each), or
        a list of expressions.
    columns : mapping, default=None
        Roles and their columns: a concept (``{"height": "len_cm"}``), ``"birth_date"``,
        ``"reference_date"`` or ``"pf_ratio"``.
    mode : {"propose", "apply"}, default="propose"
        Whether what is sure is only flagged or also repaired.

    Attributes
    ----------
    rules_ : pandas.DataFrame
        One row per rule: ``rule``, ``columns``, ``n_assessed``, ``share`` of training rows in
        which it holds, ``status``.
    record_ : CleaningRecord
        What was done to the table cleaned last.

    Raises
    ------
    InputError
        If a parameter, role, column or rule cannot be used.

    See Also
    --------
    PlausibleRange : Values that are impossible by themselves.
    DateParser : Dates in an order that cannot be.
    ClinicalCleaner : All steps of cleaning in their order.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import CrossFieldCheck
    >>> sbp, dbp = [120, 135, 61, 142, 98, 151, 110, 128], [70, 82, 118, 75, 60, 90, 64, 77]
    >>> table = pd.DataFrame({"sbp": sbp + [125, 117], "dbp": dbp + [71, 58]})
    >>> cleaner = CrossFieldCheck(mode="apply")
    >>> cleaner.fit_transform(table).iloc[2].tolist()
    [118, 61]
    >>> cleaner.rules_[["rule", "share", "status"]].values.tolist()
    [['pressure_order', 0.9, 'applied']]
    """

    def __init__(self, schema=None, *, rules=None, columns=None, mode="propose"):
        self.schema = schema
        self.rules = rules
        self.columns = columns
        self.mode = mode

    def _learn(self, frame, y):
        check_mode(self.mode)
        frame = frame.thinned()
        reader = MeasureReader(frame, self.schema)
        present = populations_present(frame, find_age(reader.read()))
        measures = reader.read(present)
        fields = find_fields(frame, measures, self.columns)
        made = [*made_rules(fields, present), *user_rules(self.rules, frame)]
        learnt = [rule.learn(frame) for rule in made]
        for rule in tuple(learnt):
            if isinstance(rule, BodyRule) and rule.bmi is not None and rule.status != "applied":
                alone = BodyRule(rule.height, rule.weight, None, present)
                learnt.append(alone.learn(frame))
        self.applied_ = [rule for rule in learnt if rule.status == "applied"]
        self.rules_ = pd.DataFrame(
            [
                (
                    rule.name,
                    ", ".join(map(str, rule.columns)),
                    rule.n_assessed,
                    rule.share,
                    rule.status,
                )
                for rule in learnt
            ],
            columns=["rule", "columns", "n_assessed", "share", "status"],
        ).astype({"n_assessed": np.int64, "share": float})

    def _changes(self, frame, prepared=None):
        for rule in self.applied_:
            yield from rule.changes(frame, self.mode)


def made_rules(fields, populations):
    """Yield the rules whose columns are there, not yet learnt."""
    heights, weights, bmis = (fields.get(role, []) for role in ("height", "weight", "bmi"))
    for weight in weights:
        height, bmi = partner(weight, heights), None
        if len(bmis) == len(weights) or (bmis and partner(bmis[0], weights) == weight):
            bmi = partner(weight, bmis)
        if height is not None:
            yield BodyRule(height, weight, bmi, populations)
    for sbp in fields.get("sbp", []):
        dbp = partner(sbp, fields.get("dbp", []))
        if dbp is not None:
            yield PressureRule(sbp, dbp, populations)
            mean = partner(sbp, fields.get("map", []))
            if mean is not None:
                yield MeanPressureRule(sbp, dbp, mean)
    for direct in fields.get("bilirubin_direct", []):
        total = partner(direct, fields.get("bilirubin_total", []))
        if total is not None:
            yield DirectBilirubinRule(direct, total)
    ages, births = fields.get("age", []), fields.get("birth_date", [])
    dates = fields.get("reference_date", [])
    if len(ages) == 1 and len(births) == 1 and dates:
        yield AgeRule(ages[0], births[0], dates[0], dates[1:])
    if all(len(fields.get(role, [])) == 1 for role in COMA):
        yield ComaSumRule(*(fields[role][0] for role in COMA))
    for ratio in fields.get("pf_ratio", []):
        po2, fio2 = (partner(ratio, fields.get(role, [])) for role in ("po2", "fio2"))
        if po2 is not None and fio2 is not None:
            yield OxygenRatioRule(po2, fio2, ratio)
