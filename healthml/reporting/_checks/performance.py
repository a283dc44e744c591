"""How well it predicts, and whether it is better than something simple."""

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import PredefinedSplit

from healthml._core._findings import NOTE, Effect, Finding
from healthml._core._paired import paired_scores
from healthml.explanation import permutation_importance
from healthml.reporting._checks.look import (
    Look,
    auc_effect,
    base_columns,
    graded,
    headline_folds,
    headline_risk,
    interval_words,
    names_in_words,
)
from healthml.reporting._report import Figure, NotAssessed, Section
from healthml.validation._reference_models import default_model

_FEW_EVENTS_PER_PARAMETER = 10
_LARGE = 30_000  # rows above which one fold is enough to rank the columns
_SIMPLE = {"age": ("age",), "sex": ("sex", "gender")}


def check_performance(case):
    """Score the model and everything simple beside it on the same resamples."""
    risks, rows, missing = _competitors(case)
    folds = {name: _folds_for(case, name, risk) for name, risk in risks.items()}
    scores = case.judge.score(risks, folds=folds, rows=rows)
    case.cache["scores"] = scores
    differences = _differences(case, scores, risks, rows, folds)
    case.cache["differences"] = differences
    judged = base_name(case)
    findings = [
        *_beats(case, differences, "age and sex", "HM401"),
        *_beats(case, differences, "existing score", "HM406"),
        *_useful(case, scores, judged),
        *_slope(case, scores, judged),
    ]
    section = Section(
        "performance",
        "performance",
        "How well does it predict for patients it has not seen?",
        _lead(case, scores),
        (
            ("Model and simple references, same resamples", _readable(scores.table)),
            (f"{judged.capitalize()} minus reference, paired", differences),
        ),
        (
            Figure(
                lambda ax: _draw_measure(scores, ax),
                "AUC of the model and the simple references with intervals",
            ),
            Figure(lambda ax: _draw_calibration(case, ax), _calibration_alt(scores)),
            Figure(
                lambda ax: _draw_net_benefit(case, risks, rows, ax),
                "Net benefit per 1,000 patients by decision threshold, with treat all and none",
            ),
        ),
    )
    return Look(tuple(findings), (section,), tuple(missing))


def _competitors(case):
    """Return risks by name, rows that count, and what could not be compared."""
    risks, rows, missing = {"model": headline_risk(case)}, {}, []
    if base_name(case) != "model":
        risks[base_name(case)] = case.cache["clean_risk"]
    fit = case.judge.risks
    one = np.zeros((len(case.y), 1))
    risks["prevalence only"] = fit(DummyClassifier(strategy="prior"), one, label="prevalence only")
    simple = simple_columns(case)
    if simple is not None:
        risks["age and sex"] = fit(default_model(), simple, label="age and sex")
    else:
        missing.append(
            NotAssessed(
                "Is it better than age and sex?",
                "no column named age, sex or gender was found",
                "Pass age and sex as columns or as sensitive_features.",
                "HM401",
            )
        )
    if not case.is_default:
        risks["penalised logistic"] = fit(
            default_model(), case.features, label="penalised logistic"
        )
    score, note = existing_risk(case)
    if score is not None:
        risks["existing score"], rows["existing score"] = score, np.isfinite(score)
        case.cache["score_note"] = note
    else:
        missing.append(
            NotAssessed(
                "Is it better than the score already in use?",
                note,
                "Name the column that holds the existing score (score=).",
                "HM406",
            )
        )
    return risks, rows, missing


def base_name(case):
    """Return which model the comparisons are about: never one that may hold the answer."""
    return "model" if "clean_risk" not in case.cache else "model without suspects"


def simple_columns(case):
    """Return the age and sex columns among features and sensitive features, or None."""
    pools = [case.X] + ([] if case.roles.sensitive is None else [case.roles.sensitive])
    found = {}
    for pool in pools:
        for column in pool.columns:
            words = str(column).lower().replace("_", " ").replace(".", " ").split()
            for role, names in _SIMPLE.items():
                if role not in found and any(n in words for n in names):
                    found[role] = pool[column]
    if not found:
        return None
    return pd.DataFrame({role: column.to_numpy() for role, column in found.items()})


def existing_risk(case):
    """Return the existing score as a risk with NaN where none was made, and a note."""
    if case.roles.score is None:
        return None, "no existing score was named"
    values = pd.to_numeric(pd.Series(case.roles.score), errors="coerce").to_numpy(dtype=float)
    seen = values[np.isfinite(values)]
    if not seen.size:
        return None, "the existing score has no number in it"
    in_range = (seen >= 0) & (seen <= 1)
    if in_range.mean() > 0.5:
        coded = np.isfinite(values) & ~((values >= 0) & (values <= 1))
        values = np.where(coded, np.nan, values)
        note = f"{int(coded.sum())} rows hold a value outside 0 to 1, taken as 'no score made'"
    else:
        note = "the existing score is not a probability: only its ranking is judged"
    if np.isfinite(values).sum() < 50 or len(np.unique(case.y[np.isfinite(values)])) < 2:
        return None, "fewer than 50 rows, or one class only, have the existing score"
    return values, note


