"""Words among laboratory results: reasons, findings, comparisons, numbers spelt out."""

import re

from healthml._core._knowledge import text_codes

_REASONS = re.compile(
    r"(?:sample |specimen |grossly |gross |moderately |slightly |result )?"
    r"(?:ha?emol[yi][sz](?:ed|is)|lip(?:a?e)mi[ac]|icteri[ac]|clotted|insufficient|inadequate|"
    r"contaminated|qns|q\.n\.s\.?|quantity not suff\w*|unsuff\w*|tnp|t\.n\.p\.?|"
    r"(?:test )?not (?:performed|done|tested|measured|received|available|avail|reported|collected|"
    r"calculated|obtained|taken|drawn|sent|processed|requested|ordered|recorded|assessed|"
    r"documented|known|applicable|sufficient|enough)|"
    r"unable to (?:perform|process|calculate|report|obtain|measure)|cannot (?:calculate|report)|"
    r"pending|await(?:ed|ing)|to follow|in progress|in process|cancel(?:l?ed)?|rejected|"
    r"unsuitable|lost|missing|unlabell?ed|mislabell?ed|wrong (?:tube|container)|broken|leak\w*|"
    r"no (?:sample|specimen|result|data|blood)|(?:sample|specimen) (?:lost|missing)|"
    r"see (?:comment|note|below|text|report|remark)s?|refused|declined|error|invalid|void|"
    r"not valid|deferred|n/?d|to be done|unavailable|unreportable|not reportable)"
    r"(?: sample| specimen| in lab| result| quantity| volume| blood)?[.!]?"
)
# The same in German, French, Spanish, Italian, Dutch and Portuguese, beyond the shipped codes.
_REASONS_ABROAD = re.compile(
    r"(?:h[äa]mol(?:y[ts]\w*|is\w*)|h[ée]molys[ée]\w*|hemolizad[oa]|emoli(?:zzato|si)|hemolisad[oa]|"
    r"lip[äae]misch|ict[ée]rique|geronnen|coagul[ée]|coagulado|coagulato|gestold|"
    r"fehl(?:t|end)|manquante?|falta|ausente|mancante|ontbreekt|em falta|vermisst|verloren|perdu|"
    r"storniert|annul(?:l?[ée]e?|ato|lato)|anulad[oa]|cancelad[oa]|geannuleerd|ungültig|invalide|"
    r"inv[áa]lid[oa]|non valido|ongeldig|(?:zu wenig|ungenügendes?|unzureichend\w*) material|"
    r"mat[ée]riel insuffisant|muestra insuficiente|campione insufficiente|"
    r"(?:nicht|non|no|niet|n[ãa]o) (?:ausgeführt|auswertbar|abgenommen|eingegangen|prélevé|reçu|"
    r"calculable|procesad[oa]|valorable|calcolabile|pervenuto|berekend|afgenomen|ontvangen|"
    r"processado|colhido|calculado)|folgt|à suivre|a seguir|segue|siehe \w+|voir \w+|ver nota|"
    r"vedi nota|zie \w+)[.!]?"
)
_NOTHING = frozenset({"-", "--", "---", ".", "..", "?", "??", "???", "*", "**", "_", "/", "\\"})
_INFINITE = re.compile(r"[+-]?\s*(?:inf|infinity|∞)")
_ORDINAL = {
    "negative": "negative|neg|neg.|negativ|nég|négatif|not detected|none detected|not seen|"
    "non-reactive|nonreactive|non reactive|not reactive|absent|no growth|(-)|none seen|nil seen",
    "positive": "positive|pos|pos.|positiv|positif|detected|reactive|present|(+ve)|+ve",
    "trace": "trace|tr|traces|trace amounts|(+)|+/-|±|small trace",
    "borderline": "borderline|equivocal|indeterminate|weakly positive|weak positive|grey zone",
    "normal": "normal|wnl|within normal limits|unremarkable|nad",
    "abnormal": "abnormal",
    "few": "few|rare|occasional|scanty|scant",
    "moderate": "moderate|mod",
    "many": "many|numerous|large|tntc|too numerous to count",
    "small": "small",
}
_FINDINGS = {word: level for level, words in _ORDINAL.items() for word in words.split("|")}
_FINDINGS["-ve"] = _FINDINGS["(-ve)"] = "negative"
_LESS = (
    "less than or equal to|less than or equal|less or equal to|not more than|at most|no more than|"
    "maximum of|up to|< or =|<or=;less than|lower than|smaller than|fewer than|below|under|"
    "weniger als|kleiner als|kleiner|unter|moins de|inférieur à|inf. à|menos de|menor de|menor que|"
    "inferior a|meno di|minore di|inferiore a|minder dan|kleiner dan|lager dan|lt|&lt"
)
_MORE = (
    "greater than or equal to|greater than or equal|more than or equal to|at least|not less than|"
    "no less than|minimum of|> or =|>or=;greater than|more than|higher than|larger than|above|"
    "over|exceeds|mehr als|grösser als|größer als|größer|über|plus de|supérieur à|sup. à|más de|"
    "mayor de|mayor que|superior a|mais de|maior que|più di|maggiore di|superiore a|meer dan|"
    "groter dan|hoger dan|gt|&gt"
)
_OPERATORS = {
    word: operator
    for words, operators in ((_LESS, ("<=", "<")), (_MORE, (">=", ">")))
    for part, operator in zip(words.split(";"), operators, strict=True)
    for word in part.split("|")
}
_OPERATOR = re.compile(
    r"("
    + "|".join(map(re.escape, sorted(_OPERATORS, key=len, reverse=True)))
    + r")(?=[\s;\d.])\s*;?"
)
_OR_BEYOND = re.compile(
    r"(?<=\d)(?=\D*$)\s*(?:years )?(?:(?:or|and) (?:(less|lower|below|under|younger|fewer)|"
    r"more|higher|above|over|older|greater|up))$",
    re.I,
)
_BELOW = re.compile(
    r"(?:result )?(?:(?:below|under|less than|<|lower than) ?(?:the )?(?:lower )?"
    r"(?:limit of |level of )?(?:assay |analy\w+ |measur\w+ |report\w+ |lab\w* )?"
    r"(?:detection|detectable|quanti\w+|measur\w+|report\w+|assay|lod|loq|lloq|lod\.|mdl|range)"
    r"(?: limits?| range| threshold| level)?|bdl|blq|blod|bloq|blloq|undetectable|"
    r"not quantifiable|unquantifiable|too low(?: to \w+)?|off scale low|under range|underflow)"
)
_ABOVE = re.compile(
    r"(?:result )?(?:(?:above|over|greater than|>|higher than|exceeds) ?(?:the )?(?:upper )?"
    r"(?:limit of |level of )?(?:assay |analy\w+ |measur\w+ |report\w+ |lab\w* )?"
    r"(?:detection|quanti\w+|measur\w+|report\w+|assay|linearity|loq|uloq|range)"
    r"(?: limits?| range| threshold| level)?|aloq|auloq|too high(?: to \w+)?|off scale(?: high)?|"
    r"over range|overflow|out of range high)"
)
_UNITS = "zero one two three four five six seven eight nine ten eleven twelve"
_TEENS = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_SMALL = tuple(f"{_UNITS} {_TEENS}".split())
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# Number word -> number, with two common misspellings.
_VALUES = {
    **{word: i for i, word in enumerate(_SMALL)},
    **{word: 10 * (i + 2) for i, word in enumerate(_TENS)},
    "fourty": 40,
    "ninty": 90,
}


