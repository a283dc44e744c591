"""Outcomes: two classes, the event named, none missing."""

import re

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils import column_or_1d

from healthml._core._checks.arguments import as_series
from healthml._core._tables import parse_numbers
from healthml.exceptions import OutcomeError

# Levels that a message writes out; house rule, no simulation. With more, it says how many.
MOST_LEVELS_SHOWN = 20
MOST_LEVELS_LISTED = 10  # levels of an outcome in a message; house rule, no simulation
SMALLEST_SHOWN = 11  # patients below which nothing is shown apart (the rule for small cells)

_COMPARISON = re.compile(r"\s*(<=|>=|==|!=|=|<|>)\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*")

_COMPARE = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
    "==": np.equal,
    "!=": np.not_equal,
}


def check_event(y, *, event=None, name="y", any_two_classes=False, groups=None):
    """Return the two classes of an outcome and the outcome as 0/1.

    The event is never guessed: in 0/1 and booleans 1 is the event, any other outcome needs
    `event`. A level with the very name of `event` wins over reading it as a comparison.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The outcome.
    event : scalar or str, default=None
        The level that is the event ("<30", "Died"), or a comparison with a number (">0", ">=3").
    name : str, default="y"
        What the outcome is called in an error.
    any_two_classes : bool, default=False
        Accept any two labels and take the later one in sorted order as the event, as
        scikit-learn's classifiers do. For estimators only; where data enter, name the event.
    groups : array-like of shape (n_samples,), default=None
        The patient of each row, for a message: it lists levels that 11 patients or more have. Rows
        are counted without it.

    Returns
    -------
    classes : ndarray of shape (2,)
        Label of no event and label of the event.
    y01 : ndarray of shape (n_samples,)
        int64, 1 where the event happened.

    Raises
    ------
    OutcomeError
        If a value is infinite or missing, if there is one class only, or if the event must be
        named; the message then lists the levels that 11 patients or more have, ten at most.

    Examples
    --------
    >>> from healthml._core._checks import check_event
    >>> check_event(["NO", "<30", ">30"], event="<30")
    (array(['not <30', '<30'], dtype='<U7'), array([0, 1, 0]))
    """
    values = _outcome_values(y, name)
    levels = _sorted_levels(values)
    if event is not None:
        classes, y01 = _named_event(values, levels, event, name, groups)
    elif len(levels) == 2 and (any_two_classes or _is_zero_one(levels)):
        classes = np.array(levels)
        y01 = values.eq(levels[1]).to_numpy(dtype=bool)
    else:
        _refuse_levels(values, levels, name, any_two_classes, groups)
    if y01.all() or not y01.any():
        raise OutcomeError(
            f"{name} has one class only, {'event' if y01.all() else 'no event'} in all "
            f"{len(y01)} rows; use rows with and without the event."
        )
    return classes, y01.astype(np.int64)


def list_levels(levels):
    """Return levels as text for a message, or only their number when there are over 20.

    Parameters
    ----------
    levels : sequence
        Distinct values of an outcome.

    Returns
    -------
    str
        For example ``3 levels: '<30', '>30', 'NO'``.

    Examples
    --------
    >>> from healthml._core._checks import list_levels
    >>> list_levels(["Alive", "Died"])
    "2 levels: 'Alive', 'Died'"
    """
    if len(levels) > MOST_LEVELS_SHOWN:
        return f"{len(levels)} distinct values"
    shown = ", ".join(repr(_plain(level)) for level in levels)
    return f"{len(levels)} level{'s' if len(levels) != 1 else ''}: {shown}"


def _outcome_values(y, name):
    if y is None:
        raise OutcomeError("this requires y to be passed, but the target y is None; pass it.")
    if not hasattr(y, "__len__"):
        y = np.asarray(y)
    if len(_shape(y)) != 1:
        y = _one_column(y, name)
    values = as_series(y)
    if not len(values):
        raise OutcomeError(f"{name} is empty; pass one outcome for each row.")
    if types.is_float_dtype(values.dtype):
        infinite = np.flatnonzero(np.isinf(values.to_numpy(float, na_value=np.nan)))
        if infinite.size:
            raise OutcomeError(
                f"{name} has {infinite.size} infinite values, the first at position "
                f"{infinite[0]}; correct them or leave these rows out."
            )
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise OutcomeError(
            f"{name} has {missing.size} missing values (NaN), the first at position "
            f"{missing[0]}; leave these rows out and report their number."
        )
    return values


def _shape(y):
    """Return the shape of an outcome, or none where its parts differ in length."""
    try:
        return np.shape(y)
    except ValueError:
        return ()


