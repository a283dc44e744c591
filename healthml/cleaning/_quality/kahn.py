"""Where a rule of `quality_report` stands: Kahn 2016, and the names of OHDSI's checks.

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

from typing import NamedTuple

VERIFICATION, VALIDATION = "verification", "validation"
LOW, HIGH = "plausibleValueLow", "plausibleValueHigh"
START_BEFORE_END, AFTER_BIRTH = "plausibleStartBeforeEnd", "plausibleAfterBirth"
BEFORE_DEATH = "plausibleBeforeDeath"


class Kahn(NamedTuple):
    """Where a rule stands: category, subcategory ("" for completeness), context, check name."""

    category: str
    subcategory: str
    context: str
    dqd_check: str = ""

    def named(self, dqd_check):
        """Return the same place under the name of a check of the dashboard."""
        return self._replace(dqd_check=dqd_check)

    @property
    def validated(self):
        """The same place where the cells are compared with something outside the table."""
        return self._replace(context=VALIDATION)


VALUE = Kahn("conformance", "value", VERIFICATION)
RELATIONAL = Kahn("conformance", "relational", VERIFICATION)
COMPUTED = Kahn("conformance", "computational", VERIFICATION)
COMPLETE = Kahn("completeness", "", VERIFICATION)
UNIQUE = Kahn("plausibility", "uniqueness", VERIFICATION)
ATEMPORAL = Kahn("plausibility", "atemporal", VERIFICATION)
TEMPORAL = Kahn("plausibility", "temporal", VERIFICATION)


def place_of(place, evidence):
    """Return where a finding stands: limits name their side, dates the order that is broken.

    >>> place_of(ATEMPORAL.validated, {"n_low": 0, "n_high": 2}).dqd_check
    'plausibleValueHigh'
    """
    if "n_low" in evidence:
        sides = [name for name, key in ((LOW, "n_low"), (HIGH, "n_high")) if evidence[key]]
        return place.named(", ".join(sides))
    return place.named(", ".join(evidence["checks"])) if "checks" in evidence else place
