"""What a column is made of, and levels written in several ways."""

import re
from collections import Counter

import numpy as np

from healthml._core._knowledge import name_words
from healthml.cleaning._columns import (
    FOUND,
    MOSTLY_NUMBERS,
    NOTE,
    READABLE_SHAPES,
    Flag,
    code_meaning,
    has_code_name,
    level_key,
    level_spellings,
    shape_of,
    spelling_keys,
)

MISSING, ALL_MISSING = "missing", "all_missing"

CONSTANT, NEAR_CONSTANT = "constant", "near_constant"

NUMBERS_AS_TEXT, LEVEL_VARIANTS = "numbers_as_text", "level_variants"

LEVEL_SYNONYMS = "level_synonyms"

NEARLY_ALL = 0.999

_SEX_NAMES = frozenset({"sex", "gender"})

_SEX = {word: answer for answer in ("male", "female") for word in (answer, answer[0])} | {
    "man": "male",
    "woman": "female",
}


def screen_emptiness(table):
    """Yield the missing share of each column, and columns with one value."""
    for column in table.columns:
        n_missing = column.count(column.missing)
        if n_missing == table.n:
            yield Flag.of_cells(column, ALL_MISSING, FOUND, "no value at all", column.missing)
            continue
        if n_missing:
            detail = f"{n_missing:,} of {table.n:,} cells are empty"
            yield Flag.of_cells(column, MISSING, NOTE, detail, column.missing)
        yield from _constancy(column, table.n - n_missing)


def _constancy(column, n_present):
    most = _mode_count(column)
    if most == n_present:
        yield Flag(column.name, CONSTANT, FOUND, "one value in all rows that have one", n_present)
    elif most > NEARLY_ALL * n_present:
        detail = f"one value in {most:,} of {n_present:,} cells ({n_present - most:,} differ)"
        yield Flag(column.name, NEAR_CONSTANT, FOUND, detail, n_present - most)


def _mode_count(column):
    if column.is_number_type:
        infinite = column.count(np.isinf(column.numbers))
        return max(int(column.unique[1].max(initial=0)), infinite)
    present = [level.strip() != "" for level in column.levels]
    return int(column.level_counts[np.array(present, dtype=bool)].max(initial=0))


def screen_text_numbers(table):
    """Yield text columns that hold mostly numbers, with the shapes of the cells that do not."""
    for column in table.columns:
        if not column.is_text or not column.levels or column.numbers is None:
            continue
        keys = [level_key(level) for level in column.levels]
        coded = np.array([code_meaning(key, keys) is not None for key in keys])
        shape = np.array([shape_of(level) for level in column.levels], dtype=object)
        counts = column.level_counts
        total = counts[~coded].sum()
        per_shape = Counter()
        for name, count in zip(shape[~coded], counts[~coded], strict=True):
            per_shape[name] += int(count)
        readable = per_shape["number"] + sum(per_shape[s] for s in READABLE_SHAPES)
        if not total or readable < MOSTLY_NUMBERS * total or _is_code_text(column, per_shape):
            continue
        odd = (shape != "number") & ~coded
        shapes = {s: n for s, n in per_shape.items() if s != "number" and n}
        status = FOUND if shapes or coded.any() else NOTE
        listed = ", ".join(f"{s} {n:,}" for s, n in sorted(shapes.items())) or "none"
        detail = f"{per_shape['number']:,} plain numbers stored as text; other cells: {listed}"
        yield Flag.of_cells(
            column,
            NUMBERS_AS_TEXT,
            status,
            detail,
            column.cells_of_levels(odd),
            evidence={"shapes": shapes, "n_numbers": per_shape["number"]},
        )


def _is_code_text(column, per_shape):
    """Digits that are labels: leading zeros, codes such as V45 among numbers, names that say so."""
    leading = sum(bool(re.fullmatch(r"0\d+", level.strip())) for level in column.levels)
    return per_shape["code"] > 0.2 * (sum(per_shape.values()) - per_shape["number"]) or (
        leading >= 2 or has_code_name(column.name)
    )


def screen_level_variants(table):
    """Yield text levels that differ only by case, spaces or invisible characters."""
    for column in table.columns:
        if not column.is_text or len(column.levels) < 2:
            continue
        keys = spelling_keys(column)
        if len(set(keys)) == len(keys):
            continue
        usual = level_spellings(column)
        pairs = zip(usual, column.levels, keys, strict=True)
        variant = np.array([best != level and key != "" for best, level, key in pairs])
        if variant.any():
            detail = (
                f"{int(variant.sum())} spellings differ from another level only by case or space"
            )
            yield Flag.of_cells(
                column,
                LEVEL_VARIANTS,
                FOUND,
                detail,
                column.cells_of_levels(variant),
                evidence={"n_levels": len(keys), "n_after": len(set(usual))},
            )


def screen_level_synonyms(table):
    """Yield columns of a person's sex in which one answer is written in several words."""
    for column in table.columns:
        if not column.is_text or not _SEX_NAMES & set(name_words(column.name)):
            continue
        cells = Counter()
        for key, n in zip(spelling_keys(column), column.level_counts, strict=True):
            cells[key] += int(n) if key in _SEX else 0
        usual = {word: max(_words_for(word), key=cells.__getitem__) for word in _SEX.values()}
        several = {word for word in usual if sum(cells[k] > 0 for k in _words_for(word)) > 1}
        if not several:
            continue
        other = [
            _SEX.get(key) in several and key != usual[_SEX[key]] for key in spelling_keys(column)
        ]
        mask = column.cells_of_levels(other)
        detail = f"{' and '.join(sorted(several))} each written in several words"
        yield Flag.of_cells(column, LEVEL_SYNONYMS, FOUND, detail, mask)


def _words_for(answer):
    return [word for word, meaning in _SEX.items() if meaning == answer]
