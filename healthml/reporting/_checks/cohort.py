"""Who is in the table; can the outcome happen to them, and does it mean the same everywhere."""

import numpy as np
import pandas as pd
from scipy.stats import poisson

from healthml._core._findings import NOTE, Finding
from healthml._core._paired import auroc_influence
from healthml.reporting._checks.look import (
    Look,
    auc_effect,
    base_columns,
    base_risk,
    graded,
    names_in_words,
    z_for,
)
from healthml.reporting._report import NotAssessed, Section
from healthml.reporting._table_one import SMALLEST_SHOWN, table_one
from healthml.validation._leakage import event_free_strata

_ALPHA = 0.001
_RARE = 0.25


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


def check_eligibility(case):
    """Look for strata in which the outcome cannot happen, beyond what the other columns explain."""
    suspects = case.cache.get("suspects", {})
    pool = case.X[[c for c in case.X.columns if suspects.get(c) != "too strong alone"]]
    if not pool.shape[1]:
        return Look()
    strata = event_free_strata(pool, case.y, groups=case.units)
    table = _unexplained(case, strata) if len(strata.table) else strata.table
    if not len(table):
        return Look()
    shown = table.drop(columns=["position"]).astype({"level": object})
    wide = shown["column"].map(case.X.nunique()) > 50
    shown.loc[wide & (not case.show_values), "level"] = "(not listed)"
    findings = [
        f
        for kind in ("never", "almost never", "always")
        for f in _stratum_findings(case, table[table["kind"] == kind], strata.masks, kind)
    ]
    section = Section(
        "strata",
        "cohort",
        "Can the outcome happen to everybody in the table?",
        "Levels in which the outcome (almost) never, or always, happened, although the other "
        "columns let something else be expected. Levels below 11 patients were not looked at.",
        (("Levels with hardly any events, or no non-events", shown),),
    )
    return Look(tuple(findings), (section,))


def _unexplained(case, strata):
    """Keep levels whose missing events the other columns do not explain."""
    table = strata.table
    rest = [c for c in base_columns(case) if c not in set(table["column"])]
    if not case.refit or not rest:
        return table
    risk = case.judge.risks(
        case.model,
        case.table[rest],
        folds=case.judge.folds[:1],
        label="without the columns of strata",
    )[0]
    keep, expected = [], []
    for row in table.itertuples():
        p = np.clip(risk[strata.masks[row.column, row.position]], 1e-9, 1 - 1e-9)
        expected.append(float(p.sum()))
        share = row.n_patients / row.n_samples
        keep.append(_chance(p, row.n_events, row.kind, share) * len(table) < _ALPHA)
    table = table.assign(expected_by_others=expected)
    enough = (table["kind"] != "almost never") | (
        table["n_events"] <= _RARE * table["expected_by_others"]
    )
    return table[np.array(keep) & enough].reset_index(drop=True)


def _chance(p, n_events, kind, share):
    """Return how likely so few (or so many) events are at the risks that the others give.

    Rows of one patient are not independent trials; `share` scales them to patients.
    """
    if kind == "always":
        return float(np.exp(np.log(p).sum() * share))
    if kind == "never":
        return float(np.exp(np.log1p(-p).sum() * share))
    return float(poisson.cdf(np.round(n_events * share), p.sum() * share))


def _stratum_findings(case, table, masks, kind):
    if not len(table):
        return []
    rows = np.zeros(len(case.y), dtype=bool)
    for row in table.itertuples():
        rows |= masks[row.column, row.position]
    columns = list(dict.fromkeys(table["column"]))
    events = int(case.y[rows].sum())
    expected = table["expected_by_others" if "expected_by_others" in table else "expected"]
    words = (
        f"{int(rows.sum()):,} rows in {len(table)} levels of {names_in_words(columns)}: "
        f"{events:,} events; the other columns let about {expected.sum():,.0f} be expected."
    )
    title = f"The outcome {kind} happens in {int(rows.sum()):,} rows"
    if kind == "always":
        remedy = "Ask whether these levels are recorded because of the outcome, and when."
    else:
        remedy = (
            "Ask whether these patients can have the outcome at all (already dead, transferred, "
            "another endpoint); if not, declare the eligibility and leave them out."
        )
    effect = _effect_of_rows(case, rows)
    if effect is None:
        return [Finding("HM103", NOTE, title, words, remedy, columns=tuple(columns))]
    return [graded(case, "HM103", effect, title, words, remedy, columns=columns)]


def _effect_of_rows(case, rows):
    """Return how much the AUC (without suspect columns) owes to these rows, if measurable."""
    if len(np.unique(case.y[~rows])) < 2:
        return None
    risk = base_risk(case)
    folds = case.judge.folds[: len(risk)] if case.refit else None
    parts = [None] * len(risk) if folds is None else folds
    whole, rest, gap = [], [], []
    for r in range(len(risk)):
        use = np.isfinite(risk[r])
        auc, influence = _full(case.y, risk[r], parts[r], use)
        auc_rest, influence_rest = _full(case.y, risk[r], parts[r], use & ~rows)
        whole.append(auc)
        rest.append(auc_rest)
        gap.append(influence - influence_rest)
    from healthml._core._numerics import cluster_variance

    difference = float(np.mean(whole) - np.mean(rest))
    se = float(np.sqrt(cluster_variance(np.mean(gap, axis=0), case.units)))
    z = z_for(1)
    return auc_effect(
        case,
        difference,
        difference - z * se,
        difference + z * se,
        "AUC in all rows minus AUC without these rows",
    )


def _full(y, risk, part, use):
    auc, influence = auroc_influence(y[use], risk[use], None if part is None else part[use])
    full = np.zeros(len(y))
    full[use] = influence
    return auc, full


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
    shown = counts.where(_patients_by_site(case, level) >= SMALLEST_SHOWN)
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
        f"Sites without some level: {names_in_words(places)}. Counts below 11 are suppressed.",
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
