"""What of a report speaks to an item of a guideline; each takes `Facts` and may return None."""

from healthml._core._findings import NOT_ASSESSABLE
from healthml.reporting._items.item import Evidence

_MOST_TOPICS = 8  # open questions written out in one cell; by judgement


def title(facts):
    if "outcome" not in facts.declared:
        return None
    kind = (
        "a procedure refitted in resamples (development with internal validation)"
        if facts.report.about["refit"]
        else "risks judged as they are (evaluation)"
    )
    return Evidence(f"Outcome: {facts.declared['outcome']}. Study kind: {kind}.", ("statement",))


def purpose(facts):
    if "prediction_time" not in facts.declared:
        return None
    return Evidence(f"Predicted at: {facts.declared['prediction_time']}.", ("declared",))


def objective(facts):
    return Evidence(facts.report.statement, ("statement",))


def source(facts):
    return facts.lead("flow", after=_sites_words(facts))


def _sites_words(facts):
    n = facts.declared.get("n_sites")
    return "" if n is None else f"{n} site{'s' * (n != 1)} declared."


def dates(facts):
    if "years" not in facts.declared:
        return None
    first, last = facts.declared["years"]
    return Evidence(
        f"Predictions made from {first} to {last} (years with few patients are not counted).",
        ("declared",),
    )


def setting(facts):
    words = _sites_words(facts)
    return Evidence(words, ("declared",)) if words else None


def eligibility(facts):
    if "eligibility" not in facts.declared:
        return None
    rules = "; ".join(facts.declared["eligibility"])
    return Evidence(f"Eligible: {rules}.", ("declared", "flow"), whole=True)


def preparation(facts):
    if not facts.has("quality"):
        return None
    words = facts.step_words()
    steps = f" Steps inside the procedure, the same for all groups: {words}." if words else ""
    return Evidence(facts.report.section("quality").lead + steps, ("quality", "declared"))


def outcome(facts):
    declared = facts.declared
    if "outcome" not in declared:
        return None
    parts = [f"Outcome {declared['outcome']}, event {declared['event']}"]
    if "horizon" in declared:
        parts.append(f"horizon {declared['horizon']:g}")
    if "follow_up" in declared:
        parts.append(f"follow-up in column {declared['follow_up']}")
    return Evidence("; ".join(parts) + ".", ("declared",), whole="horizon" in declared)


def candidates(facts):
    n = facts.declared.get("n_columns")
    return (
        None if not n else Evidence(f"{n} candidate columns. {facts.report.columns}", ("columns",))
    )


def predictors(facts):
    declared = facts.declared
    parts = []
    if declared.get("n_variables"):
        parts.append(
            f"{declared['n_variables']} columns declared, {declared['n_units']} with a unit"
        )
    if "known_after" in declared:
        parts.append(
            f"known only after the prediction, and left out: {', '.join(declared['known_after'])}"
        )
    return Evidence("; ".join(parts).capitalize() + ".", ("declared",)) if parts else None


def sample_size(facts):
    about = facts.report.about
    n = facts.declared.get("n_columns")
    text = f"{about['n_samples']:,} rows with {about['n_events']:,} events"
    text += f", {n} candidate columns" if n else ""
    return Evidence(f"{text}; how that size was arrived at is not known here.", ("about",))


def missing_data(facts):
    steps = facts.declared.get("handles_missing")
    words = f"Steps for missing values: {'; '.join(steps)}." if steps else ""
    return facts.lead("missingness", after=words) or (
        Evidence(words, ("declared",)) if words else None
    )


def use_of_data(facts):
    about = facts.report.about
    repeats = f"{about['repeats']} repeat{'s' * (about['repeats'] > 1)}"
    text = (
        f"{facts.report.statement} {about['folds']} folds x {repeats}; "
        f"{about['judged_rows']:,} rows were judged by models that had not seen them."
    )
    return Evidence(text, ("statement", "about"), whole=True)


def handling(facts):
    steps = facts.declared.get("handles_categories")
    if not facts.declared.get("procedure"):
        return None
    text = f"Steps: {facts.step_words()}."
    return Evidence(text, ("declared",), whole=bool(steps))