def _folds_for(case, name, risk):
    if name == "existing score":
        return None
    return headline_folds(case) if name == "model" else case.judge.folds[: len(np.atleast_2d(risk))]


def _differences(case, scores, risks, rows, folds):
    """Return the judged model minus each reference: AUC, scaled Brier and net benefit."""
    table, judged = [], base_name(case)
    for name in risks:
        if name in ("model", judged):
            continue
        pair = scores
        if name in rows:
            both = {judged: rows[name], name: rows[name]}
            chosen = {key: risks[key] for key in (judged, name)}
            pair = paired_scores(
                case.y,
                chosen,
                folds={key: folds[key] for key in chosen},
                rows=both,
                groups=case.units,
                thresholds=case.thresholds,
            )
        for measure in ("auroc", "scaled_brier", "net_benefit"):
            if (name, measure) not in pair.values or (judged, measure) not in pair.values:
                continue
            estimate, lower, upper = pair.difference(judged, name, measure)
            scale = 1000.0 if measure == "net_benefit" else 1.0
            label = "net_benefit_per_1000" if measure == "net_benefit" else measure
            n_samples, n_events, _ = pair.counts[name]
            table.append(
                (name, label, scale * estimate, scale * lower, scale * upper, n_samples, n_events)
            )
    columns = ["reference", "measure", "estimate", "lower", "upper", "n_samples", "n_events"]
    return pd.DataFrame(table, columns=columns)


def _beats(case, differences, reference, code):
    """Report when the model is not shown to beat a reference."""
    rows = differences[
        (differences["reference"] == reference) & (differences["measure"] == "auroc")
    ]
    if rows.empty or rows.iloc[0]["lower"] > 0:
        return []
    row = rows.iloc[0]
    effect = Effect(
        "auroc",
        -row["estimate"],
        -row["upper"],
        -row["lower"],
        f"AUC of {reference} minus AUC of the model",
        int(row["n_samples"]),
        int(row["n_events"]),
    )
    return [
        graded(
            case,
            code,
            effect,
            f"Not shown to beat {reference}",
            f"The interval of the AUC gained over {reference} holds 0.",
            f"Show on more patients that the model adds to {reference}, or use {reference}.",
        )
    ]


def _useful(case, scores, judged):
    """Report when decisions by the model are not shown to be better than for all or none."""
    y, t = case.y, case.thresholds
    everybody = paired_scores(y, {"all": np.ones(len(y))}, groups=case.units, thresholds=t)
    all_value, all_influence = everybody.values["all", "net_benefit"]
    value, influence = scores.values.get((judged, "net_benefit"), (np.nan, None))
    if influence is None:
        return []
    best, best_influence, name = (all_value, all_influence, "treating all")
    if all_value < 0:
        best, best_influence, name = 0.0, np.zeros(len(y)), "treating none"
    from scipy.stats import norm

    from healthml._core._numerics import cluster_variance

    z = norm.ppf(0.975)
    se = float(np.sqrt(cluster_variance(best_influence - influence, case.units)))
    loss = best - value
    if loss + z * se < 0:
        return []
    effect = Effect(
        "net_benefit_per_1000",
        1000 * loss,
        1000 * (loss - z * se),
        1000 * (loss + z * se),
        f"Net benefit of {name} minus that of the model, thresholds "
        f"{t[0]:.2f} to {t[-1]:.2f}, per 1,000 patients",
        len(y),
        int(y.sum()),
    )
    return [
        graded(
            case,
            "HM403",
            effect,
            f"Not shown to be more useful than {name}",
            "The interval of the net benefit gained holds 0.",
            "Check the threshold range with clinicians; without a gain, do not use the model.",
        )
    ]


def _slope(case, scores, judged):
    """Report a calibration slope away from 1, and few events for the parameters."""
    has = (judged, "calibration_slope") in scores.values
    row = scores.get(judged, "calibration_slope") if has else None
    effect = None
    if row is not None and np.isfinite(row["estimate"]):
        effect = Effect(
            "calibration_slope",
            row["estimate"],
            row["lower"],
            row["upper"],
            f"Calibration slope of the {judged} on patients left out",
            int(row["n_samples"]),
            int(row["n_events"]),
        )
    findings = []
    per_parameter, n_parameters = events_per_parameter(case)
    few = per_parameter < _FEW_EVENTS_PER_PARAMETER
    if effect is not None:
        finding = graded(
            case,
            "HM102" if few else "HM402",
            effect,
            f"{per_parameter:.1f} events per candidate parameter"
            if few
            else "Risks are too extreme"
            if row["estimate"] < 1
            else "Risks are too cautious",
            f"{int(case.y.sum())} events for {n_parameters} candidate parameters; a slope below 1 "
            "means that high risks are too high and low risks too low.",
            "Shrink the model, use fewer columns or more patients, and check calibration again.",
        )
        if few or finding.severity != NOTE:
            findings.append(finding)
    elif few:
        findings.append(
            Finding(
                "HM102",
                NOTE,
                f"{per_parameter:.1f} events per candidate parameter",
                f"{int(case.y.sum())} events for {n_parameters} candidate parameters.",
                "Use fewer columns or more patients.",
            )
        )
    return findings


