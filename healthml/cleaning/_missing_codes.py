"""MissingCodes: words and numbers that stand for missing become missing, and nothing else does."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import number_codes
from healthml.cleaning._cells import CellCleaner
from healthml.cleaning._lab_columns import Levels, is_text, learn_column
from healthml.cleaning._missing_code_screen import level_key
from healthml.cleaning._missing_levels import (
    ASK,
    BLANK,
    NUMBER,
    column_context,
    context_answers,
    is_rare,
    judge_level,
)
from healthml.cleaning._record import Change
from healthml.cleaning._sentinels import STOPS, VITALS, judge_numbers, zeros_at_odds
from healthml.cleaning._table_view import FOUND, TableView

ROUNDS = 3  # a code that hid another is taken away before the column is judged again
LEAST = 20  # numbers from which a range is learnt
FAR = 1.0  # a known code further outside than the training values spread is a new code
_CODE_TABLE = ["column", "code", "decision", "reason", "n_cells"]


class MissingCodes(CellCleaner):
    """Set codes for missing values to missing: words, numbers such as -99 or 999, some zeros.

    Words are judged by what their column holds: "not done" among numbers is no value; "none"
    among drugs is an answer. A number is a code only if it is impossible or stands apart from the
    column's other values and is repeated; a zero only if the measurement cannot be zero, or a
    heart or breathing rate of 0 stands beside other vital signs. Counts, scores and results that
    can be 0 stay.

    Parameters
    ----------
    schema : Schema, default=None
        Its ``missing_codes`` are codes without further judgement, levels of a ``vocabulary`` are
        none; its units and limits help to judge.

    Attributes
    ----------
    codes_ : pandas.DataFrame
        One row per column and code of the training rows: ``decision`` ("blank", "keep" or
        "verify"), ``reason`` and ``n_cells``.

    Notes
    -----
    Rules: ``missing_code_text``, ``missing_code_number``, ``blank_text``, ``infinite`` (blanked);
    ``possible_missing_code`` (flagged: may be real); ``new_missing_code`` (flagged: a known code
    that the training rows did not have, far outside their values or impossible).

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import MissingCodes
    >>> table = pd.DataFrame({"sodium": [140, 138, 999, 141, 999, 136, 143, 999] * 5})
    >>> codes = MissingCodes()
    >>> int(codes.fit_transform(table)["sodium"].isna().sum())
    15
    >>> codes.codes_[["code", "decision"]].values.tolist()
    [['999', 'blank']]
    """

    def __init__(self, schema=None):
        self.schema = schema

    def _learn(self, frame, y):
        variables = getattr(self.schema, "variables", None) or {}
        self.words_, self.numbers_, rows = {}, {}, []
        for name in frame.columns:
            series, variable = frame[name], variables.get(name)
            if is_text(series):
                words, table = _learn_words(series, variable)
                self.words_[name] = words
                rows += [(name, *row) for row in table]
        table, judged = self._judge(frame)
        for i, column in enumerate(table.columns):
            name = frame.columns[i]
            if column.numbers is None or types.is_bool_dtype(frame[name].dtype):
                continue
            verdicts = judged.get(column.name, {})
            self.numbers_[name] = _learn_numbers(column, verdicts, self.words_.get(name))
            rows += [(name, *row) for row in _rows_of(column, verdicts)]
        self.codes_ = pd.DataFrame(rows, columns=_CODE_TABLE)

    def _judge(self, frame):
        """Return the view and the verdicts, judged again without what was found."""
        table = TableView(frame, schema=self.schema)
        found, view = {}, table
        for _ in range(ROUNDS):
            fresh = False
            for name, judged in judge_numbers(view).items():
                for code, (status, reason) in judged.items():
                    fresh |= status == FOUND
                    found.setdefault(name, {}).setdefault(code, (status, reason))
            if not fresh:
                break
            view = _without_codes(view, found)
        return table, found

    def _changes(self, frame):
        for name in frame.columns:
            series = frame[name]
            numbers = self.numbers_.get(name)
            if is_text(series) and name in self.words_:
                yield from self._in_text(name, series, numbers)
            elif numbers is not None and types.is_numeric_dtype(series.dtype):
                values = series.to_numpy(dtype=float, na_value=np.nan)
                if not types.is_bool_dtype(series.dtype):
                    yield from _in_numbers(name, values, numbers)
            elif numbers is not None and is_text(series):
                yield from self._in_text(name, series, numbers)
        yield from self._stopped(frame)

    def _in_text(self, name, series, numbers):
        words = self.words_.get(name, _PLAIN_NUMBERS)
        try:
            levels = Levels(series)
        except TypeError:  # cells that cannot be hashed
            return
        decided = {}
        for i in np.flatnonzero(~levels.plain):
            rule = _word_rule(levels.levels[i], words)
            if rule:
                decided.setdefault(rule, []).append(i)
        for rule, places in sorted(decided.items()):
            rows, _ = levels.rows(np.array(places))
            yield _text_change(name, rule, rows)
        if numbers is not None and words["context"] == NUMBER:
            values = np.append(np.where(levels.plain, levels.numbers, np.nan), np.nan)
            yield from _in_numbers(name, values[levels.codes], numbers)

    def _stopped(self, frame):
        """Yield zeros of heart and breathing rate, blanked beside other vital signs above 0."""
        signs = {n: v for n, v in self.numbers_.items() if v["concept"] in VITALS}
        columns = {}
        for name, sign in signs.items():
            if sign["concept"] not in STOPS:
                continue
            columns = columns or {n: _as_numbers(frame[n]) for n in signs}
            number = columns[name]
            others = [c for n, c in columns.items() if signs[n]["concept"] != sign["concept"]]
            odds = zeros_at_odds(number, others)
            rest = (number == 0) & ~odds
            if sign["stop"]:
                detail = "0 beside other vital signs above 0"
                yield Change(
                    name, "missing_code_number", np.flatnonzero(odds), *_blank(odds), detail
                )
                detail = "0: an arrest, or a code for missing"
                yield _flag(name, "possible_missing_code", rest, "verify", detail)
            else:
                detail = "0 beside other vital signs above 0; not repeated in training"
                yield _flag(name, "new_missing_code", odds, "error", detail)


_AMONG = {
    "number": "among numbers",
    "coded": "among codes or dates",
    "category": "among categories",
    "free": "in free text",
}
_PLAIN_NUMBERS = {"context": NUMBER, "answers": {}, "declared": (), "vocabulary": (), "asked": {}}


def _learn_words(series, variable):
    """Return what decides over the words of a text column, and its rows of `codes_`."""
    declared = tuple(level_key(str(c)) for c in getattr(variable, "missing_codes", ()))
    vocabulary = tuple(level_key(str(v)) for v in getattr(variable, "vocabulary", ()))
    words = {**_PLAIN_NUMBERS, "declared": declared, "vocabulary": vocabulary, "asked": {}}
    try:
        levels = Levels(series)
    except TypeError:  # cells that cannot be hashed
        return words, []
    is_number = learn_column(series, variable, None) is not None
    texts = [str(level) for level in levels.levels[~levels.plain]]
    counts = levels.counts[~levels.plain]
    sample = slice(0, 5000)
    if not is_number:
        every = levels.levels.iloc[sample].map(str).tolist()
        words["context"] = column_context(every, levels.counts[sample], is_number=False)
        words["answers"] = context_answers(every)
    keys = [level_key(text) for text in texts]
    for key in set(keys):
        if judge_level(key, words["context"], words["answers"]) == ASK:
            words["asked"][key] = _answer(key, words["context"], keys, counts, levels)
    table = {}
    for text, key, count in zip(texts, keys, counts, strict=True):
        rule = _word_rule(text, words)
        decision = {"missing_code_text": "blank", "possible_missing_code": "verify"}.get(rule)
        decision = decision or (
            "keep" if judge_level(key, words["context"], words["answers"]) else None
        )
        if decision and key:
            table[key, decision] = table.get((key, decision), 0) + int(count)
    reason = _AMONG[words["context"]]
    return words, [(key, decision, reason, n) for (key, decision), n in table.items()]


def _answer(key, context, keys, counts, levels):
    """Return whether a word that may be an answer is one here: "blank", "keep" or "verify"."""
    if context == NUMBER:
        numbers = levels.numbers[levels.plain]
        counted = (
            len(numbers) > 0 and (numbers == np.round(numbers)).all() and numbers.min() in (0, 1)
        )
        return "verify" if counted else "blank"
    return "blank" if is_rare(key, keys, counts) else "keep"


def _word_rule(level, words):
    """Return the rule for one text, or None when it stays."""
    key = level_key(str(level))
    if key in words["vocabulary"]:
        return None
    if key in words["declared"]:
        return "missing_code_text"
    if not isinstance(level, str):
        return None
    if words["context"] == NUMBER and key.lstrip("+-") in ("inf", "infinity", "∞"):
        return "infinite"
    verdict = judge_level(key, words["context"], words["answers"])
    if verdict == ASK:
        verdict = words["asked"].get(key, "new")
        return {"blank": "missing_code_text", "verify": "possible_missing_code"}.get(
            verdict, "new_missing_code" if verdict == "new" else None
        )
    if verdict != BLANK:
        return None
    return "missing_code_text" if key else "blank_text"


def _text_change(name, rule, rows):
    blank = np.full(len(rows), np.nan)
    if rule == "blank_text":
        return Change(name, rule, rows, blank, "blanked", "note", "text without a visible sign")
    if rule == "infinite":
        return Change(name, rule, rows, blank, "blanked", "error", "an infinite number")
    if rule == "missing_code_text":
        return Change(name, rule, rows, blank, "blanked", "error", "a word for missing")
    detail = "a word that means missing or is an answer"
    return Change(name, rule, rows, None, "flagged", "verify", detail)


def _learn_numbers(column, judged, words):
    """Return codes, range and limits of one column of numbers."""
    found = sorted(code for code, (status, _) in judged.items() if status == FOUND)
    asked = sorted(code for code, (status, _) in judged.items() if status != FOUND)
    values = column.unique[0]
    values = values[~np.isin(values, [*found, *asked])]
    concept = column.concept
    stops = concept is not None and concept["name"] in STOPS
    enough = len(values) > 1 and len(column.finite) >= LEAST
    return {
        "codes": tuple(c for c in found if not (c == 0 and stops)),
        "asked": tuple(c for c in asked if not (c == 0 and stops)),
        "seen": tuple(column.codes_present.tolist()),
        "stop": stops and 0.0 in found,
        "low": float(values[0]) if enough else -np.inf,
        "high": float(values[-1]) if enough else np.inf,
        "hard": _hard_limits(column),
        "concept": concept["name"] if concept else None,
        "is_number": words is None or words["context"] == NUMBER,
    }


def _hard_limits(column):
    """Return limits outside of which a value is impossible in every unit that fits."""
    if column.declared.get("low") is not None or column.declared.get("high") is not None:
        low, high = column.declared.get("low"), column.declared.get("high")
        return (-np.inf if low is None else float(low), np.inf if high is None else float(high))
    if not column.concept:
        return -np.inf, np.inf
    ends = [
        [(limit - offset) / factor for limit in column.concept["hard"]]
        for _, factor, offset in column.concept["agreeing"]
    ]
    return min(e[0] for e in ends), max(e[1] for e in ends)


def _rows_of(column, judged):
    """Return rows of `codes_` for the numeric codes of one column."""
    values, counts = column.unique
    decisions = {True: "blank", False: "verify"}
    return [
        (f"{code:g}", decisions[status == FOUND], reason, int(counts[values == code].sum()))
        for code, (status, reason) in sorted(judged.items())
    ]


def _in_numbers(name, values, learnt):
    """Yield the codes, infinite numbers and new codes among numbers."""
    if not learnt["is_number"]:
        return
    infinite = np.isinf(values)
    if infinite.any():
        rows = np.flatnonzero(infinite)
        yield Change(name, "infinite", rows, *_blank(infinite), "an infinite number")
    for code in learnt["codes"]:
        mask = values == code
        yield Change(
            name, "missing_code_number", np.flatnonzero(mask), *_blank(mask), f"the code {code:g}"
        )
    for code in learnt["asked"]:
        detail = f"{code:g} may stand for missing or be real"
        yield _flag(name, "possible_missing_code", values == code, "verify", detail)
    mask = _new_codes(values, learnt) & ~infinite
    yield _flag(name, "new_missing_code", mask, "error", "a code that training did not have")


def _new_codes(values, learnt):
    """Return cells with a known code, not learnt, impossible or far outside the training values."""
    spread = FAR * max(learnt["high"] - learnt["low"], 0.0)
    with np.errstate(invalid="ignore"):
        outside = (values < learnt["hard"][0]) | (values > learnt["hard"][1])
        if np.isfinite(spread):
            outside |= (values < learnt["low"] - spread) | (values > learnt["high"] + spread)
            if learnt["low"] >= 0:
                outside |= values < 0
    outside &= np.isfinite(values)
    if not outside.any():
        return outside
    known = [c for c in number_codes() if c not in learnt["seen"]]
    outside[outside] = np.isin(values[outside], known)
    return outside


def _blank(mask):
    return np.full(int(mask.sum()), np.nan), "blanked", "error"


def _flag(name, rule, mask, severity, detail):
    return Change(name, rule, np.flatnonzero(mask), None, "flagged", severity, detail)


def _as_numbers(series):
    if types.is_numeric_dtype(series.dtype):
        return series.to_numpy(dtype=float, na_value=np.nan)
    return pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _without_codes(table, found):
    """Return a view of the table without the cells that were found to be codes."""
    columns = {}
    for column in table.columns:
        sure = [c for c, (s, _) in found.get(column.name, {}).items() if s == FOUND]
        if column.numbers is None:
            continue
        columns[column.name] = np.where(np.isin(column.numbers, sure), np.nan, column.numbers)
    view = TableView(pd.DataFrame(columns, index=range(table.n)))
    for column in view.columns:
        column.declared = next(c.declared for c in table.columns if c.name == column.name)
    return view
