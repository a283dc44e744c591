"""Who is in the table; can the outcome happen to them, and does it mean the same everywhere."""

import numpy as np
import pandas as pd

from healthml._core._findings import NOTE, Finding
from healthml._core._release import release_crosstab
from healthml.cleaning._quality import words_by_site
from healthml.reporting._checks.look import Look, names_in_words
from healthml.reporting._report import NotAssessed, Section
from healthml.reporting._table_one import table_one

_ALPHA = 0.001


def check_flow(case):
    """Count who was left out, describe who stayed."""
    left_out = int(case.flow["n_left_out"].sum())
    findings = []
    if left_out:
        words = "; ".join(
            f"{r.step}: {r.n_left_out:,}" for r in case.flow.itertuples() if r.n_left_out
        )
        findings.append(
            Finding(
                "HM101",
                NOTE,
                f"{left_out:,} rows were left out",
                words + ".",
                "Find out whether the rows left out differ from those that stayed.",
            )
        )
    patients = len(case.y) if case.roles.groups is None else int(case.roles.groups.max()) + 1
    lead = (
        f"{len(case.y):,} rows of {patients:,} "
        + ("patients" if case.roles.groups is not None else "rows taken as different patients")
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


def _joined(case, patients):
    """Say how many units of the splits are left when copies of rows join their patients."""
    units = patients if case.units is None else int(case.units.max()) + 1
    return "" if units == patients else f" (joined to {units:,} where rows are copies)"


def check_outcome_by_site(case):
    """Look for outcome levels that a site never uses."""
    site, raw = case.roles.site, case.raw_outcome
    levels = raw.astype("object").value_counts()
    if site is None or not 2 < len(levels) <= 20:
        return Look()
    level = pd.Series(raw.to_numpy(dtype=object)).map(str)
    counts = pd.crosstab(pd.Series(site), level)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.to_numpy().sum()
    within = counts.to_numpy()
    # among events only: does a site use the same levels of the event as the others?
    absent = (within == 0) & (np.exp(-expected) * within.size < _ALPHA)
    if not absent.any():
        return Look()
    places = [str(s) for s, row in zip(counts.index, absent, strict=True) if row.any()]
    shown = release_crosstab(counts, _patients_by_site(case, level))
    finding = Finding(
        "HM105",
        NOTE,
        "The outcome is not recorded with the same levels at every site",
        f"{len(places)} of {len(counts)} sites never use a level of the outcome that chance would "
        f"have shown there ({int(absent.sum())} levels in all).",
        "Ask how each site records the outcome before pooling; a two-class outcome may hide it.",
    )
    shown = shown.reset_index(names="site")
    section = Section(
        "outcome_by_site",
        "cohort",
        "Is the outcome recorded in the same way everywhere?",
        f"Sites without some level: {names_in_words(places)}. Counts of 1 to 10 are hidden.",
        (("Outcome levels by site", shown),),
    )
    return Look((finding,), (section,))


def _patients_by_site(case, level):
    """Return how many patients of each site have each level of the outcome."""
    groups = case.roles.groups
    patient = np.arange(len(case.y)) if groups is None else groups
    rows = pd.DataFrame({"site": case.roles.site, "level": level, "patient": patient})
    rows = rows.drop_duplicates()
    return pd.crosstab(rows["site"], rows["level"])


def check_site_words(case):
    """Ask whether some sites write a column in another way than the others."""
    if case.roles.site is None:
        return Look()
    found = words_by_site(case.X, case.roles.site)
    if found.empty:
        return Look()
    words = "; ".join(
        f"{r.column}: {_WRITTEN[r.kind]} at {r.n_sites} of {r.n_compared} sites "
        f"({r.n_samples:,} rows)"
        for r in found.itertuples()
    )
    columns = tuple(found["column"])
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
    "words and numbers": "words where the others have numbers, or the reverse,",
}


def check_shared_outcome(case):
    """Look for a column that numbers stays: several rows, one outcome, inside one patient."""
    groups = case.roles.groups
    pool = [case.X] if case.roles.identifiers is None else [case.X, case.roles.identifiers]
    found = [
        hit
        for frame in pool
        for name in frame.columns
        if (hit := _stay_column(frame[name], groups, case.y)) is not None
    ]
    if not found:
        return Look()
    found.sort(key=lambda hit: -hit[1])
    words = "; ".join(
        f"{sets:,} values of {name} stand in several rows ({rows:,} rows)"
        for name, sets, rows in found[:4]
    )
    finding = Finding(
        "HM106",
        NOTE,
        f"Rows with the same {found[0][0]} share one outcome",
        f"{words}; all rows of each have the same outcome: one event is counted more than once.",
        "Decide what one prediction is (a stay, a patient) and keep one row for each, or weight.",
        columns=tuple(str(name) for name, _, _ in found),
    )
    return Look((finding,))


def _stay_column(column, groups, y):
    """Return (name, sets, rows) if the column numbers sets of rows that share the outcome."""
    if groups is None or column.dtype.kind == "f" or column.isna().any():
        return None
    codes = pd.factorize(column)[0]
    counts = np.bincount(codes)
    several = counts > 1
    if counts.size < 0.2 * len(y) or several.sum() < 20 or np.array_equal(codes, groups):
        return None
    pairs = np.unique(np.column_stack([codes, groups]), axis=0)
    if len(pairs) != counts.size:
        return None  # a value is shared by two patients: no stay
    events = np.bincount(codes, y)
    if np.any((events > 0) & (events < counts)):
        return None
    patient_events, patient_rows = np.bincount(groups, y), np.bincount(groups)
    repeat = patient_rows > 1
    mixed = np.mean((patient_events > 0) & (patient_events < patient_rows), where=repeat)
    if (1 - mixed) ** int(several.sum()) > _ALPHA:
        return None  # patients hardly ever change outcome: agreement says nothing
    return column.name, int(several.sum()), int(counts[several].sum())


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
    """Say when other levels of the outcome were counted as no event without a common horizon."""
    levels = case.raw_outcome.astype("object").nunique()
    if attribute != "horizon" or levels <= 2:
        return ""
    return f"; {levels - 1} other levels of the outcome count as no event, whatever their horizon"
