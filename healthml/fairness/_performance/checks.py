"""What group_performance is given, checked, each mistake with a sentence that says what to do."""

import warnings
from numbers import Integral

import numpy as np
import pandas as pd

from healthml._core._checks import (
    as_numbers,
    check_alignment,
    check_event,
    check_groups,
    check_proba,
)
from healthml._core._inputs import check_threshold, check_weight
from healthml._core._sample import check_weight_type
from healthml.exceptions import InputError, ResampledRowsWarning
from healthml.fairness._estimates import CALIBRATION, SUMMED, Rows
from healthml.fairness._sums import COUNTED, NEED_THRESHOLD

KNOWN = (*SUMMED, *CALIBRATION, "auroc", "expected_auroc")
_WITHOUT_THRESHOLD = ("event_rate", "mean_risk", "oe_ratio", *CALIBRATION)
_WITHOUT_THRESHOLD += ("auroc", "expected_auroc", "scaled_brier", "brier")
_WITH_THRESHOLD = ("flagged_rate", "sensitivity", "specificity", "false_positive_rate")
_WITH_THRESHOLD += ("ppv", "npv", "net_benefit")

_FEWEST_ROWS = 100  # below which equal numbers of both outcomes are nothing unusual; by judgement
_REPEATED = 0.3
"""Share of the rows with one outcome whose risk occurs again, from which they look drawn with
replacement, where at most a tenth of that is so among the others. Drawing as many rows again as
there are repeats half of them or more; risks in coarse steps repeat in both. By judgement."""


def check_rows(y_true, y_proba, *, fold, groups, event, sample_weight, weight_type, options):
    """Return the rows, and the place of each among those given (repeated by frequency weights)."""
    check_alignment(y_true=y_true, y_proba=y_proba, groups=groups, sample_weight=sample_weight)
    y = check_event(y_true, event=event, name="y_true")[1]
    risk, fold = repeats_of(y_proba, fold, len(y))
    patient = None if groups is None else check_groups(groups, len(y))
    if patient is not None and patient.max() + 1 == len(patient):
        patient = None
    weight = _weights(sample_weight, weight_type, y, groups)
    place = np.arange(len(y))
    if weight_type == "frequency":
        place, weight = np.repeat(place, weight.astype(np.int64)), None
        y, risk, fold = y[place], risk[:, place], None if fold is None else fold[:, place]
    if patient is None and weight_type is None and len(risk) == 1:
        _warn_resampled(y, risk[0])
    return Rows(y, risk, fold, patient, weight, **options), place


def repeats_of(y_proba, fold, n):
    """Return risks, checked, and folds, both of shape (n_repeats, n_samples)."""
    shape = np.shape(y_proba)
    fold = None if fold is None else np.atleast_2d(fold)
    if len(shape) == 2 and shape[1] == n and shape[0] != n:
        risk = np.array([_checked_repeat(line, n) for line in np.asarray(y_proba)])
    else:
        columns = np.asarray(y_proba) if len(shape) == 2 and shape[1] == 2 else None
        check_alignment(y_true=np.empty(n), y_proba=y_proba)
        risk = check_proba(y_proba if columns is None else columns[:, 1], n)[None, :]
    if fold is not None and fold.shape != risk.shape:
        raise InputError(
            f"fold has shape {fold.shape} for risks of shape {risk.shape}; pass the fold of each "
            "row in each repeat."
        )
    return risk, fold


def _checked_repeat(line, n):
    """Return the risks of one repeat; those that are missing stay so, the others are checked."""
    known = ~pd.isna(line)
    risk = np.full(n, np.nan)
    risk[known] = check_proba(line[known])
    return risk


def _weights(sample_weight, weight_type, y, groups):
    check_weight_type(sample_weight, weight_type)
    if sample_weight is None:
        return None
    if weight_type == "frequency" and groups is not None:
        raise InputError(
            "groups cannot be used with frequency weights, which stand for independent rows; "
            "repeat the rows instead, or declare weight_type='sampling'."
        )
    return check_weight(sample_weight, y.astype(float))


