"""Counts in words and numbers, as they may leave."""

import re

import numpy as np
import pandas as pd

from healthml._core._release.suppression import (
    HIDDEN,
    MIN_COUNT,
    ROUNDED,
    SHOWN,
    is_small,
    protect,
    round_count,
)

SMALL_GROUPS = "(small groups)"
NOT_SHOWN = "not shown"
# What is no person, row or cell: "1 of 4 sites" tells of no patient.
_NO_PEOPLE = (
    "sites|hospitals|columns|levels|folds|repeats|periods|groups|refits|models|resamples|units|years|"
    "runs|checks|places|bins|thresholds|blocks|names"
)
# A whole number before what is counted, or before "of" and a total.
_COUNTED = re.compile(
    r"(?<![\w.,:/<~+-])(?<![<~-] )(?<!than )[\d,]*\d(?= (?:"
    rf"of(?: the)? [\d,]*\d(?![\d,])(?! (?:{_NO_PEOPLE})\b)|(?:other |new |such |more )?"
    r"(?:cells|rows|patients|people|events|labels|pairs|encounters|visits|values|cell|row|patient)\b))"
)
_ONE_HIDDEN = re.compile(r"(<\d+ (?:other |new |such |more )?(?:cell|row|patient))\b")


def count_text(value, state=None, min_count=MIN_COUNT):
    """Return a count in words: "217", "~220", "<11" or "not shown".

    Examples
    --------
    >>> from healthml._core._release import count_text
    >>> count_text(1217), count_text(217, "rounded"), count_text(7), count_text(0)
    ('1,217', '~220', '<11', '0')
    """
    if pd.isna(value):
        return ""
    if state is None:
        state = HIDDEN if is_small(value, min_count) else SHOWN
    if state in (SHOWN, ROUNDED):
        exact = state == SHOWN or value == 0
        return f"{value:,.0f}" if exact else f"~{round_count(value):,.0f}"
    return f"<{min_count}" if state == HIDDEN else NOT_SHOWN


def count_number(value, state, min_count=MIN_COUNT):
    """Return a count as a number, missing where it is hidden."""
    if pd.isna(value) or state not in (SHOWN, ROUNDED):
        return np.nan
    return value if state == SHOWN else float(round_count(value))


def release_words(text, min_count=MIN_COUNT):
    """Return a sentence in which no count of people, rows or cells is small.

    Examples
    --------
    >>> from healthml._core._release import release_words
    >>> release_words("8 rows equal an earlier row; 21 of 403 cells are empty, 3 of 403 are -99")
    '<11 rows equal an earlier row; 21 of 403 cells are empty, <11 of 403 are -99'
    """
    hidden = _COUNTED.sub(lambda match: _counted(match.group(), min_count), text)
    return _ONE_HIDDEN.sub(r"\1s", hidden)  # "1 cell" has become "<11 cells"


def counted_words(counts, *others, min_count=MIN_COUNT):
    """Return words with their counts, all without where one of them or of `others` is small.

    Counts of one list add up to a total that may be known, so that those shown beside a hidden one
    would give it away.

    Examples
    --------
    >>> from healthml._core._release import counted_words
    >>> counted_words({"censored": 148, "range": 12}), counted_words({"censored": 148, "range": 7})
    (['censored 148', 'range 12'], ['censored', 'range'])
    """
    if is_small([*counts.values(), *others], min_count).any():
        return list(counts)
    return [f"{word} {n:,}".strip() for word, n in counts.items()]


def _counted(text, min_count):
    return f"<{min_count}" if is_small(int(text.replace(",", "")), min_count) else text


def size_words(n_samples, n_events, min_count=MIN_COUNT):
    """Return rows and events in words, as they may leave.

    Examples
    --------
    >>> from healthml._core._release import size_words
    >>> size_words(1234, 160), size_words(123, 7)
    ('1,234 rows, 160 events', '~120 rows, <11 events')
    """
    protection = protect([int(n_samples)], [int(n_events)], min_count=min_count)
    rows = count_text(n_samples, protection.n[0], min_count)
    events = count_text(n_events, protection.events[0], min_count)
    return f"{rows} rows, {events} events"
