"""Whether it holds at another site, later, and for every group."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._core._findings import NOTE, SERIOUS, Effect, Finding
from healthml._core._release import MIN_COUNT
from healthml.exceptions import InputError
from healthml.fairness import group_performance
from healthml.reporting._checks.look import (
    Look,
    auc_effect,
    base_columns,
    base_risk,
    count_words,
    graded,
    headline_folds,
    interval_words,
    looks_like,
    names_in_words,
    without_columns,
)
from healthml.reporting._report import Figure, NotAssessed, Section
from healthml.validation._leakage import role_columns, screen_columns
from healthml.validation._transport import later_time, leave_site_out, ranking_at_new_sites


def check_sites(case):
    """Predict every site by a model that never saw it."""
    topic = "Does it hold at another site?"
    if case.roles.site is None or len(np.unique(case.roles.site)) < 2:
        reason = "no site was declared" + looks_like(case, "site")
        if case.roles.site is not None:
            reason = "there is one site only"
        return _not_assessed(topic, reason, "Validate it at another site.", "HM404")
    if not case.refit:
        return _site_as_is(case)
    X = _without_role(case, "site")
    try:
        result = leave_site_out(case.judge, case.model, X, case.roles.site)
    except InputError as error:
        return _not_assessed(topic, str(error), "Validate it at another site.", "HM404")
    site_alone = _alone(case, case.roles.site)
    lead = (
        f"Each site predicted by a model that never saw it. {result.note} The site alone reaches "
        f"an AUC of {interval_words(site_alone)}."
    )
    findings = [_auc_at_new_sites(case, X, result), *_worst_place(case, result, "HM404", "site")]
    return Look(tuple(findings), (_place_section("sites", topic, lead, result, "site"),))


def _auc_at_new_sites(case, X, result):
    """Return how much ranking inside a site is lost when the site took no part in the model."""
    site = case.roles.site
    loss, known, new = ranking_at_new_sites(
        case.judge, case.model, X, base_risk(case), result, site
    )
    effect = auc_effect(case, *loss, "AUC inside sites that took part minus AUC at sites left out")
    return graded(
        case,
        "HM404",
        effect,
        "Ranking of patients at a site the model was not made with",
        f"Patients of one site are ranked with an AUC of {interval_words(known)} when the site "
        f"took part and {interval_words(new)} when it was left out; the models that knew the site "
        "were made from about as many rows, or fewer. An AUC over all sites also counts the "
        "differences between sites.",
        "Report performance at sites left out beside the headline.",
    )


def _site_as_is(case):
    """Judge a fitted model or a score as it is at every site."""
    risk = case.risk[0]
    performance = group_performance(
        case.y,
        risk,
        {"site": case.roles.site},
        groups=case.units,
        thresholds=case.thresholds,
        measures=_measures(case),
    )
    section = Section(
        "sites",
        "transport",
        "How does it do at each site?",
        "The model as it is, by site; a site that took part in its making is no proof for others.",
        (("Performance by site", _shown(performance)),),
        (Figure(performance.plot, "Observed over expected events by site"),),
    )
    worst = _worst_claim(case, performance.claims, "oe_ratio", "HM404")
    return Look(() if worst is None else (worst,), (section,))


def check_later(case):
    """Predict later rows by a model made on all earlier rows."""
    topic = "Does it hold at a later time?"
    needed = "Validate it on patients of a later period."
    if case.roles.time is None:
        reason = (
            f"no time was declared{looks_like(case, 'time')}; the order of the rows is no clock"
        )
        return _not_assessed(topic, reason, needed, "HM405")
    if not case.refit:
        return _not_assessed(
            topic, "a fitted model cannot be refitted on earlier rows", needed, "HM405"
        )
    try:
        result = later_time(case.judge, case.model, _without_role(case, "time"), case.roles.time)
    except InputError as error:
        return _not_assessed(topic, str(error), needed, "HM405")
    findings = _worst_place(case, result, "HM405", "period")
    return Look(tuple(findings), (_place_section("later", topic, result.note, result, "period"),))


def _not_assessed(topic, reason, needed, code):
    return Look(not_assessed=(NotAssessed(topic, reason, needed, code),))


def _without_role(case, role):
    """Return the base columns without those that repeat the role's values."""
    array = getattr(case.roles, role)
    same = set(role_columns(case.X, array, None))
    keep = [c for c in base_columns(case) if c not in same]
    return case.table[keep or base_columns(case)]


def _alone(case, values):
    frame = case.X.iloc[:, :0].assign(site=np.asarray(values, dtype=object))
    return screen_columns(frame, case.y, fold=case.judge.folds[0], groups=case.units).table.iloc[0]