def _has(scores, measure):
    return ("model", measure) in scores.values


def events_per_parameter(case):
    """Return events (or non-events, if fewer) per candidate parameter, and the parameters."""
    from healthml.validation._reference_models import TableEncoder

    if "parameters" not in case.cache:
        case.cache["parameters"] = int(TableEncoder().fit(case.features).n_features_out_)
    scarce = int(min(case.y.sum(), len(case.y) - case.y.sum()))
    return scarce / max(case.cache["parameters"], 1), case.cache["parameters"]


def _lead(case, scores):
    auc = scores.get("model", "auroc")
    text = (
        f"AUC {interval_words(auc)} in {auc['n_samples']:,} rows with {auc['n_events']:,} events."
    )
    if case.refit:
        text += (
            f" Refitted in {case.judge.folds.max() + 1} folds x {len(case.judge.folds)} repeats of "
            "whole patients; the AUC compares patients of one fold."
        )
    if _has(scores, "oe_ratio"):
        oe = scores.get("model", "oe_ratio")
        text += f" Observed/expected {interval_words(oe, 2)}"
        text += (
            ", which cross-validation holds near 1: not informative about new settings."
            if case.refit
            else "."
        )
    if case.model_columns and case.refit:
        ratio, parameters = events_per_parameter(case)
        text += f" {ratio:.1f} events per candidate parameter ({parameters} parameters)."
    if "score_note" in case.cache:
        text += f" Existing score: {case.cache['score_note']}."
    return text


def _readable(table):
    table = table.copy()
    scale = np.where(table["measure"] == "net_benefit", 1000.0, 1.0)
    for column in ("estimate", "se", "lower", "upper"):
        table[column] = table[column] * scale
    table["measure"] = table["measure"].replace("net_benefit", "net_benefit_per_1000")
    note = "not informative about new settings"
    table["remark"] = np.where(table["measure"] == "oe_ratio", note, "")
    return table


def _draw_measure(scores, ax, **kwargs):
    scores.plot(ax, measure="auroc", **kwargs)
    ax.axvline(0.5, color="0.6", lw=1)
    ax.set(xlabel="AUC (95% interval)")


def _draw_calibration(case, ax):
    from healthml.reporting._page import draw_calibration

    draw_calibration(case, headline_risk(case), ax)


def _calibration_alt(scores):
    if not _has(scores, "calibration_slope"):
        return "No calibration curve: the score is not a probability"
    slope = scores.get("model", "calibration_slope")
    return f"Observed event rate against predicted risk; calibration slope {slope['estimate']:.2f}"


def _draw_net_benefit(case, risks, rows, ax):
    from healthml.reporting._page import draw_net_benefit

    draw_net_benefit(case, risks, rows, ax)


def check_drivers(case):
    """Measure which columns drive the risk, on patients left out."""
    if not case.refit:
        missing = NotAssessed(
            "Which columns drive the risk?",
            "a fitted model or a score is judged as it is",
            "Run the audit with refit=True and the training procedure.",
            "HM407",
        )
        return Look(not_assessed=(missing,))
    case.say("columns that drive the risk")
    suspects = case.cache.get("suspects", [])
    tables, figures = [], []
    views = [("All columns", case.model_columns)]
    views += [("Without the suspect columns", base_columns(case))] if suspects else []
    for caption, columns in views:
        result = permutation_importance(
            case.model,
            case.table[columns],
            case.y,
            cv=PredefinedSplit(case.judge.folds[0]),
            groups=case.units,
            max_folds=5 if len(case.y) <= _LARGE else 1,
            n_jobs=case.n_jobs,
            random_state=case.seed,
        )
        tables.append((caption, result.table.head(15)))
        figures.append(Figure(result.plot, f"{caption}: AUC lost when a column is shuffled"))
    case.cache["importance"] = tables[-1][1]
    top = tables[-1][1].head(5)["column"]
    remedy = "Ask for each of these columns when it becomes known and by whom it is recorded."
    row = tables[-1][1].iloc[0]
    finding = Finding(
        "HM407",
        NOTE,
        f"The risk leans most on {names_in_words(top)}",
        f"Shuffling {row['column']} alone costs an AUC of {interval_words(row)}.",
        remedy,
        auc_effect(
            case,
            row["estimate"],
            row["lower"],
            row["upper"],
            f"AUC lost when {row['column']} is shuffled among patients left out",
        ),
        tuple(top),
    )
    section = Section(
        "drivers",
        "performance",
        "Which columns drive the risk?",
        "AUC lost on patients left out when a column is shuffled. Columns that go together share "
        "their loss, so a small one does not prove that a column is not used.",
        tuple(tables),
        tuple(figures),
    )
    return Look((finding,), (section,))
