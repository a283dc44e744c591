"""One person under two identifiers: names, birth date and sex weighed against chance."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import has_word, name_words
from healthml.cleaning._rows.person_names import matched_tokens, name_tokens
from healthml.exceptions import InputError

# Chance that a birth date, or a word of the name, is equal in two records of one person (the m
# of Fellegi and Sunter). Chosen by judgement for clerical data, not by simulation: records typed
# twice agree in 90 to 99 %. Each per cent lower takes about 0.015 bits from every agreement.
SAME = 0.95
# How many times as common words within one typing error of a word are, taken together, as the word
# itself. Chosen by judgement, not by simulation. Larger asks for more evidence beside a misspelt
# name.
SLIP = 20
# Valid dates of birth that differ from one by one digit, or by day and month exchanged; the
# calendar of 1920 to 2025 has about as many. Larger asks for more evidence beside a mistyped date.
DATE_SLIP = 35
# Share of records taken to be a second one of somebody, before any look. Chosen by judgement, not
# by simulation; hospitals report 1 to 10 %. Ten times more adds 3.3 bits to every pair.
REPEATED = 0.01
# Records that share a key beyond this many are compared with their nearest 100 only, to keep the
# work linear; what was not compared is counted and reported.
LONGEST_BLOCK = 100
# Quantiles between which birthdays are spread, so that a few mistyped ones do not widen the range,
# and the share of them that lies between.
BIRTHDAYS, BETWEEN = (0.05, 0.95), 0.9
_NAME = re.compile(
    r"(sur|last|first|full|fore|given|family|middle|maiden|patient)names?|(patient|person)fullname"
)
_SEX = {"f": "f", "female": "f", "w": "f", "woman": "f", "m": "m", "male": "m", "man": "m"}


@dataclass(frozen=True)
class PersonColumns:
    """Columns that say who somebody is."""

    names: tuple
    birth_date: object = None
    sex: object = None


def person_columns(frame, names, birth_date, sex):
    """Return the columns given, and by their names those that were not."""
    if names is None:
        names = [column for column in frame if _NAME.fullmatch("".join(name_words(column)))]
    if birth_date is None:
        births = (c for c in frame if has_word(c, "birth") and _is_date(frame[c]))
        birth_date = next(births, None)
    if sex is None:
        sex = next((c for c in frame if has_word(c, "sensitive") in ("sex", "gender")), None)
    return PersonColumns(tuple(names), birth_date, sex)


def _is_date(series):
    return types.is_datetime64_any_dtype(series.dtype) or not types.is_numeric_dtype(series.dtype)


def check_match_probability(match_probability):
    """Raise InputError unless a least probability lies between 0 and 1.

    >>> check_match_probability(0.9)
    """
    if not 0 < match_probability < 1:
        raise InputError(
            f"match_probability is {match_probability}; pass a probability between 0 and 1."
        )


def same_person_pairs(frame, columns, ids, match_probability):
    """Return pairs of records that are likely one person under two identifiers.

    Names and the birth date must be there for anything to be found; codes of identifiers are
    negative where unknown. Second comes the number of pairs of positions, in blocks of over 100,
    that were not compared.
    """
    empty = pd.DataFrame({"first": [], "second": [], "bits": [], "probability": []})
    if not columns.names or columns.birth_date is None:
        return empty.astype({"first": int, "second": int}), 0
    records = _records(frame, columns, ids)
    weigh = _Weight(records)
    prior = np.log2(2 * REPEATED / max(len(records) - 1, 1))
    needed = np.log2(match_probability / (1 - match_probability)) - prior
    pairs, n_skipped = _candidates(records, weigh, needed)
    rows = []
    for i, j in pairs:
        bits = weigh(i, j)
        if bits is not None:
            probability = 1 / (1 + 2.0 ** -(bits + prior))
            if probability >= match_probability:
                rows.append((weigh.row[i], weigh.row[j], bits, probability))
    proposed = pd.DataFrame(rows, columns=list(empty)) if rows else empty
    return proposed.astype({"first": int, "second": int}), n_skipped


def _records(frame, columns, ids):
    """Return one record per identifier and way of writing it: tokens, birth date, sex."""
    records = pd.DataFrame(
        {
            "row": np.arange(len(frame)),
            "id": np.where(ids < 0, -1 - np.arange(len(frame)), ids),
            "tokens": name_tokens(frame[list(columns.names)]),
            "birth": _dates(frame[columns.birth_date]),
            "sex": None if columns.sex is None else _sexes(frame[columns.sex]),
        }
    )
    records = records[(records["tokens"].str.len() > 0) & (records["birth"] != "")]
    kept = ~records.duplicated(["id", "tokens", "birth", "sex"])
    return records[kept].reset_index(drop=True)


def _dates(series):
    """Return dates as eight digits, other text as it is, missing as nothing."""
    codes, levels = pd.factorize(series)
    if types.is_datetime64_any_dtype(series.dtype):
        texts = list(pd.DatetimeIndex(levels).strftime("%Y%m%d"))
    else:
        text = pd.Series([str(level).strip() for level in levels], dtype=object)
        read = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
        texts = read.dt.strftime("%Y%m%d").astype(object).where(read.notna(), text).tolist()
    return np.array([*texts, ""], dtype=object)[codes]


def _sexes(series):
    codes, levels = pd.factorize(series)
    plain = [_SEX.get(str(level).strip().casefold(), "") for level in levels]
    return np.array([*plain, ""], dtype=object)[codes]


def _candidates(records, weigh, needed):
    """Return pairs of records that share a birth date and initials, or a name and half a date.

    Records whose own values are too common to reach the bits needed are left out at once.
    """
    keys, owners = [], []
    for i, (tokens, birth) in enumerate(zip(records["tokens"], records["birth"], strict=True)):
        own = []
        if weigh.at_most(i, slip=False) >= needed:
            own += [f"{birth}|{initial}{other}" for initial, other in _initials(tokens)]
        if weigh.at_most(i, slip=True) >= needed:
            name = " ".join(sorted(tokens))
            own += [f"{name}|{birth[:4]}", f"{name}|-{birth[4:]}"]
        keys += own
        owners += [i] * len(own)
    if not keys:
        return [], 0
    codes, owners = pd.factorize(np.array(keys, dtype=object))[0], np.array(owners, dtype=int)
    order = np.lexsort((owners, codes))
    codes, owners = codes[order], owners[order]
    parts, n_skipped = [np.empty((0, 2), int)], _n_beyond(codes)
    for lag in range(1, LONGEST_BLOCK):
        same = codes[lag:] == codes[:-lag]
        if not same.any():
            break
        parts.append(np.column_stack([owners[:-lag][same], owners[lag:][same]]))
    pairs = np.unique(np.concatenate(parts), axis=0)
    ids = records["id"].to_numpy()
    return pairs[ids[pairs[:, 0]] != ids[pairs[:, 1]]].tolist(), n_skipped


def _initials(tokens):
    letters = sorted({token[0] for token in tokens})
    return list(combinations(letters, 2)) or [(letters[0], letters[0])]


def _n_beyond(codes):
    counts = np.bincount(codes, minlength=1).astype(np.int64)
    beyond = counts[counts > LONGEST_BLOCK] - LONGEST_BLOCK
    return int((beyond * (beyond + 1) // 2).sum())


class _Weight:
    """Fellegi-Sunter weight of two records in bits; None where they contradict each other."""

    def __init__(self, records):
        self.row = records["row"].tolist()
        self.tokens, self.birth = records["tokens"].tolist(), records["birth"].tolist()
        self.sex = records["sex"].tolist()
        self.n = len(records)
        self.n_tokens = Counter(chain.from_iterable(self.tokens))
        self.n_birth = Counter(self.birth)
        self.n_sex = Counter(self.sex)
        self.n_days = _n_days(self.birth, self.n)

    def __call__(self, i, j):
        matched = matched_tokens(self.tokens[i], self.tokens[j])
        birth = self._birth(self.birth[i], self.birth[j])
        if matched is None or birth is None:
            return None
        sex_i, other = self.sex[i], self.sex[j]
        if sex_i and other and sex_i != other:
            return None
        sex = _bits(self.n_sex[sex_i] / self.n) if sex_i and sex_i == other else 0.0
        return birth + sex + sum(self._token(a, b) for a, b in matched)

    def at_most(self, i, *, slip):
        """Return the most bits that any pair of a record can have, its date equal or slipped."""
        names = sum(self._token(token, token) for token in self.tokens[i])
        sex = _bits(self.n_sex[self.sex[i]] / self.n) if self.sex[i] else 0.0
        others = max(self.n_birth[self.birth[i]] - 2, 0) / self.n + 1 / self.n_days
        return names + sex + _bits(others * (DATE_SLIP if slip else 1))

    def _token(self, a, b):
        others = max(self.n_tokens[a], self.n_tokens[b]) - 2
        return _bits(max(others, 1) / self.n * (1 if a == b else SLIP))

    def _birth(self, a, b):
        if a != b and not _dates_alike(a, b):
            return None
        others = max(self.n_birth[a], self.n_birth[b]) - 2
        chance = max(others, 0) / self.n + 1 / self.n_days
        return _bits(chance * (1 if a == b else DATE_SLIP))


def _bits(chance):
    """Return log2 of how much likelier agreement is in one person's records than by chance."""
    return max(float(np.log2(SAME / chance)), 0.0)


def _n_days(births, n):
    """Return over how many days the birthdays spread, or the number of records if not dates."""
    days = pd.to_datetime(pd.Series(births), format="%Y%m%d", errors="coerce").dropna()
    if len(days) < 2:
        return max(n, 2)
    low, high = days.quantile(list(BIRTHDAYS))
    return max((high - low).days / BETWEEN, 2.0)


def _dates_alike(a, b):
    """Whether two dates differ by one digit, or by day and month in each other's place."""
    if len(a) != 8 or len(b) != 8:
        return False
    return a == b[:4] + b[6:] + b[4:6] or sum(x != y for x, y in zip(a, b, strict=True)) == 1
