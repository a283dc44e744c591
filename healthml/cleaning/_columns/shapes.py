"""How a column is stored: empty, constant, numbers as text, levels spelt in several ways."""

import re
from collections import Counter

import numpy as np

from healthml._core._knowledge.name_hints import id_hint, name_words
from healthml.cleaning._columns.missing_codes import code_meaning, level_key
from healthml.cleaning._columns.view import FOUND, MOSTLY_NUMBERS, NOTE, Flag

MISSING, ALL_MISSING = "missing", "all_missing"
CONSTANT, NEAR_CONSTANT = "constant", "near_constant"
NUMBERS_AS_TEXT, LEVEL_VARIANTS = "numbers_as_text", "level_variants"
LEVEL_SYNONYMS = "level_synonyms"

NEARLY_ALL = 0.999
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_SHAPES = (
    ("comparator", re.compile(rf"\s*(<=|>=|<|>|≤|≥|=<|=>)\s*({_NUMBER}|\d+,\d+)\s*\D{{0,12}}")),
    ("decimal comma", re.compile(r"\s*[+-]?\d+,\d{1,2}\s*|\s*[+-]?0,\d+\s*")),
    ("thousands", re.compile(r"\s*\d{1,3}(,\d{3})+(\.\d+)?\s*")),
    ("number with unit", re.compile(rf"\s*{_NUMBER}\s*(%|[^\W\d_][\w/^*.%\[\]() -]{{0,14}})\s*")),
    (
        "two numbers",
        re.compile(rf"\s*[\[(]?\s*{_NUMBER}\s*(-|\u2013|/|to)\s*{_NUMBER}\s*[\])]?\s*"),
    ),
    ("about", re.compile(rf"\s*(~|≈|ca\.?|about|approx\.?)\s*{_NUMBER}\s*")),
    ("code", re.compile(r"\s*[A-Za-z]{1,3}[-.]?\d[\w.-]*\s*")),
)
_READABLE = ("comparator", "decimal comma", "thousands", "number with unit", "about")


_SEX_NAMES = frozenset({"sex", "gender"})
_SEX = {word: answer for answer in ("male", "female") for word in (answer, answer[0])} | {
    "man": "male",
    "woman": "female",
}
_CODE_WORDS = frozenset({"code", "codes", "cd", "type", "zip", "zipcode"})
_COUNT_WORDS = frozenset({"no", "number", "num", "nr"})  # as often a count as an identifier


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
        readable = per_shape["number"] + sum(per_shape[s] for s in _READABLE)
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


def shape_of(text):
    """Return the shape class of a text cell: "number", "comparator", "decimal comma", ... "word".

    Examples
    --------
    >>> from healthml.cleaning._columns.shapes import shape_of
    >>> [shape_of(cell) for cell in ("7.2", "> 89", "5,1", "98%", "V45", "high")]
    ['number', 'comparator', 'decimal comma', 'number with unit', 'code', 'word']
    """
    if re.fullmatch(rf"\s*{_NUMBER}\s*", text):
        return "number"
    for name, pattern in _SHAPES:
        if pattern.fullmatch(text):
            return name
    return "word"


def read_numbers(column):
    """Return a text column as floats: "5,1" is 5.1, "98%" is 98, "> 89" is 89; words are NaN."""
    values = np.append([_read_number(level) for level in column.levels], np.nan)
    return values[column.level_codes]


def _read_number(text):
    shape = shape_of(text)
    if shape != "number" and shape not in _READABLE:
        return np.nan
    text = text.replace(",", "") if shape == "thousands" else text.replace(",", ".")
    found = re.search(_NUMBER, text)
    return float(found.group()) if found else np.nan


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
        best = usual_spellings(column)
        variant = np.array([b != i and keys[i] != "" for i, b in enumerate(best)])
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
                evidence={"n_levels": len(keys), "n_after": len(set(keys))},
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


def spelling_keys(column):
    """Return each level without case, spare spaces and invisible characters."""
    visible = [
        "".join(c for c in level_key(x) if c.isprintable() or c.isspace()) for x in column.levels
    ]
    return [" ".join(level.split()) for level in visible]


def usual_spellings(column):
    """Return, for each level, the position of its most frequent spelling."""
    keys, counts = spelling_keys(column), column.level_counts
    best = {}
    for i, key in enumerate(keys):
        if key not in best or counts[i] > counts[best[key]]:
            best[key] = i
    return [best[key] for key in keys]


def has_code_name(name):
    """Say whether a column's name announces a code or an identifier.

    Examples
    --------
    >>> from healthml.cleaning._columns.shapes import has_code_name
    >>> [has_code_name(n) for n in ("admission_type_id", "hospitalid", "payerCode", "steroid")]
    [True, True, True, False]
    """
    words, hint = name_words(name), id_hint(name)
    letters = [word for word in words if not word.isdigit()]
    return (hint is not None and hint not in _COUNT_WORDS) or (
        bool(letters) and (letters[-1] in _CODE_WORDS or "icd" in letters)
    )
