"""Simulated hospital encounters with known truth."""

from numbers import Integral, Real

import numpy as np

from healthml._core._checks import check_random_seeds
from healthml.datasets._defects import CELLS, COLUMNS, ROWS, site_practice
from healthml.datasets._draft import Draft
from healthml.datasets._encounters import MEASURES, Population, Streams, draw_encounters
from healthml.datasets._outcome import Base, Outcome
from healthml.datasets._strengths import chosen_defects
from healthml.datasets._truth import Cohort, Truth
from healthml.exceptions import InputError
from healthml.schema import Schema, Variable

OUTCOME = "icu_transfer"
# Sites, and years after the first, that a cohort has at most: more than studies have, and few
# enough to draw quickly. Chosen by judgement.
MOST_SITES, MOST_YEARS = 50, 20
SENSITIVE = ["sex", "ethnicity"]


def make_ehr_cohort(
    n_encounters=2000,
    *,
    prevalence=0.15,
    auc=0.80,
    preset="clean",
    defects=None,
    encounters_per_patient=1.7,
    patient_correlation=0.5,
    outcome_patient_sd=0.0,
    n_sites=5,
    years=(2016, 2022),
    random_state=None,
):
    """Simulate hospital encounters whose true risks are known, clean or with chosen defects.

    The outcome `icu_transfer` (unplanned transfer to the ICU within 48 hours of admission) is
    drawn from a true risk that is linear, on the log-odds scale, in the columns as they stand.
    Prevalence and AUC of the true risk are solved for numerically in the population.

    Parameters
    ----------
    n_encounters : int, default=2000
        Number of encounters, at least 10. Defects may append rows.
    prevalence : float, default=0.15
        Population mean of the true risk.
    auc : float, default=0.80
        AUC of the true risk in the population, the most that any model can reach there. Under
        `risk_gap` and `site_shift` it is what the clean columns reach without them.
    preset : str, default="clean"
        "clean" has no defect and no missing value; "realistic" has what a first extract from a
        hospital usually has; "one:<defect>" has one defect at its committed strength.
    defects : dict of str to float, default=None
        Strengths that replace or add to those of the preset; 0 or None leaves a defect out.
    encounters_per_patient : float, default=1.7
        Mean number of encounters of a patient of average frailty (geometric); 1 means no returns.
    patient_correlation : float, default=0.5
        Correlation of a measurement between two encounters of one patient, before the
        transformation to its unit and apart from sex and site; from 0 to below 1.
    outcome_patient_sd : float, default=0.0
        Standard deviation of a patient's own log-odds, which no column explains.
    n_sites : int, default=5
        Number of hospitals; each patient belongs to one, and they differ in case mix.
    years : tuple of int, default=(2016, 2022)
        First and last calendar year.
    random_state : int, RandomState or None, default=None
        Seed. Every column and every defect has its own random stream under it, so switching a
        defect off leaves all other cells as they were.

    Returns
    -------
    Cohort
        With X, y, groups, time, site, sensitive, schema, truth and `to_frame()`.

    Raises
    ------
    InputError
        If a parameter is out of its range, a defect is unknown or a strength cannot be reached.

    See Also
    --------
    healthml.imputation.ampute : Hides cells of any table by chosen mechanisms.
    healthml.audit : Finds the defects that are switched on.

    Examples
    --------
    >>> from healthml.datasets import make_ehr_cohort
    >>> cohort = make_ehr_cohort(500, preset="one:sentinels", random_state=0)
    >>> cohort.truth.columns("sentinels")
    ['hemoglobin', 'glucose']
    >>> round(cohort.truth.auc, 2)
    0.8
    """
    strengths = chosen_defects(preset, defects)
    population = _population(encounters_per_patient, patient_correlation, n_sites, years)
    _check_targets(n_encounters, prevalence, auc, outcome_patient_sd)
    streams = Streams(check_random_seeds(random_state, 1)[0])
    encounters = draw_encounters(int(n_encounters), population, streams)
    base = Base(encounters, population, streams, prevalence, auc, outcome_patient_sd)
    outcome = Outcome(base, strengths)
    draft = Draft(_clean_table(base, outcome))
    _strike(draft, base, outcome, strengths)
    return _cohort(draft, outcome, strengths)


