"""The model card of a report, and the source attributes of ONC HTI-1.

Mitchell M, Wu S, Zaldivar A, et al. Model cards for model reporting. FAT* 2019:220-229 (sections
4.1 to 4.9). 45 CFR 170.315(b)(11)(iv)(B): 31 source attributes of predictive decision support.
The names here are our own short words.
"""

import re
from dataclasses import dataclass

from healthml._core._release import write_file
from healthml.reporting._items import evidence
from healthml.reporting._items.facts import Facts
from healthml.reporting._items.item import Evidence, Item, ItemMapResult, fill_items

_AUTHORS = "the authors"
_CLINICIANS = "the clinicians on the team"
_DEVELOPERS = "whoever develops the model"
_SITE = "the hospital that uses it"
_HTI1_READ = "30 November 2026"  # day on which the rule's state was last looked up

# the nine variables that HTI-1 asks about, as columns name them
_NINE_VARIABLES = {
    "race": r"race",
    "ethnicity": r"ethnic\w*",
    "language": r"(?:primary_)?lang(?:uage)?",
    "sexual orientation": r"sexual_orientation",
    "gender identity": r"gender_identity",
    "sex": r"sex|gender|female|male",
    "date of birth": r"age\w*|dob|birth\w*",
    "social determinants of health": (
        r"(?:insurance|payer|income|education|housing|deprivation|sdoh)\w*"
    ),
    "health status assessment": r"(?:disability|frailty|functional_status|phq|gad)\w*",
}


@dataclass(frozen=True, repr=False)
class ModelCardResult(ItemMapResult):
    """The model card of a report; made by `AuditReport.to_model_card`.

    Parameters
    ----------
    table : DataFrame
        The nine sections of a model card: item, name, applies, status, evidence, where, missing.
    title, caution : str
        What it is, and what it is not.
    source_attributes : ItemMapResult
        The 31 source attributes of ONC HTI-1, filled from the same report.
    """

    source_attributes: ItemMapResult = None

    def to_markdown(self, path=None):
        """Return the card and the source attributes as Markdown; write them to `path` when given.

        Parameters
        ----------
        path : str or path-like, optional
            File to write.

        Returns
        -------
        str
        """
        text = super().to_markdown() + "\n" + self.source_attributes.to_markdown()
        if path is not None:
            write_file(path, text)
        return text


def to_model_card(report):
    """Fill a model card from a report; see `AuditReport.to_model_card`."""
    facts = Facts(report)
    card = fill_items(
        SECTIONS,
        facts,
        title="Model card (Mitchell et al., 2019), filled from an audit",
        caution="Filled from what the audit computed and what was declared; what is MISSING must "
        "be supplied by the people named.",
    )
    attributes = fill_items(
        SOURCE_ATTRIBUTES,
        facts,
        title="Source attributes of ONC HTI-1, 45 CFR 170.315(b)(11)(iv)(B), filled from an audit",
        caution=f"State of the rule looked up on {_HTI1_READ}: a proposed rule (HTI-5, December "
        "2025) would repeal these attributes; look up whether they still stand. The duty lies on "
        "developers of certified health IT, not on researchers. No certificate of compliance.",
    )
    return ModelCardResult(card.table, card.title, card.caution, attributes)


def _details(facts):
    words = facts.step_words()
    version = facts.report.about["version"]
    text = f"{facts.report.statement} Audited with healthml {version}."
    return Evidence(text + (f" Procedure: {words}." if words else ""), ("statement", "declared"))


def _factors(facts):
    return evidence.fairness(facts) or facts.lead("sites")


def _evaluation_data(facts):
    flow, table = facts.lead("flow"), evidence.characteristics(facts)
    if table is None:
        return flow
    return Evidence(f"{flow.text} {table.text}", (*flow.where, *table.where))


def _training_data(facts):
    if facts.kind != "D":
        return None
    lead = facts.lead("flow")
    text = "The training rows are those of the table, each judged by a refit that left it out. "
    return Evidence(text + lead.text, lead.where)


def _quantitative(facts):
    return evidence.performance(facts)


def _purpose(facts):
    outcome, purpose = evidence.outcome(facts), evidence.purpose(facts)
    parts = [part.text for part in (outcome, purpose) if part is not None]
    return Evidence(" ".join(parts), ("declared",)) if parts else None


SECTIONS = (
    Item("4.1", "Details of the model", _DEVELOPERS, evidence=_details),
    Item("4.2", "Intended use and users, uses out of scope", _CLINICIANS, evidence=_purpose),
    Item("4.3", "Factors: groups, places, instruments", _CLINICIANS, evidence=_factors),
    Item("4.4", "Metrics: measures, thresholds, variation", _AUTHORS, evidence=evidence.measures),
    Item("4.5", "Evaluation data", _AUTHORS, evidence=_evaluation_data),
    Item("4.6", "Training data", _DEVELOPERS, evidence=_training_data),
    Item("4.7", "Quantitative analyses", _AUTHORS, evidence=_quantitative),
    Item("4.8", "Ethical considerations", _AUTHORS),
    Item("4.9", "Caveats and recommendations", _AUTHORS, evidence=evidence.limits),
)


