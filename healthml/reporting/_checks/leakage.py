"""Whether the table holds the answer, or the same patient twice."""

import numpy as np
import pandas as pd
from scipy.stats import poisson

from healthml._core._findings import NOTE, Finding
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_influence
from healthml.reporting._case import Leaks
from healthml.reporting._checks.look import (
    Look,
    auc_effect,
    base_columns,
    base_risk,
    compare_variant,
    graded,
    interval_words,
    looks_like,
    names_in_words,
    proposed,
    z_for,
)
from healthml.reporting._report import Figure, NotAssessed, Section
from healthml.validation._leakage import (
    REPEATS_OUTCOME,
    copy_counts,
    crossing_sets,
    event_free_strata,
    join_units,
    patients_with_both,
    screen_columns,
    suspect_columns,
)
from healthml.validation._reference_models import boosted_trees
from healthml.validation._scoring import Evaluator

_MOST_ADDED_BACK = 12
_ALPHA = 0.001
_RARE = 0.25


def find_leaks(case):
    """Ask which columns may hold the answer, and refit without them; handed to all checks."""
    screen = screen_columns(
        case.features,
        case.y,
        fold=case.judge.folds[0],
        groups=case.units,
        outcome=None if case.raw_outcome.name is None else str(case.raw_outcome.name),
    )
    suspects = suspect_columns(screen.table)
    rest = [c for c in case.model_columns if c not in suspects]
    if not suspects or not case.refit or not rest:
        return Leaks(suspects, screen)
    risk = case.judge.risks(case.model, case.table[rest], label="without the suspect columns")
    scores = case.judge.score({"model": case.risk, "variant": risk})
    return Leaks(suspects, screen, risk, scores)


def check_leaks(case):
    """Word which columns may hold the answer, and what they add to the AUC."""
    screen, suspects = case.leaks.screen, case.leaks.suspects
    names = list(suspects)
    tables = [("Each column alone, out of sample (strongest 20)", screen.table.head(20))]
    figure = Figure(screen.plot, "AUC of each column alone, strongest first")
    lead = _screen_lead(screen.table, suspects)
    findings, missing = [], []
    if names and case.refit:
        found, ladder = _refit_without(case, names, suspects, screen.table)
        findings += found
        tables += ladder
    elif names:
        missing.append(
            NotAssessed(
                f"What is the model without {names_in_words(names)}?",
                "a fitted model cannot be refitted here",
                "Run the audit with refit=True; ask when these columns become known.",
                "HM302",
            )
        )
    section = Section(
        "leaks", "leakage", "Does a column hold the answer?", lead, tuple(tables), (figure,)
    )
    return Look(tuple(findings), (section,), tuple(missing))


def _screen_lead(table, suspects):
    best = table.iloc[0]
    text = f"The strongest column alone is {best['column']}, AUC {interval_words(best)}."
    if not suspects:
        return text + " No column is too strong alone or named for a later time."
    return text + f" Suspects: {names_in_words(list(suspects))}."


def _refit_without(case, names, suspects, screen):
    """Measure what the suspects together, and each alone, add to the AUC."""
    scores = case.leaks.scores
    if scores is None:
        return [_only_suspects(case, names)], []
    drop = scores.difference("model", "variant")
    effect = auc_effect(
        case,
        *drop,
        f"AUC with {names_in_words(names, 4)} minus AUC without"
        if len(names) <= 4
        else f"AUC with the {len(names)} suspect columns minus AUC without",
    )
    headline = scores.get("model", "auroc")
    alone = screen.set_index("column").loc[names]
    repeats = alone["lower"].max() >= REPEATS_OUTCOME or headline["lower"] >= REPEATS_OUTCOME
    clean = scores.get("variant", "auroc")
    evidence = (
        f"AUC {interval_words(headline)} with {'it' if len(names) == 1 else 'them'}, "
        f"{interval_words(clean)} without. "
        + "; ".join(
            f"{name}: AUC {interval_words(alone.loc[name])} alone, {suspects[name]}"
            for name in names[:_MOST_ADDED_BACK]
        )
        + "."
    )
    remedy = (
        f"Ask when {names_in_words(names)} {'becomes' if len(names) == 1 else 'become'} known; "
        "declare what is known only after the prediction (known_after) and leave it out."
    )
    code = "HM301" if repeats else "HM302"
    title = _suspect_title(names, repeats, effect, case)
    finding = graded(
        case, code, effect, title, evidence, remedy, columns=names, cause_known=bool(repeats)
    )
    gains = _added_back(case, names, suspects)
    return [finding], [("Each suspect added back to the others", gains)]


