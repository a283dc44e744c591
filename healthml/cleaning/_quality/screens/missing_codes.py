"""Words and numbers that stand for missing, listed for the report."""

import numpy as np

from healthml._core._knowledge import NOT_REVIEWED
from healthml.cleaning._columns import (
    FOUND,
    SUSPECTED,
    Flag,
    code_meaning,
    judge_number_codes,
    level_key,
    plain_code,
)

TEXT, TEXT_SUSPECTED = "missing_code_text", "missing_code_text_suspected"

NUMBER, NUMBER_SUSPECTED = "missing_code_number", "missing_code_number_suspected"


def screen_text_codes(table):
    """Yield text cells that say "missing", per column: sure ones, and possible real answers."""
    for column in table.columns:
        if not column.is_text:
            continue
        keys = [level_key(level) for level in column.levels]
        declared = {level_key(str(code)) for code in column.declared.get("missing_codes", ())}
        meanings = np.array(
            ["missing" if key in declared else code_meaning(key, keys) for key in keys],
            dtype=object,
        )
        for meaning, rule, status in (
            ("missing", TEXT, FOUND),
            ("answer", TEXT_SUSPECTED, SUSPECTED),
        ):
            levels = meanings == meaning
            if not levels.any():
                continue
            mask = column.cells_of_levels(levels)
            counts = np.where(levels, column.level_counts, 0)
            codes = {}
            for key, count in zip(keys, counts, strict=True):
                if count:
                    codes[key or "(blank)"] = codes.get(key or "(blank)", 0) + int(count)
            yield Flag.of_cells(
                column,
                rule,
                status,
                _text_detail(codes, meaning),
                mask,
                reviewed=NOT_REVIEWED,
                evidence={"codes": codes},
            )


def screen_number_codes(table):
    """Yield numeric codes for missing values, per column: sure ones and suspected ones."""
    verdicts = judge_number_codes(table)
    for column, judged in verdicts.values():
        for status, rule in ((FOUND, NUMBER), (SUSPECTED, NUMBER_SUSPECTED)):
            codes = {code: reason for code, (s, reason) in judged.items() if s == status}
            if not codes:
                continue
            mask = np.isin(column.numbers, list(codes))
            yield Flag.of_cells(
                column,
                rule,
                status,
                _number_detail(column, codes),
                mask,
                reviewed=NOT_REVIEWED,
                evidence={"codes": {plain_code(c): r for c, r in codes.items()}},
            )


def _text_detail(codes, meaning):
    named = ", ".join(f'"{code}" {count:,}' for code, count in sorted(codes.items()))
    if meaning == "missing":
        return f"text that means missing: {named}; it becomes a level of its own"
    return f"text that may mean missing or be a real answer: {named}"


def _number_detail(column, codes):
    values, counts = column.unique
    parts = []
    for code, reason in sorted(codes.items()):
        count = int(counts[np.searchsorted(values, code)])
        parts.append(f"{plain_code(code)} in {count:,} cells ({reason})")
    return "; ".join(parts)