def model(facts):
    if not facts.declared.get("procedure"):
        return None
    text = f"Procedure, with what differs from its defaults: {facts.step_words()}. "
    return Evidence(text + "All steps are refitted in each resample.", ("declared",), whole=True)


def between_sites(facts):
    return facts.lead("sites", whole=True)


def measures(facts):
    table = facts.report.section("performance").tables[0][1]
    names = ", ".join(dict.fromkeys(map(str, table["measure"])))
    pictures = "; ".join(figure.alt for figure in facts.report.section("performance").figures)
    text = f"Measures with intervals: {names}. Pictures: {pictures}."
    return Evidence(text, ("performance",), whole=True)


def calculated(facts):
    about = facts.report.about
    text = "Risks were handed in, or predicted by the fitted model as it is"
    return Evidence(f"{text}; healthml {about['version']}, seed {about['seed']}.", ("about",))


def imbalance(facts):
    declared = facts.declared
    if not declared.get("procedure"):
        return None
    steps = declared.get("handles_imbalance")
    done = (
        f"Steps for imbalance: {'; '.join(steps)}." if steps else "No resampling, no class weights."
    )
    calibration = _score_words(facts, "oe_ratio", "Observed / expected events afterwards")
    return Evidence(f"{done} {calibration}".strip(), ("declared", "performance"), whole=True)


def _score_words(facts, measure, words):
    table = facts.report.section("performance").tables[0][1]
    row = table[(table["measure"] == measure) & (table["model"] == table["model"].iloc[0])]
    if not len(row) or row["estimate"].isna().all():
        return ""
    estimate, lower, upper = (row.iloc[0][c] for c in ("estimate", "lower", "upper"))
    return f"{words}: {_number(estimate)} ({_number(lower)} to {_number(upper)})."


def _number(value):
    return value if isinstance(value, str) else f"{value:.2f}"


def fairness(facts):
    names = facts.declared.get("sensitive")
    if not names or not facts.has("groups"):
        return None
    text = (
        "Performance was measured by group, with simultaneous intervals of the gaps, for: "
        f"{', '.join(names)}."
    )
    return Evidence(text, ("groups",))


def output(facts):
    text = "The output is a risk between 0 and 1."
    limits = facts.declared.get("threshold_range")
    if limits:
        text += f" Decision thresholds declared: {limits[0]:g} to {limits[1]:g}."
    else:
        text += " No decision threshold was declared."
    return Evidence(text, ("declared", "performance"))


def differences(facts):
    return facts.lead("later", "sites")


def code(facts):
    version, seed = facts.report.about["version"], facts.report.about["seed"]
    return Evidence(f"Computed with healthml {version}, seed {seed}.", ("about",))


def flow(facts):
    return facts.lead("flow", whole=True)


def characteristics(facts):
    if not facts.has("table_one"):
        return None
    table = facts.report.section("table_one").tables[0][1]
    text = f"Table 1 by outcome, {table['column'].nunique()} columns, not by demographic group."
    missing = facts.lead("missingness")
    if missing is None:
        return Evidence(text, ("table_one",))
    return Evidence(f"{text} Missing: {missing.text}", ("table_one", "missingness"))


def counts(facts):
    return facts.lead("flow", "performance", whole=True)


def performance(facts):
    lead, groups = facts.lead("performance"), fairness(facts)
    text, where = f"{facts.report.headline} {lead.text}", lead.where
    if groups is None:
        return Evidence(text, where)
    return Evidence(f"{text} {groups.text}", (*where, *groups.where), whole=True)


def limits(facts):
    topics = facts.open_questions()
    settle = [f"{f.code} {f.title}" for f in facts.report.must_settle]
    wide = sum(f.severity == NOT_ASSESSABLE for f in facts.report.notes)
    parts = [
        f"To be settled: {'; '.join(settle) or 'nothing above a note was measured'}",
        f"not assessable: {wide}",
        f"not assessed: {' '.join(topics[:_MOST_TOPICS])}"
        + (f" and {len(topics) - _MOST_TOPICS} more" if len(topics) > _MOST_TOPICS else ""),
    ]
    return Evidence("; ".join(parts), ("findings", "not_assessed"))


def in_use(facts):
    steps = facts.declared.get("handles_missing")
    if not steps:
        return None
    return Evidence(f"Missing inputs are filled by: {'; '.join(steps)}.", ("declared",))
