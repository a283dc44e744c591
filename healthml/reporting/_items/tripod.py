"""The 52 sub-items of TRIPOD+AI, filled from a report.

Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for reporting clinical
prediction models that use regression or machine learning methods. BMJ 2024;385:e078378. The names
here are our own short words; the checklist itself says more.
"""

from healthml.reporting._items import evidence
from healthml.reporting._items.facts import Facts
from healthml.reporting._items.item import Item, fill_items

_AUTHORS = "the authors"
_CLINICIANS = "the clinicians on the team"
_OWNERS = "the owners of the data"
_DEVELOPERS = "whoever develops the model"


def to_tripod(report):
    """Fill the items of TRIPOD+AI from a report; see `AuditReport.to_tripod`."""
    return fill_items(
        ITEMS,
        Facts(report),
        title="TRIPOD+AI (Collins et al., BMJ 2024;385:e078378), filled from an audit",
        caution="Filled from what the audit computed and what was declared, in our own short words "
        "for each item. It is no judgement of the study and no certificate of compliance; what "
        "is MISSING must be supplied by the people named.",
    )


ITEMS = (
    Item("1", "Title: kind of study, population, outcome", _AUTHORS, evidence=evidence.title),
    Item("2", "Abstract, by its own checklist", _AUTHORS),
    Item("3a", "Background: context and why the model is needed", _AUTHORS),
    Item(
        "3b", "Target population, purpose, who will use it", _CLINICIANS, evidence=evidence.purpose
    ),
    Item("3c", "Known health inequalities", _CLINICIANS),
    Item("4", "Objectives", _AUTHORS, evidence=evidence.objective),
    Item(
        "5a", "Sources of the data, how representative they are", _OWNERS, evidence=evidence.source
    ),
    Item("5b", "Dates of the data and of follow-up", _OWNERS, evidence=evidence.dates),
    Item("6a", "Setting, number and place of centres", _OWNERS, evidence=evidence.setting),
    Item("6b", "Eligibility of participants", _CLINICIANS, evidence=evidence.eligibility),
    Item("6c", "Treatments received", _CLINICIANS),
    Item(
        "7",
        "Preparation of the data, alike for all groups",
        _AUTHORS,
        evidence=evidence.preparation,
    ),
    Item("8a", "Outcome, its horizon, how it was assessed", _CLINICIANS, evidence=evidence.outcome),
    Item("8b", "Who assessed a subjective outcome", _CLINICIANS),
    Item("8c", "Blinding of the outcome's assessment", _CLINICIANS),
    Item("9a", "Choice of candidate predictors", _AUTHORS, "D", evidence.candidates),
    Item("9b", "Definition and time of predictors", _CLINICIANS, evidence=evidence.predictors),
    Item("9c", "Who assessed subjective predictors", _CLINICIANS),
    Item("10", "How the sample size was arrived at", _AUTHORS, evidence=evidence.sample_size),
    Item("11", "Missing data and omitted data", _AUTHORS, evidence=evidence.missing_data),
    Item("12a", "How the data were used in the analysis", _DEVELOPERS, "D", evidence.use_of_data),
    Item("12b", "How predictors were handled", _DEVELOPERS, "D", evidence.handling),
    Item(
        "12c", "Model, its building, tuning, internal validation", _DEVELOPERS, "D", evidence.model
    ),
    Item("12d", "Differences between clusters", _OWNERS, evidence=evidence.between_sites),
    Item("12e", "Measures and plots of performance", _AUTHORS, evidence=evidence.measures),
    Item("12f", "Updating of the model after evaluation", _AUTHORS, "E"),
    Item("12g", "How the predictions were calculated", _AUTHORS, "E", evidence.calculated),
    Item(
        "13",
        "Class imbalance, and recalibration after it",
        _DEVELOPERS,
        evidence=evidence.imbalance,
    ),
    Item("14", "Approaches to fairness, and why", _AUTHORS, evidence=evidence.fairness),
    Item(
        "15", "Output of the model, thresholds and their reason", _CLINICIANS, "D", evidence.output
    ),
    Item("16", "Training against evaluation data", _AUTHORS, evidence=evidence.differences),
    Item("17", "Ethics approval", _AUTHORS),
    Item("18a", "Funding", _AUTHORS),
    Item("18b", "Conflicts of interest", _AUTHORS),
    Item("18c", "Protocol", _AUTHORS),
    Item("18d", "Registration", _AUTHORS),
    Item("18e", "Sharing of data", _OWNERS),
    Item("18f", "Sharing of code", _AUTHORS, evidence=evidence.code),
    Item("19", "Involvement of patients and public", _AUTHORS),
    Item("20a", "Flow of participants", _OWNERS, evidence=evidence.flow),
    Item(
        "20b", "Characteristics, missing data, by group", _OWNERS, evidence=evidence.characteristics
    ),
    Item("20c", "Comparison with the development data", _DEVELOPERS, "E"),
    Item("21", "Participants and events in each analysis", _AUTHORS, evidence=evidence.counts),
    Item("22", "The whole model, for others to use", _DEVELOPERS, "D"),
    Item(
        "23a",
        "Performance with intervals, also in subgroups",
        _AUTHORS,
        evidence=evidence.performance,
    ),
    Item("23b", "Heterogeneity of performance", _OWNERS, evidence=evidence.between_sites),
    Item("24", "Results of updating", _AUTHORS, "E"),
    Item("25", "Interpretation, with fairness", _AUTHORS),
    Item("26", "Limitations", _AUTHORS, evidence=evidence.limits),
    Item("27a", "Bad or missing inputs when in use", _DEVELOPERS, "D", evidence.in_use),
    Item("27b", "What users must do, and know", _DEVELOPERS, "D"),
    Item("27c", "Next steps", _AUTHORS),
)