def check_measures(measures, threshold, thresholds):
    """Return {name: None or a user's function} of the measures wanted."""
    if measures is None:
        wanted = list(_WITHOUT_THRESHOLD)
        if threshold is not None:
            wanted += _WITH_THRESHOLD
        elif thresholds is not None:
            wanted.append("net_benefit")
        return dict.fromkeys(wanted)
    if isinstance(measures, str) or callable(measures):
        measures = [measures]
    functions = dict(measures) if isinstance(measures, dict) else {}
    for measure in () if functions else measures:
        functions[_name_of(measure)] = measure if callable(measure) else None
    functions = {
        name: function if callable(function) else None for name, function in functions.items()
    }
    unknown = [
        name for name, function in functions.items() if function is None and name not in KNOWN
    ]
    if unknown:
        raise InputError(
            f"measures has {', '.join(map(repr, unknown))}; pass names among {', '.join(KNOWN)}, "
            "or functions of (y_true, y_proba)."
        )
    without = [n for n, f in functions.items() if f is None and n in NEED_THRESHOLD]
    if (
        threshold is None
        and without
        and not (without == ["net_benefit"] and thresholds is not None)
    ):
        raise InputError(
            f"{', '.join(without)} need a decision threshold; pass threshold, the risk from which "
            "a patient is flagged."
        )
    return functions


def _name_of(measure):
    return getattr(measure, "__name__", "function") if callable(measure) else measure


def check_thresholds(threshold, thresholds):
    """Return the threshold of rates and those that net benefit is averaged over."""
    threshold = None if threshold is None else check_threshold(threshold)
    if thresholds is None:
        return threshold, None if threshold is None else np.array([threshold])
    thresholds = np.atleast_1d(as_numbers(thresholds, "thresholds"))
    if not thresholds.size or not ((thresholds > 0) & (thresholds < 1)).all():
        raise InputError(
            "thresholds has values that are not between 0 and 1, or none at all; pass risks at "
            "which a decision could be made."
        )
    return threshold, thresholds


def check_counts(**counts):
    """Refuse counts that are no whole numbers of 1 or more; `min_events` may be 0."""
    for name, value in counts.items():
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        least = int(name != "min_events")
        if not whole or value < least:
            raise InputError(f"{name} is {value!r}; pass a whole number of {least} or more.")


def refuse_options(**options):
    """Refuse what cannot be done for a table that is not loaded, in place of leaving it out."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise InputError(
            f"{', '.join(given)} cannot be used with a table that is not loaded; load it, for "
            "example by collect() or .to_df()."
        )


def refuse_labels(risk, measures):
    """Refuse decisions given in place of risks, unless only decisions are judged."""
    known = risk[np.isfinite(risk)]
    if known.size == 0 or not ((known == 0) | (known == 1)).all():
        return
    of_risks = [n for n, function in measures.items() if function is None and n not in COUNTED]
    if of_risks:
        raise InputError(
            "y_proba holds only 0 and 1: these look like decisions, not risks, of which "
            f"{', '.join(of_risks[:4])} say nothing. Pass predict_proba(X)[:, 1]; or, to judge "
            "decisions alone, threshold=0.5 and measures among "
            f"{', '.join(COUNTED)}."
        )


def _warn_resampled(y, risk):
    """Warn where one outcome is repeated to make both as frequent."""
    n, n_events = len(y), int(y.sum())
    if n < _FEWEST_ROWS or abs(2 * n_events - n) > 1:
        return
    shares = [_repeated_share(risk[y == kind]) for kind in (0, 1)]
    if max(shares) >= _REPEATED and min(shares) <= max(shares) / 10:
        warnings.warn(
            "both outcomes are equally frequent and the risks of one occur again and again: these "
            "rows look resampled, and rates, calibration and intervals would be those of no real "
            "population. Pass rows that nobody resampled.",
            ResampledRowsWarning,
            stacklevel=4,
        )


def _repeated_share(risk):
    return 1 - len(np.unique(risk)) / max(len(risk), 1)


def reference_places(reference, partitions):
    """Return the place of the reference group of every partition, or None."""
    if reference is None:
        return [None] * len(partitions)
    if isinstance(reference, str) and reference == "largest":
        return [_largest(part) for part in partitions]
    wanted = reference if isinstance(reference, dict) else {None: reference}
    features = {part.feature for part in partitions}
    unknown = [name for name in wanted if name is not None and name not in features]
    if unknown:
        raise InputError(
            f"reference names {unknown[0]!r}; the features are {', '.join(sorted(features))}."
        )
    places = [_place(part, wanted.get(part.feature, wanted.get(None))) for part in partitions]
    if all(place is None for place in places):
        raise InputError(
            f"reference is {reference!r}, which is no group of "
            f"{', '.join(sorted(features))}; pass a group, {{feature: group}} or 'largest'."
        )
    return places


def _place(partition, name):
    at = np.flatnonzero(partition.names == str(name)) if name is not None else ()
    return int(at[0]) if len(at) else None


def _largest(partition):
    return int(np.bincount(partition.codes[partition.codes >= 0]).argmax())
