"""Names of people, compared as a clerk would: accents, case, order and typing errors aside."""

import unicodedata
from itertools import chain

import pandas as pd

from healthml._core._fingerprints import n_edits


def name_tokens(frame):
    """Return the words of each row's names, in plain capitals.

    None where no name is known.

    >>> name_tokens(pd.DataFrame({"first": ["José", None], "last": ["O'Neil Díaz", "Ek"]}))
    [('JOSE', 'ONEIL', 'DIAZ'), ('EK',)]
    """
    columns = []
    for name in frame:
        codes, levels = pd.factorize(frame[name])
        words = [_words(level) for level in levels] + [()]
        columns.append([words[code] for code in codes])
    return [
        tuple(dict.fromkeys(chain.from_iterable(parts))) for parts in zip(*columns, strict=True)
    ]


def _words(level):
    letters = unicodedata.normalize("NFKD", str(level)).replace("'", "").replace("\u2019", "")
    kept = (c if c.isalpha() else " " for c in letters if not unicodedata.combining(c))
    return tuple("".join(kept).upper().split())


def matched_tokens(name, other):
    """Return the pairs of words by which two names are alike, or None when they are not.

    Every word of the shorter name must stand in the other one, in any order; a word of five
    letters may differ by one typing error (a letter more, less, other or changed places), of nine
    by two.
    Two words must match, or the only word that both have.

    >>> matched_tokens(("MARIA", "GOMEZ"), ("GOMES", "MARIA", "LUZ"))
    [('MARIA', 'MARIA'), ('GOMEZ', 'GOMES')]
    >>> matched_tokens(("MARIA", "GOMEZ"), ("MARTA", "LOPEZ")) is None
    True
    """
    short, long = sorted((name, other), key=len)
    left, pairs = list(long), []
    for word in short:
        likest = word if word in left else next((w for w in left if alike(word, w)), None)
        if likest is None:
            return None
        left.remove(likest)
        pairs.append((word, likest))
    enough = min(2, len(long))
    return pairs if len(pairs) >= enough and pairs else None


# Letters of the shorter word from which one, and from which two typing errors are forgiven: shorter
# words have neighbours that are other names. By judgement, not by simulation; lower joins others.
ONE_ERROR, TWO_ERRORS = 5, 9


def alike(word, other):
    """Say whether two words differ by typing errors: one from five letters on, two from nine.

    >>> alike("SCHMIDT", "SCHMITD"), alike("ANNA", "HANNA")
    (True, False)
    """
    shorter = min(len(word), len(other))
    allowed = (shorter >= ONE_ERROR) + (shorter >= TWO_ERRORS)
    return abs(len(word) - len(other)) <= allowed and n_edits(word, other, allowed) <= allowed