def _suspect_title(names, repeats, effect, case):
    """Say that the performance rests on the suspects only where that was measured."""
    some = names_in_words(names, 4)
    if repeats:
        return f"{some} repeat{'s' if len(names) == 1 else ''} the outcome"
    when = "when is it known?" if len(names) == 1 else "when are they known?"
    if effect.lower > case.rules["auroc"].harm:
        return f"The performance rests on {some}: {when}"
    return f"{some}: named for a later time, or strong alone; {when}"


def _only_suspects(case, names):
    """Grade the whole AUC when there is nothing but suspects: without them stands a coin toss."""
    auc = case.judge.score({"model": case.risk}).get("model", "auroc")
    effect = auc_effect(
        case, *(auc[["estimate", "lower", "upper"]] - 0.5), "AUC above 0.5, all of it from suspects"
    )
    repeats = bool(auc["lower"] >= REPEATS_OUTCOME)
    return graded(
        case,
        "HM301" if repeats else "HM302",
        effect,
        "Every column is a suspect",
        "Nothing is left to refit without them.",
        f"Ask when {names_in_words(names)} become known.",
        columns=names,
        cause_known=repeats,
    )


def _added_back(case, names, suspects):
    """Return the AUC gained when one suspect is added to the columns without suspects."""
    rows = []
    rest = [c for c in case.model_columns if c not in names]
    for name in names[:_MOST_ADDED_BACK]:
        gain, scores, _ = compare_variant(case, case.table[[*rest, name]], label=f"adding {name}")
        auc = scores.get("variant", "auroc")
        more = (-gain[0], -gain[2], -gain[1])
        rows.append((name, suspects[name], auc["estimate"], *more, *auc[["n_samples", "n_events"]]))
    columns = ["column", "why", "auc_with_it", "gain", "lower", "upper", "n_samples", "n_events"]
    return pd.DataFrame(rows, columns=columns)


def check_known_after(case):
    """Show what the declared known-after columns would have pretended."""
    later = case.roles.known_after
    if later is None or later.shape[1] == 0:
        missing = NotAssessed(
            "Which columns become known only after the prediction?",
            "none was declared, and a table does not say when a cell was filled in",
            "Declare the columns known only after the prediction (known_after), or confirm that "
            "all are known in time.",
            "HM303",
        )
        return Look(not_assessed=(missing,))
    if not case.refit:
        return Look()
    base = case.table[base_columns(case)]
    table = pd.concat([base, later.set_axis(case.X.index)], axis=1)
    change, scores, _ = compare_variant(case, table, label="with the known-after columns")
    gain = (-change[0], -change[2], -change[1])
    names = list(later.columns)
    finding = Finding(
        "HM303",
        NOTE,
        f"{names_in_words(names, 4)} {'was' if len(names) == 1 else 'were'} left out: known only "
        "after the prediction",
        f"With them the AUC would read {interval_words(scores.get('variant', 'auroc'))} instead of "
        f"{interval_words(scores.get('model', 'auroc'))}; the audit left them out.",
        "Keep them out of the model; any earlier number that used them is too good.",
        auc_effect(case, *gain, "AUC with the declared known-after columns minus AUC without"),
        tuple(names),
    )
    return Look((finding,))


