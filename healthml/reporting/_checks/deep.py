"""What takes many more refits: another sample, and other ways to deal with a rare outcome."""

import warnings

from healthml.exceptions import DegenerateResampleWarning, InputError
from healthml.reporting._checks.look import Look, base_columns
from healthml.reporting._report import NotAssessed, Section
from healthml.validation import compare_imbalance_strategies, prediction_instability

_RESAMPLES = 100  # bootstrap models; their Monte Carlo error stands in the table; by judgement
_NEEDED = "Run the audit with refit=True and the training procedure, and deep=True."


def check_refit_stability(case):
    """Ask how far the risk of a patient moves when the model is made from another sample."""
    topic = "Would another sample have given the patients other risks?"
    if not case.refit:
        why = "a fitted model or a score is judged as it is"
        return Look(not_assessed=(NotAssessed(topic, why, _NEEDED),))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateResampleWarning)  # counted in the remarks
        instability = prediction_instability(
            case.model,
            case.table[base_columns(case)],
            case.y,
            groups=case.units,
            n_resamples=_RESAMPLES,
            thresholds=[float(case.thresholds[len(case.thresholds) // 2])],
            **_running(case),
        )
    moved, changed = instability.overall.iloc[0], instability.overall.iloc[-1]
    width = (instability.table["upper"] - instability.table["lower"]).median()
    threshold = float(case.thresholds[len(case.thresholds) // 2])
    lead = (
        f"Refitted on {_RESAMPLES} resamples of the same patients, the risk of a patient moves by "
        f"{moved['estimate']:.3f} on average; half of the patients have a 95% range of risks wider "
        f"than {width:.3f}. At a decision threshold of {100 * threshold:.3g}%, "
        f"{100 * changed['estimate']:.1f}% of decisions would differ. "
        f"{' '.join(instability.remarks)}"
    )
    section = Section(
        "refit_stability",
        "performance",
        topic,
        lead.strip(),
        (("How far risks move between resamples", instability.overall),),
    )
    return Look(sections=(section,))


def check_imbalance(case):
    """Ask whether weights or resampling would help where the outcome is rare."""
    topic = "Would another way to deal with the rarer outcome be better?"
    if not case.refit:
        why = "a fitted model or a score is judged as it is"
        return Look(not_assessed=(NotAssessed(topic, why, _NEEDED),))
    try:
        comparison = compare_imbalance_strategies(
            case.model,
            case.table[base_columns(case)],
            case.y,
            groups=case.units,
            n_repeats=1,
            **_running(case),
        )
    except InputError as error:
        return Look(not_assessed=(NotAssessed(topic, str(error), _NEEDED),))
    section = Section(
        "imbalance",
        "performance",
        topic,
        f"{comparison.advice} Each was compared as it is and recalibrated; what resampling brings "
        "is what it brings beyond recalibration alone.",
        (("Ways to deal with the rarer outcome", comparison.table.drop(columns=["method"])),),
    )
    return Look(sections=(section,))


def _running(case):
    return {"n_jobs": case.n_jobs, "verbose": case.verbose, "random_state": case.seed}