def _population(encounters_per_patient, patient_correlation, n_sites, years):
    _check_number("encounters_per_patient", encounters_per_patient, 1, 20)
    _check_number("patient_correlation", patient_correlation, 0, 0.99)
    if not isinstance(n_sites, Integral) or not 1 <= n_sites <= MOST_SITES:
        raise InputError(f"n_sites={n_sites!r} must be a whole number from 1 to {MOST_SITES}.")
    if len(years) != 2 or not 0 <= years[1] - years[0] <= MOST_YEARS:
        raise InputError(
            f"years={years!r} must be the first and the last of at most {MOST_YEARS + 1} years."
        )
    years = (int(years[0]), int(years[1]))
    return Population(float(encounters_per_patient), float(patient_correlation), n_sites, years)


def _check_targets(n_encounters, prevalence, auc, outcome_patient_sd):
    if not isinstance(n_encounters, Integral) or n_encounters < 10:
        raise InputError(f"n_encounters={n_encounters!r} must be a whole number of 10 or more.")
    _check_number("prevalence", prevalence, 0.001, 0.999)
    _check_number("auc", auc, 0.51, 0.99)
    _check_number("outcome_patient_sd", outcome_patient_sd, 0, 5)


def _check_number(name, value, low, high):
    if not isinstance(value, Real) or not low <= value <= high:
        raise InputError(f"{name}={value!r} must be a number from {low} to {high}.")


def _clean_table(base, outcome):
    """Put roles, predictors and outcome into one table."""
    encounters, table = base.encounters, base.table.copy()
    number = base.streams("patient_id").permutation(encounters.patient.max() + 1)
    names = np.array([f"site_{k + 1}" for k in range(base.population.n_sites)], dtype=object)
    roles = {
        "patient_id": 100_001 + number[encounters.patient],
        "site": names[encounters.site],
        "year": encounters.year,
    }
    for place, (name, values) in enumerate(roles.items()):
        table.insert(place, name, values)
    table[OUTCOME] = outcome.recorded(())
    return table


def _strike(draft, base, outcome, strengths):
    """Apply the defects: outcome, cells, new columns, and appended rows last."""
    for name in strengths:
        draft.register(name)
    draft.columns[OUTCOME] = y = outcome.recorded(strengths)
    for name, rows in outcome.masks().items():
        draft.mark(name, np.flatnonzero(rows), OUTCOME)
    if "ineligible" in strengths:
        draft.write("ineligible", outcome.comfort, "code_status", "Comfort care only")
    if "site_shift" in strengths:
        site_practice(draft, base, outcome.site_intercepts())
    for name, strength in strengths.items():
        if name in CELLS:
            CELLS[name](draft, base, strength)
        elif name in COLUMNS:
            COLUMNS[name](draft, base, strength, y)
        elif name in ROWS:
            ROWS[name](draft, base, strength)


def _cohort(draft, outcome, strengths):
    order = [name for name in draft.columns if name != OUTCOME] + [OUTCOME]
    table = draft.frame(order)
    return Cohort(
        X=table.drop(columns=["patient_id", OUTCOME]),
        y=table[OUTCOME],
        groups=table["patient_id"],
        time=table["year"],
        site=table["site"],
        sensitive=table[SENSITIVE],
        schema=_schema(),
        truth=_truth(draft, outcome, strengths, order),
        _table=table,
    )


def _schema():
    """Declare what an honest analyst knows in advance: nothing about the defects."""
    return Schema(
        outcome=OUTCOME,
        patient="patient_id",
        site="site",
        time="year",
        prediction_time="at admission, with the first measurements",
        sensitive=SENSITIVE,
        variables={measure.name: Variable(unit=measure.unit) for measure in MEASURES},
    )


def _truth(draft, outcome, strengths, order):
    model = outcome.model(strengths)
    prevalence, auc = outcome.population_values()
    rows = draft.source_row
    return Truth(
        risk=outcome.risk(strengths)[rows],
        event=outcome.happened(strengths)[rows],
        prevalence=prevalence,
        auc=auc,
        intercept=model.intercept - model.slope * model.centre,
        coefficients=model.coefficients(),
        defects=dict(strengths),
        masks=draft.mask_frames(order),
        source_row=rows,
        origin=draft.origin,
        clean=draft.clean,
    )