def _one_column(y, name):
    """Return the only column of an outcome."""
    try:
        return column_or_1d(y, warn=True)
    except (ValueError, TypeError):
        shape = _shape(y)
        raise OutcomeError(
            f"{name} should be a 1d array, got an array of shape {shape} instead; pass one outcome "
            "for each row."
        ) from None


def _sorted_levels(values):
    try:
        levels = list(values.unique())
    except TypeError:
        raise OutcomeError(
            "The outcome holds lists, sets or the like; pass one number or text for each row."
        ) from None
    try:
        return sorted(levels)
    except TypeError:
        return sorted(levels, key=str)


def _is_zero_one(levels):
    return all(isinstance(level, bool | np.bool_) or _is_number(level) for level in levels) and (
        [float(level) for level in levels] == [0.0, 1.0]
    )


def _is_number(level):
    known = isinstance(level, int | float | np.number) and not isinstance(level, bool)
    return known and not isinstance(level, np.complexfloating)


def _named_event(values, levels, event, name, groups=None):
    same = [level for level in levels if _same_label(level, event)]
    if same:
        y01 = values.isin(same).to_numpy(dtype=bool)
        others = [level for level in levels if level not in same]
        if len(others) == 1 and len(same) == 1:
            return np.array([others[0], same[0]]), y01
        return np.array([f"not {event}", str(event)]), y01
    comparison = _COMPARISON.fullmatch(event) if isinstance(event, str) else None
    if comparison is None:
        raise OutcomeError(
            f"event={event!r} is not a level of {name}, which has "
            f"{_held_levels(values, levels, groups)}; name one of its levels, or compare with a "
            'number such as ">0".'
        )
    numbers, is_text = parse_numbers(values)
    bad = np.flatnonzero(is_text | numbers.isna())
    if bad.size:
        raise OutcomeError(
            f"event={event!r} compares {name} with a number, but {bad.size} of its values are not "
            f"numbers, the first at position {bad[0]}; {name} has "
            f"{_held_levels(values, levels, groups)}."
        )
    sign, bound = comparison.groups()
    y01 = _COMPARE[sign](numbers.to_numpy(), float(bound))
    return np.array([f"not {event.strip()}", event.strip()]), y01


def _same_label(level, event):
    if str(level) == str(event):
        return True
    if _is_number(level) and not isinstance(event, bool | np.bool_):
        try:
            return float(level) == float(event)
        except (TypeError, ValueError):
            return False
    return False


def _refuse_levels(values, levels, name, any_two_classes, groups=None):
    if len(levels) == 1:
        raise OutcomeError(
            f"{name} has one class only in all {len(values)} rows; "
            "use rows with and without the event."
        )
    continuous = types.is_float_dtype(values.dtype) and (values % 1 != 0).any()
    if any_two_classes and continuous:
        raise OutcomeError(
            f"Unknown label type: {name} is continuous with {len(levels)} distinct values; "
            "pass two classes."
        )
    if any_two_classes:
        raise OutcomeError(
            f"Only binary classification is supported. The type of the target is multiclass: "
            f"{name} has {_held_levels(values, levels, groups)}; make it 0/1 with 1 for the event."
        )
    raise OutcomeError(
        f"{name} has {_held_levels(values, levels, groups)}, and which of them is the event is not "
        "guessed; name the level, or a comparison of numbers, as the event (event=; --event on the "
        "command line)."
    )


def _held_levels(values, levels, groups=None):
    """Return how many levels there are, and those that 11 patients or more have, ten at most."""
    what = f"{len(levels)} level{'s' if len(levels) != 1 else ''}"
    rows = pd.DataFrame({"level": values.to_numpy(dtype=object)})
    rows["patient"] = np.arange(len(rows)) if groups is None else np.asarray(groups, dtype=object)
    counts = rows.drop_duplicates()["level"].value_counts()
    counts = dict(zip(counts.index, counts, strict=True))
    held = [level for level in levels if counts.get(level, 0) >= SMALLEST_SHOWN]
    if not held:
        return f"{what}, none of them with {SMALLEST_SHOWN} patients or more"
    shown = ", ".join(repr(_plain(level)) for level in held[:MOST_LEVELS_LISTED])
    if len(held) == len(levels) <= MOST_LEVELS_LISTED:
        return f"{what}: {shown}"
    of = "among those" if len(held) > MOST_LEVELS_LISTED else "those"
    return f"{what} ({of} with {SMALLEST_SHOWN} patients or more: {shown})"


def _plain(level):
    return level.item() if isinstance(level, np.generic) else level
