"""Who is in the table; can the outcome happen to them, and does it mean the same everywhere."""

from healthml._core._findings import NOTE, Finding
from healthml._core._release import left_out_words
from healthml.cleaning._quality import words_by_site
from healthml.cleaning._rows import stay_columns
from healthml.reporting._checks.look import Look, count_words, names_in_words
from healthml.reporting._report import NotAssessed, Section
from healthml.reporting._table_one import table_one
from healthml.validation._transport import outcome_levels


def check_flow(case):
    """Count who was left out, describe who stayed."""
    left_out = int(case.flow["n_left_out"].sum())
    findings = []
    if left_out:
        total, words = left_out_words(case.flow)
        findings.append(
            Finding(
                "HM101",
                NOTE,
                f"{total} {'row was' if str(total) == '1' else 'rows were'} left out",
                words + ".",
                "Find out whether the rows left out differ from those that stayed.",
            )
        )
    patients = len(case.y) if case.roles.groups is None else int(case.roles.groups.max()) + 1
    lead = (
        f"{len(case.y):,} rows"
        + (f" of {patients:,} patients" if case.roles.groups is not None else _EACH_ANOTHER)
        + _joined(case, patients)
        + f", {int(case.y.sum()):,} with the event ({100 * case.y.mean():.1f}%)."
    )
    sections = (
        Section("flow", "cohort", "Who is in the table?", lead, (("Participant flow", case.flow),)),
        Section(
            "table_one",
            "cohort",
            "How do patients with and without the event differ?",
            "Mean (SD), median and quartiles, or count and share. A standardised difference beyond "
            "0.1 is usually called an imbalance; here it shows what goes with the outcome.",
            (("Table 1 by outcome", table_one(case.X, case.y, groups=case.roles.groups)),),
        ),
    )
    return Look(tuple(findings), sections)


_EACH_ANOTHER = ", each taken as another patient"


def _joined(case, patients):
    """Say how many units of the splits are left when copies of rows join their patients."""
    units = patients if case.units is None else int(case.units.max()) + 1
    return "" if units == patients else f" (joined to {units:,} where rows are copies)"


def check_outcome_by_site(case):
    """Ask whether a site never uses some level of the outcome."""
    if case.roles.site is None:
        return Look()
    levels = outcome_levels(case.raw_outcome, case.roles.site, case.roles.groups)
    if levels is None or not levels.absent.any():
        return Look()
    finding = Finding(
        "HM105",
        NOTE,
        "The outcome is not recorded with the same levels at every site",
        f"At {len(levels.sites)} of {len(levels.rows)} sites some level of the outcome never "
        "stands that chance would have shown there "
        f"({count_words(int(levels.absent.sum()), 'combination')} of site and level in all).",
        "Ask how each site records the outcome before pooling; a two-class outcome may hide it.",
    )
    section = Section(
        "outcome_by_site",
        "cohort",
        "Is the outcome recorded in the same way everywhere?",
        f"Sites without some level: {names_in_words(levels.sites)}. Counts of 1 to 10 are hidden.",
        crosstabs=(
            ("Outcome levels by site", levels.rows.rename_axis(index="site"), levels.patients),
        ),
    )
    return Look((finding,), (section,))


def check_site_words(case):
    """Ask whether some sites write a column in another way than the others."""
    if case.roles.site is None:
        return Look()
    differing = words_by_site(case.X, case.roles.site)
    if differing.empty:
        return Look()
    words = "; ".join(
        f"{r.column}: {_WRITTEN[r.kind]} at {r.n_sites} of {r.n_compared} sites "
        f"({r.n_samples:,} rows)"
        for r in differing.itertuples()
    )
    columns = tuple(differing["column"])
    verb = "is" if len(columns) == 1 else "are"
    finding = Finding(
        "HM107",
        NOTE,
        f"{names_in_words(columns, 4)} {verb} written in another way at some sites",
        f"{words}.",
        "Ask what the words mean at each site, and give one thing one name before the sites are "
        "pooled (healthml.cleaning.CategoryNormalizer).",
        columns=columns,
    )
    return Look((finding,))


_WRITTEN = {
    "other words": "levels that no other site uses",
    "few numbers": "six different numbers at most where the others have twenty or more",
    "words and numbers": "words where the others have numbers, or the reverse,",
}


def check_shared_outcome(case):
    """Ask for a column that numbers stays: several rows, one outcome, inside one patient."""
    pool = [case.X] if case.roles.identifiers is None else [case.X, case.roles.identifiers]
    stays = [hit for frame in pool for hit in stay_columns(frame, case.roles.groups, case.y)]
    if not stays:
        return Look()
    stays.sort(key=lambda hit: -hit[1])
    words = "; ".join(
        f"{sets:,} values of {name} stand in several rows ({rows:,} rows)"
        for name, sets, rows in stays[:4]
    )
    finding = Finding(
        "HM106",
        NOTE,
        f"Rows with the same {stays[0][0]} share one outcome",
        f"{words}; all rows of each have the same outcome, so that an event is counted once for "
        "each of its rows.",
        "Decide what one prediction is (a stay, a patient) and keep one row for each, or weight.",
        columns=tuple(str(name) for name, _, _ in stays),
    )
    return Look((finding,))


def check_task(case):
    """Say what of the prediction task was not declared."""
    schema = case.schema
    missing = []
    for attribute, topic, needed in (
        ("prediction_time", "When is the prediction made?", "Declare the prediction time."),
        (
            "horizon",
            "How far ahead does the prediction look, and was everybody followed so long?",
            "Declare horizon and follow-up.",
        ),
        (
            "eligibility",
            "To whom does the prediction apply?",
            "Declare the eligibility (who could have the outcome and would be predicted).",
        ),
    ):
        if getattr(schema, attribute, None) in (None, (), [], {}):
            missing.append(
                NotAssessed(
                    topic,
                    "it was not declared in a Schema" + _merged(case, attribute),
                    needed,
                    "HM104",
                )
            )
    return Look(not_assessed=tuple(missing))


def _merged(case, attribute):
    """Say when several levels of the outcome were counted as no event without a common horizon."""
    raw = case.raw_outcome[case.raw_outcome.notna()]
    if attribute != "horizon" or len(raw) != len(case.y):
        return ""
    n_levels = raw[case.y == 0].astype(str).nunique()
    if n_levels < 2:
        return ""
    return f"; {n_levels} levels of the outcome count as no event, whatever their horizon"
