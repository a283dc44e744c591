"""How well it predicts, and whether it is better than something simple."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import PredefinedSplit

from healthml._core._findings import NOTE, SERIOUS, Effect, Finding
from healthml.explanation import permutation_importance
from healthml.reporting._checks.look import (
    Look,
    auc_effect,
    base_columns,
    base_risk,
    graded,
    interval_words,
    names_in_words,
)
from healthml.reporting._report import Figure, NotAssessed, Section
from healthml.resampling._guards import recalibrated_on_resampled_rows, uncorrected_resampling
from healthml.validation._compare import (
    AGE_SEX,
    SCORE,
    age_and_sex,
    candidate_parameters,
    find_references,
    resampling_effect,
    stand_beside,
)
from healthml.validation._leakage import HONEST_MODEL
from healthml.validation._scoring import predict_risk

# events per candidate parameter below which overfitting is expected (Peduzzi 1996; no sharp border)
_FEW_EVENTS_PER_PARAMETER = 10
_LARGE = 30_000  # rows above which one fold is enough to rank the columns; chosen by judgement


def find_beside(case):
    """Refit everything simple that the judged risks are compared with."""
    return find_references(
        case.judge,
        features=None if case.is_default else case.features,
        demographics=_demographics(case),
        score=case.roles.score,
    )


def find_performance(case, beside):
    """Score the judged risks beside everything simple; handed to all checks that word a score."""
    risks = {"model": case.risk}
    if case.leaks.scores is not None:
        risks["model without suspects"] = case.leaks.risk
    return stand_beside(case.judge, risks, beside, refitted=case.refit)


def _demographics(case):
    """Return age and sex among features and sensitive features, or None."""
    return age_and_sex(case.everything)


def check_performance(case):
    """Word how well the model predicts, and what it is compared with."""
    standing, scores = case.performance, case.performance.scores
    findings = [
        *_beats(case, AGE_SEX, "HM401"),
        *_beats(case, SCORE, "HM406"),
        *_useful(case),
        *_mean_risk(case),
        *_slope(case),
    ]
    figures = _pictures(case)
    section = Section(
        "performance",
        "performance",
        "How well does it predict for patients it has not seen?",
        _lead(case),
        (
            ("Model and simple references, same resamples", _readable(case, scores.table)),
            (f"{standing.judged.capitalize()} minus reference, paired", standing.differences),
        ),
        figures,
    )
    return Look(tuple(findings), (section,), tuple(_not_compared(case)))


def _not_compared(case):
    """Yield the references that could not be compared with."""
    standing = case.performance
    if AGE_SEX not in standing.risks:
        yield NotAssessed(
            "Is it better than age and sex?",
            "no column named age, sex or gender was found",
            "Pass age and sex as columns or as sensitive_features.",
            "HM401",
        )
    if SCORE not in standing.risks:
        yield NotAssessed(
            "Is it better than the score already in use?",
            standing.remarks.get(SCORE, "no existing score was named"),
            "Name the column that holds the existing score (score=).",
            "HM406",
        )


def _beats(case, reference, code):
    """Report when the model is not shown to beat a reference."""
    row = case.performance.lead(reference)
    if row is None or row["lower"] > 0:
        return []
    effect = Effect(
        "auroc",
        -row["estimate"],
        -row["upper"],
        -row["lower"],
        f"AUC of {reference} minus AUC of the model",
        int(row["n_samples"]),
        int(row["n_events"]),
    )
    evidence = _no_gain("AUC", row["upper"])
    if reference == AGE_SEX:
        evidence += f" {_which_of_them(case)}"
    return [
        graded(
            case,
            code,
            effect,
            f"Not shown to beat {reference}",
            evidence,
            f"Show on more patients that the model adds to {reference}, or use {reference}.",
        )
    ]


def _no_gain(measure, upper):
    """Say where the interval of what was gained lies, by its upper end."""
    if upper < 0:
        return f"The whole interval of the {measure} gained over it lies below 0: it is worse."
    return f"The interval of the {measure} gained over it holds 0."


def _which_of_them(case):
    """Say which of age and sex the judged model has itself."""
    columns = list(_demographics(case).columns)
    if not case.refit and not case.model_columns:
        return f"The reference uses {names_in_words(columns)}."
    base = set(base_columns(case))
    inside = [c for c in columns if c in base]
    outside = [c for c in columns if c not in inside]
    words = f"The reference uses {names_in_words(columns)}; "
    if not outside:
        return words + f"the model has {'it' if len(columns) == 1 else 'them'} too."
    return words + f"the model does not have {names_in_words(outside)}."


def _useful(case):
    """Report when decisions by the model are not shown to be better than for all or none."""
    lost = case.performance.net_benefit_lost()
    if lost is None or lost[0][2] < 0:
        return []
    (loss, lower, upper), default = lost
    t = case.thresholds
    effect = Effect(
        "net_benefit_per_1000",
        loss,
        lower,
        upper,
        f"Net benefit of {default} minus that of the model, thresholds "
        f"{t[0]:.2f} to {t[-1]:.2f}, per 1,000 patients",
        len(case.y),
        int(case.y.sum()),
    )
    return [
        graded(
            case,
            "HM403",
            effect,
            f"Not shown to be more useful than {default}",
            _no_gain("net benefit", -lower),
            "Check the threshold range with clinicians; without a gain, do not use the model.",
        )
    ]


def _effect_of(case, measure, meaning):
    """Return a measure of the judged risks as an effect, or None where it does not exist."""
    standing = case.performance
    if not standing.has(measure):
        return None
    row = standing.scores.get(standing.judged, measure)
    if not np.isfinite(row["estimate"]):
        return None
    ends = row[["estimate", "lower", "upper"]]
    return Effect(measure, *map(float, ends), meaning, int(row["n_samples"]), int(row["n_events"]))


def _mean_risk(case):
    """Report a mean risk that is wrong overall."""
    effect = _effect_of(case, "oe_ratio", "Observed over expected events, all rows")
    if effect is None:
        return []
    low = effect.estimate > 1
    expected = effect.n_events / effect.estimate
    finding = graded(
        case,
        "HM408",
        effect,
        f"Risks are too {'low' if low else 'high'} overall",
        f"{effect.n_events:,} events happened where the risks let {expected:,.0f} be expected.",
        "Recalibrate the risks (at least their level), and validate again on other patients.",
    )
    if finding.severity != SERIOUS:
        return []
    return [_resampled(case, effect) or finding]


def _resampled(case, effect):
    """Return the finding that names resampling or weights as the cause, or None."""
    if not case.refit:
        return None if case.model is None else _fitted_resampled(case, effect)
    columns = case.table[base_columns(case)]
    resampled = resampling_effect(case.judge, case.model, columns, base_risk(case))
    if resampled is None or not resampled.shown:
        return None
    row = resampled.get("oe_ratio")
    words = {"estimate": row["reference"], "lower": row["reference_lower"]}
    words = interval_words({**words, "upper": row["reference_upper"]})
    return graded(
        case,
        "HM409",
        effect,
        f"{resampled.cause[0].upper()}{resampled.cause[1:]} moved the risks, and nothing brought "
        "them back",
        f"Observed over expected events of {resampled.compared_with}: {words}."
        f"{_calibrated_late(case)}",
        _UNRESAMPLED,
    )


def _fitted_resampled(case, effect):
    """Name resampling or weights in a fitted model whose risks are too high, as what it may be."""
    cause = uncorrected_resampling(case.model)
    if cause is None or effect.estimate >= 1:  # both make a rare event look more frequent
        return None
    return graded(
        case,
        "HM409",
        effect,
        f"Risks are too high overall, and the model was made with {cause}",
        f"{effect.n_events:,} events happened where the risks let "
        f"{effect.n_events / effect.estimate:,.0f} be expected. Nothing in the model brings its "
        "risks back; what it would predict without was not measured, since it is judged as it is."
        f"{_calibrated_late(case)}",
        _UNRESAMPLED,
    )


_UNRESAMPLED = (
    "Leave it out, or wrap the model in healthml.resampling.ResampledClassifier; "
    "healthml.validation.compare_imbalance_strategies says which is better here."
)


def _calibrated_late(case):
    """Say that a recalibration stands behind the sampler, where it cannot bring risks back."""
    step = recalibrated_on_resampled_rows(case.model)
    if step is None:
        return ""
    return (
        f" Its {step} learnt on resampled rows only, so it keeps the risks where they were moved: "
        "it has to stand around the sampler."
    )


def _slope(case):
    """Report a calibration slope away from 1, and few events for the parameters."""
    judged = case.performance.judged
    where = "on patients left out" if case.refit else "on these rows"
    effect = _effect_of(case, "calibration_slope", f"Calibration slope of the {judged} {where}")
    if not case.refit:
        return [] if effect is None else _wrong_slope(case, effect)
    scarce, n_parameters = _scarce(case), candidate_parameters(case.features)
    per_parameter = scarce / max(n_parameters, 1)
    if per_parameter >= _FEW_EVENTS_PER_PARAMETER:
        return [] if effect is None else _wrong_slope(case, effect)
    title = f"{per_parameter:.1f} {_rarer(case)} for each number that the model has to learn"
    words = (
        f"{scarce:,} {_rarer(case)} for {n_parameters} numbers that the model can learn from the "
        "columns (candidate parameters)."
    )
    remedy = "Use fewer columns or more patients, or shrink the model more."
    if effect is None:
        return [Finding("HM102", NOTE, title, words, "Use fewer columns or more patients.")]
    if effect.estimate >= 1:  # few events, and no sign of overfitting
        calm = f"{words} The slope was not below 1: no sign of risks that are too extreme."
        wrong = _wrong_slope(case, effect)
        return [Finding("HM102", NOTE, title, calm, remedy, effect), *wrong]
    return [graded(case, "HM102", effect, title, f"{words} {_EXTREME[2]}", remedy)]


_EXTREME = (
    "Risks are too extreme",
    "Shrink the model, use fewer columns or more patients, and check calibration again.",
    "A slope below 1 means that high risks are too high and low risks too low.",
)
_CAUTIOUS = (
    "Risks are too cautious",
    "Loosen the penalty, or recalibrate the risks (intercept and slope), and check again.",
    "A slope above 1 means that the risks lie too close together: high ones are too low and low "
    "ones too high.",
)


def _wrong_slope(case, effect):
    title, remedy, words = _EXTREME if effect.estimate < 1 else _CAUTIOUS
    auc = case.performance.scores.get(case.performance.judged, "auroc")["estimate"]
    if effect.estimate > 1 and auc > HONEST_MODEL:
        words += (
            f" With an AUC of {auc:.3f} the outcomes are nearly told apart, and any risk short of "
            "0 or 1 is too cautious. First ask whether a column gives the outcome away."
        )
    finding = graded(case, "HM402", effect, title, words, remedy)
    return [finding] if finding.severity != NOTE else []


def _scarce(case):
    """Return the number of rows of the rarer outcome."""
    return int(min(case.y.sum(), len(case.y) - case.y.sum()))


def _rarer(case):
    return "events" if case.y.mean() <= 0.5 else "rows without the event"


def _lead(case):
    standing = case.performance
    auc = standing.scores.get("model", "auroc")
    text = (
        f"AUC {interval_words(auc)} in {auc['n_samples']:,} rows with {auc['n_events']:,} events."
    )
    if case.refit:
        n = len(case.judge.folds)
        text += (
            f" Refitted in {case.judge.folds.max() + 1} folds x {n} repeat{'s' * (n > 1)}, "
            "no patient on both sides; the AUC compares patients of one fold."
        )
    if standing.has("oe_ratio", "model"):
        oe = standing.scores.get("model", "oe_ratio")
        text += f" Observed/expected {interval_words(oe, 2)}"
        text += f", which {_NO_NEWS}." if case.refit else "."
    if case.model_columns and case.refit:
        n_parameters = candidate_parameters(case.features)
        ratio = _scarce(case) / max(n_parameters, 1)
        text += f" {ratio:.1f} {_rarer(case)} for each of {n_parameters} numbers to be learnt."
    if standing.remarks.get(SCORE) and SCORE in standing.risks:
        text += f" {standing.remarks[SCORE]}"
    return text


_NO_NEWS = "cross-validation holds near 1: not informative about new settings"


def _readable(case, table):
    table = table.copy()
    scale = np.where(table["measure"] == "net_benefit", 1000.0, 1.0)
    for column in ("estimate", "se", "lower", "upper"):
        table[column] = table[column] * scale
    table["measure"] = table["measure"].replace("net_benefit", "net_benefit_per_1000")
    refitted = case.refit | ~table["model"].isin(["model", SCORE])
    refitted &= table["model"] != SCORE
    table["remark"] = np.where((table["measure"] == "oe_ratio") & refitted, _NO_NEWS, "")
    return table


@dataclass(frozen=True)
class AucPicture:
    """The AUC of the model and of everything simple beside it.

    Parameters
    ----------
    scores : PairedScores
        Their table; not what each row adds to it.
    """

    scores: object

    def __call__(self, ax, **kwargs):
        """Draw on an axes."""
        self.scores.plot(ax, measure="auroc", **kwargs)
        ax.axvline(0.5, color="0.6", lw=1)
        ax.set(xlabel="AUC (95% interval)")


def _pictures(case):
    """Return the pictures of the section, each holding only what it draws."""
    from healthml.reporting._page import CalibrationPicture, NetBenefitPicture

    standing = case.performance
    return (
        Figure(
            AucPicture(replace(standing.scores, values={}, groups=None, counts={}, repeats={})),
            "AUC of the model and the simple references with intervals",
        ),
        Figure(CalibrationPicture.of(case, case.risk), _calibration_alt(standing)),
        Figure(
            NetBenefitPicture.of(case, standing.risks, standing.rows),
            "Net benefit per 1,000 patients by decision threshold, with treat all and none",
        ),
    )


def _calibration_alt(standing):
    if not standing.has("calibration_slope", "model"):
        return "No calibration curve: the score is not a probability"
    slope = standing.scores.get("model", "calibration_slope")
    return f"Observed event rate against predicted risk; calibration slope {slope['estimate']:.2f}"


def check_drivers(case):
    """Ask which columns drive the risk, on patients left out or of a fitted model on these rows."""
    if not case.refit and case.model is None:
        missing = NotAssessed(
            "Which columns drive the risk?",
            "a score is judged without its model",
            "Run the audit with the fitted model and refit=False, or with the training procedure.",
            "HM407",
        )
        return Look(not_assessed=(missing,))
    case.say("columns that drive the risk")
    views = [("All columns", case.model_columns)]
    if case.refit and case.leaks.suspects:
        views.append(("Without the suspect columns", base_columns(case)))
    drawn = [(caption, _importance(case, columns)) for caption, columns in views]
    tables = tuple((caption, result.table.head(15)) for caption, result in drawn)
    figures = tuple(
        Figure(result.plot, f"{caption}: AUC lost when a column is shuffled")
        for caption, result in drawn
    )
    where, scope = _SCOPES[case.refit]
    section = Section(
        "drivers",
        "performance",
        "Which columns drive the risk?",
        f"AUC lost {where} when a column is shuffled. Columns that go together share their loss, "
        f"so a small one does not prove that a column is not used. {scope}"
        f"{_agreement(drawn[-1][1])}",
        tables,
        figures,
    )
    return Look(_leans_on(case, drawn[-1][1].table, where), (section,))


def _agreement(result):
    """Say how far the fold models agree on the leading columns."""
    shares = result.leading(_LEADING)
    if shares.empty or shares["n_folds"].iloc[0] < 2:
        return ""
    n_folds = int(shares["n_folds"].iloc[0])
    counts = [f"{r.column} in {r.n_leading} of {n_folds}" for r in shares.itertuples()]
    return (
        f" Among the {len(shares)} largest of the models fitted in the folds: "
        f"{names_in_words(counts)}."
    )


_LEADING = 3  # columns whose place is followed from fold to fold; by judgement, looks only
_SCOPES = {
    True: (
        "on patients left out",
        "The intervals are those of the models fitted here on other patients; "
        "permutation_importance gives those of the procedure, with what another training sample "
        "would change.",
    ),
    False: (
        "by the fitted model on these rows",
        "The intervals are those of this model on other patients; where it was fitted on these "
        "rows, what it merely memorised counts too.",
    ),
}


def _importance(case, columns):
    options = {"groups": case.units, "n_jobs": case.n_jobs, "random_state": case.seed}
    if not case.refit:
        model = _FittedModel(case.model, case.model_event)
        return permutation_importance(
            model, case.X[model.columns(case.X)], case.y, refit=False, **options
        )
    return permutation_importance(
        case.model,
        case.table[columns],
        case.y,
        cv=PredefinedSplit(case.judge.folds[0]),
        max_folds=5 if len(case.y) <= _LARGE else 1,
        n_halvings=0,  # the models of this audit; a refit for each half would double its time
        **options,
    )


class _FittedModel:
    """A fitted model that is asked with the columns, and for the event, that it was fitted with."""

    classes_ = (0, 1)

    def __init__(self, model, event_label):
        self.model, self.event_label = model, event_label
        self.names = getattr(model, "feature_names_in_", None)

    def columns(self, X):
        """Return the columns of a table that the model reads."""
        return list(X.columns if self.names is None else self.names)

    def predict_proba(self, X):
        """Return the risks of rows without and with the event."""
        as_array = self.names is None and hasattr(self.model, "n_features_in_")
        table = X.to_numpy() if as_array else X
        risk = predict_risk(self.model, table, event_label=self.event_label)
        return np.column_stack([1 - risk, risk])


def _leans_on(case, table, where):
    """Return a note that names the columns whose loss was shown, five at most; none without."""
    shown = table[table["lower"] > 0].head(5)
    if shown.empty:
        return ()
    row = shown.iloc[0]
    effect = auc_effect(
        case,
        row["estimate"],
        row["lower"],
        row["upper"],
        f"AUC lost {where} when {row['column']} is shuffled",
    )
    return (
        Finding(
            "HM407",
            NOTE,
            f"The risk leans most on {names_in_words(shown['column'])}",
            f"Shuffling {row['column']} alone costs an AUC of {interval_words(row)}. Leaning on a "
            "column is no fault.",
            "Ask for each of these columns when it becomes known and by whom it is recorded.",
            effect,
            tuple(shown["column"]),
        ),
    )
