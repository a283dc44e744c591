"""The rules of `quality_report` in the terms of Kahn 2016 and of OHDSI's DataQualityDashboard.

A rule is *validation* where the cells are compared with something outside the table (shipped
facts, a schema), else *verification*. The names of checks are those of DataQualityDashboard 2.6
that measure the same; a rule without its like there has none. The dashboard itself files its
limits under verification, since it carries them along.

References
----------
.. [1] Kahn MG, Callahan TJ, Barnard J, et al. A harmonized data quality assessment terminology
   and framework for the secondary use of electronic health record data. eGEMs. 2016;4(1):18.
.. [2] Blacketer C, Defalco FJ, Ryan PB, Rijnbeek PR. Increasing trust in real-world evidence
   through evaluation of observational data quality. J Am Med Inform Assoc. 2021;28:2251-2257.
"""

from types import MappingProxyType
from typing import NamedTuple

from healthml.cleaning._quality.screens import (
    computed,
    dates,
    declared,
    keys,
    plausible,
    roles,
    storage,
)
from healthml.cleaning._quality.screens import fills as fill
from healthml.cleaning._quality.screens import missing_codes as codes
from healthml.cleaning._quality.screens import redundant as redundancy
from healthml.cleaning._quality.screens import row_order as order

VERIFICATION, VALIDATION = "verification", "validation"
LOW, HIGH = "plausibleValueLow", "plausibleValueHigh"


class Kahn(NamedTuple):
    """Where a rule stands: category, subcategory ("" for completeness), context, check name."""

    category: str
    subcategory: str
    context: str
    dqd_check: str = ""


_VALUE = Kahn("conformance", "value", VERIFICATION)
_RELATIONAL = Kahn("conformance", "relational", VERIFICATION)
_COMPUTED = Kahn("conformance", "computational", VERIFICATION)
_COMPLETE = Kahn("completeness", "", VERIFICATION)
_UNIQUE = Kahn("plausibility", "uniqueness", VERIFICATION)
_ATEMPORAL = Kahn("plausibility", "atemporal", VERIFICATION)
_TEMPORAL = Kahn("plausibility", "temporal", VERIFICATION)

KAHN = MappingProxyType(
    {
        storage.MISSING: _COMPLETE._replace(dqd_check="measureValueCompleteness"),
        storage.ALL_MISSING: _COMPLETE._replace(dqd_check="measureValueCompleteness"),
        storage.CONSTANT: _ATEMPORAL,
        storage.NEAR_CONSTANT: _ATEMPORAL,
        codes.TEXT: _COMPLETE._replace(context=VALIDATION),
        codes.TEXT_SUSPECTED: _COMPLETE._replace(context=VALIDATION),
        codes.NUMBER: _COMPLETE._replace(context=VALIDATION),
        codes.NUMBER_SUSPECTED: _COMPLETE._replace(context=VALIDATION),
        plausible.INFINITE: _VALUE,
        plausible.IMPOSSIBLE: _ATEMPORAL._replace(context=VALIDATION, dqd_check=f"{LOW}, {HIGH}"),
        plausible.VERIFY: _ATEMPORAL._replace(context=VALIDATION, dqd_check=f"{LOW}, {HIGH}"),
        plausible.NEGATIVE: _ATEMPORAL,
        storage.NUMBERS_AS_TEXT: _VALUE._replace(dqd_check="cdmDatatype"),
        storage.LEVEL_VARIANTS: _VALUE,
        storage.LEVEL_SYNONYMS: _VALUE._replace(context=VALIDATION),
        roles.CODE: _VALUE,
        roles.IDENTIFIER: _RELATIONAL,
        roles.ROW_NUMBER: _RELATIONAL,
        roles.UNIQUE_TEXT: _VALUE,
        roles.SORTED: _ATEMPORAL,
        roles.PROBABILITY: _COMPUTED,
        roles.FUTURE_COUNT: _COMPUTED,
        fill.CONSTANT_FILL: _ATEMPORAL,
        redundancy.EQUAL: _COMPUTED,
        redundancy.FILLED: _COMPUTED,
        redundancy.LINEAR: _COMPUTED,
        redundancy.NEAR: _COMPUTED,
        redundancy.NESTED: _COMPUTED,
        computed.COMPUTED: _COMPUTED,
        order.ORDER_OUTCOME: _ATEMPORAL,
        order.ORDER_MISSING: _COMPLETE,
        keys.DUPLICATE_ROWS: _UNIQUE,
        keys.REPEATED_IDENTIFIER: _RELATIONAL._replace(dqd_check="isPrimaryKey"),
        dates.DATE_FORMATS: _VALUE,
        dates.NO_SUCH_DAY: _VALUE,
        dates.START_AFTER_END: _TEMPORAL._replace(dqd_check="plausibleStartBeforeEnd"),
        dates.BEFORE_BIRTH: _TEMPORAL._replace(dqd_check="plausibleAfterBirth"),
        dates.AFTER_DEATH: _TEMPORAL._replace(dqd_check="plausibleBeforeDeath"),
        declared.ABSENT: _RELATIONAL._replace(context=VALIDATION, dqd_check="cdmField"),
        declared.WRONG_KIND: _VALUE._replace(context=VALIDATION, dqd_check="cdmDatatype"),
        declared.REQUIRED: _RELATIONAL._replace(context=VALIDATION, dqd_check="isRequired"),
        declared.OUTSIDE_VOCABULARY: _VALUE._replace(context=VALIDATION, dqd_check="fkDomain"),
    }
)


def kahn_of(flag):
    """Return where a flag stands; limits name the side on which its cells lie.

    Examples
    --------
    >>> from healthml.cleaning._quality.kahn import kahn_of
    >>> from healthml.cleaning._columns.view import Flag
    >>> kahn_of(Flag("age", "impossible_value", "found", "", evidence={"n_low": 0, "n_high": 2}))
    Kahn(category='plausibility', subcategory='atemporal', context='validation',
         dqd_check='plausibleValueHigh')
    """
    place = KAHN[flag.rule]
    if "n_low" in flag.evidence:
        sides = [n for n, k in ((LOW, "n_low"), (HIGH, "n_high")) if flag.evidence[k]]
        place = place._replace(dqd_check=", ".join(sides))
    return place