def check_rows_against_patients(case):
    """Compare a split by rows with the split by patients."""
    groups = case.roles.groups
    if groups is None:
        missing = NotAssessed(
            "Would a split by rows have flattered the model?",
            "no patient was declared: every row was taken for a different patient"
            + looks_like(case, "patient")
            + _near_words(case),
            "Declare the patient of each row (groups=, --patient).",
            "HM304",
        )
        undeclared = _undeclared_patients(case)
        return Look(() if undeclared is None else (undeclared,), not_assessed=(missing,))
    counts = np.bincount(groups)
    repeated = int((counts > 1).sum())
    if not repeated or not case.refit:
        return Look()
    n_repeats = min(len(case.judge.folds), 3)
    by_rows = case.judge.make_folds(None, n_repeats=n_repeats)
    table = case.table[base_columns(case)]
    risk = case.judge.risks(case.model, table, folds=by_rows, label="split by rows")
    by_patient = base_risk(case)[:n_repeats]
    scores = case.judge.score(
        {"rows": risk, "patients": by_patient},
        folds={"rows": by_rows, "patients": case.judge.folds[:n_repeats]},
    )
    effect = auc_effect(
        case,
        *scores.difference("rows", "patients"),
        "AUC of a split by rows minus AUC of the split by patients",
    )
    shown = scores.table[scores.table["measure"].isin(["auroc", "scaled_brier"])]
    probe, words = _flexible_probe(case)
    finding = Finding(
        "HM304",
        NOTE,
        "Patients repeat; the audit split by patient",
        f"{repeated:,} patients own {int(counts[counts > 1].sum()):,} of {len(groups):,} rows (at "
        f"most {int(counts.max())}); {patients_with_both(groups, case.y):,} of them have rows "
        "with and without the event. A split by rows would have read "
        f"{interval_words(scores.get('rows', 'auroc'))} instead of "
        f"{interval_words(scores.get('patients', 'auroc'))}. {words}",
        "Split by patient in every later analysis too.",
        effect,
    )
    section = Section(
        "rows_patients",
        "leakage",
        "Would a split by rows have flattered the model?",
        f"{effect.in_words()}. {words}",
        (("Same model, two ways to split", shown), ("Boosted trees, two ways to split", probe)),
    )
    return Look((finding,), (section,))


def _undeclared_patients(case):
    """Measure what a column that looks like a patient number would change, if it is one."""
    name = proposed(case, "patient")
    if name is None or not case.refit or name not in case.X:
        return None
    codes = pd.factorize(case.X[name], use_na_sentinel=False)[0]
    folds = case.judge.make_folds(join_units(codes, case.duplicates), n_repeats=1)
    table = case.table[[c for c in base_columns(case) if c != name] or base_columns(case)]
    own = case.judge.folds[:1]
    scores = case.judge.score(
        {
            "rows": case.judge.risks(case.model, table, folds=own, label="split by rows"),
            "patients": case.judge.risks(case.model, table, folds=folds, label=f"split by {name}"),
        },
        folds={"rows": own, "patients": folds},
        groups=codes,
    )
    effect = auc_effect(
        case,
        *scores.difference("rows", "patients"),
        f"AUC of the split by rows minus AUC of a split by {name}",
    )
    counts = np.bincount(codes)
    return graded(
        case,
        "HM304",
        effect,
        f"{name} looks like a patient number, and no patient was declared",
        f"{int((counts > 1).sum()):,} of its values stand in several rows (at most "
        f"{int(counts.max())}).",
        f"If {name} names the patient, declare it (groups=, --patient); else exclude it.",
        columns=(name,),
        cause_known=False,
    )