def _place_section(key, topic, lead, result, place):
    return Section(
        key,
        "transport",
        topic,
        lead,
        (("Performance where the model was not made", result.table),),
        (
            Figure(
                replace(result, risk=None, part=None).plot,  # what is of each row is not drawn
                f"Observed over expected events by {place}, intervals for all together",
            ),
        ),
    )


def _worst_place(case, result, code, what):
    """Return one finding for the place whose risks are furthest off, by its interval."""
    rows = result.table[result.table["measure"] == "oe_ratio"].dropna(subset=["estimate"])
    if what == "site":
        rows = rows.iloc[1:]  # the first line pools all sites
    effects = [
        Effect(
            "oe_ratio",
            r.estimate,
            r.lower,
            r.upper,
            f"Observed over expected events, {'site ' if what == 'site' else ''}{r.place}",
            int(r.n_samples),
            int(r.n_events),
            f"log-Wald, for {result.n_compared} places together",
        )
        for r in rows.itertuples()
        if np.isfinite(r.lower)
    ]
    if not effects:
        return []
    cutoff = case.rules["oe_ratio"]
    worst = _furthest(effects, cutoff)
    off = sum(e.harm_interval(cutoff)[0] > cutoff.harm for e in effects)
    finding = graded(
        case,
        code,
        worst,
        f"Risks are wrong at a {'site' if what == 'site' else 'time'} the model was not made with",
        f"{_COMPARED_ALONE[what]} {_WHOSE_RISKS[what]} risks are wrong beyond the cut-off."
        if len(effects) == 1
        else f"At {off} of {len(effects)} {_WHERE[what]} risks are wrong beyond the cut-off.",
        f"Recalibrate before use at a new {what}, and validate there.",
    )
    return [finding] if finding.severity == SERIOUS else [_held(finding, len(effects), what)]


def _furthest(effects, cutoff):
    """Return the effect whose interval, and then whose estimate, is furthest from no harm."""

    def distance(effect):
        point = replace(effect, lower=effect.estimate, upper=effect.estimate)
        return effect.harm_interval(cutoff)[0], point.harm_interval(cutoff)[0]

    return max(effects, key=distance)


_WHERE = {"site": "sites", "period": "groups of later patients (new, returning)"}


_COMPARED_ALONE = {
    "site": "One site alone has enough rows and events to be judged by itself.",
    "period": "All later patients are judged together: all are new, or all were seen before.",
}
_WHOSE_RISKS = {"site": "Its", "period": "Their"}
_COUNTED = {
    "site": ("site",),
    "period": (
        "group of later patients (new, returning)",
        "groups of later patients (new, returning)",
    ),
}


def _held(finding, n, what):
    """Say what was shown of the furthest place, where nothing beyond the cut-off was."""
    low, high = finding.effect.lower, finding.effect.upper
    place = "site" if what == "site" else "later period"
    shown = low > 1 or high < 1
    if finding.severity != NOTE:
        title = f"Too few events to judge a new {place}"
    elif shown:
        way = "low" if low > 1 else "high"
        title = f"Risks are somewhat too {way} at a {place}, not shown to be beyond the cut-off"
    elif n == 1:
        title = f"The {place} was not shown to have wrong risks"
    else:
        title = f"No {place} was shown to have wrong risks"
    furthest = (
        f"{count_words(n, *_COUNTED[what])} compared; the furthest, by the end of its interval "
        "nearest to 1 and then by its estimate, is given."
    )
    return Finding(
        finding.code,
        finding.severity,
        title,
        _COMPARED_ALONE[what] if n == 1 else furthest,
        finding.remedy if shown else f"Report it, and validate at each {place} before use.",
        finding.effect,
    )


def check_groups_performance(case):
    """Word performance in every sensitive group, and what dropping the sensitive columns costs."""
    topic = "For whom does it work?"
    if case.roles.sensitive is None:
        return _not_assessed(
            topic, "no sensitive feature was declared", "Declare sensitive_features.", "HM501"
        )
    performance = group_performance(
        case.y,
        case.risk,
        case.roles.sensitive,
        fold=headline_folds(case),
        groups=case.units,
        thresholds=case.thresholds,
        measures=_measures(case),
    )
    section = Section(
        "groups",
        "groups",
        topic,
        f"{_WHOSE[case.refit]} by group; groups below 11 patients are not named, and without "
        "10 patients with and 10 without the event nothing is estimated. A different event rate is "
        "not in itself a fault of the model, nor is a lower AUC where the risks of a group lie "
        "close together: it is compared with what its own spread of risk allows.",
        (
            ("Performance by group", _shown(performance)),
            (
                "Observed over expected events, and AUC allowed minus AUC",
                _claims_shown(performance),
            ),
        ),
        (Figure(performance.plot, "Observed over expected events by group"),),
    )
    findings = [
        f
        for m, c in (("oe_ratio", "HM501"), ("auroc", "HM502"))
        if (f := _worst_claim(case, performance.claims, m, c))
    ]
    findings += _too_small(performance.claims)
    sections = (section, *_without_sensitive(case, performance))
    return Look(tuple(findings), sections, (_label_bias(),))


