"""Clinical facts with their sources: ranges, units, concepts of columns, words of categories."""

from healthml._core._knowledge.category_words import confusable_pairs, synonym_table
from healthml._core._knowledge.concepts import (
    POPULATIONS,
    ColumnConcept,
    column_concept,
    unit_in_name,
)
from healthml._core._knowledge.facts import (
    NOT_REVIEWED,
    concept_limits,
    concept_names,
    is_ambiguous,
    match_concept,
    number_codes,
    population_soft,
    read_facts,
    text_codes,
)
from healthml._core._knowledge.name_hints import (
    contains_word,
    counted_hint,
    has_word,
    id_hint,
    known_at_discharge,
    later_hint,
    name_words,
    score_hint,
    site_hint,
)
from healthml._core._knowledge.units import (
    between_units,
    distinct_units,
    find_unit,
    readable_unit,
    same_size,
    unit_code,
    unit_like,
)

__all__ = [
    "NOT_REVIEWED",
    "POPULATIONS",
    "ColumnConcept",
    "between_units",
    "column_concept",
    "concept_limits",
    "concept_names",
    "confusable_pairs",
    "contains_word",
    "counted_hint",
    "distinct_units",
    "find_unit",
    "has_word",
    "id_hint",
    "is_ambiguous",
    "known_at_discharge",
    "later_hint",
    "match_concept",
    "name_words",
    "number_codes",
    "population_soft",
    "read_facts",
    "readable_unit",
    "same_size",
    "score_hint",
    "site_hint",
    "synonym_table",
    "text_codes",
    "unit_code",
    "unit_in_name",
    "unit_like",
]