def _value(facts):
    outcome = facts.declared.get("outcome")
    text = "A risk between 0 and 1" + (f" of {outcome}" if outcome else "")
    return Evidence(
        f"{text} (event: {facts.declared['event']}).", ("declared",), whole=bool(outcome)
    )


def _kind_of_output(facts):
    return Evidence("Prediction: a probability.", ("performance",), whole=True)


def _patients(facts):
    return evidence.eligibility(facts)


def _inclusion(facts):
    eligible = evidence.eligibility(facts)
    flow = facts.lead("flow", whole=eligible is not None)
    if eligible is None:
        return flow
    return Evidence(f"{eligible.text} {flow.text}", (*eligible.where, *flow.where), whole=True)


def _variables_used(facts):
    columns = facts.declared.get("columns")
    if not columns:
        return None
    used = {
        word: [c for c in columns if re.fullmatch(pattern, c.lower())]
        for word, pattern in _NINE_VARIABLES.items()
    }
    words = [f"{word} ({', '.join(names)})" for word, names in used.items() if names]
    return Evidence(
        "Inputs, as far as the names of the columns tell: " + ("; ".join(words) or "none") + ".",
        ("columns",),
    )


def _representative(facts):
    return evidence.characteristics(facts)


def _same_source_validity(facts):
    if facts.kind != "D":
        return None
    lead = facts.lead("performance", whole=True)
    return Evidence(f"{facts.report.headline} {lead.text}", lead.where, whole=True)


def _same_source_fairness(facts):
    groups = evidence.fairness(facts)
    if facts.kind != "D" or groups is None:
        return None
    return Evidence(groups.text, groups.where, whole=True)


def _external_validity(facts):
    if facts.kind == "D":
        return facts.lead("sites", "later")
    return facts.lead("performance")


def _external_fairness(facts):
    return None if facts.kind == "D" else evidence.fairness(facts)


SOURCE_ATTRIBUTES = (
    Item("1.i", "Developer and contact", _DEVELOPERS),
    Item("1.ii", "Funding of the implementation", _DEVELOPERS),
    Item("1.iii", "Value that comes out", _DEVELOPERS, evidence=_value),
    Item("1.iv", "Kind of output", _DEVELOPERS, evidence=_kind_of_output),
    Item("2.i", "Intended use", _CLINICIANS),
    Item("2.ii", "Intended patients", _CLINICIANS, evidence=_patients),
    Item("2.iii", "Intended users", _CLINICIANS),
    Item("2.iv", "Role in the decision", _CLINICIANS),
    Item("3.i", "Tasks, situations, populations out of scope", _CLINICIANS),
    Item("3.ii", "Known risks and limits", _CLINICIANS, evidence=evidence.limits),
    Item("4.i", "Who was included and excluded", _DEVELOPERS, evidence=_inclusion),
    Item("4.ii", "Which of nine variables are inputs", _DEVELOPERS, evidence=_variables_used),
    Item("4.iii", "How representative by these variables", _DEVELOPERS, evidence=_representative),
    Item("4.iv", "Relevance of the training data to the place of use", _SITE),
    Item("5.i", "How fairness was sought", _DEVELOPERS, evidence=evidence.fairness),
    Item("5.ii", "How bias was managed", _DEVELOPERS),
    Item("6.i", "External validation: source and setting", _AUTHORS),
    Item("6.ii", "External validation: who did it", _AUTHORS),
    Item("6.iii", "External validation: how representative", _AUTHORS),
    Item("6.iv", "External validation: process", _AUTHORS),
    Item("7.i", "Validity, same source", _DEVELOPERS, evidence=_same_source_validity),
    Item("7.ii", "Fairness, same source", _DEVELOPERS, evidence=_same_source_fairness),
    Item("7.iii", "Validity, other data", _AUTHORS, evidence=_external_validity),
    Item("7.iv", "Fairness, other data", _AUTHORS, evidence=_external_fairness),
    Item("7.v", "References on outcomes of use", _AUTHORS),
    Item("8.i", "How and how often validity is monitored", _SITE),
    Item("8.ii", "Local validity", _SITE),
    Item("8.iii", "How and how often fairness is monitored", _SITE),
    Item("8.iv", "Local fairness", _SITE),
    Item("9.i", "How and how often it is updated", _DEVELOPERS),
    Item("9.ii", "How often it is corrected when risks are found", _DEVELOPERS),
)
