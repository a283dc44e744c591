"""Shipped words: spellings of one category, and real words that look like each other's typos."""

from functools import lru_cache

from healthml._core._knowledge.facts import read_facts


@lru_cache
def synonym_table():
    """Return the spellings of each concept.

    Returns
    -------
    dict
        ``{concept: {spelling: (sense, needs_words)}}`` in lower case; a spelling with
        ``needs_words`` (single letters such as "w") counts only beside levels written out.

    Examples
    --------
    >>> from healthml._core._knowledge.category_words import synonym_table
    >>> synonym_table()["smoking"]["ex-smoker"]
    ('former', False)
    """
    frame = read_facts("category_synonyms")
    table = {}
    for row in frame.itertuples(index=False):
        table.setdefault(row.concept, {})[row.spelling] = (row.sense, row.needs_words == "yes")
    return table


@lru_cache
def confusable_pairs():
    """Return pairs of real words that one slip turns into each other, as frozensets.

    Examples
    --------
    >>> from healthml._core._knowledge.category_words import confusable_pairs
    >>> frozenset(("nitrate", "nitrite")) in confusable_pairs()
    True
    """
    frame = read_facts("confusable_words")
    return {frozenset(pair) for pair in zip(frame["word"], frame["other"], strict=True)}
