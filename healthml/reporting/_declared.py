"""What was declared of the task, and what the judged procedure is made of, in words."""

import inspect
from numbers import Real

import numpy as np
import pandas as pd

from healthml._core._release import MIN_COUNT
from healthml.exceptions import InputError
from healthml.validation._splits import time_values

_MOST_CHARACTERS = 40  # of a parameter written out; longer texts may hold data; by judgement
_FIRST_YEAR, _LAST_YEAR = 1900, 2100  # whole numbers between them are read as years; by judgement


def declared_facts(case, what):
    """Return what was declared of the task and what was judged, as plain words and numbers.

    Parameters
    ----------
    case : Case
        What the audit looks at.
    what : {"procedure", "model", "score"}
        What it judges.

    Returns
    -------
    dict
        Keys: outcome, event, prediction_time, horizon, follow_up, eligibility, patient, n_sites,
        years, sensitive, known_after, score, threshold_range, n_variables, n_units, n_columns,
        procedure (one text a step), handles_imbalance (the steps that do), handles_missing,
        handles_categories, judged.
    """
    schema, roles = case.schema, case.roles
    named = {role: column for column, role in roles.named.items()}
    variables = getattr(schema, "variables", None) or {}
    # which columns a score was made from is not known, whatever columns stand beside it
    columns = () if what == "score" else tuple(map(str, case.model_columns))
    steps = () if case.model is None else tuple(estimator_steps(case.model))
    return {
        "judged": what,
        "outcome": getattr(schema, "outcome", None) or named.get("outcome"),
        "event": event_words(case),
        "prediction_time": getattr(schema, "prediction_time", None),
        "horizon": getattr(schema, "horizon", None),
        "follow_up": getattr(schema, "follow_up", None),
        "eligibility": tuple(_rule_words(rule) for rule in getattr(schema, "eligibility", ())),
        "patient": roles.groups is not None,
        "n_sites": None if roles.site is None else len(np.unique(roles.site)),
        "years": None if roles.time is None else _years(roles.time, roles.groups),
        "sensitive": () if roles.sensitive is None else tuple(map(str, roles.sensitive.columns)),
        "known_after": ()
        if roles.known_after is None
        else tuple(map(str, roles.known_after.columns)),
        "score": roles.score is not None,
        "threshold_range": tuple(map(float, (case.thresholds[0], case.thresholds[-1])))
        if case.thresholds_declared
        else None,
        "n_variables": len(variables),
        "n_units": sum(bool(getattr(v, "unit", None)) for v in variables.values()),
        "n_columns": len(columns),
        "columns": columns,
        "procedure": tuple(words for words, _ in steps),
        "own_model": case.is_default and case.refit,
        "handles_imbalance": tuple(words for words, e in steps if _handles_imbalance(e)),
        "handles_missing": tuple(words for words, e in steps if _handles_missing(e)),
        "handles_categories": tuple(words for words, e in steps if _handles_categories(e)),
    }


def event_words(case):
    """Return the event as it was declared; a schema turns the outcome into 0/1 by it."""
    declared = getattr(case.schema, "event", None)
    return case.event_label if declared is None else str(declared)


def _rule_words(rule):
    """Return an eligibility rule; its levels are written out only in their number."""
    if rule.rule is not None:
        return f"{rule.column} {rule.rule}"
    return f"{rule.column} is one of {len(rule.levels)} declared levels"


def _years(time, groups):
    """Return the first and last year that MIN_COUNT patients or more have, or None."""
    try:
        values = time_values(time)
    except InputError:  # text that is no time: the report says so elsewhere
        return None
    if pd.api.types.is_numeric_dtype(values):
        whole = values.dropna()
        if not len(whole) or not (
            (whole == np.floor(whole)).all() and whole.between(_FIRST_YEAR, _LAST_YEAR).all()
        ):
            return None
        years = values
    else:
        years = values.dt.year
    patients = pd.Series(np.arange(len(values)) if groups is None else groups)
    counts = patients.groupby(years.to_numpy()).nunique()
    often = counts.index[counts >= MIN_COUNT]
    return None if not len(often) else (int(often.min()), int(often.max()))


def estimator_steps(estimator, name=""):
    """Yield (words, estimator) of an estimator and of all that it holds, outermost first.

    Parameters
    ----------
    estimator : scikit-learn estimator
        Pipeline, column transformer, meta-estimator or a plain one.
    name : str, default=""
        Name of the step that it is.
    """
    parts = [*_named_parts(estimator)]
    if not _is_frame(estimator):
        words = type(estimator).__name__ + _changed_words(estimator)
        yield (f"{name}: {words}" if name else words), estimator
    for part_name, part in parts:
        yield from estimator_steps(part, f"{name}/{part_name}" if name else part_name)


def _is_frame(estimator):
    return hasattr(estimator, "steps") or hasattr(estimator, "transformers")


def _named_parts(estimator):
    for list_name in ("steps", "transformers", "transformer_list", "estimators"):
        for entry in getattr(estimator, list_name, None) or ():
            if isinstance(entry, tuple) and hasattr(entry[1], "get_params"):
                yield entry[0], entry[1]
    for parameter in ("estimator", "base_estimator", "final_estimator", "sampler", "regressor"):
        part = getattr(estimator, parameter, None)
        if hasattr(part, "get_params") and not isinstance(part, type):
            yield parameter, part


def _changed_words(estimator):
    """Return the parameters that differ from their defaults, where they are plain and short."""
    if not hasattr(estimator, "get_params"):
        return ""
    defaults = inspect.signature(type(estimator).__init__).parameters
    words = []
    for name, value in estimator.get_params(deep=False).items():
        if not isinstance(value, bool | Real | str) or name == "random_state":
            continue
        default = defaults[name].default if name in defaults else inspect.Parameter.empty
        if type(value) is type(default) and repr(value) == repr(default):  # nan is nan
            continue
        if len(str(value)) <= _MOST_CHARACTERS:
            words.append(f"{name}={value!r}")
    return f"({', '.join(words)})" if words else ""


def _handles_imbalance(estimator):
    return (
        hasattr(estimator, "fit_resample") or getattr(estimator, "class_weight", None) is not None
    )


def _handles_missing(estimator):
    return "impute" in type(estimator).__name__.lower()


def _handles_categories(estimator):
    return "encoder" in type(estimator).__name__.lower()