def missing_reason(key):
    """Return why there is no value ("pending", "haemolysed", "") or None when there may be one.

    The key is the cell, trimmed and in lower case.

    >>> [missing_reason(k) for k in ("pending", "-", "sample haemolysed", "5.6", "high")]
    ['pending', '', 'sample haemolysed', None, None]
    """
    if key in _NOTHING or not key:
        return ""
    if _INFINITE.fullmatch(key):
        return "infinite"
    if key in ("nil", "none", "undetermined"):
        return None if key == "undetermined" else key
    if key in text_codes():
        return key if text_codes()[key] == "answer" else ""
    return key if _REASONS.fullmatch(key) or _REASONS_ABROAD.fullmatch(key) else None


def finding(key):
    """Return the level of a finding: a word, or the number of plus signs; None when it is none.

    >>> [finding(k) for k in ("+++", "2+", "not detected", "trace", "high")]
    [3, 2, 'negative', 'trace', None]
    """
    if re.fullmatch(r"\+{1,4}", key):
        return len(key)
    graded = re.fullmatch(r"([1-4])\s*\+", key)
    return int(graded[1]) if graded else _FINDINGS.get(key)


def words_to_operator(key):
    """Return the text with words of comparison as signs: "less than 5" is "<5".

    >>> words_to_operator("less than 5"), words_to_operator("at least 3 mg/L")
    ('<5', '>=3 mg/L')
    """
    ending = _OR_BEYOND.search(key)
    if ending:
        return ("<=" if ending[1] else ">=") + key[: ending.start()]
    match = _OPERATOR.match(key.casefold())
    if not match:
        return key
    return _OPERATORS[match[1]] + key[match.end() :].lstrip()


def beyond_detection(key):
    """Return "<" or ">" for words such as "below detection limit", or None.

    >>> [beyond_detection(k) for k in ("below detection limit", "over range", "undetected")]
    ['<', '>', None]
    """
    if _BELOW.fullmatch(key):
        return "<"
    return ">" if _ABOVE.fullmatch(key) else None


def spelt_number(key):
    """Return the value of an English number in words and what stands after it, or None.

    >>> spelt_number("seventy-four"), spelt_number("one hundred and two years")
    ((74.0, ''), (102.0, 'years'))
    """
    words = key.replace("-", " ").split()
    total, part, used, last = 0, 0, 0, None
    for word in words:
        if word in _VALUES:
            value = _VALUES[word]
            if last is not None and not (last % 10 == 0 and last >= 20 and 0 < value < 10):
                break
            part, last = part + value, value
        elif word == "hundred" and 0 < part < 10:
            part, last = part * 100, None
        elif word == "thousand" and part:
            total, part, last = total + part * 1000, 0, None
        elif not (word == "and" and used and last is None):
            break
        used += 1
    if not used or words[used - 1] == "and":
        return None
    rest = words[used:]
    if rest[:1] == ["point"] and len(rest) > 1 and rest[1] in _SMALL[:10]:
        digits = [str(_VALUES[w]) for w in rest[1:] if w in _SMALL[:10]]
        return float(f"{total + part}.{''.join(digits)}"), " ".join(rest[1 + len(digits) :])
    return float(total + part), " ".join(rest)