def _flexible_probe(case, most=20_000):
    """Measure the same gap for boosted trees, which can remember a patient as no line can."""
    groups, rng = case.roles.groups, np.random.RandomState(case.seed)
    order = rng.permutation(int(groups.max()) + 1)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.cumsum(np.bincount(groups)[order])
    rows = np.flatnonzero(rank[groups] <= max(most, np.bincount(groups).max()))
    units = np.unique(case.units[rows], return_inverse=True)[1]
    judge = Evaluator(
        case.y[rows],
        groups=units,
        n_splits=3,
        n_repeats=1,
        n_jobs=case.n_jobs,
        random_state=case.seed,
    )
    table = case.table[base_columns(case)].iloc[rows]
    by_rows, trees = judge.make_folds(None), boosted_trees()
    risks = {
        "rows": judge.risks(trees, table, folds=by_rows),
        "patients": judge.risks(trees, table),
    }
    scores = judge.score(risks, folds={"rows": by_rows, "patients": judge.folds})
    gap = scores.difference("rows", "patients")
    words = (
        f"Boosted trees on {len(rows):,} rows would have read "
        f"{interval_words(scores.get('rows', 'auroc'))} by rows and "
        f"{interval_words(scores.get('patients', 'auroc'))} by patients, a gap of "
        f"{gap[0]:.3f} ({gap[1]:.3f} to {gap[2]:.3f})."
    )
    return scores.table[scores.table["measure"] == "auroc"], words


def _near_words(case):
    dup = case.duplicates
    if dup is not None and not dup.n_near + dup.n_exact and dup.n_withheld:
        return f"; {dup.n_withheld:,} rows resemble another so much that patients may repeat"
    if dup is None or not dup.n_near + dup.n_exact:
        return ""
    return f"; {dup.n_exact + dup.n_near:,} rows are copies, or nearly so, of another"


def check_repeated_rows(case):
    """Measure what exact and nearly identical rows would have done to the headline."""
    dup = case.duplicates
    if dup is None:
        return Look()
    looks = []
    if dup.n_exact:
        looks.append(_repeats(case, "HM204", dup.exact_id, "exact copies of another row"))
    if dup.n_near:
        looks.append(_repeats(case, "HM305", dup.near_id, "nearly identical to another row"))
    missing = ()
    if not getattr(dup, "assessable", True) and not dup.n_near:
        missing = (
            NotAssessed(
                "Are there nearly identical rows?",
                str(getattr(dup, "reason", "too few columns with many different values")),
                "Check on identifiers outside this table.",
                "HM305",
            ),
        )
    return Look(tuple(looks), not_assessed=missing)


def _repeats(case, code, cluster, what):
    extra, clusters, largest = copy_counts(cluster)
    crossing = crossing_sets(case.roles.groups, cluster)
    effect = _repeat_effect(case) if case.refit and crossing else None
    words = (
        f"{extra:,} of {len(cluster):,} rows are {what} ({clusters:,} sets of up to {largest} rows)"
    )
    whose = (
        "all within one patient, so the split by patient kept them together"
        if not crossing
        else f"{crossing:,} sets stand under different patients or no patient was declared; the "
        "audit kept them on one side of every split"
    )
    title = (
        "Rows that appear more than once" if code == "HM204" else "Rows that are nearly the same"
    )
    remedy = "Find out why (a join that multiplied rows, a second registration) and keep one each."
    if effect is None:
        return Finding(code, NOTE, title, f"{words}; {whose}.", remedy)
    return graded(case, code, effect, title, f"{words}; {whose}.", remedy)


def _repeat_effect(case):
    """Return the AUC of a split that ignores the copies minus the audit's own."""
    n_repeats = min(len(case.judge.folds), 3)
    naive = case.judge.make_folds(case.roles.groups, n_repeats=n_repeats)
    table = case.table[base_columns(case)]
    risk = case.judge.risks(case.model, table, folds=naive, label="copies ignored")
    scores = case.judge.score(
        {"naive": risk, "model": base_risk(case)[:n_repeats]},
        folds={"naive": naive, "model": case.judge.folds[:n_repeats]},
    )
    return auc_effect(
        case,
        *scores.difference("naive", "model"),
        "AUC of a split that separates copies minus AUC of one that does not",
    )


def check_eligibility(case):
    """Look for strata in which the outcome cannot happen, beyond what the other columns explain."""
    suspects = case.leaks.suspects
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