def _without_sensitive(case, performance):
    """Return what it costs to leave the sensitive columns out of the model, as information."""
    base = base_columns(case)
    drop = [c for c in base if c in set(case.roles.sensitive.columns)]
    if not case.refit or not drop or len(drop) == len(base):
        return ()
    loss, scores, risk = without_columns(case, drop, label="without the sensitive columns")
    other = group_performance(
        case.y,
        risk,
        case.roles.sensitive,
        fold=case.judge.folds[:1],
        groups=case.units,
        measures=["oe_ratio"],
    ).assessable()
    columns = ["feature", "group", "estimate", "lower", "upper", "n_samples", "n_events"]
    parts = [
        table[table["measure"] == "oe_ratio"][columns].assign(model=name)
        for name, table in (("with them", performance.assessable()), ("without them", other))
    ]
    names = names_in_words(drop)
    cost = f"{loss[0]:.3f} ({loss[1]:.3f} to {loss[2]:.3f})"
    table = pd.concat(parts, ignore_index=True)[["model", *columns]]
    section = Section(
        "without_sensitive",
        "groups",
        "What would leaving the sensitive columns out of the model do?",
        f"The model uses {names}. Without {'it' if len(drop) == 1 else 'them'} the AUC would be "
        f"{interval_words(scores.get('variant', 'auroc'))}, a loss of {cost}; the risks of each "
        "group would be as far off as the table says. This is information, not a finding.",
        (("Observed over expected events by group", table),),
    )
    return (section,)


# What is judged: by whether it was refitted.
_WHOSE = {True: "Out-of-sample performance", False: "Performance of the risks as they are"}
# What a page shows of each group.
_MEASURES = ("auroc", "brier", "scaled_brier", "oe_ratio", "calibration_slope")


def _measures(case):
    return [*_MEASURES, *(["net_benefit"] if case.thresholds is not None else [])]


def _shown(performance):
    """Return the groups that can be judged, without columns that say nothing on a page."""
    return performance.assessable().drop(columns=["control", "method"])


def _claims_shown(performance):
    columns = ["control", "p_value", "p_holm", "claim", "reason", "n_patients"]
    return performance.claims[performance.claims["reason"] == ""].drop(columns=columns)


def _worst_claim(case, claims, measure, code):
    """Return a finding for the group furthest off, or none without groups."""
    cutoff = case.rules[measure]
    meaning = (
        "Observed over expected events in {feature}: {group}"
        if measure == "oe_ratio"
        else "AUC that its spread of risk allows minus its AUC, {feature}: {group}"
    )
    rows = list(claims[claims["measure"] == measure].itertuples())
    effects = [
        Effect(
            measure,
            r.estimate,
            r.lower,
            r.upper,
            meaning.format(feature=r.feature, group=r.group),
            int(r.n_samples),
            int(r.n_events),
            "Wald, for all groups together",
        )
        for r in rows
    ]
    if not effects:
        return None
    worst = _furthest(effects, cutoff)
    kind = "site" if code == "HM404" else "group"
    finding = graded(
        case,
        code,
        worst,
        _GAP_TITLES[code],
        f"{count_words(len(effects), kind)} compared; the furthest, by its interval, is given."
        if len(effects) > 1
        else f"One {kind} alone has enough patients and events to be judged by itself.",
        "Look at calibration, missing data and the recording of the outcome there, and validate "
        "there.",
        columns=() if code == "HM404" else (rows[effects.index(worst)].feature,),
    )
    return finding if finding.severity == SERIOUS else None


_GAP_TITLES = {
    "HM404": "Risks are wrong at a site",
    "HM501": "Risks are wrong for a group",
    "HM502": "Patients of a group are ranked worse than its spread of risk allows",
}


def _too_small(table):
    small = table[table["reason"] != ""]
    if small.empty:
        return []
    n_small = int((small["n_patients"] < MIN_COUNT).sum())
    return [
        Finding(
            "HM503",
            "not assessable",
            f"{count_words(len(small), 'group')} {'is' if len(small) == 1 else 'are'} too small to "
            "judge",
            f"{n_small} below {MIN_COUNT} patients (not named), {len(small) - n_small} with fewer "
            "than 10 patients with or without the event.",
            "Collect more patients of these groups before anything is said about them.",
            columns=tuple(dict.fromkeys(small["feature"])),
        )
    ]


def _label_bias():
    return NotAssessed(
        "Is the outcome recorded equally well in every group?",
        "a model trained on recorded labels looks calibrated where events are under-recorded",
        "Check the outcome against an independent source in every group.",
        "HM501",
    )
